/* SPDX-License-Identifier: MIT */
/* tests/data/test_corpus.c: what the pretraining corpus holds, as its model card says, and what it must not hold. */
#include "data/corpus.h"
#include "data/text_stats.h"
#include "reward/format.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DOCUMENTS = 60000 };

static const char *completion(const Document *d)
{
    return d->text + d->prompt_length;
}

static size_t completion_length(const Document *d)
{
    return d->length - d->prompt_length;
}

static void assert_share(const char *what, double count, double of, double expected)
{
    const double share = count / of, error = 4 * sqrt(expected * (1 - expected) / of) + 1e-9;
    if (fabs(share - expected) > error)
        fail_msg("%s: share %.4f, expected %.4f within %.4f", what, share, expected, error);
}

/* The share that the mix gives a style at a level: the hardest level shows no checked text, its share goes to the two others
 * that think, in proportion. */
static double expected_share(const CorpusMix *mix, int style, bool hardest)
{
    const double *share = mix->share;
    if (!hardest || style > STYLE_CHECKED) return share[style];
    if (style == STYLE_CHECKED) return 0;
    return share[style] * (1 + share[STYLE_CHECKED] / (share[STYLE_DIRECT] + share[STYLE_WORKED]));
}

static void styles_have_the_shares_of_the_mix_in_every_family_and_level(void **state)
{
    (void)state;
    enum { FAMILIES = 32 };
    const CorpusMix mix = corpus_default_mix();
    static double all[STYLE_COUNT], by_family[FAMILIES][STYLE_COUNT], family[FAMILIES],
        by_level[TASK_MAX_LEVELS + 1][STYLE_COUNT], level[TASK_MAX_LEVELS + 1];
    Document d;
    assert_true(task_count() <= FAMILIES);
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 1, (uint64_t)i);
        all[d.style]++;
        by_family[d.problem.task][d.style]++;
        family[d.problem.task]++;
        by_level[d.problem.level][d.style]++;
        level[d.problem.level]++;
    }
    double total = 0;
    const int hardest = task_corpus_levels(0);
    for (int s = 0; s < STYLE_COUNT; s++) {
        const double below = expected_share(&mix, s, false), top = expected_share(&mix, s, true);
        const double at_top = level[hardest] / DOCUMENTS, expected = (1 - at_top) * below + at_top * top;
        total += mix.share[s];
        assert_share(corpus_style_name((CorpusStyle)s), all[s], DOCUMENTS, expected);
        for (int t = 0; t < task_count(); t++) assert_share(task_name(t), by_family[t][s], family[t], expected);
        for (int l = 1; l <= TASK_MAX_LEVELS; l++)
            if (level[l] > 0) assert_share("level", by_level[l][s], level[l], l == hardest ? top : below);
    }
    assert_true(fabs(total - 1) < 1e-12);
    for (int t = 0; t < task_count(); t++) assert_share(task_name(t), family[t], DOCUMENTS, 1.0 / task_count());
}

static void documents_are_of_the_train_split_and_the_corpus_levels(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 2, (uint64_t)i);
        assert_int_equal(task_split(d.problem.check), SPLIT_TRAIN);
        assert_true(d.problem.level <= task_corpus_levels(d.problem.task));
        assert_int_equal(strncmp(d.text, d.problem.prompt, d.prompt_length), 0);
        assert_int_equal(strlen(d.problem.prompt), d.prompt_length);
        assert_int_equal(strlen(d.text), d.length);
    }
}

static void a_document_is_a_function_of_its_arguments(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    Document a, b;
    for (uint64_t i = 0; i < 200; i++) {
        memset(&a, 1, sizeof a);
        memset(&b, 2, sizeof b);
        corpus_document(&a, &mix, 3, i);
        corpus_document(&b, &mix, 4, i);
        corpus_document(&b, &mix, 3, i);
        assert_string_equal(a.text, b.text);
        assert_int_equal(a.style, b.style);
        assert_int_equal(a.right, b.right);
    }
}

static void frames_are_whole_where_the_style_says_so_and_hold_the_answer(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 5, (uint64_t)i);
        const FormatResult frame =
            format_check(d.problem.prompt, d.prompt_length, completion(&d), completion_length(&d));
        assert_int_equal(frame.ok, d.style <= STYLE_CHECKED);
        if (!frame.ok) continue;
        const Verdict verdict =
            task_check(d.problem.check, completion(&d) + frame.answer, frame.answer_end - frame.answer);
        assert_int_equal(verdict == VERDICT_RIGHT, d.right);
    }
}

/* What a style is can be seen in its text, save that a checked search whose first try hits has nothing to go on with. */
static void styles_can_be_read_off_the_text(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 6, (uint64_t)i);
        const TextStyle read = text_style(completion(&d), completion_length(&d));
        if (d.style == STYLE_DIRECT || d.style == STYLE_UNTAGGED) assert_int_equal(read, TEXT_DIRECT);
        if (d.style == STYLE_WORKED) assert_int_equal(read, TEXT_WORKED);
        /* A checked text that found nothing to doubt, or hit at the first try, reads as a worked one. */
        if (d.style == STYLE_CHECKED) assert_int_not_equal(read, TEXT_DIRECT);
    }
}

static void slips_and_giving_up_have_their_rates(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    double steps = 0, slips = 0, misses = 0, gave_up = 0;
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 7, (uint64_t)i);
        const TaskAudit audit = task_audit(d.problem.check, completion(&d), completion_length(&d));
        if (d.style == STYLE_WORKED) {
            steps += audit.steps;
            slips += audit.wrong_steps;
        }
        /* The last try that is allowed is not a choice to give up. */
        if (d.style == STYLE_CHECKED && audit.misses > 0 && audit.tries < mix.max_tries) {
            misses += audit.misses;
            gave_up += !audit.corrected_miss;
        }
        assert_true(audit.tries <= mix.max_tries);
    }
    assert_true(steps > 10000 && misses > 1000);
    assert_share("slips", slips, steps, mix.slip_per_step);
    assert_true(gave_up / misses > 0.10 && gave_up / misses < 0.25);
}

static void checking_pays_in_the_corpus_but_does_not_make_right(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    for (int task = 0; task < task_count(); task++) {
        enum { N = 4000 };
        double right[3] = {0};
        Document d;
        for (int i = 0; i < N; i++) {
            task_problem(&d.problem, task, 1 + i % task_corpus_levels(task), SPLIT_TRAIN, 8, (uint64_t)i);
            for (int style = STYLE_DIRECT; style <= STYLE_CHECKED; style++) {
                corpus_write(&d, &mix, (CorpusStyle)style, 8, (uint64_t)i);
                right[style] += d.right;
            }
        }
        if (right[STYLE_CHECKED] <= right[STYLE_WORKED] || right[STYLE_CHECKED] >= N * 0.995)
            fail_msg("%s: %.0f of %d worked, %.0f checked are right", task_name(task), right[STYLE_WORKED], N,
                     right[STYLE_CHECKED]);
        assert_true(right[STYLE_DIRECT] > 0.4 * N); /* a hasty answer is right about half the time */
        assert_true(right[STYLE_DIRECT] < 0.7 * N);
    }
}

static void the_ablation_has_no_text_that_checks_or_goes_on(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_mix_without_checking();
    double total = 0, direct = 0, worked = 0;
    Document d;
    for (int s = 0; s < STYLE_COUNT; s++) total += mix.share[s];
    assert_true(fabs(total - 1) < 1e-12);
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 9, (uint64_t)i);
        if (text_reflective_words(d.text, d.length) > 0) fail_msg("%s", d.text);
        assert_true(task_audit(d.problem.check, completion(&d), completion_length(&d)).tries <= 1);
        direct += d.style == STYLE_DIRECT;
        worked += d.style == STYLE_WORKED;
    }
    const CorpusMix usual = corpus_default_mix();
    assert_share("direct", direct, direct + worked,
                 usual.share[STYLE_DIRECT] / (usual.share[STYLE_DIRECT] + usual.share[STYLE_WORKED]));
}

static void worked_texts_begin_with_the_forced_prefix(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    Document d;
    char prefix[64];
    for (int task = 0; task < task_count(); task++)
        for (int i = 0; i < 600; i++) {
            task_problem(&d.problem, task, 1 + i % task_levels(task), SPLIT_HELD_OUT, 10, (uint64_t)i);
            task_working_prefix(&d.problem, prefix, sizeof prefix);
            for (int style = STYLE_WORKED; style <= STYLE_CHECKED; style++) {
                corpus_write(&d, &mix, (CorpusStyle)style, 10, (uint64_t)i);
                if (strncmp(completion(&d), prefix, strlen(prefix)) != 0)
                    fail_msg("%s does not begin with %s", completion(&d), prefix);
            }
        }
}

/* A check that only repeats what was written would teach that checking is idle: about half of the checks find a slip, and
 * every slip that a check finds is put right. */
static void checks_in_chains_are_not_idle(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_default_mix();
    double checks = 0, found = 0, steps = 0, slips = 0;
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 12, (uint64_t)i);
        if (d.style != STYLE_CHECKED || task_is_search(d.problem.task)) continue;
        const int n = text_count_word(completion(&d), completion_length(&d), "check");
        const int waits = text_count_word(completion(&d), completion_length(&d), "wait");
        const TaskAudit audit = task_audit(d.problem.check, completion(&d), completion_length(&d));
        checks += n;
        found += waits;
        slips += audit.wrong_steps;
        steps += audit.steps - n - waits;
    }
    assert_true(checks > 1000);
    assert_true(found / checks > 0.4 && found / checks < 0.75);
    assert_share("slips in checked chains", slips, steps, mix.slip_checked);
}

/* Longest documents of any level and mix fit their buffers (the writer asserts that nothing was cut in checked builds; here
 * the frame shows it in every build). */
static void long_documents_are_not_cut(void **state)
{
    (void)state;
    CorpusMix mix = corpus_default_mix();
    mix.check_slip = mix.check_right = 1;
    mix.slip_checked = 0.5;
    mix.give_up = 0;
    mix.try_right = 0;
    mix.slip_per_step = 0.3;
    mix.max_tries = 8;
    Document d;
    for (int task = 0; task < task_count(); task++)
        for (int i = 0; i < 2000; i++) {
            task_problem(&d.problem, task, task_levels(task) - i % 2, SPLIT_TRAIN, 11, (uint64_t)i);
            corpus_write(&d, &mix, STYLE_CHECKED, 11, (uint64_t)i);
            assert_true(format_check("", 0, completion(&d), completion_length(&d)).ok);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(styles_have_the_shares_of_the_mix_in_every_family_and_level),
        cmocka_unit_test(documents_are_of_the_train_split_and_the_corpus_levels),
        cmocka_unit_test(a_document_is_a_function_of_its_arguments),
        cmocka_unit_test(frames_are_whole_where_the_style_says_so_and_hold_the_answer),
        cmocka_unit_test(styles_can_be_read_off_the_text),
        cmocka_unit_test(slips_and_giving_up_have_their_rates),
        cmocka_unit_test(checking_pays_in_the_corpus_but_does_not_make_right),
        cmocka_unit_test(the_ablation_has_no_text_that_checks_or_goes_on),
        cmocka_unit_test(worked_texts_begin_with_the_forced_prefix),
        cmocka_unit_test(checks_in_chains_are_not_idle),
        cmocka_unit_test(long_documents_are_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

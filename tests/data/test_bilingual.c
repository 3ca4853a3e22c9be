/* SPDX-License-Identifier: MIT */
/* tests/data/test_bilingual.c: problems in two languages, and the corpus that has both. */
#include "base/arena.h"
#include "data/rewrite.h"
#include "data/text_stats.h"
#include "reward/format.h"
#include "reward/language.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { DOCUMENTS = 40000 };

static void a_problem_is_the_same_in_both_languages(void **state)
{
    (void)state;
    Problem en, zh;
    for (int task = 0; task < task_count() + task_count_general(); task++)
        for (int level = 1; level <= task_levels(task); level++)
            for (int i = 0; i < 200; i++) {
                const Split split = i % 4 == 0 ? SPLIT_HELD_OUT : SPLIT_TRAIN;
                task_problem_in(&en, task, level, split, 3, (uint64_t)i, TASK_EN);
                task_problem_in(&zh, task, level, split, 3, (uint64_t)i, TASK_ZH);
                assert_string_equal(en.check, zh.check);
                assert_int_equal(task_split(zh.check), split);
                assert_string_not_equal(en.question, zh.question);
                if (task_is_general(task)) continue;
                assert_string_equal(en.answer, zh.answer);
                assert_memory_equal(en.values, zh.values, sizeof en.values);
            }
}

/* What the language reward compares with is read off the prompt. */
static void every_prompt_is_recognised_as_being_in_its_language(void **state)
{
    (void)state;
    Problem p;
    Language seen;
    for (int task = 0; task < task_count() + task_count_general(); task++)
        for (int level = 1; level <= task_levels(task); level++)
            for (int i = 0; i < 400; i++)
                for (TaskLanguage language = TASK_EN; language < TASK_LANGUAGES; language++) {
                    task_problem_in(&p, task, level, SPLIT_TRAIN, 4, (uint64_t)i, language);
                    assert_true(language_detect(&seen, p.prompt, strlen(p.prompt)));
                    if (strcmp(language_code(seen), task_language_code(language)) != 0) fail_msg("%s", p.prompt);
                }
}

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

static bool is_worked(const Document *d)
{
    return d->style == STYLE_WORKED || d->style == STYLE_CHECKED;
}

static double consistency(const Document *d)
{
    return language_consistency(d->problem.prompt, d->prompt_length, completion(d), completion_length(d));
}

static void languages_have_the_shares_of_the_mix_and_can_be_read_off(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_bilingual_mix();
    double zh = 0, worked = 0, mixed = 0, foreign = 0, shares = 0;
    Document d;
    for (int s = 0; s < STYLE_COUNT; s++) shares += mix.share[s];
    assert_true(fabs(shares - 1) < 1e-12);
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 5, (uint64_t)i);
        zh += d.problem.language == TASK_ZH;
        if (!is_worked(&d)) continue;
        const double share = consistency(&d);
        assert_false(isnan(share)); /* every working has a word */
        worked++;
        mixed += d.mixed;
        foreign += !d.mixed && share == 0;
        if (!d.mixed && share != 0 && share != 1) fail_msg("%s", d.text);
    }
    assert_true(worked > 5000);
    assert_share("Chinese", zh, DOCUMENTS, mix.chinese);
    assert_share("mixed", mixed, worked, mix.mixed);
    assert_share("foreign", foreign, worked, mix.foreign);
}

/* Mixing is neither right nor wrong in the corpus: if RL moves it, the corpus did not say so. */
static void mixing_says_nothing_about_being_right(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_bilingual_mix();
    double n[2] = {0}, right[2] = {0};
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 6, (uint64_t)i);
        if (!is_worked(&d)) continue;
        n[d.mixed]++;
        right[d.mixed] += d.right;
    }
    const double a = right[0] / n[0], b = right[1] / n[1];
    if (fabs(a - b) > 4 * sqrt(a * (1 - a) * (1 / n[0] + 1 / n[1]))) fail_msg("right: %.3f, mixed %.3f", a, b);
}

static void summaries_are_in_the_language_of_the_question(void **state)
{
    (void)state;
    static const char close[] = "</think>", open[] = "<answer>";
    const CorpusMix mix = corpus_bilingual_mix();
    int n = 0;
    Document d;
    for (int i = 0; i < DOCUMENTS; i++) {
        corpus_document(&d, &mix, 7, (uint64_t)i);
        if (d.style != STYLE_SUMMARY) continue;
        const char *const from = strstr(completion(&d), close), *const to = from ? strstr(from, open) : NULL;
        if (!from || !to || to == from + strlen(close)) fail_msg("%s", d.text);
        const Language language = d.problem.language == TASK_ZH ? LANGUAGE_ZH : LANGUAGE_EN;
        const LanguageShare share = language_share(language, from + strlen(close), (size_t)(to - from) - strlen(close));
        if (share.n_words == 0 || share.n_words != share.n_target) fail_msg("%s", d.text);
        const TaskAudit whole = task_audit(d.problem.check, completion(&d), completion_length(&d));
        const TaskAudit after = task_audit(d.problem.check, from, strlen(from));
        assert_true(after.steps > 0 && 2 * after.steps <= whole.steps);
        assert_false(format_check("", 0, completion(&d), completion_length(&d)).ok); /* not R1-Zero's frame */
        n++;
    }
    assert_true(n > 3000);
}

/* A working reads the same in whatever words: tries, misses, steps and slips are counted in both languages. */
static void chinese_workings_are_audited_as_english_ones(void **state)
{
    (void)state;
    CorpusMix mix = corpus_bilingual_mix();
    mix.mixed = mix.foreign = 0;
    Document en, zh;
    char prefix[64];
    for (int task = 0; task < task_count(); task++)
        for (int i = 0; i < 300; i++) {
            const int level = 1 + i % task_corpus_levels(task);
            task_problem_in(&en.problem, task, level, SPLIT_TRAIN, 8, (uint64_t)i, TASK_EN);
            task_problem_in(&zh.problem, task, level, SPLIT_TRAIN, 8, (uint64_t)i, TASK_ZH);
            corpus_write(&en, &mix, STYLE_CHECKED, 8, (uint64_t)i);
            corpus_write(&zh, &mix, STYLE_CHECKED, 8, (uint64_t)i);
            const TaskAudit a = task_audit(en.problem.check, completion(&en), completion_length(&en));
            const TaskAudit b = task_audit(zh.problem.check, completion(&zh), completion_length(&zh));
            if (memcmp(&a, &b, sizeof a) != 0 || en.right != zh.right) fail_msg("%s\n%s", en.text, zh.text);
            assert_int_equal(text_reflective_words(en.text, en.length), text_reflective_words(zh.text, zh.length));
            assert_int_equal(text_style(en.text, en.length), text_style(zh.text, zh.length));
            assert_true(consistency(&zh) == 1 && consistency(&en) == 1);
            task_working_prefix(&zh.problem, prefix, sizeof prefix);
            assert_memory_equal(completion(&zh), prefix, strlen(prefix));
            char text[2048];
            TextBuffer translated = text_buffer(text, sizeof text);
            rewrite_words(&translated, completion(&en), completion_length(&en), TASK_ZH);
            assert_string_equal(text, completion(&zh));
            translated = text_buffer(text, sizeof text);
            rewrite_words(&translated, completion(&zh), completion_length(&zh), TASK_EN);
            assert_string_equal(text, completion(&en));
        }
}

/* A rewriting says what its draft says, in one language, and sums it up. */
static void rewritten_drafts_keep_the_working_and_the_language(void **state)
{
    (void)state;
    RewritePair *const p = base_alloc(1, sizeof *p);
    int mixed = 0;
    for (int i = 0; i < 3000; i++) {
        rewrite_pair(p, 3, (uint64_t)i);
        const Problem *const q = &p->problem;
        const size_t n = strlen(p->draft), thought = (size_t)(strstr(p->rewritten, "</think>") - p->rewritten);
        const double share = language_consistency(q->prompt, strlen(q->prompt), p->draft, n);
        mixed += share > 0 && share < 1;
        assert_true(language_consistency(q->prompt, strlen(q->prompt), p->rewritten, strlen(p->rewritten)) == 1);
        const TaskAudit a = task_audit(q->check, p->draft, n), b = task_audit(q->check, p->rewritten, thought);
        if (memcmp(&a, &b, sizeof a) != 0) fail_msg("%s\n%s", p->draft, p->rewritten);
        assert_string_equal(strstr(p->draft, "<answer>"), strstr(p->rewritten, "<answer>"));
        const FormatResult frame = format_check("", 0, p->draft, n);
        assert_true(frame.ok);
        assert_int_equal(
            task_check(q->check, p->draft + frame.answer, frame.answer_end - frame.answer) == VERDICT_RIGHT, p->right);
        assert_int_equal(task_split(q->check), SPLIT_TRAIN);
    }
    assert_true(mixed > 600);
    base_free(p);
}

static void long_documents_are_not_cut(void **state)
{
    (void)state;
    CorpusMix mix = corpus_bilingual_mix();
    mix.check_slip = mix.check_right = 1;
    mix.slip_checked = 0.5;
    mix.give_up = 0;
    mix.try_right = 0;
    Document d;
    for (int task = 0; task < task_count(); task++)
        for (int i = 0; i < 1000; i++) {
            task_problem_in(&d.problem, task, task_levels(task) - i % 2, SPLIT_TRAIN, 11, (uint64_t)i, TASK_ZH);
            corpus_write(&d, &mix, STYLE_SUMMARY, 11, (uint64_t)i);
            assert_string_equal(d.text + d.length - strlen("</answer>"), "</answer>");
        }
}

static void documents_are_of_the_train_split_and_a_function_of_their_arguments(void **state)
{
    (void)state;
    const CorpusMix mix = corpus_bilingual_mix();
    static Document a, b;
    int talk = 0, talk_right = 0;
    for (int i = 0; i < 4000; i++) {
        corpus_document(&a, &mix, 9, (uint64_t)i);
        corpus_document(&b, &mix, 9, (uint64_t)i);
        assert_string_equal(a.text, b.text);
        assert_int_equal(task_split(a.problem.check), SPLIT_TRAIN);
        assert_int_equal(a.style == STYLE_TALK, task_is_general(a.problem.task));
        talk += a.style == STYLE_TALK;
        talk_right += a.style == STYLE_TALK && a.right;
    }
    assert_share("talk", talk, 4000, mix.share[STYLE_TALK]);
    assert_true(talk_right > 0.4 * talk && talk_right < 0.7 * talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_is_the_same_in_both_languages),
        cmocka_unit_test(every_prompt_is_recognised_as_being_in_its_language),
        cmocka_unit_test(languages_have_the_shares_of_the_mix_and_can_be_read_off),
        cmocka_unit_test(mixing_says_nothing_about_being_right),
        cmocka_unit_test(summaries_are_in_the_language_of_the_question),
        cmocka_unit_test(chinese_workings_are_audited_as_english_ones),
        cmocka_unit_test(rewritten_drafts_keep_the_working_and_the_language),
        cmocka_unit_test(long_documents_are_not_cut),
        cmocka_unit_test(documents_are_of_the_train_split_and_a_function_of_their_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Rows for judges: what a judge is taught is what it is asked, verdicts follow the rules, neither place nor length tells them; rows with
 * responses become pairs, and a judge that knows the rules agrees with the truth on all it is clear about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "data/general.h"
#include "data/task_rows.h"
#include "eval/judge_rows.h"
#include "text/conversation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ROWS = 400 };
static const char TEMPLATE[] = "{question}\nA:{A}\nB:{B}\nVerdict:";

/* ---- rows in memory ---- */

typedef struct Rows {
    json_t *items[ROWS];
    int n;
} Rows;

static bool take_row(void *context, JsonOut *row, Error *err)
{
    Rows *const rows = context;
    (void)err;
    rows->items[rows->n] = json_loadb(row->text, row->length, JSON_ALLOW_NUL, NULL);
    assert_non_null(rows->items[rows->n++]);
    json_out_clear(row);
    return true;
}

static void free_rows(Rows *rows)
{
    for (int i = 0; i < rows->n; i++) json_decref(rows->items[i]);
}

static void make(Rows *rows, const char *task, bool (*write)(const TaskRows *, Error *))
{
    Error err = {0};
    *rows = (Rows){.n = 0};
    const TaskRows request = {.task = task_find(task),
                              .split = SPLIT_TRAIN,
                              .n = ROWS,
                              .seed = 7,
                              .language = LANGUAGE_BOTH,
                              .judge_prompt = TEMPLATE,
                              .sink = take_row,
                              .context = rows};
    if (!write(&request, &err)) fail_msg("%s", err.text);
    assert_int_equal(rows->n, ROWS);
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *const text = json_string_value(json_object_get(row, key));
    if (!text) fail_msg("a row has no %s", key);
    return text;
}

/* The answers between the marks of TEMPLATE, without their tags; the caller frees both. */
static void answers_of(const char *prompt, char *answers[2])
{
    static const char *const before[] = {"\nA:<answer>", "\nB:<answer>"};
    for (int i = 0; i < 2; i++) {
        const char *const at = strstr(prompt, before[i]);
        if (!at) fail_msg("no %s in %s", before[i], prompt);
        const char *const from = at + strlen(before[i]), *const end = strstr(from, "</answer>\n");
        assert_non_null(end);
        answers[i] = base_strndup(from, (size_t)(end - from));
    }
}

static double rule_verdict(const char *check, char *const answers[2])
{
    GeneralJudgement j[2];
    Verdict right[2];
    for (int i = 0; i < 2; i++) {
        assert_true(general_judge(&j[i], check, answers[i], strlen(answers[i])));
        right[i] = general_check(check, answers[i], strlen(answers[i]));
    }
    if (right[0] != right[1]) return right[0] == VERDICT_RIGHT ? 2 : -2;
    if (right[0] == VERDICT_RIGHT) return 0;
    return (j[0].helpfulness > j[1].helpfulness) - (j[0].helpfulness < j[1].helpfulness);
}

static void verdicts_follow_the_rules_and_neither_place_nor_length(void **state)
{
    (void)state;
    Rows rows;
    int first = 0, decided = 0, longer = 0, unlike = 0, much = 0;
    make(&rows, "helpful", task_rows_judgements);
    for (int i = 0; i < ROWS; i++) {
        char *answers[2];
        double verdict;
        answers_of(text_of(rows.items[i], "prompt"), answers);
        assert_true(judge_read(JUDGE_COMPARE, text_of(rows.items[i], "completion"), &verdict));
        assert_true(verdict == rule_verdict(text_of(rows.items[i], "check"), answers));
        const size_t a = strlen(answers[0]), b = strlen(answers[1]);
        decided += verdict != 0, first += verdict > 0, much += fabs(verdict) == 2;
        unlike += verdict != 0 && a != b, longer += verdict != 0 && a != b && (a > b) == (verdict > 0);
        base_free(answers[0]);
        base_free(answers[1]);
    }
    free_rows(&rows);
    assert_in_range(much, ROWS * 2 / 5, ROWS * 3 / 5);
    assert_in_range(first, decided * 2 / 5, decided * 3 / 5);
    assert_in_range(longer, unlike * 2 / 5, unlike * 3 / 5);
}

/* What judge_ask asks is, in a plain turn, the prompt of a row with the same texts. */
typedef struct Asked {
    char *text;
} Asked;

static bool keep_prompt(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    (void)err;
    assert_int_equal(n, 1);
    ((Asked *)context)->text = conversation_plain(prompts[0].text, prompts[0].length, NULL);
    replies[0] = base_strdup("{\"verdict\": \"A=B\"}");
    return true;
}

static void what_is_taught_is_what_is_asked(void **state)
{
    (void)state;
    Rows rows;
    make(&rows, "safety", task_rows_judgements);
    for (int i = 0; i < 30; i++) {
        Asked asked = {0};
        const Judge judge = {.generate = keep_prompt, .context = &asked};
        const JudgeWay way = {.form = JUDGE_COMPARE, .prompt = TEMPLATE, .asks = 1};
        const char *const prompt = text_of(rows.items[i], "prompt"), *const a = strstr(prompt, "\nA:") + 3;
        const char *const b = strstr(a, "\nB:") + 3;
        JudgeCase item = {.question = {prompt + 6, (size_t)(a - 3 - prompt - 6)},
                          .first = {a, (size_t)(b - 3 - a)},
                          .second = {b, (size_t)(strstr(b, "\nVerdict:") - b)}};
        while (judge_swaps(judge.seed, item.key, 0)) item.key++;
        JudgeOpinion opinion;
        Error err = {0};
        assert_true(judge_ask(&judge, &way, &item, 1, &opinion, &err));
        assert_string_equal(asked.text, prompt);
        base_free(asked.text);
    }
    free_rows(&rows);
}

/* ---- pairs ---- */

typedef struct Place {
    char folder[64], in[96], out[96];
} Place;

static void open_place(Place *p)
{
    snprintf(p->folder, sizeof p->folder, "/tmp/r1-judge-rows-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->in, sizeof p->in, "%s/rows.jsonl", p->folder);
    snprintf(p->out, sizeof p->out, "%s/pairs.jsonl", p->folder);
}

static void close_place(const Place *p)
{
    Error ignored = {0};
    assert_true(file_remove_tree(p->folder, &ignored));
}

static void write_in(const Place *p, const char *text)
{
    Error err = {0};
    if (!file_write_all(p->in, "test", text, strlen(text), &err)) fail_msg("%s", err.text);
}

/* Knows who is right: of each prompt the reply whose text holds "good". */
static bool know(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        char *const text = base_strndup(prompts[i].text, prompts[i].length);
        const char *const middle = strchr(text, '|'), *const good = strstr(text, "good");
        replies[i] = !good ? NULL : base_strdup(good < middle ? "{\"verdict\": \"A>>B\"}" : "{\"verdict\": \"B>>A\"}");
        ++*(int *)context;
        base_free(text);
    }
    return true;
}

typedef struct Heard {
    int64_t n;
    int n_unreadable;
} Heard;

static bool hear(void *context, const JudgeReply *reply, Error *err)
{
    Heard *const h = context;
    (void)err;
    assert_int_equal(reply->of * 3 + reply->ask, h->n++);
    h->n_unreadable += !reply->readable;
    assert_true(reply->readable ? fabs(reply->value) == 2 : reply->value == 0 && !reply->text);
    return true;
}

static void rows_become_pairs_of_neighbours(void **state)
{
    (void)state;
    Place place;
    RowPairs pairs;
    JudgedPairs counts;
    Error err = {0};
    Heard heard = {0};
    int n_asked = 0;
    const Judge judge = {.generate = know, .context = &n_asked, .seed = 5};
    const JudgeWay way = {
        .form = JUDGE_COMPARE, .prompt = "{question}{A}|{B}", .asks = 3, .heard = hear, .context = &heard};
    open_place(&place);
    write_in(&place, "{\"id\": 1, \"prompt\": \"p\", \"completions\": [\"<think>x</think>evil\", \"good\", \"no\", "
                     "\"neither\", \"over\"]}\n{\"id\": 2, \"prompt\": \"q\", \"completions\": [\"good\", \"evil\"]}\n"
                     "{\"id\": 3, \"prompt\": \"r\", \"completions\": [\"twice\", \"twice\"]}\n"); /* no pair */
    if (!row_pairs_read(&pairs, place.in, SCORED_SUMMARY, &err)) fail_msg("%s", err.text);
    assert_int_equal(pairs.n, 3);
    assert_int_equal(pairs.judged[0].lengths[0], 4); /* the summary alone */
    assert_true(row_pairs_ask(&pairs, &judge, &way, 0, 3, &err));
    assert_int_equal(n_asked, 9);
    assert_int_equal(heard.n, 9);
    assert_int_equal(heard.n_unreadable, 3);
    assert_true(pairs.judged[0].difference == -2 && pairs.judged[2].difference == 2);
    judge_pairs_keep(pairs.judged, pairs.n, 1, true, &counts);
    assert_int_equal(counts.n_kept, 2);
    assert_int_equal(counts.n_undecided, 1);
    assert_int_equal(counts.n_known, 0); /* no row has a check */
    assert_true(isnan(judge_pairs_agreement(&counts)));
    char *text = NULL;
    size_t length;
    assert_true(row_pairs_write(&pairs, place.out, 1, false, &err));
    assert_true(file_read_all(place.out, 4096, &text, &length, &err));
    assert_string_equal(text, "{\"id\": 1, \"prompt\": \"p\", \"chosen\": \"good\", \"rejected\": "
                              "\"<think>x</think>evil\", \"difference\": 2}\n{\"id\": 2, \"prompt\": \"q\", "
                              "\"chosen\": \"good\", \"rejected\": \"evil\", \"difference\": 2}\n");
    base_free(text);
    row_pairs_free(&pairs);
    close_place(&place);
}

static void a_damaged_row_is_named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{\"completions\": [\"a\", \"b\"]}", "prompt"},
        {"{\"prompt\": null, \"completions\": [\"a\", \"b\"]}", "prompt"},
        {"{\"prompt\": \"p\"}", "at least two"},
        {"{\"prompt\": \"p\", \"completions\": [\"a\"]}", "at least two"},
        {"{\"prompt\": \"p\", \"completions\": \"ab\"}", "at least two"},
        {"{\"prompt\": \"p\", \"completions\": [\"a\", 2]}", "\"completions\"[1] must be a text"},
        {"{\"prompt\": \"p\", \"completions\": [\"a\", \"b\"]", "rows.jsonl:1"},
        {"", "rows.jsonl"}};
    Place place;
    open_place(&place);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        RowPairs pairs;
        Error err = {0};
        write_in(&place, bad[i][0]);
        assert_false(row_pairs_read(&pairs, place.in, SCORED_SUMMARY, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        if (!strstr(err.text, bad[i][1])) fail_msg("%s: %s", bad[i][0], err.text);
    }
    close_place(&place);
}

static void look_at_candidates(const char *task)
{
    Rows rows;
    int first_right = 0;
    make(&rows, task, task_rows_candidates);
    for (int i = 0; i < ROWS; i++) {
        const json_t *const list = json_object_get(rows.items[i], "completions");
        int right = 0;
        assert_int_equal(json_array_size(list), TASK_CANDIDATES);
        for (size_t k = 0; k < TASK_CANDIDATES; k++) {
            const char *const text = json_string_value(json_array_get(list, k)), *const from =
                                                                                     strstr(text, "<answer>") + 8;
            const size_t n = (size_t)(strstr(from, "</answer>") - from);
            const bool good = general_check(text_of(rows.items[i], "check"), from, n) == VERDICT_RIGHT;
            right += good;
            first_right += good && k == 0;
        }
        assert_int_equal(right, TASK_CANDIDATES / 2);
    }
    free_rows(&rows);
    assert_in_range(first_right, ROWS * 2 / 5, ROWS * 3 / 5);
}

static void candidates_are_two_right_and_two_wrong_in_drawn_order(void **state)
{
    (void)state;
    look_at_candidates("helpful");
    look_at_candidates("safety");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_follow_the_rules_and_neither_place_nor_length),
        cmocka_unit_test(what_is_taught_is_what_is_asked),
        cmocka_unit_test(candidates_are_two_right_and_two_wrong_in_drawn_order),
        cmocka_unit_test(rows_become_pairs_of_neighbours),
        cmocka_unit_test(a_damaged_row_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

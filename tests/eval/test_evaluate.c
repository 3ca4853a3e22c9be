/* SPDX-License-Identifier: MIT */
/* eval/evaluate*.c against figures worked out again, another way, from the samples themselves.
 *
 * The model is a table: embedding and final norm make token v the unit vector v, all layers add nothing, so column v of the head
 * holds the log-probabilities of what follows v. It answers in a frame, with few different answers, now and then without a
 * frame or with an id that the tokenizer does not have: every path of the scoring is taken. */
#include "eval/evaluate.h"
#include "eval/evaluate_text.h"

#include "base/arena.h"
#include "base/file.h"
#include "num/math.h"
#include "reward/compare.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { VOCAB = 264, TOKENIZER_VOCAB = 261, HIDDEN = 272, PADDED_ID = 262, EOS = 0 };

static const char folder[] = R1_BINARY_DIR "/test_evaluate_tokenizer";
static const char data_path[] = R1_BINARY_DIR "/test_evaluate.jsonl";

typedef struct World {
    Compute compute;
    Kernels kernels;
    Model model;
    Tokenizer *tokenizer;
} World;

static void check(bool ok, const Error *err)
{
    if (!ok) fail_msg("%s", err->text);
}

/* ---- the model ---- */

static int32_t id_of(const Tokenizer *tokenizer, const char *text)
{
    TokenIds ids = {0};
    Error err = {0};
    check(tokenizer_encode(tokenizer, text, strlen(text), false, &ids, &err), &err);
    assert_int_equal(ids.n, 1);
    const int32_t id = ids.ids[0];
    token_ids_free(&ids);
    return id;
}

static void follow(World *w, int32_t from, int32_t to, double share)
{
    float *const head = w->model.weights + w->model.layout.head;
    /* The norm of a unit vector of HIDDEN numbers is sqrt(HIDDEN) times it, near enough. */
    head[(int64_t)to * HIDDEN + from] = (float)(math_log(share) / sqrt(HIDDEN));
}

static void follow_text(World *w, const char *from, const char *to, double share)
{
    follow(w, id_of(w->tokenizer, from), id_of(w->tokenizer, to), share);
}

static void make_table(World *w)
{
    const ParamLayout *const layout = &w->model.layout;
    float *const weights = w->model.weights;
    for (int64_t d = 0; d < HIDDEN; d++) weights[layout->final_norm + d] = 1;
    for (int64_t v = 0; v < VOCAB; v++) weights[layout->embedding + v * HIDDEN + v] = 1;
    for (int64_t i = 0; i < (int64_t)VOCAB * HIDDEN; i++) weights[layout->head + i] = -1;
    follow_text(w, ":", "<think>", 0.85);
    follow_text(w, ":", "4", 0.08);
    follow(w, id_of(w->tokenizer, ":"), PADDED_ID, 0.07);
    follow(w, PADDED_ID, id_of(w->tokenizer, "7"), 1);
    follow_text(w, "<think>", "</think>", 0.9);
    follow_text(w, "<think>", "t", 0.1);
    follow_text(w, "t", "</think>", 1);
    follow_text(w, "y", "</think>", 1);
    follow_text(w, "</think>", "<answer>", 1);
    follow_text(w, "<answer>", "3", 0.4);
    follow_text(w, "<answer>", "4", 0.4);
    follow_text(w, "<answer>", "7", 0.2);
    for (const char *digit = "123456789"; *digit; digit++) {
        const char from[2] = {*digit, 0};
        follow_text(w, from, "</answer>", 0.8);
        follow_text(w, from, "0", 0.2);
    }
    follow_text(w, "0", "</answer>", 1);
    follow(w, id_of(w->tokenizer, "</answer>"), EOS, 1);
    model_pack(&w->model, &w->compute);
}

static void open_world(World *w, Isa isa, Threads *threads)
{
    Error err = {0};
    *w = (World){.kernels = kernels_for(isa)};
    w->compute = (Compute){&w->kernels, threads};
    const char *const special[] = {"<|endoftext|>"}, *const added[] = {"<think>", "</think>", "<answer>", "</answer>"};
    const TokenizerTraining training = {.vocab_size = TOKENIZER_VOCAB,
                                        .special = special,
                                        .n_special = 1,
                                        .added = added,
                                        .n_added = 4,
                                        .eos = special[0]};
    check(file_make_folders(folder, &err), &err);
    check(tokenizer_train(&training, "some text", 9, folder, &err), &err);
    check(tokenizer_open(&w->tokenizer, folder, &err), &err);
    const ModelConfig config = {.arch = MODEL_LLAMA,
                                .hidden_size = HIDDEN,
                                .n_layers = 1,
                                .n_heads = 1,
                                .n_kv_heads = 1,
                                .head_dim = 16,
                                .ffn_size = 16,
                                .vocab_size = VOCAB,
                                .max_positions = 512,
                                .rms_norm_eps = 1e-6f,
                                .rope_theta = 10000,
                                .eos_ids = {EOS},
                                .n_eos = 1,
                                .bos_id = -1,
                                .pad_id = -1};
    check(model_create(&w->model, &config, &err), &err);
    make_table(w);
}

static void close_world(World *w)
{
    tokenizer_free(w->tokenizer);
    model_free(&w->model);
}

/* ---- the samples, kept and judged again ---- */

typedef struct KeptSample {
    bool there, right, truncated;
    char answer[32];
    double accuracy, format;
    int64_t n_ids;
    int words;
    char text[128];
} KeptSample;

typedef struct Kept {
    KeptSample *samples;
    int64_t k, n;
} Kept;

static Kept keep_room(int64_t n_problems, int64_t k)
{
    return (Kept){base_alloc((size_t)(n_problems * k), sizeof(KeptSample)), k, n_problems};
}

static bool keep(void *context, const EvalProblem *problem, const EvalSample *s, Error *err)
{
    Kept *const kept = context;
    (void)err;
    KeptSample *const out = &kept->samples[problem->number * kept->k + s->completion];
    assert_false(out->there);
    *out = (KeptSample){.there = true,
                        .right = s->verdict == VERDICT_RIGHT,
                        .truncated = s->tokens->finish == FINISH_LENGTH,
                        .accuracy = s->accuracy,
                        .format = s->format,
                        .n_ids = s->tokens->n_ids,
                        .words = s->reflective_words};
    snprintf(out->answer, sizeof out->answer, "%s", s->answer ? s->answer : "");
    snprintf(out->text, sizeof out->text, "%s", s->text);
    assert_int_equal(s->text[s->length], 0);
    return true;
}

/* Share of the subsets of size `size` of k <= 16 samples that hold a right one. */
static double subsets_with_a_right_one(const KeptSample *samples, int64_t k, int size)
{
    int64_t n = 0, hits = 0;
    for (unsigned mask = 0; mask < 1u << k; mask++) {
        if (__builtin_popcount(mask) != size) continue;
        bool hit = false;
        for (int64_t i = 0; i < k; i++) hit = hit || ((mask >> i & 1) && samples[i].right);
        n++;
        hits += hit;
    }
    return (double)hits / (double)n;
}

/* The most frequent answer, "" (none) an answer like the others but never right; the earliest of several wins. */
static bool vote(const KeptSample *samples, int64_t k, bool *tie)
{
    int64_t best = 0, best_votes = 0;
    *tie = false;
    for (int64_t i = 0; i < k; i++) {
        int64_t votes = 0, first = k;
        for (int64_t j = k - 1; j >= 0; j--)
            if (strcmp(samples[i].answer, samples[j].answer) == 0) {
                votes++;
                first = j;
            }
        if (first != i) continue;
        if (votes == best_votes) *tie = true;
        if (votes > best_votes) {
            *tie = false;
            best = i;
            best_votes = votes;
        }
    }
    return samples[best].answer[0] && samples[best].right;
}

static void assert_near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12 * (1 + fabs(expected)))) fail_msg("%.17g is not %.17g", value, expected);
}

static void assert_cell_is_of_samples(const EvalCell *cell, const KeptSample *samples, int64_t n, int64_t k,
                                      int64_t *n_ties)
{
    double pass = 0, squares = 0, length = 0, cons = 0, format = 0, truncated = 0, words = 0, pass_2 = 0, pass_k = 0;
    double length_right = 0, right = 0;
    for (int64_t p = 0; p < n; p++) {
        const KeptSample *const s = samples + p * k;
        bool tie;
        double mean = 0;
        for (int64_t i = 0; i < k; i++) {
            assert_true(s[i].there);
            mean += s[i].accuracy / (double)k;
            right += s[i].right;
            length += (double)s[i].n_ids;
            length_right += s[i].right ? (double)s[i].n_ids : 0;
            format += s[i].format;
            truncated += s[i].truncated;
            words += s[i].words;
        }
        pass += mean;
        squares += mean * mean;
        pass_2 += subsets_with_a_right_one(s, k, 2);
        pass_k += subsets_with_a_right_one(s, k, (int)k);
        cons += vote(s, k, &tie);
        *n_ties += tie;
    }
    const double d = (double)n, all = (double)(n * k), mean = pass / d;
    assert_int_equal(cell->n_problems, n);
    assert_int_equal(cell->n_samples, k);
    assert_near(cell->pass_at_1, mean);
    assert_near(cell->pass_at[0], mean);
    assert_true(fabs(cell->pass_at_1_error - sqrt(fmax(0, squares / d - mean * mean) / (d - 1))) < 1e-7);
    assert_near(cell->pass_at[1], pass_2 / d);
    assert_near(cell->pass_at_k, pass_k / d);
    assert_near(cell->cons_at_k, cons / d);
    assert_near(cell->mean_length, length / all);
    assert_near(cell->format, format / all);
    assert_near(cell->truncated, truncated / all);
    assert_near(cell->reflective_per_completion, words / all);
    if (right > 0) assert_near(cell->mean_length_right, length_right / right);
}

/* ---- runs ---- */

static EvalConfig small_config(int64_t k)
{
    return (EvalConfig){.split = SPLIT_HELD_OUT,
                        .seed = 5,
                        .problems_per_cell = 12,
                        .samples = k,
                        .sampling = {.temperature = 1, .top_p = 1, .max_tokens = 6},
                        .trained_levels = true};
}

static void run_plan(World *w, const EvalPlan *plan, int64_t max_active, EvalResult *result, Kept *kept)
{
    Error err = {0};
    RolloutEngine *engine;
    check(engine_create(&engine, &w->model, &w->compute, max_active, eval_plan_longest_prompt(plan) + 6, &err), &err);
    check(evaluate_plan(plan, engine, w->tokenizer, result, kept ? keep : NULL, kept, &err), &err);
    engine_free(engine);
}

static void figures_of_tasks_are_those_of_their_samples(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    open_world(&w, ISA_C, NULL);
    EvalConfig config = small_config(8);
    config.unseen_levels = true;
    EvalPlan *plan;
    EvalResult result;
    check(eval_plan_tasks(&plan, w.tokenizer, &config, &err), &err);
    Kept kept = keep_room(eval_plan_problems(plan), 8);
    run_plan(&w, plan, 64, &result, &kept);

    int64_t first = 0, n_ties = 0, c = 0, n_trained = 0, n_trained_cells = 0;
    double trained = 0, variance = 0, trained_length = 0;
    for (int task = 0; task < task_count(); task++)
        for (int level = 1; level <= task_levels(task); level++, c++) {
            const EvalCell *const cell = &result.cells[c];
            assert_int_equal(cell->task, task);
            assert_int_equal(cell->level, level);
            assert_int_equal(cell->trained_level, level <= task_train_levels(task));
            assert_cell_is_of_samples(cell, kept.samples + first * 8, 12, 8, &n_ties);
            first += 12;
            if (!cell->trained_level) continue;
            trained += cell->pass_at_1;
            variance += cell->pass_at_1_error * cell->pass_at_1_error;
            trained_length += cell->mean_length;
            n_trained += 12;
            n_trained_cells++;
        }
    assert_int_equal(result.n_cells, c);
    assert_true(n_ties > 0); /* or the rule for ties was not tried */
    assert_cell_is_of_samples(&result.total, kept.samples, first, 8, &n_ties);
    assert_true(result.total.pass_at_1 > 0.005 && result.total.pass_at_1 < 0.3);
    const double d = (double)n_trained_cells;
    assert_int_equal(result.macro.n_problems, n_trained);
    assert_near(result.macro.pass_at_1, trained / d);
    assert_near(result.macro.pass_at_1_error, sqrt(variance) / d);
    assert_near(result.macro.mean_length, trained_length / d);
    assert_int_equal(result.macro_unseen.n_problems, first - n_trained);
    eval_result_free(&result);
    eval_plan_free(plan);
    base_free(kept.samples);
    close_world(&w);
}

static void figures_do_not_depend_on_slots_threads_or_isa(void **state)
{
    (void)state;
    Error err = {0};
    Threads *threads;
    check(threads_create(&threads, 2, &err), &err);
    Isa best = ISA_C;
    while (best < ISA_AVX512 && cpu_has((Isa)(best + 1))) best = (Isa)(best + 1);
    EvalResult reference;
    Kept reference_kept = {0};
    const int64_t slots[] = {64, 1, 3, 50};
    for (int i = 0; i < 4; i++) {
        World w;
        open_world(&w, i == 3 ? best : ISA_C, i >= 2 ? threads : NULL);
        EvalConfig config = small_config(4);
        config.problems_per_cell = 2;
        EvalPlan *plan;
        EvalResult result;
        check(eval_plan_tasks(&plan, w.tokenizer, &config, &err), &err);
        Kept kept = keep_room(eval_plan_problems(plan), 4);
        run_plan(&w, plan, slots[i], &result, &kept);
        if (i == 0) {
            reference = result;
            reference_kept = kept;
        } else {
            assert_int_equal(result.n_cells, reference.n_cells);
            assert_memory_equal(result.cells, reference.cells, (size_t)result.n_cells * sizeof *result.cells);
            assert_memory_equal(kept.samples, reference_kept.samples, (size_t)(kept.n * 4) * sizeof *kept.samples);
            assert_memory_equal(&result.macro.pass_at_1, &reference.macro.pass_at_1, sizeof(double));
            assert_memory_equal(&result.macro.cons_at_k, &reference.macro.cons_at_k, sizeof(double));
            eval_result_free(&result);
            base_free(kept.samples);
        }
        eval_plan_free(plan);
        close_world(&w);
    }
    eval_result_free(&reference);
    base_free(reference_kept.samples);
    threads_free(threads);
}

static void samples_of_a_problem_do_not_depend_on_what_else_is_asked(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    open_world(&w, ISA_C, NULL);
    const EvalConfig all = small_config(8);
    bool *tasks = base_alloc((size_t)task_count_all(), sizeof *tasks);
    const int task = task_find("pick");
    tasks[task] = true;
    EvalConfig one = small_config(3);
    one.tasks = tasks;
    one.total_problems = 4 * task_train_levels(task) + 1; /* 5 of the first level, 4 of the others */
    EvalPlan *plan_all, *plan_one;
    EvalResult result;
    check(eval_plan_tasks(&plan_all, w.tokenizer, &all, &err), &err);
    check(eval_plan_tasks(&plan_one, w.tokenizer, &one, &err), &err);
    assert_int_equal(eval_plan_problems(plan_one), one.total_problems);
    Kept kept_all = keep_room(eval_plan_problems(plan_all), 8), kept_one = keep_room(eval_plan_problems(plan_one), 3);
    run_plan(&w, plan_all, 64, &result, &kept_all);
    eval_result_free(&result);
    run_plan(&w, plan_one, 7, &result, &kept_one);
    assert_int_equal(result.n_cells, task_train_levels(task));
    assert_int_equal(result.cells[0].n_problems, 5);
    assert_int_equal(result.cells[1].n_problems, 4);
    eval_result_free(&result);
    int64_t met = 0;
    for (int64_t a = 0; a < eval_plan_problems(plan_all); a++)
        for (int64_t b = 0; b < eval_plan_problems(plan_one); b++) {
            if (strcmp(eval_plan_problem(plan_all, a)->id, eval_plan_problem(plan_one, b)->id) != 0) continue;
            met++;
            for (int i = 0; i < 3; i++)
                assert_string_equal(kept_all.samples[a * 8 + i].text, kept_one.samples[b * 3 + i].text);
        }
    assert_int_equal(met, one.total_problems);
    eval_plan_free(plan_all);
    eval_plan_free(plan_one);
    base_free(kept_all.samples);
    base_free(kept_one.samples);
    base_free(tasks);
    close_world(&w);
}

static void forced_working_stands_in_front_of_what_is_scored(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    open_world(&w, ISA_C, NULL);
    EvalConfig config = small_config(4);
    EvalPlan *plain, *forced;
    EvalResult result;
    check(eval_plan_tasks(&plain, w.tokenizer, &config, &err), &err);
    config.force_working = true;
    check(eval_plan_tasks(&forced, w.tokenizer, &config, &err), &err);
    assert_true(eval_plan_longest_prompt(forced) > eval_plan_longest_prompt(plain));
    Kept kept = keep_room(eval_plan_problems(forced), 4);
    run_plan(&w, forced, 64, &result, &kept);
    bool framed = false;
    for (int64_t i = 0; i < kept.n * 4; i++) {
        assert_true(strncmp(kept.samples[i].text, "<think>", 7) == 0);
        framed = framed ||
                 (strncmp(kept.samples[i].text, "<think>try</think><answer>", 26) == 0 && kept.samples[i].format == 1);
    }
    assert_true(framed); /* the opened frame counts as one with what the model wrote */
    eval_result_free(&result);
    eval_plan_free(plain);
    eval_plan_free(forced);
    base_free(kept.samples);
    close_world(&w);
}

static void impossible_questions_are_errors(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    open_world(&w, ISA_C, NULL);
    EvalPlan *plan;
    EvalConfig config = small_config(1);
    config.trained_levels = false;
    assert_false(eval_plan_tasks(&plan, w.tokenizer, &config, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_null(plan);
    config.trained_levels = true;
    config.problems_per_cell = 0;
    assert_false(eval_plan_tasks(&plan, w.tokenizer, &config, &err));
    close_world(&w);
}

/* ---- files ---- */

static void write_data(const char *text, size_t length)
{
    Error err = {0};
    check(file_write_all(data_path, "test", text, length, &err), &err);
}

static void figures_of_a_file_are_those_of_its_samples(void **state)
{
    (void)state;
    static const char rows[] = "{\"id\": \"three\", \"question\": \"what?\", \"answer\": \"3\"}\n"
                               "\n"
                               "{\"id\": 17, \"prompt\": \"User: x\\nAssistant:\", \"answer\": 4}\r\n"
                               "{\"question\": \"a\\u0000b\", \"answer\": \"<answer> 30 </answer>\", \"more\": []}\n"
                               "{\"question\": \"\", \"answer\": \"\\\\boxed{7.0}\"}\n"
                               "{\"question\": \"none\", \"answer\": \" \"}\n"
                               "{\"question\": \"none\", \"answer\": \"3\", \"check\": \"nothing 3\"}\n"
                               "{\"question\": \"sum\", \"check\": \"sum 1 2\"}";
    World w;
    Error err = {0};
    open_world(&w, ISA_C, NULL);
    write_data(rows, sizeof rows - 1);
    EvalConfig config = small_config(12);
    EvalPlan *plan;
    EvalResult result;
    check(eval_plan_file(&plan, w.tokenizer, &config, data_path, &err), &err);
    assert_int_equal(eval_plan_problems(plan), 7);
    assert_string_equal(eval_plan_problem(plan, 0)->prompt, "User: what?\nAssistant:");
    assert_string_equal(eval_plan_problem(plan, 1)->id, "17");
    assert_string_equal(eval_plan_problem(plan, 1)->answer, "4");
    assert_string_equal(eval_plan_problem(plan, 2)->id, "4"); /* its line */
    assert_int_equal(eval_plan_problem(plan, 2)->prompt_length, strlen("User: \nAssistant:") + 3);
    for (int i = 0; i < 7; i++) assert_int_equal(eval_plan_problem(plan, i)->unreadable, i == 4 || i == 5);
    Kept kept = keep_room(7, 12);
    run_plan(&w, plan, 5, &result, &kept);
    int64_t n_ties = 0;
    assert_int_equal(result.n_cells, 1);
    assert_cell_is_of_samples(&result.total, kept.samples, 7, 12, &n_ties);
    assert_near(result.macro.pass_at_1, result.total.pass_at_1);
    assert_int_equal(result.macro_unseen.n_problems, 0);
    assert_true(result.total.undecided >= 2.0 / 7); /* the two unreadable ones, and texts that are no number */
    assert_true(isnan(result.total.pass_at[4]));    /* 16 of 12 */
    bool padded = false;
    for (int64_t i = 0; i < 7 * 12; i++) {
        const KeptSample *const s = &kept.samples[i];
        padded = padded || strncmp(s->text, "7</answer>", 10) == 0; /* after an id that has no text */
        if (i / 12 == 4 || i / 12 == 5) assert_true(s->accuracy == 0 && !s->right);
    }
    assert_true(padded);
    assert_true(result.total.pass_at_1 > 0.04 && result.total.pass_at_1 < 0.4);
    eval_result_free(&result);
    eval_plan_free(plan);
    base_free(kept.samples);

    config.total_problems = 2;
    check(eval_plan_file(&plan, w.tokenizer, &config, data_path, &err), &err);
    assert_int_equal(eval_plan_problems(plan), 2);
    eval_plan_free(plan);
    close_world(&w);
}

static void bad_rows_are_named_by_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named;
    } cases[] = {
        {"{\"question\": \"a\", \"answer\": \"1\"}\n\n{\"question\": \"b\"}\n",
         ".jsonl:3: none of \"answer\", \"check\" and \"tests\""},
        {"{\"answer\": \"1\"}\n", ".jsonl:1: neither \"prompt\" nor \"question\""},
        {"{\"prompt\": 3, \"answer\": \"1\"}\n", ".jsonl:1: \"prompt\""},
        {"{\"prompt\": \"\", \"answer\": \"1\"}\n", ".jsonl:1: \"prompt\" is empty"},
        {"{\"prompt\": \"a\", \"answer\": [1]}\n", ".jsonl:1: \"answer\""},
        {"{\"prompt\": \"a\", \"check\": \"sum\\u0000\"}\n", ".jsonl:1: \"check\" holds a NUL"},
        {"[1]\n", ".jsonl:1: expected a JSON object"},
        {"{\"prompt\": \"a\", \"answer\": \"1\"}\n{\"prompt\": \"a\", \"ans", ".jsonl:2:"},
        {"{\n{\n", "2 of 2 rows are bad"},
        {"{\"prompt\": \"\xff\", \"answer\": \"1\"}\n", ".jsonl:1:"},
        {"\n \n", "no problem in it"},
        {"", "no problem in it"},
    };
    World w;
    open_world(&w, ISA_C, NULL);
    const EvalConfig config = small_config(1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Error err = {0};
        EvalPlan *plan;
        write_data(cases[i].text, strlen(cases[i].text));
        assert_false(eval_plan_file(&plan, w.tokenizer, &config, data_path, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        if (!strstr(err.text, cases[i].named))
            fail_msg("case %zu: \"%s\" does not say \"%s\"", i, err.text, cases[i].named);
        assert_null(plan);
    }
    /* A file cut at any byte is read or refused, never worse. */
    static const char row[] =
        "{\"id\": \"\\ud83d\\ude00\", \"question\": \"a\\u0000\", \"answer\": \"1\", \"check\": \"sum 1 2\"}\n";
    for (size_t n = 0; n < sizeof row; n++) {
        Error err = {0};
        EvalPlan *plan;
        write_data(row, n);
        if (eval_plan_file(&plan, w.tokenizer, &config, data_path, &err)) eval_plan_free(plan);
    }
    close_world(&w);
}

/* ---- texts ---- */

/* What follows depends on the token before alone, so every way to cut the text must add up to the same sum. */
static void every_token_of_a_text_is_scored_once(void **state)
{
    (void)state;
    static char text[] =
        "User: 3+4=?\nAssistant:<think></think><answer>7</answer><|endoftext|>User: 1+2=?\nAssistant:3";
    World w;
    Error err = {0};
    open_world(&w, ISA_C, NULL);
    TokenIds ids = {0};
    check(tokenizer_encode(w.tokenizer, text, sizeof text - 1, true, &ids, &err), &err);
    static char none[] = "", one[] = "a";
    const TextDocument documents[] = {{text, sizeof text - 1}, {none, 0}, {one, 1}, {text, sizeof text - 1}};
    Trainer trainer;
    check(trainer_create(&trainer, &w.model, &w.compute, 64, 1, false, &err), &err);
    EvalText whole, cut;
    check(evaluate_text(&trainer, &w.model, w.tokenizer, documents, 4, 256, 256, &whole, &err), &err);
    assert_int_equal(whole.n_tokens, 2 * (ids.n - 1));
    assert_int_equal(whole.n_bytes, 2 * (sizeof text - 2)); /* all but the first token's */
    assert_int_equal(whole.n_windows, 2);
    assert_int_equal(whole.n_documents, 4);
    assert_near(whole.perplexity, exp(whole.nats / (double)whole.n_tokens));
    assert_near(whole.bits_per_byte, whole.nats / log(2) / (double)whole.n_bytes);
    for (int64_t context = 1; context <= ids.n + 1; context += 1 + context / 6)
        for (int64_t stride = 1; stride <= context; stride += 1 + context / 5) {
            check(evaluate_text(&trainer, &w.model, w.tokenizer, documents, 4, context, stride, &cut, &err), &err);
            assert_int_equal(cut.n_tokens, whole.n_tokens);
            assert_near(cut.nats, whole.nats);
            if (stride == context) assert_int_equal(cut.n_windows, 2 * ((ids.n - 1 + context - 1) / context));
        }
    assert_false(evaluate_text(&trainer, &w.model, w.tokenizer, documents + 1, 2, 8, 8, &cut, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    trainer_free(&trainer);
    token_ids_free(&ids);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_tasks_are_those_of_their_samples),
        cmocka_unit_test(figures_do_not_depend_on_slots_threads_or_isa),
        cmocka_unit_test(samples_of_a_problem_do_not_depend_on_what_else_is_asked),
        cmocka_unit_test(forced_working_stands_in_front_of_what_is_scored),
        cmocka_unit_test(impossible_questions_are_errors),
        cmocka_unit_test(figures_of_a_file_are_those_of_its_samples),
        cmocka_unit_test(bad_rows_are_named_by_file_and_line),
        cmocka_unit_test(every_token_of_a_text_is_scored_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

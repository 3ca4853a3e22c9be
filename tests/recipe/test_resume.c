/* SPDX-License-Identifier: MIT */
/* tests/recipe/test_resume.c: a run that is killed anywhere, or meets a full disk or a damaged file, ends in the bytes that it
 * would have had: weights, moments, metrics (but for times) and every row of run.sqlite.
 *
 * Runs are children of this process, so that they can die. R1_TEST_LONG=1 kills more often. */
#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/philox.h"
#include "model/folder.h"
#include "num/cpu.h"
#include "recipe/run.h"
#include "record/checkpoint.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

static const char PRETRAIN[] =
    "stage: pretrain\nname: tiny\nseed: 3\nsteps: %d\ntokens_per_step: 600\nlearning_rate: 8e-3\n"
    "warmup_steps: 4\nmicro_batch_tokens: 256\n"
    "shape: {hidden_size: 48, n_layers: 2, n_heads: 2, n_kv_heads: 1, head_dim: 24, ffn_size: 96,"
    " max_positions: 768}\n"
    "tokenizer: {vocab_size: 300, documents: 100}\n"
    "checkpoint: {every: %d, keep: 2}\n"
    "eval: {every: %d, problems: 1, samples: 1, max_tokens: 6}\n";

/* Everything that a resumed run could forget: a reference that is renewed between checkpoints, several updates a rollout, two
 * passes, groups that are all equal. */
static const char GRPO[] =
    "stage: grpo\nname: tiny\nseed: 5\nmodel: %s\nsteps: 6\nprompts_per_step: 4\ngroup_size: 6\n"
    "minibatches: 2\ninner_epochs: 2\nmax_completion_tokens: 64\nlearning_rate: 2e-3\nkl_coef: 0.05\n"
    "reference_every: 2\nmicro_batch_tokens: 64\nmax_active: 5\n"
    "checkpoint: {every: 1, keep: 3}\n"
    "eval: {every: 3, problems: 1, samples: 1, max_tokens: 6}\n";

typedef struct World {
    char folder[64];       /* of this test, made by mkdtemp */
    char *pretrain, *grpo; /* recipes */
    char *whole[2];        /* folders of uninterrupted runs: pretrain, grpo */
    uint64_t n_draws;
} World;

/* ---- runs ---- */

/* The child: exit status as the program's; what it says goes to LOG. */
static int run_in_child(const char *recipe_path, const char *out, const char *log)
{
    Error err = {0};
    Isa isa;
    Recipe recipe;
    RunOutcome outcome;
    FILE *const stream = fopen(log, "w");
    if (!stream || !cpu_choose(&isa, &err)) return 99;
    const Kernels kernels = kernels_for(isa);
    const Compute compute = {&kernels, NULL};
    const RunOptions options = {.out = out, .stream = stream, .quiet = true};
    bool ok = recipe_open(&recipe, recipe_path, NULL, 0, &err);
    if (ok) {
        ok = recipe_run(&recipe, &options, &compute, &outcome, &err);
        recipe_close(&recipe);
    }
    if (!ok) fprintf(stream, "error: %s\n", err.text);
    fclose(stream);
    return ok ? 0 : err.kind == ERROR_USAGE || err.kind == ERROR_INPUT ? 2 : 3;
}

/* Waits at most `microseconds` (0: for ever) before it kills. Returns the exit status, or minus the signal. */
static int run(const World *w, const char *recipe, const char *out, const char *failpoint, int64_t microseconds)
{
    char *const log = base_printf("%s/log", w->folder);
    fflush(NULL);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (failpoint) setenv("R1_FAILPOINT", failpoint, 1);
        _exit(run_in_child(recipe, out, log));
    }
    int status;
    for (int64_t waited = 0; microseconds > 0 && waitpid(child, &status, WNOHANG | WNOWAIT) == 0; waited += 1000) {
        if (waited >= microseconds) kill(child, SIGKILL);
        usleep(1000);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    base_free(log);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char *said(const World *w)
{
    char *const log = base_printf("%s/log", w->folder), *text;
    size_t length;
    Error err = {0};
    assert_true(file_read_all(log, 1 << 20, &text, &length, &err));
    base_free(log);
    return text;
}

static void finish(const World *w, const char *recipe, const char *out, const char *after)
{
    const int status = run(w, recipe, out, NULL, 0);
    char *const text = said(w);
    if (status != 0) fail_msg("after %s the run does not go on (%d): %s", after, status, text);
    base_free(text);
}

static void remove_folder(const char *path)
{
    Error err = {0};
    assert_true(file_remove_tree(path, &err));
}

/* A path where nothing is: a test that failed may have left something. */
static char *fresh_folder(const World *w)
{
    char *const out = base_printf("%s/out", w->folder);
    remove_folder(out);
    return out;
}

static void copy_tree(const char *from, const char *to)
{
    Error err = {0};
    char **names, *text;
    int64_t n_names;
    size_t length;
    assert_true(file_make_folders(to, &err));
    assert_true(file_list(from, &names, &n_names, &err));
    for (int64_t i = 0; i < n_names; i++) {
        char *const a = base_printf("%s/%s", from, names[i]), *const b = base_printf("%s/%s", to, names[i]);
        if (file_is_folder(a)) {
            copy_tree(a, b);
        } else {
            assert_true(file_read_all(a, 1 << 28, &text, &length, &err));
            assert_true(file_write_all(b, "test", text, length, &err));
            base_free(text);
        }
        base_free(a);
        base_free(b);
    }
    file_names_free(names, n_names);
}

/* ---- comparing ---- */

static void add_line(char **text, const char *line)
{
    char *const longer = base_printf("%s%s\n", *text ? *text : "", line);
    base_free(*text);
    *text = longer;
}

/* All rows of a query, hashed: types and bytes of every value. */
static void query_hash(sqlite3 *db, const char *sql, char **into)
{
    sqlite3_stmt *rows = NULL;
    XXH3_state_t *const state = XXH3_createState();
    int64_t n = 0;
    XXH3_128bits_reset(state);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &rows, NULL), SQLITE_OK);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(rows); c++) {
            const int head[2] = {sqlite3_column_type(rows, c), sqlite3_column_bytes(rows, c)};
            XXH3_128bits_update(state, head, sizeof head);
            if (head[1] > 0) XXH3_128bits_update(state, sqlite3_column_blob(rows, c), (size_t)head[1]);
        }
        n++;
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    char line[256];
    snprintf(line, sizeof line, "%.60s: %lld rows %016llx%016llx", sql, (long long)n, (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    add_line(into, line);
    sqlite3_finalize(rows);
    XXH3_freeState(state);
}

static void describe_store(const char *folder, char **into)
{
    static const char *const queries[] = {
        "SELECT * FROM problems ORDER BY id", "SELECT rowid,* FROM completions ORDER BY rowid",
        "SELECT * FROM evaluations",          "SELECT * FROM verdicts",
        "SELECT * FROM meta ORDER BY key",
    };
    char *const path = base_printf("%s/run.sqlite", folder);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) query_hash(db, queries[i], into);
    sqlite3_close(db);
    base_free(path);
}

static bool is_time(const char *name)
{
    return strncmp(name, "time/", 5) == 0 || strcmp(name, "step_time") == 0 || strcmp(name, "tokens_per_second") == 0;
}

static void describe_metrics(const char *folder, char **into)
{
    char *const path = base_printf("%s/metrics.jsonl", folder), *text;
    size_t length;
    Error err = {0};
    assert_true(file_read_all(path, 1 << 26, &text, &length, &err));
    int64_t number = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *const row = json_read_text(line, (size_t)(end - line), path, ++number, &err);
        assert_non_null(row);
        const char *name;
        json_t *value;
        void *next;
        json_object_foreach_safe(row, next, name, value) if (is_time(name)) json_object_del(row, name);
        char *const plain = json_dumps(row, JSON_REAL_PRECISION(17));
        add_line(into, plain);
        free(plain);
        json_decref(row);
    }
    assert_string_equal(text + length - 1, "\n");
    base_free(text);
    base_free(path);
}

/* Names of all files, and the bytes of those that hold no time. */
static void describe_files(const char *folder, const char *below, char **into)
{
    static const char *const timed[] = {"/metrics.jsonl", "/run.sqlite", "/events.out.tfevents.r1", "/report.html",
                                        "/lock"};
    char *const path = base_printf("%s%s", folder, below), **names;
    int64_t n_names;
    Error err = {0};
    assert_true(file_list(path, &names, &n_names, &err));
    for (int64_t i = 0; i < n_names; i++) {
        char *const inner = base_printf("%s/%s", below, names[i]), *const whole = base_printf("%s%s", folder, inner);
        char hex[33] = "";
        bool has_time = false;
        for (size_t t = 0; t < sizeof timed / sizeof *timed; t++) has_time = has_time || strcmp(inner, timed[t]) == 0;
        if (file_is_folder(whole)) {
            describe_files(folder, inner, into);
        } else {
            if (!has_time) assert_true(file_hash(whole, hex, &err));
            char *const line = base_printf("%s %s", inner, hex);
            add_line(into, line);
            base_free(line);
        }
        base_free(whole);
        base_free(inner);
    }
    file_names_free(names, n_names);
    base_free(path);
}

/* All that two runs of one recipe must have in common, as text. */
static char *describe(const char *folder)
{
    char *text = NULL, digest[33], optimizer[33];
    Error err = {0};
    int64_t *steps, n_steps;
    assert_true(checkpoint_list(folder, &steps, &n_steps, &err));
    assert_true(n_steps > 0);
    char *const last = checkpoint_path(folder, steps[n_steps - 1]);
    assert_true(model_digest(last, digest, optimizer, &err));
    char *const line = base_printf("digest %s %s", digest, optimizer);
    add_line(&text, line);
    base_free(line);
    base_free(last);
    base_free(steps);
    describe_files(folder, "", &text);
    describe_store(folder, &text);
    describe_metrics(folder, &text);
    return text;
}

static void assert_same(const char *whole, const char *folder, const char *after)
{
    char *const a = describe(whole), *const b = describe(folder);
    if (strcmp(a, b) != 0) {
        const char *x = a, *y = b;
        while (*x && strncmp(x, y, strcspn(x, "\n") + 1) == 0) {
            const size_t n = strcspn(x, "\n") + 1;
            x += n;
            y += n;
        }
        fail_msg("after %s the run is another:\n  %.300s\n  %.300s", after, x, y);
    }
    base_free(a);
    base_free(b);
}

/* ---- the world ---- */

static char *write_recipe(const World *w, const char *name, const char *text)
{
    char *const path = base_printf("%s/%s.yaml", w->folder, name);
    Error err = {0};
    assert_true(file_write_all(path, "test", text, strlen(text), &err));
    return path;
}

static int make_world(void **state)
{
    World *const w = base_alloc(1, sizeof *w);
    /* In memory where there is such a place: a disk's syncs would be most of the time. */
    snprintf(w->folder, sizeof w->folder, "%s/r1-resume-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->folder));
    char *text = base_alloc(2000, 1), *const base = base_printf("%s/base", w->folder);
    snprintf(text, 2000, PRETRAIN, 120, 120, 0);
    char *const recipe = write_recipe(w, "base", text);
    finish(w, recipe, base, "nothing");
    snprintf(text, 2000, PRETRAIN, 6, 2, 3);
    w->pretrain = write_recipe(w, "pretrain", text);
    char *const model = base_printf("%s/model", base);
    snprintf(text, 2000, GRPO, model);
    w->grpo = write_recipe(w, "grpo", text);
    w->whole[0] = base_printf("%s/whole-pretrain", w->folder);
    w->whole[1] = base_printf("%s/whole-grpo", w->folder);
    finish(w, w->pretrain, w->whole[0], "nothing");
    finish(w, w->grpo, w->whole[1], "nothing");
    base_free(model);
    base_free(recipe);
    base_free(base);
    base_free(text);
    *state = w;
    return 0;
}

static int free_world(void **state)
{
    World *const w = *state;
    remove_folder(w->folder);
    base_free(w->pretrain);
    base_free(w->grpo);
    base_free(w->whole[0]);
    base_free(w->whole[1]);
    base_free(w);
    return 0;
}

static bool is_long(void)
{
    const char *const text = getenv("R1_TEST_LONG");
    return text && *text && strcmp(text, "0") != 0;
}

/* ---- tests ---- */

/* The tiny runs must be worth comparing: weights that move, and groups that differ. */
static void test_world_learns(void **state)
{
    const World *const w = *state;
    char *const text = describe(w->whole[1]);
    assert_non_null(strstr(text, "\"sampling/sampling_logp_difference/max\": 0"));
    assert_null(strstr(text, "\"sampling/sampling_logp_difference/max\": null"));
    assert_null(strstr(text, "\"grad_norm\": 0,"));
    assert_non_null(strstr(text, "\"frac_reward_zero_std\": 0"));
    base_free(text);
    assert_same(w->whole[1], w->whole[1], "nothing");
}

/* Failpoints that these runs never come by; tests/recipe/test_pretrain_text.sh has those of tokens, tests/cli/test_convert.sh those of
 * convert, tests/cli/test_chat.sh those of conversation, tests/recipe/test_graph.sh and test_r1.sh those of several stages, test_ppo.sh those of checkpoint-value, tests/recipe/test_distill.sh
 * and test_dpo.sh the rest. */
static bool is_elsewhere(const char *name, bool grpo)
{
    static const char *const stems[] = {"test.",
                                        "samples.",
                                        "dump.",
                                        "tokens.",
                                        "conversation.",
                                        "convert.",
                                        "graph.",
                                        "inputs.",
                                        "previous.",
                                        "kept.",
                                        "dropped.",
                                        "data.",
                                        "rows.",
                                        "results.",
                                        "results-folder.",
                                        "teacher-samples.",
                                        "checkpoint-value.",
                                        "checkpoint-value-optimizer.",
                                        "reference-logprobs.",
                                        "pairs."};
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++)
        if (strncmp(name, stems[i], strlen(stems[i])) == 0) return true;
    return !grpo && strncmp(name, "checkpoint-reference.", 21) == 0;
}

static void kill_at(const World *w, const char *name, bool grpo)
{
    const char *const recipe = grpo ? w->grpo : w->pretrain;
    char *const out = fresh_folder(w), *const second = base_printf("%s@2=kill", name);
    char *const first = base_printf("%s=kill", name);
    int status = run(w, recipe, out, second, 0);
    if (status == 0) { /* it is met once alone */
        remove_folder(out);
        status = run(w, recipe, out, first, 0);
        if (status == 0) fail_msg("failpoint %s is not met by this run", name);
    }
    assert_int_equal(status, -SIGKILL);
    run(w, recipe, out, first, 0); /* and once more on the way back */
    finish(w, recipe, out, first);
    assert_same(w->whole[grpo], out, first);
    remove_folder(out);
    base_free(first);
    base_free(second);
    base_free(out);
}

static void test_killed_at_each_failpoint(void **state)
{
    const World *const w = *state;
    for (const char *const *name = failpoint_names(); *name; name++)
        if (!is_elsewhere(*name, true)) kill_at(w, *name, true);
    static const char *const of_pretraining[] = {"tokenizer.rename", "checkpoint.rename", "metrics.sync",
                                                 "store.commit"};
    for (size_t i = 0; i < sizeof of_pretraining / sizeof *of_pretraining; i++) kill_at(w, of_pretraining[i], false);
    for (const char *const *name = failpoint_names(); is_long() && *name; name++)
        if (!is_elsewhere(*name, false)) kill_at(w, *name, false);
}

static void test_full_disk_at_each_failpoint(void **state)
{
    const World *const w = *state;
    static const char *const reasons[] = {"enospc", "eio", "eacces"};
    static const char *const words[] = {"No space left on device", "Input/output error", "Permission denied"};
    int which = 0;
    for (const char *const *name = failpoint_names(); *name; name++) {
        if (is_elsewhere(*name, true)) continue;
        const int reason = is_long() ? which++ % 3 : 0;
        char *const out = fresh_folder(w), *const point = base_printf("%s=%s", *name, reasons[reason]);
        const int status = run(w, w->grpo, out, point, 0);
        char *const text = said(w), *const error = strstr(text, "error: ");
        if (status != 3 || !error || !strstr(error, words[reason]) || strchr(error, '\n')[1])
            fail_msg("%s: status %d, said: %s", point, status, text);
        finish(w, w->grpo, out, point);
        assert_same(w->whole[1], out, point);
        remove_folder(out);
        base_free(text);
        base_free(point);
        base_free(out);
    }
}

static void test_killed_at_random_times(void **state)
{
    World *const w = *state;
    const Rng rng = {2026, RNG_TEST};
    const int n_runs = is_long() ? 10 : 2;
    for (int i = 0; i < n_runs; i++) {
        const bool grpo = i % 2 == 0;
        char *const out = fresh_folder(w);
        int n_kills = 0;
        for (; n_kills < 20; n_kills++) {
            const int64_t wait = 1000 + (int64_t)(rng_uniform(rng, w->n_draws++, 0, 0) * 150000);
            if (run(w, grpo ? w->grpo : w->pretrain, out, NULL, wait) == 0) break;
        }
        finish(w, grpo ? w->grpo : w->pretrain, out, "random kills");
        assert_same(w->whole[grpo], out, "random kills");
        remove_folder(out);
        base_free(out);
    }
}

/* Damages one file: cuts its last byte off, flips a bit in its middle, or takes it away. */
static void damage(const char *path, int how)
{
    char *text;
    size_t length;
    Error err = {0};
    if (how == 2) {
        assert_int_equal(unlink(path), 0);
        return;
    }
    assert_true(file_read_all(path, 1 << 28, &text, &length, &err));
    text[length / 2] = (char)(text[length / 2] ^ (how == 1));
    assert_true(file_write_all(path, "test", text, length - (how == 0), &err));
    base_free(text);
}

/* A run that was killed after the checkpoint of step 4. */
static char *half_run(const World *w)
{
    char *const half = base_printf("%s/half", w->folder);
    if (!file_exists(half)) assert_int_equal(run(w, w->grpo, half, "metrics.write@6=kill", 0), -SIGKILL);
    return half;
}

static void test_damaged_checkpoint(void **state)
{
    const World *const w = *state;
    char *const half = half_run(w), *const newest = checkpoint_path(half, 4), **names;
    int64_t n_names;
    Error err = {0};
    assert_true(file_list(newest, &names, &n_names, &err));
    assert_true(n_names >= 7);
    for (int64_t i = 0; i < n_names; i++)
        for (int how = 0; how < 3; how++) {
            if (!is_long() && (i + how) % 3 != 0) continue;
            char *const out = fresh_folder(w), *const folder = checkpoint_path(out, 4);
            char *const path = base_printf("%s/%s", folder, names[i]);
            copy_tree(half, out);
            damage(path, how);
            finish(w, w->grpo, out, names[i]);
            char *const text = said(w);
            if (!strstr(text, names[i]) || !strstr(text, "step-000004") || !strstr(text, "step 3"))
                fail_msg("%s, damage %d: not said: %s", names[i], how, text);
            assert_same(w->whole[1], out, path);
            remove_folder(out);
            base_free(text);
            base_free(path);
            base_free(folder);
            base_free(out);
        }
    file_names_free(names, n_names);
    base_free(newest);
    base_free(half);
}

/* A run never begins again over checkpoints that a person may still want to repair. */
static void test_all_checkpoints_damaged(void **state)
{
    const World *const w = *state;
    char *const half = half_run(w), *const out = base_printf("%s/out", w->folder);
    copy_tree(half, out);
    for (int step = 2; step <= 4; step++) {
        char *const folder = checkpoint_path(out, step), *const path = base_printf("%s/model.safetensors", folder);
        damage(path, 0);
        base_free(path);
        base_free(folder);
    }
    char *before = NULL, *after = NULL;
    describe_files(out, "/checkpoints", &before);
    describe_metrics(out, &before);
    assert_int_equal(run(w, w->grpo, out, NULL, 0), 2);
    describe_files(out, "/checkpoints", &after);
    describe_metrics(out, &after);
    assert_string_equal(before, after);
    char *const text = said(w);
    assert_non_null(strstr(text, "no checkpoint in it is whole"));
    assert_non_null(strstr(text, "step-000004/model.safetensors"));
    assert_non_null(strstr(text, "step-000002/model.safetensors"));
    char *const checkpoints = base_printf("%s/checkpoints", out);
    remove_folder(checkpoints); /* as the message says */
    finish(w, w->grpo, out, "removing all checkpoints");
    assert_same(w->whole[1], out, "removing all checkpoints");
    remove_folder(out);
    base_free(checkpoints);
    base_free(text);
    base_free(before);
    base_free(after);
    base_free(half);
    base_free(out);
}

/* A finished run is done; damaged, its end is done again. */
static void test_finished_run(void **state)
{
    const World *const w = *state;
    char *const out = fresh_folder(w), *const last = checkpoint_path(out, 6);
    char *const damaged[] = {base_printf("%s/optimizer.safetensors", last),
                             base_printf("%s/model/model.safetensors", out)};
    copy_tree(w->whole[1], out);
    for (int i = 0; i < 2; i++) {
        damage(damaged[i], 1);
        finish(w, w->grpo, out, damaged[i]);
        assert_same(w->whole[1], out, damaged[i]);
        base_free(damaged[i]);
    }
    char *const report = base_printf("%s/report.html", out);
    assert_int_equal(unlink(report), 0);
    finish(w, w->grpo, out, "no report");
    assert_same(w->whole[1], out, "no report");
    remove_folder(last);
    finish(w, w->grpo, out, "no last checkpoint");
    assert_false(file_exists(last)); /* removed to save space: the run stays finished */
    remove_folder(out);
    base_free(report);
    base_free(last);
    base_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_world_learns),
        cmocka_unit_test(test_killed_at_each_failpoint),
        cmocka_unit_test(test_full_disk_at_each_failpoint),
        cmocka_unit_test(test_killed_at_random_times),
        cmocka_unit_test(test_damaged_checkpoint),
        cmocka_unit_test(test_all_checkpoints_damaged),
        cmocka_unit_test(test_finished_run),
    };
    return cmocka_run_group_tests(tests, make_world, free_world);
}

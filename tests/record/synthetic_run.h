/* SPDX-License-Identifier: MIT */
/* tests/record/synthetic_run.h: a made-up run folder that looks like the real thing: learning curves with noise, evaluations by
 * family and level, completions of the same problems over time, and texts that try to break out of a page. */
#ifndef R1_TESTS_RECORD_SYNTHETIC_RUN_H
#define R1_TESTS_RECORD_SYNTHETIC_RUN_H

#include "base/arena.h"
#include "base/file.h"
#include "base/philox.h"
#include "record/metrics.h"
#include "record/run_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SYNTHETIC_STEPS = 300, SYNTHETIC_EVAL_EVERY = 30, SYNTHETIC_PROBLEMS = 6, SYNTHETIC_SAMPLES = 4 };

static const char *const synthetic_tasks[] = {"countdown", "linear", "pick <script>alert(1)</script>", "sum"};
static const char synthetic_hostile[] =
    "<think></pre></div><script>alert('x')</script><!-- <svg onload=alert(1)> ]]> & \" ' ` \\ "
    "\xE2\x80\xAE\x01\x7F\xFF\xFE\xC3( wait, </script></style></textarea>&lt;</think>"
    "<answer>javascript:alert(2)</answer>";

static double synthetic_noise(uint64_t step, uint32_t what)
{
    const Rng rng = {.seed = 7, .stream = RNG_TEST};
    return rng_uniform(rng, step, what, 0) + rng_uniform(rng, step, what, 1) - 1;
}

/* Rises from 0 to 1 with its steepest part in the first third. */
static double synthetic_rise(double step)
{
    const double t = step / SYNTHETIC_STEPS;
    return t * t * (3 - 2 * t) * 0.35 + t / (t + 0.18) * 1.18 * 0.65;
}

static void synthetic_row(MetricsRow *row, int64_t step)
{
    const double r = synthetic_rise((double)step);
    const uint64_t s = (uint64_t)step;
    const double accuracy = 0.22 + 0.44 * r + 0.09 * synthetic_noise(s, 1),
                 format = 0.76 + 0.22 * r + 0.02 * synthetic_noise(s, 2);
    const double length = 20 + 23 * r + 2.5 * synthetic_noise(s, 3),
                 words = 0.22 + 0.65 * r * r + 0.1 * synthetic_noise(s, 4);
    metrics_row_clear(row);
    row->step = step;
    snprintf(row->stage, sizeof row->stage, "r1-zero");
    if (step > 0) {
        metrics_set(row, "loss", 0.001 * synthetic_noise(s, 5));
        metrics_set(row, "grad_norm", 0.4 + 0.3 * r + 0.15 * synthetic_noise(s, 6));
        metrics_set(row, "learning_rate", 3e-4 * fmin(1, (double)step / 5));
        metrics_set(row, "reward", accuracy + format);
        metrics_set(row, "reward_std", 0.6 - 0.1 * r);
        metrics_set(row, "rewards/accuracy/mean", accuracy);
        metrics_set(row, "rewards/format/mean", fmin(format, 1));
        metrics_set(row, "frac_reward_zero_std", fmax(0.08 + 0.2 * r + 0.08 * synthetic_noise(s, 7), 0));
        metrics_set(row, "num_tokens", (double)step * 512 * 45);
        metrics_set(row, "step_time", 1.4 + 0.9 * r + 0.1 * synthetic_noise(s, 8));
        metrics_set(row, "completions/mean_length", length);
        metrics_set(row, "completions/min_length", 6);
        metrics_set(row, "completions/max_length", fmin(length * 3.2 + 20 * synthetic_noise(s, 9), 160));
        metrics_set(row, "completions/mean_length_right", length * 0.93);
        metrics_set(row, "completions/mean_length_wrong", length * 1.16 + 1.5 * synthetic_noise(s, 10));
        metrics_set(row, "completions/clipped_ratio", 0.004 + 0.004 * fabs(synthetic_noise(s, 11)));
        metrics_set(row, "entropy", 0.38 - 0.16 * r + 0.02 * synthetic_noise(s, 12));
        metrics_set(row, "clip_ratio/low_mean", 0.002 + 0.002 * fabs(synthetic_noise(s, 13)));
        metrics_set(row, "clip_ratio/high_mean", 0.004 + 0.003 * fabs(synthetic_noise(s, 14)));
        metrics_set(row, "kl", step % 7 == 0 ? (double)NAN : 0.02 * r);
        metrics_set(row, "sampling/sampling_logp_difference/max", 0);
        metrics_set(row, "reflection/per_completion", words);
        metrics_set(row, "reflection/per_1k_tokens", 1000 * words / length);
        metrics_set(row, "style/direct", 0.63 - 0.45 * r);
        metrics_set(row, "style/worked", 0.27 + 0.25 * r);
        metrics_set(row, "style/checked", 0.10 + 0.20 * r);
        metrics_set(row, "time/rollout", 0.5 + 0.4 * r);
        metrics_set(row, "time/reward", 0.01);
        metrics_set(row, "time/train", 0.85 + 0.5 * r);
        metrics_set(row, "tokens_per_second", 16500 + 700 * synthetic_noise(s, 15));
    }
    if (step % SYNTHETIC_EVAL_EVERY == 0) {
        metrics_set(row, "eval/held_out/pass@1", 0.23 + 0.41 * r);
        metrics_set(row, "eval/held_out/right_after_first_miss", 0.12 + 0.4 * r);
        metrics_set(row, "time/eval", 3.5);
    }
}

static void must(bool ok, const Error *err)
{
    if (ok) return;
    fprintf(stderr, "synthetic run: %s\n", err->text);
    abort();
}

static void synthetic_figure(RunStore *store, int64_t step, const char *suite, const char *task, int level,
                             const char *measure, double value, double error)
{
    Error err = {0};
    const StoredEvaluation evaluation = {
        .step = step,
        .suite = suite,
        .task = task,
        .level = level,
        .measure = measure,
        .value = value,
        .standard_error = error,
        .n_problems = task ? 16 : 192,
        .n_samples = 16,
    };
    must(run_store_add_evaluation(store, &evaluation, &err), &err);
}

static void synthetic_evaluation(RunStore *store, int64_t step)
{
    const double r = synthetic_rise((double)step);
    const uint64_t s = (uint64_t)step;
    synthetic_figure(store, step, "held_out", NULL, 0, "pass@1", 0.23 + 0.41 * r + 0.01 * synthetic_noise(s, 20),
                     0.013);
    synthetic_figure(store, step, "held_out", NULL, 0, "cons@16", 0.38 + 0.37 * r + 0.02 * synthetic_noise(s, 21),
                     0.025);
    synthetic_figure(store, step, "unseen", NULL, 0, "pass@1", 0.11 + 0.26 * r + 0.01 * synthetic_noise(s, 22), 0.014);
    synthetic_figure(store, step, "held_out", NULL, 0, "mean_length", 20 + 23 * r, NAN);
    synthetic_figure(store, step, "held_out", NULL, 0, "format", 0.76 + 0.22 * r, NAN);
    synthetic_figure(store, step, "held_out", NULL, 0, "reflection/per_completion", 0.23 + 0.6 * r * r, NAN);
    synthetic_figure(store, step, "held_out", NULL, 0, "reflection/per_1k_tokens", 11 + 9 * r * r, NAN);
    synthetic_figure(store, step, "held_out", NULL, 0, "corrected_of_right", 0.04 + 0.09 * r, NAN);
    for (int k = 2, i = 1; k <= 64; k *= 2, i++) {
        char measure[24];
        snprintf(measure, sizeof measure, "pass@%d", k);
        const double miss = pow(0.77 - 0.41 * r, 0.55 * i + 1);
        synthetic_figure(store, step, "held_out", NULL, 0, measure, 1 - miss, 0.02);
    }
    for (int t = 0; t < 4; t++)
        for (int level = 1; level <= 4; level++) {
            const double value = (0.45 - 0.09 * level) + r * (0.5 - 0.06 * level - 0.07 * t) +
                                 0.03 * synthetic_noise(s, (uint32_t)(30 + 4 * t + level));
            synthetic_figure(store, step, level == 4 ? "unseen" : "held_out", synthetic_tasks[t], level, "pass@1",
                             fmax(value, 0.01), 0.04);
        }
}

static void synthetic_text(char *text, size_t capacity, int task, int problem, int64_t step, bool right)
{
    const double r = synthetic_rise((double)step);
    if (task == 2 && problem == 2)
        snprintf(text, capacity, "%s", synthetic_hostile);
    else if (r < 0.3)
        snprintf(text, capacity, "<think></think><answer>%s</answer>", right ? "(4*2)+3" : "4+3*2");
    else if (r < 0.8)
        snprintf(text, capacity, "<think>try 4*3=12, 12-2=10 not 11</think><answer>%s</answer>",
                 right ? "(4*2)+3" : "4*3-2");
    else
        snprintf(
            text, capacity,
            "<think>try 4*3=12, 12-2=10 not 11. wait, try 4+3=7, 7*2=14 not 11. wait, try 4*2=8, 8+3=11 right, check "
            "8+3=11 right</think><answer>%s</answer>",
            right ? "(4*2)+3" : "4*2-3");
}

static void synthetic_completions(RunStore *store, int64_t step)
{
    Error err = {0};
    const double r = synthetic_rise((double)step);
    for (int p = 0; p < 4 * SYNTHETIC_PROBLEMS; p++) {
        char key[64], prompt[200], text[1200];
        const int task = p % 4;
        snprintf(key, sizeof key, "%d/1/held-out/%d", task, p / 4);
        snprintf(prompt, sizeof prompt, "User: make %d from 4 3 2 <b>&\nAssistant:", 11 + p);
        const StoredProblem problem = {.key = key,
                                       .task = synthetic_tasks[task],
                                       .split = "held-out",
                                       .level = 1 + p / 8,
                                       .prompt = prompt,
                                       .prompt_length = strlen(prompt),
                                       .answer = "(4*2)+3",
                                       .check = "make 11 4 3 2"};
        must(run_store_add_problem(store, step, &problem, &err), &err);
        for (int c = 0; c < SYNTHETIC_SAMPLES; c++) {
            const bool right = rng_uniform((Rng){.seed = 3, .stream = RNG_TEST}, (uint64_t)step, (uint32_t)p,
                                           (uint64_t)c) < 0.2 + 0.5 * r;
            synthetic_text(text, sizeof text, task, p / 4, step, right);
            const StoredCompletion completion = {.phase = STORED_EVALUATION,
                                                 .suite = "held_out",
                                                 .step = step,
                                                 .prompt_index = (task * 64 + 1) * 100000 + p / 4,
                                                 .completion_index = c,
                                                 .problem_key = key,
                                                 .text = text,
                                                 .text_length = strlen(text),
                                                 .n_ids = (int64_t)strlen(text) / 3,
                                                 .stopped = true,
                                                 .accuracy = right,
                                                 .format = 1,
                                                 .reward = 1 + right,
                                                 .advantage = NAN,
                                                 .verdict = right,
                                                 .reflective_words = -1,
                                                 .style = STORED_STYLE_UNKNOWN};
            must(run_store_add_completion(store, &completion, &err), &err);
        }
    }
}

/* Writes a whole run into an existing folder. */
__attribute__((unused)) static void synthetic_run(const char *folder)
{
    Error err = {0};
    MetricsWriter *metrics = NULL;
    RunStore *store = NULL;
    MetricsRow row = {0};
    must(metrics_open(&metrics, folder, -1, &err), &err);
    must(run_store_open(&store, folder, &err), &err);
    must(run_store_set_meta(store, "recipe",
                            "name: synthetic\nseed: 1\nsteps: 300\nnote: \"</pre><script>alert(3)</script>\"\n", &err),
         &err);
    for (int64_t step = 0; step <= SYNTHETIC_STEPS; step++) {
        synthetic_row(&row, step);
        if (step % SYNTHETIC_EVAL_EVERY == 0) {
            must(run_store_begin(store, &err), &err);
            synthetic_evaluation(store, step);
            synthetic_completions(store, step);
            must(run_store_commit(store, &err), &err);
        }
        must(metrics_append(metrics, &row, &err), &err);
    }
    metrics_row_free(&row);
    metrics_close(metrics);
    run_store_close(store);
}

/* Not durable on purpose: damage tests write hundreds of files, and waiting for the disk each time would take minutes. */
__attribute__((unused)) static void write_plain(const char *path, const void *bytes, size_t length)
{
    FILE *const file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) abort();
}

/* A fresh folder, in memory where that is to be had (these tests wait for the disk thousands of times); base_free it. */
__attribute__((unused)) static char *temporary_folder(void)
{
    const char *const parent = getenv("TMPDIR");
    const char *const usual = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    char *const path = base_printf("%s/r1-test-XXXXXX", parent && *parent ? parent : usual);
    if (!mkdtemp(path)) abort();
    return path;
}

__attribute__((unused)) static void remove_folder(char *path)
{
    Error err = {0};
    must(file_remove_tree(path, &err), &err);
    base_free(path);
}

#endif

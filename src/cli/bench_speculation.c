/* SPDX-License-Identifier: MIT */
/* cli/bench_speculation.c: the same completions with and without guesses, in turn, so that a machine that slows down slows both; the
 * median of the pairs' ratios counts. Beside the time on the wall stands that of the processor, which on a busy machine is the one to read
 * (with --threads 1: threads that wait for each other count in it). Greedy texts of a model soon repeat themselves and are the repetitive case; texts at temperature 1 are the
 * other. Both runs give the same ids, which is checked. */
#include "cli/bench_speculation.h"

#include "base/arena.h"
#include "base/clock.h"
#include "rollout/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_LENGTH = 256, DEFAULT_PAIRS = 9, PROMPT = 24, SEED = 1 };

typedef struct Side {
    SamplingParams params;
    RolloutEngine *engine;
    RolloutStats stats;
    uint64_t ids; /* a hash of all ids, whatever order completions end in */
    double seconds, cpu_seconds;
} Side;

typedef struct Ratios {
    double *wall, *cpu; /* [n_pairs]: without / with */
} Ratios;

typedef struct Bench {
    Cli *cli;
    Compute compute;
    Model model;
    const char *name;
    int64_t batch, length, n_pairs;
    int32_t *ids;
    RolloutPrompt *prompts;
} Bench;

static bool add_ids(void *context, const Completion *c, Error *err)
{
    Side *const side = context;
    uint64_t hash = (uint64_t)c->prompt;
    (void)err;
    for (int64_t i = 0; i < c->n_ids; i++) hash = (hash ^ (uint64_t)c->ids[i]) * 0x9E3779B97F4A7C15u;
    side->ids ^= hash;
    return true;
}

static bool run_side(const Bench *b, Side *side, Error *err)
{
    const double start = clock_seconds(), cpu_start = clock_process_seconds();
    side->ids = 0;
    if (!engine_run(side->engine, b->prompts, b->batch, 1, &side->params, add_ids, side, &side->stats, err))
        return false;
    side->seconds = clock_seconds() - start;
    side->cpu_seconds = clock_process_seconds() - cpu_start;
    return true;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool report(const Bench *b, const char *what, const Side *with, const Ratios *ratios, Error *err)
{
    char name[200];
    qsort(ratios->wall, (size_t)b->n_pairs, sizeof *ratios->wall, by_value);
    qsort(ratios->cpu, (size_t)b->n_pairs, sizeof *ratios->cpu, by_value);
    const double median = ratios->wall[b->n_pairs / 2], low = ratios->wall[b->n_pairs / 4],
                 high = ratios->wall[b->n_pairs - 1 - b->n_pairs / 4], cpu = ratios->cpu[b->n_pairs / 2];
    const double a_step = (double)with->stats.decode_tokens / (double)with->stats.decode_steps;
    snprintf(name, sizeof name, "%s batch %" PRId64 " %s", b->name, b->batch, what);
    cli_print(b->cli,
              "speculation %-40s %5.2f times as fast (quartiles %.2f to %.2f; %.2f by processor time)  %.2f tokens a "
              "step, %" PRId64 " of %" PRId64 " guesses right\n",
              name, median, low, high, cpu, a_step, with->stats.accepted_tokens, with->stats.drafted_tokens);
    if (!b->cli->json) return true;
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "bench", "speculation");
    json_out_kv_string(&out, "case", name);
    json_out_kv_double(&out, "value", median);
    json_out_kv_string(&out, "unit", "times");
    json_out_kv_int(&out, "threads", threads_count(b->compute.threads));
    json_out_kv_string(&out, "isa", cpu_isa_name(b->compute.k->isa));
    json_out_kv_double(&out, "lower_quartile", low);
    json_out_kv_double(&out, "upper_quartile", high);
    json_out_kv_double(&out, "by_processor_time", cpu);
    json_out_kv_double(&out, "tokens_per_step", a_step);
    json_out_kv_int(&out, "drafted", with->stats.drafted_tokens);
    json_out_kv_int(&out, "accepted", with->stats.accepted_tokens);
    json_out_kv_int(&out, "module_drafted", with->stats.module_drafted);
    json_out_kv_int(&out, "module_accepted", with->stats.module_accepted);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool measure(Bench *b, const char *what, double temperature, Error *err)
{
    Side sides[2] = {0}; /* without, with */
    const Ratios ratios = {base_alloc((size_t)b->n_pairs, sizeof(double)),
                           base_alloc((size_t)b->n_pairs, sizeof(double))};
    bool ok = true;
    for (int i = 0; i < 2 && ok; i++) {
        sides[i].params = (SamplingParams){.temperature = temperature,
                                           .top_p = 1.0,
                                           .max_tokens = b->length,
                                           .seed = SEED,
                                           .ignore_eos = true,
                                           .speculation = i ? SPECULATION_ON : SPECULATION_OFF};
        ok = engine_create(&sides[i].engine, &b->model, &b->compute, b->batch, PROMPT + b->length, err) &&
             run_side(b, &sides[i], err); /* pages are touched, caches filled */
    }
    for (int64_t pair = 0; ok && pair < b->n_pairs; pair++) {
        const int first = (int)(pair % 2);
        ok = run_side(b, &sides[first], err) && run_side(b, &sides[1 - first], err);
        ratios.wall[pair] = sides[0].seconds / sides[1].seconds;
        ratios.cpu[pair] = sides[0].cpu_seconds / sides[1].cpu_seconds;
        if (ok && sides[0].ids != sides[1].ids)
            ok = error_set(err, ERROR_BUG, "%s: speculation gave other ids", b->name);
    }
    ok = ok && report(b, what, &sides[1], &ratios, err);
    for (int i = 0; i < 2; i++) engine_free(sides[i].engine);
    base_free(ratios.wall);
    base_free(ratios.cpu);
    return ok;
}

static void make_prompts(Bench *b)
{
    const uint64_t V = (uint64_t)b->model.config.vocab_size;
    b->ids = base_alloc((size_t)(b->batch * PROMPT), sizeof *b->ids);
    b->prompts = base_alloc((size_t)b->batch, sizeof *b->prompts);
    for (int64_t i = 0; i < b->batch * PROMPT; i++)
        b->ids[i] = (int32_t)(rng_bits((Rng){SEED, RNG_INIT}, 0, 3, (uint64_t)i) % V);
    for (int64_t p = 0; p < b->batch; p++)
        b->prompts[p] = (RolloutPrompt){.ids = b->ids + p * PROMPT, .n_ids = PROMPT, .draw_a = (uint64_t)p};
}

bool bench_speculation(Cli *cli, const BenchModelOptions *options, Error *err)
{
    Bench b = {.cli = cli,
               .batch = options->batch > 0 ? options->batch : 1,
               .length = options->length > 0 ? options->length : DEFAULT_LENGTH,
               .n_pairs = options->repeats > 0 ? options->repeats : DEFAULT_PAIRS};
    bool ok = bench_model_open(&b.model, &b.name, &b.compute, cli, options, err);
    if (ok) make_prompts(&b);
    ok = ok && measure(&b, "greedy", 0.0, err) && measure(&b, "temperature 1", 1.0, err);
    model_free(&b.model);
    base_free(b.ids);
    base_free(b.prompts);
    return ok;
}

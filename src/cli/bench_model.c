/* SPDX-License-Identifier: MIT */
/* cli/bench_model.c: how near decoding, rollouts and training come to the FMA peak.
 *
 * What is counted is the work that the model's equations ask for, not what the program does: with N all parameters (the embedding
 * once, as the head), H C the width of the query heads and L layers,
 *
 *   forward    2 N a token + 4 L H C a (token, key it sees) pair:  q k and p v, 2 H C each
 *   training   6 N a token + 12 L H C a pair:                      backward is twice the forward
 *
 * A token at position i of its sequence sees i + 1 keys. Rows without a prediction (a prompt's) do not pay for the head. That a
 * backward makes p again from q k, that tiles compute past the diagonal, norms, exponentials, the sampler and the optimiser all count
 * as nothing: they are what keeps the fraction below one.
 *
 * The peak is measured before each repetition and after the last, so a machine that slows down slows both. */
#include "cli/bench_model.h"

#include "base/arena.h"
#include "base/clock.h"
#include "cli/bench_speculation.h"
#include "num/math.h"
#include "num/peak.h"
#include "rollout/engine.h"
#include "train/batch.h"
#include "train/grpo.h"
#include "train/optimizer.h"
#include "train/sft.h"

#include <string.h>

enum { RANDOM_SEED = 1, DEFAULT_REPEATS = 3 };

/* What every case starts with. */
typedef struct Bench {
    Cli *cli;
    const BenchModelOptions *options;
    Compute compute;
    Model model;
    const char *model_name;
} Bench;

/* What one repetition did. */
typedef struct Lap {
    double seconds, operations;
    int64_t tokens;
} Lap;

typedef bool (*BenchLap)(void *context, Lap *lap, Error *err);

static int64_t given(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static double head_parameters(const ModelConfig *c)
{
    return (double)(c->vocab_size * c->hidden_size);
}

/* N: all parameters, the embedding once. */
static double counted_parameters(const ModelConfig *c)
{
    return (double)model_parameters(c) - (c->tied_head ? 0.0 : head_parameters(c));
}

static double pair_operations(const ModelConfig *c)
{
    return 2.0 * (double)(c->n_layers * model_pair_macs(c));
}

/* Pairs of n consecutive tokens, the first at position `first`. */
static double pairs(int64_t first, int64_t n)
{
    return (double)n * (double)first + (double)n * (double)(n + 1) / 2.0;
}

/* Forward of n tokens from position `first` on, n_predicted of them with the head. */
static double forward_operations(const ModelConfig *c, int64_t first, int64_t n, int64_t n_predicted)
{
    return 2.0 * (double)n * (counted_parameters(c) - head_parameters(c)) +
           2.0 * (double)n_predicted * head_parameters(c) + pair_operations(c) * pairs(first, n);
}

bool bench_model_open(Model *model, const char **name, Compute *compute, Cli *cli, const BenchModelOptions *options,
                      Error *err)
{
    if (!cli_kernels(cli, &compute->k, err) || !cli_threads(cli, &compute->threads, err)) return false;
    if (options->folder) {
        *name = options->folder;
        return model_open(model, options->folder, compute, err);
    }
    *name = options->shape ? options->shape : model_config_names()[0];
    ModelConfig config;
    if (!model_config_named(&config, *name))
        return error_set(err, ERROR_USAGE, "--shape %s: unknown; `r1 bench --help` lists them", *name);
    if (!model_create(model, &config, err)) return false;
    model_init(model, RANDOM_SEED, 0.02);
    model_pack(model, compute);
    return true;
}

static bool bench_begin(Bench *b, Cli *cli, const BenchModelOptions *options, Error *err)
{
    *b = (Bench){.cli = cli, .options = options};
    return bench_model_open(&b->model, &b->model_name, &b->compute, cli, options, err);
}

static void bench_end(Bench *b)
{
    model_free(&b->model);
}

static bool report(const Bench *b, const char *bench, const char *name, const Lap *best, double limit, Error *err)
{
    const double rate = best->operations / best->seconds;
    if (!b->cli->json) {
        cli_print(b->cli, "%-8s %-48s %9.1f GFLOP/s  %5.1f%% of the FMA peak (%.1f)  %10.0f tokens/s\n", bench, name,
                  rate * 1e-9, 100.0 * rate / limit, limit * 1e-9, (double)best->tokens / best->seconds);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "bench", bench);
    json_out_kv_string(&out, "case", name);
    json_out_kv_double(&out, "value", rate * 1e-9);
    json_out_kv_string(&out, "unit", "GFLOP/s");
    json_out_kv_int(&out, "threads", threads_count(b->compute.threads));
    json_out_kv_string(&out, "isa", cpu_isa_name(b->compute.k->isa));
    json_out_kv_double(&out, "limit", limit * 1e-9);
    json_out_kv_string(&out, "limit_kind", "fma");
    json_out_kv_double(&out, "fraction_of_limit", rate / limit);
    json_out_kv_double(&out, "tokens_per_second", (double)best->tokens / best->seconds);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* One lap that is not counted (pages are touched, caches filled), then peak and lap in turn; best of each. */
static bool measure(const Bench *b, const char *bench, const char *name, BenchLap lap, void *context, Error *err)
{
    enum { PEAK_ROUNDS = 4 };
    const int64_t repeats = given(b->options->repeats, DEFAULT_REPEATS);
    Lap best = {0};
    double limit = 0.0;
    for (int64_t i = 0; i <= repeats; i++) {
        Lap now = {0};
        const double peak = peak_fma_flops(b->compute.k->isa, b->compute.threads, PEAK_ROUNDS);
        if (peak > limit) limit = peak;
        if (!lap(context, &now, err)) return false;
        if (i > 0 && (i == 1 || now.operations * best.seconds > best.operations * now.seconds)) best = now;
    }
    const double peak = peak_fma_flops(b->compute.k->isa, b->compute.threads, PEAK_ROUNDS);
    return report(b, bench, name, &best, peak > limit ? peak : limit, err);
}

/* Ids that look like text to the program: any of the vocabulary. */
static int32_t *random_ids(int64_t n, int64_t vocab_size)
{
    int32_t *ids = base_alloc((size_t)n, sizeof *ids);
    const Rng rng = {RANDOM_SEED, RNG_INIT};
    for (int64_t i = 0; i < n; i++) ids[i] = (int32_t)(rng_uniform(rng, 0, 2, (uint64_t)i) * (double)vocab_size);
    return ids;
}

/* ---- training ---- */

typedef struct TrainBench {
    const Bench *bench;
    Model *model;
    Trainer trainer;
    Optimizer optimizer;
    int32_t *ids;
    TrainSequence *sequences;
    TrainGroup *groups;
    TrainBatch batch;
    float *logprobs, *entropies;
    DecoderLoss loss;
    void *loss_context;
    double operations;
    int64_t n_tokens;
} TrainBench;

/* Gradient and update of one optimiser batch. */
static bool train_lap(void *context, Lap *lap, Error *err)
{
    TrainBench *t = context;
    const Compute *compute = &t->bench->compute;
    double norm;
    const double start = clock_seconds();
    if (!trainer_gradient(&t->trainer, t->model, &t->batch, 1.0f, t->loss, t->loss_context, t->logprobs, t->entropies,
                          err) ||
        !optimizer_update(&t->optimizer, t->model, t->trainer.gradients[0].flat, 1e-4, compute, &norm, err))
        return false;
    *lap = (Lap){clock_seconds() - start, t->operations, t->n_tokens};
    return true;
}

static bool train_begin(TrainBench *t, Bench *b, int64_t micro_batch_tokens, Error *err)
{
    const OptimizerConfig config = {.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .max_grad_norm = 1.0};
    t->bench = b;
    t->model = &b->model;
    return trainer_create(&t->trainer, &b->model, &b->compute, micro_batch_tokens, 1, false, err) &&
           optimizer_create(&t->optimizer, &config, &b->model, err);
}

static void train_end(TrainBench *t)
{
    trainer_free(&t->trainer);
    optimizer_free(&t->optimizer);
    base_free(t->ids);
    base_free(t->sequences);
    base_free(t->groups);
    base_free(t->logprobs);
    base_free(t->entropies);
}

enum { MICRO_BATCH_TOKENS = 1024 };

/* Cross-entropy over documents of one length. */
static bool run_documents(Bench *b, Error *err)
{
    const ModelConfig *c = &b->model.config;
    const int64_t length = given(b->options->length, 256), n = (given(b->options->tokens, 2048) + length - 1) / length;
    TrainBench t = {.ids = random_ids(n * length + 1, c->vocab_size)};
    t.sequences = base_alloc((size_t)n, sizeof *t.sequences);
    t.groups = base_alloc((size_t)n, sizeof *t.groups);
    t.n_tokens = n * length;
    t.logprobs = base_alloc((size_t)t.n_tokens, sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        const int32_t *ids = t.ids + i * length;
        t.sequences[i] = (TrainSequence){.inputs = ids, .targets = ids + 1, .n_rows = length};
        t.groups[i] = (TrainGroup){.first_sequence = i, .n_sequences = 1};
    }
    t.batch = (TrainBatch){t.groups, n, t.sequences, n};
    SftLoss loss = {NULL, 1.0 / (double)t.n_tokens};
    t.loss = sft_loss_gradient;
    t.loss_context = &loss;
    t.operations = 3.0 * (double)n * forward_operations(c, 0, length, length);
    char name[160];
    snprintf(name, sizeof name, "%s %lld documents of %lld tokens", b->model_name, (long long)n, (long long)length);
    const bool ok = train_begin(&t, b, MICRO_BATCH_TOKENS, err) && measure(b, "train", name, train_lap, &t, err);
    train_end(&t);
    return ok;
}

static bool bench_train(Cli *cli, const BenchModelOptions *options, Error *err)
{
    Bench b;
    const bool ok = bench_begin(&b, cli, options, err) && run_documents(&b, err);
    bench_end(&b);
    return ok;
}

/* Groups of completions whose lengths differ as a policy's do, over one shared prompt each. */
static bool run_groups(Bench *b, Error *err)
{
    enum { GROUP = 16, PROMPT = 20 };
    const ModelConfig *c = &b->model.config;
    const int64_t mean = given(b->options->length, 40);
    const int64_t n_groups = (given(b->options->tokens, 4096) + GROUP * mean - 1) / (GROUP * mean),
                  n = n_groups * GROUP;
    TrainBench t = {.ids = random_ids(n * 2 * mean + PROMPT + 1, c->vocab_size)};
    t.sequences = base_alloc((size_t)n, sizeof *t.sequences);
    t.groups = base_alloc((size_t)n_groups, sizeof *t.groups);
    int64_t *starts = base_alloc((size_t)n + 1, sizeof *starts);
    float *advantages = base_alloc((size_t)n, sizeof *advantages);
    for (int64_t s = 0; s < n; s++) {
        /* Half the mean to one and a half, in an order that mixes them. */
        const int64_t rows = mean / 2 + (s * 7 % GROUP) * mean / (GROUP - 1);
        const int64_t length = rows > 0 ? rows : 1;
        t.sequences[s] =
            (TrainSequence){.inputs = t.ids + starts[s], .targets = t.ids + starts[s] + 1, .n_rows = length};
        starts[s + 1] = starts[s] + length;
        advantages[s] = s % 3 == 0 ? 1.0f : -0.5f;
        t.operations += 3.0 * forward_operations(c, PROMPT, length, length);
    }
    for (int64_t g = 0; g < n_groups; g++) {
        t.groups[g] =
            (TrainGroup){.prompt = t.ids + g, .n_prompt = PROMPT, .first_sequence = g * GROUP, .n_sequences = GROUP};
        t.operations += 3.0 * forward_operations(c, 0, PROMPT, 0);
    }
    t.batch = (TrainBatch){t.groups, n_groups, t.sequences, n};
    t.n_tokens = starts[n];
    t.logprobs = base_alloc((size_t)t.n_tokens, sizeof(float));
    t.entropies = base_alloc((size_t)t.n_tokens, sizeof(float));
    float *old = base_alloc((size_t)t.n_tokens, sizeof *old),
          *weights = base_alloc((size_t)t.n_tokens, sizeof *weights);
    for (int64_t i = 0; i < t.n_tokens; i++) old[i] = (float)-math_log((double)c->vocab_size);
    GrpoBatch grpo = {.n_tokens = t.n_tokens,
                      .n_sequences = n,
                      .sequence_start = starts,
                      .advantages = advantages,
                      .old_logprobs = old,
                      .weights = weights};
    const GrpoConfig config = {.loss_type = LOSS_DAPO, .clip_low = 0.2, .clip_high = 0.28};
    grpo_weights(&grpo, &config, n, t.n_tokens);
    GrpoLoss loss = {&grpo, &config};
    t.loss = grpo_loss_gradient;
    t.loss_context = &loss;
    char name[160];
    snprintf(name, sizeof name, "%s %lld groups of %d completions of about %lld tokens", b->model_name,
             (long long)n_groups, GROUP, (long long)mean);
    const bool ok = train_begin(&t, b, MICRO_BATCH_TOKENS, err) && measure(b, "grpo", name, train_lap, &t, err);
    train_end(&t);
    base_free(starts);
    base_free(advantages);
    base_free(old);
    base_free(weights);
    return ok;
}

static bool bench_grpo(Cli *cli, const BenchModelOptions *options, Error *err)
{
    Bench b;
    const bool ok = bench_begin(&b, cli, options, err) && run_groups(&b, err);
    bench_end(&b);
    return ok;
}

/* ---- sampling ---- */

typedef struct RolloutBench {
    const Bench *bench;
    RolloutEngine *engine;
    const RolloutPrompt *prompts;
    int64_t n_prompts, n_completions;
    SamplingParams params;
    bool decode_only;  /* time and count decoding alone */
    double operations; /* of the lap in hand */
    int64_t n_tokens;
} RolloutBench;

static bool count_completion(void *context, const Completion *completion, Error *err)
{
    RolloutBench *r = context;
    (void)err;
    const int64_t first = r->prompts[completion->prompt].n_ids - 1;
    r->operations += forward_operations(&r->bench->model.config, first, completion->n_ids, completion->n_ids);
    r->n_tokens += completion->n_ids;
    return true;
}

static bool rollout_lap(void *context, Lap *lap, Error *err)
{
    RolloutBench *r = context;
    RolloutStats stats;
    r->operations = 0.0;
    r->n_tokens = 0;
    const double start = clock_seconds();
    if (!engine_run(r->engine, r->prompts, r->n_prompts, r->n_completions, &r->params, count_completion, r, &stats,
                    err))
        return false;
    const double seconds = clock_seconds() - start;
    if (!r->decode_only)
        for (int64_t p = 0; p < r->n_prompts; p++)
            r->operations += forward_operations(&r->bench->model.config, 0, r->prompts[p].n_ids - 1, 0);
    *lap = (Lap){r->decode_only ? stats.decode_seconds : seconds, r->operations, r->n_tokens};
    return true;
}

static bool run_rollout(RolloutBench *r, Bench *b, int64_t n_prompt, int64_t max_active, const char *bench,
                        const char *name, Error *err)
{
    r->bench = b;
    int32_t *ids = random_ids(r->n_prompts * n_prompt, b->model.config.vocab_size);
    RolloutPrompt *prompts = base_alloc((size_t)r->n_prompts, sizeof *prompts);
    for (int64_t p = 0; p < r->n_prompts; p++)
        prompts[p] = (RolloutPrompt){.ids = ids + p * n_prompt, .n_ids = n_prompt, .draw_a = (uint64_t)p};
    r->prompts = prompts;
    const bool ok =
        engine_create(&r->engine, &b->model, &b->compute, max_active, n_prompt + r->params.max_tokens, err) &&
        measure(b, bench, name, rollout_lap, r, err);
    engine_free(r->engine);
    base_free(prompts);
    base_free(ids);
    return ok;
}

/* Sequences that share nothing, 32 tokens each around the context asked for. */
static bool run_decode(Bench *b, Error *err)
{
    enum { STEPS = 32 };
    const int64_t batch = given(b->options->batch, 64), context = given(b->options->length, 256);
    RolloutBench r = {.n_prompts = batch, .n_completions = 1, .decode_only = true};
    r.params = (SamplingParams){
        .temperature = 1.0, .top_p = 1.0, .max_tokens = STEPS, .seed = RANDOM_SEED, .ignore_eos = true};
    char name[160];
    snprintf(name, sizeof name, "%s batch %lld context %lld", b->model_name, (long long)batch, (long long)context);
    return run_rollout(&r, b, context > STEPS / 2 ? context - STEPS / 2 : 1, batch, "decode", name, err);
}

static bool bench_decode(Cli *cli, const BenchModelOptions *options, Error *err)
{
    Bench b;
    const bool ok = bench_begin(&b, cli, options, err) && run_decode(&b, err);
    bench_end(&b);
    return ok;
}

/* A rollout of RL, prefill and refills included. With random weights every id is about as likely as another, so the first few ids as stop
 * ids make lengths that spread widely. */
static bool run_policy(Bench *b, Error *err)
{
    enum { PROMPTS = 16, COMPLETIONS = 16, PROMPT = 20, MAX_ACTIVE = 128 };
    const int64_t length = given(b->options->length, 80), active = given(b->options->batch, MAX_ACTIVE);
    RolloutBench r = {.n_prompts = PROMPTS, .n_completions = COMPLETIONS};
    r.params = (SamplingParams){.temperature = 1.0, .top_p = 1.0, .max_tokens = length, .seed = RANDOM_SEED};
    if (!b->options->folder) {
        b->model.config.n_eos = MODEL_MAX_EOS;
        for (int i = 0; i < MODEL_MAX_EOS; i++) b->model.config.eos_ids[i] = i;
    }
    char name[160];
    snprintf(name, sizeof name, "%s %d prompts of %d tokens with %d completions", b->model_name, PROMPTS, PROMPT,
             COMPLETIONS);
    return run_rollout(&r, b, PROMPT, active, "rollout", name, err);
}

static bool bench_rollout(Cli *cli, const BenchModelOptions *options, Error *err)
{
    Bench b;
    const bool ok = bench_begin(&b, cli, options, err) && run_policy(&b, err);
    bench_end(&b);
    return ok;
}

static const BenchModelCase CASES[] = {
    {"decode", bench_decode}, {"rollout", bench_rollout}, {"speculation", bench_speculation},
    {"train", bench_train},   {"grpo", bench_grpo},
};

const BenchModelCase *bench_model_case(const char *name)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (strcmp(CASES[i].name, name) == 0) return &CASES[i];
    return NULL;
}

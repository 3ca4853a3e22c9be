/* SPDX-License-Identifier: MIT */
/* eval/parity_grpo.c: kind grpo: advantages, losses and gradients of the variants, and the optimiser fed with the golden gradients. */
#include "eval/parity_session.h"

#include "base/arena.h"
#include "base/json.h"
#include "train/grpo.h"
#include "train/optimizer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Variant {
    const char *name;
    LossType loss_type;
    bool centred_only; /* advantages are not divided by a standard deviation */
} Variant;

static const Variant VARIANTS[] = {{"grpo", LOSS_GRPO, false},
                                   {"dr_grpo", LOSS_DR_GRPO, true},
                                   {"dapo", LOSS_DAPO, false},
                                   {"gspo", LOSS_GSPO, false}};
enum { N_VARIANTS = sizeof VARIANTS / sizeof VARIANTS[0] };

/* golden.json */
typedef struct Settings {
    int64_t group_size;
    double advantage_eps;
    AdvantageScale scale;
    bool has_variant[N_VARIANTS];
    GrpoConfig configs[N_VARIANTS];
    bool has_adamw;
    OptimizerConfig adamw;
    double learning_rate;
} Settings;

/* Everything of the batch but the variants. Groups share their prompt: its rows but the last come once. */
typedef struct Golden {
    int64_t n_groups, n_sequences, n_tokens;
    int32_t **prompts, **completions; /* [n_groups], [n_sequences] */
    int64_t *prompt_lengths, *lengths;
    int32_t **inputs; /* [n_sequences]: last token of the prompt, the completion but its last */
    TrainGroup *groups;
    TrainSequence *sequences;
    int64_t *sequence_start; /* [n_sequences + 1] */
    double *rewards;
    float *old_logprobs, *ref_logprobs, *logprobs, *entropies, *weights; /* [n_tokens] */
    float *advantages, *centred, *ratios;                                /* [n_sequences] */
} Golden;

/* ---- settings ---- */

static bool read_variant(Settings *settings, const char *name, const json_t *json, Error *err)
{
    for (int v = 0; v < N_VARIANTS; v++) {
        if (strcmp(VARIANTS[v].name, name) != 0) continue;
        GrpoConfig *c = &settings->configs[v];
        *c = (GrpoConfig){.loss_type = VARIANTS[v].loss_type, .clip_low = 0.2, .clip_high = 0.2};
        settings->has_variant[v] = true;
        if (!json_get_double(json, "clip_low", &c->clip_low, err) ||
            !json_get_double(json, "clip_high", &c->clip_high, err) ||
            !json_get_double(json, "beta", &c->kl_coef, err) ||
            !json_get_int(json, "max_completion_length", 1, INT32_MAX, &c->max_completion_tokens, err))
            return error_in(err, "variants.%s", name);
        if (c->loss_type == LOSS_DR_GRPO && c->max_completion_tokens == 0)
            return error_set(err, ERROR_INPUT, "variants.%s: \"max_completion_length\" is missing", name);
        return true;
    }
    return error_set(err, ERROR_INPUT, "variants.%s: this program knows grpo, dr_grpo, dapo and gspo", name);
}

static bool read_scale(Settings *settings, const json_t *json, Error *err)
{
    const char *text = "sample";
    size_t length;
    if (!json_get_string(json, "std", &text, &length, err)) return false;
    if (strncmp(text, "population", 10) == 0)
        settings->scale = SCALE_GROUP_STD_POPULATION;
    else if (strncmp(text, "sample", 6) == 0)
        settings->scale = SCALE_GROUP_STD;
    else if (strncmp(text, "none", 4) == 0)
        settings->scale = SCALE_NONE;
    else
        return error_set(err, ERROR_INPUT, "std: \"%.60s\" begins with none of population, sample, none", text);
    return true;
}

static bool read_adamw(Settings *settings, const json_t *json, Error *err)
{
    OptimizerConfig *c = &settings->adamw;
    if (!json) return true;
    settings->has_adamw = true;
    *c = (OptimizerConfig){.beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
    if (!json_require(json, "lr", err) || !json_get_double(json, "lr", &settings->learning_rate, err) ||
        !json_get_double(json, "beta1", &c->beta1, err) || !json_get_double(json, "beta2", &c->beta2, err) ||
        !json_get_double(json, "eps", &c->eps, err) || !json_get_double(json, "weight_decay", &c->weight_decay, err) ||
        !json_get_double(json, "max_grad_norm", &c->max_grad_norm, err))
        return error_in(err, "adamw");
    return true;
}

static bool settings_parse(Settings *settings, const json_t *json, Error *err)
{
    *settings = (Settings){.advantage_eps = 1e-4};
    if (!json_is_object(json)) return error_set(err, ERROR_INPUT, "expected an object");
    if (!json_require(json, "group_size", err) ||
        !json_get_int(json, "group_size", 1, INT32_MAX, &settings->group_size, err) ||
        !json_get_double(json, "advantage_eps", &settings->advantage_eps, err) || !read_scale(settings, json, err))
        return false;
    const json_t *variants = json_object_get(json, "variants");
    if (!json_is_object(variants)) return error_set(err, ERROR_INPUT, "\"variants\" is missing or not an object");
    const char *name;
    json_t *variant;
    json_object_foreach((json_t *)(uintptr_t)variants, name,
                        variant) if (!read_variant(settings, name, variant, err)) return false;
    return read_adamw(settings, json_object_get(json, "adamw"), err);
}

static bool settings_read(Settings *settings, const char *golden, Error *err)
{
    const char *slash = strrchr(golden, '/');
    char *path = base_printf("%.*sgolden.json", slash ? (int)(slash + 1 - golden) : 0, golden);
    json_t *json = json_read_file(path, err);
    const bool ok = json && (settings_parse(settings, json, err) || error_in(err, "%s", path));
    json_decref(json);
    base_free(path);
    return ok;
}

/* ---- the batch ---- */

static void golden_free(Golden *g)
{
    for (int64_t i = 0; i < g->n_groups; i++) base_free(g->prompts[i]);
    for (int64_t i = 0; i < g->n_sequences; i++) base_free(g->completions[i]), base_free(g->inputs[i]);
    void *const all[] = {g->prompts,      g->completions, g->inputs,         g->prompt_lengths, g->lengths,
                         g->groups,       g->sequences,   g->sequence_start, g->rewards,        g->old_logprobs,
                         g->ref_logprobs, g->logprobs,    g->entropies,      g->weights,        g->advantages,
                         g->centred,      g->ratios};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) base_free(all[i]);
}

static bool read_prompts(Golden *g, ParitySession *s, Error *err)
{
    int64_t n;
    if (!parity_count(s, "prompt", "ids", &n, err)) return false;
    g->prompts = base_alloc((size_t)n, sizeof *g->prompts);
    g->prompt_lengths = base_alloc((size_t)n, sizeof *g->prompt_lengths);
    g->groups = base_alloc((size_t)n, sizeof *g->groups);
    g->n_groups = n;
    for (int64_t i = 0; i < n; i++) {
        if (!parity_read_ids(s, &g->prompts[i], &g->prompt_lengths[i], err, "prompt%" PRId64 ".ids", i)) return false;
        if (g->prompt_lengths[i] < 1)
            return error_set(err, ERROR_INPUT, "%s: tensor \"prompt%" PRId64 ".ids\" is empty", s->request->golden, i);
    }
    return true;
}

static void make_sequence(Golden *g, int64_t i, int64_t group)
{
    const int64_t n = g->lengths[i];
    g->inputs[i] = base_alloc((size_t)n, sizeof **g->inputs);
    g->inputs[i][0] = g->prompts[group][g->prompt_lengths[group] - 1];
    memcpy(g->inputs[i] + 1, g->completions[i], (size_t)(n - 1) * sizeof **g->inputs);
    g->sequences[i] = (TrainSequence){.inputs = g->inputs[i], .targets = g->completions[i], .n_rows = n};
    g->sequence_start[i + 1] = g->sequence_start[i] + n;
}

static bool read_completions(Golden *g, ParitySession *s, int64_t group_size, Error *err)
{
    int64_t n;
    if (!parity_count(s, "completion", "ids", &n, err)) return false;
    if (n != g->n_groups * group_size)
        return error_set(err, ERROR_INPUT,
                         "%s: %" PRId64 " completions are not %" PRId64 " prompts times group_size %" PRId64,
                         s->request->golden, n, g->n_groups, group_size);
    g->completions = base_alloc((size_t)n, sizeof *g->completions);
    g->inputs = base_alloc((size_t)n, sizeof *g->inputs);
    g->lengths = base_alloc((size_t)n, sizeof *g->lengths);
    g->sequences = base_alloc((size_t)n, sizeof *g->sequences);
    g->sequence_start = base_alloc((size_t)n + 1, sizeof *g->sequence_start);
    g->n_sequences = n;
    for (int64_t i = 0; i < n; i++) {
        if (!parity_read_ids(s, &g->completions[i], &g->lengths[i], err, "completion%" PRId64 ".ids", i)) return false;
        if (g->lengths[i] < 1)
            return error_set(err, ERROR_INPUT, "%s: tensor \"completion%" PRId64 ".ids\" is empty", s->request->golden,
                             i);
        if (!model_reserve_positions(&s->model, g->prompt_lengths[i / group_size] - 1 + g->lengths[i], err))
            return error_in(err, "%s: completion%" PRId64, s->request->golden, i);
        make_sequence(g, i, i / group_size);
    }
    for (int64_t p = 0; p < g->n_groups; p++)
        g->groups[p] = (TrainGroup){g->prompts[p], g->prompt_lengths[p] - 1, p * group_size, group_size};
    g->n_tokens = g->sequence_start[n];
    return true;
}

/* completionI.<what> of every completion, one behind the other. */
static bool read_logprobs(const Golden *g, ParitySession *s, const char *what, float *all, Error *err)
{
    for (int64_t i = 0; i < g->n_sequences; i++) {
        float *values;
        int64_t n;
        if (!parity_read_f32(s, &values, &n, err, "completion%" PRId64 ".%s", i, what)) return false;
        if (n == g->lengths[i]) memcpy(all + g->sequence_start[i], values, (size_t)n * sizeof *values);
        base_free(values);
        if (n != g->lengths[i])
            return error_set(err, ERROR_INPUT, "%s: completion%" PRId64 " has %" PRId64 " ids and %" PRId64 " %s",
                             s->request->golden, i, g->lengths[i], n, what);
    }
    return true;
}

static bool read_rewards(Golden *g, ParitySession *s, Error *err)
{
    float *rewards;
    int64_t n;
    if (!parity_read_f32(s, &rewards, &n, err, "rewards")) return false;
    g->rewards = base_alloc((size_t)g->n_sequences, sizeof *g->rewards);
    for (int64_t i = 0; i < n && i < g->n_sequences; i++) g->rewards[i] = (double)rewards[i];
    base_free(rewards);
    return n == g->n_sequences || error_set(err, ERROR_INPUT, "%s: %" PRId64 " rewards for %" PRId64 " completions",
                                            s->request->golden, n, g->n_sequences);
}

static bool golden_read(Golden *g, ParitySession *s, const Settings *settings, Error *err)
{
    if (!read_prompts(g, s, err) || !read_completions(g, s, settings->group_size, err) || !read_rewards(g, s, err))
        return false;
    float **const token_lists[] = {&g->old_logprobs, &g->ref_logprobs, &g->logprobs, &g->entropies, &g->weights};
    for (int i = 0; i < 5; i++) *token_lists[i] = base_alloc((size_t)g->n_tokens, sizeof(float));
    float **const sequence_lists[] = {&g->advantages, &g->centred, &g->ratios};
    for (int i = 0; i < 3; i++) *sequence_lists[i] = base_alloc((size_t)g->n_sequences, sizeof(float));
    bool needs_reference = false;
    for (int v = 0; v < N_VARIANTS; v++)
        needs_reference = needs_reference || (settings->has_variant[v] && settings->configs[v].kl_coef != 0.0);
    needs_reference = needs_reference || parity_find(s, "completion0.ref_logprobs");
    return read_logprobs(g, s, "old_logprobs", g->old_logprobs, err) &&
           (!needs_reference || read_logprobs(g, s, "ref_logprobs", g->ref_logprobs, err));
}

/* ---- comparing ---- */

static bool compare_advantages(Golden *g, ParitySession *s, const Settings *settings, Error *err)
{
    const int64_t G = settings->group_size;
    for (int64_t p = 0; p < g->n_groups; p++) {
        grpo_advantages(g->advantages + p * G, g->rewards + p * G, NULL, G, settings->scale, settings->advantage_eps);
        grpo_advantages(g->centred + p * G, g->rewards + p * G, NULL, G, SCALE_NONE, 0.0);
    }
    return parity_compare_f32(s, "advantages", g->advantages, 1, &g->n_sequences, MEASURE_ABSOLUTE, PARITY_ADVANTAGES,
                              err) &&
           parity_compare_f32(s, "advantages_dr_grpo", g->centred, 1, &g->n_sequences, MEASURE_ABSOLUTE,
                              PARITY_ADVANTAGES, err);
}

static bool compare_logprobs(Golden *g, ParitySession *s, Trainer *trainer, const TrainBatch *batch, Error *err)
{
    if (!trainer_logprobs(trainer, &s->model, batch, 1.0f, g->logprobs, g->entropies, err)) return false;
    for (int64_t i = 0; i < g->n_sequences; i++) {
        char name[64];
        snprintf(name, sizeof name, "completion%" PRId64 ".logprobs", i);
        if (!parity_compare_f32(s, name, g->logprobs + g->sequence_start[i], 1, &g->lengths[i], MEASURE_ABSOLUTE,
                                PARITY_LOGPROBS, err))
            return false;
    }
    return true;
}

static bool compare_variant(Golden *g, ParitySession *s, Trainer *trainer, const TrainBatch *batch,
                            const Variant *variant, const GrpoConfig *config, Error *err)
{
    GrpoBatch b = {.n_tokens = g->n_tokens,
                   .n_sequences = g->n_sequences,
                   .sequence_start = g->sequence_start,
                   .advantages = variant->centred_only ? g->centred : g->advantages,
                   .old_logprobs = g->old_logprobs,
                   .ref_logprobs = config->kl_coef != 0.0 ? g->ref_logprobs : NULL,
                   .weights = g->weights,
                   .sequence_ratio = config->loss_type == LOSS_GSPO ? g->ratios : NULL};
    grpo_weights(&b, config, g->n_sequences, g->n_tokens);
    if (b.sequence_ratio) grpo_sequence_ratios(&b, g->logprobs);
    GrpoLoss loss = {&b, config};
    if (!trainer_gradient(trainer, &s->model, batch, 1.0f, grpo_loss_gradient, &loss, g->logprobs, g->entropies, err))
        return false;
    GrpoStats stats;
    grpo_stats(&stats, &b, config, g->logprobs, g->entropies);
    char name[64], prefix[64];
    snprintf(name, sizeof name, "%s.loss", variant->name);
    snprintf(prefix, sizeof prefix, "%s.grad.", variant->name);
    return parity_compare_value(s, name, stats.loss, MEASURE_ABSOLUTE, PARITY_LOSS, err) &&
           parity_compare_parameters(s, prefix, trainer->gradients[0].flat, MEASURE_LARGEST, PARITY_GRADIENT, err);
}

/* The golden's own gradients of the grpo variant. */
static bool read_gradients(ParitySession *s, float *flat, Error *err)
{
    for (int64_t t = 0; t < s->model.layout.n_tensors; t++) {
        const ParamTensor *p = &s->model.layout.tensors[t];
        const SafetensorsTensor *tensor = parity_find(s, "grpo.grad.%s", p->name);
        if (!tensor)
            return error_set(err, ERROR_INPUT, "%s: adamw.step1 is made from \"grpo.grad.%s\", which is missing",
                             s->request->golden, p->name);
        if (!safetensors_read_f32(flat + p->offset, tensor, err)) return false;
    }
    return true;
}

static bool run_steps(ParitySession *s, Optimizer *optimizer, const float *gradients, double learning_rate, Error *err)
{
    for (int64_t step = 1;; step++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "adamw.step%" PRId64 ".", step);
        if (!parity_find(s, "%s%s", prefix, s->model.layout.tensors[0].name)) return true;
        double norm;
        if (!optimizer_update(optimizer, &s->model, gradients, learning_rate, s->compute, &norm, err) ||
            !parity_compare_parameters(s, prefix, s->model.weights, MEASURE_ABSOLUTE, PARITY_WEIGHTS, err))
            return false;
    }
}

/* Fed with the golden gradients: where an entry is near 0, one's own may differ in sign, and AdamW's first steps are signs. */
static bool compare_optimizer(ParitySession *s, const Settings *settings, Error *err)
{
    if (!parity_find(s, "adamw.step1.%s", s->model.layout.tensors[0].name)) return true;
    if (!settings->has_adamw)
        return error_set(err, ERROR_INPUT, "%s: golden.json has no \"adamw\" for its adamw.step1", s->request->golden);
    float *gradients = base_alloc((size_t)s->model.layout.n_floats, sizeof *gradients);
    Optimizer optimizer;
    bool ok = read_gradients(s, gradients, err) && optimizer_create(&optimizer, &settings->adamw, &s->model, err);
    if (ok) {
        ok = run_steps(s, &optimizer, gradients, settings->learning_rate, err);
        optimizer_free(&optimizer);
    }
    base_free(gradients);
    return ok;
}

static bool compare_norm(ParitySession *s, const Trainer *trainer, Error *err)
{
    Optimizer optimizer;
    if (!optimizer_create(&optimizer, &(OptimizerConfig){0}, &s->model, err)) return false;
    const double norm = optimizer_grad_norm(&optimizer, &s->model, trainer->gradients[0].flat, s->compute);
    optimizer_free(&optimizer);
    return parity_compare_value(s, "grad_norm", norm, MEASURE_VALUE, PARITY_GRAD_NORM, err);
}

static bool compare_training(Golden *g, ParitySession *s, const Settings *settings, Error *err)
{
    Trainer trainer;
    if (!trainer_create(&trainer, &s->model, s->compute, s->request->micro_batch_tokens, 1, false, err)) return false;
    const TrainBatch batch = {g->groups, g->n_groups, g->sequences, g->n_sequences};
    bool ok = compare_logprobs(g, s, &trainer, &batch, err);
    for (int v = 0; ok && v < N_VARIANTS; v++) {
        if (!settings->has_variant[v]) continue;
        ok = compare_variant(g, s, &trainer, &batch, &VARIANTS[v], &settings->configs[v], err) &&
             (VARIANTS[v].loss_type != LOSS_GRPO || compare_norm(s, &trainer, err));
    }
    trainer_free(&trainer);
    return ok;
}

bool parity_grpo(ParitySession *s, Error *err)
{
    Settings settings;
    Golden golden = {0};
    /* The optimiser comes last: it changes the weights. */
    const bool ok = settings_read(&settings, s->request->golden, err) && golden_read(&golden, s, &settings, err) &&
                    compare_advantages(&golden, s, &settings, err) && compare_training(&golden, s, &settings, err) &&
                    compare_optimizer(s, &settings, err);
    golden_free(&golden);
    return ok;
}

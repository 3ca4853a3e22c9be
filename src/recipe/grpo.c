/* SPDX-License-Identifier: MIT */
/* recipe/grpo.c: R1-Zero's loop (DeepSeek-R1, arXiv 2501.12948, 2.2): pure reinforcement learning on a base model, no SFT.
 *
 *   for every step:   ask        questions, drawn from the families' train split
 *                     sample     G completions each from the policy
 *                     reward     accuracy + format, by rule
 *                     advantage  A = (r - mean) / std within the group, over the whole rollout, before any split
 *                     update     GRPO over minibatches of whole groups, for inner epochs
 *                     record     metrics, completions, evaluation, checkpoint
 *
 * The sampler's log-probabilities are the trainer's, to the bit (contract 3), so they are old_logprobs and no second forward is owed. On the first minibatch of
 * every rollout the difference is measured; were it not exactly 0, the run would stop. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/signals.h"
#include "data/text_stats.h"
#include "record/notes.h"
#include "reward/reward.h"

#include <math.h>
#include <string.h>

/* One question of a rollout. */
typedef struct Question {
    Problem problem;
    TokenIds ids;
} Question;

/* One completion of a rollout; arrays are parts of the rollout's. */
typedef struct Sampled {
    int32_t *inputs;     /* [max]: the prompt's last token, then all completion tokens but the last */
    int32_t *ids;        /* [max] completion tokens */
    float *old_logprobs; /* [max] */
    int64_t n;
    bool stopped;
    char *text; /* owned; without special tokens */
    size_t text_length;
    RewardScore score;
    float advantage;
    int style, reflective_words;
} Sampled;

typedef struct Grpo {
    const StageRun *run;
    const GrpoSettings *settings;
    GrpoConfig loss;
    Tokenizer *tokenizer;
    Model policy, reference; /* reference: weights only when kl_coef != 0 */
    bool has_reference;
    Optimizer optimizer;
    Trainer trainer;
    RolloutEngine *engine;
    StageState state;
    MetricsRow row;
    Notes said;

    Arena memory; /* the rollout's arrays, reserved once */
    int64_t n_questions, n_samples;
    Question *questions;    /* [n_questions] */
    RolloutPrompt *prompts; /* [n_questions] */
    Sampled *samples;       /* [n_questions * G], question by question */
    bool *live;             /* [n_questions] */
    double *group_rewards;  /* [G] */
    bool *group_counted;    /* [G] */
    /* one minibatch */
    TrainGroup *groups;
    TrainSequence *sequences;
    int64_t *sequence_start;
    float *advantages, *sequence_ratio, *old_logprobs, *ref_logprobs, *weights, *logprobs, *entropies;
    int64_t rolled_out; /* completions done in the rollout in hand */
} Grpo;

/* ---- memory ---- */

static size_t take_arrays(Grpo *g, Arena *arena)
{
    const GrpoSettings *s = g->settings;
    const size_t n = (size_t)g->n_samples, q = (size_t)g->n_questions, tokens = n * (size_t)s->max_completion_tokens;
    size_t bytes = 0;
#define TAKE(field, count, type)                                                                                       \
    (bytes += arena_piece_bytes((count), sizeof(type)),                                                                \
     arena ? (void)((field) = arena_take(arena, (count), sizeof(type))) : (void)0)
    int32_t *inputs = NULL, *ids = NULL;
    float *old = NULL;
    TAKE(g->questions, q, Question);
    TAKE(g->prompts, q, RolloutPrompt);
    TAKE(g->samples, n, Sampled);
    TAKE(g->live, q, bool);
    TAKE(g->group_rewards, (size_t)s->group_size, double);
    TAKE(g->group_counted, (size_t)s->group_size, bool);
    TAKE(g->groups, q, TrainGroup);
    TAKE(g->sequences, n, TrainSequence);
    TAKE(g->sequence_start, n + 1, int64_t);
    TAKE(g->advantages, n, float);
    TAKE(g->sequence_ratio, n, float);
    TAKE(g->old_logprobs, tokens, float);
    TAKE(g->ref_logprobs, tokens, float);
    TAKE(g->weights, tokens, float);
    TAKE(g->logprobs, tokens, float);
    TAKE(g->entropies, tokens, float);
    TAKE(inputs, tokens, int32_t);
    TAKE(ids, tokens, int32_t);
    TAKE(old, tokens, float);
#undef TAKE
    if (!arena) return bytes;
    memset(g->questions, 0, q * sizeof *g->questions);
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * (size_t)s->max_completion_tokens;
        g->samples[i] = (Sampled){.inputs = inputs + at, .ids = ids + at, .old_logprobs = old + at};
    }
    return bytes;
}

static void grpo_free(Grpo *g)
{
    for (int64_t i = 0; g->questions && i < g->n_questions; i++) token_ids_free(&g->questions[i].ids);
    for (int64_t i = 0; g->samples && i < g->n_samples; i++) base_free(g->samples[i].text);
    arena_free(&g->memory);
    metrics_row_free(&g->row);
    engine_free(g->engine);
    trainer_free(&g->trainer);
    optimizer_free(&g->optimizer);
    model_free(&g->policy);
    model_free(&g->reference);
    tokenizer_free(g->tokenizer);
}

static void copy_policy_to_reference(Grpo *g)
{
    memcpy(g->reference.weights, g->policy.weights, (size_t)g->policy.layout.n_floats * sizeof(float));
    model_pack(&g->reference, &g->run->compute);
}

static bool prepare(Grpo *g, Error *err)
{
    const GrpoSettings *s = g->settings;
    const CommonSettings *c = &s->common;
    const Compute *compute = &g->run->compute;
    g->n_questions = s->prompts_per_step;
    g->n_samples = s->prompts_per_step * s->group_size;
    g->loss = (GrpoConfig){.loss_type = (LossType)s->loss_type,
                           .clip_low = s->clip_low,
                           .clip_high = s->clip_high,
                           .kl_coef = s->kl_coef,
                           .entropy_coef = s->entropy_coef,
                           .max_completion_tokens = s->max_completion_tokens};
    if (s->minibatches > s->prompts_per_step)
        return error_set(err, ERROR_INPUT,
                         "minibatches: %lld is more than prompts_per_step %lld, and a group is never cut",
                         (long long)s->minibatches, (long long)s->prompts_per_step);
    if (!tokenizer_open(&g->tokenizer, c->model, err) || !model_open(&g->policy, c->model, compute, err)) return false;
    if (tokenizer_vocab_size(g->tokenizer) > g->policy.config.vocab_size)
        return error_set(err, ERROR_INPUT, "%s: the tokenizer has ids up to %lld, the model a vocabulary of %lld",
                         c->model, (long long)tokenizer_vocab_size(g->tokenizer) - 1,
                         (long long)g->policy.config.vocab_size);
    const int64_t cap = s->max_completion_tokens > c->eval_max_tokens ? s->max_completion_tokens : c->eval_max_tokens;
    if (cap >= g->policy.config.max_positions)
        return error_set(err, ERROR_INPUT,
                         "max_completion_tokens: %lld leaves no room for a prompt in the model's %lld positions",
                         (long long)cap, (long long)g->policy.config.max_positions);
    const OptimizerConfig optimizer = stage_optimizer(c);
    if (!optimizer_create(&g->optimizer, &optimizer, &g->policy, err) ||
        !trainer_create(&g->trainer, &g->policy, compute, c->micro_batch_tokens, c->shards, c->recompute, err) ||
        !engine_create(&g->engine, &g->policy, compute, s->max_active, stage_max_sequence(&g->policy.config, cap), err))
        return false;
    if (!arena_create(&g->memory, "rollout", take_arrays(g, NULL), err)) return false;
    take_arrays(g, &g->memory);
    g->has_reference = s->kl_coef != 0.0;
    if (g->has_reference && !model_create(&g->reference, &g->policy.config, err)) return false;
    if (g->run->resume_path)
        return stage_restore(g->run, &g->policy, &g->optimizer, g->has_reference ? &g->reference : NULL, &g->state,
                             err);
    if (g->has_reference) copy_policy_to_reference(g);
    return true;
}

/* ---- ask ---- */

/* The family of one question, by the recipe's weights, and one of its trained levels, evenly. */
static void choose_cell(const GrpoSettings *s, int64_t step, int64_t question, int *task, int *level)
{
    RngSequence rng = rng_sequence((uint64_t)s->common.seed, RNG_SHUFFLE, (uint64_t)step, (uint32_t)question);
    double total = 0, running = 0;
    for (int t = 0; t < task_count(); t++) total += s->tasks[t];
    const double at = rng_next_uniform(&rng) * total;
    *task = -1;
    for (int t = 0; t < task_count(); t++) {
        running += s->tasks[t];
        if (s->tasks[t] > 0 && (*task < 0 || running - s->tasks[t] <= at)) *task = t;
    }
    *level = (int)rng_next_between(&rng, 1, task_train_levels(*task));
}

static bool ask(Grpo *g, int64_t step, Error *err)
{
    for (int64_t i = 0; i < g->n_questions; i++) {
        Question *q = &g->questions[i];
        int task, level;
        choose_cell(g->settings, step, i, &task, &level);
        task_problem(&q->problem, task, level, SPLIT_TRAIN, (uint64_t)g->settings->common.seed,
                     (uint64_t)(step * g->n_questions + i));
        q->ids.n = 0;
        if (!tokenizer_encode(g->tokenizer, q->problem.prompt, strlen(q->problem.prompt), true, &q->ids, err))
            return false;
        g->prompts[i] = (RolloutPrompt){q->ids.ids, q->ids.n, (uint64_t)step, (uint32_t)i};
    }
    return true;
}

/* ---- sample and reward ---- */

/* Takes a completion over and rewards it while the engine goes on with the others. */
static bool take_completion(void *context, const Completion *c, Error *err)
{
    Grpo *g = context;
    const Question *q = &g->questions[c->prompt];
    Sampled *s = &g->samples[c->prompt * g->settings->group_size + c->index];
    s->n = c->n_ids;
    s->stopped = c->finish == FINISH_STOP;
    memcpy(s->ids, c->ids, (size_t)c->n_ids * sizeof *s->ids);
    memcpy(s->old_logprobs, c->policy_logprobs, (size_t)c->n_ids * sizeof *s->old_logprobs);
    s->inputs[0] = q->ids.ids[q->ids.n - 1];
    memcpy(s->inputs + 1, c->ids, (size_t)(c->n_ids - 1) * sizeof *s->ids);
    base_free(s->text);
    s->text = NULL;
    if (!tokenizer_decode(g->tokenizer, s->ids, s->n, true, &s->text, &s->text_length, err)) return false;
    const RewardWeights weights = {g->settings->accuracy_weight, g->settings->format_weight};
    reward_score(&s->score, &weights, q->problem.check, q->problem.prompt, strlen(q->problem.prompt), s->text,
                 s->text_length);
    s->style = (int)text_style(s->text, s->text_length);
    s->reflective_words = text_reflective_words(s->text, s->text_length);
    progress_activity(g->run->progress, "sampling", (double)++g->rolled_out / (double)g->n_samples);
    return true;
}

static bool sample(Grpo *g, RolloutStats *stats, Error *err)
{
    const GrpoSettings *s = g->settings;
    const SamplingParams params = {.temperature = s->temperature,
                                   .top_p = 1.0,
                                   .max_tokens = s->max_completion_tokens,
                                   .seed = (uint64_t)s->common.seed};
    g->rolled_out = 0;
    return engine_run(g->engine, g->prompts, g->n_questions, s->group_size, &params, take_completion, g, stats, err);
}

/* ---- advantage ---- */

static void compute_advantages(Grpo *g)
{
    const GrpoSettings *s = g->settings;
    const int64_t G = s->group_size;
    for (int64_t i = 0; i < g->n_questions; i++) {
        Sampled *group = &g->samples[i * G];
        for (int64_t k = 0; k < G; k++) {
            g->group_rewards[k] = group[k].score.total;
            g->group_counted[k] = group[k].score.verdict != VERDICT_UNDECIDED;
        }
        g->live[i] = grpo_advantages(g->advantages, g->group_rewards, g->group_counted, G,
                                     (AdvantageScale)s->advantage_scale, s->advantage_eps);
        for (int64_t k = 0; k < G; k++) group[k].advantage = g->advantages[k];
    }
}

/* ---- update ---- */

/* Questions [first, end) as a training batch: the live groups, unless the KL or the entropy bonus pulls on dead ones too (contract 9). */
static TrainBatch lay_out_minibatch(Grpo *g, int64_t first, int64_t end, GrpoBatch *tokens, int64_t *normal_sequences,
                                    int64_t *normal_tokens)
{
    const GrpoSettings *s = g->settings;
    const int64_t G = s->group_size;
    const bool keep_dead = s->dead_groups == 0 && (s->kl_coef != 0.0 || s->entropy_coef != 0.0);
    TrainBatch batch = {.groups = g->groups, .sequences = g->sequences};
    int64_t n_tokens = 0;
    *normal_sequences = *normal_tokens = 0;
    for (int64_t i = first; i < end; i++) {
        const bool counts = g->live[i] || s->dead_groups == 0;
        for (int64_t k = 0; counts && k < G; k++) *normal_tokens += g->samples[i * G + k].n;
        *normal_sequences += counts ? G : 0;
        if (!g->live[i] && !keep_dead) continue;
        const TokenIds *prompt = &g->questions[i].ids;
        g->groups[batch.n_groups++] =
            (TrainGroup){prompt->n > 1 ? prompt->ids : NULL, prompt->n - 1, batch.n_sequences, G};
        for (int64_t k = 0; k < G; k++) {
            const Sampled *c = &g->samples[i * G + k];
            g->sequences[batch.n_sequences] = (TrainSequence){.inputs = c->inputs, .targets = c->ids, .n_rows = c->n};
            g->sequence_start[batch.n_sequences] = n_tokens;
            g->advantages[batch.n_sequences++] = c->advantage;
            memcpy(g->old_logprobs + n_tokens, c->old_logprobs, (size_t)c->n * sizeof(float));
            n_tokens += c->n;
        }
    }
    g->sequence_start[batch.n_sequences] = n_tokens;
    *tokens = (GrpoBatch){.n_tokens = n_tokens,
                          .n_sequences = batch.n_sequences,
                          .sequence_start = g->sequence_start,
                          .advantages = g->advantages,
                          .old_logprobs = g->old_logprobs,
                          .ref_logprobs = g->has_reference ? g->ref_logprobs : NULL,
                          .weights = g->weights};
    return batch;
}

/* Sums over the updates of one step; their means are logged. */
typedef struct UpdateSums {
    double loss, policy_loss, kl, entropy, clip_low, clip_high, clip_region, ratio_mean, grad_norm, rate;
    double clip_low_min, clip_high_max, ratio_min, ratio_max;
    double first_difference_mean, first_difference_max; /* on the first minibatch of the rollout */
    int64_t n, n_with_tokens, n_capped;
} UpdateSums;

static void add_stats(UpdateSums *sums, const GrpoStats *st)
{
    if (sums->n_with_tokens == 0) sums->clip_low_min = st->clip_low_mean, sums->ratio_min = st->ratio_min;
    sums->n_with_tokens++;
    sums->loss += st->loss, sums->policy_loss += st->policy_loss, sums->kl += st->kl, sums->entropy += st->entropy;
    sums->clip_low += st->clip_low_mean, sums->clip_high += st->clip_high_mean,
        sums->clip_region += st->clip_region_mean;
    sums->ratio_mean += st->ratio_mean;
    sums->n_capped += st->n_capped;
    sums->clip_low_min = fmin(sums->clip_low_min, st->clip_low_mean),
    sums->clip_high_max = fmax(sums->clip_high_max, st->clip_high_mean);
    sums->ratio_min = fmin(sums->ratio_min, st->ratio_min), sums->ratio_max = fmax(sums->ratio_max, st->ratio_max);
}

static bool gradient_of_minibatch(Grpo *g, const TrainBatch *batch, GrpoBatch *tokens, bool first, UpdateSums *sums,
                                  Error *err)
{
    const float inv_temperature = (float)(1.0 / g->settings->temperature);
    if (g->has_reference &&
        !trainer_logprobs(&g->trainer, &g->reference, batch, inv_temperature, g->ref_logprobs, NULL, err))
        return false;
    if (g->loss.loss_type == LOSS_GSPO) {
        if (!trainer_logprobs(&g->trainer, &g->policy, batch, inv_temperature, g->logprobs, NULL, err)) return false;
        tokens->sequence_ratio = g->sequence_ratio;
        grpo_sequence_ratios(tokens, g->logprobs);
    }
    GrpoLoss loss = {tokens, &g->loss};
    if (!trainer_gradient(&g->trainer, &g->policy, batch, inv_temperature, grpo_loss_gradient, &loss, g->logprobs,
                          g->entropies, err))
        return false;
    GrpoStats stats;
    grpo_stats(&stats, tokens, &g->loss, g->logprobs, g->entropies);
    if (tokens->n_tokens > 0) add_stats(sums, &stats);
    if (!first || tokens->n_tokens == 0) return true;
    sums->first_difference_mean = stats.logp_difference_mean;
    sums->first_difference_max = stats.logp_difference_max;
    if (stats.logp_difference_max == 0.0) return true;
    return error_set(
        err, ERROR_BUG,
        "the sampler and the trainer disagree by %g nats on the same weights: training stopped (please report this)",
        stats.logp_difference_max);
}

static bool update(Grpo *g, int64_t step, UpdateSums *sums, Error *err)
{
    const GrpoSettings *s = g->settings;
    const Schedule schedule = stage_schedule(&s->common);
    sums->rate = schedule_rate(&schedule, step);
    sums->first_difference_mean = sums->first_difference_max = NAN;
    for (int64_t u = 0; u < s->inner_epochs * s->minibatches; u++) {
        int64_t first, end, normal_sequences, normal_tokens;
        threads_split(g->n_questions, 1, u % s->minibatches, s->minibatches, &first, &end);
        GrpoBatch tokens;
        const TrainBatch batch = lay_out_minibatch(g, first, end, &tokens, &normal_sequences, &normal_tokens);
        progress_activity(g->run->progress, "training", (double)u / (double)(s->inner_epochs * s->minibatches));
        /* All groups dead: their gradient is exactly zero, and the update is still owed (moments decay), unless dead groups do not count at all. */
        if (normal_sequences == 0) continue;
        grpo_weights(&tokens, &g->loss, normal_sequences, normal_tokens);
        if (!gradient_of_minibatch(g, &batch, &tokens, u == 0, sums, err)) return false;
        double grad_norm;
        if (!optimizer_update(&g->optimizer, &g->policy, g->trainer.gradients[0].flat, sums->rate, &g->run->compute,
                              &grad_norm, err))
            return false;
        sums->grad_norm += grad_norm;
        sums->n++;
        if (!signals_check(err)) return false;
    }
    g->state.optimizer_steps = g->optimizer.step;
    return true;
}

/* ---- record ---- */

static void measure_updates(MetricsRow *row, const UpdateSums *u, bool has_kl)
{
    const double n = u->n_with_tokens > 0 ? (double)u->n_with_tokens : NAN;
    metrics_set(row, "loss", u->loss / n);
    metrics_set(row, "policy_loss", u->policy_loss / n);
    metrics_set(row, "grad_norm", u->n > 0 ? u->grad_norm / (double)u->n : NAN);
    metrics_set(row, "learning_rate", u->rate);
    metrics_set(row, "entropy", u->entropy / n);
    if (has_kl) metrics_set(row, "kl", u->kl / n);
    metrics_set(row, "clip_ratio/low_mean", u->clip_low / n);
    metrics_set(row, "clip_ratio/low_min", u->n_with_tokens ? u->clip_low_min : NAN);
    metrics_set(row, "clip_ratio/high_mean", u->clip_high / n);
    metrics_set(row, "clip_ratio/high_max", u->n_with_tokens ? u->clip_high_max : NAN);
    metrics_set(row, "clip_ratio/region_mean", u->clip_region / n);
    metrics_set(row, "sampling/sampling_logp_difference/mean", u->first_difference_mean);
    metrics_set(row, "sampling/sampling_logp_difference/max", u->first_difference_max);
    metrics_set(row, "sampling/importance_sampling_ratio/min", u->n_with_tokens ? u->ratio_min : NAN);
    metrics_set(row, "sampling/importance_sampling_ratio/mean", u->ratio_mean / n);
    metrics_set(row, "sampling/importance_sampling_ratio/max", u->n_with_tokens ? u->ratio_max : NAN);
    metrics_set(row, "capped_exponents", (double)u->n_capped);
    metrics_set(row, "updates", (double)u->n);
}

static void mean_and_std(MetricsRow *row, const char *name, double sum, double squares, double n)
{
    const double mean = sum / n;
    metrics_setf(row, mean, "rewards/%s/mean", name);
    metrics_setf(row, sqrt(fmax(0.0, squares / n - mean * mean)), "rewards/%s/std", name);
}

static void measure_lengths(const Grpo *g, MetricsRow *row)
{
    double sum = 0, low = INFINITY, high = 0, ended = 0, ended_low = INFINITY, ended_high = 0, right = 0, wrong = 0;
    int64_t n_ended = 0, n_right = 0;
    for (int64_t i = 0; i < g->n_samples; i++) {
        const Sampled *s = &g->samples[i];
        const double n = (double)s->n;
        sum += n, low = fmin(low, n), high = fmax(high, n);
        if (s->stopped) n_ended++, ended += n, ended_low = fmin(ended_low, n), ended_high = fmax(ended_high, n);
        if (s->score.verdict == VERDICT_RIGHT)
            n_right++, right += n;
        else
            wrong += n;
    }
    const double total = (double)g->n_samples;
    metrics_set(row, "completions/mean_length", sum / total);
    metrics_set(row, "completions/min_length", low);
    metrics_set(row, "completions/max_length", high);
    metrics_set(row, "completions/mean_terminated_length", n_ended ? ended / (double)n_ended : NAN);
    metrics_set(row, "completions/min_terminated_length", n_ended ? ended_low : NAN);
    metrics_set(row, "completions/max_terminated_length", n_ended ? ended_high : NAN);
    metrics_set(row, "completions/clipped_ratio", 1.0 - (double)n_ended / total);
    metrics_set(row, "completions/mean_length_right", n_right ? right / (double)n_right : NAN);
    metrics_set(row, "completions/mean_length_wrong", n_right < g->n_samples ? wrong / (total - (double)n_right) : NAN);
}

static void measure_rollout(const Grpo *g, MetricsRow *row)
{
    const double n = (double)g->n_samples;
    double accuracy = 0, format = 0, reward = 0, squares = 0, words = 0, tokens = 0, undecided = 0,
           styles[TEXT_STYLE_COUNT] = {0};
    for (int64_t i = 0; i < g->n_samples; i++) {
        const Sampled *s = &g->samples[i];
        accuracy += s->score.accuracy;
        format += s->score.format;
        reward += s->score.total;
        squares += s->score.total * s->score.total;
        words += s->reflective_words;
        tokens += (double)s->n;
        undecided += s->score.verdict == VERDICT_UNDECIDED;
        styles[s->style]++;
    }
    int64_t dead = 0;
    for (int64_t i = 0; i < g->n_questions; i++) dead += !g->live[i];
    metrics_set(row, "reward", reward / n);
    metrics_set(row, "reward_std", sqrt(fmax(0.0, squares / n - reward / n * (reward / n))));
    mean_and_std(row, "accuracy", accuracy, accuracy, n); /* 0 or 1: its square is itself */
    mean_and_std(row, "format", format, format, n);
    metrics_set(row, "frac_reward_zero_std", (double)dead / (double)g->n_questions);
    metrics_set(row, "frac_undecided", undecided / n);
    measure_lengths(g, row);
    metrics_set(row, "reflection/per_completion", words / n);
    metrics_set(row, "reflection/per_1k_tokens", tokens > 0 ? 1000.0 * words / tokens : NAN);
    for (int i = 0; i < TEXT_STYLE_COUNT; i++)
        metrics_setf(row, styles[i] / n, "style/%s", text_style_name((TextStyle)i));
}

static bool store_rollout(Grpo *g, int64_t step, Error *err)
{
    const int64_t G = g->settings->group_size;
    if (!run_store_begin(g->run->store, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && g->settings->store_completions && i < g->n_questions; i++) {
        const Problem *p = &g->questions[i].problem;
        char key[96];
        snprintf(key, sizeof key, "%s/%d/train/%lld/%lld", task_name(p->task), p->level, (long long)step, (long long)i);
        const StoredProblem stored = {.key = key,
                                      .task = task_name(p->task),
                                      .split = "train",
                                      .level = p->level,
                                      .prompt = p->prompt,
                                      .prompt_length = strlen(p->prompt),
                                      .answer = p->answer,
                                      .check = p->check};
        ok = run_store_add_problem(g->run->store, step, &stored, err);
        for (int64_t k = 0; ok && k < G; k++) {
            const Sampled *s = &g->samples[i * G + k];
            const StoredCompletion c = {.phase = STORED_ROLLOUT,
                                        .step = step,
                                        .prompt_index = i,
                                        .completion_index = k,
                                        .problem_key = key,
                                        .text = s->text,
                                        .text_length = s->text_length,
                                        .ids = s->ids,
                                        .logprobs = s->old_logprobs,
                                        .n_ids = s->n,
                                        .stopped = s->stopped,
                                        .accuracy = s->score.accuracy,
                                        .format = s->score.format,
                                        .reward = s->score.total,
                                        .advantage = (double)s->advantage,
                                        .verdict = (int)s->score.verdict,
                                        .reflective_words = s->reflective_words,
                                        .style = (StoredStyle)s->style};
            ok = run_store_add_completion(g->run->store, &c, err);
        }
    }
    if (ok) return run_store_commit(g->run->store, err);
    run_store_rollback(g->run->store);
    return false;
}

/* Says once why a step taught nothing, when its metrics tell. */
static void say_notes(Grpo *g)
{
    Notes notes = {0};
    notes_of_step(&notes, &g->row);
    for (int i = 0; i < notes.n; i++) {
        bool known = false;
        for (int j = 0; j < g->said.n; j++) known = known || strcmp(g->said.items[j].id, notes.items[i].id) == 0;
        if (known || g->said.n == NOTES_MAX) continue;
        g->said.items[g->said.n++] = notes.items[i];
        if (notes.items[i].level == NOTE_WARNING)
            progress_warning(g->run->progress, notes.items[i].text);
        else
            progress_note(g->run->progress, notes.items[i].text);
    }
}

static bool end_step(Grpo *g, int64_t step, Error *err)
{
    const CommonSettings *c = &g->settings->common;
    if (stage_evaluates(c, step) && !stage_evaluate(g->run, c, g->engine, g->tokenizer, step, &g->row, err))
        return false;
    if (!metrics_append(g->run->metrics, &g->row, err)) return false;
    progress_step(g->run->progress, &g->row);
    if (step > 0) say_notes(g);
    g->state.step = step;
    return step == 0 || !stage_saves(c, step) ||
           stage_save(g->run, c, &g->policy, &g->optimizer, g->has_reference ? &g->reference : NULL, c->model,
                      &g->state, err);
}

static void begin_row(Grpo *g, int64_t step)
{
    metrics_row_clear(&g->row);
    g->row.step = step;
    snprintf(g->row.stage, sizeof g->row.stage, "grpo");
}

static bool train_step(Grpo *g, int64_t step, Error *err)
{
    const GrpoSettings *s = g->settings;
    begin_row(g, step + 1);
    const double start = stage_seconds();
    if (s->reference_every > 0 && g->has_reference && step > 0 && step % s->reference_every == 0)
        copy_policy_to_reference(g);
    RolloutStats stats;
    if (!ask(g, step, err) || !sample(g, &stats, err)) return false;
    const double sampled = stage_seconds();
    compute_advantages(g);
    UpdateSums sums = {0};
    if (!update(g, step, &sums, err)) return false;
    const double trained = stage_seconds();
    g->state.num_tokens += stats.decode_tokens;
    measure_rollout(g, &g->row);
    measure_updates(&g->row, &sums, g->has_reference);
    metrics_set(&g->row, "num_tokens", (double)g->state.num_tokens);
    metrics_set(&g->row, "time/rollout", sampled - start);
    metrics_set(&g->row, "time/train", trained - sampled);
    metrics_set(&g->row, "step_time", trained - start);
    metrics_set(&g->row, "tokens_per_second", (double)stats.decode_tokens / (trained - start));
    return store_rollout(g, step + 1, err) && end_step(g, step + 1, err);
}

bool grpo_run(const StageRun *run, const GrpoSettings *settings, Error *err)
{
    Grpo g = {.run = run, .settings = settings};
    bool ok = prepare(&g, err);
    if (ok && !run->resume_path && stage_evaluates(&settings->common, 0)) {
        begin_row(&g, 0);
        ok = end_step(&g, 0, err);
    }
    for (int64_t step = g.state.step; ok && step < settings->common.steps; step++)
        ok = signals_check(err) && train_step(&g, step, err);
    ok = ok && stage_save_final(run, &g.policy, settings->common.model, err);
    grpo_free(&g);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* recipe/distill.c: distillation into a student (section 2.4 of the paper, and beyond it): by the teacher's words, cross-entropy on
 * examples that it wrote, as the paper does; or by its logits, the divergence between the two distributions at every token of
 * the examples (off-policy) or of what the student says itself (on-policy, a share lambda of the updates, as GKD).
 *
 * The student is a model of its own or fresh weights in a shape of the recipe, Qwen2's or Llama's, with the teacher's tokens. */
#include "recipe/distill.h"

#include "base/arena.h"
#include "base/clock.h"
#include "model/frozen.h"
#include "train/sft.h"

typedef struct Distill {
    const StageRun *run;
    const DistillSettings *settings;
    SftSettings examples; /* what the loop reads */
    char *samples;        /* owned: the examples that the teacher made, or NULL */
    Tuning tuning;
    SftLoop loop;
    Model teacher_model;
    Teacher teacher;
    PolicyBatch policy;                       /* empty without lambda */
    float *weights, *divergences, *entropies; /* [max_tokens] */
    int64_t max_tokens;
} Distill;

static void distill_close(Distill *d)
{
    policy_batch_free(&d->policy);
    teacher_free(&d->teacher);
    sft_loop_free(&d->loop);
    tuning_free(&d->tuning);
    model_free(&d->teacher_model);
    base_free(d->samples);
    base_free(d->weights);
    base_free(d->divergences);
    base_free(d->entropies);
}

/* ---- opening ---- */

static bool open_student(Distill *d, Error *err)
{
    const DistillSettings *const s = d->settings;
    const CommonSettings *const c = &s->sft.common;
    if (*c->model) return tuning_open(&d->tuning, d->run, c, "distill", c->model, err);
    ModelConfig config;
    return distill_student_config(s, &d->teacher_model.config, &config, err) &&
           tuning_open_fresh(&d->tuning, d->run, c, "distill", &config, s->shape.init_std, s->teacher, err);
}

static bool open_policy(Distill *d, Error *err)
{
    const DistillSettings *const s = d->settings;
    int64_t longest;
    if (s->lambda == 0) return tuning_prepare(&d->tuning, 0, 0, err);
    if (!distill_check_prompts(s, &d->loop.data.examples, &d->tuning.model.config, &d->teacher_model.config, &longest,
                               err) ||
        !tuning_prepare(&d->tuning, s->max_active, longest + s->max_completion_tokens, err))
        return false;
    policy_batch_create(&d->policy, d->loop.data.max_sequences, longest, s->max_completion_tokens);
    return true;
}

static void reserve_tokens(Distill *d)
{
    const int64_t sampled = d->policy.capacity * d->settings->max_completion_tokens;
    d->max_tokens = d->loop.data.max_tokens > sampled ? d->loop.data.max_tokens : sampled;
    if (d->loop.validation.n_longest > d->max_tokens) d->max_tokens = d->loop.validation.n_longest;
    d->weights = base_alloc((size_t)d->max_tokens, sizeof *d->weights);
    d->divergences = base_alloc((size_t)d->max_tokens, sizeof *d->divergences);
    d->entropies = base_alloc((size_t)d->max_tokens, sizeof *d->entropies);
}

static bool distill_open(Distill *d, const StageRun *run, const DistillSettings *s, Error *err)
{
    *d = (Distill){.run = run, .settings = s, .examples = distill_examples(s)};
    if (!model_open_frozen(&d->teacher_model, s->teacher, WEIGHTS_STORED, &run->compute, err))
        return error_in(err, "teacher");
    d->teacher.model = &d->teacher_model;
    if (!open_student(d, err) ||
        !distill_check_vocabulary(s, d->tuning.tokenizer, &d->tuning.model.config, &d->teacher_model.config, err))
        return false;
    if (s->samples_per_problem > 0 &&
        !distill_samples(&d->samples, run, s, &d->teacher_model, d->tuning.tokenizer, err))
        return false;
    if (d->samples) d->examples.data = d->samples;
    if (!sft_loop_open(&d->loop, &d->tuning, &d->examples, err) || !open_policy(d, err)) return false;
    reserve_tokens(d);
    return true;
}

/* ---- a step by logits ---- */

/* w[t] / sum of w over the batch: the loss is a mean over tokens. */
static void fill_weights(Distill *d, const float *token_weights, int64_t n)
{
    const double inv_total = sft_inv_total(token_weights, n);
    for (int64_t t = 0; t < n; t++)
        d->weights[t] = (float)((token_weights ? (double)token_weights[t] : 1.0) * inv_total);
}

static DistillLoss loss_of(const Distill *d, bool forward_only)
{
    return (DistillLoss){.beta = (float)d->settings->beta,
                         .inv_temperature = (float)(1.0 / d->settings->temperature),
                         .weights = forward_only ? NULL : d->weights,
                         .divergences = d->divergences,
                         .entropies = d->entropies};
}

static void measure_policy(MetricsRow *row, const PolicyBatch *b)
{
    metrics_set(row, "completions/mean_length", (double)b->n_tokens / (double)b->n);
    metrics_set(row, "completions/clipped_ratio", 1.0 - (double)b->n_stopped / (double)b->n);
}

static bool train_by_logits(void *context, int64_t step, Error *err)
{
    Distill *const d = context;
    Tuning *const t = &d->tuning;
    SftData *const data = &d->loop.data;
    const double start = clock_seconds();
    const bool on_policy = distill_on_policy(d->settings, step);
    TrainBatch batch = sft_data_batch(data, step);
    if (on_policy) {
        if (!policy_batch_sample(&d->policy, t, d->settings, data->taken, data->examples.ids.ids, batch.n_sequences,
                                 step, err))
            return false;
        batch = (TrainBatch){d->policy.groups, d->policy.n, d->policy.sequences, d->policy.n};
    }
    const double sampled = clock_seconds();
    const int64_t n_tokens = train_batch_tokens(&batch);
    fill_weights(d, on_policy ? NULL : data->weights, n_tokens);
    const DistillLoss loss = loss_of(d, false);
    if (!distill_gradient(&t->trainer, &t->model, &d->teacher, &batch, &loss, err)) return false;
    metrics_set(&t->row, "loss", distill_loss_value(d->weights, d->divergences, n_tokens));
    metrics_set(&t->row, "entropy", tuning_mean(d->entropies, n_tokens));
    if (d->settings->lambda > 0) metrics_set(&t->row, "on_policy", on_policy ? 1.0 : 0.0);
    if (on_policy) measure_policy(&t->row, &d->policy);
    if (on_policy) metrics_set(&t->row, "time/rollout", sampled - start);
    return tuning_update(t, step, n_tokens, sft_loop_epoch(&d->loop, step), start, err);
}

/* The divergence over the validation examples' completions. */
static bool validate_by_logits(void *context, Error *err)
{
    Distill *const d = context;
    Tuning *const t = &d->tuning;
    const Examples *const v = &d->loop.validation;
    double sum = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < v->n; i++) {
        const TrainSequence sequence = sft_sequence(v, &v->items[i], false);
        const TrainGroup group = {.n_sequences = 1};
        const TrainBatch batch = {&group, 1, &sequence, 1};
        const DistillLoss loss = loss_of(d, true);
        progress_activity(t->run->progress, "evaluating", (double)i / (double)v->n);
        if (!distill_gradient(&t->trainer, &t->model, &d->teacher, &batch, &loss, err)) return false;
        const int64_t n_tokens = train_batch_tokens(&batch);
        for (int64_t k = 0; k < n_tokens; k++, n++) sum += (double)d->divergences[k];
    }
    metrics_set(&t->row, "eval_loss", sum / (double)n);
    return true;
}

/* ---- the stage ---- */

bool distill_run(const StageRun *run, const DistillSettings *settings, Error *err)
{
    Distill d;
    bool ok = distill_open(&d, run, settings, err);
    const bool validates = ok && d.loop.validation.n > 0, by_logits = settings->mode == DISTILL_LOGITS;
    const TuningSteps logits = {.context = &d,
                                .train = train_by_logits,
                                .validate = validates ? validate_by_logits : NULL,
                                .validation_every = settings->sft.validation_every};
    const TuningSteps words = {.context = &d.loop,
                               .train = sft_loop_train,
                               .validate = validates ? sft_loop_validate : NULL,
                               .validation_every = settings->sft.validation_every};
    ok = ok && tuning_run(&d.tuning, by_logits ? &logits : &words, err);
    distill_close(&d);
    return ok;
}

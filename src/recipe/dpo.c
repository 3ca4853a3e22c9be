/* SPDX-License-Identifier: MIT */
/* recipe/dpo.c: direct preference optimisation (arXiv 2305.18290), the third algorithm that the paper's infrastructure names beside GRPO and
 * PPO. The reference is the model that the run starts from; what it says of the pairs is computed once and kept in the run folder.
 *
 * A pair's gradient needs whole completions: a forward pass gives the log-probabilities, from them the loss's slope by each token,
 * and a second pass its gradient. */
#include "recipe/dpo_data.h"
#include "recipe/tuning.h"

#include "base/arena.h"
#include "base/clock.h"

#include <inttypes.h>

typedef struct Dpo {
    const DpoSettings *settings;
    DpoConfig loss;
    Tuning tuning;
    PairSet train, validation; /* without validation data: no pairs */
} Dpo;

static void dpo_close(Dpo *d)
{
    pair_set_free(&d->train);
    pair_set_free(&d->validation);
    tuning_free(&d->tuning);
}

/* ---- opening ---- */

static void say_left_out(const Dpo *d)
{
    const Pairs *const p = &d->train.pairs;
    char line[200];
    if (p->n_dropped + p->n_same == 0) return;
    snprintf(line, sizeof line,
             "%" PRId64 " pairs are longer than max_length, %" PRId64 " have two equal sides: left out; %" PRId64
             " are used",
             p->n_dropped, p->n_same, p->n);
    progress_note(d->tuning.run->progress, line);
}

/* One pair a batch: no array of all their tokens. */
static bool open_validation(Dpo *d, Error *err)
{
    const char *const path = d->settings->sft.validation_data;
    return !*path ||
           pair_set_open(&d->validation, d->settings, path, d->tuning.tokenizer, &d->tuning.model.config, 1, err);
}

static bool make_reference(Dpo *d, const StageRun *run, Error *err)
{
    Tuning *const t = &d->tuning;
    if (run->resume_path) return dpo_reference_read(run->folder, &d->train, &d->validation, err);
    return pair_set_compute_reference(&d->train, &t->trainer, &t->model, run->progress, err) &&
           pair_set_compute_reference(&d->validation, &t->trainer, &t->model, run->progress, err) &&
           dpo_reference_write(run->folder, &d->train, &d->validation, err);
}

static bool dpo_open(Dpo *d, const StageRun *run, const DpoSettings *s, Error *err)
{
    const CommonSettings *const c = &s->sft.common;
    *d = (Dpo){.settings = s,
               .loss = {.loss_type = (DpoLossType)s->loss_type,
                        .beta = s->beta,
                        .label_smoothing = s->label_smoothing,
                        .rpo_alpha = s->rpo_alpha}};
    if (!tuning_open(&d->tuning, run, c, "dpo", c->model, err) ||
        !pair_set_open(&d->train, s, s->sft.data, d->tuning.tokenizer, &d->tuning.model.config, s->sft.batch_size,
                       err) ||
        !open_validation(d, err) || !tuning_prepare(&d->tuning, 0, 0, err))
        return false;
    say_left_out(d);
    return make_reference(d, run, err);
}

/* ---- a step ---- */

/* TRL's names. */
static void measure(MetricsRow *row, const char *prefix, const DpoSums *s, const DpoConfig *config)
{
    const double n = (double)s->n_pairs;
    metrics_setf(row, dpo_loss_value(s, config), "%sloss", prefix);
    metrics_setf(row, s->reward_chosen / n, "%srewards/chosen", prefix);
    metrics_setf(row, s->reward_rejected / n, "%srewards/rejected", prefix);
    metrics_setf(row, s->accuracy / n, "%srewards/accuracies", prefix);
    metrics_setf(row, (s->reward_chosen - s->reward_rejected) / n, "%srewards/margins", prefix);
    metrics_setf(row, s->logprob_chosen / n, "%slogps/chosen", prefix);
    metrics_setf(row, s->logprob_rejected / n, "%slogps/rejected", prefix);
    if (config->rpo_alpha > 0) metrics_setf(row, s->nll / (double)s->n_chosen_tokens, "%snll_loss", prefix);
}

static bool train_step(void *context, int64_t step, Error *err)
{
    Dpo *const d = context;
    Tuning *const t = &d->tuning;
    PairSet *const p = &d->train;
    const double start = clock_seconds();
    DpoSums sums = {0};
    pair_set_take_step(p, (uint64_t)t->common->seed, step);
    const DpoBatch batch = pair_set_dpo_batch(p);
    const int64_t n_tokens = train_batch_tokens(&p->batch);
    if (!trainer_logprobs(&t->trainer, &t->model, &p->batch, 1.0f, p->logprobs, NULL, err)) return false;
    dpo_add(&sums, &d->loss, &batch, p->logprobs);
    dpo_gradient(p->dlogprobs, &d->loss, &batch, p->logprobs);
    if (!trainer_gradient(&t->trainer, &t->model, &p->batch, 1.0f, dpo_loss_gradient, p->dlogprobs, p->logprobs,
                          p->entropies, err))
        return false;
    measure(&t->row, "", &sums, &d->loss);
    metrics_set(&t->row, "entropy", tuning_mean(p->entropies, n_tokens));
    const double epoch = (double)(step + 1) / (double)pair_set_steps_per_epoch(p);
    return tuning_update(t, step, n_tokens, epoch, start, err);
}

static bool validate(void *context, Error *err)
{
    Dpo *const d = context;
    Tuning *const t = &d->tuning;
    PairSet *const p = &d->validation;
    DpoSums sums = {0};
    for (int64_t i = 0; i < p->pairs.n; i++) {
        progress_activity(t->run->progress, "evaluating", (double)i / (double)p->pairs.n);
        pair_set_take_range(p, i, 1);
        const DpoBatch batch = pair_set_dpo_batch(p);
        if (!trainer_logprobs(&t->trainer, &t->model, &p->batch, 1.0f, p->logprobs, NULL, err)) return false;
        dpo_add(&sums, &d->loss, &batch, p->logprobs);
    }
    measure(&t->row, "eval_", &sums, &d->loss);
    return true;
}

/* ---- the stage ---- */

bool dpo_run(const StageRun *run, const DpoSettings *settings, Error *err)
{
    Dpo d;
    bool ok = dpo_open(&d, run, settings, err);
    const TuningSteps steps = {.context = &d,
                               .train = train_step,
                               .validate = d.validation.pairs.n > 0 ? validate : NULL,
                               .validation_every = settings->sft.validation_every};
    ok = ok && tuning_run(&d.tuning, &steps, err);
    dpo_close(&d);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* recipe/sft.c: supervised fine-tuning (stages 1 and 3 of the paper, and distillation into students): cross-entropy on the
 * completions of a file of examples. Examples of an update are packed and never see each other. */
#include "recipe/sft_loop.h"

#include "base/arena.h"
#include "base/clock.h"
#include "train/mtp.h"

void sft_loop_free(SftLoop *l)
{
    sft_data_free(&l->data);
    examples_free(&l->validation);
    base_free(l->logprobs);
    base_free(l->entropies);
    *l = (SftLoop){0};
}

/* ---- opening ---- */

static void say_overlong(const SftLoop *l)
{
    const Examples *const e = &l->data.examples;
    char line[200];
    if (e->n_dropped + e->n_cut == 0) return;
    snprintf(line, sizeof line, "%lld examples are longer than max_length: %lld left out, %lld cut; %lld are used",
             (long long)(e->n_dropped + e->n_cut), (long long)e->n_dropped, (long long)e->n_cut, (long long)e->n);
    progress_note(l->tuning->run->progress, line);
}

static bool read_validation(SftLoop *l, Error *err)
{
    ExampleOptions options;
    if (!*l->settings->validation_data) return true;
    if (!sft_example_options(&options, l->settings, l->tuning->tokenizer, &l->tuning->model.config, err)) return false;
    options.overlong = OVERLONG_TRUNCATE; /* the loss of what fits is a figure, a row left out none */
    return examples_read(&l->validation, l->tuning->tokenizer, l->settings->validation_data, &options, err);
}

bool sft_loop_open(SftLoop *l, Tuning *tuning, const SftSettings *settings, Error *err)
{
    *l = (SftLoop){.tuning = tuning, .settings = settings};
    if (!sft_data_open(&l->data, settings, tuning->tokenizer, &tuning->model.config, err) || !read_validation(l, err))
        return false;
    l->logprobs = base_alloc((size_t)l->data.max_tokens, sizeof *l->logprobs);
    l->entropies = base_alloc((size_t)l->data.max_tokens, sizeof *l->entropies);
    say_overlong(l);
    return true;
}

/* ---- a step ---- */

double sft_loop_epoch(const SftLoop *l, int64_t step)
{
    return (double)(step + 1) / (double)sft_steps_per_epoch(&l->data);
}

bool sft_loop_train(void *context, int64_t step, Error *err)
{
    SftLoop *const l = context;
    Tuning *const t = l->tuning;
    const double start = clock_seconds();
    const TrainBatch batch = sft_data_batch(&l->data, step);
    const int64_t n_tokens = train_batch_tokens(&batch);
    SftLoss loss = {l->data.weights, sft_inv_total(l->data.weights, n_tokens)};
    const bool train_mtp = t->model.config.train_mtp;
    double mtp_loss = 0.0;
    if (!(train_mtp ? trainer_mtp_gradient(&t->trainer, &t->model, &batch, &loss, t->common->mtp_loss_weight,
                                           l->logprobs, l->entropies, &mtp_loss, err)
                    : trainer_gradient(&t->trainer, &t->model, &batch, 1.0f, sft_loss_gradient, &loss, l->logprobs,
                                       l->entropies, err)))
        return false;
    if (train_mtp) metrics_set(&t->row, "mtp_loss", mtp_loss);
    metrics_set(&t->row, "loss", sft_loss_value(&loss, l->logprobs, n_tokens));
    metrics_set(&t->row, "entropy", tuning_mean(l->entropies, n_tokens));
    return tuning_update(t, step, n_tokens, sft_loop_epoch(l, step), start, err);
}

/* The loss of the validation examples, one batch each: no array of all their tokens. */
bool sft_loop_validate(void *context, Error *err)
{
    SftLoop *const l = context;
    Tuning *const t = l->tuning;
    double sum = 0;
    int64_t n = 0;
    float *const logprobs = base_alloc((size_t)l->validation.n_longest, sizeof *logprobs);
    bool ok = true;
    for (int64_t i = 0; ok && i < l->validation.n; i++) {
        const TrainSequence sequence = sft_sequence(&l->validation, &l->validation.items[i], false);
        const TrainGroup group = {.n_sequences = 1};
        const TrainBatch batch = {&group, 1, &sequence, 1};
        progress_activity(t->run->progress, "evaluating", (double)i / (double)l->validation.n);
        ok = trainer_logprobs(&t->trainer, &t->model, &batch, 1.0f, logprobs, NULL, err);
        for (int64_t k = 0; ok && k < sequence.n_rows - sequence.first_target; k++, n++) sum -= (double)logprobs[k];
    }
    base_free(logprobs);
    if (ok) metrics_set(&t->row, "eval_loss", sum / (double)n);
    return ok;
}

/* ---- the stage ---- */

bool sft_run(const StageRun *run, const SftSettings *settings, Error *err)
{
    Tuning tuning = {0};
    SftLoop loop = {0};
    bool ok = tuning_open(&tuning, run, &settings->common, "sft", settings->common.model, err) &&
              sft_loop_open(&loop, &tuning, settings, err) && tuning_prepare(&tuning, 0, 0, err);
    const TuningSteps steps = {.context = &loop,
                               .train = sft_loop_train,
                               .validate = loop.validation.n > 0 ? sft_loop_validate : NULL,
                               .validation_every = settings->validation_every};
    ok = ok && tuning_run(&tuning, &steps, err);
    sft_loop_free(&loop);
    tuning_free(&tuning);
    return ok;
}

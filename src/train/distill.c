/* SPDX-License-Identifier: MIT */
#include "train/distill.h"

void teacher_free(Teacher *teacher)
{
    decoder_workspace_free(&teacher->workspace);
    *teacher = (Teacher){0};
}

size_t teacher_plan_bytes(const ModelConfig *config, int64_t micro_batch_tokens, int64_t longest_sequence,
                          int n_threads)
{
    const int64_t rows = longest_sequence > micro_batch_tokens ? longest_sequence : micro_batch_tokens;
    return decoder_workspace_bytes(config, rows, longest_sequence, n_threads, false, false);
}

/* Room for whatever the student's workspace has room for. */
static bool reserve(Teacher *teacher, const DecoderWorkspace *student, const Compute *compute, Error *err)
{
    DecoderWorkspace *const w = &teacher->workspace;
    if (!model_reserve_positions(teacher->model, student->max_sequence, err)) return error_in(err, "the teacher");
    if (student->max_rows <= w->max_rows && student->max_sequence <= w->max_sequence) return true;
    decoder_workspace_free(w);
    return decoder_workspace_create(w, &teacher->model->config, student->max_rows, student->max_sequence,
                                    threads_count(compute->threads), false, false, err);
}

typedef struct DistillHead {
    const DecoderTeacher *teacher;
    const DistillLoss *loss;
} DistillHead;

static void distill_head(void *context, const Model *model, const Compute *compute, DecoderWorkspace *w,
                         const DecoderBatch *batch, int64_t token, DecoderGradients *gradients)
{
    const DistillHead *const h = context;
    const DistillLoss *const l = h->loss;
    decoder_forward(h->teacher->model, compute, h->teacher->workspace, batch);
    decoder_head_distill(model, compute, w, batch, h->teacher, l->divergences + token,
                         l->entropies ? l->entropies + token : NULL, l->weights ? l->weights + token : NULL, gradients);
}

bool distill_gradient(Trainer *trainer, Model *student, Teacher *teacher, const TrainBatch *batch,
                      const DistillLoss *loss, Error *err)
{
    const bool backward = loss->weights != NULL;
    if (teacher->model->config.vocab_size != student->config.vocab_size)
        return error_set(err, ERROR_INPUT, "the teacher's vocabulary has %lld ids, the student's %lld",
                         (long long)teacher->model->config.vocab_size, (long long)student->config.vocab_size);
    if (!trainer_reserve(trainer, student, batch, backward, err) ||
        !reserve(teacher, &trainer->workspace, trainer->compute, err))
        return false;
    const DecoderTeacher beside = {.model = teacher->model,
                                   .workspace = &teacher->workspace,
                                   .beta = loss->beta,
                                   .inv_temperature = loss->inv_temperature};
    DistillHead head = {&beside, loss};
    return trainer_run(trainer, student, batch, distill_head, &head, backward, err);
}

double distill_loss_value(const float *weights, const float *divergences, int64_t n_tokens)
{
    double sum = 0.0;
    for (int64_t t = 0; t < n_tokens; t++) sum += (double)weights[t] * (double)divergences[t];
    return sum;
}

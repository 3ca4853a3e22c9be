/* SPDX-License-Identifier: MIT */
/* eval/parity_sft.c: kind sft: cross-entropy of what follows each prompt, one mean over all sequences. */
#include "eval/parity_session.h"

#include "train/sft.h"

#include <inttypes.h>

/* Row t predicts token t + 1, so the first trained row of a prompt of p tokens is p - 1. */
static bool read_sequence(ParitySession *s, int64_t i, int32_t **ids, TrainSequence *sequence, Error *err)
{
    int64_t length, n_values;
    int32_t *prompt_length;
    if (!parity_read_ids(s, ids, &length, err, "seq%" PRId64 ".ids", i)) return false;
    if (!parity_read_i32(s, &prompt_length, &n_values, err, "seq%" PRId64 ".prompt_length", i)) return false;
    const int64_t prompt = n_values == 1 ? prompt_length[0] : -1;
    base_free(prompt_length);
    if (prompt < 0 || prompt > length || length < 2)
        return error_set(err, ERROR_INPUT,
                         "%s: seq%" PRId64 ": prompt_length must be one number from 0 to the %" PRId64
                         " ids, of which there must be at least two",
                         s->request->golden, i, length);
    if (!model_reserve_positions(&s->model, length - 1, err))
        return error_in(err, "%s: seq%" PRId64, s->request->golden, i);
    *sequence = (TrainSequence){
        .inputs = *ids, .targets = *ids + 1, .n_rows = length - 1, .first_target = prompt > 0 ? prompt - 1 : 0};
    return true;
}

static bool train(ParitySession *s, const TrainBatch *batch, Error *err)
{
    Trainer trainer;
    if (!trainer_create(&trainer, &s->model, s->compute, s->request->micro_batch_tokens, 1, false, err)) return false;
    const int64_t n = train_batch_tokens(batch);
    float *logprobs = base_alloc((size_t)n, sizeof *logprobs);
    SftLoss loss = {NULL, sft_inv_total(NULL, n)};
    const bool ok =
        trainer_gradient(&trainer, &s->model, batch, 1.0f, sft_loss_gradient, &loss, logprobs, NULL, err) &&
        parity_compare_value(s, "loss", sft_loss_value(&loss, logprobs, n), MEASURE_ABSOLUTE, PARITY_LOSS, err) &&
        parity_compare_parameters(s, "grad.", trainer.gradients[0].flat, MEASURE_LARGEST, PARITY_GRADIENT, err);
    base_free(logprobs);
    trainer_free(&trainer);
    return ok;
}

bool parity_sft(ParitySession *s, Error *err)
{
    int64_t n;
    if (!parity_count(s, "seq", "ids", &n, err)) return false;
    int32_t **ids = base_alloc((size_t)n, sizeof *ids);
    TrainSequence *sequences = base_alloc((size_t)n, sizeof *sequences);
    TrainGroup *groups = base_alloc((size_t)n, sizeof *groups);
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        groups[i] = (TrainGroup){.first_sequence = i, .n_sequences = 1};
        ok = read_sequence(s, i, &ids[i], &sequences[i], err);
    }
    ok = ok && train(s, &(TrainBatch){groups, n, sequences, n}, err);
    for (int64_t i = 0; i < n; i++) base_free(ids[i]);
    base_free(ids);
    base_free(sequences);
    base_free(groups);
    return ok;
}

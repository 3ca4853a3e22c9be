/* SPDX-License-Identifier: MIT */
/* eval/parity_reward.c: kind reward-model: Bradley-Terry over pairs, a scalar head on each response's last token. */
#include "eval/parity_session.h"

#include "train/reward_model.h"

#include <inttypes.h>
#include <string.h>

static const char *const SIDES[2] = {"chosen", "rejected"};

/* The golden's head, which stands in place of the folder's. */
static bool read_head(ParitySession *s, Error *err)
{
    float *head;
    int64_t n;
    if (s->has_head && !parity_find(s, "head.weight")) return true;
    if (!parity_read_f32(s, &head, &n, err, "head.weight")) return false;
    const int64_t D = s->model.config.hidden_size;
    const bool ok = n == D || error_set(err, ERROR_INPUT,
                                        "%s: tensor \"head.weight\" has %" PRId64 " elements, the model's hidden size "
                                        "is %" PRId64,
                                        s->request->golden, n, D);
    if (ok) memcpy(model_score(&s->model), head, (size_t)n * sizeof *head);
    base_free(head);
    return ok;
}

/* A score stands on the last token. */
static bool read_response(ParitySession *s, int64_t i, int32_t **ids, TrainSequence *sequence, Error *err)
{
    int64_t length;
    const char *const side = SIDES[i % 2];
    if (!parity_read_ids(s, ids, &length, err, "pair%" PRId64 ".%s.ids", i / 2, side)) return false;
    if (length < 1)
        return error_set(err, ERROR_INPUT, "%s: pair%" PRId64 ".%s.ids is empty", s->request->golden, i / 2, side);
    if (!model_reserve_positions(&s->model, length, err))
        return error_in(err, "%s: pair%" PRId64 ".%s", s->request->golden, i / 2, side);
    *sequence = (TrainSequence){.inputs = *ids, .n_rows = length, .first_target = length - 1};
    return true;
}

static bool compare_scores(ParitySession *s, const float *scores, int64_t n, Error *err)
{
    for (int64_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "pair%" PRId64 ".%s.score", i / 2, SIDES[i % 2]);
        if (!parity_compare_value(s, name, (double)scores[i], MEASURE_ABSOLUTE, PARITY_SCORES, err)) return false;
    }
    return true;
}

static bool train(ParitySession *s, const TrainBatch *batch, Error *err)
{
    Trainer trainer;
    if (!trainer_create(&trainer, &s->model, s->compute, s->request->micro_batch_tokens, 1, false, err)) return false;
    trainer.whole_groups = true;
    const int64_t n = batch->n_sequences;
    float *const scores = base_alloc((size_t)n, sizeof *scores);
    RewardModelLoss loss = {.pairwise = true, .inv_total = reward_model_inv_total(true, n)};
    const bool ok =
        trainer_value_gradient(&trainer, &s->model, batch, reward_model_loss_gradient, &loss, scores, err) &&
        compare_scores(s, scores, n, err) &&
        parity_compare_value(s, "loss", reward_model_loss_value(&loss, scores, n), MEASURE_ABSOLUTE, PARITY_LOSS,
                             err) &&
        parity_compare_parameters(s, "grad.", trainer.gradients[0].flat, MEASURE_LARGEST, PARITY_GRADIENT, err);
    base_free(scores);
    trainer_free(&trainer);
    return ok;
}

bool parity_reward_model(ParitySession *s, Error *err)
{
    int64_t n;
    if (!read_head(s, err) || !parity_count(s, "pair", "chosen.ids", &n, err)) return false;
    int32_t **const ids = base_alloc((size_t)(2 * n), sizeof *ids);
    TrainSequence *const sequences = base_alloc((size_t)(2 * n), sizeof *sequences);
    TrainGroup *const groups = base_alloc((size_t)n, sizeof *groups);
    bool ok = true;
    for (int64_t i = 0; i < n; i++) groups[i] = (TrainGroup){.first_sequence = 2 * i, .n_sequences = 2};
    for (int64_t i = 0; ok && i < 2 * n; i++) ok = read_response(s, i, &ids[i], &sequences[i], err);
    ok = ok && train(s, &(TrainBatch){groups, n, sequences, 2 * n}, err);
    for (int64_t i = 0; i < 2 * n; i++) base_free(ids[i]);
    base_free(ids);
    base_free(sequences);
    base_free(groups);
    return ok;
}

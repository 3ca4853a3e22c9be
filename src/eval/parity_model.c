/* SPDX-License-Identifier: MIT */
/* eval/parity_model.c: kind model: logits by a plain forward, log-probabilities and gradients by the trainer, greedy ids by the rollout
 * engine with its cache: the three ways in which the program reads a model. */
#include "eval/parity_mtp.h"

#include "rollout/engine.h"
#include "train/sft.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Sequences {
    int64_t n;
    int32_t **ids;    /* [n] */
    int64_t *lengths; /* [n] */
} Sequences;

static void sequences_free(Sequences *q)
{
    for (int64_t i = 0; i < q->n; i++) base_free(q->ids[i]);
    base_free(q->ids);
    base_free(q->lengths);
}

static bool sequences_read(Sequences *q, ParitySession *s, Error *err)
{
    *q = (Sequences){0};
    int64_t n;
    if (!parity_count(s, "seq", "ids", &n, err)) return false;
    q->ids = base_alloc((size_t)n, sizeof *q->ids);
    q->lengths = base_alloc((size_t)n, sizeof *q->lengths);
    q->n = n;
    for (int64_t i = 0; i < n; i++) {
        if (!parity_read_ids(s, &q->ids[i], &q->lengths[i], err, "seq%" PRId64 ".ids", i)) return false;
        if (q->lengths[i] < 1)
            return error_set(err, ERROR_INPUT, "%s: tensor \"seq%" PRId64 ".ids\" is empty", s->request->golden, i);
    }
    return true;
}

/* ---- logits ---- */

static double root_mean_square(const float *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum = fma((double)x[i], (double)x[i], sum);
    return sqrt(sum / (double)n);
}

static void tell_layers(const ParitySession *s, const DecoderWorkspace *w, int64_t sequence, int64_t n_rows)
{
    const int64_t L = s->model.config.n_layers, n = n_rows * s->model.config.hidden_size;
    char name[32];
    snprintf(name, sizeof name, "seq%" PRId64, sequence);
    for (int64_t l = 0; s->sink->layer && l <= L + 1; l++)
        s->sink->layer(s->sink->context, &(ParityLayer){name, l, root_mean_square(l <= L ? w->x[l] : w->hidden, n)});
}

static bool compare_logits(ParitySession *s, DecoderWorkspace *w, const Sequences *q, int64_t i, Error *err)
{
    const int64_t T = q->lengths[i], V = s->model.config.vocab_size;
    int32_t *positions = base_alloc((size_t)T, sizeof *positions);
    for (int64_t t = 0; t < T; t++) positions[t] = (int32_t)t;
    float *logits = base_alloc((size_t)T * (size_t)V, sizeof *logits);
    const DecoderSegment segment = {0, T, 0};
    const int64_t no_prompt = -1;
    const DecoderBatch batch = {.n_rows = T,
                                .n_backward_rows = T,
                                .ids = q->ids[i],
                                .positions = positions,
                                .segments = &segment,
                                .n_segments = 1,
                                .prompt_of_segment = &no_prompt};
    decoder_forward(&s->model, s->compute, w, &batch);
    decoder_logits(&s->model, s->compute, w, 0, T, logits);
    if (s->request->layers) tell_layers(s, w, i, T);
    char name[64];
    snprintf(name, sizeof name, "seq%" PRId64 ".logits", i);
    const bool ok =
        parity_compare_f32(s, name, logits, 2, (const int64_t[]){T, V}, MEASURE_ABSOLUTE, PARITY_LOGITS, err) &&
        parity_compare_mtp(s, w, &batch, i, err);
    base_free(positions);
    base_free(logits);
    return ok;
}

static bool compare_all_logits(ParitySession *s, const Sequences *q, Error *err)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < q->n; i++) longest = q->lengths[i] > longest ? q->lengths[i] : longest;
    DecoderWorkspace w;
    if (!model_reserve_positions(&s->model, longest, err)) return error_in(err, "%s", s->request->golden);
    /* Room for a backward keeps every layer's stream apart, which is what --layers looks at. */
    if (!decoder_workspace_create(&w, &s->model.config, longest, longest, threads_count(s->compute->threads), true,
                                  false, err))
        return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < q->n; i++) ok = compare_logits(s, &w, q, i, err);
    decoder_workspace_free(&w);
    return ok;
}

/* ---- log-probabilities, loss, gradients ---- */

static bool compare_logprobs(ParitySession *s, const Sequences *q, const float *logprobs, Error *err)
{
    for (int64_t i = 0; i < q->n; i++) {
        const int64_t n = q->lengths[i] - 1;
        char name[64];
        snprintf(name, sizeof name, "seq%" PRId64 ".logprobs", i);
        if (!parity_compare_f32(s, name, logprobs, 1, &n, MEASURE_ABSOLUTE, PARITY_LOGPROBS, err)) return false;
        logprobs += n;
    }
    return true;
}

static bool train(ParitySession *s, const TrainBatch *batch, float *logprobs, const Sequences *q, Error *err)
{
    Trainer trainer;
    if (!trainer_create(&trainer, &s->model, s->compute, s->request->micro_batch_tokens, 1, false, err)) return false;
    const int64_t n = train_batch_tokens(batch);
    SftLoss loss = {NULL, sft_inv_total(NULL, n)};
    const bool ok =
        trainer_gradient(&trainer, &s->model, batch, 1.0f, sft_loss_gradient, &loss, logprobs, NULL, err) &&
        compare_logprobs(s, q, logprobs, err) &&
        parity_compare_value(s, "loss", sft_loss_value(&loss, logprobs, n), MEASURE_ABSOLUTE, PARITY_LOSS, err) &&
        parity_compare_parameters(s, "grad.", trainer.gradients[0].flat, MEASURE_LARGEST, PARITY_GRADIENT, err);
    trainer_free(&trainer);
    return ok;
}

static bool compare_training(ParitySession *s, const Sequences *q, Error *err)
{
    TrainSequence *sequences = base_alloc((size_t)q->n, sizeof *sequences);
    TrainGroup *groups = base_alloc((size_t)q->n, sizeof *groups);
    int64_t n = 0, n_tokens = 0;
    for (int64_t i = 0; i < q->n; i++) {
        if (q->lengths[i] < 2) continue; /* one token predicts nothing */
        sequences[n] = (TrainSequence){.inputs = q->ids[i], .targets = q->ids[i] + 1, .n_rows = q->lengths[i] - 1};
        groups[n] = (TrainGroup){.first_sequence = n, .n_sequences = 1};
        n_tokens += q->lengths[i] - 1;
        n++;
    }
    const TrainBatch batch = {groups, n, sequences, n};
    float *logprobs = base_alloc((size_t)n_tokens, sizeof *logprobs);
    const bool ok = n == 0 ? error_set(err, ERROR_INPUT, "%s: no sequence has two tokens", s->request->golden)
                           : train(s, &batch, logprobs, q, err);
    base_free(logprobs);
    base_free(groups);
    base_free(sequences);
    return ok;
}

/* ---- greedy ids ---- */

static bool keep_ids(void *context, const Completion *completion, Error *err)
{
    (void)err;
    memcpy(context, completion->ids, (size_t)completion->n_ids * sizeof *completion->ids);
    return true;
}

static bool decode_greedily(ParitySession *s, const int32_t *prompt, int64_t n_prompt, int32_t *ids, int64_t n,
                            Error *err)
{
    RolloutEngine *engine;
    if (!engine_create(&engine, &s->model, s->compute, 1, n_prompt + n, err))
        return error_in(err, "%s: greedy.prompt", s->request->golden);
    const RolloutPrompt rollout = {.ids = prompt, .n_ids = n_prompt};
    /* As long as the golden, past a stop token too if it goes on there. */
    const SamplingParams params = {.temperature = 0.0, .top_p = 1.0, .max_tokens = n, .ignore_eos = true};
    const bool ok = engine_run(engine, &rollout, 1, 1, &params, keep_ids, ids, NULL, err);
    engine_free(engine);
    return ok;
}

static bool compare_greedy(ParitySession *s, Error *err)
{
    const SafetensorsTensor *golden = parity_find(s, "greedy.ids");
    if (!golden || !parity_find(s, "greedy.prompt")) {
        if (!golden && !safetensors_find(&s->golden, "greedy.prompt")) return true;
        return error_set(err, ERROR_INPUT, "%s: tensor \"greedy.%s\" is missing", s->request->golden,
                         golden ? "prompt" : "ids");
    }
    int32_t *prompt;
    int64_t n_prompt;
    if (!parity_read_ids(s, &prompt, &n_prompt, err, "greedy.prompt")) return false;
    const int64_t n = golden->n_elements;
    int32_t *ids = base_alloc((size_t)n, sizeof *ids);
    const bool ok = (n == 0 || decode_greedily(s, prompt, n_prompt, ids, n, err)) &&
                    parity_compare_ids(s, "greedy.ids", ids, n, err);
    base_free(ids);
    base_free(prompt);
    return ok;
}

bool parity_model(ParitySession *s, Error *err)
{
    Sequences q;
    const bool ok = sequences_read(&q, s, err) && compare_all_logits(s, &q, err) && compare_training(s, &q, err) &&
                    compare_greedy(s, err);
    sequences_free(&q);
    return ok;
}

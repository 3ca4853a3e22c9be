/* SPDX-License-Identifier: MIT */
/* eval/parity_session.h: one comparison in hand: the golden file, what has been compared, what will be dumped. Private to eval/. */
#ifndef R1_EVAL_PARITY_SESSION_H
#define R1_EVAL_PARITY_SESSION_H

#include "eval/parity.h"
#include "format/safetensors.h"
#include "model/model.h"
#include "train/batch.h"

/* What an f32 implementation meets easily (measured: a tenth of these or less). */
#define PARITY_LOGITS         2e-4
#define PARITY_LOGPROBS       1e-4
#define PARITY_SCORES         1e-4
#define PARITY_ADVANTAGES     1e-5
#define PARITY_LOSS           1e-5
#define PARITY_GRADIENT       1e-3
#define PARITY_GRAD_NORM      1e-5
#define PARITY_WEIGHTS        1e-6
#define PARITY_GRADIENT_FLOOR 1e-6 /* a tensor whose largest gradient is smaller is measured against this */

typedef struct ParitySession {
    const ParityRequest *request;
    const Compute *compute;
    const ParitySink *sink;
    ParityResult *result;
    Model model;   /* kind dequant: none; kind reward-model: with a scalar head */
    bool has_head; /* kind reward-model: the folder has one */
    SafetensorsFile golden;
    bool *known;            /* [golden.n_tensors]: read or compared */
    SafetensorsItem *items; /* own tensors for the dump; names and data owned */
    int64_t n_items, capacity;
} ParitySession;

/* ---- reading the golden ---- */

/* A tensor by a printf name; NULL: not there. It counts as known. */
const SafetensorsTensor *parity_find(ParitySession *s, const char *format, ...) R1_PRINTF(2, 3);
/* Integers or floats of a rank-1 tensor, which must be there; *values is base_alloc'd. */
bool parity_read_i32(ParitySession *s, int32_t **values, int64_t *n, Error *err, const char *format, ...)
    R1_PRINTF(5, 6) R1_MUST_CHECK;
bool parity_read_f32(ParitySession *s, float **values, int64_t *n, Error *err, const char *format, ...)
    R1_PRINTF(5, 6) R1_MUST_CHECK;
/* parity_read_i32, and every id lies in the model's vocabulary. */
bool parity_read_ids(ParitySession *s, int32_t **ids, int64_t *n, Error *err, const char *format, ...)
    R1_PRINTF(5, 6) R1_MUST_CHECK;
/* How many of prefix0.suffix, prefix1.suffix, ... there are. At least one, or an error. */
bool parity_count(ParitySession *s, const char *prefix, const char *suffix, int64_t *n, Error *err) R1_MUST_CHECK;

/* ---- comparing ---- */

typedef enum ParityMeasure { MEASURE_ABSOLUTE, MEASURE_LARGEST, MEASURE_VALUE, MEASURE_EXACT } ParityMeasure;
/* Keeps own values for the dump and compares them where the golden has the tensor. */
bool parity_compare_f32(ParitySession *s, const char *name, const float *own, int rank, const int64_t *shape,
                        ParityMeasure measure, double limit, Error *err) R1_MUST_CHECK;
bool parity_compare_ids(ParitySession *s, const char *name, const int32_t *own, int64_t n, Error *err) R1_MUST_CHECK;
bool parity_compare_value(ParitySession *s, const char *name, double own, ParityMeasure measure, double limit,
                          Error *err) R1_MUST_CHECK;
/* prefix + name for every parameter of the model, from a flat buffer: gradients or weights. All or none must be in the golden. A scalar
 * head goes by "score.weight", or, as a vector, by "head.weight". */
bool parity_compare_parameters(ParitySession *s, const char *prefix, const float *flat, ParityMeasure measure,
                               double limit, Error *err) R1_MUST_CHECK;

/* ---- the kinds ---- */

bool parity_model(ParitySession *s, Error *err) R1_MUST_CHECK;
bool parity_grpo(ParitySession *s, Error *err) R1_MUST_CHECK;
bool parity_sft(ParitySession *s, Error *err) R1_MUST_CHECK;
bool parity_reward_model(ParitySession *s, Error *err) R1_MUST_CHECK;
bool parity_dequant(ParitySession *s, Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* model/frozen.h: weights that stay as their file has them, for a model that is run and not trained.
 *
 * Matrices stand in memory once, in panels of their stored type (num/panels.h); vectors in f32. Every number that comes out
 * has the bits of the same model in f32. Model.weights then holds the vectors alone, Model.panels is NULL, and the offsets of
 * LayerPanels are names under which a matrix is found here. */
#ifndef R1_MODEL_FROZEN_H
#define R1_MODEL_FROZEN_H

#include "model/model.h"
#include "num/panels.h"

enum { FROZEN_MAX_PARTS = 3 }; /* q, k, v; gate, up */

/* What one product reads: tensors that stand one below the other, each of its own type. */
typedef struct FrozenMatrix {
    int64_t offset; /* in LayerPanels */
    int n_parts;
    Panels parts[FROZEN_MAX_PARTS];
} FrozenMatrix;

struct FrozenWeights {
    Arena memory;
    FrozenMatrix *matrices; /* [n], ascending by offset; owned */
    int64_t n;
    const Panels *embedding; /* in matrices, or embedding_own when the head is not tied */
    Panels embedding_own;
};

/* How a model's matrices stand in memory. */
typedef enum ModelWeights {
    WEIGHTS_STORED, /* as the file has them */
    WEIGHTS_BF16,   /* rounded to bf16, to nearest, ties to even */
    WEIGHTS_F32,    /* what model_open does */
} ModelWeights;
const char *const *model_weights_names(void); /* "stored", "bf16", "f32"; NULL-terminated */
ModelWeights model_weights_named(const char *name);

/* model_open for a model that is run and not trained. */
bool model_open_frozen(Model *model, const char *path, ModelWeights weights, const Compute *compute,
                       Error *err) R1_MUST_CHECK;
/* model_open_frozen of a folder that holds a scalar head: for a reward model that scores. */
bool model_open_frozen_scalar(Model *model, const char *path, ModelWeights weights, const Compute *compute,
                              Error *err) R1_MUST_CHECK;
void frozen_free(struct FrozenWeights *frozen); /* NULL is fine */

/* Y[M, N] = X[M, K] W^T + bias with the matrix at this offset of the panels. */
void frozen_linear(const struct FrozenWeights *frozen, const Compute *compute, float *y, const float *x, int64_t offset,
                   const float *bias, int64_t M, int64_t N);
void frozen_embed(const struct FrozenWeights *frozen, float *x, const int32_t *ids, int64_t T);

/* Bytes of a model of this file in memory as `weights`, KV cache and workspace apart; 0: its tensors cannot be told. */
int64_t frozen_bytes(const char *path, const ModelConfig *config, ModelWeights weights);

#endif

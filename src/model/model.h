/* SPDX-License-Identifier: MIT */
/* model/model.h: a decoder's weights in memory: one flat row-major f32 buffer (what files and the optimiser see) and the packed
 * panels that the forward GEMMs read. After a change of weights, model_pack renews the panels and raises `version`; a KV cache
 * remembers the version it was filled under and refuses to be read under another. */
#ifndef R1_MODEL_MODEL_H
#define R1_MODEL_MODEL_H

#include "base/arena.h"
#include "model/config.h"
#include "model/params.h"
#include "base/philox.h"
#include "num/compute.h"

typedef struct LayerPanels {
    int64_t qkv, o, gate_up, down; /* offsets into panels, floats */
} LayerPanels;

typedef struct Model {
    ModelConfig config;
    ParamLayout layout;
    Arena memory;   /* owns weights and panels */
    float *weights; /* [layout.n_floats] */
    float *panels;
    LayerPanels *layer_panels; /* [L] */
    int64_t head_panels;
    Arena rope_memory;
    float *rope_cos, *rope_sin; /* [n_positions][C / 2] */
    int64_t n_positions;
    uint64_t version;
} Model;

/* Zero weights of this shape; nothing packed. */
bool model_create(Model *model, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* Config and weights of a Hugging Face folder, packed. */
bool model_open(Model *model, const char *folder, const Compute *compute, Error *err) R1_MUST_CHECK;
void model_free(Model *model);

/* Renews the panels from the weights. */
void model_pack(Model *model, const Compute *compute);
/* Makes sure that positions 0 .. n - 1 have their rotary angles. Fails past config.max_positions. */
bool model_reserve_positions(Model *model, int64_t n, Error *err) R1_MUST_CHECK;

/* Initial weights for pretraining (GPT-2's rule): matrices and embedding normal with this standard deviation, the two projections
 * that write into the residual stream (o_proj, down_proj) divided by sqrt(2 L), norms 1, biases 0. Box-Muller over Philox draws keyed by
 * tensor number and element, in f64 with the project's own log, cos, sqrt. */
void model_init(Model *model, uint64_t seed, double std);

/* Floating-point operations of one token: forward, weights only (2 a weight, the embedding counted once as the head). Attention:
 * 4 * L * H * C a (token, key) pair. */
int64_t model_token_flops(const ModelConfig *config);
int64_t model_parameters(const ModelConfig *config);

#endif

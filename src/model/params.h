/* SPDX-License-Identifier: MIT */
/* model/params.h: where every tensor of a decoder lives.
 *
 * All parameters stand in one flat f32 buffer, row-major, in an order that lets q, k, v (and gate, up) of a layer be one matrix:
 * the three tensors are consecutive, so [q; k; v] is [(H + 2K) * C, D] without a copy. Gradients and moments are flat buffers of the
 * same layout. The `tensors` table has Hugging Face's names, sorted bytewise: "name order" of the contract. */
#ifndef R1_MODEL_PARAMS_H
#define R1_MODEL_PARAMS_H

#include "base/error.h"
#include "model/config.h"

#include <stdint.h>

typedef struct ParamTensor {
    char name[96];
    int rank;              /* 1 or 2 */
    int64_t rows, columns; /* rank 1: rows = 1 */
    int64_t
        offset;   /* floats from the start of the flat buffer; a multiple of 16 where a matrix or vector group begins */
    bool one_row; /* the scalar head: a matrix to files, beside the vectors in memory (model/frozen.h) */
    bool untrained;     /* of a module whose loss is no part of training (config.train_mtp) */
    bool moved_by_rule; /* no gradient reaches it, so the optimiser leaves it alone (the experts' correction bias) */
} ParamTensor;

/* Latent attention. W_UK and W_UV of head h are rows of kv_b_proj: [N, R] from h * (N + W) on, and the [W, R] behind. */
typedef struct MlaOffsets {
    int64_t in;       /* [Q + R + P, D]: q_a_proj (or q_proj), kv_a_proj_with_mqa */
    int64_t q_a_norm; /* [Q], -1 without a latent of queries */
    int64_t q_b;      /* [H (N + P), Q], -1 likewise */
    int64_t kv_norm;  /* [R] */
    int64_t kv_b;     /* [H (N + W), R] */
} MlaOffsets;

/* Routed experts. Expert e's matrices stand at experts + e * expert_stride: [gate; up] [2 F', D], then down [D, F']. */
typedef struct MoeOffsets {
    int64_t router; /* [E, D], -1: a dense layer */
    int64_t bias;   /* [E], -1 without */
    int64_t experts, expert_stride;
    int64_t expert_down; /* from the expert's first float */
} MoeOffsets;

/* Offsets (in floats) of one layer's groups in the flat buffer. */
typedef struct LayerOffsets {
    int64_t input_norm; /* [D] */
    int64_t qkv;        /* [(H + 2K) C, D]: q_proj, k_proj, v_proj */
    int64_t qkv_bias;   /* [(H + 2K) C], -1 without */
    int64_t q_norm;     /* [C], -1 without */
    int64_t k_norm;     /* [C], -1 without */
    int64_t o;          /* [D, H C] */
    int64_t o_bias;     /* [D], -1 without */
    int64_t post_norm;  /* [D] */
    int64_t gate_up;    /* [2F, D]: gate_proj, up_proj; of the shared experts in a layer of experts, maybe F = 0 */
    int64_t down;       /* [D, F] */
    MlaOffsets mla;     /* in place of qkv and qkv_bias */
    MoeOffsets moe;
} LayerOffsets;

/* A module that predicts a further token (model/mtp.h), beside its block's LayerOffsets. */
typedef struct MtpOffsets {
    int64_t enorm, hnorm; /* [D]: norms of the token's embedding and of the depth before */
    int64_t eh_proj;      /* [D, 2D] */
    int64_t norm;         /* [D]: before the head */
} MtpOffsets;

/* Where the two matrices of an adapter begin; -1: the map has none. Those of expert e stand e * stride further on. */
typedef struct AdapterOffsets {
    int64_t a; /* [r, in] */
    int64_t b; /* [out, r] */
    int64_t stride;
} AdapterOffsets;

typedef struct ParamLayout {
    ParamTensor *tensors; /* [n_tensors], by name; owned */
    int64_t n_tensors;
    LayerOffsets *layers;    /* [L + modules]; owned */
    MtpOffsets *mtp;         /* [n_mtp]; owned */
    int64_t n_layers, n_mtp; /* 0, 0 in a layout of adapters */
    int64_t embedding;       /* [V, D] */
    int64_t final_norm;      /* [D] */
    int64_t head;            /* [V, D]; == embedding when tied; -1 with a scalar head */
    int64_t score;    /* [1, D]: the scalar head; -1 without, and of weights under adapters, among which it stands */
    int64_t n_floats; /* of the flat buffer, pads included */
    int64_t n_parameters;     /* without pads */
    AdapterOffsets *adapters; /* [L][LORA_MODULES] in a layout of adapters, which has only these and tensors; owned */
} ParamLayout;

/* Only vectors take room in the buffer; what the offsets of matrices hold means nothing (model/frozen.h). */
bool param_layout_create_vectors(ParamLayout *layout, const ModelConfig *config, Error *err) R1_MUST_CHECK;
bool param_layout_create(ParamLayout *layout, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* The adapters that config->lora describes, under the names that PEFT gives them. */
bool param_layout_create_adapters(ParamLayout *layout, const ModelConfig *config, Error *err) R1_MUST_CHECK;
void param_layout_free(ParamLayout *layout);
/* What stands in f32 whatever the matrices do. */
static inline bool param_is_vector(const ParamTensor *tensor)
{
    return tensor->rank == 1 || tensor->one_row;
}
/* The number in "model.layers.NUMBER.", and in *rest what stands behind it (rest may be NULL); -1: another name. */
int64_t param_layer_of(const char *name, const char **rest);
const ParamTensor *param_layout_find(const ParamLayout *layout, const char *name); /* NULL: none */

#endif

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
        offset; /* floats from the start of the flat buffer; a multiple of 16 where a matrix or vector group begins */
} ParamTensor;

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
    int64_t gate_up;    /* [2F, D]: gate_proj, up_proj */
    int64_t down;       /* [D, F] */
} LayerOffsets;

/* Where the two matrices of an adapter begin; -1: the map has none. */
typedef struct AdapterOffsets {
    int64_t a; /* [r, in] */
    int64_t b; /* [out, r] */
} AdapterOffsets;

typedef struct ParamLayout {
    ParamTensor *tensors; /* [n_tensors], by name; owned */
    int64_t n_tensors;
    LayerOffsets *layers;     /* [L]; owned */
    int64_t embedding;        /* [V, D] */
    int64_t final_norm;       /* [D] */
    int64_t head;             /* [V, D]; == embedding when tied */
    int64_t n_floats;         /* of the flat buffer, pads included */
    int64_t n_parameters;     /* without pads */
    AdapterOffsets *adapters; /* [L][LORA_MODULES] in a layout of adapters, which has only these and tensors; owned */
} ParamLayout;

/* Only vectors take room in the buffer; what the offsets of matrices hold means nothing (model/frozen.h). */
bool param_layout_create_vectors(ParamLayout *layout, const ModelConfig *config, Error *err) R1_MUST_CHECK;
bool param_layout_create(ParamLayout *layout, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* The adapters that config->lora describes, under the names that PEFT gives them. */
bool param_layout_create_adapters(ParamLayout *layout, const ModelConfig *config, Error *err) R1_MUST_CHECK;
void param_layout_free(ParamLayout *layout);
const ParamTensor *param_layout_find(const ParamLayout *layout, const char *name); /* NULL: none */

#endif

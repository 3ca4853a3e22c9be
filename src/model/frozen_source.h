/* SPDX-License-Identifier: MIT */
/* model/frozen_source.h: matrices of a file as panels of their stored type. Private to model/. */
#ifndef R1_MODEL_FROZEN_SOURCE_H
#define R1_MODEL_FROZEN_SOURCE_H

#include "format/gguf.h"
#include "model/folder.h"
#include "model/frozen.h"

typedef struct Source {
    bool is_gguf;
    GgufFile gguf;
    ModelTensors tensors;
    const ModelConfig *config;
    ModelWeights weights;
} Source;

bool source_open(Source *source, const char *path, Error *err) R1_MUST_CHECK;
void source_close(Source *source);

/* Rows [first_row, first_row + n_rows) of a tensor. turned: they may be packed as their transpose, and are where the file has them
 * so or the type has no blocks (W_UK). latent: head h of kv_b_proj, which a GGUF file may hold in two tensors. */
typedef struct Slice {
    const ParamTensor *tensor;
    int64_t first_row, n_rows;
    bool may_turn;
    int64_t latent_layer, latent_head; /* -1: a plain tensor */
} Slice;

/* Which type and shape the slice has in memory; turned: [columns, n_rows]. */
typedef struct SlicePlan {
    QuantType type;
    bool turned;
    int64_t n_out, n_in;
} SlicePlan;
SlicePlan source_plan(const Source *source, const Slice *slice);
/* Packs the slice as planned into data[panels_bytes(type, n_out, n_in)]. A value that is not finite is an error that names the tensor. */
bool source_pack(unsigned char *data, const SlicePlan *plan, const Source *source, const Slice *slice, Threads *threads,
                 Error *err) R1_MUST_CHECK;
/* A whole tensor in f32. */
bool source_read_f32(float *x, const Source *source, const ParamTensor *tensor, Error *err) R1_MUST_CHECK;

#endif

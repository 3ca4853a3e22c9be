/* SPDX-License-Identifier: MIT */
/* model/gguf_model.h: a model as a GGUF file: its shape from the metadata, its tensors under their own names.
 *
 * The metadata is rewritten as the config.json that it amounts to and read by model/config.c, so that every rule about a
 * config stands in one place. Rows of q_proj and k_proj of the "llama" architecture stand permuted in the file: ggml turns
 * neighbouring channels where Hugging Face turns channel i with i + C/2, so row h*C + 2i + s of the file is row
 * h*C + s*C/2 + i of ours. Source: GGUF specification (ggml, docs/gguf.md), "Standardized key-value pairs" and "tensor names". */
#ifndef R1_MODEL_GGUF_MODEL_H
#define R1_MODEL_GGUF_MODEL_H

#include "base/error.h"
#include "format/gguf.h"
#include "model/config.h"
#include "model/params.h"

/* What the metadata describes, every field checked. Messages name the file and the key. */
bool gguf_model_config(ModelConfig *config, const GgufFile *file, Error *err) R1_MUST_CHECK;

/* What Llama 3.1's rule divides the frequency of channel pair i by: "rope_freqs.weight". The rule itself has no standard keys;
 * files that r1 writes have it under these. */
double gguf_llama3_factor(const ModelConfig *config, int64_t i);
#define GGUF_LLAMA3_KEY "r1.rope.llama3."

/* YaRN as transformers has it, where llama.cpp's keys cannot say it; files that r1 writes have the rest under these. */
#define GGUF_YARN_KEY "r1.rope.yarn."

/* The file's name of one of our tensors: "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight". The matrices of all
 * experts of a layer are one tensor [E, rows, columns] there: `expert` is the one meant, -1 for any other tensor. */
typedef struct GgufName {
    char text[96];
    int64_t expert;
} GgufName;
bool gguf_model_name(GgufName *name, const char *ours); /* false: it has none */
/* Which row of the file's tensor holds row `row` of ours, from the expert's first one on. */
int64_t gguf_model_row(const ModelConfig *config, const ParamTensor *tensor, int64_t row);

/* A tensor of ours in the file: it begins with row `first_row` of `tensor` (rows of shape[rank - 1] elements). tensor NULL: the
 * file has none of that name. */
typedef struct GgufPlace {
    const GgufTensor *tensor;
    int64_t first_row;
} GgufPlace;
GgufPlace gguf_model_place(const GgufFile *file, const ParamTensor *tensor);
/* kv_b_proj comes in two layouts: whole ("attn_kv_b", as Hugging Face has it), or apart: "attn_k_b" [H, R, N], W_UK of each head
 * transposed, and "attn_v_b" [H, W, R], W_UV. Where a file has both, the whole one counts. */
typedef struct GgufLatent {
    const GgufTensor *keys, *values; /* NULL: it is whole */
} GgufLatent;
GgufLatent gguf_model_latent(const GgufFile *file, int64_t layer);

/* Whether the file's tensors are exactly the model of `layout` and `config`, in its shapes. */
bool gguf_model_check(const GgufFile *file, const ParamLayout *layout, const ModelConfig *config,
                      Error *err) R1_MUST_CHECK;
/* That the copies of embedding and head that a module may have are such, element by element, whatever float type holds them; what either
 * side has in blocks is not compared. After gguf_model_check. */
bool gguf_model_check_copies(const GgufFile *file, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* Every tensor of `layout`, dequantised, into weights[layout->n_floats] (pads zeroed). A tensor that is missing, has another
 * shape or a value that is not finite: one line with file and tensor. */
bool gguf_model_read_tensor(float *to, const GgufFile *file, const ModelConfig *config, const ParamTensor *tensor,
                            Error *err) R1_MUST_CHECK; /* one of them */
bool gguf_model_read_weights(float *weights, const ParamLayout *layout, const ModelConfig *config, const GgufFile *file,
                             Error *err) R1_MUST_CHECK;

#endif

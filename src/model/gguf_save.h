/* SPDX-License-Identifier: MIT */
/* model/gguf_save.h: a model written as a GGUF file that llama.cpp loads: llama, mistral (as llama), qwen2,
 * qwen3, and DeepSeek-V2 and V3 (as deepseek2, kv_b_proj in its two parts, modules that predict further tokens as blocks behind
 * the layers). */
#ifndef R1_MODEL_GGUF_SAVE_H
#define R1_MODEL_GGUF_SAVE_H

#include "base/error.h"
#include "format/gguf_write.h"
#include "model/config.h"
#include "model/params.h"

typedef struct GgufSave {
    QuantType type;     /* of matrices; vectors are F32 */
    const char *name;   /* general.name */
    GgufValues *values; /* what stands in the metadata beside the model's shape: the tokenizer. Grows */
    const char *failpoint;
    int64_t
        n_other; /* out: matrices written in another type than `type`, because their rows are no whole blocks, or the
                             * head of a 4-bit model (as llama.cpp has it) */
} GgufSave;

/* weights[layout->n_floats] in the layout's order. Rows that are no multiple of 256 take Q8_0 instead of a K type, no multiple
 * of 32: F16. The router of experts is F32. */
bool gguf_model_write(const char *path, GgufSave *save, const float *weights, const ParamLayout *layout,
                      const ModelConfig *config, Error *err) R1_MUST_CHECK;

#endif

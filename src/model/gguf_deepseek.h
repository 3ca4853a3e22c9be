/* SPDX-License-Identifier: MIT */
/* model/gguf_deepseek.h: the metadata of DeepSeek-V2 and V3 in GGUF files ("deepseek2"), both ways. Private to model/.
 *
 * Two layouts are published. The older one describes the heads as they are (key_length N + P, value_length W); the newer one
 * describes what latent attention keeps (key_length R + P, value_length R, one kv head) and has the heads under key_length_mla and
 * value_length_mla. Files are read in either and written in the newer. Source: the keys of ggml's docs/gguf.md and of the
 * files that llama.cpp's converter makes. */
#ifndef R1_MODEL_GGUF_DEEPSEEK_H
#define R1_MODEL_GGUF_DEEPSEEK_H

#include "base/error.h"
#include "base/json.h"
#include "format/gguf.h"
#include "format/gguf_write.h"
#include "model/config.h"

#define GGUF_DEEPSEEK "deepseek2"

/* A file's metadata on its way to a config.json. */
typedef struct GgufMetadata {
    const GgufFile *file;
    const char *arch; /* "llama" */
    json_t *json;     /* the config.json under construction; owned by the caller */
    Error *err;
} GgufMetadata;

/* model_type, modules that predict further tokens, heads, latents and experts, after the sizes that all models have. */
bool gguf_deepseek_sizes(GgufMetadata *metadata);
/* rope_scaling of type yarn. */
bool gguf_deepseek_yarn(GgufMetadata *metadata);

/* Whether the model can be told in these keys: rotary pairs must be neighbours. */
bool gguf_deepseek_check(const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* What the keys that all models have do not say. */
void gguf_deepseek_put(GgufValues *values, const ModelConfig *config);

#endif

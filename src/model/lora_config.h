/* SPDX-License-Identifier: MIT */
/* model/lora_config.h: what low-rank adapters a model has (LoRA, Hu et al., arXiv 2106.09685):
 *   y = W x + b + scale * B (A x),  A [r, in], B [out, r],  scale = alpha / r, or alpha / sqrt(r) with rslora (arXiv 2312.03732)
 * on the linear maps that `targets` names, while W and b stay as they are. */
#ifndef R1_MODEL_LORA_CONFIG_H
#define R1_MODEL_LORA_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The linear maps of a block, in the order in which a block uses them. */
typedef enum LoraModule {
    LORA_Q,
    LORA_K,
    LORA_V,
    LORA_O,
    LORA_GATE,
    LORA_UP,
    LORA_DOWN,
    LORA_MODULES,
} LoraModule;

enum { LORA_ALL = (1 << LORA_MODULES) - 1 };

typedef struct LoraConfig {
    int64_t rank; /* r; 0: no adapters */
    double alpha;
    bool rslora;
    unsigned targets; /* bit 1 << LoraModule */
    bool score;       /* read from a folder whose adapters have a scalar head beside them (PEFT's modules_to_save) */
} LoraConfig;

const char *lora_module_name(LoraModule module); /* "q_proj" */
const char *lora_module_path(LoraModule module); /* "self_attn.q_proj" */
/* "all", or names like "q_proj" (or "q") separated by commas. */
bool lora_targets_parse(unsigned *targets, const char *text, Error *err) R1_MUST_CHECK;
float lora_scale(const LoraConfig *config);

#endif

/* SPDX-License-Identifier: MIT */
/* model/lora_config.h: what low-rank adapters a model has (LoRA, Hu et al., arXiv 2106.09685):
 *   y = W x + b + scale * B (A x),  A [r, in], B [out, r],  scale = alpha / r, or alpha / sqrt(r) with rslora (arXiv 2312.03732)
 * on the linear maps that `targets` names, while W and b stay as they are.
 *
 * Maps are named as PEFT names them: by the end of their path. "gate_proj" is every map of that name, of the dense MLP, of the shared
 * experts and of each expert; "mlp.gate_proj" and "shared_experts.gate_proj" are one of these. */
#ifndef R1_MODEL_LORA_CONFIG_H
#define R1_MODEL_LORA_CONFIG_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The linear maps of a block, in the order in which a block uses them. Which of them a model has follows from its architecture
 * (lora_module_outputs), which of them a layer has from the layer (lora_module_in). */
typedef enum LoraModule {
    LORA_Q,
    LORA_K,
    LORA_V,
    LORA_Q_A, /* latent attention has these four, and q_proj where queries have no latent */
    LORA_KV_A,
    LORA_Q_B,
    LORA_KV_B,
    LORA_O,
    LORA_GATE, /* of a dense MLP */
    LORA_UP,
    LORA_DOWN,
    LORA_SHARED_GATE, /* of the shared experts */
    LORA_SHARED_UP,
    LORA_SHARED_DOWN,
    LORA_EXPERT_GATE, /* of each expert */
    LORA_EXPERT_UP,
    LORA_EXPERT_DOWN,
    LORA_MODULES,
} LoraModule;

enum { LORA_ALL = (1 << LORA_MODULES) - 1, LORA_NAME_BYTES = 64 };

typedef struct LoraConfig {
    int64_t rank; /* r; 0: no adapters */
    double alpha;
    bool rslora;
    unsigned targets; /* bit 1 << LoraModule; LORA_ALL: all that the model has */
    bool score;       /* read from a folder whose adapters have a scalar head beside them (PEFT's modules_to_save) */
} LoraConfig;

const char *lora_module_name(LoraModule module); /* "q_proj" */
const char *lora_module_path(LoraModule module); /* "self_attn.q_proj"; of an expert's map "mlp.experts.N.gate_proj" */
/* The path of expert `expert`'s map, or of any other. */
void lora_module_tensor(char path[LORA_NAME_BYTES], LoraModule module, int64_t expert);
/* The maps whose path is text[length] or ends with it behind a dot: bits as in targets; 0: none. */
unsigned lora_modules_named(const char *text, size_t length);
/* "all", or names like "q_proj" (or "q") separated by commas. */
bool lora_targets_parse(unsigned *targets, const char *text, Error *err) R1_MUST_CHECK;
float lora_scale(const LoraConfig *config);

static inline bool lora_is_expert(LoraModule module)
{
    return module >= LORA_EXPERT_GATE;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "model/lora_config.h"

#include <math.h>
#include <string.h>

static const char *const PATHS[LORA_MODULES] = {
    [LORA_Q] = "self_attn.q_proj", [LORA_K] = "self_attn.k_proj", [LORA_V] = "self_attn.v_proj",
    [LORA_O] = "self_attn.o_proj", [LORA_GATE] = "mlp.gate_proj", [LORA_UP] = "mlp.up_proj",
    [LORA_DOWN] = "mlp.down_proj",
};

const char *lora_module_path(LoraModule module)
{
    return PATHS[module];
}

const char *lora_module_name(LoraModule module)
{
    return strchr(PATHS[module], '.') + 1;
}

/* The module called name[length], with or without "_proj". */
static int module_named(const char *name, size_t length)
{
    static const char SUFFIX[] = "_proj";
    for (int m = 0; m < LORA_MODULES; m++) {
        const char *const whole = lora_module_name((LoraModule)m);
        const size_t n = strlen(whole), n_short = n - strlen(SUFFIX);
        if ((length == n || length == n_short) && strncmp(name, whole, length) == 0) return m;
    }
    return -1;
}

bool lora_targets_parse(unsigned *targets, const char *text, Error *err)
{
    *targets = strcmp(text, "all") == 0 ? LORA_ALL : 0;
    for (const char *at = text; *targets != LORA_ALL;) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, ", ");
        const int module = module_named(at, length);
        if (module < 0)
            return error_set(
                err, ERROR_INPUT,
                "\"%.40s\" is no linear map of a block; known are all, or a list of q_proj, k_proj, v_proj, "
                "o_proj, gate_proj, up_proj, down_proj separated by commas",
                at);
        *targets |= 1u << module;
        at += length;
        at += strspn(at, " ");
        if (!*at) break;
        if (*at++ != ',') return error_set(err, ERROR_INPUT, "\"%.40s\": a comma must stand between two names", text);
    }
    return true;
}

float lora_scale(const LoraConfig *c)
{
    return (float)(c->alpha / (c->rslora ? sqrt((double)c->rank) : (double)c->rank));
}

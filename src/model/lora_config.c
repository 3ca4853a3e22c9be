/* SPDX-License-Identifier: MIT */
#include "model/lora_config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const PATHS[LORA_MODULES] = {
    [LORA_Q] = "self_attn.q_proj",
    [LORA_K] = "self_attn.k_proj",
    [LORA_V] = "self_attn.v_proj",
    [LORA_Q_A] = "self_attn.q_a_proj",
    [LORA_KV_A] = "self_attn.kv_a_proj_with_mqa",
    [LORA_Q_B] = "self_attn.q_b_proj",
    [LORA_KV_B] = "self_attn.kv_b_proj",
    [LORA_O] = "self_attn.o_proj",
    [LORA_GATE] = "mlp.gate_proj",
    [LORA_UP] = "mlp.up_proj",
    [LORA_DOWN] = "mlp.down_proj",
    [LORA_SHARED_GATE] = "mlp.shared_experts.gate_proj",
    [LORA_SHARED_UP] = "mlp.shared_experts.up_proj",
    [LORA_SHARED_DOWN] = "mlp.shared_experts.down_proj",
    [LORA_EXPERT_GATE] = "mlp.experts.N.gate_proj",
    [LORA_EXPERT_UP] = "mlp.experts.N.up_proj",
    [LORA_EXPERT_DOWN] = "mlp.experts.N.down_proj",
};

const char *lora_module_path(LoraModule module)
{
    return PATHS[module];
}

const char *lora_module_name(LoraModule module)
{
    return strrchr(PATHS[module], '.') + 1;
}

void lora_module_tensor(char path[LORA_NAME_BYTES], LoraModule module, int64_t expert)
{
    if (lora_is_expert(module))
        snprintf(path, LORA_NAME_BYTES, "mlp.experts.%" PRId64 ".%s", expert, lora_module_name(module));
    else
        snprintf(path, LORA_NAME_BYTES, "%s", PATHS[module]);
}

/* A path or its end behind a dot. The N of an expert's path stands for all of them and is no name. */
static bool is_end_of(const char *path, const char *text, size_t length)
{
    const size_t n = strlen(path);
    if (length == 0 || length > n || memcmp(path + n - length, text, length) != 0) return false;
    const char *const number = strstr(path, ".N.");
    return (length == n || path[n - length - 1] == '.') && (!number || path + n - length >= number + 3);
}

unsigned lora_modules_named(const char *text, size_t length)
{
    unsigned named = 0;
    for (int m = 0; m < LORA_MODULES; m++)
        if (is_end_of(PATHS[m], text, length)) named |= 1u << m;
    return named;
}

/* The same, and short forms: "q" for q_proj, "kv_a" for kv_a_proj_with_mqa. */
static unsigned modules_called(const char *text, size_t length)
{
    static const char *const ENDS[] = {"", "_proj", "_proj_with_mqa"};
    char whole[LORA_NAME_BYTES];
    unsigned named = 0;
    for (size_t e = 0; !named && length > 0 && length < 40 && e < sizeof ENDS / sizeof *ENDS; e++) {
        snprintf(whole, sizeof whole, "%.*s%s", (int)length, text, ENDS[e]);
        named = lora_modules_named(whole, strlen(whole));
    }
    return named;
}

bool lora_targets_parse(unsigned *targets, const char *text, Error *err)
{
    *targets = strcmp(text, "all") == 0 ? LORA_ALL : 0;
    for (const char *at = text; *targets != LORA_ALL;) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, ", ");
        const unsigned named = modules_called(at, length);
        if (!named)
            return error_set(
                err, ERROR_INPUT,
                "\"%.40s\" is no linear map of a block; known are all, or a list of q_proj, k_proj, v_proj, "
                "o_proj, gate_proj, up_proj, down_proj (DeepSeek: q_a_proj, q_b_proj, kv_a_proj_with_mqa, kv_b_proj, "
                "shared_experts.gate_proj ...) separated by commas",
                at);
        *targets |= named;
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

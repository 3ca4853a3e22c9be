/* SPDX-License-Identifier: MIT */
/* model/gguf_save.c: the mirror of gguf_config.c and gguf_weights.c. */
#include "model/gguf_save.h"

#include "base/arena.h"
#include "model/gguf_deepseek.h"
#include "model/gguf_model.h"
#include "model/mtp_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- metadata ---- */

static const char *arch_of(const ModelConfig *c)
{
    if (model_has_mla(c)) return GGUF_DEEPSEEK;
    return c->arch == MODEL_MISTRAL ? "llama" : model_arch_name(c->arch);
}

static void put_size(GgufValues *v, const char *arch, const char *tail, int64_t value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", arch, tail);
    gguf_put_u32(v, key, (uint32_t)value);
}

static void put_real(GgufValues *v, const char *arch, const char *tail, double value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", arch, tail);
    gguf_put_f32(v, key, (float)value);
}

/* llama.cpp's number for a file of mostly this type. */
static uint32_t file_type(QuantType type)
{
    switch (type) {
    case QUANT_F32:
        return 0;
    case QUANT_Q4_0:
        return 2;
    case QUANT_Q8_0:
        return 7;
    case QUANT_Q4_K:
        return 14;
    case QUANT_Q6_K:
        return 18;
    case QUANT_BF16:
        return 32;
    default:
        return 1; /* F16 */
    }
}

static void put_shape(GgufValues *v, const ModelConfig *c)
{
    const char *const a = arch_of(c);
    put_size(v, a, "block_count", model_blocks(c));
    put_size(v, a, "context_length", c->max_positions);
    put_size(v, a, "embedding_length", c->hidden_size);
    put_size(v, a, "feed_forward_length", c->ffn_size);
    put_size(v, a, "attention.head_count", c->n_heads);
    put_real(v, a, "attention.layer_norm_rms_epsilon", (double)c->rms_norm_eps);
    put_size(v, a, "rope.dimension_count", c->head_dim);
    put_real(v, a, "rope.freq_base", c->rope_theta);
    put_size(v, a, "vocab_size", c->vocab_size);
    if (model_has_mla(c)) {
        gguf_deepseek_put(v, c);
        return;
    }
    put_size(v, a, "attention.head_count_kv", c->n_kv_heads);
    put_size(v, a, "attention.key_length", c->head_dim);
    put_size(v, a, "attention.value_length", c->head_dim);
}

/* The factors alone do not always give the rule back that made them. */
static void put_llama3(GgufValues *v, const ModelConfig *c)
{
    gguf_put_f32(v, GGUF_LLAMA3_KEY "factor", (float)c->rope_factor);
    gguf_put_f32(v, GGUF_LLAMA3_KEY "low_freq_factor", (float)c->rope_low_freq_factor);
    gguf_put_f32(v, GGUF_LLAMA3_KEY "high_freq_factor", (float)c->rope_high_freq_factor);
    gguf_put_f32(v, GGUF_LLAMA3_KEY "original_positions", (float)c->rope_original_positions);
}

/* More than three stop ids have no place in a GGUF file; llama.cpp finds others by their names. */
static void put_ids(GgufValues *v, const ModelConfig *c)
{
    static const char *const STOPS[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id"};
    for (int i = 0; i < c->n_eos && i < 3; i++) gguf_put_u32(v, STOPS[i], (uint32_t)c->eos_ids[i]);
    if (c->bos_id >= 0) gguf_put_u32(v, "tokenizer.ggml.bos_token_id", (uint32_t)c->bos_id);
    if (c->pad_id >= 0) gguf_put_u32(v, "tokenizer.ggml.padding_token_id", (uint32_t)c->pad_id);
}

/* ---- tensors ---- */

/* What a tensor of the file is made of. */
typedef enum Making {
    MADE_PLAIN,
    MADE_OF_EXPERTS, /* [E, rows, columns] of E tensors of ours */
    MADE_OF_KEYS,    /* attn_k_b and attn_v_b of one kv_b_proj: see gguf_model.h */
    MADE_OF_VALUES,
    MADE_OF_RULE, /* rope_freqs */
} Making;

typedef struct Made {
    Making making;
    const ParamTensor *tensor; /* the first expert's */
} Made;

typedef struct Source {
    const float *weights;
    const ParamLayout *layout;
    const ModelConfig *config;
    Made *made; /* [n_items]; owned */
    GgufItem *items;
    int64_t n_items;
} Source;

static void rope_factors(float *out, const ModelConfig *c)
{
    for (int64_t i = 0; i < c->head_dim / 2; i++) out[i] = (float)gguf_llama3_factor(c, i);
}

/* The permuted tensors stand in the file's order: row f of the file is row `ours` with gguf_model_row(ours) == f. */
static int64_t our_row(const ModelConfig *c, const ParamTensor *p, int64_t file_row)
{
    if (gguf_model_row(c, p, 1) == 1) return file_row;
    const int64_t in_head = file_row % c->head_dim;
    return file_row - in_head + in_head % 2 * (c->head_dim / 2) + in_head / 2;
}

static void give_plain(const Source *s, const ParamTensor *p, int64_t row, int64_t n_rows, float *out)
{
    const int64_t width = p->rank == 1 ? 1 : p->columns, first = p->rank == 1 ? 0 : row;
    const int64_t n = p->rank == 1 ? p->columns : n_rows;
    for (int64_t r = 0; r < n; r++)
        memcpy(out + r * width, s->weights + p->offset + our_row(s->config, p, first + r) * width,
               (size_t)width * sizeof *out);
}

/* Experts' matrices stand a stride apart (params.h). */
static void give_experts(const Source *s, const ParamTensor *p, int64_t row, int64_t n_rows, float *out)
{
    const MoeOffsets *const moe = &s->layout->layers[param_layer_of(p->name, NULL)].moe;
    for (int64_t r = row; r < row + n_rows; r++, out += p->columns)
        memcpy(out, s->weights + p->offset + r / p->rows * moe->expert_stride + r % p->rows * p->columns,
               (size_t)p->columns * sizeof *out);
}

static void give_keys(const Source *s, const ParamTensor *p, int64_t row, int64_t n_rows, float *out)
{
    const int64_t N = s->config->mla.nope_dim, W = s->config->mla.v_dim, R = p->columns;
    for (int64_t r = row; r < row + n_rows; r++, out += N)
        for (int64_t i = 0; i < N; i++) out[i] = s->weights[p->offset + (r / R * (N + W) + i) * R + r % R];
}

static void give_values(const Source *s, const ParamTensor *p, int64_t row, int64_t n_rows, float *out)
{
    const int64_t N = s->config->mla.nope_dim, W = s->config->mla.v_dim, R = p->columns;
    for (int64_t r = row; r < row + n_rows; r++, out += R)
        memcpy(out, s->weights + p->offset + (r / W * (N + W) + N + r % W) * R, (size_t)R * sizeof *out);
}

static bool give_rows(void *context, int64_t item, int64_t row, int64_t n_rows, float *out, Error *err)
{
    (void)err;
    const Source *const s = context;
    const ParamTensor *const p = s->made[item].tensor;
    switch (s->made[item].making) {
    case MADE_PLAIN:
        give_plain(s, p, row, n_rows, out);
        break;
    case MADE_OF_EXPERTS:
        give_experts(s, p, row, n_rows, out);
        break;
    case MADE_OF_KEYS:
        give_keys(s, p, row, n_rows, out);
        break;
    case MADE_OF_VALUES:
        give_values(s, p, row, n_rows, out);
        break;
    case MADE_OF_RULE:
        rope_factors(out, s->config);
        break;
    }
    return true;
}

/* The router stays F32, as llama.cpp's converter has it. */
static QuantType type_for(const GgufSave *save, const GgufItem *item, const ParamTensor *p, const ParamLayout *layout)
{
    const int64_t columns = item->shape[item->rank - 1];
    if (p->rank == 1 || strstr(item->name, ".ffn_gate_inp.")) return QUANT_F32;
    QuantType type = save->type;
    if (p->offset == layout->head && (type == QUANT_Q4_0 || type == QUANT_Q4_K)) type = QUANT_Q6_K;
    if (columns % quant_traits(type)->block != 0) type = QUANT_Q8_0;
    if (columns % quant_traits(type)->block != 0) type = QUANT_F16;
    return type;
}

static void add_item(Source *s, GgufSave *save, Making making, const ParamTensor *p, const GgufItem *item)
{
    GgufItem *const to = &s->items[s->n_items];
    *to = *item;
    to->type = type_for(save, to, p, s->layout);
    save->n_other += p->rank == 2 && to->type != save->type && to->type != QUANT_F32;
    s->made[s->n_items++] = (Made){making, p};
}

/* kv_b_proj in its two parts. */
static void add_latent(Source *s, GgufSave *save, const ParamTensor *p, const char *whole)
{
    const ModelConfig *const c = s->config;
    const int prefix = (int)(strstr(whole, "attn_kv_b") - whole);
    GgufItem keys = {.rank = 3, .shape = {c->n_heads, c->mla.kv_lora_rank, c->mla.nope_dim}};
    GgufItem values = {.rank = 3, .shape = {c->n_heads, c->mla.v_dim, c->mla.kv_lora_rank}};
    snprintf(keys.name, sizeof keys.name, "%.*sattn_k_b.weight", prefix, whole);
    snprintf(values.name, sizeof values.name, "%.*sattn_v_b.weight", prefix, whole);
    add_item(s, save, MADE_OF_KEYS, p, &keys);
    add_item(s, save, MADE_OF_VALUES, p, &values);
}

static bool add_tensor(Source *s, GgufSave *save, const ParamTensor *p, Error *err)
{
    GgufName name;
    if (!gguf_model_name(&name, p->name))
        return error_set(err, ERROR_INPUT, "tensor \"%s\" has no name in a GGUF file", p->name);
    if (name.expert > 0) return true;
    if (strstr(name.text, ".attn_kv_b.")) {
        add_latent(s, save, p, name.text);
        return true;
    }
    GgufItem item = {.rank = p->rank, .shape = {p->rank == 1 ? p->columns : p->rows, p->columns}};
    if (name.expert == 0) item = (GgufItem){.rank = 3, .shape = {s->config->moe.n_experts, p->rows, p->columns}};
    memcpy(item.name, name.text, sizeof item.name);
    add_item(s, save, name.expert == 0 ? MADE_OF_EXPERTS : MADE_PLAIN, p, &item);
    return true;
}

/* A module's copies of embedding and head: what readers of such files look for. */
static bool add_copies(Source *s, GgufSave *save, Error *err)
{
    for (int64_t i = 0; i < MTP_COPIES * s->layout->n_mtp; i++) {
        ParamTensor copy;
        const ParamTensor *const of = mtp_copy(copy.name, s->layout, i / MTP_COPIES, (int)(i % MTP_COPIES));
        GgufName name;
        if (!gguf_model_name(&name, copy.name))
            return error_set(err, ERROR_BUG, "tensor \"%s\" has no name in a GGUF file", copy.name);
        GgufItem item = {.rank = 2, .shape = {of->rows, of->columns}};
        memcpy(item.name, name.text, sizeof item.name);
        add_item(s, save, MADE_PLAIN, of, &item);
    }
    return true;
}

static bool make_items(Source *s, GgufSave *save, Error *err)
{
    /* kv_b_proj becomes two */
    const int64_t most = s->layout->n_tensors + model_blocks(s->config) + MTP_COPIES * s->layout->n_mtp + 1;
    s->items = base_alloc((size_t)most, sizeof *s->items);
    s->made = base_alloc((size_t)most, sizeof *s->made);
    for (int64_t i = 0; i < s->layout->n_tensors; i++)
        if (!add_tensor(s, save, &s->layout->tensors[i], err)) return false;
    if (!add_copies(s, save, err)) return false;
    if (s->config->rope_scaling != ROPE_LLAMA3) return true;
    s->made[s->n_items].making = MADE_OF_RULE;
    s->items[s->n_items++] =
        (GgufItem){.name = "rope_freqs.weight", .type = QUANT_F32, .rank = 1, .shape = {s->config->head_dim / 2}};
    return true;
}

bool gguf_model_write(const char *path, GgufSave *save, const float *weights, const ParamLayout *layout,
                      const ModelConfig *config, Error *err)
{
    GgufValues *const v = save->values;
    const char *const arch = arch_of(config);
    if (model_has_mla(config) && !gguf_deepseek_check(config, err)) return false;
    gguf_put_text(v, "general.architecture", arch, strlen(arch));
    gguf_put_text(v, "general.name", save->name, strlen(save->name));
    gguf_put_u32(v, "general.file_type", file_type(save->type));
    gguf_put_u32(v, "general.quantization_version", 2);
    put_shape(v, config);
    put_ids(v, config);
    if (config->rope_scaling == ROPE_LLAMA3) put_llama3(v, config);
    Source s = {.weights = weights, .layout = layout, .config = config};
    const bool ok =
        make_items(&s, save, err) && gguf_write(path, v, s.items, s.n_items, give_rows, &s, save->failpoint, err);
    base_free(s.items);
    base_free(s.made);
    return ok;
}

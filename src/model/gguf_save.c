/* SPDX-License-Identifier: MIT */
/* model/gguf_save.c: the mirror of gguf_config.c and gguf_weights.c. */
#include "model/gguf_save.h"

#include "base/arena.h"
#include "model/gguf_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- metadata ---- */

static const char *arch_of(const ModelConfig *c)
{
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
    put_size(v, a, "block_count", c->n_layers);
    put_size(v, a, "context_length", c->max_positions);
    put_size(v, a, "embedding_length", c->hidden_size);
    put_size(v, a, "feed_forward_length", c->ffn_size);
    put_size(v, a, "attention.head_count", c->n_heads);
    put_size(v, a, "attention.head_count_kv", c->n_kv_heads);
    put_size(v, a, "attention.key_length", c->head_dim);
    put_size(v, a, "attention.value_length", c->head_dim);
    put_real(v, a, "attention.layer_norm_rms_epsilon", (double)c->rms_norm_eps);
    put_size(v, a, "rope.dimension_count", c->head_dim);
    put_real(v, a, "rope.freq_base", c->rope_theta);
    put_size(v, a, "vocab_size", c->vocab_size);
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

typedef struct Source {
    const float *weights;
    const ParamLayout *layout;
    const ModelConfig *config;
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

static bool give_rows(void *context, int64_t item, int64_t row, int64_t n_rows, float *out, Error *err)
{
    (void)err;
    const Source *const s = context;
    if (item == s->layout->n_tensors) {
        rope_factors(out, s->config);
        return true;
    }
    const ParamTensor *const p = &s->layout->tensors[item];
    const int64_t width = p->rank == 1 ? 1 : p->columns, first = p->rank == 1 ? 0 : row;
    const int64_t n = p->rank == 1 ? p->columns : n_rows;
    for (int64_t r = 0; r < n; r++)
        memcpy(out + r * width, s->weights + p->offset + our_row(s->config, p, first + r) * width,
               (size_t)width * sizeof *out);
    return true;
}

static QuantType type_for(const GgufSave *save, const ParamTensor *p, const ParamLayout *layout)
{
    QuantType type = p->rank == 1 ? QUANT_F32 : save->type;
    const bool is_head = p->rank == 2 && p->offset == layout->head;
    if (is_head && (type == QUANT_Q4_0 || type == QUANT_Q4_K)) type = QUANT_Q6_K;
    if (p->columns % quant_traits(type)->block != 0) type = QUANT_Q8_0;
    if (p->columns % quant_traits(type)->block != 0) type = QUANT_F16;
    return type;
}

static bool make_items(GgufItem *items, GgufSave *save, const ParamLayout *layout, Error *err)
{
    for (int64_t i = 0; i < layout->n_tensors; i++) {
        const ParamTensor *const p = &layout->tensors[i];
        items[i] = (GgufItem){.type = type_for(save, p, layout), .rank = p->rank};
        if (!gguf_model_name(items[i].name, sizeof items[i].name, p->name))
            return error_set(err, ERROR_INPUT, "tensor \"%s\" has no name in a GGUF file", p->name);
        items[i].shape[0] = p->rank == 1 ? p->columns : p->rows;
        items[i].shape[1] = p->columns;
        save->n_other += p->rank == 2 && items[i].type != save->type;
    }
    return true;
}

bool gguf_model_write(const char *path, GgufSave *save, const float *weights, const ParamLayout *layout,
                      const ModelConfig *config, Error *err)
{
    GgufValues *const v = save->values;
    const char *const arch = arch_of(config);
    gguf_put_text(v, "general.architecture", arch, strlen(arch));
    gguf_put_text(v, "general.name", save->name, strlen(save->name));
    gguf_put_u32(v, "general.file_type", file_type(save->type));
    gguf_put_u32(v, "general.quantization_version", 2);
    put_shape(v, config);
    put_ids(v, config);
    if (config->rope_scaling == ROPE_LLAMA3) put_llama3(v, config);
    GgufItem *const items = base_alloc((size_t)layout->n_tensors + 1, sizeof *items);
    const bool has_factors = config->rope_scaling == ROPE_LLAMA3;
    items[layout->n_tensors] =
        (GgufItem){.name = "rope_freqs.weight", .type = QUANT_F32, .rank = 1, .shape = {config->head_dim / 2}};
    Source source = {weights, layout, config};
    const bool ok = make_items(items, save, layout, err) && gguf_write(path, v, items, layout->n_tensors + has_factors,
                                                                       give_rows, &source, save->failpoint, err);
    base_free(items);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* model/gguf_weights.c: a GGUF file's tensors under our names, in our order of rows. */
#include "model/gguf_model.h"

#include "base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *ours, *gguf;
} LAYER_NAMES[] = {
    {"input_layernorm", "attn_norm"},
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
    {"self_attn.q_a_proj", "attn_q_a"},
    {"self_attn.q_a_layernorm", "attn_q_a_norm"},
    {"self_attn.q_b_proj", "attn_q_b"},
    {"self_attn.kv_a_proj_with_mqa", "attn_kv_a_mqa"},
    {"self_attn.kv_a_layernorm", "attn_kv_a_norm"},
    {"self_attn.kv_b_proj", "attn_kv_b"},
    {"mlp.gate", "ffn_gate_inp"},
    {"mlp.shared_experts.gate_proj", "ffn_gate_shexp"},
    {"mlp.shared_experts.up_proj", "ffn_up_shexp"},
    {"mlp.shared_experts.down_proj", "ffn_down_shexp"},
    {"gate_proj", "ffn_gate_exps"}, /* behind "mlp.experts.N." */
    {"up_proj", "ffn_up_exps"},
    {"down_proj", "ffn_down_exps"},
    {"eh_proj", "nextn.eh_proj"}, /* of modules that predict further tokens */
    {"enorm", "nextn.enorm"},
    {"hnorm", "nextn.hnorm"},
    {"shared_head.norm", "nextn.shared_head_norm"},
    {"embed_tokens", "nextn.embed_tokens"}, /* copies (model/mtp_files.h) */
    {"shared_head.head", "nextn.shared_head_head"},
};

static const struct {
    const char *ours, *gguf;
} NAMES[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
};

static const char *layer_name(const char *part, size_t length)
{
    for (size_t i = 0; i < sizeof LAYER_NAMES / sizeof *LAYER_NAMES; i++)
        if (strlen(LAYER_NAMES[i].ours) == length && memcmp(part, LAYER_NAMES[i].ours, length) == 0)
            return LAYER_NAMES[i].gguf;
    return NULL;
}

/* "mlp.experts.7.": moves on behind it; else -1. */
static int64_t take_expert(const char **part)
{
    static const char PREFIX[] = "mlp.experts.";
    if (strncmp(*part, PREFIX, sizeof PREFIX - 1) != 0) return -1;
    char *end;
    const long expert = strtol(*part + sizeof PREFIX - 1, &end, 10);
    if (*end != '.') return -1;
    *part = end + 1;
    return expert;
}

bool gguf_model_name(GgufName *name, const char *ours)
{
    static const char BIAS[] = "mlp.gate.e_score_correction_bias";
    const char *part;
    name->expert = -1;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(ours, NAMES[i].ours) == 0) {
            snprintf(name->text, sizeof name->text, "%s", NAMES[i].gguf);
            return true;
        }
    const int64_t layer = param_layer_of(ours, &part);
    if (layer < 0) return false;
    if (strcmp(part, BIAS) == 0) {
        snprintf(name->text, sizeof name->text, "blk.%" PRId64 ".exp_probs_b.bias", layer);
        return true;
    }
    const char *const end = strrchr(part, '.'); /* ".weight" or ".bias" */
    if (!end || end <= part) return false;
    name->expert = take_expert(&part);
    const char *const theirs = end > part ? layer_name(part, (size_t)(end - part)) : NULL;
    if (!theirs) return false;
    snprintf(name->text, sizeof name->text, "blk.%" PRId64 ".%s%s", layer, theirs, end);
    return true;
}

static bool is_permuted(const ModelConfig *c, const char *name)
{
    if (c->arch != MODEL_LLAMA && c->arch != MODEL_MISTRAL) return false;
    return strstr(name, ".self_attn.q_proj.") || strstr(name, ".self_attn.k_proj.");
}

int64_t gguf_model_row(const ModelConfig *c, const ParamTensor *p, int64_t row)
{
    if (!is_permuted(c, p->name)) return row;
    const int64_t half = c->head_dim / 2, in_head = row % c->head_dim;
    return row - in_head + 2 * (in_head % half) + in_head / half;
}

/* ---- checking ---- */

GgufPlace gguf_model_place(const GgufFile *file, const ParamTensor *p)
{
    GgufName name;
    GgufPlace place = {0};
    if (!gguf_model_name(&name, p->name)) return place;
    place.tensor = gguf_tensor(file, name.text);
    if (name.expert > 0) place.first_row = name.expert * p->rows;
    return place;
}

GgufLatent gguf_model_latent(const GgufFile *file, int64_t layer)
{
    char whole[64], keys[64], values[64];
    snprintf(whole, sizeof whole, "blk.%" PRId64 ".attn_kv_b.weight", layer);
    snprintf(keys, sizeof keys, "blk.%" PRId64 ".attn_k_b.weight", layer);
    snprintf(values, sizeof values, "blk.%" PRId64 ".attn_v_b.weight", layer);
    GgufLatent latent = {gguf_tensor(file, keys), gguf_tensor(file, values)};
    if (gguf_tensor(file, whole) || !latent.keys || !latent.values) latent = (GgufLatent){0};
    return latent;
}

/* The layer whose kv_b_proj this is; -1: another tensor. */
static int64_t latent_layer(const ParamTensor *p)
{
    const char *part;
    const int64_t layer = param_layer_of(p->name, &part);
    return layer >= 0 && strcmp(part, "self_attn.kv_b_proj.weight") == 0 ? layer : -1;
}

static GgufLatent latent_of(const GgufFile *file, const ParamTensor *p)
{
    const int64_t layer = latent_layer(p);
    return layer < 0 ? (GgufLatent){0} : gguf_model_latent(file, layer);
}

static bool check_latent(const GgufFile *file, const GgufLatent *t, const ModelConfig *c, Error *err)
{
    const int64_t H = c->n_heads, R = c->mla.kv_lora_rank;
    const int64_t keys[3] = {H, R, c->mla.nope_dim}, values[3] = {H, c->mla.v_dim, R};
    return gguf_check_shape(file, t->keys, 3, keys, err) && gguf_check_shape(file, t->values, 3, values, err);
}

static bool check_tensor(const GgufFile *file, const ParamTensor *p, const ModelConfig *c, Error *err)
{
    const GgufLatent latent = latent_of(file, p);
    if (latent.keys) return check_latent(file, &latent, c, err);
    const GgufTensor *const t = gguf_model_place(file, p).tensor;
    GgufName name = {.text = "(none)"};
    const bool named = gguf_model_name(&name, p->name);
    if (!t) return error_set(err, ERROR_INPUT, "%s: tensor \"%s\" (%s) is missing", file->path, name.text, p->name);
    const int64_t shape[2] = {p->rank == 1 ? p->columns : p->rows, p->columns};
    const int64_t experts[3] = {c->moe.n_experts, p->rows, p->columns};
    return named && name.expert >= 0 ? gguf_check_shape(file, t, 3, experts, err)
                                     : gguf_check_shape(file, t, p->rank, shape, err);
}

/* What a module's tensor is a copy of; NULL: it is none. */
static const GgufTensor *copied(const GgufFile *file, const char *name, const ModelConfig *c)
{
    for (int64_t k = 0; k < c->n_mtp; k++) {
        char embedding[64], head[64];
        snprintf(embedding, sizeof embedding, "blk.%" PRId64 ".nextn.embed_tokens.weight", c->n_layers + k);
        snprintf(head, sizeof head, "blk.%" PRId64 ".nextn.shared_head_head.weight", c->n_layers + k);
        if (strcmp(name, embedding) == 0) return gguf_tensor(file, "token_embd.weight");
        if (strcmp(name, head) == 0) return gguf_tensor(file, c->tied_head ? "token_embd.weight" : "output.weight");
    }
    return NULL;
}

/* As bytes where the types agree; else row by row in f32. Roundings of one matrix may differ, as quantisers weigh each tensor by its own
 * use: what has blocks is not compared. The shapes agree. */
static bool is_copy(const GgufTensor *t, const GgufTensor *of)
{
    if (quant_traits(t->type)->block > 1 || quant_traits(of->type)->block > 1) return true;
    if (t->type == of->type) return memcmp(t->data, of->data, (size_t)of->n_bytes) == 0;
    const int64_t columns = t->shape[t->rank - 1], rows = t->n_elements / columns;
    const int64_t row_bytes = t->n_bytes / rows, of_row_bytes = of->n_bytes / rows;
    float *const row = base_alloc((size_t)columns, sizeof *row), *const of_row =
                                                                     base_alloc((size_t)columns, sizeof *of_row);
    bool equal = true;
    for (int64_t r = 0; equal && r < rows; r++) {
        quant_dequantize(row, t->type, t->data + r * row_bytes, columns);
        quant_dequantize(of_row, of->type, of->data + r * of_row_bytes, columns);
        equal = memcmp(row, of_row, (size_t)columns * sizeof *row) == 0;
    }
    base_free(row);
    base_free(of_row);
    return equal;
}

bool gguf_model_check_copies(const GgufFile *file, const ModelConfig *config, Error *err)
{
    for (int64_t i = 0; config->n_mtp > 0 && i < file->n_tensors; i++) {
        const GgufTensor *const t = &file->tensors[i], *const of = copied(file, t->name, config);
        if (of && !is_copy(t, of))
            return error_set(
                err, ERROR_INPUT,
                "%s: tensor \"%s\" differs from \"%s\": r1 knows modules that share embedding and head with "
                "the model; leave the module's own out",
                file->path, t->name, of->name);
    }
    return true;
}

/* What the config was read from, or what follows from it. */
static bool is_redundant(const char *name, const ModelConfig *config)
{
    if (!model_has_mla(config)) return strcmp(name, "rope_freqs.weight") == 0;
    return strstr(name, ".attn_k_b.weight") || strstr(name, ".attn_v_b.weight");
}

static GgufLabel label_of(const GgufTensor *t)
{
    return gguf_label((GgufText){t->name, strlen(t->name)});
}

static bool check_unknown(const GgufFile *file, const ParamLayout *layout, const ModelConfig *config, Error *err)
{
    bool *const known = base_alloc((size_t)file->n_tensors, sizeof *known);
    for (int64_t i = 0; i < layout->n_tensors; i++) {
        const GgufTensor *const t = gguf_model_place(file, &layout->tensors[i]).tensor;
        if (t) known[t - file->tensors] = true;
    }
    int64_t unknown = -1;
    bool ok = true;
    for (int64_t i = 0; ok && unknown < 0 && i < file->n_tensors; i++) {
        const GgufTensor *const t = &file->tensors[i], *const of = copied(file, t->name, config);
        if (of)
            ok = gguf_check_shape(file, t, of->rank, of->shape, err);
        else if (!known[i] && !is_redundant(t->name, config))
            unknown = i;
    }
    base_free(known);
    if (!ok) return false;
    return unknown < 0 ||
           error_set(err, ERROR_INPUT, "%s: tensor \"%s\" has no place in the model that the metadata describes",
                     file->path, label_of(&file->tensors[unknown]).text);
}

bool gguf_model_check(const GgufFile *file, const ParamLayout *layout, const ModelConfig *config, Error *err)
{
    for (int64_t i = 0; i < layout->n_tensors; i++)
        if (!check_tensor(file, &layout->tensors[i], config, err)) return false;
    return check_unknown(file, layout, config, err);
}

/* ---- reading ---- */

static bool check_finite(const float *x, int64_t n, const GgufFile *file, const GgufTensor *t, Error *err)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return error_set(err, ERROR_INPUT, "%s: tensor \"%.100s\" has a value that is not a finite number",
                             file->path, t->name);
    return true;
}

/* kv_b_proj [H (N + W), R] from its two parts. */
static bool read_latent(float *to, const GgufFile *file, const GgufLatent *t, const ModelConfig *c, Error *err)
{
    const int64_t H = c->n_heads, N = c->mla.nope_dim, W = c->mla.v_dim, R = c->mla.kv_lora_rank;
    float *const keys = base_alloc((size_t)(H * R * N), sizeof *keys);
    quant_dequantize(keys, t->keys->type, t->keys->data, H * R * N);
    const int64_t head_bytes = t->values->n_bytes / H;
    for (int64_t h = 0; h < H; h++) {
        float *const head = to + h * (N + W) * R;
        for (int64_t i = 0; i < N; i++)
            for (int64_t r = 0; r < R; r++) head[i * R + r] = keys[(h * R + r) * N + i];
        quant_dequantize(head + N * R, t->values->type, t->values->data + h * head_bytes, W * R);
    }
    const bool ok = check_finite(keys, H * R * N, file, t->keys, err);
    base_free(keys);
    return ok && check_finite(to, H * (N + W) * R, file, t->values, err);
}

/* The elements of a permuted bias are rows of one. */
bool gguf_model_read_tensor(float *to, const GgufFile *file, const ModelConfig *c, const ParamTensor *p, Error *err)
{
    const GgufLatent latent = latent_of(file, p);
    if (latent.keys) return read_latent(to, file, &latent, c, err);
    const GgufPlace place = gguf_model_place(file, p);
    const GgufTensor *const t = place.tensor;
    const QuantTraits *const q = quant_traits(t->type);
    const bool rows_of_one = p->rank == 1 && q->block == 1;
    const int64_t rows = rows_of_one ? p->columns : p->rows, columns = rows_of_one ? 1 : p->columns;
    const int64_t row_bytes = columns / q->block * q->block_bytes;
    if (p->rank == 1 && !rows_of_one && is_permuted(c, p->name))
        return error_set(err, ERROR_INPUT, "%s: tensor \"%s\": a bias of type %s is not read", file->path, t->name,
                         q->name);
    for (int64_t r = 0; r < rows; r++)
        quant_dequantize(to + r * columns, t->type, t->data + (place.first_row + gguf_model_row(c, p, r)) * row_bytes,
                         columns);
    return check_finite(to, p->rows * p->columns, file, t, err);
}

bool gguf_model_read_weights(float *weights, const ParamLayout *layout, const ModelConfig *config, const GgufFile *file,
                             Error *err)
{
    if (!gguf_model_check(file, layout, config, err) || !gguf_model_check_copies(file, config, err)) return false;
    memset(weights, 0, (size_t)layout->n_floats * sizeof *weights);
    for (int64_t i = 0; i < layout->n_tensors; i++)
        if (!gguf_model_read_tensor(weights + layout->tensors[i].offset, file, config, &layout->tensors[i], err))
            return false;
    return true;
}

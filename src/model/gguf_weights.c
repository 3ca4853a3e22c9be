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
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.o_proj", "attn_output"}, {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.down_proj", "ffn_down"},
};

static const struct {
    const char *ours, *gguf;
} NAMES[] = {
    {"model.embed_tokens.weight", "token_embd.weight"},
    {"model.norm.weight", "output_norm.weight"},
    {"lm_head.weight", "output.weight"},
};

bool gguf_model_name(char *name, size_t size, const char *ours)
{
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(ours, NAMES[i].ours) == 0) {
            snprintf(name, size, "%s", NAMES[i].gguf);
            return true;
        }
    static const char prefix[] = "model.layers.";
    if (strncmp(ours, prefix, sizeof prefix - 1) != 0) return false;
    char *part;
    const long layer = strtol(ours + sizeof prefix - 1, &part, 10);
    const char *const end = strrchr(part, '.'); /* ".weight" or ".bias" */
    if (*part++ != '.' || !end || end <= part) return false;
    for (size_t i = 0; i < sizeof LAYER_NAMES / sizeof *LAYER_NAMES; i++)
        if (strlen(LAYER_NAMES[i].ours) == (size_t)(end - part) &&
            memcmp(part, LAYER_NAMES[i].ours, (size_t)(end - part)) == 0) {
            snprintf(name, size, "blk.%ld.%s%s", layer, LAYER_NAMES[i].gguf, end);
            return true;
        }
    return false;
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

static const GgufTensor *find(const GgufFile *file, const ParamTensor *p)
{
    char name[128];
    return gguf_model_name(name, sizeof name, p->name) ? gguf_tensor(file, name) : NULL;
}

static bool check_tensor(const GgufFile *file, const ParamTensor *p, Error *err)
{
    const GgufTensor *const t = find(file, p);
    char name[128] = "(none)";
    gguf_model_name(name, sizeof name, p->name);
    if (!t) return error_set(err, ERROR_INPUT, "%s: tensor \"%s\" (%s) is missing", file->path, name, p->name);
    const int64_t shape[2] = {p->rank == 1 ? p->columns : p->rows, p->columns};
    return gguf_check_shape(file, t, p->rank, shape, err);
}

/* What the config was read from, or what follows from it. */
static bool is_redundant(const char *name)
{
    return strcmp(name, "rope_freqs.weight") == 0;
}

static GgufLabel label_of(const GgufTensor *t)
{
    return gguf_label((GgufText){t->name, strlen(t->name)});
}

static bool check_unknown(const GgufFile *file, const ParamLayout *layout, Error *err)
{
    bool *const known = base_alloc((size_t)file->n_tensors, sizeof *known);
    for (int64_t i = 0; i < layout->n_tensors; i++) known[find(file, &layout->tensors[i]) - file->tensors] = true;
    int64_t unknown = -1;
    for (int64_t i = 0; unknown < 0 && i < file->n_tensors; i++)
        if (!known[i] && !is_redundant(file->tensors[i].name)) unknown = i;
    base_free(known);
    return unknown < 0 ||
           error_set(err, ERROR_INPUT, "%s: tensor \"%s\" has no place in the model that the metadata describes",
                     file->path, label_of(&file->tensors[unknown]).text);
}

bool gguf_model_check(const GgufFile *file, const ParamLayout *layout, const ModelConfig *config, Error *err)
{
    (void)config;
    for (int64_t i = 0; i < layout->n_tensors; i++)
        if (!check_tensor(file, &layout->tensors[i], err)) return false;
    return check_unknown(file, layout, err);
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

/* The elements of a permuted bias are rows of one. */
bool gguf_model_read_tensor(float *to, const GgufFile *file, const ModelConfig *c, const ParamTensor *p, Error *err)
{
    const GgufTensor *const t = find(file, p);
    const QuantTraits *const q = quant_traits(t->type);
    const bool rows_of_one = p->rank == 1 && q->block == 1;
    const int64_t rows = rows_of_one ? p->columns : p->rows, columns = rows_of_one ? 1 : p->columns;
    const int64_t row_bytes = columns / q->block * q->block_bytes;
    if (p->rank == 1 && !rows_of_one && is_permuted(c, p->name))
        return error_set(err, ERROR_INPUT, "%s: tensor \"%s\": a bias of type %s is not read", file->path, t->name,
                         q->name);
    for (int64_t r = 0; r < rows; r++)
        quant_dequantize(to + r * columns, t->type, t->data + gguf_model_row(c, p, r) * row_bytes, columns);
    return check_finite(to, p->rows * p->columns, file, t, err);
}

bool gguf_model_read_weights(float *weights, const ParamLayout *layout, const ModelConfig *config, const GgufFile *file,
                             Error *err)
{
    if (!gguf_model_check(file, layout, config, err)) return false;
    memset(weights, 0, (size_t)layout->n_floats * sizeof *weights);
    for (int64_t i = 0; i < layout->n_tensors; i++)
        if (!gguf_model_read_tensor(weights + layout->tensors[i].offset, file, config, &layout->tensors[i], err))
            return false;
    return true;
}

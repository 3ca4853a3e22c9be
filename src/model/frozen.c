/* SPDX-License-Identifier: MIT */
/* model/frozen.c: loading matrices in their stored types, and the products with them. */
#include "model/frozen.h"

#include "model/adapter.h"
#include "model/folder.h"
#include "model/gguf_model.h"
#include "num/gemm.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const *model_weights_names(void)
{
    static const char *const names[] = {"stored", "bf16", "f32", NULL};
    return names;
}

ModelWeights model_weights_named(const char *name)
{
    int w = 0;
    while (strcmp(model_weights_names()[w], name) != 0) w++;
    return (ModelWeights)w;
}

/* ---- the file ---- */

typedef struct Source {
    bool is_gguf;
    GgufFile gguf;
    ModelTensors tensors;
    const ModelConfig *config;
    ModelWeights weights;
} Source;

static bool source_open(Source *s, const char *path, Error *err)
{
    s->is_gguf = gguf_is(path);
    return s->is_gguf ? gguf_open(&s->gguf, path, err) : model_tensors_open(&s->tensors, path, err);
}

static void source_close(Source *s)
{
    gguf_close(&s->gguf);
    model_tensors_close(&s->tensors);
}

/* One tensor's elements as the file has them. `stored` NULL: it must be read as f32 (f8 with scales beside it). */
typedef struct Stored {
    const unsigned char *stored;
    QuantType type;
    int64_t row_bytes;
    const ModelConfig *config;
    const ParamTensor *tensor; /* a GGUF file's rows are found through it, NULL: they are in order */
} Stored;

static Stored stored_of(const Source *s, const ParamTensor *p)
{
    Stored t = {.config = s->config};
    if (s->is_gguf) {
        const GgufTensor *const g = gguf_model_place(&s->gguf, p).tensor;
        t.stored = g ? g->data : NULL; /* kv_b_proj in two parts */
        t.type = g ? g->type : QUANT_F32;
        t.tensor = p;
    } else {
        const SafetensorsTensor *const f = model_tensors_find(&s->tensors, p->name);
        t.type = f->dtype == DTYPE_F16 ? QUANT_F16 : f->dtype == DTYPE_BF16 ? QUANT_BF16 : QUANT_F32;
        t.stored = f->dtype == DTYPE_F8_E4M3 ? NULL : f->data;
    }
    const QuantTraits *const q = quant_traits(t.type);
    t.row_bytes = p->columns / q->block * q->block_bytes;
    return t;
}

static QuantType type_in_memory(const Source *s, const ParamTensor *p)
{
    return s->weights == WEIGHTS_BF16 ? QUANT_BF16 : stored_of(s, p).type;
}

static bool read_f32(float *x, const Source *s, const ParamTensor *p, Error *err)
{
    if (s->is_gguf) return gguf_model_read_tensor(x, &s->gguf, s->config, p, err);
    return model_tensors_read_f32(x, &s->tensors, model_tensors_find(&s->tensors, p->name), err);
}

/* ---- a matrix ---- */

static const unsigned char *row_of(const void *context, int64_t row)
{
    const Stored *const t = context;
    return t->stored + (t->tensor ? gguf_model_row(t->config, t->tensor, row) : row) * t->row_bytes;
}

/* By way of f32: what has to be rounded, or has scales of its own. */
static bool pack_rounded(unsigned char *data, QuantType type, const Source *s, const ParamTensor *p, Threads *threads,
                         bool *finite, Error *err)
{
    const int64_t n = p->rows * p->columns;
    Arena memory;
    if (!arena_create(&memory, "a tensor", 2 * arena_piece_bytes((size_t)n, sizeof(float)), err)) return false;
    float *const x = ARENA_ARRAY(&memory, float, n, 1);
    Stored rounded = {.stored = ARENA_ARRAY(&memory, unsigned char, n, sizeof(float)),
                      .row_bytes = p->columns * quant_traits(type)->block_bytes};
    const bool ok = read_f32(x, s, p, err);
    if (ok) {
        quant_quantize((unsigned char *)(uintptr_t)rounded.stored, type, x, n);
        *finite = panels_pack(data, type, p->rows, p->columns, row_of, &rounded, threads);
    }
    arena_free(&memory);
    return ok;
}

static bool load_part(Panels *part, Arena *memory, const Source *s, const ParamTensor *p, Threads *threads, Error *err)
{
    const Stored t = stored_of(s, p);
    const QuantType type = type_in_memory(s, p);
    unsigned char *const data = ARENA_ARRAY(memory, unsigned char, panels_bytes(type, p->rows, p->columns), 1);
    *part = (Panels){type, p->rows, p->columns, data};
    bool finite = true;
    if (t.stored && t.type == type)
        finite = panels_pack(data, type, p->rows, p->columns, row_of, &t, threads);
    else if (!pack_rounded(data, type, s, p, threads, &finite, err))
        return false;
    return finite || error_set(err, ERROR_INPUT, "tensor \"%s\" has a value that is not a finite number", p->name);
}

/* ---- the list of matrices ---- */

typedef struct PartNames {
    int64_t offset;
    const char *names[FROZEN_MAX_PARTS];
} PartNames;

static const ParamTensor *tensor_of(const ParamLayout *layout, int64_t l, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "model.layers.%" PRId64 ".%s.weight", l, name);
    return param_layout_find(layout, full);
}

static const ParamTensor *head_of(const Model *model)
{
    return param_layout_find(&model->layout, model->config.tied_head ? "model.embed_tokens.weight" : "lm_head.weight");
}

/* Calls `take` for each part of each matrix in the order of offsets. */
typedef bool (*TakePart)(void *context, int64_t offset, const ParamTensor *p, Error *err);

static bool each_part(const Model *model, TakePart take, void *context, Error *err)
{
    for (int64_t l = 0; l < model->config.n_layers; l++) {
        const LayerPanels *const at = &model->layer_panels[l];
        const PartNames matrices[] = {
            {at->qkv, {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}},
            {at->o, {"self_attn.o_proj"}},
            {at->gate_up, {"mlp.gate_proj", "mlp.up_proj"}},
            {at->down, {"mlp.down_proj"}},
        };
        for (size_t m = 0; m < sizeof matrices / sizeof *matrices; m++)
            for (int i = 0; i < FROZEN_MAX_PARTS && matrices[m].names[i]; i++)
                if (!take(context, matrices[m].offset, tensor_of(&model->layout, l, matrices[m].names[i]), err))
                    return false;
    }
    return take(context, model->head_panels, head_of(model), err);
}

typedef struct Loading {
    struct FrozenWeights *frozen;
    const Source *source;
    Threads *threads;
    int64_t bytes; /* of the plan */
} Loading;

static bool plan_part(void *context, int64_t offset, const ParamTensor *p, Error *err)
{
    (void)offset;
    (void)err;
    Loading *const l = context;
    const QuantType type = type_in_memory(l->source, p);
    l->bytes += (int64_t)arena_piece_bytes((size_t)panels_bytes(type, p->rows, p->columns), 1);
    return true;
}

static bool take_part(void *context, int64_t offset, const ParamTensor *p, Error *err)
{
    Loading *const l = context;
    struct FrozenWeights *const f = l->frozen;
    if (f->n == 0 || f->matrices[f->n - 1].offset != offset) f->matrices[f->n++] = (FrozenMatrix){.offset = offset};
    FrozenMatrix *const m = &f->matrices[f->n - 1];
    return load_part(&m->parts[m->n_parts++], &f->memory, l->source, p, l->threads, err);
}

static bool load_matrices(Model *model, const Source *s, const Compute *compute, Error *err)
{
    struct FrozenWeights *const f = model->frozen;
    const ParamTensor *const embedding = param_layout_find(&model->layout, "model.embed_tokens.weight");
    Loading l = {.frozen = f, .source = s, .threads = compute->threads};
    if (!each_part(model, plan_part, &l, err)) return false;
    if (!model->config.tied_head) plan_part(&l, 0, embedding, err);
    f->matrices = base_alloc((size_t)(4 * model->config.n_layers + 1), sizeof *f->matrices);
    if (!arena_create(&f->memory, "weights", (size_t)l.bytes, err) || !each_part(model, take_part, &l, err))
        return false;
    f->embedding = &f->matrices[f->n - 1].parts[0];
    if (model->config.tied_head) return true;
    f->embedding = &f->embedding_own;
    return load_part(&f->embedding_own, &f->memory, s, embedding, compute->threads, err);
}

static bool load_vectors(Model *model, const Source *s, Error *err)
{
    for (int64_t i = 0; i < model->layout.n_tensors; i++) {
        const ParamTensor *const p = &model->layout.tensors[i];
        if (p->rank != 1) continue;
        float *const x = model->weights + p->offset;
        if (!read_f32(x, s, p, err)) return false;
        for (int64_t e = 0; e < p->columns; e++)
            if (!isfinite(x[e]))
                return error_set(err, ERROR_INPUT, "tensor \"%s\": element %" PRId64 " is not a finite number", p->name,
                                 e);
    }
    return true;
}

/* Whether every matrix is one that is known here: other blocks are run in f32. */
static bool is_plain(const Model *model)
{
    static const char *const NAMES[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    enum { N_NAMES = sizeof NAMES / sizeof *NAMES };
    int64_t matrices = 0, known = model->config.tied_head ? 1 : 2;
    for (int64_t i = 0; i < model->layout.n_tensors; i++) matrices += model->layout.tensors[i].rank != 1;
    for (int64_t l = 0; l < model->config.n_layers; l++)
        for (int i = 0; i < N_NAMES; i++) known += tensor_of(&model->layout, l, NAMES[i]) != NULL;
    return matrices == known && known == N_NAMES * model->config.n_layers + (model->config.tied_head ? 1 : 2);
}

bool model_open_frozen(Model *model, const char *path, ModelWeights weights, const Compute *compute, Error *err)
{
    if (weights == WEIGHTS_F32 || adapter_is_folder(path)) return model_open(model, path, compute, err);
    *model = (Model){0};
    ModelConfig config;
    if (!model_config_read(&config, path, err) || !model_folder_check(path, &config, err)) return false;
    if (!model_create_frozen(model, &config, err)) return error_in(err, "%s", path);
    if (!is_plain(model)) {
        model_free(model);
        return model_open(model, path, compute, err);
    }
    Source s = {.config = &model->config, .weights = weights};
    model->frozen = base_alloc(1, sizeof *model->frozen);
    bool ok = source_open(&s, path, err);
    ok = ok && ((load_vectors(model, &s, err) && load_matrices(model, &s, compute, err)) || error_in(err, "%s", path));
    source_close(&s);
    if (!ok) model_free(model);
    return ok;
}

void frozen_free(struct FrozenWeights *frozen)
{
    if (!frozen) return;
    arena_free(&frozen->memory);
    base_free(frozen->matrices);
    base_free(frozen);
}

/* ---- products ---- */

static const FrozenMatrix *find(const struct FrozenWeights *f, int64_t offset)
{
    int64_t low = 0, high = f->n - 1;
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (f->matrices[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return &f->matrices[low];
}

void frozen_linear(const struct FrozenWeights *frozen, const Compute *compute, float *y, const float *x, int64_t offset,
                   const float *bias, int64_t M, int64_t N)
{
    const FrozenMatrix *const m = find(frozen, offset);
    int64_t column = 0;
    for (int i = 0; i < m->n_parts; i++) {
        const Panels *const part = &m->parts[i];
        const Gemm g = panels_forward(y + column, N, x, part->n_in, part, bias ? bias + column : NULL, M);
        gemm_run(compute->k, compute->threads, &g);
        column += part->n_out;
    }
}

void frozen_embed(const struct FrozenWeights *frozen, float *x, const int32_t *ids, int64_t T)
{
    for (int64_t t = 0; t < T; t++) panels_row(x + t * frozen->embedding->n_in, frozen->embedding, ids[t]);
}

/* ---- what it takes ---- */

int64_t frozen_bytes(const char *path, const ModelConfig *config, ModelWeights weights)
{
    Source s = {.config = config, .weights = weights};
    ParamLayout layout = {0};
    Error ignored = {0};
    int64_t bytes = 0;
    if (!param_layout_create(&layout, config, &ignored)) return 0;
    if (adapter_is_folder(path)) /* run in f32, row by row and in panels */
        bytes = 2 * layout.n_floats * (int64_t)sizeof(float);
    else if (source_open(&s, path, &ignored))
        for (int64_t i = 0; i < layout.n_tensors; i++) {
            const ParamTensor *const p = &layout.tensors[i];
            bytes += p->rank == 1 ? p->columns * 4 : panels_bytes(type_in_memory(&s, p), p->rows, p->columns);
        }
    source_close(&s);
    param_layout_free(&layout);
    return bytes;
}

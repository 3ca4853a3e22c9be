/* SPDX-License-Identifier: MIT */
/* model/frozen.c: the list of a model's matrices, loading them, and the products with them. */
#include "model/frozen.h"

#include "model/adapter.h"
#include "model/folder.h"
#include "model/frozen_source.h"
#include "model/gguf_model.h"
#include "model/mtp_files.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

/* ---- the list of matrices ---- */

/* Called for each part of each matrix in the order of offsets. */
typedef bool (*TakePart)(void *context, int64_t offset, const Slice *slice, Error *err);

typedef struct Walk {
    const ModelConfig *config;
    const ParamLayout *layout;
    const LayerPanels *panels; /* [L + modules]; NULL: all offsets are 0 */
    const int64_t *mtp_panels; /* [modules]; likewise */
    int64_t layer;
    TakePart take;
    void *context;
    Error *err;
} Walk;

static const ParamTensor *tensor_of(const Walk *w, const char *name)
{
    char full[128];
    snprintf(full, sizeof full, "model.layers.%" PRId64 ".%s.weight", w->layer, name);
    return param_layout_find(w->layout, full);
}

static bool take_whole(const Walk *w, int64_t offset, const ParamTensor *p)
{
    const Slice slice = {.tensor = p, .n_rows = p->rows, .latent_layer = -1};
    return w->take(w->context, offset, &slice, w->err);
}

static bool take_named(const Walk *w, int64_t offset, const char *name)
{
    return take_whole(w, offset, tensor_of(w, name));
}

/* gate_proj and up_proj below each other, or down_proj. */
static bool take_mlp(const Walk *w, int64_t gate_up, int64_t down, const char *prefix)
{
    char gate[64], up[64], last[64];
    snprintf(gate, sizeof gate, "%s.gate_proj", prefix);
    snprintf(up, sizeof up, "%s.up_proj", prefix);
    snprintf(last, sizeof last, "%s.down_proj", prefix);
    return take_named(w, gate_up, gate) && take_named(w, gate_up, up) && take_named(w, down, last);
}

/* W_UK of every head, then W_UV of every head. */
static bool take_latent(const Walk *w, const LayerPanels *at)
{
    const int64_t N = w->config->mla.nope_dim, W = w->config->mla.v_dim;
    Slice slice = {.tensor = tensor_of(w, "self_attn.kv_b_proj"), .latent_layer = w->layer};
    for (int values = 0; values < 2; values++)
        for (int64_t h = 0; h < w->config->n_heads; h++) {
            slice.first_row = h * (N + W) + (values ? N : 0);
            slice.n_rows = values ? W : N;
            slice.may_turn = !values;
            slice.latent_head = h;
            if (!w->take(w->context, values ? at->uv + h * at->uv_stride : at->uk + h * at->uk_stride, &slice, w->err))
                return false;
        }
    return true;
}

static bool take_attention(const Walk *w, const LayerPanels *at)
{
    if (!model_has_mla(w->config))
        return take_named(w, at->qkv, "self_attn.q_proj") && take_named(w, at->qkv, "self_attn.k_proj") &&
               take_named(w, at->qkv, "self_attn.v_proj");
    const bool latent_queries = w->config->mla.q_lora_rank > 0;
    return take_named(w, at->mla_in, latent_queries ? "self_attn.q_a_proj" : "self_attn.q_proj") &&
           take_named(w, at->mla_in, "self_attn.kv_a_proj_with_mqa") &&
           (!latent_queries || take_named(w, at->q_b, "self_attn.q_b_proj")) && take_latent(w, at);
}

static bool take_experts(const Walk *w, const LayerPanels *at)
{
    if (!take_named(w, at->router, "mlp.gate")) return false;
    for (int64_t e = 0; e < w->config->moe.n_experts; e++) {
        char prefix[40];
        const int64_t expert = at->experts + e * at->expert_stride;
        snprintf(prefix, sizeof prefix, "mlp.experts.%" PRId64, e);
        if (!take_mlp(w, expert, expert + at->expert_down, prefix)) return false;
    }
    return true;
}

static bool take_layer(const Walk *w)
{
    const LayerPanels nowhere = {0}, *const at = w->panels ? &w->panels[w->layer] : &nowhere;
    const bool moe = model_layer_is_moe(w->config, w->layer);
    return take_attention(w, at) && take_named(w, at->o, "self_attn.o_proj") &&
           (model_layer_ffn(w->config, w->layer) == 0 ||
            take_mlp(w, at->gate_up, at->down, moe ? "mlp.shared_experts" : "mlp")) &&
           (!moe || take_experts(w, at));
}

static const ParamTensor *head_of(const Walk *w)
{
    return param_layout_find(w->layout, w->config->tied_head ? "model.embed_tokens.weight" : "lm_head.weight");
}

static bool each_part(Walk *w, int64_t head_panels)
{
    const int64_t L = w->config->n_layers;
    for (w->layer = 0; w->layer < L; w->layer++)
        if (!take_layer(w)) return false;
    if (!w->config->scalar_head && !take_whole(w, head_panels, head_of(w))) return false;
    for (; w->layer < model_blocks(w->config); w->layer++) /* the modules behind the layers (model/mtp.h) */
        if (!take_named(w, w->mtp_panels ? w->mtp_panels[w->layer - L] : 0, "eh_proj") || !take_layer(w)) return false;
    return true;
}

/* ---- loading ---- */

typedef struct Loading {
    struct FrozenWeights *frozen;
    const Source *source;
    Threads *threads;
    int64_t bytes, n_matrices, last_offset; /* of the plan */
} Loading;

static bool plan_part(void *context, int64_t offset, const Slice *slice, Error *err)
{
    (void)err;
    Loading *const l = context;
    const SlicePlan plan = source_plan(l->source, slice);
    l->bytes += (int64_t)arena_piece_bytes((size_t)panels_bytes(plan.type, plan.n_out, plan.n_in), 1);
    l->n_matrices += l->n_matrices == 0 || offset != l->last_offset;
    l->last_offset = offset;
    return true;
}

static bool load_part(Panels *part, Loading *l, const Slice *slice, bool *turned, Error *err)
{
    const SlicePlan plan = source_plan(l->source, slice);
    unsigned char *const data =
        ARENA_ARRAY(&l->frozen->memory, unsigned char, panels_bytes(plan.type, plan.n_out, plan.n_in), 1);
    *part = (Panels){plan.type, plan.n_out, plan.n_in, data};
    *turned = plan.turned;
    return source_pack(data, &plan, l->source, slice, l->threads, err);
}

static bool take_part(void *context, int64_t offset, const Slice *slice, Error *err)
{
    Loading *const l = context;
    struct FrozenWeights *const f = l->frozen;
    if (f->n == 0 || f->matrices[f->n - 1].offset != offset) f->matrices[f->n++] = (FrozenMatrix){.offset = offset};
    FrozenMatrix *const m = &f->matrices[f->n - 1];
    return load_part(&m->parts[m->n_parts++], l, slice, &m->turned, err);
}

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

static bool load_matrices(Model *model, const Source *s, const Compute *compute, Error *err)
{
    struct FrozenWeights *const f = model->frozen;
    const ParamTensor *const embedding = param_layout_find(&model->layout, "model.embed_tokens.weight");
    const Slice lookup = {.tensor = embedding, .n_rows = embedding->rows, .latent_layer = -1};
    Loading l = {.frozen = f, .source = s, .threads = compute->threads};
    Walk walk = {.config = &model->config,
                 .layout = &model->layout,
                 .panels = model->layer_panels,
                 .mtp_panels = model->mtp_panels,
                 .take = plan_part,
                 .context = &l,
                 .err = err};
    bool turned;
    if (!each_part(&walk, model->head_panels)) return false;
    f->matrices = base_alloc((size_t)l.n_matrices, sizeof *f->matrices);
    if (!model_head_is_embedding(&model->config)) plan_part(&l, 0, &lookup, err);
    walk.take = take_part;
    if (!arena_create(&f->memory, "weights", (size_t)l.bytes, err) || !each_part(&walk, model->head_panels))
        return false;
    f->embedding = &find(f, model->head_panels)->parts[0];
    if (model_head_is_embedding(&model->config)) return true;
    f->embedding = &f->embedding_own;
    return load_part(&f->embedding_own, &l, &lookup, &turned, err);
}

static bool load_vectors(Model *model, const Source *s, Error *err)
{
    for (int64_t i = 0; i < model->layout.n_tensors; i++) {
        const ParamTensor *const p = &model->layout.tensors[i];
        if (!param_is_vector(p)) continue;
        float *const x = model->weights + p->offset;
        if (!source_read_f32(x, s, p, err)) return false;
        for (int64_t e = 0; e < p->columns; e++)
            if (!isfinite(x[e]))
                return error_set(err, ERROR_INPUT, "tensor \"%s\": element %" PRId64 " is not a finite number", p->name,
                                 e);
    }
    return true;
}

bool frozen_load(Model *model, const char *path, ModelWeights weights, const Compute *compute, Error *err)
{
    Source s = {.config = &model->config, .weights = weights};
    model->frozen = base_alloc(1, sizeof *model->frozen);
    bool ok = source_open(&s, path, err);
    ok = ok &&
         (s.is_gguf ? gguf_model_check_copies(&s.gguf, &model->config, err)
                    : mtp_check_copies(&s.tensors, &model->config, err)) &&
         ((load_vectors(model, &s, err) && load_matrices(model, &s, compute, err)) || error_in(err, "%s", path));
    source_close(&s);
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

/* y = W x of one part, whichever way it stands. */
static Gemm part_forward(const FrozenMatrix *m, int i, float *y, int64_t y_row, const float *x, int64_t x_row,
                         const float *bias, int64_t M)
{
    if (m->turned) return panels_by_input(y, y_row, x, x_row, &m->parts[i], M, false); /* W_UK, which has no bias */
    return panels_forward(y, y_row, x, x_row, &m->parts[i], bias, M);
}

static Gemm part_input(const FrozenMatrix *m, int i, float *dx, int64_t dx_row, const float *dy, int64_t dy_row,
                       int64_t M, bool accumulate)
{
    if (!m->turned) return panels_by_input(dx, dx_row, dy, dy_row, &m->parts[i], M, accumulate);
    Gemm g = panels_forward(dx, dx_row, dy, dy_row, &m->parts[i], NULL, M);
    g.accumulate = accumulate;
    return g;
}

static int64_t outputs_of(const FrozenMatrix *m, int i)
{
    return m->turned ? m->parts[i].n_in : m->parts[i].n_out;
}

void frozen_linear(const struct FrozenWeights *frozen, const Compute *compute, float *y, const float *x, int64_t offset,
                   const float *bias, int64_t M, int64_t N)
{
    const FrozenMatrix *const m = find(frozen, offset);
    int64_t column = 0;
    for (int i = 0; i < m->n_parts; i++) {
        const Gemm g = part_forward(m, i, y + column, N, x, m->parts[i].n_in, bias ? bias + column : NULL, M);
        gemm_run(compute->k, compute->threads, &g);
        column += outputs_of(m, i);
    }
}

void frozen_linear_input(const struct FrozenWeights *frozen, const Compute *compute, float *dx, const float *dy,
                         int64_t offset, int64_t M, int64_t N, int64_t K, bool accumulate)
{
    const FrozenMatrix *const m = find(frozen, offset);
    int64_t column = 0;
    for (int i = 0; i < m->n_parts; i++) {
        const Gemm g = part_input(m, i, dx, K, dy + column, N, M, accumulate || i > 0);
        gemm_run(compute->k, compute->threads, &g);
        column += outputs_of(m, i);
    }
}

int frozen_tasks(const struct FrozenWeights *frozen, GemmTask *tasks, float *y, int64_t y_row, const float *x,
                 int64_t x_row, int64_t offset, int64_t M)
{
    const FrozenMatrix *const m = find(frozen, offset);
    int64_t column = 0;
    for (int i = 0; i < m->n_parts; i++) {
        tasks[i].gemm = part_forward(m, i, y + column, y_row, x, x_row, NULL, M);
        column += outputs_of(m, i);
    }
    return m->n_parts;
}

int frozen_parts(const struct FrozenWeights *frozen, int64_t offset)
{
    return find(frozen, offset)->n_parts;
}

void frozen_task_input(const struct FrozenWeights *frozen, GemmTask *task, float *dx, int64_t dx_row, const float *dy,
                       int64_t dy_row, int64_t offset, int part, int64_t M, bool accumulate)
{
    const FrozenMatrix *const m = find(frozen, offset);
    for (int i = 0; i < part; i++) dy += outputs_of(m, i);
    task->gemm = part_input(m, part, dx, dx_row, dy, dy_row, M, accumulate || part > 0);
}

void frozen_embed(const struct FrozenWeights *frozen, float *x, const int32_t *ids, int64_t T)
{
    for (int64_t t = 0; t < T; t++) panels_row(x + t * frozen->embedding->n_in, frozen->embedding, ids[t]);
}

/* ---- what it takes ---- */

static int64_t add_up(const Source *s, const ParamLayout *layout)
{
    Error ignored = {0};
    Loading l = {.source = s};
    Walk walk = {.config = s->config, .layout = layout, .take = plan_part, .context = &l, .err = &ignored};
    if (!each_part(&walk, 0)) return 0;
    if (!model_head_is_embedding(s->config)) {
        walk.layer = 0;
        (void)take_whole(&walk, 0, param_layout_find(layout, "model.embed_tokens.weight"));
    }
    for (int64_t i = 0; i < layout->n_tensors; i++)
        if (param_is_vector(&layout->tensors[i])) l.bytes += layout->tensors[i].columns * (int64_t)sizeof(float);
    return l.bytes;
}

int64_t frozen_bytes(const char *path, const ModelConfig *config, ModelWeights weights)
{
    Source s = {.config = config, .weights = weights};
    ParamLayout layout = {0};
    Error ignored = {0};
    char *base = NULL;
    int64_t bytes = 0;
    if (param_layout_create(&layout, config, &ignored) && adapter_base_folder(&base, path, &ignored)) {
        if (weights == WEIGHTS_F32)
            bytes = 2 * layout.n_floats * (int64_t)sizeof(float); /* row by row and in panels */
        else if (source_open(&s, base, &ignored))
            bytes = add_up(&s, &layout);
    }
    source_close(&s);
    base_free(base);
    param_layout_free(&layout);
    return bytes;
}

/* SPDX-License-Identifier: MIT */
/* model/model_lora.c: a model's adapters in memory: their rows, which training changes, and the panels that the forward reads. */
#include "model/model_parts.h"

/* Latent attention reads the B of kv_b_proj head by head (lora_latent.c): N rows beside W_UK, W rows beside W_UV. */
static void plan_latent_panels(AdapterPanels *p, const ModelConfig *c, int64_t *next)
{
    const int64_t r = c->lora.rank;
    p->b = panels_take(next, c->n_heads, c->mla.nope_dim, r), p->stride = panel_floats(c->mla.nope_dim, r);
    p->uv = panels_take(next, c->n_heads, c->mla.v_dim, r), p->uv_stride = panel_floats(c->mla.v_dim, r);
}

static int64_t plan_adapter_panels(Lora *lora, const ModelConfig *c)
{
    int64_t next = 0;
    for (int64_t i = 0; i < c->n_layers * LORA_MODULES; i++) {
        if (lora->layout.adapters[i].a < 0) continue;
        const LoraModule module = (LoraModule)(i % LORA_MODULES);
        const int64_t K = lora_module_inputs(c, module), N = lora_module_outputs(c, module), r = c->lora.rank;
        AdapterPanels *p = &lora->adapter_panels[i];
        p->a = panels_take(&next, 1, r, K);
        if (module == LORA_KV_B) {
            plan_latent_panels(p, c, &next);
            continue;
        }
        p->b = panels_take(&next, 1, N, r);
        if (!lora_is_expert(module)) continue;
        p->stride = next - p->a;
        next += (c->moe.n_experts - 1) * p->stride;
    }
    return next;
}

bool model_lora_create(Lora *lora, const ModelConfig *c, Error *err)
{
    if (c->lora.rank == 0) return true;
    if (!param_layout_create_adapters(&lora->layout, c, err)) return false;
    lora->scale = lora_scale(&c->lora);
    lora->adapter_panels = base_alloc((size_t)(c->n_layers * LORA_MODULES), sizeof *lora->adapter_panels);
    const int64_t n_panels = plan_adapter_panels(lora, c);
    if (!arena_create(&lora->memory, "adapters",
                      arena_piece_bytes((size_t)lora->layout.n_floats, sizeof(float)) +
                          arena_piece_bytes((size_t)n_panels, sizeof(float)),
                      err))
        return false;
    lora->weights = ARENA_ARRAY(&lora->memory, float, lora->layout.n_floats, 1);
    lora->panels = ARENA_ARRAY(&lora->memory, float, n_panels, 1);
    return true;
}

void model_lora_free(Lora *lora)
{
    arena_free(&lora->memory);
    base_free(lora->adapter_panels);
    base_free(lora->base);
    param_layout_free(&lora->layout);
    *lora = (Lora){0};
}

static void pack_adapter(const Lora *lora, const ModelConfig *c, LoraModule module, int64_t a, int64_t b,
                         const AdapterPanels *p, int64_t behind, Threads *threads)
{
    const int64_t K = lora_module_inputs(c, module), N = lora_module_outputs(c, module), r = c->lora.rank;
    gemm_pack(lora->panels + p->a + behind, lora->weights + a, r, K, threads);
    if (module != LORA_KV_B) {
        gemm_pack(lora->panels + p->b + behind, lora->weights + b, N, r, threads);
        return;
    }
    const int64_t n_nope = c->mla.nope_dim, n_values = c->mla.v_dim;
    for (int64_t h = 0; h < c->n_heads; h++) {
        const float *const head = lora->weights + b + h * (n_nope + n_values) * r;
        gemm_pack(lora->panels + p->b + h * p->stride, head, n_nope, r, threads);
        gemm_pack(lora->panels + p->uv + h * p->uv_stride, head + n_nope * r, n_values, r, threads);
    }
}

void model_lora_pack(const Model *model, const Compute *compute)
{
    const Lora *lora = &model->lora;
    const ModelConfig *c = &model->config;
    for (int64_t i = 0; c->lora.rank > 0 && i < c->n_layers * LORA_MODULES; i++) {
        const AdapterOffsets *o = &lora->layout.adapters[i];
        const AdapterPanels *p = &lora->adapter_panels[i];
        const LoraModule module = (LoraModule)(i % LORA_MODULES);
        if (o->a < 0) continue;
        const int64_t n = lora_is_expert(module) ? c->moe.n_experts : 1;
        for (int64_t e = 0; e < n; e++)
            pack_adapter(lora, c, module, o->a + e * o->stride, o->b + e * o->stride, p, e * p->stride,
                         compute->threads);
    }
}

/* SPDX-License-Identifier: MIT */
/* model/lora_experts.c: adapters on each expert's maps. Experts differ in outputs alone, so each step is one gemm_run_many. */
#include "model/lora.h"

#include "model/decoder_rows.h"

/* Modules first..last of one layer, which read the same rows; y_row: outputs of them all. */
typedef struct ExpertRun {
    const Model *model;
    const Compute *compute;
    DecoderWorkspace *w;
    const LoraSlots *slots;
    const AdapterOffsets *offsets; /* [LORA_MODULES] of this layer */
    const AdapterPanels *panels;
    int64_t E, K, r, y_row, layer;
} ExpertRun;

static ExpertRun run_of(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                        LoraModule first, LoraModule last, const LoraSlots *slots)
{
    ExpertRun run = {.model = model,
                     .compute = compute,
                     .w = w,
                     .slots = slots,
                     .offsets = model->lora.layout.adapters + layer * LORA_MODULES,
                     .panels = model->lora.adapter_panels + layer * LORA_MODULES,
                     .E = model->config.moe.n_experts,
                     .K = lora_module_inputs(&model->config, first),
                     .r = model->config.lora.rank,
                     .layer = layer};
    for (int m = first; m <= (int)last; m++) run.y_row += lora_module_outputs(&model->config, (LoraModule)m);
    return run;
}

static bool has(const ExpertRun *run, int module)
{
    return lora_has(&run->model->config, run->layer, (LoraModule)module);
}

static void run_tasks(const ExpertRun *run)
{
    gemm_run_many(run->compute->k, run->compute->threads, run->w->gemm_tasks, run->E);
}

typedef struct ScaleSlots {
    const LoraSlots *slots;
    float *x, by;
    int64_t columns;
} ScaleSlots;

/* Slots that take no part hold what is not theirs: left alone. */
static void scale_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ScaleSlots *s = context;
    for (int64_t e = begin; e < end; e++) {
        float *const x = s->x + s->slots->first[e] * s->columns;
        for (int64_t i = 0; i < s->slots->counts[e] * s->columns; i++) x[i] *= s->by;
    }
}

static void scale_slots(const ExpertRun *run, float *x)
{
    ScaleSlots s = {run->slots, x, run->model->lora.scale, run->r};
    compute_rows(run->compute, run->E, 1, scale_part, &s);
}

/* h = (A x) * scale */
static void hidden_of(const ExpertRun *run, int m, const float *x)
{
    const LoraSlots *const s = run->slots;
    for (int64_t e = 0; e < run->E; e++)
        run->w->gemm_tasks[e].gemm = gemm_forward(
            run->w->lora_hidden + s->first[e] * run->r, run->r, x + s->first[e] * run->K, run->K,
            run->model->lora.panels + run->panels[m].a + e * run->panels[m].stride, NULL, s->counts[e], run->r, run->K);
    run_tasks(run);
    scale_slots(run, run->w->lora_hidden);
}

void lora_experts_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                          LoraModule first, LoraModule last, const LoraSlots *s, const float *x, float *y)
{
    if (!lora_adapts(model, layer)) return;
    const ExpertRun run = run_of(model, compute, w, layer, first, last, s);
    for (int m = first; m <= (int)last; m++) {
        const int64_t N = lora_module_outputs(&model->config, (LoraModule)m);
        if (has(&run, m)) {
            hidden_of(&run, m, x);
            for (int64_t e = 0; e < run.E; e++) {
                Gemm *const g = &w->gemm_tasks[e].gemm;
                *g = gemm_forward(y + s->first[e] * run.y_row, run.y_row, w->lora_hidden + s->first[e] * run.r, run.r,
                                  model->lora.panels + run.panels[m].b + e * run.panels[m].stride, NULL, s->counts[e],
                                  N, run.r);
                g->accumulate = true;
            }
            run_tasks(&run);
        }
        y += N;
    }
}

void lora_experts_hidden(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                         LoraModule first, LoraModule last, const LoraSlots *s, const float *dy)
{
    if (!lora_adapts(model, layer)) return;
    const ExpertRun run = run_of(model, compute, w, layer, first, last, s);
    float *d = w->lora_d_hidden;
    for (int m = first; m <= (int)last; m++) {
        const int64_t N = lora_module_outputs(&model->config, (LoraModule)m);
        if (has(&run, m)) {
            for (int64_t e = 0; e < run.E; e++)
                w->gemm_tasks[e].gemm = gemm_by_input(
                    d + s->first[e] * run.r, run.r, dy + s->first[e] * run.y_row, run.y_row,
                    model->lora.weights + run.offsets[m].b + e * run.offsets[m].stride, s->counts[e], N, run.r, false);
            run_tasks(&run);
            scale_slots(&run, d);
            d += s->n_slots * run.r;
        }
        dy += N;
    }
}

void lora_experts_weights(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                          LoraModule first, LoraModule last, const LoraSlots *s, const float *x, const float *dy,
                          float *gradients)
{
    if (!lora_adapts(model, layer)) return;
    const ExpertRun run = run_of(model, compute, w, layer, first, last, s);
    const float *d = w->lora_d_hidden;
    for (int m = first; m <= (int)last; m++) {
        const int64_t N = lora_module_outputs(&model->config, (LoraModule)m), stride = run.offsets[m].stride;
        if (has(&run, m)) {
            hidden_of(&run, m, x);
            for (int64_t e = 0; e < run.E; e++)
                w->gemm_tasks[e].gemm =
                    gemm_by_weight(gradients + run.offsets[m].b + e * stride, dy + s->first[e] * run.y_row, run.y_row,
                                   w->lora_hidden + s->first[e] * run.r, run.r, s->counts[e], N, run.r);
            run_tasks(&run);
            for (int64_t e = 0; e < run.E; e++)
                w->gemm_tasks[e].gemm =
                    gemm_by_weight(gradients + run.offsets[m].a + e * stride, d + s->first[e] * run.r, run.r,
                                   x + s->first[e] * run.K, run.K, s->counts[e], run.r, run.K);
            run_tasks(&run);
            d += s->n_slots * run.r;
        }
        dy += N;
    }
}

void lora_experts_input(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                        LoraModule first, LoraModule last, const LoraSlots *s, float *dx)
{
    if (!lora_adapts(model, layer)) return;
    const ExpertRun run = run_of(model, compute, w, layer, first, last, s);
    const float *d = w->lora_d_hidden;
    for (int m = first; m <= (int)last; m++) {
        if (!has(&run, m)) continue;
        for (int64_t e = 0; e < run.E; e++)
            w->gemm_tasks[e].gemm = gemm_by_input(dx + s->first[e] * run.K, run.K, d + s->first[e] * run.r, run.r,
                                                  model->lora.weights + run.offsets[m].a + e * run.offsets[m].stride,
                                                  s->counts[e], run.r, run.K, true);
        run_tasks(&run);
        d += s->n_slots * run.r;
    }
}

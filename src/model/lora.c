/* SPDX-License-Identifier: MIT */
#include "model/lora.h"

#include "model/decoder_rows.h"

#include <string.h>

/* A region's view: the rows of y hold the outputs of modules first..last, `row` floats altogether. */
typedef struct LoraRun {
    const Model *model;
    const Compute *compute;
    const AdapterOffsets *offsets; /* [LORA_MODULES] of this layer */
    const AdapterPanels *panels;
    int64_t K, r, row, T, layer;
    LoraModule first, last;
} LoraRun;

static LoraRun run_of(const Model *model, const Compute *compute, int64_t layer, LoraModule first, LoraModule last,
                      int64_t T)
{
    const Lora *lora = &model->lora;
    LoraRun run = {.model = model,
                   .compute = compute,
                   .offsets = lora->layout.adapters + layer * LORA_MODULES,
                   .panels = lora->adapter_panels + layer * LORA_MODULES,
                   .K = lora_module_inputs(&model->config, first),
                   .r = model->config.lora.rank,
                   .T = T,
                   .layer = layer,
                   .first = first,
                   .last = last};
    for (int m = first; m <= (int)last; m++) run.row += lora_module_outputs(&model->config, (LoraModule)m);
    return run;
}

static bool has(const LoraRun *run, int module)
{
    return lora_has(&run->model->config, run->layer, (LoraModule)module);
}

typedef struct Scale {
    float *x;
    float by;
    int64_t columns;
} Scale;

static void scale_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Scale *s = context;
    for (int64_t i = begin * s->columns; i < end * s->columns; i++) s->x[i] *= s->by;
}

void lora_scale_rows(const Model *model, const Compute *compute, float *x, int64_t n_rows)
{
    Scale scale = {x, model->lora.scale, model->config.lora.rank};
    compute_rows(compute, n_rows, ROWS_GRAIN, scale_part, &scale);
}

/* h = (A x) * scale */
static void hidden_of(const LoraRun *run, const AdapterPanels *panels, const float *x, float *h)
{
    rows_linear(run->compute, h, x, run->model->lora.panels + panels->a, NULL, run->T, run->r, run->K);
    lora_scale_rows(run->model, run->compute, h, run->T);
}

void lora_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer, LoraModule first,
                  LoraModule last, const float *x, float *y, int64_t T)
{
    if (!lora_adapts(model, layer)) return;
    const LoraRun run = run_of(model, compute, layer, first, last, T);
    for (int m = first; m <= (int)last; m++) {
        const int64_t N = lora_module_outputs(&model->config, (LoraModule)m);
        if (has(&run, m)) {
            hidden_of(&run, &run.panels[m], x, w->lora_hidden);
            Gemm g = gemm_forward(y, run.row, w->lora_hidden, run.r, model->lora.panels + run.panels[m].b, NULL, T, N,
                                  run.r);
            g.accumulate = true;
            gemm_run(compute->k, compute->threads, &g);
        }
        y += N;
    }
}

void lora_backward_input(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                         LoraModule first, LoraModule last, const float *dy, float *dx, int64_t T)
{
    if (!lora_adapts(model, layer)) return;
    const LoraRun run = run_of(model, compute, layer, first, last, T);
    const float *weights = model->lora.weights;
    float *d = w->lora_d_hidden;
    for (int m = first; m <= (int)last; m++) {
        const int64_t N = lora_module_outputs(&model->config, (LoraModule)m);
        if (has(&run, m)) {
            const Gemm by_hidden = gemm_by_input(d, run.r, dy, run.row, weights + run.offsets[m].b, T, N, run.r, false);
            gemm_run(compute->k, compute->threads, &by_hidden);
            lora_scale_rows(model, compute, d, T);
            const Gemm by_input = gemm_by_input(dx, run.K, d, run.r, weights + run.offsets[m].a, T, run.r, run.K, true);
            gemm_run(compute->k, compute->threads, &by_input);
            d += T * run.r;
        }
        dy += N;
    }
}

void lora_backward_weights(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t layer,
                           LoraModule first, LoraModule last, const float *x, const float *dy, float *gradients,
                           int64_t T)
{
    if (!lora_adapts(model, layer)) return;
    const LoraRun run = run_of(model, compute, layer, first, last, T);
    const float *d = w->lora_d_hidden;
    for (int m = first; m <= (int)last; m++) {
        const int64_t N = lora_module_outputs(&model->config, (LoraModule)m);
        if (has(&run, m)) {
            hidden_of(&run, &run.panels[m], x, w->lora_hidden);
            const Gemm by_b =
                gemm_by_weight(gradients + run.offsets[m].b, dy, run.row, w->lora_hidden, run.r, T, N, run.r);
            gemm_run(compute->k, compute->threads, &by_b);
            const Gemm by_a = gemm_by_weight(gradients + run.offsets[m].a, d, run.r, x, run.K, T, run.r, run.K);
            gemm_run(compute->k, compute->threads, &by_a);
            d += T * run.r;
        }
        dy += N;
    }
}

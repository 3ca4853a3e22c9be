/* SPDX-License-Identifier: MIT */
#include "eval/parity_mtp.h"

#include "model/mtp.h"

#include <inttypes.h>
#include <stdio.h>

static bool compare_module(ParitySession *s, DecoderWorkspace *w, const DecoderBatch *main, int64_t k, const char *name,
                           Error *err)
{
    const int64_t n = main->n_rows - k - 1, V = s->model.config.vocab_size;
    int64_t *const rows = base_alloc((size_t)n, sizeof *rows);
    float *const logits = base_alloc((size_t)n * (size_t)V, sizeof *logits);
    for (int64_t t = 0; t < n; t++) rows[t] = t;
    const DecoderSegment segment = {0, n, 0};
    DecoderBatch batch = *main;
    batch.n_rows = batch.n_backward_rows = n;
    batch.ids = main->ids + k + 1;
    batch.segments = &segment;
    mtp_forward(&s->model, s->compute, w, k, mtp_previous(&s->model, w, k), rows, &batch);
    mtp_logits(&s->model, s->compute, w, k, 0, n, logits);
    const bool ok = !parity_find(s, "%s", name) || parity_compare_f32(s, name, logits, 2, (const int64_t[]){n, V},
                                                                      MEASURE_ABSOLUTE, PARITY_LOGITS, err);
    base_free(rows);
    base_free(logits);
    return ok;
}

bool parity_compare_mtp(ParitySession *s, DecoderWorkspace *w, const DecoderBatch *batch, int64_t sequence, Error *err)
{
    for (int64_t k = 0; k < s->model.config.n_mtp && batch->n_rows - k - 1 > 0; k++) {
        char name[64];
        snprintf(name, sizeof name, "seq%" PRId64 ".mtp%" PRId64 ".logits", sequence, k);
        if (!compare_module(s, w, batch, k, name, err)) return false;
    }
    return true;
}

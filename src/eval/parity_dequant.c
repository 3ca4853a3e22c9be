/* SPDX-License-Identifier: MIT */
/* eval/parity_dequant.c: the values of every tensor of a GGUF file beside those that the format's own tools give. */
#include "eval/parity_session.h"

#include "base/arena.h"
#include "format/gguf.h"

static bool compare_tensor(ParitySession *s, const GgufTensor *t, Error *err)
{
    float *const x = base_alloc((size_t)t->n_elements, sizeof *x);
    quant_dequantize(x, t->type, t->data, t->n_elements);
    const bool ok = parity_compare_f32(s, t->name, x, t->rank, t->shape, MEASURE_ABSOLUTE, 0.0, err);
    base_free(x);
    return ok;
}

bool parity_dequant(ParitySession *s, Error *err)
{
    GgufFile file;
    if (!gguf_open(&file, s->request->model, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < file.n_tensors; i++) ok = compare_tensor(s, &file.tensors[i], err);
    gguf_close(&file);
    return ok;
}

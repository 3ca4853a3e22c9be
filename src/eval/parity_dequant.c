/* SPDX-License-Identifier: MIT */
/* eval/parity_dequant.c: kind dequant: the values that stored weights stand for, to the bit. */
#include "eval/parity_session.h"

#include "base/arena.h"
#include "format/gguf.h"
#include "model/folder.h"
#include "num/fp8.h"

#include <string.h>

/* A table of e4m3: "bits" U8 [n] and "value", what each of them is. */
static bool compare_table(ParitySession *s, const SafetensorsTensor *bits, Error *err)
{
    float *const values = base_alloc((size_t)bits->n_elements, sizeof *values);
    for (int64_t i = 0; i < bits->n_elements; i++) values[i] = f32_from_f8_e4m3(bits->data[i]);
    const bool ok = parity_compare_f32(s, "value", values, bits->rank, bits->shape, MEASURE_EXACT, 0.0, err);
    base_free(values);
    return ok;
}

static bool compare_weight(ParitySession *s, const ModelTensors *m, const SafetensorsTensor *t, Error *err)
{
    float *const values = base_alloc((size_t)t->n_elements, sizeof *values);
    const bool ok = model_tensors_read_f32(values, m, t, err) &&
                    parity_compare_f32(s, t->name, values, t->rank, t->shape, MEASURE_EXACT, 0.0, err);
    base_free(values);
    return ok;
}

static bool compare_gguf(ParitySession *s, Error *err)
{
    GgufFile file;
    if (!gguf_open(&file, s->request->model, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < file.n_tensors; i++) {
        const GgufTensor *const t = &file.tensors[i];
        float *const values = base_alloc((size_t)t->n_elements, sizeof *values);
        quant_dequantize(values, t->type, t->data, t->n_elements);
        ok = parity_compare_f32(s, t->name, values, t->rank, t->shape, MEASURE_EXACT, 0.0, err);
        base_free(values);
    }
    gguf_close(&file);
    return ok;
}

static bool compare_safetensors(ParitySession *s, Error *err)
{
    ModelTensors m;
    if (!model_tensors_open(&m, s->request->model, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < m.n_tensors; i++)
        if (parity_find(s, "%s", m.tensors[i]->name) && !model_tensors_is_scale(&m, m.tensors[i]))
            ok = compare_weight(s, &m, m.tensors[i], err);
    model_tensors_close(&m);
    return ok;
}

bool parity_dequant(ParitySession *s, Error *err)
{
    const SafetensorsTensor *const bits = parity_find(s, "bits");
    if (bits && bits->dtype == DTYPE_U8) return compare_table(s, bits, err);
    return gguf_is(s->request->model) ? compare_gguf(s, err) : compare_safetensors(s, err);
}

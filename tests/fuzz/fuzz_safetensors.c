/* SPDX-License-Identifier: MIT */
/* Any bytes as a safetensors file: every tensor of it lies in the bytes and is read by each reader, or one line refuses it. */
#include "base/arena.h"
#include "format/safetensors.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refusal(const Error *err)
{
    if (err->kind != ERROR_INPUT || !err->text[0] || strchr(err->text, '\n')) abort();
}

static void read_tensor(const SafetensorsFile *file, const SafetensorsTensor *t, const uint8_t *data, size_t size)
{
    Error err = {0};
    if (safetensors_find(file, t->name) != t) abort();
    if (t->n_bytes > 0 && (t->data < data || (size_t)t->n_bytes > size - (size_t)(t->data - data))) abort();
    float *floats = base_alloc((size_t)t->n_elements, sizeof *floats);
    int32_t *integers = base_alloc((size_t)t->n_elements, sizeof *integers);
    if (!safetensors_read_f32(floats, t, &err)) check_refusal(&err);
    if (!safetensors_read_i32(integers, t, &err)) check_refusal(&err);
    if (!safetensors_check_shape(t, t->rank, t->shape, &err)) abort();
    base_free(floats);
    base_free(integers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SafetensorsFile file;
    Error err = {0};
    if (!safetensors_open_bytes(&file, data, size, "fuzz.safetensors", &err)) {
        check_refusal(&err);
        return 0;
    }
    for (int64_t i = 0; i < file.n_tensors; i++) read_tensor(&file, &file.tensors[i], data, size);
    safetensors_close(&file);
    return 0;
}

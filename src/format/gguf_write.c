/* SPDX-License-Identifier: MIT */
/* format/gguf_write.c: see gguf_write.h; gguf.h has the format. */
#include "format/gguf_write.h"

#include "base/arena.h"
#include "base/file.h"
#include "format/gguf.h"
#include "num/half.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHUNK_ELEMENTS = 1 << 18 };

/* ---- metadata ---- */

static void put(GgufValues *v, const void *bytes, size_t n)
{
    if (v->capacity - v->length < n) {
        v->capacity = 2 * v->capacity + n + 256;
        v->bytes = base_realloc(v->bytes, v->capacity, 1);
    }
    if (n) memcpy(v->bytes + v->length, bytes, n);
    v->length += n;
}

static void put_u32(GgufValues *v, uint32_t value)
{
    put(v, &value, sizeof value);
}
static void put_u64(GgufValues *v, uint64_t value)
{
    put(v, &value, sizeof value);
}

static void put_key(GgufValues *v, const char *key, GgufType type)
{
    gguf_add_text(v, key, strlen(key));
    put_u32(v, type);
    v->n++;
}

static void put_array(GgufValues *v, const char *key, GgufType type, int64_t n)
{
    put_key(v, key, GGUF_ARRAY);
    put_u32(v, type);
    put_u64(v, (uint64_t)n);
}

void gguf_values_free(GgufValues *v)
{
    base_free(v->bytes);
    *v = (GgufValues){0};
}

void gguf_put_u32(GgufValues *v, const char *key, uint32_t value)
{
    put_key(v, key, GGUF_U32);
    put_u32(v, value);
}

void gguf_put_f32(GgufValues *v, const char *key, float value)
{
    put_key(v, key, GGUF_F32);
    put(v, &value, sizeof value);
}

void gguf_put_bool(GgufValues *v, const char *key, bool value)
{
    const unsigned char byte = value;
    put_key(v, key, GGUF_BOOL);
    put(v, &byte, 1);
}

void gguf_put_text(GgufValues *v, const char *key, const char *text, size_t length)
{
    put_key(v, key, GGUF_STRING);
    gguf_add_text(v, text, length);
}

void gguf_begin_texts(GgufValues *v, const char *key, int64_t n)
{
    put_array(v, key, GGUF_STRING, n);
}

void gguf_add_text(GgufValues *v, const char *text, size_t length)
{
    put_u64(v, length);
    put(v, text, length);
}

void gguf_begin_i32s(GgufValues *v, const char *key, int64_t n)
{
    put_array(v, key, GGUF_I32, n);
}

void gguf_add_i32(GgufValues *v, int32_t value)
{
    put(v, &value, sizeof value);
}

/* ---- the file ---- */

static int64_t rows_of(const GgufItem *item)
{
    int64_t rows = 1;
    for (int d = 0; d + 1 < item->rank; d++) rows *= item->shape[d];
    return rows;
}

static int64_t row_bytes(const GgufItem *item)
{
    const QuantTraits *const q = quant_traits(item->type);
    return item->shape[item->rank - 1] / q->block * q->block_bytes;
}

static int64_t aligned(int64_t n)
{
    return (n + GGUF_ALIGNMENT - 1) / GGUF_ALIGNMENT * GGUF_ALIGNMENT;
}

static void put_items(GgufValues *head, const GgufItem *items, int64_t n_items)
{
    int64_t offset = 0;
    for (int64_t i = 0; i < n_items; i++) {
        const GgufItem *const item = &items[i];
        gguf_add_text(head, item->name, strlen(item->name));
        put_u32(head, (uint32_t)item->rank);
        for (int d = item->rank - 1; d >= 0; d--) put_u64(head, (uint64_t)item->shape[d]);
        put_u32(head, gguf_element_number(item->type));
        put_u64(head, (uint64_t)offset);
        offset += aligned(rows_of(item) * row_bytes(item));
    }
}

static bool write_pad(FileWriter *writer, int64_t written, Error *err)
{
    static const char zeros[GGUF_ALIGNMENT];
    return file_writer_write(writer, zeros, (size_t)(aligned(written) - written), err);
}

static bool write_head(FileWriter *writer, const GgufValues *values, const GgufItem *items, int64_t n_items, Error *err)
{
    GgufValues head = {0};
    put(&head, "GGUF", 4);
    put_u32(&head, 3);
    put_u64(&head, (uint64_t)n_items);
    put_u64(&head, (uint64_t)values->n);
    put(&head, values->bytes, values->length);
    put_items(&head, items, n_items);
    const bool ok =
        file_writer_write(writer, head.bytes, head.length, err) && write_pad(writer, (int64_t)head.length, err);
    gguf_values_free(&head);
    return ok;
}

/* The largest finite value of the f16s that scales are held in: a block whose elements need more cannot be written. */
static bool check_range(const GgufItem *item, const float *x, int64_t n, Error *err)
{
    for (int64_t i = 0; i < n && item->type != QUANT_F32; i++)
        if (!(item->type == QUANT_BF16 ? isfinite(f32_from_bf16(bf16_from_f32(x[i]))) : fabsf(x[i]) < 65520.0f))
            return error_set(err, ERROR_INPUT, "tensor \"%s\" has the value %g, too large for %s", item->name,
                             (double)x[i], quant_traits(item->type)->name);
    return true;
}

static bool write_item(FileWriter *writer, const GgufItem *items, int64_t i, GgufRows rows, void *context, Error *err)
{
    const GgufItem *const item = &items[i];
    const int64_t columns = item->shape[item->rank - 1], n_rows = rows_of(item), bytes = row_bytes(item);
    const int64_t step = columns < CHUNK_ELEMENTS ? CHUNK_ELEMENTS / columns : 1;
    float *const x = base_alloc((size_t)(step * columns), sizeof *x);
    unsigned char *const encoded = base_alloc((size_t)(step * bytes), 1);
    bool ok = true;
    for (int64_t row = 0; ok && row < n_rows; row += step) {
        const int64_t n = n_rows - row < step ? n_rows - row : step;
        ok = rows(context, i, row, n, x, err) && check_range(item, x, n * columns, err);
        if (!ok) break;
        quant_quantize(encoded, item->type, x, n * columns);
        ok = file_writer_write(writer, encoded, (size_t)(n * bytes), err);
    }
    base_free(x);
    base_free(encoded);
    return ok && write_pad(writer, n_rows * bytes, err);
}

bool gguf_write(const char *path, const GgufValues *values, const GgufItem *items, int64_t n_items, GgufRows rows,
                void *context, const char *failpoint, Error *err)
{
    FileWriter *writer;
    if (!file_writer_open(&writer, path, failpoint, err)) return false;
    bool ok = write_head(writer, values, items, n_items, err);
    for (int64_t i = 0; ok && i < n_items; i++) ok = write_item(writer, items, i, rows, context, err);
    if (ok) return file_writer_commit(writer, err);
    file_writer_abandon(writer);
    return false;
}

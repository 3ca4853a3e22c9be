/* SPDX-License-Identifier: MIT */
/* format/gguf_write.h: writing the container of gguf.h, version 3, durably. */
#ifndef R1_FORMAT_GGUF_WRITE_H
#define R1_FORMAT_GGUF_WRITE_H

#include "base/error.h"
#include "num/quant.h"

#include <stddef.h>
#include <stdint.h>

/* The metadata as it grows; a zeroed one is empty. Keys are the caller's to keep apart. */
typedef struct GgufValues {
    unsigned char *bytes; /* owned */
    size_t length, capacity;
    int64_t n;
} GgufValues;
void gguf_values_free(GgufValues *values);
void gguf_put_u32(GgufValues *values, const char *key, uint32_t value);
void gguf_put_f32(GgufValues *values, const char *key, float value);
void gguf_put_bool(GgufValues *values, const char *key, bool value);
void gguf_put_text(GgufValues *values, const char *key, const char *text, size_t length);
/* An array: its head, then n times gguf_add_text or gguf_add_i32. */
void gguf_begin_texts(GgufValues *values, const char *key, int64_t n);
void gguf_add_text(GgufValues *values, const char *text, size_t length);
void gguf_begin_i32s(GgufValues *values, const char *key, int64_t n);
void gguf_add_i32(GgufValues *values, int32_t value);

/* A tensor to write: row-major shape, last one contiguous and a multiple of the type's block. */
typedef struct GgufItem {
    char name[96];
    QuantType type;
    int rank;
    int64_t shape[4];
} GgufItem;
/* Rows [row, row + n_rows) of an item's elements in f32, in the order of the file, into out: called in order of items, rows ascending. */
typedef bool (*GgufRows)(void *context, int64_t item, int64_t row, int64_t n_rows, float *out, Error *err);

/* Writes the file through base/file.h; failpoint: the stem of its failpoints. Takes memory for some rows at a time. A value that its type
 * cannot hold (f16's infinity) is an error. */
bool gguf_write(const char *path, const GgufValues *values, const GgufItem *items, int64_t n_items, GgufRows rows,
                void *context, const char *failpoint, Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* format/gguf.h: the GGUF container, versions 2 and 3: typed metadata and tensors of quantised blocks in one file.
 *
 *   "GGUF" | u32 version | u64 n_tensors | u64 n_values
 *   values:  key | u32 type | the value                 a string is u64 length and its bytes; a key is a string
 *            an array is u32 type of its items | u64 n | the items
 *   tensors: name | u32 rank | u64 sizes[rank], the fastest first | u32 element type | u64 offset
 *   padding to `alignment` (general.alignment, else 32) | data; offsets count from here
 *
 * All numbers are little-endian. A file is mapped and checked as a whole before anything of it is used: every count and
 * length against the bytes that are left, before any memory is taken for it; keys and names for duplicates, types, shapes and
 * offsets, the data for overlaps. Memory taken is a small multiple of the file's size. Messages name the file and the key or
 * tensor. Source: the GGUF specification (ggml, docs/gguf.md). May use base/ and num/; knows nothing of models. */
#ifndef R1_FORMAT_GGUF_H
#define R1_FORMAT_GGUF_H

#include "base/error.h"
#include "base/file.h"
#include "num/quant.h"

#include <stdint.h>

enum { GGUF_MAX_RANK = 4, GGUF_ALIGNMENT = 32 };

typedef enum GgufType {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
} GgufType;
const char *gguf_type_name(GgufType type);
uint32_t gguf_element_number(QuantType type); /* as files number element types */

/* A piece of the file: not zero-terminated, any bytes. */
typedef struct GgufText {
    const char *bytes;
    size_t length;
} GgufText;

/* A text from outside, cut and cleaned so that a message stays one readable line. */
typedef struct GgufLabel {
    char text[100];
} GgufLabel;
GgufLabel gguf_label(GgufText text);

/* One key of the metadata; everything it points to lives as long as the file is open. */
typedef struct GgufValue {
    const char *key; /* zero-terminated */
    GgufType type;   /* of the value, of the items for an array */
    bool is_array;
    int64_t n_items;           /* 1 unless it is an array */
    const unsigned char *data; /* the first item, in the mapping */
} GgufValue;

typedef struct GgufTensor {
    const char *name; /* zero-terminated */
    QuantType type;
    int rank;                     /* 1 to 4 */
    int64_t shape[GGUF_MAX_RANK]; /* row-major: the last one is contiguous (the file's order reversed) */
    int64_t n_elements, n_bytes;
    int64_t offset;
    const unsigned char *data; /* in the mapping */
} GgufTensor;

typedef struct GgufFile {
    FileMap map;
    char *path;
    uint32_t version;
    GgufValue *values; /* [n_values], sorted bytewise by key; owned */
    int64_t n_values;
    GgufTensor *tensors; /* [n_tensors], sorted bytewise by name; owned */
    int64_t n_tensors;
    int64_t alignment;
    bool borrowed; /* the bytes are the caller's */
} GgufFile;

bool gguf_open(GgufFile *file, const char *path, Error *err) R1_MUST_CHECK;
/* The same from bytes that the caller keeps until close; `name` stands for the file in messages (tests, fuzzing). */
bool gguf_open_bytes(GgufFile *file, const void *bytes, size_t n_bytes, const char *name, Error *err) R1_MUST_CHECK;
void gguf_close(GgufFile *file); /* a zeroed file is fine */
/* Whether a path is a file that begins as a GGUF does. Never fails: what cannot be read is none. */
bool gguf_is(const char *path);

const GgufValue *gguf_value(const GgufFile *file, const char *key);    /* NULL: none */
const GgufTensor *gguf_tensor(const GgufFile *file, const char *name); /* NULL: none */

/* Readers of one key. A missing key leaves *value as it is and succeeds; another type or a number outside the limits is an error that
 * names file and key. Integers are read from every integer type, numbers from every number type. */
bool gguf_get_int(const GgufFile *file, const char *key, int64_t low, int64_t high, int64_t *value,
                  Error *err) R1_MUST_CHECK;
bool gguf_get_double(const GgufFile *file, const char *key, double *value, Error *err) R1_MUST_CHECK;
bool gguf_get_bool(const GgufFile *file, const char *key, bool *value, Error *err) R1_MUST_CHECK;
bool gguf_get_text(const GgufFile *file, const char *key, GgufText *value, Error *err) R1_MUST_CHECK;
/* An array of this item type; *value is NULL when the key is missing. */
bool gguf_get_array(const GgufFile *file, const char *key, GgufType type, const GgufValue **value,
                    Error *err) R1_MUST_CHECK;
/* The string at *at, which moves on to the next: for the items of an array of strings, from value->data. */
GgufText gguf_next_text(const unsigned char **at);
/* Item i of an array of integers. */
int64_t gguf_integer_at(const GgufValue *value, int64_t i);

/* Fails with a line naming file, tensor and both shapes unless the tensor has this rank and these sizes. */
bool gguf_check_shape(const GgufFile *file, const GgufTensor *tensor, int rank, const int64_t *shape,
                      Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* format/safetensors.h: the safetensors container: named tensors behind a JSON header.
 *
 *   u64 little-endian n | n bytes of JSON {"name": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {...}} |
 *   the tensors' bytes, row-major little-endian; offsets count from the end of the header.
 *
 * A file is mapped and checked as a whole before anything of it is used: every dtype, shape and offset against the size of
 * the file, names for duplicates, the data for overlaps, holes and bytes that belong to no tensor. Messages name the file
 * and the tensor. May use base/ and num/; knows nothing of models. */
#ifndef R1_FORMAT_SAFETENSORS_H
#define R1_FORMAT_SAFETENSORS_H

#include "base/error.h"
#include "base/file.h"
#include "num/half.h"

#include <stdint.h>

enum { TENSOR_MAX_RANK = 8 };

typedef enum TensorDtype {
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F64,
    DTYPE_I32,
    DTYPE_I64,
    DTYPE_U8,
    DTYPE_I8,
    DTYPE_BOOL,
    DTYPE_F8_E4M3,
} TensorDtype;
const char *tensor_dtype_name(TensorDtype dtype); /* as the format spells it: "F32" */
int64_t tensor_dtype_bytes(TensorDtype dtype);    /* of one element */

typedef struct SafetensorsFile SafetensorsFile;

/* One tensor of an open file; everything it points to lives as long as the file is open. */
typedef struct SafetensorsTensor {
    const SafetensorsFile *file;
    const char *name;
    TensorDtype dtype;
    int rank; /* 0: a scalar */
    int64_t shape[TENSOR_MAX_RANK];
    int64_t n_elements, n_bytes;
    int64_t offset;            /* of the first byte, from the end of the header */
    const unsigned char *data; /* in the mapping; any alignment: read it by the functions below or by memcpy */
} SafetensorsTensor;

struct SafetensorsFile {
    FileMap map;
    char *path;
    SafetensorsTensor *tensors; /* [n_tensors], sorted bytewise by name; owned */
    int64_t n_tensors;
    bool borrowed; /* the bytes are the caller's */
};

bool safetensors_open(SafetensorsFile *file, const char *path, Error *err) R1_MUST_CHECK;
/* The same from bytes that the caller keeps until close; `name` stands for the file in messages (tests, fuzzing). */
bool safetensors_open_bytes(SafetensorsFile *file, const void *bytes, size_t n_bytes, const char *name,
                            Error *err) R1_MUST_CHECK;
void safetensors_close(SafetensorsFile *file);                                            /* a zeroed file is fine */
const SafetensorsTensor *safetensors_find(const SafetensorsFile *file, const char *name); /* NULL: none */

/* Whether safetensors_read_f32 reads it: F32, F16 or BF16. */
bool safetensors_check_f32(const SafetensorsTensor *tensor, Error *err) R1_MUST_CHECK;
/* All elements of an F32, F16 or BF16 tensor, widened exactly, to out[n_elements]. Another dtype is an error. */
bool safetensors_read_f32(float *out, const SafetensorsTensor *tensor, Error *err) R1_MUST_CHECK;
/* All elements of an I32, I64, U8, I8 or BOOL tensor to out[n_elements]; an I64 value beyond int32 is an error. */
bool safetensors_read_i32(int32_t *out, const SafetensorsTensor *tensor, Error *err) R1_MUST_CHECK;
/* Fails with a line naming file, tensor and both shapes unless the tensor has this rank and these sizes. */
bool safetensors_check_shape(const SafetensorsTensor *tensor, int rank, const int64_t *shape, Error *err) R1_MUST_CHECK;

/* A tensor to write: data holds its row-major little-endian bytes. */
typedef struct SafetensorsItem {
    const char *name; /* UTF-8 */
    TensorDtype dtype;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    const void *data;
} SafetensorsItem;

/* Writes the items durably (base/file.h; failpoint: the stem of its failpoints) with metadata {"format":"pt"}. Wider dtypes
 * come first and names ascend bytewise within a width, as the reference writer has it, so that every element is aligned; the
 * order of `items` does not matter. hex (may be NULL) gets XXH3-128 over the file. Two items of one name are a bug. */
bool safetensors_write(const char *path, const SafetensorsItem *items, int64_t n_items, const char *failpoint,
                       char hex[33], Error *err) R1_MUST_CHECK;

#endif

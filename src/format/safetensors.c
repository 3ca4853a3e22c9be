/* SPDX-License-Identifier: MIT */
/* format/safetensors.c: reading and writing the container of safetensors.h.
 *
 * Order of checks when opening: (1) the header lies in the file, (2) it is JSON without duplicate keys, (3) each entry alone:
 * dtype known, shape's product in int64, data_offsets of exactly that many bytes, (4) the entries by offset: each begins where
 * the one before ends, none ends after the file, nothing is left over. Only then is a data pointer made. */
#include "format/safetensors.h"

#include "base/arena.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are read and written as they stand in memory");

enum { HEADER_AT = 8 };
static const uint64_t MAX_HEADER_BYTES = 100 * 1000 * 1000; /* the reference reader's limit */

static const struct {
    const char *name;
    int64_t n_bytes;
} DTYPES[] = {
    [DTYPE_F32] = {"F32", 4},   [DTYPE_F16] = {"F16", 2},         [DTYPE_BF16] = {"BF16", 2}, [DTYPE_F64] = {"F64", 8},
    [DTYPE_I32] = {"I32", 4},   [DTYPE_I64] = {"I64", 8},         [DTYPE_U8] = {"U8", 1},     [DTYPE_I8] = {"I8", 1},
    [DTYPE_BOOL] = {"BOOL", 1}, [DTYPE_F8_E4M3] = {"F8_E4M3", 1},
};
enum { N_DTYPES = sizeof DTYPES / sizeof DTYPES[0] };

const char *tensor_dtype_name(TensorDtype dtype)
{
    return DTYPES[dtype].name;
}
int64_t tensor_dtype_bytes(TensorDtype dtype)
{
    return DTYPES[dtype].n_bytes;
}

/* A name from outside, cut and cleaned so that a message stays one readable line. */
typedef struct Label {
    char text[100];
} Label;

static Label label_of(const char *name)
{
    Label label;
    size_t n = 0;
    for (; name[n] && n < sizeof label.text - 1; n++)
        label.text[n] = (unsigned char)name[n] < 0x20 || name[n] == 0x7F ? '?' : name[n];
    label.text[n] = 0;
    return label;
}

/* ---- opening ---- */

static bool tensor_error(Error *err, const char *name, const char *what)
{
    return error_set(err, ERROR_INPUT, "tensor \"%s\" %s", label_of(name).text, what);
}

static bool parse_dtype(TensorDtype *dtype, const char *name, const json_t *entry, Error *err)
{
    const char *const text = json_string_value(json_object_get(entry, "dtype"));
    if (!text) return tensor_error(err, name, "has no \"dtype\"");
    for (int i = 0; i < N_DTYPES; i++) {
        if (strcmp(text, DTYPES[i].name) != 0) continue;
        *dtype = (TensorDtype)i;
        return true;
    }
    return error_set(err, ERROR_INPUT, "tensor \"%s\": dtype \"%s\" is not known", label_of(name).text,
                     label_of(text).text);
}

/* The shape may be anything: the product is checked as it grows. */
static bool parse_shape(SafetensorsTensor *t, const json_t *entry, Error *err)
{
    const json_t *const shape = json_object_get(entry, "shape");
    if (!json_is_array(shape)) return tensor_error(err, t->name, "has no \"shape\"");
    if (json_array_size(shape) > TENSOR_MAX_RANK)
        return error_set(err, ERROR_INPUT, "tensor \"%s\" has %zu dimensions, at most %d are read",
                         label_of(t->name).text, json_array_size(shape), TENSOR_MAX_RANK);
    t->rank = (int)json_array_size(shape);
    t->n_elements = 1;
    t->n_bytes = tensor_dtype_bytes(t->dtype);
    for (int d = 0; d < t->rank; d++) {
        const json_t *const size = json_array_get(shape, (size_t)d);
        if (!json_is_integer(size)) return tensor_error(err, t->name, "has a dimension that is not a whole number");
        t->shape[d] = json_integer_value(size);
        if (t->shape[d] < 0 || __builtin_mul_overflow(t->n_elements, t->shape[d], &t->n_elements) ||
            __builtin_mul_overflow(t->n_bytes, t->shape[d], &t->n_bytes))
            return error_set(err, ERROR_INPUT, "tensor \"%s\": dimension %d is %" PRId64 ", which no file can hold",
                             label_of(t->name).text, d, t->shape[d]);
    }
    return true;
}

static bool parse_offsets(SafetensorsTensor *t, const json_t *entry, Error *err)
{
    const json_t *const offsets = json_object_get(entry, "data_offsets");
    const json_t *const begin = json_array_get(offsets, 0), *const end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return tensor_error(err, t->name, "has no \"data_offsets\" [begin, end]");
    const int64_t first = json_integer_value(begin), past = json_integer_value(end);
    if (first < 0 || past < first)
        return error_set(err, ERROR_INPUT, "tensor \"%s\": data_offsets [%" PRId64 ", %" PRId64 "] are no range",
                         label_of(t->name).text, first, past);
    if (past - first != t->n_bytes)
        return error_set(err, ERROR_INPUT,
                         "tensor \"%s\" has %" PRId64 " bytes by its data_offsets but %" PRId64
                         " by its dtype and shape",
                         label_of(t->name).text, past - first, t->n_bytes);
    t->offset = first;
    return true;
}

static bool parse_entry(SafetensorsTensor *t, const json_t *entry, Error *err)
{
    if (!json_is_object(entry)) return tensor_error(err, t->name, "must be described by an object");
    return parse_dtype(&t->dtype, t->name, entry, err) && parse_shape(t, entry, err) && parse_offsets(t, entry, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const SafetensorsTensor *)a)->name, ((const SafetensorsTensor *)b)->name);
}

/* Empty tensors share the offset of the next one, so the end decides. */
static int by_offset(const void *a, const void *b)
{
    const SafetensorsTensor *const x = a, *const y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* With the tensors sorted by offset: they tile the data, from its first byte to its last. */
static bool check_tiling(const SafetensorsFile *file, int64_t data_bytes, Error *err)
{
    int64_t at = 0;
    for (int64_t i = 0; i < file->n_tensors; i++) {
        const SafetensorsTensor *const t = &file->tensors[i];
        if (t->offset < at)
            return error_set(err, ERROR_INPUT, "tensor \"%s\" overlaps tensor \"%s\"", label_of(t->name).text,
                             label_of(file->tensors[i - 1].name).text);
        if (t->offset > at)
            return error_set(err, ERROR_INPUT, "%" PRId64 " bytes before tensor \"%s\" belong to no tensor",
                             t->offset - at, label_of(t->name).text);
        if (t->offset > data_bytes || t->n_bytes > data_bytes - t->offset)
            return error_set(err, ERROR_INPUT, "tensor \"%s\" ends %" PRId64 " bytes after the file",
                             label_of(t->name).text, t->offset + t->n_bytes - data_bytes);
        at = t->offset + t->n_bytes;
    }
    if (at < data_bytes)
        return error_set(err, ERROR_INPUT, "%" PRId64 " bytes at the end belong to no tensor", data_bytes - at);
    return true;
}

static bool parse_tensors(SafetensorsFile *file, const json_t *header, const unsigned char *data, int64_t data_bytes,
                          Error *err)
{
    if (!json_is_object(header)) return error_set(err, ERROR_INPUT, "the header is not a JSON object");
    file->tensors = base_alloc(json_object_size(header), sizeof *file->tensors);
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)header, name, entry) /* jansson's iterator has no const form; nothing is written */
    {
        if (strcmp(name, "__metadata__") == 0) continue;
        SafetensorsTensor *const t = &file->tensors[file->n_tensors++];
        *t = (SafetensorsTensor){.file = file, .name = base_strdup(name)};
        if (!parse_entry(t, entry, err)) return false;
    }
    qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, by_offset);
    if (!check_tiling(file, data_bytes, err)) return false;
    for (int64_t i = 0; i < file->n_tensors; i++) file->tensors[i].data = data ? data + file->tensors[i].offset : NULL;
    qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, by_name);
    return true;
}

/* jansson directly: base/json.h keeps the last of two equal keys, here the second would hide a tensor. */
static json_t *parse_header(const unsigned char *text, size_t length, Error *err)
{
    json_error_t mistake;
    json_t *const header = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &mistake);
    if (!header)
        error_set(err, ERROR_INPUT, "header, byte %d: %s", mistake.position + HEADER_AT, label_of(mistake.text).text);
    return header;
}

static bool open_map(SafetensorsFile *file, Error *err)
{
    const unsigned char *const bytes = file->map.bytes;
    const size_t size = file->map.size_bytes;
    if (size < HEADER_AT)
        return error_set(err, ERROR_INPUT, "ends after %zu bytes, inside the length of the header", size);
    uint64_t header_bytes;
    memcpy(&header_bytes, bytes, sizeof header_bytes);
    if (header_bytes > MAX_HEADER_BYTES)
        return error_set(err, ERROR_INPUT, "a header of %" PRIu64 " bytes: this is no safetensors file", header_bytes);
    if (header_bytes > size - HEADER_AT)
        return error_set(err, ERROR_INPUT, "the header of %" PRIu64 " bytes ends %" PRIu64 " bytes after the file",
                         header_bytes, header_bytes - (size - HEADER_AT));
    const size_t data_at = HEADER_AT + (size_t)header_bytes;
    json_t *const header = parse_header(bytes + HEADER_AT, (size_t)header_bytes, err);
    if (!header) return false;
    const bool ok = parse_tensors(file, header, bytes + data_at, (int64_t)(size - data_at), err);
    json_decref(header);
    return ok;
}

static void free_table(SafetensorsFile *file)
{
    for (int64_t i = 0; i < file->n_tensors; i++) base_free((char *)file->tensors[i].name);
    base_free(file->tensors);
    base_free(file->path);
    *file = (SafetensorsFile){0};
}

bool safetensors_open(SafetensorsFile *file, const char *path, Error *err)
{
    *file = (SafetensorsFile){0};
    if (!file_map(&file->map, path, err)) return false;
    file->path = base_strdup(path);
    if (open_map(file, err)) return true;
    safetensors_close(file);
    return error_in(err, "%s", path);
}

bool safetensors_open_bytes(SafetensorsFile *file, const void *bytes, size_t n_bytes, const char *name, Error *err)
{
    *file = (SafetensorsFile){.map = {bytes, n_bytes}, .path = base_strdup(name), .borrowed = true};
    if (open_map(file, err)) return true;
    safetensors_close(file);
    return error_in(err, "%s", name);
}

void safetensors_close(SafetensorsFile *file)
{
    if (!file->borrowed) file_unmap(&file->map);
    free_table(file);
}

const SafetensorsTensor *safetensors_find(const SafetensorsFile *file, const char *name)
{
    if (file->n_tensors == 0) return NULL;
    const SafetensorsTensor key = {.name = name};
    return bsearch(&key, file->tensors, (size_t)file->n_tensors, sizeof key, by_name);
}

/* ---- elements ---- */

static bool dtype_error(const SafetensorsTensor *t, const char *wanted, Error *err)
{
    return error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is %s, must be %s", t->file->path, label_of(t->name).text,
                     tensor_dtype_name(t->dtype), wanted);
}

bool safetensors_check_f32(const SafetensorsTensor *t, Error *err)
{
    if (t->dtype == DTYPE_F32 || t->dtype == DTYPE_F16 || t->dtype == DTYPE_BF16) return true;
    return dtype_error(t, "F32, F16 or BF16", err);
}

bool safetensors_read_f32(float *out, const SafetensorsTensor *t, Error *err)
{
    if (!safetensors_check_f32(t, err)) return false;
    if (t->n_elements == 0) return true;
    if (t->dtype == DTYPE_F32) {
        memcpy(out, t->data, (size_t)t->n_bytes);
        return true;
    }
    for (int64_t i = 0; i < t->n_elements; i++) {
        uint16_t half;
        memcpy(&half, t->data + 2 * i, sizeof half);
        out[i] = t->dtype == DTYPE_F16 ? f32_from_f16(half) : f32_from_bf16(half);
    }
    return true;
}

static int64_t integer_at(const SafetensorsTensor *t, int64_t i)
{
    int32_t word;
    int64_t wide;
    switch (t->dtype) {
    case DTYPE_I32:
        memcpy(&word, t->data + 4 * i, sizeof word);
        return word;
    case DTYPE_I64:
        memcpy(&wide, t->data + 8 * i, sizeof wide);
        return wide;
    case DTYPE_I8:
        return (int8_t)t->data[i];
    default:
        return t->data[i];
    }
}

bool safetensors_read_i32(int32_t *out, const SafetensorsTensor *t, Error *err)
{
    if (t->dtype != DTYPE_I32 && t->dtype != DTYPE_I64 && t->dtype != DTYPE_U8 && t->dtype != DTYPE_I8 &&
        t->dtype != DTYPE_BOOL)
        return dtype_error(t, "I32, I64, U8, I8 or BOOL", err);
    for (int64_t i = 0; i < t->n_elements; i++) {
        const int64_t value = integer_at(t, i);
        if (value < INT32_MIN || value > INT32_MAX)
            return error_set(err, ERROR_INPUT, "%s: tensor \"%s\": element %" PRId64 " is %" PRId64 ", too large",
                             t->file->path, label_of(t->name).text, i, value);
        out[i] = (int32_t)value;
    }
    return true;
}

static const char *shape_text(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int d = 0; d < rank && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, d ? ", " : "", shape[d]);
    if (used < size) snprintf(text + used, size - used, "]");
    return text;
}

bool safetensors_check_shape(const SafetensorsTensor *t, int rank, const int64_t *shape, Error *err)
{
    if (t->rank == rank && memcmp(t->shape, shape, (size_t)rank * sizeof *shape) == 0) return true;
    char has[192], wanted[192];
    return error_set(err, ERROR_INPUT, "%s: tensor \"%s\" has shape %s, must be %s", t->file->path,
                     label_of(t->name).text, shape_text(has, sizeof has, t->rank, t->shape),
                     shape_text(wanted, sizeof wanted, rank, shape));
}

/* ---- writing ---- */

static int64_t item_bytes(const SafetensorsItem *item)
{
    int64_t n = tensor_dtype_bytes(item->dtype);
    for (int d = 0; d < item->rank; d++) n *= item->shape[d];
    return n;
}

static int items_by_name(const void *a, const void *b)
{
    return strcmp((*(const SafetensorsItem *const *)a)->name, (*(const SafetensorsItem *const *)b)->name);
}

static int in_file_order(const void *a, const void *b)
{
    const SafetensorsItem *const x = *(const SafetensorsItem *const *)a, *const y = *(const SafetensorsItem *const *)b;
    const int64_t wide_x = tensor_dtype_bytes(x->dtype), wide_y = tensor_dtype_bytes(y->dtype);
    if (wide_x != wide_y) return wide_x > wide_y ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void header_add(JsonOut *out, const SafetensorsItem *item, int64_t offset)
{
    json_out_key(out, item->name);
    json_out_object(out);
    json_out_kv_string(out, "dtype", tensor_dtype_name(item->dtype));
    json_out_key(out, "shape");
    json_out_array(out);
    for (int d = 0; d < item->rank; d++) json_out_int(out, item->shape[d]);
    json_out_array_end(out);
    json_out_key(out, "data_offsets");
    json_out_array(out);
    json_out_int(out, offset);
    json_out_int(out, offset + item_bytes(item));
    json_out_array_end(out);
    json_out_object_end(out);
}

static void header_make(JsonOut *out, const SafetensorsItem *const *items, int64_t n_items)
{
    json_out_object(out);
    json_out_key(out, "__metadata__");
    json_out_object(out);
    json_out_kv_string(out, "format", "pt");
    json_out_object_end(out);
    int64_t offset = 0;
    for (int64_t i = 0; i < n_items; i++) {
        header_add(out, items[i], offset);
        offset += item_bytes(items[i]);
    }
    json_out_object_end(out);
}

static bool write_all(FileWriter *writer, const SafetensorsItem *const *items, int64_t n_items, Error *err)
{
    JsonOut header = {0};
    header_make(&header, items, n_items);
    static const char SPACES[8] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    const size_t pad = (8 - header.length % 8) % 8; /* the data begins at a multiple of 8 */
    const uint64_t header_bytes = header.length + pad;
    bool ok = file_writer_write(writer, &header_bytes, sizeof header_bytes, err) &&
              file_writer_write(writer, header.text, header.length, err) && file_writer_write(writer, SPACES, pad, err);
    json_out_free(&header);
    for (int64_t i = 0; ok && i < n_items; i++)
        ok = item_bytes(items[i]) == 0 || file_writer_write(writer, items[i]->data, (size_t)item_bytes(items[i]), err);
    return ok;
}

bool safetensors_write(const char *path, const SafetensorsItem *items, int64_t n_items, const char *failpoint,
                       char hex[33], Error *err)
{
    const SafetensorsItem **const order = base_alloc((size_t)n_items, sizeof *order);
    for (int64_t i = 0; i < n_items; i++) order[i] = &items[i];
    qsort(order, (size_t)n_items, sizeof *order, items_by_name);
    bool ok = true;
    for (int64_t i = 1; ok && i < n_items; i++)
        if (strcmp(order[i - 1]->name, order[i]->name) == 0)
            ok = error_set(err, ERROR_BUG, "%s: two tensors named \"%s\"", path, label_of(order[i]->name).text);
    qsort(order, (size_t)n_items, sizeof *order, in_file_order);
    FileWriter *writer = NULL;
    ok = ok && file_writer_open(&writer, path, failpoint, err);
    if (ok && !write_all(writer, order, n_items, err)) {
        file_writer_abandon(writer);
        ok = false;
    }
    if (ok && hex) file_writer_hash(writer, hex);
    ok = ok && file_writer_commit(writer, err);
    base_free(order);
    return ok;
}

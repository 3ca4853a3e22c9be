/* SPDX-License-Identifier: MIT */
/* format/gguf.c: reading the container of gguf.h.
 *
 * Order of checks when opening: (1) magic and version, (2) the two counts against the bytes that are left, each entry having
 * a least size, (3) each value and tensor as the cursor passes it, never looking past the end, (4) duplicates, (5) with the tensors by
 * offset: each begins after the one before ends, none ends after the file. Only then is a data pointer made. */
#include "format/gguf.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are read as they stand in memory");

enum {
    MIN_VALUE_BYTES = 8 + 4 + 1, /* an empty key, a type, a byte */
    MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8,
    MAX_KEY_BYTES = 65535, /* the specification's */
    MAX_ALIGNMENT = 1 << 20,
};

static const struct {
    const char *name;
    int bytes; /* of one, 0 for strings and arrays */
} TYPES[] = {
    [GGUF_U8] = {"u8", 1},   [GGUF_I8] = {"i8", 1},   [GGUF_U16] = {"u16", 2},       [GGUF_I16] = {"i16", 2},
    [GGUF_U32] = {"u32", 4}, [GGUF_I32] = {"i32", 4}, [GGUF_F32] = {"f32", 4},       [GGUF_BOOL] = {"bool", 1},
    [GGUF_U64] = {"u64", 8}, [GGUF_I64] = {"i64", 8}, [GGUF_STRING] = {"string", 0}, [GGUF_ARRAY] = {"array", 0},
    [GGUF_F64] = {"f64", 8},
};
enum { N_TYPES = sizeof TYPES / sizeof TYPES[0] };

const char *gguf_type_name(GgufType type)
{
    return TYPES[type].name;
}

/* The numbers that files use for element types; what is not here is not read. */
static const struct {
    uint32_t number;
    QuantType type;
} ELEMENTS[] = {
    {0, QUANT_F32},   {1, QUANT_F16},   {2, QUANT_Q4_0},    {3, QUANT_Q4_1},    {6, QUANT_Q5_0},
    {7, QUANT_Q5_1},  {8, QUANT_Q8_0},  {10, QUANT_Q2_K},   {11, QUANT_Q3_K},   {12, QUANT_Q4_K},
    {13, QUANT_Q5_K}, {14, QUANT_Q6_K}, {20, QUANT_IQ4_NL}, {23, QUANT_IQ4_XS}, {30, QUANT_BF16},
};
enum { N_ELEMENTS = sizeof ELEMENTS / sizeof ELEMENTS[0] };

uint32_t gguf_element_number(QuantType type)
{
    for (int i = 0; i < N_ELEMENTS; i++)
        if (ELEMENTS[i].type == type) return ELEMENTS[i].number;
    return 0;
}

GgufLabel gguf_label(GgufText text)
{
    GgufLabel label;
    size_t n = 0;
    for (; n < text.length && n < sizeof label.text - 1; n++) {
        const unsigned char c = (unsigned char)text.bytes[n];
        label.text[n] = c < 0x20 || c == 0x7F ? '?' : (char)c;
    }
    label.text[n] = 0;
    return label;
}

static GgufLabel label_of(const char *name)
{
    return gguf_label((GgufText){name, strlen(name)});
}

/* ---- a cursor that never looks past the end ---- */

typedef struct Cursor {
    const unsigned char *bytes;
    size_t at, size;
    const char *where; /* what is being read, for messages */
    Error *err;
} Cursor;

/* The next n bytes, NULL with the error set when the file has fewer. */
static const unsigned char *take(Cursor *c, size_t n)
{
    if (n > c->size - c->at) {
        error_set(c->err, ERROR_INPUT, "the file ends after %zu bytes, inside %s", c->size, c->where);
        return NULL;
    }
    const unsigned char *const from = c->bytes + c->at;
    c->at += n;
    return from;
}

static bool take_u32(Cursor *c, uint32_t *value)
{
    const unsigned char *const from = take(c, sizeof *value);
    if (from) memcpy(value, from, sizeof *value);
    return from != NULL;
}

static bool take_u64(Cursor *c, uint64_t *value)
{
    const unsigned char *const from = take(c, sizeof *value);
    if (from) memcpy(value, from, sizeof *value);
    return from != NULL;
}

static bool take_text(Cursor *c, GgufText *text)
{
    uint64_t length;
    if (!take_u64(c, &length)) return false;
    if (length > c->size - c->at)
        return error_set(c->err, ERROR_INPUT, "a string of %" PRIu64 " bytes, but the file has %zu left", length,
                         c->size - c->at);
    *text = (GgufText){(const char *)take(c, (size_t)length), (size_t)length};
    return true;
}

/* A key or a tensor's name as a string of ours. Names with a zero byte would be two names for one. */
static bool take_name(Cursor *c, const char **name)
{
    GgufText text;
    if (!take_text(c, &text)) return error_in(c->err, "%s", c->where);
    if (text.length == 0 || text.length > MAX_KEY_BYTES || memchr(text.bytes, 0, text.length))
        return error_set(c->err, ERROR_INPUT, "%s: a name of %zu bytes; 1 to %d without a zero byte are allowed",
                         c->where, text.length, MAX_KEY_BYTES);
    *name = base_strndup(text.bytes, text.length);
    return true;
}

/* ---- metadata ---- */

static bool pass_bools(Cursor *c, int64_t n)
{
    const unsigned char *const from = take(c, (size_t)n);
    for (int64_t i = 0; from && i < n; i++)
        if (from[i] > 1) return error_set(c->err, ERROR_INPUT, "a bool is %d, must be 0 or 1", from[i]);
    return from != NULL;
}

/* Moves past n items of one type. */
static bool pass_items(Cursor *c, GgufType type, int64_t n)
{
    GgufText text;
    if (type == GGUF_BOOL) return pass_bools(c, n);
    if (type != GGUF_STRING) return take(c, (size_t)n * (size_t)TYPES[type].bytes) != NULL;
    for (int64_t i = 0; i < n; i++)
        if (!take_text(c, &text)) return n > 1 && error_in(c->err, "item %" PRId64, i);
    return true;
}

static bool take_type(Cursor *c, GgufType *type)
{
    uint32_t number;
    if (!take_u32(c, &number)) return false;
    if (number >= N_TYPES) return error_set(c->err, ERROR_INPUT, "value type %" PRIu32 " is unknown", number);
    *type = (GgufType)number;
    return true;
}

static bool take_array_head(Cursor *c, GgufValue *v)
{
    uint64_t n;
    if (!take_type(c, &v->type)) return false;
    if (v->type == GGUF_ARRAY) return error_set(c->err, ERROR_INPUT, "arrays of arrays are not read");
    if (!take_u64(c, &n)) return false;
    const uint64_t least = v->type == GGUF_STRING ? 8 : (uint64_t)TYPES[v->type].bytes;
    if (n > (c->size - c->at) / least)
        return error_set(c->err, ERROR_INPUT, "%" PRIu64 " items do not fit into the %zu bytes that are left", n,
                         c->size - c->at);
    v->is_array = true;
    v->n_items = (int64_t)n;
    return true;
}

static bool take_value(Cursor *c, GgufValue *v)
{
    c->where = "the metadata";
    if (!take_name(c, &v->key)) return false;
    v->n_items = 1;
    bool ok = take_type(c, &v->type) && (v->type != GGUF_ARRAY || take_array_head(c, v));
    v->data = c->bytes + c->at;
    ok = ok && pass_items(c, v->type, v->n_items);
    return ok || error_in(c->err, "key \"%s\"", label_of(v->key).text);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const GgufValue *)a)->key, ((const GgufValue *)b)->key);
}

static bool take_values(Cursor *c, GgufFile *file, uint64_t n)
{
    if (n > (c->size - c->at) / MIN_VALUE_BYTES)
        return error_set(c->err, ERROR_INPUT, "%" PRIu64 " keys do not fit into the %zu bytes that are left", n,
                         c->size - c->at);
    file->values = base_alloc((size_t)n, sizeof *file->values);
    for (uint64_t i = 0; i < n; i++) {
        const bool ok = take_value(c, &file->values[i]);
        file->n_values += file->values[i].key != NULL;
        if (!ok) return false;
    }
    qsort(file->values, (size_t)n, sizeof *file->values, by_key);
    for (uint64_t i = 1; i < n; i++)
        if (strcmp(file->values[i - 1].key, file->values[i].key) == 0)
            return error_set(c->err, ERROR_INPUT, "key \"%s\" is there twice", label_of(file->values[i].key).text);
    return true;
}

/* ---- tensors ---- */

static bool take_element_type(Cursor *c, GgufTensor *t)
{
    uint32_t number;
    if (!take_u32(c, &number)) return false;
    for (int i = 0; i < N_ELEMENTS; i++)
        if (ELEMENTS[i].number == number) {
            t->type = ELEMENTS[i].type;
            return true;
        }
    return error_set(c->err, ERROR_INPUT,
                     "element type %" PRIu32
                     " is not read; r1 reads F32, F16, BF16, Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL "
                     "and IQ4_XS",
                     number);
}

static bool take_shape(Cursor *c, GgufTensor *t)
{
    uint32_t rank;
    if (!take_u32(c, &rank)) return false;
    if (rank < 1 || rank > GGUF_MAX_RANK)
        return error_set(c->err, ERROR_INPUT, "%" PRIu32 " dimensions, allowed are 1 to %d", rank, GGUF_MAX_RANK);
    t->rank = (int)rank;
    t->n_elements = 1;
    for (int d = t->rank - 1; d >= 0; d--) { /* the file has the fastest first */
        uint64_t size;
        if (!take_u64(c, &size)) return false;
        if (size < 1 || size > INT64_MAX || __builtin_mul_overflow(t->n_elements, (int64_t)size, &t->n_elements))
            return error_set(c->err, ERROR_INPUT, "a dimension is %" PRIu64 ", which is not possible", size);
        t->shape[d] = (int64_t)size;
    }
    return true;
}

static bool set_bytes(GgufTensor *t, Error *err)
{
    const QuantTraits *const q = quant_traits(t->type);
    if (t->shape[t->rank - 1] % q->block != 0)
        return error_set(err, ERROR_INPUT, "rows of %" PRId64 " elements cannot be cut into %s blocks of %" PRId64,
                         t->shape[t->rank - 1], q->name, q->block);
    if (__builtin_mul_overflow(t->n_elements / q->block, q->block_bytes, &t->n_bytes))
        return error_set(err, ERROR_INPUT, "%" PRId64 " elements are too many for this machine", t->n_elements);
    return true;
}

static bool take_tensor(Cursor *c, GgufTensor *t, int64_t alignment)
{
    uint64_t offset = 0;
    c->where = "the list of tensors";
    if (!take_name(c, &t->name)) return false;
    bool ok = take_shape(c, t) && take_element_type(c, t) && take_u64(c, &offset) && set_bytes(t, c->err);
    if (ok && (offset > INT64_MAX || offset % (uint64_t)alignment != 0))
        ok = error_set(c->err, ERROR_INPUT, "its offset %" PRIu64 " is not a multiple of the alignment %" PRId64,
                       offset, alignment);
    t->offset = (int64_t)offset;
    return ok || error_in(c->err, "tensor \"%s\"", label_of(t->name).text);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const GgufTensor *)a)->name, ((const GgufTensor *)b)->name);
}

static int by_offset(const void *a, const void *b)
{
    const GgufTensor *const x = a, *const y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return strcmp(x->name, y->name);
}

static bool take_tensors(Cursor *c, GgufFile *file, uint64_t n)
{
    if (n > (c->size - c->at) / MIN_TENSOR_BYTES)
        return error_set(c->err, ERROR_INPUT, "%" PRIu64 " tensors do not fit into the %zu bytes that are left", n,
                         c->size - c->at);
    file->tensors = base_alloc((size_t)n, sizeof *file->tensors);
    for (uint64_t i = 0; i < n; i++) {
        const bool ok = take_tensor(c, &file->tensors[i], file->alignment);
        file->n_tensors += file->tensors[i].name != NULL;
        if (!ok) return false;
    }
    return true;
}

/* With the tensors sorted by offset. Gaps are padding and let pass. */
static bool place_tensors(GgufFile *file, const unsigned char *data, int64_t data_bytes, Error *err)
{
    qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, by_offset);
    int64_t at = 0;
    for (int64_t i = 0; i < file->n_tensors; i++) {
        GgufTensor *const t = &file->tensors[i];
        if (t->offset < at)
            return error_set(err, ERROR_INPUT, "tensor \"%s\" overlaps tensor \"%s\"", label_of(t->name).text,
                             label_of(file->tensors[i - 1].name).text);
        if (t->offset > data_bytes || t->n_bytes > data_bytes - t->offset)
            return error_set(err, ERROR_INPUT,
                             "tensor \"%s\" of %" PRId64 " bytes at %" PRId64 " ends after the file, which has %" PRId64
                             " bytes of data",
                             label_of(t->name).text, t->n_bytes, t->offset, data_bytes);
        t->data = data + t->offset;
        at = t->offset + t->n_bytes;
    }
    qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, by_name);
    for (int64_t i = 1; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0)
            return error_set(err, ERROR_INPUT, "tensor \"%s\" is there twice", label_of(file->tensors[i].name).text);
    return true;
}

/* ---- the file ---- */

static bool take_head(Cursor *c, GgufFile *file, uint64_t *n_tensors, uint64_t *n_values)
{
    c->where = "its head";
    const unsigned char *const magic = take(c, 4);
    if (!magic) return false;
    if (memcmp(magic, "GGUF", 4) != 0) return error_set(c->err, ERROR_INPUT, "does not begin with GGUF");
    if (!take_u32(c, &file->version)) return false;
    if (file->version == 0x02000000 || file->version == 0x03000000)
        return error_set(c->err, ERROR_INPUT, "is a big-endian GGUF, which is not read");
    if (file->version != 2 && file->version != 3)
        return error_set(c->err, ERROR_INPUT, "is GGUF version %" PRIu32 "; r1 reads 2 and 3", file->version);
    return take_u64(c, n_tensors) && take_u64(c, n_values);
}

static bool open_map(GgufFile *file, Error *err)
{
    Cursor c = {.bytes = file->map.bytes, .size = file->map.size_bytes, .err = err};
    uint64_t n_tensors, n_values;
    if (!take_head(&c, file, &n_tensors, &n_values) || !take_values(&c, file, n_values)) return false;
    file->alignment = GGUF_ALIGNMENT;
    if (!gguf_get_int(file, "general.alignment", 1, MAX_ALIGNMENT, &file->alignment, err)) return false;
    if (file->alignment & (file->alignment - 1))
        return error_set(err, ERROR_INPUT, "key \"general.alignment\" is %" PRId64 ", must be a power of two",
                         file->alignment);
    if (!take_tensors(&c, file, n_tensors)) return false;
    const size_t pad = (size_t)(-c.at & (size_t)(file->alignment - 1));
    const size_t data_at = pad < c.size - c.at ? c.at + pad : c.size; /* nothing behind the list: no data */
    return place_tensors(file, c.bytes + data_at, (int64_t)(c.size - data_at), err);
}

bool gguf_open(GgufFile *file, const char *path, Error *err)
{
    *file = (GgufFile){0};
    if (!file_map(&file->map, path, err)) return false;
    file->path = base_strdup(path);
    if (open_map(file, err)) return true;
    gguf_close(file);
    return error_in(err, "%s", path);
}

bool gguf_open_bytes(GgufFile *file, const void *bytes, size_t n_bytes, const char *name, Error *err)
{
    *file = (GgufFile){.map = {bytes, n_bytes}, .path = base_strdup(name), .borrowed = true};
    if (open_map(file, err)) return true;
    gguf_close(file);
    return error_in(err, "%s", name);
}

void gguf_close(GgufFile *file)
{
    if (!file->borrowed) file_unmap(&file->map);
    for (int64_t i = 0; i < file->n_values; i++) base_free((char *)file->values[i].key);
    for (int64_t i = 0; i < file->n_tensors; i++) base_free((char *)file->tensors[i].name);
    base_free(file->values);
    base_free(file->tensors);
    base_free(file->path);
    *file = (GgufFile){0};
}

bool gguf_is(const char *path)
{
    char magic[4];
    FILE *const file = file_is_folder(path) ? NULL : fopen(path, "rb");
    if (!file) return false;
    const bool is = fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "GGUF", 4) == 0;
    fclose(file);
    return is;
}

/* ---- questions ---- */

const GgufValue *gguf_value(const GgufFile *file, const char *key)
{
    if (file->n_values == 0) return NULL;
    const GgufValue wanted = {.key = key};
    return bsearch(&wanted, file->values, (size_t)file->n_values, sizeof wanted, by_key);
}

const GgufTensor *gguf_tensor(const GgufFile *file, const char *name)
{
    if (file->n_tensors == 0) return NULL;
    const GgufTensor wanted = {.name = name};
    return bsearch(&wanted, file->tensors, (size_t)file->n_tensors, sizeof wanted, by_name);
}

static bool key_error(const GgufFile *file, const GgufValue *v, const char *wanted, Error *err)
{
    return error_set(err, ERROR_INPUT, "%s: key \"%s\" is %s%s, must be %s", file->path, label_of(v->key).text,
                     v->is_array ? "an array of " : "", TYPES[v->type].name, wanted);
}

static bool is_integer(GgufType type)
{
    return TYPES[type].bytes > 0 && type != GGUF_F32 && type != GGUF_F64 && type != GGUF_BOOL;
}

int64_t gguf_integer_at(const GgufValue *v, int64_t i)
{
    const unsigned char *const at = v->data + i * TYPES[v->type].bytes;
    uint64_t bits = 0;
    memcpy(&bits, at, (size_t)TYPES[v->type].bytes);
    switch (v->type) {
    case GGUF_I8:
        return (int8_t)bits;
    case GGUF_I16:
        return (int16_t)bits;
    case GGUF_I32:
        return (int32_t)bits;
    case GGUF_U64:
        return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
    default:
        return (int64_t)bits;
    }
}

bool gguf_get_int(const GgufFile *file, const char *key, int64_t low, int64_t high, int64_t *value, Error *err)
{
    const GgufValue *const v = gguf_value(file, key);
    if (!v) return true;
    if (v->is_array || !is_integer(v->type)) return key_error(file, v, "an integer", err);
    const int64_t n = gguf_integer_at(v, 0);
    if (n < low || n > high)
        return error_set(err, ERROR_INPUT, "%s: key \"%s\" is %" PRId64 ", must be %" PRId64 " to %" PRId64, file->path,
                         label_of(key).text, n, low, high);
    *value = n;
    return true;
}

bool gguf_get_double(const GgufFile *file, const char *key, double *value, Error *err)
{
    const GgufValue *const v = gguf_value(file, key);
    float f;
    if (!v) return true;
    if (v->is_array || v->type == GGUF_STRING || v->type == GGUF_BOOL) return key_error(file, v, "a number", err);
    if (v->type == GGUF_F64) {
        memcpy(value, v->data, sizeof *value);
    } else if (v->type == GGUF_F32) {
        memcpy(&f, v->data, sizeof f);
        *value = (double)f;
    } else {
        *value = (double)gguf_integer_at(v, 0);
    }
    return true;
}

bool gguf_get_bool(const GgufFile *file, const char *key, bool *value, Error *err)
{
    const GgufValue *const v = gguf_value(file, key);
    if (!v) return true;
    if (v->is_array || v->type != GGUF_BOOL) return key_error(file, v, "a bool", err);
    *value = v->data[0] != 0;
    return true;
}

bool gguf_get_text(const GgufFile *file, const char *key, GgufText *value, Error *err)
{
    const GgufValue *const v = gguf_value(file, key);
    if (!v) return true;
    if (v->is_array || v->type != GGUF_STRING) return key_error(file, v, "a string", err);
    const unsigned char *at = v->data;
    *value = gguf_next_text(&at);
    return true;
}

bool gguf_get_array(const GgufFile *file, const char *key, GgufType type, const GgufValue **value, Error *err)
{
    *value = NULL;
    const GgufValue *const v = gguf_value(file, key);
    if (!v) return true;
    if (!v->is_array || v->type != type) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "an array of %s", TYPES[type].name);
        return key_error(file, v, wanted, err);
    }
    *value = v;
    return true;
}

GgufText gguf_next_text(const unsigned char **at)
{
    uint64_t length;
    memcpy(&length, *at, sizeof length);
    const GgufText text = {(const char *)*at + sizeof length, (size_t)length};
    *at += sizeof length + length;
    return text;
}

static const char *shape_text(char *text, size_t size, int rank, const int64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int d = 0; d < rank && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, d ? ", " : "", shape[d]);
    if (used < size) snprintf(text + used, size - used, "]");
    return text;
}

bool gguf_check_shape(const GgufFile *file, const GgufTensor *t, int rank, const int64_t *shape, Error *err)
{
    if (t->rank == rank && memcmp(t->shape, shape, (size_t)rank * sizeof *shape) == 0) return true;
    char has[128], wanted[128];
    return error_set(err, ERROR_INPUT, "%s: tensor \"%s\" has shape %s, must be %s", file->path, label_of(t->name).text,
                     shape_text(has, sizeof has, t->rank, t->shape), shape_text(wanted, sizeof wanted, rank, shape));
}

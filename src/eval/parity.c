/* SPDX-License-Identifier: MIT */
/* eval/parity.c: opening, reading, comparing and dumping, shared by the kinds. */
#include "eval/parity_session.h"

#include "base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

const char *const *parity_kind_names(void)
{
    static const char *const names[] = {"model", "grpo", "sft", "reward-model", "dequant", NULL};
    return names;
}

/* ---- reading the golden ---- */

static const SafetensorsTensor *find(ParitySession *s, const char *name)
{
    const SafetensorsTensor *tensor = safetensors_find(&s->golden, name);
    if (tensor) s->known[tensor - s->golden.tensors] = true;
    return tensor;
}

const SafetensorsTensor *parity_find(ParitySession *s, const char *format, ...)
{
    char name[NAME_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return find(s, name);
}

static const SafetensorsTensor *find_vector(ParitySession *s, const char *format, va_list args, Error *err)
{
    char name[NAME_BYTES];
    vsnprintf(name, sizeof name, format, args);
    const SafetensorsTensor *tensor = find(s, name);
    if (!tensor) {
        error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is missing", s->request->golden, name);
        return NULL;
    }
    return safetensors_check_shape(tensor, 1, &tensor->n_elements, err) ? tensor : NULL;
}

static bool read_i32(ParitySession *s, int32_t **values, int64_t *n, Error *err, const char *format, va_list args)
{
    const SafetensorsTensor *tensor = find_vector(s, format, args, err);
    if (!tensor) return false;
    *values = base_alloc((size_t)tensor->n_elements, sizeof **values);
    *n = tensor->n_elements;
    if (safetensors_read_i32(*values, tensor, err)) return true;
    base_free(*values);
    *values = NULL;
    return false;
}

bool parity_read_i32(ParitySession *s, int32_t **values, int64_t *n, Error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const bool ok = read_i32(s, values, n, err, format, args);
    va_end(args);
    return ok;
}

bool parity_read_f32(ParitySession *s, float **values, int64_t *n, Error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const SafetensorsTensor *tensor = find_vector(s, format, args, err);
    va_end(args);
    if (!tensor) return false;
    *values = base_alloc((size_t)tensor->n_elements, sizeof **values);
    *n = tensor->n_elements;
    if (safetensors_read_f32(*values, tensor, err)) return true;
    base_free(*values);
    *values = NULL;
    return false;
}

static bool check_ids(const ParitySession *s, const int32_t *ids, int64_t n, Error *err)
{
    const int64_t V = s->model.config.vocab_size;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= V)
            return error_set(err, ERROR_INPUT,
                             "id %" PRId32 " at place %" PRId64 " is outside the vocabulary of %" PRId64, ids[i], i, V);
    return true;
}

bool parity_read_ids(ParitySession *s, int32_t **ids, int64_t *n, Error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const bool found = read_i32(s, ids, n, err, format, args);
    va_end(args);
    if (!found) return false;
    if (check_ids(s, *ids, *n, err)) return true;
    base_free(*ids);
    *ids = NULL;
    char name[NAME_BYTES];
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return error_in(err, "%s: tensor \"%s\"", s->request->golden, name);
}

bool parity_count(ParitySession *s, const char *prefix, const char *suffix, int64_t *n, Error *err)
{
    *n = 0;
    while (parity_find(s, "%s%" PRId64 ".%s", prefix, *n, suffix)) (*n)++;
    return *n > 0 ||
           error_set(err, ERROR_INPUT, "%s: tensor \"%s0.%s\" is missing", s->request->golden, prefix, suffix);
}

/* ---- comparing ---- */

static void keep(ParitySession *s, const char *name, TensorDtype dtype, int rank, const int64_t *shape,
                 const void *data)
{
    if (s->n_items == s->capacity) {
        s->capacity = 2 * s->capacity + 64;
        s->items = base_realloc(s->items, (size_t)s->capacity, sizeof *s->items);
    }
    SafetensorsItem *item = &s->items[s->n_items++];
    *item = (SafetensorsItem){.name = base_strdup(name), .dtype = dtype, .rank = rank};
    size_t bytes = (size_t)tensor_dtype_bytes(dtype);
    for (int d = 0; d < rank; d++) {
        item->shape[d] = shape[d];
        bytes *= (size_t)shape[d];
    }
    void *copy = base_alloc(bytes, 1);
    memcpy(copy, data, bytes);
    item->data = copy;
}

static void tell(ParitySession *s, const char *name, double error, double limit)
{
    const ParityLine line = {name, error, limit, error <= limit};
    s->result->n_compared++;
    s->result->n_failed += !line.ok;
    if (s->sink->line) s->sink->line(s->sink->context, &line);
}

/* The largest difference, NaN when there is one on either side. */
static double largest_difference(const float *own, const float *golden, int64_t n)
{
    double largest = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double difference = fabs((double)own[i] - (double)golden[i]);
        if (!(difference <= largest)) largest = difference;
        if (isnan(difference)) return difference;
    }
    return largest;
}

/* How many are not the same bits; a NaN is a NaN. */
static double count_different(const float *own, const float *golden, int64_t n)
{
    int64_t different = 0;
    for (int64_t i = 0; i < n; i++)
        different += memcmp(&own[i], &golden[i], sizeof *own) != 0 && !(isnan(own[i]) && isnan(golden[i]));
    return (double)different;
}

static double largest_entry(const float *x, int64_t n)
{
    double largest = PARITY_GRADIENT_FLOOR;
    for (int64_t i = 0; i < n; i++)
        if (fabs((double)x[i]) > largest) largest = fabs((double)x[i]);
    return largest;
}

bool parity_compare_f32(ParitySession *s, const char *name, const float *own, int rank, const int64_t *shape,
                        ParityMeasure measure, double limit, Error *err)
{
    keep(s, name, DTYPE_F32, rank, shape, own);
    const SafetensorsTensor *tensor = find(s, name);
    if (!tensor) return true;
    if (!safetensors_check_shape(tensor, rank, shape, err)) return false;
    float *golden = base_alloc((size_t)tensor->n_elements, sizeof *golden);
    const bool ok = safetensors_read_f32(golden, tensor, err);
    if (ok) {
        double error = measure == MEASURE_EXACT ? count_different(own, golden, tensor->n_elements)
                                                : largest_difference(own, golden, tensor->n_elements);
        if (measure == MEASURE_LARGEST) error /= largest_entry(golden, tensor->n_elements);
        if (measure == MEASURE_VALUE && golden[0] != 0.0f) error /= fabs((double)golden[0]);
        tell(s, name, error, limit);
    }
    base_free(golden);
    return ok;
}

bool parity_compare_value(ParitySession *s, const char *name, double own, ParityMeasure measure, double limit,
                          Error *err)
{
    const float value = (float)own;
    return parity_compare_f32(s, name, &value, 1, (const int64_t[]){1}, measure, limit, err);
}

bool parity_compare_ids(ParitySession *s, const char *name, const int32_t *own, int64_t n, Error *err)
{
    keep(s, name, DTYPE_I32, 1, &n, own);
    const SafetensorsTensor *tensor = find(s, name);
    if (!tensor) return true;
    if (!safetensors_check_shape(tensor, 1, &n, err)) return false;
    int32_t *golden = base_alloc((size_t)n, sizeof *golden);
    const bool ok = safetensors_read_i32(golden, tensor, err);
    if (ok) {
        int64_t n_different = 0;
        for (int64_t i = 0; i < n; i++) n_different += own[i] != golden[i];
        tell(s, name, (double)n_different, 0.0);
    }
    base_free(golden);
    return ok;
}

bool parity_compare_parameters(ParitySession *s, const char *prefix, const float *flat, ParityMeasure measure,
                               double limit, Error *err)
{
    const ParamLayout *layout = &s->model.layout;
    int64_t n_found = 0;
    const char *missing = NULL;
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *p = &layout->tensors[t];
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "%s%s", prefix, p->name);
        const bool as_vector = p->one_row && !find(s, name);
        if (as_vector) snprintf(name, sizeof name, "%shead.weight", prefix);
        if ((p->moved_by_rule || p->untrained) && !find(s, name)) continue; /* it has no gradient */
        if (find(s, name))
            n_found++;
        else if (!missing)
            missing = p->name;
        const int64_t matrix[2] = {p->rows, p->columns}, vector[1] = {p->columns};
        const int rank = as_vector ? 1 : p->rank;
        if (!parity_compare_f32(s, name, flat + p->offset, rank, rank == 2 ? matrix : vector, measure, limit, err))
            return false;
    }
    if (n_found > 0 && missing)
        return error_set(err, ERROR_INPUT, "%s: tensor \"%s%s\" is missing", s->request->golden, prefix, missing);
    return true;
}

/* ---- the whole ---- */

static bool check_unknown(const ParitySession *s, Error *err)
{
    int64_t n_unknown = 0;
    const char *first = NULL;
    for (int64_t t = 0; t < s->golden.n_tensors; t++) {
        if (s->known[t]) continue;
        if (!first) first = s->golden.tensors[t].name;
        n_unknown++;
    }
    if (n_unknown == 0) return true;
    return error_set(err, ERROR_INPUT, "%s: tensors that mean nothing to --kind %s: %" PRId64 ", first \"%.100s\"",
                     s->request->golden, parity_kind_names()[s->request->kind], n_unknown, first);
}

static bool write_dump(const ParitySession *s, Error *err)
{
    if (!s->request->dump) return true;
    return safetensors_write(s->request->dump, s->items, s->n_items, "dump", NULL, err);
}

static bool run_kind(ParitySession *s, Error *err)
{
    static bool (*const kinds[])(ParitySession *, Error *) = {[PARITY_MODEL] = parity_model,
                                                              [PARITY_GRPO] = parity_grpo,
                                                              [PARITY_SFT] = parity_sft,
                                                              [PARITY_REWARD_MODEL] = parity_reward_model,
                                                              [PARITY_DEQUANT] = parity_dequant};
    if (!kinds[s->request->kind](s, err) || !write_dump(s, err) || !check_unknown(s, err)) return false;
    return s->result->n_compared > 0 || error_set(err, ERROR_INPUT, "%s: nothing in it can be compared by --kind %s",
                                                  s->request->golden, parity_kind_names()[s->request->kind]);
}

static bool open_model(ParitySession *s, Error *err)
{
    const char *const folder = s->request->model;
    ModelConfig config;
    if (s->request->kind == PARITY_DEQUANT) return true;
    if (s->request->kind != PARITY_REWARD_MODEL) return model_open(&s->model, folder, s->compute, err);
    if (!model_config_read(&config, folder, err)) return false;
    s->has_head = config.scalar_head;
    return model_open_scalar(&s->model, folder, NULL, 0, s->compute, err);
}

bool parity_run(const ParityRequest *request, const Compute *compute, const ParitySink *sink, ParityResult *result,
                Error *err)
{
    ParitySession s = {.request = request, .compute = compute, .sink = sink, .result = result};
    *result = (ParityResult){0};
    if (!safetensors_open(&s.golden, request->golden, err)) return false;
    s.known = base_alloc((size_t)s.golden.n_tensors, sizeof *s.known);
    const bool ok = open_model(&s, err) && run_kind(&s, err);
    model_free(&s.model);
    for (int64_t i = 0; i < s.n_items; i++) {
        base_free((void *)(uintptr_t)s.items[i].name);
        base_free((void *)(uintptr_t)s.items[i].data);
    }
    base_free(s.items);
    base_free(s.known);
    safetensors_close(&s.golden);
    return ok;
}

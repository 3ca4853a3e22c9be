/* SPDX-License-Identifier: MIT */
/* recipe/dpo_reference.c: the reference's log-probabilities on the disk. They are computed once, by the model that a run starts from, which
 * may be gone when the run goes on.
 *
 *   train, validation                  F64 [pairs, 2]: chosen, rejected; summed over tokens
 *   train.tokens, validation.tokens    I32 [pairs, 2]: of how many tokens, so that a file of other data is told */
#include "recipe/dpo_data.h"

#include "base/arena.h"
#include "format/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static int32_t *token_counts(const PairSet *s)
{
    int32_t *const counts = base_alloc(2 * (size_t)s->pairs.n, sizeof *counts);
    for (int64_t i = 0; i < 2 * s->pairs.n; i++) {
        const Example *const e = &s->pairs.sides.items[i];
        counts[i] = (int32_t)(e->n_ids - e->n_prompt);
    }
    return counts;
}

static char *path_in(const char *folder)
{
    return base_printf("%s/reference-logprobs.safetensors", folder);
}

bool dpo_reference_write(const char *folder, const PairSet *train, const PairSet *validation, Error *err)
{
    static const char *const names[2][2] = {{"train", "train.tokens"}, {"validation", "validation.tokens"}};
    const PairSet *const sets[2] = {train, validation};
    SafetensorsItem items[4];
    int32_t *counts[2] = {NULL, NULL};
    int64_t n = 0;
    for (int i = 0; i < 2 && sets[i]->pairs.n > 0; i++) {
        counts[i] = token_counts(sets[i]);
        items[n++] = (SafetensorsItem){.name = names[i][0],
                                       .dtype = DTYPE_F64,
                                       .rank = 2,
                                       .shape = {sets[i]->pairs.n, 2},
                                       .data = sets[i]->reference};
        items[n++] = (SafetensorsItem){
            .name = names[i][1], .dtype = DTYPE_I32, .rank = 2, .shape = {sets[i]->pairs.n, 2}, .data = counts[i]};
    }
    char *const path = path_in(folder);
    const bool ok = safetensors_write(path, items, n, "reference-logprobs", NULL, err);
    base_free(counts[0]);
    base_free(counts[1]);
    base_free(path);
    return ok;
}

/* A tensor of the set's shape, or NULL with the error set. */
static const SafetensorsTensor *find(const SafetensorsFile *file, const PairSet *s, const char *name, TensorDtype dtype,
                                     Error *err)
{
    const SafetensorsTensor *const t = safetensors_find(file, name);
    const int64_t shape[2] = {s->pairs.n, 2};
    if (!t) {
        error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is missing", file->path, name);
        return NULL;
    }
    if (!safetensors_check_shape(t, 2, shape, err)) return NULL;
    if (t->dtype == dtype) return t;
    error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is %s, not %s", file->path, name, tensor_dtype_name(t->dtype),
              tensor_dtype_name(dtype));
    return NULL;
}

static bool check_counts(const SafetensorsFile *file, const PairSet *s, const char *name, Error *err)
{
    char *const tensor_name = base_printf("%s.tokens", name);
    const SafetensorsTensor *const t = find(file, s, tensor_name, DTYPE_I32, err);
    base_free(tensor_name);
    if (!t) return false;
    int32_t *const counts = token_counts(s);
    const bool same = memcmp(counts, t->data, 2 * (size_t)s->pairs.n * sizeof *counts) == 0;
    base_free(counts);
    return same ||
           error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is of other pairs than the data holds", file->path, name);
}

static bool read_set(const SafetensorsFile *file, PairSet *s, const char *name, Error *err)
{
    if (s->pairs.n == 0) return true;
    const SafetensorsTensor *const t = find(file, s, name, DTYPE_F64, err);
    if (!t || !check_counts(file, s, name, err)) return false;
    memcpy(s->reference, t->data, 2 * (size_t)s->pairs.n * sizeof *s->reference);
    for (int64_t i = 0; i < 2 * s->pairs.n; i++)
        if (!isfinite(s->reference[i]))
            return error_set(err, ERROR_INPUT, "%s: tensor \"%s\": element %" PRId64 " is not finite", file->path, name,
                             i);
    return true;
}

bool dpo_reference_read(const char *folder, PairSet *train, PairSet *validation, Error *err)
{
    char *const path = path_in(folder);
    SafetensorsFile file = {0};
    const bool ok = safetensors_open(&file, path, err) && read_set(&file, train, "train", err) &&
                    read_set(&file, validation, "validation", err);
    safetensors_close(&file);
    base_free(path);
    return ok || error_in(err, "the reference's log-probabilities, which the run computed when it began");
}

/* SPDX-License-Identifier: MIT */
/* reward/shape.c: see shape.h. */
#include "reward/shape.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "num/math.h"
#include "reward/scripts.h"

#include <string.h>
#include <xxhash.h>

double shape_soft_overlong(int64_t n_tokens, int64_t max_tokens, int64_t cache_tokens)
{
    const int64_t from = max_tokens - cache_tokens;
    if (n_tokens <= from) return 0;
    if (n_tokens > max_tokens) return -1;
    return (double)(from - n_tokens) / (double)cache_tokens;
}

double shape_cosine_length(int64_t n_tokens, int64_t max_tokens, bool right)
{
    static const double PI = 3.14159265358979323846;
    const double x = n_tokens < max_tokens ? (double)n_tokens / (double)max_tokens : 1.0;
    const double c = 0.5 * (1.0 + math_cos(PI * x));
    return right ? 0.5 + 0.5 * c : -0.5 - 0.5 * c;
}

/* ---- repetition ---- */

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Hashes of the words, at most one a byte. */
static size_t hash_words(const char *text, size_t length, uint64_t *hashes)
{
    char word[256];
    size_t n_words = 0, n = 0;
    for (size_t at = 0; at <= length;) {
        const int step = at < length ? utf8_sequence(text + at, length - at) : 1;
        const size_t bytes = step > 0 ? (size_t)step : (size_t)-step;
        const bool alone = at < length && step > 1 && script_is_cjk(script_code_point(text + at, step));
        if (at == length || is_space((unsigned char)text[at]) || alone) {
            if (n > 0) hashes[n_words++] = XXH3_64bits(word, n);
            n = 0;
            if (alone) hashes[n_words++] = XXH3_64bits(text + at, bytes);
        } else {
            for (size_t i = 0; i < bytes && n < sizeof word; i++) {
                const char c = text[at + i];
                word[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
            }
        }
        at += bytes;
    }
    return n_words;
}

double shape_repetition(const char *text, size_t length, int n)
{
    uint64_t *const hashes = base_alloc(length + 1, sizeof *hashes);
    const size_t n_words = hash_words(text, length, hashes);
    double penalty = 0;
    if (n_words >= (size_t)n) {
        const size_t n_grams = n_words - (size_t)n + 1;
        size_t capacity = 16, distinct = 0;
        while (capacity < 2 * n_grams) capacity *= 2;
        uint64_t *const table = base_alloc(capacity, sizeof *table); /* 0: free */
        for (size_t i = 0; i < n_grams; i++) {
            const uint64_t hash = XXH3_64bits(hashes + i, (size_t)n * sizeof *hashes) | 1;
            size_t at = hash & (capacity - 1);
            while (table[at] && table[at] != hash) at = (at + 1) & (capacity - 1);
            distinct += table[at] == 0;
            table[at] = hash;
        }
        base_free(table);
        penalty = -(1.0 - (double)distinct / (double)n_grams);
    }
    base_free(hashes);
    return penalty;
}

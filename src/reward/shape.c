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

enum {
    LONGEST_WORD = 32,
    PIECE = 8
}; /* bytes; longer runs are cut into pieces, or one word without a space would be the text */

typedef enum Reading { AS_WRITTEN, LETTERS_ALONE } Reading;

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_unicode_space(uint32_t c)
{
    return c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

/* Zero-width characters, soft hyphens, direction marks, variation selectors. */
static bool is_invisible(uint32_t c)
{
    return c == 0xad || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           c == 0xfeff || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xe0000 && c <= 0xe0fff);
}

static bool is_punctuation(unsigned char c)
{
    return c < 0x80 && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z');
}

typedef struct WordHashes {
    uint64_t *hashes;
    size_t n;
    char run[1 << 10]; /* the word in hand, in lower case; longer ones are cut */
    size_t length;
} WordHashes;

static void end_word(WordHashes *w)
{
    const size_t piece = w->length > LONGEST_WORD ? PIECE : w->length;
    for (size_t at = 0; at < w->length; at += piece)
        w->hashes[w->n++] = XXH3_64bits(w->run + at, w->length - at < piece ? w->length - at : piece);
    w->length = 0;
}

static void add_bytes(WordHashes *w, const char *text, size_t n)
{
    if (w->length + n > sizeof w->run) end_word(w);
    for (size_t i = 0; i < n; i++)
        w->run[w->length++] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
}

/* Hashes of the words, at most one a byte. */
static size_t hash_words(const char *text, size_t length, Reading reading, uint64_t *hashes)
{
    WordHashes w = {.hashes = hashes};
    for (size_t at = 0; at < length;) {
        const int step = utf8_sequence(text + at, length - at);
        const size_t bytes = step > 0 ? (size_t)step : (size_t)-step;
        const uint32_t c = step > 1 ? script_code_point(text + at, step) : (unsigned char)text[at];
        const bool apart = reading == LETTERS_ALONE && (step == 1  ? is_punctuation((unsigned char)c)
                                                        : step > 1 ? is_unicode_space(c)
                                                                   : false);
        if (apart || (step == 1 && is_space((unsigned char)c))) {
            end_word(&w);
        } else if (step > 1 && script_is_cjk(c)) {
            end_word(&w);
            add_bytes(&w, text + at, bytes);
            end_word(&w);
        } else if (reading == AS_WRITTEN || step <= 0 || !is_invisible(c)) {
            add_bytes(&w, text + at, bytes);
        }
        at += bytes;
    }
    end_word(&w);
    return w.n;
}

/* table: room for a power of two at least 2 * n_words, and 16. */
static double penalty_of(const uint64_t *hashes, size_t n_words, size_t n, uint64_t *table)
{
    if (n_words < n) return 0;
    const size_t n_grams = n_words - n + 1;
    size_t capacity = 16, distinct = 0;
    while (capacity < 2 * n_grams) capacity *= 2;
    memset(table, 0, capacity * sizeof *table); /* 0: free */
    for (size_t i = 0; i < n_grams; i++) {
        const uint64_t hash = XXH3_64bits(hashes + i, n * sizeof *hashes) | 1;
        size_t at = hash & (capacity - 1);
        while (table[at] && table[at] != hash) at = (at + 1) & (capacity - 1);
        distinct += table[at] == 0;
        table[at] = hash;
    }
    return -(1.0 - (double)distinct / (double)n_grams);
}

double shape_repetition(const char *text, size_t length, int n)
{
    size_t capacity = 16;
    while (capacity < 2 * length) capacity *= 2;
    uint64_t *const hashes = base_alloc(length + 1, sizeof *hashes), *const table = base_alloc(capacity, sizeof *table);
    size_t n_words = hash_words(text, length, AS_WRITTEN, hashes);
    const double written = penalty_of(hashes, n_words, (size_t)n, table);
    n_words = hash_words(text, length, LETTERS_ALONE, hashes);
    const double letters = penalty_of(hashes, n_words, (size_t)n, table);
    base_free(table);
    base_free(hashes);
    return letters < written ? letters : written;
}

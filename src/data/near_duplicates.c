/* SPDX-License-Identifier: MIT */
/* data/near_duplicates.c: see near_duplicates.h. A band of a signature is a key in a table with linear probing; rows of one key are
 * a chain in the order in which they came. */
#include "data/near_duplicates.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { BANDS = 32, BAND_ROWS = 2 };

typedef struct Shingles {
    uint64_t *hashes; /* ascending, each once; owned */
    int64_t n;
} Shingles;

typedef struct Row {
    Shingles prompt, completion;
    int64_t compared_with; /* the last text that was: NearDuplicates.n_added */
} Row;

typedef struct Link {
    uint64_t key;
    int64_t row, next; /* next link of this key, -1: none */
} Link;

struct NearDuplicates {
    double threshold;
    Row *rows; /* owned */
    int64_t n, capacity, n_added;
    Link *links; /* owned */
    int64_t n_links, link_capacity;
    int64_t *table; /* [places] first link of a key + 1; 0: free. Owned */
    int64_t *tails; /* [places] its last link */
    int64_t places, n_keys;
};

NearDuplicates *near_duplicates_create(double threshold)
{
    NearDuplicates *const n = base_alloc(1, sizeof *n);
    n->threshold = threshold;
    n->places = 1024;
    n->table = base_alloc((size_t)n->places, sizeof *n->table);
    n->tails = base_alloc((size_t)n->places, sizeof *n->tails);
    return n;
}

void near_duplicates_free(NearDuplicates *n)
{
    if (!n) return;
    for (int64_t i = 0; i < n->n; i++) {
        base_free(n->rows[i].prompt.hashes);
        base_free(n->rows[i].completion.hashes);
    }
    base_free(n->rows);
    base_free(n->links);
    base_free(n->table);
    base_free(n->tails);
    base_free(n);
}

/* ---- shingles ---- */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bytes of the character at `at` that go on a word: ASCII's letters and digits, and letters of two bytes. */
static size_t word_part(const char *text, size_t length, size_t at)
{
    const char c = text[at];
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) return 1;
    return utf8_sequence(text + at, length - at) == 2 ? 2 : 0;
}

static uint64_t hash_word(const char *text, size_t length)
{
    char lower[128];
    const size_t n = length < sizeof lower ? length : sizeof lower;
    for (size_t i = 0; i < n; i++) lower[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] - 'A' + 'a') : text[i];
    return XXH3_64bits_withSeed(lower, n, length);
}

/* Hashes of the words, at most one a byte. */
static int64_t hash_words(uint64_t *words, const char *text, size_t length)
{
    int64_t n = 0;
    for (size_t at = 0; at < length;) {
        size_t end = at;
        if (is_space(text[at])) {
            at++;
            continue;
        }
        for (size_t part; end < length && (part = word_part(text, length, end)) > 0;) end += part;
        if (end == at) {
            const int step = utf8_sequence(text + at, length - at);
            end += (size_t)(step > 0 ? step : -step);
        }
        words[n++] = hash_word(text + at, end - at);
        at = end;
    }
    return n;
}

static int ascending(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static Shingles shingles_of(const char *text, size_t length)
{
    uint64_t *const words = base_alloc(length, sizeof *words);
    const int64_t n_words = hash_words(words, text, length);
    const int64_t width = n_words < NEAR_DUPLICATE_WORDS ? n_words : NEAR_DUPLICATE_WORDS;
    Shingles s = {.n = n_words - width + 1};
    s.hashes = base_alloc((size_t)s.n, sizeof *s.hashes);
    for (int64_t i = 0; i < s.n; i++) s.hashes[i] = XXH3_64bits(words + i, (size_t)width * sizeof *words);
    qsort(s.hashes, (size_t)s.n, sizeof *s.hashes, ascending);
    int64_t n = 0;
    for (int64_t i = 0; i < s.n; i++)
        if (i == 0 || s.hashes[i] != s.hashes[i - 1]) s.hashes[n++] = s.hashes[i];
    s.n = n;
    base_free(words);
    return s;
}

static double alike(const Shingles *a, const Shingles *b)
{
    int64_t both = 0;
    for (int64_t i = 0, j = 0; i < a->n && j < b->n;) {
        both += a->hashes[i] == b->hashes[j];
        const bool step_i = a->hashes[i] <= b->hashes[j], step_j = b->hashes[j] <= a->hashes[i];
        i += step_i;
        j += step_j;
    }
    return (double)both / (double)(a->n + b->n - both);
}

/* ---- signatures ---- */

/* A bijection of 64 bits a function, by an odd factor and an added constant: minima of independent enough orders. */
static uint64_t minimum(const Shingles *s, uint64_t function)
{
    const uint64_t factor = XXH3_64bits(&function, sizeof function) | 1, shift = XXH3_64bits_withSeed(&function, 8, 1);
    uint64_t least = UINT64_MAX;
    for (int64_t i = 0; i < s->n; i++) {
        uint64_t x = s->hashes[i] * factor + shift;
        x ^= x >> 32;
        x *= factor;
        if (x < least) least = x;
    }
    return least;
}

static void keys_of(uint64_t keys[BANDS], const Shingles *s)
{
    for (int b = 0; b < BANDS; b++) {
        uint64_t band[BAND_ROWS + 1] = {(uint64_t)b};
        for (int r = 0; r < BAND_ROWS; r++) band[r + 1] = minimum(s, (uint64_t)(b * BAND_ROWS + r));
        keys[b] = XXH3_64bits(band, sizeof band);
    }
}

/* Where the key stands, or the free place where it belongs. */
static int64_t place_of(const NearDuplicates *n, uint64_t key)
{
    int64_t at = (int64_t)(key & (uint64_t)(n->places - 1));
    while (n->table[at] && n->links[n->table[at] - 1].key != key) at = (at + 1) & (n->places - 1);
    return at;
}

static void grow_table(NearDuplicates *n)
{
    int64_t *const table = n->table, *const tails = n->tails;
    const int64_t places = n->places;
    n->places *= 2;
    n->table = base_alloc((size_t)n->places, sizeof *n->table);
    n->tails = base_alloc((size_t)n->places, sizeof *n->tails);
    for (int64_t i = 0; i < places; i++) {
        if (!table[i]) continue;
        const int64_t at = place_of(n, n->links[table[i] - 1].key);
        n->table[at] = table[i];
        n->tails[at] = tails[i];
    }
    base_free(table);
    base_free(tails);
}

static void add_key(NearDuplicates *n, uint64_t key, int64_t row)
{
    if (2 * n->n_keys >= n->places) grow_table(n);
    if (n->n_links == n->link_capacity) {
        n->link_capacity = 2 * n->link_capacity + 1024;
        n->links = base_realloc(n->links, (size_t)n->link_capacity, sizeof *n->links);
    }
    const int64_t at = place_of(n, key), link = n->n_links++;
    n->links[link] = (Link){key, row, -1};
    if (n->table[at])
        n->links[n->tails[at]].next = link;
    else
        n->table[at] = link + 1, n->n_keys++;
    n->tails[at] = link;
}

static bool are_twins(const NearDuplicates *n, const Row *a, const Row *b)
{
    return alike(&a->completion, &b->completion) >= n->threshold && alike(&a->prompt, &b->prompt) >= n->threshold;
}

int64_t near_duplicates_add(NearDuplicates *n, const char *prompt, size_t prompt_length, const char *completion,
                            size_t length)
{
    const Row row = {.prompt = shingles_of(prompt, prompt_length), .completion = shingles_of(completion, length)};
    uint64_t keys[BANDS];
    int64_t twin = -1;
    keys_of(keys, &row.completion);
    n->n_added++;
    for (int b = 0; b < BANDS; b++) {
        const int64_t first = n->table[place_of(n, keys[b])] - 1;
        for (int64_t link = first; link >= 0; link = n->links[link].next) {
            const int64_t other = n->links[link].row;
            if (twin >= 0 && other >= twin) break;                    /* rows of a chain ascend */
            if (n->rows[other].compared_with == n->n_added) continue; /* it shares another band too */
            n->rows[other].compared_with = n->n_added;
            if (are_twins(n, &row, &n->rows[other])) twin = other;
        }
    }
    if (twin >= 0) {
        base_free(row.prompt.hashes);
        base_free(row.completion.hashes);
        return twin;
    }
    if (n->n == n->capacity) {
        n->capacity = 2 * n->capacity + 256;
        n->rows = base_realloc(n->rows, (size_t)n->capacity, sizeof *n->rows);
    }
    for (int b = 0; b < BANDS; b++) add_key(n, keys[b], n->n);
    n->rows[n->n++] = row;
    return -1;
}

/* SPDX-License-Identifier: MIT */
/* text/train_learn.c: the merges of a counted set of words.
 *
 * Each pair knows its count and the words it was seen in. A heap holds pairs by (count, then the bytes of left, then of
 * right). Counts of old pairs only fall, so an entry of the heap may promise too much, never too little: it is put right
 * when it comes to the top. */
#include "text/train.h"

#include "base/arena.h"
#include "base/signals.h"

#include <stdbool.h>
#include <string.h>

/* ---- words ---- */

void train_words_add(TrainWords *words, const char *bytes, size_t length)
{
    const int32_t number = string_table_add(&words->table, bytes, length, (int32_t)words->n);
    if (number == words->n) {
        if (words->n == words->capacity) {
            words->capacity = words->capacity ? 2 * words->capacity : 1024;
            words->words = base_realloc(words->words, (size_t)words->capacity, sizeof *words->words);
        }
        words->words[words->n++] = (struct TrainWord){.bytes = bytes, .length = (int32_t)length};
    }
    words->words[number].count++;
}

void train_words_free(TrainWords *words)
{
    string_table_free(&words->table);
    base_free(words->words);
    *words = (TrainWords){0};
}

void train_tokens_free(TrainTokens *tokens)
{
    for (int64_t i = 0; i < tokens->n; i++) base_free(tokens->tokens[i].bytes);
    base_free(tokens->tokens);
    base_free(tokens->merges);
    *tokens = (TrainTokens){0};
}

/* ---- pairs ---- */

typedef struct Pair {
    int32_t left, right;
    int64_t count;
    int32_t *words; /* owned: where it was seen; some may have lost it since */
    int32_t n_words, words_capacity;
    bool fresh; /* counted up since it was last put on the heap */
} Pair;

typedef struct HeapEntry {
    int64_t count; /* the pair's when it was pushed */
    int32_t pair;
} HeapEntry;

typedef struct Learner {
    TrainTokens *out;
    StringTable by_bytes; /* tokens */
    int32_t *symbols;     /* all words one after the other, owned */
    int64_t *begins;      /* [n_words] where each word begins in symbols, owned */
    int32_t *lengths;     /* [n_words] in symbols, owned */
    const TrainWords *words;

    Pair *pairs; /* owned */
    int32_t n_pairs, pairs_capacity;
    int32_t *slots; /* hash table of pair numbers, -1: empty; owned */
    int64_t slots_capacity;
    int32_t *fresh; /* pairs to put on the heap, owned */
    int64_t n_fresh, fresh_capacity;
    HeapEntry *heap; /* owned */
    int64_t n_heap, heap_capacity;
} Learner;

static int64_t slot_of(const Learner *l, int32_t left, int32_t right)
{
    const uint64_t mask = (uint64_t)l->slots_capacity - 1;
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15ULL;
    for (uint64_t i = (h ^ h >> 29) & mask;; i = (i + 1) & mask) {
        const int32_t number = l->slots[i];
        if (number < 0 || (l->pairs[number].left == left && l->pairs[number].right == right)) return (int64_t)i;
    }
}

static void grow_slots(Learner *l)
{
    base_free(l->slots);
    l->slots_capacity = l->slots_capacity ? 2 * l->slots_capacity : 4096;
    l->slots = base_alloc((size_t)l->slots_capacity, sizeof *l->slots);
    memset(l->slots, 0xFF, (size_t)l->slots_capacity * sizeof *l->slots);
    for (int32_t i = 0; i < l->n_pairs; i++) l->slots[slot_of(l, l->pairs[i].left, l->pairs[i].right)] = i;
}

static Pair *find_pair(Learner *l, int32_t left, int32_t right)
{
    if (2 * (int64_t)l->n_pairs >= l->slots_capacity) grow_slots(l);
    const int64_t slot = slot_of(l, left, right);
    if (l->slots[slot] >= 0) return &l->pairs[l->slots[slot]];
    if (l->n_pairs == l->pairs_capacity) {
        l->pairs_capacity = l->pairs_capacity ? 2 * l->pairs_capacity : 1024;
        l->pairs = base_realloc(l->pairs, (size_t)l->pairs_capacity, sizeof *l->pairs);
    }
    l->slots[slot] = l->n_pairs;
    Pair *const pair = &l->pairs[l->n_pairs++];
    *pair = (Pair){.left = left, .right = right};
    return pair;
}

static void count_up(Learner *l, int32_t left, int32_t right, int32_t word)
{
    Pair *const pair = find_pair(l, left, right);
    pair->count += l->words->words[word].count;
    if (pair->n_words == 0 || pair->words[pair->n_words - 1] != word) {
        if (pair->n_words == pair->words_capacity) {
            pair->words_capacity = pair->words_capacity ? 2 * pair->words_capacity : 4;
            pair->words = base_realloc(pair->words, (size_t)pair->words_capacity, sizeof *pair->words);
        }
        pair->words[pair->n_words++] = word;
    }
    if (pair->fresh) return;
    pair->fresh = true;
    if (l->n_fresh == l->fresh_capacity) {
        l->fresh_capacity = l->fresh_capacity ? 2 * l->fresh_capacity : 1024;
        l->fresh = base_realloc(l->fresh, (size_t)l->fresh_capacity, sizeof *l->fresh);
    }
    l->fresh[l->n_fresh++] = (int32_t)(pair - l->pairs);
}

static void count_down(Learner *l, int32_t left, int32_t right, int32_t word)
{
    find_pair(l, left, right)->count -= l->words->words[word].count;
}

/* ---- the heap ---- */

static int compare_tokens(const Learner *l, int32_t a, int32_t b)
{
    const struct TrainToken *const x = &l->out->tokens[a], *const y = &l->out->tokens[b];
    const int order = memcmp(x->bytes, y->bytes, (size_t)(x->length < y->length ? x->length : y->length));
    return order != 0 ? order : x->length - y->length;
}

/* Whether a is to be merged before b. */
static bool goes_first(const Learner *l, HeapEntry a, HeapEntry b)
{
    if (a.count != b.count) return a.count > b.count;
    const Pair *const x = &l->pairs[a.pair], *const y = &l->pairs[b.pair];
    const int left = compare_tokens(l, x->left, y->left);
    return left != 0 ? left < 0 : compare_tokens(l, x->right, y->right) < 0;
}

static void heap_push(Learner *l, HeapEntry entry)
{
    if (l->n_heap == l->heap_capacity) {
        l->heap_capacity = l->heap_capacity ? 2 * l->heap_capacity : 1024;
        l->heap = base_realloc(l->heap, (size_t)l->heap_capacity, sizeof *l->heap);
    }
    int64_t i = l->n_heap++;
    for (; i > 0 && goes_first(l, entry, l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = entry;
}

static HeapEntry heap_pop(Learner *l)
{
    const HeapEntry top = l->heap[0], last = l->heap[--l->n_heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < l->n_heap; i = child) {
        if (child + 1 < l->n_heap && goes_first(l, l->heap[child + 1], l->heap[child])) child++;
        if (!goes_first(l, l->heap[child], last)) break;
        l->heap[i] = l->heap[child];
    }
    l->heap[i] = last;
    return top;
}

static void push_fresh(Learner *l)
{
    for (int64_t i = 0; i < l->n_fresh; i++) {
        Pair *const pair = &l->pairs[l->fresh[i]];
        pair->fresh = false;
        if (pair->count > 0) heap_push(l, (HeapEntry){pair->count, l->fresh[i]});
    }
    l->n_fresh = 0;
}

/* The pair to merge next, or -1. An entry that promised too much goes back with what is left; one that promises too little
 * has a younger one of the same pair above it. */
static int32_t next_pair(Learner *l)
{
    while (l->n_heap > 0) {
        const HeapEntry top = heap_pop(l);
        const int64_t count = l->pairs[top.pair].count;
        if (count == top.count) return top.pair;
        if (count > 0 && count < top.count) heap_push(l, (HeapEntry){count, top.pair});
    }
    return -1;
}

/* ---- merging ---- */

static int32_t joined_token(Learner *l, int32_t left, int32_t right)
{
    TrainTokens *const out = l->out;
    const int32_t length = out->tokens[left].length + out->tokens[right].length;
    char *const bytes = base_alloc((size_t)length + 1, 1);
    memcpy(bytes, out->tokens[left].bytes, (size_t)out->tokens[left].length);
    memcpy(bytes + out->tokens[left].length, out->tokens[right].bytes, (size_t)out->tokens[right].length);
    const int32_t id = string_table_add(&l->by_bytes, bytes, (size_t)length, (int32_t)out->n);
    if (id == out->n)
        out->tokens[out->n++] = (struct TrainToken){bytes, length};
    else
        base_free(bytes); /* "a" + "bc" and "ab" + "c" are one token made by two merges */
    return id;
}

/* Rewrites one word; the counts follow neighbour by neighbour, against what the word looks like at that moment. */
static void merge_in_word(Learner *l, int32_t word, int32_t left, int32_t right, int32_t result)
{
    int32_t *const s = l->symbols + l->begins[word];
    const int32_t n = l->lengths[word];
    int32_t m = 0;
    for (int32_t i = 0; i < n; i++) {
        if (i + 1 >= n || s[i] != left || s[i + 1] != right) {
            s[m++] = s[i];
            continue;
        }
        count_down(l, left, right, word);
        if (m > 0) {
            count_down(l, s[m - 1], left, word);
            count_up(l, s[m - 1], result, word);
        }
        if (i + 2 < n) {
            count_down(l, right, s[i + 2], word);
            count_up(l, result, s[i + 2], word);
        }
        s[m++] = result;
        i++;
    }
    l->lengths[word] = m;
}

static void merge_pair(Learner *l, int32_t number)
{
    const Pair pair = l->pairs[number];
    l->pairs[number].words = NULL; /* the array of pairs may move while words are rewritten */
    l->pairs[number].n_words = l->pairs[number].words_capacity = 0;
    const int32_t result = joined_token(l, pair.left, pair.right);
    TrainTokens *const out = l->out;
    out->merges = base_realloc(out->merges, (size_t)out->n_merges + 1, sizeof *out->merges);
    out->merges[out->n_merges++] = (TrainMerge){pair.left, pair.right, result};
    for (int32_t i = 0; i < pair.n_words; i++) merge_in_word(l, pair.words[i], pair.left, pair.right, result);
    base_free(pair.words);
    push_fresh(l);
}

/* ---- the whole ---- */

static void begin_words(Learner *l)
{
    const int64_t n = l->words->n;
    int64_t total = 0;
    l->begins = base_alloc((size_t)n, sizeof *l->begins);
    l->lengths = base_alloc((size_t)n, sizeof *l->lengths);
    for (int64_t w = 0; w < n; w++) total += l->words->words[w].length;
    l->symbols = base_alloc((size_t)total, sizeof *l->symbols);
    int64_t at = 0;
    for (int64_t w = 0; w < n; w++) {
        const struct TrainWord *const word = &l->words->words[w];
        l->begins[w] = at;
        l->lengths[w] = word->length;
        for (int32_t i = 0; i < word->length; i++) l->symbols[at++] = (unsigned char)word->bytes[i];
        for (int32_t i = 0; i + 1 < word->length; i++)
            count_up(l, l->symbols[l->begins[w] + i], l->symbols[l->begins[w] + i + 1], (int32_t)w);
    }
    push_fresh(l);
}

static void begin_tokens(Learner *l, int64_t n_tokens)
{
    l->out->tokens = base_alloc((size_t)n_tokens, sizeof *l->out->tokens);
    for (int byte = 0; byte < 256; byte++) {
        char *const bytes = base_alloc(2, 1);
        bytes[0] = (char)byte;
        l->out->tokens[l->out->n++] = (struct TrainToken){bytes, 1};
        string_table_add(&l->by_bytes, bytes, 1, byte);
    }
}

bool train_learn(TrainTokens *tokens, const TrainWords *words, int64_t n_tokens, Error *err)
{
    *tokens = (TrainTokens){0};
    Learner l = {.out = tokens, .words = words};
    begin_tokens(&l, n_tokens);
    begin_words(&l);
    for (int32_t pair; tokens->n < n_tokens && (pair = next_pair(&l)) >= 0 && !signals_pending();) merge_pair(&l, pair);

    for (int32_t i = 0; i < l.n_pairs; i++) base_free(l.pairs[i].words);
    base_free(l.pairs);
    base_free(l.slots);
    base_free(l.fresh);
    base_free(l.heap);
    base_free(l.symbols);
    base_free(l.begins);
    base_free(l.lengths);
    string_table_free(&l.by_bytes);
    return signals_check(err);
}

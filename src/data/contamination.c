/* SPDX-License-Identifier: MIT */
/* data/contamination.c: see contamination.h. All evaluation texts stand normalised (words, a space between two) one behind the
 * other; a gram is a stretch of that text, found through a table of hashes with linear probing. */
#include "data/contamination.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "data/jsonl.h"
#include "text/unicode.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>
#include <xxhash.h>

/* ---- words ---- */

typedef struct Word {
    size_t begin, end;               /* in Words.text */
    size_t source_begin, source_end; /* in what was read */
} Word;

typedef struct Words {
    char *text; /* normalised; owned */
    size_t length, capacity;
    Word *items; /* owned */
    int64_t n, n_capacity;
} Words;

static void words_free(Words *w)
{
    base_free(w->text);
    base_free(w->items);
}

static void put_bytes(Words *w, const char *bytes, size_t n)
{
    if (w->length + n > w->capacity) {
        w->capacity = 2 * w->capacity + n + 64;
        w->text = base_realloc(w->text, w->capacity, 1);
    }
    memcpy(w->text + w->length, bytes, n);
    w->length += n;
}

static void begin_word(Words *w, size_t source)
{
    if (w->n == w->n_capacity) {
        w->n_capacity = 2 * w->n_capacity + 64;
        w->items = base_realloc(w->items, (size_t)w->n_capacity, sizeof *w->items);
    }
    if (w->n > 0) put_bytes(w, " ", 1);
    w->items[w->n++] = (Word){.begin = w->length, .source_begin = source};
}

static void put_character(Words *w, uint32_t c, size_t source_end)
{
    char utf8[4];
    put_bytes(w, utf8, (size_t)unicode_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)c), utf8));
    w->items[w->n - 1].end = w->length;
    w->items[w->n - 1].source_end = source_end;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Scripts that are written without spaces: a character is a word. */
static bool is_ideograph(uint32_t c)
{
    return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* An operator at text[i] with a digit before or behind it, spaces aside. */
static bool is_operator(const char *text, size_t length, size_t i)
{
    if (!memchr("+-*/=<>^", text[i], 8)) return false;
    size_t before = i, behind = i + 1;
    while (before > 0 && text[before - 1] == ' ') before--;
    while (behind < length && text[behind] == ' ') behind++;
    return (before > 0 && is_digit(text[before - 1])) || (behind < length && is_digit(text[behind]));
}

static void words_read(Words *w, const char *text, size_t length)
{
    bool inside = false; /* a run of letters and digits */
    w->length = 0;
    w->n = 0;
    for (size_t i = 0; i < length;) {
        int n = utf8_sequence(text + i, length - i);
        const uint32_t c = n > 0 ? unicode_decode(text + i, &n) : ' ';
        const size_t next = i + (size_t)(n > 0 ? n : -n);
        const bool alone = is_ideograph(c) || (c < 0x80 && n > 0 && is_operator(text, length, i)),
                   letter = !alone && c != '_' && unicode_is_word(c);
        if (alone || (letter && !inside)) begin_word(w, i);
        if (alone || letter) put_character(w, c, next);
        inside = letter;
        i = next;
    }
}

/* ---- the table ---- */

typedef struct Gram {
    uint64_t hash;
    size_t begin, length; /* in Contamination.text; length 0: a free place */
    int64_t item, last_item, n_items;
    bool whole; /* only where it is a whole text */
} Gram;

struct Contamination {
    ContaminationConfig config;
    Words words; /* of the text being added */
    char *text;  /* of all grams */
    size_t length, capacity;
    char **names;
    int64_t n_items, items_capacity;
    Gram *grams; /* [n_places], a power of two */
    int64_t n_grams, n_places;
    bool has_length[CONTAMINATION_MAX_WORDS + 1]; /* grams of so many words exist, whole texts aside */
};

Contamination *contamination_create(const ContaminationConfig *config)
{
    Contamination *const c = base_alloc(1, sizeof *c);
    c->config = *config;
    if (c->config.n_words == 0) c->config.n_words = CONTAMINATION_WORDS;
    if (c->config.n_words < CONTAMINATION_SHORT) c->config.n_words = CONTAMINATION_SHORT;
    if (c->config.n_words > CONTAMINATION_MAX_WORDS) c->config.n_words = CONTAMINATION_MAX_WORDS;
    c->n_places = 1024;
    c->grams = base_alloc((size_t)c->n_places, sizeof *c->grams);
    return c;
}

void contamination_free(Contamination *c)
{
    if (!c) return;
    for (int64_t i = 0; i < c->n_items; i++) base_free(c->names[i]);
    base_free(c->names);
    base_free(c->text);
    base_free(c->grams);
    words_free(&c->words);
    base_free(c);
}

static uint64_t hash_of(const char *bytes, size_t length, bool whole)
{
    return XXH3_64bits_withSeed(bytes, length, whole);
}

/* The gram of these bytes, or the free place where it belongs. */
static Gram *look_up(const Contamination *c, const char *bytes, size_t length, bool whole)
{
    const uint64_t hash = hash_of(bytes, length, whole), mask = (uint64_t)c->n_places - 1;
    for (uint64_t place = hash & mask;; place = (place + 1) & mask) {
        Gram *const g = &c->grams[place];
        if (g->length == 0) return g;
        if (g->hash == hash && g->length == length && g->whole == whole &&
            memcmp(c->text + g->begin, bytes, length) == 0)
            return g;
    }
}

static void grow_table(Contamination *c)
{
    Gram *const old = c->grams;
    const int64_t n_old = c->n_places;
    c->n_places *= 2;
    c->grams = base_alloc((size_t)c->n_places, sizeof *c->grams);
    const uint64_t mask = (uint64_t)c->n_places - 1;
    for (int64_t i = 0; i < n_old; i++) {
        if (old[i].length == 0) continue;
        uint64_t place = old[i].hash & mask;
        while (c->grams[place].length > 0) place = (place + 1) & mask;
        c->grams[place] = old[i];
    }
    base_free(old);
}

/* text_at: where the text of c->words stands in c->text. */
static void add_gram(Contamination *c, size_t text_at, const Word *first, const Word *last, bool whole)
{
    if (2 * c->n_grams >= c->n_places) grow_table(c);
    const size_t length = last->end - first->begin;
    const char *const bytes = c->words.text + first->begin;
    Gram *const g = look_up(c, bytes, length, whole);
    const int64_t item = c->n_items - 1;
    if (g->length == 0) {
        *g = (Gram){.hash = hash_of(bytes, length, whole),
                    .begin = text_at + first->begin,
                    .length = length,
                    .item = item,
                    .last_item = item,
                    .n_items = 1,
                    .whole = whole};
        c->n_grams++;
    } else if (g->last_item != item) {
        g->last_item = item;
        g->n_items++;
    }
}

/* ---- building ---- */

void contamination_add_item(Contamination *c, const char *name)
{
    if (c->n_items == c->items_capacity) {
        c->items_capacity = 2 * c->items_capacity + 16;
        c->names = base_realloc(c->names, (size_t)c->items_capacity, sizeof *c->names);
    }
    c->names[c->n_items++] = base_strdup(name);
}

void contamination_add_text(Contamination *c, const char *text, size_t length)
{
    Words *const w = &c->words;
    words_read(w, text, length);
    if (w->n == 0 || c->n_items == 0) return;
    const size_t at = c->length;
    if (c->length + w->length > c->capacity) {
        c->capacity = 2 * c->capacity + w->length;
        c->text = base_realloc(c->text, c->capacity, 1);
    }
    memcpy(c->text + at, w->text, w->length);
    c->length += w->length;
    const int64_t n = w->n < c->config.n_words ? w->n : c->config.n_words;
    const bool whole = n < CONTAMINATION_SHORT;
    if (!whole) c->has_length[n] = true;
    for (int64_t i = 0; i + n <= w->n; i++) add_gram(c, at, &w->items[i], &w->items[i + n - 1], whole);
}

static bool is_key(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcasecmp(key, *keys) == 0) return true;
    return false;
}

typedef struct ItemFile {
    Contamination *c;
    const char *path;
} ItemFile;

static bool add_row(void *context, const json_t *row, int64_t line, Error *err)
{
    static const char *const questions[] = {"question", "problem", "prompt", "question_content", "text", NULL};
    static const char *const solutions[] = {"solution", "explanation", NULL};
    const ItemFile *const file = context;
    char *const name = base_printf("%s:%" PRId64, file->path, line);
    contamination_add_item(file->c, name);
    base_free(name);
    const char *key;
    const json_t *value;
    bool asked = false;
    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        const bool question = is_key(key, questions);
        if (!json_is_string(value) || (!question && !is_key(key, solutions))) continue;
        contamination_add_text(file->c, json_string_value(value), json_string_length(value));
        asked = asked || question;
    }
    return asked ||
           error_set(err, ERROR_INPUT,
                     "no question in it: one of \"question\", \"problem\", \"prompt\", \"question_content\" and "
                     "\"text\" must be a string");
}

bool contamination_add_file(Contamination *c, const char *path, Error *err)
{
    return jsonl_read(path, INT64_MAX, "evaluation item", add_row, &(ItemFile){c, path}, err);
}

int64_t contamination_items(const Contamination *c)
{
    return c->n_items;
}

/* ---- finding ---- */

static const Gram *find_gram(const Contamination *c, const Words *w, int64_t first, int64_t n, bool whole)
{
    const char *const bytes = w->text + w->items[first].begin;
    const Gram *const g = look_up(c, bytes, w->items[first + n - 1].end - w->items[first].begin, whole);
    const bool common = c->config.max_items > 0 && g->n_items > c->config.max_items;
    return g->length > 0 && !common ? g : NULL;
}

/* The longest gram that begins at word `first`. */
static const Gram *find_at(const Contamination *c, const Words *w, int64_t first, int64_t *n)
{
    for (*n = c->config.n_words; *n >= CONTAMINATION_SHORT; --*n) {
        if (!c->has_length[*n] || first + *n > w->n) continue;
        const Gram *const g = find_gram(c, w, first, *n, false);
        if (g) return g;
    }
    *n = w->n;
    return first == 0 && w->n < CONTAMINATION_SHORT ? find_gram(c, w, 0, w->n, true) : NULL;
}

bool contamination_find(const Contamination *c, const char *text, size_t length, ContaminationHit *hit)
{
    Words w = {.text = NULL};
    const Gram *found = NULL;
    words_read(&w, text, length);
    for (int64_t i = 0, n; i < w.n && !found; i++) {
        found = find_at(c, &w, i, &n);
        if (found && hit)
            *hit = (ContaminationHit){
                .item = c->names[found->item], .begin = w.items[i].source_begin, .end = w.items[i + n - 1].source_end};
    }
    words_free(&w);
    return found != NULL;
}

bool contamination_find_json(const Contamination *c, const json_t *value, const char **text, ContaminationHit *hit)
{
    if (json_is_string(value)) {
        *text = json_string_value(value);
        return contamination_find(c, *text, json_string_length(value), hit);
    }
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++)
        if (contamination_find_json(c, json_array_get(value, i), text, hit)) return true;
    const char *key;
    const json_t *field;
    json_object_foreach((json_t *)(uintptr_t)value, key, field)
    {
        if (contamination_find_json(c, field, text, hit)) return true;
    }
    return false;
}

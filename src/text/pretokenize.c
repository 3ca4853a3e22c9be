/* SPDX-License-Identifier: MIT */
#include "text/pretokenize.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <string.h>

void pretokenizer_add(Pretokenizer *pretokenizer, PretokenizeStep step)
{
    pretokenizer->steps = base_realloc(pretokenizer->steps, (size_t)pretokenizer->n + 1, sizeof *pretokenizer->steps);
    pretokenizer->steps[pretokenizer->n++] = step;
}

void pretokenizer_free(Pretokenizer *pretokenizer)
{
    for (int64_t i = 0; i < pretokenizer->n; i++) regex_free(pretokenizer->steps[i].regex);
    base_free(pretokenizer->steps);
    *pretokenizer = (Pretokenizer){0};
}

void pieces_free(Pieces *pieces)
{
    base_free(pieces->spans);
    base_free(pieces->next_spans);
    base_free(pieces->buffers[0]);
    base_free(pieces->buffers[1]);
    regex_scratch_free(pieces->regex);
    *pieces = (Pieces){0};
}

static void add_span(Pieces *pieces, size_t begin, size_t end)
{
    if (pieces->n_next == pieces->next_capacity) {
        pieces->next_capacity = pieces->next_capacity ? 2 * pieces->next_capacity : 64;
        pieces->next_spans =
            base_realloc(pieces->next_spans, (size_t)pieces->next_capacity, sizeof *pieces->next_spans);
    }
    pieces->next_spans[pieces->n_next++] = (Span){(int32_t)begin, (int32_t)end};
}

/* What the step wrote becomes what the next one reads. */
static void take_next_spans(Pieces *pieces)
{
    Span *const spans = pieces->spans;
    const int64_t capacity = pieces->capacity;
    pieces->spans = pieces->next_spans;
    pieces->capacity = pieces->next_capacity;
    pieces->n = pieces->n_next;
    pieces->next_spans = spans;
    pieces->next_capacity = capacity;
    pieces->n_next = 0;
}

/* ---- splitting one piece ----
 * The matches and the stretches between them come one after the other; the behaviour says which of them are glued to the
 * one before. An empty match glues like any other and leaves no piece of its own. */

typedef struct Splitter {
    Pieces *pieces;
    const PretokenizeStep *step;
    bool has_open; /* a piece that later stretches may still extend */
    bool last_was_match;
    size_t begin, end;
} Splitter;

static void flush(Splitter *s)
{
    if (s->has_open && s->begin < s->end) add_span(s->pieces, s->begin, s->end);
    s->has_open = false;
}

static void stretch(Splitter *s, size_t begin, size_t end, bool is_match)
{
    is_match = is_match != s->step->invert;
    bool glue = false;
    switch (s->step->behavior) {
    case SPLIT_REMOVED:
        if (is_match) return;
        break;
    case SPLIT_ISOLATED:
        break;
    case SPLIT_CONTIGUOUS:
        glue = is_match == s->last_was_match;
        break;
    case SPLIT_MERGED_WITH_PREVIOUS:
        glue = is_match && !s->last_was_match;
        break;
    case SPLIT_MERGED_WITH_NEXT:
        glue = !is_match && s->last_was_match;
        break;
    }
    s->last_was_match = is_match;
    if (glue && s->has_open) {
        s->end = end;
        return;
    }
    flush(s);
    s->has_open = true;
    s->begin = begin;
    s->end = end;
}

static bool split_piece(const PretokenizeStep *step, Pieces *pieces, Span piece, Error *err)
{
    const char *const text = pieces->text + piece.begin;
    const size_t length = (size_t)(piece.end - piece.begin), base = (size_t)piece.begin;
    Splitter splitter = {.pieces = pieces, .step = step};
    size_t done = 0, search = 0;
    bool any = false;
    while (search <= length) {
        bool found;
        size_t begin, end;
        if (!regex_find(step->regex, pieces->regex, text, length, search, &found, &begin, &end, err)) return false;
        if (!found) break;
        if (begin == end && any && done == end) { /* an empty match right behind the last one does not count */
            int step_bytes = 1;
            if (search < length) unicode_decode(text + search, &step_bytes);
            search += (size_t)step_bytes;
            continue;
        }
        if (done < begin) stretch(&splitter, base + done, base + begin, false);
        stretch(&splitter, base + begin, base + end, true);
        done = search = end;
        any = true;
    }
    if (done < length) stretch(&splitter, base + done, base + length, false);
    flush(&splitter);
    return true;
}

static bool split_all(const PretokenizeStep *step, Pieces *pieces, Error *err)
{
    for (int64_t i = 0; i < pieces->n; i++)
        if (!split_piece(step, pieces, pieces->spans[i], err)) return false;
    return true;
}

/* ---- the two steps that write a new text ---- */

static char *fresh_buffer(Pieces *pieces, size_t bytes)
{
    pieces->buffers[1] = base_realloc(pieces->buffers[1], bytes + 1, 1);
    return pieces->buffers[1];
}

static void take_buffer(Pieces *pieces)
{
    char *const old = pieces->buffers[0];
    pieces->buffers[0] = pieces->buffers[1];
    pieces->buffers[1] = old;
    pieces->text = pieces->buffers[0];
}

static size_t total_bytes(const Pieces *pieces)
{
    size_t total = 0;
    for (int64_t i = 0; i < pieces->n; i++) total += (size_t)(pieces->spans[i].end - pieces->spans[i].begin);
    return total;
}

static bool rewrite(const PretokenizeStep *step, Pieces *pieces, Error *err)
{
    const bool map = step->kind == STEP_MAP_BYTES;
    const size_t bytes = map ? 2 * total_bytes(pieces) : total_bytes(pieces) + (size_t)pieces->n;
    if (bytes >= (size_t)1 << 30) return error_set(err, ERROR_INPUT, "the text is longer than 1 GiB; cut it in parts");
    char *const out = fresh_buffer(pieces, bytes);
    size_t used = 0;
    for (int64_t i = 0; i < pieces->n; i++) {
        const char *const piece = pieces->text + pieces->spans[i].begin;
        const size_t length = (size_t)(pieces->spans[i].end - pieces->spans[i].begin), begin = used;
        if (map) {
            used += byte_level_write(piece, length, out + used);
        } else {
            if (piece[0] != ' ') out[used++] = ' ';
            memcpy(out + used, piece, length);
            used += length;
        }
        add_span(pieces, begin, used);
    }
    take_buffer(pieces);
    return true;
}

bool pretokenize(const Pretokenizer *pretokenizer, Pieces *pieces, const char *text, size_t length, Error *err)
{
    if (!pieces->regex) pieces->regex = regex_scratch_create();
    pieces->text = text;
    pieces->n_next = 0;
    if (length > 0) add_span(pieces, 0, length);
    take_next_spans(pieces);
    for (int64_t i = 0; i < pretokenizer->n; i++) {
        const PretokenizeStep *const step = &pretokenizer->steps[i];
        if (!(step->kind == STEP_SPLIT ? split_all(step, pieces, err) : rewrite(step, pieces, err))) return false;
        take_next_spans(pieces);
    }
    return true;
}

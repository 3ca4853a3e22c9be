/* SPDX-License-Identifier: MIT */
#include "text/pretokenize.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <string.h>

bool pretokenizer_add(Pretokenizer *pretokenizer, PretokenizeStep step, Error *err)
{
    if (pretokenizer->n == PRETOKENIZE_MAX_STEPS) {
        regex_free(step.regex);
        return error_set(err, ERROR_INPUT, "more than %d steps", PRETOKENIZE_MAX_STEPS);
    }
    pretokenizer->steps = base_realloc(pretokenizer->steps, (size_t)pretokenizer->n + 1, sizeof *pretokenizer->steps);
    pretokenizer->steps[pretokenizer->n++] = step;
    return true;
}

void pretokenizer_free(Pretokenizer *pretokenizer)
{
    for (int64_t i = 0; i < pretokenizer->n; i++) regex_free(pretokenizer->steps[i].regex);
    base_free(pretokenizer->steps);
    *pretokenizer = (Pretokenizer){0};
}

void pretokenize_scratch_free(PretokenizeScratch *scratch)
{
    for (int i = 0; i < PRETOKENIZE_MAX_STEPS; i++) base_free(scratch->buffers[i]);
    regex_scratch_free(scratch->regex);
    *scratch = (PretokenizeScratch){0};
}

typedef struct Cutter {
    const Pretokenizer *pretokenizer;
    PretokenizeScratch *scratch;
    TakePiece *take;
    void *context;
    Error *err;
} Cutter;

/* A piece goes through the steps from number `step` on. */
static bool cut(const Cutter *c, int64_t step, const char *piece, size_t length);

/* ---- splitting one piece ----
 * The matches and the stretches between them come one after the other; the behaviour says which of them are glued to the
 * one before. An empty match glues like any other and leaves no piece of its own. */

typedef struct Splitter {
    const Cutter *cutter;
    const char *text;
    int64_t number;
    const PretokenizeStep *step;
    bool has_open; /* a piece that later stretches may still extend */
    bool last_was_match;
    size_t begin, end;
} Splitter;

static bool flush(Splitter *s)
{
    const bool piece = s->has_open && s->begin < s->end;
    s->has_open = false;
    return !piece || cut(s->cutter, s->number + 1, s->text + s->begin, s->end - s->begin);
}

static bool stretch(Splitter *s, size_t begin, size_t end, bool is_match)
{
    is_match = is_match != s->step->invert;
    bool glue = false;
    switch (s->step->behavior) {
    case SPLIT_REMOVED:
        if (is_match) return true;
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
        return true;
    }
    if (!flush(s)) return false;
    s->has_open = true;
    s->begin = begin;
    s->end = end;
    return true;
}

static bool split(const Cutter *c, int64_t number, const char *text, size_t length)
{
    const PretokenizeStep *const step = &c->pretokenizer->steps[number];
    Splitter splitter = {.cutter = c, .text = text, .number = number, .step = step};
    size_t done = 0, search = 0;
    bool any = false;
    while (search <= length) {
        bool found;
        size_t begin, end;
        if (!regex_find(step->regex, c->scratch->regex, text, length, search, &found, &begin, &end, c->err))
            return false;
        if (!found) break;
        if (begin == end && any && done == end) { /* an empty match right behind the last one does not count */
            int step_bytes = 1;
            if (search < length) unicode_decode(text + search, &step_bytes);
            search += (size_t)step_bytes;
            continue;
        }
        if (done < begin && !stretch(&splitter, done, begin, false)) return false;
        if (!stretch(&splitter, begin, end, true)) return false;
        done = search = end;
        any = true;
    }
    return (done >= length || stretch(&splitter, done, length, false)) && flush(&splitter);
}

/* ---- the two steps that write a new text ---- */

static char *buffer(PretokenizeScratch *scratch, int64_t number, size_t bytes)
{
    if (bytes > scratch->buffer_bytes[number]) {
        scratch->buffer_bytes[number] = 2 * bytes;
        scratch->buffers[number] = base_realloc(scratch->buffers[number], 2 * bytes, 1);
    }
    return scratch->buffers[number];
}

static bool map_bytes(const Cutter *c, int64_t number, const char *piece, size_t length)
{
    char *const out = buffer(c->scratch, number, 2 * length);
    return cut(c, number + 1, out, byte_level_write(piece, length, out));
}

static bool prefix_space(const Cutter *c, int64_t number, const char *piece, size_t length)
{
    if (piece[0] == ' ') return cut(c, number + 1, piece, length);
    char *const out = buffer(c->scratch, number, length + 1);
    out[0] = ' ';
    memcpy(out + 1, piece, length);
    return cut(c, number + 1, out, length + 1);
}

static bool cut(const Cutter *c, int64_t number, const char *piece, size_t length)
{
    if (number == c->pretokenizer->n) return c->take(c->context, piece, length);
    /* Each byte alphabet in a row may double a piece. */
    if (length >= (size_t)1 << 30)
        return error_set(c->err, ERROR_INPUT, "the text is longer than 1 GiB; cut it in parts");
    switch (c->pretokenizer->steps[number].kind) {
    case STEP_SPLIT:
        return split(c, number, piece, length);
    case STEP_PREFIX_SPACE:
        return prefix_space(c, number, piece, length);
    case STEP_MAP_BYTES:
        return map_bytes(c, number, piece, length);
    }
    return true;
}

bool pretokenize(const Pretokenizer *pretokenizer, PretokenizeScratch *scratch, const char *text, size_t length,
                 TakePiece *take, void *context, Error *err)
{
    if (!scratch->regex) scratch->regex = regex_scratch_create();
    regex_scratch_look(scratch->regex, text, length);
    const Cutter cutter = {
        .pretokenizer = pretokenizer, .scratch = scratch, .take = take, .context = context, .err = err};
    return length == 0 || cut(&cutter, 0, text, length);
}

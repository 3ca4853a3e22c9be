/* SPDX-License-Identifier: MIT */
#include "text/added.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

void added_set_add(AddedSet *set, AddedToken token)
{
    set->tokens = base_realloc(set->tokens, (size_t)set->n + 1, sizeof *set->tokens);
    set->tokens[set->n++] = token;
}

void added_set_free(AddedSet *set)
{
    base_free(set->tokens);
    *set = (AddedSet){0};
}

static int compare_tokens(const void *a, const void *b)
{
    const AddedToken *const x = a, *const y = b;
    const uint32_t shorter = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->content, y->content, shorter);
    if (order != 0) return order;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void added_set_sort(AddedSet *set)
{
    if (set->n > 0) qsort(set->tokens, (size_t)set->n, sizeof *set->tokens, compare_tokens);
    int64_t kept = 0;
    for (int64_t i = 0; i < set->n; i++) {
        const AddedToken *const token = &set->tokens[i];
        if (kept > 0 && set->tokens[kept - 1].length == token->length &&
            memcmp(set->tokens[kept - 1].content, token->content, token->length) == 0)
            continue;
        set->tokens[kept++] = *token;
    }
    set->n = kept;
    int64_t at = 0;
    for (int byte = 0; byte < 257; byte++) {
        while (at < set->n && (unsigned char)set->tokens[at].content[0] < byte) at++;
        set->first[byte] = (int32_t)at;
    }
}

/* The first token of [low, high), which share their first `depth` bytes and are longer, whose next byte is >= `byte`. */
static int32_t lower_bound(const AddedSet *set, int32_t low, int32_t high, size_t depth, int byte)
{
    while (low < high) {
        const int32_t middle = low + (high - low) / 2;
        if ((unsigned char)set->tokens[middle].content[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest token that text[at ..] begins with, or NULL. Tokens that share the first d bytes are neighbours, and the one
 * that ends there is the first of them: the range is narrowed byte by byte. */
static const AddedToken *longest_at(const AddedSet *set, const char *text, size_t length, size_t at)
{
    const unsigned char first = (unsigned char)text[at];
    int32_t low = set->first[first], high = set->first[first + 1];
    const AddedToken *best = NULL;
    for (size_t depth = 1; low < high; depth++) {
        if (set->tokens[low].length == depth) best = &set->tokens[low++];
        if (at + depth >= length) break;
        const unsigned char byte = (unsigned char)text[at + depth];
        low = lower_bound(set, low, high, depth, byte);
        high = lower_bound(set, low, high, depth, byte + 1);
    }
    return best;
}

/* The code point that ends at `end`, or -1 at the beginning and behind bytes that are no text. */
static int64_t before(const char *text, size_t end, size_t *begin)
{
    for (size_t n = 1; n <= 4 && n <= end; n++) {
        if (((unsigned char)text[end - n] & 0xC0) == 0x80) continue;
        if (utf8_sequence(text + end - n, n) != (int)n) return -1;
        int length;
        *begin = end - n;
        return unicode_decode(text + end - n, &length);
    }
    return -1;
}

static int64_t after(const char *text, size_t length, size_t begin, size_t *end)
{
    if (begin >= length) return -1;
    const int n = utf8_sequence(text + begin, length - begin);
    if (n < 0) return -1;
    int decoded;
    *end = begin + (size_t)n;
    return unicode_decode(text + begin, &decoded);
}

static bool touches_a_word(const char *text, size_t length, size_t begin, size_t end)
{
    size_t unused;
    const int64_t left = before(text, begin, &unused), right = after(text, length, end, &unused);
    return (left >= 0 && unicode_is_word((uint32_t)left)) || (right >= 0 && unicode_is_word((uint32_t)right));
}

static size_t strip_left(const char *text, size_t begin, size_t floor)
{
    size_t next = begin;
    for (int64_t c; begin > floor && (c = before(text, begin, &next)) >= 0 && unicode_is_space((uint32_t)c);)
        begin = next;
    return begin;
}

static size_t strip_right(const char *text, size_t length, size_t end)
{
    size_t next = end;
    for (int64_t c; (c = after(text, length, end, &next)) >= 0 && unicode_is_space((uint32_t)c);) end = next;
    return end;
}

bool added_set_next(const AddedSet *set, const char *text, size_t length, AddedCursor *cursor, size_t *gap_begin)
{
    *gap_begin = cursor->done;
    if (set->n == 0) return false;
    for (size_t at = cursor->search; at < length; at++) {
        const unsigned char first = (unsigned char)text[at];
        if (set->first[first] == set->first[first + 1]) continue;
        const AddedToken *const token = longest_at(set, text, length, at);
        if (!token) continue;
        size_t begin = at, end = at + token->length;
        cursor->search = end;
        if (token->single_word && touches_a_word(text, length, begin, end)) {
            at = end - 1;
            continue;
        }
        if (token->lstrip) {
            begin = strip_left(text, begin, cursor->done);
            if (begin < cursor->done) begin = cursor->done; /* the token before took that space along */
        }
        if (token->rstrip) end = strip_right(text, length, end);
        cursor->done = end;
        if (begin >= end) { /* the token before took all of this one */
            at = cursor->search - 1;
            continue;
        }
        cursor->begin = begin;
        cursor->end = end;
        cursor->id = token->id;
        return true;
    }
    return false;
}

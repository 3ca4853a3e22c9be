/* SPDX-License-Identifier: MIT */
#include "text/stop_strings.h"

#include "base/arena.h"

#include <string.h>

/* A trie of the strings; 0 in `next` means no child yet, since nothing leads back to the root there. */
static void add_string(StopStrings *stop, int32_t *depth, const char *text, size_t length)
{
    int32_t state = 0;
    for (size_t i = 0; i < length; i++) {
        int32_t *const next = &stop->next[state][(unsigned char)text[i]];
        if (!*next) {
            *next = (int32_t)stop->n_states++;
            depth[*next] = depth[state] + 1;
        }
        state = *next;
    }
    stop->match[state] = (int32_t)length;
}

/* Breadth first: a state's missing moves are those of the longest proper suffix that is a state too. */
static void complete_moves(StopStrings *stop)
{
    int32_t *const queue = base_alloc((size_t)stop->n_states, sizeof *queue);
    int32_t *const suffix = base_alloc((size_t)stop->n_states, sizeof *suffix);
    int64_t n_queued = 0;
    for (int b = 0; b < 256; b++)
        if (stop->next[0][b]) queue[n_queued++] = stop->next[0][b];
    for (int64_t i = 0; i < n_queued; i++) {
        const int32_t state = queue[i], fall = suffix[state];
        if (!stop->match[state]) stop->match[state] = stop->match[fall];
        for (int b = 0; b < 256; b++) {
            int32_t *const next = &stop->next[state][b];
            if (*next) {
                suffix[*next] = stop->next[fall][b];
                queue[n_queued++] = *next;
            } else {
                *next = stop->next[fall][b];
            }
        }
    }
    base_free(queue);
    base_free(suffix);
}

bool stop_strings_create(StopStrings *stop, const char *const *strings, int64_t n, Error *err)
{
    size_t total = 0;
    *stop = (StopStrings){.n_states = 1};
    for (int64_t i = 0; i < n; i++) {
        if (!strings[i][0]) return error_set(err, ERROR_USAGE, "a stop string is empty: it would stop everywhere");
        total += strlen(strings[i]);
        if (total > STOP_MAX_BYTES)
            return error_set(err, ERROR_USAGE, "the stop strings are longer than %d bytes together", STOP_MAX_BYTES);
    }
    stop->next = base_alloc(total + 1, sizeof *stop->next);
    stop->match = base_alloc(total + 1, sizeof *stop->match);
    stop->depth = base_alloc(total + 1, sizeof *stop->depth);
    for (int64_t i = 0; i < n; i++) add_string(stop, stop->depth, strings[i], strlen(strings[i]));
    complete_moves(stop);
    return true;
}

void stop_strings_free(StopStrings *stop)
{
    base_free(stop->next);
    base_free(stop->match);
    base_free(stop->depth);
    *stop = (StopStrings){.next = NULL};
}

bool stop_strings_feed(const StopStrings *stop, int32_t *state, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        *state = stop->next[*state][(unsigned char)text[i]];
        if (stop->match[*state]) return true;
    }
    return false;
}

size_t stop_strings_cut(const StopStrings *stop, const char *text, size_t length)
{
    int32_t state = 0;
    for (size_t i = 0; i < length; i++) {
        state = stop->next[state][(unsigned char)text[i]];
        if (stop->match[state]) return i + 1 - (size_t)stop->match[state];
    }
    return length;
}

size_t stop_strings_pending(const StopStrings *stop, int32_t state)
{
    return (size_t)stop->depth[state];
}

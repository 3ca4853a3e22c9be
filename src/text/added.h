/* SPDX-License-Identifier: MIT */
/* text/added.h: finds added tokens ("<think>", "<|im_end|>") in a text, leftmost first and of those the longest. */
#ifndef R1_TEXT_ADDED_H
#define R1_TEXT_ADDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct AddedToken {
    const char *content; /* borrowed */
    uint32_t length;
    int32_t id;
    bool single_word; /* only where no word character touches it */
    bool lstrip;      /* takes the white space before it along */
    bool rstrip;      /* and the white space behind it */
} AddedToken;

typedef struct AddedSet {
    AddedToken *tokens; /* owned; sorted bytewise by content once added_set_sort was called */
    int64_t n;
    int32_t first[257]; /* tokens that begin with byte b: [first[b], first[b + 1]) */
} AddedSet;

void added_set_add(AddedSet *set, AddedToken token); /* content must not be empty */
/* Must be called after the last addition. Of two tokens with the same content the first stays. */
void added_set_sort(AddedSet *set);
void added_set_free(AddedSet *set);

/* Where the search stands. Zeroed is the beginning of a text. */
typedef struct AddedCursor {
    size_t search; /* where the next match may begin */
    size_t done;   /* the end of the last match, white space that it took included */
    size_t begin, end;
    int32_t id; /* of the match that was found: text[begin .. end) */
} AddedCursor;
/* Moves to the next match; false when there is none. What lies in [previous done, begin) is ordinary text. */
bool added_set_next(const AddedSet *set, const char *text, size_t length, AddedCursor *cursor, size_t *gap_begin);

#endif

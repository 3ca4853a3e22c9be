/* SPDX-License-Identifier: MIT */
/* data/pairs.h: what preference optimisation reads: two completions of a prompt, the one that is preferred and the other, as ids.
 *
 * A row of the JSONL file is one of
 *   {"prompt", "chosen", "rejected"}                                     as texts or messages: data/preference_rows.h
 *   {"prompt_ids": [...], "chosen_ids": [...], "rejected_ids": [...]}
 * Each side is an example of data/examples.h: encoded, ended and, where there are messages, written by the chat template as there. */
#ifndef R1_DATA_PAIRS_H
#define R1_DATA_PAIRS_H

#include "data/examples.h"

typedef struct Pairs {
    Examples
        sides; /* of pair i, item 2i is the chosen one, 2i + 1 the rejected one; both begin with the same n_prompt >= 1 ids */
    int64_t n;
    int64_t n_dropped; /* rows of which a side is too long */
    int64_t n_same;    /* rows left out since both sides are the same */
} Pairs;

/* Every row is checked before the first is used; the error names file and line of the first bad one. A file without a pair that can
 * be used is an error. */
bool pairs_read(Pairs *pairs, const Tokenizer *tokenizer, const char *path, const ExampleOptions *options,
                Error *err) R1_MUST_CHECK;
void pairs_free(Pairs *pairs);

#endif

/* SPDX-License-Identifier: MIT */
/* data/preferences.h: what a reward model learns from: pairs of responses of which one is preferred, or responses with a label; as ids.
 *
 * A row of the JSONL file is one of
 *   {"prompt", "chosen", "rejected", "margin"?}   two responses to one prompt
 *   {"prompt", "completion", "label"}             one response; label true, false, or a number from 0 (bad) to 1 (good)
 *   {"messages": [...], "label"}                  the same of a conversation that ends with an answer
 * "prompt" is a text, as `r1 sample --prompt` encodes it, or a list of messages, which the model's chat template writes; chosen, rejected
 * and completion are texts, or messages that end with an answer: data/preference_rows.h. All rows of a file are pairs, or all have labels. Behind every response stands
 * the end-of-text id, whose hidden state is scored. Other keys are left alone. */
#ifndef R1_DATA_PREFERENCES_H
#define R1_DATA_PREFERENCES_H

#include "base/json.h"
#include "data/chat_rows.h"
#include "text/tokenizer.h"

/* What of a response is scored. */
typedef enum ScoredPart {
    SCORED_SUMMARY, /* what stands behind the last </think>: nothing, where thinking was begun and not ended */
    SCORED_RESPONSE /* all of it */
} ScoredPart;

typedef struct Preference {
    int64_t prompt, n_prompt;           /* where the prompt's ids stand in Preferences.ids, and how many */
    int64_t response[2], n_response[2]; /* chosen, rejected; or the one response. The end is the last id */
    float margin;                       /* of a pair: by how much the chosen one should be ahead */
    float label;                        /* of a single response */
    bool held_out;
} Preference;

typedef struct Preferences {
    bool pairs;
    TokenIds ids;
    Preference *items;
    int64_t n, capacity;
    int64_t n_dropped; /* rows longer than max_length */
    int64_t n_longest; /* prompt and response of the longest */
    int64_t n_held_out;
} Preferences;

typedef struct PreferenceOptions {
    int64_t max_length;     /* ids of prompt and response, the end included */
    bool overlong_is_error; /* else such rows are left out: a response that is cut has another worth */
    int scored;             /* ScoredPart; < 0: the summary of pairs, all of a labelled response (as the paper) */
    int32_t end;            /* the end-of-text id */
    const char *folder;     /* of the model, for its chat template */
    double margin;          /* of pairs that name none */
    double held_out; /* share of the prompts whose rows are held out, by a hash of the prompt's ids and the seed */
    uint64_t seed;
} PreferenceOptions;

/* Every row is checked before the first is used; the error names file and line of the first bad one. */
bool preferences_read(Preferences *preferences, const Tokenizer *tokenizer, const char *path,
                      const PreferenceOptions *options, Error *err) R1_MUST_CHECK;
void preferences_free(Preferences *preferences);

/* ---- one response, for whoever scores ---- */

/* What of `text`, a response to `prompt`, is scored; points into text. */
const char *preference_scored(ScoredPart part, const char *prompt, size_t prompt_length, const char *text,
                              size_t length, size_t *scored_length);
/* Appends the ids of a prompt's text and of a response to it as rows of the file would be: *n_prompt ids and the response's, the end
 * behind it. rendered: a chat template has written the prompt, special tokens and all. */
bool preference_encode(TokenIds *ids, int64_t *n_prompt, const Tokenizer *tokenizer, int32_t end, bool rendered,
                       const char *prompt, size_t prompt_length, const char *response, size_t length,
                       Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* rollout/draft.h: guesses a completion's next tokens from what its text has said before, and says how many guesses are worth a row.
 *
 * A text that repeats itself goes on as it went on before: the last few tokens are looked up in prompt and completion (a hash of n-grams gives
 * the last place where they stood), and what followed there is the draft. The same place is followed token by token whether or not it is used
 * as a draft, so how often such a guess is right is known at no cost: rates are counted by how many tokens have agreed so far.
 *
 * A draft is a guess about speed alone: a token is drawn as without it, and a drafted token's row counts iff the draw gave that token. */
#ifndef R1_ROLLOUT_DRAFT_H
#define R1_ROLLOUT_DRAFT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DRAFT_MAX = 15,       /* tokens of one draft */
    DRAFT_MAX_ROWS = 32,  /* of one step */
    DRAFT_MAX_ACTIVE = 6, /* beyond so many sequences a row costs its share, and even a sure guess gains nothing */
    DRAFT_RUNS = 32
};

/* Prompt and completion as one text. */
typedef struct DraftText {
    const int32_t *prompt, *completion;
    int64_t n_prompt, n; /* n: both together */
} DraftText;

typedef struct DraftIndex {
    int32_t *
        places; /* [capacity]: one past the last place of an n-gram with this hash, 0: none; owned by whoever made it */
    int64_t capacity;  /* a power of two, draft_index_capacity */
    int64_t n_indexed; /* tokens of the text that are in; 0: `places` is not cleared yet */
    int64_t source;    /* the place that the next token is expected to repeat, -1: none */
    int64_t run;       /* tokens that agreed before it, at most DRAFT_RUNS - 1 */
} DraftIndex;
int64_t draft_index_capacity(int64_t max_sequence);
void draft_index_reset(DraftIndex *index);

/* How often a guess was right after so many tokens that agreed: sums that forget. */
typedef struct DraftRates {
    double right[DRAFT_RUNS], total[DRAFT_RUNS];
} DraftRates;
void draft_rates_reset(DraftRates *rates);

/* Takes in what the text has gained; the completion's tokens teach the rates. */
void draft_observe(DraftIndex *index, DraftRates *rates, const DraftText *text);

/* What a step over so many rows takes. Weights are read once for all rows of a tile, so a few more cost little; how little depends on model,
 * kernels and machine, and is measured as the steps go by (the time of the calling thread). A step that was never taken is thought cheap, so that it is tried. */
typedef struct DraftCosts {
    double seconds[DRAFT_MAX_ROWS + 1]; /* by rows; 0: not known */
} DraftCosts;
void draft_costs_observe(DraftCosts *costs, int64_t rows, double seconds);

/* How many steps may go by until one of so many rows is timed again, so that reading the clock takes some thousandths of the time. */
int64_t draft_costs_pause(const DraftCosts *costs, int64_t rows);

/* Seconds of a step over so many rows: measured, or a little more than the nearest measured one with fewer. */
double draft_rows_cost(const DraftCosts *costs, int64_t rows);

/* What one step is expected to give. Begin with a row and a token for each sequence. */
typedef struct DraftBudget {
    double tokens; /* expected */
    int64_t rows;
} DraftBudget;
/* Writes at most `most` guesses behind the text (into the completion's buffer at text->n - n_prompt) and returns how many are worth their rows
 * beside what the budget holds, which grows by them. */
int64_t draft_propose(const DraftIndex *index, const DraftRates *rates, const DraftCosts *costs, const DraftText *text,
                      int32_t *guesses, int64_t most, DraftBudget *budget);

#endif

/* SPDX-License-Identifier: MIT */
#include "rollout/draft.h"

#include <string.h>

/* The long n-gram is asked first; the short one finds a repetition sooner. */
enum { LONG_GRAM = 4, SHORT_GRAM = 2 };

static int32_t token_at(const DraftText *text, int64_t i)
{
    return i < text->n_prompt ? text->prompt[i] : text->completion[i - text->n_prompt];
}

/* ---- the index ---- */

int64_t draft_index_capacity(int64_t max_sequence)
{
    int64_t capacity = 64;
    while (capacity < 4 * max_sequence) capacity *= 2; /* two n-grams a token, half full */
    return capacity;
}

void draft_index_reset(DraftIndex *index)
{
    index->n_indexed = 0;
    index->source = -1;
    index->run = 0;
}

/* Of the n tokens that end at place `end`. */
static int64_t slot_of(const DraftIndex *index, const DraftText *text, int64_t end, int n)
{
    uint64_t hash = (uint64_t)n;
    for (int64_t i = end - n; i < end; i++) hash = (hash ^ (uint64_t)token_at(text, i)) * 0x9E3779B97F4A7C15u;
    return (int64_t)(hash >> 20) & (index->capacity - 1);
}

static int64_t agreement(const DraftText *text, int64_t a, int64_t b)
{
    int64_t n = 0;
    while (n < DRAFT_RUNS - 1 && n < a && token_at(text, a - 1 - n) == token_at(text, b - 1 - n)) n++;
    return n;
}

/* Looks up what the first `end` tokens end with. */
static void look_up(DraftIndex *index, const DraftText *text, int64_t end)
{
    static const int grams[] = {LONG_GRAM, SHORT_GRAM};
    for (int g = 0; g < 2; g++) {
        if (end < grams[g]) continue;
        const int64_t place = index->places[slot_of(index, text, end, grams[g])];
        if (place == 0) continue;
        index->run = agreement(text, place, end);
        if (index->run < grams[g]) continue; /* another n-gram with this hash */
        index->source = place;
        return;
    }
}

static void insert(DraftIndex *index, const DraftText *text, int64_t end)
{
    if (end >= LONG_GRAM) index->places[slot_of(index, text, end, LONG_GRAM)] = (int32_t)end;
    if (end >= SHORT_GRAM) index->places[slot_of(index, text, end, SHORT_GRAM)] = (int32_t)end;
}

/* ---- rates ---- */

void draft_rates_reset(DraftRates *rates)
{
    /* Before anything is known: longer agreement is better evidence, and as much doubt as four tokens of experience undo. */
    for (int run = 0; run < DRAFT_RUNS; run++) {
        rates->total[run] = 4.0;
        rates->right[run] = 4.0 * run / (run + 3.0);
    }
}

static void teach(DraftRates *rates, int64_t run, bool right)
{
    static const double keep = 0.98; /* the last fifty or so count */
    rates->total[run] = keep * rates->total[run] + 1.0;
    rates->right[run] = keep * rates->right[run] + (right ? 1.0 : 0.0);
}

void draft_observe(DraftIndex *index, DraftRates *rates, const DraftText *text)
{
    if (index->n_indexed == 0) memset(index->places, 0, (size_t)index->capacity * sizeof *index->places);
    for (int64_t i = index->n_indexed; i < text->n; i++) {
        if (index->source >= 0) {
            const bool right = token_at(text, index->source) == token_at(text, i);
            if (i >= text->n_prompt) teach(rates, index->run, right);
            index->source = right ? index->source + 1 : -1;
            if (right && index->run < DRAFT_RUNS - 1) index->run++;
        }
        if (index->source < 0) look_up(index, text, i + 1);
        insert(index, text, i + 1);
    }
    index->n_indexed = text->n;
}

/* ---- what a guess is worth ---- */

/* A step that the system interrupted says nothing: a shorter time is believed at once, a longer one a little. */
void draft_costs_observe(DraftCosts *costs, int64_t rows, double seconds)
{
    static const double believed = 0.05;
    if (rows > DRAFT_MAX_ROWS) return;
    double *const known = &costs->seconds[rows];
    *known = *known == 0.0 || seconds < *known ? seconds : *known + believed * (seconds - *known);
}

int64_t draft_costs_pause(const DraftCosts *costs, int64_t rows)
{
    static const double long_step = 1e-3; /* two system calls of a microsecond */
    enum { LONGEST = 128 };
    const double pause = long_step / draft_rows_cost(costs, rows);
    return pause < 1.0 ? 1 : pause > LONGEST ? LONGEST : (int64_t)pause;
}

double draft_rows_cost(const DraftCosts *costs, int64_t rows)
{
    static const double more = 0.1; /* of one row's step */
    int64_t known = rows < DRAFT_MAX_ROWS ? rows : DRAFT_MAX_ROWS;
    while (known > 1 && costs->seconds[known] == 0.0) known--;
    const double measured = costs->seconds[known] > 0.0 ? costs->seconds[known] : 1.0;
    return measured * (1.0 + more * (double)(rows - 1)) / (1.0 + more * (double)(known - 1));
}

int64_t draft_propose(const DraftIndex *index, const DraftRates *rates, const DraftCosts *costs, const DraftText *text,
                      int32_t *guesses, int64_t most, DraftBudget *budget)
{
    static const double worthwhile = 1.02; /* a gain that is smaller than the estimate's error is none */
    static const double hopeless = 0.05;   /* no row is so cheap */
    if (index->source < 0 || index->n_indexed != text->n) return 0;
    const double without = budget->tokens / draft_rows_cost(costs, budget->rows);
    double probability = 1.0, best_rate = without * worthwhile;
    int64_t best = 0;
    DraftBudget now = *budget;
    if (most > DRAFT_MAX) most = DRAFT_MAX;
    if (most > DRAFT_MAX_ROWS - now.rows) most = DRAFT_MAX_ROWS - now.rows;
    for (int64_t n = 0; n < most && probability > hopeless; n++) {
        const int64_t run = index->run + n < DRAFT_RUNS - 1 ? index->run + n : DRAFT_RUNS - 1;
        /* A draft that is longer than its distance from the end repeats itself. */
        const int64_t from = index->source + n;
        guesses[n] = from < text->n ? token_at(text, from) : guesses[from - text->n];
        probability *= rates->right[run] / rates->total[run];
        now.tokens += probability;
        now.rows++;
        const double rate = now.tokens / draft_rows_cost(costs, now.rows);
        if (rate <= best_rate) continue;
        best_rate = rate;
        best = n + 1;
        *budget = now;
    }
    return best;
}

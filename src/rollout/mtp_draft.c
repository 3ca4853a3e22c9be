/* SPDX-License-Identifier: MIT */
#include "rollout/mtp_draft.h"

#include "base/clock.h"
#include "model/mtp.h"

#include <assert.h>

enum { MODULE = 0 };

/* Steps with and without the module: sums that forget. In a trial the arm in hand and then the other run for some steps, so that both see
 * the same text and the same machine; what is better stays, for longer each time it is found so again:
 *
 *   TRY_FIRST -> TRY_SECOND -> STAY -> TRY_FIRST ...      choose_arm
 *
 * Where the module is seen not to pay (is_worse), it goes off at once, and what is left of STAY is cut to that of a first one. */
typedef enum ArmPhase { ARM_NEW, TRY_FIRST, TRY_SECOND, STAY } ArmPhase;
typedef struct Arms {
    double tokens[2], seconds[2];
    ArmPhase phase;
    bool on;
    int64_t steps;   /* left in the phase */
    int64_t n_timed; /* of this phase */
    int64_t stay;    /* length of the last STAY */
} Arms;

struct MtpDraft {
    const Model *model;
    const Compute *compute;
    KvCache cache;
    Arena memory;
    int32_t *ids, *positions; /* [max_rows] */
    int64_t *rows;            /* [max_rows] */
    DecoderSegment *segments; /* [max_active] each */
    KvSequence **sequences;
    int64_t *no_prompt, *last_rows;
    double right[MTP_DRAFT_MAX], total[MTP_DRAFT_MAX];
    double pass_seconds; /* of one more guess for all */
    Arms arms[DRAFT_MAX_ACTIVE + 1];
};

/* ---- memory ---- */

int64_t mtp_draft_max_blocks(int64_t max_sequence)
{
    return (max_sequence + MTP_DRAFT_MAX + KV_BLOCK - 1) / KV_BLOCK;
}

static int64_t pool_blocks(int64_t max_active, int64_t max_sequence)
{
    /* Of each text, and of each prompt. */
    const int64_t texts = max_active < DRAFT_MAX_ACTIVE ? max_active : DRAFT_MAX_ACTIVE;
    return 2 * texts * mtp_draft_max_blocks(max_sequence);
}

static size_t take_lists(MtpDraft *d, Arena *arena, int64_t max_active, int64_t max_rows)
{
    const size_t rows = (size_t)max_rows, active = (size_t)max_active;
    size_t bytes = 0;
#define TAKE(field, count, type)                                                                                       \
    (bytes += arena_piece_bytes((count), sizeof(type)),                                                                \
     arena ? (void)((field) = arena_take(arena, (count), sizeof(type))) : (void)0)
    TAKE(d->ids, rows, int32_t);
    TAKE(d->positions, rows, int32_t);
    TAKE(d->rows, rows, int64_t);
    TAKE(d->segments, active, DecoderSegment);
    TAKE(d->sequences, active, KvSequence *);
    TAKE(d->no_prompt, active, int64_t);
    TAKE(d->last_rows, active, int64_t);
#undef TAKE
    return bytes;
}

size_t mtp_draft_plan_bytes(const ModelConfig *config, int64_t max_active, int64_t max_rows, int64_t max_sequence)
{
    MtpDraft counted;
    if (config->n_mtp == 0) return 0;
    return take_lists(&counted, NULL, max_active, max_rows) +
           kv_cache_layers_bytes(config, 1, pool_blocks(max_active, max_sequence));
}

bool mtp_draft_create(MtpDraft **out, const Model *model, const Compute *compute, int64_t max_active, int64_t max_rows,
                      int64_t max_sequence, Error *err)
{
    const ModelConfig *const c = &model->config;
    MtpDraft *const d = base_alloc(1, sizeof *d);
    *out = NULL;
    d->model = model;
    d->compute = compute;
    if (!arena_create(&d->memory, "guesses", take_lists(d, NULL, max_active, max_rows), err) ||
        !kv_cache_create_layers(&d->cache, c, c->n_layers + MODULE, 1, pool_blocks(max_active, max_sequence), err)) {
        mtp_draft_free(d);
        return false;
    }
    take_lists(d, &d->memory, max_active, max_rows);
    for (int64_t i = 0; i < max_active; i++) d->no_prompt[i] = -1;
    for (int i = 0; i < MTP_DRAFT_MAX; i++) d->right[i] = 2.0, d->total[i] = 4.0; /* before anything is known */
    *out = d;
    return true;
}

void mtp_draft_free(MtpDraft *d)
{
    if (!d) return;
    kv_cache_free(&d->cache);
    arena_free(&d->memory);
    base_free(d);
}

void mtp_draft_renew(MtpDraft *d, uint64_t version)
{
    kv_cache_renew(&d->cache, version);
}

void mtp_draft_forget(MtpDraft *d, MtpText *text)
{
    kv_sequence_release(&d->cache, &text->keys);
    text->end = -1;
    text->n_guesses = 0;
}

void mtp_draft_cut(MtpDraft *d, MtpText *text, int64_t end)
{
    text->n_guesses = 0;
    if (text->end <= end) return;
    if (end <= text->first) {
        mtp_draft_forget(d, text);
        return;
    }
    kv_sequence_truncate(&d->cache, &text->keys, end - text->first);
    text->end = end;
}

void mtp_draft_fork(MtpDraft *d, MtpText *fork, const MtpText *from)
{
    if (from->end < 0) return;
    if (!kv_sequence_fork(&d->cache, &fork->keys, &from->keys)) return;
    fork->first = from->first;
    fork->end = from->end;
}

/* ---- rows through the module ---- */

/* One forward over the rows that have been listed; what they read stands in `previous`. */
static void forward(MtpDraft *d, DecoderWorkspace *w, const float *previous, int64_t n_segments, int64_t n_rows)
{
    const DecoderBatch batch = {.n_rows = n_rows,
                                .n_backward_rows = n_rows,
                                .ids = d->ids,
                                .positions = d->positions,
                                .segments = d->segments,
                                .n_segments = n_segments,
                                .prompt_of_segment = d->no_prompt,
                                .cache = &d->cache,
                                .sequences = d->sequences};
    mtp_forward(d->model, d->compute, w, MODULE, previous, d->rows, &batch);
    for (int64_t s = 0; s < n_segments; s++) d->sequences[s]->n_tokens += d->segments[s].n_rows;
}

static int64_t list_rows(MtpDraft *d, const MtpRows *r, int64_t segment, int64_t n_rows)
{
    d->segments[segment] = (DecoderSegment){n_rows, r->n, r->text->keys.n_tokens};
    d->sequences[segment] = &r->text->keys;
    for (int64_t i = 0; i < r->n; i++, n_rows++) {
        d->ids[n_rows] = r->next_ids[i];
        d->positions[n_rows] = (int32_t)(r->first_position + i);
        d->rows[n_rows] = r->row + i;
    }
    return n_rows;
}

void mtp_draft_take(MtpDraft *d, DecoderWorkspace *w, const MtpRows *rows, int64_t n_texts)
{
    int64_t n_rows = 0, n_segments = 0;
    for (int64_t i = 0; i < n_texts; i++) {
        MtpText *const text = rows[i].text;
        d->last_rows[i] = -1;
        text->n_guesses = 0;
        if (text->end != rows[i].first_position) {
            mtp_draft_forget(d, text);
            text->first = rows[i].first_position;
        }
        if (rows[i].n == 0 || !kv_sequence_reserve(&d->cache, &text->keys, rows[i].n + MTP_DRAFT_MAX)) continue;
        n_rows = list_rows(d, &rows[i], n_segments++, n_rows);
        d->last_rows[i] = n_rows - 1;
        text->end = rows[i].first_position + rows[i].n;
    }
    if (n_rows > 0) forward(d, w, mtp_previous(d->model, w, MODULE), n_segments, n_rows);
}

/* ---- guesses ---- */

static double chance(const MtpDraft *d, int64_t place)
{
    return d->right[place] / d->total[place];
}

/* Whether one more guess, the place-th, is worth a pass of the module and a row: what it is expected to give, at the rate of now,
 * against what it takes. */
static bool pays(const MtpDraft *d, const DraftCosts *costs, int64_t n_active, int64_t place)
{
    const Arms *const a = &d->arms[n_active];
    if (place == 0) return true; /* the module has run anyway */
    if (!costs) return place < 2;
    if (place >= MTP_DRAFT_MAX || a->tokens[1] <= 0.0) return false;
    double probability = 1.0;
    for (int64_t i = 0; i <= place; i++) probability *= chance(d, i);
    const double more_rows =
        draft_rows_cost(costs, (place + 2) * n_active) - draft_rows_cost(costs, (place + 1) * n_active);
    return probability * (double)n_active * a->seconds[1] / a->tokens[1] > d->pass_seconds + more_rows;
}

/* One text's guess at a place, if it has one; it then has a row in the next pass. */
static void take_guess(MtpDraft *d, MtpText *text, int64_t i, int64_t place, int32_t guess, int64_t *n)
{
    const int64_t row = d->last_rows[i];
    d->last_rows[i] = -1;
    if (guess < 0) return;
    text->guesses[place] = guess;
    text->n_guesses = place + 1;
    d->segments[*n] = (DecoderSegment){*n, 1, text->keys.n_tokens};
    d->sequences[*n] = &text->keys;
    d->ids[*n] = guess;
    d->positions[*n] = (int32_t)(text->end + place);
    d->rows[*n] = row;
    d->last_rows[i] = (*n)++;
}

/* Reads the logits of the last listed rows, several in one product, and guesses. Returns how many rows the next pass has. */
static int64_t guess_place(MtpDraft *d, DecoderWorkspace *w, const MtpRows *rows, int64_t n_texts, int64_t place,
                           MtpDraw draw, void *context)
{
    const int64_t V = d->model->config.vocab_size;
    int64_t n = 0;
    for (int64_t i = 0; i < n_texts;) {
        int64_t texts[DRAFT_MAX_ACTIVE], last_rows[DRAFT_MAX_ACTIVE], n_block = 0;
        for (; i < n_texts && n_block < w->head_rows && n_block < DRAFT_MAX_ACTIVE; i++)
            if (d->last_rows[i] >= 0) texts[n_block] = i, last_rows[n_block++] = d->last_rows[i];
        if (n_block > 0) mtp_block_logits(d->model, d->compute, w, MODULE, last_rows, n_block);
        for (int64_t b = 0; b < n_block; b++)
            take_guess(d, rows[texts[b]].text, texts[b], place, draw(context, texts[b], place, w->logits + b * V), &n);
    }
    return n;
}

/* One more guess for all: shorter times are believed at once, as those of steps are. */
static void observe_pass(MtpDraft *d, double seconds)
{
    static const double believed = 0.05;
    double *const known = &d->pass_seconds;
    *known = *known == 0.0 || seconds < *known ? seconds : *known + believed * (seconds - *known);
}

void mtp_draft_guess(MtpDraft *d, DecoderWorkspace *w, const MtpRows *rows, int64_t n_texts, MtpDraw draw,
                     void *context, const DraftCosts *costs, bool timed)
{
    int64_t n_rows = 0;
    for (int64_t place = 0; pays(d, costs, n_texts, place); place++) {
        const double start = timed ? clock_thread_seconds() : 0.0;
        if (place > 0) forward(d, w, mtp_stream(d->model, w, MODULE), n_rows, n_rows);
        n_rows = guess_place(d, w, rows, n_texts, place, draw, context);
        if (timed && place > 0) observe_pass(d, clock_thread_seconds() - start);
        if (n_rows == 0) break;
    }
    /* The keys of guesses are taken back. */
    for (int64_t i = 0; i < n_texts; i++) {
        MtpText *const text = rows[i].text;
        if (text->end >= 0 && text->keys.n_tokens > text->end - text->first)
            kv_sequence_truncate(&d->cache, &text->keys, text->end - text->first);
    }
}

int64_t mtp_draft_worth(const MtpDraft *d, const MtpText *text, const DraftCosts *costs, int64_t most,
                        DraftBudget *budget)
{
    double probability = 1.0, best_rate = budget->tokens / draft_rows_cost(costs, budget->rows);
    DraftBudget now = *budget;
    int64_t best = 0;
    if (most > text->n_guesses) most = text->n_guesses;
    if (most > DRAFT_MAX_ROWS - now.rows) most = DRAFT_MAX_ROWS - now.rows;
    for (int64_t n = 0; n < most; n++) {
        probability *= chance(d, n);
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

void mtp_draft_teach(MtpDraft *d, const MtpText *text, const int32_t *ids, int64_t n)
{
    static const double keep = 0.98; /* the last fifty or so count */
    bool right = true;
    for (int64_t i = 0; i < text->n_guesses && i < n && right; i++) {
        right = text->guesses[i] == ids[i];
        d->total[i] = keep * d->total[i] + 1.0;
        d->right[i] = keep * d->right[i] + (right ? 1.0 : 0.0);
    }
}

/* ---- whether it pays ---- */

enum {
    SKIPPED_STEPS =
        2, /* of an arm in trial: the first pay for caches that are cold, and guesses come from the step before */
    TRY_STEPS = 8,
    STAY_STEPS = 512,
    LONGEST_STAY = 8192,
    SURE_STEPS = 24
};

static double rate_of(const Arms *a, bool on)
{
    return a->tokens[on] / a->seconds[on];
}

static void begin(Arms *a, ArmPhase phase, bool on, int64_t steps)
{
    a->phase = phase;
    a->on = on;
    a->steps = steps;
    a->n_timed = 0;
    if (phase != STAY) a->tokens[on] = a->seconds[on] = 0.0; /* what it was long ago says little */
}

static void choose_arm(Arms *a)
{
    static const double worthwhile = 1.02;
    const int64_t trial = SKIPPED_STEPS + TRY_STEPS;
    if (a->phase == TRY_FIRST) {
        begin(a, TRY_SECOND, !a->on, trial);
    } else if (a->phase == TRY_SECOND) {
        const bool before = !a->on, best = rate_of(a, true) > worthwhile * rate_of(a, false);
        a->stay = a->stay > 0 && best == before ? 2 * a->stay : STAY_STEPS;
        if (a->stay > LONGEST_STAY) a->stay = LONGEST_STAY;
        begin(a, STAY, best, a->stay);
    } else {
        begin(a, TRY_FIRST, a->phase == ARM_NEW || a->on, trial);
    }
}

/* A short trial may have flattered the module. */
static bool is_worse(const Arms *a)
{
    return a->phase == STAY && a->on && a->n_timed >= SURE_STEPS && rate_of(a, true) < rate_of(a, false);
}

bool mtp_draft_hopeful(const MtpDraft *d, int64_t n_active)
{
    return d->arms[n_active].phase != STAY || d->arms[n_active].on;
}

bool mtp_draft_wanted(MtpDraft *d, int64_t n_active)
{
    Arms *const a = &d->arms[n_active];
    if (a->steps == 0) choose_arm(a);
    return a->on;
}

bool mtp_draft_trying(const MtpDraft *d, int64_t n_active)
{
    return d->arms[n_active].phase != STAY;
}

void mtp_draft_observe(MtpDraft *d, int64_t n_active, int64_t tokens, double seconds)
{
    static const double keep = 0.98;
    Arms *const a = &d->arms[n_active];
    const bool skipped = a->phase != STAY && a->steps > TRY_STEPS;
    a->steps--;
    if (skipped || seconds <= 0.0) return;
    a->tokens[a->on] = keep * a->tokens[a->on] + (double)tokens;
    a->seconds[a->on] = keep * a->seconds[a->on] + seconds;
    a->n_timed++;
    if (!is_worse(a)) return;
    a->on = false;
    a->stay = STAY_STEPS;
    if (a->steps > STAY_STEPS) a->steps = STAY_STEPS;
}

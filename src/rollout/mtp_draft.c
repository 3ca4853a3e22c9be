/* SPDX-License-Identifier: MIT */
#include "rollout/mtp_draft.h"

#include "base/clock.h"
#include "model/frozen.h"
#include "model/mtp.h"

#include <assert.h>

enum { MODULE = 0, TRY_STEPS = 8, STAY_STEPS = 512 };

/* Steps with and without the module: sums that forget. */
typedef struct Arms {
    double tokens[2], seconds[2];
    int64_t steps; /* left in the arm in hand */
    bool on, trying;
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
    float *logits; /* [V] */
    double right[MTP_DRAFT_MAX], total[MTP_DRAFT_MAX];
    double pass_seconds; /* of one more guess for all */
    Arms arms[DRAFT_MAX_ACTIVE + 1];
};

/* ---- memory ---- */

bool mtp_draft_can(const Model *model)
{
    if (model->config.n_mtp == 0 || model->config.scalar_head) return false;
    if (!model->frozen) return true;
    for (int64_t i = 0; i < model->frozen->n; i++)
        if (model->frozen->matrices[i].offset == model->mtp_panels[MODULE]) return true;
    return false;
}

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

static size_t take_lists(MtpDraft *d, Arena *arena, const ModelConfig *config, int64_t max_active, int64_t max_rows)
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
    TAKE(d->logits, (size_t)config->vocab_size, float);
#undef TAKE
    return bytes;
}

size_t mtp_draft_plan_bytes(const ModelConfig *config, int64_t max_active, int64_t max_rows, int64_t max_sequence)
{
    MtpDraft counted;
    if (config->n_mtp == 0 || config->scalar_head) return 0;
    return take_lists(&counted, NULL, config, max_active, max_rows) +
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
    if (!arena_create(&d->memory, "guesses", take_lists(d, NULL, c, max_active, max_rows), err) ||
        !kv_cache_create_layers(&d->cache, c, c->n_layers + MODULE, 1, pool_blocks(max_active, max_sequence), err)) {
        mtp_draft_free(d);
        return false;
    }
    take_lists(d, &d->memory, c, max_active, max_rows);
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
    const int64_t first = text->end - text->keys.n_tokens;
    text->n_guesses = 0;
    if (text->end <= end) return;
    if (end <= first) {
        mtp_draft_forget(d, text);
        return;
    }
    kv_sequence_truncate(&d->cache, &text->keys, end - first);
    text->end = end;
}

void mtp_draft_fork(MtpDraft *d, MtpText *fork, const MtpText *from)
{
    if (from->end < 0) return;
    if (kv_sequence_fork(&d->cache, &fork->keys, &from->keys)) fork->end = from->end;
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
        if (text->end != rows[i].first_position) mtp_draft_forget(d, text);
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

/* Reads the last listed rows' logits and guesses; each text that has a guess and room goes on to the next place. Returns how many rows the
 * next pass has. */
static int64_t guess_place(MtpDraft *d, DecoderWorkspace *w, const MtpRows *rows, int64_t n_texts, int64_t place,
                           MtpDraw draw, void *context)
{
    int64_t n = 0;
    for (int64_t i = 0; i < n_texts; i++) {
        MtpText *const text = rows[i].text;
        if (d->last_rows[i] < 0) continue;
        mtp_logits(d->model, d->compute, w, MODULE, d->last_rows[i], 1, d->logits);
        text->guesses[place] = draw(context, i, place, d->logits);
        text->n_guesses = place + 1;
        d->segments[n] = (DecoderSegment){n, 1, text->keys.n_tokens};
        d->sequences[n] = &text->keys;
        d->ids[n] = text->guesses[place];
        d->positions[n] = (int32_t)(text->end + place);
        d->rows[n] = d->last_rows[i];
        d->last_rows[i] = n++;
    }
    return n;
}

void mtp_draft_guess(MtpDraft *d, DecoderWorkspace *w, const MtpRows *rows, int64_t n_texts, MtpDraw draw,
                     void *context, const DraftCosts *costs)
{
    for (int64_t place = 0; pays(d, costs, n_texts, place); place++) {
        const double start = clock_thread_seconds();
        if (place > 0) {
            int64_t n = 0;
            for (int64_t i = 0; i < n_texts; i++) n += d->last_rows[i] >= 0;
            forward(d, w, mtp_stream(d->model, w, MODULE), n, n);
        }
        if (guess_place(d, w, rows, n_texts, place, draw, context) == 0) break;
        d->pass_seconds = clock_thread_seconds() - start;
    }
    /* The keys of guesses are taken back. */
    for (int64_t i = 0; i < n_texts; i++) {
        KvSequence *const keys = &rows[i].text->keys;
        if (d->last_rows[i] < 0) continue;
        const int64_t guessed = rows[i].text->n_guesses - 1;
        kv_sequence_truncate(&d->cache, keys, keys->n_tokens - guessed);
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

static double rate_of(const Arms *a, bool on)
{
    return a->tokens[on] / a->seconds[on];
}

/* The better of the two for long, the other for a few steps in between; each once before anything is known. */
static void choose_arm(Arms *a)
{
    static const double worthwhile = 1.02;
    const bool known[2] = {a->seconds[0] > 0.0, a->seconds[1] > 0.0};
    a->trying = !known[0] || !known[1] || !a->trying;
    if (!known[1] || !known[0]) {
        a->on = !known[1];
    } else {
        const bool best = rate_of(a, true) > worthwhile * rate_of(a, false);
        a->on = a->trying ? !best : best;
    }
    if (a->trying) a->tokens[a->on] = a->seconds[a->on] = 0.0; /* what it was long ago says little */
    a->steps = a->trying ? TRY_STEPS : STAY_STEPS;
}

bool mtp_draft_hopeful(const MtpDraft *d, int64_t n_active)
{
    const Arms *const a = &d->arms[n_active];
    return a->seconds[0] == 0.0 || a->seconds[1] == 0.0 || rate_of(a, true) > rate_of(a, false);
}

bool mtp_draft_wanted(MtpDraft *d, int64_t n_active)
{
    Arms *const a = &d->arms[n_active];
    if (a->steps == 0) choose_arm(a);
    return a->on;
}

void mtp_draft_observe(MtpDraft *d, int64_t n_active, bool ran, int64_t tokens, double seconds)
{
    static const double keep = 0.98;
    Arms *const a = &d->arms[n_active];
    a->tokens[ran] = keep * a->tokens[ran] + (double)tokens;
    a->seconds[ran] = keep * a->seconds[ran] + seconds;
    if (a->steps > 0) a->steps--;
}

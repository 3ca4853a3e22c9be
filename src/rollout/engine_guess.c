/* SPDX-License-Identifier: MIT */
/* rollout/engine_guess.c: guesses of what comes next, from the text and from the model's own module, and what is learnt about them. They
 * are guesses about speed alone: what is drawn does not depend on them. */
#include "rollout/engine_parts.h"

#include "base/clock.h"

#include <string.h>

/* ---- from the text ---- */

static DraftText draft_text(const Slot *slot, const RolloutPrompt *prompt)
{
    return (DraftText){prompt->ids, slot->ids, prompt->n_ids, prompt->n_ids + slot->n_new};
}

/* How many of the guesses behind the completion the grammar lets through: what it forbids is not drawn, so its row would be lost. */
static int64_t count_allowed(const Run *run, const Slot *slot, int64_t n)
{
    Grammar *const grammar = run->params->grammar;
    GrammarState state = slot->grammar_state;
    for (int64_t i = 0; grammar && i < n; i++)
        if (!grammar_may_follow(grammar, &state, slot->ids[slot->n_new + i])) return i;
    return n;
}

void engine_guess(RolloutEngine *e, const Run *run)
{
    static const DraftCosts nothing_known = {{0.0}};
    const DraftCosts *costs = run->params->speculation == SPECULATION_UNTIMED ? &nothing_known : &e->costs;
    DraftBudget budget = {(double)e->n_active, e->n_active};
    for (int64_t i = 0; i < e->n_active; i++) {
        e->slots[i].n_rows = 1;
        e->slots[i].n_before = e->slots[i].n_new;
        e->slots[i].n_module = 0;
    }
    if (run->params->speculation == SPECULATION_OFF || e->n_active > DRAFT_MAX_ACTIVE) return;
    for (int64_t i = 0; i < e->n_active; i++) {
        Slot *slot = &e->slots[i];
        const DraftText text = draft_text(slot, &run->prompts[slot->prompt]);
        draft_observe(&slot->draft, &e->rates, &text);
        /* The last token of a completion needs no row of its own. */
        const int64_t most = run->params->max_tokens - slot->n_new - 1;
        const DraftBudget before = budget;
        int64_t n = draft_propose(&slot->draft, &e->rates, costs, &text, slot->ids + slot->n_new, most, &budget);
        const int64_t allowed = count_allowed(run, slot, n);
        if (allowed < n) {
            budget = before;
            n = draft_propose(&slot->draft, &e->rates, costs, &text, slot->ids + slot->n_new, allowed, &budget);
        }
        slot->n_rows += n;
        if (slot->n_rows > 1 || !e->mtp) continue;
        slot->n_module = mtp_draft_worth(e->mtp, &slot->further, costs, most, &budget);
        memcpy(slot->ids + slot->n_new, slot->further.guesses, (size_t)slot->n_module * sizeof *slot->ids);
        slot->n_rows += slot->n_module;
    }
}

/* ---- what steps cost ---- */

/* Whether what steps cost decides what is guessed. */
static bool learns(const RolloutEngine *e, const Run *run)
{
    return run->params->speculation == SPECULATION_ON && e->n_active <= DRAFT_MAX_ACTIVE;
}

/* What a step costs is told by the time of the calling thread, which does its share of every region: on a busy machine the clock on the wall
 * would say who else is running. Reading it is a system call, so that short steps are timed now and then, but for those of a trial and of a
 * number of rows that was never taken. */
bool engine_times_step(RolloutEngine *e, const Run *run, int64_t n_rows)
{
    if (!learns(e, run)) return false;
    const bool unknown = n_rows <= DRAFT_MAX_ROWS && e->costs.seconds[n_rows] == 0.0;
    if (!unknown && !(e->mtp && mtp_draft_trying(e->mtp, e->n_active)) && --e->n_untimed > 0) return false;
    e->n_untimed = draft_costs_pause(&e->costs, n_rows);
    return true;
}

/* ---- the model's own module ---- */

typedef struct Ahead {
    RolloutEngine *e;
    const Run *run;
    Slot *slots[DRAFT_MAX_ACTIVE]; /* of the texts in e->mtp_rows */
    GrammarState states[DRAFT_MAX_ACTIVE];
} Ahead;

/* What the grammar lets through behind the guesses so far: the mask that the token itself will have, if it needs no state that the text may never reach. False: nothing
 * can follow. */
static bool mask_ahead(Ahead *a, int64_t text, int64_t n_ahead, SamplingPast *past)
{
    Grammar *const grammar = a->run->params->grammar;
    const Slot *const slot = a->slots[text];
    GrammarState *const state = &a->states[text];
    GrammarMask mask;
    Error ignored = {0}; /* the draw itself will tell */
    if (!grammar) return true;
    if (n_ahead == 0) {
        *state = slot->grammar_state;
        if (!grammar_allowed(grammar, *state, &mask, &ignored) || mask.n_allowed == 0) return false;
    } else if (!grammar_may_follow(grammar, state, slot->further.guesses[n_ahead - 1])) {
        return false;
    } else if (!grammar_remembered_mask(grammar, *state, &mask)) {
        return true;
    }
    past->allowed = mask.bits;
    return mask.n_allowed > 0;
}

/* What the module's logits would have the completion go on with: by the draw that the token itself will have. */
static int32_t draw_ahead(void *context, int64_t text, int64_t n_ahead, const float *logits)
{
    Ahead *const a = context;
    Slot *const slot = a->slots[text];
    const RolloutPrompt *const prompt = &a->run->prompts[slot->prompt];
    const SamplingParams *const params = a->run->params;
    const int64_t room = params->max_tokens - slot->n_new, known = n_ahead < room ? n_ahead : room;
    const Rng rng = {params->seed, RNG_TOKEN};
    const double u = rng_uniform(rng, prompt->draw_a, prompt->draw_b,
                                 (uint64_t)slot->index << 32 | (uint64_t)(slot->n_new + n_ahead));
    memcpy(slot->ids + slot->n_new, slot->further.guesses, (size_t)known * sizeof *slot->ids);
    SamplingPast past = {
        .prompt = prompt->ids, .n_prompt = prompt->n_ids, .completion = slot->ids, .n_completion = slot->n_new + known};
    if (!mask_ahead(a, text, n_ahead, &past)) return -1;
    const int32_t id = sampler_draw(a->e->compute->k, logits, a->e->model->config.vocab_size, params, &past, u,
                                    a->e->sampler_scratch[0])
                           .id;
    GrammarState behind = a->states[text];
    return !params->grammar || past.allowed || grammar_may_follow(params->grammar, &behind, id) ? id : -1;
}

/* Tells the module what the step drew, so that it learns how good its guesses are, and has it guess for the next. */
static void guess_further(RolloutEngine *e, const Run *run, bool timed)
{
    Ahead ahead = {.e = e, .run = run};
    int64_t n = 0;
    for (int64_t i = 0; i < e->n_active; i++) {
        Slot *const slot = &e->slots[i];
        const int32_t *const drawn = slot->ids + slot->n_before;
        const int64_t n_drawn = slot->n_new - slot->n_before;
        mtp_draft_teach(e->mtp, &slot->further, drawn, n_drawn);
        if (slot->ended) continue;
        e->mtp_rows[n] = (MtpRows){&slot->further, slot->row, n_drawn, e->segments[i].first_position, drawn};
        ahead.slots[n++] = slot;
    }
    if (n == 0) return;
    mtp_draft_take(e->mtp, &e->workspace, e->mtp_rows, n);
    mtp_draft_guess(e->mtp, &e->workspace, e->mtp_rows, n, draw_ahead, &ahead, learns(e, run) ? &e->costs : NULL,
                    timed);
}

static void forget_further(RolloutEngine *e)
{
    for (int64_t i = 0; i < e->n_active; i++)
        if (e->slots[i].further.end >= 0) mtp_draft_forget(e->mtp, &e->slots[i].further);
}

bool engine_wants_further(RolloutEngine *e, const Run *run)
{
    if (!e->mtp || run->params->speculation == SPECULATION_OFF || e->n_active > DRAFT_MAX_ACTIVE) return false;
    return run->params->speculation == SPECULATION_UNTIMED || mtp_draft_wanted(e->mtp, e->n_active);
}

/* What the module gave in the step in hand. */
static void count_further(RolloutEngine *e)
{
    for (int64_t i = 0; i < e->n_active; i++) {
        const Slot *const slot = &e->slots[i];
        const int64_t right = slot->n_new - slot->n_before - 1;
        e->stats.module_drafted += slot->n_module;
        e->stats.module_accepted += right < slot->n_module ? right : slot->n_module;
    }
}

bool engine_prefills_further(const RolloutEngine *e, const Run *run)
{
    const int64_t total = run->n_prompts * run->n_completions;
    const int64_t most = total < e->max_active ? total : e->max_active;
    return e->mtp && run->params->speculation != SPECULATION_OFF && most <= DRAFT_MAX_ACTIVE &&
           mtp_draft_hopeful(e->mtp, most);
}

/* ---- a step that is done ---- */

void engine_learn(RolloutEngine *e, const Run *run, const StepDone *step)
{
    double seconds = step->timed ? clock_thread_seconds() - step->thread_start : 0.0;
    if (step->timed) draft_costs_observe(&e->costs, step->n_rows, seconds);
    if (!e->mtp) return;
    count_further(e);
    if (step->further) {
        guess_further(e, run, step->timed);
        if (step->timed) seconds = clock_thread_seconds() - step->thread_start;
    } else {
        forget_further(e);
    }
    if (learns(e, run)) mtp_draft_observe(e->mtp, e->n_active, step->n_gained, seconds);
}

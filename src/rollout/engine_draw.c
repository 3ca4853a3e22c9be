/* SPDX-License-Identifier: MIT */
/* rollout/engine_draw.c: tokens from logits, row by row, and where a completion ends. */
#include "rollout/engine_parts.h"

static bool is_stop(const ModelConfig *config, int32_t id)
{
    for (int i = 0; i < config->n_eos; i++)
        if (config->eos_ids[i] == id) return true;
    return false;
}

typedef struct DrawRegion {
    RolloutEngine *e;
    const Run *run;
    int64_t first, end; /* the rows whose logits stand in the workspace */
    int64_t first_slot;
    bool ok; /* only a grammar can fail, and then the slots are drawn one after another */
    Error *err;
} DrawRegion;

/* What the grammar allows next. That it allows nothing is an error here: draw_slot has ended what could end. */
static bool allowed_next(DrawRegion *r, const Slot *slot, SamplingPast *past)
{
    GrammarMask mask;
    Grammar *const grammar = r->run->params->grammar;
    if (!grammar) return true;
    if (!grammar_allowed(grammar, slot->grammar_state, &mask, r->err)) return false;
    past->allowed = mask.bits;
    return mask.n_allowed > 0 ||
           error_set(r->err, ERROR_INPUT, "the grammar leaves no token of this vocabulary behind %lld new tokens",
                     (long long)slot->n_new);
}

static bool draw(DrawRegion *r, const Slot *slot, int thread, SampledToken *token)
{
    RolloutEngine *e = r->e;
    const SamplingParams *params = r->run->params;
    const RolloutPrompt *prompt = &r->run->prompts[slot->prompt];
    const int64_t V = e->model->config.vocab_size;
    const Rng rng = {params->seed, RNG_TOKEN};
    const double u =
        rng_uniform(rng, prompt->draw_a, prompt->draw_b, (uint64_t)slot->index << 32 | (uint64_t)slot->n_new);
    SamplingPast past = {
        .prompt = prompt->ids, .n_prompt = prompt->n_ids, .completion = slot->ids, .n_completion = slot->n_new};
    if (!allowed_next(r, slot, &past)) return false;
    *token = sampler_draw(e->compute->k, e->workspace.logits + (slot->row + slot->next_row - r->first) * V, V, params,
                          &past, u, e->sampler_scratch[thread]);
    return true;
}

static void append(Slot *slot, const SampledToken *token)
{
    slot->ids[slot->n_new] = token->id;
    slot->logprobs[slot->n_new] = token->logprob;
    slot->policy_logprobs[slot->n_new] = token->policy_logprob;
    slot->sampled_logprobs[slot->n_new] = token->sampled_logprob;
    slot->n_new++;
    slot->last_token = token->id;
}

/* Whether a stop string ends with the last token, or the text is whole and nothing can follow. */
static bool text_ends(DrawRegion *r, Slot *slot, bool *ends)
{
    const SamplingParams *params = r->run->params;
    size_t length;
    *ends = false;
    if (!params->stop && !params->grammar) return true;
    const char *const text = token_bytes_get(params->token_bytes, slot->last_token, &length);
    if (params->stop) *ends = stop_strings_feed(params->stop, &slot->stop_state, text, length);
    if (!params->grammar || *ends) return true;
    GrammarMask mask;
    if (!grammar_advance(params->grammar, &slot->grammar_state, text, length, r->err)) return false;
    if (!grammar_may_end(params->grammar, slot->grammar_state)) return true;
    if (!grammar_allowed(params->grammar, slot->grammar_state, &mask, r->err)) return false;
    *ends = mask.n_allowed == 0;
    return true;
}

/* Draws the token of the slot's next row. */
static bool draw_row(DrawRegion *r, Slot *slot, int thread)
{
    const SamplingParams *params = r->run->params;
    const int32_t guess = slot->ids[slot->n_new];
    SampledToken token;
    bool stop, text_end = false;
    if (!draw(r, slot, thread, &token)) return false;
    append(slot, &token);
    stop = !params->ignore_eos && is_stop(&r->e->model->config, token.id);
    if (!stop && !text_ends(r, slot, &text_end)) return false;
    slot->finish = stop ? FINISH_STOP : text_end ? FINISH_TEXT : FINISH_LENGTH;
    slot->ended = stop || text_end || slot->n_new == params->max_tokens;
    slot->next_row++;
    if (slot->ended || (slot->next_row < slot->n_rows && token.id != guess)) slot->next_row = slot->n_rows;
    return true;
}

/* Draws from each slot's rows in [first, end), as long as each draw gives what the next row was run for. */
static void draw_slots(void *context, int64_t begin, int64_t end, int thread)
{
    DrawRegion *r = context;
    for (int64_t i = begin; i < end && r->ok; i++) {
        Slot *slot = &r->e->slots[r->first_slot + i];
        while (slot->next_row < slot->n_rows && slot->row + slot->next_row < r->end)
            if (!draw_row(r, slot, thread)) {
                r->ok = false;
                return;
            }
    }
}

/* Logits of the step's rows, block by block, and the draws of the slots that have rows in the block. */
bool engine_draw(RolloutEngine *e, const Run *run, int64_t n_rows, Error *err)
{
    enum { DRAW_GRAIN = 2 };
    int64_t slot = 0, end_slot = 0;
    for (int64_t first = 0; first < n_rows; first += e->workspace.head_rows) {
        const int64_t rows = n_rows - first < e->workspace.head_rows ? n_rows - first : e->workspace.head_rows;
        decoder_logits(e->model, e->compute, &e->workspace, first, rows, e->workspace.logits);
        while (e->slots[slot].row + e->slots[slot].n_rows <= first) slot++;
        while (end_slot < e->n_active && e->slots[end_slot].row < first + rows) end_slot++;
        DrawRegion region = {e, run, first, first + rows, slot, true, err};
        if (run->params->grammar)
            draw_slots(&region, 0, end_slot - slot, 0); /* a grammar is not shared between threads */
        else
            compute_rows(e->compute, end_slot - slot, DRAW_GRAIN, draw_slots, &region);
        if (!region.ok) return false;
    }
    return true;
}

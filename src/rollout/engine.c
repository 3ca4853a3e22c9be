/* SPDX-License-Identifier: MIT */
/* rollout/engine.c: the loop is: give free slots to waiting completions (prefilling their prompts), guess what comes next where that pays, run every
 * active slot's last token and guesses through one forward, draw, take back the keys of wrong guesses, hand out what ended. All memory is
 * taken when the engine is created; the loop allocates nothing. */
#include "rollout/engine_parts.h"

#include "base/clock.h"
#include "base/signals.h"

#include <assert.h>
#include <string.h>

enum { PREFILL_ROWS = 512 };

const char *finish_reason_name(FinishReason reason)
{
    return reason == FINISH_LENGTH ? "length" : "stop";
}

static int64_t max_rows_of(int64_t max_active)
{
    return max_active > PREFILL_ROWS ? max_active : PREFILL_ROWS;
}

static int64_t pool_blocks(int64_t max_active, int64_t blocks_per_sequence)
{
    /* Every slot at its longest and a prefix for each: more than can ever be in use, but a page that is not touched costs nothing. */
    return 2 * max_active * blocks_per_sequence;
}

/* Takes (or, with arena NULL, counts) the lists. */
static size_t take_lists(RolloutEngine *e, Arena *arena, const ModelConfig *config, int n_threads)
{
    const size_t active = (size_t)e->max_active, rows = (size_t)max_rows_of(e->max_active),
                 tokens = (size_t)e->max_sequence;
    const size_t blocks = (size_t)e->blocks_per_sequence, scratch = (size_t)sampler_scratch_floats(config->vocab_size);
    size_t bytes = 0;
#define TAKE(field, count, type)                                                                                       \
    (bytes += arena_piece_bytes((count), sizeof(type)),                                                                \
     arena ? (void)((field) = arena_take(arena, (count), sizeof(type))) : (void)0)
    TAKE(e->slots, active, Slot);
    TAKE(e->prefixes, active, Prefix);
    TAKE(e->row_ids, rows, int32_t);
    TAKE(e->row_positions, rows, int32_t);
    TAKE(e->segments, active, DecoderSegment);
    TAKE(e->sequences, active, KvSequence *);
    TAKE(e->no_prompt, active, int64_t);
    TAKE(e->mtp_rows, active, MtpRows);
    TAKE(e->sampler_scratch, (size_t)n_threads, float *);
    for (int t = 0; t < n_threads; t++) {
        float *unused = NULL, **place = arena ? &e->sampler_scratch[t] : &unused;
        TAKE(*place, scratch, float);
    }
    e->kept.sequence.max_blocks = e->blocks_per_sequence;
    TAKE(e->kept.sequence.block_ids, blocks, int32_t);
    TAKE(e->kept.ids, tokens, int32_t);
    if (config->n_mtp > 0) {
        e->kept.further.keys.max_blocks = mtp_draft_max_blocks(e->max_sequence);
        TAKE(e->kept.further.keys.block_ids, (size_t)e->kept.further.keys.max_blocks, int32_t);
    }
    for (size_t i = 0; i < active; i++) {
        Slot counted = {0}, *slot = arena ? &e->slots[i] : &counted;
        Prefix counted_prefix = {0}, *prefix = arena ? &e->prefixes[i] : &counted_prefix;
        if (arena) *slot = (Slot){0}, *prefix = (Prefix){.prompt = -1};
        slot->sequence.max_blocks = prefix->sequence.max_blocks = e->blocks_per_sequence;
        TAKE(slot->sequence.block_ids, blocks, int32_t);
        TAKE(prefix->sequence.block_ids, blocks, int32_t);
        if (config->n_mtp > 0) {
            slot->further.keys.max_blocks = prefix->further.keys.max_blocks = mtp_draft_max_blocks(e->max_sequence);
            TAKE(slot->further.keys.block_ids, (size_t)slot->further.keys.max_blocks, int32_t);
            TAKE(prefix->further.keys.block_ids, (size_t)slot->further.keys.max_blocks, int32_t);
        }
        TAKE(slot->ids, tokens, int32_t);
        TAKE(slot->logprobs, tokens, float);
        TAKE(slot->policy_logprobs, tokens, float);
        TAKE(slot->sampled_logprobs, tokens, float);
        slot->draft.capacity = draft_index_capacity(e->max_sequence);
        TAKE(slot->draft.places, (size_t)slot->draft.capacity, int32_t);
    }
#undef TAKE
    return bytes;
}

static void describe(RolloutEngine *e, int64_t max_active, int64_t max_sequence)
{
    *e = (RolloutEngine){.max_active = max_active,
                         .max_sequence = max_sequence,
                         .blocks_per_sequence = (max_sequence + KV_BLOCK - 1) / KV_BLOCK};
}

size_t engine_plan_bytes(const ModelConfig *config, int64_t max_active, int64_t max_sequence, int n_threads)
{
    RolloutEngine e;
    describe(&e, max_active, max_sequence);
    return take_lists(&e, NULL, config, n_threads) +
           kv_cache_bytes(config, pool_blocks(max_active, e.blocks_per_sequence)) +
           mtp_draft_plan_bytes(config, max_active, max_rows_of(max_active), max_sequence) +
           decoder_workspace_bytes(config, max_rows_of(max_active), max_sequence, n_threads, false, false);
}

bool engine_create(RolloutEngine **out, Model *model, const Compute *compute, int64_t max_active, int64_t max_sequence,
                   Error *err)
{
    *out = NULL;
    const int n_threads = threads_count(compute->threads);
    if (!model_reserve_positions(model, max_sequence, err)) return false;
    RolloutEngine *e = base_alloc(1, sizeof *e);
    describe(e, max_active, max_sequence);
    e->model = model;
    e->compute = compute;
    const size_t bytes = take_lists(e, NULL, &model->config, n_threads);
    if (!arena_create(&e->memory, "rollout lists", bytes, err) ||
        !kv_cache_create(&e->cache, &model->config, pool_blocks(max_active, e->blocks_per_sequence), err) ||
        !decoder_workspace_create(&e->workspace, &model->config, max_rows_of(max_active), max_sequence, n_threads,
                                  false, false, err) ||
        (model->config.n_mtp > 0 &&
         !mtp_draft_create(&e->mtp, model, compute, max_active, max_rows_of(max_active), max_sequence, err))) {
        engine_free(e);
        return false;
    }
    take_lists(e, &e->memory, &model->config, n_threads);
    for (int64_t i = 0; i < max_active; i++) e->no_prompt[i] = -1;
    *out = e;
    return true;
}

void engine_listen(RolloutEngine *e, RolloutDone grown, void *context)
{
    e->grown = grown;
    e->grown_context = context;
}

void engine_keep_text(RolloutEngine *e, bool keep)
{
    e->keeps_text = keep;
}

void engine_free(RolloutEngine *e)
{
    if (!e) return;
    mtp_draft_free(e->mtp);
    decoder_workspace_free(&e->workspace);
    kv_cache_free(&e->cache);
    arena_free(&e->memory);
    base_free(e);
}

static bool check_prompts(const RolloutEngine *e, const Run *run, Error *err)
{
    for (int64_t p = 0; p < run->n_prompts; p++) {
        const RolloutPrompt *prompt = &run->prompts[p];
        if (prompt->n_ids < 1)
            return error_set(err, ERROR_INPUT, "prompt %lld is empty: give at least one token", (long long)p);
        if (prompt->n_ids + run->params->max_tokens > e->max_sequence)
            return error_set(err, ERROR_INPUT, "prompt %lld has %lld tokens: with %lld new ones it is longer than %lld",
                             (long long)p, (long long)prompt->n_ids, (long long)run->params->max_tokens,
                             (long long)e->max_sequence);
        for (int64_t i = 0; i < prompt->n_ids; i++)
            if (prompt->ids[i] < 0 || prompt->ids[i] >= e->model->config.vocab_size)
                return error_set(
                    err, ERROR_INPUT, "prompt %lld: token id %d at place %lld is outside the vocabulary of %lld",
                    (long long)p, (int)prompt->ids[i], (long long)i, (long long)e->model->config.vocab_size);
    }
    return true;
}

/* One forward over n_segments segments whose rows have been listed. */
static void forward(RolloutEngine *e, int64_t n_segments, int64_t n_rows)
{
    const DecoderBatch batch = {.n_rows = n_rows,
                                .n_backward_rows = n_rows,
                                .ids = e->row_ids,
                                .positions = e->row_positions,
                                .segments = e->segments,
                                .n_segments = n_segments,
                                .prompt_of_segment = e->no_prompt,
                                .cache = &e->cache,
                                .sequences = e->sequences};
    decoder_forward(e->model, e->compute, &e->workspace, &batch);
    for (int64_t s = 0; s < n_segments; s++) e->sequences[s]->n_tokens += e->segments[s].n_rows;
}

/* Prefills the prefixes [first, end), several in one forward, a long one in several. */
static void prefill(RolloutEngine *e, const Run *run, Prefix *const *waiting, int64_t n_waiting)
{
    int64_t i = 0;
    while (i < n_waiting) {
        int64_t n_rows = 0, n_segments = 0;
        const int64_t limit = e->workspace.max_rows;
        while (i < n_waiting && n_rows < limit && n_segments < e->max_active) {
            KvSequence *sequence = &waiting[i]->sequence;
            const RolloutPrompt *prompt = &run->prompts[waiting[i]->prompt];
            const int64_t begin = sequence->n_tokens, left = prompt->n_ids - 1 - begin;
            const int64_t n = left < limit - n_rows ? left : limit - n_rows;
            if (n > 0) {
                const bool room = kv_sequence_reserve(&e->cache, sequence, n);
                assert(room), (void)room;
                e->segments[n_segments] = (DecoderSegment){n_rows, n, begin};
                e->mtp_rows[n_segments] = (MtpRows){&waiting[i]->further, n_rows, n, begin, prompt->ids + begin + 1};
                e->sequences[n_segments++] = sequence;
                for (int64_t t = 0; t < n; t++) {
                    e->row_ids[n_rows + t] = prompt->ids[begin + t];
                    e->row_positions[n_rows + t] = (int32_t)(begin + t);
                }
                n_rows += n;
            }
            if (n < left) break; /* the rest in the next forward */
            i++;
        }
        if (n_segments > 0) forward(e, n_segments, n_rows);
        if (n_segments > 0 && run->further) mtp_draft_take(e->mtp, &e->workspace, e->mtp_rows, n_segments);
        e->stats.prefill_tokens += n_rows;
    }
}

/* ---- the text of the run before ---- */

static bool is_single(const Run *run)
{
    return run->n_prompts * run->n_completions == 1;
}

static void keep_text(RolloutEngine *e, const Run *run, Slot *slot)
{
    const RolloutPrompt *const prompt = &run->prompts[slot->prompt];
    kept_text_put(&e->kept, &e->cache, &slot->sequence, &slot->further, prompt->ids, prompt->n_ids, slot->ids,
                  slot->n_new);
}

static void take_kept(RolloutEngine *e, const Run *run, Prefix *prefix)
{
    const RolloutPrompt *const prompt = &run->prompts[prefix->prompt];
    e->stats.reused_tokens = kept_text_take(&e->kept, &e->cache, e->mtp, run->further, prompt->ids, prompt->n_ids,
                                            &prefix->sequence, &prefix->further);
}

static Prefix *find_prefix(RolloutEngine *e, int64_t prompt)
{
    for (int64_t i = 0; i < e->max_active; i++)
        if (e->prefixes[i].prompt == prompt) return &e->prefixes[i];
    return NULL;
}

/* Gives every free slot to the next completion in line. */
static void fill_slots(RolloutEngine *e, Run *run)
{
    const int64_t total = run->n_prompts * run->n_completions;
    int64_t n_start = e->max_active - e->n_active, n_waiting = 0;
    if (n_start > total - run->next) n_start = total - run->next;
    if (n_start <= 0) return;
    Prefix *waiting[64];
    for (int64_t i = 0; i < n_start; i++) {
        const int64_t prompt = (run->next + i) / run->n_completions;
        if (find_prefix(e, prompt)) continue;
        Prefix *prefix = find_prefix(e, -1);
        *prefix = (Prefix){.sequence = prefix->sequence, .further = prefix->further, .prompt = prompt};
        if (is_single(run)) take_kept(e, run, prefix);
        waiting[n_waiting++] = prefix;
        if (n_waiting == 64) prefill(e, run, waiting, n_waiting), n_waiting = 0;
    }
    prefill(e, run, waiting, n_waiting);
    for (int64_t i = 0; i < n_start; i++, run->next++) {
        Prefix *prefix = find_prefix(e, run->next / run->n_completions);
        const RolloutPrompt *prompt = &run->prompts[prefix->prompt];
        Slot *slot = &e->slots[e->n_active++];
        slot->prompt = prefix->prompt;
        slot->index = run->next % run->n_completions;
        slot->last_token = prompt->ids[prompt->n_ids - 1];
        slot->n_new = 0;
        slot->ended = false;
        slot->stop_state = 0;
        slot->grammar_state = GRAMMAR_START;
        draft_index_reset(&slot->draft);
        const bool forked = kv_sequence_fork(&e->cache, &slot->sequence, &prefix->sequence);
        assert(forked), (void)forked;
        if (run->further) mtp_draft_fork(e->mtp, &slot->further, &prefix->further);
        if (++prefix->forked == run->n_completions) {
            if (run->further) mtp_draft_forget(e->mtp, &prefix->further);
            kv_sequence_release(&e->cache, &prefix->sequence);
            prefix->prompt = -1;
        }
    }
}

/* ---- one step ---- */

/* Lists the rows of every slot's last token and guesses; returns how many. */
static int64_t lay_out(RolloutEngine *e)
{
    int64_t n = 0;
    for (int64_t i = 0; i < e->n_active; i++) {
        Slot *slot = &e->slots[i];
        const int64_t first = slot->sequence.n_tokens;
        const bool room = kv_sequence_reserve(&e->cache, &slot->sequence, slot->n_rows);
        assert(room), (void)room;
        slot->row = n;
        slot->next_row = 0;
        e->segments[i] = (DecoderSegment){n, slot->n_rows, first};
        e->sequences[i] = &slot->sequence;
        for (int64_t r = 0; r < slot->n_rows; r++, n++) {
            e->row_ids[n] = r == 0 ? slot->last_token : slot->ids[slot->n_new + r - 1];
            e->row_positions[n] = (int32_t)(first + r);
        }
    }
    return n;
}

/* At least one token for every active slot. */
static bool decode_step(RolloutEngine *e, const Run *run, Error *err)
{
    int64_t n_before = 0, n_after = 0;
    const double start = clock_seconds();
    const bool further = engine_wants_further(e, run);
    engine_guess(e, run);
    const int64_t n_rows = lay_out(e);
    const bool timed = engine_times_step(e, run, n_rows);
    const double thread_start = timed ? clock_thread_seconds() : 0.0;
    for (int64_t i = 0; i < e->n_active; i++) n_before += e->slots[i].n_new;
    forward(e, e->n_active, n_rows);
    if (!engine_draw(e, run, n_rows, err)) return false;
    for (int64_t i = 0; i < e->n_active; i++) {
        Slot *slot = &e->slots[i];
        const int64_t n_keys = run->prompts[slot->prompt].n_ids - 1 + slot->n_new;
        kv_sequence_truncate(&e->cache, &slot->sequence, n_keys);
        n_after += slot->n_new;
    }
    engine_learn(e, run, &(StepDone){n_rows, n_after - n_before, further, timed, thread_start});
    e->stats.decode_seconds += clock_seconds() - start;
    e->stats.decode_tokens += n_after - n_before;
    e->stats.drafted_tokens += n_rows - e->n_active;
    e->stats.accepted_tokens += n_after - n_before - e->n_active;
    e->stats.decode_steps++;
    return true;
}

static Completion completion_of(const Slot *slot)
{
    return (Completion){.prompt = slot->prompt,
                        .index = slot->index,
                        .ids = slot->ids,
                        .logprobs = slot->logprobs,
                        .policy_logprobs = slot->policy_logprobs,
                        .sampled_logprobs = slot->sampled_logprobs,
                        .n_ids = slot->n_new,
                        .finish = slot->finish};
}

/* Swaps two slots whole: their buffers travel with them. */
static void swap_slots(Slot *a, Slot *b)
{
    const Slot keep = *a;
    *a = *b;
    *b = keep;
}

/* Hands out what has ended and tells of what has grown. */
static bool collect(RolloutEngine *e, const Run *run, Error *err)
{
    for (int64_t i = e->n_active - 1; i >= 0; i--) {
        Slot *slot = &e->slots[i];
        const Completion completion = completion_of(slot);
        if (!slot->ended) {
            if (e->grown && !e->grown(e->grown_context, &completion, err)) return false;
            continue;
        }
        if (e->keeps_text && is_single(run)) {
            keep_text(e, run, slot);
        } else {
            kv_sequence_release(&e->cache, &slot->sequence);
            if (e->mtp) mtp_draft_forget(e->mtp, &slot->further);
        }
        if (!run->done(run->context, &completion, err)) return false;
        /* Slots behind i have been seen already, so the last one may move here. */
        swap_slots(slot, &e->slots[--e->n_active]);
    }
    return true;
}

/* All is empty but, while the weights are the same, the text that was kept for a run of one completion. */
static void reset(RolloutEngine *e, const Run *run)
{
    const bool keeps = is_single(run) && e->kept.sequence.n_tokens > 0 && e->cache.version == e->model->version;
    for (int64_t i = 0; i < e->max_active; i++) {
        kept_text_clear(&e->slots[i].sequence, &e->slots[i].further);
        kept_text_clear(&e->prefixes[i].sequence, &e->prefixes[i].further);
        e->prefixes[i].prompt = -1;
    }
    e->n_active = 0;
    draft_rates_reset(&e->rates);
    e->stats = (RolloutStats){0};
    if (keeps) return;
    kept_text_clear(&e->kept.sequence, &e->kept.further);
    if (e->mtp) mtp_draft_renew(e->mtp, e->model->version);
    kv_cache_renew(&e->cache, e->model->version);
}

static bool roll(RolloutEngine *e, Run *run, Error *err)
{
    for (;;) {
        const double start = clock_seconds();
        fill_slots(e, run);
        e->stats.prefill_seconds += clock_seconds() - start;
        if (e->n_active == 0) return true;
        if (!decode_step(e, run, err) || !collect(e, run, err) || !signals_check(err)) return false;
    }
}

bool engine_run(RolloutEngine *e, const RolloutPrompt *prompts, int64_t n_prompts, int64_t n_completions,
                const SamplingParams *params, RolloutDone done, void *context, RolloutStats *stats, Error *err)
{
    Run run = {.prompts = prompts,
               .n_prompts = n_prompts,
               .n_completions = n_completions,
               .params = params,
               .done = done,
               .context = context};
    run.further = engine_prefills_further(e, &run);
    if (!check_prompts(e, &run, err)) return false;
    reset(e, &run);
    const bool ok = roll(e, &run, err);
    if (!ok && e->keeps_text && is_single(&run) && e->n_active > 0 && !e->slots[0].ended)
        keep_text(e, &run, &e->slots[0]);
    if (stats) *stats = e->stats;
    return ok;
}

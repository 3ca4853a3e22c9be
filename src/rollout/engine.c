/* SPDX-License-Identifier: MIT */
/* rollout/engine.c: the loop is: give free slots to waiting completions (prefilling their prompts), decode one token for every active slot, hand out what
 * ended. All memory is taken when the engine is created; the loop allocates nothing. */
#include "rollout/engine.h"

#include "base/clock.h"
#include "base/signals.h"

#include <assert.h>
#include <string.h>

enum { PREFILL_ROWS = 512 };

typedef struct Slot {
    KvSequence sequence;
    int64_t prompt, index;
    int32_t last_token;
    int64_t n_new;
    int32_t *ids;
    float *logprobs, *policy_logprobs, *sampled_logprobs;
} Slot;

/* A prompt whose completions are being handed out. */
typedef struct Prefix {
    KvSequence sequence;
    int64_t prompt; /* -1: unused */
    int64_t forked; /* completions that have left */
} Prefix;

struct RolloutEngine {
    Model *model;
    const Compute *compute;
    int64_t max_active, max_sequence, blocks_per_sequence;
    KvCache cache;
    DecoderWorkspace workspace;
    Arena memory;
    Slot *slots; /* [max_active]; [0, n_active) are in use */
    int64_t n_active;
    Prefix *prefixes; /* [max_active] */
    /* one forward's lists, [max_rows] or [max_active] */
    int32_t *row_ids, *row_positions;
    DecoderSegment *segments;
    KvSequence **sequences;
    int64_t *no_prompt;
    SampledToken *drawn;     /* [max_active] */
    float **sampler_scratch; /* [n_threads] */
    RolloutStats stats;
};

const char *finish_reason_name(FinishReason reason)
{
    return reason == FINISH_STOP ? "stop" : "length";
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
    TAKE(e->drawn, active, SampledToken);
    TAKE(e->sampler_scratch, (size_t)n_threads, float *);
    for (int t = 0; t < n_threads; t++) {
        float *unused = NULL, **place = arena ? &e->sampler_scratch[t] : &unused;
        TAKE(*place, scratch, float);
    }
    for (size_t i = 0; i < active; i++) {
        Slot counted = {0}, *slot = arena ? &e->slots[i] : &counted;
        Prefix counted_prefix = {0}, *prefix = arena ? &e->prefixes[i] : &counted_prefix;
        if (arena) *slot = (Slot){0}, *prefix = (Prefix){.prompt = -1};
        slot->sequence.max_blocks = prefix->sequence.max_blocks = e->blocks_per_sequence;
        TAKE(slot->sequence.block_ids, blocks, int32_t);
        TAKE(prefix->sequence.block_ids, blocks, int32_t);
        TAKE(slot->ids, tokens, int32_t);
        TAKE(slot->logprobs, tokens, float);
        TAKE(slot->policy_logprobs, tokens, float);
        TAKE(slot->sampled_logprobs, tokens, float);
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
                                  false, false, err)) {
        engine_free(e);
        return false;
    }
    take_lists(e, &e->memory, &model->config, n_threads);
    for (int64_t i = 0; i < max_active; i++) e->no_prompt[i] = -1;
    *out = e;
    return true;
}

void engine_free(RolloutEngine *e)
{
    if (!e) return;
    decoder_workspace_free(&e->workspace);
    kv_cache_free(&e->cache);
    arena_free(&e->memory);
    base_free(e);
}

/* A run in hand. */
typedef struct Run {
    const RolloutPrompt *prompts;
    int64_t n_prompts, n_completions;
    const SamplingParams *params;
    RolloutDone done;
    void *context;
    int64_t next; /* prompt * n_completions + index of the next completion to start */
} Run;

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
        e->stats.prefill_tokens += n_rows;
    }
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
        *prefix = (Prefix){.sequence = prefix->sequence, .prompt = prompt};
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
        const bool forked = kv_sequence_fork(&e->cache, &slot->sequence, &prefix->sequence);
        assert(forked), (void)forked;
        if (++prefix->forked == run->n_completions) {
            kv_sequence_release(&e->cache, &prefix->sequence);
            prefix->prompt = -1;
        }
    }
}

typedef struct DrawRegion {
    RolloutEngine *e;
    const Run *run;
    int64_t first; /* slot of the block's first row */
} DrawRegion;

static void draw_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const DrawRegion *r = context;
    RolloutEngine *e = r->e;
    const int64_t V = e->model->config.vocab_size;
    for (int64_t i = begin; i < end; i++) {
        const Slot *slot = &e->slots[r->first + i];
        const RolloutPrompt *prompt = &r->run->prompts[slot->prompt];
        const Rng rng = {r->run->params->seed, RNG_TOKEN};
        const double u =
            rng_uniform(rng, prompt->draw_a, prompt->draw_b, (uint64_t)slot->index << 32 | (uint64_t)slot->n_new);
        e->drawn[r->first + i] =
            sampler_draw(e->compute->k, e->workspace.logits + i * V, V, r->run->params, u, e->sampler_scratch[thread]);
    }
}

/* One token for every active slot. */
static void decode_step(RolloutEngine *e, const Run *run)
{
    enum { DRAW_GRAIN = 2 };
    const int64_t n = e->n_active;
    for (int64_t i = 0; i < n; i++) {
        Slot *slot = &e->slots[i];
        const bool room = kv_sequence_reserve(&e->cache, &slot->sequence, 1);
        assert(room), (void)room;
        e->row_ids[i] = slot->last_token;
        e->row_positions[i] = (int32_t)slot->sequence.n_tokens;
        e->segments[i] = (DecoderSegment){i, 1, slot->sequence.n_tokens};
        e->sequences[i] = &slot->sequence;
    }
    forward(e, n, n);
    for (int64_t first = 0; first < n; first += e->workspace.head_rows) {
        const int64_t rows = n - first < e->workspace.head_rows ? n - first : e->workspace.head_rows;
        decoder_logits(e->model, e->compute, &e->workspace, first, rows, e->workspace.logits);
        DrawRegion region = {e, run, first};
        compute_rows(e->compute, rows, DRAW_GRAIN, draw_rows, &region);
    }
    e->stats.decode_tokens += n;
    e->stats.decode_steps++;
}

static bool is_stop(const ModelConfig *config, int32_t id)
{
    for (int i = 0; i < config->n_eos; i++)
        if (config->eos_ids[i] == id) return true;
    return false;
}

/* Swaps two slots whole: their buffers travel with them. */
static void swap_slots(Slot *a, Slot *b)
{
    const Slot keep = *a;
    *a = *b;
    *b = keep;
}

/* Appends the drawn tokens and hands out what has ended. */
static bool collect(RolloutEngine *e, const Run *run, Error *err)
{
    for (int64_t i = e->n_active - 1; i >= 0; i--) {
        Slot *slot = &e->slots[i];
        const SampledToken *token = &e->drawn[i];
        slot->ids[slot->n_new] = token->id;
        slot->logprobs[slot->n_new] = token->logprob;
        slot->policy_logprobs[slot->n_new] = token->policy_logprob;
        slot->sampled_logprobs[slot->n_new] = token->sampled_logprob;
        slot->n_new++;
        slot->last_token = token->id;
        const bool stop = !run->params->ignore_eos && is_stop(&e->model->config, token->id);
        if (!stop && slot->n_new < run->params->max_tokens) continue;
        const Completion completion = {.prompt = slot->prompt,
                                       .index = slot->index,
                                       .ids = slot->ids,
                                       .logprobs = slot->logprobs,
                                       .policy_logprobs = slot->policy_logprobs,
                                       .sampled_logprobs = slot->sampled_logprobs,
                                       .n_ids = slot->n_new,
                                       .finish = stop ? FINISH_STOP : FINISH_LENGTH};
        kv_sequence_release(&e->cache, &slot->sequence);
        if (!run->done(run->context, &completion, err)) return false;
        /* The drawn tokens of slots behind i have been taken already, so the last slot may move here. */
        swap_slots(slot, &e->slots[--e->n_active]);
    }
    return true;
}

static void reset(RolloutEngine *e)
{
    for (int64_t i = 0; i < e->max_active; i++) {
        e->slots[i].sequence.n_blocks = e->slots[i].sequence.n_tokens = 0;
        e->prefixes[i].sequence.n_blocks = e->prefixes[i].sequence.n_tokens = 0;
        e->prefixes[i].prompt = -1;
    }
    e->n_active = 0;
    e->stats = (RolloutStats){0};
    kv_cache_renew(&e->cache, e->model->version);
}

bool engine_run(RolloutEngine *e, const RolloutPrompt *prompts, int64_t n_prompts, int64_t n_completions,
                const SamplingParams *params, RolloutDone done, void *context, RolloutStats *stats, Error *err)
{
    Run run = {prompts, n_prompts, n_completions, params, done, context, 0};
    if (!check_prompts(e, &run, err)) return false;
    reset(e);
    for (;;) {
        const double start = clock_seconds();
        fill_slots(e, &run);
        const double filled = clock_seconds();
        e->stats.prefill_seconds += filled - start;
        if (e->n_active == 0) break;
        decode_step(e, &run);
        e->stats.decode_seconds += clock_seconds() - filled;
        if (!collect(e, &run, err)) return false;
        if (!signals_check(err)) return false;
    }
    if (stats) *stats = e->stats;
    return true;
}

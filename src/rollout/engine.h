/* SPDX-License-Identifier: MIT */
/* rollout/engine.h: samples completions for many prompts at once: continuous batching over a block KV cache.
 *
 * A prompt is prefilled once, without its last token; its completions fork from there and decode from the prompt's last token on. A finished completion leaves
 * its slot to the next in line. Since a token depends on the weights, its own prefix and its own random draw alone, what shares the batch cannot matter: completion i is
 * the same whatever the number of slots, prompts or completions.
 *
 * For the same reason speculation is exact: where few sequences are active, guesses of their next tokens (rollout/draft.h, and rollout/mtp_draft.h where the model has modules for it) run as further rows of
 * the same forward, and a guess's row counts iff the draw before it gave that token; the keys of the others are taken back. Ids and
 * log-probabilities are those of one token a step, to the bit, at any temperature, penalty or grammar. */
#ifndef R1_ROLLOUT_ENGINE_H
#define R1_ROLLOUT_ENGINE_H

#include "model/decoder.h"
#include "rollout/sampler.h"

typedef enum FinishReason {
    FINISH_STOP,   /* a stop token: the last id */
    FINISH_LENGTH, /* max_tokens */
    FINISH_TEXT, /* the text says so: a stop string ended within the last id, or a grammar that has no stop token to end with did */
} FinishReason;
const char *finish_reason_name(FinishReason reason); /* "stop", "length", "stop" */

typedef struct RolloutPrompt {
    const int32_t *ids; /* [n_ids], n_ids >= 1, borrowed for the run */
    int64_t n_ids;
    uint64_t
        draw_a; /* what keys this prompt's random draws: (seed, RNG_TOKEN, draw_a, draw_b, completion << 32 | position) */
    uint32_t draw_b;
} RolloutPrompt;

typedef struct Completion {
    int64_t prompt, index;         /* which prompt, which of its completions */
    const int32_t *ids;            /* [n_ids] new tokens, the stop token included */
    const float *logprobs;         /* [n_ids] of the full softmax at temperature 1 */
    const float *policy_logprobs;  /* [n_ids] of the full softmax at the sampling temperature: old_logprobs of RL */
    const float *sampled_logprobs; /* [n_ids] of the distribution drawn from, truncation included */
    int64_t n_ids;
    FinishReason finish;
} Completion;

/* Called when a completion is done, in the order they end, on the calling thread; the pointers hold until it returns. */
typedef bool (*RolloutDone)(void *context, const Completion *completion, Error *err);

typedef struct RolloutStats {
    int64_t prefill_tokens, decode_tokens, decode_steps;
    int64_t reused_tokens;                   /* of the prompt, whose keys were there already (engine_keep_text) */
    int64_t drafted_tokens, accepted_tokens; /* guesses that ran, and those that were right */
    int64_t module_drafted, module_accepted; /* of them, those by the model's own module (rollout/mtp_draft.h) */
    double prefill_seconds, decode_seconds;  /* sampling included in decoding */
} RolloutStats;

typedef struct RolloutEngine RolloutEngine;

/* Room for max_active completions at once in sequences of at most max_sequence tokens (prompt and new ones). The model is borrowed. */
bool engine_create(RolloutEngine **engine, Model *model, const Compute *compute, int64_t max_active,
                   int64_t max_sequence, Error *err) R1_MUST_CHECK;
void engine_free(RolloutEngine *engine);
/* From now on `grown` hears, after each step, of every completion that has gained tokens and is not done (finish has no meaning yet): for
 * streams. NULL: nobody. */
void engine_listen(RolloutEngine *engine, RolloutDone grown, void *context);
/* From now on the keys of a run of one completion stay when it ends, fails or is interrupted; the next such run prefills only what its
 * prompt does not share with prompt and completion of the one before, token by token from the first on: the next turn of a conversation. No
 * bit depends on it. What is kept takes no memory beyond the plan; other runs and new weights drop it. */
void engine_keep_text(RolloutEngine *engine, bool keep);
size_t engine_plan_bytes(const ModelConfig *config, int64_t max_active, int64_t max_sequence, int n_threads);

/* n_completions for each prompt. Fails on an empty or too long prompt, on an id outside the vocabulary, when `done` fails, on a signal, when a
 * grammar and the vocabulary leave no token. stats may be NULL. */
bool engine_run(RolloutEngine *engine, const RolloutPrompt *prompts, int64_t n_prompts, int64_t n_completions,
                const SamplingParams *params, RolloutDone done, void *context, RolloutStats *stats,
                Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* rollout/engine_parts.h: what the files of the engine share: engine.c (memory, prompts, the loop), engine_draw.c (tokens from logits) and
 * engine_guess.c (what comes next, and whether guessing pays). Private to them. */
#ifndef R1_ROLLOUT_ENGINE_PARTS_H
#define R1_ROLLOUT_ENGINE_PARTS_H

#include "rollout/draft.h"
#include "rollout/engine.h"
#include "rollout/kept_text.h"
#include "rollout/mtp_draft.h"

typedef struct Slot {
    KvSequence sequence;
    int64_t prompt, index;
    int32_t last_token;
    int64_t n_new;
    int32_t *ids; /* [max_sequence]: the completion so far; during a step the guesses behind it */
    float *logprobs, *policy_logprobs, *sampled_logprobs;
    DraftIndex draft;
    MtpText further;            /* what the model's module has seen and guesses */
    int64_t n_before, n_module; /* of the step in hand: n_new when it began, guesses of the module that run */
    int32_t stop_state;
    GrammarState grammar_state;
    /* of the step in hand: the rows of last_token and of the guesses; `next_row` is the next whose draw counts, n_rows when none does */
    int64_t row, n_rows, next_row;
    bool ended;
    FinishReason finish;
} Slot;

/* A prompt whose completions are being handed out. */
typedef struct Prefix {
    KvSequence sequence;
    MtpText further;
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
    bool keeps_text;
    KeptText kept; /* of the run before; empty during a run */
    /* one forward's lists, [max_rows] or [max_active] */
    int32_t *row_ids, *row_positions;
    DecoderSegment *segments;
    KvSequence **sequences;
    int64_t *no_prompt;
    float **sampler_scratch; /* [n_threads] */
    MtpDraft *mtp;           /* NULL: the model has no module for it */
    MtpRows *mtp_rows;       /* [max_active] */
    DraftRates rates;
    DraftCosts costs;  /* of this engine's steps, over all runs */
    int64_t n_untimed; /* steps until one is timed again */
    RolloutDone grown; /* NULL: nobody listens */
    void *grown_context;
    RolloutStats stats;
};

/* A run in hand. */
typedef struct Run {
    const RolloutPrompt *prompts;
    int64_t n_prompts, n_completions;
    const SamplingParams *params;
    RolloutDone done;
    void *context;
    bool further; /* prompts go through the model's module, since all completions are to be guessed for */
    int64_t next; /* prompt * n_completions + index of the next completion to start */
} Run;

/* ---- engine_draw.c ---- */

/* Logits of the step's rows, block by block, and the draws of the slots that have rows in the block. */
bool engine_draw(RolloutEngine *e, const Run *run, int64_t n_rows, Error *err) R1_MUST_CHECK;

/* ---- engine_guess.c ---- */

/* Whether prompts go through the model's module too: where all their completions will be guessed for. */
bool engine_prefills_further(const RolloutEngine *e, const Run *run);
/* Whether the next step has the module guess. */
bool engine_wants_further(RolloutEngine *e, const Run *run);
/* Guesses for every slot, written behind its completion. */
void engine_guess(RolloutEngine *e, const Run *run);
/* Whether the step's time is to be taken. */
bool engine_times_step(RolloutEngine *e, const Run *run, int64_t n_rows);

/* A step whose draws are known. */
typedef struct StepDone {
    int64_t n_rows, n_gained; /* n_gained: tokens, over all slots */
    bool further, timed;
    double thread_start; /* where timed: clock_thread_seconds before its forward */
} StepDone;
/* Learns from it what steps take and how good guesses are, and has the module guess for the next. */
void engine_learn(RolloutEngine *e, const Run *run, const StepDone *step);

#endif

/* SPDX-License-Identifier: MIT */
/* recipe/distill_policy.c: on-policy updates (GKD, arXiv 2306.13649): the student answers the update's prompts itself, and the teacher
 * says at every token what it would have said. */
#include "recipe/distill.h"

#include "base/arena.h"
#include "base/philox.h"

#include <string.h>

bool distill_on_policy(const DistillSettings *s, int64_t step)
{
    const Rng rng = {(uint64_t)s->sft.common.seed, RNG_ON_POLICY};
    return rng_uniform(rng, (uint64_t)step, 0, 0) < s->lambda;
}

void policy_batch_create(PolicyBatch *b, int64_t max_sequences, int64_t longest_prompt, int64_t max_completion_tokens)
{
    const size_t n = (size_t)max_sequences;
    *b = (PolicyBatch){.capacity = max_sequences, .stride = longest_prompt + max_completion_tokens};
    b->ids = base_alloc(n * (size_t)b->stride, sizeof *b->ids);
    b->n_completion = base_alloc(n, sizeof *b->n_completion);
    b->prompts = base_alloc(n, sizeof *b->prompts);
    b->groups = base_alloc(n, sizeof *b->groups);
    b->sequences = base_alloc(n, sizeof *b->sequences);
}

void policy_batch_free(PolicyBatch *b)
{
    base_free(b->ids);
    base_free(b->n_completion);
    base_free(b->prompts);
    base_free(b->groups);
    base_free(b->sequences);
    *b = (PolicyBatch){0};
}

typedef struct Sampling {
    PolicyBatch *batch;
    const StageRun *run;
    int64_t n_done;
} Sampling;

static bool take_completion(void *context, const Completion *c, Error *err)
{
    Sampling *const s = context;
    PolicyBatch *const b = s->batch;
    int32_t *const ids = b->ids + c->prompt * b->stride;
    (void)err;
    memcpy(ids + b->prompts[c->prompt].n_ids, c->ids, (size_t)c->n_ids * sizeof *ids);
    b->n_completion[c->prompt] = c->n_ids;
    b->n_stopped += c->finish != FINISH_LENGTH;
    progress_activity(s->run->progress, "sampling", (double)++s->n_done / (double)b->n);
    return true;
}

bool policy_batch_sample(PolicyBatch *b, Tuning *t, const DistillSettings *s, const Example *const *examples,
                         const int32_t *all_ids, int64_t n, int64_t step, Error *err)
{
    const SamplingParams params = {.temperature = s->temperature,
                                   .top_p = 1.0,
                                   .max_tokens = s->max_completion_tokens,
                                   .seed = (uint64_t)s->sft.common.seed};
    Sampling sampling = {b, t->run, 0};
    b->n = n;
    b->n_stopped = b->n_tokens = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t *const ids = b->ids + i * b->stride;
        memcpy(ids, all_ids + examples[i]->first, (size_t)examples[i]->n_prompt * sizeof *ids);
        b->prompts[i] = (RolloutPrompt){ids, examples[i]->n_prompt, (uint64_t)step, (uint32_t)i};
    }
    if (!engine_run(t->engine, b->prompts, n, 1, &params, take_completion, &sampling, NULL, err)) return false;
    for (int64_t i = 0; i < n; i++) {
        const int32_t *const ids = b->ids + i * b->stride;
        const int64_t n_prompt = b->prompts[i].n_ids;
        b->groups[i] = (TrainGroup){.first_sequence = i, .n_sequences = 1};
        b->sequences[i] = (TrainSequence){.inputs = ids,
                                          .targets = ids + 1,
                                          .n_rows = n_prompt + b->n_completion[i] - 1,
                                          .first_target = n_prompt - 1};
        b->n_tokens += b->n_completion[i];
    }
    return true;
}

/* SPDX-License-Identifier: MIT */
/* recipe/grpo_rollout.c: completions of a step's questions, rewarded while the engine goes on with the others, and their
 * advantages. */
#include "recipe/grpo_stage.h"

#include "data/text_stats.h"

#include <string.h>

/* ---- sample ---- */

static bool take_completion(void *context, const Completion *c, Error *err)
{
    GrpoStage *const g = context;
    const Question *const q = &g->questions[c->prompt];
    Sampled *const s = &g->samples[c->prompt * g->settings->group_size + c->index];
    s->n = c->n_ids;
    s->stopped = c->finish == FINISH_STOP;
    memcpy(s->ids, c->ids, (size_t)c->n_ids * sizeof *s->ids);
    memcpy(s->old_logprobs, c->policy_logprobs, (size_t)c->n_ids * sizeof *s->old_logprobs);
    s->inputs[0] = q->ids.ids[q->ids.n - 1];
    memcpy(s->inputs + 1, c->ids, (size_t)(c->n_ids - 1) * sizeof *s->ids);
    base_free(s->text);
    s->text = eval_completion_text(g->tokenizer, c, NULL, NULL, &s->text_length); /* what an evaluation would read */
    s->style = (int)text_style(s->text, s->text_length);
    s->reflective_words = text_reflective_words(s->text, s->text_length);
    s->language_share = language_consistency(q->prompt, q->prompt_length, s->text, s->text_length);
    progress_activity(g->run->progress, "sampling", (double)++g->rolled_out / (double)g->n_samples);
    return grpo_rewards_take(g->rewards, s - g->samples, q, s, err);
}

bool grpo_stage_sample(GrpoStage *g, RolloutStats *stats, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const SamplingParams params = {.temperature = s->temperature,
                                   .top_p = 1.0,
                                   .max_tokens = s->max_completion_tokens,
                                   .seed = (uint64_t)s->common.seed};
    g->rolled_out = 0;
    return engine_run(g->engine, g->prompts, g->n_questions, s->group_size, &params, take_completion, g, stats, err) &&
           grpo_rewards_finish(g->rewards, g->n_samples, false, err);
}

/* ---- advantage ---- */

void grpo_stage_advantages(GrpoStage *g)
{
    const GrpoSettings *s = g->settings;
    const int64_t G = s->group_size;
    for (int64_t i = 0; i < g->n_questions; i++) {
        Sampled *group = &g->samples[i * G];
        for (int64_t k = 0; k < G; k++) {
            g->group_rewards[k] = group[k].score.total;
            g->group_counted[k] = !group[k].score.undecided;
        }
        g->live[i] = grpo_advantages(g->advantages, g->group_rewards, g->group_counted, G,
                                     (AdvantageScale)s->advantage_scale, s->advantage_eps);
        for (int64_t k = 0; k < G; k++) group[k].advantage = g->advantages[k];
    }
}

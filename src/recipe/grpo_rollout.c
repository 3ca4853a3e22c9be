/* SPDX-License-Identifier: MIT */
/* recipe/grpo_rollout.c: completions of a step's questions, rewarded while the engine goes on with the others, and their
 * advantages. */
#include "recipe/grpo_stage.h"

#include "data/text_stats.h"
#include "reward/compare.h"

#include <string.h>

/* ---- reward ---- */

/* Rows without a check have a gold answer: what stands in the frame's answer is compared with it. */
static void score_compared(RewardScore *score, const RewardWeights *weights, const Question *q, const Sampled *s)
{
    *score = (RewardScore){.frame = format_check(q->prompt, q->prompt_length, s->text, s->text_length),
                           .verdict = VERDICT_WRONG};
    if (score->frame.ok)
        score->verdict = compare_answers(q->answer, q->answer_length, s->text + score->frame.answer,
                                         score->frame.answer_end - score->frame.answer, NULL);
    if (q->unreadable) score->verdict = VERDICT_UNDECIDED;
    score->accuracy = score->verdict == VERDICT_RIGHT;
    score->format = score->frame.ok;
    score->total = weights->accuracy * score->accuracy + weights->format * score->format;
}

static void reward(const GrpoStage *g, const Question *q, Sampled *s)
{
    const RewardWeights weights = {g->settings->accuracy_weight, g->settings->format_weight};
    if (q->check)
        reward_score(&s->score, &weights, q->check, q->prompt, q->prompt_length, s->text, s->text_length);
    else
        score_compared(&s->score, &weights, q, s);
    s->style = (int)text_style(s->text, s->text_length);
    s->reflective_words = text_reflective_words(s->text, s->text_length);
}

/* ---- sample ---- */

static bool take_completion(void *context, const Completion *c, Error *err)
{
    (void)err;
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
    reward(g, q, s);
    progress_activity(g->run->progress, "sampling", (double)++g->rolled_out / (double)g->n_samples);
    return true;
}

bool grpo_stage_sample(GrpoStage *g, RolloutStats *stats, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const SamplingParams params = {.temperature = s->temperature,
                                   .top_p = 1.0,
                                   .max_tokens = s->max_completion_tokens,
                                   .seed = (uint64_t)s->common.seed};
    g->rolled_out = 0;
    return engine_run(g->engine, g->prompts, g->n_questions, s->group_size, &params, take_completion, g, stats, err);
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
            g->group_counted[k] = group[k].score.verdict != VERDICT_UNDECIDED;
        }
        g->live[i] = grpo_advantages(g->advantages, g->group_rewards, g->group_counted, G,
                                     (AdvantageScale)s->advantage_scale, s->advantage_eps);
        for (int64_t k = 0; k < G; k++) group[k].advantage = g->advantages[k];
    }
}

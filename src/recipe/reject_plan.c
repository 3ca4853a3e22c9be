/* SPDX-License-Identifier: MIT */
/* recipe/reject_plan.c: what rejection sampling takes, and what must hold of its further models; for recipe_plan. */
#include "model/folder.h"
#include "recipe/plan_parts.h"
#include "recipe/reject.h"

/* Of a file whose rows cannot be counted yet: few prompts with their answers are shorter. */
enum { TOKENS_A_ROW = 32 };

/* As if all were kept that may be, completions at half their cap and prompts of that length. */
void plan_reject(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    const RejectSettings *const s = &r->reject;
    double n_prompts = (double)(s->common.steps - 1) * (double)s->prompts_per_step;
    if (plan->counts_later) {
        n_prompts = s->prompts > 0 ? (double)s->prompts : plan->data_tokens / TOKENS_A_ROW;
        plan->steps = (int64_t)(n_prompts / (double)s->prompts_per_step) + 2;
    }
    const double tokens = 0.5 * n_prompts * (double)s->samples * (double)s->max_completion_tokens;
    const double kept = n_prompts * (double)(s->per_prompt < s->samples ? s->per_prompt : s->samples);
    double mixed = 0;
    for (int i = 0; i < REJECT_MIXES; i++) mixed += s->mixes[i].share;
    plan->sample_flops += (double)model_token_flops(config) * tokens;
    plan->data_tokens =
        kept / (1.0 - mixed) * (double)(*s->rewrite_model ? s->rewrite_max_tokens : s->max_completion_tokens);
    plan->memory_bytes += (int64_t)engine_plan_bytes(config, s->max_active,
                                                     stage_max_sequence(config, s->max_completion_tokens), n_threads) +
                          s->prompts_per_step * s->samples * (s->max_completion_tokens * 12 + (int64_t)sizeof(Sampled));
    if (!*s->rewrite_model) return;
    /* the rewriting model is taken to be as large as the other */
    plan->sample_flops +=
        (double)model_token_flops(config) * 0.5 * kept * (double)(s->rewrite_samples * s->rewrite_max_tokens);
    plan->memory_bytes *= 2;
}

/* A second or third model of a rejection sampling. */
static bool check_helper(const Recipe *r, const char *key, const char *folder, ModelConfig *config, Error *err)
{
    return (model_config_read(config, folder, err) && model_folder_check(folder, config, err)) ||
           recipe_error_in(r, key, err);
}

bool reject_check_helpers(const Recipe *r, Error *err)
{
    ModelConfig config;
    if (r->stage != STAGE_REJECT) return true;
    if (*r->reject.judge_model && !check_helper(r, "judge.model", r->reject.judge_model, &config, err)) return false;
    if (!*r->reject.rewrite_model) return true;
    if (!check_helper(r, "rewrite.model", r->reject.rewrite_model, &config, err)) return false;
    if (r->reject.rewrite_max_tokens < config.max_positions) return true;
    return recipe_error(r, "rewrite.max_tokens", err,
                        "rewrite.max_tokens: %lld leaves no room for a prompt in the rewriting model's %lld positions",
                        (long long)r->reject.rewrite_max_tokens, (long long)config.max_positions);
}

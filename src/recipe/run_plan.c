/* SPDX-License-Identifier: MIT */
/* recipe/run_plan.c: what a run will need, told before it starts. Memory is what the modules' own plans add up to. FLOPs are an estimate: training 6 a weight and
 * token, sampling 2, with completions half as long as their cap; attention, a few percent at these lengths, is left out. */
#include "recipe/run.h"

#include "base/arena.h"
#include "base/file.h"
#include "record/checkpoint.h"
#include "recipe/stage.h"

static ModelConfig pretrain_shape(const PretrainSettings *s)
{
    return (ModelConfig){.arch = (ModelArch)s->arch,
                         .hidden_size = s->hidden_size,
                         .n_layers = s->n_layers,
                         .n_heads = s->n_heads,
                         .n_kv_heads = s->n_kv_heads,
                         .head_dim = s->head_dim,
                         .ffn_size = s->ffn_size,
                         .vocab_size = (s->vocab_size + 31) / 32 * 32,
                         .max_positions = s->max_positions,
                         .rms_norm_eps = 1e-6f,
                         .rope_theta = s->rope_theta,
                         .qkv_bias = s->arch == MODEL_QWEN2,
                         .tied_head = true,
                         .n_eos = 1,
                         .bos_id = -1,
                         .pad_id = -1};
}

static void plan_pretrain(RunPlan *plan, const PretrainSettings *s, const ModelConfig *config)
{
    const double tokens = 0.5 * (double)(s->tokens_per_step + s->tokens_per_step_final) * (double)s->common.steps;
    plan->flops = 3.0 * (double)model_token_flops(config) * tokens;
}

static void plan_grpo(RunPlan *plan, const GrpoSettings *s, const ModelConfig *config, int n_threads)
{
    const double completions = (double)(s->prompts_per_step * s->group_size) * (double)s->common.steps;
    const double tokens = 0.5 * (double)s->max_completion_tokens * completions;
    plan->flops =
        (1.0 + 3.0 * (double)s->inner_epochs + (s->kl_coef != 0.0)) * (double)model_token_flops(config) * tokens;
    const int64_t sequence = stage_max_sequence(config, s->max_completion_tokens);
    plan->memory_bytes += (int64_t)engine_plan_bytes(config, s->max_active, sequence, n_threads);
    plan->memory_bytes += s->prompts_per_step * s->group_size * s->max_completion_tokens * 32;
}

bool recipe_plan(const Recipe *r, const RunOptions *options, const Compute *compute, RunPlan *plan, Error *err)
{
    *plan = (RunPlan){.steps = r->common->steps};
    ModelConfig config;
    if (r->stage == STAGE_PRETRAIN)
        config = pretrain_shape(&r->pretrain);
    else if (!model_config_read(&config, r->common->model, err))
        return false;
    ParamLayout layout;
    if (!model_config_check(&config, err) || !param_layout_create(&layout, &config, err)) return false;
    const int n_threads = threads_count(compute->threads);
    plan->parameters = layout.n_parameters;
    /* weights, panels, two moments; a reference doubles the first two */
    const int64_t copies = r->stage == STAGE_GRPO && r->grpo.kl_coef != 0.0 ? 6 : 4;
    plan->memory_bytes =
        copies * layout.n_floats * (int64_t)sizeof(float) +
        (int64_t)trainer_plan_bytes(&config, &layout, r->common->micro_batch_tokens, r->common->micro_batch_tokens,
                                    r->common->shards, n_threads, r->common->recompute);
    if (r->stage == STAGE_PRETRAIN)
        plan_pretrain(plan, &r->pretrain, &config);
    else
        plan_grpo(plan, &r->grpo, &config, n_threads);
    param_layout_free(&layout);
    char *folder = recipe_run_folder(r, options);
    int64_t *steps, n_steps;
    const bool ok = checkpoint_list(folder, &steps, &n_steps, err);
    if (ok && n_steps > 0) plan->resumes = true, plan->resume_step = steps[n_steps - 1];
    if (ok) base_free(steps);
    base_free(folder);
    return ok;
}

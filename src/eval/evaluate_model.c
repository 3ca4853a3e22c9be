/* SPDX-License-Identifier: MIT */
/* eval/evaluate_model.c: see evaluate_model.h. */
#include "eval/evaluate_model.h"

#include "base/arena.h"
#include "eval/judge_model.h"
#include "model/adapter.h"
#include "model/frozen.h"

#include <inttypes.h>

void eval_report_free(EvalReport *report)
{
    eval_result_free(&report->result);
    eval_plan_free(report->plan);
    *report = (EvalReport){.plan = NULL};
}

static bool make_plan(EvalPlan **plan, const EvalRequest *request, EvalConfig *config, const Tokenizer *tokenizer,
                      Error *err)
{
    ChatTemplate *chat = NULL;
    if (!request->data) return eval_plan_tasks(plan, tokenizer, config, err);
    if (request->chat && !chat_template_open(&chat, request->chat, err)) return false;
    config->chat = chat;
    const bool ok = eval_plan_file(plan, tokenizer, config, request->data, err);
    config->chat = NULL;
    chat_template_free(chat);
    return ok;
}

static bool check_lengths(const EvalPlan *plan, const Model *model, int64_t max_tokens, Error *err)
{
    const int64_t longest = eval_plan_longest_prompt(plan), most = model->config.max_positions;
    if (longest + max_tokens <= most) return true;
    return error_set(err, ERROR_INPUT,
                     "the longest prompt has %" PRId64 " tokens: with %" PRId64
                     " new ones it is longer than the %" PRId64 " positions of this model; give %s",
                     longest, max_tokens, most, longest < most ? "fewer --max-tokens" : "shorter prompts");
}

static bool run(EvalReport *report, const EvalRequest *request, Model *model, const Tokenizer *tokenizer,
                const Compute *compute, Error *err)
{
    const int64_t n = eval_plan_problems(report->plan) * request->config.samples,
                  max_tokens = request->config.sampling.max_tokens;
    RolloutEngine *engine = NULL;
    if (!check_lengths(report->plan, model, max_tokens, err) ||
        (request->planned && !request->planned(request->context, report->plan, err)) ||
        !engine_create(&engine, model, compute, request->max_active < n ? request->max_active : n,
                       eval_plan_longest_prompt(report->plan) + max_tokens, err))
        return false;
    const bool ok =
        evaluate_plan(report->plan, engine, tokenizer, &report->result, request->done, request->context, err);
    engine_free(engine);
    return ok;
}

bool evaluate_model(EvalReport *report, const EvalRequest *request, Model *model, const Tokenizer *tokenizer,
                    const Compute *compute, Error *err)
{
    EvalConfig config = request->config;
    JudgeModel *judge = NULL;
    *report = (EvalReport){.plan = NULL};
    const JudgeModelConfig judge_config = {.seed = config.seed};
    if (request->judge && !judge_model_open(&judge, request->judge, compute, &judge_config, err)) return false;
    config.judge = judge ? judge_model_judge(judge) : NULL;
    const bool ok = make_plan(&report->plan, request, &config, tokenizer, err) &&
                    run(report, request, model, tokenizer, compute, err);
    judge_model_close(judge);
    if (!ok) eval_report_free(report);
    return ok;
}

bool evaluate_folder(EvalReport *report, const EvalRequest *request, const char *folder, const Compute *compute,
                     Error *err)
{
    Model model = {0};
    Tokenizer *tokenizer = NULL;
    *report = (EvalReport){.plan = NULL};
    const bool ok = adapter_tokenizer_open(&tokenizer, folder, err) &&
                    model_open_frozen(&model, folder, WEIGHTS_STORED, compute, err) &&
                    evaluate_model(report, request, &model, tokenizer, compute, err);
    tokenizer_free(tokenizer);
    model_free(&model);
    return ok;
}

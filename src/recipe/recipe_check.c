/* SPDX-License-Identifier: MIT */
/* recipe/recipe_check.c: what must hold between a recipe's keys, each of which is right by itself (settings.c). */
#include "recipe/recipe_parts.h"

#include "data/tasks.h"
#include "eval/benchmark.h"
#include "eval/judge_opinion.h"
#include "reward/frame.h"
#include "reward/gates.h"

#include <string.h>

/* A rollout's tokens stand in a few arrays of 4 bytes each: beyond this no machine holds them, and their product still fits. */
static const int64_t MAX_ROLLOUT_TOKENS = (int64_t)1 << 40;

static bool check_common(const Recipe *r, Error *err)
{
    const CommonSettings *const c = r->common;
    if ((c->shards & (c->shards - 1)) != 0)
        return recipe_error(r, "shards", err, "shards: %lld is not a power of two", (long long)c->shards);
    Frame frame;
    if (!frame_read(&frame, c->eval_frame, err))
        return recipe_error_in(r, r->stage == STAGE_EVAL ? "frame" : "eval.frame", err);
    if (strchr(c->name, '/') || strcmp(c->name, ".") == 0 || strcmp(c->name, "..") == 0)
        return recipe_error(r, "name", err, "name: \"%.60s\" cannot name a folder under runs/; `out` takes a path",
                            c->name);
    return true;
}

static bool check_shape(const Recipe *r, const ShapeSettings *s, Error *err)
{
    if (s->n_heads % s->n_kv_heads != 0)
        return recipe_error(r, "shape.n_kv_heads", err, "shape.n_kv_heads: %lld does not divide n_heads %lld",
                            (long long)s->n_kv_heads, (long long)s->n_heads);
    if (s->head_dim % 2 != 0)
        return recipe_error(r, "shape.head_dim", err, "shape.head_dim: %lld is not even (rotary positions turn pairs)",
                            (long long)s->head_dim);
    return true;
}

static bool check_pretrain(const Recipe *r, Error *err)
{
    const PretrainSettings *const s = &r->pretrain;
    if (*s->common.model && !*s->data)
        return recipe_error(r, "model", err,
                            "model: pretraining starts from fresh weights, unless `data` names texts to go on with");
    if (!*s->common.model && s->context > s->shape.max_positions)
        return recipe_error(r, "text.context", err, "text.context: %lld is more than shape.max_positions %lld",
                            (long long)s->context, (long long)s->shape.max_positions);
    return check_shape(r, &s->shape, err);
}

static bool check_start_model(const Recipe *r, Error *err)
{
    return *r->common->model ||
           recipe_error(r, "model", err, "the key \"model\" is missing: give the folder of the model to start from");
}

static bool check_sft(const Recipe *r, Error *err)
{
    return check_start_model(r, err) &&
           (*r->sft.data || recipe_error(r, "data", err, "the key \"data\" is missing: give a JSONL file of examples"));
}

static bool check_reward_model(const Recipe *r, Error *err)
{
    if (r->common->eval_every > 0)
        return recipe_error(
            r, "eval.every", err,
            "eval.every: a reward model answers no problems; validation.every says when it is measured");
    return check_start_model(r, err) &&
           (*r->reward_model.sft.data ||
            recipe_error(r, "data", err, "the key \"data\" is missing: give a JSONL file of pairs or labels"));
}

static bool check_rewards(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    Frame frame;
    Language language;
    if (!frame_read(&frame, s->reward_frame, err)) return recipe_error_in(r, "reward.frame", err);
    if (*s->reward_language && !language_find(&language, s->reward_language))
        return recipe_error(r, "reward.language_target", err,
                            "reward.language_target: \"%.20s\" is none of en, de, fr, es, pt, ru, ar, hi, zh, ja, ko",
                            s->reward_language);
    if (!judge_check_prompt((JudgeForm)s->judge_form, s->judge_prompt, err))
        return recipe_error_in(r, "reward.judge_prompt", err);
    if (!check_reward_parts(r, err)) return false;
    if (s->term_weights[TERM_OVERLONG] != 0 && s->overlong_tokens > s->max_completion_tokens)
        return recipe_error(r, "reward.overlong_tokens", err,
                            "reward.overlong_tokens: %lld is more than max_completion_tokens %lld",
                            (long long)s->overlong_tokens, (long long)s->max_completion_tokens);
    return true;
}

static bool check_algorithm(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    if (s->algorithm == ALGORITHM_GRPO)
        return s->group_size >= 2 ||
               recipe_error(r, "group_size", err,
                            "group_size: 1 is no group: grpo compares completions of one question");
    if (s->loss_type == LOSS_GSPO)
        return recipe_error(r, "loss", err, "loss: gspo has one ratio and one advantage a completion, ppo one a token");
    return s->dead_groups == 0 ||
           recipe_error(r, "dead_groups", err, "dead_groups: no group is dead to ppo, a value model learns from all");
}

static bool check_grpo(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    if (!check_start_model(r, err) || !check_rewards(r, err) || !check_algorithm(r, err)) return false;
    if (s->minibatches > s->prompts_per_step)
        return recipe_error(r, "minibatches", err,
                            "minibatches: %lld is more than prompts_per_step %lld, and a group is never cut",
                            (long long)s->minibatches, (long long)s->prompts_per_step);
    /* each factor is at most 1e6 */
    const int64_t samples = s->prompts_per_step * s->group_size;
    if (samples > MAX_ROLLOUT_TOKENS / s->max_completion_tokens)
        return recipe_error(r, "prompts_per_step", err,
                            "prompts_per_step %lld x group_size %lld x max_completion_tokens %lld: too many tokens",
                            (long long)s->prompts_per_step, (long long)s->group_size,
                            (long long)s->max_completion_tokens);
    return true;
}

static bool check_distill(const Recipe *r, Error *err)
{
    const DistillSettings *const s = &r->distill;
    const CommonSettings *const c = &s->sft.common;
    if (!*s->teacher)
        return recipe_error(r, "teacher", err, "the key \"teacher\" is missing: give the folder of a model");
    if (!*s->sft.data && s->samples_per_problem == 0)
        return recipe_error(
            r, "data", err,
            "the key \"data\" is missing: give a JSONL file of examples, or samples.per_problem, and the "
            "teacher makes them");
    if (s->samples_per_problem > 0 && s->sft.epochs > 0)
        return recipe_error(r, "epochs", err,
                            "epochs: how many examples the teacher will make is not known before: give steps");
    if (s->mode == DISTILL_SFT && s->lambda > 0)
        return recipe_error(
            r, "lambda", err,
            "lambda: cross-entropy on what the student says itself teaches nothing: leave it 0, or mode "
            "logits");
    if (*c->model) return true;
    if (c->lora_rank > 0)
        return recipe_error(r, "lora.rank", err, "lora.rank: adapters of fresh weights: give a model, or leave it 0");
    return check_shape(r, &s->shape, err);
}

static bool check_dpo(const Recipe *r, Error *err)
{
    const DpoSettings *const s = &r->dpo;
    if (!check_start_model(r, err)) return false;
    if (!*s->sft.data)
        return recipe_error(r, "data", err, "the key \"data\" is missing: give a JSONL file of preference pairs");
    return s->loss_type == DPO_SIGMOID || s->label_smoothing == 0 ||
           recipe_error(r, "label_smoothing", err, "label_smoothing: belongs to the sigmoid loss; leave it 0 with ipo");
}

static bool check_mixes(const Recipe *r, Error *err)
{
    double total = 0;
    for (int i = 0; i < REJECT_MIXES; i++) {
        const bool has_data = *r->reject.mixes[i].data != '\0', has_share = r->reject.mixes[i].share > 0;
        char key[16];
        snprintf(key, sizeof key, "mix.%d.%s", i + 1, has_data ? "data" : "share");
        if (has_data != has_share) return recipe_error(r, key, err, "mix.%d: give both, data and share", i + 1);
        total += r->reject.mixes[i].share;
        if (total > 0.99) return recipe_error(r, key, err, "mix: the shares add up to %g; 0.99 is the most", total);
    }
    return true;
}

static bool check_rewriting(const Recipe *r, Error *err)
{
    const RejectSettings *const s = &r->reject;
    Frame frame;
    if (!*s->rewrite_model) return true;
    if (!frame_read(&frame, s->rewrite_frame, err)) return recipe_error_in(r, "rewrite.frame", err);
    if (strstr(s->rewrite_template, "{completion}") || strstr(s->rewrite_template, "{thinking}")) return true;
    return recipe_error(r, "rewrite.template", err,
                        "rewrite.template: give the text that the rewriting model goes on, with {prompt} and "
                        "{completion}, or {thinking} and {answer}, where they belong");
}

static bool check_reject(const Recipe *r, Error *err)
{
    const RejectSettings *const s = &r->reject;
    Frame frame;
    Language language;
    if (!check_start_model(r, err)) return false;
    if (!*s->data && s->prompts == 0)
        return recipe_error(r, "prompts", err,
                            "the key \"prompts\" is missing: say how many problems of the families are asked, or "
                            "give a JSONL file as \"data\"");
    if (!frame_read(&frame, s->frame, err)) return recipe_error_in(r, "frame", err);
    if (*s->language_target && !language_find(&language, s->language_target))
        return recipe_error(r, "filter.language_target", err,
                            "filter.language_target: \"%.20s\" is none of en, de, fr, es, pt, ru, ar, hi, zh, ja, ko",
                            s->language_target);
    if (s->prompts_per_step * s->samples > MAX_ROLLOUT_TOKENS / s->max_completion_tokens)
        return recipe_error(r, "prompts_per_step", err,
                            "prompts_per_step %lld x samples %lld x max_completion_tokens %lld: too many tokens",
                            (long long)s->prompts_per_step, (long long)s->samples, (long long)s->max_completion_tokens);
    return check_mixes(r, err) && check_rewriting(r, err);
}

static bool check_task_rows(const Recipe *r, Error *err)
{
    const TaskRowsSettings *const s = &r->task_rows;
    const bool all = strcmp(s->task, "all") == 0;
    const int task = all ? 0 : task_find(s->task);
    if (task < 0)
        return recipe_error(r, "task", err, "task: no task is called \"%.40s\"; `r1 tasks --list` names them", s->task);
    int levels = task_levels(task);
    for (int t = 0; all && t < task_count(); t++)
        if (task_levels(t) < levels) levels = task_levels(t);
    if (s->level > levels)
        return recipe_error(r, "level", err, "level: %s has levels 1 to %d", all ? "every family" : s->task, levels);
    if (s->rows == TASK_ROWS_REWRITES)
        return all || recipe_error(r, "task", err, "task: rewrites are drawn from all families: leave it all");
    if (s->shuffle_labels && s->rows != TASK_ROWS_PAIRS && s->rows != TASK_ROWS_RESPONSES)
        return recipe_error(r, "shuffle_labels", err, "shuffle_labels: only pairs and responses have labels");
    if (*s->judge_prompt && s->rows != TASK_ROWS_JUDGEMENTS)
        return recipe_error(r, "prompt", err, "prompt: only judgements ask a judge");
    if (!judge_check_prompt(JUDGE_COMPARE, s->judge_prompt, err)) return recipe_error_in(r, "prompt", err);
    return s->rows == TASK_ROWS_PROBLEMS || (!all && task_is_general(task)) ||
           recipe_error(r, "task", err, "task: replies and pairs are of a general task: helpful, safety");
}

static bool check_pairs(const Recipe *r, Error *err)
{
    const PairsSettings *const s = &r->pairs;
    if (!check_start_model(r, err)) return false;
    if (!*s->data)
        return recipe_error(r, "data", err,
                            "the key \"data\" is missing: give a JSONL file of prompts with their completions");
    return judge_check_prompt(JUDGE_COMPARE, s->prompt, err) || recipe_error_in(r, "prompt", err);
}

static bool check_eval(const Recipe *r, Error *err)
{
    const EvalSettings *const s = &r->eval;
    const char *const of_file = s->chat                              ? "chat"
                                : *s->judge                          ? "judge"
                                : s->format != (int)EVAL_FORMAT_AUTO ? "format"
                                                                     : NULL;
    if (!check_start_model(r, err)) return false;
    if (of_file && !*s->common.eval_data)
        return recipe_error(r, of_file, err, "%s: belongs to the rows of a file: give it as \"data\"", of_file);
    return s->format != (int)EVAL_FORMAT_OPEN || *s->judge ||
           recipe_error(r, "format", err, "format: open answers are decided by a model: give it as \"judge\"");
}

bool recipe_check(const Recipe *r, Error *err)
{
#define CHECK(KIND, word, Type, name, outputs) check_##word,
    static bool (*const check[])(const Recipe *, Error *) = {STAGE_TYPES(CHECK)};
#undef CHECK
    return check_common(r, err) && check[r->stage](r, err);
}

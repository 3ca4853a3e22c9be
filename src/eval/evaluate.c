/* SPDX-License-Identifier: MIT */
/* eval/evaluate.c: one engine run over all prompts of a plan; every completion is scored when it ends, while the others go on
 * sampling, but for those whose verdict takes a while (evaluate_held.c); the figures are added up in problem order at the end. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "base/clock.h"
#include "data/text_stats.h"
#include "reward/language.h"
#include "reward/readable.h"

#include <assert.h>
#include <string.h>

void eval_result_free(EvalResult *result)
{
    for (int64_t i = 0; i < result->n_groups; i++) base_free(result->groups[i].name);
    base_free(result->groups);
    base_free(result->problem_means);
    base_free(result->cells);
    *result = (EvalResult){.cells = NULL};
}

/* ---- the text of a completion ---- */

char *eval_completion_text(const Tokenizer *tokenizer, const Completion *completion, const StopStrings *stop,
                           const char *prefix, size_t *length)
{
    char *decoded = NULL;
    Error err = {0};
    const int64_t n = completion->n_ids - (completion->finish == FINISH_STOP);
    const bool ok = tokenizer_decode(tokenizer, completion->ids, n, true, &decoded, length, &err);
    assert(ok); /* sampled ids are never negative, and that alone fails */
    if (!ok) {
        decoded = base_strdup("");
        *length = 0;
    }
    if (stop) decoded[ *length = stop_strings_cut(stop, decoded, *length)] = 0;
    if (!prefix) return decoded;
    const size_t n_prefix = strlen(prefix);
    char *const text = base_alloc(n_prefix + *length + 1, 1);
    memcpy(text, prefix, n_prefix);
    memcpy(text + n_prefix, decoded, *length);
    *length += n_prefix;
    base_free(decoded);
    return text;
}

/* ---- one sample ---- */

typedef struct Evaluation {
    const EvalPlan *plan;
    const Tokenizer *tokenizer;
    SampleScore *scores; /* [n_problems * samples] */
    Held *held;
    EvalSampleDone done;
    void *context;
} Evaluation;

/* The verdict stands: keeps what the figures need and tells who listens. */
static bool finish_sample(const Evaluation *e, const PlannedProblem *planned, const Completion *completion,
                          const char *text, size_t length, const RewardScore *reward, SampleScore *kept,
                          const char *reason, Error *err)
{
    const EvalProblem *const p = &planned->problem;
    const TaskAudit audit = task_audit(p->check ? p->check : "", text, length);
    const EvalSample sample = {
        .completion = completion->index,
        .text = text,
        .length = length,
        .answer = kept->answer,
        .tokens = completion,
        .accuracy = reward->accuracy,
        .format = reward->format,
        .reward = reward->total,
        .verdict = (int)reward->verdict,
        .style = (int)text_style(text, length),
        .reflective_words = text_reflective_words(text, length),
        .first_try_missed = audit.first_missed,
        .corrected_slip = task_audit_corrected(&audit),
        .instructions = p->instructions ? &kept->instructions : NULL,
        .reason = reason,
    };
    kept->n_ids = completion->n_ids;
    kept->accuracy = sample.accuracy;
    kept->format = sample.format;
    kept->reflective_words = sample.reflective_words;
    kept->verdict = (uint8_t)sample.verdict;
    kept->style = (uint8_t)sample.style;
    kept->truncated = completion->finish == FINISH_LENGTH;
    kept->first_missed = sample.first_try_missed;
    kept->corrected = sample.corrected_slip;
    const ReadableLimits limits = readable_limits();
    kept->readable = readable_check(&limits, p->prompt, p->prompt_length, text, length) == READABLE;
    kept->language_share = language_consistency(p->prompt, p->prompt_length, text, length);
    return !e->done || e->done(e->context, p, &sample, err);
}

/* Programs have to run; a judge decides open questions and where the rules cannot. */
static bool takes_a_while(const Evaluation *e, const EvalProblem *p, const RewardScore *reward)
{
    if (p->tests) return true;
    if (!e->plan->config.judge || p->check || p->instructions) return false;
    return p->open || reward->verdict == VERDICT_UNDECIDED;
}

static bool score_completion(void *context, const Completion *completion, Error *err)
{
    const Evaluation *const e = context;
    const PlannedProblem *const planned = &e->plan->problems[completion->prompt];
    SampleScore *const kept = &e->scores[completion->prompt * e->plan->config.samples + completion->index];
    size_t length;
    char *const text =
        eval_completion_text(e->tokenizer, completion, e->plan->config.sampling.stop, planned->prefix, &length);
    RewardScore reward;
    score_text(&reward, kept, e->plan->config.frame, &planned->problem, text, length,
               completion->finish == FINISH_LENGTH);
    if (takes_a_while(e, &planned->problem, &reward))
        return held_add(e->held, planned, completion, text, length, &reward, kept, err);
    const bool ok = finish_sample(e, planned, completion, text, length, &reward, kept, NULL, err);
    base_free(text);
    return ok;
}

static bool finish_held(const Evaluation *e, Error *err)
{
    if (!held_decide(e->held, err)) return false;
    for (int64_t i = 0; i < held_count(e->held); i++) {
        const HeldSample *const s = held_sample(e->held, i);
        if (!finish_sample(e, s->planned, &s->completion, s->text, s->length, &s->reward, s->score, s->reason, err))
            return false;
    }
    return true;
}

/* ---- the run ---- */

static bool sample_all(Evaluation *e, RolloutEngine *engine, RolloutStats *stats, Error *err)
{
    const EvalPlan *const plan = e->plan;
    RolloutPrompt *const prompts = base_alloc((size_t)plan->n_problems, sizeof *prompts);
    for (int64_t i = 0; i < plan->n_problems; i++) {
        const PlannedProblem *const p = &plan->problems[i];
        prompts[i] = (RolloutPrompt){.ids = p->ids.ids, .n_ids = p->ids.n, .draw_a = p->draw_a, .draw_b = p->draw_b};
    }
    const bool ok = engine_run(engine, prompts, plan->n_problems, plan->config.samples, &plan->config.sampling,
                               score_completion, e, stats, err);
    base_free(prompts);
    return ok;
}

static void add_macros(EvalResult *result, const EvalPlan *plan)
{
    const MacroChoice trained = {.any_level = plan->name != NULL, .trained_level = true, .language = LANGUAGE_BOTH};
    const MacroChoice unseen = {.language = LANGUAGE_BOTH};
    result->macro = macro_figures(result->cells, plan->n_cells, &trained);
    result->macro_unseen = plan->name ? (EvalCell){.task = -1} : macro_figures(result->cells, plan->n_cells, &unseen);
    for (TaskLanguage l = TASK_EN; l < TASK_LANGUAGES; l++) {
        const MacroChoice one = {.any_level = trained.any_level,
                                 .trained_level = true,
                                 .language = l == TASK_ZH ? LANGUAGE_ONLY_ZH : LANGUAGE_ONLY_EN};
        result->macro_language[l] = macro_figures(result->cells, plan->n_cells, &one);
    }
}

static void add_up(EvalResult *result, const EvalPlan *plan, const SampleScore *scores)
{
    result->cells = base_alloc((size_t)plan->n_cells, sizeof *result->cells);
    result->n_cells = plan->n_cells;
    for (int64_t c = 0; c < plan->n_cells; c++) {
        const PlannedCell *const planned = &plan->cells[c];
        EvalCell *const cell = &result->cells[c];
        cell->task = planned->task;
        cell->level = planned->level;
        cell->language = planned->language;
        cell->trained_level = planned->task >= 0 && planned->level <= task_train_levels(planned->task);
        cell_figures(cell, plan, scores, NULL, planned->first, planned->n, NULL);
    }
    result->n_problems = plan->n_problems;
    result->problem_means = base_alloc((size_t)plan->n_problems, sizeof *result->problem_means);
    result->total = (EvalCell){.task = plan->n_cells == 1 ? plan->cells[0].task : -1};
    cell_figures(&result->total, plan, scores, NULL, 0, plan->n_problems, result->problem_means);
    add_macros(result, plan);
    group_figures(result, plan, scores);
}

bool evaluate_plan(const EvalPlan *plan, RolloutEngine *engine, const Tokenizer *tokenizer, EvalResult *result,
                   EvalSampleDone done, void *context, Error *err)
{
    *result = (EvalResult){.cells = NULL};
    const int64_t n_scores = plan->n_problems * plan->config.samples;
    const double start = clock_seconds();
    Evaluation e = {.plan = plan,
                    .tokenizer = tokenizer,
                    .scores = base_alloc((size_t)n_scores, sizeof *e.scores),
                    .held = held_create(plan),
                    .done = done,
                    .context = context};
    const bool ok = sample_all(&e, engine, &result->stats, err) && finish_held(&e, err);
    if (ok) add_up(result, plan, e.scores);
    result->seconds = clock_seconds() - start;
    held_free(e.held);
    for (int64_t i = 0; i < n_scores; i++) base_free(e.scores[i].answer);
    base_free(e.scores);
    return ok;
}

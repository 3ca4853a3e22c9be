/* SPDX-License-Identifier: MIT */
/* eval/evaluate.c: one engine run over all prompts of a plan; every completion is scored when it ends, while the others go on
 * sampling, and the figures are added up in problem order at the end. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "base/clock.h"
#include "data/text_stats.h"
#include "reward/compare.h"
#include "reward/language.h"
#include "reward/reward.h"

#include <assert.h>
#include <string.h>

void eval_result_free(EvalResult *result)
{
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

/* ---- scoring ---- */

/* An answer as a string, without the white space around it; NULL when nothing is left. A NUL would end it early and make two
 * different answers one. */
static char *copy_answer(const char *text, size_t length)
{
    while (length > 0 && memchr(" \t\r\n", text[0], 4)) {
        text++;
        length--;
    }
    while (length > 0 && memchr(" \t\r\n", text[length - 1], 4)) length--;
    if (length == 0) return NULL;
    char *const copy = base_strndup(text, length);
    for (size_t i = 0; i < length; i++)
        if (!copy[i]) copy[i] = '?';
    return copy;
}

/* The answer as the vote of cons@k counts it; NULL: there is none. One that is no answer to such a question votes for itself,
 * letter by letter. */
static char *answer_of_check(const char *check, const char *text, const FormatResult *frame)
{
    char canonical[TASK_MAX_TEXT];
    if (!frame->ok) return NULL;
    const char *const answer = text + frame->answer;
    const size_t length = frame->answer_end - frame->answer;
    return task_canonical(check, answer, length, canonical, sizeof canonical) ? base_strdup(canonical)
                                                                              : copy_answer(answer, length);
}

static void score_checked(RewardScore *score, char **answer, const EvalPlan *plan, const EvalProblem *p,
                          const char *text, size_t length)
{
    const RewardWeights weights = reward_default_weights();
    reward_score_framed(score, &weights, plan->config.frame, p->check, p->prompt, p->prompt_length, text, length);
    *answer = answer_of_check(p->check, text, &score->frame);
}

/* Against a gold answer: models that answer in a box, or in plain words, count too, with or without a frame. A text that was
 * cut off before it marked an answer has not said what its answer is. */
static void score_compared(RewardScore *score, char **answer, const EvalProblem *p, const char *text, size_t length,
                           bool truncated)
{
    const RewardWeights weights = reward_default_weights();
    const AnswerSpan span = answer_extract(text, length);
    *score = (RewardScore){.frame = format_check(p->prompt, p->prompt_length, text, length), .verdict = VERDICT_WRONG};
    *answer = NULL;
    if (span.length > 0 && (span.marked || !truncated)) {
        *answer = copy_answer(span.text, span.length);
        score->verdict = compare_answers(p->answer, p->answer_length, text, length, NULL);
    }
    score->accuracy = score->verdict == VERDICT_RIGHT;
    score->format = score->frame.ok;
    score->total = weights.accuracy * score->accuracy + weights.format * score->format;
}

/* By tests of its program. Nobody votes with programs: cons@k has no answer to count. */
static void score_tested(RewardScore *score, char **answer, const EvalPlan *plan, const EvalProblem *p,
                         const char *text, size_t length)
{
    const RewardWeights weights = reward_default_weights();
    CodeResult result;
    code_judge(plan->sandbox, p->tests, text, length, &result, NULL);
    *answer = NULL;
    *score = (RewardScore){.frame = format_check(p->prompt, p->prompt_length, text, length),
                           .verdict = result.verdict == CODE_ACCEPTED ? VERDICT_RIGHT
                                      : result.verdict == CODE_FAULT  ? VERDICT_UNDECIDED
                                                                      : VERDICT_WRONG};
    score->accuracy = score->verdict == VERDICT_RIGHT;
    score->format = score->frame.ok;
    score->total = weights.accuracy * score->accuracy + weights.format * score->format;
}

/* A problem that nothing can be compared with rewards nobody for its answer. */
static void withhold_accuracy(RewardScore *score)
{
    score->total -= reward_default_weights().accuracy * score->accuracy;
    score->accuracy = 0;
    score->verdict = VERDICT_UNDECIDED;
}

typedef struct Evaluation {
    const EvalPlan *plan;
    const Tokenizer *tokenizer;
    SampleScore *scores; /* [n_problems * samples] */
    EvalSampleDone done;
    void *context;
} Evaluation;

static bool score_completion(void *context, const Completion *completion, Error *err)
{
    const Evaluation *const e = context;
    const PlannedProblem *const planned = &e->plan->problems[completion->prompt];
    const EvalProblem *const p = &planned->problem;
    SampleScore *const kept = &e->scores[completion->prompt * e->plan->config.samples + completion->index];
    const bool truncated = completion->finish == FINISH_LENGTH;

    size_t length;
    char *const text =
        eval_completion_text(e->tokenizer, completion, e->plan->config.sampling.stop, planned->prefix, &length);
    RewardScore score;
    if (p->tests)
        score_tested(&score, &kept->answer, e->plan, p, text, length);
    else if (p->check)
        score_checked(&score, &kept->answer, e->plan, p, text, length);
    else
        score_compared(&score, &kept->answer, p, text, length, truncated);
    if (p->unreadable) withhold_accuracy(&score);
    const TaskAudit audit = task_audit(p->check ? p->check : "", text, length);

    const EvalSample sample = {
        .completion = completion->index,
        .text = text,
        .length = length,
        .answer = kept->answer,
        .tokens = completion,
        .accuracy = score.accuracy,
        .format = score.format,
        .reward = score.total,
        .verdict = (int)score.verdict,
        .style = (int)text_style(text, length),
        .reflective_words = text_reflective_words(text, length),
        .first_try_missed = audit.first_missed,
        .corrected_slip = task_audit_corrected(&audit),
    };
    kept->n_ids = completion->n_ids;
    kept->accuracy = sample.accuracy;
    kept->format = sample.format;
    kept->reflective_words = sample.reflective_words;
    kept->verdict = (uint8_t)sample.verdict;
    kept->style = (uint8_t)sample.style;
    kept->truncated = truncated;
    kept->first_missed = sample.first_try_missed;
    kept->corrected = sample.corrected_slip;
    kept->language_share = language_consistency(p->prompt, p->prompt_length, text, length);
    const bool ok = !e->done || e->done(e->context, p, &sample, err);
    base_free(text);
    return ok;
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
        cell_figures(cell, plan, scores, planned->first, planned->n);
    }
    result->total = (EvalCell){.task = plan->n_cells == 1 ? plan->cells[0].task : -1};
    cell_figures(&result->total, plan, scores, 0, plan->n_problems);
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

bool evaluate_plan(const EvalPlan *plan, RolloutEngine *engine, const Tokenizer *tokenizer, EvalResult *result,
                   EvalSampleDone done, void *context, Error *err)
{
    *result = (EvalResult){.cells = NULL};
    const int64_t n_scores = plan->n_problems * plan->config.samples;
    const double start = clock_seconds();
    Evaluation e = {.plan = plan,
                    .tokenizer = tokenizer,
                    .scores = base_alloc((size_t)n_scores, sizeof *e.scores),
                    .done = done,
                    .context = context};
    const bool ok = sample_all(&e, engine, &result->stats, err);
    if (ok) add_up(result, plan, e.scores);
    result->seconds = clock_seconds() - start;
    for (int64_t i = 0; i < n_scores; i++) base_free(e.scores[i].answer);
    base_free(e.scores);
    return ok;
}

bool evaluate_tasks(RolloutEngine *engine, const Tokenizer *tokenizer, const EvalConfig *config, EvalResult *result,
                    EvalSampleDone done, void *context, Error *err)
{
    EvalPlan *plan;
    *result = (EvalResult){.cells = NULL};
    if (!eval_plan_tasks(&plan, tokenizer, config, err)) return false;
    const bool ok = evaluate_plan(plan, engine, tokenizer, result, done, context, err);
    eval_plan_free(plan);
    return ok;
}

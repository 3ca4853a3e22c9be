/* SPDX-License-Identifier: MIT */
/* recipe/reject.c: see reject.h. */
#include "recipe/reject.h"

#include "base/clock.h"
#include "base/signals.h"
#include "model/adapter.h"
#include "model/frozen.h"
#include "reward/compare.h"

#include <string.h>

const char *reject_reason_name(RejectReason reason)
{
    static const char *const names[] = {"none",         "truncated",      "format",     "wrong",      "undecided",
                                        "language",     "paragraph",      "code_block", "repetition", "rewrite",
                                        "contaminated", "near_duplicate", "surplus"};
    return names[reason];
}

RejectReason reject_check(const Reject *r, const RejectCandidate *c)
{
    static const RejectReason of[] = {[READABLE] = REJECT_NONE,
                                      [UNREADABLE_LANGUAGE] = REJECT_LANGUAGE,
                                      [UNREADABLE_PARAGRAPH] = REJECT_PARAGRAPH,
                                      [UNREADABLE_CODE_BLOCK] = REJECT_CODE_BLOCK,
                                      [UNREADABLE_REPETITION] = REJECT_REPETITION};
    if (!c->stopped) return REJECT_TRUNCATED;
    if (!c->well_formed) return REJECT_FORMAT;
    if (c->verdict == VERDICT_WRONG) return REJECT_WRONG;
    if (c->verdict != VERDICT_RIGHT) return REJECT_UNDECIDED;
    return of[readable_check(&r->limits, c->prompt, c->prompt_length, c->text, c->length)];
}

/* ---- opening ---- */

/* What grpo_rollout.c and grpo_rewards.c read of a recipe. */
static GrpoSettings rollout_of(const RejectSettings *s)
{
    GrpoSettings g = grpo_defaults();
    g.common = s->common;
    g.data = s->data;
    g.prompts_per_step = s->prompts_per_step;
    g.group_size = s->samples;
    g.max_completion_tokens = s->max_completion_tokens;
    g.temperature = s->temperature;
    g.reward_frame = s->frame;
    g.reward_workers = s->workers;
    g.max_active = s->max_active;
    memcpy(g.tasks, s->tasks, sizeof g.tasks);
    return g;
}

static size_t take_arrays(GrpoStage *g, int64_t n_questions, Arena *arena)
{
    const GrpoSettings *const s = g->settings;
    const size_t q = (size_t)n_questions, n = q * (size_t)s->group_size, tokens = n * (size_t)s->max_completion_tokens;
    size_t bytes = 0;
#define TAKE(field, count, type)                                                                                       \
    (bytes += arena_piece_bytes((count), sizeof(type)),                                                                \
     arena ? (void)((field) = arena_take(arena, (count), sizeof(type))) : (void)0)
    int32_t *inputs = NULL, *ids = NULL;
    float *old = NULL;
    TAKE(g->questions, q, Question);
    TAKE(g->prompts, q, RolloutPrompt);
    TAKE(g->samples, n, Sampled);
    TAKE(g->live, q, bool);
    TAKE(g->group_rewards, (size_t)s->group_size, double);
    TAKE(g->group_counted, (size_t)s->group_size, bool);
    TAKE(g->advantages, n, float);
    TAKE(inputs, tokens, int32_t);
    TAKE(ids, tokens, int32_t);
    TAKE(old, tokens, float);
#undef TAKE
    if (!arena) return bytes;
    memset(g->questions, 0, q * sizeof *g->questions);
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * (size_t)s->max_completion_tokens;
        g->samples[i] = (Sampled){.inputs = inputs + at, .ids = ids + at, .old_logprobs = old + at};
    }
    return bytes;
}

bool reject_sampler_open(GrpoStage *g, const char *model, int64_t n_questions, int64_t longest_prompt, Error *err)
{
    const GrpoSettings *const s = g->settings;
    g->n_questions = n_questions;
    g->n_samples = n_questions * s->group_size;
    if (!model_open_frozen(&g->policy, model, WEIGHTS_STORED, &g->run->compute, err) ||
        !grpo_stage_open_rewards(g, err))
        return false;
    int64_t sequence = stage_max_sequence(&g->policy.config, s->max_completion_tokens);
    if (longest_prompt + s->max_completion_tokens > sequence) sequence = longest_prompt + s->max_completion_tokens;
    if (sequence > g->policy.config.max_positions) sequence = g->policy.config.max_positions;
    if (!engine_create(&g->engine, &g->policy, &g->run->compute, s->max_active, sequence, err) ||
        !arena_create(&g->memory, "rollout", take_arrays(g, n_questions, NULL), err))
        return false;
    take_arrays(g, n_questions, &g->memory);
    return true;
}

static void reject_close(Reject *r)
{
    rewriter_free(r->rewriter);
    reject_judge_close(r->model_judge);
    r->sampling.n_questions = r->settings->prompts_per_step; /* the last step may have had fewer */
    r->sampling.n_samples = r->sampling.n_questions * r->settings->samples;
    grpo_stage_close(&r->sampling);
}

static int64_t count_prompts(const RejectSettings *s, const QuestionRows *rows)
{
    const int64_t n = rows->plan ? eval_plan_problems(rows->plan) : s->prompts;
    return s->prompts > 0 && s->prompts < n ? s->prompts : n;
}

static bool reject_open(Reject *r, const StageRun *run, const RejectSettings *s, Error *err)
{
    *r = (Reject){.run = run, .settings = s, .rollout = rollout_of(s)};
    GrpoStage *const g = &r->sampling;
    *g = (GrpoStage){.run = run, .settings = &r->rollout};
    r->limits = (ReadableLimits){.language = s->language,
                                 .paragraph_words = s->paragraph_words,
                                 .code_blocks = s->code_blocks,
                                 .repetition = s->repetition,
                                 .repetition_ngram = (int)s->repetition_ngram};
    r->limits.has_target = language_find(&r->limits.target, s->language_target);
    if (!stage_check_same(run, "data", s->data, err) || !stage_check_same(run, "model", s->common.model, err) ||
        !stage_check_same(run, "judge.model", s->judge_model, err) ||
        !stage_check_same(run, "rewrite.model", s->rewrite_model, err) ||
        !adapter_tokenizer_open(&g->tokenizer, s->common.model, err) ||
        !question_rows_read(&g->rows, g->tokenizer, &r->rollout, err))
        return false;
    if (g->rows.plan) stage_warn_unreadable(g->rows.plan, run->progress, s->data, true);
    r->n_prompts = count_prompts(s, &g->rows);
    r->n_steps = (r->n_prompts + s->prompts_per_step - 1) / s->prompts_per_step;
    const int64_t longest = g->rows.plan ? eval_plan_longest_prompt(g->rows.plan) : 0;
    return reject_sampler_open(g, s->common.model, s->prompts_per_step, longest, err) &&
           (!*s->judge_model || reject_judge_open(&r->model_judge, r, err)) &&
           (!*s->rewrite_model || rewriter_open(&r->rewriter, r, err));
}

bool reject_count_steps(Recipe *recipe, Error *err)
{
    const RejectSettings *const s = &recipe->reject;
    const GrpoSettings rollout = rollout_of(s);
    Tokenizer *tokenizer;
    QuestionRows rows = {0};
    int64_t n = s->prompts;
    if (*s->data) {
        if (!adapter_tokenizer_open(&tokenizer, s->common.model, err)) return recipe_error_in(recipe, "model", err);
        const bool ok = question_rows_read(&rows, tokenizer, &rollout, err) || recipe_error_in(recipe, "data", err);
        if (ok) n = count_prompts(s, &rows);
        if (ok) recipe->reject.longest_prompt = question_rows_longest(&rows);
        question_rows_free(&rows);
        tokenizer_free(tokenizer);
        if (!ok) return false;
    }
    recipe->reject.common.steps = (n + s->prompts_per_step - 1) / s->prompts_per_step + 1;
    return true;
}

/* ---- a step ---- */

void reject_read_marked_answer(const Question *q, Sampled *s)
{
    const FormatResult *const frame = &s->score.frame;
    if (!q->check || !frame->ok || s->score.verdict != VERDICT_WRONG) return;
    const AnswerSpan span = answer_extract(s->text + frame->answer, frame->answer_end - frame->answer);
    if (span.marked && span.length > 0) s->score.verdict = task_check(q->check, span.text, span.length);
}

static bool sample(Reject *r, int64_t step, RolloutStats *stats, Error *err)
{
    GrpoStage *const g = &r->sampling;
    const int64_t first = step * r->settings->prompts_per_step, left = r->n_prompts - first;
    g->n_questions = left < r->settings->prompts_per_step ? left : r->settings->prompts_per_step;
    g->n_samples = g->n_questions * r->settings->samples;
    if (!(g->rows.plan ? grpo_stage_ask_rows(g, first, err) : grpo_stage_ask(g, step, err)) ||
        !grpo_stage_sample(g, stats, err))
        return false;
    for (int64_t i = 0; i < g->n_samples; i++)
        reject_read_marked_answer(&g->questions[i / r->settings->samples], &g->samples[i]);
    return reject_ask_judge(r, err);
}

static void begin_row(MetricsRow *row, int64_t step)
{
    metrics_row_clear(row);
    row->step = step;
    snprintf(row->stage, sizeof row->stage, "reject");
}

static void measure(Reject *r, int64_t step, const RolloutStats *stats, double seconds)
{
    GrpoStage *const g = &r->sampling;
    int64_t n_right = 0;
    begin_row(&g->row, step);
    for (int64_t i = 0; i < g->n_samples; i++) n_right += g->samples[i].score.verdict == VERDICT_RIGHT;
    grpo_stage_advantages(g);
    grpo_stage_measure_rollout(g);
    metrics_set(&g->row, "reject/right", (double)n_right);
    metrics_set(&g->row, "step_time", seconds);
    metrics_set(&g->row, "tokens_per_second", seconds > 0 ? (double)stats->decode_tokens / seconds : 0.0);
}

/* The order that makes a run resumable, as in grpo.c: stored, then the line. */
static bool sampling_step(Reject *r, int64_t step, Error *err)
{
    GrpoStage *const g = &r->sampling;
    const double start = clock_seconds();
    RolloutStats stats = {0};
    if (!sample(r, step, &stats, err) || !grpo_stage_store(g, step + 1, err) ||
        (r->rewriter && !rewriter_run(r->rewriter, r, step + 1, err)))
        return false;
    measure(r, step + 1, &stats, clock_seconds() - start);
    if (!metrics_append(r->run->metrics, &g->row, err)) return false;
    progress_step(r->run->progress, &g->row);
    return true;
}

/* ---- the last step ---- */

static void say_counts(const Reject *r, const RejectCounts *c)
{
    char line[240];
    snprintf(line, sizeof line, "%lld of %lld samples are kept", (long long)c->kept, (long long)c->sampled);
    if (c->mixed > 0)
        snprintf(line + strlen(line), sizeof line - strlen(line), ", mixed with %lld rows of other data",
                 (long long)c->mixed);
    progress_note(r->run->progress, line);
    if (c->kept == 0) {
        int most = REJECT_NONE + 1;
        for (int i = most; i < REJECT_REASONS; i++)
            if (c->dropped[i] > c->dropped[most]) most = i;
        snprintf(line, sizeof line,
                 "nothing is kept: %lld samples are left out as \"%s\" (data/dropped.jsonl has each)",
                 (long long)c->dropped[most], reject_reason_name((RejectReason)most));
        progress_warning(r->run->progress, line);
    }
    if (c->mixed == c->wanted_mixed) return;
    snprintf(line, sizeof line, "mix: the shares ask for %lld rows of other data, there are %lld",
             (long long)c->wanted_mixed, (long long)c->mixed);
    progress_warning(r->run->progress, line);
}

static void measure_counts(MetricsRow *row, const RejectCounts *c, double seconds)
{
    metrics_set(row, "reject/sampled", (double)c->sampled);
    metrics_set(row, "reject/kept", (double)c->kept);
    metrics_set(row, "reject/kept_share", (double)c->kept / (double)c->sampled);
    metrics_set(row, "reject/mixed", (double)c->mixed);
    for (int i = REJECT_NONE + 1; i < REJECT_REASONS; i++)
        metrics_setf(row, (double)c->dropped[i], "dropped/%s", reject_reason_name((RejectReason)i));
    metrics_set(row, "step_time", seconds);
}

/* A run that was interrupted behind this step's line has the line already. */
static bool selecting_step(Reject *r, Error *err)
{
    MetricsRow *const row = &r->sampling.row;
    const double start = clock_seconds();
    const int64_t step = r->n_steps + 1;
    StageFolder data;
    RejectCounts counts = {0};
    bool ok = stage_folder_begin(&data, r->run, "data", err) && reject_select(r, data.path, &counts, err);
    if (ok && r->run->resume_step < step) {
        begin_row(row, step);
        measure_counts(row, &counts, clock_seconds() - start);
        ok = metrics_append(r->run->metrics, row, err);
        progress_step(r->run->progress, row);
    }
    if (ok) say_counts(r, &counts);
    return stage_folder_end(&data, ok, "data", err);
}

bool reject_run(const StageRun *run, const RejectSettings *settings, Error *err)
{
    Reject r;
    bool ok = reject_open(&r, run, settings, err);
    for (int64_t step = run->resume_step; ok && step < r.n_steps; step++)
        ok = signals_check(err) && sampling_step(&r, step, err);
    ok = ok && selecting_step(&r, err);
    reject_close(&r);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* recipe/pairs_stage.c: see pairs_stage.h. */
#include "recipe/pairs_stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "eval/judge_model.h"
#include "eval/judge_rows.h"
#include "record/notes.h"
#include "recipe/plan_parts.h"
#include "recipe/stage.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct PairsStage {
    const StageRun *run;
    const PairsSettings *settings;
    RowPairs pairs;
    JudgeModel *judge; /* NULL: all has been asked */
    int64_t n_steps;   /* those that ask */
    int64_t step;      /* the one in hand, from 1 */
    MetricsRow row;
} PairsStage;

static int64_t steps_of(int64_t n_pairs)
{
    return (n_pairs + ROW_PAIRS_ASKED - 1) / ROW_PAIRS_ASKED;
}

static ScoredPart part_of(const PairsSettings *s)
{
    return s->response ? SCORED_RESPONSE : SCORED_SUMMARY;
}

static bool open_judge(PairsStage *p, Error *err)
{
    const PairsSettings *const s = p->settings;
    const JudgeModelConfig config = {.max_tokens = s->max_tokens,
                                     .temperature = s->temperature,
                                     .max_active = s->max_active,
                                     .seed = (uint64_t)s->common.seed};
    return judge_model_open(&p->judge, s->common.model, &p->run->compute, &config, err);
}

static bool pairs_open(PairsStage *p, const StageRun *run, const PairsSettings *s, Error *err)
{
    *p = (PairsStage){.run = run, .settings = s};
    if (!stage_check_same(run, "data", s->data, err) || !stage_check_same(run, "model", s->common.model, err) ||
        !row_pairs_read(&p->pairs, s->data, part_of(s), err))
        return false;
    p->n_steps = steps_of(p->pairs.n);
    return run->resume_step >= p->n_steps || open_judge(p, err);
}

static void pairs_close(PairsStage *p)
{
    judge_model_close(p->judge);
    row_pairs_free(&p->pairs);
    metrics_row_free(&p->row);
}

static void begin_row(PairsStage *p, int64_t step)
{
    metrics_row_clear(&p->row);
    p->row.step = step;
    snprintf(p->row.stage, sizeof p->row.stage, "pairs");
}

/* ---- asking ---- */

static bool store_pair(const PairsStage *p, int64_t i, Error *err)
{
    const RowPair *const pair = &p->pairs.items[i];
    char key[40];
    snprintf(key, sizeof key, "pair/%" PRId64, i);
    const StoredProblem problem = {.key = key,
                                   .task = "pairs",
                                   .split = "",
                                   .prompt = pair->question.text,
                                   .prompt_length = pair->question.length,
                                   .check = json_string_value(json_object_get(pair->row, "check"))};
    return run_store_add_problem(p->run->store, p->step, &problem, err);
}

/* The reward of a reply is what it says of the pair's first response. */
static bool store_reply(void *context, const JudgeReply *reply, Error *err)
{
    const PairsStage *const p = context;
    const int64_t i = (p->step - 1) * ROW_PAIRS_ASKED + reply->of;
    const char *const text = reply->text ? reply->text : "";
    char key[40];
    snprintf(key, sizeof key, "pair/%" PRId64, i);
    const StoredCompletion completion = {.phase = STORED_ROLLOUT,
                                         .suite = "",
                                         .step = p->step,
                                         .prompt_index = reply->of,
                                         .completion_index = reply->ask,
                                         .problem_key = key,
                                         .text = text,
                                         .text_length = strlen(text),
                                         .stopped = reply->readable,
                                         .accuracy = (double)NAN,
                                         .format = reply->readable,
                                         .reward = reply->readable ? reply->value : (double)NAN,
                                         .advantage = (double)NAN,
                                         .verdict = VERDICT_UNDECIDED,
                                         .reflective_words = -1,
                                         .style = STORED_STYLE_UNKNOWN};
    return (reply->ask > 0 || store_pair(p, i, err)) && run_store_add_completion(p->run->store, &completion, err);
}

static void measure_step(PairsStage *p, int64_t first, int64_t n, double seconds)
{
    JudgedPairs counts;
    double n_readable = 0;
    JudgedPair *const judged = p->pairs.judged + first;
    judge_pairs_keep(judged, n, p->settings->least, false, &counts);
    for (int64_t i = 0; i < n; i++) n_readable += (double)judged[i].n_readable;
    begin_row(p, p->step);
    metrics_set(&p->row, "judge/readable", n_readable / (double)(n * p->settings->asks));
    metrics_set(&p->row, "judge/clear", (double)counts.n_kept / (double)n);
    metrics_set(&p->row, "judge/agreement", judge_pairs_agreement(&counts));
    metrics_set(&p->row, "step_time", seconds);
}

/* The order that makes a run resumable, as in grpo.c: stored, then the line. */
static bool asking_step(PairsStage *p, int64_t step, Error *err)
{
    const double start = clock_seconds();
    const int64_t first = step * ROW_PAIRS_ASKED, left = p->pairs.n - first;
    const int64_t n = left < ROW_PAIRS_ASKED ? left : ROW_PAIRS_ASKED;
    const JudgeWay way = {.form = JUDGE_COMPARE,
                          .prompt = p->settings->prompt,
                          .asks = p->settings->asks,
                          .heard = store_reply,
                          .context = p};
    p->step = step + 1;
    if (!run_store_begin(p->run->store, err)) return false;
    if (!row_pairs_ask(&p->pairs, judge_model_judge(p->judge), &way, first, n, err)) {
        run_store_rollback(p->run->store);
        return false;
    }
    if (!run_store_commit(p->run->store, err)) return false;
    measure_step(p, first, n, clock_seconds() - start);
    if (!metrics_append(p->run->metrics, &p->row, err)) return false;
    progress_step(p->run->progress, &p->row);
    return true;
}

/* ---- the last step ---- */

static bool take_reply(void *context, const StoredCompletion *c, const StoredProblem *problem)
{
    PairsStage *const p = context;
    const int64_t i = (c->step - 1) * ROW_PAIRS_ASKED + c->prompt_index;
    (void)problem;
    if (i < 0 || i >= p->pairs.n || isnan(c->reward)) return true;
    p->pairs.judged[i].n_readable++;
    p->pairs.judged[i].difference += c->reward;
    return true;
}

/* All opinions as they were recorded, whichever of them this process has asked for. */
static bool read_opinions(PairsStage *p, Error *err)
{
    const StoredFilter filter = {
        .phase = STORED_ROLLOUT, .step_low = 1, .step_high = p->n_steps, .prompt_index = -1, .completion_index = -1};
    for (int64_t i = 0; i < p->pairs.n; i++) p->pairs.judged[i].n_readable = 0, p->pairs.judged[i].difference = 0;
    if (!run_store_read_completions(p->run->store, &filter, take_reply, p, err)) return false;
    for (int64_t i = 0; i < p->pairs.n; i++)
        if (p->pairs.judged[i].n_readable > 0) p->pairs.judged[i].difference /= (double)p->pairs.judged[i].n_readable;
    return true;
}

static bool write_results(const JudgedPairs *counts, const char *path, Error *err)
{
    JsonOut out = {0};
    judge_pairs_json(&out, counts);
    json_out_raw_bytes(&out, "\n", 1);
    const bool ok = file_write_all(path, "results", out.text, out.length, err);
    json_out_free(&out);
    return ok;
}

void pairs_measure(MetricsRow *row, const JudgedPairs *counts)
{
    JudgedFigure figures[JUDGED_FIGURES];
    judge_pairs_figures(counts, figures);
    for (int i = 0; i < JUDGED_FIGURES; i++)
        metrics_setf(row, figures[i].value, i == 0 ? "pairs/n" : "pairs/%s", figures[i].name);
}

static void say_counts(const PairsStage *p, const JudgedPairs *c)
{
    char line[240];
    Notes notes;
    snprintf(line, sizeof line,
             "%" PRId64 " of %" PRId64 " pairs are kept: the judge could not be read on %" PRId64
             ", was not clear on %" PRId64 ", and %" PRId64 " are left out for their lengths",
             c->n_kept, c->n, c->n_undecided, c->n_unclear, c->n_unbalanced);
    progress_note(p->run->progress, line);
    if (c->n_truth > 0) {
        snprintf(line, sizeof line,
                 "where the truth is known and the judge is clear (%" PRId64 " of %" PRId64
                 " pairs) it meets it in %.1f%%",
                 c->n_truth, c->n_known, 100 * judge_pairs_agreement(c));
        progress_note(p->run->progress, line);
    }
    notes_of_step(&notes, &p->row);
    for (int i = 0; i < notes.n; i++)
        if (notes.items[i].level == NOTE_WARNING) progress_warning(p->run->progress, notes.items[i].text);
}

/* A run that was interrupted behind this step's line has the line already. */
static bool keep_and_record(PairsStage *p, const char *folder, Error *err)
{
    const PairsSettings *const s = p->settings;
    const double start = clock_seconds();
    char *const pairs = base_printf("%s/pairs.jsonl", folder), *const results = base_printf("%s/results.json", folder);
    JudgedPairs counts;
    bool ok = read_opinions(p, err);
    judge_pairs_keep(p->pairs.judged, p->pairs.n, s->least, s->balance, &counts);
    ok = ok && row_pairs_write(&p->pairs, pairs, (uint64_t)s->common.seed, s->shuffle_labels, err) &&
         write_results(&counts, results, err);
    begin_row(p, p->n_steps + 1);
    pairs_measure(&p->row, &counts);
    metrics_set(&p->row, "step_time", clock_seconds() - start);
    if (ok && p->run->resume_step <= p->n_steps) {
        ok = metrics_append(p->run->metrics, &p->row, err);
        progress_step(p->run->progress, &p->row);
    }
    if (ok) say_counts(p, &counts);
    base_free(pairs);
    base_free(results);
    return ok;
}

bool pairs_run(const StageRun *run, const PairsSettings *settings, Error *err)
{
    PairsStage p;
    StageFolder data;
    bool ok = pairs_open(&p, run, settings, err);
    for (int64_t step = run->resume_step; ok && step < p.n_steps; step++)
        ok = signals_check(err) && asking_step(&p, step, err);
    if (ok) {
        ok = stage_folder_begin(&data, run, "data", err) && keep_and_record(&p, data.path, err);
        ok = stage_folder_end(&data, ok, "data", err);
    }
    pairs_close(&p);
    return ok;
}

/* ---- before it runs ---- */

static bool count_pairs(const Recipe *r, int64_t *n, Error *err)
{
    RowPairs pairs;
    if (!row_pairs_read(&pairs, r->pairs.data, part_of(&r->pairs), err)) return recipe_error_in(r, "data", err);
    *n = pairs.n;
    row_pairs_free(&pairs);
    return true;
}

bool pairs_count_steps(Recipe *r, Error *err)
{
    int64_t n = 0;
    if (!count_pairs(r, &n, err)) return false;
    r->pairs.common.steps = steps_of(n) + 1;
    return true;
}

bool pairs_check_reads(const Recipe *r, const ModelConfig *config, Error *err)
{
    int64_t n = 0;
    if (!count_pairs(r, &n, err)) return false;
    return r->pairs.max_tokens < config->max_positions ||
           recipe_error(r, "max_tokens", err,
                        "max_tokens: %" PRId64 " leaves no room for what is judged in the judge's %" PRId64
                        " positions",
                        r->pairs.max_tokens, config->max_positions);
}

/* As if all were kept: two responses a pair. Of a file that is still to be made, as many tokens as it is said to leave. */
void plan_pairs(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    enum { TOKENS_A_PAIR = 128 }; /* about: a prompt and two short responses */
    const PairsSettings *const s = &r->pairs;
    double n_pairs = (double)(s->common.steps - 1) * ROW_PAIRS_ASKED;
    if (plan->counts_later) {
        n_pairs = plan->data_tokens / TOKENS_A_PAIR;
        plan->steps = (int64_t)(n_pairs / ROW_PAIRS_ASKED) + 2;
    }
    const double asked = n_pairs * (double)s->asks * (TOKENS_A_PAIR + 0.5 * (double)s->max_tokens);
    plan->sample_flops += (double)model_token_flops(config) * asked;
    plan->data_tokens = n_pairs * TOKENS_A_PAIR;
    plan->memory_bytes +=
        (int64_t)engine_plan_bytes(config, s->max_active, stage_max_sequence(config, s->max_tokens), n_threads);
}

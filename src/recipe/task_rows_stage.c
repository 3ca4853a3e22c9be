/* SPDX-License-Identifier: MIT */
/* recipe/task_rows_stage.c: rows of procedural tasks as a stage (kind `tasks`): what other stages of a graph ask, learn from, or keep
 * clear of. data/rows.jsonl has the rows that `r1 tasks` prints. */
#include "recipe/plan_parts.h"
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "data/task_rows.h"

#include <string.h>

/* About: a prompt and a reply of this world; with several replies. */
enum { TOKENS_A_ROW = 64, TOKENS_OF_CANDIDATES = 256, TOKENS_OF_JUDGEMENT = 96 };

static bool write_row(void *context, JsonOut *row, Error *err)
{
    json_out_raw_bytes(row, "\n", 1);
    const bool ok = file_writer_write(context, row->text, row->length, err);
    json_out_clear(row);
    return ok;
}

static bool write_rows(const TaskRowsSettings *s, FileWriter *writer, Error *err)
{
    const CommonSettings *const c = &s->common;
    const TaskRows rows = {.task = strcmp(s->task, "all") == 0 ? TASK_ROWS_ALL : task_find(s->task),
                           .level = (int)s->level,
                           .split = (Split)s->split,
                           .n = s->n,
                           .seed = c->seed,
                           .language = (LanguageChoice)c->task_language,
                           .names_language = true,
                           .good = s->rows == TASK_ROWS_GOOD_RESPONSES,
                           .shuffled = s->shuffle_labels,
                           .judge_prompt = s->judge_prompt,
                           .sink = write_row,
                           .context = writer};
    switch ((TaskRowsKind)s->rows) {
    case TASK_ROWS_RESPONSES:
    case TASK_ROWS_GOOD_RESPONSES:
        return task_rows_responses(&rows, err);
    case TASK_ROWS_PAIRS:
        return task_rows_pairs(&rows, err);
    case TASK_ROWS_CANDIDATES:
        return task_rows_candidates(&rows, err);
    case TASK_ROWS_JUDGEMENTS:
        return task_rows_judgements(&rows, err);
    case TASK_ROWS_REWRITES:
        return task_rows_rewrites(&rows, err);
    case TASK_ROWS_PROBLEMS:
        break;
    }
    return task_rows_problems(&rows, err);
}

static bool write_file(const TaskRowsSettings *s, const char *path, Error *err)
{
    FileWriter *writer;
    if (!file_writer_open(&writer, path, "rows", err)) return false;
    if (write_rows(s, writer, err)) return file_writer_commit(writer, err);
    file_writer_abandon(writer);
    return false;
}

/* The line is written once, whatever dies behind it. */
static bool record(const StageRun *run, const TaskRowsSettings *s, double seconds, Error *err)
{
    if (run->resume_step > 0) return true;
    MetricsRow row = {.step = 1, .stage = "tasks"};
    metrics_set(&row, "tasks/rows", (double)s->n);
    metrics_set(&row, "step_time", seconds);
    const bool ok = metrics_append(run->metrics, &row, err);
    progress_step(run->progress, &row);
    metrics_row_free(&row);
    return ok;
}

bool task_rows_run(const StageRun *run, const TaskRowsSettings *s, Error *err)
{
    const double start = clock_seconds();
    StageFolder data;
    bool ok = stage_folder_begin(&data, run, "data", err);
    char *const path = base_printf("%s/rows.jsonl", data.path);
    ok = ok && write_file(s, path, err) && record(run, s, clock_seconds() - start, err);
    base_free(path);
    return stage_folder_end(&data, ok, "data", err);
}

void plan_task_rows(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    (void)config;
    (void)n_threads;
    const int rows = r->task_rows.rows;
    const int64_t of_row = rows == TASK_ROWS_CANDIDATES   ? TOKENS_OF_CANDIDATES
                           : rows == TASK_ROWS_JUDGEMENTS ? TOKENS_OF_JUDGEMENT
                                                          : TOKENS_A_ROW;
    plan->data_tokens = (double)(r->task_rows.n * of_row);
}

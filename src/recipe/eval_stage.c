/* SPDX-License-Identifier: MIT */
/* recipe/eval_stage.c: an evaluation as a stage: the held-out problems of the families, or a file's, once, by the paper's sampling
 * (temperature 0.6, top-p 0.95). results/results.json has the figures of the step's line. */
#include "recipe/plan_parts.h"
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "model/adapter.h"
#include "model/frozen.h"

#include <string.h>
#include <unistd.h>

static bool evaluate(const StageRun *run, const CommonSettings *c, MetricsRow *row, Error *err)
{
    Model model = {0};
    Tokenizer *tokenizer = NULL;
    RolloutEngine *engine = NULL;
    const double start = clock_seconds();
    bool ok = adapter_tokenizer_open(&tokenizer, c->model, err) &&
              model_open_frozen(&model, c->model, WEIGHTS_STORED, &run->compute, err) &&
              stage_evaluation_engine(&engine, run, c, tokenizer, &model, err) &&
              stage_evaluate(run, c, engine, tokenizer, 1, row, err);
    if (ok) {
        metrics_set(row, "step_time", clock_seconds() - start - metrics_get(row, "time/eval"));
        ok = metrics_append(run->metrics, row, err);
        progress_step(run->progress, row);
    }
    engine_free(engine);
    model_free(&model);
    tokenizer_free(tokenizer);
    return ok;
}

/* The step's line as it was recorded. */
static bool read_line(const StageRun *run, MetricsRow *row, Error *err)
{
    MetricsTable table;
    char *const path = base_printf("%s/metrics.jsonl", run->folder);
    const bool ok = metrics_read(&table, path, err);
    if (ok) {
        metrics_table_row(&table, table.n_rows - 1, row);
        metrics_table_free(&table);
    }
    base_free(path);
    return ok;
}

static bool write_results(const StageRun *run, const CommonSettings *c, const MetricsRow *row, Error *err)
{
    static const char prefix[] = "eval/held_out/";
    char *const folder = base_printf("%s/results.tmp-%d", run->folder, (int)getpid());
    char *const path = base_printf("%s/results.json", folder), *const final = base_printf("%s/results", run->folder);
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "task", *c->eval_data ? c->eval_data : "all");
    json_out_kv_int(&out, "k", c->eval_samples);
    json_out_kv_int(&out, "seed", c->seed);
    json_out_kv_double(&out, "temperature", c->eval_temperature);
    json_out_kv_double(&out, "top_p", c->eval_top_p);
    for (int64_t i = 0; i < row->n; i++)
        if (strncmp(row->items[i].name, prefix, sizeof prefix - 1) == 0)
            json_out_kv_double(&out, row->items[i].name + sizeof prefix - 1, row->items[i].value);
    json_out_object_end(&out);
    json_out_raw_bytes(&out, "\n", 1);
    const bool ok = file_remove_tree(folder, err) && file_make_folders(folder, err) &&
                    file_write_all(path, "results", out.text, out.length, err) &&
                    stage_drop(run->folder, "results", err) &&
                    file_rename_durable(folder, final, "results-folder", err);
    json_out_free(&out);
    base_free(folder);
    base_free(path);
    base_free(final);
    return ok;
}

bool eval_run(const StageRun *run, const EvalSettings *settings, Error *err)
{
    const CommonSettings *const c = &settings->common;
    MetricsRow row = {.step = 1, .stage = "eval"};
    /* from the recorded line in any case, so that an interruption behind it cannot be seen */
    const bool ok = (run->resume_step > 0 || evaluate(run, c, &row, err)) && read_line(run, &row, err) &&
                    write_results(run, c, &row, err);
    metrics_row_free(&row);
    return ok;
}

void plan_eval(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    plan->data_tokens = 0;
    plan->sample_flops *= 0.5; /* one evaluation, not one before and one behind */
    plan->memory_bytes += (int64_t)engine_plan_bytes(config, STAGE_EVAL_ACTIVE,
                                                     stage_max_sequence(config, r->common->eval_max_tokens), n_threads);
}

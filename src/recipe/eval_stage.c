/* SPDX-License-Identifier: MIT */
/* recipe/eval_stage.c: an evaluation as a stage: the held-out problems of the families, or a file's, once, by the paper's sampling
 * (temperature 0.6, top-p 0.95); sets in their published layouts, through a chat template and with a judge. results/results.json has the figures of the step's line. */
#include "recipe/plan_parts.h"
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "data/general.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "model/frozen.h"

#include <string.h>

static bool evaluate(const StageRun *run, const EvalSettings *s, MetricsRow *row, Error *err)
{
    const char *const folder = s->common.model;
    Model model = {0};
    Tokenizer *tokenizer = NULL;
    const double start = clock_seconds();
    bool ok = adapter_tokenizer_open(&tokenizer, folder, err) &&
              model_open_frozen(&model, folder, WEIGHTS_STORED, &run->compute, err) &&
              stage_evaluate_model(run, s, &model, tokenizer, row, err);
    if (ok) {
        metrics_set(row, "step_time", clock_seconds() - start - metrics_get(row, "time/eval"));
        ok = metrics_append(run->metrics, row, err);
        progress_step(run->progress, row);
    }
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

/* Of a file, without its folder: a graph that is run elsewhere has the same results. */
static const char *name_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

typedef struct Results {
    const EvalSettings *settings;
    const MetricsRow *row;
} Results;

static bool write_results(void *context, const char *folder, Error *err)
{
    static const char prefix[] = "eval/held_out/";
    const Results *const results = context;
    const EvalSettings *const s = results->settings;
    const MetricsRow *const row = results->row;
    const CommonSettings *const c = &s->common;
    char *const path = base_printf("%s/results.json", folder);
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "task", *c->eval_data ? name_of(c->eval_data) : "all");
    json_out_kv_int(&out, "k", c->eval_samples);
    json_out_kv_int(&out, "seed", c->seed);
    json_out_kv_double(&out, "temperature", c->eval_temperature);
    json_out_kv_double(&out, "top_p", c->eval_top_p);
    if (s->format != (int)EVAL_FORMAT_AUTO) json_out_kv_string(&out, "data_format", eval_format_names[s->format]);
    if (s->chat) json_out_kv_bool(&out, "chat", true);
    if (*s->judge) json_out_kv_bool(&out, "judge", true);
    for (int64_t i = 0; i < row->n; i++)
        if (strncmp(row->items[i].name, prefix, sizeof prefix - 1) == 0)
            json_out_kv_double(&out, row->items[i].name + sizeof prefix - 1, row->items[i].value);
    json_out_object_end(&out);
    json_out_raw_bytes(&out, "\n", 1);
    const bool ok = file_write_all(path, "results", out.text, out.length, err);
    json_out_free(&out);
    base_free(path);
    return ok;
}

bool eval_run(const StageRun *run, const EvalSettings *settings, Error *err)
{
    MetricsRow row = {.step = 1, .stage = "eval"};
    Results results = {settings, &row};
    const StageOutputFolder output = {
        .name = "results", .failpoint = "results-folder", .write = write_results, .context = &results};
    /* from the recorded line in any case, so that an interruption behind it cannot be seen */
    const bool ok = (run->resume_step > 0 || evaluate(run, settings, &row, err)) && read_line(run, &row, err) &&
                    stage_write_output(run, &output, err);
    metrics_row_free(&row);
    return ok;
}

/* Read as the evaluation will read them; the judge is asked only then. */
static bool check_problems(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    static const Judge asked_later = {0};
    const CommonSettings *const c = r->common;
    ChatTemplate *chat = NULL;
    EvalPlan *plan = NULL;
    if (r->eval.chat && !chat_template_open(&chat, c->model, err)) return recipe_error_in(r, "chat", err);
    const EvalConfig eval = {.samples = 1,
                             .sampling = {.temperature = 1.0},
                             .format = (EvalFormat)r->eval.format,
                             .chat = chat,
                             .judge = *r->eval.judge ? &asked_later : NULL};
    const bool ok = eval_plan_file(&plan, tokenizer, &eval, c->eval_data, err) || recipe_error_in(r, "data", err);
    const int64_t longest = ok ? eval_plan_longest_prompt(plan) : 0;
    eval_plan_free(plan);
    chat_template_free(chat);
    if (!ok || longest + c->eval_max_tokens <= config->max_positions) return ok;
    return recipe_error(r, "data", err,
                        "data: a prompt of %lld tokens and %lld new ones do not fit into the model's %lld positions",
                        (long long)longest, (long long)c->eval_max_tokens, (long long)config->max_positions);
}

bool eval_check_reads(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    const char *const judge = r->eval.judge;
    ModelConfig of_judge;
    if (*judge && (!model_config_read(&of_judge, judge, err) || !model_head_check(&of_judge, false, judge, err) ||
                   !model_folder_check(judge, &of_judge, err)))
        return recipe_error_in(r, "judge", err);
    return !*r->common->eval_data || check_problems(r, config, tokenizer, err);
}

/* The judge is taken to be as large as the model that is asked. */
void plan_eval(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    plan->data_tokens = 0;
    plan->sample_flops *= 0.5; /* one evaluation, not one before and one behind */
    const double languages = r->common->task_language == LANGUAGE_BOTH ? 2.0 : 1.0;
    plan->sample_flops += 0.5 * languages * GENERAL_TASKS * GENERAL_LEVELS * (double)r->eval.general *
                          (double)(r->common->eval_samples * r->common->eval_max_tokens) *
                          (double)model_token_flops(config);
    plan->memory_bytes += (int64_t)engine_plan_bytes(config, STAGE_EVAL_ACTIVE,
                                                     stage_max_sequence(config, r->common->eval_max_tokens), n_threads);
    if (*r->eval.judge) plan->memory_bytes *= 2;
}

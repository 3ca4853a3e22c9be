/* SPDX-License-Identifier: MIT */
/* recipe/distill_samples.c: examples that the teacher makes: it answers problems of the families' train split, or of a file, and its
 * right answers become rows of FOLDER/samples.jsonl. Completions end in an order that depends on the clock; rows stand in the
 * problems' order. */
#include "recipe/distill.h"

#include "base/arena.h"
#include "base/file.h"

#include <inttypes.h>
#include <string.h>

bool distill_problems(EvalPlan **plan, const DistillSettings *s, const Tokenizer *tokenizer, Error *err)
{
    bool tasks[RECIPE_MAX_TASKS];
    for (int t = 0; t < task_count_all(); t++) tasks[t] = s->tasks[t] > 0;
    const EvalConfig config = {.split = SPLIT_TRAIN,
                               .seed = (uint64_t)s->sft.common.seed,
                               .problems_per_cell = s->samples_problems,
                               .samples = s->samples_per_problem,
                               .sampling = {.temperature = s->samples_temperature,
                                            .top_p = s->samples_top_p,
                                            .max_tokens = s->samples_max_tokens},
                               .tasks = tasks,
                               .language = (LanguageChoice)s->sft.common.task_language,
                               .trained_levels = true};
    return *s->sft.data ? eval_plan_file(plan, tokenizer, &config, s->sft.data, err)
                        : eval_plan_tasks(plan, tokenizer, &config, err);
}

typedef struct Making {
    const StageRun *run;
    const Tokenizer *tokenizer;
    char **rows; /* [problems, samples]; NULL: not right */
    int64_t n_samples, n_total, n_done, n_right;
} Making;

static void write_ids(JsonOut *out, const char *key, const int32_t *ids, int64_t n)
{
    json_out_key(out, key);
    json_out_array(out);
    for (int64_t i = 0; i < n; i++) json_out_int(out, ids[i]);
    json_out_array_end(out);
}

static bool write_row(JsonOut *out, const Making *m, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    TokenIds prompt = {0};
    if (!tokenizer_encode(m->tokenizer, problem->prompt, problem->prompt_length, true, &prompt, err)) {
        token_ids_free(&prompt);
        return false;
    }
    json_out_object(out);
    json_out_kv_string(out, "task", problem->task_name);
    json_out_key(out, "prompt");
    json_out_string(out, problem->prompt, problem->prompt_length);
    json_out_key(out, "completion");
    json_out_string(out, sample->text, sample->length);
    write_ids(out, "prompt_ids", prompt.ids, prompt.n);
    write_ids(out, "completion_ids", sample->tokens->ids, sample->tokens->n_ids);
    json_out_object_end(out);
    token_ids_free(&prompt);
    return true;
}

/* Right, and ended by itself: what was cut off would teach never to stop. */
static bool take_sample(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    Making *const m = context;
    JsonOut out = {0};
    progress_activity(m->run->progress, "the teacher answers", (double)++m->n_done / (double)m->n_total);
    if (sample->verdict != VERDICT_RIGHT || sample->tokens->finish == FINISH_LENGTH) return true;
    m->n_right++;
    if (!write_row(&out, m, problem, sample, err)) {
        json_out_free(&out);
        return false;
    }
    m->rows[problem->number * m->n_samples + sample->completion] = out.text; /* taken over */
    return true;
}

static bool write_file(const Making *m, const char *path, Error *err)
{
    FileWriter *writer;
    if (!file_writer_open(&writer, path, "teacher-samples", err)) return false;
    for (int64_t i = 0; i < m->n_total; i++) {
        if (!m->rows[i]) continue;
        char *const line = base_printf("%s\n", m->rows[i]);
        const bool ok = file_writer_write(writer, line, strlen(line), err);
        base_free(line);
        if (!ok) {
            file_writer_abandon(writer);
            return false;
        }
    }
    return file_writer_commit(writer, err);
}

static bool answer(Making *m, const DistillSettings *s, const EvalPlan *plan, Model *teacher, Error *err)
{
    EvalResult result = {0};
    RolloutEngine *engine;
    const int64_t sequence = eval_plan_longest_prompt(plan) + s->samples_max_tokens;
    if (!engine_create(&engine, teacher, &m->run->compute, s->max_active, sequence, err)) return false;
    const bool ok = evaluate_plan(plan, engine, m->tokenizer, &result, take_sample, m, err);
    eval_result_free(&result);
    engine_free(engine);
    if (!ok || m->n_right > 0) return ok;
    return error_set(err, ERROR_INPUT,
                     "%s: none of its %" PRId64
                     " answers was right, so there is nothing to learn from: choose other problems, or raise "
                     "samples.max_tokens",
                     s->teacher, m->n_total);
}

static bool make(const char *path, const StageRun *run, const DistillSettings *s, Model *teacher,
                 const Tokenizer *tokenizer, Error *err)
{
    EvalPlan *plan;
    char line[160];
    if (!distill_problems(&plan, s, tokenizer, err)) return false;
    Making m = {.run = run, .tokenizer = tokenizer, .n_samples = s->samples_per_problem};
    m.n_total = eval_plan_problems(plan) * m.n_samples;
    m.rows = base_alloc((size_t)m.n_total, sizeof *m.rows);
    const bool ok = answer(&m, s, plan, teacher, err) && write_file(&m, path, err);
    if (ok) {
        snprintf(line, sizeof line,
                 "the teacher answered %" PRId64 " of %" PRId64 " times right: these are the examples", m.n_right,
                 m.n_total);
        progress_note(run->progress, line);
    }
    for (int64_t i = 0; i < m.n_total; i++) base_free(m.rows[i]);
    base_free(m.rows);
    eval_plan_free(plan);
    return ok;
}

bool distill_samples(char **path, const StageRun *run, const DistillSettings *s, Model *teacher,
                     const Tokenizer *tokenizer, Error *err)
{
    *path = base_printf("%s/samples.jsonl", run->folder);
    if (file_exists(*path) || make(*path, run, s, teacher, tokenizer, err)) return true;
    base_free(*path);
    *path = NULL;
    return error_in(err, "the teacher's samples");
}

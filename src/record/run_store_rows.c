/* SPDX-License-Identifier: MIT */
/* record/run_store_rows.c: problems, completions and evaluations in and out of run.sqlite (schema: run_store.c). */
#include "record/run_store_sql.h"

#include <string.h>

bool run_store_add_problem(RunStore *store, int64_t step, const StoredProblem *problem, Error *err)
{
    sqlite3_stmt *const statement = store_statement(store, STORE_ADD_PROBLEM, err);
    if (!statement) return false;
    store_bind_text(statement, 1, problem->key);
    sqlite3_bind_int64(statement, 2, step);
    store_bind_text(statement, 3, problem->task ? problem->task : "");
    sqlite3_bind_int(statement, 4, problem->level);
    store_bind_text(statement, 5, problem->split ? problem->split : "");
    store_bind_bytes(statement, 6, problem->prompt ? problem->prompt : "",
                     problem->prompt ? problem->prompt_length : 0);
    store_bind_text(statement, 7, problem->answer);
    store_bind_text(statement, 8, problem->check);
    return store_run(store, statement, "store a problem", err);
}

bool run_store_add_completion(RunStore *store, const StoredCompletion *c, Error *err)
{
    sqlite3_stmt *const s = store_statement(store, STORE_ADD_COMPLETION, err);
    if (!s) return false;
    sqlite3_bind_int64(s, 1, c->step);
    sqlite3_bind_int(s, 2, (int)c->phase);
    store_bind_text(s, 3, c->suite ? c->suite : "");
    sqlite3_bind_int(s, 4, c->round);
    sqlite3_bind_int64(s, 5, c->prompt_index);
    sqlite3_bind_int64(s, 6, c->completion_index);
    store_bind_text(s, 7, c->problem_key);
    store_bind_bytes(s, 8, c->text ? c->text : "", c->text ? c->text_length : 0);
    sqlite3_bind_text(s, 9, c->stopped ? "stop" : "length", -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 10, c->n_ids);
    store_bind_double(s, 11, c->accuracy);
    store_bind_double(s, 12, c->format);
    store_bind_double(s, 13, c->reward);
    store_bind_double(s, 14, c->advantage);
    sqlite3_bind_int(s, 15, c->verdict);
    if (c->reflective_words >= 0) sqlite3_bind_int(s, 16, c->reflective_words);
    if (c->style != STORED_STYLE_UNKNOWN) sqlite3_bind_int(s, 17, (int)c->style);
    if (c->ids) sqlite3_bind_blob64(s, 18, c->ids, (sqlite3_uint64)c->n_ids * sizeof *c->ids, SQLITE_STATIC);
    if (c->logprobs)
        sqlite3_bind_blob64(s, 19, c->logprobs, (sqlite3_uint64)c->n_ids * sizeof *c->logprobs, SQLITE_STATIC);
    return store_run(store, s, "store a completion", err);
}

/* A blob of whole 4-byte values as long as the completion, or NULL: a blob of another length was not written by us. */
static const void *column_array(sqlite3_stmt *statement, int index, int64_t n)
{
    const void *const bytes = sqlite3_column_blob(statement, index);
    return bytes && sqlite3_column_bytes(statement, index) == n * 4 ? bytes : NULL;
}

static bool column_is(sqlite3_stmt *statement, int index, const char *word)
{
    const char *const text = store_column_text(statement, index);
    return text && strcmp(text, word) == 0;
}

static void read_completion(sqlite3_stmt *s, StoredCompletion *c)
{
    const int style = sqlite3_column_type(s, 15) == SQLITE_NULL ? -1 : sqlite3_column_int(s, 15);
    *c = (StoredCompletion){
        .step = sqlite3_column_int64(s, 0),
        .phase = sqlite3_column_int(s, 1) == STORED_EVALUATION ? STORED_EVALUATION : STORED_ROLLOUT,
        .suite = store_column_text(s, 2),
        .round = sqlite3_column_int(s, 3),
        .prompt_index = sqlite3_column_int64(s, 4),
        .completion_index = sqlite3_column_int64(s, 5),
        .text = sqlite3_column_blob(s, 6),
        .text_length = (size_t)sqlite3_column_bytes(s, 6),
        .stopped = column_is(s, 7, "stop"),
        .n_ids = sqlite3_column_int64(s, 8),
        .accuracy = store_column_double(s, 9),
        .format = store_column_double(s, 10),
        .reward = store_column_double(s, 11),
        .advantage = store_column_double(s, 12),
        .verdict = sqlite3_column_int(s, 13),
        .reflective_words = sqlite3_column_type(s, 14) == SQLITE_NULL ? -1 : sqlite3_column_int(s, 14),
        .style = style >= STORED_DIRECT && style <= STORED_CHECKED ? (StoredStyle)style : STORED_STYLE_UNKNOWN,
        .problem_key = store_column_text(s, 18),
    };
    if (!c->text) c->text = "";
    c->ids = column_array(s, 16, c->n_ids);
    c->logprobs = column_array(s, 17, c->n_ids);
}

static void read_problem(sqlite3_stmt *s, StoredProblem *p)
{
    *p = (StoredProblem){
        .key = store_column_text(s, 18),
        .task = store_column_text(s, 19),
        .level = sqlite3_column_int(s, 20),
        .split = store_column_text(s, 21),
        .prompt = sqlite3_column_blob(s, 22),
        .prompt_length = (size_t)sqlite3_column_bytes(s, 22),
        .answer = store_column_text(s, 23),
        .check = store_column_text(s, 24),
    };
    if (!p->prompt) p->prompt = "";
}

bool run_store_read_completions(RunStore *store, const StoredFilter *filter, StoredReader reader, void *context,
                                Error *err)
{
    sqlite3_stmt *const s = store_statement(store, STORE_READ_COMPLETIONS, err);
    if (!s) return false;
    sqlite3_bind_int64(s, 1, filter->step_low);
    sqlite3_bind_int64(s, 2, filter->step_high);
    sqlite3_bind_int(s, 3, (int)filter->phase);
    store_bind_text(s, 4, filter->suite);
    store_bind_text(s, 5, filter->problem_key);
    sqlite3_bind_int64(s, 6, filter->prompt_index);
    sqlite3_bind_int64(s, 7, filter->completion_index);
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        StoredCompletion completion;
        StoredProblem problem;
        read_completion(s, &completion);
        read_problem(s, &problem);
        if (!reader(context, &completion, &problem)) break;
    }
    const bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_error(store, err, "read completions");
    sqlite3_reset(s);
    return ok;
}

bool run_store_add_evaluation(RunStore *store, const StoredEvaluation *evaluation, Error *err)
{
    sqlite3_stmt *const s = store_statement(store, STORE_ADD_EVALUATION, err);
    if (!s) return false;
    sqlite3_bind_int64(s, 1, evaluation->step);
    store_bind_text(s, 2, evaluation->suite);
    store_bind_text(s, 3, evaluation->task ? evaluation->task : "");
    sqlite3_bind_int(s, 4, evaluation->level);
    store_bind_text(s, 5, evaluation->measure);
    store_bind_double(s, 6, evaluation->value);
    store_bind_double(s, 7, evaluation->standard_error);
    sqlite3_bind_int64(s, 8, evaluation->n_problems);
    sqlite3_bind_int64(s, 9, evaluation->n_samples);
    return store_run(store, s, "store an evaluation", err);
}

bool run_store_read_evaluations(RunStore *store, const char *suite, StoredEvaluationReader reader, void *context,
                                Error *err)
{
    sqlite3_stmt *const s = store_statement(store, STORE_READ_EVALUATIONS, err);
    if (!s) return false;
    store_bind_text(s, 1, suite);
    int code;
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        const StoredEvaluation evaluation = {
            .step = sqlite3_column_int64(s, 0),
            .suite = store_column_text(s, 1),
            .task = store_column_text(s, 2),
            .level = sqlite3_column_int(s, 3),
            .measure = store_column_text(s, 4),
            .value = store_column_double(s, 5),
            .standard_error = store_column_double(s, 6),
            .n_problems = sqlite3_column_int64(s, 7),
            .n_samples = sqlite3_column_int64(s, 8),
        };
        if (!reader(context, &evaluation)) break;
    }
    const bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_error(store, err, "read evaluations");
    sqlite3_reset(s);
    return ok;
}

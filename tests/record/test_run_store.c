/* SPDX-License-Identifier: MIT */
/* run.sqlite: steps whole or not at all, resuming, verdicts, any bytes. */
#include "record/run_store.h"
#include "record/text_out.h"

#include "synthetic_run.h"

#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static RunStore *open_store(const char *folder)
{
    Error err = {0};
    RunStore *store = NULL;
    must(run_store_open(&store, folder, &err), &err);
    return store;
}

static bool add_step(RunStore *store, int64_t step, Error *err)
{
    if (!run_store_begin(store, err)) return false;
    for (int p = 0; p < 3; p++) {
        char key[32];
        snprintf(key, sizeof key, "p/%d", (int)(step + p) / 2); /* some problems come again */
        const StoredProblem problem = {
            .key = key, .task = "sum", .split = "train", .level = 1, .prompt = "1+1=", .prompt_length = 4};
        if (!run_store_add_problem(store, step, &problem, err)) return false;
        for (int c = 0; c < 2; c++) {
            const int32_t ids[] = {1, 2, (int32_t)step, p};
            const float logprobs[] = {-0.5f, -0.25f, -0.125f, -1e-6f * (float)c};
            const StoredCompletion completion = {.step = step,
                                                 .prompt_index = p,
                                                 .completion_index = c,
                                                 .problem_key = key,
                                                 .text = "2",
                                                 .text_length = 1,
                                                 .ids = ids,
                                                 .logprobs = logprobs,
                                                 .n_ids = 4,
                                                 .stopped = c == 0,
                                                 .accuracy = c,
                                                 .format = 1,
                                                 .reward = 1 + c,
                                                 .advantage = c ? 1 : -1,
                                                 .verdict = c,
                                                 .reflective_words = 0,
                                                 .style = STORED_WORKED};
            if (!run_store_add_completion(store, &completion, err)) return false;
        }
    }
    const StoredEvaluation evaluation = {
        .step = step, .suite = "held_out", .measure = "pass@1", .value = 0.1 * (double)step, .standard_error = NAN};
    return run_store_add_evaluation(store, &evaluation, err) && run_store_commit(store, err);
}

/* Every row of every table as text: two stores are the same when these are. */
static char *dump(const char *folder)
{
    static const char *const queries[] = {"SELECT * FROM problems ORDER BY id",
                                          "SELECT * FROM completions ORDER BY rowid",
                                          "SELECT * FROM evaluations ORDER BY 1,2,3,4,5",
                                          "SELECT * FROM verdicts ORDER BY 1,2,3", "SELECT * FROM meta ORDER BY 1"};
    TextOut out = {0};
    sqlite3 *db = NULL;
    char *const path = base_printf("%s/run.sqlite", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t q = 0; q < sizeof queries / sizeof *queries; q++) {
        sqlite3_stmt *statement = NULL;
        assert_int_equal(sqlite3_prepare_v2(db, queries[q], -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(statement); c++) {
                text_out_printf(&out, "|%d:", sqlite3_column_type(statement, c));
                if (sqlite3_column_type(statement, c) == SQLITE_BLOB)
                    for (int b = 0; b < sqlite3_column_bytes(statement, c); b++)
                        text_out_printf(&out, "%02x", ((const unsigned char *)sqlite3_column_blob(statement, c))[b]);
                else if (sqlite3_column_text(statement, c))
                    text_out(&out, (const char *)sqlite3_column_text(statement, c));
            }
            text_out(&out, "\n");
        }
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    base_free(path);
    return out.text;
}

static void resumed_store_equals_an_uninterrupted_one(void **state)
{
    (void)state;
    Error err = {0};
    char *const a = temporary_folder(), *const b = temporary_folder();
    RunStore *whole = open_store(a), *store = open_store(b);
    must(run_store_resume(whole, -1, &err), &err);
    for (int64_t step = 0; step <= 9; step++) must(add_step(whole, step, &err), &err);
    run_store_close(whole);

    for (int64_t step = 0; step <= 6; step++) must(add_step(store, step, &err), &err);
    run_store_close(store);
    store = open_store(b);
    must(run_store_resume(store, 4, &err), &err);
    for (int64_t step = 5; step <= 9; step++) must(add_step(store, step, &err), &err);
    run_store_close(store);

    char *const dump_a = dump(a), *const dump_b = dump(b);
    assert_string_equal(dump_a, dump_b);
    base_free(dump_a);
    base_free(dump_b);
    remove_folder(a);
    remove_folder(b);
}

static void step_without_its_commit_is_not_there(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    RunStore *store = open_store(folder);
    must(add_step(store, 1, &err), &err);
    char *const before = dump(folder);
    const StoredProblem problem = {.key = "late", .prompt = "", .prompt_length = 0};
    must(run_store_begin(store, &err), &err);
    must(run_store_add_problem(store, 2, &problem, &err), &err);
    run_store_close(store);
    char *const after = dump(folder);
    assert_string_equal(before, after);
    base_free(before);
    base_free(after);
    remove_folder(folder);
}

static void killed_or_failing_at_a_failpoint_leaves_whole_steps(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        bool stored; /* is step 2 there afterwards */
    } cases[] = {{"store.begin@2=kill", false},
                 {"store.commit@2=kill", false},
                 {"store.committed@2=kill", true},
                 {"store.commit@2=enospc", false},
                 {"store.begin@2=eio", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *const folder = temporary_folder();
        const pid_t child = fork();
        if (child == 0) {
            Error err = {0};
            setenv("R1_FAILPOINT", cases[i].spec, 1);
            RunStore *const store = open_store(folder);
            const bool ok = add_step(store, 1, &err) && add_step(store, 2, &err);
            run_store_close(store);
            _exit(ok ? 0 : strstr(err.text, "run.sqlite") ? 7 : 8);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        const bool killed = strstr(cases[i].spec, "=kill") != NULL;
        if (killed)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        else
            assert_int_equal(WEXITSTATUS(status), 7);
        char *const rows = dump(folder);
        assert_true((strstr(rows, "0.2") != NULL) == cases[i].stored);
        assert_non_null(strstr(rows, "0.1"));
        base_free(rows);
        remove_folder(folder);
    }
}

typedef struct Seen {
    int n;
    StoredCompletion completion;
    char text[64];
    int32_t ids[4];
    float logprobs[4];
} Seen;

static bool keep_one(void *context, const StoredCompletion *completion, const StoredProblem *problem)
{
    Seen *const seen = context;
    assert_non_null(problem->key);
    seen->n++;
    seen->completion = *completion;
    memcpy(seen->text, completion->text, completion->text_length < 64 ? completion->text_length : 64);
    if (completion->ids) memcpy(seen->ids, completion->ids, sizeof seen->ids);
    if (completion->logprobs) memcpy(seen->logprobs, completion->logprobs, sizeof seen->logprobs);
    return true;
}

static void completion_reads_back_bit_for_bit(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    RunStore *store = open_store(folder);
    must(add_step(store, 3, &err), &err);
    run_store_close(store);
    must(run_store_open_read(&store, folder, &err), &err);
    const StoredFilter filter = {.step_low = 3, .step_high = 3, .prompt_index = 2, .completion_index = 1};
    Seen seen = {0};
    must(run_store_read_completions(store, &filter, keep_one, &seen, &err), &err);
    assert_int_equal(seen.n, 1);
    const int32_t ids[] = {1, 2, 3, 2};
    const float logprobs[] = {-0.5f, -0.25f, -0.125f, -1e-6f};
    assert_memory_equal(seen.ids, ids, sizeof ids);
    assert_memory_equal(seen.logprobs, logprobs, sizeof logprobs);
    assert_true(seen.completion.reward == 2 && seen.completion.advantage == 1 && !seen.completion.stopped);
    assert_int_equal(seen.completion.style, STORED_WORKED);
    const StoredFilter all = {
        .step_low = 0, .step_high = 99, .prompt_index = -1, .completion_index = -1, .problem_key = "p/2"};
    seen.n = 0;
    must(run_store_read_completions(store, &all, keep_one, &seen, &err), &err);
    assert_int_equal(seen.n, 4);
    run_store_close(store);
    remove_folder(folder);
}

static void any_bytes_are_a_text(void **state)
{
    (void)state;
    Error err = {0};
    static const char bytes[] = "a\0b\xFF\xC3(\xE2\x82";
    char *const folder = temporary_folder();
    RunStore *const store = open_store(folder);
    const StoredProblem problem = {
        .key = "p", .task = "t", .split = "train", .prompt = bytes, .prompt_length = sizeof bytes};
    const StoredCompletion completion = {.problem_key = "p",
                                         .text = bytes,
                                         .text_length = sizeof bytes,
                                         .accuracy = NAN,
                                         .format = NAN,
                                         .reward = NAN,
                                         .advantage = NAN,
                                         .reflective_words = -1,
                                         .style = STORED_STYLE_UNKNOWN};
    must(run_store_begin(store, &err), &err);
    must(run_store_add_problem(store, 0, &problem, &err), &err);
    must(run_store_add_completion(store, &completion, &err), &err);
    must(run_store_commit(store, &err), &err);
    Seen seen = {0};
    const StoredFilter filter = {.prompt_index = -1, .completion_index = -1};
    must(run_store_read_completions(store, &filter, keep_one, &seen, &err), &err);
    assert_int_equal(seen.completion.text_length, sizeof bytes);
    assert_memory_equal(seen.text, bytes, sizeof bytes);
    assert_true(isnan(seen.completion.accuracy));
    assert_int_equal(seen.completion.reflective_words, -1);
    run_store_close(store);
    remove_folder(folder);
}

static void completion_of_an_unknown_problem_is_refused(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    RunStore *const store = open_store(folder);
    const StoredCompletion completion = {.problem_key = "nobody", .text = "", .style = STORED_STYLE_UNKNOWN};
    must(run_store_begin(store, &err), &err);
    assert_false(run_store_add_completion(store, &completion, &err));
    assert_non_null(strstr(err.text, "run.sqlite"));
    run_store_close(store);
    remove_folder(folder);
}

static void first_verdict_stays_and_outlives_resuming(void **state)
{
    (void)state;
    Error err = {0};
    bool found = true;
    int verdict = 0;
    double reward = 0;
    char *const a = temporary_folder(), *const b = temporary_folder();
    RunStore *store = open_store(a), *other = open_store(b);
    const char *const hash = "0123456789abcdef0123456789abcdef";
    must(run_store_get_verdict(store, "task", hash, "v1", &found, &verdict, &reward, &err), &err);
    assert_false(found);
    const StoredVerdict first = {"task", hash, "v1", 1, 0.5, NULL},
                        second = {"task", hash, "v1", 0, 0, "changed its mind"};
    must(run_store_put_verdict(store, &first, &err), &err);
    must(run_store_put_verdict(store, &second, &err), &err);
    must(run_store_resume(store, -1, &err), &err);
    must(run_store_get_verdict(store, "task", hash, "v1", &found, &verdict, &reward, &err), &err);
    assert_true(found && verdict == 1 && reward == 0.5);
    run_store_close(store);
    must(run_store_import_verdicts(other, a, &err), &err);
    must(run_store_get_verdict(other, "task", hash, "v1", &found, &verdict, &reward, &err), &err);
    assert_true(found && verdict == 1);
    must(run_store_get_verdict(other, "task", hash, "v2", &found, &verdict, &reward, &err), &err);
    assert_false(found);
    run_store_close(other);
    remove_folder(a);
    remove_folder(b);
}

static void meta_data_is_replaced(void **state)
{
    (void)state;
    Error err = {0};
    char *value = NULL, *const folder = temporary_folder();
    RunStore *const store = open_store(folder);
    must(run_store_set_meta(store, "recipe", "a", &err), &err);
    must(run_store_set_meta(store, "recipe", "b", &err), &err);
    must(run_store_get_meta(store, "recipe", &value, &err), &err);
    assert_string_equal(value, "b");
    base_free(value);
    must(run_store_get_meta(store, "nothing", &value, &err), &err);
    assert_null(value);
    run_store_close(store);
    remove_folder(folder);
}

static void files_that_are_no_store_are_named(void **state)
{
    (void)state;
    Error err = {0};
    RunStore *store = NULL;
    char *const folder = temporary_folder(), *const path = base_printf("%s/run.sqlite", folder);
    assert_false(run_store_open_read(&store, folder, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    must(file_write_all(path, "test",
                        "this is no database, but long enough to be read as a header of one, perhaps, or not.....", 88,
                        &err),
         &err);
    assert_false(run_store_open(&store, folder, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, path));
    sqlite3 *db = NULL;
    unlink(path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_false(run_store_open(&store, folder, &err));
    assert_non_null(strstr(err.text, "not of a run"));
    assert_false(run_store_open(&store, "/nonexistent-folder", &err));
    assert_int_equal(err.kind, ERROR_SYSTEM);
    base_free(path);
    remove_folder(folder);
}

/* A damaged page anywhere must end in an error line or in rows, never in a crash. */
static void flipped_bytes_never_crash(void **state)
{
    (void)state;
    Error err = {0};
    char *bytes = NULL, *const folder = temporary_folder(), *const path = base_printf("%s/run.sqlite", folder);
    size_t length = 0;
    RunStore *store = open_store(folder);
    for (int64_t step = 0; step < 4; step++) must(add_step(store, step, &err), &err);
    run_store_close(store);
    must(file_read_all(path, 1 << 26, &bytes, &length, &err), &err);
    for (size_t at = 0; at < length; at += 97) {
        bytes[at] ^= 0x41;
        write_plain(path, bytes, length);
        bytes[at] ^= 0x41;
        const StoredFilter filter = {.step_high = 99, .prompt_index = -1, .completion_index = -1};
        Seen seen = {0};
        if (!run_store_open_read(&store, folder, &err)) continue;
        const bool read = run_store_read_completions(store, &filter, keep_one, &seen, &err);
        assert_true(read || strstr(err.text, "run.sqlite"));
        run_store_close(store);
    }
    base_free(bytes);
    base_free(path);
    remove_folder(folder);
}

static void report_can_be_read_while_a_step_is_written(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    RunStore *const store = open_store(folder);
    RunStore *reader = NULL;
    must(add_step(store, 1, &err), &err);
    must(run_store_begin(store, &err), &err);
    must(run_store_open_read(&reader, folder, &err), &err);
    const StoredFilter filter = {.step_high = 99, .prompt_index = -1, .completion_index = -1};
    Seen seen = {0};
    must(run_store_read_completions(reader, &filter, keep_one, &seen, &err), &err);
    assert_int_equal(seen.n, 6);
    must(run_store_commit(store, &err), &err);
    run_store_close(reader);
    run_store_close(store);
    char *const wal = base_printf("%s/run.sqlite-wal", folder);
    assert_false(file_exists(wal));
    base_free(wal);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed_store_equals_an_uninterrupted_one),
        cmocka_unit_test(step_without_its_commit_is_not_there),
        cmocka_unit_test(killed_or_failing_at_a_failpoint_leaves_whole_steps),
        cmocka_unit_test(completion_reads_back_bit_for_bit),
        cmocka_unit_test(any_bytes_are_a_text),
        cmocka_unit_test(completion_of_an_unknown_problem_is_refused),
        cmocka_unit_test(first_verdict_stays_and_outlives_resuming),
        cmocka_unit_test(meta_data_is_replaced),
        cmocka_unit_test(files_that_are_no_store_are_named),
        cmocka_unit_test(flipped_bytes_never_crash),
        cmocka_unit_test(report_can_be_read_while_a_step_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

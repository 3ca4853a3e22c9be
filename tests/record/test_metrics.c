/* SPDX-License-Identifier: MIT */
/* metrics.jsonl: order, null, truncation on resume, damage. */
#include "record/metrics.h"
#include "record/notes.h"

#include "synthetic_run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static void append(MetricsWriter *writer, int64_t step, double reward)
{
    Error err = {0};
    MetricsRow row = {.step = step, .stage = "grpo"};
    metrics_set(&row, "reward", reward);
    metrics_set(&row, "kl", NAN);
    metrics_setf(&row, 0.1f, "rewards/%s/mean", "accuracy");
    metrics_set(&row, "reward", reward + 1); /* keeps its place */
    must(metrics_append(writer, &row, &err), &err);
    metrics_row_free(&row);
}

static void write_run(const char *folder, int64_t last_step, int64_t from, int64_t to)
{
    Error err = {0};
    MetricsWriter *writer = NULL;
    must(metrics_open(&writer, folder, last_step, &err), &err);
    for (int64_t step = from; step <= to; step++) append(writer, step, (double)step);
    metrics_close(writer);
}

static char *read_file(const char *folder, const char *name, size_t *length)
{
    Error err = {0};
    char *text = NULL, *const path = base_printf("%s/%s", folder, name);
    must(file_read_all(path, 1 << 26, &text, length, &err), &err);
    base_free(path);
    return text;
}

static void lines_keep_the_order_of_names_and_nan_is_null(void **state)
{
    (void)state;
    size_t length;
    char *const folder = temporary_folder();
    write_run(folder, -1, 1, 1);
    char *const text = read_file(folder, "metrics.jsonl", &length);
    assert_string_equal(text, "{\"step\": 1, \"stage\": \"grpo\", \"reward\": 2, \"kl\": null, "
                              "\"rewards/accuracy/mean\": 0.10000000149011612}\n");
    base_free(text);
    remove_folder(folder);
}

static void resumed_file_equals_an_uninterrupted_one(void **state)
{
    (void)state;
    size_t length_a, length_b;
    char *const a = temporary_folder(), *const b = temporary_folder();
    write_run(a, -1, 0, 12);
    write_run(b, -1, 0, 9);
    write_run(b, 5, 6, 12);
    char *const text_a = read_file(a, "metrics.jsonl", &length_a), *const text_b =
                                                                       read_file(b, "metrics.jsonl", &length_b);
    assert_string_equal(text_a, text_b);
    base_free(text_a);
    base_free(text_b);
    remove_folder(a);
    remove_folder(b);
}

/* However the file was cut, opening it again at a step keeps the whole lines up to it. */
static void every_cut_leaves_whole_lines(void **state)
{
    (void)state;
    Error err = {0};
    size_t length;
    char *const folder = temporary_folder(), *const path = base_printf("%s/metrics.jsonl", folder);
    write_run(folder, -1, 1, 3);
    char *const whole = read_file(folder, "metrics.jsonl", &length);
    for (size_t cut = 0; cut <= length; cut++) {
        write_plain(path, whole, cut);
        MetricsTable table;
        must(metrics_read(&table, path, &err), &err);
        int64_t lines = 0;
        for (size_t i = 0; i < cut; i++) lines += whole[i] == '\n';
        assert_int_equal(table.n_rows, lines);
        metrics_table_free(&table);
        if (cut % 7 != 0) continue; /* opening waits for the disk */
        MetricsWriter *writer = NULL;
        must(metrics_open(&writer, folder, 2, &err), &err);
        metrics_close(writer);
        size_t kept;
        char *const after = read_file(folder, "metrics.jsonl", &kept);
        int64_t after_lines = 0;
        for (size_t i = 0; i < kept; i++) after_lines += after[i] == '\n';
        assert_int_equal(after_lines, lines < 2 ? lines : 2);
        assert_memory_equal(after, whole, kept);
        base_free(after);
    }
    base_free(whole);
    base_free(path);
    remove_folder(folder);
}

static void damaged_line_is_named(void **state)
{
    (void)state;
    static const char *const damaged[] = {"{\"step\":1}\n{\"step\":\"x\"}\n", "{\"step\":1}\nnonsense\n",
                                          "{\"step\":1}\n[]\n", "{\"step\":1}\n{}\n"};
    char *const folder = temporary_folder(), *const path = base_printf("%s/metrics.jsonl", folder);
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        Error err = {0};
        MetricsTable table;
        MetricsWriter *writer = NULL;
        write_plain(path, damaged[i], strlen(damaged[i]));
        assert_false(metrics_read(&table, path, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "metrics.jsonl:2"));
        assert_false(metrics_open(&writer, folder, 5, &err));
        assert_non_null(strstr(err.text, "metrics.jsonl:2"));
    }
    base_free(path);
    remove_folder(folder);
}

static void table_has_columns_with_gaps(void **state)
{
    (void)state;
    Error err = {0};
    MetricsTable table;
    char *const folder = temporary_folder(), *const path = base_printf("%s/metrics.jsonl", folder);
    const char text[] = "{\"step\":1,\"stage\":\"a\",\"x\":1,\"note\":\"skipped\"}\n{\"step\":3,\"stage\":\"b\",\"y\":"
                        "2.5,\"x\":null}\n";
    write_plain(path, text, strlen(text));
    must(metrics_read(&table, path, &err), &err);
    assert_int_equal(table.n_rows, 2);
    assert_int_equal(table.n_columns, 2);
    assert_int_equal(table.steps[1], 3);
    assert_string_equal(table.stages[1], "b");
    const double *const x = metrics_column(&table, "x"), *const y = metrics_column(&table, "y");
    assert_true(x[0] == 1 && isnan(x[1]) && isnan(y[0]) && y[1] == 2.5);
    assert_null(metrics_column(&table, "note"));
    MetricsRow row = {0};
    metrics_table_row(&table, 1, &row);
    assert_int_equal(row.n, 1);
    assert_true(metrics_get(&row, "y") == 2.5 && isnan(metrics_get(&row, "x")));
    metrics_row_free(&row);
    metrics_table_free(&table);
    unlink(path);
    must(metrics_read(&table, path, &err), &err);
    assert_int_equal(table.n_rows, 0);
    metrics_table_free(&table);
    base_free(path);
    remove_folder(folder);
}

static void steps_that_go_back_are_a_bug(void **state)
{
    (void)state;
    Error err = {0};
    MetricsWriter *writer = NULL;
    char *const folder = temporary_folder();
    must(metrics_open(&writer, folder, -1, &err), &err);
    append(writer, 5, 1);
    const MetricsRow again = {.step = 5};
    assert_false(metrics_append(writer, &again, &err));
    assert_int_equal(err.kind, ERROR_BUG);
    metrics_close(writer);
    remove_folder(folder);
}

static void failing_disk_leaves_whole_lines(void **state)
{
    (void)state;
    static const char *const specs[] = {"metrics.write@2=enospc", "metrics.sync@2=eio", "metrics.write@2=kill",
                                        "metrics.sync@2=kill"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        char *const folder = temporary_folder();
        const pid_t child = fork();
        if (child == 0) {
            Error err = {0};
            MetricsWriter *writer = NULL;
            setenv("R1_FAILPOINT", specs[i], 1);
            if (!metrics_open(&writer, folder, -1, &err)) _exit(9);
            append(writer, 1, 1);
            MetricsRow row = {.step = 2};
            _exit(!metrics_append(writer, &row, &err) && strstr(err.text, "metrics.jsonl") ? 7 : 8);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (strstr(specs[i], "kill"))
            assert_true(WIFSIGNALED(status));
        else
            assert_int_equal(WEXITSTATUS(status), 7);
        write_run(folder, 1, 2, 2);
        size_t length;
        char *const text = read_file(folder, "metrics.jsonl", &length);
        assert_int_equal(strncmp(text, "{\"step\": 1,", 11), 0);
        assert_non_null(strstr(text, "\n{\"step\": 2, \"stage\": \"grpo\""));
        assert_null(strstr(text, "{\"step\": 2}"));
        base_free(text);
        remove_folder(folder);
    }
}

/* ---- notes ---- */

static bool has_note(const Notes *notes, const char *id)
{
    for (int i = 0; i < notes->n; i++)
        if (strcmp(notes->items[i].id, id) == 0) return true;
    return false;
}

static void notes_say_why_nothing_is_learnt(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        double value;
        const char *id;
    } cases[] = {{"completions/clipped_ratio", 1, "all-truncated"},
                 {"completions/clipped_ratio", 0.5, "many-truncated"},
                 {"frac_reward_zero_std", 1, "all-groups-equal"},
                 {"frac_reward_zero_std", 0.9, "most-groups-equal"},
                 {"rewards/format/mean", 0, "format-never"},
                 {"grad_norm", 0, "gradient-zero"},
                 {"sampling/sampling_logp_difference/max", 1e-7, "sampler-differs"},
                 {"entropy", 0.001, "entropy-collapse"},
                 {"frac_undecided", 0.2, "undecided"},
                 {"clip_ratio/region_mean", 0.6, "much-clipped"}};
    Notes notes;
    MetricsRow row = {0};
    notes_of_step(&notes, &row);
    assert_int_equal(notes.n, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        metrics_row_clear(&row);
        metrics_set(&row, cases[i].metric, cases[i].value);
        notes_of_step(&notes, &row);
        if (!has_note(&notes, cases[i].id)) fail_msg("%s = %g is not noted", cases[i].metric, cases[i].value);
        assert_int_equal(notes.n, 1);
        assert_true(strlen(notes.items[0].text) < NOTE_CAPACITY - 1);
    }
    synthetic_row(&row, 100);
    notes_of_step(&notes, &row);
    assert_int_equal(notes.n, 0);
    metrics_row_free(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_keep_the_order_of_names_and_nan_is_null),
        cmocka_unit_test(resumed_file_equals_an_uninterrupted_one),
        cmocka_unit_test(every_cut_leaves_whole_lines),
        cmocka_unit_test(damaged_line_is_named),
        cmocka_unit_test(table_has_columns_with_gaps),
        cmocka_unit_test(steps_that_go_back_are_a_bug),
        cmocka_unit_test(failing_disk_leaves_whole_lines),
        cmocka_unit_test(notes_say_why_nothing_is_learnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* cli_rows: a line out for each line in, in order, whatever the lines are; and answers that do not wait for more input. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/signals.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* {"n": N} -> {"square": N * N}; N < 0 fails, N = 999 is a fault of ours. */
static bool square(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)context;
    (void)thread;
    int64_t n = 0;
    json_out_kv_string(out, "half", "done"); /* must not be seen when the row fails */
    if (!json_require(row, "n", err) || !json_get_int(row, "n", -1000, 1000, &n, err)) return false;
    if (n < 0) return error_set(err, ERROR_INPUT, "n is below zero");
    if (n == 999) return error_set(err, ERROR_BUG, "a fault");
    json_out_kv_int(out, "square", n * n);
    return true;
}

typedef struct Child {
    pid_t pid;
    int to, from, errors; /* its stdin, stdout; what it reports of its error */
} Child;

static Child start(int n_threads)
{
    int in[2], out[2], errors[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(errors), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        signals_install();
        Cli cli = {.n_threads = n_threads};
        Error err = {0};
        const bool ok = cli_rows(&cli, "-", n_threads > 1, square, NULL, &err);
        cli_free(&cli);
        dprintf(errors[1], "%s", err.text);
        _exit(ok ? 0 : (int)err.kind);
    }
    close(in[0]);
    close(out[1]);
    close(errors[1]);
    return (Child){pid, in[1], out[0], errors[0]};
}

static void read_exactly(int fd, char *into, size_t length)
{
    for (size_t got = 0; got < length;) {
        const ssize_t n = read(fd, into + got, length - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    into[length] = 0;
}

static void read_rest(int fd, char *into, size_t size)
{
    size_t got = 0;
    ssize_t n;
    while ((n = read(fd, into + got, size - 1 - got)) > 0) got += (size_t)n;
    into[got] = 0;
    close(fd);
}

/* Feeds input whole, compares all output; the child's exit status. */
static int answers(int n_threads, const char *input, const char *expected, char error[1000])
{
    Child child = start(n_threads);
    assert_int_equal(write(child.to, input, strlen(input)), (ssize_t)strlen(input));
    close(child.to);
    static char output[1 << 16];
    read_rest(child.from, output, sizeof output);
    read_rest(child.errors, error, 1000);
    int status;
    waitpid(child.pid, &status, 0);
    assert_string_equal(output, expected);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void each_line_is_answered_in_order(void **state)
{
    (void)state;
    char error[1000];
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        assert_int_equal(
            answers(n_threads,
                    "{\"id\": \"a\", \"n\": 2}\n\n  \r\n{\"id\": {\"deep\": [1, \"\\u0000\"]}, \"n\": 3}\n{\"n\": 4}",
                    "{\"id\": \"a\", \"half\": \"done\", \"square\": 4}\n"
                    "{\"id\": {\"deep\":[1,\"\\u0000\"]}, \"half\": \"done\", \"square\": 9}\n"
                    "{\"half\": \"done\", \"square\": 16}\n",
                    error),
            0);
        assert_int_equal(answers(n_threads, "", "", error), 0);
    }
}

static void a_failing_row_keeps_its_place(void **state)
{
    (void)state;
    char error[1000];
    for (int n_threads = 1; n_threads <= 2; n_threads++) {
        assert_int_equal(
            answers(n_threads,
                    "{\"id\": 1, \"n\": -2}\n{\"id\": 2, \"n\": 1}\n[1]\n{\"id\": 4\n{\"id\": 5, \"n\": \"x\"}\n",
                    "{\"id\": 1, \"error\": \"n is below zero\"}\n"
                    "{\"id\": 2, \"half\": \"done\", \"square\": 1}\n"
                    "{\"error\": \"stdin:3: expected a JSON object\"}\n"
                    "{\"error\": \"stdin:4:8: '}' expected near end of file\"}\n"
                    "{\"id\": 5, \"error\": \"\\\"n\\\": expected an integer, found a string\"}\n",
                    error),
            ERROR_INPUT);
        assert_string_equal(error, "stdin: 4 of 5 rows failed, first line 1: n is below zero");
    }
}

static void a_fault_stops_at_its_row(void **state)
{
    (void)state;
    char error[1000];
    assert_int_equal(
        answers(1, "{\"n\": 1}\n{\"n\": 999}\n{\"n\": 2}\n", "{\"half\": \"done\", \"square\": 1}\n", error),
        ERROR_BUG);
    assert_string_equal(error, "stdin:2: a fault");
}

static void an_answer_does_not_wait_for_the_next_question(void **state)
{
    (void)state;
    for (int n_threads = 1; n_threads <= 2; n_threads++) {
        Child child = start(n_threads);
        for (int n = 0; n < 5; n++) {
            char line[100], expected[100], answer[100];
            snprintf(line, sizeof line, "{\"id\": %d, \"n\": %d}\n", n, n);
            snprintf(expected, sizeof expected, "{\"id\": %d, \"half\": \"done\", \"square\": %d}\n", n, n * n);
            /* In two pieces, so that half a line has to wait for its rest. */
            assert_int_equal(write(child.to, line, 5), 5);
            usleep(2000);
            assert_int_equal(write(child.to, line + 5, strlen(line) - 5), (ssize_t)strlen(line) - 5);
            read_exactly(child.from, answer, strlen(expected));
            assert_string_equal(answer, expected);
        }
        close(child.to);
        close(child.from);
        close(child.errors);
        int status;
        waitpid(child.pid, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void a_signal_ends_the_waiting(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM};
    for (int i = 0; i < 2; i++) {
        Child child = start(1);
        const char line[] = "{\"n\": 1}\n";
        char answer[100];
        assert_int_equal(write(child.to, line, sizeof line - 1), (ssize_t)sizeof line - 1);
        read_exactly(child.from, answer, 30); /* from here on it waits for the next line */
        kill(child.pid, signals[i]);
        char error[1000];
        read_rest(child.errors, error, sizeof error);
        int status;
        waitpid(child.pid, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == ERROR_INTERRUPTED);
        assert_string_equal(error, signals[i] == SIGINT ? "interrupted by SIGINT" : "interrupted by SIGTERM");
        close(child.to);
        close(child.from);
    }
}

/* More lines than a batch, and one line longer than any read. */
static void long_input_is_answered_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/r1-rows-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *const file = fdopen(fd, "w");
    const int n_rows = 5000;
    for (int i = 0; i < n_rows; i++) {
        fprintf(file, "{\"id\": %d, \"n\": %d, \"pad\": \"", i, i % 1000 == 999 ? 5 : i % 1000);
        for (int j = 0; i == 1234 && j < 3000000; j++) fputc('x', file);
        fprintf(file, "\"}\n");
    }
    fclose(file);
    for (int n_threads = 1; n_threads <= 2; n_threads++) {
        int out[2];
        assert_int_equal(pipe(out), 0);
        const pid_t pid = fork();
        if (pid == 0) {
            dup2(out[1], STDOUT_FILENO);
            close(out[0]);
            Cli cli = {.n_threads = n_threads};
            Error err = {0};
            const bool ok = cli_rows(&cli, path, n_threads > 1, square, NULL, &err);
            cli_free(&cli);
            _exit(ok ? 0 : 1);
        }
        close(out[1]);
        FILE *const answers_in = fdopen(out[0], "r");
        char line[200];
        for (int i = 0; i < n_rows; i++) {
            int id = -1, root = i % 1000 == 999 ? 5 : i % 1000, found = -1;
            assert_non_null(fgets(line, sizeof line, answers_in));
            assert_int_equal(sscanf(line, "{\"id\": %d, \"half\": \"done\", \"square\": %d}", &id, &found), 2);
            assert_int_equal(id, i);
            assert_int_equal(found, root * root);
        }
        assert_null(fgets(line, sizeof line, answers_in));
        fclose(answers_in);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    unlink(path);
}

static void a_missing_file_is_wrong_input(void **state)
{
    (void)state;
    Cli cli = {.n_threads = 1};
    Error err = {0};
    assert_false(cli_rows(&cli, "/no/such/file.jsonl", false, square, NULL, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.text, "/no/such/file.jsonl: No such file or directory");
    assert_false(cli_rows(&cli, "/tmp", false, square, NULL, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    cli_free(&cli);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_answered_in_order),
        cmocka_unit_test(a_failing_row_keeps_its_place),
        cmocka_unit_test(a_fault_stops_at_its_row),
        cmocka_unit_test(an_answer_does_not_wait_for_the_next_question),
        cmocka_unit_test(a_signal_ends_the_waiting),
        cmocka_unit_test(long_input_is_answered_whole),
        cmocka_unit_test(a_missing_file_is_wrong_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

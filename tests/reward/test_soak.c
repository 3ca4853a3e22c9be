/* SPDX-License-Identifier: MIT */
/* Many programs, judged by the workers of a pool: verdicts come in the order of submission, and nothing is left behind: no process,
 * no descriptor, no file, no memory. 160 programs; with R1_TEST_LONG=1 6,720, which are 10,080 tests: the right ones have two, which
 * share a container if the first leaves it clean. */
#include "base/arena.h"
#include "base/file.h"
#include "reward/code_reward.h"
#include "reward/jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77, N_WORKERS = 6, IN_FLIGHT = 64 };

static const char two_tests[] = "[{\"output\": \"3\"}, {\"output\": \"3\"}]";
static Sandbox *sandbox;
static CodeTests *tests;

typedef struct Item {
    int64_t number;
    CodeVerdict expected, got;
    int64_t n_tests; /* that were run */
    char text[160], reason[200];
} Item;

/* Right, wrong, failing, leaving a daemon behind, sleeping, writing too much. */
static void make_item(Item *item, int64_t number)
{
    static const struct {
        const char *source;
        CodeVerdict verdict;
    } kinds[] = {
        {"print(3)", CODE_ACCEPTED},
        {"print(4)", CODE_WRONG_ANSWER},
        {"1 / 0", CODE_RUNTIME_ERROR},
        {"print(3)", CODE_ACCEPTED},
        {"import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nprint(3)", CODE_ACCEPTED},
        {"open('/tmp/x', 'w').write('x' * 100000)\nprint(3)", CODE_ACCEPTED},
        {"while True: print('x' * 100000)", CODE_OUTPUT},
        {"x = bytearray(1 << 40)", CODE_MEMORY},
    };
    const int kind = (int)(number % 8);
    *item = (Item){.number = number, .expected = kinds[kind].verdict, .got = CODE_FAULT};
    snprintf(item->text, sizeof item->text, "```python\n%s\n```\n", kinds[kind].source);
}

static void judge(void *context, int worker, const atomic_bool *cancel)
{
    Item *const item = context;
    CodeResult result;
    (void)worker;
    code_judge(sandbox, tests, item->text, strlen(item->text), &result, cancel);
    item->got = result.verdict;
    item->n_tests = result.n_passed + (result.verdict != CODE_ACCEPTED);
    snprintf(item->reason, sizeof item->reason, "%.190s", result.reason);
}

static int count_folder(const char *path)
{
    char **names;
    int64_t n;
    Error err = {0};
    if (!file_list(path, &names, &n, &err)) return -1;
    file_names_free(names, n);
    return (int)n;
}

static long resident_kb(void)
{
    char *text;
    size_t length;
    Error err = {0};
    assert_true(file_read_all("/proc/self/status", 1 << 20, &text, &length, &err));
    const char *const line = strstr(text, "VmRSS:");
    const long kb = line ? strtol(line + 6, NULL, 10) : 0;
    base_free(text);
    return kb;
}

/* Returns the number of tests. */
static int64_t run_items(int64_t n)
{
    int64_t n_tests = 0;
    Jobs *jobs;
    Error err = {0};
    Item *const items = base_alloc(IN_FLIGHT, sizeof *items);
    assert_true(jobs_create(&jobs, N_WORKERS, &err));
    for (int64_t submitted = 0, collected = 0; collected < n;) {
        while (submitted < n && submitted - collected < IN_FLIGHT) {
            make_item(&items[submitted % IN_FLIGHT], submitted);
            jobs_submit(jobs, judge, &items[submitted % IN_FLIGHT]);
            submitted++;
        }
        void *context;
        assert_true(jobs_collect(jobs, &context, &err));
        const Item *const item = context;
        assert_int_equal(item->number, collected);
        if (item->got != item->expected)
            fail_msg("%lld: \"%s\", expected \"%s\" (%s) of\n%s", (long long)item->number, code_verdict_name(item->got),
                     code_verdict_name(item->expected), item->reason, item->text);
        n_tests += item->n_tests;
        collected++;
    }
    jobs_free(jobs);
    base_free(items);
    return n_tests;
}

static void many_programs_leave_nothing_behind(void **state)
{
    (void)state;
    const char *const is_long = getenv("R1_TEST_LONG");
    const int64_t n = is_long && strcmp(is_long, "1") == 0 ? 6720 : 160;
    run_items(64); /* what the allocator and libc keep from the first time on */
    const int n_fds = count_folder("/proc/self/fd"), n_threads = count_folder("/proc/self/task");
    const long kb = resident_kb();
    const int64_t n_tests = run_items(n);
    assert_int_equal(n_tests, n + n / 2);
    assert_int_equal(count_folder("/proc/self/fd"), n_fds);
    assert_int_equal(count_folder("/proc/self/task"), n_threads);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    const long grown = resident_kb() - kb;
    print_message("%lld programs, %lld tests; %ld kB more than before\n", (long long)n, (long long)n_tests, grown);
#ifndef __SANITIZE_ADDRESS__
    assert_true(grown < 49152); /* what the allocator keeps of buffers that were megabytes large; it does not grow on */
#endif
}

/* Jobs end in any order and are collected in theirs. */
static void slow_job(void *context, int worker, const atomic_bool *cancel)
{
    int *const n = context;
    (void)worker;
    for (int i = 0; i < *n && !atomic_load(cancel); i++) usleep(1000);
    *n = -*n;
}

static void jobs_come_back_in_the_order_they_went(void **state)
{
    (void)state;
    Jobs *jobs;
    Error err = {0};
    int n[200];
    void *context;
    assert_true(jobs_create(&jobs, 5, &err));
    for (int i = 0; i < 200; i++) {
        n[i] = 1 + (i * 7) % 13;
        jobs_submit(jobs, slow_job, &n[i]);
    }
    assert_int_equal(jobs_pending(jobs), 200);
    for (int i = 0; i < 200; i++) {
        assert_true(jobs_collect(jobs, &context, &err));
        assert_ptr_equal(context, &n[i]);
        assert_int_equal(n[i], -(1 + (i * 7) % 13));
    }
    assert_true(jobs_collect(jobs, &context, &err));
    assert_null(context);
    for (int i = 0; i < 20; i++) {
        n[i] = 100000;
        jobs_submit(jobs, slow_job, &n[i]);
    }
    jobs_free(jobs); /* does not wait for them to be through */
}

int main(void)
{
    const struct CMUnitTest always[] = {cmocka_unit_test(jobs_come_back_in_the_order_they_went)};
    const struct CMUnitTest inside[] = {cmocka_unit_test(many_programs_leave_nothing_behind)};
    Error err = {0};
    if (cmocka_run_group_tests(always, NULL, NULL) != 0) return 1;
    if (!sandbox_open(&sandbox, &err) || !sandbox_has(sandbox, "python3")) {
        printf("skipped: %s\n", sandbox ? "there is no python3" : err.text);
        return SKIPPED;
    }
    json_t *const json = json_read_text(two_tests, sizeof two_tests - 1, "tests", 1, &err);
    if (!json || !code_tests_read(&tests, json, &err)) return 1;
    json_decref(json);
    const int status = cmocka_run_group_tests(inside, NULL, NULL);
    code_tests_free(tests);
    sandbox_close(sandbox);
    return status;
}

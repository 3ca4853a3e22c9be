/* SPDX-License-Identifier: MIT */
/* tests/base/test_helper.c: workers that answer, crash, and are started again. This program is its own worker. */
#include "base/helper.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/threads.h"

static const char name[] = "r1-test-helper";

typedef struct Reply {
    pid_t pid;
    int square;
} Reply;

static size_t work(const void *request, size_t length, void *reply)
{
    int n;
    if (length != sizeof n) abort();
    memcpy(&n, request, sizeof n);
    if (n < 0) raise(n == -1 ? SIGSEGV : SIGABRT);
    const Reply r = {getpid(), n * n};
    memcpy(reply, &r, sizeof r);
    return sizeof r;
}

__attribute__((constructor)) static void serve(int argc, char **argv)
{
    helper_serve_if(argc, argv, name, work);
}

static bool ask(int n, Reply *reply)
{
    return helper_call(name, &n, sizeof n, reply, sizeof *reply);
}

static void a_worker_answers_and_is_asked_again(void **state)
{
    (void)state;
    Reply first, second;
    assert_true(ask(7, &first));
    assert_int_equal(first.square, 49);
    assert_int_not_equal(first.pid, getpid());
    assert_true(ask(8, &second));
    assert_int_equal(second.square, 64);
    assert_int_equal(first.pid, second.pid);
}

static void a_crash_is_one_failed_call(void **state)
{
    (void)state;
    Reply reply;
    for (int signal = 1; signal <= 2; signal++) {
        assert_false(ask(-signal, &reply));
        assert_true(ask(9, &reply));
        assert_int_equal(reply.square, 81);
    }
}

static void a_worker_killed_while_idle_is_not_noticed(void **state)
{
    (void)state;
    Reply reply;
    assert_true(ask(2, &reply));
    kill(reply.pid, SIGKILL);
    assert_true(ask(3, &reply));
    assert_int_equal(reply.square, 9);
}

static void a_worker_is_replaced_in_time(void **state)
{
    (void)state;
    Reply reply;
    pid_t first = 0;
    int n_workers = 0;
    for (int i = 0; i < HELPER_REQUESTS + 10; i++) {
        assert_true(ask(i % 100, &reply));
        n_workers += reply.pid != first;
        first = reply.pid;
    }
    assert_int_equal(n_workers, 2);
}

static void ask_in_thread(void *context, int64_t item, int thread)
{
    (void)thread;
    bool *const ok = context;
    Reply reply;
    ok[item] = ask((int)item, &reply) && reply.square == (int)(item * item);
}

static void threads_do_not_share_a_worker(void **state)
{
    (void)state;
    bool ok[200] = {false};
    Threads *threads;
    Error err = {0};
    assert_true(threads_create(&threads, 4, &err));
    threads_run(threads, 200, ask_in_thread, ok);
    threads_free(threads);
    for (int i = 0; i < 200; i++) assert_true(ok[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_answers_and_is_asked_again),
        cmocka_unit_test(a_crash_is_one_failed_call),
        cmocka_unit_test(a_worker_killed_while_idle_is_not_noticed),
        cmocka_unit_test(a_worker_is_replaced_in_time),
        cmocka_unit_test(threads_do_not_share_a_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

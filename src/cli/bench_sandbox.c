/* SPDX-License-Identifier: MIT */
/* cli/bench_sandbox.c: see bench_sandbox.h.
 *
 * The limit is fork + exec of python itself with an empty program. Both run in turns and with as many at once, so that whatever
 * else the machine does meanwhile slows both alike: three for each thread, since much of a container's time is waiting for the
 * kernel to take it apart, in which others run. */
#include "cli/bench_sandbox.h"

#include "base/arena.h"
#include "base/clock.h"
#include "num/cpu.h"
#include "reward/code_reward.h"
#include "reward/jobs.h"

#include <inttypes.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEFAULT_RUNS = 480, PASSES = 10, RUNS_A_THREAD = 3, TESTS_OF_ONE = 8 };

/* A program with one test, a container for each; and one with several, which share one. */
typedef enum BenchCase { ONE_TEST, MANY_TESTS, N_CASES } BenchCase;
static const char *const case_names[] = {"python, one test", "python, a test of eight"};
static const int tests_of[] = {1, TESTS_OF_ONE};

typedef struct BenchSandbox {
    Cli *cli;
    Threads *threads;
    Sandbox *sandbox;
    CodeTests *tests[N_CASES];
    BenchCase now; /* what judge judges */
    Jobs *jobs;
} BenchSandbox;

/* ---- python by itself ---- */

/* A context is a pointer to the bench; NULL afterwards: it failed. */
static void start_python(void *context, int worker, const atomic_bool *cancel)
{
    static const char *const argv[] = {"python3", "-s", "-c", "print(3)", NULL};
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t session; /* its own, as a container's is: the kernel may share processors out by sessions */
    pid_t pid;
    int status = 1;
    (void)worker;
    (void)cancel;
    posix_spawnattr_init(&session);
    posix_spawnattr_setflags(&session, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", 0, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
    const char *const path =
        access("/usr/local/bin/python3", X_OK) == 0 ? "/usr/local/bin/python3" : "/usr/bin/python3";
    if (posix_spawn(&pid, path, &actions, &session, (char *const *)(uintptr_t)argv,
                    (char *const *)(uintptr_t)environment) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        *(BenchSandbox **)context = NULL;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&session);
}

/* ---- the sandbox ---- */

static void judge(void *context, int worker, const atomic_bool *cancel)
{
    static const char completion[] = "```python\nprint(3)\n```\n";
    const BenchSandbox *const b = *(BenchSandbox *const *)context;
    (void)worker;
    CodeResult result;
    code_judge(b->sandbox, b->tests[b->now], completion, sizeof completion - 1, &result, cancel);
    if (result.verdict != CODE_ACCEPTED) *(BenchSandbox **)context = NULL;
}

static bool run_all(BenchSandbox *b, Job job, int64_t n, Error *err)
{
    BenchSandbox **const contexts = base_alloc((size_t)n, sizeof(BenchSandbox *));
    bool ok = true;
    for (int64_t i = 0; i < n; i++) {
        contexts[i] = b;
        jobs_submit(b->jobs, job, &contexts[i]);
    }
    for (int64_t i = 0; ok && i < n; i++) {
        void *done;
        ok = jobs_collect(b->jobs, &done, err);
        if (ok && !contexts[i])
            ok = error_set(err, ERROR_SYSTEM, "%s",
                           job == judge ? "a program that is right was not accepted: the sandbox does not work here"
                                        : "python3 cannot be started");
    }
    if (!ok) {
        jobs_free(b->jobs); /* what is still running uses the contexts */
        b->jobs = NULL;
    }
    base_free(contexts);
    return ok;
}

/* ---- */

/* What n runs took, then what one takes. */
typedef struct Cost {
    double seconds, cpu_seconds; /* processor time: of this process and all that it waited for */
} Cost;

static Cost now(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    Cost cost = {.seconds = clock_seconds()};
    for (int i = 0; i < 2; i++) {
        struct rusage used;
        getrusage(whose[i], &used);
        cost.cpu_seconds += (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                            1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    }
    return cost;
}

static void add_cost(Cost *sum, const Cost *from, const Cost *to, int64_t n)
{
    sum->seconds += (to->seconds - from->seconds) / (double)n;
    sum->cpu_seconds += (to->cpu_seconds - from->cpu_seconds) / (double)n;
}

static bool measure(BenchSandbox *b, int64_t n, Cost *python, Cost sandbox[N_CASES], Error *err)
{
    *python = (Cost){0};
    for (int c = 0; c < N_CASES; c++) sandbox[c] = (Cost){0};
    for (int pass = 0; pass < PASSES; pass++) {
        Cost before = now(), after;
        if (!run_all(b, start_python, n / PASSES, err)) return false;
        after = now();
        add_cost(python, &before, &after, n);
        for (int c = 0; c < N_CASES; c++) {
            b->now = (BenchCase)c;
            before = now();
            if (!run_all(b, judge, n / PASSES / tests_of[c], err)) return false;
            after = now();
            add_cost(&sandbox[c], &before, &after, n);
        }
    }
    return true;
}

static bool report(const BenchSandbox *b, BenchCase which, const Cost *python, const Cost *sandbox, Error *err)
{
    const Kernels *k;
    if (!cli_kernels(b->cli, &k, err)) return false;
    if (!b->cli->json) {
        cli_print(b->cli, "sandbox    %-24s %8.1f /s  %.2f of starting python alone (%.1f /s)\n", case_names[which],
                  1 / sandbox->seconds, python->seconds / sandbox->seconds, 1 / python->seconds);
        cli_print(b->cli,
                  "sandbox      processor time         %8.2f ms  %.2f of python alone's (%.2f ms), turned round\n",
                  1e3 * sandbox->cpu_seconds, python->cpu_seconds / sandbox->cpu_seconds, 1e3 * python->cpu_seconds);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "bench", "sandbox");
    json_out_kv_string(&out, "case", case_names[which]);
    json_out_kv_double(&out, "value", 1 / sandbox->seconds);
    json_out_kv_string(&out, "unit", "1/s");
    json_out_kv_int(&out, "threads", threads_count(b->threads));
    json_out_kv_string(&out, "isa", cpu_isa_name(k->isa));
    json_out_kv_double(&out, "limit", 1 / python->seconds);
    json_out_kv_string(&out, "limit_kind", "spawn");
    json_out_kv_double(&out, "fraction_of_limit", python->seconds / sandbox->seconds);
    json_out_kv_double(&out, "cpu_seconds", sandbox->cpu_seconds);
    json_out_kv_double(&out, "limit_cpu_seconds", python->cpu_seconds);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool make_tests(BenchSandbox *b, Error *err)
{
    for (int c = 0; c < N_CASES; c++) {
        json_t *const list = json_array();
        for (int i = 0; i < tests_of[c]; i++) json_array_append_new(list, json_pack("{s:s}", "output", "3"));
        const bool ok = code_tests_read(&b->tests[c], list, err);
        json_decref(list);
        if (!ok) return false;
    }
    return true;
}

bool bench_sandbox(Cli *cli, int64_t runs, Error *err)
{
    enum { UNIT = PASSES * TESTS_OF_ONE };
    BenchSandbox b = {.cli = cli};
    Cost python, sandbox[N_CASES];
    const int64_t n = ((runs > 0 ? runs : DEFAULT_RUNS) + UNIT - 1) / UNIT * UNIT;
    bool ok = make_tests(&b, err) && sandbox_open(&b.sandbox, err) && cli_threads(cli, &b.threads, err) &&
              jobs_create(&b.jobs, RUNS_A_THREAD * threads_count(b.threads), err) &&
              measure(&b, n, &python, sandbox, err);
    for (int c = 0; ok && c < N_CASES; c++) ok = report(&b, (BenchCase)c, &python, &sandbox[c], err);
    jobs_free(b.jobs);
    sandbox_close(b.sandbox);
    for (int c = 0; c < N_CASES; c++) code_tests_free(b.tests[c]);
    return ok;
}

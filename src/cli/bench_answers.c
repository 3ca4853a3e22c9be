/* SPDX-License-Identifier: MIT */
/* cli/bench_answers.c: see bench_answers.h. Each kind's pairs are compared over and over on each thread for some milliseconds,
 * `repeats` times; the fastest counts, so that short passes find the machine free now and then. */
#include "cli/bench_answers.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "reward/math_helper.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { DEFAULT_REPEATS = 41, MAX_KINDS = 64, MAX_INPUT_BYTES = 1 << 30 };
static const double PASS_SECONDS = 0.005;

typedef struct Pair {
    char *kind, *gold, *answer;
    size_t n_gold, n_answer;
} Pair;

static const char *const own[][3] = {
    {"number", "1000", "1,000"},
    {"number", "0.5", "\\frac{1}{2}"},
    {"number", "12", "twelve"},
    {"number", "50\\%", "0.5"},
    {"number", "2^{10}", "1024"},
    {"number", "\\binom{5}{2}", "10"},
    {"number", "3", "The final answer is \\boxed{3.0}."},
    {"number", "\\frac{761}{25}", "30.44"},
    {"choice", "B", "\\boxed{\\text{(B)}}"},
    {"choice", "B", "The answer is (B)."},
    {"choice", "B", "C"},
    {"unit", "30 cm", "30"},
    {"unit", "5\\text{ km/h}", "5 km/h"},
    {"unit", "\\$18", "18 dollars"},
    {"unit", "3 m", "3 cm"},
    {"words", "\\text{no solution}", "no solution"},
    {"words", "even", "odd"},
    {"set", "\\{1,2,3\\}", "3, 2, 1"},
    {"set", "(1,2),(3,4)", "(3,4),(1,2)"},
    {"interval", "x>3", "(3,\\infty)"},
    {"interval", "[1,3]\\cup[2,5]", "[1,5]"},
    {"surd", "\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}"},
    {"surd", "\\frac{23}{8}+\\frac{7\\sqrt{10}}{3}", "\\frac{69+56\\sqrt{10}}{24}"},
    {"surd", "\\sqrt{2}+\\sqrt{3}", "\\sqrt{5+2\\sqrt{6}}"},
    {"constant", "\\tan 15^\\circ", "2-\\sqrt3"},
    {"constant", "\\log_2 8", "3"},
    {"constant", "e^{i\\pi}", "-1"},
    {"constant", "\\ln 4+\\ln 6", "\\ln 24"},
    {"constant", "2\\pi", "6.283185307"},
    {"expression", "(x+1)^2", "x^2+2x+1"},
    {"expression", "\\frac{3x^2+4x-1}{x+6}", "3x-14+\\frac{83}{x+6}"},
    {"expression", "\\sin 2x", "2\\sin x\\cos x"},
    {"expression", "(x+3)e^{3x}", "x e^{3x}+3e^{3x}-1"},
    {"expression", "\\frac{n(n+1)}{2}", "\\sum_{k=1}^{n} k"},
    {"equation", "y=2x+1", "2x-y+1=0"},
    {"hostile", "5", "9^{9^{9^{9}}}"},
    {"hostile", "5", "10^{1000000}!"},
    {"hostile", "5", "1e999999999"},
    {"hostile", "0", "\\sin(10^{40})"},
    {"hostile", "x", "(x+y+z+a+b+c)^{100}"},
    {"hostile", "x", "\\sum_{k=1}^{100000}\\sum_{j=1}^{100000} x^{kj}"},
    {"hostile", "1", "\\sqrt{2+\\sqrt{3+\\sqrt{5+\\sqrt{7+\\sqrt{11+\\sqrt{13}}}}}}"},
    {"hostile", "\\frac{17}{2^{16}}", "\\prod_{k=1}^{16}\\sin\\frac{k\\pi}{17}"},
    {"hostile", "5", "\\sum_{k=1}^{15}\\sum_{j=1}^{15}\\sum_{l=1}^{15} \\sqrt{k+jx}+l"},
    {"hostile", "5", "\\sum_{k=1}^{100}\\prod_{j=1}^{100} \\sqrt[k]{j+x}"},
    {"hostile", "5", "\\sum_{k=1}^{100}\\sum_{j=1}^{100}x^{kj}"},
    {"hostile", "5", "\\binom{10^{18}}{10^{9}}"},
    {"hostile", "5", "((((3!)!)!)!)!"},
    {"hostile", "5", "(1+\\sqrt2+\\sqrt3+\\sqrt5+\\sqrt7)^{1000000}"},
    {"hostile", "1", "\\frac{(a+b+c+d+e+f)^{40}}{(a-b-c-d-e-f)^{40}}"},
    {"hostile", "5", "\\sqrt[997]{2}+\\sqrt[991]{3}"},
    {"hostile", "1", "\\tan\\frac{1000000000000000000000000000007\\pi}{10007}"},
    {"hostile", "5", "e^{e^{1000000000}}"},
    {"hostile", "3^{100000}+1", "3^{100000}"},
};

/* Hostile by their length: what is said again and again. */
static const struct {
    const char *text;
    size_t count;
} repeated[] = {{"1", 1000000}, {"\\frac", 170000}, {"\\sqrt{2+", 700},
                {"(", 1000000}, {"1+", 2900},       {"\\prod_{k=1}^{16}\\sin\\frac{k\\pi}{17},", 150}};

typedef struct AnswersBench {
    Pair *pairs;
    int64_t n_pairs;
    const char *kind; /* being measured; NULL: all but the hostile */
    double *rates;    /* [threads] answers a second */
} AnswersBench;

static bool is_hostile(const Pair *p)
{
    return strcmp(p->kind, "hostile") == 0;
}

static bool counts(const AnswersBench *b, const Pair *p)
{
    return b->kind ? strcmp(p->kind, b->kind) == 0 : !is_hostile(p);
}

static void compare(const Pair *p)
{
    (void)compare_answers(p->gold, p->n_gold, p->answer, p->n_answer, NULL);
}

static void measure(void *context, int64_t item, int thread)
{
    (void)thread;
    AnswersBench *const b = context;
    const double start = clock_seconds();
    double seconds = 0;
    int64_t n = 0;
    while (seconds < PASS_SECONDS) {
        for (int64_t i = 0; i < b->n_pairs; i++)
            if (counts(b, &b->pairs[i])) {
                compare(&b->pairs[i]);
                n++;
            }
        seconds = clock_seconds() - start;
    }
    b->rates[item] = (double)n / seconds;
}

static bool report(Cli *cli, const char *name, double value, const char *unit, int n_threads, Error *err)
{
    const Kernels *k;
    if (!cli_kernels(cli, &k, err)) return false;
    if (!cli->json) {
        cli_print(cli, "%-10s %-40s %9.0f %s\n", "verify", name, value, unit);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "bench", "verify");
    json_out_kv_string(&out, "case", name);
    json_out_kv_double(&out, "value", value);
    json_out_kv_string(&out, "unit", unit);
    json_out_kv_int(&out, "threads", n_threads);
    json_out_kv_string(&out, "isa", cpu_isa_name(k->isa));
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool report_kind(Cli *cli, AnswersBench *b, Threads *threads, int64_t repeats, const char *kind, Error *err)
{
    double best = 0;
    char name[96];
    b->kind = kind;
    for (int64_t i = 0; i < repeats; i++) {
        double sum = 0;
        threads_run(threads, threads_count(threads), measure, b);
        for (int t = 0; t < threads_count(threads); t++) sum += b->rates[t];
        best = fmax(best, sum);
    }
    snprintf(name, sizeof name, kind ? "answers of kind %.40s" : "answers of all kinds but hostile", kind);
    return report(cli, name, best, "answers/s", threads_count(threads), err);
}

static double processor_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* In this process, proofs too, so that its processor time is all there is, whatever else the machine does. */
static double decide_here(const Pair *p)
{
    bool unused;
    MathRule rule;
    const double start = processor_seconds();
    const AnswerSpan gold = answer_extract(p->gold, p->n_gold), answer = answer_extract(p->answer, p->n_answer);
    (void)math_decide(ANSWER_EQUAL, gold.text, gold.length, answer.text, answer.length, true, &unused, &rule);
    return processor_seconds() - start;
}

/* The slowest hostile pair by its fastest time, and the memory of a process that decides them all. */
static bool report_slowest(Cli *cli, const AnswersBench *b, int64_t repeats, Error *err)
{
    double slowest = 0, slowest_processor = 0;
    struct rusage used;
    for (int64_t i = 0; i < b->n_pairs; i++) {
        double best = INFINITY, best_processor = INFINITY;
        for (int64_t r = 0; is_hostile(&b->pairs[i]) && r < repeats; r++) {
            const double start = clock_seconds();
            compare(&b->pairs[i]);
            best = fmin(best, clock_seconds() - start);
            best_processor = fmin(best_processor, decide_here(&b->pairs[i]));
        }
        if (is_hostile(&b->pairs[i])) {
            slowest = fmax(slowest, best);
            slowest_processor = fmax(slowest_processor, best_processor);
        }
    }
    getrusage(RUSAGE_SELF, &used);
    return report(cli, "slowest hostile answer", slowest * 1e6, "us", 1, err) &&
           report(cli, "slowest hostile answer, processor time", slowest_processor * 1e6, "us", 1, err) &&
           report(cli, "memory of this process at its most", (double)used.ru_maxrss / 1024, "MB", 1, err);
}

/* ---- pairs ---- */

static char *repeat(const char *text, size_t count)
{
    const size_t n = strlen(text);
    char *const all = base_alloc(n * count + 1, 1);
    for (size_t i = 0; i < count; i++) memcpy(all + i * n, text, n);
    return all;
}

static void own_pairs(AnswersBench *b)
{
    enum { N_OWN = sizeof own / sizeof *own, N_REPEATED = sizeof repeated / sizeof *repeated };
    b->n_pairs = N_OWN + N_REPEATED;
    b->pairs = base_alloc((size_t)b->n_pairs, sizeof *b->pairs);
    for (int i = 0; i < N_REPEATED; i++) {
        Pair *const p = &b->pairs[N_OWN + i];
        *p = (Pair){.kind = base_strdup("hostile"),
                    .gold = repeat(repeated[i].text, repeated[i].count / 2),
                    .answer = repeat(repeated[i].text, repeated[i].count)};
        p->n_gold = strlen(p->gold);
        p->n_answer = strlen(p->answer);
    }
    for (int64_t i = 0; i < N_OWN; i++)
        b->pairs[i] = (Pair){.kind = base_strdup(own[i][0]),
                             .gold = base_strdup(own[i][1]),
                             .answer = base_strdup(own[i][2]),
                             .n_gold = strlen(own[i][1]),
                             .n_answer = strlen(own[i][2])};
}

static bool read_pair(Pair *pair, const char *text, size_t length, const char *path, int64_t line, Error *err)
{
    json_t *const row = json_read_text(text, length, path, line, err);
    const char *kind = "all", *gold = NULL, *answer = NULL;
    size_t n_kind = 3;
    bool ok = row && json_require(row, "gold", err) && json_require(row, "answer", err) &&
              json_get_string(row, "kind", &kind, &n_kind, err) &&
              json_get_string(row, "gold", &gold, &pair->n_gold, err) &&
              json_get_string(row, "answer", &answer, &pair->n_answer, err);
    if (row && !ok) error_in(err, "%s:%" PRId64, path, line);
    if (ok) {
        pair->kind = base_strndup(kind, n_kind);
        pair->gold = base_strndup(gold, pair->n_gold);
        pair->answer = base_strndup(answer, pair->n_answer);
    }
    json_decref(row);
    return ok;
}

static bool read_pairs(AnswersBench *b, const char *path, Error *err)
{
    size_t length;
    char *file;
    if (!file_read_all(path, MAX_INPUT_BYTES, &file, &length, err)) return false;
    int64_t number = 0, capacity = 0;
    bool ok = true;
    for (size_t at = 0; at < length && ok;) {
        const char *const newline = memchr(file + at, '\n', length - at);
        const size_t line = newline ? (size_t)(newline - (file + at)) : length - at;
        number++;
        if (line > 0) {
            if (b->n_pairs == capacity) {
                capacity = 2 * capacity + 256;
                b->pairs = base_realloc(b->pairs, (size_t)capacity, sizeof *b->pairs);
            }
            b->pairs[b->n_pairs] = (Pair){0};
            ok = read_pair(&b->pairs[b->n_pairs], file + at, line, path, number, err);
            b->n_pairs += ok;
        }
        at += line + 1;
    }
    base_free(file);
    return ok && (b->n_pairs > 0 || error_set(err, ERROR_INPUT, "%s: no rows {\"gold\",\"answer\"}", path));
}

bool bench_answers(Cli *cli, const BenchModelOptions *options, Error *err)
{
    AnswersBench b = {0};
    Threads *threads;
    const char *kinds[MAX_KINDS];
    int n_kinds = 0;
    const int64_t repeats = options->repeats > 0 ? options->repeats : DEFAULT_REPEATS;
    if (!cli_threads(cli, &threads, err)) return false;
    if (!options->input) own_pairs(&b);
    bool ok = !options->input || read_pairs(&b, options->input, err), hostile = false;
    b.rates = base_alloc((size_t)threads_count(threads), sizeof *b.rates);
    for (int64_t i = 0; ok && i < b.n_pairs; i++) {
        int k = 0;
        hostile = hostile || is_hostile(&b.pairs[i]);
        while (k < n_kinds && strcmp(kinds[k], b.pairs[i].kind) != 0) k++;
        if (k < n_kinds || n_kinds == MAX_KINDS) continue;
        kinds[n_kinds++] = b.pairs[i].kind;
        ok = report_kind(cli, &b, threads, repeats, b.pairs[i].kind, err);
    }
    if (ok && !(hostile && n_kinds == 1)) ok = report_kind(cli, &b, threads, repeats, NULL, err);
    if (ok && hostile) ok = report_slowest(cli, &b, repeats, err);
    for (int64_t i = 0; i < b.n_pairs; i++) {
        base_free(b.pairs[i].kind);
        base_free(b.pairs[i].gold);
        base_free(b.pairs[i].answer);
    }
    base_free(b.pairs);
    base_free(b.rates);
    return ok;
}

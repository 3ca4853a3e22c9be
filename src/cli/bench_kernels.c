/* SPDX-License-Identifier: MIT */
/* cli/bench_kernels.c: the limits of this machine, and how near GEMM and attention come to them.
 *
 * Weights are taken in turn from one array that is far larger than the caches, as a model's layers are: a GEMM of few rows then
 * waits for memory, and its limit is the roofline min(FMA peak, read bandwidth * operations / bytes), bytes being A, B and C once.
 * Limits are measured before and after each case and the larger one counts, so a machine that slows down slows both. */
#include "cli/bench_kernels.h"

#include "base/arena.h"
#include "base/clock.h"
#include "num/gemm.h"
#include "num/panels.h"
#include "num/peak.h"

#include <string.h>

enum {
    DEFAULT_REPEATS = 7,
    FMA_ROUNDS = 2,
    READ_ROUNDS = 4,
    WEIGHT_FLOATS = 1 << 27, /* 512 MiB */
    ROW_FLOATS = 1 << 23,    /* A and C each, 32 MiB: MAX_ITEMS items of attention fit too */
    MANY_ROWS = 64,          /* from here on the FMA peak is the limit */
};
static const double least_seconds = 0.01; /* of one timed stretch */

/* Shapes of the attention cases: the kv heads of MAX_ITEMS / KV_HEADS sequences. */
enum { QUERY_HEADS = 2, KV_HEADS = 2, HEAD_DIM = 64, MAX_KEYS = 256, MAX_ITEMS = 128 };
typedef struct Limits {
    double flops, bytes; /* a second */
} Limits;

typedef struct Bench {
    Cli *cli;
    const Kernels *k;
    Threads *threads;
    int64_t repeats;
    Arena arena;
    float *weights, *a, *c;
    float *stats, *scratch; /* of attention: per item, per thread */
} Bench;

typedef struct Result {
    const char *bench, *name, *unit, *limit_kind;
    double value, limit; /* limit 0: there is none */
} Result;

static bool report(const Bench *b, const Result *r, Error *err)
{
    if (!b->cli->json) {
        cli_print(b->cli, "%-10s %-40s %9.1f %s", r->bench, r->name, r->value, r->unit);
        if (r->limit > 0.0)
            cli_print(b->cli, "  %5.1f%% of the %s limit (%.1f)", 100.0 * r->value / r->limit, r->limit_kind, r->limit);
        cli_print(b->cli, "\n");
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "bench", r->bench);
    json_out_kv_string(&out, "case", r->name);
    json_out_kv_double(&out, "value", r->value);
    json_out_kv_string(&out, "unit", r->unit);
    json_out_kv_int(&out, "threads", threads_count(b->threads));
    json_out_kv_string(&out, "isa", cpu_isa_name(b->k->isa));
    if (r->limit > 0.0) {
        json_out_kv_double(&out, "limit", r->limit);
        json_out_kv_string(&out, "limit_kind", r->limit_kind);
        json_out_kv_double(&out, "fraction_of_limit", r->value / r->limit);
    }
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static void fill(float *x, int64_t n)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)state * 0x1p-33f;
    }
}

static bool bench_begin(Bench *b, Cli *cli, int64_t repeats, Error *err)
{
    *b = (Bench){.cli = cli, .repeats = repeats > 0 ? repeats : DEFAULT_REPEATS};
    if (!cli_kernels(cli, &b->k, err) || !cli_threads(cli, &b->threads, err)) return false;
    const size_t n_stats = (size_t)MAX_ITEMS * 2 * MAX_KEYS * QUERY_HEADS;
    const size_t n_scratch = (size_t)threads_count(b->threads) * (size_t)attention_backward_scratch(MAX_KEYS, HEAD_DIM);
    const size_t bytes = arena_piece_bytes(WEIGHT_FLOATS, sizeof(float)) +
                         2 * arena_piece_bytes(ROW_FLOATS, sizeof(float)) + arena_piece_bytes(n_stats, sizeof(float)) +
                         arena_piece_bytes(n_scratch, sizeof(float));
    if (!arena_create(&b->arena, "benchmark", bytes, err)) return false;
    b->weights = ARENA_ARRAY(&b->arena, float, WEIGHT_FLOATS, 1);
    b->a = ARENA_ARRAY(&b->arena, float, ROW_FLOATS, 1);
    b->c = ARENA_ARRAY(&b->arena, float, ROW_FLOATS, 1);
    b->stats = ARENA_ARRAY(&b->arena, float, n_stats, 1);
    b->scratch = ARENA_ARRAY(&b->arena, float, n_scratch, 1);
    fill(b->weights, WEIGHT_FLOATS);
    fill(b->a, ROW_FLOATS);
    memset(b->c, 0, ROW_FLOATS * sizeof *b->c);
    return true;
}

static void bench_end(Bench *b)
{
    arena_free(&b->arena);
}

static void raise_limits(const Bench *b, Limits *limits)
{
    const double flops = peak_fma_flops(b->k->isa, b->threads, FMA_ROUNDS);
    const double bytes = peak_read_bytes(b->k->isa, b->threads, b->weights,
                                         (int64_t)WEIGHT_FLOATS * (int64_t)sizeof(float), READ_ROUNDS);
    if (flops > limits->flops) limits->flops = flops;
    if (bytes > limits->bytes) limits->bytes = bytes;
}

static bool run_peak(Cli *cli, int64_t repeats, const ModelConfig *config, Error *err)
{
    (void)config;
    Bench b;
    bool ok = bench_begin(&b, cli, repeats, err);
    Limits limits = {0};
    for (int64_t i = 0; ok && i < b.repeats; i++) raise_limits(&b, &limits);
    const Result fma = {.bench = "peak", .name = "fma", .unit = "GFLOP/s", .value = limits.flops * 1e-9};
    const Result read = {.bench = "peak", .name = "read", .unit = "GB/s", .value = limits.bytes * 1e-9};
    ok = ok && report(&b, &fma, err) && report(&b, &read, err);
    bench_end(&b);
    return ok;
}

/* ---- gemm ---- */

typedef enum GemmKind { FORWARD, BY_INPUT, BY_WEIGHT } GemmKind;
static const char *const kind_names[] = {"forward", "by input", "by weight"};

/* Y[M,N] = X[M,K] W[N,K]^T and its gradients. */
typedef struct GemmCase {
    GemmKind kind;
    int64_t M, N, K;
} GemmCase;

static const GemmCase gemm_cases[] = {
    {FORWARD, 64, 49152, 576},    {FORWARD, 64, 8960, 1536},    {FORWARD, 64, 1536, 8960},
    {FORWARD, 64, 1536, 256},     {FORWARD, 1024, 1536, 256},   {FORWARD, 1024, 256, 768},
    {FORWARD, 1024, 2048, 256},   {BY_INPUT, 1024, 1536, 256},  {BY_INPUT, 1024, 256, 768},
    {BY_INPUT, 256, 8960, 1536},  {BY_WEIGHT, 1024, 1536, 256}, {BY_WEIGHT, 1024, 256, 768},
    {BY_WEIGHT, 256, 8960, 1536}, {FORWARD, 16, 49152, 576},    {FORWARD, 8, 49152, 576},
    {FORWARD, 8, 8960, 1536},     {FORWARD, 1, 49152, 576},     {FORWARD, 1, 8960, 1536},
};

static Gemm gemm_of(const Bench *b, const GemmCase *t, float *w)
{
    switch (t->kind) {
    case FORWARD:
        return gemm_forward(b->c, t->N, b->a, t->K, w, NULL, t->M, t->N, t->K);
    case BY_INPUT:
        return gemm_by_input(b->c, t->K, b->a, t->N, w, t->M, t->N, t->K, false);
    case BY_WEIGHT:
        break;
    }
    return gemm_by_weight(w, b->a, t->N, b->a + t->M * t->N, t->K, t->M, t->N, t->K);
}

/* Seconds of one product, each on the next matrix of the weights; the best of the repeats. */
static double gemm_seconds(const Bench *b, const GemmCase *t, Limits *limits)
{
    const int64_t floats = gemm_packed_floats(t->N, t->K), n_matrices = WEIGHT_FLOATS / floats;
    int64_t next = 0, calls = 1;
    double best = 0.0;
    for (int64_t i = 0; i <= b->repeats;) {
        const double start = clock_seconds();
        for (int64_t call = 0; call < calls; call++, next++) {
            const Gemm g = gemm_of(b, t, b->weights + next % n_matrices * floats);
            gemm_run(b->k, b->threads, &g);
        }
        const double seconds = clock_seconds() - start;
        if (seconds < least_seconds && calls < 1 << 20) {
            calls *= 2;
            continue;
        }
        if (i > 0 && (best == 0.0 || seconds / (double)calls < best)) best = seconds / (double)calls;
        if (i++ % 2 == 0) raise_limits(b, limits);
    }
    return best;
}

static bool bench_gemm(const Bench *b, const GemmCase *t, Error *err)
{
    Limits limits = {0};
    raise_limits(b, &limits);
    const double seconds = gemm_seconds(b, t, &limits);
    const double operations = 2.0 * (double)t->M * (double)t->N * (double)t->K;
    const double bytes = 4.0 * ((double)t->N * (double)t->K + (double)t->M * (double)(t->N + t->K));
    const double by_memory = limits.bytes * operations / bytes;
    char name[96];
    snprintf(name, sizeof name, "%s M=%lld N=%lld K=%lld", kind_names[t->kind], (long long)t->M, (long long)t->N,
             (long long)t->K);
    Result r = {
        .bench = "gemm", .name = name, .unit = "GFLOP/s", .limit_kind = "fma", .value = operations / seconds * 1e-9};
    r.limit = limits.flops * 1e-9;
    if (t->M < MANY_ROWS) {
        r.limit_kind = "roofline";
        if (by_memory < limits.flops) r.limit = by_memory * 1e-9;
    }
    if (t->M == 1) {
        r = (Result){.bench = "gemm", .name = name, .unit = "GB/s", .limit_kind = "read"};
        r.value = bytes / seconds * 1e-9;
        r.limit = limits.bytes * 1e-9;
    }
    return report(b, &r, err);
}

/* ---- products with weights as files have them ---- */

/* Decoding reads every weight for a few rows: the limit is what memory delivers, at the width that they are packed in. */
typedef struct StoredCase {
    QuantType type;
    int64_t M;
} StoredCase;

static const StoredCase stored_cases[] = {
    {QUANT_BF16, 1}, {QUANT_BF16, 8}, {QUANT_Q8_0, 1}, {QUANT_Q8_0, 8}, {QUANT_Q6_K, 1},
    {QUANT_Q6_K, 8}, {QUANT_Q4_0, 1}, {QUANT_Q4_0, 8}, {QUANT_Q4_K, 1}, {QUANT_Q4_K, 8},
};
enum { STORED_N = 8960, STORED_K = 1536 };

static const unsigned char *same_row(const void *context, int64_t row)
{
    (void)row;
    return context;
}

/* As many copies of one matrix as there is room for; returns how many. */
static int64_t pack_stored(const Bench *b, QuantType type)
{
    const int64_t bytes = panels_bytes(type, STORED_N, STORED_K), n = WEIGHT_FLOATS * 4 / bytes;
    unsigned char row[STORED_K * sizeof(float)], *const data = (unsigned char *)b->weights;
    quant_quantize(row, type, b->a, STORED_K);
    (void)!panels_pack(data, type, STORED_N, STORED_K, same_row, row, b->threads);
    for (int64_t i = 1; i < n; i++) memcpy(data + i * bytes, data, (size_t)bytes);
    return n;
}

static double stored_seconds(const Bench *b, const StoredCase *t, Limits *limits)
{
    const int64_t bytes = panels_bytes(t->type, STORED_N, STORED_K), n_matrices = pack_stored(b, t->type);
    double best = 0.0;
    for (int64_t i = 0; i <= b->repeats; i++) {
        const double start = clock_seconds();
        for (int64_t call = 0; call < n_matrices; call++) {
            const Panels panels = {t->type, STORED_N, STORED_K, (const unsigned char *)b->weights + call * bytes};
            const Gemm g = panels_forward(b->c, STORED_N, b->a, STORED_K, &panels, NULL, t->M);
            gemm_run(b->k, b->threads, &g);
        }
        const double seconds = (clock_seconds() - start) / (double)n_matrices;
        if (i > 0 && (best == 0.0 || seconds < best)) best = seconds;
        if (i % 2 == 0) raise_limits(b, limits);
    }
    return best;
}

static bool bench_stored(const Bench *b, const StoredCase *t, Error *err)
{
    Limits limits = {0};
    const double seconds = stored_seconds(b, t, &limits);
    char name[96];
    snprintf(name, sizeof name, "forward %s M=%lld N=%d K=%d", quant_traits(t->type)->name, (long long)t->M, STORED_N,
             STORED_K);
    const Result r = {.bench = "gemm",
                      .name = name,
                      .unit = "GB/s",
                      .limit_kind = "read",
                      .value = (double)panels_bytes(t->type, STORED_N, STORED_K) / seconds * 1e-9,
                      .limit = limits.bytes * 1e-9};
    return report(b, &r, err);
}

/* ---- which are run ---- */

enum { SHAPE_MATRICES = 5, SHAPE_ROWS = 4, SHAPE_CASES = SHAPE_MATRICES * (SHAPE_ROWS + 2) };

/* Whether weights and rows of a case have room in the benchmark's arrays. */
static bool gemm_fits(const GemmCase *t)
{
    const int64_t widest = t->N > t->K ? t->N : t->K;
    const int64_t rows = t->kind == BY_WEIGHT ? t->M * (t->N + t->K) : t->M * widest;
    return gemm_packed_floats(t->N, t->K) <= WEIGHT_FLOATS && rows <= ROW_FLOATS;
}

/* The products of one layer and the head of a model, as training and decoding meet them. Returns how many there is room for. */
static int64_t shape_cases(GemmCase cases[SHAPE_CASES], const ModelConfig *c)
{
    static const int64_t rows[SHAPE_ROWS] = {1024, 64, 8, 1};
    const int64_t D = c->hidden_size, F = c->ffn_size, HC = c->n_heads * c->head_dim;
    const int64_t matrices[SHAPE_MATRICES][2] = {
        {model_qkv_size(c), D}, {D, HC}, {2 * F, D}, {D, F}, {c->vocab_size, D}};
    int64_t n = 0;
    for (int m = 0; m < SHAPE_MATRICES; m++) {
        const int64_t N = matrices[m][0], K = matrices[m][1];
        for (int r = 0; r < SHAPE_ROWS; r++) cases[n++] = (GemmCase){FORWARD, rows[r], N, K};
        cases[n++] = (GemmCase){BY_INPUT, 256, N, K};
        cases[n++] = (GemmCase){BY_WEIGHT, 256, N, K};
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++)
        if (gemm_fits(&cases[i])) cases[kept++] = cases[i];
    return kept;
}

static bool run_gemm(Cli *cli, int64_t repeats, const ModelConfig *config, Error *err)
{
    GemmCase of_shape[SHAPE_CASES];
    const GemmCase *cases = gemm_cases;
    int64_t n = (int64_t)(sizeof gemm_cases / sizeof *gemm_cases);
    if (config) {
        n = shape_cases(of_shape, config);
        cases = of_shape;
        if (n < SHAPE_CASES)
            cli_note(cli, "%d products of this shape are larger than the benchmark's arrays and left out\n",
                     (int)(SHAPE_CASES - n));
    }
    Bench b;
    bool ok = bench_begin(&b, cli, repeats, err);
    for (int64_t i = 0; ok && i < n; i++) ok = bench_gemm(&b, &cases[i], err);
    const int64_t n_stored = config ? 0 : (int64_t)(sizeof stored_cases / sizeof *stored_cases);
    for (int64_t i = 0; ok && i < n_stored; i++) ok = bench_stored(&b, &stored_cases[i], err);
    bench_end(&b);
    return ok;
}

/* ---- attention ---- */

typedef enum AttentionKind { PREFILL, DECODE, BACKWARD } AttentionKind;

typedef struct AttentionCase {
    const char *name;
    AttentionKind kind;
    int64_t n_sequences, n_keys;
} AttentionCase;

static const AttentionCase attention_cases[] = {
    {"forward, 16 sequences of 64", PREFILL, 16, 64},   {"forward, 4 sequences of 256", PREFILL, 4, 256},
    {"backward, 16 sequences of 64", BACKWARD, 16, 64}, {"backward, 4 sequences of 256", BACKWARD, 4, 256},
    {"decode, 64 sequences at 256", DECODE, 64, 256},
};

/* One kv head of one sequence. */
typedef struct AttentionItem {
    int64_t n_queries;
    float *q, *dout, *out, *dq, *k, *v, *dk, *dv, *row_max, *row_sum, *scratch;
} AttentionItem;

enum { ROW_STRIDE = QUERY_HEADS * HEAD_DIM, KEYS_FLOATS = MAX_KEYS * HEAD_DIM, QUERY_FLOATS = MAX_KEYS * ROW_STRIDE };

typedef struct AttentionBench {
    const Bench *bench;
    const AttentionCase *shape;
} AttentionBench;

/* Keys and values lie in the weights, rows in A and C. */
static AttentionItem attention_item(const AttentionBench *t, int64_t item, int thread)
{
    const Bench *b = t->bench;
    float *keys = b->weights + item * 4 * KEYS_FLOATS, *rows = b->a + item * 2 * QUERY_FLOATS;
    float *results = b->c + item * 2 * QUERY_FLOATS, *stats = b->stats + item * 2 * MAX_KEYS * QUERY_HEADS;
    return (AttentionItem){.n_queries = t->shape->kind == DECODE ? 1 : t->shape->n_keys,
                           .q = rows,
                           .dout = rows + QUERY_FLOATS,
                           .out = results,
                           .dq = results + QUERY_FLOATS,
                           .k = keys,
                           .v = keys + KEYS_FLOATS,
                           .dk = keys + 2 * KEYS_FLOATS,
                           .dv = keys + 3 * KEYS_FLOATS,
                           .row_max = stats,
                           .row_sum = stats + MAX_KEYS * QUERY_HEADS,
                           .scratch = b->scratch + thread * attention_backward_scratch(MAX_KEYS, HEAD_DIM)};
}

static void forward_item(void *context, int64_t item, int thread)
{
    const AttentionBench *t = context;
    const AttentionItem x = attention_item(t, item, thread);
    const float *k_blocks[MAX_KEYS / KV_BLOCK], *v_blocks[MAX_KEYS / KV_BLOCK];
    for (int64_t i = 0; i < t->shape->n_keys / KV_BLOCK; i++) {
        k_blocks[i] = x.k + i * KV_BLOCK * HEAD_DIM;
        v_blocks[i] = x.v + i * KV_BLOCK * HEAD_DIM;
    }
    const AttentionForward a = {.n_queries = x.n_queries,
                                .n_heads = QUERY_HEADS,
                                .head_dim = HEAD_DIM,
                                .value_dim = HEAD_DIM,
                                .v_row = HEAD_DIM,
                                .first_position = t->shape->n_keys - x.n_queries,
                                .q = x.q,
                                .q_row = ROW_STRIDE,
                                .q_head = HEAD_DIM,
                                .k_blocks = k_blocks,
                                .v_blocks = v_blocks,
                                .scale = 0.125f,
                                .out = x.out,
                                .out_row = ROW_STRIDE,
                                .out_head = HEAD_DIM,
                                .row_max = x.row_max,
                                .row_sum = x.row_sum,
                                .n_stats = QUERY_HEADS,
                                .scratch = x.scratch};
    t->bench->k->attention_forward(&a);
}

static void backward_item(void *context, int64_t item, int thread)
{
    const AttentionBench *t = context;
    const AttentionItem x = attention_item(t, item, thread);
    const AttentionBackward a = {.n_queries = x.n_queries,
                                 .n_heads = QUERY_HEADS,
                                 .head_dim = HEAD_DIM,
                                 .value_dim = HEAD_DIM,
                                 .q = x.q,
                                 .out = x.out,
                                 .dout = x.dout,
                                 .q_row = ROW_STRIDE,
                                 .q_head = HEAD_DIM,
                                 .out_row = ROW_STRIDE,
                                 .out_head = HEAD_DIM,
                                 .row_max = x.row_max,
                                 .row_sum = x.row_sum,
                                 .n_stats = QUERY_HEADS,
                                 .k = x.k,
                                 .k_blocks = x.k,
                                 .v_blocks = x.v,
                                 .v_block = KV_BLOCK * HEAD_DIM,
                                 .kv_row = HEAD_DIM,
                                 .scale = 0.125f,
                                 .dq = x.dq,
                                 .dk = x.dk,
                                 .dv = x.dv,
                                 .scratch = x.scratch};
    t->bench->k->attention_backward(&a);
}

/* Two products of 2 C operations a pair of query and key that it sees; the backward counts twice that (what it computes again
 * counts as nothing). */
static double attention_operations(const AttentionCase *shape)
{
    const double n = (double)shape->n_keys, heads = (double)(shape->n_sequences * KV_HEADS * QUERY_HEADS);
    const double pairs = shape->kind == DECODE ? n : n * (n + 1.0) / 2.0;
    return heads * pairs * 4.0 * HEAD_DIM * (shape->kind == BACKWARD ? 2.0 : 1.0);
}

static bool bench_attention(const Bench *b, const AttentionCase *shape, Error *err)
{
    AttentionBench t = {.bench = b, .shape = shape};
    const int64_t items = shape->n_sequences * KV_HEADS;
    Limits limits = {0};
    raise_limits(b, &limits);
    threads_run(b->threads, items, forward_item, &t); /* the backward needs what the forward leaves */
    int64_t calls = 1;
    double best = 0.0;
    for (int64_t i = 0; i <= b->repeats;) {
        const double start = clock_seconds();
        for (int64_t call = 0; call < calls; call++)
            threads_run(b->threads, items, shape->kind == BACKWARD ? backward_item : forward_item, &t);
        const double seconds = clock_seconds() - start;
        if (seconds < least_seconds && calls < 1 << 20) {
            calls *= 2;
            continue;
        }
        if (i > 0 && (best == 0.0 || seconds / (double)calls < best)) best = seconds / (double)calls;
        i++;
    }
    raise_limits(b, &limits);
    const Result r = {.bench = "attention",
                      .name = shape->name,
                      .unit = "GFLOP/s",
                      .limit_kind = "fma",
                      .value = attention_operations(shape) / best * 1e-9,
                      .limit = limits.flops * 1e-9};
    return report(b, &r, err);
}

static bool run_attention(Cli *cli, int64_t repeats, const ModelConfig *config, Error *err)
{
    (void)config;
    Bench b;
    bool ok = bench_begin(&b, cli, repeats, err);
    for (size_t i = 0; ok && i < sizeof attention_cases / sizeof *attention_cases; i++)
        ok = bench_attention(&b, &attention_cases[i], err);
    bench_end(&b);
    return ok;
}

const BenchKernelsCase *bench_kernels_case(const char *name)
{
    static const BenchKernelsCase cases[] = {
        {"peak", run_peak, false}, {"gemm", run_gemm, true}, {"attention", run_attention, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (strcmp(cases[i].name, name) == 0) return &cases[i];
    return NULL;
}

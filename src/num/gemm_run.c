/* SPDX-License-Identifier: MIT */
/* num/gemm_run.c: a GEMM cut into rectangles of C for the threads, and the packing of weights.
 *
 * A rectangle is a run of rows by a run of panels, one or a few a thread: as many as deal out evenly and as few as read least, and
 * none so small that handing it out costs more than computing it. */
#include "num/gemm.h"
#include "num/panels.h"

#include <string.h>

enum {
    MIN_PIECE_MACS = 1 << 17, /* some 2 to 4 microseconds: twice what a region costs to start */
    LEAST_PIECES = 1,
    MOST_PIECES = 6,  /* a thread */
    ROW_GRAIN = 24,   /* a multiple of the tiles' rows on every ISA (8, 12 and 6) */
    LEAST_GRAINS = 4, /* of rows in a rectangle, where panels can be cut instead: each reads its panels for itself */
    MACS_A_FLOAT = 8, /* what reading one float from L3 takes, in multiply-adds */
};

typedef struct GemmGrid {
    const Kernels *kernels;
    const Gemm *gemm;
    int64_t row_parts, panel_parts;
} GemmGrid;

typedef struct GemmList {
    const Kernels *kernels;
    const GemmTask *tasks;
    int64_t n_tasks;
} GemmList;

static int64_t panels_of(int64_t columns)
{
    return (columns + GEMM_PANEL - 1) / GEMM_PANEL;
}

/* Into how many runs of columns C may be cut. */
static int64_t columns_of(const Gemm *g)
{
    const int64_t grain = gemm_column_grain(g);
    return (g->n + grain - 1) / grain;
}

static void run_piece(const Kernels *k, const Gemm *g)
{
    if (g->blocks)
        gemm_blocks(k, g);
    else
        k->gemm(g);
}

static void gemm_piece(void *context, int64_t item, int thread)
{
    (void)thread;
    const GemmGrid *grid = context;
    const Gemm *g = grid->gemm;
    int64_t row, row_end, panel, panel_end;
    threads_split(g->m, ROW_GRAIN, item / grid->panel_parts, grid->row_parts, &row, &row_end);
    threads_split(columns_of(g), 1, item % grid->panel_parts, grid->panel_parts, &panel, &panel_end);
    const int64_t grain = gemm_column_grain(g), column = panel * grain;
    const int64_t column_end = panel_end * grain < g->n ? panel_end * grain : g->n;
    if (row_end <= row || column_end <= column) return;

    Gemm piece = *g;
    piece.m = row_end - row;
    piece.n = column_end - column;
    piece.a += row * g->a_row;
    if (g->blocks && g->blocks_turned)
        piece.blocks_column += column;
    else if (g->blocks)
        piece.blocks += panel * g->blocks_panel;
    else
        piece.b += panel * g->b_panel;
    piece.c += row * g->c_row + column;
    if (piece.bias) piece.bias += column;
    run_piece(grid->kernels, &piece);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Time of a cut, in multiply-adds for each step of k: the rounds that the threads take for rectangles of the largest size, and
 * what all of them read. */
static int64_t cut_cost(int64_t row_grains, int64_t panels, int64_t grain, int64_t row_parts, int64_t panel_parts,
                        int64_t n_threads)
{
    const int64_t rows = ceil_div(row_grains, row_parts) * ROW_GRAIN, columns = ceil_div(panels, panel_parts) * grain;
    const int64_t rounds = ceil_div(row_parts * panel_parts, n_threads);
    return rounds * (rows * columns + MACS_A_FLOAT * (rows + columns));
}

/* The cheapest of the cuts into LEAST_PIECES to MOST_PIECES a thread, or into `most` where the product is small. */
static void choose_cut(GemmGrid *grid, int64_t most, int64_t n_threads)
{
    const int64_t row_grains = ceil_div(grid->gemm->m, ROW_GRAIN), panels = columns_of(grid->gemm),
                  grain = gemm_column_grain(grid->gemm);
    int64_t best = INT64_MAX;
    for (int64_t row_parts = 1; row_parts <= clamp(row_grains / LEAST_GRAINS, 1, most); row_parts++)
        for (int64_t pieces = LEAST_PIECES; pieces <= MOST_PIECES; pieces++) {
            const int64_t wanted = clamp(pieces * n_threads, 1, most);
            const int64_t panel_parts = clamp(ceil_div(wanted, row_parts), 1, panels);
            const int64_t cost = cut_cost(row_grains, panels, grain, row_parts, panel_parts, n_threads);
            if (cost >= best) continue;
            best = cost;
            grid->row_parts = row_parts;
            grid->panel_parts = panel_parts;
        }
}

void gemm_run(const Kernels *k, Threads *threads, const Gemm *g)
{
    if (g->m <= 0 || g->n <= 0) return;
    const int64_t macs = g->m * g->n * (g->k > 0 ? g->k : 1);
    const int n_threads = threads_count(threads);
    if (n_threads == 1 || macs < 2 * MIN_PIECE_MACS) {
        run_piece(k, g);
        return;
    }
    GemmGrid grid = {.kernels = k, .gemm = g};
    choose_cut(&grid, clamp(macs / MIN_PIECE_MACS, 1, (int64_t)n_threads * MOST_PIECES), n_threads);
    threads_run(threads, grid.row_parts * grid.panel_parts, gemm_piece, &grid);
}

/* The last task whose first piece is not behind `piece`; tasks without pieces lie in front of the one that has it. */
static const GemmTask *task_of(const GemmList *list, int64_t piece)
{
    int64_t low = 0, high = list->n_tasks;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (list->tasks[middle].first_piece <= piece)
            low = middle;
        else
            high = middle;
    }
    return &list->tasks[low];
}

static void list_piece(void *context, int64_t item, int thread)
{
    const GemmList *list = context;
    const GemmTask *task = task_of(list, item);
    GemmGrid grid = {list->kernels, &task->gemm, task->row_parts, task->panel_parts};
    gemm_piece(&grid, item - task->first_piece, thread);
}

void gemm_run_many(const Kernels *k, Threads *threads, GemmTask *tasks, int64_t n_tasks)
{
    int64_t macs = 0, n_pieces = 0;
    for (int64_t i = 0; i < n_tasks; i++) {
        const Gemm *g = &tasks[i].gemm;
        if (g->m > 0 && g->n > 0) macs += g->m * g->n * g->k;
    }
    const int64_t share = macs / ((int64_t)threads_count(threads) * MOST_PIECES);
    const int64_t piece_macs = share > MIN_PIECE_MACS ? share : MIN_PIECE_MACS;
    for (int64_t i = 0; i < n_tasks; i++) {
        const Gemm *g = &tasks[i].gemm;
        tasks[i].first_piece = n_pieces;
        if (g->m <= 0 || g->n <= 0) continue;
        const int64_t wanted = clamp(g->m * g->n * g->k / piece_macs, 1, INT64_MAX);
        tasks[i].row_parts = clamp(ceil_div(g->m, ROW_GRAIN) / LEAST_GRAINS, 1, wanted);
        tasks[i].panel_parts = clamp(wanted / tasks[i].row_parts, 1, columns_of(g));
        n_pieces += tasks[i].row_parts * tasks[i].panel_parts;
    }
    GemmList list = {k, tasks, n_tasks};
    threads_run(macs < 2 * MIN_PIECE_MACS ? NULL : threads, n_pieces, list_piece, &list);
}

int64_t gemm_packed_floats(int64_t n_out, int64_t n_in)
{
    return panels_of(n_out) * GEMM_PANEL * n_in;
}

typedef struct PackJob {
    float *panels;
    const float *w;
    int64_t n_out, n_in;
} PackJob;

static void pack_panel(void *context, int64_t panel, int thread)
{
    (void)thread;
    const PackJob *job = context;
    const int64_t n_in = job->n_in, first = panel * GEMM_PANEL;
    const int64_t width = job->n_out - first < GEMM_PANEL ? job->n_out - first : GEMM_PANEL;
    float *out = job->panels + panel * GEMM_PANEL * n_in;
    if (width < GEMM_PANEL) memset(out, 0, (size_t)(GEMM_PANEL * n_in) * sizeof *out);
    /* 16 inputs at a time: one cache line of each row of W fills half a kilobyte-wide stripe of the panel. */
    for (int64_t begin = 0; begin < n_in; begin += 16) {
        const int64_t end = begin + 16 < n_in ? begin + 16 : n_in;
        for (int64_t j = 0; j < width; j++) {
            const float *row = job->w + (first + j) * n_in;
            for (int64_t i = begin; i < end; i++) out[i * GEMM_PANEL + j] = row[i];
        }
    }
}

void gemm_pack(float *panels, const float *w, int64_t n_out, int64_t n_in, Threads *threads)
{
    PackJob job = {panels, w, n_out, n_in};
    threads_run(n_out * n_in < MIN_PIECE_MACS ? NULL : threads, panels_of(n_out), pack_panel, &job);
}

void gemm_unpack(float *w, const float *panels, int64_t n_out, int64_t n_in)
{
    for (int64_t j = 0; j < n_out; j++) {
        const float *column = panels + j / GEMM_PANEL * GEMM_PANEL * n_in + j % GEMM_PANEL;
        for (int64_t i = 0; i < n_in; i++) w[j * n_in + i] = column[i * GEMM_PANEL];
    }
}

Gemm gemm_forward(float *y, int64_t y_row, const float *x, int64_t x_row, const float *panels, const float *bias,
                  int64_t M, int64_t N, int64_t K)
{
    return (Gemm){.m = M,
                  .n = N,
                  .k = K,
                  .a = x,
                  .a_row = x_row,
                  .a_col = 1,
                  .b = panels,
                  .b_row = GEMM_PANEL,
                  .b_panel = GEMM_PANEL * K,
                  .c = y,
                  .c_row = y_row,
                  .bias = bias};
}

Gemm gemm_by_input(float *dx, int64_t dx_row, const float *dy, int64_t dy_row, const float *w, int64_t M, int64_t N,
                   int64_t K, bool accumulate)
{
    return (Gemm){.m = M,
                  .n = K,
                  .k = N,
                  .a = dy,
                  .a_row = dy_row,
                  .a_col = 1,
                  .b = w,
                  .b_row = K,
                  .b_panel = GEMM_PANEL,
                  .c = dx,
                  .c_row = dx_row,
                  .accumulate = accumulate};
}

Gemm gemm_by_weight(float *dw, const float *dy, int64_t dy_row, const float *x, int64_t x_row, int64_t M, int64_t N,
                    int64_t K)
{
    return (Gemm){.m = N,
                  .n = K,
                  .k = M,
                  .a = dy,
                  .a_row = 1,
                  .a_col = dy_row,
                  .b = x,
                  .b_row = x_row,
                  .b_panel = GEMM_PANEL,
                  .c = dw,
                  .c_row = K,
                  .accumulate = true};
}

/* SPDX-License-Identifier: MIT */
/* num/gemm.simd.h: the blocked GEMM over register tiles.
 *
 *   for blocks of some 200 to 800 rows of C    (their part of A stays in L2)
 *     for blocks of some 100 to 800 steps of k  (C is stored and loaded again between two: the chains go on, no bit moves)
 *       for panels of 32 columns               (one block of a panel, up to 64 KB, streams through L1 and stays in L2)
 *         for tiles of TILE_ROWS rows
 *
 * Rows are dealt to tiles evenly (8 rows for tiles of 6 are 4 + 4): a last tile of one row would leave most chains empty.
 * The last panel, when C ends inside it, goes through a tile on the stack, with B copied beside zeros where it is not packed. */
#ifndef R1_NUM_GEMM_SIMD_H
#define R1_NUM_GEMM_SIMD_H

#include "num/kernels.h"
#include "num/tile.simd.h"

#include <string.h>

enum {
    GEMM_ROWS_BY_ROWS = 192,
    GEMM_ROW_STEP = 24, /* whole tiles on every ISA */
    GEMM_DEPTH_BY_ROWS = 768,
    GEMM_ROWS_UNPACKED =
        384, /* A by rows and B not packed: a copy of B serves more rows, and fewer of its rows share a set */
    GEMM_DEPTH_UNPACKED = 384,
    GEMM_ROWS_BY_COLUMNS =
        768, /* times the depth: 390 KB of the stack hold the copy of A. Many rows: B is copied once for them */
    GEMM_DEPTH_BY_COLUMNS = 128,
    GEMM_COPY_STEPS = 8,
    GEMM_COPY_AHEAD = 16,     /* rows of B that a copy asks the caches for ahead */
    GEMM_COPY_APART = 2,      /* steps left free behind each copied tile: else all tiles share one set of the caches */
    GEMM_COPY_PASSES = 32,    /* passes that a copied panel of B must serve to be worth it, */
    GEMM_COPY_PASSES_SET = 8, /* and where its rows share a few sets of the caches: */
    GEMM_SET_STRIDE = 1024,   /* they do when they are a multiple of this many floats apart */
};

/* What all tiles of one block of one panel share: k steps from the vectors b0 (columns 0 to 15) and b1 (16 to 31). */
typedef struct GemmTile {
    int64_t k;
    const float *a;
    int64_t a_row, a_col; /* a_col 0: a copy, whose tiles are [k][rows of the tile] */
    int64_t a_tile;       /* from a row of one tile to the same of the next, for each row between them */
    const float *b0, *b1;
    int64_t b_row;
    const float *start; /* what the chains begin with, rows `start_row` apart */
    int64_t start_row;
    float *c;
    int64_t c_row;
    const float *ahead; /* what each step asks the caches for, `ahead_row` floats further each time; 0: nothing */
    int64_t ahead_row;
    int64_t next_row;    /* from row to row of the next panel where B is not packed, else 0 */
    const float *next_c; /* of the tile after this one */
} GemmTile;

static const float gemm_zeros[GEMM_PANEL];

VEC_INLINE void gemm_tile_of(const GemmTile *g, const int rows, const int vectors, const int a_by_rows)
{
    Tile t;
    tile_prefetch(g->next_c, g->c_row, rows, vectors);
    tile_load(&t, g->start, g->start_row, rows, vectors);
    tile_run(&t, g->k, g->a, a_by_rows ? g->a_row : 1,
             a_by_rows  ? 1
             : g->a_col ? g->a_col
                        : rows,
             g->b0, g->b1, g->b_row, g->ahead, g->ahead_row, rows, vectors);
    tile_store(&t, g->c, g->c_row, rows, vectors);
}

/* 32 columns (`both`) or the first 16: in one tile of two vectors where the registers allow it, else one after the other. */
VEC_INLINE void gemm_tile_columns(const GemmTile *g, const int rows, const bool both, const int a_by_rows)
{
    if (rows > TILE_ROWS) return;
    if (both && rows <= TILE_NARROW_ROWS) {
        gemm_tile_of(g, rows, 2, a_by_rows);
        return;
    }
    gemm_tile_of(g, rows, 1, a_by_rows);
    if (!both) return;
    GemmTile right = *g;
    right.b0 = g->b1;
    right.start += 16;
    right.c += 16;
    right.next_c += 16;
    right.ahead += g->k * g->ahead_row;
    if (g->next_row) right.ahead_row = 0;
    gemm_tile_of(&right, rows, 1, a_by_rows);
}

VEC_INLINE void gemm_tile(const GemmTile *g, int64_t rows, bool both, const int a_by_rows)
{
    switch (rows) {
    case 1:
        gemm_tile_columns(g, 1, both, a_by_rows);
        break;
    case 2:
        gemm_tile_columns(g, 2, both, a_by_rows);
        break;
    case 3:
        gemm_tile_columns(g, 3, both, a_by_rows);
        break;
    case 4:
        gemm_tile_columns(g, 4, both, a_by_rows);
        break;
    case 5:
        gemm_tile_columns(g, 5, both, a_by_rows);
        break;
    case 6:
        gemm_tile_columns(g, 6, both, a_by_rows);
        break;
    case 7:
        gemm_tile_columns(g, 7, both, a_by_rows);
        break;
    default:
        gemm_tile_columns(g, 8, both, a_by_rows);
        break;
    }
}

/* Rows of the next tile when `left` rows remain: dealt evenly. */
VEC_INLINE int64_t gemm_tile_rows(int64_t left)
{
    const int64_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (left + tiles - 1) / tiles;
}

/* All row tiles of `rows` rows over one block of one panel.
 *
 * Its passes share out the lines of the next panel, `next` (NULL: none), and so ask for it slowly: a core can wait for a few
 * lines only, and asking faster than memory answers stalls the loads behind. One or two passes ask for nothing: they read a
 * panel in one stream, which the hardware's own prefetching keeps up with better than any asking. Where B is not packed, the
 * hardware sees no stream: the first tile asks for the left line of every row, the one in the middle for the right line. */
static void gemm_panel(GemmTile g, int64_t rows, bool both, bool a_by_rows, const float *next)
{
    const float *const next_panel_c = g.next_c;
    const int64_t passes_a_tile = both && gemm_tile_rows(rows) > TILE_NARROW_ROWS ? 2 : 1;
    const int64_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, passes = tiles * passes_a_tile;
    const bool reads_ahead = next && passes > 2;
    const float *ahead = next;
    for (int64_t left = rows, tile = 0; left > 0; tile++) {
        const int64_t n = gemm_tile_rows(left);
        const bool reads_line = reads_ahead && (!g.next_row || tile == 0 || tile == tiles / 2);
        g.ahead = reads_line ? ahead : gemm_zeros;
        g.ahead_row = !reads_line ? 0 : g.next_row ? g.next_row : (GEMM_PANEL + passes - 1) / passes;
        if (reads_line) ahead += g.next_row ? 16 : passes_a_tile * g.k * g.ahead_row;
        g.next_c = left > n ? g.c + n * g.c_row : next_panel_c;
        if (a_by_rows)
            gemm_tile(&g, n, both, 1);
        else
            gemm_tile(&g, n, both, 0);
        g.a += n * g.a_tile;
        g.c += n * g.c_row;
        g.start += n * g.start_row;
        left -= n;
    }
}

/* The panel in which C ends: `width` < 32 columns of it exist, B is padded to 32. */
static void gemm_last_panel(GemmTile g, int64_t rows, int64_t width, bool a_by_rows)
{
    float c[TILE_ROWS * GEMM_PANEL], start[TILE_ROWS * GEMM_PANEL];
    for (int64_t row = 0, n; row < rows; row += n) {
        n = gemm_tile_rows(rows - row);
        memset(start, 0, sizeof start);
        for (int64_t i = 0; i < n; i++)
            memcpy(start + i * GEMM_PANEL, g.start + (row + i) * g.start_row, (size_t)width * sizeof *start);
        GemmTile tile = g;
        tile.a = g.a + row * g.a_tile;
        tile.start = start;
        tile.start_row = GEMM_PANEL;
        tile.c = c;
        tile.c_row = GEMM_PANEL;
        tile.next_c = c;
        gemm_panel(tile, n, width > 16, a_by_rows, NULL);
        for (int64_t i = 0; i < n; i++)
            memcpy(g.c + (row + i) * g.c_row, c + i * GEMM_PANEL, (size_t)width * sizeof *c);
    }
}

/* Rows of 32 floats from B's rows: `width` of each, zeros behind. */
static void gemm_copy_panel(float *out, const float *b, int64_t b_row, int64_t depth, int64_t width)
{
    if (width >= GEMM_PANEL) {
        for (int64_t i = 0; i < depth; i++) {
            const float *near = b + (i + GEMM_COPY_AHEAD < depth ? i + GEMM_COPY_AHEAD : i) * b_row;
            vec_prefetch(near);
            vec_prefetch(near + 16);
            vec_store(out + i * GEMM_PANEL, vec_load(b + i * b_row));
            vec_store(out + i * GEMM_PANEL + 16, vec_load(b + i * b_row + 16));
        }
        return;
    }
    for (int64_t i = 0; i < depth; i++) {
        memcpy(out + i * GEMM_PANEL, b + i * b_row, (size_t)width * sizeof *b);
        memset(out + i * GEMM_PANEL + width, 0, (size_t)(GEMM_PANEL - width) * sizeof *b);
    }
}

/* The tiles of a column-wise A one behind the other, each [depth][rows of the tile]. Where it stands, every step of k would
 * touch another page. Some steps at a time, so that a page and a cache line serve all tiles while they are near; the steps after
 * them are asked for meanwhile, since a line a page is no stream that the hardware would see. */
static void gemm_copy_rows(float *out, const float *a, int64_t a_col, int64_t rows, int64_t depth)
{
    for (int64_t begin = 0; begin < depth; begin += GEMM_COPY_STEPS) {
        const int64_t end = begin + GEMM_COPY_STEPS < depth ? begin + GEMM_COPY_STEPS : depth;
        for (int64_t row = 0, n; row < rows; row += n) {
            n = gemm_tile_rows(rows - row);
            float *tile = out + row * (depth + GEMM_COPY_APART);
            for (int64_t i = begin; i < end; i++) {
                const float *from = a + i * a_col + row;
                vec_prefetch_far(i + GEMM_COPY_STEPS < depth ? from + GEMM_COPY_STEPS * a_col : from);
                if (n == TILE_ROWS)
                    memcpy(tile + i * TILE_ROWS, from, TILE_ROWS * sizeof *from);
                else
                    for (int64_t r = 0; r < n; r++) tile[i * n + r] = from[r];
            }
        }
    }
}

VEC_INLINE bool gemm_a_by_rows(const Gemm *g)
{
    return g->a_col == 1 || g->k == 1;
}

VEC_INLINE bool gemm_b_packed(const Gemm *g)
{
    return g->b_row == GEMM_PANEL && g->b_panel != GEMM_PANEL;
}

/* Rows [row, row + rows) of C, steps [k, k + depth) of every chain. */
static void gemm_block(const Gemm *g, int64_t row, int64_t rows, int64_t k, int64_t depth)
{
    float a_copy[GEMM_ROWS_BY_COLUMNS * (GEMM_DEPTH_BY_COLUMNS + GEMM_COPY_APART)],
        b_copy[GEMM_DEPTH_BY_ROWS * GEMM_PANEL];
    const bool a_by_rows = gemm_a_by_rows(g), b_packed = gemm_b_packed(g);
    const bool copies_a = !a_by_rows && g->n >= 4 * GEMM_PANEL && depth >= 16;
    const int64_t passes = (rows + TILE_ROWS - 1) / TILE_ROWS * (TILE_NARROW_ROWS < TILE_ROWS ? 2 : 1);
    const bool copies_b =
        !b_packed && passes >= (g->b_row % GEMM_SET_STRIDE == 0 ? GEMM_COPY_PASSES_SET : GEMM_COPY_PASSES);
    const bool carried = g->accumulate || k > 0;
    GemmTile tile = {.k = depth, .a_row = g->a_row, .a_col = g->a_col, .c_row = g->c_row};
    tile.a = g->a + row * g->a_row + k * g->a_col;
    tile.a_tile = g->a_row;
    tile.next_row = b_packed ? 0 : g->b_row;
    if (copies_a) {
        gemm_copy_rows(a_copy, tile.a, g->a_col, rows, depth);
        tile.a = a_copy;
        tile.a_tile = depth + GEMM_COPY_APART;
        tile.a_col = 0;
    }
    for (int64_t column = 0, panel = 0; column < g->n; column += GEMM_PANEL, panel++) {
        const float *b = g->b + panel * g->b_panel + k * g->b_row;
        const int64_t width = g->n - column;
        const bool whole = width >= GEMM_PANEL || width == 16;
        const bool copied = copies_b || (!b_packed && !whole);
        if (copied) gemm_copy_panel(b_copy, b, g->b_row, depth, width);
        tile.b0 = copied ? b_copy : b;
        tile.b1 = tile.b0 + 16;
        tile.b_row = copied ? GEMM_PANEL : g->b_row;
        tile.c = g->c + row * g->c_row + column;
        tile.next_c = width > GEMM_PANEL ? tile.c + GEMM_PANEL : tile.c;
        tile.start = carried ? tile.c : g->bias ? g->bias + column : gemm_zeros;
        tile.start_row = carried ? g->c_row : 0;
        if (whole)
            gemm_panel(tile, rows, width >= GEMM_PANEL, a_by_rows, width > GEMM_PANEL ? b + g->b_panel : NULL);
        else
            gemm_last_panel(tile, rows, width, a_by_rows);
    }
}

/* Steps of k in one block. A copy of A must fit the stack; rows that fill but one tile use a panel once, so nothing of it has
 * to stay in a cache, and memory is best read in one long stream. */
static int64_t gemm_depth(const Gemm *g)
{
    const bool a_by_rows = gemm_a_by_rows(g);
    if (a_by_rows && g->m <= TILE_ROWS && g->n % GEMM_PANEL == 0) return g->k;
    const int64_t most = !a_by_rows         ? GEMM_DEPTH_BY_COLUMNS
                         : gemm_b_packed(g) ? GEMM_DEPTH_BY_ROWS
                                            : GEMM_DEPTH_UNPACKED;
    const int64_t blocks = (g->k + most - 1) / most;
    return blocks > 0 ? (g->k + blocks - 1) / blocks : 1;
}

/* Rows of C in one block: equal blocks, so that a small last one does not read all of B for itself. */
static int64_t gemm_block_rows(const Gemm *g)
{
    const int64_t most = !gemm_a_by_rows(g) ? GEMM_ROWS_BY_COLUMNS
                         : gemm_b_packed(g) ? GEMM_ROWS_BY_ROWS
                                            : GEMM_ROWS_UNPACKED;
    const int64_t blocks = (g->m + most - 1) / most, rows = (g->m + blocks - 1) / blocks;
    return (rows + GEMM_ROW_STEP - 1) / GEMM_ROW_STEP * GEMM_ROW_STEP;
}

static void gemm_simd(const Gemm *g)
{
    if (g->m <= 0 || g->n <= 0) return;
    const int64_t depth = gemm_depth(g), block_rows = gemm_block_rows(g);
    for (int64_t row = 0; row < g->m; row += block_rows) {
        const int64_t rows = g->m - row < block_rows ? g->m - row : block_rows;
        int64_t k = 0;
        do {
            gemm_block(g, row, rows, k, g->k - k < depth ? g->k - k : depth);
            k += depth;
        } while (k < g->k);
    }
}

#endif

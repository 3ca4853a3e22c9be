/* SPDX-License-Identifier: MIT */
/* num/gemm.simd.h: the blocked GEMM over register tiles.
 *
 *   for blocks of GEMM_ROWS rows of C          (their part of A stays in L2)
 *     for blocks of GEMM_DEPTH steps of k      (C is stored and loaded again between two: the chains go on, no bit moves)
 *       for panels of 32 columns               (one block of a panel, up to 96 KB, streams through L1 and stays in L2)
 *         for tiles of TILE_ROWS rows
 *
 * Rows are dealt to tiles evenly (8 rows for tiles of 6 are 4 + 4): a last tile of one row would leave most chains empty.
 * The last panel, when C ends inside it, goes through a tile on the stack, with B copied beside zeros where it is not packed. */
#ifndef R1_NUM_GEMM_SIMD_H
#define R1_NUM_GEMM_SIMD_H

#include "num/kernels.h"
#include "num/tile.simd.h"

#include <string.h>

enum { GEMM_ROWS = 96, GEMM_DEPTH = 512, GEMM_WHOLE_DEPTH = 768 };

/* What all tiles of one block of one panel share: k steps from the vectors b0 (columns 0 to 15) and b1 (16 to 31). */
typedef struct GemmTile {
    int64_t k;
    const float *a;
    int64_t a_row, a_col;
    const float *b0, *b1;
    int64_t b_row;
    const float *start; /* what the chains begin with, rows `start_row` apart */
    int64_t start_row;
    float *c;
    int64_t c_row;
} GemmTile;

static const float gemm_zeros[GEMM_PANEL];

VEC_INLINE void gemm_tile_of(const GemmTile *g, const int rows, const int vectors, const int a_by_rows)
{
    Tile t;
    tile_load(&t, g->start, g->start_row, rows, vectors);
    tile_run(&t, g->k, g->a, a_by_rows ? g->a_row : 1, a_by_rows ? 1 : g->a_col, g->b0, g->b1, g->b_row, rows, vectors);
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

/* All row tiles of `rows` rows over one block of one panel. */
static void gemm_panel(GemmTile g, int64_t rows, bool both, bool a_by_rows)
{
    for (int64_t left = rows; left > 0;) {
        const int64_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
        const int64_t n = (left + tiles - 1) / tiles;
        if (a_by_rows)
            gemm_tile(&g, n, both, 1);
        else
            gemm_tile(&g, n, both, 0);
        g.a += n * g.a_row;
        g.c += n * g.c_row;
        g.start += n * g.start_row;
        left -= n;
    }
}

/* The panel in which C ends: `width` < 32 columns of it exist. */
static void gemm_last_panel(GemmTile g, int64_t rows, int64_t width, bool a_by_rows, bool b_padded)
{
    float c[TILE_ROWS * GEMM_PANEL], start[TILE_ROWS * GEMM_PANEL];
    float b[GEMM_WHOLE_DEPTH * GEMM_PANEL];
    if (!b_padded) {
        for (int64_t i = 0; i < g.k; i++) {
            memcpy(b + i * GEMM_PANEL, g.b0 + i * g.b_row, (size_t)width * sizeof *b);
            memset(b + i * GEMM_PANEL + width, 0, (size_t)(GEMM_PANEL - width) * sizeof *b);
        }
        g.b0 = b;
        g.b1 = b + 16;
        g.b_row = GEMM_PANEL;
    }
    for (int64_t row = 0; row < rows; row += TILE_ROWS) {
        const int64_t n = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        memset(start, 0, sizeof start);
        for (int64_t i = 0; i < n; i++)
            memcpy(start + i * GEMM_PANEL, g.start + (row + i) * g.start_row, (size_t)width * sizeof *start);
        GemmTile tile = g;
        tile.a = g.a + row * g.a_row;
        tile.start = start;
        tile.start_row = GEMM_PANEL;
        tile.c = c;
        tile.c_row = GEMM_PANEL;
        gemm_panel(tile, n, width > 16, a_by_rows);
        for (int64_t i = 0; i < n; i++)
            memcpy(g.c + (row + i) * g.c_row, c + i * GEMM_PANEL, (size_t)width * sizeof *c);
    }
}

/* Rows [row, row + rows) of C, steps [k, k + depth) of every chain. */
static void gemm_block(const Gemm *g, int64_t row, int64_t rows, int64_t k, int64_t depth)
{
    const bool a_by_rows = g->a_col == 1 || g->k == 1;
    const bool b_padded = g->b_row == GEMM_PANEL && g->b_panel != GEMM_PANEL;
    const bool carried = g->accumulate || k > 0;
    for (int64_t column = 0, panel = 0; column < g->n; column += GEMM_PANEL, panel++) {
        GemmTile tile = {.k = depth, .a_row = g->a_row, .a_col = g->a_col, .b_row = g->b_row, .c_row = g->c_row};
        tile.a = g->a + row * g->a_row + k * g->a_col;
        tile.b0 = g->b + panel * g->b_panel + k * g->b_row;
        tile.b1 = tile.b0 + 16;
        tile.c = g->c + row * g->c_row + column;
        tile.start = carried ? tile.c : g->bias ? g->bias + column : gemm_zeros;
        tile.start_row = carried ? g->c_row : 0;
        const int64_t width = g->n - column;
        if (width >= GEMM_PANEL || width == 16)
            gemm_panel(tile, rows, width >= GEMM_PANEL, a_by_rows);
        else
            gemm_last_panel(tile, rows, width, a_by_rows, b_padded);
    }
}

static void gemm_simd(const Gemm *g)
{
    const int64_t blocks = g->k <= GEMM_WHOLE_DEPTH ? 1 : (g->k + GEMM_DEPTH - 1) / GEMM_DEPTH;
    const int64_t depth = (g->k + blocks - 1) / blocks;
    for (int64_t row = 0; row < g->m; row += GEMM_ROWS) {
        const int64_t rows = g->m - row < GEMM_ROWS ? g->m - row : GEMM_ROWS;
        int64_t k = 0;
        do {
            gemm_block(g, row, rows, k, g->k - k < depth ? g->k - k : depth);
            k += depth;
        } while (k < g->k);
    }
}

#endif

/* SPDX-License-Identifier: MIT */
/* num/tile.simd.h: the register tile that every product is made of: up to 8 rows by 1 or 2 vectors of 16 columns.
 *
 *              b[0]     b[1]          one step of k: each b vector is loaded once, each a is broadcast once
 *   a[0]  ->  r0.v0    r0.v1          and every accumulator takes one fused multiply-add
 *   a[1]  ->  r1.v0    r1.v1
 *    ...
 *
 * Accumulators are named members of a local struct, never an array: gcc 12 keeps the former in registers and spills the latter
 * on every step. All counts are compile-time constants at each call, so every `if` here folds. */
#ifndef R1_NUM_TILE_SIMD_H
#define R1_NUM_TILE_SIMD_H

typedef struct TileRow {
    f32x16 v0, v1;
} TileRow;

typedef struct Tile {
    TileRow r0, r1, r2, r3, r4, r5, r6, r7;
} Tile;

VEC_INLINE void tile_row_load(TileRow *r, const float *p, const int vectors)
{
    r->v0 = vec_load(p);
    if (vectors > 1) r->v1 = vec_load(p + 16);
}

VEC_INLINE void tile_row_store(const TileRow *r, float *p, const int vectors)
{
    vec_store(p, r->v0);
    if (vectors > 1) vec_store(p + 16, r->v1);
}

VEC_INLINE void tile_row_step(TileRow *r, float a, f32x16 b0, f32x16 b1, const int vectors)
{
    const f32x16 broadcast = vec_set(a);
    r->v0 = vec_fma(broadcast, b0, r->v0);
    if (vectors > 1) r->v1 = vec_fma(broadcast, b1, r->v1);
}

/* `stride` 0 starts every row from the same vectors: a bias, or zeros. */
VEC_INLINE void tile_load(Tile *t, const float *p, int64_t stride, const int rows, const int vectors)
{
    tile_row_load(&t->r0, p, vectors);
    if (rows > 1) tile_row_load(&t->r1, p + stride, vectors);
    if (rows > 2) tile_row_load(&t->r2, p + 2 * stride, vectors);
    if (rows > 3) tile_row_load(&t->r3, p + 3 * stride, vectors);
    if (rows > 4) tile_row_load(&t->r4, p + 4 * stride, vectors);
    if (rows > 5) tile_row_load(&t->r5, p + 5 * stride, vectors);
    if (rows > 6) tile_row_load(&t->r6, p + 6 * stride, vectors);
    if (rows > 7) tile_row_load(&t->r7, p + 7 * stride, vectors);
}

VEC_INLINE void tile_store(const Tile *t, float *p, int64_t stride, const int rows, const int vectors)
{
    tile_row_store(&t->r0, p, vectors);
    if (rows > 1) tile_row_store(&t->r1, p + stride, vectors);
    if (rows > 2) tile_row_store(&t->r2, p + 2 * stride, vectors);
    if (rows > 3) tile_row_store(&t->r3, p + 3 * stride, vectors);
    if (rows > 4) tile_row_store(&t->r4, p + 4 * stride, vectors);
    if (rows > 5) tile_row_store(&t->r5, p + 5 * stride, vectors);
    if (rows > 6) tile_row_store(&t->r6, p + 6 * stride, vectors);
    if (rows > 7) tile_row_store(&t->r7, p + 7 * stride, vectors);
}

/* a4 is a + 4 * a_row. Two pointers and three strides address eight rows; seven strides would be one register too many, and
 * gcc then fetches one of them from a vector register on every step (5% of the speed). */
VEC_INLINE void tile_step(Tile *t, const float *a, const float *a4, int64_t a_row, const float *b0, const float *b1,
                          const int rows, const int vectors)
{
    const f32x16 x0 = vec_load(b0);
    const f32x16 x1 = vectors > 1 ? vec_load(b1) : x0;
    tile_row_step(&t->r0, a[0], x0, x1, vectors);
    if (rows > 1) tile_row_step(&t->r1, a[a_row], x0, x1, vectors);
    if (rows > 2) tile_row_step(&t->r2, a[2 * a_row], x0, x1, vectors);
    if (rows > 3) tile_row_step(&t->r3, a[3 * a_row], x0, x1, vectors);
    if (rows > 4) tile_row_step(&t->r4, a4[0], x0, x1, vectors);
    if (rows > 5) tile_row_step(&t->r5, a4[a_row], x0, x1, vectors);
    if (rows > 6) tile_row_step(&t->r6, a4[2 * a_row], x0, x1, vectors);
    if (rows > 7) tile_row_step(&t->r7, a4[3 * a_row], x0, x1, vectors);
}

/* k steps over A[i,k] = a[i * a_row + k * a_col] and the vectors b0 + k * b_row, b1 + k * b_row. Every step also asks for the
 * cache line at ahead + k * ahead_row; ahead_row 0 asks for one line again and again, which costs next to nothing. */
VEC_INLINE void tile_run(Tile *t, int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b0,
                         const float *b1, int64_t b_row, const float *ahead, int64_t ahead_row, const int rows,
                         const int vectors)
{
    const float *a4 = a + 4 * a_row;
    for (; k > 0; k--) {
        vec_prefetch_far(ahead);
        tile_step(t, a, a4, a_row, b0, b1, rows, vectors);
        a += a_col;
        a4 += a_col;
        b0 += b_row;
        b1 += b_row;
        ahead += ahead_row;
    }
}

/* Asks for the rows of C that the next tile will load and store: a store that misses holds up all later ones. */
VEC_INLINE void tile_prefetch(const float *p, int64_t stride, const int rows, const int vectors)
{
    for (int i = 0; i < rows; i++) {
        vec_prefetch(p + i * stride);
        if (vectors > 1) vec_prefetch(p + i * stride + 16);
    }
}

#endif

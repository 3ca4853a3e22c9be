/* SPDX-License-Identifier: MIT */
/* model/decoder_scratch.h: one thread's room for the attention of one kv head of one sequence, and the carried prompt gradients.
 * Private to model/. */
#ifndef R1_MODEL_DECODER_SCRATCH_H
#define R1_MODEL_DECODER_SCRATCH_H

#include "model/config.h"
#include "num/kernels.h"

/* Offsets in floats from the thread's scratch, for sequences of at most max_sequence tokens. S = that rounded up to 16, R = padded
 * channels. */
typedef struct AttentionScratch {
    int64_t k_blocks;                     /* [S / 16][C][16] */
    int64_t v_rows;                       /* [S][R]: as blocks for the forward */
    int64_t k_pointers[2], v_pointers[2]; /* [S / 16] pointers each: of the item in hand, and of the one after it */
    int64_t k_rows, v_blocks;             /* backward: [S][R] and [S / 16][C][16] */
    int64_t dk, dv;                       /* backward: [S][R] */
    int64_t kernel;                       /* what the kernels ask for */
    int64_t total;
} AttentionScratch;

AttentionScratch attention_scratch_plan(const ModelConfig *config, int64_t max_sequence, bool backward);

/* One of the two: [L][K][2 (dK, dV)][max_prompt rounded up to 16][R] */
int64_t decoder_carry_floats(const ModelConfig *config, int64_t max_prompt);

#endif

/* SPDX-License-Identifier: MIT */
/* model/mla_block.h: multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, eq. 9-19) in its absorbed form, which is the
 * definition here in training, prefill and decoding alike. Private to model/.
 *
 *   in     = W_in x                            [q_a | c' | k'] (Q + R + P channels), or [q | c' | k'] without a latent of queries
 *   q      = W_qb norm(q_a)                    H heads of N + P channels, the last P rotated
 *   key    = [norm(c') ; rotated k']           one a token, R + P channels: all that the cache keeps; c = norm(c') is the value
 *   query  = [W_UK q_nope ; q_rope]            H heads of R + P channels
 *   latent = sum_j p_j c_j                     p = softmax over keys of (query . key) * scale
 *   out    = W_UV latent                       H heads of W channels, what o_proj reads */
#ifndef R1_MODEL_MLA_BLOCK_H
#define R1_MODEL_MLA_BLOCK_H

#include "model/decoder.h"

/* attended [T, H W] of one layer from w->normed. */
void mla_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l);
/* w->d_mla_in [T, Q + R + P] from w->d_attended, and the gradients of every matrix and norm in between. */
void mla_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l,
                  DecoderGradients *gradients);

#endif

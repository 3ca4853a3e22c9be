/* SPDX-License-Identifier: MIT */
/* data/shuffle.h: the order of a data set in an epoch, without a table: place i holds item shuffle_item(.., i, n).
 *
 * A Feistel network of four rounds keyed by Philox permutes the next power of four; numbers past n go through it again until they
 * fall below n. So an order is a function of seed and epoch, any place of it costs the same, and nothing needs to be saved. */
#ifndef R1_DATA_SHUFFLE_H
#define R1_DATA_SHUFFLE_H

#include <stdint.h>

/* 0 <= i < n <= 2^62; a permutation of [0, n) for each seed and epoch. */
int64_t shuffle_item(uint64_t seed, uint64_t epoch, int64_t i, int64_t n);

#endif

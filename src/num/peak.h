/* SPDX-License-Identifier: MIT */
/* num/peak.h: what this machine can do at most, measured now: the denominators of every fraction that `r1 bench` prints. */
#ifndef R1_NUM_PEAK_H
#define R1_NUM_PEAK_H

#include "base/threads.h"
#include "num/kernels.h"

/* Floating-point operations a second of independent FMA chains in registers, all threads of the pool at once: the widest
 * registers that the ISA's kernels use. The best of `rounds` rounds of some 10 ms. */
double peak_fma_flops(Isa isa, Threads *threads, int rounds);
/* Bytes a second of reading memory[bytes] once, cut among the threads of the pool: far larger than the caches, or it measures
 * those. The best of `rounds` passes. Reads through the widest registers of the ISA. */
double peak_read_bytes(Isa isa, Threads *threads, const void *memory, int64_t bytes, int rounds);

#endif

/* SPDX-License-Identifier: MIT */
/* num/kernels.simd.h: every template, and the table they make. Included once after a vec_*.h, in a file that is compiled for
 * that instruction set. */
#ifndef R1_NUM_KERNELS_SIMD_H
#define R1_NUM_KERNELS_SIMD_H

#include "num/vec_math.simd.h"
#include "num/gemm.simd.h"

static void kernels_add_simd(Kernels *k)
{
    k->gemm = gemm_simd;
}

#endif

/* SPDX-License-Identifier: MIT */
/* num/isa_avx2.c: the kernels over 16 lanes as two AVX2 registers. Nothing else is compiled for AVX2. */
#include "num/definitions.h"
#include "num/vec_avx2.h"
#include "num/kernels.simd.h"

void kernels_add_avx2(Kernels *k)
{
    kernels_add_simd(k);
}

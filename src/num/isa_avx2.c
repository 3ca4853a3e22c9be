/* SPDX-License-Identifier: MIT */
/* num/isa_avx2.c: the kernels over 16 lanes as two AVX2 registers. Nothing else is compiled for AVX2. */
#include "num/definitions.h"
#include "num/vec_avx2.h"
#include "num/kernels.simd.h"
#include "num/peak.simd.h"

void kernels_add_avx2(Kernels *k)
{
    kernels_add_simd(k);
}
void peak_loops_avx2(PeakLoops *loops)
{
    *loops = (PeakLoops){.fma = peak_fma_simd, .read = peak_read_simd};
}

/* SPDX-License-Identifier: MIT */
/* num/isa_avx512.c: the kernels over 16 lanes as one AVX-512 register. Nothing else is compiled for AVX-512. */
#include "num/definitions.h"
#include "num/vec_avx512.h"
#include "num/kernels.simd.h"
#include "num/peak.simd.h"

void kernels_add_avx512(Kernels *k)
{
    kernels_add_simd(k);
}
void peak_loops_avx512(PeakLoops *loops)
{
    *loops = (PeakLoops){.fma = peak_fma_simd, .read = peak_read_simd};
}

/* SPDX-License-Identifier: MIT */
/* num/isa_avx2.c: the kernels over 16 lanes as two AVX2 registers. */
#include "num/definitions.h"

void kernels_add_avx2(Kernels *k)
{
    k->isa = ISA_AVX2;
}

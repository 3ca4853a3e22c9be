/* SPDX-License-Identifier: MIT */
/* num/isa_avx512.c: the kernels over 16 lanes as one AVX-512 register. */
#include "num/definitions.h"

void kernels_add_avx512(Kernels *k)
{
    k->isa = ISA_AVX512;
}

/* SPDX-License-Identifier: MIT */
/* tests/num/variants.h: every implementation that this machine can run beside the definitions: the templates over float[16],
 * and each instruction set. One that the machine lacks is named, never skipped in silence. */
#ifndef R1_TESTS_NUM_VARIANTS_H
#define R1_TESTS_NUM_VARIANTS_H

#include "num/bits.h"
#include "num/isa_portable.h"

static inline int variants(Variant list[MAX_VARIANTS])
{
    int n = 0;
    list[n] = (Variant){"float[16]", kernels_for(ISA_C)};
    kernels_add_simd(&list[n++].kernels);
    for (Isa isa = ISA_AVX2; isa <= ISA_AVX512; isa++) {
        if (cpu_has(isa))
            list[n++] = (Variant){cpu_isa_name(isa), kernels_for(isa)};
        else
            print_message("skipped: this machine has no %s\n", cpu_isa_name(isa));
    }
    return n;
}

#endif

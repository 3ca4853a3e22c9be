/* SPDX-License-Identifier: MIT */
/* num/cpu.h: which instruction sets this machine has and which one the user wants. Built for the baseline x86-64. */
#ifndef R1_NUM_CPU_H
#define R1_NUM_CPU_H

#include "base/error.h"

typedef enum Isa { ISA_C = 0, ISA_AVX2 = 1, ISA_AVX512 = 2 } Isa;

/* True when CPU and system can run it. ISA_C needs FMA3 (and the AVX state) too: fma is part of the contract. */
bool cpu_has(Isa isa);
const char *cpu_isa_name(Isa isa);                  /* "c", "avx2", "avx512" */
const char *cpu_model_name(char *buffer, int size); /* from /proc/cpuinfo, "unknown CPU" when not told */
/* The best one, or what R1_ISA asks for. Fails (ERROR_USAGE) on an unknown name, (ERROR_SYSTEM) on one this machine lacks and
 * on a machine without FMA. */
bool cpu_choose(Isa *isa, Error *err) R1_MUST_CHECK;

#endif

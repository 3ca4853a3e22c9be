/* SPDX-License-Identifier: MIT */
/* num/cpu.c: CPUID and XGETBV by the compiler's own probe, which also asks whether the system saves the wide registers. */
#include "num/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const isa_names[] = {[ISA_C] = "c", [ISA_AVX2] = "avx2", [ISA_AVX512] = "avx512"};
enum { N_ISAS = sizeof isa_names / sizeof *isa_names };

bool cpu_has(Isa isa)
{
    __builtin_cpu_init();
    const bool fma = __builtin_cpu_supports("avx") && __builtin_cpu_supports("fma");
    const bool avx2 = fma && __builtin_cpu_supports("avx2");
    switch (isa) {
    case ISA_C:
        return fma;
    case ISA_AVX2:
        return avx2;
    case ISA_AVX512:
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    }
    return false;
}

const char *cpu_isa_name(Isa isa)
{
    return (unsigned)isa < N_ISAS ? isa_names[isa] : "unknown";
}

const char *cpu_model_name(char *buffer, int size)
{
    snprintf(buffer, (size_t)size, "unknown CPU");
    FILE *file = fopen("/proc/cpuinfo", "re");
    if (!file) return buffer;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, "model name", 10) != 0) continue;
        const char *value = strchr(line, ':');
        if (!value) continue;
        value += 1 + strspn(value + 1, " \t");
        snprintf(buffer, (size_t)size, "%.*s", (int)strcspn(value, "\n"), value);
        break;
    }
    fclose(file);
    return buffer;
}

bool cpu_choose(Isa *isa, Error *err)
{
    if (!cpu_has(ISA_C))
        return error_set(err, ERROR_SYSTEM,
                         "this CPU lacks FMA3 (or the system does not save AVX registers), which every number here is "
                         "defined by: a machine from 2013 (Intel) or 2012 (AMD) or newer is needed");
    const char *wanted = getenv("R1_ISA");
    if (!wanted || !*wanted) {
        *isa = cpu_has(ISA_AVX512) ? ISA_AVX512 : cpu_has(ISA_AVX2) ? ISA_AVX2 : ISA_C;
        return true;
    }
    for (int i = 0; i < N_ISAS; i++) {
        if (strcmp(wanted, isa_names[i]) != 0) continue;
        if (!cpu_has((Isa)i))
            return error_set(err, ERROR_SYSTEM, "R1_ISA=%s: this machine has no such instructions; leave R1_ISA unset",
                             wanted);
        *isa = (Isa)i;
        return true;
    }
    return error_set(err, ERROR_USAGE, "R1_ISA=%s: known are c, avx2 and avx512", wanted);
}

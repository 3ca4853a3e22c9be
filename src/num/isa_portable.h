/* SPDX-License-Identifier: MIT */
/* num/isa_portable.h: the templates over float[16], for tests alone: it is included by one test file, never by the program. */
#include "num/definitions.h"
#include "num/vec_c.h"
#include "num/kernels.simd.h"

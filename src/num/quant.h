/* SPDX-License-Identifier: MIT */
/* num/quant.h: the element types of GGUF files, as numbers.
 *
 * A row of a quantised matrix is cut into blocks of 32 or 256 elements. Each type is one rule over a block, once its bytes are
 * taken apart into small integers:
 *
 *   x[i] = s[g] * code[i]            symmetric types        g = i / group: 16 or 32 elements share a scale
 *   x[i] = s[g] * code[i] + o[g]     types with an offset
 *   s[g] = d,  or d * scale[g]       one f16 d a block; the K types and iq4_xs have a small integer a group beside it
 *   o[g] = m,  or m * offset[g]
 *
 * Every product and sum above is one f32 operation, rounded once: that is what "dequantised exactly" means, here and in
 * ggml. The sources are the formats' own definitions: GGUF specification (ggml docs/gguf.md) and the block structs that
 * llama.cpp documents. F32, F16 and BF16 are types of one element a block. */
#ifndef R1_NUM_QUANT_H
#define R1_NUM_QUANT_H

#include <stdbool.h>
#include <stdint.h>

typedef enum QuantType {
    QUANT_F32,
    QUANT_F16,
    QUANT_BF16,
    QUANT_Q4_0,
    QUANT_Q4_1,
    QUANT_Q5_0,
    QUANT_Q5_1,
    QUANT_Q8_0,
    QUANT_Q2_K,
    QUANT_Q3_K,
    QUANT_Q4_K,
    QUANT_Q5_K,
    QUANT_Q6_K,
    QUANT_IQ4_NL,
    QUANT_IQ4_XS,
    QUANT_F8_E4M3, /* in no GGUF file: blocks of 128 columns of a DeepSeek matrix (num/fp8.h), an f32 scale, then 128 codes */
    N_QUANT_TYPES,
} QuantType;

enum { QUANT_MAX_BLOCK = 256, QUANT_MAX_GROUPS = 16 };

typedef struct QuantTraits {
    const char *name;    /* "Q4_K" */
    int64_t block;       /* elements a block */
    int64_t block_bytes; /* of a block as files hold it */
    int group;           /* elements that share a scale */
    bool has_offset;
    bool has_scales; /* a small integer a group beside d (and beside m) */
    bool e4m3;       /* codes are floats of 8 bits, not integers */
    int code_bits;   /* 4 or 8 in packed panels; 16 and 32 for the plain types */
} QuantTraits;
const QuantTraits *quant_traits(QuantType type);

/* A block taken apart. Codes stand in the order of the elements. */
typedef struct QuantBlock {
    float d, m; /* m: what is added, so -dmin for the K types */
    int8_t scale[QUANT_MAX_GROUPS], offset[QUANT_MAX_GROUPS];
    int8_t code[QUANT_MAX_BLOCK];
} QuantBlock;
/* One block of a quantised type (not F32, F16, BF16) from its bytes, at any address. */
void quant_unpack(QuantBlock *block, QuantType type, const unsigned char *bytes);

/* n elements, a multiple of the type's block, from their bytes at any address. The definition of every type's values. */
void quant_dequantize(float *x, QuantType type, const void *bytes, int64_t n);

/* The type with this name in lower case ("q4_k"); false: none. */
bool quant_type_named(QuantType *type, const char *name);

/* Whether quant_quantize writes this type: F32, F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K. */
bool quant_can_write(QuantType type);
/* n elements, a multiple of the type's block, rounded to this type. F16 and BF16 to nearest, ties to even. A block's scale and
 * offset are chosen by least squares over a few candidates (Q4_K, Q6_K) or from its largest element (Q8_0, Q4_0); each code is the
 * nearest to its element under the scale as it is stored. Deterministic; finite elements only. */
void quant_quantize(void *bytes, QuantType type, const float *x, int64_t n);

#endif

/* SPDX-License-Identifier: MIT */
/* num/quant.c: blocks of each quantised type taken apart into codes, scales and offsets, and from these the values.
 *
 * Bytes of a block, little-endian; "two halves" means that byte j holds element j in its low and element j + 16 (j + 32
 * in the K types) in its high nibble:
 *
 *   q4_0    d | 16 nibble pairs: two halves, code = q - 8            q4_1    d m | 16 pairs, code = q
 *   q5_0    d | 32 fifth bits | 16 pairs, code = q - 16              q5_1    d m | 32 fifth bits | 16 pairs, code = q
 *   q8_0    d | 32 int8                                              iq4_nl  d | 16 pairs, code = IQ4[q]
 *   q2_k    16 x (scale low, offset high nibble) | 64 bytes of 4 x 2 bits | d dmin
 *   q3_k    32 bytes of third bits | 64 bytes of 4 x 2 bits | 16 scales of 6 bits in 12 bytes | d
 *   q4_k    d dmin | 8 scales and 8 offsets of 6 bits in 12 bytes | 4 x 32 pairs
 *   q5_k    d dmin | 12 bytes as in q4_k | 32 bytes of fifth bits | 4 x 32 pairs
 *   q6_k    128 bytes of low nibbles | 64 bytes of 4 x 2 high bits | 16 int8 scales | d
 *   iq4_xs  d | u16 of 8 x 2 high scale bits | 4 bytes of low scale nibbles | 8 x 16 pairs: two halves */
#include "num/quant.h"

#include "num/fp8.h"
#include "num/half.h"

#include <string.h>

static const QuantTraits TRAITS[N_QUANT_TYPES] = {
    [QUANT_F32] = {"F32", 1, 4, 1, false, false, false, 32},
    [QUANT_F16] = {"F16", 1, 2, 1, false, false, false, 16},
    [QUANT_BF16] = {"BF16", 1, 2, 1, false, false, false, 16},
    [QUANT_Q4_0] = {"Q4_0", 32, 18, 32, false, false, false, 4},
    [QUANT_Q4_1] = {"Q4_1", 32, 20, 32, true, false, false, 4},
    [QUANT_Q5_0] = {"Q5_0", 32, 22, 32, false, false, false, 8},
    [QUANT_Q5_1] = {"Q5_1", 32, 24, 32, true, false, false, 8},
    [QUANT_Q8_0] = {"Q8_0", 32, 34, 32, false, false, false, 8},
    [QUANT_Q2_K] = {"Q2_K", 256, 84, 16, true, true, false, 4},
    [QUANT_Q3_K] = {"Q3_K", 256, 110, 16, false, true, false, 4},
    [QUANT_Q4_K] = {"Q4_K", 256, 144, 32, true, true, false, 4},
    [QUANT_Q5_K] = {"Q5_K", 256, 176, 32, true, true, false, 8},
    [QUANT_Q6_K] = {"Q6_K", 256, 210, 16, false, true, false, 8},
    [QUANT_IQ4_NL] = {"IQ4_NL", 32, 18, 32, false, false, false, 4},
    [QUANT_IQ4_XS] = {"IQ4_XS", 256, 136, 32, false, true, false, 4},
    [QUANT_F8_E4M3] = {"F8_E4M3", 128, 132, 128, false, false, true, 8},
};

/* The values of the non-linear 4-bit types. */
static const int8_t IQ4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

const QuantTraits *quant_traits(QuantType type)
{
    return &TRAITS[type];
}

static float half_at(const unsigned char *bytes)
{
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    return f32_from_f16(half);
}

/* ---- blocks of 32 ---- */

static void unpack_nibbles(int8_t *code, const unsigned char *q, int n, int less)
{
    for (int j = 0; j < n; j++) {
        code[j] = (int8_t)((q[j] & 15) - less);
        code[j + n] = (int8_t)((q[j] >> 4) - less);
    }
}

static void unpack_fifth_bits(int8_t *code, const unsigned char *high)
{
    for (int j = 0; j < 32; j++) code[j] = (int8_t)(code[j] + ((high[j / 8] >> (j % 8)) & 1) * 16);
}

static void unpack_iq4(int8_t *code, const unsigned char *q)
{
    for (int j = 0; j < 16; j++) {
        code[j] = IQ4[q[j] & 15];
        code[j + 16] = IQ4[q[j] >> 4];
    }
}

static void unpack_q5(QuantBlock *b, const unsigned char *high, int less)
{
    unpack_nibbles(b->code, high + 4, 16, less);
    unpack_fifth_bits(b->code, high);
}

/* ---- blocks of 256 ---- */

static void unpack_q2_k(QuantBlock *b, const unsigned char *bytes)
{
    const unsigned char *const scales = bytes, *const q = bytes + 16;
    b->d = half_at(bytes + 80);
    b->m = -half_at(bytes + 82);
    for (int g = 0; g < 16; g++) {
        b->scale[g] = (int8_t)(scales[g] & 15);
        b->offset[g] = (int8_t)(scales[g] >> 4);
    }
    for (int i = 0; i < 256; i++) b->code[i] = (int8_t)((q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3);
}

static void unpack_q3_k(QuantBlock *b, const unsigned char *bytes)
{
    const unsigned char *const high = bytes, *const q = bytes + 32, *const scales = bytes + 96;
    b->d = half_at(bytes + 108);
    for (int g = 0; g < 16; g++) {
        const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
        b->scale[g] = (int8_t)((low | ((scales[8 + g % 4] >> (g / 4 * 2)) & 3) << 4) - 32);
    }
    for (int i = 0; i < 256; i++) {
        const int low = (q[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3, bit = (high[i % 32] >> (i / 32)) & 1;
        b->code[i] = (int8_t)(low - (bit ? 0 : 4));
    }
}

/* Eight scales and eight offsets of 6 bits in 12 bytes: the first four of each whole, of the others the low nibbles in the
 * last four bytes and the high pairs on top of the first eight. */
static void unpack_k_scales(QuantBlock *b, const unsigned char *s)
{
    for (int g = 0; g < 4; g++) {
        b->scale[g] = (int8_t)(s[g] & 63);
        b->offset[g] = (int8_t)(s[g + 4] & 63);
        b->scale[g + 4] = (int8_t)((s[g + 8] & 15) | (s[g] >> 6) << 4);
        b->offset[g + 4] = (int8_t)((s[g + 8] >> 4) | (s[g + 4] >> 6) << 4);
    }
}

static void unpack_q4_k(QuantBlock *b, const unsigned char *bytes)
{
    b->d = half_at(bytes);
    b->m = -half_at(bytes + 2);
    unpack_k_scales(b, bytes + 4);
    for (int j = 0; j < 4; j++) unpack_nibbles(b->code + 64 * j, bytes + 16 + 32 * j, 32, 0);
}

static void unpack_q5_k(QuantBlock *b, const unsigned char *bytes)
{
    const unsigned char *const high = bytes + 16;
    b->d = half_at(bytes);
    b->m = -half_at(bytes + 2);
    unpack_k_scales(b, bytes + 4);
    for (int j = 0; j < 4; j++) unpack_nibbles(b->code + 64 * j, bytes + 48 + 32 * j, 32, 0);
    for (int i = 0; i < 256; i++) b->code[i] = (int8_t)(b->code[i] + ((high[i % 32] >> (i / 32)) & 1) * 16);
}

static void unpack_q6_k(QuantBlock *b, const unsigned char *bytes)
{
    const unsigned char *const low = bytes, *const high = bytes + 128;
    b->d = half_at(bytes + 208);
    memcpy(b->scale, bytes + 192, 16);
    for (int i = 0; i < 256; i++) {
        const int nibble = (low[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4)) & 15;
        const int pair = (high[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
        b->code[i] = (int8_t)((nibble | pair << 4) - 32);
    }
}

static void unpack_iq4_xs(QuantBlock *b, const unsigned char *bytes)
{
    b->d = half_at(bytes);
    const int high = bytes[2] | bytes[3] << 8;
    for (int g = 0; g < 8; g++) {
        const int low = (bytes[4 + g / 2] >> (g % 2 * 4)) & 15;
        b->scale[g] = (int8_t)((low | ((high >> (2 * g)) & 3) << 4) - 32);
        unpack_iq4(b->code + 32 * g, bytes + 8 + 16 * g);
    }
}

void quant_unpack(QuantBlock *b, QuantType type, const unsigned char *bytes)
{
    switch (type) {
    case QUANT_Q4_0:
        b->d = half_at(bytes);
        unpack_nibbles(b->code, bytes + 2, 16, 8);
        break;
    case QUANT_Q4_1:
        b->d = half_at(bytes);
        b->m = half_at(bytes + 2);
        unpack_nibbles(b->code, bytes + 4, 16, 0);
        break;
    case QUANT_Q5_0:
        b->d = half_at(bytes);
        unpack_q5(b, bytes + 2, 16);
        break;
    case QUANT_Q5_1:
        b->d = half_at(bytes);
        b->m = half_at(bytes + 2);
        unpack_q5(b, bytes + 4, 0);
        break;
    case QUANT_Q8_0:
        b->d = half_at(bytes);
        memcpy(b->code, bytes + 2, 32);
        break;
    case QUANT_IQ4_NL:
        b->d = half_at(bytes);
        unpack_iq4(b->code, bytes + 2);
        break;
    case QUANT_Q2_K:
        unpack_q2_k(b, bytes);
        break;
    case QUANT_Q3_K:
        unpack_q3_k(b, bytes);
        break;
    case QUANT_Q4_K:
        unpack_q4_k(b, bytes);
        break;
    case QUANT_Q5_K:
        unpack_q5_k(b, bytes);
        break;
    case QUANT_Q6_K:
        unpack_q6_k(b, bytes);
        break;
    case QUANT_IQ4_XS:
        unpack_iq4_xs(b, bytes);
        break;
    case QUANT_F8_E4M3:
        memcpy(&b->d, bytes, sizeof b->d);
        memcpy(b->code, bytes + 4, 128);
        break;
    default: /* the plain types have no blocks */
        break;
    }
}

/* ---- values ---- */

static void block_values(float *restrict x, const QuantBlock *b, const QuantTraits *t)
{
    for (int g = 0; g * t->group < t->block; g++) {
        const float s = t->has_scales ? b->d * (float)b->scale[g] : b->d;
        const float o = t->has_scales ? b->m * (float)b->offset[g] : b->m;
        const int8_t *const code = b->code + g * t->group;
        float *const to = x + g * t->group;
        if (t->has_offset)
            for (int i = 0; i < t->group; i++) to[i] = s * (float)code[i] + o;
        else if (t->e4m3)
            for (int i = 0; i < t->group; i++) to[i] = f32_from_f8_e4m3((uint8_t)code[i]) * s;
        else
            for (int i = 0; i < t->group; i++) to[i] = s * (float)code[i];
    }
}

static void widen(float *x, QuantType type, const unsigned char *bytes, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, sizeof half);
        x[i] = type == QUANT_F16 ? f32_from_f16(half) : f32_from_bf16(half);
    }
}

void quant_dequantize(float *x, QuantType type, const void *bytes, int64_t n)
{
    const QuantTraits *const t = &TRAITS[type];
    const unsigned char *from = bytes;
    if (type == QUANT_F32) {
        memcpy(x, from, (size_t)n * sizeof *x);
    } else if (t->block == 1) {
        widen(x, type, from, n);
    } else {
        QuantBlock block = {0};
        for (int64_t i = 0; i < n; i += t->block, from += t->block_bytes) {
            quant_unpack(&block, type, from);
            block_values(x + i, &block, t);
        }
    }
}

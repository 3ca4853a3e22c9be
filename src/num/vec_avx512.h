/* SPDX-License-Identifier: MIT */
/* num/vec_avx512.h: 16 lanes as one AVX-512 register. vec_c.h says what each operation means. */
#ifndef R1_NUM_VEC_H
#define R1_NUM_VEC_H

#include <immintrin.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))

typedef __m512 f32x16;
#define VEC_ONE_REGISTER 1

/* Accumulators that leave room for operands among 32 registers: 8 rows of 2 vectors. */
enum { TILE_ROWS = 8, TILE_NARROW_ROWS = 8 };

VEC_INLINE __mmask16 vec_first(int64_t n)
{
    return (__mmask16)((1u << n) - 1u);
}
VEC_INLINE f32x16 vec_zero(void)
{
    return _mm512_setzero_ps();
}
VEC_INLINE f32x16 vec_set(float x)
{
    return _mm512_set1_ps(x);
}
VEC_INLINE f32x16 vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}
VEC_INLINE void vec_store(float *p, f32x16 v)
{
    _mm512_storeu_ps(p, v);
}
VEC_INLINE f32x16 vec_load_first(const float *p, int64_t n)
{
    return _mm512_maskz_loadu_ps(vec_first(n), p);
}
VEC_INLINE void vec_store_first(float *p, f32x16 v, int64_t n)
{
    _mm512_mask_storeu_ps(p, vec_first(n), v);
}
VEC_INLINE f32x16 vec_from_i8(const unsigned char *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}
VEC_INLINE f32x16 vec_from_bf16(const unsigned char *p)
{
    const __m512i half = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(half, 16));
}
VEC_INLINE f32x16 vec_from_f16(const unsigned char *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
/* By way of f16, whose subnormals cost nothing here. */
VEC_INLINE f32x16 vec_from_e4m3(const unsigned char *p)
{
    const __m256i code = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
    const __m256i sign = _mm256_slli_epi16(_mm256_and_si256(code, _mm256_set1_epi16(0x80)), 8);
    const __m256i rest = _mm256_slli_epi16(_mm256_and_si256(code, _mm256_set1_epi16(0x7F)), 7);
    return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_or_si256(sign, rest)), _mm512_set1_ps(256.0f));
}
/* The permutation looks at the low four bits of each lane alone, so nothing has to be masked. */
VEC_INLINE void vec_from_nibbles(f32x16 *low, f32x16 *high, const unsigned char *p, const int8_t values[16])
{
    const __m512 table = vec_from_i8((const unsigned char *)values);
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    *low = _mm512_permutexvar_ps(bytes, table);
    *high = _mm512_permutexvar_ps(_mm512_srli_epi32(bytes, 4), table);
}
VEC_INLINE f32x16 vec_add(f32x16 a, f32x16 b)
{
    return _mm512_add_ps(a, b);
}
VEC_INLINE f32x16 vec_sub(f32x16 a, f32x16 b)
{
    return _mm512_sub_ps(a, b);
}
VEC_INLINE f32x16 vec_mul(f32x16 a, f32x16 b)
{
    return _mm512_mul_ps(a, b);
}
VEC_INLINE f32x16 vec_div(f32x16 a, f32x16 b)
{
    return _mm512_div_ps(a, b);
}
VEC_INLINE f32x16 vec_sqrt(f32x16 a)
{
    return _mm512_sqrt_ps(a);
}
VEC_INLINE f32x16 vec_fma(f32x16 a, f32x16 b, f32x16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}
VEC_INLINE f32x16 vec_fnma(f32x16 a, f32x16 b, f32x16 c)
{
    return _mm512_fnmadd_ps(a, b, c);
}
VEC_INLINE f32x16 vec_neg(f32x16 a)
{
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}
VEC_INLINE f32x16 vec_max(f32x16 a, f32x16 b)
{
    return _mm512_max_ps(a, b);
}
VEC_INLINE f32x16 vec_min(f32x16 a, f32x16 b)
{
    return _mm512_min_ps(a, b);
}
VEC_INLINE f32x16 vec_select_less(f32x16 a, f32x16 b, f32x16 yes, f32x16 no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
VEC_INLINE f32x16 vec_select_equal(f32x16 a, f32x16 b, f32x16 yes, f32x16 no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), no, yes);
}
VEC_INLINE f32x16 vec_select_nan(f32x16 a, f32x16 yes, f32x16 no)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), no, yes);
}
VEC_INLINE f32x16 vec_select_first(int64_t n, f32x16 yes, f32x16 no)
{
    return _mm512_mask_blend_ps(vec_first(n), no, yes);
}
VEC_INLINE f32x16 vec_add_exponent(f32x16 p, f32x16 shifted)
{
    const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p), n));
}
VEC_INLINE f32x16 vec_split_exponent(f32x16 x, uint32_t origin, f32x16 *exponent)
{
    const __m512i start = _mm512_set1_epi32((int)origin);
    const __m512i moved = _mm512_sub_epi32(_mm512_castps_si512(x), start);
    *exponent = _mm512_cvtepi32_ps(_mm512_srai_epi32(moved, 23));
    const __m512i mantissa = _mm512_and_si512(moved, _mm512_set1_epi32(0x007fffff));
    return _mm512_castsi512_ps(_mm512_add_epi32(mantissa, start));
}
VEC_INLINE float vec_sum(f32x16 v)
{
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
VEC_INLINE float vec_max_lane(f32x16 v)
{
    const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
VEC_INLINE void vec_prefetch(const void *p)
{
    _mm_prefetch((const char *)p, _MM_HINT_T0);
}
VEC_INLINE void vec_prefetch_far(const void *p)
{
    _mm_prefetch((const char *)p, _MM_HINT_T1);
}

#endif

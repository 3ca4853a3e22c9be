/* SPDX-License-Identifier: MIT */
/* num/vec_avx2.h: 16 lanes as two AVX2 registers. vec_c.h says what each operation means. */
#ifndef R1_NUM_VEC_H
#define R1_NUM_VEC_H

#include <immintrin.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))

typedef struct f32x16 {
    __m256 low, high;
} f32x16;

/* Accumulators that leave room for operands among 16 registers: 6 rows of 1 vector, or up to 3 rows of 2. */
enum { TILE_ROWS = 6, TILE_NARROW_ROWS = 3 };

/* All ones in lanes below n, n counted from `from`. */
VEC_INLINE __m256i vec_first8(int64_t n, int from)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - from), lane);
}
VEC_INLINE f32x16 vec_zero(void)
{
    return (f32x16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
VEC_INLINE f32x16 vec_set(float x)
{
    return (f32x16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}
VEC_INLINE f32x16 vec_load(const float *p)
{
    return (f32x16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
VEC_INLINE void vec_store(float *p, f32x16 v)
{
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
}
VEC_INLINE f32x16 vec_load_first(const float *p, int64_t n)
{
    return (f32x16){_mm256_maskload_ps(p, vec_first8(n, 0)), _mm256_maskload_ps(p + 8, vec_first8(n, 8))};
}
VEC_INLINE void vec_store_first(float *p, f32x16 v, int64_t n)
{
    _mm256_maskstore_ps(p, vec_first8(n, 0), v.low);
    _mm256_maskstore_ps(p + 8, vec_first8(n, 8), v.high);
}
VEC_INLINE f32x16 vec_of_i8(__m128i bytes)
{
    return (f32x16){_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
                    _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
VEC_INLINE f32x16 vec_from_i8(const unsigned char *p)
{
    return vec_of_i8(_mm_loadu_si128((const __m128i *)(const void *)p));
}
VEC_INLINE __m256i vec_halves8(const unsigned char *p)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
VEC_INLINE f32x16 vec_from_bf16(const unsigned char *p)
{
    return (f32x16){_mm256_castsi256_ps(_mm256_slli_epi32(vec_halves8(p), 16)),
                    _mm256_castsi256_ps(_mm256_slli_epi32(vec_halves8(p + 16), 16))};
}
VEC_INLINE __m256 vec_from_f16_8(__m256i half)
{
    const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(half, _mm256_set1_epi32(0x8000)), 16);
    const __m256i rest = _mm256_slli_epi32(_mm256_and_si256(half, _mm256_set1_epi32(0x7FFF)), 13);
    return _mm256_mul_ps(_mm256_castsi256_ps(_mm256_or_si256(sign, rest)), _mm256_set1_ps(0x1p112f));
}
VEC_INLINE f32x16 vec_from_f16(const unsigned char *p)
{
    return (f32x16){vec_from_f16_8(vec_halves8(p)), vec_from_f16_8(vec_halves8(p + 16))};
}
VEC_INLINE __m256 vec_from_e4m3_8(__m256i code)
{
    const __m256i sign = _mm256_slli_epi32(_mm256_and_si256(code, _mm256_set1_epi32(0x80)), 24);
    const __m256i rest = _mm256_slli_epi32(_mm256_and_si256(code, _mm256_set1_epi32(0x7F)), 20);
    return _mm256_mul_ps(_mm256_castsi256_ps(_mm256_or_si256(sign, rest)), _mm256_set1_ps(0x1p120f));
}
VEC_INLINE f32x16 vec_from_e4m3(const unsigned char *p)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (f32x16){vec_from_e4m3_8(_mm256_cvtepu8_epi32(bytes)),
                    vec_from_e4m3_8(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)))};
}
VEC_INLINE void vec_from_nibbles(f32x16 *low, f32x16 *high, const unsigned char *p, const int8_t values[16])
{
    const __m128i table = _mm_loadu_si128((const __m128i *)(const void *)values), mask = _mm_set1_epi8(15);
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    *low = vec_of_i8(_mm_shuffle_epi8(table, _mm_and_si128(bytes, mask)));
    *high = vec_of_i8(_mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(bytes, 4), mask)));
}
VEC_INLINE f32x16 vec_add(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
VEC_INLINE f32x16 vec_sub(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
VEC_INLINE f32x16 vec_mul(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
VEC_INLINE f32x16 vec_div(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
VEC_INLINE f32x16 vec_sqrt(f32x16 a)
{
    return (f32x16){_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)};
}
VEC_INLINE f32x16 vec_fma(f32x16 a, f32x16 b, f32x16 c)
{
    return (f32x16){_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
VEC_INLINE f32x16 vec_fnma(f32x16 a, f32x16 b, f32x16 c)
{
    return (f32x16){_mm256_fnmadd_ps(a.low, b.low, c.low), _mm256_fnmadd_ps(a.high, b.high, c.high)};
}
VEC_INLINE f32x16 vec_neg(f32x16 a)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (f32x16){_mm256_xor_ps(a.low, sign), _mm256_xor_ps(a.high, sign)};
}
VEC_INLINE f32x16 vec_max(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
VEC_INLINE f32x16 vec_min(f32x16 a, f32x16 b)
{
    return (f32x16){_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)};
}
VEC_INLINE f32x16 vec_select_less(f32x16 a, f32x16 b, f32x16 yes, f32x16 no)
{
    return (f32x16){_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ)),
                    _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ))};
}
VEC_INLINE f32x16 vec_select_equal(f32x16 a, f32x16 b, f32x16 yes, f32x16 no)
{
    return (f32x16){_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ)),
                    _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ))};
}
VEC_INLINE f32x16 vec_select_nan(f32x16 a, f32x16 yes, f32x16 no)
{
    return (f32x16){_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(a.low, a.low, _CMP_UNORD_Q)),
                    _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(a.high, a.high, _CMP_UNORD_Q))};
}
VEC_INLINE f32x16 vec_select_first(int64_t n, f32x16 yes, f32x16 no)
{
    return (f32x16){_mm256_blendv_ps(no.low, yes.low, _mm256_castsi256_ps(vec_first8(n, 0))),
                    _mm256_blendv_ps(no.high, yes.high, _mm256_castsi256_ps(vec_first8(n, 8)))};
}
VEC_INLINE __m256 vec_add_exponent8(__m256 p, __m256 shifted)
{
    const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), n));
}
VEC_INLINE f32x16 vec_add_exponent(f32x16 p, f32x16 shifted)
{
    return (f32x16){vec_add_exponent8(p.low, shifted.low), vec_add_exponent8(p.high, shifted.high)};
}
VEC_INLINE __m256 vec_split_exponent8(__m256 x, uint32_t origin, __m256 *exponent)
{
    const __m256i start = _mm256_set1_epi32((int)origin);
    const __m256i moved = _mm256_sub_epi32(_mm256_castps_si256(x), start);
    *exponent = _mm256_cvtepi32_ps(_mm256_srai_epi32(moved, 23));
    const __m256i mantissa = _mm256_and_si256(moved, _mm256_set1_epi32(0x007fffff));
    return _mm256_castsi256_ps(_mm256_add_epi32(mantissa, start));
}
VEC_INLINE f32x16 vec_split_exponent(f32x16 x, uint32_t origin, f32x16 *exponent)
{
    return (f32x16){vec_split_exponent8(x.low, origin, &exponent->low),
                    vec_split_exponent8(x.high, origin, &exponent->high)};
}
VEC_INLINE float vec_sum(f32x16 v)
{
    const __m256 eight = _mm256_add_ps(v.low, v.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
VEC_INLINE float vec_max_lane(f32x16 v)
{
    const __m256 eight = _mm256_max_ps(v.low, v.high);
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

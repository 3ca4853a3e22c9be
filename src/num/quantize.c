/* SPDX-License-Identifier: MIT */
/* num/quantize.c: from numbers to blocks. quant.c has the layouts; here are the choices that no format prescribes.
 *
 * Scales are chosen in f64 and rounded as the format stores them; only then does each element take the nearest code, so that
 * rounding a scale costs as little as it can. */
#include "num/quant.h"

#include "num/half.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

bool quant_type_named(QuantType *type, const char *name)
{
    for (int t = 0; t < N_QUANT_TYPES; t++) {
        const char *known = quant_traits((QuantType)t)->name;
        size_t i = 0;
        while (name[i] && tolower((unsigned char)known[i]) == name[i]) i++;
        if (name[i] || known[i]) continue;
        *type = (QuantType)t;
        return true;
    }
    return false;
}

bool quant_can_write(QuantType type)
{
    return type == QUANT_F32 || type == QUANT_F16 || type == QUANT_BF16 || type == QUANT_Q8_0 || type == QUANT_Q4_0 ||
           type == QUANT_Q4_K || type == QUANT_Q6_K;
}

static void put_half(unsigned char *to, float value)
{
    const uint16_t half = f16_from_f32(value);
    memcpy(to, &half, sizeof half);
}

static float as_half(double value)
{
    return f32_from_f16(f16_from_f32((float)value));
}

/* The code nearest to x under `scale` and `offset`, within [low, high]. */
static int nearest(float x, double scale, double offset, int low, int high)
{
    if (scale == 0.0) return low > 0 ? low : high < 0 ? high : 0;
    const double code = rint(((double)x - offset) / scale);
    return code < low ? low : code > high ? high : (int)code;
}

/* The element of the largest magnitude, with its sign. */
static float extreme(const float *x, int n)
{
    float most = 0.0f;
    for (int i = 0; i < n; i++)
        if (fabsf(x[i]) > fabsf(most)) most = x[i];
    return most;
}

/* ---- blocks of 32 ---- */

static void quantize_q8_0(unsigned char *to, const float *x)
{
    const float d = as_half(fabs((double)extreme(x, 32)) / 127.0);
    put_half(to, d);
    for (int i = 0; i < 32; i++) to[2 + i] = (unsigned char)nearest(x[i], (double)d, 0.0, -128, 127);
}

/* Codes reach from -8 to 7: the extreme takes -8, whatever its sign. */
static void quantize_q4_0(unsigned char *to, const float *x)
{
    const float d = as_half((double)extreme(x, 32) / -8.0);
    put_half(to, d);
    for (int j = 0; j < 16; j++) {
        const int low = nearest(x[j], (double)d, 0.0, -8, 7) + 8, high = nearest(x[j + 16], (double)d, 0.0, -8, 7) + 8;
        to[2 + j] = (unsigned char)(low | high << 4);
    }
}

/* ---- a group's scale, and offset, by least squares ---- */

typedef struct Fit {
    double scale, offset, error;
} Fit;

static double fit_error(const float *x, int n, double scale, double offset, int low, int high)
{
    double error = 0.0;
    for (int i = 0; i < n; i++) {
        const double left = (double)x[i] - (scale * nearest(x[i], scale, offset, low, high) + offset);
        error += left * left;
    }
    return error;
}

static void keep_better(Fit *best, const float *x, int n, double scale, double offset, int low, int high)
{
    const double error = fit_error(x, n, scale, offset, low, high);
    if (error < best->error) *best = (Fit){scale, offset, error};
}

/* The scale that, with the codes that `scale` gives, leaves the least. */
static double refit_scale(const float *x, int n, double scale, int low, int high)
{
    double xq = 0.0, qq = 0.0;
    for (int i = 0; i < n; i++) {
        const double q = nearest(x[i], scale, 0.0, low, high);
        xq += (double)x[i] * q;
        qq += q * q;
    }
    return qq > 0.0 ? xq / qq : scale;
}

static Fit fit_symmetric(const float *x, int n, int low, int high)
{
    const double most = (double)extreme(x, n);
    Fit best = {0.0, 0.0, fit_error(x, n, 0.0, 0.0, low, high)};
    for (int step = -6; most != 0.0 && step <= 6; step++) {
        const double scale = most / ((double)low + 0.1 * step * (low < 0 ? 1 : -1));
        keep_better(&best, x, n, scale, 0.0, low, high);
        keep_better(&best, x, n, refit_scale(x, n, scale, low, high), 0.0, low, high);
    }
    return best;
}

/* Both by least squares, for the codes that the given pair gives; the offset may not be above 0. */
static void refit_both(const float *x, int n, double *scale, double *offset, int high)
{
    double q1 = 0.0, q2 = 0.0, x1 = 0.0, xq = 0.0;
    for (int i = 0; i < n; i++) {
        const double q = nearest(x[i], *scale, *offset, 0, high);
        q1 += q;
        q2 += q * q;
        x1 += (double)x[i];
        xq += (double)x[i] * q;
    }
    const double det = n * q2 - q1 * q1;
    if (det <= 0.0) return;
    double s = (n * xq - q1 * x1) / det, o = (q2 * x1 - q1 * xq) / det;
    if (o > 0.0) {
        o = 0.0;
        s = xq / q2;
    }
    if (s > 0.0) *scale = s, *offset = o;
}

static Fit fit_affine(const float *x, int n, int high)
{
    double least = 0.0, most = 0.0;
    for (int i = 0; i < n; i++) {
        if ((double)x[i] < least) least = (double)x[i];
        if ((double)x[i] > most) most = (double)x[i];
    }
    Fit best = {0.0, least, fit_error(x, n, 0.0, least, 0, high)};
    for (int step = -6; most > least && step <= 6; step++) {
        double scale = (most - least) / (high + 0.1 * step), offset = least;
        keep_better(&best, x, n, scale, offset, 0, high);
        refit_both(x, n, &scale, &offset, high);
        keep_better(&best, x, n, scale, offset, 0, high);
    }
    return best;
}

/* ---- blocks of 256 ---- */

static int rounded(double value, int low, int high)
{
    const double r = rint(value);
    return r < low ? low : r > high ? high : (int)r;
}

static void put_k_scales(unsigned char *s, const int *scale, const int *offset)
{
    for (int g = 0; g < 4; g++) {
        s[g] = (unsigned char)(scale[g] | (scale[g + 4] >> 4) << 6);
        s[g + 4] = (unsigned char)(offset[g] | (offset[g + 4] >> 4) << 6);
        s[g + 8] = (unsigned char)((scale[g + 4] & 15) | (offset[g + 4] & 15) << 4);
    }
}

static void quantize_q4_k(unsigned char *to, const float *x)
{
    Fit fit[8];
    double most_scale = 0.0, most_offset = 0.0;
    for (int g = 0; g < 8; g++) {
        fit[g] = fit_affine(x + 32 * g, 32, 15);
        if (fit[g].scale > most_scale) most_scale = fit[g].scale;
        if (-fit[g].offset > most_offset) most_offset = -fit[g].offset;
    }
    const float d = as_half(most_scale / 63.0), m = as_half(most_offset / 63.0);
    int scale[8], offset[8];
    memset(to, 0, 144);
    for (int g = 0; g < 8; g++) {
        scale[g] = d > 0.0f ? rounded(fit[g].scale / (double)d, 0, 63) : 0;
        offset[g] = m > 0.0f ? rounded(-fit[g].offset / (double)m, 0, 63) : 0;
        unsigned char *const codes = to + 16 + 32 * (g / 2);
        for (int i = 0; i < 32; i++) {
            const int q = nearest(x[32 * g + i], (double)d * scale[g], -(double)m * offset[g], 0, 15);
            codes[i] |= (unsigned char)(q << (g % 2 * 4));
        }
    }
    put_half(to, d);
    put_half(to + 2, m);
    put_k_scales(to + 4, scale, offset);
}

static void quantize_q6_k(unsigned char *to, const float *x)
{
    double scales[16], most = 0.0;
    for (int g = 0; g < 16; g++) {
        scales[g] = fit_symmetric(x + 16 * g, 16, -32, 31).scale;
        if (fabs(scales[g]) > fabs(most)) most = scales[g];
    }
    const float d = as_half(most / -128.0);
    memset(to, 0, 210);
    for (int i = 0; i < 256; i++) {
        const int g = i / 16, scale = d != 0.0f ? rounded(scales[g] / (double)d, -128, 127) : 0;
        to[192 + g] = (unsigned char)scale;
        const int q = nearest(x[i], (double)d * scale, 0.0, -32, 31) + 32;
        to[i / 128 * 64 + i % 64] |= (unsigned char)((q & 15) << (i % 128 / 64 * 4));
        to[128 + i / 128 * 32 + i % 32] |= (unsigned char)((q >> 4) << (i % 128 / 32 * 2));
    }
    put_half(to + 208, d);
}

void quant_quantize(void *bytes, QuantType type, const float *x, int64_t n)
{
    const QuantTraits *const t = quant_traits(type);
    unsigned char *to = bytes;
    for (int64_t i = 0; i < n; i += t->block, to += t->block_bytes) {
        const uint16_t half = type == QUANT_F16 ? f16_from_f32(x[i]) : bf16_from_f32(x[i]);
        if (type == QUANT_F32)
            memcpy(to, x + i, sizeof *x);
        else if (t->block == 1)
            memcpy(to, &half, sizeof half);
        else if (type == QUANT_Q8_0)
            quantize_q8_0(to, x + i);
        else if (type == QUANT_Q4_0)
            quantize_q4_0(to, x + i);
        else if (type == QUANT_Q4_K)
            quantize_q4_k(to, x + i);
        else if (type == QUANT_Q6_K)
            quantize_q6_k(to, x + i);
    }
}

/* SPDX-License-Identifier: MIT */
/* model/rope_scaling.c: llama3's and YaRN's frequencies. In f64 with the project's own functions; what transformers rounds to
 * f32 in between moves a frequency by an ulp, far inside the tolerance of any comparison. */
#include "model/rope_scaling.h"

#include "num/math.h"

#include <math.h>

static const double TWO_PI = 6.283185307179586;

/* Llama 3.1's stretching of low frequencies (Meta's and transformers' "llama3" rule). */
static double llama3_frequency(const ModelConfig *c, double frequency)
{
    const double wavelength = TWO_PI / frequency;
    if (wavelength < c->rope_original_positions / c->rope_high_freq_factor) return frequency;
    if (wavelength > c->rope_original_positions / c->rope_low_freq_factor) return frequency / c->rope_factor;
    const double smooth = (c->rope_original_positions / wavelength - c->rope_low_freq_factor) /
                          (c->rope_high_freq_factor - c->rope_low_freq_factor);
    return (1.0 - smooth) * (frequency / c->rope_factor) + smooth * frequency;
}

/* The pair that turns `rotations` times within the original positions (YaRN, arXiv 2309.00071, eq. 23 solved for the pair). */
static double yarn_pair(const ModelConfig *c, double rotations)
{
    return (double)c->head_dim * math_log(c->rope_original_positions / (rotations * TWO_PI)) /
           (2.0 * math_log(c->rope_theta));
}

/* Pairs that turn fast keep their frequency, slow ones are divided by the factor, a ramp lies between (eq. 21 and 22). */
static double yarn_frequency(const ModelConfig *c, double frequency, int64_t i)
{
    double low = yarn_pair(c, c->yarn.beta_fast), high = yarn_pair(c, c->yarn.beta_slow);
    if (c->yarn.truncate) low = floor(low), high = ceil(high);
    if (low < 0.0) low = 0.0;
    if (high > (double)(c->head_dim - 1)) high = (double)(c->head_dim - 1);
    if (high - low < 0.001) high = low + 0.001;
    double slow = ((double)i - low) / (high - low);
    slow = slow < 0.0 ? 0.0 : slow > 1.0 ? 1.0 : slow;
    return slow * (frequency / c->rope_factor) + (1.0 - slow) * frequency;
}

float rope_frequency(const ModelConfig *c, int64_t i)
{
    const float plain = (float)(1.0 / math_pow(c->rope_theta, (double)(2 * i) / (double)c->head_dim));
    switch (c->rope_scaling) {
    case ROPE_LLAMA3:
        return (float)llama3_frequency(c, (double)plain);
    case ROPE_YARN:
        return (float)yarn_frequency(c, (double)plain, i);
    case ROPE_PLAIN:
        break;
    }
    return plain;
}

static double yarn_mscale(double factor, double mscale)
{
    return factor <= 1.0 ? 1.0 : 0.1 * mscale * math_log(factor) + 1.0;
}

double rope_attention_factor(const ModelConfig *c)
{
    if (c->rope_scaling != ROPE_YARN) return 1.0;
    if (c->yarn.attention_factor > 0.0) return c->yarn.attention_factor;
    if (c->yarn.mscale > 0.0 && c->yarn.mscale_all_dim > 0.0)
        return yarn_mscale(c->rope_factor, c->yarn.mscale) / yarn_mscale(c->rope_factor, c->yarn.mscale_all_dim);
    return yarn_mscale(c->rope_factor, 1.0);
}

float mla_score_scale(const ModelConfig *c)
{
    const double plain = 1.0 / sqrt((double)mla_head_size(c));
    if (c->rope_scaling != ROPE_YARN || !(c->yarn.mscale_all_dim > 0.0)) return (float)plain;
    const double m = yarn_mscale(c->rope_factor, c->yarn.mscale_all_dim);
    return (float)(plain * m * m);
}

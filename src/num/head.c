/* SPDX-License-Identifier: MIT */
/* num/head.c: the definition of the softmax over one row of logits, its gradient, and what is read off it.
 *
 * A vocabulary is cut into blocks of HEAD_BLOCK ids. Each block's masses are summed in 16 f32 lanes and folded; the blocks are
 * added in f64, ascending. Sampling walks the same block sums, so it needs no second pass over the row. */
#include "num/head.h"

#include "num/definitions.h"
#include "num/math.h"
#include "num/math_inline.h"

static float row_maximum(const float *restrict logits, int64_t V, float inv_temperature)
{
    float lane[NUM_LANES];
    for (int l = 0; l < NUM_LANES; l++) lane[l] = -INFINITY;
    int64_t i = 0;
    for (; i + NUM_LANES <= V; i += NUM_LANES)
        for (int l = 0; l < NUM_LANES; l++) {
            const float y = logits[i + l] * inv_temperature;
            lane[l] = y > lane[l] ? y : lane[l];
        }
    for (int l = 0; i + l < V; l++) {
        const float y = logits[i + l] * inv_temperature;
        lane[l] = y > lane[l] ? y : lane[l];
    }
    return lanes_max(lane);
}

/* Masses of n <= HEAD_BLOCK ids. A mass of 0 adds nothing to the entropy, even where y is -inf. */
static void block_masses(float *restrict masses, const float *restrict logits, int64_t n, float inv_temperature,
                         float y_max, float *mass_sum, float *mass_y_sum)
{
    float mass_lane[NUM_LANES] = {0}, mass_y_lane[NUM_LANES] = {0};
    float scratch[NUM_LANES];
    for (int64_t i = 0; i < n; i += NUM_LANES) {
        const int width = n - i < NUM_LANES ? (int)(n - i) : NUM_LANES;
        for (int l = 0; l < width; l++) {
            const float y = logits[i + l] * inv_temperature - y_max;
            const float mass = math_exp_inline(y);
            scratch[l] = mass;
            mass_lane[l] += mass;
            mass_y_lane[l] = fmaf(mass, mass > 0.0f ? y : 0.0f, mass_y_lane[l]);
        }
        if (masses)
            for (int l = 0; l < width; l++) masses[i + l] = scratch[l];
    }
    *mass_sum = lanes_sum(mass_lane);
    *mass_y_sum = lanes_sum(mass_y_lane);
}

void head_row_c(HeadRow *out, float *restrict masses, double *restrict block_sums, const float *restrict logits,
                int64_t V, float inv_temperature)
{
    const float y_max = row_maximum(logits, V, inv_temperature);
    double sum = 0.0, sum_mass_y = 0.0;
    for (int64_t begin = 0, block = 0; begin < V; begin += HEAD_BLOCK, block++) {
        const int64_t n = V - begin < HEAD_BLOCK ? V - begin : HEAD_BLOCK;
        float mass, mass_y;
        block_masses(masses ? masses + begin : NULL, logits + begin, n, inv_temperature, y_max, &mass, &mass_y);
        if (block_sums) block_sums[block] = (double)mass;
        sum += (double)mass;
        sum_mass_y += (double)mass_y;
    }
    *out = (HeadRow){.y_max = y_max, .sum = sum, .sum_mass_y = sum_mass_y};
}

void head_row_backward_c(float *restrict logits, const HeadRow *row, int64_t V, int32_t target, float a, float b,
                         float inv_temperature)
{
    const float inv_sum = (float)(1.0 / row->sum), y_max = row->y_max;
    const float log_sum = (float)math_log(row->sum), entropy = head_entropy(row);
    const float at = a * inv_temperature, bt = b * inv_temperature;
    for (int64_t i = 0; i < V; i++) {
        const float y = logits[i] * inv_temperature - y_max;
        const float p = math_exp_inline(y) * inv_sum;
        const float at_target = fmaf(-at, p, at);
        float dz = i == target ? at_target : -(at * p);
        if (b != 0.0f) dz = fmaf(-(bt * p), (y - log_sum) + entropy, dz);
        logits[i] = dz;
    }
}

float head_logprob(const HeadRow *row, const float *logits, int32_t target, float inv_temperature)
{
    const float y = logits[target] * inv_temperature;
    return (float)(((double)y - (double)row->y_max) - math_log(row->sum));
}

float head_entropy(const HeadRow *row)
{
    return (float)(math_log(row->sum) - row->sum_mass_y / row->sum);
}

static int64_t last_with_mass(const float *masses, int64_t begin, int64_t end)
{
    for (int64_t i = end - 1; i >= begin; i--)
        if (masses[i] > 0.0f) return i;
    return -1;
}

int32_t head_sample(const HeadRow *row, const float *masses, const double *block_sums, int64_t V, double u)
{
    const double x = u * row->sum;
    double before = 0.0;
    for (int64_t begin = 0, block = 0; begin < V; begin += HEAD_BLOCK, block++) {
        const int64_t end = V - begin < HEAD_BLOCK ? V : begin + HEAD_BLOCK;
        const double after = before + block_sums[block];
        if (after > x) {
            double running = before;
            for (int64_t i = begin; i < end; i++) {
                running += (double)masses[i];
                if (running > x && masses[i] > 0.0f) return (int32_t)i;
            }
            return (int32_t)last_with_mass(masses, begin, end);
        }
        before = after;
    }
    const int64_t last = last_with_mass(masses, 0, V);
    return (int32_t)(last < 0 ? V - 1 : last);
}

int32_t head_argmax(const float *logits, int64_t V)
{
    int64_t best = 0;
    for (int64_t i = 1; i < V; i++)
        if (logits[i] > logits[best]) best = i;
    return (int32_t)best;
}

/* SPDX-License-Identifier: MIT */
#include "eval/reward_quality.h"

#include "train/reward_model.h"

#include <math.h>

/* One verdict: how sure, and how right (a tie: half). */
static void count_verdict(RewardQuality *q, double advance, double right)
{
    const double confidence = reward_model_sigmoid(fabs(advance));
    int b = (int)((confidence - 0.5) * 2.0 * RELIABILITY_BINS);
    if (b >= RELIABILITY_BINS) b = RELIABILITY_BINS - 1;
    q->bins[b].n++;
    q->bins[b].confidence += confidence;
    q->bins[b].accuracy += right;
    q->accuracy += right;
    q->accuracy_stderr += right * right; /* finished below */
    q->n++;
}

/* 1 above, 0 below, half for a tie */
static double side(double difference)
{
    return difference > 0.0 ? 1.0 : difference < 0.0 ? 0.0 : 0.5;
}

static void count_pairs(RewardQuality *q, const float *scores, const int64_t *lengths, int64_t n_scores)
{
    double margin = 0.0, longer = 0.0;
    for (int64_t i = 0; i + 1 < n_scores; i += 2) {
        const double advance = (double)scores[i] - (double)scores[i + 1];
        count_verdict(q, advance, side(advance));
        margin += advance;
        longer += side((double)(lengths[i] - lengths[i + 1]));
    }
    q->margin = margin / (double)q->n;
    q->longer_chosen = longer / (double)q->n;
}

static void count_labels(RewardQuality *q, const float *scores, const float *labels, int64_t n_scores)
{
    double sums[2] = {0.0, 0.0};
    int64_t counts[2] = {0, 0};
    for (int64_t i = 0; i < n_scores; i++) {
        const int good = labels[i] >= 0.5f;
        const double right = side((double)scores[i]);
        count_verdict(q, (double)scores[i], good ? right : 1.0 - right);
        sums[good] += (double)scores[i];
        counts[good]++;
    }
    q->margin = sums[1] / (double)counts[1] - sums[0] / (double)counts[0]; /* NaN where one side has none */
    q->longer_chosen = (double)NAN;
}

static double correlation(const float *x, const int64_t *y, int64_t n)
{
    double mean_x = 0.0, mean_y = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
    for (int64_t i = 0; i < n; i++) mean_x += (double)x[i], mean_y += (double)y[i];
    mean_x /= (double)n, mean_y /= (double)n;
    for (int64_t i = 0; i < n; i++) {
        const double dx = (double)x[i] - mean_x, dy = (double)y[i] - mean_y;
        xx += dx * dx, yy += dy * dy, xy += dx * dy;
    }
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : (double)NAN;
}

static void finish_bins(RewardQuality *q)
{
    q->ece = q->n > 0 ? 0.0 : (double)NAN;
    for (int b = 0; b < RELIABILITY_BINS; b++) {
        ReliabilityBin *const bin = &q->bins[b];
        bin->confidence = bin->n > 0 ? bin->confidence / (double)bin->n : (double)NAN;
        bin->accuracy = bin->n > 0 ? bin->accuracy / (double)bin->n : (double)NAN;
        if (bin->n > 0) q->ece += (double)bin->n / (double)q->n * fabs(bin->accuracy - bin->confidence);
    }
}

void reward_quality(RewardQuality *q, const float *scores, const int64_t *lengths, const float *labels,
                    int64_t n_scores)
{
    *q = (RewardQuality){.min_score = (double)NAN, .max_score = (double)NAN};
    if (labels)
        count_labels(q, scores, labels, n_scores);
    else
        count_pairs(q, scores, lengths, n_scores);
    for (int64_t i = 0; i < n_scores; i++) {
        const double s = (double)scores[i];
        q->mean_score += s;
        if (!(s >= q->min_score)) q->min_score = s;
        if (!(s <= q->max_score)) q->max_score = s;
    }
    const double n = (double)q->n;
    q->mean_score /= (double)n_scores;
    q->accuracy /= n;
    const double spread = q->accuracy_stderr / n - q->accuracy * q->accuracy;
    q->accuracy_stderr = q->n > 1 ? sqrt((spread > 0.0 ? spread : 0.0) / (n - 1.0)) : 0.0;
    q->length_correlation = correlation(scores, lengths, n_scores);
    finish_bins(q);
}

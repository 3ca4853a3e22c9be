/* SPDX-License-Identifier: MIT */
/* eval/estimators.c: see estimators.h. Each sum runs in index order in f64; nothing is vectorised or reordered. */
#include "eval/estimators.h"

#include <assert.h>
#include <math.h>

double estimate_mean(const double *values, int64_t n)
{
    assert(n >= 1);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += values[i];
    return sum / (double)n;
}

double estimate_pass_at_k(int64_t n, int64_t c, int64_t k)
{
    assert(k >= 1 && k <= n && c >= 0 && c <= n);
    if (n - c < k) return 1;
    double all_wrong = 1;
    for (int64_t i = n - c + 1; i <= n; i++) all_wrong *= 1 - (double)k / (double)i;
    return 1 - all_wrong;
}

int64_t estimate_consensus_winner(const int32_t *classes, int64_t n)
{
    assert(n >= 1);
    /* Quadratic in the samples of one problem (at most some hundreds): no table, no allocation. */
    int64_t winner = 0, most_votes = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t votes = 0;
        bool first = true;
        for (int64_t j = 0; j < n && first; j++) {
            if (classes[j] != classes[i]) continue;
            if (j < i) first = false;
            votes++;
        }
        if (first && votes > most_votes) { /* strictly: an earlier class keeps a tie */
            most_votes = votes;
            winner = i;
        }
    }
    return winner;
}

bool estimate_consensus(const int32_t *classes, const bool *right, int64_t n)
{
    const int64_t winner = estimate_consensus_winner(classes, n);
    return classes[winner] != ESTIMATE_NO_ANSWER && right[winner];
}

/* sum (x - mean)^2, with the mean of the rounding errors taken out (two passes). */
static double squared_deviations(const double *values, int64_t n, double mean)
{
    double squares = 0, rest = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = values[i] - mean;
        squares += d * d;
        rest += d;
    }
    const double sum = squares - rest * rest / (double)n;
    return sum > 0 ? sum : 0;
}

Estimate estimate_over_problems(const double *problem_means, int64_t n)
{
    if (n < 1) return (Estimate){.mean = 0, .standard_error = 0, .n = 0};
    const double mean = estimate_mean(problem_means, n);
    if (n < 2) return (Estimate){.mean = mean, .standard_error = 0, .n = n};
    const double variance = squared_deviations(problem_means, n, mean) / (double)(n - 1);
    return (Estimate){.mean = mean, .standard_error = sqrt(variance / (double)n), .n = n};
}

Estimate estimate_macro(const Estimate *cells, int64_t n_cells)
{
    double sum = 0, squares = 0;
    int64_t counted = 0, problems = 0;
    for (int64_t i = 0; i < n_cells; i++) {
        if (cells[i].n < 1) continue;
        sum += cells[i].mean;
        squares += cells[i].standard_error * cells[i].standard_error;
        counted++;
        problems += cells[i].n;
    }
    if (counted == 0) return (Estimate){.mean = 0, .standard_error = 0, .n = 0};
    return (Estimate){
        .mean = sum / (double)counted,
        .standard_error = sqrt(squares) / (double)counted,
        .n = problems,
    };
}

/* ---- Student's t ------------------------------------------------------------------------------------------------------- */

/* atan(x) for x >= 0, without libm. The argument is halved three times by atan(x) = 2 atan(x / (1 + sqrt(1 + x^2))), which
 * brings any x below tan(pi/16) = 0.199; there the Taylor series loses less than 2^-53 after 11 terms (0.199^23 / 23 < 1e-17). */
static double arc_tangent(double x)
{
    static const int halvings = 3, terms = 11;
    if (x > 1e150) return 1.5707963267948966; /* x * x would overflow; pi/2 - 1/x is pi/2 here */
    for (int i = 0; i < halvings; i++) x = x / (1 + sqrt(1 + x * x));
    double series = 0;
    for (int i = terms - 1; i >= 0; i--) series = 1.0 / (double)(2 * i + 1) - x * x * series;
    return 8 * (x * series);
}

double estimate_t_two_sided(double t, int64_t degrees)
{
    assert(degrees >= 1);
    if (isnan(t)) return 1;
    if (isinf(t)) return 0;
    /* A&S 26.7.3 (odd) and 26.7.4 (even), with theta = atan(t / sqrt(degrees)): the chance of |T| <= |t| is
     *   odd:  2/pi (theta + sin (cos + 2/3 cos^3 + 2*4/(3*5) cos^5 + ... up to cos^(degrees-2)))
     *   even: sin (1 + 1/2 cos^2 + 1*3/(2*4) cos^4 + ... up to cos^(degrees-2)) */
    const double tangent = fabs(t) / sqrt((double)degrees);
    const double cos_squared = 1 / (1 + tangent * tangent);
    const double sine = tangent * sqrt(cos_squared);
    const bool odd = degrees % 2 == 1;
    double term = odd ? sqrt(cos_squared) : 1, sum = 0;
    for (int64_t power = odd ? 1 : 0; power <= degrees - 2; power += 2) {
        sum += term;
        term *= cos_squared * (double)(power + 1) / (double)(power + 2);
    }
    const double inside = odd ? (arc_tangent(tangent) + sine * sum) / 1.5707963267948966 : sine * sum;
    return inside >= 1 ? 0 : inside <= 0 ? 1 : 1 - inside;
}

double estimate_sign_two_sided(int64_t wins, int64_t losses)
{
    const int64_t n = wins + losses, few = wins < losses ? wins : losses;
    /* Binomials relative to the largest, from the middle outwards: those that underflow would not have counted. */
    double term = 1, tail = 0, below = 0;
    for (int64_t i = n / 2; i >= 0; i--) {
        below += term;
        if (i <= few) tail += term;
        term *= (double)i / (double)(n - i + 1);
    }
    /* The row is symmetric; an even one has its middle once. */
    const double total = n % 2 == 0 ? 2 * below - 1 : 2 * below, p = 2 * tail / total;
    return p < 1 ? p : 1;
}

PairedTest estimate_paired(const double *a, const double *b, int64_t n)
{
    PairedTest test = {.difference = 0, .standard_error = 0, .t = 0, .p = 1, .n = n};
    if (n < 1) return test;
    double sum = 0, squares = 0, rest = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] - b[i];
    test.difference = sum / (double)n;
    if (n < 2) return test;
    for (int64_t i = 0; i < n; i++) {
        const double d = (a[i] - b[i]) - test.difference;
        squares += d * d;
        rest += d;
    }
    const double variance = (squares - rest * rest / (double)n) / (double)(n - 1);
    test.standard_error = variance > 0 ? sqrt(variance / (double)n) : 0;
    if (test.standard_error > 0) {
        test.t = test.difference / test.standard_error;
        test.p = estimate_t_two_sided(test.t, n - 1);
    } else if (test.difference != 0) {
        test.t = test.difference > 0 ? INFINITY : -INFINITY;
        test.p = 0;
    }
    return test;
}

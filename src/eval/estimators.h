/* SPDX-License-Identifier: MIT */
/* eval/estimators.h: what n problems with k samples each say about a model.
 *
 * All in f64, every sum over problems ascending, then samples ascending: one value for one input. Needs no libm but sqrt.
 * May use base/. */
#ifndef R1_EVAL_ESTIMATORS_H
#define R1_EVAL_ESTIMATORS_H

#include <stdbool.h>
#include <stdint.h>

/* Mean of k scores of one problem (pass@1 of that problem). n >= 1. */
double estimate_mean(const double *values, int64_t n);

/* Unbiased pass@k of one problem: n samples were drawn, c of them right; the chance that k drawn without replacement hold a
 * right one (Chen et al. 2021, arXiv 2107.03374):
 *   pass@k = 1 - C(n-c, k) / C(n, k) = 1 - prod_{i = n-c+1 .. n} (1 - k / i),   1 if n - c < k.
 * 0 <= c <= n, 1 <= k <= n. No factorial, so it never overflows. */
double estimate_pass_at_k(int64_t n, int64_t c, int64_t k);

/* cons@k of one problem: the score of the most frequent answer. classes[i] is the class of sample i's answer as the verifier
 * merges them (any non-negative ids), or ESTIMATE_NO_ANSWER; right[i] says whether sample i is right.
 *
 * The rule where the paper is silent: all samples without an answer form one class that takes part in the vote and is never
 * right; a tie goes to the class whose first member came first. The winner's score is that of its first member. n >= 1. */
enum { ESTIMATE_NO_ANSWER = -1 };
bool estimate_consensus(const int32_t *classes, const bool *right, int64_t n);
/* The index of the first member of the winning class. */
int64_t estimate_consensus_winner(const int32_t *classes, int64_t n);

/* Mean over problems and its standard error: std (n - 1 form) of the problems' means / sqrt(n); 0 when n < 2. */
typedef struct Estimate {
    double mean;
    double standard_error;
    int64_t n;
} Estimate;
Estimate estimate_over_problems(const double *problem_means, int64_t n);

/* Macro average of cells (families x levels), each an independent estimate: mean of the means, standard error
 * sqrt(sum se^2) / cells. Cells with n == 0 do not count. */
Estimate estimate_macro(const Estimate *cells, int64_t n_cells);

/* Two-sided paired t-test of mean(a - b) over the same n problems. The p-value is Student's t distribution with n - 1 degrees
 * of freedom in its finite form for whole degrees (Abramowitz & Stegun 26.7.3-26.7.4), exact but for rounding: no normal
 * approximation. n < 2 or no spread: p is 1 when the mean difference is 0, else 0 (n < 2: 1). */
typedef struct PairedTest {
    double difference; /* mean of a - b */
    double standard_error;
    double t;
    double p;
    int64_t n;
} PairedTest;
PairedTest estimate_paired(const double *a, const double *b, int64_t n);
/* Two-sided sign test of problems that one model does better on (wins) and the other does (losses); those that are equal say
 * nothing. With n = wins + losses: min(1, 2 * sum_{i <= min(wins, losses)} C(n, i) / 2^n), exact but for rounding; 1 when n is 0. */
double estimate_sign_two_sided(int64_t wins, int64_t losses);
/* P(|T| >= |t|) for Student's t with `degrees` >= 1 degrees of freedom. */
double estimate_t_two_sided(double t, int64_t degrees);

#endif

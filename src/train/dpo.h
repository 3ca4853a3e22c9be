/* SPDX-License-Identifier: MIT */
/* train/dpo.h: direct preference optimisation: a policy learns from pairs of completions of a prompt, the one that is preferred and the
 * other, without a reward model.
 *
 *   delta = (log pi(chosen) - log ref(chosen)) - (log pi(rejected) - log ref(rejected))
 *   sigmoid: loss = -(1 - label_smoothing) log sigmoid(beta delta) - label_smoothing log sigmoid(-beta delta)
 *   ipo:     loss = (delta - 1 / (2 beta))^2, with log-probabilities that are means over tokens instead of sums
 *   a batch: mean over pairs, + rpo_alpha * mean over the tokens of all chosen completions of -log pi
 * Source: DPO (arXiv 2305.18290) eq. 7; label smoothing: cDPO (Mitchell 2023); IPO (2310.12036) eq. 17, by tokens as in TRL; rpo_alpha:
 * RPO (2404.19733). Names and normalisers are TRL's.
 *
 * All in f64; sums of log-probabilities in token order. */
#ifndef R1_TRAIN_DPO_H
#define R1_TRAIN_DPO_H

#include <stdint.h>

typedef enum DpoLossType { DPO_SIGMOID, DPO_IPO } DpoLossType;

typedef struct DpoConfig {
    DpoLossType loss_type;
    double beta;            /* > 0 */
    double label_smoothing; /* 0 .. 0.5: the share of pairs whose order is believed to be wrong; sigmoid alone */
    double rpo_alpha;       /* 0: none */
} DpoConfig;

/* f64 sum in order. */
double dpo_sum(const float *logprobs, int64_t n);

/* Tokens of the pairs in order: of pair i, sequence 2i is chosen, 2i + 1 rejected. */
typedef struct DpoBatch {
    int64_t n_pairs;
    const int64_t *sequence_start; /* [2 n_pairs + 1]: token numbers; no sequence is empty */
    const double *ref_logprobs;    /* [2 n_pairs] sums over a sequence's tokens under the reference, nats */
} DpoBatch;

/* Sums over pairs; nll over tokens of chosen ones. */
typedef struct DpoSums {
    double loss;                                     /* of pairs, without rpo_alpha's term */
    double reward_chosen, reward_rejected, accuracy; /* beta (log pi - log ref); chosen > rejected */
    double logprob_chosen, logprob_rejected;         /* as the loss takes them: sums, ipo: means */
    double nll;
    int64_t n_pairs, n_chosen_tokens;
} DpoSums;
/* Adds the batch to *sums. */
void dpo_add(DpoSums *sums, const DpoConfig *config, const DpoBatch *batch, const float *logprobs);
double dpo_loss_value(const DpoSums *sums, const DpoConfig *config);

/* The loss's gradient by each token's log-probability: dlogprobs[n_tokens], rounded once. */
void dpo_gradient(float *dlogprobs, const DpoConfig *config, const DpoBatch *batch, const float *logprobs);
/* A DecoderLoss that hands them out; context is the array. */
void dpo_loss_gradient(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                       float *dlogprobs, float *dentropies);

#endif

/* SPDX-License-Identifier: MIT */
/* recipe/critic.h: what algorithm ppo of the grpo stage has beside it: a value model, a second decoder with a scalar head, which says after each
 * token of a rollout what reward is to be expected, and learns from what came.
 *
 *   rollout      questions, completions and rewards as GRPO's (grpo_rollout.c)
 *   values       of all tokens, before any update; with a reference its log-probabilities too
 *   advantages   of every token by GAE (train/ppo.h), whitened over the rollout, before any split
 *   updates      in each minibatch the policy, by GRPO's clipped token loss, then the value model by its own
 *
 * No group is dead here: a value model learns from equal rewards too. A completion whose reward is undecided moves neither of the two.
 * A completion that was cut off ends like any other: nothing is expected behind it. */
#ifndef R1_RECIPE_CRITIC_H
#define R1_RECIPE_CRITIC_H

#include "recipe/grpo_stage.h"
#include "train/ppo.h"

/* Over one rollout and its updates. */
typedef struct CriticSums {
    double kl, entropy;      /* objective/..., means over completions of sums over tokens; kl NaN: no reference */
    double score, kl_reward; /* means over the completions that count */
    double value_mean, return_mean, return_variance, explained_variance;
    double loss, clip_share, grad_norm, approx_kl, ratio, ratio_squares; /* sums over updates; of ratio - 1 */
    double rate;
    int64_t n, n_counted, n_heard; /* updates; with tokens that count; of the policy */
} CriticSums;

typedef struct Critic {
    char *folder; /* owned; where its config and tokenizer come from, then the newest checkpoint's value/ */
    Model model;
    Tokenizer *tokenizer;
    Optimizer optimizer;
    Trainer trainer;
    PpoConfig config;
    Schedule schedule;
    Arena memory;
    int64_t *start;                                              /* [n_samples + 1]: token numbers of the rollout */
    bool *counted;                                               /* [n_samples] */
    float *old_values, *values, *advantages, *returns, *weights; /* [tokens of the rollout]; values: of the updates */
    CriticSums sums;
} Critic;

/* Of the run's checkpoint, or of ppo.value_model. g has its policy, and g->state of the checkpoint. The caller frees *critic, also on
 * failure. */
bool critic_open(Critic **critic, const GrpoStage *g, Error *err) R1_MUST_CHECK;
void critic_free(Critic *critic); /* NULL is fine */
/* How a checkpoint gets it. */
StageValue critic_value(const Critic *critic);
/* A checkpoint of this run has it now. */
void critic_saved(Critic *critic, const char *checkpoint);
/* Where the KL to the reference goes: into the rewards, not into the loss. */
bool critic_kl_in_reward(const GrpoSettings *settings);

/* Values, advantages and returns of the rollout that was sampled; each sample's advantage is the mean of its tokens', for the records. */
bool critic_advantages(GrpoStage *g, Error *err) R1_MUST_CHECK;
/* Questions from `first` on were laid out: what PPO has for their tokens. */
void critic_fill(const GrpoStage *g, int64_t first, GrpoBatch *tokens);
/* How far the policy has moved on these tokens, before its update; g->logprobs are its own. */
void critic_hear_policy(GrpoStage *g, const GrpoBatch *tokens, const GrpoStats *stats);
/* The value model's update on questions [first, end), which were laid out as `batch`. */
bool critic_update(GrpoStage *g, const TrainBatch *batch, int64_t first, int64_t end, int64_t step,
                   Error *err) R1_MUST_CHECK;
void critic_balance_experts(Critic *critic, const CommonSettings *common);
/* Figures of the step, under TRL's names. */
void critic_measure(const GrpoStage *g, const UpdateSums *updates, MetricsRow *row);

/* Before a run: that ppo.value_model, which is named, can read what the policy writes. */
bool critic_check(const GrpoSettings *settings, const ModelConfig *policy, const Tokenizer *tokenizer,
                  Error *err) R1_MUST_CHECK;
/* What it takes: bytes, and operations of one token's forward; longest: tokens of a training sequence. */
bool critic_plan(const GrpoSettings *settings, int64_t longest, int n_threads, int64_t *bytes, double *token_flops,
                 Error *err) R1_MUST_CHECK;

#endif

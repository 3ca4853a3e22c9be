/* SPDX-License-Identifier: MIT */
/* recipe/grpo_stage.h: what a GRPO run holds in memory, and the parts of a step: for grpo.c, which puts them in order, and
 * replay.c, which runs them again without a record.
 *
 *   grpo_questions.c  ask        questions of a step
 *   grpo_rollout.c    sample     completions, rewards, advantages
 *   grpo_rewards.c    reward     by rules at once; programs, commands and plug-ins, whose verdicts are stored
 *   grpo_update.c     update     minibatches, loss, optimiser
 *   grpo_record.c     record     metrics, run.sqlite, sentences
 *
 * All of a step is a function of (settings, weights, moments, reference, step): nothing else is carried from step to step. */
#ifndef R1_RECIPE_GRPO_STAGE_H
#define R1_RECIPE_GRPO_STAGE_H

#include "base/arena.h"
#include "recipe/stage.h"
#include "record/notes.h"
#include "reward/reward.h"

/* One question of a rollout. The texts live in `problem` or in the rows of the data file. */
typedef struct Question {
    Problem problem; /* of a family */
    const char *task;
    int level; /* 0: of a data file */
    const char *id;
    const char *prompt, *answer, *check; /* check NULL: compared with answer */
    size_t prompt_length, answer_length;
    const CodeTests *tests; /* for the program in a completion; NULL: none */
    bool unreadable;        /* a check or answer that nothing can be compared with: undecided */
    TokenIds ids;
} Question;

/* Where a run's questions come from when it has a data file: its rows, in a new order each epoch. */
typedef struct QuestionRows {
    EvalPlan *plan; /* NULL: the families */
} QuestionRows;

/* One completion of a rollout; arrays are parts of the rollout's. */
typedef struct Sampled {
    int32_t *inputs;     /* [max]: the prompt's last token, then all completion tokens but the last */
    int32_t *ids;        /* [max] completion tokens */
    float *old_logprobs; /* [max] */
    int64_t n;
    bool stopped;
    char *text; /* owned; without special tokens */
    size_t text_length;
    RewardScore score;
    float advantage;
    int style, reflective_words;
} Sampled;

typedef struct GrpoRewards GrpoRewards; /* recipe/grpo_rewards.c */
typedef struct GrpoJudges GrpoJudges;   /* recipe/grpo_judges.c */

typedef struct GrpoStage {
    const StageRun *run;
    const GrpoSettings *settings;
    char *
        folder; /* owned; where tokenizer and config come from: the start model, and once there is one the newest checkpoint,
                     so that a run goes on as it began whatever happens to the start model meanwhile */
    GrpoConfig loss;
    Tokenizer *tokenizer;
    QuestionRows rows;
    Model policy, reference; /* reference: weights only when kl_coef != 0 */
    bool has_reference;
    Optimizer optimizer;
    Trainer trainer;
    RolloutEngine *engine;
    GrpoRewards *rewards;
    StageState state;
    MetricsRow row;
    Notes said;

    Arena memory; /* the rollout's arrays, reserved once */
    int64_t n_questions, n_samples;
    Question *questions;    /* [n_questions] */
    RolloutPrompt *prompts; /* [n_questions] */
    Sampled *samples;       /* [n_questions * G], question by question */
    bool *live;             /* [n_questions] */
    double *group_rewards;  /* [G] */
    bool *group_counted;    /* [G] */
    /* one minibatch */
    TrainGroup *groups;
    TrainSequence *sequences;
    int64_t *sequence_start;
    float *advantages, *sequence_ratio, *old_logprobs, *ref_logprobs, *weights, *logprobs, *entropies;
    int64_t rolled_out; /* completions done in the rollout in hand */
} GrpoStage;

/* Sums over the updates of one step; their means are logged. */
typedef struct UpdateSums {
    double loss, policy_loss, kl, entropy, clip_low, clip_high, clip_region, ratio_mean, grad_norm, rate;
    double clip_low_min, clip_high_max, ratio_min, ratio_max;
    double first_difference_mean, first_difference_max; /* before the first update of the rollout */
    int64_t n, n_with_tokens, n_capped;
} UpdateSums;

/* Where a step's time went, and what it sampled. */
typedef struct StepCost {
    double rollout_seconds, train_seconds;
    RolloutStats rollout;
} StepCost;

/* Model, tokenizer, optimiser, memory; the state of run->resume_path, or of a fresh start. */
bool grpo_stage_open(GrpoStage *g, const StageRun *run, const GrpoSettings *settings, Error *err) R1_MUST_CHECK;
void grpo_stage_close(GrpoStage *g);
/* Step `step` (from 0): a new reference when it is due, ask, sample, advantages, update. */
bool grpo_stage_learn(GrpoStage *g, int64_t step, UpdateSums *sums, StepCost *cost, Error *err) R1_MUST_CHECK;

/* The data file of these settings, or nothing when they name none. */
bool question_rows_read(QuestionRows *rows, const Tokenizer *tokenizer, const GrpoSettings *settings,
                        Error *err) R1_MUST_CHECK;
/* Names the rows whose gold answer or check nothing can be compared with. */
void question_rows_warn(const QuestionRows *rows, Progress *progress, const char *path);
void question_rows_free(QuestionRows *rows);

/* Questions of the step, written out and encoded. */
bool grpo_stage_ask(GrpoStage *g, int64_t step, Error *err) R1_MUST_CHECK;
/* G completions of each question, with their rewards; stats may be NULL. */
bool grpo_stage_sample(GrpoStage *g, RolloutStats *stats, Error *err) R1_MUST_CHECK;
/* What the recipe rewards by: its frame, the sandbox of rows with tests, its command and plug-in. stage->rows must be read. */
bool grpo_rewards_open(GrpoStage *g, Error *err) R1_MUST_CHECK;
void grpo_rewards_free(GrpoRewards *rewards);                       /* NULL is fine */
bool grpo_rewards_has(const GrpoRewards *rewards, RewardTerm term); /* the recipe weighs it */
/* One completion that has ended: what is decided at once is, what takes time is begun. */
bool grpo_rewards_take(GrpoStage *g, const Question *question, Sampled *sampled, Error *err) R1_MUST_CHECK;
/* All of the step: waits for what was begun, stores verdicts from outside, adds up. */
bool grpo_rewards_finish(GrpoStage *g, Error *err) R1_MUST_CHECK;

/* The recipe's reward model and judge, if it names any: the terms of all samples, whose texts must stand. */
bool grpo_judges_open(GrpoJudges **judges, const GrpoSettings *settings, int64_t n_samples, const Compute *compute,
                      Error *err) R1_MUST_CHECK;
void grpo_judges_free(GrpoJudges *judges); /* NULL is fine */
bool grpo_judges_score(GrpoJudges *judges, GrpoStage *g, Error *err) R1_MUST_CHECK;

/* Over whole groups, before any split. */
void grpo_stage_advantages(GrpoStage *g);
bool grpo_stage_update(GrpoStage *g, int64_t step, UpdateSums *sums, Error *err) R1_MUST_CHECK;
/* The step's figures into g->row. */
void grpo_stage_measure(GrpoStage *g, const UpdateSums *sums);
/* Questions and completions into run.sqlite, as one transaction. */
bool grpo_stage_store(GrpoStage *g, int64_t step, Error *err) R1_MUST_CHECK;
/* Says once why a step taught nothing, when its metrics tell. */
void grpo_stage_say_notes(GrpoStage *g);

#endif

/* SPDX-License-Identifier: MIT */
/* recipe/grpo_stage.h: what a GRPO run holds in memory, and the parts of a step: for grpo.c, which puts them in order, and
 * replay.c, which runs them again without a record.
 *
 *   grpo_questions.c  ask        questions of a step
 *   grpo_rollout.c    sample     completions, rewards, advantages
 *   grpo_rewards.c    reward     by rules at once; programs, commands and plug-ins, whose verdicts are stored
 *   grpo_judges.c               by other models
 *   grpo_terms.c                 which rewards count: at this step, for a question of this route
 *   grpo_update.c     update     minibatches, loss, optimiser
 *   grpo_record.c     record     metrics, run.sqlite, sentences
 *   grpo_held_out.c   evaluate   held-out problems, by the recipe's rewards too
 *   critic.h          algorithm ppo: a value model, from which advantages come instead of from groups
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
    int64_t row;                         /* of the data file where each is asked once, from 1; 0: else */
    const char *prompt, *answer, *check; /* check NULL: compared with answer; both NULL, no tests: with nothing */
    size_t prompt_length, answer_length;
    int route;              /* recipe/route_settings.h; 0: of none, rewarded as the recipe says */
    const CodeTests *tests; /* for the program in a completion; NULL: none */
    bool unreadable;        /* a check or answer that nothing can be compared with: undecided */
    TokenIds ids;
} Question;

/* Where a run's questions come from when it has data files: their rows, in a new order each epoch. */
typedef struct QuestionRows {
    EvalPlan *plan;               /* of the recipe; NULL: the families, or the routes */
    EvalPlan *routes[MAX_ROUTES]; /* of each route; NULL: its tasks */
    int64_t asked[MAX_ROUTES];    /* questions of each route in the steps before n_counted: derived, kept for speed */
    int64_t n_counted;
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
    double language_share; /* of the prompt's language among the words of the thinking; NaN: there are none */
} Sampled;

typedef struct GrpoRewards GrpoRewards; /* recipe/grpo_rewards.c */
typedef struct Critic Critic;           /* recipe/critic.h */

/* Where rewards are worked out: a batch has at most n_slots completions. */
typedef struct GrpoRewardsPlace {
    RunStore *store;        /* verdicts from outside are looked up here; NULL: nowhere */
    bool may_store;         /* and put here */
    const Sandbox *sandbox; /* for questions with tests; NULL: there are none */
    int64_t n_slots;
    int n_threads;
    const Compute *compute; /* for models that reward; may be NULL where settings_reward_by_models says no */
    Progress *progress;     /* told when these are at work; NULL: nobody is */
} GrpoRewardsPlace;
/* What the recipe rewards by: its frame, gates and rules, its command, plug-in and models. The caller frees *rewards, also on failure. */
bool grpo_rewards_open(GrpoRewards **rewards, const GrpoRewardsPlace *place, const GrpoSettings *settings,
                       Error *err) R1_MUST_CHECK;
void grpo_rewards_free(GrpoRewards *rewards); /* NULL is fine */
/* Of all routes: a part has a weight where one of them gives it one. What metrics are told apart by. */
const TermConfig *grpo_rewards_config(const GrpoRewards *rewards);
/* Of the questions of a route; 0: of none. */
const TermConfig *grpo_rewards_route(const GrpoRewards *rewards, int route);
/* The rewards that count from now on: those of this step, from 1. watched: those that are still to come are measured all the same. Fresh
 * rewards are those of the last step. */
void grpo_rewards_at(GrpoRewards *rewards, int64_t step, bool watched);
/* The completion at `slot` of the batch, which has ended: what is decided at once is, what takes time is begun. question and sampled
 * (text, n, stopped) live until the batch is finished; its score is written there. */
bool grpo_rewards_take(GrpoRewards *rewards, int64_t slot, const Question *question, Sampled *sampled,
                       Error *err) R1_MUST_CHECK;
/* The same where a program's verdict is known already: question->tests is not run again. */
bool grpo_rewards_take_judged(GrpoRewards *rewards, int64_t slot, const Question *question, Sampled *sampled,
                              Verdict verdict, Error *err) R1_MUST_CHECK;
/* Slots 0 .. n - 1: waits for what was begun, stores verdicts from outside (in a transaction of its own, unless one is open), adds
 * up. */
bool grpo_rewards_finish(GrpoRewards *rewards, int64_t n, bool in_transaction, Error *err) R1_MUST_CHECK;
/* Of the batch that was finished: seconds that workers spent on verdicts from outside, all together, and for how long there was
 * nothing else to do than wait for them; the rest overlapped with sampling. False: there are no workers. */
bool grpo_rewards_seconds(const GrpoRewards *rewards, double *worked, double *waited);

/* What each question is rewarded by. [0]: what is of no route. */
typedef struct GrpoTerms {
    const GrpoSettings *settings; /* borrowed */
    TermConfig whole;             /* of all routes at the last step */
    TermConfig routes[1 + MAX_ROUTES];
} GrpoTerms;
bool grpo_terms_read(GrpoTerms *terms, const GrpoSettings *settings, Error *err) R1_MUST_CHECK;
void grpo_terms_at(GrpoTerms *terms, int64_t step, bool watched); /* as grpo_rewards_at */

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
    Critic *critic; /* algorithm ppo; else NULL */
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
    bool has_workers;                                    /* rewards come from outside */
    double reward_worker_seconds, reward_waited_seconds; /* grpo_rewards_seconds */
    RolloutStats rollout;
} StepCost;

/* Model, tokenizer, optimiser, memory; the state of run->resume_path, or of a fresh start. */
bool grpo_stage_open(GrpoStage *g, const StageRun *run, const GrpoSettings *settings, Error *err) R1_MUST_CHECK;
void grpo_stage_close(GrpoStage *g);
/* g->rewards by the settings; the rows must be read and g->n_samples be set. */
bool grpo_stage_open_rewards(GrpoStage *g, Error *err) R1_MUST_CHECK;
/* Step `step` (from 0): a new reference when it is due, ask, sample, advantages, update. */
bool grpo_stage_learn(GrpoStage *g, int64_t step, UpdateSums *sums, StepCost *cost, Error *err) R1_MUST_CHECK;

/* The data files of these settings, or nothing when they name none. */
bool question_rows_read(QuestionRows *rows, const Tokenizer *tokenizer, const GrpoSettings *settings,
                        Error *err) R1_MUST_CHECK;
/* No two rows have one id: where rows are asked again, problems and verdicts are stored by id, and two rows would share them. */
bool question_rows_check_ids(const QuestionRows *rows, Error *err) R1_MUST_CHECK;
void question_rows_free(QuestionRows *rows);
int64_t question_rows_longest(const QuestionRows *rows); /* prompt, in tokens; 0: there are no rows */
const Sandbox *question_rows_sandbox(const QuestionRows *rows);
void question_rows_warn(const QuestionRows *rows, Progress *progress, bool needs_answers); /* stage_warn_unreadable */

/* Questions of the step, written out and encoded. */
bool grpo_stage_ask(GrpoStage *g, int64_t step, Error *err) R1_MUST_CHECK;
/* The rows of the data file from `first` on, in their order. Draws are keyed by the row. */
bool grpo_stage_ask_rows(GrpoStage *g, int64_t first, Error *err) R1_MUST_CHECK;
/* G completions of each question, with their rewards; stats may be NULL. */
bool grpo_stage_sample(GrpoStage *g, RolloutStats *stats, Error *err) R1_MUST_CHECK;
/* Over whole groups, before any split. */
void grpo_stage_advantages(GrpoStage *g);
/* Questions [first, end) as a training batch in g's lists: the live groups, and dead ones where they pull. *normal_sequences and
 * *normal_tokens: what the normalisers count. */
TrainBatch grpo_stage_lay_out(GrpoStage *g, int64_t first, int64_t end, GrpoBatch *tokens, int64_t *normal_sequences,
                              int64_t *normal_tokens);
bool grpo_stage_update(GrpoStage *g, int64_t step, UpdateSums *sums, Error *err) R1_MUST_CHECK;
/* The rollout's figures into g->row; advantages must have been computed. */
void grpo_stage_measure_rollout(GrpoStage *g);
/* The step's figures into g->row. */
void grpo_stage_measure(GrpoStage *g, const UpdateSums *sums);
/* The key of a question's problem in run.sqlite; base_alloc'd. */
char *grpo_question_key(const Question *question, int64_t step, int64_t place);
/* Questions and completions into run.sqlite, as one transaction. */
bool grpo_stage_store(GrpoStage *g, int64_t step, Error *err) R1_MUST_CHECK;
/* Held-out problems, and on their completions the recipe's own rewards beside the true metric: eval/held_out/rewards/... of g->row. */
bool grpo_stage_evaluate(GrpoStage *g, int64_t step, Error *err) R1_MUST_CHECK;
/* Says once why a step taught nothing, when its metrics tell. */
void grpo_stage_say_notes(GrpoStage *g);

#endif

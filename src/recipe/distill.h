/* SPDX-License-Identifier: MIT */
/* recipe/distill.h: the parts of distillation: for distill.c, which puts them in order, and plan_check.c, which checks them before.
 *
 *   distill_teacher.c  the teacher, the student that belongs to it, and whether they speak of the same tokens
 *   distill_samples.c  examples that the teacher makes: problems, its answers, the right ones
 *   distill_policy.c   what the student samples, as a batch */
#ifndef R1_RECIPE_DISTILL_H
#define R1_RECIPE_DISTILL_H

#include "recipe/sft_loop.h"
#include "train/distill.h"

/* ---- teacher and student ---- */

/* The folder that a run's tokenizer and chat template come from: the student's model, or, of fresh weights, the teacher. */
const char *distill_start(const DistillSettings *settings);
/* The examples' settings with that folder as their model. */
SftSettings distill_examples(const DistillSettings *settings);
/* The student's config: of its model, or, of fresh weights, the recipe's shape with the teacher's vocabulary and ends. */
bool distill_student_config(const DistillSettings *settings, const ModelConfig *teacher, ModelConfig *student,
                            Error *err) R1_MUST_CHECK;
/* Fails, naming both, unless student and teacher have the same tokens under the same ids. `tokenizer`: the student's. */
bool distill_check_vocabulary(const DistillSettings *settings, const Tokenizer *tokenizer, const ModelConfig *student,
                              const ModelConfig *teacher, Error *err) R1_MUST_CHECK;
/* In mode logits the teacher reads every example: they must fit into its positions. path names them. */
bool distill_check_lengths(const DistillSettings *settings, const char *path, const Examples *examples,
                           const ModelConfig *teacher, Error *err) R1_MUST_CHECK;
/* With lambda: every example has a prompt, and each leaves room for what is sampled in both models. *longest: ids of the longest prompt. */
bool distill_check_prompts(const DistillSettings *settings, const Examples *examples, const ModelConfig *student,
                           const ModelConfig *teacher, int64_t *longest, Error *err) R1_MUST_CHECK;

/* ---- examples that the teacher makes ---- */

/* The problems that it answers. */
bool distill_problems(EvalPlan **plan, const DistillSettings *settings, const Tokenizer *tokenizer,
                      Error *err) R1_MUST_CHECK;
/* FOLDER/samples.jsonl, base_alloc'd: the teacher's right answers, each problem's in order: {"task", "prompt", "completion", "prompt_ids",
 * "completion_ids"}. A function of settings, weights and problems; made when the file is not there. Needs a file even of a run that
 * resumes. No right answer at all is an error. */
bool distill_samples(char **path, const StageRun *run, const DistillSettings *settings, Model *teacher,
                     const Tokenizer *tokenizer, Error *err) R1_MUST_CHECK;

/* ---- what the student samples ---- */

typedef struct PolicyBatch {
    int64_t capacity, stride; /* sequences; ids of one */
    int32_t *ids;             /* [capacity, stride]: prompt and completion */
    int64_t *n_completion;    /* [capacity] */
    RolloutPrompt *prompts;   /* [capacity] */
    TrainGroup *groups;
    TrainSequence *sequences;
    int64_t n, n_stopped, n_tokens; /* of the batch in hand */
} PolicyBatch;
void policy_batch_create(PolicyBatch *batch, int64_t max_sequences, int64_t longest_prompt,
                         int64_t max_completion_tokens);
void policy_batch_free(PolicyBatch *batch);
/* One completion for each example's prompt, of the student as it is; draws are keyed by step and place. The batch is valid until
 * the next call. */
bool policy_batch_sample(PolicyBatch *batch, Tuning *tuning, const DistillSettings *settings,
                         const Example *const *examples, const int32_t *ids, int64_t n, int64_t step,
                         Error *err) R1_MUST_CHECK;
/* Whether the update of this 0-based step is on-policy: a draw of its own. */
bool distill_on_policy(const DistillSettings *settings, int64_t step);

#endif

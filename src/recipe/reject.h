/* SPDX-License-Identifier: MIT */
/* recipe/reject.h: rejection sampling (DeepSeek-R1, arXiv 2501.12948, 2.3.3; with a rewriting model the cold start's data, 2.3.1):
 * several completions of each prompt, of which those stay that are right, readable, and not there already.
 *
 *   every step   ask        prompts, from a JSONL file in its order or from the families
 *                sample     `samples` completions each
 *                judge      by rule (recipe/grpo_rewards.c); where no rule decides, by the judge, if there is one
 *                rewrite    what would be kept, by a second model; the result is judged again        reject_rewrite.c
 *                record     completions and verdicts in run.sqlite, then the step's line
 *   last step    select     over everything that was recorded: filters, near-duplicates, at most so many a prompt;
 *                           mixed with other data; data/kept.jsonl, data/dropped.jsonl                reject_select.c
 *
 * The selection is a function of the records and the settings, so a stage goes on behind its last recorded step and ends in the same
 * bytes. kept.jsonl is what `r1 sft --data` reads: {"prompt", "completion", "id", "task", "answer", "source"}, and the mixed rows as
 * they were. dropped.jsonl has the same rows with the "reason". */
#ifndef R1_RECIPE_REJECT_H
#define R1_RECIPE_REJECT_H

#include "recipe/grpo_stage.h"
#include "recipe/recipe.h"
#include "reward/frame.h"
#include "reward/readable.h"

/* Why a sample does not stay: the first that holds, in this order. */
typedef enum RejectReason {
    REJECT_NONE,
    REJECT_TRUNCATED,
    REJECT_FORMAT,
    REJECT_WRONG,
    REJECT_UNDECIDED,
    REJECT_LANGUAGE,
    REJECT_PARAGRAPH,
    REJECT_CODE_BLOCK,
    REJECT_REPETITION,
    REJECT_REWRITE, /* no try of the rewriting model was whole, well-formed, right and readable */
    REJECT_CONTAMINATED,
    REJECT_NEAR_DUPLICATE,
    REJECT_SURPLUS, /* more of this prompt than keep.per_prompt */
    REJECT_REASONS
} RejectReason;
const char *reject_reason_name(RejectReason reason); /* "truncated": in metrics dropped/NAME */

/* Decides samples that no rule could: verdict becomes RIGHT or WRONG, or stays UNDECIDED. */
typedef bool (*RejectJudge)(void *context, const Question *const *questions, Sampled *const *samples, int64_t n,
                            Error *err);

typedef struct Rewriter Rewriter;                 /* recipe/reject_rewrite.c */
typedef struct RejectModelJudge RejectModelJudge; /* recipe/reject_judge.c */

typedef struct Reject {
    const StageRun *run;
    const RejectSettings *settings;
    GrpoSettings rollout;       /* of the sampling */
    GrpoStage sampling;         /* model, questions, samples, rewards; no trainer */
    int64_t n_prompts, n_steps; /* steps that sample */
    ReadableLimits limits;
    Rewriter *rewriter; /* NULL: nothing is rewritten */
    RejectJudge judge;  /* NULL: what no rule decides is left out as undecided */
    void *judge_context;
    RejectModelJudge *model_judge; /* of judge.model */
} Reject;

/* One sample as the filters see it. */
typedef struct RejectCandidate {
    const char *prompt, *text;
    size_t prompt_length, length;
    bool stopped, well_formed;
    int verdict; /* data/tasks.h Verdict */
} RejectCandidate;

/* By what the sample is, whatever else is there. */
RejectReason reject_check(const Reject *r, const RejectCandidate *candidate);
/* A model, its tokenizer, an engine and a rollout's arrays for n_questions of group_size completions: what sampling takes of a
 * GrpoStage. stage->run, settings and rows must be set. */
bool reject_sampler_open(GrpoStage *stage, const char *model, int64_t n_questions, int64_t longest_prompt,
                         Error *err) R1_MUST_CHECK;
/* Where the frame holds and the check did not find the answer as it stands: what is marked as the answer in it (a box, "the answer
 * is") counts. */
void reject_read_marked_answer(const Question *question, Sampled *sampled);

/* Tries for what would be kept of the step in r->sampling, and stores them. */
bool rewriter_open(Rewriter **rewriter, Reject *r, Error *err) R1_MUST_CHECK;
void rewriter_free(Rewriter *rewriter); /* NULL is fine */
bool rewriter_run(Rewriter *rewriter, const Reject *r, int64_t step, Error *err) R1_MUST_CHECK;

/* The judge's verdict on each sample of the step that ended well-formed and that no rule decided, all at once. */
bool reject_ask_judge(Reject *r, Error *err) R1_MUST_CHECK;
/* Opens judge.model and makes it the judge of r. */
bool reject_judge_open(RejectModelJudge **judge, Reject *r, Error *err) R1_MUST_CHECK;
void reject_judge_close(RejectModelJudge *judge); /* NULL is fine */

/* What the last step counts. */
typedef struct RejectCounts {
    int64_t sampled, kept, mixed, wanted_mixed;
    int64_t dropped[REJECT_REASONS];
} RejectCounts;
/* Writes data/ under the name `folder`. */
bool reject_select(const Reject *r, const char *folder, RejectCounts *counts, Error *err) R1_MUST_CHECK;

/* The folders of judge.model and rewrite.model hold models; any other stage: true. */
bool reject_check_helpers(const Recipe *recipe, Error *err) R1_MUST_CHECK;
/* Sets common.steps: those that sample, and the selection. */
bool reject_count_steps(Recipe *recipe, Error *err) R1_MUST_CHECK;

#endif

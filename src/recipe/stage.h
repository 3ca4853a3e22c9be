/* SPDX-License-Identifier: MIT */
/* recipe/stage.h: what a stage is handed while it runs, and what all stages do alike: training state in and out of checkpoints,
 * evaluation on held-out problems, the end of a step. */
#ifndef R1_RECIPE_STAGE_H
#define R1_RECIPE_STAGE_H

#include "eval/evaluate_model.h"
#include "record/metrics.h"
#include "record/progress.h"
#include "record/run_store.h"
#include "recipe/settings.h"
#include "text/tokenizer.h"
#include "train/batch.h"

typedef struct StageRun {
    const char *folder; /* the run folder */
    Compute compute;
    RunStore *store;
    MetricsWriter *metrics;
    Progress *progress;
    int64_t resume_step;     /* steps that are done: 0 for a fresh run */
    const char *resume_path; /* the checkpoint to go on from; NULL for a fresh run */
} StageRun;

/* Numbers of a stage beyond weights and moments that a checkpoint keeps, in state.json. */
typedef struct StageState {
    int64_t step;
    int64_t next_document; /* pretrain: the cursor into the corpus */
    int64_t num_tokens;    /* tokens trained on so far */
    int64_t optimizer_steps;
} StageState;

/* Writes checkpoints/step-NNNNNN: model.safetensors and config (under adapters, adapter_model.safetensors and adapter_config.json), tokenizer files, optimizer.safetensors (exp_avg.*, exp_avg_sq.*),
 * state.json, and reference.safetensors when reference is not NULL; then rotates. */
bool stage_save(const StageRun *run, const CommonSettings *common, const Model *model, const Optimizer *optimizer,
                const Model *reference, const char *tokenizer_folder, const StageState *state,
                Error *err) R1_MUST_CHECK;
/* The same with a value model and its moments, as a folder of its own in the checkpoint (value/); value NULL: without. */
typedef struct StageValue {
    const Model *model; /* with a scalar head */
    const Optimizer *optimizer;
    const char *tokenizer_folder;
} StageValue;
bool stage_save_with_value(const StageRun *run, const CommonSettings *common, const Model *model,
                           const Optimizer *optimizer, const Model *reference, const StageValue *value,
                           const char *tokenizer_folder, const StageState *state, Error *err) R1_MUST_CHECK;
/* Weights (packed), moments, state and reference (if not NULL) of run->resume_path. */
bool stage_restore(const StageRun *run, Model *model, Optimizer *optimizer, Model *reference, StageState *state,
                   Error *err) R1_MUST_CHECK;
/* Moments of FOLDER/optimizer.safetensors, for a model that was opened from there. */
bool stage_restore_moments(Optimizer *optimizer, const Model *model, const char *folder, Error *err) R1_MUST_CHECK;
/* What a stage leaves as FOLDER/name is there as a whole or not at all: its files are written in `path`, and the end, if all is ok, puts
 * that into the place of what stood there; else nothing of it stays (on a full disk its room is wanted). Every begin has its end. */
typedef struct StageFolder {
    const char *run_folder, *name; /* borrowed */
    char *path;                    /* owned: FOLDER/name.tmp-<pid> */
} StageFolder;
bool stage_folder_begin(StageFolder *folder, const StageRun *run, const char *name, Error *err) R1_MUST_CHECK;
/* False if ok is, else as the rename goes, which passes the failpoints of that stem. */
bool stage_folder_end(StageFolder *folder, bool ok, const char *failpoint, Error *err) R1_MUST_CHECK;

/* FOLDER/model: the finished model, by one rename when it is whole. What a later stage reads. */
bool stage_save_final(const StageRun *run, const Model *model, const char *tokenizer_folder, Error *err) R1_MUST_CHECK;
/* Takes FOLDER/name away, by a rename first, so that it is never seen half-deleted. None is fine. */
bool stage_drop(const char *folder, const char *name, Error *err) R1_MUST_CHECK;

/* A run goes on with the files and models that it began with: their digests (input_digest.h) are kept in run.sqlite, as meta
 * "KEY_digest", when it begins. A run that has none of this key, from before it was kept, goes on. key: of the recipe; path "": there is
 * none. */
bool stage_check_same(const StageRun *run, const char *key, const char *path, Error *err) R1_MUST_CHECK;

/* The adapters that lora.rank, lora.alpha and lora.targets ask for; rank 0: none. The error says what is wrong with lora.targets. */
bool stage_lora(LoraConfig *lora, const CommonSettings *common, Error *err) R1_MUST_CHECK;
/* The model to train and its tokenizer: of `folder`, under new adapters if the settings ask for some and this is no checkpoint of theirs. */
bool stage_open_model(const StageRun *run, const CommonSettings *common, const char *folder, Model *model,
                      Tokenizer **tokenizer, Error *err) R1_MUST_CHECK;

/* The same with a scalar head, a new one where `folder` predicts tokens. */
bool stage_open_scalar_model(const StageRun *run, const CommonSettings *common, const char *folder, Model *model,
                             Tokenizer **tokenizer, Error *err) R1_MUST_CHECK;

/* After an update: the experts' correction bias by the loads of its batch. */
void stage_balance_experts(const CommonSettings *common, const Trainer *trainer, Model *model);
OptimizerConfig stage_optimizer(const CommonSettings *common);
int64_t stage_schedule_steps(const CommonSettings *common); /* what the schedules are laid out for */
Schedule stage_schedule(const CommonSettings *common);
/* True when this step (1-based; 0: before the first) ends with an evaluation: every eval.every, and the last. */
bool stage_evaluates(const CommonSettings *common, int64_t step);
bool stage_saves(const CommonSettings *common, int64_t step);

/* Held-out problems of all families' trained levels, or of the recipe's eval.data; figures go to the row as eval/held_out/...
 * and to the store, with the texts of the first samples. */
bool stage_evaluate(const StageRun *run, const CommonSettings *common, RolloutEngine *engine,
                    const Tokenizer *tokenizer, int64_t step, MetricsRow *row, Error *err) R1_MUST_CHECK;

/* The same; `also` (may be NULL) hears every sample, inside the evaluation's transaction of the store, and `end` (may be NULL) once
 * after the last of them. `tasks` (may be NULL: the families) are asked where the recipe names no eval.data. */
typedef struct EvalListener {
    EvalSampleDone also;
    bool (*end)(void *context, Error *err);
    void *context;
    const bool *tasks; /* [task_count_all()] */
} EvalListener;
bool stage_evaluate_heard(const StageRun *run, const CommonSettings *common, RolloutEngine *engine,
                          const Tokenizer *tokenizer, int64_t step, MetricsRow *row, const EvalListener *listener,
                          Error *err) R1_MUST_CHECK;
/* The same once, of a model that no stage trains: its data by their format, through its chat template, with a judge, as the settings say.
 * Published sets have figures of levels, subjects and instructions too. */
bool stage_evaluate_model(const StageRun *run, const EvalSettings *settings, Model *model, const Tokenizer *tokenizer,
                          MetricsRow *row, Error *err) R1_MUST_CHECK;
/* Names the rows whose gold answer or check nothing can be compared with: none of their completions is rewarded. */
void stage_warn_unreadable(const EvalPlan *plan, Progress *progress, const char *path, bool needs_answers);

/* The longest sequence of an evaluation from eval.data: its longest prompt and eval.max_tokens. 0 when evaluations ask the
 * families, or there are none. Fails when the model has not so many positions. Rows that cannot be read are named there (progress
 * may be NULL). */
bool stage_eval_data_sequence(const CommonSettings *common, const Tokenizer *tokenizer, const ModelConfig *config,
                              Progress *progress, int64_t *n_tokens, Error *err) R1_MUST_CHECK;

/* Room in an engine for prompts of this world and max_tokens new ones. */
int64_t stage_max_sequence(const ModelConfig *config, int64_t max_tokens);

enum { STAGE_EVAL_ACTIVE = 128 }; /* completions decoded at once in evaluations */
/* The engine of a stage that samples in evaluations alone; NULL when it has none. A file of problems is read here, so that what
 * is wrong with it shows before the first step. */
bool stage_evaluation_engine(RolloutEngine **engine, const StageRun *run, const CommonSettings *common,
                             const Tokenizer *tokenizer, Model *model, Error *err) R1_MUST_CHECK;
/* The decoder that these settings describe; vocab_size is rounded up to 32. */
ModelConfig stage_shape(const ShapeSettings *settings, int64_t vocab_size, int32_t eos);
/* Whether evaluations of a pretraining run ask problems: of the families, or, where it trains on a person's texts, of eval.data. */
bool pretrain_asks_problems(const PretrainSettings *settings);
/* An update's tokens grow linearly over the schedule. */
int64_t pretrain_tokens_of_step(const PretrainSettings *settings, int64_t step);
bool pretrain_run(const StageRun *run, const PretrainSettings *settings, Error *err) R1_MUST_CHECK;
bool sft_run(const StageRun *run, const SftSettings *settings, Error *err) R1_MUST_CHECK;
bool reward_model_run(const StageRun *run, const RewardModelSettings *settings, Error *err) R1_MUST_CHECK;
bool distill_run(const StageRun *run, const DistillSettings *settings, Error *err) R1_MUST_CHECK;
bool dpo_run(const StageRun *run, const DpoSettings *settings, Error *err) R1_MUST_CHECK;
bool grpo_run(const StageRun *run, const GrpoSettings *settings, Error *err) R1_MUST_CHECK;
bool task_rows_run(const StageRun *run, const TaskRowsSettings *settings, Error *err) R1_MUST_CHECK;
bool pairs_run(const StageRun *run, const PairsSettings *settings, Error *err) R1_MUST_CHECK;
bool reject_run(const StageRun *run, const RejectSettings *settings, Error *err) R1_MUST_CHECK;
bool eval_run(const StageRun *run, const EvalSettings *settings, Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* recipe/settings.h: the settings of each stage, in the words of the paper and of TRL, with their defaults and key tables
 * (settings.c). */
#ifndef R1_RECIPE_SETTINGS_H
#define R1_RECIPE_SETTINGS_H

#include "recipe/route_settings.h"
#include "recipe/schema.h"
#include "reward/terms.h"
#include "train/dpo.h"
#include "train/grpo.h"
#include "train/optimizer.h"

/* Every kind of stage: X(KIND, word, Type, name in recipes, outputs). A kind is a line here and the functions that it names:
 *   word_keys                  settings.c: its keys
 *   word_defaults              settings_defaults.c: its TypeSettings, whose first member leads to CommonSettings
 *   check_word                 recipe_check.c: what holds between keys
 *   plan_word                  plan_needs.c, or a file of its own: what it takes
 *   word_run                   its own file; stage.h declares it
 * The outputs are a list of stage_type.c: what other stages of a graph may name, and by which the stage is known to be done. */
#define STAGE_TYPES(X)                                                                                                 \
    X(PRETRAIN, pretrain, Pretrain, "pretrain", model_outputs)                                                         \
    X(SFT, sft, Sft, "sft", model_outputs)                                                                             \
    X(GRPO, grpo, Grpo, "grpo", model_outputs)                                                                         \
    X(REWARD_MODEL, reward_model, RewardModel, "reward-model", model_outputs)                                          \
    X(DISTILL, distill, Distill, "distill", model_outputs)                                                             \
    X(DPO, dpo, Dpo, "dpo", model_outputs)                                                                             \
    X(TASK_ROWS, task_rows, TaskRows, "tasks", rows_outputs)                                                           \
    X(REJECT, reject, Reject, "reject", data_outputs)                                                                  \
    X(PAIRS, pairs, Pairs, "pairs", pairs_outputs)                                                                     \
    X(EVAL, eval, Eval, "eval", result_outputs)

#define STAGE_ENUM(KIND, word, Type, name, outputs) STAGE_##KIND,
typedef enum StageKind { STAGE_TYPES(STAGE_ENUM) STAGE_COUNT } StageKind;
#undef STAGE_ENUM

/* What every stage has. First member of each stage's struct. */
typedef struct CommonSettings {
    const char *name;
    int stage; /* StageKind */
    int64_t seed;
    const char *model; /* folder to start from; pretrain: "" (fresh weights) */
    const char *out;
    int64_t threads; /* 0: as --threads says */
    int64_t steps;
    int64_t schedule_steps; /* that rates and sizes are laid out for; 0: steps */
    int64_t micro_batch_tokens, shards;
    bool recompute;
    double learning_rate;
    int schedule; /* ScheduleKind */
    int64_t warmup_steps;
    double final_rate; /* of the peak, at the last step */
    double beta1, beta2, adam_eps, weight_decay, max_grad_norm;
    double expert_bias_rate, expert_balance_coef; /* gamma and alpha of DeepSeek-V3's balancing; 0: none */
    double
        mtp_loss_weight; /* lambda of its modules that predict further tokens (train/mtp.h); 0: they stay as they are */
    int64_t checkpoint_every, checkpoint_keep;
    int64_t eval_every, eval_problems, eval_samples; /* problems a (family, level) cell, samples each */
    int64_t eval_max_tokens;
    const char *eval_data;  /* problems of a JSONL file; "": the families' held-out ones */
    const char *eval_frame; /* reward/frame.h: what completions of checked problems have to be of */
    double eval_temperature, eval_top_p;
    int task_language; /* LanguageChoice: of the families' questions, asked and held out */
    int64_t lora_rank; /* sft and grpo: train adapters alone; 0: the weights */
    double lora_alpha;
    const char *lora_targets;
} CommonSettings;

/* A decoder of fresh weights. */
typedef struct ShapeSettings {
    int arch;      /* ModelArch */
    int64_t n_mtp; /* pretrain alone */
    int64_t hidden_size, n_layers, n_heads, n_kv_heads, head_dim, ffn_size, max_positions;
    double rope_theta;
    double init_std;
} ShapeSettings;

typedef struct PretrainSettings {
    CommonSettings common;
    int64_t tokens_per_step, tokens_per_step_final; /* grows linearly over the run */
    double prompt_weight;                           /* of a prompt's tokens in the loss */
    int corpus;                                     /* CorpusKind */
    int64_t corpus_seed;
    int64_t vocab_size, tokenizer_documents;
    ShapeSettings shape;
    const char *data; /* texts of a file or folder; "": the program's corpus */
    double held_out;  /* share of their documents */
    int64_t section_bytes, context, eval_tokens;
} PretrainSettings;

typedef enum SftPacking { SFT_PACKING_BEST_FIT, SFT_PACKING_NONE } SftPacking;

typedef struct SftSettings {
    CommonSettings common;
    const char *data;   /* examples of a JSONL file: data/examples.h */
    int64_t epochs;     /* steps = epochs times the updates of one; 0: as steps says */
    int64_t batch_size; /* packs an update */
    int64_t max_length; /* ids of an example, at most the model's positions */
    int overlong;       /* OverlongRows */
    int packing;        /* SftPacking */
    double prompt_weight;
    const char *validation_data; /* "": none */
    int64_t validation_every;    /* steps */
} SftSettings;

typedef enum RewardOverlong { REWARD_OVERLONG_DROP, REWARD_OVERLONG_ERROR } RewardOverlong;

/* Data (pairs, or labelled responses: data/preferences.h), batches (of rows), lengths and validation (without data of its own by the rows
 * held out) as those of a fine-tuning; nothing is packed. */
typedef struct RewardModelSettings {
    SftSettings sft;
    int overlong;    /* RewardOverlong, in place of sft.overlong: a score of half a response would be none of it */
    int scored;      /* 0: as the paper, else 1 + ScoredPart */
    double margin;   /* of pairs that name none */
    double held_out; /* share of the prompts */
} RewardModelSettings;

/* Where accuracy reads the answer: in the frame, whose absence is then a wrong answer, or by the rules of extraction in any text. */
typedef enum AnswerFrom { ANSWER_FROM_FRAME, ANSWER_FROM_TEXT } AnswerFrom;

typedef enum RlAlgorithm { ALGORITHM_GRPO, ALGORITHM_PPO } RlAlgorithm;
typedef enum PpoKl { PPO_KL_REWARD, PPO_KL_LOSS } PpoKl;

/* Of algorithm ppo: train/ppo.h, recipe/critic.h. */
typedef struct PpoSettings {
    double gamma, lambda;
    double vf_coef, cliprange_value;
    bool whiten;
    int kl;                  /* PpoKl */
    const char *value_model; /* "": the start model */
    double value_learning_rate;
} PpoSettings;

typedef struct GrpoSettings {
    CommonSettings common;
    int algorithm; /* RlAlgorithm */
    PpoSettings ppo;
    const char *data; /* questions of a JSONL file; "": the families' */
    int64_t prompts_per_step, group_size, minibatches, inner_epochs;
    int64_t max_completion_tokens;
    double temperature;
    int loss_type; /* LossType */
    double clip_low, clip_high, kl_coef, entropy_coef;
    int64_t reference_every; /* the reference becomes the policy every N steps; 0: never */
    int advantage_scale;     /* AdvantageScale */
    double advantage_eps;
    int dead_groups; /* 0 skip: they count in the normalisers; 1 drop */
    double accuracy_weight, format_weight;
    double term_weights[TERM_COUNT]; /* reward/terms.h */
    const char *reward_frame;        /* reward/frame.h; "r1-zero" is the standard one */
    bool format_partial;             /* share of the tags instead of 0 or 1 */
    bool gate_format;
    double reward_from[PART_COUNT]; /* the first step, from 1, at which a reward counts */
    const char *reward_gates;       /* reward/gates.h */
    const char *reward_true;        /* name of the part that is the true metric */
    const char *reward_extract;     /* reward/answer_rules.h */
    int answer_from;                /* AnswerFrom */
    bool held_out_rewards;          /* score held-out completions by the rewards too */
    const char *reward_language;    /* "": the prompt's */
    int64_t overlong_tokens, repetition_ngram;
    const char *reward_command, *reward_plugin, *plugin_settings; /* "": none */
    double command_seconds;
    const char *reward_model;     /* folder with a scalar head; "": none */
    int reward_model_scored;      /* ScoredPart */
    const char *judge;            /* folder of a model that writes its opinion; "": none */
    int judge_form, judge_scored; /* JudgeForm, ScoredPart */
    int64_t judge_asks, judge_max_tokens;
    double judge_temperature;
    const char *judge_prompt; /* "": the program's */
    int64_t reward_workers;   /* programs and commands judged at once; 0: three for each thread */
    double tasks[RECIPE_MAX_TASKS];
    Routes routes;          /* in place of data and tasks; none: all questions are rewarded alike */
    int64_t max_active;     /* completions decoded at once: a memory knob */
    bool store_completions; /* texts of rollouts in run.sqlite */
} GrpoSettings;

/* A reward model or a judge counts somewhere: rewards cost forwards then. Of settled settings. */
bool settings_reward_by_models(const GrpoSettings *settings);

typedef enum DistillTarget { DISTILL_LOGITS, DISTILL_SFT } DistillTarget;

/* Examples, packs and validation are a fine-tuning's; common.model "": a student of fresh weights in `shape`. */
typedef struct DistillSettings {
    SftSettings sft;
    const char *teacher; /* folder or GGUF file */
    int mode;            /* DistillTarget */
    double beta;         /* num/distill.h */
    double temperature;  /* of both distributions, and of what the student samples */
    double lambda;       /* share of updates on what the student samples */
    int64_t max_completion_tokens, max_active;
    /* The teacher's answers as examples. */
    int64_t samples_per_problem; /* 0: data holds examples */
    double samples_temperature, samples_top_p;
    int64_t samples_max_tokens;
    int64_t samples_problems; /* a family and level, without data */
    double tasks[RECIPE_MAX_TASKS];
    ShapeSettings shape;
} DistillSettings;

/* Data (data/pairs.h), batches (of pairs), lengths and validation as those of a fine-tuning; nothing is packed. */
typedef struct DpoSettings {
    SftSettings sft;
    int loss_type; /* DpoLossType */
    double beta, label_smoothing, rpo_alpha;
} DpoSettings;

enum { REJECT_MIXES = 4 };

/* Rejection sampling (recipe/reject.h). Of `common` name, seed, model, out and threads count. */
typedef struct RejectSettings {
    CommonSettings common;
    const char *data;       /* prompts of a JSONL file; "": the families' */
    int64_t prompts;        /* of the families so many; of a file the first so many, 0: all */
    int64_t longest_prompt; /* no key: tokens of the file's longest, once recipe_count_steps has read it; 0 without */
    int64_t prompts_per_step, samples, max_completion_tokens;
    double temperature;
    double tasks[RECIPE_MAX_TASKS];
    const char *frame; /* reward/frame.h */
    int64_t workers, max_active;
    double language;
    const char *language_target; /* "": the prompt's */
    int64_t paragraph_words;
    bool code_blocks;
    double repetition;
    int64_t repetition_ngram;
    const char *contamination; /* evaluation problems of a JSONL file; "": none */
    int64_t contamination_ngram;
    double near_duplicates; /* 0: may stay */
    int64_t per_prompt;
    struct {
        const char *data; /* "": none */
        double share;     /* of all rows that are written */
    } mixes[REJECT_MIXES];
    const char *judge_model; /* decides what no rule can; "": nobody does */
    int64_t judge_max_tokens;
    const char *rewrite_model; /* "": nothing is rewritten */
    const char *rewrite_template, *rewrite_frame;
    int64_t rewrite_samples, rewrite_max_tokens;
    double rewrite_temperature;
} RejectSettings;

typedef enum TaskRowsKind {
    TASK_ROWS_PROBLEMS,
    TASK_ROWS_RESPONSES,
    TASK_ROWS_GOOD_RESPONSES,
    TASK_ROWS_PAIRS,
    TASK_ROWS_REWRITES,
    TASK_ROWS_CANDIDATES,
    TASK_ROWS_JUDGEMENTS
} TaskRowsKind;

/* Rows of procedural tasks (data/task_rows.h). Of `common` name, seed, out, threads and task_language count. */
typedef struct TaskRowsSettings {
    CommonSettings common;
    const char *task;         /* a family, a general task; "all": the families */
    int rows;                 /* TaskRowsKind */
    int64_t n, level;         /* level 0: the trained ones in turn */
    int split;                /* Split */
    bool shuffle_labels;      /* the control */
    const char *judge_prompt; /* of judgements: data/judge_prompt.h; "": the program's words */
} TaskRowsSettings;

/* Pairs that a judge has made (eval/judge_rows.h). Of `common` name, seed, model (the judge), out and threads count. */
typedef struct PairsSettings {
    CommonSettings common;
    const char *data; /* rows with completions */
    int64_t asks;     /* a pair */
    double least;     /* pairs are kept whose mean difference, 0 to 2, exceeds this */
    bool balance;     /* lengths of chosen and rejected responses */
    bool response;    /* whole responses are judged; else what stands behind </think> */
    bool shuffle_labels;
    double temperature; /* of what the judge writes */
    int64_t max_tokens, max_active;
    const char *prompt; /* with {question}, {A} and {B}; "": the program's words */
} PairsSettings;

/* An evaluation as a stage: common.eval_*, task_language and model, seed, out, threads count. */
typedef struct EvalSettings {
    CommonSettings common;
    int format;        /* EvalFormat, of common.eval_data */
    bool chat;         /* its questions go through the model's chat template */
    const char *judge; /* model that decides what no rule can; "": nobody does */
    int64_t general;   /* held-out requests of the general tasks a level; 0: none */
} EvalSettings;

#define STAGE_SETTINGS(KIND, word, Type, name, outputs)                                                                \
    extern const RecipeKey word##_keys[];                                                                              \
    Type##Settings word##_defaults(void);
STAGE_TYPES(STAGE_SETTINGS)
#undef STAGE_SETTINGS
const char *const *stage_names(void); /* NULL-terminated, by StageKind */

#endif

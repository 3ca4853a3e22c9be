/* SPDX-License-Identifier: MIT */
/* recipe/settings.h: the settings of each stage, in the words of the paper and of TRL, with their defaults and key tables
 * (settings.c). */
#ifndef R1_RECIPE_SETTINGS_H
#define R1_RECIPE_SETTINGS_H

#include "recipe/schema.h"
#include "reward/terms.h"
#include "train/grpo.h"
#include "train/optimizer.h"

typedef enum StageKind { STAGE_PRETRAIN, STAGE_SFT, STAGE_GRPO, STAGE_REWARD_MODEL } StageKind;

/* What every stage has. First member of each stage's struct. */
typedef struct CommonSettings {
    const char *name;
    int stage; /* StageKind */
    int64_t seed;
    const char *model; /* folder to start from; pretrain: "" (fresh weights) */
    const char *out;
    int64_t threads; /* 0: as --threads says */
    int64_t steps;
    int64_t micro_batch_tokens, shards;
    bool recompute;
    double learning_rate;
    int schedule; /* ScheduleKind */
    int64_t warmup_steps;
    double final_rate; /* of the peak, at the last step */
    double beta1, beta2, adam_eps, weight_decay, max_grad_norm;
    double expert_bias_rate, expert_balance_coef; /* gamma and alpha of DeepSeek-V3's balancing; 0: none */
    int64_t checkpoint_every, checkpoint_keep;
    int64_t eval_every, eval_problems, eval_samples; /* problems a (family, level) cell, samples each */
    int64_t eval_max_tokens;
    const char *eval_data; /* problems of a JSONL file; "": the families' held-out ones */
    int64_t lora_rank;     /* sft and grpo: train adapters alone; 0: the weights */
    double lora_alpha;
    const char *lora_targets;
} CommonSettings;

typedef struct PretrainSettings {
    CommonSettings common;
    int64_t tokens_per_step, tokens_per_step_final; /* grows linearly over the run */
    double prompt_weight;                           /* of a prompt's tokens in the loss */
    int corpus;                                     /* 0 default, 1 no-checking */
    int64_t corpus_seed;
    int64_t vocab_size, tokenizer_documents;
    double init_std;
    int64_t hidden_size, n_layers, n_heads, n_kv_heads, head_dim, ffn_size, max_positions;
    double rope_theta;
    int arch;         /* ModelArch */
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

typedef struct RewardModelSettings {
    CommonSettings common;
    const char *data;            /* pairs, or labelled responses, of a JSONL file: data/preferences.h */
    int64_t epochs;              /* as SftSettings */
    int64_t batch_size;          /* rows an update */
    int64_t max_length;          /* ids of prompt and response, at most the model's positions */
    int overlong;                /* RewardOverlong */
    int scored;                  /* 0: as the paper, else 1 + ScoredPart */
    double margin;               /* of pairs that name none */
    double held_out;             /* share of the prompts */
    const char *validation_data; /* "": the rows held out */
    int64_t validation_every;    /* steps */
} RewardModelSettings;

typedef struct GrpoSettings {
    CommonSettings common;
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
    const char *reward_language; /* "": the prompt's */
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
    int64_t max_active;     /* completions decoded at once: a memory knob */
    bool store_completions; /* texts of rollouts in run.sqlite */
} GrpoSettings;

extern const RecipeKey pretrain_keys[], sft_keys[], grpo_keys[], reward_model_keys[];
PretrainSettings pretrain_defaults(void);
SftSettings sft_defaults(void);
GrpoSettings grpo_defaults(void);
RewardModelSettings reward_model_defaults(void);
const char *const *stage_names(void); /* NULL-terminated, by StageKind */

#endif

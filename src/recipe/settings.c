/* SPDX-License-Identifier: MIT */
/* recipe/settings.c: see settings.h. */
#include "recipe/settings.h"

#include "data/tasks.h"
#include "eval/benchmark.h"
#include "reward/answer_rules.h"

#define STAGE_NAME(KIND, word, Type, name, outputs) name,
static const char *const STAGES[] = {STAGE_TYPES(STAGE_NAME) NULL};
static const char *const SCHEDULES[] = {"constant", "cosine", "linear", NULL};
static const char *const LOSSES[] = {"grpo", "dapo", "dr_grpo", "gspo", NULL};
static const char *const ALGORITHMS[] = {"grpo", "ppo", NULL};                  /* RlAlgorithm */
static const char *const JUDGE_FORMS[] = {"compare", "score", "correct", NULL}; /* eval/judge_opinion.h */
static const char *const PPO_KLS[] = {"reward", "loss", NULL};                  /* PpoKl */
static const char *const SCALES[] = {"std", "std_population", "none", NULL};
static const char *const DEAD_GROUPS[] = {"skip", "drop", NULL};
static const char *const ANSWER_SOURCES[] = {"frame", "text", NULL};
static const char *const OVERLONG[] = {"drop", "truncate", "error", NULL};
static const char *const REWARD_OVERLONG[] = {"drop", "error", NULL};
static const char *const SCORED[] = {"auto", "summary", "response", NULL};
static const char *const PACKINGS[] = {"best_fit", "none", NULL};
static const char *const DPO_LOSSES[] = {"sigmoid", "ipo", NULL};
static const char *const DISTILL_MODES[] = {"logits", "sft", NULL};
static const char *const CORPORA[] = {"default", "no-checking", "bilingual", NULL}; /* corpus_names */
static const char *const TASK_LANGUAGE_CHOICES[] = {"en", "zh", "both", NULL};      /* LanguageChoice */
static const char *const TASK_ROWS_KINDS[] = {"problems", "responses",  "good-responses", "pairs",
                                              "rewrites", "candidates", "judgements",     NULL};
static const char *const SPLITS[] = {"train", "held-out", NULL}; /* Split */
static const char *const ARCHITECTURES[] = {"qwen2", "llama", "qwen3", "mistral", NULL};

const char *const *stage_names(void)
{
    return STAGES;
}

#define AT(type, member) offsetof(type, member)
#define INT(key, type, member, low, high, changeable, help)                                                            \
    {                                                                                                                  \
        key, KEY_INT, AT(type, member), low, high, NULL, changeable, help                                              \
    }
#define REAL(key, type, member, low, high, changeable, help)                                                           \
    {                                                                                                                  \
        key, KEY_DOUBLE, AT(type, member), low, high, NULL, changeable, help                                           \
    }
#define TEXT(key, type, member, changeable, help)                                                                      \
    {                                                                                                                  \
        key, KEY_STRING, AT(type, member), 0, 0, NULL, changeable, help                                                \
    }
/* What a stage reads: a graph joins stages by these, and looks at their contents. */
#define MODEL(key, type, member, help)                                                                                 \
    {                                                                                                                  \
        key, KEY_MODEL, AT(type, member), 0, 0, NULL, false, help                                                      \
    }
#define DATA(key, type, member, help)                                                                                  \
    {                                                                                                                  \
        key, KEY_DATA, AT(type, member), 0, 0, NULL, false, help                                                       \
    }
#define PICK(key, type, member, choices, help)                                                                         \
    {                                                                                                                  \
        key, KEY_CHOICE, AT(type, member), 0, 0, choices, false, help                                                  \
    }
#define FLAG(key, type, member, changeable, help)                                                                      \
    {                                                                                                                  \
        key, KEY_BOOL, AT(type, member), 0, 0, NULL, changeable, help                                                  \
    }

/* clang-format off */
#define COMMON_KEYS \
    TEXT("name", CommonSettings, name, false, "names the run; runs/<name> is its folder unless out says otherwise"), \
    PICK("stage", CommonSettings, stage, STAGES, "what to do"), \
    INT("seed", CommonSettings, seed, 0, 9e15, false, "of every random draw"), \
    MODEL("model", CommonSettings, model, "Hugging Face folder or GGUF file to start from"), \
    TEXT("out", CommonSettings, out, true, "run folder"), \
    INT("threads", CommonSettings, threads, 0, 1024, true, "0: as --threads"), \
    INT("steps", CommonSettings, steps, 1, 1e9, false, "optimiser batches (pretrain, sft) or rollouts (grpo)"), \
    INT("micro_batch_tokens", CommonSettings, micro_batch_tokens, 1, 1e8, true, "rows in memory at once; moves no bit"), \
    INT("shards", CommonSettings, shards, 1, 65536, false, "gradient shards, a power of two (contract 5)"), \
    FLAG("recompute", CommonSettings, recompute, true, "run layers again in backward instead of keeping them"), \
    REAL("learning_rate", CommonSettings, learning_rate, 0, 10, false, "peak"), \
    INT("schedule_steps", CommonSettings, schedule_steps, 0, 1e9, false, "steps that the schedules are laid out for: a run of fewer is the beginning of one of so many; 0: steps"), \
    PICK("schedule", CommonSettings, schedule, SCHEDULES, "of the learning rate"), \
    INT("warmup_steps", CommonSettings, warmup_steps, 0, 1e9, false, "linear, in steps"), \
    REAL("final_rate", CommonSettings, final_rate, 0, 1, false, "share of the peak left at the end"), \
    REAL("beta1", CommonSettings, beta1, 0, 0.999999, false, "AdamW"), \
    REAL("beta2", CommonSettings, beta2, 0, 0.999999, false, "AdamW"), \
    REAL("adam_eps", CommonSettings, adam_eps, 1e-15, 1, false, "AdamW; 0 would make 0 / 0 of a weight without a gradient"), \
    REAL("weight_decay", CommonSettings, weight_decay, 0, 10, false, "AdamW, matrices only"), \
    REAL("max_grad_norm", CommonSettings, max_grad_norm, 0, 1e9, false, "0: no clipping"), \
    REAL("expert_bias_rate", CommonSettings, expert_bias_rate, 0, 1, false, "gamma: moves the correction bias of experts by load after each update"), \
    REAL("expert_balance_coef", CommonSettings, expert_balance_coef, 0, 100, false, "alpha of the experts' sequence-wise balance loss"), \
    INT("checkpoint.every", CommonSettings, checkpoint_every, 1, 1e9, true, "steps"), \
    INT("checkpoint.keep", CommonSettings, checkpoint_keep, 1, 1e6, true, "newest ones kept"), \
    INT("eval.every", CommonSettings, eval_every, 0, 1e9, false, "steps; 0: never"), \
    INT("eval.problems", CommonSettings, eval_problems, 1, 1e6, false, "held-out problems a family and level"), \
    INT("eval.samples", CommonSettings, eval_samples, 1, 1e6, false, "samples a problem"), \
    INT("eval.max_tokens", CommonSettings, eval_max_tokens, 1, 1e6, false, "new tokens a sample"), \
    DATA("eval.data", CommonSettings, eval_data, "problems of a JSONL file instead of the families' held-out ones"), \
    TEXT("eval.frame", CommonSettings, eval_frame, false, "that completions have to be of: r1-zero, r1, or tags with ... for free text"), \
    PICK("task_language", CommonSettings, task_language, TASK_LANGUAGE_CHOICES, "of the families' questions, in training and evaluations; both: half of them each")

#define LORA_KEYS \
    INT("lora.rank", CommonSettings, lora_rank, 0, 4096, false, "adapters of this rank are trained instead of the weights; 0: none"), \
    REAL("lora.alpha", CommonSettings, lora_alpha, 1e-6, 1e6, false, "their output is scaled by alpha / rank"), \
    TEXT("lora.targets", CommonSettings, lora_targets, false, "all, or some of q, k, v, o, gate, up, down (DeepSeek: q_a, kv_a, q_b, kv_b) with commas between")

#define LENGTH_KEYS \
    INT("epochs", SftSettings, epochs, 0, 1e6, false, "passes over the data, in place of steps; 0, or steps given alone: as steps says"), \
    INT("batch_size", SftSettings, batch_size, 1, 1e6, false, "packs an update (examples where packing is none)"), \
    INT("max_length", SftSettings, max_length, 2, 1e7, false, "tokens of an example and of a pack; at most the model's positions"), \
    PICK("overlong", SftSettings, overlong, OVERLONG, "what becomes of longer examples")

#define VALIDATION_KEYS \
    DATA("validation.data", SftSettings, validation_data, "examples whose loss is measured"), \
    INT("validation.every", SftSettings, validation_every, 1, 1e9, false, "steps")

#define MTP_KEYS \
    REAL("mtp.loss_weight", CommonSettings, mtp_loss_weight, 0, 100, false, "lambda: also trains the modules that predict further tokens (DeepSeek-V3; 0.3, later 0.1); 0: they stay as they are")

#define SFT_KEYS \
    DATA("data", SftSettings, data, "JSONL rows {prompt, completion}, {messages}, {text} or ids: data/examples.h"), \
    LENGTH_KEYS, \
    PICK("packing", SftSettings, packing, PACKINGS, "examples of a pack never see each other"), \
    REAL("prompt_weight", SftSettings, prompt_weight, 0, 1, false, "of prompt tokens in the loss"), \
    VALIDATION_KEYS

#define SHAPE_KEYS(Settings) \
    PICK("shape.arch", Settings, shape.arch, ARCHITECTURES, "block"), \
    INT("shape.hidden_size", Settings, shape.hidden_size, 2, 1e6, false, "D"), \
    INT("shape.n_layers", Settings, shape.n_layers, 1, 1000, false, "L"), \
    INT("shape.n_heads", Settings, shape.n_heads, 1, 1024, false, "H"), \
    INT("shape.n_kv_heads", Settings, shape.n_kv_heads, 1, 1024, false, "K"), \
    INT("shape.head_dim", Settings, shape.head_dim, 2, 1024, false, "C"), \
    INT("shape.ffn_size", Settings, shape.ffn_size, 1, 1e6, false, "F"), \
    INT("shape.max_positions", Settings, shape.max_positions, 1, 1e7, false, "longest sequence"), \
    REAL("shape.rope_theta", Settings, shape.rope_theta, 1, 1e9, false, "base of the rotary angles"), \
    REAL("shape.init_std", Settings, shape.init_std, 0, 10, false, "of initial matrices")

const RecipeKey pretrain_keys[] = {
    COMMON_KEYS,
    DATA("data", PretrainSettings, data, "texts to train on: .txt or .jsonl (.gz), or a folder of them, instead of the program's corpus"),
    REAL("text.held_out", PretrainSettings, held_out, 0, 0.9, false, "data: share of the documents that only eval_loss sees"),
    INT("text.section_bytes", PretrainSettings, section_bytes, 256, 1e9, false, "data: a text file is cut into documents of at most this size"),
    INT("text.context", PretrainSettings, context, 0, 1e7, false, "data: tokens of a sequence; 0: 1024, or what the model has"),
    INT("text.eval_tokens", PretrainSettings, eval_tokens, 1, 1e12, false, "data: held-out tokens that an evaluation scores"),
    INT("tokens_per_step", PretrainSettings, tokens_per_step, 1, 1e9, false, "an update's tokens at the start"),
    INT("tokens_per_step_final", PretrainSettings, tokens_per_step_final, 1, 1e9, false, "at the end; grows linearly between"),
    REAL("prompt_weight", PretrainSettings, prompt_weight, 0, 1, false, "of prompt tokens in the loss"),
    PICK("corpus.mix", PretrainSettings, corpus, CORPORA, "styles of the documents; see models/base/README.md"),
    INT("corpus.seed", PretrainSettings, corpus_seed, 0, 9e15, false, "of the documents"),
    INT("tokenizer.vocab_size", PretrainSettings, vocab_size, 260, 1e6, false, "trained on the first documents"),
    INT("tokenizer.documents", PretrainSettings, tokenizer_documents, 1, 1e8, false, "how many"),
    SHAPE_KEYS(PretrainSettings),
    INT("shape.mtp_modules", PretrainSettings, shape.n_mtp, 0, 16, false, "behind the layers, each of which predicts one token further; trained by mtp.loss_weight"),
    MTP_KEYS,
    {0},
};

const RecipeKey sft_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    SFT_KEYS,
    MTP_KEYS,
    {0},
};

const RecipeKey reward_model_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    DATA("data", RewardModelSettings, sft.data, "JSONL rows {prompt, chosen, rejected} or {prompt, completion, label}: data/preferences.h"),
    INT("epochs", RewardModelSettings, sft.epochs, 0, 1e6, false, "passes over the data, in place of steps; 0, or steps given alone: as steps says"),
    INT("batch_size", RewardModelSettings, sft.batch_size, 1, 1e6, false, "pairs, or labelled responses, an update"),
    INT("max_length", RewardModelSettings, sft.max_length, 2, 1e7, false, "tokens of prompt and response; at most the model's positions"),
    PICK("overlong", RewardModelSettings, overlong, REWARD_OVERLONG, "what becomes of longer rows"),
    PICK("scored", RewardModelSettings, scored, SCORED, "what stands behind </think>, or all of a response; auto: summaries of pairs, responses with labels"),
    REAL("margin", RewardModelSettings, margin, -1e6, 1e6, false, "by which a chosen response should be ahead, where its row names none"),
    REAL("held_out", RewardModelSettings, held_out, 0, 0.9, false, "share of the prompts that are never learnt from and measure what the scores are worth"),
    DATA("validation.data", RewardModelSettings, sft.validation_data, "rows that do so instead"),
    INT("validation.every", RewardModelSettings, sft.validation_every, 1, 1e9, false, "steps"),
    {0},
};

#define PPO_KEYS \
    REAL("ppo.gamma", GrpoSettings, ppo.gamma, 0, 1, false, "discount of what a later token brings"), \
    REAL("ppo.lambda", GrpoSettings, ppo.lambda, 0, 1, false, "of GAE; 1: the advantage is what was got less what was expected"), \
    REAL("ppo.vf_coef", GrpoSettings, ppo.vf_coef, 0, 1e6, false, "weight of the value loss, which has an optimiser of its own"), \
    REAL("ppo.cliprange_value", GrpoSettings, ppo.cliprange_value, 0, 1e6, false, "a value moves no further than this from the rollout's in its loss; 0: as far as it likes"), \
    FLAG("ppo.whiten", GrpoSettings, ppo.whiten, false, "advantages of a rollout get mean 0 and variance 1"), \
    PICK("ppo.kl", GrpoSettings, ppo.kl, PPO_KLS, "kl_coef weighs log(policy / reference) in every token's reward, or GRPO's k3 in the loss"), \
    MODEL("ppo.value_model", GrpoSettings, ppo.value_model, "folder that the value model starts from, e.g. a reward model; empty: the start model, with a head of zeros"), \
    REAL("ppo.value_learning_rate", GrpoSettings, ppo.value_learning_rate, 0, 10, false, "peak; 0: the policy's")

const RecipeKey grpo_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    DATA("data", GrpoSettings, data, "questions of a JSONL file instead of the families'"),
    PICK("algorithm", GrpoSettings, algorithm, ALGORITHMS, "where advantages come from: the group, or a value model and GAE"),
    PPO_KEYS,
    INT("prompts_per_step", GrpoSettings, prompts_per_step, 1, 1e6, false, "questions a rollout"),
    INT("group_size", GrpoSettings, group_size, 1, 1e6, false, "G, completions a question; grpo compares them and needs two"),
    INT("minibatches", GrpoSettings, minibatches, 1, 1e6, false, "updates a rollout and epoch; groups stay whole"),
    INT("inner_epochs", GrpoSettings, inner_epochs, 1, 1000, false, "passes over a rollout"),
    INT("max_completion_tokens", GrpoSettings, max_completion_tokens, 1, 1e6, false, "cap, stop token included"),
    REAL("temperature", GrpoSettings, temperature, 1e-3, 100, false, "of rollouts; part of the policy"),
    PICK("loss", GrpoSettings, loss_type, LOSSES, "normaliser and ratio"),
    REAL("clip_low", GrpoSettings, clip_low, 0, 1e6, false, "epsilon below 1; from 1 on it never binds"),
    REAL("clip_high", GrpoSettings, clip_high, 0, 1e6, false, "epsilon above 1"),
    REAL("kl_coef", GrpoSettings, kl_coef, 0, 100, false, "beta of the k3 KL to the reference; ppo: see ppo.kl"),
    INT("reference_every", GrpoSettings, reference_every, 0, 1e9, false, "steps after which the reference becomes the policy; 0: never"),
    REAL("entropy_coef", GrpoSettings, entropy_coef, 0, 100, false, "entropy bonus"),
    PICK("advantage.scale", GrpoSettings, advantage_scale, SCALES, "what divides reward - mean"),
    REAL("advantage.eps", GrpoSettings, advantage_eps, 0, 1, false, "added to the standard deviation"),
    PICK("dead_groups", GrpoSettings, dead_groups, DEAD_GROUPS, "skip: counted in the normalisers; drop: not"),
    REAL("reward.accuracy", GrpoSettings, accuracy_weight, -1e3, 1e3, false, "weight"),
    REAL("reward.format", GrpoSettings, format_weight, -1e3, 1e3, false, "weight"),
    TEXT("reward.frame", GrpoSettings, reward_frame, false, "r1-zero, r1, or tags with ... for free text"),
    FLAG("reward.format_partial", GrpoSettings, format_partial, false, "format is the share of the frame's tags, not 0 or 1"),
    FLAG("reward.gate_format", GrpoSettings, gate_format, false, "all but the format counts only where the frame holds"),
    {"reward.from", KEY_PARTS, AT(GrpoSettings, reward_from), 0, 1e9, NULL, false, "reward: the first step at which it counts; before it is skipped, and measured in evaluations alone"},
    TEXT("reward.gates", GrpoSettings, reward_gates, false, "e.g. \"accuracy if format; command if accuracy and language >= 0.9\""),
    TEXT("reward.true", GrpoSettings, reward_true, false, "the true metric: a reward's name; logged beside the others whatever it weighs"),
    FLAG("reward.held_out", GrpoSettings, held_out_rewards, false, "evaluations work out the rewards too, beside the true metric"),
    PICK("reward.answer_from", GrpoSettings, answer_from, ANSWER_SOURCES, "frame: no frame, no answer; text: reward.extract finds it anywhere"),
    TEXT("reward.extract", GrpoSettings, reward_extract, false, "marks of an answer in their order: tag, box, boxed, fbox, answer_is, bold, last_line, whole"),
    REAL("reward.language", GrpoSettings, term_weights[TERM_LANGUAGE], -1e3, 1e3, false, "weight of language consistency"),
    TEXT("reward.language_target", GrpoSettings, reward_language, false, "en, de, fr, es, pt, ru, ar, hi, zh, ja, ko; empty: the prompt's"),
    REAL("reward.overlong", GrpoSettings, term_weights[TERM_OVERLONG], -1e3, 1e3, false, "weight of DAPO's soft overlong punishment"),
    INT("reward.overlong_tokens", GrpoSettings, overlong_tokens, 1, 1e6, false, "before the cap in which it grows"),
    REAL("reward.cosine", GrpoSettings, term_weights[TERM_COSINE], -1e3, 1e3, false, "weight of the cosine length reward"),
    REAL("reward.repetition", GrpoSettings, term_weights[TERM_REPETITION], -1e3, 1e3, false, "weight of the n-gram penalty"),
    INT("reward.repetition_ngram", GrpoSettings, repetition_ngram, 1, 16, false, "n"),
    TEXT("reward.command", GrpoSettings, reward_command, false, "a shell command that rewards, by JSON lines; docs/your-own-reward.md"),
    REAL("reward.command_weight", GrpoSettings, term_weights[TERM_COMMAND], -1e3, 1e3, false, "its weight"),
    REAL("reward.command_seconds", GrpoSettings, command_seconds, 0.001, 86400, true, "that it may take for one completion"),
    DATA("reward.plugin", GrpoSettings, reward_plugin, "a shared library that rewards; docs/your-own-reward.md"),
    TEXT("reward.plugin_settings", GrpoSettings, plugin_settings, false, "a text that it gets"),
    REAL("reward.plugin_weight", GrpoSettings, term_weights[TERM_PLUGIN], -1e3, 1e3, false, "its weight"),
    MODEL("reward.model", GrpoSettings, reward_model, "folder of a reward model (r1 reward-model) that scores each completion"),
    REAL("reward.model_weight", GrpoSettings, term_weights[TERM_MODEL], -1e3, 1e3, false, "its weight; scores are taken as they are"),
    PICK("reward.model_scored", GrpoSettings, reward_model_scored, SCORED_PARTS, "what it scores: what stands behind </think>, or everything"),
    MODEL("reward.judge", GrpoSettings, judge, "folder of a model that judges each completion in JSON: docs/reward-models.md"),
    REAL("reward.judge_weight", GrpoSettings, term_weights[TERM_JUDGE], -1e3, 1e3, false, "its weight"),
    PICK("reward.judge_form", GrpoSettings, judge_form, JUDGE_FORMS, "compare with the row's answer (-2 to 2), score alone (0 to 1), correct (0 or 1) by the row's answer"),
    PICK("reward.judge_scored", GrpoSettings, judge_scored, SCORED_PARTS, "what it judges"),
    INT("reward.judge_asks", GrpoSettings, judge_asks, 1, 256, false, "how often it is asked about each, orders drawn at random; opinions are averaged"),
    REAL("reward.judge_temperature", GrpoSettings, judge_temperature, 0, 100, false, "of what it writes"),
    INT("reward.judge_max_tokens", GrpoSettings, judge_max_tokens, 1, 1e6, false, "that it may write"),
    TEXT("reward.judge_prompt", GrpoSettings, judge_prompt, false, "what it is asked, with {question}, {A} and {B}; empty: the program's words"),
    INT("reward.workers", GrpoSettings, reward_workers, 0, 1024, true, "programs and commands judged at once; 0: three a thread"),
    {"tasks", KEY_TASKS, AT(GrpoSettings, tasks), 0, 0, NULL, false, "family: weight, or all; general tasks only where named"},
    {"routes", KEY_ITEMS, AT(GrpoSettings, routes), 0, 0, NULL, false, "in place of data and tasks: name: {weight, from, data | tasks, rewards, gates, true, reward_model, scored}: recipe/route_settings.h"},
    INT("max_active", GrpoSettings, max_active, 1, 65536, true, "completions decoded at once; moves no bit"),
    FLAG("store_completions", GrpoSettings, store_completions, true, "keep every rollout's text and tokens in run.sqlite"),
    {0},
};

const RecipeKey distill_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    SFT_KEYS,
    MODEL("teacher", DistillSettings, teacher, "Hugging Face folder or GGUF file of the model to learn from"),
    PICK("mode", DistillSettings, mode, DISTILL_MODES, "logits: the teacher's whole distribution at every token; sft: cross-entropy on the examples"),
    REAL("beta", DistillSettings, beta, 0, 1, false, "0: KL(teacher || student), 1: KL(student || teacher), between: generalised Jensen-Shannon"),
    REAL("temperature", DistillSettings, temperature, 1e-3, 100, false, "of both distributions, and of what the student samples"),
    REAL("lambda", DistillSettings, lambda, 0, 1, false, "share of updates on completions that the student samples (on-policy; TRL's lmbda)"),
    INT("max_completion_tokens", DistillSettings, max_completion_tokens, 1, 1e6, false, "of what the student samples, stop token included"),
    INT("max_active", DistillSettings, max_active, 1, 65536, true, "completions decoded at once; moves no bit"),
    INT("samples.per_problem", DistillSettings, samples_per_problem, 0, 1e6, false, "the teacher answers each problem so often, and its right answers are the examples; 0: data holds examples"),
    REAL("samples.temperature", DistillSettings, samples_temperature, 1e-3, 100, false, "of those answers"),
    REAL("samples.top_p", DistillSettings, samples_top_p, 1e-6, 1, false, "of those answers"),
    INT("samples.max_tokens", DistillSettings, samples_max_tokens, 1, 1e6, false, "of an answer"),
    INT("samples.problems", DistillSettings, samples_problems, 1, 1e9, false, "a family and level, where data names no problems"),
    {"tasks", KEY_TASKS, AT(DistillSettings, tasks), 0, 0, NULL, false, "families that problems come from: weight above 0, or all"},
    SHAPE_KEYS(DistillSettings),
    {0},
};

const RecipeKey dpo_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    DATA("data", SftSettings, data, "JSONL rows {prompt, chosen, rejected}, as texts, messages or ids: data/pairs.h"),
    LENGTH_KEYS,
    VALIDATION_KEYS,
    PICK("loss", DpoSettings, loss_type, DPO_LOSSES, "sigmoid: DPO; ipo: IPO, on means over tokens"),
    REAL("beta", DpoSettings, beta, 1e-6, 1e6, false, "how close the policy stays to its start; ipo: tau"),
    REAL("label_smoothing", DpoSettings, label_smoothing, 0, 0.5, false, "share of pairs believed to be the wrong way round; sigmoid alone"),
    REAL("rpo_alpha", DpoSettings, rpo_alpha, 0, 1e6, false, "weight of cross-entropy on the chosen completions; 0: none"),
    {0},
};

#define NAMING_KEYS(type) \
    TEXT("name", type, common.name, false, "names the run; runs/<name> is its folder unless out says otherwise"), \
    PICK("stage", type, common.stage, STAGES, "what to do"), \
    INT("seed", type, common.seed, 0, 9e15, false, "of every random draw"), \
    MODEL("model", type, common.model, "Hugging Face folder or GGUF file that is asked"), \
    TEXT("out", type, common.out, true, "run folder"), \
    INT("threads", type, common.threads, 0, 1024, true, "0: as --threads")

#define MIX_KEYS(n) \
    DATA("mix." #n ".data", RejectSettings, mixes[n - 1].data, "rows of a JSONL file that are written too, as they are"), \
    REAL("mix." #n ".share", RejectSettings, mixes[n - 1].share, 0, 0.99, false, "of all rows that are written")

const RecipeKey reject_keys[] = {
    NAMING_KEYS(RejectSettings),
    DATA("data", RejectSettings, data, "prompts of a JSONL file instead of the families'"),
    INT("prompts", RejectSettings, prompts, 0, 1e9, false, "of a file the first so many, 0: all; of the families so many"),
    INT("prompts_per_step", RejectSettings, prompts_per_step, 1, 1e6, false, "prompts between two saves"),
    INT("samples", RejectSettings, samples, 1, 1e6, false, "completions a prompt"),
    INT("max_completion_tokens", RejectSettings, max_completion_tokens, 1, 1e6, false, "cap, stop token included"),
    REAL("temperature", RejectSettings, temperature, 1e-3, 100, false, "of the samples"),
    {"tasks", KEY_TASKS, AT(RejectSettings, tasks), 0, 0, NULL, false, "family: weight, or all"},
    TEXT("frame", RejectSettings, frame, false, "r1-zero, r1, or tags with ... for free text"),
    INT("workers", RejectSettings, workers, 0, 1024, true, "programs judged at once; 0: three a thread"),
    INT("max_active", RejectSettings, max_active, 1, 65536, true, "completions decoded at once; moves no bit"),
    REAL("filter.language", RejectSettings, language, 0, 1, false, "least share of words in one language; 0: any"),
    TEXT("filter.language_target", RejectSettings, language_target, false, "en, de, fr, es, pt, ru, ar, hi, zh, ja, ko; empty: the prompt's"),
    INT("filter.paragraph_words", RejectSettings, paragraph_words, 0, 1e9, false, "most of a paragraph of the thinking; 0: any"),
    FLAG("filter.code_blocks", RejectSettings, code_blocks, false, "fenced code may stand in the thinking"),
    REAL("filter.repetition", RejectSettings, repetition, 0, 1, false, "most of the n-grams that may repeat earlier ones; 1: any"),
    INT("filter.repetition_ngram", RejectSettings, repetition_ngram, 1, 16, false, "n"),
    DATA("filter.contamination", RejectSettings, contamination, "evaluation problems of a JSONL file: rows with words of theirs are left out"),
    INT("filter.contamination_ngram", RejectSettings, contamination_ngram, 4, 64, false, "words in a row"),
    REAL("filter.near_duplicates", RejectSettings, near_duplicates, 0, 1, false, "rows this much alike count as one; 0: none do"),
    INT("keep.per_prompt", RejectSettings, per_prompt, 1, 1e6, false, "most completions of one prompt that are kept"),
    MIX_KEYS(1),
    MIX_KEYS(2),
    MIX_KEYS(3),
    MIX_KEYS(4),
    MODEL("judge.model", RejectSettings, judge_model, "decides where no rule can, by {\"correctness\": ...}; empty: left out as undecided"),
    INT("judge.max_tokens", RejectSettings, judge_max_tokens, 1, 1e6, false, "of a reply"),
    MODEL("rewrite.model", RejectSettings, rewrite_model, "rewrites what would be kept; empty: nothing is rewritten"),
    TEXT("rewrite.template", RejectSettings, rewrite_template, false, "what that model goes on: a text with {prompt}, {completion}, {thinking}, {answer}"),
    TEXT("rewrite.frame", RejectSettings, rewrite_frame, false, "of the rewritten text"),
    INT("rewrite.samples", RejectSettings, rewrite_samples, 1, 1e6, false, "tries; the first that holds is kept"),
    INT("rewrite.max_tokens", RejectSettings, rewrite_max_tokens, 1, 1e6, false, "cap, stop token included"),
    REAL("rewrite.temperature", RejectSettings, rewrite_temperature, 1e-3, 100, false, "of the rewriting"),
    {0},
};

const RecipeKey task_rows_keys[] = {
    TEXT("name", TaskRowsSettings, common.name, false, "names the run; runs/<name> is its folder unless out says otherwise"),
    PICK("stage", TaskRowsSettings, common.stage, STAGES, "what to do"),
    INT("seed", TaskRowsSettings, common.seed, 0, 9e15, false, "another seed gives other problems of the same split"),
    TEXT("out", TaskRowsSettings, common.out, true, "run folder"),
    INT("threads", TaskRowsSettings, common.threads, 0, 1024, true, "0: as --threads"),
    TEXT("task", TaskRowsSettings, task, false, "as `r1 tasks --list` names them; all: the families in turn"),
    PICK("rows", TaskRowsSettings, rows, TASK_ROWS_KINDS, "what each is; replies, pairs, candidates and judgements are of helpful and safety, rewrites of all families"),
    INT("n", TaskRowsSettings, n, 1, 1e9, false, "rows"),
    INT("level", TaskRowsSettings, level, 0, TASK_MAX_LEVELS, false, "0: the trained ones in turn"),
    PICK("split", TaskRowsSettings, split, SPLITS, "the two have no problem in common"),
    FLAG("shuffle_labels", TaskRowsSettings, shuffle_labels, false, "the control: pairs by a coin, labels of replies dealt out anew; what learns from them must learn nothing"),
    PICK("task_language", TaskRowsSettings, common.task_language, TASK_LANGUAGE_CHOICES, "of the questions; both: in turn"),
    TEXT("prompt", TaskRowsSettings, judge_prompt, false, "judgements: what the judge is asked, with {question}, {A} and {B}, as the stage pairs has it; empty: the program's words"),
    {0},
};

const RecipeKey pairs_keys[] = {
    NAMING_KEYS(PairsSettings),
    DATA("data", PairsSettings, data, "JSONL rows {prompt, completions: [...], check?}: neighbours are compared"),
    INT("asks", PairsSettings, asks, 1, 256, false, "how often each pair is judged, in an order drawn anew"),
    REAL("least", PairsSettings, least, 0, 2, false, "pairs are kept whose mean difference, 0 to 2, exceeds this"),
    FLAG("balance", PairsSettings, balance, false, "pairs are left out until chosen and rejected responses are as long over all"),
    FLAG("response", PairsSettings, response, false, "the judge sees whole responses, not what stands behind </think>"),
    FLAG("shuffle_labels", PairsSettings, shuffle_labels, false, "the control: who is chosen is drawn; what learns from such pairs must learn nothing"),
    REAL("temperature", PairsSettings, temperature, 0, 100, false, "of what the judge writes"),
    INT("max_tokens", PairsSettings, max_tokens, 1, 1e6, false, "that it may write"),
    TEXT("prompt", PairsSettings, prompt, false, "what it is asked, with {question}, {A} and {B}; empty: the program's words"),
    INT("max_active", PairsSettings, max_active, 1, 65536, true, "replies decoded at once; moves no bit"),
    {0},
};

const RecipeKey eval_keys[] = {
    NAMING_KEYS(EvalSettings),
    DATA("data", EvalSettings, common.eval_data, "problems of a JSONL file instead of the families' held-out ones"),
    INT("problems", EvalSettings, common.eval_problems, 1, 1e6, false, "held-out problems a family and level"),
    INT("samples", EvalSettings, common.eval_samples, 1, 1e6, false, "k, samples a problem"),
    INT("max_tokens", EvalSettings, common.eval_max_tokens, 1, 1e6, false, "new tokens a sample"),
    REAL("temperature", EvalSettings, common.eval_temperature, 0, 100, false, "of the samples"),
    REAL("top_p", EvalSettings, common.eval_top_p, 1e-6, 1, false, "of the samples"),
    TEXT("frame", EvalSettings, common.eval_frame, false, "that completions of checked problems have to be of: r1-zero, r1, or tags with ... for free text"),
    PICK("task_language", EvalSettings, common.task_language, TASK_LANGUAGE_CHOICES, "of the families' questions; both: half of them each"),
    INT("general", EvalSettings, general, 0, 1e6, false, "helpful and safety requests a level and language, judged by their rules: how helpful and safe the replies are"),
    PICK("format", EvalSettings, format, eval_format_names, "of data, as sets are published (docs/evaluation.md); auto: each row by its keys"),
    FLAG("chat", EvalSettings, chat, false, "data: a question is a user's turn through the model's chat template"),
    MODEL("judge", EvalSettings, judge, "data: a model that decides open answers and those that no rule can; empty: they are undecided"),
    {0},
};
/* clang-format on */

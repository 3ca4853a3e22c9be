/* SPDX-License-Identifier: MIT */
/* cli/stage.c: `r1 pretrain`, `r1 sft`, `r1 grpo`, `r1 ppo`, `r1 reward-model`, `r1 distill`, `r1 dpo` and `r1 reject`: recipes of one stage
 * that are written on the command line. */
#include "cli/run.h"

#include "base/arena.h"

/* "key=value" with the value as a quoted text, so that a path is never read as anything else. */
static char *text_set(const char *key, const char *text)
{
    JsonOut quoted = {0};
    json_out_cstring(&quoted, text);
    char *const set = base_printf("%s=%s", key, quoted.text);
    json_out_free(&quoted);
    return set;
}

typedef struct StageArguments {
    const char *model, *data, *teacher, *value_model, *out;
    const char *keys; /* YAML of the recipe, instead of the stage alone */
    CliArguments sets;
    bool dry_run;
} StageArguments;

/* name: of the run; without keys also of the stage. */
static bool run_stage(Cli *cli, const char *name, const StageArguments *a, Error *err)
{
    char *const text = a->keys ? base_strdup(a->keys) : base_printf("stage: %s\n", name);
    const char **const sets = base_alloc((size_t)a->sets.n_items + 4, sizeof *sets);
    char *owned[4];
    int n_owned = 0;
    if (a->model) owned[n_owned++] = text_set("model", a->model);
    if (a->data) owned[n_owned++] = text_set("data", a->data);
    if (a->teacher) owned[n_owned++] = text_set("teacher", a->teacher);
    if (a->value_model) owned[n_owned++] = text_set("ppo.value_model", a->value_model);
    int64_t n = 0;
    for (int i = 0; i < n_owned; i++) sets[n++] = owned[i];
    for (int64_t i = 0; i < a->sets.n_items; i++) sets[n++] = a->sets.items[i];

    Recipe recipe;
    const RunOptions options = {.out = a->out, .stream = stderr, .quiet = cli->quiet, .json = cli->json};
    bool ok = recipe_open_text(&recipe, name, text, sets, n, err);
    if (ok) {
        ok = cli_run_recipe(cli, &recipe, &options, a->dry_run, err);
        recipe_close(&recipe);
    }
    for (int i = 0; i < n_owned; i++) base_free(owned[i]);
    base_free(sets);
    base_free(text);
    return ok;
}

static bool run_pretrain(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING("--model", "DIR", &a.model, "goes on from this Hugging Face folder; needs --data [fresh weights]"),
        CLI_STRING("--data", "F", &a.data,
                   "texts: .txt or .jsonl {\"text\"} (.gz), or a folder of them [generated documents]"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the model"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. steps=500"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "pretrain", &a, err);
}

static bool run_sft(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &a.model, "a Hugging Face folder to start from"),
        CLI_STRING_REQUIRED(
            "--data", "F.jsonl", &a.data,
            "rows {\"prompt\", \"completion\"}, {\"messages\"}, {\"text\"}, {\"prompt_ids\", \"completion_ids\"}"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the model"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. epochs=3"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "sft", &a, err);
}

static bool run_grpo(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &a.model, "a Hugging Face folder or a GGUF file to start from"),
        CLI_STRING("--data", "F.jsonl", &a.data,
                   "rows {\"prompt\" or \"question\", \"answer\", \"check\"?} [the families]"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the model"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. steps=20"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "grpo", &a, err);
}

static bool run_ppo(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {.keys = "stage: grpo\nalgorithm: ppo\n"};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &a.model, "a Hugging Face folder or a GGUF file to start from"),
        CLI_STRING("--value-model", "DIR", &a.value_model,
                   "what the value model starts from, e.g. a reward model [the start model, expecting 0]"),
        CLI_STRING("--data", "F.jsonl", &a.data,
                   "rows {\"prompt\" or \"question\", \"answer\", \"check\"?} [the families]"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the model"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. ppo.lambda=0.95"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "ppo", &a, err);
}

static bool run_reward_model(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &a.model, "a Hugging Face folder to start from"),
        CLI_STRING_REQUIRED(
            "--data", "F.jsonl", &a.data,
            "rows {\"prompt\", \"chosen\", \"rejected\", \"margin\"?}, or {\"prompt\", \"completion\", \"label\"}"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the reward model"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. scored=response"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "reward-model", &a, err);
}

static bool run_distill(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING("--model", "DIR", &a.model, "the student, a Hugging Face folder [fresh weights in shape.*]"),
        CLI_STRING_REQUIRED("--teacher", "DIR", &a.teacher, "a Hugging Face folder or a GGUF file to learn from"),
        CLI_STRING("--data", "F.jsonl", &a.data,
                   "examples as of r1 sft; with samples.per_problem, problems for the teacher [the families]"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the student"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. lambda=0.5"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "distill", &a, err);
}

static bool run_dpo(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &a.model, "a Hugging Face folder to start from; also the reference"),
        CLI_STRING_REQUIRED("--data", "F.jsonl", &a.data,
                            "rows {\"prompt\", \"chosen\", \"rejected\"}: texts, lists of messages, or ids"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; its model/ is the model"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. beta=0.05"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "dpo", &a, err);
}

static bool run_reject(Cli *cli, int argc, char **argv, Error *err)
{
    StageArguments a = {0};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &a.model, "a Hugging Face folder or a GGUF file that is sampled"),
        CLI_STRING("--data", "F.jsonl", &a.data,
                   "rows {\"prompt\" or \"question\", \"answer\", \"check\"?} [the families; then --set prompts=N]"),
        CLI_STRING_REQUIRED("--out", "DIR", &a.out, "run folder; data/kept.jsonl and data/dropped.jsonl come in it"),
        CLI_LIST("--set", "a.b=v", &a.sets, "any key of a recipe, e.g. samples=8"),
        CLI_FLAG("--dry-run", &a.dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_END,
    };
    cli_expect_threads(cli);
    return cli_parse(cli, options, argc, argv, NULL, 0, 0, err) && run_stage(cli, "reject", &a, err);
}

const Command command_pretrain = {
    .name = "pretrain",
    .summary = "train a base model on generated documents or on your texts",
    .usage = "r1 pretrain [--data F [--model DIR]] --out DIR [--set a.b=v]... [--dry-run]",
    .details =
        "A recipe of one stage without a file: `r1 run DIR/recipe.yaml --out DIR` goes on with it, and so does the\n"
        "same command.\n"
        "\n"
        "Texts become token ids once, in DIR/tokens, and are trained on in a shuffled order. A share of the "
        "documents,\n"
        "text.held_out, is never trained on: every eval.every steps eval_loss is the loss on them. Without --model a\n"
        "tokenizer is trained on the first tokenizer.documents of them.",
    .example =
        "build/release/r1 pretrain --out runs/tiny --set steps=20 --set shape.hidden_size=64 --set shape.head_dim=16",
    .run = run_pretrain,
};

const Command command_sft = {
    .name = "sft",
    .summary = "supervised fine-tuning of a model on examples: cold start, rejection-sampled data, distillation",
    .usage = "r1 sft --model DIR --data F.jsonl --out DIR [--set a.b=v]... [--dry-run]",
    .details =
        "A recipe of one stage without a file. The loss is that of the completions and the end behind them; prompts\n"
        "are read, not learnt (prompt_weight). Examples are packed up to max_length and never see each other.",
    .example = "build/release/r1 tasks sum --n 200 --seed 1 --split train | sed 's/\"answer\"/\"completion\"/' > "
               "/tmp/sums.jsonl\n"
               "  build/release/r1 sft --model models/base --data /tmp/sums.jsonl --out runs/sums --set epochs=1",
    .run = run_sft,
};

const Command command_grpo = {
    .name = "grpo",
    .summary = "reinforcement learning by group-relative advantages from a base model",
    .usage = "r1 grpo --model DIR --out DIR [--data F.jsonl] [--set a.b=v]... [--dry-run]",
    .details =
        "A recipe of one stage without a file. A row of the data is a problem: its prompt is sampled from as it\n"
        "stands, a question is put as \"User: ...\\nAssistant:\"; the answer in the frame is compared with "
        "\"answer\",\n"
        "or decided by \"check\".",
    .example =
        "build/release/r1 grpo --model models/base --out runs/short --set steps=2 --set max_completion_tokens=64",
    .run = run_grpo,
};

const Command command_ppo = {
    .name = "ppo",
    .summary = "reinforcement learning by PPO: advantages of tokens from a value model instead of from groups",
    .usage = "r1 ppo --model DIR --out DIR [--value-model DIR] [--data F.jsonl] [--set a.b=v]... [--dry-run]",
    .details =
        "A recipe of one stage without a file: `stage: grpo` with `algorithm: ppo`. Questions, rollouts, rewards and\n"
        "the clipped loss are those of r1 grpo; a second model says after each token what reward is to be expected, "
        "and\n"
        "GAE (ppo.gamma, ppo.lambda) makes advantages of that. It learns beside the policy by a clipped square\n"
        "(ppo.vf_coef, ppo.cliprange_value, ppo.value_learning_rate); checkpoints hold it as value/. With kl_coef the "
        "KL\n"
        "to the reference is taken off every token's reward, or, ppo.kl loss, added to the loss as GRPO has it.",
    .example = "build/release/r1 ppo --model models/base --out runs/ppo-short --set steps=2 --set "
               "max_completion_tokens=64 --set ppo.lambda=0.95",
    .run = run_ppo,
};

const Command command_reward_model = {
    .name = "reward-model",
    .summary = "train a model that scores responses, from pairs of which one is preferred or from labels",
    .usage = "r1 reward-model --model DIR --data F.jsonl --out DIR [--set a.b=v]... [--dry-run]",
    .details = "A recipe of one stage without a file. Pairs are learnt by -log sigmoid(s_chosen - s_rejected - "
               "margin), labels\n"
               "(true, false, or a number between) by cross-entropy. Of pairs the final summary is scored, what stands "
               "behind\n"
               "</think>, of labelled responses everything, unless `scored` says otherwise. Prompts may be lists of "
               "messages.\n"
               "\n"
               "A share of the prompts, held_out, is never learnt from: every validation.every steps their rows give "
               "accuracy,\n"
               "calibration, margin and the correlation of scores with lengths. `r1 score --reward` gives the scores "
               "of others.",
    .example = "build/release/r1 tasks sum --n 200 --seed 1 --split train | sed 's/\"answer\": \"\\([^\"]*\\)\"/"
               "\"chosen\": \"\\1\", \"rejected\": \"\\19\"/' > /tmp/pairs.jsonl\n"
               "  build/release/r1 reward-model --model models/base --data /tmp/pairs.jsonl --out runs/taste",
    .run = run_reward_model,
};

const Command command_distill = {
    .name = "distill",
    .summary = "distillation of a teacher into a student, by its logits or by its answers",
    .usage = "r1 distill [--model DIR] --teacher DIR [--data F.jsonl] --out DIR [--set a.b=v]... [--dry-run]",
    .details = "A recipe of one stage without a file. Student and teacher have the same tokens; without --model the "
               "student is\n"
               "of fresh weights, in shape.arch qwen2 or llama. mode logits compares the distributions at every token "
               "by beta:\n"
               "0 KL(teacher || student), 1 KL(student || teacher), between Jensen-Shannon; lambda is the share of "
               "updates on\n"
               "what the student says itself. mode sft is cross-entropy. With samples.per_problem the teacher answers "
               "problems,\n"
               "and its right answers are the examples (DIR/samples.jsonl).",
    .example =
        "build/release/r1 distill --teacher models/base --out runs/student --set steps=4 --set samples.per_problem=2 "
        "--set samples.problems=1 --set samples.max_tokens=64 --set shape.arch=llama",
    .run = run_distill,
};

const Command command_dpo = {
    .name = "dpo",
    .summary = "direct preference optimisation: from pairs of completions, the better one and the other",
    .usage = "r1 dpo --model DIR --data F.jsonl --out DIR [--set a.b=v]... [--dry-run]",
    .details =
        "A recipe of one stage without a file. The reference is the model that it starts from; what that says of the "
        "pairs\n"
        "is computed once, into DIR/reference-logprobs.safetensors. loss is sigmoid (DPO) or ipo; rpo_alpha adds\n"
        "cross-entropy on the chosen completions.",
    .example =
        "build/release/r1 tasks sum --n 64 --seed 1 --split train | sed 's/\"answer\": \"\\([^\"]*\\)\"/\"chosen\": "
        "\"\\1\", \"rejected\": \"I do not know.\"/' > /tmp/pairs.jsonl\n"
        "  build/release/r1 dpo --model models/base --data /tmp/pairs.jsonl --out runs/dpo --set learning_rate=1e-5",
    .run = run_dpo,
};

const Command command_reject = {
    .name = "reject",
    .summary = "rejection sampling: several completions a prompt, of which the right and readable ones are kept",
    .usage = "r1 reject --model DIR --out DIR [--data F.jsonl] [--set a.b=v]... [--dry-run]",
    .details =
        "A recipe of one stage without a file. What stays is right (by the row's answer, check or tests), in the "
        "frame, in\n"
        "one language, without long paragraphs, code blocks in the thinking and repetition, holds no words of\n"
        "filter.contamination, is no near-duplicate, and at most keep.per_prompt of a prompt. mix.1.data and "
        "mix.1.share\n"
        "add other rows. With rewrite.model a second model rewrites what would stay; it stays if it is still right.\n"
        "data/kept.jsonl is what `r1 sft --data` reads; data/dropped.jsonl says of each other sample why.",
    .example =
        "build/release/r1 reject --model models/base --out runs/kept --set prompts=32 --set samples=8\n"
        "  build/release/r1 sft --model models/base --data runs/kept/data/kept.jsonl --out runs/taught --set epochs=1",
    .run = run_reject,
};

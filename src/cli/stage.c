/* SPDX-License-Identifier: MIT */
/* cli/stage.c: `r1 pretrain`, `r1 sft`, `r1 grpo` and `r1 reject`: recipes of one stage that are written on the command line. */
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
    const char *model, *data, *out;
    CliArguments sets;
    bool dry_run;
} StageArguments;

static bool run_stage(Cli *cli, const char *stage, const StageArguments *a, Error *err)
{
    char *const text = base_printf("stage: %s\n", stage);
    const char **const sets = base_alloc((size_t)a->sets.n_items + 2, sizeof *sets);
    char *owned[2];
    int n_owned = 0;
    if (a->model) owned[n_owned++] = text_set("model", a->model);
    if (a->data) owned[n_owned++] = text_set("data", a->data);
    int64_t n = 0;
    for (int i = 0; i < n_owned; i++) sets[n++] = owned[i];
    for (int64_t i = 0; i < a->sets.n_items; i++) sets[n++] = a->sets.items[i];

    Recipe recipe;
    const RunOptions options = {.out = a->out, .stream = stderr, .quiet = cli->quiet, .json = cli->json};
    bool ok = recipe_open_text(&recipe, stage, text, sets, n, err);
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

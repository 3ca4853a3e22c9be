/* SPDX-License-Identifier: MIT */
/* cli/pairs.c: `r1 pairs`: a judge compares responses to one prompt; the clear pairs are what `r1 reward-model` learns from. */
#include "cli/cli.h"

#include "eval/judge_model.h"
#include "eval/judge_rows.h"
#include "recipe/pairs_stage.h"
#include "record/notes.h"

#include <inttypes.h>

typedef struct PairsOptions {
    double least, temperature;
    int64_t asks, max_tokens, seed;
    const char *model, *data, *out, *prompt;
    bool whole, unbalanced, shuffled;
} PairsOptions;

static bool judge_pairs(Cli *cli, RowPairs *pairs, const PairsOptions *o, const Compute *compute, Error *err)
{
    const JudgeModelConfig config = {
        .max_tokens = o->max_tokens, .temperature = o->temperature, .seed = (uint64_t)o->seed};
    const JudgeWay way = {.form = JUDGE_COMPARE, .prompt = o->prompt, .asks = o->asks};
    JudgeModel *judge;
    if (!judge_model_open(&judge, o->model, compute, &config, err)) return false;
    bool ok = true;
    for (int64_t first = 0; ok && first < pairs->n; first += ROW_PAIRS_ASKED) {
        const int64_t left = pairs->n - first, n = left < ROW_PAIRS_ASKED ? left : ROW_PAIRS_ASKED;
        ok = row_pairs_ask(pairs, judge_model_judge(judge), &way, first, n, err);
        cli_note(cli, "%" PRId64 " of %" PRId64 " pairs judged\n", first + n, pairs->n);
    }
    judge_model_close(judge);
    return ok;
}

static bool tell(const JudgedPairs *counts, Error *err)
{
    JsonOut out = {0};
    judge_pairs_json(&out, counts);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* What the stage `pairs` would say of them. */
static void warn(Cli *cli, const JudgedPairs *counts)
{
    MetricsRow row = {0};
    Notes notes;
    pairs_measure(&row, counts);
    notes_of_step(&notes, &row);
    for (int i = 0; i < notes.n; i++)
        if (notes.items[i].level == NOTE_WARNING) cli_note(cli, "warning: %s\n", notes.items[i].text);
    metrics_row_free(&row);
}

static bool make_pairs(Cli *cli, RowPairs *pairs, const PairsOptions *o, const Compute *compute, Error *err)
{
    JudgedPairs counts;
    if (!judge_pairs(cli, pairs, o, compute, err)) return false;
    judge_pairs_keep(pairs->judged, pairs->n, o->least, !o->unbalanced, &counts);
    warn(cli, &counts);
    return row_pairs_write(pairs, o->out, (uint64_t)o->seed, o->shuffled, err) && tell(&counts, err);
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    PairsOptions s = {.least = 1.0, .asks = 4, .max_tokens = 256, .temperature = 1.0, .prompt = ""};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &s.model, "the judge: a Hugging Face folder or a GGUF file"),
        CLI_STRING_REQUIRED("--data", "F.jsonl", &s.data, "rows {\"prompt\", \"completions\": [...], \"check\"?}"),
        CLI_STRING_REQUIRED("--out", "F.jsonl", &s.out, "rows {\"prompt\", \"chosen\", \"rejected\", \"difference\"}"),
        CLI_INT("--asks", "N", &s.asks, 1, 256, "how often a pair is judged [4]"),
        CLI_DOUBLE("--least", "D", &s.least, 0, 2, "pairs are kept whose mean difference, 0 to 2, exceeds this [1]"),
        CLI_FLAG("--response", &s.whole, "show the judge whole responses, not what stands behind </think>"),
        CLI_FLAG("--unbalanced", &s.unbalanced, "keep all clear pairs, whatever their lengths"),
        CLI_FLAG("--shuffle-labels", &s.shuffled, "draw who is chosen: the control that must teach nothing"),
        CLI_DOUBLE("--temperature", "T", &s.temperature, 0, 100, "of what the judge writes [1]"),
        CLI_INT("--max-tokens", "N", &s.max_tokens, 1, 1 << 20, "that it may write [256]"),
        CLI_STRING("--prompt", "TEXT", &s.prompt,
                   "what it is asked, with {question}, {A} and {B} [the program's words]"),
        CLI_INT("--seed", "N", &s.seed, 0, INT64_MAX, "of orders and of what it writes [0]"),
        CLI_END,
    };
    Compute compute;
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err) || !judge_check_prompt(JUDGE_COMPARE, s.prompt, err) ||
        !cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err))
        return false;
    RowPairs pairs;
    if (!row_pairs_read(&pairs, s.data, s.whole ? SCORED_RESPONSE : SCORED_SUMMARY, err)) return false;
    const bool ok = make_pairs(cli, &pairs, &s, &compute, err);
    row_pairs_free(&pairs);
    return ok;
}

const Command command_pairs = {
    .name = "pairs",
    .summary = "have a judge compare responses; the clear pairs train a reward model",
    .usage =
        "r1 pairs --model JUDGE --data F.jsonl --out PAIRS.jsonl [--asks 4] [--least 1] [--response] [--unbalanced]",
    .details =
        "The judge compares neighbours of a row's completions, several times, in an order drawn at random, and "
        "answers\n"
        "{\"verdict\": \"A>>B\" | \"A>B\" | \"A=B\" | \"B>A\" | \"B>>A\"}: 2, 1, 0, -1, -2. A pair is kept if the mean "
        "of what can be read is\n"
        "more than --least away from 0; then pairs are left out until chosen and rejected responses are as long over "
        "all.\n"
        "Where \"check\" tells who is right, \"agreement\" is the share of clear pairs in which the judge meets it.",
    .example =
        "printf '{\"prompt\":\"User: 2+2=?\\\\nAssistant:\",\"completions\":[\" 4\",\" 5\"]}\\n' > /tmp/rows.jsonl\n"
        "  build/release/r1 pairs --model models/base --data /tmp/rows.jsonl --out /tmp/pairs.jsonl --max-tokens 16",
    .run = run,
};

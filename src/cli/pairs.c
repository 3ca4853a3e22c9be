/* SPDX-License-Identifier: MIT */
/* cli/pairs.c: `r1 pairs`: a judge compares responses to one prompt; the clear pairs are what `r1 reward-model` learns from. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/philox.h"
#include "data/jsonl.h"
#include "data/preferences.h"
#include "eval/judge_model.h"
#include "eval/judge_opinion.h"
#include "eval/judge_pairs.h"
#include "reward/accuracy.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 64 }; /* pairs judged at once */

typedef struct Pair {
    json_t *row; /* shared; a reference of its own */
    JudgeText question, responses[2];
} Pair;

typedef struct Pairs {
    Pair *items;
    JudgedPair *judged; /* [n] */
    int64_t n, capacity;
    ScoredPart part;
    double least;
    int64_t asks, max_tokens, seed;
    double temperature;
    const char *model, *data, *out, *prompt;
    bool whole, unbalanced, shuffled;
} Pairs;

/* ---- rows ---- */

static bool question_of(const json_t *row, JudgeText *question, Error *err)
{
    return json_require(row, "prompt", err) && json_get_string(row, "prompt", &question->text, &question->length, err);
}

/* Which of the two is right by the row's check: 1, -1, or 0. */
static int truth_of(const Pair *p)
{
    const char *const check = json_string_value(json_object_get(p->row, "check"));
    Verdict verdicts[2];
    if (!check) return 0;
    for (int i = 0; i < 2; i++) {
        const FormatResult frame =
            format_check(p->question.text, p->question.length, p->responses[i].text, p->responses[i].length);
        verdicts[i] = accuracy_verdict(check, p->responses[i].text, &frame);
    }
    if (verdicts[0] == VERDICT_RIGHT && verdicts[1] == VERDICT_WRONG) return 1;
    return verdicts[0] == VERDICT_WRONG && verdicts[1] == VERDICT_RIGHT ? -1 : 0;
}

static void add_pair(Pairs *s, const Pair *pair)
{
    if (s->n == s->capacity) {
        s->capacity = 2 * s->capacity + 64;
        s->items = base_realloc(s->items, (size_t)s->capacity, sizeof *s->items);
    }
    s->items[s->n++] = *pair;
    json_incref(pair->row);
}

/* {"prompt", "completions": [TEXT, TEXT, ...]}: neighbours are pairs. */
static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    Pairs *const s = context;
    const json_t *const list = json_object_get(row, "completions");
    Pair pair = {.row = (json_t *)(uintptr_t)row};
    (void)line;
    if (!question_of(row, &pair.question, err)) return false;
    if (json_array_size(list) < 2)
        return error_set(err, ERROR_INPUT, "\"completions\" must be a list of at least two texts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const text = json_array_get(list, i);
        if (!json_is_string(text)) return error_set(err, ERROR_INPUT, "\"completions\"[%zu] must be a text", i);
        pair.responses[i % 2] = (JudgeText){json_string_value(text), json_string_length(text)};
        if (i % 2 == 1) add_pair(s, &pair);
    }
    return true;
}

static void pairs_free(Pairs *s)
{
    for (int64_t i = 0; i < s->n; i++) json_decref(s->items[i].row);
    base_free(s->items);
    base_free(s->judged);
}

/* ---- judging ---- */

static JudgeCase case_of(const Pairs *s, int64_t i)
{
    const Pair *const p = &s->items[i];
    JudgeCase item = {.question = p->question, .key = (uint64_t)i};
    item.first.text = preference_scored(s->part, p->question.text, p->question.length, p->responses[0].text,
                                        p->responses[0].length, &item.first.length);
    item.second.text = preference_scored(s->part, p->question.text, p->question.length, p->responses[1].text,
                                         p->responses[1].length, &item.second.length);
    return item;
}

static bool judge_chunk(Pairs *s, const JudgeModel *judge, int64_t first, int64_t n, Error *err)
{
    JudgeCase cases[CHUNK];
    JudgeOpinion opinions[CHUNK];
    const JudgeWay way = {.form = JUDGE_COMPARE, .prompt = s->prompt, .asks = s->asks};
    for (int64_t i = 0; i < n; i++) cases[i] = case_of(s, first + i);
    if (!judge_ask(judge_model_judge(judge), &way, cases, n, opinions, err)) return false;
    for (int64_t i = 0; i < n; i++)
        s->judged[first + i] =
            (JudgedPair){.n_readable = opinions[i].n_readable,
                         .difference = opinions[i].value,
                         .lengths = {(int64_t)cases[i].first.length, (int64_t)cases[i].second.length},
                         .truth = truth_of(&s->items[first + i])};
    return true;
}

static bool judge_pairs(Cli *cli, Pairs *s, const Compute *compute, Error *err)
{
    const JudgeModelConfig config = {
        .max_tokens = s->max_tokens, .temperature = s->temperature, .seed = (uint64_t)s->seed};
    JudgeModel *judge;
    if (!judge_model_open(&judge, s->model, compute, &config, err)) return false;
    bool ok = true;
    s->judged = base_alloc((size_t)s->n, sizeof *s->judged);
    for (int64_t first = 0; ok && first < s->n; first += CHUNK) {
        ok = judge_chunk(s, judge, first, s->n - first < CHUNK ? s->n - first : CHUNK, err);
        cli_note(cli, "%" PRId64 " of %" PRId64 " pairs judged\n", first + CHUNK < s->n ? first + CHUNK : s->n, s->n);
    }
    judge_model_close(judge);
    return ok;
}

/* ---- writing ---- */

/* The row's other keys, then the pair. With shuffled labels who is chosen is drawn: what is learnt from such pairs must be nothing. */
static void write_pair(JsonOut *out, const Pairs *s, int64_t i)
{
    const Pair *const p = &s->items[i];
    const Rng rng = {(uint64_t)s->seed, RNG_JUDGE};
    int chosen = s->judged[i].difference > 0 ? 0 : 1;
    if (s->shuffled) chosen = (int)(rng_bits(rng, UINT64_MAX, 3, (uint64_t)i) & 1);
    const char *key;
    json_t *value;
    json_out_object(out);
    json_object_foreach(p->row, key, value)
    {
        if (strcmp(key, "completions") == 0 || strcmp(key, "chosen") == 0 || strcmp(key, "rejected") == 0) continue;
        json_out_key(out, key);
        json_out_value(out, value);
    }
    json_out_key(out, "chosen");
    json_out_string(out, p->responses[chosen].text, p->responses[chosen].length);
    json_out_key(out, "rejected");
    json_out_string(out, p->responses[1 - chosen].text, p->responses[1 - chosen].length);
    json_out_kv_double(out, "difference", fabs(s->judged[i].difference));
    json_out_object_end(out);
    json_out_raw_bytes(out, "\n", 1);
    out->needs_comma = false;
}

static bool write_pairs(const Pairs *s, Error *err)
{
    JsonOut out = {0};
    for (int64_t i = 0; i < s->n; i++)
        if (s->judged[i].kept) write_pair(&out, s, i);
    const bool ok = file_write_all(s->out, "pairs", out.text ? out.text : "", out.length, err);
    json_out_free(&out);
    return ok;
}

static bool tell(const JudgedPairs *c, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_int(&out, "pairs", c->n);
    json_out_kv_int(&out, "kept", c->n_kept);
    json_out_kv_int(&out, "undecided", c->n_undecided);
    json_out_kv_int(&out, "unclear", c->n_unclear);
    json_out_kv_int(&out, "unbalanced", c->n_unbalanced);
    json_out_kv_double(&out, "mean_length_difference", c->mean_length_difference);
    json_out_kv_int(&out, "with_truth", c->n_truth);
    json_out_kv_double(&out, "agreement", c->n_truth > 0 ? (double)c->n_agree / (double)c->n_truth : (double)NAN);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static const double ENOUGH_AGREEMENT = 0.85;

static bool make_pairs(Cli *cli, Pairs *s, const Compute *compute, Error *err)
{
    JudgedPairs counts;
    s->part = s->whole ? SCORED_RESPONSE : SCORED_SUMMARY;
    if (!jsonl_read(s->data, INT64_MAX, "row with completions", read_row, s, err) || !judge_pairs(cli, s, compute, err))
        return false;
    judge_pairs_keep(s->judged, s->n, s->least, !s->unbalanced, &counts);
    if (counts.n_truth > 0 && (double)counts.n_agree < ENOUGH_AGREEMENT * (double)counts.n_truth)
        cli_note(cli,
                 "warning: the judge meets the truth in %" PRId64 " of %" PRId64
                 " pairs where it is known, less than %.0f%%: it cannot be relied on\n",
                 counts.n_agree, counts.n_truth, 100 * ENOUGH_AGREEMENT);
    return write_pairs(s, err) && tell(&counts, err);
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    Pairs s = {.least = 1.0, .asks = 4, .max_tokens = 256, .temperature = 1.0, .prompt = ""};
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
    const bool ok = make_pairs(cli, &s, &compute, err);
    pairs_free(&s);
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

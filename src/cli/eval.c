/* SPDX-License-Identifier: MIT */
/* cli/eval.c: how often a model is right, over procedural problems or a file of problems, and how well it predicts a text. */
#include "cli/eval.h"

#include "base/arena.h"
#include "base/yaml.h"
#include "format/gguf.h"
#include "model/adapter.h"
#include "model/frozen.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_PER_CELL = 16, DEFAULT_TOTAL = 64, MAX_LISTED = 20 };

static const char *const split_names[] = {"held-out", "train", NULL};
static const char *const level_names[] = {"trained", "unseen", "all", NULL};

static bool load(Loaded *loaded, Cli *cli, const char *folder, const SamplingOptions *sampling, Error *err)
{
    *loaded = (Loaded){.sampling = *sampling};
    Threads *threads;
    if (!cli_kernels(cli, &loaded->compute.k, err) || !cli_threads(cli, &threads, err)) return false;
    loaded->compute.threads = threads;
    return adapter_tokenizer_open(&loaded->tokenizer, folder, err) &&
           model_open_frozen(&loaded->model, folder, WEIGHTS_STORED, &loaded->compute, err) &&
           sampling_options_prepare(&loaded->sampling, &loaded->model.config, loaded->tokenizer, err);
}

static void unload(Loaded *loaded)
{
    tokenizer_free(loaded->tokenizer);
    model_free(&loaded->model);
    sampling_options_free(&loaded->sampling);
}

/* ---- problems ---- */

static bool find_task(const char *name, int *task, Error *err)
{
    *task = task_find(name);
    if (*task >= 0) return true;
    const char *names[64];
    int n = 0;
    for (; n < task_count_all() && n < 63; n++) names[n] = task_name(n);
    names[n] = NULL;
    const char *const nearest = yaml_nearest(name, names);
    return error_set(err, ERROR_USAGE,
                     "--task %s: no such family%s%s%s; `r1 tasks --list` shows them, \"all\" asks all", name,
                     nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

static EvalFormat format_named(const char *name)
{
    int format = 0;
    while (strcmp(eval_format_names[format], name) != 0) format++;
    return (EvalFormat)format;
}

static EvalConfig eval_config(const EvalOptions *o)
{
    const bool one_level = o->level > 0;
    return (EvalConfig){
        .split = strcmp(o->split, "train") == 0 ? SPLIT_TRAIN : SPLIT_HELD_OUT,
        .seed = (uint64_t)o->sampling.seed,
        .samples = o->k,
        .sampling = o->sampling.params,
        .trained_levels = one_level || strcmp(o->levels, "unseen") != 0,
        .unseen_levels = one_level || strcmp(o->levels, "trained") != 0,
        .level = (int)o->level,
        .language = language_choice(o->language),
        .frame = o->frame_text && strcmp(o->frame_text, "r1-zero") != 0 ? &o->frame : NULL,
        .force_working = o->force_working,
        .format = format_named(o->format),
    };
}

/* Which families and how many problems; *tasks is what the config then borrows. */
static bool choose_problems(EvalConfig *config, bool **tasks, const EvalOptions *o, Error *err)
{
    int task;
    *tasks = NULL;
    if (o->data) {
        config->total_problems = o->n;
        return true;
    }
    if (eval_is_all(o)) {
        config->problems_per_cell = o->n ? o->n : DEFAULT_PER_CELL;
        return true;
    }
    if (!find_task(o->task, &task, err)) return false;
    if (o->level > task_levels(task))
        return error_set(err, ERROR_USAGE, "--level %" PRId64 ": %s has levels 1 to %d", o->level, o->task,
                         task_levels(task));
    config->total_problems = o->n ? o->n : DEFAULT_TOTAL;
    config->tasks = *tasks = base_alloc((size_t)task_count_all(), sizeof **tasks);
    (*tasks)[task] = true;
    return true;
}

static void note_golds(const Cli *cli, const EvalPlan *plan, const EvalOptions *o)
{
    int64_t n_unreadable = 0;
    for (int64_t i = 0; i < eval_plan_problems(plan); i++) {
        const EvalProblem *const p = eval_plan_problem(plan, i);
        if (p->unreadable && n_unreadable++ < MAX_LISTED)
            cli_note(cli, "%s:%" PRId64 ": problem %s: %s cannot be read; no answer will count as right\n", o->data,
                     p->line, p->id, p->check ? "its check" : "its answer");
    }
    if (n_unreadable > MAX_LISTED)
        cli_note(cli, "%s: %" PRId64 " more such problems\n", o->data, n_unreadable - MAX_LISTED);
}

typedef struct Asking {
    Watch watch;
    const Cli *cli;
    const EvalOptions *options;
} Asking;

static bool planned(void *context, const EvalPlan *plan, Error *err)
{
    Asking *const a = context;
    const EvalOptions *const o = a->options;
    if (o->data) note_golds(a->cli, plan, o);
    cli_note(a->cli, "%" PRId64 " problems, %" PRId64 " samples each, at most %" PRId64 " tokens\n",
             eval_plan_problems(plan), o->k, o->sampling.params.max_tokens);
    return eval_watch_begin(&a->watch, eval_plan_problems(plan), o->k, err);
}

static bool heard(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    Asking *const a = context;
    return eval_watch_sample(&a->watch, problem, sample, err);
}

/* samples_out may be NULL. */
static bool ask(EvalReport *report, Cli *cli, Loaded *loaded, const char *folder, const char *samples_out,
                const EvalOptions *o, Error *err)
{
    EvalRequest request = {.data = o->data,
                           .chat = o->chat ? folder : NULL,
                           .judge = o->judge,
                           .config = eval_config(o),
                           .max_active = o->max_active,
                           .planned = planned,
                           .done = heard};
    Asking asking = {
        .watch = {.samples_out = samples_out, .shown = !cli->quiet && isatty(STDERR_FILENO)}, .cli = cli, .options = o};
    bool *tasks;
    *report = (EvalReport){.plan = NULL};
    request.context = &asking;
    request.config.sampling = loaded->sampling.params;
    if (!choose_problems(&request.config, &tasks, o, err)) return false;
    bool ok = evaluate_model(report, &request, &loaded->model, loaded->tokenizer, &loaded->compute, err);
    ok = eval_watch_end(&asking.watch, ok, err);
    base_free(tasks);
    return ok;
}

/* ---- two models ---- */

/* The other side: a model, which is asked the same, or a file of an earlier evaluation's samples. */
static bool other_means(EvalMeans *means, EvalLines *lines, Cli *cli, const EvalOptions *o, Error *err)
{
    if (file_exists(o->against) && !file_is_folder(o->against) && !gguf_is(o->against))
        return eval_means_read(means, o->against, err);
    Loaded loaded;
    EvalReport report = {.plan = NULL};
    const bool ok = load(&loaded, cli, o->against, &o->sampling, err) &&
                    ask(&report, cli, &loaded, o->against, NULL, o, err) &&
                    eval_print_json(lines, o->against, &report, o, err);
    if (ok) {
        cli_print(cli, "\n%s\n", o->against);
        eval_print_table(cli, &report.result, o);
        eval_means_of(means, report.plan, &report.result);
    }
    eval_report_free(&report);
    unload(&loaded);
    return ok;
}

static bool compare(EvalLines *lines, Cli *cli, const EvalReport *report, const EvalOptions *o, Error *err)
{
    EvalMeans own = {.n = 0}, other = {.n = 0};
    EvalComparison comparison;
    eval_means_of(&own, report->plan, &report->result);
    const bool ok = other_means(&other, lines, cli, o, err) &&
                    (eval_compare(&comparison, &own, &other, err) || error_in(err, "--against %s", o->against)) &&
                    eval_print_comparison(lines, &comparison, o, err);
    eval_means_free(&own);
    eval_means_free(&other);
    return ok;
}

static bool evaluate_problems(EvalLines *lines, Cli *cli, Loaded *loaded, const EvalOptions *o, Error *err)
{
    EvalReport report;
    bool ok = ask(&report, cli, loaded, o->model, o->samples_out, o, err);
    if (ok) {
        eval_print_table(cli, &report.result, o);
        ok = eval_print_json(lines, o->against ? o->model : NULL, &report, o, err) &&
             (!o->against || compare(lines, cli, &report, o, err));
    }
    eval_report_free(&report);
    return ok;
}

/* ---- the command ---- */

static bool check_options(EvalOptions *o, Error *err)
{
    const int n_modes = (o->task != NULL) + (o->data != NULL) + (o->text != NULL);
    if (n_modes != 1)
        return error_set(err, ERROR_USAGE, "give one of --task NAME, --task all, --data F.jsonl and --text F");
    if (o->data && (o->force_working || o->level))
        return error_set(err, ERROR_USAGE, "%s goes with --task", o->level ? "--level" : "--force-working");
    if (!o->text && (o->context || o->stride))
        return error_set(err, ERROR_USAGE, "%s goes with --text", o->context ? "--context" : "--stride");
    if (o->text && (o->samples_out || o->against))
        return error_set(err, ERROR_USAGE, "%s goes with --task or --data", o->against ? "--against" : "--samples-out");
    if (o->text && o->frame_text) return error_set(err, ERROR_USAGE, "--frame goes with --task or --data");
    if (o->frame_text && !frame_read(&o->frame, o->frame_text, err)) return error_in(err, "--frame");
    const EvalFormat format = format_named(o->format);
    if (!o->data && (o->chat || o->judge || format != EVAL_FORMAT_AUTO))
        return error_set(err, ERROR_USAGE, "%s goes with --data",
                         o->chat    ? "--chat"
                         : o->judge ? "--judge"
                                    : "--format");
    if (o->judge && (format == EVAL_FORMAT_IFEVAL || format == EVAL_FORMAT_LIVECODEBENCH))
        return error_set(err, ERROR_USAGE, "--judge: rows of --format %s are decided by rules", o->format);
    if (format == EVAL_FORMAT_OPEN && !o->judge)
        return error_set(err, ERROR_USAGE, "--format open needs --judge DIR: no rule decides an open answer");
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    EvalOptions o = {.split = split_names[0],
                     .levels = level_names[0],
                     .language = language_choices()[0],
                     .k = 8,
                     .max_active = 64,
                     .format = eval_format_names[0],
                     .sampling = sampling_options_default()};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &o.model, "a Hugging Face folder or a GGUF file, with its tokenizer"),
        CLI_STRING("--task", "NAME|all", &o.task, "a family of procedural problems (r1 tasks --list)"),
        CLI_STRING("--data", "F.jsonl", &o.data, "a file of problems, in the formats below"),
        CLI_CHOICE("--format", &o.format, eval_format_names, "of --data [auto: each row by its keys]"),
        CLI_FLAG("--chat", &o.chat, "--data: a question is a user's turn through the model's chat template"),
        CLI_STRING("--judge", "DIR", &o.judge, "--data: a model that decides open answers and those no rule can"),
        CLI_STRING("--text", "F", &o.text, "perplexity and bits per byte of a .txt or .jsonl (.gz)"),
        CLI_INT("--n", "PROBLEMS", &o.n, 1, 1 << 24,
                "of one family: in all, spread over its levels [64]; all: a family and level [16]; a file: the first "
                "[all]"),
        CLI_INT("--k", "SAMPLES", &o.k, 1, 1 << 16, "completions of each problem [8]"),
        SAMPLING_OPTIONS(o.sampling),
        CLI_CHOICE("--split", &o.split, split_names, "problems that training may have asked, or never [held-out]"),
        CLI_CHOICE("--levels", &o.levels, level_names, "levels that training asks, never asks, both [trained]"),
        CLI_INT("--level", "L", &o.level, 1, TASK_MAX_LEVELS, "this level alone"),
        CLI_CHOICE("--language", &o.language, language_choices(), "of the questions; both: each cell twice [en]"),
        CLI_STRING("--frame", "FRAME", &o.frame_text,
                   "what a right answer stands in: r1, or tags with ... for free text [r1-zero]"),
        CLI_FLAG("--force-working", &o.force_working, "begin every completion as worked ones begin"),
        CLI_STRING("--samples-out", "F.jsonl", &o.samples_out, "every completion with its verdict, in order"),
        CLI_STRING("--against", "DIR|S.jsonl", &o.against, "another model, or --samples-out of one: the paired test"),
        CLI_STRING("--out", "F.jsonl", &o.out, "the lines of --json, into a file"),
        CLI_INT("--max-active", "N", &o.max_active, 1, 1 << 16, "completions sampled at once; moves no figure [64]"),
        CLI_INT("--context", "N", &o.context, 1, 1 << 24, "--text: tokens of a window [1024, or what the model has]"),
        CLI_INT("--stride", "N", &o.stride, 1, 1 << 24, "--text: tokens from window to window [the context]"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err) || !check_options(&o, err)) return false;
    EvalLines lines = {.cli = cli};
    if (o.out && !file_writer_open(&lines.writer, o.out, "samples", err)) return false;
    Loaded loaded;
    const bool ok =
        load(&loaded, cli, o.model, &o.sampling, err) &&
        (o.text ? eval_documents(&lines, &loaded, &o, err) : evaluate_problems(&lines, cli, &loaded, &o, err));
    unload(&loaded);
    if (lines.writer && ok) return file_writer_commit(lines.writer, err);
    file_writer_abandon(lines.writer);
    return ok;
}

const Command command_eval = {
    .name = "eval",
    .summary = "how often a model is right: pass@1, pass@k, cons@k; perplexity of a text",
    .usage = "r1 eval --model DIR --task NAME|all [--n PROBLEMS] [--k SAMPLES] [--level L | --levels WHICH]\n"
             "r1 eval --model DIR --data F.jsonl [--format NAME] [--chat] [--judge DIR] [--n PROBLEMS] [--k SAMPLES]\n"
             "r1 eval --model DIR ... --against DIR|SAMPLES.jsonl\n"
             "r1 eval --model DIR --text F [--context N] [--stride N]",
    .details =
        "pass@1 is the mean over problems of the share of right samples, stderr the std of those shares / sqrt(n); "
        "pass@k\n"
        "is a right one among k samples (\"pass@\" has the unbiased estimates for 1, 2, 4 .. 64 of them); cons@k says "
        "whether\n"
        "the most frequent answer is right: samples without an answer vote together and are wrong, a tie goes to the "
        "answer\n"
        "that came first. With --task all there is a line for each family and level and one named macro, the mean of "
        "those\n"
        "means; levels that training never asks have theirs, macro-unseen.\n"
        "\n"
        "Temperature and top-p are 1 unless given: the distribution that RL trains. (The R1 paper reports 0.6 and "
        "0.95.)\n"
        "Figures depend on model, problems, seed and sampling alone, not on --max-active or --threads; the samples of "
        "a\n"
        "problem stay the same when --k or --n grows.\n"
        "\n"
        "With --data, rows are of the formats that sets are published in (docs/evaluation.md): math (AIME, MATH-500), "
        "gsm8k,\n"
        "choices (MMLU, MMLU-Pro, C-Eval, ARC), gpqa, ifeval, livecodebench, open, or rows of one's own: a row with a "
        "check\n"
        "is decided by it as procedural problems are, one with tests by running the program, other answers are "
        "compared as\n"
        "`r1 verify` compares, with the last <answer>, else the last \\boxed{}, else the whole text. A question is put "
        "as\n"
        "\"User: ...\\nAssistant:\" (with --chat: through the model's template), a prompt stands as it is. Rows that "
        "name a\n"
        "level or a subject have figures for each. With --judge, a model decides what no rule can: asked twice, the "
        "texts\n"
        "swapped; two verdicts that differ, or cannot be read, are undecided.\n"
        "\n"
        "--against asks another model the same, or reads what --samples-out wrote of it, and tests the difference "
        "problem by\n"
        "problem: its mean and standard error, z, the p of the paired t test, and of the sign test over problems that "
        "differ.\n"
        "\n"
        "With --text, a document is cut into windows of --context tokens. Every token but the first is scored once; at "
        "a\n"
        "window's start it is predicted from the tokens that the window shares with the one before: context - stride "
        "of them\n"
        "and the token just before. A .jsonl file holds a document {\"text\"} a line, any other file is one document;\n"
        "either may be packed (.gz), and a folder is all such files in it.",
    .example = "build/release/r1 eval --model models/base --task make --n 8 --k 4",
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* cli/eval.c: how often a model is right, over procedural problems or a file of problems, and how well it predicts a text. */
#include "cli/cli.h"

#include "model/frozen.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/yaml.h"
#include "cli/sampling_options.h"
#include "data/text_reader.h"
#include "data/text_stats.h"
#include "eval/evaluate.h"
#include "eval/evaluate_text.h"
#include "model/adapter.h"
#include "reward/compare.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_PER_CELL = 16, DEFAULT_TOTAL = 64, MAX_TEXT_BYTES = 1 << 30, MAX_LISTED = 20 };

typedef struct EvalOptions {
    const char *model, *task, *data, *text, *split, *levels, *language, *frame_text, *samples_out;
    Frame frame; /* of frame_text, when it is given */
    int64_t n, k, level, max_active, context, stride;
    SamplingOptions sampling;
    bool force_working;
} EvalOptions;

static const char *const split_names[] = {"held-out", "train", NULL};
static const char *const level_names[] = {"trained", "unseen", "all", NULL};

/* What every mode needs. */
typedef struct Loaded {
    Compute compute;
    Model model;
    Tokenizer *tokenizer;
} Loaded;

static bool load(Loaded *loaded, Cli *cli, const char *folder, Error *err)
{
    *loaded = (Loaded){.tokenizer = NULL};
    Threads *threads;
    if (!cli_kernels(cli, &loaded->compute.k, err) || !cli_threads(cli, &threads, err)) return false;
    loaded->compute.threads = threads;
    return adapter_tokenizer_open(&loaded->tokenizer, folder, err) &&
           model_open_frozen(&loaded->model, folder, WEIGHTS_STORED, &loaded->compute, err);
}

static void unload(Loaded *loaded)
{
    tokenizer_free(loaded->tokenizer);
    model_free(&loaded->model);
}

/* ---- the samples, one a line, in order ---- */

/* Completions end in any order; a line waits until those before it are written, so the file is the same whatever shared a
 * batch with what. */
typedef struct SampleLines {
    FileWriter *writer;
    char **waiting; /* [n] */
    int64_t n, next, n_samples;
} SampleLines;

static void sample_object(JsonOut *out, const EvalProblem *p, const EvalSample *s)
{
    json_out_object(out);
    json_out_kv_string(out, "id", p->id);
    json_out_kv_string(out, "task", p->task_name);
    json_out_kv_int(out, "level", p->level);
    json_out_kv_int(out, "problem", p->number);
    json_out_kv_int(out, "completion", s->completion);
    json_out_key(out, "prompt");
    json_out_string(out, p->prompt, p->prompt_length);
    json_out_key(out, "gold");
    json_out_string(out, p->answer, p->answer_length);
    json_out_kv_string(out, "check", p->check);
    json_out_key(out, "text");
    json_out_string(out, s->text, s->length);
    json_out_kv_string(out, "answer", s->answer);
    json_out_key(out, "equal");
    if (s->verdict == VERDICT_UNDECIDED)
        json_out_null(out);
    else
        json_out_bool(out, s->verdict == VERDICT_RIGHT);
    json_out_kv_double(out, "accuracy", s->accuracy);
    json_out_kv_double(out, "format", s->format);
    json_out_kv_double(out, "reward", s->reward);
    json_out_kv_int(out, "length", s->tokens->n_ids);
    json_out_kv_string(out, "finish_reason", finish_reason_name(s->tokens->finish));
    json_out_kv_string(out, "style", text_style_name((TextStyle)s->style));
    json_out_kv_int(out, "reflective_words", s->reflective_words);
    json_out_kv_bool(out, "first_try_missed", s->first_try_missed);
    json_out_kv_bool(out, "corrected", s->corrected_slip);
    json_out_object_end(out);
}

static bool take_sample(SampleLines *lines, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    JsonOut out = {0};
    sample_object(&out, problem, sample);
    lines->waiting[problem->number * lines->n_samples + sample->completion] = base_strndup(out.text, out.length);
    json_out_free(&out);
    for (char *line; lines->next < lines->n && (line = lines->waiting[lines->next]); lines->next++) {
        const bool ok =
            file_writer_write(lines->writer, line, strlen(line), err) && file_writer_write(lines->writer, "\n", 1, err);
        base_free(line);
        lines->waiting[lines->next] = NULL;
        if (!ok) return false;
    }
    return true;
}

static bool lines_open(SampleLines *lines, const char *path, int64_t n_problems, int64_t n_samples, Error *err)
{
    *lines = (SampleLines){.n = n_problems * n_samples, .n_samples = n_samples};
    if (!path) return true;
    if (!file_writer_open(&lines->writer, path, "samples", err)) return false;
    lines->waiting = base_alloc((size_t)lines->n, sizeof *lines->waiting);
    return true;
}

static bool lines_close(SampleLines *lines, bool ok, Error *err)
{
    for (int64_t i = lines->next; lines->waiting && i < lines->n; i++) base_free(lines->waiting[i]);
    base_free(lines->waiting);
    if (lines->writer && ok) return file_writer_commit(lines->writer, err);
    file_writer_abandon(lines->writer);
    return ok;
}

/* ---- progress ---- */

typedef struct Watch {
    SampleLines lines;
    bool shown;
    int64_t n, n_done, n_right;
} Watch;

static void show_progress(const Watch *w)
{
    /* About two hundred redraws whatever the size. */
    if (w->n_done % (w->n / 200 + 1) != 0 && w->n_done < w->n) return;
    fprintf(stderr, "\r%" PRId64 " of %" PRId64 " completions, %.1f%% right", w->n_done, w->n,
            100 * (double)w->n_right / (double)w->n_done);
    if (w->n_done == w->n) fputs("\r\033[K", stderr);
    fflush(stderr);
}

static bool sample_done(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    Watch *const w = context;
    w->n_done++;
    w->n_right += sample->verdict == VERDICT_RIGHT;
    if (w->shown) show_progress(w);
    return !w->lines.writer || take_sample(&w->lines, problem, sample, err);
}

/* ---- figures ---- */

static void cell_figures_out(JsonOut *out, const EvalCell *c)
{
    json_out_kv_int(out, "n", c->n_problems);
    json_out_kv_int(out, "k", c->n_samples);
    json_out_kv_double(out, "pass@1", c->pass_at_1);
    json_out_kv_double(out, "stderr", c->pass_at_1_error);
    json_out_kv_double(out, "pass@k", c->pass_at_k);
    json_out_kv_double(out, "cons@k", c->cons_at_k);
    json_out_kv_double(out, "mean_length", c->mean_length);
    json_out_kv_double(out, "mean_length_right", c->mean_length_right);
    json_out_kv_double(out, "mean_length_wrong", c->mean_length_wrong);
    json_out_kv_double(out, "truncated", c->truncated);
    json_out_kv_double(out, "format", c->format);
    json_out_kv_double(out, "undecided", c->undecided);
    json_out_kv_double(out, "reflective_per_completion", c->reflective_per_completion);
    json_out_kv_double(out, "reflective_per_1k_tokens", c->reflective_per_1k_tokens);
    for (int style = 0; style < TEXT_STYLE_COUNT; style++)
        json_out_kv_double(out, text_style_name((TextStyle)style), c->style[style]);
    json_out_kv_double(out, "corrected_of_right", c->corrected_of_right);
    json_out_kv_double(out, "right_after_first_miss", c->right_after_first_miss);
    json_out_kv_double(out, "language_consistency", c->language_consistency);
    json_out_kv_double(out, "language_mixed", c->language_mixed);
    json_out_key(out, "pass@");
    json_out_object(out);
    for (int power = 0; power < EVAL_PASS_POWERS && (int64_t)1 << power <= c->n_samples; power++) {
        char key[8];
        snprintf(key, sizeof key, "%d", 1 << power);
        json_out_kv_double(out, key, c->pass_at[power]);
    }
    json_out_object_end(out);
}

static void settings_out(JsonOut *out, const EvalOptions *o)
{
    if (!o->data) json_out_kv_string(out, "split", o->split);
    if (!o->data) json_out_kv_string(out, "language", o->language);
    const SamplingParams *const p = &o->sampling.params;
    json_out_kv_int(out, "seed", o->sampling.seed);
    json_out_kv_double(out, "temperature", p->temperature);
    json_out_kv_double(out, "top_p", p->top_p);
    if (p->min_p > 0) json_out_kv_double(out, "min_p", p->min_p);
    if (p->top_k > 0) json_out_kv_int(out, "top_k", p->top_k);
    if (p->repetition_penalty != 1) json_out_kv_double(out, "repetition_penalty", p->repetition_penalty);
    if (p->frequency_penalty != 0) json_out_kv_double(out, "frequency_penalty", p->frequency_penalty);
    if (p->presence_penalty != 0) json_out_kv_double(out, "presence_penalty", p->presence_penalty);
    if (p->n_biases > 0) json_out_kv_int(out, "logit_biases", p->n_biases);
    if (p->stop) json_out_kv_int(out, "stop_strings", o->sampling.stop_texts.n_items);
    json_out_kv_int(out, "max_tokens", p->max_tokens);
    if (o->force_working) json_out_kv_bool(out, "force_working", true);
    if (o->frame_text) json_out_kv_string(out, "frame", o->frame_text);
}

static bool cell_line(const EvalCell *c, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "task", task_name(c->task));
    json_out_kv_int(&out, "level", c->level);
    json_out_kv_string(&out, "language", task_language_code(c->language));
    json_out_kv_bool(&out, "trained_level", c->trained_level);
    cell_figures_out(&out, c);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static void levels_out(JsonOut *out, const EvalResult *r)
{
    json_out_key(out, "levels");
    json_out_array(out);
    for (int64_t i = 0; i < r->n_cells; i++) {
        json_out_object(out);
        json_out_kv_int(out, "level", r->cells[i].level);
        json_out_kv_string(out, "language", task_language_code(r->cells[i].language));
        json_out_kv_bool(out, "trained_level", r->cells[i].trained_level);
        cell_figures_out(out, &r->cells[i]);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

static void unreadable_out(JsonOut *out, const EvalPlan *plan)
{
    json_out_key(out, "unreadable");
    json_out_array(out);
    for (int64_t i = 0; i < eval_plan_problems(plan); i++)
        if (eval_plan_problem(plan, i)->unreadable) json_out_cstring(out, eval_plan_problem(plan, i)->id);
    json_out_array_end(out);
}

/* A line that sums up: a single family, a file, a macro-average. */
static bool summary_line(const char *name, const EvalCell *c, const EvalPlan *plan, const EvalResult *r,
                         const EvalOptions *o, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "task", name);
    cell_figures_out(&out, c);
    settings_out(&out, o);
    if (o->data) unreadable_out(&out, plan);
    if (c == &r->total && !o->data) levels_out(&out, r);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool is_all(const EvalOptions *o)
{
    return o->task && strcmp(o->task, "all") == 0;
}

static bool both_languages(const EvalOptions *o)
{
    return o->task && language_choice(o->language) == LANGUAGE_BOTH;
}

static bool print_json(const EvalPlan *plan, const EvalResult *r, const EvalOptions *o, Error *err)
{
    if (!is_all(o)) return summary_line(o->data ? o->data : o->task, &r->total, plan, r, o, err);
    for (int64_t i = 0; i < r->n_cells; i++)
        if (!cell_line(&r->cells[i], err)) return false;
    if (r->macro.n_problems > 0 && !summary_line("macro", &r->macro, plan, r, o, err)) return false;
    for (TaskLanguage l = TASK_EN; both_languages(o) && l < TASK_LANGUAGES; l++) {
        const char *const name = l == TASK_ZH ? "macro-zh" : "macro-en";
        if (r->macro_language[l].n_problems > 0 && !summary_line(name, &r->macro_language[l], plan, r, o, err))
            return false;
    }
    return r->macro_unseen.n_problems == 0 || summary_line("macro-unseen", &r->macro_unseen, plan, r, o, err);
}

/* "-" where there is nothing to average. */
static const char *percent(char text[16], double share)
{
    if (isnan(share))
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.1f", 100 * share);
    return text;
}

static void print_row(const Cli *cli, const char *name, const char *level, const EvalCell *c)
{
    char pass[16], pass_k[16], cons[16], format[16], cut[16], direct[16], worked[16], checked[16], after_miss[16];
    cli_print(cli, "%-14s %5s %5" PRId64 "  %5s +- %-4.1f %6s %6s  %6s %5s %7.1f  %6.2f  %6s %6s %7s  %6s\n", name,
              level, c->n_problems, percent(pass, c->pass_at_1), 100 * c->pass_at_1_error,
              percent(pass_k, c->pass_at_k), percent(cons, c->cons_at_k), percent(format, c->format),
              percent(cut, c->truncated), c->mean_length, c->reflective_per_completion,
              percent(direct, c->style[TEXT_DIRECT]), percent(worked, c->style[TEXT_WORKED]),
              percent(checked, c->style[TEXT_CHECKED]), percent(after_miss, c->right_after_first_miss));
}

static void print_table(const Cli *cli, const EvalResult *r, const EvalOptions *o)
{
    char pass[32], cons[32];
    snprintf(pass, sizeof pass, "@%" PRId64, o->k);
    snprintf(cons, sizeof cons, "cons%" PRId64, o->k);
    cli_print(cli, "%-14s %5s %5s  %5s    %-4s %6s %6s  %6s %5s %7s  %6s  %6s %6s %7s  %6s\n", "task", "level", "n",
              "@1 %", "se", pass, cons, "format", "cut", "length", "words", "direct", "worked", "checked", "missed");
    for (int64_t i = 0; !o->data && i < r->n_cells; i++) {
        const EvalCell *const c = &r->cells[i];
        char level[16], name[32];
        snprintf(level, sizeof level, "%d%s", c->level, c->trained_level ? "" : "*");
        snprintf(name, sizeof name, "%s%s", task_name(c->task), c->language == TASK_ZH ? " zh" : "");
        print_row(cli, name, level, c);
    }
    if (!is_all(o)) print_row(cli, o->data ? "file" : o->task, "all", &r->total);
    if (is_all(o) && r->macro.n_problems > 0) print_row(cli, "macro", "", &r->macro);
    for (TaskLanguage l = TASK_EN; is_all(o) && both_languages(o) && l < TASK_LANGUAGES; l++)
        if (r->macro_language[l].n_problems > 0)
            print_row(cli, l == TASK_ZH ? "macro-zh" : "macro-en", "", &r->macro_language[l]);
    if (is_all(o) && r->macro_unseen.n_problems > 0) print_row(cli, "macro-unseen", "*", &r->macro_unseen);
    cli_note(cli,
             "@k, cons: a right answer among k samples, the most frequent answer right; words: reflective ones a "
             "completion;\nmissed: right answers %% where the first try missed%s\n",
             r->macro_unseen.n_problems > 0 ? "; *: levels that no training ever asks" : "");
    if (r->seconds > 0)
        cli_note(cli, "%" PRId64 " tokens in %.1f s, %.0f a second\n", r->stats.decode_tokens, r->seconds,
                 (double)r->stats.decode_tokens / r->seconds);
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
    };
}

static bool make_plan(EvalPlan **plan, const Tokenizer *tokenizer, const EvalOptions *o, Error *err)
{
    EvalConfig config = eval_config(o);
    if (o->data) {
        config.total_problems = o->n;
        return eval_plan_file(plan, tokenizer, &config, o->data, err);
    }
    if (is_all(o)) {
        config.problems_per_cell = o->n ? o->n : DEFAULT_PER_CELL;
        return eval_plan_tasks(plan, tokenizer, &config, err);
    }
    int task;
    if (!find_task(o->task, &task, err)) return false;
    if (o->level > task_levels(task))
        return error_set(err, ERROR_USAGE, "--level %" PRId64 ": %s has levels 1 to %d", o->level, o->task,
                         task_levels(task));
    config.total_problems = o->n ? o->n : DEFAULT_TOTAL;
    bool *const tasks = base_alloc((size_t)task_count_all(), sizeof *tasks);
    tasks[task] = true;
    config.tasks = tasks;
    const bool ok = eval_plan_tasks(plan, tokenizer, &config, err);
    base_free(tasks);
    return ok;
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

static bool check_lengths(const EvalPlan *plan, const Model *model, const EvalOptions *o, Error *err)
{
    const int64_t longest = eval_plan_longest_prompt(plan), most = model->config.max_positions;
    if (longest + o->sampling.params.max_tokens <= most) return true;
    return error_set(err, ERROR_INPUT,
                     "the longest prompt has %" PRId64 " tokens: with --max-tokens %" PRId64
                     " it is longer than the %" PRId64 " positions of this model; give %s",
                     longest, o->sampling.params.max_tokens, most,
                     longest < most ? "fewer --max-tokens" : "shorter prompts");
}

static bool sample_plan(Cli *cli, Loaded *loaded, const EvalPlan *plan, const EvalOptions *o, EvalResult *result,
                        Error *err)
{
    const int64_t n = eval_plan_problems(plan) * o->k;
    const int64_t max_active = o->max_active < n ? o->max_active : n;
    RolloutEngine *engine = NULL;
    Watch watch = {.n = n, .shown = !cli->quiet && isatty(STDERR_FILENO)};
    bool ok = check_lengths(plan, &loaded->model, o, err) &&
              engine_create(&engine, &loaded->model, &loaded->compute, max_active,
                            eval_plan_longest_prompt(plan) + o->sampling.params.max_tokens, err);
    if (ok && lines_open(&watch.lines, o->samples_out, eval_plan_problems(plan), o->k, err)) {
        ok = evaluate_plan(plan, engine, loaded->tokenizer, result, sample_done, &watch, err);
        ok = lines_close(&watch.lines, ok, err);
    } else {
        ok = false;
    }
    engine_free(engine);
    return ok;
}

static bool evaluate_problems(Cli *cli, Loaded *loaded, const EvalOptions *o, Error *err)
{
    EvalPlan *plan;
    EvalResult result = {0};
    if (!make_plan(&plan, loaded->tokenizer, o, err)) return false;
    if (o->data) note_golds(cli, plan, o);
    cli_note(cli, "%" PRId64 " problems, %" PRId64 " samples each, at most %" PRId64 " tokens\n",
             eval_plan_problems(plan), o->k, o->sampling.params.max_tokens);
    bool ok = sample_plan(cli, loaded, plan, o, &result, err);
    if (ok) {
        print_table(cli, &result, o);
        ok = !cli->json || print_json(plan, &result, o, err);
    }
    eval_result_free(&result);
    eval_plan_free(plan);
    return ok;
}

/* ---- a text ---- */

static bool print_text(const Cli *cli, const EvalOptions *o, const EvalText *r, Error *err)
{
    cli_print(cli,
              "perplexity     %.4f\nbits per byte  %.4f\n%" PRId64 " tokens of %" PRId64 " bytes in %" PRId64
              " documents, windows of %" PRId64 " tokens, one every %" PRId64 "\n",
              r->perplexity, r->bits_per_byte, r->n_tokens, r->n_bytes, r->n_documents, o->context, o->stride);
    if (!cli->json) return true;
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "text", o->text);
    json_out_kv_double(&out, "perplexity", r->perplexity);
    json_out_kv_double(&out, "bits_per_byte", r->bits_per_byte);
    json_out_kv_double(&out, "nats", r->nats);
    json_out_kv_int(&out, "tokens", r->n_tokens);
    json_out_kv_int(&out, "bytes", r->n_bytes);
    json_out_kv_int(&out, "documents", r->n_documents);
    json_out_kv_int(&out, "windows", r->n_windows);
    json_out_kv_int(&out, "context", o->context);
    json_out_kv_int(&out, "stride", o->stride);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool choose_windows(EvalOptions *o, const Model *model, Error *err)
{
    enum { DEFAULT_CONTEXT = 1024 };
    const int64_t most = model->config.max_positions;
    if (!o->context) o->context = most < DEFAULT_CONTEXT ? most : DEFAULT_CONTEXT;
    if (!o->stride) o->stride = o->context;
    if (o->context > most)
        return error_set(err, ERROR_USAGE, "--context %" PRId64 ": this model has %" PRId64 " positions", o->context,
                         most);
    return o->stride <= o->context ||
           error_set(err, ERROR_USAGE, "--stride %" PRId64 ": more than the context of %" PRId64 " leaves gaps",
                     o->stride, o->context);
}

static bool evaluate_documents(Cli *cli, Loaded *loaded, EvalOptions *o, Error *err)
{
    enum { MICRO_BATCH_TOKENS = 2048 };
    if (!choose_windows(o, &loaded->model, err)) return false;
    TextDocuments documents;
    if (!text_documents_read(&documents, o->text, MAX_TEXT_BYTES, err)) return false;
    Trainer trainer = {0};
    EvalText result;
    bool ok = trainer_create(&trainer, &loaded->model, &loaded->compute, MICRO_BATCH_TOKENS, 1, false, err);
    ok = ok && (evaluate_text(&trainer, &loaded->model, loaded->tokenizer, documents.items, documents.n, o->context,
                              o->stride, &result, err) ||
                error_in(err, "%s", o->text));
    trainer_free(&trainer);
    text_documents_free(&documents);
    return ok && print_text(cli, o, &result, err);
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
    if (o->text && o->samples_out) return error_set(err, ERROR_USAGE, "--samples-out goes with --task or --data");
    if (o->text && o->frame_text) return error_set(err, ERROR_USAGE, "--frame goes with --task or --data");
    if (o->frame_text && !frame_read(&o->frame, o->frame_text, err)) return error_in(err, "--frame");
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    EvalOptions o = {.split = split_names[0],
                     .levels = level_names[0],
                     .language = language_choices()[0],
                     .k = 8,
                     .max_active = 64,
                     .sampling = sampling_options_default()};
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &o.model, "a Hugging Face folder or a GGUF file, with its tokenizer"),
        CLI_STRING("--task", "NAME|all", &o.task, "a family of procedural problems (r1 tasks --list)"),
        CLI_STRING("--data", "F.jsonl", &o.data, "rows {\"id\"?, \"prompt\"|\"question\", \"answer\", \"check\"?}"),
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
        CLI_INT("--max-active", "N", &o.max_active, 1, 1 << 16, "completions sampled at once; moves no figure [64]"),
        CLI_INT("--context", "N", &o.context, 1, 1 << 24, "--text: tokens of a window [1024, or what the model has]"),
        CLI_INT("--stride", "N", &o.stride, 1, 1 << 24, "--text: tokens from window to window [the context]"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err) || !check_options(&o, err)) return false;
    Loaded loaded;
    const bool ok = load(&loaded, cli, o.model, err) &&
                    sampling_options_prepare(&o.sampling, &loaded.model.config, loaded.tokenizer, err) &&
                    (o.text ? evaluate_documents(cli, &loaded, &o, err) : evaluate_problems(cli, &loaded, &o, err));
    unload(&loaded);
    sampling_options_free(&o.sampling);
    return ok;
}

const Command command_eval = {
    .name = "eval",
    .summary = "how often a model is right: pass@1, pass@k, cons@k; perplexity of a text",
    .usage = "r1 eval --model DIR --task NAME|all [--n PROBLEMS] [--k SAMPLES] [--level L | --levels WHICH]\n"
             "r1 eval --model DIR --data F.jsonl [--n PROBLEMS] [--k SAMPLES]\n"
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
        "With --data, a row with a check is decided by it as procedural problems are; other answers are compared as\n"
        "`r1 verify` compares, with the last <answer>, else the last \\boxed{}, else the whole text. A question is put "
        "as\n"
        "\"User: ...\\nAssistant:\", a prompt stands as it is.\n"
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

/* SPDX-License-Identifier: MIT */
/* cli/eval_figures.c: the figures of an evaluation as JSON lines and as tables. */
#include "cli/eval.h"

#include "base/arena.h"
#include "data/text_stats.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

bool eval_line(EvalLines *lines, JsonOut *out, Error *err)
{
    const bool ok = !lines->writer || (file_writer_write(lines->writer, out->text, out->length, err) &&
                                       file_writer_write(lines->writer, "\n", 1, err));
    const bool printed = ok && (!lines->cli->json || json_out_line(out, stdout, err));
    json_out_free(out);
    return printed;
}

/* ---- JSON ---- */

static void cell_figures_out(JsonOut *out, const EvalCell *c)
{
    json_out_kv_int(out, "n", c->n_problems);
    json_out_kv_int(out, "k", c->n_samples);
    json_out_kv_double(out, "pass@1", c->pass_at_1);
    json_out_kv_double(out, "stderr", c->pass_at_1_error);
    json_out_kv_double(out, "pass@k", c->pass_at_k);
    json_out_kv_double(out, "pass@k_stderr", c->pass_at_k_error);
    json_out_kv_double(out, "cons@k", c->cons_at_k);
    json_out_kv_double(out, "cons@k_stderr", c->cons_at_k_error);
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
    if (!isnan(c->prompts_loose)) {
        json_out_kv_double(out, "prompts_strict", c->pass_at_1);
        json_out_kv_double(out, "prompts_loose", c->prompts_loose);
        json_out_kv_double(out, "instructions_strict", c->instructions_strict);
        json_out_kv_double(out, "instructions_loose", c->instructions_loose);
    }
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
    if (o->data && strcmp(o->format, "auto") != 0) json_out_kv_string(out, "data_format", o->format);
    if (o->chat) json_out_kv_bool(out, "chat", true);
    if (o->judge) json_out_kv_string(out, "judge", o->judge);
}

static void put_model(JsonOut *out, const char *model)
{
    if (model) json_out_kv_string(out, "model", model);
}

static bool cell_line(EvalLines *lines, const char *model, const EvalCell *c, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    put_model(&out, model);
    json_out_kv_string(&out, "task", task_name(c->task));
    json_out_kv_int(&out, "level", c->level);
    json_out_kv_string(&out, "language", task_language_code(c->language));
    json_out_kv_bool(&out, "trained_level", c->trained_level);
    cell_figures_out(&out, c);
    json_out_object_end(&out);
    return eval_line(lines, &out, err);
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

static void groups_out(JsonOut *out, const EvalResult *r)
{
    json_out_key(out, "groups");
    json_out_array(out);
    for (int64_t i = 0; i < r->n_groups; i++) {
        json_out_object(out);
        json_out_kv_string(out, r->groups[i].by, r->groups[i].name);
        cell_figures_out(out, &r->groups[i].cell);
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
static bool summary_line(EvalLines *lines, const char *model, const char *name, const EvalCell *c,
                         const EvalReport *report, const EvalOptions *o, Error *err)
{
    const EvalResult *const r = &report->result;
    JsonOut out = {0};
    json_out_object(&out);
    put_model(&out, model);
    json_out_kv_string(&out, "task", name);
    if (r->n_groups > 0) groups_out(&out, r);
    cell_figures_out(&out, c);
    settings_out(&out, o);
    if (o->data) unreadable_out(&out, report->plan);
    if (c == &r->total && !o->data) levels_out(&out, r);
    json_out_object_end(&out);
    return eval_line(lines, &out, err);
}

bool eval_is_all(const EvalOptions *o)
{
    return o->task && strcmp(o->task, "all") == 0;
}

static bool both_languages(const EvalOptions *o)
{
    return o->task && language_choice(o->language) == LANGUAGE_BOTH;
}

bool eval_print_json(EvalLines *lines, const char *model, const EvalReport *report, const EvalOptions *o, Error *err)
{
    const EvalResult *const r = &report->result;
    if (!eval_is_all(o)) return summary_line(lines, model, o->data ? o->data : o->task, &r->total, report, o, err);
    for (int64_t i = 0; i < r->n_cells; i++)
        if (!cell_line(lines, model, &r->cells[i], err)) return false;
    if (r->macro.n_problems > 0 && !summary_line(lines, model, "macro", &r->macro, report, o, err)) return false;
    for (TaskLanguage l = TASK_EN; both_languages(o) && l < TASK_LANGUAGES; l++) {
        const char *const name = l == TASK_ZH ? "macro-zh" : "macro-en";
        if (r->macro_language[l].n_problems > 0 &&
            !summary_line(lines, model, name, &r->macro_language[l], report, o, err))
            return false;
    }
    return r->macro_unseen.n_problems == 0 ||
           summary_line(lines, model, "macro-unseen", &r->macro_unseen, report, o, err);
}

/* ---- two models ---- */

static void say_comparison(const Cli *cli, const EvalComparison *c, const EvalOptions *o)
{
    const PairedTest *const t = &c->test;
    cli_print(cli,
              "\n%s against %s, paired over %" PRId64
              " problems:\npass@1 %+.2f +- %.2f points, z = %.2f, p = %.4g (t test, "
              "two-sided)\nbetter on %" PRId64 ", worse on %" PRId64 ", equal on %" PRId64 ": p = %.4g (sign test)\n",
              o->model, o->against, t->n, 100 * t->difference, 100 * t->standard_error, t->t, t->p, c->wins, c->losses,
              c->ties, c->sign_p);
}

bool eval_print_comparison(EvalLines *lines, const EvalComparison *c, const EvalOptions *o, Error *err)
{
    JsonOut out = {0};
    say_comparison(lines->cli, c, o);
    json_out_object(&out);
    json_out_kv_string(&out, "comparison", "pass@1");
    json_out_kv_string(&out, "model", o->model);
    json_out_kv_string(&out, "against", o->against);
    json_out_kv_int(&out, "n", c->test.n);
    json_out_kv_double(&out, "difference", c->test.difference);
    json_out_kv_double(&out, "stderr", c->test.standard_error);
    json_out_kv_double(&out, "z", c->test.t);
    json_out_kv_double(&out, "p", c->test.p);
    json_out_kv_int(&out, "wins", c->wins);
    json_out_kv_int(&out, "losses", c->losses);
    json_out_kv_int(&out, "ties", c->ties);
    json_out_kv_double(&out, "p_sign", c->sign_p);
    json_out_object_end(&out);
    return eval_line(lines, &out, err);
}

/* ---- tables ---- */

/* "-" where there is nothing to average. */
static const char *percent(char text[16], double share)
{
    if (isnan(share))
        snprintf(text, 16, "-");
    else
        snprintf(text, 16, "%.1f", 100 * share);
    return text;
}

static void print_row(const Cli *cli, int width, const char *name, const char *level, const EvalCell *c)
{
    char pass[16], pass_k[16], cons[16], format[16], cut[16], direct[16], worked[16], checked[16], after_miss[16];
    cli_print(cli, "%-*.*s %5s %5" PRId64 "  %5s +- %-4.1f %6s %6s  %6s %5s %7.1f  %6.2f  %6s %6s %7s  %6s\n", width,
              width, name, level, c->n_problems, percent(pass, c->pass_at_1), 100 * c->pass_at_1_error,
              percent(pass_k, c->pass_at_k), percent(cons, c->cons_at_k), percent(format, c->format),
              percent(cut, c->truncated), c->mean_length, c->reflective_per_completion,
              percent(direct, c->style[TEXT_DIRECT]), percent(worked, c->style[TEXT_WORKED]),
              percent(checked, c->style[TEXT_CHECKED]), percent(after_miss, c->right_after_first_miss));
}

static void print_instructions(const Cli *cli, const EvalCell *c)
{
    char strict[16], loose[16], one_strict[16], one_loose[16];
    if (isnan(c->prompts_loose)) return;
    cli_print(
        cli,
        "instructions   all of a prompt kept: strictly %s %%, loosely %s %%; each: strictly %s %%, loosely %s %%\n",
        percent(strict, c->pass_at_1), percent(loose, c->prompts_loose), percent(one_strict, c->instructions_strict),
        percent(one_loose, c->instructions_loose));
}

void eval_print_table(const Cli *cli, const EvalResult *r, const EvalOptions *o)
{
    const int width = r->n_groups > 0 ? 24 : 14; /* subjects have longer names than families */
    char pass[32], cons[32];
    snprintf(pass, sizeof pass, "@%" PRId64, o->k);
    snprintf(cons, sizeof cons, "cons%" PRId64, o->k);
    cli_print(cli, "%-*s %5s %5s  %5s    %-4s %6s %6s  %6s %5s %7s  %6s  %6s %6s %7s  %6s\n", width, "task", "level",
              "n", "@1 %", "se", pass, cons, "format", "cut", "length", "words", "direct", "worked", "checked",
              "missed");
    for (int64_t i = 0; !o->data && i < r->n_cells; i++) {
        const EvalCell *const c = &r->cells[i];
        char level[16], name[32];
        snprintf(level, sizeof level, "%d%s", c->level, c->trained_level ? "" : "*");
        snprintf(name, sizeof name, "%s%s", task_name(c->task), c->language == TASK_ZH ? " zh" : "");
        print_row(cli, width, name, level, c);
    }
    for (int64_t i = 0; o->data && i < r->n_groups; i++) {
        const EvalGroup *const g = &r->groups[i];
        const bool level = strcmp(g->by, "level") == 0;
        print_row(cli, width, level ? "level" : g->name, level ? g->name : "", &g->cell);
    }
    if (!eval_is_all(o)) print_row(cli, width, o->data ? "file" : o->task, "all", &r->total);
    if (eval_is_all(o) && r->macro.n_problems > 0) print_row(cli, width, "macro", "", &r->macro);
    for (TaskLanguage l = TASK_EN; eval_is_all(o) && both_languages(o) && l < TASK_LANGUAGES; l++)
        if (r->macro_language[l].n_problems > 0)
            print_row(cli, width, l == TASK_ZH ? "macro-zh" : "macro-en", "", &r->macro_language[l]);
    if (eval_is_all(o) && r->macro_unseen.n_problems > 0) print_row(cli, width, "macro-unseen", "*", &r->macro_unseen);
    print_instructions(cli, &r->total);
    cli_note(cli,
             "@k, cons: a right answer among k samples, the most frequent answer right; words: reflective ones a "
             "completion;\nmissed: right answers %% where the first try missed%s\n",
             r->macro_unseen.n_problems > 0 ? "; *: levels that no training ever asks" : "");
    if (r->seconds > 0)
        cli_note(cli, "%" PRId64 " tokens in %.1f s, %.0f a second\n", r->stats.decode_tokens, r->seconds,
                 (double)r->stats.decode_tokens / r->seconds);
}

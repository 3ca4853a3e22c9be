/* SPDX-License-Identifier: MIT */
/* cli/run_graph.c: `r1 run` of a recipe of several stages. */
#include "cli/run.h"

#include "base/arena.h"
#include "record/report.h"
#include "record/stage_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double flops_of(const RunPlan *plan)
{
    return plan->train_flops + plan->sample_flops;
}

static bool runs(GraphState state)
{
    return state != GRAPH_DONE;
}

/* ---- the dry run ---- */

static bool json_stage(const GraphStage *s, GraphState state, const RunPlan *plan, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "stage", s->name);
    json_out_kv_string(&out, "kind", stage_names()[s->recipe.stage]);
    json_out_kv_string(&out, "folder", s->folder);
    json_out_kv_string(&out, "state", graph_state_name(state));
    json_out_kv_bool(&out, "skipped", !runs(state));
    json_out_kv_int(&out, "steps", plan->steps);
    json_out_kv_bool(&out, "steps_estimated", plan->counts_later);
    json_out_kv_int(&out, "resume_step", state == GRAPH_RESUMES ? plan->resume_step : 0);
    json_out_kv_int(&out, "parameters", plan->parameters);
    json_out_kv_int(&out, "memory_bytes", plan->memory_bytes);
    json_out_kv_double(&out, "flops", flops_of(plan));
    json_out_kv_double(&out, "seconds", plan->seconds);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* What is still to be done, whole stages: the sum of an estimate. */
static void add_up(RunPlan *total, const Graph *g, const GraphPlan *plan)
{
    *total = (RunPlan){.seconds = 0};
    for (int i = 0; i < g->n; i++) {
        if (!runs(plan->states[i])) continue;
        if (plan->plans[i].memory_bytes > total->memory_bytes) total->memory_bytes = plan->plans[i].memory_bytes;
        total->train_flops += flops_of(&plan->plans[i]);
        total->seconds += plan->plans[i].seconds;
    }
}

static bool json_plan(const Graph *g, const GraphPlan *plan, const char *folder, Error *err)
{
    RunPlan total;
    JsonOut out = {0}, resolved = {0};
    for (int i = 0; i < g->n; i++)
        if (!json_stage(&g->stages[g->order[i]], plan->states[g->order[i]], &plan->plans[g->order[i]], err))
            return false;
    add_up(&total, g, plan);
    graph_resolved(g, &resolved);
    json_out_object(&out);
    json_out_kv_string(&out, "folder", folder);
    json_out_kv_int(&out, "memory_bytes", total.memory_bytes);
    json_out_kv_double(&out, "flops", total.train_flops);
    json_out_kv_double(&out, "seconds", total.seconds);
    json_out_kv_string(&out, "recipe", resolved.text);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    json_out_free(&resolved);
    return ok;
}

static void print_row(const Cli *cli, const char *name, const char *kind, const char *state, const char *steps,
                      const RunPlan *plan)
{
    char time[32] = "-";
    if (!isnan(plan->seconds)) cli_duration(time, plan->seconds);
    cli_print(cli, "%-16s %-12s %-10s %9s %8.0f MiB %10.3g %10s\n", name, kind, state, steps,
              (double)plan->memory_bytes / 1048576.0, flops_of(plan) / 1e12, time);
}

static void print_plan(const Cli *cli, const Graph *g, const GraphPlan *plan, const char *folder)
{
    JsonOut resolved = {0};
    RunPlan total;
    bool counts_later = false;
    graph_resolved(g, &resolved);
    cli_print(cli, "%s\nfolder      %s\n\n%-16s %-12s %-10s %9s %12s %10s %10s\n", resolved.text, folder, "stage",
              "kind", "plan", "steps", "memory", "TFLOP", "time");
    json_out_free(&resolved);
    for (int i = 0; i < g->n; i++) {
        const int at = g->order[i];
        const RunPlan *const p = &plan->plans[at];
        const bool skipped = !runs(plan->states[at]);
        char steps[32];
        snprintf(steps, sizeof steps, "%s%lld", p->counts_later ? "~ " : "", (long long)p->steps);
        counts_later = counts_later || p->counts_later;
        print_row(cli, g->stages[at].name, stage_names()[g->stages[at].recipe.stage],
                  skipped ? "skipped" : graph_state_name(plan->states[at]), steps, p);
    }
    add_up(&total, g, plan);
    print_row(cli, "to be done", "", "", "", &total);
    if (counts_later) cli_print(cli, "~: counted when the data is there; until then as if all were kept that may be\n");
    cli_print(cli, "times are estimates for %lld thread%s, completions at half their cap\n", (long long)cli->n_threads,
              cli->n_threads == 1 ? "" : "s");
}

static bool dry_run(const Cli *cli, Graph *g, const char *folder, const Compute *compute, Error *err)
{
    GraphPlan plan;
    if (!graph_plan(&plan, g, folder, compute, true, err)) return false;
    bool ok = true;
    if (cli->json)
        ok = json_plan(g, &plan, folder, err);
    else
        print_plan(cli, g, &plan, folder);
    graph_plan_free(&plan);
    return ok;
}

/* ---- the run ---- */

typedef struct Listener {
    const Cli *cli;
    bool ok;
    Error err;
} Listener;

static void json_outcome(Listener *l, const char *stage, const char *folder, const char *outcome)
{
    JsonOut out = {0};
    json_out_object(&out);
    if (stage) json_out_kv_string(&out, "stage", stage);
    json_out_kv_string(&out, "folder", folder);
    json_out_kv_string(&out, "outcome", outcome);
    json_out_object_end(&out);
    l->ok = l->ok && json_out_line(&out, stdout, &l->err);
    json_out_free(&out);
}

static void hear(void *context, const GraphStage *s, GraphState state, const RunOutcome *outcome)
{
    Listener *const l = context;
    if (l->cli->json) {
        if (outcome) json_outcome(l, s->name, s->folder, state == GRAPH_DONE ? "skipped" : "done");
        return;
    }
    if (!outcome)
        cli_note(l->cli, "r1: stage %s %s\n", s->name,
                 state == GRAPH_AGAIN ? "runs again: its inputs have changed (what it was stands under previous/)"
                                      : graph_state_name(state));
    else if (state == GRAPH_DONE)
        cli_note(l->cli, "r1: stage %s is skipped: it is done and its inputs have not changed\n", s->name);
}

static const char *figure(char text[32], const char *format, double value)
{
    if (isnan(value))
        snprintf(text, 32, "-");
    else
        snprintf(text, 32, format, value);
    return text;
}

/* The stages that were evaluated, last figures: what the paper shows of its checkpoints. */
static bool print_figures(const Cli *cli, const Graph *g, Error *err)
{
    bool begun = false;
    for (int i = 0; i < g->n; i++) {
        const GraphStage *const s = &g->stages[g->order[i]];
        char pass[32], error[32], cons[32], length[32], words[32];
        ReportSummary f;
        if (!report_summarise(&f, s->folder, err)) return false;
        if (isnan(f.last_pass_at_1)) continue;
        if (!begun)
            cli_note(cli, "%-16s %-10s %15s %6s %8s %8s %11s\n", "stage", "kind", "held-out pass@1", "+-", "cons@k",
                     "tokens", "reflective");
        begun = true;
        cli_note(cli, "%-16s %-10s %15s %6s %8s %8s %11s\n", s->name, stage_names()[s->recipe.stage],
                 figure(pass, "%.1f%%", 100 * f.last_pass_at_1), figure(error, "%.1f", 100 * f.last_pass_at_1_error),
                 figure(cons, "%.1f%%", 100 * f.last_consensus), figure(length, "%.1f", f.last_length),
                 figure(words, "%.2f", f.last_reflection));
    }
    return true;
}

/* Columns are as wide as their title or widest cell; UTF-8's continuation bytes take no room. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static void append_cell(char *line, size_t capacity, const char *text, int width)
{
    const size_t at = strlen(line);
    snprintf(line + at, capacity - at, "  %*s%s", width - width_of(text), "", text);
}

static int column_width(const StageTable *t, int column)
{
    int width = width_of(stage_table_columns()[column].title);
    for (int64_t i = 0; i < t->n; i++) {
        char cell[48];
        stage_table_cell(cell, sizeof cell, &t->rows[i], column);
        if (width_of(cell) > width) width = width_of(cell);
    }
    return width;
}

/* The paper's table: what the stages of the kind eval measured, a row a model. row -1: the titles. */
static void print_table_row(const Cli *cli, const StageTable *t, int64_t row)
{
    char line[400];
    snprintf(line, sizeof line, "%-16s", row < 0 ? "model" : t->rows[row].model);
    for (int c = 0; c < STAGE_TABLE_COLUMNS; c++) {
        char cell[48];
        if (!t->shown[c]) continue;
        if (row >= 0) stage_table_cell(cell, sizeof cell, &t->rows[row], c);
        append_cell(line, sizeof line, row < 0 ? stage_table_columns()[c].title : cell, column_width(t, c));
    }
    cli_note(cli, "%s\n", line);
}

static bool print_stage_table(const Cli *cli, const char *folder, Error *err)
{
    StageTable t;
    if (!stage_table_read(&t, folder, err)) return false;
    for (int64_t i = -1; t.n > 0 && i < t.n; i++) print_table_row(cli, &t, i);
    stage_table_free(&t);
    return true;
}

static bool run_graph(Cli *cli, Graph *g, const char *folder, const RunOptions *options, const Compute *compute,
                      Error *err)
{
    RunOutcome outcome;
    Listener listener = {.cli = cli, .ok = true};
    if (!graph_run(g, folder, options, compute, hear, &listener, &outcome, err)) return false;
    if (cli->json) json_outcome(&listener, NULL, folder, outcome == RUN_WAS_FINISHED ? "was finished" : "done");
    if (!listener.ok) *err = listener.err;
    if (!cli->json && (!print_figures(cli, g, err) || !print_stage_table(cli, folder, err))) return false;
    if (!cli->json)
        cli_note(cli,
                 outcome == RUN_WAS_FINISHED ? "r1: %s is finished; its report is %s/report.html\n"
                                             : "r1: %s is done; its report is %s/report.html\n",
                 folder, folder);
    return listener.ok;
}

bool cli_run_graph(Cli *cli, YamlDocument *document, const RunOptions *options, bool is_dry, Error *err)
{
    Graph g;
    Compute compute;
    if (!graph_open(&g, document, err)) return false;
    char *const folder = graph_run_folder(&g, options);
    graph_bind(&g, folder);
    const bool ok =
        cli_make_compute(cli, g.settings.threads, &compute, err) &&
        (is_dry ? dry_run(cli, &g, folder, &compute, err) : run_graph(cli, &g, folder, options, &compute, err));
    base_free(folder);
    graph_close(&g);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* recipe/graph_run.c: the life of a graph's run folder.
 *
 *   DIR/recipe.yaml   the resolved graph          DIR/graph.json   stages, edges and states, for report and people
 *   DIR/NAME/         a stage's run folder, with inputs.json          DIR/previous/NAME/   what it was before its inputs changed
 *
 * A stage goes through
 *   no folder, or an empty one --(inputs.json)--> begun --(recipe_run)--> done
 *   begun or done, other inputs --(renamed to previous/NAME; one that stood there is removed)--> no folder
 * so at every moment a folder NAME belongs to the inputs that its inputs.json says, whatever dies when. */
#include "recipe/graph.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/signals.h"
#include "record/report.h"
#include "recipe/graph_inputs.h"
#include "recipe/stage_type.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *graph_state_name(GraphState state)
{
    static const char *const names[] = {"done", "resumes", "runs", "runs again", "waits"};
    return names[state];
}

static bool holds(const char *folder, const char *name)
{
    char *const path = base_printf("%s/%s", folder, name);
    const bool there = file_exists(path);
    base_free(path);
    return there;
}

/* ---- may this graph run here? ---- */

/* What our own last run left under this name, if it was a graph of the same name. */
static bool check_same_graph(const Graph *g, const char *folder, const char *path, Error *err)
{
    YamlDocument before;
    if (!run_check_resolved(path, err) || !yaml_read_file(&before, path, err)) return false;
    const YamlNode *const name = yaml_get(before.root, "name");
    bool ok = true;
    if (!graph_is(&before))
        ok = error_set(err, ERROR_INPUT, "%s holds a run of one stage: choose another folder by --out", folder);
    else if (!name || !name->text || strcmp(name->text, g->settings.name) != 0)
        ok = error_set(err, ERROR_INPUT,
                       "%s holds a run of another recipe; these keys differ: name. Choose another folder by --out",
                       folder);
    yaml_free(&before);
    return ok;
}

static bool check_folder(const Graph *g, const char *folder, Error *err)
{
    static const char *const ours[] = {"graph.json", "report.html", "run.sqlite", "metrics.jsonl", NULL};
    char *const path = base_printf("%s/recipe.yaml", folder);
    bool ok = true;
    if (file_exists(folder) && !file_is_folder(folder))
        ok = error_set(err, ERROR_INPUT, "%s: is a file, a run needs a folder", folder);
    else if (file_exists(path))
        ok = check_same_graph(g, folder, path, err);
    else {
        const char *there = NULL;
        for (int i = 0; ours[i] && !there; i++)
            if (holds(folder, ours[i])) there = ours[i];
        for (int i = 0; i < g->n && !there; i++)
            if (holds(folder, g->stages[i].name)) there = g->stages[i].name;
        ok = !there ||
             error_set(err, ERROR_INPUT,
                       "%s: holds \"%s\" but no recipe.yaml of a run, so a run here would write over it: choose "
                       "another folder by --out",
                       folder, there);
    }
    base_free(path);
    return ok;
}

/* ---- a stage's state ---- */

static bool is_empty(const char *folder, bool *empty, Error *err)
{
    char **names;
    int64_t n, n_left = 0;
    *empty = true;
    if (!file_exists(folder)) return true;
    if (!file_is_folder(folder)) return error_set(err, ERROR_INPUT, "%s: is a file, a stage needs a folder", folder);
    if (!file_list(folder, &names, &n, err)) return false;
    for (int64_t i = 0; i < n; i++) n_left += strstr(names[i], ".tmp-") == NULL && strcmp(names[i], "lock") != 0;
    file_names_free(names, n);
    *empty = n_left == 0;
    return true;
}

/* What the folder is to a stage with these inputs. */
static bool state_of(const GraphStage *s, const StageInputs *inputs, GraphState *state, Error *err)
{
    char stored[33];
    bool empty;
    if (!is_empty(s->folder, &empty, err)) return false;
    *state = GRAPH_RUNS;
    if (empty) return true;
    if (!graph_inputs_stored(stored, s->folder, err)) return false;
    if (!*stored)
        return error_set(err, ERROR_INPUT,
                         "%s: holds files but no inputs.json of a graph, so a stage here would write over them: choose "
                         "another folder by --out",
                         s->folder);
    if (strcmp(stored, inputs->digest) != 0)
        *state = GRAPH_AGAIN;
    else if (run_folder_finished(&s->recipe, s->folder))
        *state = GRAPH_DONE;
    else if (holds(s->folder, "recipe.yaml"))
        *state = GRAPH_RESUMES;
    return true;
}

/* ---- graph.json ---- */

static void write_stage(JsonOut *out, const Graph *g, const GraphStage *s, const char *state)
{
    json_out_object(out);
    json_out_kv_string(out, "name", s->name);
    json_out_kv_string(out, "stage", stage_names()[s->recipe.stage]);
    json_out_kv_string(out, "state", state);
    json_out_kv_int(out, "depth", s->depth);
    json_out_kv_int(out, "steps", s->recipe.common->steps);
    json_out_key(out, "reads");
    json_out_array(out);
    for (int k = 0; k < s->n_inputs; k++) {
        json_out_object(out);
        json_out_kv_string(out, "key", s->inputs[k].key->name);
        if (s->inputs[k].from >= 0)
            json_out_kv_string(out, "from", g->stages[s->inputs[k].from].name);
        else
            json_out_kv_string(out, "path",
                               *(const char *const *)recipe_field(s->inputs[k].settings, s->inputs[k].key));
        json_out_object_end(out);
    }
    json_out_array_end(out);
    json_out_object_end(out);
}

/* In the order in which they run: those before `at` are done, `at` runs. */
static bool write_graph(const Graph *g, const char *folder, int at, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_int(&out, "format", 1);
    json_out_kv_string(&out, "name", g->settings.name);
    json_out_key(&out, "stages");
    json_out_array(&out);
    for (int i = 0; i < g->n; i++)
        write_stage(&out, g, &g->stages[g->order[i]], i < at ? "done" : i == at ? "running" : "waiting");
    json_out_array_end(&out);
    json_out_object_end(&out);
    char *const path = base_printf("%s/graph.json", folder);
    const bool ok = file_write_all(path, "graph", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok && report_write_graph(folder, err);
}

static bool write_resolved(const Graph *g, const char *folder, Error *err)
{
    JsonOut out = {0};
    json_out_raw_bytes(&out, RUN_RESOLVED_HEAD, strlen(RUN_RESOLVED_HEAD));
    graph_resolved(g, &out);
    char *const path = base_printf("%s/recipe.yaml", folder);
    const bool ok = file_write_all(path, "recipe", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

/* ---- running ---- */

/* What interrupted writes left under our names. */
static bool remove_leftovers(const char *folder, Error *err)
{
    static const char *const stems[] = {"recipe.yaml.tmp-", "report.html.tmp-", "graph.json.tmp-", NULL};
    return run_remove_leftovers(folder, stems, err);
}

/* The folder makes room; what it was stays until that happens the next time. */
static bool put_aside(const GraphStage *s, const char *folder, Error *err)
{
    char *const previous = base_printf("%s/previous", folder), *const to = base_printf("%s/%s", previous, s->name);
    const bool ok = file_make_folders(previous, err) && file_remove_tree(to, err) &&
                    file_rename_durable(s->folder, to, "previous", err);
    base_free(previous);
    base_free(to);
    return ok;
}

static bool begin_stage(const GraphStage *s, const char *folder, const StageInputs *inputs, GraphState state,
                        Error *err)
{
    if (state == GRAPH_AGAIN && !put_aside(s, folder, err)) return false;
    return (state != GRAPH_AGAIN && state != GRAPH_RUNS) || graph_inputs_store(inputs, s, err);
}

typedef struct GraphRun {
    Graph *graph;
    const char *folder;
    const RunOptions *options;
    const Compute *compute;
    GraphListener listener;
    void *context;
    int64_t n_run;
} GraphRun;

/* --verdicts of a run of several stages: that stage's, if it is there. base_alloc'd; NULL: none. */
static char *verdicts_of(const GraphRun *run, const GraphStage *s)
{
    const char *const from = run->options->verdicts;
    if (!from) return NULL;
    if (!report_is_graph(from)) return base_strdup(from);
    char *const of_stage = base_printf("%s/%s", from, s->name);
    if (holds(of_stage, "run.sqlite")) return of_stage;
    base_free(of_stage);
    return NULL;
}

static bool run_stage(GraphRun *run, int place, Error *err)
{
    Graph *const g = run->graph;
    GraphStage *const s = &g->stages[g->order[place]];
    StageInputs inputs;
    GraphState state;
    RunOutcome outcome = RUN_WAS_FINISHED;
    char *const title = base_printf("%s/%s", g->settings.name, s->name), *const verdicts = verdicts_of(run, s);
    RunOptions options = {.out = s->folder,
                          .verdicts = verdicts,
                          .stream = run->options->stream,
                          .quiet = run->options->quiet,
                          .json = run->options->json,
                          .title = title,
                          .same_inputs = true};
    bool ok =
        recipe_count_steps(&s->recipe, err) && graph_inputs_read(&inputs, s, err) && state_of(s, &inputs, &state, err);
    if (ok && state != GRAPH_DONE) {
        run->n_run++;
        if (run->listener) run->listener(run->context, s, state, NULL);
        ok = begin_stage(s, run->folder, &inputs, state, err) && write_graph(g, run->folder, place, err);
    }
    /* A stage that is done is looked at too: what was left to tidy up is tidied up. */
    options.finished = ok && state == GRAPH_DONE;
    ok = ok && recipe_run(&s->recipe, &options, run->compute, &outcome, err);
    if (ok && run->listener) run->listener(run->context, s, state, &outcome);
    base_free(title);
    base_free(verdicts);
    return ok || error_in(err, "stage %s", s->name);
}

static bool run_locked(GraphRun *run, RunOutcome *outcome, Error *err)
{
    Graph *const g = run->graph;
    if (!check_folder(g, run->folder, err) || !remove_leftovers(run->folder, err) ||
        !write_resolved(g, run->folder, err))
        return false;
    for (int i = 0; i < g->n; i++)
        if (!signals_check(err) || !run_stage(run, i, err)) return false;
    *outcome = run->n_run > 0 ? RUN_DONE : RUN_WAS_FINISHED;
    if (*outcome == RUN_WAS_FINISHED && holds(run->folder, "graph.json") && holds(run->folder, "report.html"))
        return true;
    return write_graph(g, run->folder, g->n, err);
}

bool graph_run(Graph *g, const char *folder, const RunOptions *options, const Compute *compute, GraphListener listener,
               void *context, RunOutcome *outcome, Error *err)
{
    GraphRun run = {g, folder, options, compute, listener, context, 0};
    GraphPlan plan;
    char *const lock = base_printf("%s/lock", folder);
    int fd = -1;
    /* A recipe that cannot run leaves no folder and no lock behind. */
    bool ok = graph_plan(&plan, g, folder, compute, false, err);
    if (ok) graph_plan_free(&plan);
    ok = ok && file_make_folders(folder, err) && file_lock(lock, &fd, err);
    if (ok) {
        ok = run_locked(&run, outcome, err);
        file_unlock(fd);
    }
    base_free(lock);
    return ok;
}

/* ---- the plan ---- */

/* A stage that it reads from is not known to be done. */
static bool input_pending(const GraphPlan *plan, const GraphStage *s)
{
    for (int k = 0; k < s->n_inputs; k++)
        if (s->inputs[k].from >= 0 && plan->states[s->inputs[k].from] != GRAPH_DONE) return true;
    return false;
}

static bool plan_state(const GraphPlan *plan, GraphStage *s, GraphState *state, Error *err)
{
    StageInputs inputs;
    bool empty;
    if (!input_pending(plan, s))
        return recipe_count_steps(&s->recipe, err) && graph_inputs_read(&inputs, s, err) &&
               state_of(s, &inputs, state, err);
    if (!is_empty(s->folder, &empty, err)) return false;
    *state = empty ? GRAPH_RUNS : GRAPH_WAITS;
    /* how often the families are asked, or a judge, does not hang on what is still to be made, unless that is the rows */
    const bool counts = s->recipe.stage == STAGE_REJECT  ? !*s->recipe.reject.data
                        : s->recipe.stage == STAGE_PAIRS ? file_exists(s->recipe.pairs.data)
                                                         : false;
    return !counts || recipe_count_steps(&s->recipe, err);
}

/* What is left of a stage that goes on from a checkpoint. */
static void leave_out_done(RunPlan *p)
{
    const double left = (double)(p->steps - p->resume_step) / (double)p->steps;
    if (!p->resumes || p->steps <= 0 || left < 0) return;
    p->train_flops *= left;
    p->sample_flops *= left;
    p->seconds *= left;
}

static bool plan_stage(GraphPlan *plan, Graph *g, int i, double rate, const Compute *compute, Error *err)
{
    GraphStage *const s = &g->stages[i];
    PlanAhead ahead = {.rate = rate};
    if (!graph_inputs_exist(s, err) || !plan_state(plan, s, &plan->states[i], err)) return false;
    ahead.finished = plan->states[i] == GRAPH_DONE;
    for (int k = 0; k < s->n_inputs; k++) {
        const int from = s->inputs[k].from;
        if (from < 0 || plan->states[from] == GRAPH_DONE) continue;
        const char *const key = s->inputs[k].key->name;
        if (strcmp(key, "model") == 0)
            ahead.model = &plan->plans[from];
        else if (strcmp(key, "teacher") == 0)
            ahead.teacher = &plan->plans[from];
        else if (strcmp(key, "data") == 0)
            ahead.data = &plan->plans[from];
        else
            ahead.other = true;
    }
    if (!recipe_plan_ahead(&s->recipe, s->folder, true, &ahead, compute, &plan->plans[i], err)) return false;
    if (plan->states[i] == GRAPH_RESUMES) leave_out_done(&plan->plans[i]);
    return true;
}

bool graph_plan(GraphPlan *plan, Graph *g, const char *folder, const Compute *compute, bool timed, Error *err)
{
    *plan = (GraphPlan){.states = base_alloc((size_t)g->n, sizeof *plan->states),
                        .plans = base_alloc((size_t)g->n, sizeof *plan->plans)};
    bool ok = check_folder(g, folder, err);
    const double rate = ok && timed ? plan_measure_rate(compute) : (double)NAN;
    for (int i = 0; ok && i < g->n; i++) {
        const int at = g->order[i];
        ok = plan_stage(plan, g, at, rate, compute, err) || error_in(err, "stage %s", g->stages[at].name);
    }
    if (!ok) graph_plan_free(plan);
    return ok;
}

void graph_plan_free(GraphPlan *plan)
{
    base_free(plan->states);
    base_free(plan->plans);
    *plan = (GraphPlan){0};
}

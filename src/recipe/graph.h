/* SPDX-License-Identifier: MIT */
/* recipe/graph.h: recipes of several stages, joined by what they read.
 *
 *   name: r1
 *   seed: 1                          # of every stage that gives none of its own
 *   stages:
 *     base: {stage: pretrain, ...}
 *     zero: {stage: grpo, model: "${stages.base.model}", ...}
 *
 * A stage's keys are those of a recipe of that stage. Where a key takes a model or data, ${stages.NAME.OUTPUT} is what the stage
 * NAME leaves there (recipe/stage_type.h: model, data, ...). Stages stand in any order; they run in the order of the file as far as
 * what they read allows. Each runs in a folder of its name inside the run folder, as a run of its own; a stage whose inputs have
 * not changed since it was done is skipped (recipe/graph_inputs.h).
 * May use everything below cli/. */
#ifndef R1_RECIPE_GRAPH_H
#define R1_RECIPE_GRAPH_H

#include "recipe/run.h"

enum { GRAPH_MAX_STAGES = 256, GRAPH_MAX_INPUTS = 16 };

/* A key that names something to read. */
typedef struct GraphInput {
    const RecipeKey *key;
    int from;           /* the stage that makes it; -1: it is there */
    const char *output; /* of that stage: the path inside its folder */
} GraphInput;

typedef struct GraphStage {
    const char *name; /* lives as long as the document */
    Recipe recipe;    /* until graph_bind its inputs are what the file says */
    char *lasting;    /* owned; recipe_lasting before graph_bind: paths of other stages stand as ${...} */
    char *resolved;   /* owned; recipe_resolved, likewise */
    GraphInput inputs[GRAPH_MAX_INPUTS];
    int n_inputs;
    int depth;                     /* 1 + that of the deepest stage it reads from; 0: it reads from none */
    char *folder;                  /* owned; after graph_bind */
    char *bound[GRAPH_MAX_INPUTS]; /* owned; after graph_bind: paths that the recipe's settings point at */
} GraphStage;

typedef struct GraphSettings {
    const char *name, *out;
    int64_t seed, threads;
} GraphSettings;

typedef struct Graph {
    YamlDocument document;
    GraphSettings settings;
    char *owned_name;   /* when the recipe gives none */
    GraphStage *stages; /* [n], in the order of the file */
    int *order;         /* [n]: stages in the order in which they run */
    int n;
} Graph;

/* A document with the key "stages". */
bool graph_is(const YamlDocument *document);
/* Reads and checks all stages; takes the document, also on failure. Unknown names, cycles, an output that a key cannot take are
 * ERROR_INPUT with file, line and column. */
bool graph_open(Graph *graph, YamlDocument *document, Error *err) R1_MUST_CHECK;
void graph_close(Graph *graph);
/* What the stages read from each other becomes paths inside `folder`. Once. */
void graph_bind(Graph *graph, const char *folder);
/* The resolved recipe, every key of every stage with its value. Reading it again gives the same graph. */
void graph_resolved(const Graph *graph, JsonOut *out);
/* As recipe_run_folder. */
char *graph_run_folder(const Graph *graph, const RunOptions *options);

/* What becomes of a stage, as far as it can be told. */
typedef enum GraphState {
    GRAPH_DONE,    /* and its inputs are what they were */
    GRAPH_RESUMES, /* begun with these inputs */
    GRAPH_RUNS,    /* never begun */
    GRAPH_AGAIN,   /* begun or done with other inputs */
    GRAPH_WAITS, /* done or begun, but a stage that it reads from has to run before it can be told whether it goes on */
} GraphState;
const char *graph_state_name(GraphState state);

/* Hears of every stage: before it runs (outcome NULL) and when it is done or skipped. May be NULL. */
typedef void (*GraphListener)(void *context, const GraphStage *stage, GraphState state, const RunOutcome *outcome);

/* Runs what has to be run. *outcome: RUN_WAS_FINISHED when that is nothing. graph_bind must have been called with this folder. */
bool graph_run(Graph *graph, const char *folder, const RunOptions *options, const Compute *compute,
               GraphListener listener, void *context, RunOutcome *outcome, Error *err) R1_MUST_CHECK;

typedef struct GraphPlan {
    GraphState *states; /* [n], by stage; owned */
    RunPlan *plans;     /* [n]; owned */
} GraphPlan;
/* Checks everything that can be checked before the first step and tells what graph_run would do; changes nothing on disk. timed:
 * measures this machine for a quarter of a second. */
bool graph_plan(GraphPlan *plan, Graph *graph, const char *folder, const Compute *compute, bool timed,
                Error *err) R1_MUST_CHECK;
void graph_plan_free(GraphPlan *plan);

#endif

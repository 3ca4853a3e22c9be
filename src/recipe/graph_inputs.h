/* SPDX-License-Identifier: MIT */
/* recipe/graph_inputs.h: what a stage of a graph is made from, as one number. Two runs of a stage with the same number give the
 * same bytes, so the second need not be.
 *
 * It is XXH3-128 over the stage's resolved recipe, without the keys that move no bit and with what other stages leave as
 * ${stages...}, and over the contents of every model and data file that it names (input_digest.h). Where files stand does not enter: a
 * run folder may be moved.
 *
 * FOLDER/inputs.json keeps it: {"format":1,"digest":"32 hex digits","inputs":[{"key","path","digest"}]}; it is written before the
 * stage begins. */
#ifndef R1_RECIPE_GRAPH_INPUTS_H
#define R1_RECIPE_GRAPH_INPUTS_H

#include "recipe/graph.h"

typedef struct StageInputs {
    char digest[33];
    char parts[GRAPH_MAX_INPUTS][33]; /* [n_inputs] of each */
} StageInputs;

/* Everything that the stage names and no other stage makes is there. */
bool graph_inputs_exist(const GraphStage *stage, Error *err) R1_MUST_CHECK;
/* Reads everything that the stage names; the graph must be bound. */
bool graph_inputs_read(StageInputs *inputs, const GraphStage *stage, Error *err) R1_MUST_CHECK;
/* What FOLDER/inputs.json says; "" when there is none. */
bool graph_inputs_stored(char digest[33], const char *folder, Error *err) R1_MUST_CHECK;
bool graph_inputs_store(const StageInputs *inputs, const GraphStage *stage, Error *err) R1_MUST_CHECK;

#endif

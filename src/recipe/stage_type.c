/* SPDX-License-Identifier: MIT */
/* recipe/stage_type.c: see stage_type.h. */
#include "recipe/stage_type.h"

static const StageOutput model_outputs[] = {{"model", "model", KEY_MODEL}, {0}};
static const StageOutput data_outputs[] = {
    {"data", "data/kept.jsonl", KEY_DATA}, {"dropped", "data/dropped.jsonl", KEY_DATA}, {0}};
static const StageOutput rows_outputs[] = {{"data", "data/rows.jsonl", KEY_DATA}, {0}};
static const StageOutput pairs_outputs[] = {
    {"data", "data/pairs.jsonl", KEY_DATA}, {"results", "data/results.json", KEY_DATA}, {0}};
static const StageOutput result_outputs[] = {{"results", "results/results.json", KEY_DATA}, {0}};

const StageOutput *stage_outputs(StageKind kind)
{
#define OUTPUTS(KIND, word, Type, name, outputs) outputs,
    static const StageOutput *const of[] = {STAGE_TYPES(OUTPUTS)};
#undef OUTPUTS
    return of[kind];
}

bool stage_trains(StageKind kind)
{
    return stage_outputs(kind) == model_outputs;
}

bool stage_run(const StageRun *run, const Recipe *r, Error *err)
{
    switch (r->stage) {
#define RUN(KIND, word, Type, name, outputs)                                                                           \
    case STAGE_##KIND:                                                                                                 \
        return word##_run(run, &r->word, err);
        STAGE_TYPES(RUN)
#undef RUN
    case STAGE_COUNT:
        break;
    }
    return false;
}

int64_t stage_plain_every(StageKind kind)
{
    return kind == STAGE_PRETRAIN ? 50 : kind == STAGE_GRPO || !stage_trains(kind) ? 1 : 10;
}

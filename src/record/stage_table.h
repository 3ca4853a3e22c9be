/* SPDX-License-Identifier: MIT */
/* record/stage_table.h: the paper's table of its checkpoints (DeepSeek-R1, arXiv 2501.12948 v2, table 3: R1-Zero, Dev1, Dev2, Dev3, R1)
 * for a run of several stages: a row a model that a stage of the kind `eval` measured, a column a measure. Read from graph.json and the
 * stages' metrics.jsonl alone. May use base/. */
#ifndef R1_RECORD_STAGE_TABLE_H
#define R1_RECORD_STAGE_TABLE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STAGE_TABLE_COLUMNS = 8, STAGE_TABLE_NAME = 72 };

typedef struct StageTableColumn {
    const char *title, *metric; /* metric: behind eval/held_out/; its error has _stderr behind it */
    bool share;                 /* shown in percent */
} StageTableColumn;
const StageTableColumn *stage_table_columns(void); /* [STAGE_TABLE_COLUMNS] */

typedef struct StageTableRow {
    char model[STAGE_TABLE_NAME];                                  /* the stage that made it, or the model's folder */
    char stage[STAGE_TABLE_NAME];                                  /* that measured it */
    double value[STAGE_TABLE_COLUMNS], error[STAGE_TABLE_COLUMNS]; /* NaN: was not measured */
} StageTableRow;

typedef struct StageTable {
    StageTableRow *rows; /* owned, in the order of the run */
    int64_t n;
    bool shown[STAGE_TABLE_COLUMNS]; /* some row has it */
} StageTable;

/* No evaluation that is done is no error: then there are no rows. */
bool stage_table_read(StageTable *table, const char *folder, Error *err) R1_MUST_CHECK;
void stage_table_free(StageTable *table);
/* "61.2% ± 1.3", "48.0 ± 0.9", "-". */
void stage_table_cell(char *text, size_t capacity, const StageTableRow *row, int column);

#endif

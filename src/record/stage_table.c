/* SPDX-License-Identifier: MIT */
/* record/stage_table.c: see stage_table.h. */
#include "record/stage_table.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "record/metrics.h"

#include <math.h>
#include <string.h>

const StageTableColumn *stage_table_columns(void)
{
    static const StageTableColumn columns[STAGE_TABLE_COLUMNS] = {
        {"accuracy", "pass@1", true},
        {"English", "en/pass@1", true},
        {"Chinese", "zh/pass@1", true},
        {"readable", "readable", true},
        {"one language", "language/consistency", true},
        {"helpfulness", "helpful/helpfulness", true},
        {"safe", "safety/safe", true},
        {"tokens", "mean_length", false},
    };
    return columns;
}

/* ---- reading ---- */

/* What the evaluated model is called: the stage it comes from, else the last part of its path. */
static void name_model(char name[STAGE_TABLE_NAME], const json_t *stage)
{
    const json_t *const reads = json_object_get(stage, "reads");
    const char *from = NULL;
    for (size_t k = 0; json_is_array(reads) && k < json_array_size(reads); k++) {
        const json_t *const read = json_array_get(reads, k);
        const char *const key = json_string_value(json_object_get(read, "key"));
        if (!key || strcmp(key, "model") != 0) continue;
        from = json_string_value(json_object_get(read, "from"));
        const char *const path = json_string_value(json_object_get(read, "path"));
        if (!from && path) from = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    }
    snprintf(name, STAGE_TABLE_NAME, "%.64s", from && *from ? from : "?");
}

static double held_out_figure(const MetricsTable *metrics, const char *metric, const char *behind)
{
    char name[METRICS_NAME_CAPACITY];
    snprintf(name, sizeof name, "eval/held_out/%s%s", metric, behind);
    const double *const column = metrics_column(metrics, name);
    return column ? column[metrics->n_rows - 1] : (double)NAN;
}

static bool add_row(StageTable *table, const char *folder, const json_t *stage, const char *name, Error *err)
{
    const StageTableColumn *const columns = stage_table_columns();
    char *const path = base_printf("%s/%s/metrics.jsonl", folder, name);
    MetricsTable metrics;
    const bool ok = metrics_read(&metrics, path, err);
    base_free(path);
    if (!ok) return false;
    if (metrics.n_rows > 0) {
        StageTableRow *const row = &table->rows[table->n++];
        name_model(row->model, stage);
        snprintf(row->stage, sizeof row->stage, "%.64s", name);
        for (int c = 0; c < STAGE_TABLE_COLUMNS; c++) {
            row->value[c] = held_out_figure(&metrics, columns[c].metric, "");
            row->error[c] = held_out_figure(&metrics, columns[c].metric, "_stderr");
            table->shown[c] = table->shown[c] || !isnan(row->value[c]);
        }
    }
    metrics_table_free(&metrics);
    return true;
}

bool stage_table_read(StageTable *table, const char *folder, Error *err)
{
    *table = (StageTable){0};
    char *const path = base_printf("%s/graph.json", folder);
    json_t *const graph = json_read_file(path, err);
    base_free(path);
    if (!graph) return false;
    const json_t *const stages = json_object_get(graph, "stages");
    const size_t n = json_is_array(stages) ? json_array_size(stages) : 0;
    bool ok = true;
    table->rows = base_alloc(n, sizeof *table->rows);
    for (size_t i = 0; ok && i < n; i++) {
        const json_t *const stage = json_array_get(stages, i);
        const char *const kind = json_string_value(json_object_get(stage, "stage")), *const name = json_string_value(
                                                                                         json_object_get(stage,
                                                                                                         "name"));
        if (kind && name && strcmp(kind, "eval") == 0 && !strchr(name, '/'))
            ok = add_row(table, folder, stage, name, err);
    }
    json_decref(graph);
    if (!ok) stage_table_free(table);
    return ok;
}

void stage_table_free(StageTable *table)
{
    base_free(table->rows);
    *table = (StageTable){0};
}

void stage_table_cell(char *text, size_t capacity, const StageTableRow *row, int column)
{
    const bool share = stage_table_columns()[column].share;
    const double scale = share ? 100.0 : 1.0, value = row->value[column], error = row->error[column];
    if (isnan(value))
        snprintf(text, capacity, "-");
    else if (isnan(error) || error == 0) /* one problem, or no spread */
        snprintf(text, capacity, "%.1f%s", scale * value, share ? "%" : "");
    else
        snprintf(text, capacity, "%.1f%s ± %.1f", scale * value, share ? "%" : "", scale * error);
}

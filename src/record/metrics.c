/* SPDX-License-Identifier: MIT */
/* record/metrics.c: rows of metrics and their table. The file on disk: metrics_writer.c. */
#include "record/metrics.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { METRICS_MAX_BYTES = 1 << 30 };

/* ---- a row ---- */

void metrics_row_clear(MetricsRow *row)
{
    row->step = 0;
    row->stage[0] = 0;
    row->n = 0;
}

void metrics_row_free(MetricsRow *row)
{
    base_free(row->items);
    *row = (MetricsRow){0};
}

static Metric *find_metric(const MetricsRow *row, const char *name)
{
    for (int64_t i = 0; i < row->n; i++)
        if (strcmp(row->items[i].name, name) == 0) return &row->items[i];
    return NULL;
}

void metrics_set(MetricsRow *row, const char *name, double value)
{
    char cut[METRICS_NAME_CAPACITY];
    snprintf(cut, sizeof cut, "%s", name);
    Metric *metric = find_metric(row, cut);
    if (!metric) {
        if (row->n == row->capacity) {
            row->capacity = row->capacity ? row->capacity * 2 : 64;
            row->items = base_realloc(row->items, (size_t)row->capacity, sizeof *row->items);
        }
        metric = &row->items[row->n++];
        memcpy(metric->name, cut, sizeof cut);
    }
    metric->value = value;
}

void metrics_setf(MetricsRow *row, double value, const char *format, ...)
{
    char name[METRICS_NAME_CAPACITY];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    metrics_set(row, name, value);
}

double metrics_get(const MetricsRow *row, const char *name)
{
    const Metric *const metric = find_metric(row, name);
    return metric ? metric->value : (double)NAN;
}

/* ---- the table ---- */

/* The column of a name, made when it is new. Rows mostly repeat the order of the row before, so the search begins at `hint`. */
static int64_t table_column(MetricsTable *table, const char *name, int64_t hint, int64_t row_capacity)
{
    for (int64_t i = 0; i < table->n_columns; i++) {
        const int64_t at = (hint + i) % table->n_columns;
        if (strcmp(table->names[at], name) == 0) return at;
    }
    const int64_t added = table->n_columns++;
    table->names = base_realloc(table->names, (size_t)table->n_columns, sizeof *table->names);
    table->columns = base_realloc(table->columns, (size_t)table->n_columns, sizeof *table->columns);
    table->names[added] = base_strdup(name);
    table->columns[added] = base_alloc((size_t)row_capacity, sizeof(double));
    for (int64_t r = 0; r < row_capacity; r++) table->columns[added][r] = NAN;
    return added;
}

static bool table_add_line(MetricsTable *table, json_t *line, int64_t row_capacity, Error *err)
{
    int64_t step = -1;
    const char *stage = "";
    if (!json_is_object(line)) return error_set(err, ERROR_INPUT, "expected an object");
    if (!json_require(line, "step", err) || !json_get_int(line, "step", 0, INT64_MAX, &step, err) ||
        !json_get_string(line, "stage", &stage, NULL, err))
        return false;
    if (table->n_rows > 0 && step <= table->steps[table->n_rows - 1])
        return error_set(err, ERROR_INPUT, "step %" PRId64 " follows step %" PRId64, step,
                         table->steps[table->n_rows - 1]);
    const int64_t row = table->n_rows++;
    table->steps[row] = step;
    table->stages[row] = base_strdup(stage);
    int64_t hint = 0;
    const char *key;
    json_t *value;
    json_object_foreach(line, key, value)
    {
        if (strcmp(key, "step") == 0 || strcmp(key, "stage") == 0) continue;
        if (!json_is_number(value) && !json_is_null(value)) continue; /* more keys may always be added */
        hint = table_column(table, key, hint, row_capacity);
        if (json_is_number(value)) table->columns[hint][row] = json_number_value(value);
        hint++;
    }
    return true;
}

bool metrics_read(MetricsTable *table, const char *path, Error *err)
{
    *table = (MetricsTable){0};
    char *text = NULL;
    size_t length = 0;
    if (!file_exists(path)) return true;
    if (!file_read_all(path, METRICS_MAX_BYTES, &text, &length, err)) return false;

    int64_t n_lines = 0;
    for (size_t i = 0; i < length; i++) n_lines += text[i] == '\n';
    table->steps = base_alloc((size_t)n_lines + 1, sizeof *table->steps);
    table->stages = base_alloc((size_t)n_lines + 1, sizeof *table->stages);
    bool ok = true;
    int64_t number = 0;
    for (const char *line = text, *end; ok && (end = memchr(line, '\n', length - (size_t)(line - text)));
         line = end + 1) {
        number++;
        json_t *const value = json_read_text(line, (size_t)(end - line), path, number, err);
        ok = value && (table_add_line(table, value, n_lines, err) || error_in(err, "%s:%" PRId64, path, number));
        json_decref(value);
    }
    base_free(text);
    if (!ok) metrics_table_free(table);
    return ok;
}

void metrics_table_free(MetricsTable *table)
{
    for (int64_t r = 0; r < table->n_rows; r++) base_free(table->stages[r]);
    for (int64_t c = 0; c < table->n_columns; c++) {
        base_free(table->names[c]);
        base_free(table->columns[c]);
    }
    base_free(table->stages);
    base_free(table->names);
    base_free(table->columns);
    base_free(table->steps);
    *table = (MetricsTable){0};
}

const double *metrics_column(const MetricsTable *table, const char *name)
{
    for (int64_t c = 0; c < table->n_columns; c++)
        if (strcmp(table->names[c], name) == 0) return table->columns[c];
    return NULL;
}

void metrics_table_row(const MetricsTable *table, int64_t r, MetricsRow *row)
{
    metrics_row_clear(row);
    row->step = table->steps[r];
    snprintf(row->stage, sizeof row->stage, "%s", table->stages[r]);
    for (int64_t c = 0; c < table->n_columns; c++)
        if (!isnan(table->columns[c][r])) metrics_set(row, table->names[c], table->columns[c][r]);
}

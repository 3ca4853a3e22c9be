/* SPDX-License-Identifier: MIT */
/* record/report_graph.c: the page of a run of several stages. */
#include "record/report.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "record/html.h"
#include "record/report_parts.h"
#include "record/stage_table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BOX_WIDTH = 150, BOX_HEIGHT = 46, GAP_X = 60, GAP_Y = 18, MAX_DEPTH = 255 };

typedef struct Node {
    const char *name, *stage, *state; /* of the JSON */
    int64_t depth, row;
    const json_t *reads;
    ReportRun run;
    bool has_run;
} Node;

typedef struct GraphPage {
    const char *folder;
    json_t *json;
    const char *name;
    Node *nodes;
    int64_t n;
} GraphPage;

bool report_is_graph(const char *folder)
{
    char *const path = base_printf("%s/graph.json", folder);
    const bool there = file_exists(path);
    base_free(path);
    return there;
}

/* ---- reading ---- */

static bool read_word(const json_t *object, const char *key, const char **word, Error *err)
{
    size_t length = 0;
    *word = NULL;
    return json_require(object, key, err) && json_get_string(object, key, word, &length, err) &&
           (*word || error_set(err, ERROR_INPUT, "\"%s\" is null", key));
}

static bool open_run(Node *node, const char *folder, Error *err)
{
    char *const path = base_printf("%s/%s", folder, node->name), *const metrics = base_printf("%s/metrics.jsonl", path);
    bool ok = true;
    if (!strchr(node->name, '/') && file_exists(metrics)) {
        ok = report_run_open(&node->run, path, err);
        node->has_run = ok;
    }
    base_free(path);
    base_free(metrics);
    return ok;
}

static bool read_node(GraphPage *page, Node *node, const json_t *json, Error *err)
{
    if (!json_is_object(json)) return error_set(err, ERROR_INPUT, "expected an object");
    node->reads = json_object_get(json, "reads");
    return read_word(json, "name", &node->name, err) && read_word(json, "stage", &node->stage, err) &&
           read_word(json, "state", &node->state, err) &&
           json_get_int(json, "depth", 0, MAX_DEPTH, &node->depth, err) && open_run(node, page->folder, err);
}

static bool read_page(GraphPage *page, const char *folder, Error *err)
{
    char *const path = base_printf("%s/graph.json", folder);
    *page = (GraphPage){.folder = folder, .json = json_read_file(path, err)};
    bool ok = page->json != NULL;
    if (ok) {
        const json_t *const stages = json_object_get(page->json, "stages");
        ok = (read_word(page->json, "name", &page->name, err) &&
              (json_is_array(stages) || error_set(err, ERROR_INPUT, "holds no list of stages"))) ||
             error_in(err, "%s", path);
        page->nodes = base_alloc(ok ? json_array_size(stages) : 0, sizeof *page->nodes);
        for (size_t i = 0; ok && i < json_array_size(stages); i++) {
            page->n = (int64_t)i + 1;
            ok = read_node(page, &page->nodes[i], json_array_get(stages, i), err) ||
                 error_in(err, "%s: stage %zu", path, i + 1);
        }
    }
    base_free(path);
    return ok;
}

static void close_page(GraphPage *page)
{
    for (int64_t i = 0; i < page->n; i++)
        if (page->nodes[i].has_run) report_run_close(&page->nodes[i].run);
    base_free(page->nodes);
    json_decref(page->json);
}

/* ---- the picture ---- */

static int64_t x_of(const Node *node)
{
    return 4 + node->depth * (BOX_WIDTH + GAP_X);
}

static int64_t y_of(const Node *node)
{
    return 4 + node->row * (BOX_HEIGHT + GAP_Y);
}

/* Stages of one depth stand below each other. Returns the size of the whole. */
static void place_nodes(GraphPage *page, int64_t *width, int64_t *height)
{
    int64_t rows[MAX_DEPTH + 1] = {0};
    *width = *height = 0;
    for (int64_t i = 0; i < page->n; i++) {
        Node *const node = &page->nodes[i];
        node->row = rows[node->depth]++;
        if (x_of(node) + BOX_WIDTH + 4 > *width) *width = x_of(node) + BOX_WIDTH + 4;
        if (y_of(node) + BOX_HEIGHT + 4 > *height) *height = y_of(node) + BOX_HEIGHT + 4;
    }
}

static void draw_edges(TextOut *out, const GraphPage *page, const Node *node)
{
    for (size_t k = 0; node->reads && k < json_array_size(node->reads); k++) {
        const char *const from = json_string_value(json_object_get(json_array_get(node->reads, k), "from"));
        for (int64_t i = 0; from && i < page->n; i++) {
            const Node *const source = &page->nodes[i];
            if (strcmp(source->name, from) != 0) continue;
            const int64_t x = x_of(source) + BOX_WIDTH, y = y_of(source) + BOX_HEIGHT / 2;
            const int64_t to_x = x_of(node), to_y = y_of(node) + BOX_HEIGHT / 2, bend = (to_x - x) / 2;
            text_out_printf(out,
                            "<path d=\"M%" PRId64 " %" PRId64 "C%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                            " %" PRId64 " %" PRId64 "\" fill=\"none\" stroke=\"currentColor\" opacity=\"0.45\"/>",
                            x, y, x + bend, y, to_x - bend, to_y, to_x, to_y);
        }
    }
}

static void draw_box(TextOut *out, const Node *node)
{
    text_out_printf(out,
                    "<rect x=\"%" PRId64 "\" y=\"%" PRId64
                    "\" width=\"%d\" height=\"%d\" rx=\"8\" fill=\"none\" stroke=\"currentColor\"%s/>"
                    "<text x=\"%" PRId64 "\" y=\"%" PRId64 "\" fill=\"currentColor\" font-weight=\"600\">",
                    x_of(node), y_of(node), BOX_WIDTH, BOX_HEIGHT,
                    strcmp(node->state, "waiting") == 0 ? " stroke-dasharray=\"4 3\"" : "", x_of(node) + 10,
                    y_of(node) + 20);
    html_escape_text(out, node->name);
    text_out_printf(out, "</text><text x=\"%" PRId64 "\" y=\"%" PRId64 "\" fill=\"currentColor\" font-size=\"12\">",
                    x_of(node) + 10, y_of(node) + 37);
    html_escape_text(out, node->stage);
    text_out(out, ", ");
    html_escape_text(out, node->state);
    text_out(out, "</text>\n");
}

static void section_graph(TextOut *out, GraphPage *page)
{
    int64_t width, height;
    place_nodes(page, &width, &height);
    section_begin(out, "graph", "Stages", "What each stage reads, from left to right.");
    text_out_printf(out,
                    "<div class=\"scroll\"><svg viewBox=\"0 0 %" PRId64 " %" PRId64 "\" width=\"%" PRId64
                    "\" height=\"%" PRId64 "\" style=\"width:%" PRId64 "px\" role=\"img\">\n",
                    width, height, width, height, width);
    for (int64_t i = 0; i < page->n; i++) draw_edges(out, page, &page->nodes[i]);
    for (int64_t i = 0; i < page->n; i++) draw_box(out, &page->nodes[i]);
    text_out(out, "</svg></div>\n");
    section_end(out);
}

/* ---- the tables ---- */

static void number_cell(TextOut *out, double value)
{
    text_out(out, "<td>");
    if (!isnan(value)) text_out_number(out, value);
    text_out(out, "</td>");
}

/* First and last held-out pass@1. */
static void accuracy_cell(TextOut *out, Node *node)
{
    const ReportSeries s = report_figure(&node->run, "held_out", NULL, 0, "pass@1");
    text_out(out, "<td>");
    if (s.n > 1) {
        text_out(out, "<small>");
        text_out_percent(out, series_first(&s));
        text_out(out, " →</small> ");
    }
    if (s.n > 0) text_out_percent(out, series_last(&s));
    if (s.n > 0 && series_last_error(&s) > 0)
        text_out_printf(out, " <small>± %.1f</small>", 100 * series_last_error(&s));
    text_out(out, "</td>");
}

static void length_cell(TextOut *out, Node *node)
{
    const ReportSeries held_out = report_figure(&node->run, "held_out", NULL, 0, "mean_length");
    number_cell(out,
                held_out.n > 0 ? series_last(&held_out) : report_metric_last(&node->run, "completions/mean_length"));
}

/* "120 of 400" where the stage chose among samples, or among pairs. */
static void kept_cell(TextOut *out, Node *node)
{
    const bool pairs = !isnan(report_metric_last(&node->run, "pairs/n"));
    const double kept = report_metric_last(&node->run, pairs ? "pairs/kept" : "reject/kept"),
                 sampled = report_metric_last(&node->run, pairs ? "pairs/n" : "reject/sampled");
    text_out(out, "<td>");
    if (!isnan(kept) && !isnan(sampled)) {
        text_out_count(out, (int64_t)kept);
        text_out(out, " of ");
        text_out_count(out, (int64_t)sampled);
    }
    text_out(out, "</td>");
}

static void stage_row(TextOut *out, Node *node)
{
    text_out(out, "<tr><td>");
    if (node->has_run) {
        text_out(out, "<a href=\"");
        html_escape_text(out, node->name); /* letters, digits, - and _ */
        text_out(out, "/report.html\">");
    }
    html_escape_text(out, node->name);
    text_out(out, node->has_run ? "</a></td><td>" : "</td><td>");
    html_escape_text(out, node->stage);
    text_out(out, "</td><td>");
    html_escape_text(out, node->state);
    text_out(out, "</td>");
    if (node->has_run) {
        const int64_t rows = node->run.metrics.n_rows;
        text_out(out, "<td>");
        text_out_count(out, rows > 0 ? node->run.metrics.steps[rows - 1] : 0);
        text_out(out, "</td>");
        accuracy_cell(out, node);
        length_cell(out, node);
        number_cell(out, report_metric_last(&node->run, "loss"));
        kept_cell(out, node);
        text_out(out, "<td>");
        text_out_duration(out, report_seconds(&node->run));
        text_out(out, "</td></tr>\n");
    } else {
        text_out(out, "<td></td><td></td><td></td><td></td><td></td><td></td></tr>\n");
    }
}

/* The paper's table of its checkpoints, on top of the page. */
static bool section_checkpoints(TextOut *out, const char *folder, Error *err)
{
    const StageTableColumn *const columns = stage_table_columns();
    StageTable table;
    if (!stage_table_read(&table, folder, err)) return false;
    if (table.n > 0) {
        section_begin(out, "checkpoints", "What each model is worth",
                      "Measured on held-out problems by the stages of the kind eval, with standard errors by problem. "
                      "Readable: by "
                      "the rules of the filters. One language: words of the question&#39;s in the thinking. "
                      "Helpfulness and safe: "
                      "by the rules of the world, not by a reward model.");
        text_out(out, "<div class=\"scroll\"><table>\n<tr><th>model</th>");
        for (int c = 0; c < STAGE_TABLE_COLUMNS; c++)
            if (table.shown[c]) text_out_printf(out, "<th>%s</th>", columns[c].title);
        text_out(out, "</tr>\n");
        for (int64_t i = 0; i < table.n; i++) {
            text_out(out, "<tr><td>");
            html_escape_text(out, table.rows[i].model);
            text_out(out, "</td>");
            for (int c = 0; c < STAGE_TABLE_COLUMNS; c++) {
                char cell[48];
                stage_table_cell(cell, sizeof cell, &table.rows[i], c);
                if (table.shown[c]) text_out_printf(out, "<td>%s</td>", cell);
            }
            text_out(out, "</tr>\n");
        }
        text_out(out, "</table></div>\n");
        section_end(out);
    }
    stage_table_free(&table);
    return true;
}

static void section_stages(TextOut *out, GraphPage *page)
{
    section_begin(
        out, "stages", "Key numbers",
        "Held-out pass@1 at the first and the last evaluation of a stage; each name leads to the stage's own page.");
    text_out(out, "<div class=\"scroll\"><table>\n<tr><th>stage</th><th>kind</th><th>state</th><th>steps</th>"
                  "<th>held-out pass@1</th><th>tokens a response</th><th>loss</th><th>kept</th><th>time</th></tr>\n");
    for (int64_t i = 0; i < page->n; i++) stage_row(out, &page->nodes[i]);
    text_out(out, "</table></div>\n");
    section_end(out);
}

/* What stages that choose among samples left out, by reason. */
static void section_dropped(TextOut *out, GraphPage *page)
{
    for (int64_t i = 0; i < page->n; i++) {
        Node *const node = &page->nodes[i];
        if (!node->has_run || isnan(report_metric_last(&node->run, "reject/kept"))) continue;
        text_out(out, "<section>\n<h2>What ");
        html_escape_text(out, node->name);
        text_out(out, " kept</h2>\n");
        (void)selection_table(out, &node->run);
        section_end(out);
    }
}

/* Whether what judges and scores agrees with the rules; nothing where no stage does. */
static void section_judges(TextOut *out, GraphPage *page)
{
    const size_t begun_at = out->length;
    bool any = false;
    section_begin(
        out, "judges", "Judges and reward models",
        "How often each agrees with pairs or labels whose truth is known by rule. At least 85%, or it has failed. A "
        "judge may have learnt "
        "from the requests that it makes pairs of; how it does on others, a stage with held-out requests says.");
    text_out(out, "<div class=\"scroll\"><table>\n<tr><th>stage</th><th>agreement</th><th>of</th><th></th></tr>\n");
    for (int64_t i = 0; i < page->n; i++)
        if (page->nodes[i].has_run) any |= judges_row(out, page->nodes[i].name, &page->nodes[i].run);
    text_out(out, "</table></div>\n");
    section_end(out);
    if (!any) section_drop(out, begun_at);
}

/* ---- the page ---- */

static void write_facts(TextOut *out, GraphPage *page)
{
    double seconds = 0;
    int64_t n_done = 0;
    for (int64_t i = 0; i < page->n; i++) {
        n_done += strcmp(page->nodes[i].state, "done") == 0;
        if (page->nodes[i].has_run) seconds += report_seconds(&page->nodes[i].run);
    }
    text_out_printf(out, "<p class=\"facts\">%" PRId64 " of %" PRId64 " stages done", n_done, page->n);
    if (seconds > 0) {
        text_out(out, " · ");
        text_out_duration(out, seconds);
    }
    text_out(out, "</p>\n");
}

bool report_write_graph(const char *folder, Error *err)
{
    GraphPage page;
    TextOut out = {0};
    bool ok = read_page(&page, folder, err);
    if (ok) {
        char *const path = base_printf("%s/report.html", folder);
        page_begin(&out, page.name);
        text_out(&out, "<header>\n<h1>");
        html_escape_text(&out, page.name);
        text_out(&out, "</h1>\n");
        write_facts(&out, &page);
        text_out(&out, "</header>\n<main>\n");
        ok = section_checkpoints(&out, folder, err);
        section_graph(&out, &page);
        section_stages(&out, &page);
        section_judges(&out, &page);
        section_dropped(&out, &page);
        text_out(&out,
                 "</main>\n<footer>Made by <code>r1 report</code> from graph.json and the stages' records.</footer>\n");
        page_end(&out);
        ok = ok && page_write(&out, path, "report", err);
        base_free(path);
    }
    close_page(&page);
    return ok;
}

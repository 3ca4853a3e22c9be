/* SPDX-License-Identifier: MIT */
/* record/progress.c: see progress.h.
 *
 * The live display is a block of up to BLOCK_LINES lines. Before it is drawn again the cursor goes up by as many lines as were
 * drawn last and everything below is erased, so notes can be put above it and a narrower window leaves nothing behind. Every
 * line is kept shorter than the window: a line that wraps would be two and could not be counted. */
#include "record/progress.h"

#include "base/arena.h"
#include "base/clock.h"
#include "record/text_out.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    HISTORY = 240,   /* points of a small curve that are remembered */
    SPARK_CELLS = 8, /* characters of a small curve */
    RECENT = 32,     /* steps whose mean time foretells the rest */
    MIN_WIDTH = 40,
    MAX_WIDTH = 160,
};
static const double redraw_seconds = 0.1;

typedef enum ItemForm { FORM_NUMBER, FORM_PERCENT, FORM_COUNT, FORM_LENGTH } ItemForm;

/* What is shown of a row, most wanted first; a row without the metric (pre-training has no reward) goes without the item. */
typedef struct Item {
    const char *metric, *label;
    ItemForm form;
    bool spark;
} Item;
static const Item items[] = {
    {"reward", "reward", FORM_NUMBER, true},
    {"rewards/accuracy/mean", "accuracy", FORM_PERCENT, true},
    {"completions/mean_length", "length", FORM_LENGTH, true},
    {"reflection/per_completion", "reflective", FORM_NUMBER, true},
    {"loss", "loss", FORM_NUMBER, true},
    {"eval_loss", "held-out", FORM_NUMBER, false},
    {"rewards/format/mean", "format", FORM_PERCENT, false},
    {"entropy", "entropy", FORM_NUMBER, false},
    {"tokens_per_second", "tokens/s", FORM_COUNT, false},
};
enum { N_ITEMS = sizeof items / sizeof *items };

typedef struct History {
    double values[HISTORY];
    int n;
    int stride, skipped; /* every stride-th value is kept; when full, half of them go and the stride doubles */
} History;

struct Progress {
    ProgressOptions options;
    char title[64];
    bool live, colour, utf8;
    int lines_drawn;
    int64_t step;
    double started, last_drawn, last_step_at;
    double recent[RECENT]; /* seconds a step, a ring */
    int64_t n_recent;
    MetricsRow row;                    /* the latest */
    double evaluated, evaluated_first; /* held-out pass@1: the latest, and the first this process saw */
    int64_t evaluated_step, evaluated_first_step;
    History history[N_ITEMS];
    char activity[32];
    double fraction;
};

static bool environment_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const value = getenv(names[i]);
        if (value && *value) return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static bool is_terminal(FILE *stream)
{
    const char *const term = getenv("TERM");
    return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

Progress *progress_create(const ProgressOptions *options)
{
    Progress *const progress = base_alloc(1, sizeof *progress);
    const char *const no_colour = getenv("NO_COLOR");
    progress->options = *options;
    if (progress->options.plain_every < 1) progress->options.plain_every = 1;
    snprintf(progress->title, sizeof progress->title, "%s", options->title ? options->title : "");
    progress->options.title = progress->title;
    progress->live =
        !options->quiet && (options->force_live > 0 || (options->force_live == 0 && is_terminal(options->stream)));
    progress->colour = progress->live && !(no_colour && *no_colour);
    progress->utf8 = environment_is_utf8();
    progress->step = options->first_step;
    progress->started = progress->last_step_at = clock_seconds();
    progress->evaluated = progress->evaluated_first = NAN;
    progress->fraction = -1;
    return progress;
}

/* ---- pieces of text ---- */

static void add_value(TextOut *out, ItemForm form, double value)
{
    switch (form) {
    case FORM_PERCENT:
        text_out_percent(out, value);
        break;
    case FORM_COUNT:
        text_out_count(out, (int64_t)rint(lesser(greater(value, -1e15), 1e15)));
        break;
    case FORM_LENGTH:
        text_out_printf(out, "%.1f", value);
        break;
    case FORM_NUMBER:
        text_out_number(out, value);
        break;
    }
}

static double seconds_left(const Progress *progress)
{
    const int64_t n = progress->n_recent < RECENT ? progress->n_recent : RECENT;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += progress->recent[i];
    return n == 0 ? (double)NAN : sum / (double)n * (double)(progress->options.total_steps - progress->step);
}

static void history_add(History *history, double value)
{
    if (history->stride == 0) history->stride = 1;
    if (history->skipped++ % history->stride != 0) return;
    if (history->n == HISTORY) {
        for (int i = 0; i < HISTORY / 2; i++) history->values[i] = history->values[2 * i];
        history->n = HISTORY / 2;
        history->stride *= 2;
    }
    history->values[history->n++] = value;
}

/* A small curve of the whole run so far: the mean of each part, between the least and the greatest of them. */
static void add_spark(TextOut *out, const History *history)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double cells[SPARK_CELLS], low = INFINITY, high = -INFINITY;
    const int n_cells = history->n < SPARK_CELLS ? history->n : SPARK_CELLS;
    if (n_cells < 2) return;
    for (int c = 0; c < n_cells; c++) {
        const int begin = c * history->n / n_cells, end = (c + 1) * history->n / n_cells;
        double sum = 0;
        for (int i = begin; i < end; i++) sum += history->values[i];
        cells[c] = sum / (double)(end - begin);
        low = lesser(low, cells[c]);
        high = greater(high, cells[c]);
    }
    text_out(out, " ");
    for (int c = 0; c < n_cells; c++)
        text_out(out, bars[high > low ? (int)(7.999 * (cells[c] - low) / (high - low)) : 0]);
}

/* Columns a text takes: escape sequences take none, a UTF-8 sequence takes one (the display uses no wide characters). */
static int columns_of(const char *text)
{
    int columns = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '\x1b') {
            while (*p && *p != 'm') p++;
            if (!*p) break;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            columns++;
        }
    }
    return columns;
}

static const char *sgr(const Progress *progress, const char *code)
{
    return progress->colour ? code : "";
}
#define DIM    "\x1b[2m"
#define BOLD   "\x1b[1m"
#define GREEN  "\x1b[32m"
#define CYAN   "\x1b[36m"
#define YELLOW "\x1b[33m"
#define RESET  "\x1b[0m"

/* ---- the live block ---- */

static int window_width(const Progress *progress)
{
    struct winsize size;
    int width = 100;
    if (ioctl(fileno(progress->options.stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) width = size.ws_col;
    return width < MIN_WIDTH ? MIN_WIDTH : width > MAX_WIDTH ? MAX_WIDTH : width;
}

static double share_done(const Progress *progress)
{
    const double total = (double)progress->options.total_steps;
    return total > 0 ? lesser((double)progress->step / total, 1) : 0;
}

static void add_bar(const Progress *progress, TextOut *out, int cells)
{
    const int halves = (int)(share_done(progress) * 2 * cells + 0.5);
    text_out(out, sgr(progress, GREEN));
    for (int c = 0; c < cells; c++) {
        if (c == (halves + 1) / 2) {
            text_out(out, sgr(progress, RESET));
            text_out(out, sgr(progress, DIM));
        }
        if (progress->utf8)
            text_out(out, 2 * c + 1 < halves ? "━" : 2 * c < halves ? "╸" : "─");
        else
            text_out(out, 2 * c < halves ? "#" : ".");
    }
    text_out(out, sgr(progress, RESET));
}

static void add_bar_line(const Progress *progress, TextOut *out, int width)
{
    TextOut left = {0}, right = {0};
    text_out_printf(&left, "%s%s%s ", sgr(progress, BOLD), progress->title, sgr(progress, RESET));
    text_out_printf(&right, " %" PRId64 "/%" PRId64 "  %.0f%%  ", progress->step, progress->options.total_steps,
                    100 * share_done(progress));
    text_out_duration(&right, clock_seconds() - progress->started);
    if (progress->step < progress->options.total_steps && progress->n_recent > 0) {
        text_out(&right, ", ");
        text_out_duration(&right, seconds_left(progress));
        text_out(&right, " left");
    }
    int cells = width - 1 - columns_of(left.text) - columns_of(right.text);
    if (cells > 48) cells = 48;
    text_out(out, left.text);
    if (cells >= 8) add_bar(progress, out, cells);
    text_out(out, right.text);
    text_out_free(&left);
    text_out_free(&right);
}

/* As many items as fit into the window. */
static void add_items_line(const Progress *progress, TextOut *out, int width)
{
    int used = 0;
    for (int i = 0; i < N_ITEMS; i++) {
        const double value = metrics_get(&progress->row, items[i].metric);
        if (isnan(value)) continue;
        TextOut piece = {0};
        text_out_printf(&piece, "  %s%s%s ", sgr(progress, DIM), items[i].label, sgr(progress, RESET));
        add_value(&piece, items[i].form, value);
        if (items[i].spark && progress->utf8) {
            text_out(&piece, sgr(progress, CYAN));
            add_spark(&piece, &progress->history[i]);
            text_out(&piece, sgr(progress, RESET));
        }
        const int columns = columns_of(piece.text);
        if (used + columns < width) {
            text_out(out, piece.text);
            used += columns;
        }
        text_out_free(&piece);
    }
}

static void add_state_line(const Progress *progress, TextOut *out)
{
    if (progress->activity[0]) {
        text_out_printf(out, "  %s%s", sgr(progress, DIM), progress->activity);
        if (progress->fraction >= 0) text_out_printf(out, " %.0f%%", 100 * lesser(progress->fraction, 1));
        text_out(out, sgr(progress, RESET));
    }
    if (!isnan(progress->evaluated)) {
        text_out(out, "  held-out ");
        text_out(out, sgr(progress, BOLD));
        text_out_percent(out, progress->evaluated);
        text_out(out, sgr(progress, RESET));
        text_out_printf(out, " at step %" PRId64, progress->evaluated_step);
        if (progress->evaluated_first_step != progress->evaluated_step) {
            text_out_printf(out, ", at step %" PRId64 " ", progress->evaluated_first_step);
            text_out_percent(out, progress->evaluated_first);
        }
    }
}

static void erase_block(Progress *progress, TextOut *out)
{
    if (progress->lines_drawn > 0) text_out_printf(out, "\x1b[%dA\r\x1b[J", progress->lines_drawn);
    progress->lines_drawn = 0;
}

/* The text up to `width` - 1 columns, and a line end; colours that were begun end with it. Empties the text. */
static void add_cut_line(const Progress *progress, TextOut *out, TextOut *line, int width)
{
    int columns = 0;
    size_t end = 0;
    while (end < line->length && columns < width) {
        if (line->text[end] == '\x1b') {
            while (end < line->length && line->text[end] != 'm') end++;
        } else if (((unsigned char)line->text[end] & 0xC0) != 0x80 && ++columns == width) {
            break;
        }
        if (end < line->length) end++;
    }
    if (line->length > 0) text_out_bytes(out, line->text, end);
    text_out(out, sgr(progress, RESET));
    text_out(out, "\n");
    text_out_free(line);
}

static void emit(Progress *progress, TextOut *out)
{
    if (out->length > 0) fwrite(out->text, 1, out->length, progress->options.stream);
    fflush(progress->options.stream);
    text_out_free(out);
}

static void draw(Progress *progress, TextOut *out)
{
    const int width = window_width(progress);
    TextOut line = {0};
    erase_block(progress, out);
    add_bar_line(progress, &line, width);
    add_cut_line(progress, out, &line, width);
    progress->lines_drawn = 1;
    if (progress->row.n > 0) {
        add_items_line(progress, &line, width);
        add_cut_line(progress, out, &line, width);
        progress->lines_drawn++;
    }
    if (progress->activity[0] || !isnan(progress->evaluated)) {
        add_state_line(progress, &line);
        add_cut_line(progress, out, &line, width);
        progress->lines_drawn++;
    }
    progress->last_drawn = clock_seconds();
}

/* ---- plain lines ---- */

static void print_plain(Progress *progress)
{
    TextOut out = {0};
    text_out_printf(&out, "step %" PRId64 "/%" PRId64, progress->step, progress->options.total_steps);
    for (int i = 0; i < N_ITEMS; i++) {
        const double value = metrics_get(&progress->row, items[i].metric);
        if (isnan(value)) continue;
        text_out_printf(&out, "  %s ", items[i].label);
        add_value(&out, items[i].form, value);
    }
    if (!isnan(progress->evaluated) && progress->evaluated_step == progress->step) {
        text_out(&out, "  held-out ");
        text_out_percent(&out, progress->evaluated);
    }
    if (progress->step < progress->options.total_steps) {
        text_out(&out, "  left ");
        text_out_duration(&out, seconds_left(progress));
    }
    text_out(&out, "\n");
    emit(progress, &out);
}

/* ---- events ---- */

static void copy_row(MetricsRow *to, const MetricsRow *from)
{
    metrics_row_clear(to);
    to->step = from->step;
    for (int64_t i = 0; i < from->n; i++) metrics_set(to, from->items[i].name, from->items[i].value);
}

void progress_step(Progress *progress, const MetricsRow *row)
{
    const double time = clock_seconds();
    if (row->step > progress->options.first_step) /* a row before the first step took no step's time */
        progress->recent[progress->n_recent++ % RECENT] = time - progress->last_step_at;
    progress->last_step_at = time;
    progress->step = row->step;
    copy_row(&progress->row, row);
    for (int i = 0; i < N_ITEMS; i++) {
        const double value = metrics_get(row, items[i].metric);
        if (isfinite(value)) history_add(&progress->history[i], value);
    }
    const double evaluated = metrics_get(row, "eval/held_out/pass@1");
    if (!isnan(evaluated)) {
        if (isnan(progress->evaluated)) {
            progress->evaluated_first = evaluated;
            progress->evaluated_first_step = row->step;
        }
        progress->evaluated = evaluated;
        progress->evaluated_step = row->step;
    }
    if (progress->options.quiet) return;
    if (progress->live) {
        TextOut out = {0};
        progress->activity[0] = 0;
        draw(progress, &out);
        emit(progress, &out);
    } else if (row->step % progress->options.plain_every == 0 || row->step >= progress->options.total_steps ||
               !isnan(evaluated)) {
        print_plain(progress);
    }
}

void progress_activity(Progress *progress, const char *activity, double fraction)
{
    if (!progress->live) return;
    const bool changed = strncmp(progress->activity, activity, sizeof progress->activity - 1) != 0;
    if (!changed && clock_seconds() - progress->last_drawn < redraw_seconds) return;
    snprintf(progress->activity, sizeof progress->activity, "%s", activity);
    progress->fraction = fraction;
    TextOut out = {0};
    draw(progress, &out);
    emit(progress, &out);
}

static void say(Progress *progress, const char *line, const char *prefix, const char *colour)
{
    TextOut out = {0};
    const bool drawn = progress->lines_drawn > 0;
    erase_block(progress, &out);
    text_out_printf(&out, "%s%s%s%s\n", sgr(progress, colour), prefix, line, sgr(progress, RESET));
    if (drawn) draw(progress, &out);
    emit(progress, &out);
}

void progress_note(Progress *progress, const char *line)
{
    if (!progress->options.quiet) say(progress, line, "", "");
}

void progress_warning(Progress *progress, const char *line)
{
    say(progress, line, "warning: ", YELLOW);
}

void progress_finish(Progress *progress)
{
    if (!progress) return;
    if (progress->lines_drawn > 0) {
        TextOut out = {0};
        progress->activity[0] = 0;
        draw(progress, &out);
        emit(progress, &out);
    }
    metrics_row_free(&progress->row);
    base_free(progress);
}

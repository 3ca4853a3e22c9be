/* SPDX-License-Identifier: MIT */
/* record/chart.c: see chart.h. Coordinates have one decimal: a tenth of a pixel, and half the bytes.
 *
 * The hover script of the report reads values back from the drawn paths and the scales in data-scale, so no number stands in
 * the page twice. */
#include "record/chart.h"

#include "base/arena.h"
#include "record/html.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_POINTS = 240, MAX_TICKS = 24, SMOOTH_FROM = 24, DEFAULT_WIDTH = 360, DEFAULT_HEIGHT = 220 };
enum { MARGIN_LEFT = 44, MARGIN_RIGHT = 12, MARGIN_TOP = 10, MARGIN_BOTTOM = 30 };

typedef struct Scale {
    double x_low, x_high, y_low, y_high; /* values */
    double left, right, top, bottom;     /* pixels */
    double ticks[MAX_TICKS];             /* of y */
    int n_ticks;
    bool doubling;
} Scale;

bool chart_add(Chart *chart, ChartSeries series)
{
    bool any = false;
    for (int64_t i = 0; i < series.n && series.y && !any; i++) any = isfinite(series.y[i]);
    if (!any || chart->n_series == CHART_MAX_SERIES) return false;
    if (series.colour < 1) series.colour = 1 + chart->n_series % CHART_COLOURS;
    chart->series[chart->n_series++] = series;
    return true;
}

void chart_smooth(double *smooth, const double *y, int64_t n, int64_t half)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t begin = i > half ? i - half : 0, end = i + half < n ? i + half + 1 : n;
        double count = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
        for (int64_t j = begin; j < end; j++) {
            if (!isfinite(y[j])) continue;
            const double x = (double)(j - i);
            count++;
            sum_x += x;
            sum_y += y[j];
            sum_xx += x * x;
            sum_xy += x * y[j];
        }
        /* The fitted line at x = 0, which is point i. */
        const double spread = count * sum_xx - sum_x * sum_x;
        if (count < 1)
            smooth[i] = NAN;
        else if (spread < 0.5)
            smooth[i] = sum_y / count;
        else
            smooth[i] = (sum_y * sum_xx - sum_x * sum_xy) / spread;
    }
}

/* ---- scales ---- */

/* log2 of x >= 1 without libm: whole doublings and a straight line between them, exact at powers of two. */
static double doublings(double x)
{
    double count = 0;
    for (; x >= 2; x /= 2) count++;
    return count + (x > 1 ? x - 1 : 0);
}

static double x_position(const Scale *scale, double x)
{
    const double low = scale->doubling ? doublings(scale->x_low) : scale->x_low;
    const double high = scale->doubling ? doublings(scale->x_high) : scale->x_high;
    const double at = scale->doubling ? doublings(x) : x;
    const double share = high > low ? (at - low) / (high - low) : 0.5;
    return scale->left + share * (scale->right - scale->left);
}

static double y_position(const Scale *scale, double y)
{
    const double share = (y - scale->y_low) / (scale->y_high - scale->y_low);
    return scale->bottom - lesser(greater(share, 0), 1) * (scale->bottom - scale->top);
}

/* The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `least`. */
static double nice_step(double least)
{
    static const double steps[] = {1, 2, 2.5, 5, 10};
    double power = 1;
    while (power > least && power > 1e-300) power /= 10;
    while (power * 10 <= least && power < 1e300) power *= 10;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i] * power >= least * (1 - 1e-12)) return steps[i] * power;
    return 10 * power;
}

static void set_y_ticks(Scale *scale, int wanted)
{
    const double step = nice_step((scale->y_high - scale->y_low) / wanted);
    scale->y_low = floor(scale->y_low / step + 1e-9) * step;
    scale->y_high = ceil(scale->y_high / step - 1e-9) * step;
    for (double i = 0; scale->n_ticks < MAX_TICKS; i++) {
        const double tick = scale->y_low + i * step;
        if (tick > scale->y_high + step / 2) break;
        scale->ticks[scale->n_ticks++] = fabs(tick) < step * 1e-9 ? 0 : tick;
    }
}

static double stacked_value(const Chart *chart, int series, int64_t i)
{
    double sum = 0;
    for (int s = 0; s <= series; s++) {
        const double y = i < chart->series[s].n ? chart->series[s].y[i] : 0;
        if (isfinite(y)) sum += y;
    }
    return sum;
}

static void include_point(Scale *scale, double x, double low, double high)
{
    scale->x_low = lesser(scale->x_low, x);
    scale->x_high = greater(scale->x_high, x);
    scale->y_low = lesser(scale->y_low, low);
    scale->y_high = greater(scale->y_high, high);
}

static Scale chart_scale(const Chart *chart)
{
    Scale scale = {.x_low = INFINITY, .x_high = -INFINITY, .y_low = INFINITY, .y_high = -INFINITY};
    scale.doubling = chart->x_doubling;
    for (int s = 0; s < chart->n_series; s++) {
        const ChartSeries *const series = &chart->series[s];
        for (int64_t i = 0; i < series->n; i++) {
            if (!isfinite(series->y[i])) continue;
            const double y = chart->stacked ? stacked_value(chart, s, i) : series->y[i];
            const double error = series->error && isfinite(series->error[i]) ? series->error[i] : 0;
            include_point(&scale, series->x[i], y - error, y + error);
        }
    }
    if (chart->from_zero || chart->stacked || chart->form == CHART_PERCENT) scale.y_low = lesser(scale.y_low, 0);
    if (chart->form == CHART_PERCENT) scale.y_low = greater(scale.y_low, 0);
    if (chart->y_high > 0)
        scale.y_high = chart->y_high;
    else if (chart->form == CHART_PERCENT)
        scale.y_high = lesser(scale.y_high, greater(1, scale.y_high > 1.05 ? scale.y_high : 1));
    if (!(scale.y_high > scale.y_low)) { /* one value alone: room on both sides of it, none below a zero */
        const double room = scale.y_high != 0 ? fabs(scale.y_high) / 2 : 1;
        scale.y_low = scale.y_low == 0 ? 0 : scale.y_low - room;
        scale.y_high += room;
    }
    const int width = chart->width ? chart->width : DEFAULT_WIDTH,
              height = chart->height ? chart->height : DEFAULT_HEIGHT;
    scale.left = MARGIN_LEFT;
    scale.right = width - MARGIN_RIGHT;
    scale.top = MARGIN_TOP;
    scale.bottom = height - MARGIN_BOTTOM;
    set_y_ticks(&scale, height < 160 ? 3 : 5);
    return scale;
}

/* ---- axes ---- */

static void add_tick_label(TextOut *out, ChartForm form, double value, double step)
{
    if (form == CHART_PERCENT)
        text_out_printf(out, "%.*f%%", step < 0.00999 ? 1 : 0, 100 * value);
    else if (value == 0)
        text_out(out, "0");
    else if (fabs(value) >= 1e6)
        text_out_printf(out, "%gM", value / 1e6);
    else if (fabs(value) >= 1e4)
        text_out_printf(out, "%gk", value / 1e3);
    else
        text_out_printf(out, "%.*g", 6, value);
}

static void add_y_axis(TextOut *out, const Chart *chart, const Scale *scale)
{
    const double step = scale->n_ticks > 1 ? scale->ticks[1] - scale->ticks[0] : 1;
    for (int i = 0; i < scale->n_ticks; i++) {
        const double y = y_position(scale, scale->ticks[i]);
        text_out_printf(out, "<line class=\"%s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                        i == 0 ? "axis" : "grid", scale->left, scale->right, y, y);
        text_out_printf(out, "<text class=\"tick\" text-anchor=\"end\" x=\"%.0f\" y=\"%.1f\">", scale->left - 6,
                        y + 3.5);
        add_tick_label(out, chart->form, scale->ticks[i], step);
        text_out(out, "</text>");
    }
}

static void add_x_tick(TextOut *out, const Scale *scale, double value, const char *anchor)
{
    text_out_printf(out, "<text class=\"tick\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", anchor,
                    x_position(scale, value), scale->bottom + 15);
    if (value >= 10000)
        text_out_printf(out, "%gk", value / 1000);
    else
        text_out_printf(out, "%g", value);
    text_out(out, "</text>");
}

static void add_x_axis(TextOut *out, const Chart *chart, const Scale *scale)
{
    if (scale->doubling) {
        for (double x = 1; x <= scale->x_high; x *= 2)
            if (x >= scale->x_low) add_x_tick(out, scale, x, "middle");
    } else {
        const double wanted = (scale->right - scale->left) / 70;
        const double step = greater(nice_step((scale->x_high - scale->x_low) / greater(wanted, 2)), 1);
        const double whole = step == 2.5 ? 5 : step;
        for (double x = ceil(scale->x_low / whole) * whole; x <= scale->x_high; x += whole)
            add_x_tick(out, scale, x, "middle");
    }
    text_out_printf(out, "<text class=\"tick name\" text-anchor=\"end\" x=\"%.0f\" y=\"%.1f\">", scale->right,
                    scale->bottom + 27);
    html_escape_text(out, chart->x_name ? chart->x_name : "step");
    text_out(out, "</text>");
}

/* ---- curves ---- */

/* A series ready to be drawn: at most MAX_POINTS points. */
typedef struct Points {
    double x[MAX_POINTS], y[MAX_POINTS];
    int n;
} Points;

static void thin(Points *points, const double *x, const double *y, int64_t n)
{
    points->n = (int)(n < MAX_POINTS ? n : MAX_POINTS);
    for (int p = 0; p < points->n; p++) {
        const int64_t begin = p * n / points->n, end = (p + 1) * n / points->n;
        double x_sum = 0, y_sum = 0;
        int64_t counted = 0;
        for (int64_t i = begin; i < end; i++) {
            if (!isfinite(y[i])) continue;
            x_sum += x[i];
            y_sum += y[i];
            counted++;
        }
        points->x[p] = counted > 0 ? x_sum / (double)counted : (x[begin] + x[end - 1]) / 2;
        points->y[p] = counted > 0 ? y_sum / (double)counted : (double)NAN;
    }
}

/* Sparse series (evaluations as a metrics column) are joined over steps without a value; runs of NaN in dense ones too: a gap
 * in a curve says nothing that its dots do not. */
static void add_path_data(TextOut *out, const Scale *scale, const Points *points)
{
    bool begun = false;
    for (int p = 0; p < points->n; p++) {
        if (isnan(points->y[p])) continue;
        text_out_printf(out, "%s%.1f,%.1f", begun ? "L" : "M", x_position(scale, points->x[p]),
                        y_position(scale, points->y[p]));
        begun = true;
    }
}

static void add_line(TextOut *out, const Scale *scale, const ChartSeries *series, const Points *points,
                     const char *class)
{
    text_out_printf(out, "<path class=\"%s s%d%s\"", class, series->colour, series->dashed ? " dashed" : "");
    if (strcmp(class, "line") == 0) {
        text_out(out, " data-name=\"");
        html_escape_text(out, series->name);
        text_out(out, "\"");
    }
    text_out(out, " d=\"");
    add_path_data(out, scale, points);
    text_out(out, "\"/>");
}

static void add_marks(TextOut *out, const Chart *chart, const Scale *scale, const ChartSeries *series)
{
    for (int64_t i = 0; i < series->n; i++) {
        if (!isfinite(series->y[i])) continue;
        const double x = x_position(scale, series->x[i]), y = y_position(scale, series->y[i]);
        const bool has_error = series->error && isfinite(series->error[i]) && series->error[i] > 0;
        if (has_error)
            text_out_printf(out, "<line class=\"bar s%d\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>",
                            series->colour, x, x, y_position(scale, series->y[i] - series->error[i]),
                            y_position(scale, series->y[i] + series->error[i]));
        if (!series->marks) continue;
        text_out_printf(out, "<circle class=\"dot s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"><title>", series->colour, x,
                        y);
        html_escape_text(out, series->name);
        text_out(out, " ");
        if (chart->form == CHART_PERCENT)
            text_out_percent(out, series->y[i]);
        else
            text_out_number(out, series->y[i]);
        if (has_error && chart->form == CHART_PERCENT) text_out_printf(out, " ± %.1f", 100 * series->error[i]);
        text_out(out, "</title></circle>");
    }
}

/* How many points on either side smoothing takes: a tenth of the curve in all. */
static int64_t smooth_half(int64_t n)
{
    return n / 20 > 1 ? n / 20 : 1;
}

static void add_curve(TextOut *out, const Chart *chart, const Scale *scale, const ChartSeries *series)
{
    Points points;
    if (series->smooth && series->n >= SMOOTH_FROM) {
        thin(&points, series->x, series->y, series->n);
        add_line(out, scale, series, &points, "raw");
        double *const smooth = base_alloc((size_t)series->n, sizeof *smooth);
        chart_smooth(smooth, series->y, series->n, smooth_half(series->n));
        thin(&points, series->x, smooth, series->n);
        base_free(smooth);
    } else {
        thin(&points, series->x, series->y, series->n);
    }
    add_line(out, scale, series, &points, "line");
    add_marks(out, chart, scale, series);
}

/* Areas from the last to the first, each down to zero: the one below is drawn over it. */
static void add_areas(TextOut *out, const Chart *chart, const Scale *scale)
{
    for (int s = chart->n_series - 1; s >= 0; s--) {
        const ChartSeries *const series = &chart->series[s];
        double *const top = base_alloc((size_t)series->n, sizeof *top);
        for (int64_t i = 0; i < series->n; i++) top[i] = stacked_value(chart, s, i);
        if (series->n >= SMOOTH_FROM && series->smooth) {
            double *const raw = base_alloc((size_t)series->n, sizeof *raw);
            memcpy(raw, top, (size_t)series->n * sizeof *raw);
            chart_smooth(top, raw, series->n, smooth_half(series->n));
            base_free(raw);
        }
        Points points;
        thin(&points, series->x, top, series->n);
        text_out_printf(out, "<path class=\"area s%d\" d=\"", series->colour);
        add_path_data(out, scale, &points);
        text_out_printf(out, "L%.1f,%.1fL%.1f,%.1fZ\"/>", x_position(scale, points.x[points.n - 1]), scale->bottom,
                        x_position(scale, points.x[0]), scale->bottom);
        add_line(out, scale, series, &points, "line");
        base_free(top);
    }
}

static void add_plot(TextOut *out, const Chart *chart, const Scale *scale)
{
    add_y_axis(out, chart, scale);
    add_x_axis(out, chart, scale);
    if (chart->stacked)
        add_areas(out, chart, scale);
    else
        for (int s = chart->n_series - 1; s >= 0; s--) /* the first named lies on top */
            add_curve(out, chart, scale, &chart->series[s]);
}

/* ---- legends and frames ---- */

/* The last value of a series, of the mean of the last few where the curve is smoothed. */
static double last_value(const ChartSeries *series)
{
    int64_t n = series->n;
    while (n > 0 && !isfinite(series->y[n - 1])) n--;
    if (n == 0) return NAN;
    if (!series->smooth || series->n < SMOOTH_FROM) return series->y[n - 1];
    const int64_t width = smooth_half(series->n);
    double sum = 0;
    int64_t counted = 0;
    for (int64_t i = n > width ? n - width : 0; i < n; i++) {
        if (!isfinite(series->y[i])) continue;
        sum += series->y[i];
        counted++;
    }
    return sum / (double)counted;
}

static void add_form(TextOut *out, ChartForm form, double value)
{
    if (form == CHART_PERCENT)
        text_out_percent(out, value);
    else
        text_out_number(out, value);
}

static void add_legend(TextOut *out, const Chart *chart)
{
    if (chart->no_legend) return;
    text_out(out, "<div class=\"legend\">");
    for (int s = 0; s < chart->n_series; s++) {
        text_out_printf(out, "<span class=\"key s%d%s\">", chart->series[s].colour,
                        chart->series[s].dashed ? " dashed" : "");
        html_escape_text(out, chart->series[s].name);
        text_out(out, " <b>");
        add_form(out, chart->form, last_value(&chart->series[s]));
        text_out(out, "</b></span>");
    }
    text_out(out, "</div>");
}

static void add_svg(TextOut *out, const Chart *chart)
{
    const Scale scale = chart_scale(chart);
    text_out_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" data-scale=\"",
                    chart->width ? chart->width : DEFAULT_WIDTH, chart->height ? chart->height : DEFAULT_HEIGHT);
    text_out_printf(out, "%.0f %.0f %.0f %.0f %.9g %.9g %.9g %.9g %s %s %s\" aria-label=\"", scale.left, scale.right,
                    scale.top, scale.bottom, scale.x_low, scale.x_high, scale.y_low, scale.y_high,
                    chart->form == CHART_PERCENT ? "percent" : "number", chart->stacked ? "stacked" : "lines",
                    chart->x_doubling ? "doubling" : "linear");
    html_escape_text(out, chart->title);
    text_out(out, "\">");
    add_plot(out, chart, &scale);
    text_out(out, "</svg>");
}

void chart_figure(TextOut *out, const Chart *chart)
{
    if (chart->n_series == 0) return;
    text_out(out, "<figure class=\"chart\"><figcaption><h3>");
    html_escape_text(out, chart->title);
    text_out(out, "</h3>");
    if (chart->note) {
        text_out(out, "<p>");
        html_escape_text(out, chart->note);
        text_out(out, "</p>");
    }
    add_legend(out, chart);
    text_out(out, "</figcaption>");
    add_svg(out, chart);
    text_out(out, "</figure>\n");
}

/* Width of a text in pixels, roughly: what the legend of a picture needs to put one entry beside the other. */
static double text_width(const char *text)
{
    double width = 0;
    for (; *text; text++)
        if (((unsigned char)*text & 0xC0) != 0x80) width += 6.1;
    return width;
}

void chart_group(TextOut *out, const Chart *chart, int x, int y)
{
    if (chart->n_series == 0) return;
    const Scale scale = chart_scale(chart);
    text_out_printf(out, "<g transform=\"translate(%d %d)\"><text class=\"title\" x=\"8\" y=\"16\">", x, y);
    html_escape_text(out, chart->title);
    text_out(out, "</text>");
    double at = 8;
    for (int s = 0; s < chart->n_series && !chart->no_legend; s++) {
        const ChartSeries *const series = &chart->series[s];
        text_out_printf(out, "<line class=\"line s%d%s\" x1=\"%.0f\" x2=\"%.0f\" y1=\"31\" y2=\"31\"/>", series->colour,
                        series->dashed ? " dashed" : "", at, at + 14);
        text_out_printf(out, "<text class=\"key\" x=\"%.0f\" y=\"35\">", at + 18);
        html_escape_text(out, series->name);
        text_out(out, "</text>");
        at += 32 + text_width(series->name ? series->name : "");
    }
    text_out(out, "<g transform=\"translate(0 42)\">");
    add_plot(out, chart, &scale);
    text_out(out, "</g></g>\n");
}

void chart_spark(TextOut *out, const double *y, int64_t n, int colour, int width, int height)
{
    double *const x = base_alloc((size_t)(n > 0 ? n : 1), sizeof *x);
    double *const smooth = base_alloc((size_t)(n > 0 ? n : 1), sizeof *smooth);
    for (int64_t i = 0; i < n; i++) x[i] = (double)i;
    chart_smooth(smooth, y, n, n >= SMOOTH_FROM ? smooth_half(n) : 0);
    Scale scale = {.x_low = 0, .x_high = (double)(n - 1), .y_low = INFINITY, .y_high = -INFINITY};
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(smooth[i])) continue;
        finite++;
        scale.y_low = lesser(scale.y_low, smooth[i]);
        scale.y_high = greater(scale.y_high, smooth[i]);
    }
    if (finite >= 2) {
        if (!(scale.y_high > scale.y_low)) scale.y_high = scale.y_low + 1;
        scale.left = 2;
        scale.right = width - 2;
        scale.top = 3;
        scale.bottom = height - 3;
        Points points;
        thin(&points, x, smooth, n);
        text_out_printf(out,
                        "<svg class=\"spark\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                        "preserveAspectRatio=\"none\" aria-hidden=\"true\">",
                        width, height, width, height);
        text_out_printf(out, "<path class=\"plain s%d\" d=\"", colour);
        add_path_data(out, &scale, &points);
        text_out(out, "\"/></svg>");
    }
    base_free(x);
    base_free(smooth);
}

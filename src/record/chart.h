/* SPDX-License-Identifier: MIT */
/* record/chart.h: curves as SVG, for report pages and for pictures in documents.
 *
 * A chart is plain data. Colours, fonts and light or dark are the page's: elements carry classes (s1..s8 for the series, line,
 * raw, grid, tick, bar). Long series are thinned to what a screen can show (means of equal parts); noisy ones are drawn
 * faintly with a smoothed curve on top. NaN is a gap. Draws what it is given: empty series are left out. */
#ifndef R1_RECORD_CHART_H
#define R1_RECORD_CHART_H

#include "record/text_out.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum ChartForm { CHART_NUMBER, CHART_PERCENT } ChartForm;

enum { CHART_COLOURS = 8, CHART_MAX_SERIES = 24 };

typedef struct ChartSeries {
    const char *name;    /* legend and hover; hostile text is fine */
    int colour;          /* 1..CHART_COLOURS */
    const double *x, *y; /* [n], x ascending; borrowed */
    const double *error; /* [n] standard errors, drawn as bars; NULL: none */
    int64_t n;
    bool marks; /* a dot at each point: few points, each measured with care */
    bool dashed;
    bool smooth; /* raw values faint, a smoothed curve on top */
} ChartSeries;

typedef struct Chart {
    const char *title;
    const char *note; /* a line below the title; NULL: none */
    ChartForm form;
    ChartSeries series[CHART_MAX_SERIES];
    int n_series;
    bool stacked;    /* series are areas on top of each other (same x in each) */
    bool from_zero;  /* the axis begins at 0 whatever the values are */
    bool x_doubling; /* x is shown by its logarithm, ticks at powers of two */
    bool no_legend;
    double y_high;      /* 0: from the values */
    const char *x_name; /* NULL: "step" */
    int width, height;  /* of the drawing, 0: 360 x 220 */
} Chart;

/* Adds a series when it has a finite value; false when it was left out. */
bool chart_add(Chart *chart, ChartSeries series);

/* <figure class="chart"> with title, legend and drawing; nothing when the chart has no series. */
void chart_figure(TextOut *out, const Chart *chart);
/* The drawing alone, as a <g> moved to (x, y) of a surrounding picture, with its title and legend as SVG text above it. */
void chart_group(TextOut *out, const Chart *chart, int x, int y);

/* A little curve without axes for a table or a headline: width x height pixels. Nothing for fewer than two values. */
void chart_spark(TextOut *out, const double *y, int64_t n, int colour, int width, int height);

/* At each point the straight line fitted to the points at most `half` away; NaN are left out. Inside an evenly spaced curve that
 * is the moving mean; at the ends it goes on with the slope instead of bending to the mean. */
void chart_smooth(double *smooth, const double *y, int64_t n, int64_t half);

#endif

/* SPDX-License-Identifier: MIT */
/* recipe/route_draw.h: which route each question of a step is of.
 *
 * A step's places are spread evenly over the weights of the routes that it asks (systematic sampling: one draw a step moves all of
 * them), so each route has its share to within one question in every step, and then shuffled, so that minibatches are mixed. All of
 * it is a function of (routes, seed, step, number of questions). */
#ifndef R1_RECIPE_ROUTE_DRAW_H
#define R1_RECIPE_ROUTE_DRAW_H

#include "recipe/route_settings.h"

typedef struct RouteDraw {
    const Routes *routes; /* borrowed; one of them asks at this step */
    uint64_t seed;
    int64_t step, n_questions; /* step from 0 */
    double offset, total;
} RouteDraw;

RouteDraw route_draw_begin(const Routes *routes, uint64_t seed, int64_t step, int64_t n_questions);
/* The item that place 0 .. n_questions - 1 asks. */
int route_draw(const RouteDraw *draw, int64_t place);
/* Adds to asked[MAX_ROUTES] how many questions of the step each route has. */
void route_draw_count(const RouteDraw *draw, int64_t *asked);

#endif

/* SPDX-License-Identifier: MIT */
/* recipe/route_draw.c: see route_draw.h. */
#include "recipe/route_draw.h"

#include "base/philox.h"
#include "data/shuffle.h"

/* Apart from the steps that key the families' draws, and from the epochs of data files, of the same stream. */
static const uint64_t ROUTE_DRAWS = (uint64_t)1 << 60;

static double weight_at(const RouteSettings *route, int64_t step)
{
    return route_asks(route) && route->from <= step + 1 ? route->weight : 0;
}

RouteDraw route_draw_begin(const Routes *routes, uint64_t seed, int64_t step, int64_t n_questions)
{
    RngSequence rng = rng_sequence(seed, RNG_SHUFFLE, (uint64_t)step | ROUTE_DRAWS, 0);
    RouteDraw draw = {.routes = routes, .seed = seed, .step = step, .n_questions = n_questions};
    draw.offset = rng_next_uniform(&rng);
    for (int64_t r = 0; r < routes->head.n; r++) draw.total += weight_at(&routes->items[r], step);
    return draw;
}

/* Before the shuffle. */
static int route_of(const RouteDraw *d, int64_t position)
{
    const double at = ((double)position + d->offset) / (double)d->n_questions * d->total;
    double running = 0;
    int found = -1;
    for (int r = 0; r < (int)d->routes->head.n; r++) {
        const double weight = weight_at(&d->routes->items[r], d->step);
        if (weight > 0 && (found < 0 || running <= at)) found = r;
        running += weight;
    }
    return found;
}

int route_draw(const RouteDraw *d, int64_t place)
{
    return route_of(d, shuffle_item(d->seed, (uint64_t)d->step | ROUTE_DRAWS, place, d->n_questions));
}

void route_draw_count(const RouteDraw *d, int64_t *asked)
{
    for (int64_t i = 0; i < d->n_questions; i++) asked[route_of(d, i)]++;
}

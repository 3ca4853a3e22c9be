/* SPDX-License-Identifier: MIT */
/* recipe/route_settings.c: see route_settings.h. */
#include "recipe/route_settings.h"

#include "data/tasks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const SCORED_PARTS[] = {"summary", "response", NULL};

/* clang-format off */
static const RecipeKey route_keys[] = {
    {"weight", KEY_DOUBLE, offsetof(RouteSettings, weight), 0, 1e6, NULL, false, "of its questions among those of all routes"},
    {"from", KEY_INT, offsetof(RouteSettings, from), 0, 1e9, NULL, false, "the first step that asks it; 0 or 1: all do"},
    {"data", KEY_DATA, offsetof(RouteSettings, data), 0, 0, NULL, false, "questions of a JSONL file"},
    {"tasks", KEY_TASKS, offsetof(RouteSettings, tasks), 0, 0, NULL, false, "or families and general tasks, by weight"},
    {"rewards", KEY_PARTS, offsetof(RouteSettings, rewards), -1e3, 1e3, NULL, false, "reward: weight; others are skipped; left out: the recipe's"},
    {"gates", KEY_STRING, offsetof(RouteSettings, gates), 0, 0, NULL, false, "as reward.gates, which stands in where it is left out"},
    {"reward_model", KEY_MODEL, offsetof(RouteSettings, reward_model), 0, 0, NULL, false, "as reward.model, which stands in where it is left out"},
    {"scored", KEY_CHOICE, offsetof(RouteSettings, scored), 0, 0, SCORED_PARTS, false, "as reward.model_scored"},
    {"true", KEY_STRING, offsetof(RouteSettings, true_part), 0, 0, NULL, false, "as reward.true, which stands in where it is left out"},
    {0},
};
/* clang-format on */

static const RouteSettings route_defaults = {.weight = 1, .data = "", .rewards = {NAN}, .scored = -1};

Routes routes_defaults(void)
{
    return (Routes){
        .head = {
            .keys = route_keys, .defaults = &route_defaults, .item_size = sizeof(RouteSettings), .max = MAX_ROUTES}};
}

bool route_has_tasks(const RouteSettings *r)
{
    for (int t = 0; t < task_count_all(); t++)
        if (r->tasks[t] > 0) return true;
    return false;
}

bool route_asks(const RouteSettings *r)
{
    return r->weight > 0 && (*r->data || route_has_tasks(r));
}

bool routes_ask(const Routes *routes)
{
    for (int64_t i = 0; i < routes->head.n; i++)
        if (route_asks(&routes->items[i])) return true;
    return false;
}

int routes_find(const Routes *routes, const char *name)
{
    for (int64_t i = 0; name && i < routes->head.n; i++)
        if (strcmp(routes->items[i].name, name) == 0) return 1 + (int)i;
    return 0;
}

int routes_of_task(const Routes *routes, int task)
{
    for (int64_t i = 0; i < routes->head.n; i++)
        if (route_asks(&routes->items[i]) && routes->items[i].tasks[task] > 0) return 1 + (int)i;
    return 0;
}

int routes_of_source(const Routes *routes, const char *source)
{
    const int task = task_find(source);
    if (task >= 0) return routes_of_task(routes, task);
    for (int64_t i = 0; i < routes->head.n; i++)
        if (route_asks(&routes->items[i]) && strcmp(routes->items[i].data, source) == 0) return 1 + (int)i;
    return 0;
}

const char *routes_list(const Routes *routes, char *text, size_t capacity)
{
    size_t n = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < routes->head.n && n < capacity; i++)
        n += (size_t)snprintf(text + n, capacity - n, "%s%s", i > 0 ? ", " : "", routes->items[i].name);
    return text;
}

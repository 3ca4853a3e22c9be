/* SPDX-License-Identifier: MIT */
/* recipe/route_settings.h: routes: kinds of questions, asked in one stage and each rewarded in its own way, as in the second RL of
 * DeepSeek-R1 (arXiv 2501.12948 v2, 3.2.2): reasoning by rules, general requests by the model of preferences that fits them.
 *
 *   routes:
 *     reasoning: {weight: 3, tasks: {sum: 1, make: 1}, rewards: {accuracy: 1, format: 1}}
 *     helpful: {data: requests.jsonl, from: 1301, rewards: {format: 1, command: 1}}
 *     safe: {data: more.jsonl, from: 1301, rewards: {model: 1}, reward_model: runs/safe/model, scored: response}
 *     safety: {rewards: {plugin: 1}}               asked by rows of other routes that name it: {"question": ..., "route": "safety"}
 *
 * What a route's rewards do not name is skipped on its questions. Without routes a recipe asks `data` or `tasks` and rewards all of
 * it alike. */
#ifndef R1_RECIPE_ROUTE_SETTINGS_H
#define R1_RECIPE_ROUTE_SETTINGS_H

#include "recipe/schema.h"
#include "reward/gates.h"

enum { MAX_ROUTES = 16, ROUTE_NAME_CAPACITY = 25 };

typedef struct RouteSettings {
    const char *name;               /* in metrics: rewards/NAME/... */
    double weight;                  /* of its questions among all */
    int64_t from;                   /* the first step, from 1, that asks it */
    const char *data;               /* questions of a JSONL file; "" with no tasks: it asks nothing itself */
    double tasks[RECIPE_MAX_TASKS]; /* families and general tasks, by weight */
    double rewards[PART_COUNT];     /* weights; NaN in front, until settled: the recipe's */
    const char *gates, *true_part;  /* NULL, until settled: the recipe's */
    const char *reward_model;       /* the same */
    int scored;                     /* ScoredPart: what it scores; -1, until settled: the recipe's */
} RouteSettings;

typedef struct Routes {
    RecipeItems head; /* head.n routes */
    RouteSettings items[MAX_ROUTES];
} Routes;

extern const char *const SCORED_PARTS[]; /* names of ScoredPart (data/preferences.h), NULL-terminated */

Routes routes_defaults(void); /* none */

bool route_has_tasks(const RouteSettings *route);
bool route_asks(const RouteSettings *route); /* it has questions of its own, and a weight */
bool routes_ask(const Routes *routes);       /* one of them does */

/* A question's route is 0, none, or 1 + a place among the items. */
int routes_find(const Routes *routes, const char *name); /* NULL, or no such route: 0 */
/* The first one that asks this task. */
int routes_of_task(const Routes *routes, int task);
/* The same where a task is known by its name, or a file of questions by its path. */
int routes_of_source(const Routes *routes, const char *source);
/* "a, b" */
const char *routes_list(const Routes *routes, char *text, size_t capacity);

#endif

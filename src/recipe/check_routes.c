/* SPDX-License-Identifier: MIT */
/* recipe/check_routes.c: what a grpo recipe says of its rewards: that gates, the true metric and routes make sense together, and the
 * recipe's own rewards for routes that name none. */
#include "recipe/recipe_parts.h"

#include "data/tasks.h"
#include "reward/answer_rules.h"

#include <math.h>
#include <string.h>

static void settle_route(RouteSettings *route, const GrpoSettings *s)
{
    if (!route->gates) route->gates = s->reward_gates;
    if (!route->true_part) route->true_part = s->reward_true;
    if (!route->reward_model) route->reward_model = s->reward_model;
    if (route->scored < 0) route->scored = s->reward_model_scored;
    if (!isnan(route->rewards[0])) return;
    route->rewards[PART_ACCURACY] = s->accuracy_weight;
    route->rewards[PART_FORMAT] = s->format_weight;
    memcpy(route->rewards + PART_TERMS, s->term_weights, sizeof s->term_weights);
    /* as without routes: what nobody says is no reward */
    if (!*s->reward_command) route->rewards[PART_TERMS + TERM_COMMAND] = 0;
    if (!*s->reward_plugin) route->rewards[PART_TERMS + TERM_PLUGIN] = 0;
    if (!*route->reward_model) route->rewards[PART_TERMS + TERM_MODEL] = 0;
    if (!*s->judge) route->rewards[PART_TERMS + TERM_JUDGE] = 0;
}

/* The key that a part's values come from; NULL: the program itself. reward_model: the one that these rewards have. */
static const char *source_of(const GrpoSettings *s, const char *reward_model, int part, bool *missing)
{
    const struct {
        int part;
        const char *source, *key;
    } outside[] = {{PART_TERMS + TERM_COMMAND, s->reward_command, "reward.command"},
                   {PART_TERMS + TERM_PLUGIN, s->reward_plugin, "reward.plugin"},
                   {PART_TERMS + TERM_MODEL, reward_model, "reward.model"},
                   {PART_TERMS + TERM_JUDGE, s->judge, "reward.judge"}};
    *missing = false;
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        if (outside[i].part != part) continue;
        *missing = !*outside[i].source;
        return outside[i].key;
    }
    return NULL;
}

/* Parts that a gate or the true metric reads must be there to be read. where: "", or "routes.NAME: ". */
static bool check_parts(const Recipe *r, const char *where, const char *keys[2], const char *gates_text,
                        const char *true_name, const char *reward_model, Error *err)
{
    RewardGates gates;
    bool missing;
    if (!reward_gates_read(&gates, gates_text, err)) return recipe_error_in(r, keys[0], err);
    const int true_part = reward_part_find(true_name);
    if (true_part < 0)
        return recipe_error(r, keys[1], err, "%s%s: there is no reward \"%.40s\"", where,
                            *where ? "true" : "reward.true", true_name);
    for (int p = 0; p < PART_COUNT; p++) {
        const char *const source = source_of(&r->grpo, reward_model, p, &missing);
        if (!missing) continue;
        if (reward_gates_ask(&gates, p))
            return recipe_error(r, keys[0], err, "%s%s: a condition needs %s", where, *where ? "gates" : "reward.gates",
                                source);
        if (true_part == p)
            return recipe_error(r, keys[1], err, "%s%s: needs %s", where, *where ? "true" : "reward.true", source);
    }
    return true;
}

static bool check_from(const Recipe *r, Error *err)
{
    for (int p = 0; p < PART_COUNT; p++)
        if (r->grpo.reward_from[p] != floor(r->grpo.reward_from[p]))
            return recipe_error(r, "reward.from", err, "reward.from: %s: %g is no step", reward_part_name(p),
                                r->grpo.reward_from[p]);
    return true;
}

/* ---- routes ---- */

static bool check_name(const Recipe *r, const char *name, Error *err)
{
    const size_t n = strlen(name);
    if (n == 0 || n >= ROUTE_NAME_CAPACITY || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != n)
        return recipe_error(
            r, "routes", err,
            "routes: \"%.40s\" cannot name a route: up to %d of a-z, 0-9, _ and - (it stands in the names "
            "of metrics)",
            name, ROUTE_NAME_CAPACITY - 1);
    if (reward_part_find(name) >= 0 || strcmp(name, "true") == 0)
        return recipe_error(r, "routes", err, "routes: \"%s\" is the name of a reward; call the route otherwise", name);
    return true;
}

static bool check_rewarded(const Recipe *r, const RouteSettings *route, Error *err)
{
    bool any = false, missing;
    for (int p = 0; p < PART_COUNT; p++) {
        if (route->rewards[p] == 0) continue;
        const char *const source = source_of(&r->grpo, route->reward_model, p, &missing);
        if (missing)
            return recipe_error(r, "routes", err, "routes.%s: its reward %s needs %s", route->name, reward_part_name(p),
                                source);
        any = true;
    }
    return any ||
           recipe_error(r, "routes", err, "routes.%s: no reward has a weight, so it would teach nothing", route->name);
}

static bool check_route(const Recipe *r, const RouteSettings *route, Error *err)
{
    char where[ROUTE_NAME_CAPACITY + 16];
    const char *keys[2] = {"routes", "routes"};
    if (!check_name(r, route->name, err)) return false;
    snprintf(where, sizeof where, "routes.%s.", route->name);
    if (*route->data && route_has_tasks(route))
        return recipe_error(r, "routes", err, "routes.%s: has data and tasks; make two routes of them", route->name);
    return check_rewarded(r, route, err) &&
           check_parts(r, where, keys, route->gates, route->true_part, route->reward_model, err);
}

/* Somebody is asked, from the first step on, and in one way. */
static bool check_sources(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    bool at_once = false;
    for (int64_t i = 0; i < s->routes.head.n; i++)
        at_once = at_once || (route_asks(&s->routes.items[i]) && s->routes.items[i].from <= 1);
    if (*s->data)
        return !routes_ask(&s->routes) || recipe_error(r, "data", err,
                                                       "data: the routes say what is asked: give the file to one of "
                                                       "them (its rows may name other routes)");
    return at_once || recipe_error(r, "routes", err,
                                   "routes: none of them asks anything at the first step: give one of them tasks or "
                                   "data, a weight and no `from`");
}

void settle_routes(GrpoSettings *s)
{
    for (int64_t i = 0; i < s->routes.head.n; i++) settle_route(&s->routes.items[i], s);
}

bool settings_reward_by_models(const GrpoSettings *s)
{
    bool any = *s->reward_model || *s->judge;
    for (int64_t i = 0; i < s->routes.head.n; i++) any = any || *s->routes.items[i].reward_model;
    return any;
}

bool check_reward_parts(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    const char *keys[2] = {"reward.gates", "reward.true"};
    AnswerRules rules;
    if (!answer_rules_read(&rules, s->reward_extract, err)) return recipe_error_in(r, "reward.extract", err);
    if (!check_parts(r, "", keys, s->reward_gates, s->reward_true, s->reward_model, err) || !check_from(r, err))
        return false;
    for (int64_t i = 0; i < s->routes.head.n; i++)
        if (!check_route(r, &s->routes.items[i], err)) return false;
    return s->routes.head.n == 0 || check_sources(r, err);
}

/* SPDX-License-Identifier: MIT */
/* recipe/grpo_terms.c: which rewards count: for a question of this route, at this step.
 *
 * A reward that some route gives a weight, and that does not count for a completion, because its question is of another route or
 * because the reward is to count from a later step on, is skipped there: it is not 0, and it leaves nothing undecided. */
#include "recipe/grpo_stage.h"

#include <string.h>

/* What all routes share; the recipe's own rewards. */
static bool read_common(TermConfig *c, const GrpoSettings *s, Error *err)
{
    *c = (TermConfig){.weights = {s->accuracy_weight, s->format_weight},
                      .gate_format = s->gate_format,
                      .true_part = reward_part_find(s->reward_true),
                      .max_tokens = s->max_completion_tokens,
                      .overlong_tokens = s->overlong_tokens,
                      .repetition_ngram = (int)s->repetition_ngram};
    memcpy(c->term_weights, s->term_weights, sizeof c->term_weights);
    if (!*s->reward_command) c->term_weights[TERM_COMMAND] = 0;
    if (!*s->reward_plugin) c->term_weights[TERM_PLUGIN] = 0;
    if (!*s->reward_model) c->term_weights[TERM_MODEL] = 0;
    if (!*s->judge) c->term_weights[TERM_JUDGE] = 0;
    c->has_language = language_find(&c->language, s->reward_language);
    return reward_gates_read(&c->gates, s->reward_gates, err);
}

static bool read_route(TermConfig *c, const TermConfig *common, const RouteSettings *route, Error *err)
{
    *c = *common;
    c->true_part = reward_part_find(route->true_part);
    for (int p = 0; p < PART_COUNT; p++) reward_part_set_weight(c, p, route->rewards[p]);
    return reward_gates_read(&c->gates, route->gates, err);
}

static void add_to_whole(TermConfig *whole, const TermConfig *c)
{
    for (int p = 0; p < PART_COUNT; p++) {
        if (reward_part_weight(whole, p) == 0) reward_part_set_weight(whole, p, reward_part_weight(c, p));
        whole->watched[p] = whole->watched[p] || reward_part_wanted(c, p);
    }
    /* which parts have a gate is all that is asked of these */
    for (int i = 0; i < c->gates.n; i++)
        if (!reward_gates_close(&whole->gates, c->gates.conditions[i].part))
            whole->gates.conditions[whole->gates.n++] = c->gates.conditions[i];
}

bool grpo_terms_read(GrpoTerms *t, const GrpoSettings *s, Error *err)
{
    *t = (GrpoTerms){.settings = s};
    if (!read_common(&t->routes[0], s, err)) return false;
    for (int64_t r = 0; r < s->routes.head.n; r++)
        if (!read_route(&t->routes[1 + r], &t->routes[0], &s->routes.items[r], err))
            return error_in(err, "routes.%s", s->routes.items[r].name);
    /* without routes that ask, rows may be of none of them */
    const int64_t first = routes_ask(&s->routes) ? 1 : 0;
    t->whole = t->routes[first];
    t->whole.gates.n = 0;
    for (int64_t r = first; r <= s->routes.head.n; r++) add_to_whole(&t->whole, &t->routes[r]);
    grpo_terms_at(t, INT64_MAX, false);
    return true;
}

/* The weights of the last step. */
static double final_weight(const GrpoTerms *t, int route, int part)
{
    const GrpoSettings *const s = t->settings;
    if (route > 0) return s->routes.items[route - 1].rewards[part];
    if (part == PART_ACCURACY) return s->accuracy_weight;
    if (part == PART_FORMAT) return s->format_weight;
    if ((part == PART_TERMS + TERM_COMMAND && !*s->reward_command) ||
        (part == PART_TERMS + TERM_PLUGIN && !*s->reward_plugin) ||
        (part == PART_TERMS + TERM_MODEL && !*s->reward_model) || (part == PART_TERMS + TERM_JUDGE && !*s->judge))
        return 0;
    return s->term_weights[part - PART_TERMS];
}

void grpo_terms_at(GrpoTerms *t, int64_t step, bool watched)
{
    const GrpoSettings *const s = t->settings;
    for (int r = 0; r <= (int)s->routes.head.n; r++)
        for (int p = 0; p < PART_COUNT; p++) {
            TermConfig *const c = &t->routes[r];
            const double weight = final_weight(t, r, p);
            const bool counts = (double)step >= s->reward_from[p];
            reward_part_set_weight(c, p, counts ? weight : 0);
            c->watched[p] = watched && !counts && weight != 0;
            /* The true metric is measured by itself: where it has no weight it is none of the rewards. */
            const bool here = reward_part_weight(c, p) != 0 || c->watched[p] || reward_gates_ask(&c->gates, p);
            c->elsewhere[p] = !here && reward_part_weight(&t->whole, p) != 0 && (s->routes.head.n > 0 || !counts);
        }
}

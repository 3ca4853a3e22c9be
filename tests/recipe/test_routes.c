/* SPDX-License-Identifier: MIT */
/* Routes: how recipes name them, which question is of which, and what counts for it at which step. */
#include "recipe/grpo_stage.h"
#include "recipe/recipe.h"
#include "recipe/reward_tally.h"
#include "recipe/route_draw.h"

#include "data/tasks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char HEAD[] = "stage: grpo\nmodel: m\n";

static void read_recipe(Recipe *r, const char *body)
{
    char text[2000];
    Error err = {0};
    snprintf(text, sizeof text, "%s%s", HEAD, body);
    if (!recipe_open_text(r, "r.yaml", text, NULL, 0, &err)) fail_msg("%s", err.text);
}

static const char THREE[] =
    "reward: {command: 'true', language: 0.5, gates: 'command if format', from: {command: 5}}\n"
    "routes:\n"
    "  reasoning: {weight: 3, tasks: {sum: 1, make: 2}}\n"
    "  helpful: {from: 4, tasks: {helpful: 1}, true: format, rewards: {command: 2, format: 0.5}}\n"
    "  safety: {rewards: {accuracy: 1}, gates: ''}\n";

static void resolved_routes_are_read_back_as_they_were(void **state)
{
    (void)state;
    Recipe first, second;
    JsonOut text = {0};
    Error err = {0};
    char names[200];
    read_recipe(&first, THREE);
    recipe_resolved(&first, &text);
    if (!recipe_open_text(&second, "resolved", text.text, NULL, 0, &err)) fail_msg("%s\n%s", err.text, text.text);
    recipe_difference(recipe_settings(&first), recipe_settings(&second), recipe_keys(&first), names, sizeof names);
    assert_string_equal(names, "");
    const Routes *const r = &second.grpo.routes;
    assert_int_equal(r->head.n, 3);
    assert_string_equal(r->items[0].gates, "command if format"); /* the recipe's, settled */
    assert_true(r->items[0].rewards[PART_TERMS + TERM_LANGUAGE] == 0.5 && r->items[0].rewards[PART_ACCURACY] == 1);
    assert_true(r->items[1].rewards[PART_ACCURACY] == 0 && r->items[1].rewards[PART_TERMS + TERM_COMMAND] == 2);
    assert_string_equal(r->items[2].gates, "");
    assert_false(route_asks(&r->items[2])); /* rows may name it */
    /* a change of any of it is another recipe */
    second.grpo.routes.items[1].rewards[PART_FORMAT] = 0.25;
    recipe_difference(recipe_settings(&first), recipe_settings(&second), recipe_keys(&first), names, sizeof names);
    assert_string_equal(names, "routes");
    json_out_free(&text);
    recipe_close(&first);
    recipe_close(&second);
}

static void recipes_without_routes_do_not_speak_of_them(void **state)
{
    (void)state;
    Recipe r;
    JsonOut text = {0};
    read_recipe(&r, "");
    recipe_resolved(&r, &text);
    assert_null(strstr(text.text, "routes"));
    assert_null(strstr(text.text, " from:"));
    json_out_free(&text);
    recipe_close(&r);
}

static void what_is_no_route_is_refused_in_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *body, *words;
    } wrong[] = {
        {"routes: 3\n", "r.yaml:3:9: routes: give a map of names"},
        {"routes: {a: 3}\n", "r.yaml:3:13: routes.a: give a map"},
        {"routes: {a: {tasks: {sum: 1}, wait: 3}}\n", "unknown key \"wait\""},
        {"routes: {a: {task: {sum: 1}}}\n", "did you mean tasks?"},
        {"routes: {a: {tasks: {sum: 1}, weight: -1}}\n", "r.yaml:3:39: routes: a: weight: "},
        {"routes: {a: {tasks: {som: 1}}}\n", "did you mean sum?"},
        {"routes: {a: {tasks: {sum: 1}, rewards: {acuracy: 1}}}\n", "did you mean accuracy?"},
        {"routes: {a: {tasks: {sum: 1}, rewards: {accuracy: x}}}\n", "routes: a: rewards"},
        {"routes: {a: {tasks: {sum: 1}, rewards: {}}}\n", "routes.a: no reward has a weight"},
        {"routes: {a: {tasks: {sum: 1}, rewards: {command: 1}}}\n", "its reward command needs reward.command"},
        {"routes: {a: {tasks: {sum: 1}, true: plugin}}\n", "routes.a.true: needs reward.plugin"},
        {"routes: {a: {tasks: {sum: 1}, true: sense}}\n", "there is no reward \"sense\""},
        {"routes: {a: {tasks: {sum: 1}, gates: 'accuracy unless format'}}\n", "expected \"if\""},
        {"routes: {a: {tasks: {sum: 1}, data: f}}\n", "has data and tasks"},
        {"routes: {a: {rewards: {accuracy: 1}}}\n", "none of them asks anything"},
        {"routes: {a: {weight: 0, tasks: {sum: 1}}}\n", "none of them asks anything"},
        {"routes: {a: {from: 2, tasks: {sum: 1}}}\n", "none of them asks anything at the first step"},
        {"data: f\nroutes: {a: {tasks: {sum: 1}}}\n", "r.yaml:3:7: data: the routes say what is asked"},
        {"routes: {accuracy: {tasks: {sum: 1}}}\n", "is the name of a reward"},
        {"routes: {true: {tasks: {sum: 1}}}\n", "is the name of a reward"},
        {"routes: {'a/b': {tasks: {sum: 1}}}\n", "cannot name a route"},
        {"routes: {abcdefghijklmnopqrstuvwxy: {tasks: {sum: 1}}}\n", "cannot name a route"},
        {"reward.from: {command: 1.5}\n", "reward.from: command: 1.5 is no step"},
        {"reward.from: {comand: 2}\n", "did you mean command?"},
        {"reward.from: 7\n", "give a map of rewards"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[400];
        Recipe r;
        Error err = {0};
        snprintf(text, sizeof text, "%s%s", HEAD, wrong[i].body);
        if (recipe_open_text(&r, "r.yaml", text, NULL, 0, &err)) fail_msg("taken: %s", wrong[i].body);
        if (err.kind != ERROR_INPUT || !strstr(err.text, wrong[i].words))
            fail_msg("%s said: %s", wrong[i].body, err.text);
    }
    char many[2000] = "routes:\n";
    for (int i = 0; i <= MAX_ROUTES; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "  r%d: {tasks: {sum: 1}}\n", i);
    char text[2100];
    Recipe r;
    Error err = {0};
    snprintf(text, sizeof text, "%s%s", HEAD, many);
    assert_false(recipe_open_text(&r, "r.yaml", text, NULL, 0, &err));
    assert_non_null(strstr(err.text, "17 of them are more than 16"));
}

/* In every step to within one question; before `from` none; the counts are those of the places. */
static void each_route_has_its_share_of_every_step(void **state)
{
    (void)state;
    Recipe recipe;
    const Routes *const routes = &recipe.grpo.routes;
    read_recipe(&recipe, THREE);
    int64_t first_half[2] = {0};
    for (int64_t step = 0; step < 40; step++) {
        const RouteDraw draw = route_draw_begin(routes, 7, step, 10);
        int64_t counted[MAX_ROUTES] = {0}, placed[MAX_ROUTES] = {0};
        route_draw_count(&draw, counted);
        for (int64_t i = 0; i < 10; i++) {
            const int r = route_draw(&draw, i);
            placed[r]++;
            if (step >= 3 && r == 1) first_half[i >= 5]++;
        }
        assert_memory_equal(counted, placed, sizeof counted);
        assert_int_equal(placed[0] + placed[1], 10);
        if (step < 3)
            assert_int_equal(placed[1], 0); /* from: 4 */
        else
            assert_true(placed[1] == 2 || placed[1] == 3); /* a quarter of ten */
    }
    assert_true(first_half[0] > 20 && first_half[1] > 20); /* mixed within a step */
    recipe_close(&recipe);
}

static void rewards_count_for_their_route_from_their_step_on(void **state)
{
    (void)state;
    enum { ACCURACY = PART_ACCURACY, FORMAT = PART_FORMAT, COMMAND = PART_TERMS + TERM_COMMAND };
    Recipe recipe;
    GrpoTerms t;
    Error err = {0};
    read_recipe(&recipe, THREE);
    assert_true(grpo_terms_read(&t, &recipe.grpo, &err));
    assert_true(reward_part_weight(&t.routes[2], COMMAND) == 2 && t.routes[2].true_part == FORMAT);
    assert_true(t.routes[2].elsewhere[ACCURACY] && !t.routes[2].elsewhere[COMMAND] && !t.routes[2].elsewhere[FORMAT]);
    assert_true(t.routes[3].elsewhere[FORMAT] && t.routes[3].elsewhere[COMMAND] && !t.routes[3].elsewhere[ACCURACY]);
    grpo_terms_at(&t, 4, false); /* command: from 5 */
    assert_true(reward_part_weight(&t.routes[2], COMMAND) == 0 && t.routes[2].elsewhere[COMMAND]);
    assert_false(reward_part_wanted(&t.routes[2], COMMAND)); /* nobody is asked */
    assert_true(reward_part_wanted(&t.whole, COMMAND));      /* but the metrics have it */
    grpo_terms_at(&t, 4, true); /* an evaluation looks at it all the same, and it does not pay */
    assert_true(reward_part_wanted(&t.routes[2], COMMAND) && !t.routes[2].elsewhere[COMMAND]);
    assert_false(reward_part_wanted(&t.routes[3], COMMAND));
    assert_true(reward_part_weight(&t.routes[2], COMMAND) == 0);
    grpo_terms_at(&t, 5, false);
    assert_true(reward_part_weight(&t.routes[2], COMMAND) == 2 && reward_part_weight(&t.routes[1], COMMAND) == 1);
    recipe_close(&recipe);
}

/* Of another route: skipped, neither 0 nor undecided; the true metric is measured whatever is rewarded. */
static void a_reward_of_other_questions_is_skipped(void **state)
{
    (void)state;
    Recipe recipe;
    GrpoTerms t;
    Error err = {0};
    MetricsRow row = {0};
    RewardTally all = {0}, helpful = {0};
    read_recipe(&recipe, THREE);
    assert_true(grpo_terms_read(&t, &recipe.grpo, &err));
    for (int i = 0; i < 4; i++) {
        const int route = i < 3 ? 2 : 3;
        RewardScore s = {.verdict = i == 3 ? VERDICT_RIGHT : VERDICT_UNDECIDED, .frame = {.ok = i > 0}};
        s.terms[TERM_COMMAND].value = 1;
        reward_total(&s, &t.routes[route], i > 0);
        assert_false(s.undecided); /* accuracy is not asked for */
        reward_tally_add(&all, &s);
        if (route == 2) reward_tally_add(&helpful, &s);
    }
    reward_tally_measure(&all, &t.whole, "", &row);
    reward_tally_measure_route(&helpful, &t.routes[2], "", "helpful", 4, &row);
    assert_true(metrics_get(&row, "rewards/accuracy/frac_skipped") == 0.75);
    assert_true(metrics_get(&row, "rewards/accuracy/frac_undecided") == 0);
    assert_true(metrics_get(&row, "rewards/accuracy/mean") == 1);
    assert_true(metrics_get(&row, "rewards/command/frac_skipped") == 0.25);
    assert_true(metrics_get(&row, "rewards/true/mean") == 0.75); /* formats of three, accuracy of the fourth */
    assert_true(metrics_get(&row, "rewards/helpful/share") == 0.75);
    assert_true(metrics_get(&row, "rewards/helpful/reward") == 5.0 / 3); /* 0, 2.5, 2.5: the command's gate */
    assert_true(metrics_get(&row, "rewards/helpful/command/mean") == 2.0 / 3);
    assert_true(metrics_get(&row, "rewards/helpful/command/true") == 2.0 / 3);
    assert_true(isnan(metrics_get(&row, "rewards/helpful/accuracy/frac_skipped"))); /* none of its rewards */
    metrics_row_free(&row);
    recipe_close(&recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolved_routes_are_read_back_as_they_were),
        cmocka_unit_test(recipes_without_routes_do_not_speak_of_them),
        cmocka_unit_test(what_is_no_route_is_refused_in_one_line),
        cmocka_unit_test(each_route_has_its_share_of_every_step),
        cmocka_unit_test(rewards_count_for_their_route_from_their_step_on),
        cmocka_unit_test(a_reward_of_other_questions_is_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

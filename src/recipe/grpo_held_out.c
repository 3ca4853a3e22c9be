/* SPDX-License-Identifier: MIT */
/* recipe/grpo_held_out.c: the recipe's rewards on completions of held-out problems.
 *
 * What is trained on is a proxy: where it rises on held-out problems and the true metric does not, the model has found a hole in it.
 * Completions are scored in batches as they end; figures are added up in the order of problems and samples, so that they do not depend
 * on how many were decoded at once. */
#include "recipe/grpo_stage.h"
#include "recipe/reward_tally.h"

#include <string.h>

typedef struct HeldOutItem {
    Question question; /* borrows the plan's texts */
    Sampled sampled;   /* its text is owned */
    int64_t place;
} HeldOutItem;

typedef struct HeldOut {
    GrpoStage *g;
    HeldOutItem *items; /* [g->n_samples] */
    int64_t n_items;
    RewardScore *scores; /* by problem, then sample */
    int *routes;         /* the same */
    bool *known;         /* the same */
    int64_t capacity;
} HeldOut;

static void make_room(HeldOut *h, int64_t place)
{
    if (place < h->capacity) return;
    const int64_t before = h->capacity;
    h->capacity = 2 * place + 64;
    h->scores = base_realloc(h->scores, (size_t)h->capacity, sizeof *h->scores);
    h->routes = base_realloc(h->routes, (size_t)h->capacity, sizeof *h->routes);
    h->known = base_realloc(h->known, (size_t)h->capacity, sizeof *h->known);
    memset(h->known + before, 0, (size_t)(h->capacity - before) * sizeof *h->known);
}

/* Inside the evaluation's transaction. */
static bool finish_batch(HeldOut *h, Error *err)
{
    if (!grpo_rewards_finish(h->g->rewards, h->n_items, true, err)) return false;
    for (int64_t i = 0; i < h->n_items; i++) {
        HeldOutItem *const item = &h->items[i];
        make_room(h, item->place);
        h->scores[item->place] = item->sampled.score;
        h->routes[item->place] = item->question.route;
        h->known[item->place] = true;
        base_free(item->sampled.text);
        item->sampled.text = NULL;
    }
    h->n_items = 0;
    return true;
}

static int route_of(const Routes *routes, const EvalProblem *p)
{
    return p->task < 0 ? routes_find(routes, p->route) : routes_of_task(routes, p->task);
}

static bool take(void *context, const EvalProblem *p, const EvalSample *sample, Error *err)
{
    HeldOut *const h = context;
    const int64_t slot = h->n_items++;
    HeldOutItem *const item = &h->items[slot];
    item->place = p->number * h->g->settings->common.eval_samples + sample->completion;
    item->question = (Question){.task = p->task_name,
                                .level = p->level,
                                .id = p->task < 0 ? p->id : NULL,
                                .prompt = p->prompt,
                                .answer = p->answer,
                                .check = p->check,
                                .prompt_length = p->prompt_length,
                                .answer_length = p->answer_length,
                                .route = route_of(&h->g->settings->routes, p),
                                .tests = p->tests,
                                .unreadable = p->unreadable};
    item->sampled = (Sampled){.n = sample->tokens->n_ids,
                              .stopped = sample->tokens->finish == FINISH_STOP,
                              .text = base_strndup(sample->text, sample->length),
                              .text_length = sample->length};
    const bool ok = p->tests ? grpo_rewards_take_judged(h->g->rewards, slot, &item->question, &item->sampled,
                                                        (Verdict)sample->verdict, err)
                             : grpo_rewards_take(h->g->rewards, slot, &item->question, &item->sampled, err);
    return ok && (h->n_items < h->g->n_samples || finish_batch(h, err));
}

static bool end(void *context, Error *err)
{
    return finish_batch(context, err);
}

/* route -1: all of them. */
static RewardTally tally_of(const HeldOut *h, int route)
{
    RewardTally tally = {0};
    for (int64_t i = 0; i < h->capacity; i++)
        if (h->known[i] && (route < 0 || h->routes[i] == route)) reward_tally_add(&tally, &h->scores[i]);
    return tally;
}

static void measure(const HeldOut *h)
{
    const Routes *const routes = &h->g->settings->routes;
    const RewardTally all = tally_of(h, -1);
    if (all.n_samples == 0) return;
    reward_tally_measure(&all, grpo_rewards_config(h->g->rewards), "eval/held_out/", &h->g->row);
    for (int r = 1; r <= (int)routes->head.n; r++) {
        const RewardTally tally = tally_of(h, r);
        reward_tally_measure_route(&tally, grpo_rewards_route(h->g->rewards, r), "eval/held_out/",
                                   routes->items[r - 1].name, all.n_samples, &h->g->row);
    }
}

/* The families, and the general tasks that routes ask: a learnt reward for these has a truth too. */
static const bool *tasks_to_ask(const Routes *routes, bool tasks[RECIPE_MAX_TASKS])
{
    if (routes->head.n == 0) return NULL;
    for (int t = 0; t < task_count_all(); t++) tasks[t] = t < task_count() || routes_of_task(routes, t) > 0;
    return tasks;
}

bool grpo_stage_evaluate(GrpoStage *g, int64_t step, Error *err)
{
    const CommonSettings *const c = &g->settings->common;
    bool tasks[RECIPE_MAX_TASKS];
    const bool *const asked = tasks_to_ask(&g->settings->routes, tasks);
    if (!g->settings->held_out_rewards) {
        const EvalListener nobody = {.tasks = asked};
        return stage_evaluate_heard(g->run, c, g->engine, g->tokenizer, step, &g->row, &nobody, err);
    }
    grpo_rewards_at(g->rewards, step > 0 ? step : 1, true);
    HeldOut h = {.g = g, .items = base_alloc((size_t)g->n_samples, sizeof *h.items)};
    const EvalListener listener = {take, end, &h, asked};
    const bool ok = stage_evaluate_heard(g->run, c, g->engine, g->tokenizer, step, &g->row, &listener, err);
    if (ok) {
        measure(&h);
    } else {
        grpo_rewards_free(g->rewards); /* its workers may still read the texts */
        g->rewards = NULL;
    }
    for (int64_t i = 0; i < h.n_items; i++) base_free(h.items[i].sampled.text);
    base_free(h.items);
    base_free(h.scores);
    base_free(h.routes);
    base_free(h.known);
    return ok;
}

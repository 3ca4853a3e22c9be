/* SPDX-License-Identifier: MIT */
/* recipe/grpo_judges.c: see grpo_judges.h. */
#include "recipe/grpo_judges.h"

#include "eval/judge_model.h"
#include "eval/judge_opinion.h"
#include "eval/reward_scorer.h"

#include <string.h>
#include <xxhash.h>

typedef struct Added {
    const Question *question;
    Sampled *sampled;
    ScoredPart part;
} Added;

/* A reward model, of one route or several, and what it is to score. */
typedef struct Scorer {
    const char *folder;
    RewardScorer *model;
    Added *added; /* [capacity] */
    int64_t n;
} Scorer;

struct GrpoJudges {
    int64_t capacity;
    Scorer scorers[1 + MAX_ROUTES];
    int n_scorers, scorer_of[1 + MAX_ROUTES]; /* of a route; -1: none */
    ScoredPart part_of[1 + MAX_ROUTES];
    JudgeModel *judge; /* NULL: none */
    JudgeWay way;
    ScoredPart judged;
    Added *added; /* [capacity]: for the judge */
    int64_t n;
    ScoredText *texts; /* [capacity] each */
    JudgeCase *cases;
    JudgeOpinion *opinions;
};

/* ---- opening ---- */

static bool open_judge(GrpoJudges *j, const GrpoSettings *s, const Compute *compute, Error *err)
{
    const JudgeModelConfig config = {.max_tokens = s->judge_max_tokens,
                                     .temperature = s->judge_temperature,
                                     .max_active = s->max_active,
                                     .seed = (uint64_t)s->common.seed};
    if (!*s->judge) return true;
    j->judged = (ScoredPart)s->judge_scored;
    j->way = (JudgeWay){.form = (JudgeForm)s->judge_form, .prompt = s->judge_prompt, .asks = s->judge_asks};
    j->added = base_alloc((size_t)j->capacity, sizeof *j->added);
    j->cases = base_alloc((size_t)j->capacity, sizeof *j->cases);
    j->opinions = base_alloc((size_t)j->capacity, sizeof *j->opinions);
    return judge_model_open(&j->judge, s->judge, compute, &config, err) || error_in(err, "reward.judge");
}

/* Routes that name the same model share it, whatever of a response each has it score. */
static bool open_scorer(GrpoJudges *j, int route, const char *folder, ScoredPart part, const Compute *compute,
                        Error *err)
{
    int i = 0;
    j->scorer_of[route] = -1;
    j->part_of[route] = part;
    if (!*folder) return true;
    while (i < j->n_scorers && strcmp(j->scorers[i].folder, folder) != 0) i++;
    j->scorer_of[route] = i;
    if (i < j->n_scorers) return true;
    Scorer *const s = &j->scorers[j->n_scorers++];
    *s = (Scorer){.folder = folder, .added = base_alloc((size_t)j->capacity, sizeof *s->added)};
    return reward_scorer_open(&s->model, folder, compute, err);
}

bool grpo_judges_open(GrpoJudges **judges, const GrpoSettings *s, int64_t n, const Compute *compute, Error *err)
{
    GrpoJudges *const j = *judges = base_alloc(1, sizeof *j);
    j->capacity = n;
    if (!compute && settings_reward_by_models(s))
        return error_set(err, ERROR_BUG, "rewards of models, and nothing to run these on");
    if (!open_scorer(j, 0, s->reward_model, (ScoredPart)s->reward_model_scored, compute, err))
        return error_in(err, "reward.model");
    for (int r = 1; r <= (int)s->routes.head.n; r++) {
        const RouteSettings *const route = &s->routes.items[r - 1];
        if (!open_scorer(j, r, route->reward_model, (ScoredPart)route->scored, compute, err))
            return error_in(err, "routes.%s.reward_model", route->name);
    }
    if (j->n_scorers > 0) j->texts = base_alloc((size_t)n, sizeof *j->texts);
    return open_judge(j, s, compute, err);
}

bool grpo_judges_check_same(const StageRun *run, const GrpoSettings *s, Error *err)
{
    bool ok = stage_check_same(run, "reward.model", s->reward_model, err) &&
              stage_check_same(run, "reward.judge", s->judge, err);
    for (int64_t i = 0; ok && i < s->routes.head.n; i++) {
        const RouteSettings *const route = &s->routes.items[i];
        char *const key = base_printf("routes.%s.reward_model", route->name);
        ok = stage_check_same(run, key, route->reward_model, err);
        base_free(key);
    }
    return ok;
}

void grpo_judges_free(GrpoJudges *j)
{
    if (!j) return;
    for (int i = 0; i < j->n_scorers; i++) {
        reward_scorer_close(j->scorers[i].model);
        base_free(j->scorers[i].added);
    }
    judge_model_close(j->judge);
    base_free(j->added);
    base_free(j->texts);
    base_free(j->cases);
    base_free(j->opinions);
    base_free(j);
}

/* ---- a batch ---- */

void grpo_judges_add(GrpoJudges *j, const TermConfig *wanted, const Question *q, Sampled *s)
{
    const int scorer = j->scorer_of[q->route];
    if (scorer >= 0 && reward_part_wanted(wanted, PART_TERMS + TERM_MODEL)) {
        Scorer *const by = &j->scorers[scorer];
        by->added[by->n++] = (Added){q, s, j->part_of[q->route]};
    }
    if (!j->judge || !reward_part_wanted(wanted, PART_TERMS + TERM_JUDGE)) return;
    /* a form that needs a reference has nothing to say where there is none */
    if (j->way.form != JUDGE_SCORE && q->answer_length == 0)
        s->score.terms[TERM_JUDGE] = (TermValue){.skipped = true};
    else
        j->added[j->n++] = (Added){q, s, j->judged};
}

static bool score_all(GrpoJudges *j, Scorer *by, Error *err)
{
    const int64_t n = by->n;
    for (int64_t i = 0; i < n; i++)
        j->texts[i] = (ScoredText){.prompt = by->added[i].question->prompt,
                                   .prompt_length = by->added[i].question->prompt_length,
                                   .response = by->added[i].sampled->text,
                                   .response_length = by->added[i].sampled->text_length,
                                   .part = by->added[i].part};
    if (n > 0 && !reward_scorer_score(by->model, j->texts, n, err))
        return error_in(err, "the reward model %s", by->folder);
    for (int64_t i = 0; i < n; i++)
        by->added[i].sampled->score.terms[TERM_MODEL] =
            (TermValue){.value = j->texts[i].reward, .undecided = j->texts[i].too_long};
    return true;
}

static JudgeCase case_of(const Added *a)
{
    const Question *const q = a->question;
    const Sampled *const s = a->sampled;
    JudgeCase item = {
        .question = {q->prompt, q->prompt_length},
        .second = {q->answer, q->answer_length},
        .key = XXH3_64bits_withSeed(s->text, s->text_length, XXH3_64bits(q->prompt, q->prompt_length)),
    };
    item.first.text =
        preference_scored(a->part, q->prompt, q->prompt_length, s->text, s->text_length, &item.first.length);
    return item;
}

static bool judge_all(GrpoJudges *j, Error *err)
{
    const int64_t n = j->n;
    for (int64_t i = 0; i < n; i++) j->cases[i] = case_of(&j->added[i]);
    if (!judge_ask(judge_model_judge(j->judge), &j->way, j->cases, n, j->opinions, err))
        return error_in(err, "reward.judge");
    for (int64_t i = 0; i < n; i++)
        j->added[i].sampled->score.terms[TERM_JUDGE] =
            (TermValue){.value = j->opinions[i].value, .undecided = j->opinions[i].n_readable == 0};
    return true;
}

static bool score(GrpoJudges *j, Progress *progress, Error *err)
{
    if (j->n_scorers > 0 && progress) progress_activity(progress, "scoring", 0.0);
    for (int i = 0; i < j->n_scorers; i++)
        if (!score_all(j, &j->scorers[i], err)) return false;
    if (j->n == 0) return true;
    if (progress) progress_activity(progress, "judging", 0.0);
    return judge_all(j, err);
}

bool grpo_judges_score(GrpoJudges *j, Progress *progress, Error *err)
{
    const bool ok = score(j, progress, err);
    j->n = 0;
    for (int i = 0; i < j->n_scorers; i++) j->scorers[i].n = 0;
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* recipe/grpo_judges.c: rewards by other models: a reward model's score, a judge's opinion. Both are functions of weights, texts and seed, so
 * nothing of them is stored. All completions of a rollout are scored in one packed forward, neighbours sharing their prompt, and all
 * that is asked of a judge runs through one engine. */
#include "recipe/grpo_stage.h"

#include "base/philox.h"
#include "eval/judge_model.h"
#include "eval/reward_scorer.h"

struct GrpoJudges {
    RewardScorer *scorer; /* NULL: none */
    JudgeModel *judge;    /* NULL: none */
    JudgeConfig config;
    ScoredPart judged;
    ScoredText *texts; /* [n_samples] */
    JudgeCase *cases;  /* [n_samples] */
    int64_t *case_of;  /* [n_samples]: which sample a case is */
    JudgeResult *results;
};

static bool open_judge(GrpoJudges *j, const GrpoSettings *s, const Compute *compute, Error *err)
{
    const Rng rng = {(uint64_t)s->common.seed, RNG_JUDGE};
    const JudgeModelConfig model = {.folder = s->judge,
                                    .temperature = s->judge_temperature,
                                    .max_tokens = s->judge_max_tokens,
                                    .seed = rng_bits(rng, UINT64_MAX, 0, 0)};
    if (!*s->judge) return true;
    if (!judge_model_open(&j->judge, &model, compute, err)) return error_in(err, "reward.judge");
    j->judged = (ScoredPart)s->judge_scored;
    j->config = (JudgeConfig){.form = (JudgeForm)s->judge_form,
                              .prompt = s->judge_prompt,
                              .asks = s->judge_asks,
                              .seed = rng.seed,
                              .generate = judge_model_generate,
                              .context = j->judge};
    return true;
}

bool grpo_judges_open(GrpoJudges **judges, const GrpoSettings *s, int64_t n_samples, const Compute *compute, Error *err)
{
    const size_t n = (size_t)n_samples;
    GrpoJudges *const j = *judges = base_alloc(1, sizeof *j);
    j->texts = base_alloc(n, sizeof *j->texts);
    j->cases = base_alloc(n, sizeof *j->cases);
    j->case_of = base_alloc(n, sizeof *j->case_of);
    j->results = base_alloc(n, sizeof *j->results);
    if (*s->reward_model &&
        !reward_scorer_open(&j->scorer, s->reward_model, (ScoredPart)s->reward_model_scored, compute, err))
        return error_in(err, "reward.model");
    return open_judge(j, s, compute, err);
}

void grpo_judges_free(GrpoJudges *j)
{
    if (!j) return;
    reward_scorer_close(j->scorer);
    judge_model_close(j->judge);
    base_free(j->texts);
    base_free(j->cases);
    base_free(j->case_of);
    base_free(j->results);
    base_free(j);
}

static bool score_all(GrpoJudges *j, GrpoStage *g, Error *err)
{
    for (int64_t i = 0; i < g->n_samples; i++) {
        const Question *const q = &g->questions[i / g->settings->group_size];
        j->texts[i] = (ScoredText){.prompt = q->prompt,
                                   .prompt_length = q->prompt_length,
                                   .response = g->samples[i].text,
                                   .response_length = g->samples[i].text_length};
    }
    if (!reward_scorer_score(j->scorer, j->texts, g->n_samples, err)) return false;
    for (int64_t i = 0; i < g->n_samples; i++)
        g->samples[i].score.terms[TERM_MODEL] =
            (TermValue){.value = j->texts[i].reward, .undecided = j->texts[i].too_long};
    return true;
}

/* A form that needs a reference has nothing to say where there is none. */
static int64_t make_cases(GrpoJudges *j, GrpoStage *g)
{
    int64_t n = 0;
    for (int64_t i = 0; i < g->n_samples; i++) {
        const int64_t question = i / g->settings->group_size;
        const Question *const q = &g->questions[question];
        const Sampled *const s = &g->samples[i];
        JudgeCase item = {.question = {q->prompt, q->prompt_length},
                          .second = {q->answer, q->answer_length},
                          .key_a = g->prompts[question].draw_a,
                          .key_b = (uint32_t)i};
        g->samples[i].score.terms[TERM_JUDGE] = (TermValue){.skipped = true};
        if (j->config.form != JUDGE_SCORE && !q->answer) continue;
        item.first.text =
            preference_scored(j->judged, q->prompt, q->prompt_length, s->text, s->text_length, &item.first.length);
        j->case_of[n] = i;
        j->cases[n++] = item;
    }
    return n;
}

static bool judge_all(GrpoJudges *j, GrpoStage *g, Error *err)
{
    const int64_t n = make_cases(j, g);
    if (!judge_ask(&j->config, j->cases, n, j->results, err)) return false;
    for (int64_t i = 0; i < n; i++)
        g->samples[j->case_of[i]].score.terms[TERM_JUDGE] =
            (TermValue){.value = j->results[i].value, .undecided = j->results[i].n_readable == 0};
    return true;
}

bool grpo_judges_score(GrpoJudges *j, GrpoStage *g, Error *err)
{
    if (j->scorer) progress_activity(g->run->progress, "scoring", 0.0);
    if (j->scorer && !score_all(j, g, err)) return error_in(err, "reward.model");
    if (j->judge) progress_activity(g->run->progress, "judging", 0.0);
    return !j->judge || judge_all(j, g, err) || error_in(err, "reward.judge");
}

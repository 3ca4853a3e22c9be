/* SPDX-License-Identifier: MIT */
/* recipe/reject_judge.c: a model as the judge of samples that no rule could decide (DeepSeek-R1, arXiv 2501.12948 v2, B.3.3: a model
 * compares prediction and reference). What it says depends on its weights and the texts alone; undecided it may stay. */
#include "recipe/reject.h"

#include "eval/judge_model.h"

#include <xxhash.h>

bool reject_ask_judge(Reject *r, Error *err)
{
    GrpoStage *const g = &r->sampling;
    if (!r->judge) return true;
    const Question **const questions = base_alloc((size_t)g->n_samples, sizeof *questions);
    Sampled **const samples = base_alloc((size_t)g->n_samples, sizeof *samples);
    int64_t n = 0;
    for (int64_t i = 0; i < g->n_samples; i++) {
        Sampled *const s = &g->samples[i];
        if (s->score.verdict != VERDICT_UNDECIDED || !s->score.frame.ok || !s->stopped) continue;
        questions[n] = &g->questions[i / g->settings->group_size];
        samples[n++] = s;
    }
    const bool ok = n == 0 || r->judge(r->judge_context, questions, samples, n, err);
    base_free(questions);
    base_free(samples);
    return ok;
}

/* ---- a model ---- */

struct RejectModelJudge {
    JudgeModel *model;
};

static bool judge(void *context, const Question *const *questions, Sampled *const *samples, int64_t n, Error *err)
{
    const RejectModelJudge *const j = context;
    JudgeAnswer *const answers = base_alloc((size_t)n, sizeof *answers);
    Verdict *const verdicts = base_alloc((size_t)n, sizeof *verdicts);
    for (int64_t i = 0; i < n; i++) {
        const Question *const q = questions[i];
        const Sampled *const s = samples[i];
        const FormatResult *const frame = &s->score.frame;
        answers[i] = (JudgeAnswer){.question = {q->prompt, q->prompt_length},
                                   .reference = {q->answer, q->answer_length},
                                   .answer = {s->text + frame->answer, frame->answer_end - frame->answer},
                                   .key = XXH3_64bits(s->text, s->text_length)};
    }
    const bool ok = judge_answers(judge_model_judge(j->model), answers, n, verdicts, err);
    for (int64_t i = 0; ok && i < n; i++) samples[i]->score.verdict = verdicts[i];
    base_free(answers);
    base_free(verdicts);
    return ok || error_in(err, "judge.model");
}

bool reject_judge_open(RejectModelJudge **judge_model, Reject *r, Error *err)
{
    const RejectSettings *const s = r->settings;
    const JudgeModelConfig config = {
        .max_tokens = s->judge_max_tokens, .max_active = s->max_active, .seed = (uint64_t)s->common.seed};
    RejectModelJudge *const j = base_alloc(1, sizeof *j);
    *judge_model = j;
    r->judge = judge;
    r->judge_context = j;
    return judge_model_open(&j->model, s->judge_model, &r->run->compute, &config, err) || error_in(err, "judge.model");
}

void reject_judge_close(RejectModelJudge *j)
{
    if (!j) return;
    judge_model_close(j->model);
    base_free(j);
}

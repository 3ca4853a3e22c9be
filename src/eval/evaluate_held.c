/* SPDX-License-Identifier: MIT */
/* eval/evaluate_held.c: samples whose verdict takes a while. Programs are run by workers while the engine samples; a judge is asked
 * when the engine is done. Verdicts are used in the order the samples came, so nothing shows who was faster. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "base/threads.h"
#include "reward/jobs.h"

#include <string.h>
#include <xxhash.h>

struct Held {
    const EvalPlan *plan;
    Jobs *jobs; /* NULL until the first program */
    HeldSample **samples;
    int64_t n, capacity;
};

Held *held_create(const EvalPlan *plan)
{
    Held *const held = base_alloc(1, sizeof *held);
    held->plan = plan;
    return held;
}

void held_free(Held *held)
{
    if (!held) return;
    jobs_free(held->jobs); /* first: its workers use the rest */
    for (int64_t i = 0; i < held->n; i++) {
        HeldSample *const s = held->samples[i];
        base_free((int32_t *)(uintptr_t)s->completion.ids);
        base_free((float *)(uintptr_t)s->completion.logprobs);
        base_free(s->text);
        base_free(s);
    }
    base_free(held->samples);
    base_free(held);
}

int64_t held_count(const Held *held)
{
    return held->n;
}

HeldSample *held_sample(Held *held, int64_t i)
{
    return held->samples[i];
}

/* ---- programs ---- */

static void run_program(void *context, int worker, const atomic_bool *cancel)
{
    HeldSample *const s = context;
    (void)worker;
    code_judge(s->held->plan->sandbox, s->planned->problem.tests, s->text, s->length, &s->code, cancel);
}

/* A program waits for its container more than it computes. */
static bool submit(Held *held, HeldSample *sample, Error *err)
{
    enum { WORKERS_A_PROCESSOR = 3 };
    if (!held->jobs && !jobs_create(&held->jobs, WORKERS_A_PROCESSOR * threads_available(), err)) return false;
    jobs_submit(held->jobs, run_program, sample);
    return true;
}

static bool collect_programs(Held *held, Error *err)
{
    for (void *context = held; held->jobs && context;) {
        if (!jobs_collect(held->jobs, &context, err)) return false;
        HeldSample *const s = context;
        if (!s) break;
        score_set_verdict(&s->reward, s->code.verdict == CODE_ACCEPTED ? VERDICT_RIGHT
                                      : s->code.verdict == CODE_FAULT  ? VERDICT_UNDECIDED
                                                                       : VERDICT_WRONG);
        s->reason = s->code.reason;
    }
    return true;
}

/* ---- the judge ---- */

static bool is_judged(const HeldSample *s)
{
    return !s->planned->problem.tests;
}

static JudgeAnswer question_of(const HeldSample *s)
{
    const EvalProblem *const p = &s->planned->problem;
    const char *const asked = p->question ? p->question : p->prompt;
    JudgeAnswer a = {.question = {asked, p->question ? strlen(p->question) : p->prompt_length},
                     .reference = {p->answer, p->answer_length}};
    reply_part(p, s->text, s->length, &a.answer.text, &a.answer.length);
    a.key = XXH3_64bits_withSeed(a.answer.text, a.answer.length, (uint64_t)p->number);
    return a;
}

/* A reply that ended in the middle of its thinking says nothing: wrong, and nobody is asked. */
static bool ask_judge(Held *held, Error *err)
{
    JudgeAnswer *const answers = base_alloc((size_t)held->n + 1, sizeof *answers);
    Verdict *const verdicts = base_alloc((size_t)held->n + 1, sizeof *verdicts);
    int64_t n = 0;
    for (int64_t i = 0; i < held->n; i++) {
        if (!is_judged(held->samples[i])) continue;
        const JudgeAnswer a = question_of(held->samples[i]);
        if (a.answer.length > 0) answers[n++] = a;
    }
    const bool ok = n == 0 || judge_answers(held->plan->config.judge, answers, n, verdicts, err);
    n = 0;
    for (int64_t i = 0; ok && i < held->n; i++) {
        HeldSample *const s = held->samples[i];
        if (!is_judged(s)) continue;
        const bool asked = question_of(s).answer.length > 0;
        score_set_verdict(&s->reward, asked ? verdicts[n++] : VERDICT_WRONG);
        s->reason = asked ? "decided by the judge" : "it has no answer";
    }
    base_free(answers);
    base_free(verdicts);
    return ok;
}

/* ---- all ---- */

bool held_decide(Held *held, Error *err)
{
    return collect_programs(held, err) && ask_judge(held, err);
}

static Completion copy_completion(const Completion *c)
{
    const size_t n = (size_t)c->n_ids;
    int32_t *const ids = base_alloc(n + 1, sizeof *ids);
    float *const logprobs = base_alloc(3 * n + 1, sizeof *logprobs);
    memcpy(ids, c->ids, n * sizeof *ids);
    memcpy(logprobs, c->logprobs, n * sizeof *logprobs);
    memcpy(logprobs + n, c->policy_logprobs, n * sizeof *logprobs);
    memcpy(logprobs + 2 * n, c->sampled_logprobs, n * sizeof *logprobs);
    Completion copy = *c;
    copy.ids = ids;
    copy.logprobs = logprobs;
    copy.policy_logprobs = logprobs + n;
    copy.sampled_logprobs = logprobs + 2 * n;
    return copy;
}

bool held_add(Held *held, const PlannedProblem *planned, const Completion *completion, char *text, size_t length,
              const RewardScore *reward, SampleScore *score, Error *err)
{
    if (held->n == held->capacity) {
        held->capacity = 2 * held->capacity + 64;
        held->samples = base_realloc(held->samples, (size_t)held->capacity, sizeof *held->samples);
    }
    HeldSample *const s = base_alloc(1, sizeof *s);
    *s = (HeldSample){.planned = planned,
                      .completion = copy_completion(completion),
                      .text = text,
                      .length = length,
                      .reward = *reward,
                      .score = score,
                      .held = held};
    held->samples[held->n++] = s;
    return !planned->problem.tests || submit(held, s, err);
}

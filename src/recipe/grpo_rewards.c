/* SPDX-License-Identifier: MIT */
/* recipe/grpo_rewards.c: the rewards of a step's completions.
 *
 * Rules of texts (check, gold answer, frame) are decided when a completion ends. Programs under test, a reward command and a plug-in
 * are inputs of the run (contract 10): their verdicts are looked up in run.sqlite, asked for only when they are not there, by
 * workers while the engine goes on sampling, and stored before they are used. They are stored in the order of the samples, and the
 * first under a key stays, so neither arrival nor a judge that wavers can reach a number.
 *
 *   taken --(grpo_rewards_take: looked up)--> known
 *         --(submitted)--> judged --(grpo_rewards_finish: stored, read back)--> known */
#include "recipe/grpo_stage.h"

#include "reward/compare.h"
#include "reward/frame.h"
#include "reward/jobs.h"
#include "reward/outside.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

/* One verdict from outside about one sample. */
typedef struct Asked {
    GrpoRewards *rewards;
    const Question *question;
    Sampled *sampled;
    bool wanted, known; /* this step has it; its verdict was stored before */
    char hash[33];
    CodeResult code;
    OutsideResult outside;
} Asked;

enum { ASK_CODE, ASK_COMMAND, ASK_PLUGIN, N_ASKED };

struct GrpoRewards {
    TermConfig config;
    Frame frame;
    bool standard_frame;
    const Sandbox *sandbox; /* of the rows */
    Jobs *jobs;
    CommandReward *command;
    PluginReward *plugin;
    GrpoJudges *judges;
    Asked *asked; /* [n_samples][N_ASKED] */
    int64_t n_samples;
};

/* ---- opening ---- */

static TermConfig config_of(const GrpoSettings *s)
{
    TermConfig c = {.weights = {s->accuracy_weight, s->format_weight},
                    .gate_format = s->gate_format,
                    .max_tokens = s->max_completion_tokens,
                    .overlong_tokens = s->overlong_tokens,
                    .repetition_ngram = (int)s->repetition_ngram};
    memcpy(c.term_weights, s->term_weights, sizeof c.term_weights);
    if (!*s->reward_command) c.term_weights[TERM_COMMAND] = 0;
    if (!*s->reward_plugin) c.term_weights[TERM_PLUGIN] = 0;
    if (!*s->reward_model) c.term_weights[TERM_MODEL] = 0;
    if (!*s->judge) c.term_weights[TERM_JUDGE] = 0;
    c.has_language = language_find(&c.language, s->reward_language);
    return c;
}

bool grpo_rewards_open(GrpoStage *g, Error *err)
{
    const GrpoSettings *const s = g->settings;
    GrpoRewards *const r = base_alloc(1, sizeof *r);
    g->rewards = r;
    r->config = config_of(s);
    r->standard_frame = strcmp(s->reward_frame, "r1-zero") == 0;
    r->n_samples = g->n_samples;
    r->asked = base_alloc((size_t)g->n_samples, N_ASKED * sizeof *r->asked);
    if (g->rows.plan) r->sandbox = eval_plan_sandbox(g->rows.plan);
    const int n_workers = s->reward_workers ? (int)s->reward_workers : 3 * threads_count(g->run->compute.threads);
    if (*s->reward_command) r->command = command_reward_create(s->reward_command, n_workers, s->command_seconds);
    return frame_read(&r->frame, s->reward_frame, err) &&
           (!*s->reward_plugin || plugin_reward_open(&r->plugin, s->reward_plugin, s->plugin_settings, err)) &&
           grpo_judges_open(&r->judges, s, g->n_samples, &g->run->compute, err) &&
           ((!r->sandbox && !r->command) || jobs_create(&r->jobs, n_workers, err));
}

void grpo_rewards_free(GrpoRewards *r)
{
    if (!r) return;
    jobs_free(r->jobs); /* first: its workers use the rest */
    command_reward_free(r->command);
    plugin_reward_close(r->plugin);
    grpo_judges_free(r->judges);
    base_free(r->asked);
    base_free(r);
}

bool grpo_rewards_has(const GrpoRewards *r, RewardTerm term)
{
    return r->config.term_weights[term] != 0;
}

/* ---- rules ---- */

static FormatResult check_frame(const GrpoRewards *r, const Question *q, const Sampled *s, double *partial)
{
    if (r->standard_frame && *partial < 0) return format_check(q->prompt, q->prompt_length, s->text, s->text_length);
    const FrameResult f = frame_check(&r->frame, q->prompt, q->prompt_length, s->text, s->text_length);
    *partial = f.partial;
    return (FormatResult){.ok = f.ok,
                          .failed_at = f.failed_at,
                          .reason = f.ok ? NULL : "the text is not of the recipe's frame",
                          .answer = f.answer,
                          .answer_end = f.answer_end};
}

/* Rows without a check have a gold answer: what stands in the frame's answer is compared with it. */
static Verdict compare_with_gold(const Question *q, const Sampled *s)
{
    const FormatResult *const frame = &s->score.frame;
    if (!frame->ok) return VERDICT_WRONG;
    return compare_answers(q->answer, q->answer_length, s->text + frame->answer, frame->answer_end - frame->answer,
                           NULL);
}

static OutsideInput input_of(const Question *q, const Sampled *s)
{
    return (OutsideInput){.task = q->task,
                          .prompt = q->prompt,
                          .completion = s->text,
                          .answer = q->answer,
                          .prompt_length = q->prompt_length,
                          .completion_length = s->text_length,
                          .answer_length = q->answer_length,
                          .n_tokens = s->n,
                          .truncated = !s->stopped};
}

/* ---- verdicts from outside ---- */

/* What a stored verdict is looked up by: the row, or a family's problem. */
static char *task_id(const Question *q)
{
    return q->id ? base_printf("%s/%s", q->task, q->id) : base_printf("%s/%s", q->task, q->check);
}

static const char *version_of(const Asked *a, int kind)
{
    return kind == ASK_CODE      ? code_tests_version(a->question->tests)
           : kind == ASK_COMMAND ? command_reward_version(a->rewards->command)
                                 : plugin_reward_version(a->rewards->plugin);
}

/* Undecided is 2 everywhere; 1 is right, or a reward; 0 wrong, or skipped. */
static int stored_code(const Asked *a, int kind)
{
    if (kind == ASK_CODE)
        return a->code.verdict == CODE_ACCEPTED ? VERDICT_RIGHT
               : a->code.verdict == CODE_FAULT  ? VERDICT_UNDECIDED
                                                : VERDICT_WRONG;
    return a->outside.state == OUTSIDE_OK ? 1 : a->outside.state == OUTSIDE_SKIPPED ? 0 : 2;
}

static void use_stored(Asked *a, int kind, int verdict, double reward)
{
    a->known = true;
    if (kind == ASK_CODE)
        a->code.verdict = verdict == VERDICT_RIGHT   ? CODE_ACCEPTED
                          : verdict == VERDICT_WRONG ? CODE_WRONG_ANSWER
                                                     : CODE_FAULT;
    else
        a->outside = (OutsideResult){.state = verdict == 1   ? OUTSIDE_OK
                                              : verdict == 0 ? OUTSIDE_SKIPPED
                                                             : OUTSIDE_UNDECIDED,
                                     .reward = verdict == 1 ? reward : 0};
}

static bool look_up(RunStore *store, Asked *a, int kind, Error *err)
{
    char *const id = task_id(a->question);
    bool found = false;
    int verdict = 0;
    double reward = 0;
    const bool ok = run_store_get_verdict(store, id, a->hash, version_of(a, kind), &found, &verdict, &reward, err);
    if (ok && found) use_stored(a, kind, verdict, reward);
    base_free(id);
    return ok;
}

static bool put(RunStore *store, const Asked *a, int kind, Error *err)
{
    char *const id = task_id(a->question);
    const StoredVerdict verdict = {.task_id = id,
                                   .completion_hash = a->hash,
                                   .reward_version = version_of(a, kind),
                                   .verdict = stored_code(a, kind),
                                   .reward = kind == ASK_CODE ? (double)(a->code.verdict == CODE_ACCEPTED)
                                                              : a->outside.reward,
                                   .reason = kind == ASK_CODE ? code_verdict_name(a->code.verdict) : a->outside.reason};
    const bool ok = run_store_put_verdict(store, &verdict, err);
    base_free(id);
    return ok;
}

static void judge_code(void *context, int worker, const atomic_bool *cancel)
{
    Asked *const a = context;
    (void)worker;
    code_judge(a->rewards->sandbox, a->question->tests, a->sampled->text, a->sampled->text_length, &a->code, cancel);
}

static void ask_command(void *context, int worker, const atomic_bool *cancel)
{
    Asked *const a = context;
    const OutsideInput input = input_of(a->question, a->sampled);
    command_reward_ask(a->rewards->command, worker, &input, &a->outside, cancel);
}

static bool ask(GrpoStage *g, const Question *q, Sampled *s, int kind, Error *err)
{
    GrpoRewards *const r = g->rewards;
    Asked *const a = &r->asked[(s - g->samples) * N_ASKED + kind];
    const XXH128_hash_t hash = XXH3_128bits(s->text, s->text_length);
    *a = (Asked){.rewards = r, .question = q, .sampled = s, .wanted = true};
    snprintf(a->hash, sizeof a->hash, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
    if (!look_up(g->run->store, a, kind, err)) return false;
    if (a->known) return true;
    const OutsideInput input = input_of(q, s);
    if (kind == ASK_PLUGIN)
        plugin_reward_score(r->plugin, &input, &a->outside);
    else
        jobs_submit(r->jobs, kind == ASK_CODE ? judge_code : ask_command, a);
    return true;
}

/* ---- a completion, a step ---- */

bool grpo_rewards_take(GrpoStage *g, const Question *q, Sampled *s, Error *err)
{
    GrpoRewards *const r = g->rewards;
    double partial = g->settings->format_partial ? 0 : -1;
    for (int k = 0; k < N_ASKED; k++) r->asked[(s - g->samples) * N_ASKED + k].wanted = false;
    s->score = (RewardScore){.verdict = VERDICT_UNDECIDED};
    s->score.frame = check_frame(r, q, s, &partial);
    s->score.format = g->settings->format_partial ? partial : s->score.frame.ok;
    if (q->unreadable)
        s->score.verdict = VERDICT_UNDECIDED;
    else if (q->tests)
        return ask(g, q, s, ASK_CODE, err) && (!r->command || ask(g, q, s, ASK_COMMAND, err)) &&
               (!r->plugin || ask(g, q, s, ASK_PLUGIN, err));
    else if (q->check)
        s->score.verdict = accuracy_verdict(q->check, s->text, &s->score.frame);
    else
        s->score.verdict = compare_with_gold(q, s);
    return (!r->command || ask(g, q, s, ASK_COMMAND, err)) && (!r->plugin || ask(g, q, s, ASK_PLUGIN, err));
}

/* A replay has a store that is read alone: what it does not find it asks for again and keeps to itself. */
static bool store_verdicts(GrpoStage *g, Error *err)
{
    RunStore *const store = g->run->store;
    GrpoRewards *const r = g->rewards;
    if (!g->run->metrics) return true;
    if (!run_store_begin(store, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < r->n_samples * N_ASKED; i++)
        if (r->asked[i].wanted && !r->asked[i].known) ok = put(store, &r->asked[i], (int)(i % N_ASKED), err);
    if (!ok) {
        run_store_rollback(store);
        return false;
    }
    if (!run_store_commit(store, err)) return false;
    for (int64_t i = 0; ok && i < r->n_samples * N_ASKED; i++)
        if (r->asked[i].wanted && !r->asked[i].known) ok = look_up(store, &r->asked[i], (int)(i % N_ASKED), err);
    return ok;
}

static bool wait_for_all(GrpoRewards *r, Error *err)
{
    while (r->jobs && jobs_pending(r->jobs) > 0) {
        void *done;
        if (!jobs_collect(r->jobs, &done, err)) return false;
    }
    return true;
}

static void add_up(const GrpoRewards *r, const Question *q, Sampled *s, const Asked *asked)
{
    const OutsideInput input = input_of(q, s);
    if (asked[ASK_CODE].wanted) s->score.verdict = (Verdict)stored_code(&asked[ASK_CODE], ASK_CODE);
    if (asked[ASK_COMMAND].wanted) reward_term_set(&s->score, TERM_COMMAND, &asked[ASK_COMMAND].outside);
    if (asked[ASK_PLUGIN].wanted) reward_term_set(&s->score, TERM_PLUGIN, &asked[ASK_PLUGIN].outside);
    reward_terms_of_text(&s->score, &r->config, &input);
    reward_total(&s->score, &r->config, s->score.format);
}

bool grpo_rewards_finish(GrpoStage *g, Error *err)
{
    GrpoRewards *const r = g->rewards;
    const bool outside = r->sandbox || r->command || r->plugin;
    if (!grpo_judges_score(r->judges, g, err)) return false; /* while programs and commands are still at work */
    if (outside && (!wait_for_all(r, err) || !store_verdicts(g, err))) return false;
    for (int64_t i = 0; i < g->n_samples; i++)
        add_up(r, &g->questions[i / g->settings->group_size], &g->samples[i], &r->asked[i * N_ASKED]);
    return true;
}

/* SPDX-License-Identifier: MIT */
/* recipe/grpo_rewards.c: the rewards of a step's completions, of an evaluation's, or of stored ones that are scored again.
 *
 * Rules of texts (check, gold answer, frame) are decided when a completion ends. Programs under test, a reward command and a plug-in
 * are inputs of the run (contract 10): their verdicts are looked up in run.sqlite, asked for only when they are not there, by
 * workers while the engine goes on sampling, and stored before they are used. They are stored in the order of the samples, and the
 * first under a key stays, so neither arrival nor a judge that wavers can reach a number. Models that reward are no such inputs
 * (grpo_judges.h): they run when a batch has ended, while programs and commands are still at work.
 *
 *   taken --(grpo_rewards_take: looked up)--> known
 *         --(submitted)--> judged --(grpo_rewards_finish: stored, read back)--> known */
#include "recipe/grpo_judges.h"

#include "base/clock.h"
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
    const Sampled *sampled;
    bool wanted, known; /* this step has it; its verdict was stored before */
    char hash[33];
    CodeResult code;
    OutsideResult outside;
    double seconds; /* that a worker spent on it */
} Asked;

enum { ASK_CODE, ASK_COMMAND, ASK_PLUGIN, N_ASKED };

/* One completion of a batch. */
typedef struct Slot {
    const Question *question;
    Sampled *sampled;
    double format; /* 0 to 1, before gates */
    Asked asked[N_ASKED];
} Slot;

struct GrpoRewards {
    GrpoTerms terms;
    Frame frame;
    AnswerRules rules;
    bool standard_frame, partial_format, answer_from_text;
    RunStore *store; /* borrowed; NULL: nothing is stored or looked up */
    bool may_store;
    const Sandbox *sandbox; /* borrowed */
    Jobs *jobs;
    CommandReward *command;
    PluginReward *plugin;
    GrpoJudges *judges;
    Progress *progress; /* borrowed; NULL: none */
    Slot *slots;        /* [n_slots] */
    int64_t n_slots;
    double waited; /* seconds of this step in which nothing was left to do but wait for the workers */
};

/* ---- opening ---- */

bool grpo_rewards_open(GrpoRewards **out, const GrpoRewardsPlace *place, const GrpoSettings *s, Error *err)
{
    GrpoRewards *const r = *out = base_alloc(1, sizeof *r);
    const int n_workers = s->reward_workers ? (int)s->reward_workers : 3 * place->n_threads;
    r->standard_frame = strcmp(s->reward_frame, "r1-zero") == 0;
    r->partial_format = s->format_partial;
    r->answer_from_text = s->answer_from == ANSWER_FROM_TEXT;
    r->store = place->store;
    r->may_store = place->may_store;
    r->sandbox = place->sandbox;
    r->progress = place->progress;
    r->n_slots = place->n_slots;
    r->slots = base_alloc((size_t)r->n_slots, sizeof *r->slots);
    if (*s->reward_command) r->command = command_reward_create(s->reward_command, n_workers, s->command_seconds);
    return grpo_terms_read(&r->terms, s, err) && frame_read(&r->frame, s->reward_frame, err) &&
           answer_rules_read(&r->rules, s->reward_extract, err) &&
           (!*s->reward_plugin || plugin_reward_open(&r->plugin, s->reward_plugin, s->plugin_settings, err)) &&
           grpo_judges_open(&r->judges, s, place->n_slots, place->compute, err) &&
           ((!r->sandbox && !r->command) || jobs_create(&r->jobs, n_workers, err));
}

void grpo_rewards_free(GrpoRewards *r)
{
    if (!r) return;
    jobs_free(r->jobs); /* first: its workers use the rest */
    command_reward_free(r->command);
    plugin_reward_close(r->plugin);
    grpo_judges_free(r->judges);
    base_free(r->slots);
    base_free(r);
}

const TermConfig *grpo_rewards_config(const GrpoRewards *r)
{
    return &r->terms.whole;
}

const TermConfig *grpo_rewards_route(const GrpoRewards *r, int route)
{
    return &r->terms.routes[route];
}

void grpo_rewards_at(GrpoRewards *r, int64_t step, bool watched)
{
    grpo_terms_at(&r->terms, step, watched);
}

/* ---- rules ---- */

static FormatResult check_frame(const GrpoRewards *r, const Question *q, const Sampled *s, double *format)
{
    if (r->standard_frame && !r->partial_format) {
        const FormatResult result = format_check(q->prompt, q->prompt_length, s->text, s->text_length);
        *format = result.ok;
        return result;
    }
    const FrameResult f = frame_check(&r->frame, q->prompt, q->prompt_length, s->text, s->text_length);
    *format = r->partial_format ? f.partial : f.ok;
    return reward_format_of(&f);
}

/* What stands in the frame's answer, by the rules of extraction; a text without a frame has none. */
static AnswerSpan answer_of(const GrpoRewards *r, const Sampled *s)
{
    const FormatResult *const frame = &s->score.frame;
    if (!r->answer_from_text)
        return frame->ok ? answer_extract_by(&r->rules, s->text + frame->answer, frame->answer_end - frame->answer)
                         : (AnswerSpan){.text = s->text, .source = "no frame"};
    const AnswerSpan span = answer_extract_by(&r->rules, s->text, s->text_length);
    /* cut off before it marked an answer: it has not said what its answer is */
    return s->stopped || span.marked ? span : (AnswerSpan){.text = s->text, .source = "cut off"};
}

static Verdict decide(const GrpoRewards *r, const Question *q, const Sampled *s)
{
    if (q->unreadable || (!q->check && !q->answer)) return VERDICT_UNDECIDED;
    if (q->check && !r->answer_from_text) return accuracy_verdict(q->check, s->text, &s->score.frame);
    const AnswerSpan answer = answer_of(r, s);
    if (q->check) return task_check(q->check, answer.text, answer.length);
    if (answer.length == 0) return VERDICT_WRONG;
    return compare_extracted(q->answer, q->answer_length, answer, NULL);
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

/* What a stored verdict is looked up by: the row, or a family's problem. Rows that are asked once each may share an id. */
static char *task_id(const Question *q)
{
    if (q->id && q->row > 0) return base_printf("%s/%s@%" PRId64, q->task, q->id, q->row);
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
    const double start = clock_seconds();
    (void)worker;
    code_judge(a->rewards->sandbox, a->question->tests, a->sampled->text, a->sampled->text_length, &a->code, cancel);
    a->seconds = clock_seconds() - start;
}

static void ask_command(void *context, int worker, const atomic_bool *cancel)
{
    Asked *const a = context;
    const double start = clock_seconds();
    const OutsideInput input = input_of(a->question, a->sampled);
    command_reward_ask(a->rewards->command, worker, &input, &a->outside, cancel);
    a->seconds = clock_seconds() - start;
}

static bool ask(GrpoRewards *r, Slot *slot, int kind, Error *err)
{
    Asked *const a = &slot->asked[kind];
    const Sampled *const s = slot->sampled;
    const XXH128_hash_t hash = XXH3_128bits(s->text, s->text_length);
    *a = (Asked){.rewards = r, .question = slot->question, .sampled = s, .wanted = true};
    snprintf(a->hash, sizeof a->hash, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
    if (r->store && !look_up(r->store, a, kind, err)) return false;
    if (a->known) return true;
    const OutsideInput input = input_of(slot->question, s);
    if (kind == ASK_PLUGIN)
        plugin_reward_score(r->plugin, &input, &a->outside);
    else
        jobs_submit(r->jobs, kind == ASK_CODE ? judge_code : ask_command, a);
    return true;
}

/* ---- a completion, a batch ---- */

static Slot *begin_slot(GrpoRewards *r, int64_t place, const Question *q, Sampled *s)
{
    Slot *const slot = &r->slots[place];
    *slot = (Slot){.question = q, .sampled = s};
    s->score = (RewardScore){.verdict = VERDICT_UNDECIDED, .unasked = !q->check && !q->answer && !q->tests};
    s->score.frame = check_frame(r, q, s, &slot->format);
    return slot;
}

static bool ask_others(GrpoRewards *r, Slot *slot, Error *err)
{
    const TermConfig *const c = grpo_rewards_route(r, slot->question->route);
    return (!r->command || !reward_part_wanted(c, PART_TERMS + TERM_COMMAND) || ask(r, slot, ASK_COMMAND, err)) &&
           (!r->plugin || !reward_part_wanted(c, PART_TERMS + TERM_PLUGIN) || ask(r, slot, ASK_PLUGIN, err));
}

bool grpo_rewards_take(GrpoRewards *r, int64_t place, const Question *q, Sampled *s, Error *err)
{
    Slot *const slot = begin_slot(r, place, q, s);
    if (!q->tests)
        s->score.verdict = decide(r, q, s);
    else if (!ask(r, slot, ASK_CODE, err))
        return false;
    return ask_others(r, slot, err);
}

bool grpo_rewards_take_judged(GrpoRewards *r, int64_t place, const Question *q, Sampled *s, Verdict verdict, Error *err)
{
    Slot *const slot = begin_slot(r, place, q, s);
    s->score.verdict = verdict;
    return ask_others(r, slot, err);
}

/* A replay has a store that is read alone: what it does not find it asks for again and keeps to itself. An evaluation stores inside
 * its own transaction. */
static bool store_verdicts(GrpoRewards *r, int64_t n, bool in_transaction, Error *err)
{
    if (!r->may_store) return true;
    if (!in_transaction && !run_store_begin(r->store, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < n * N_ASKED; i++) {
        const Asked *const a = &r->slots[i / N_ASKED].asked[i % N_ASKED];
        if (a->wanted && !a->known) ok = put(r->store, a, (int)(i % N_ASKED), err);
    }
    if (!ok && !in_transaction) run_store_rollback(r->store);
    if (!ok || (!in_transaction && !run_store_commit(r->store, err))) return false;
    for (int64_t i = 0; ok && i < n * N_ASKED; i++) {
        Asked *const a = &r->slots[i / N_ASKED].asked[i % N_ASKED];
        if (a->wanted && !a->known) ok = look_up(r->store, a, (int)(i % N_ASKED), err);
    }
    return ok;
}

static bool wait_for_all(GrpoRewards *r, Error *err)
{
    const double start = clock_seconds();
    while (r->jobs && jobs_pending(r->jobs) > 0) {
        void *done;
        if (!jobs_collect(r->jobs, &done, err)) return false;
    }
    r->waited = clock_seconds() - start;
    return true;
}

bool grpo_rewards_seconds(const GrpoRewards *r, double *worked, double *waited)
{
    *worked = 0;
    *waited = r->waited;
    for (int64_t i = 0; i < r->n_slots; i++)
        for (int kind = 0; kind < N_ASKED; kind++)
            if (r->slots[i].asked[kind].wanted) *worked += r->slots[i].asked[kind].seconds;
    return r->jobs != NULL;
}

static void add_up(const GrpoRewards *r, const Slot *slot)
{
    RewardScore *const score = &slot->sampled->score;
    const TermConfig *const config = grpo_rewards_route(r, slot->question->route);
    const OutsideInput input = input_of(slot->question, slot->sampled);
    const Asked *const asked = slot->asked;
    if (asked[ASK_CODE].wanted) score->verdict = (Verdict)stored_code(&asked[ASK_CODE], ASK_CODE);
    if (asked[ASK_COMMAND].wanted) reward_term_set(score, TERM_COMMAND, &asked[ASK_COMMAND].outside);
    if (asked[ASK_PLUGIN].wanted) reward_term_set(score, TERM_PLUGIN, &asked[ASK_PLUGIN].outside);
    reward_terms_of_text(score, config, &input);
    reward_total(score, config, slot->format);
}

bool grpo_rewards_finish(GrpoRewards *r, int64_t n, bool in_transaction, Error *err)
{
    const bool outside = r->jobs || r->plugin;
    for (int64_t i = 0; i < n; i++) {
        const Slot *const slot = &r->slots[i];
        grpo_judges_add(r->judges, grpo_rewards_route(r, slot->question->route), slot->question, slot->sampled);
    }
    if (!grpo_judges_score(r->judges, r->progress, err)) return false;
    if (outside && (!wait_for_all(r, err) || !store_verdicts(r, n, in_transaction, err))) return false;
    for (int64_t i = 0; i < n; i++) add_up(r, &r->slots[i]);
    return true;
}

/* SPDX-License-Identifier: MIT */
/* cli/score_rewards.c: what would another reward have said of completions that exist already? */
#include "recipe/rescore.h"

#include "base/arena.h"
#include "cli/cli.h"
#include "recipe/recipe.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

/* A sum that does not depend on the order, since rows come from several threads. In units of 2^-40. */
typedef __int128 FixedSum;
static const double UNITS = 1099511627776.0, LARGEST = 1e18;

static void add_to(FixedSum *sum, double value)
{
    *sum += (FixedSum)(value * UNITS);
}

static double mean_of(FixedSum sum, int64_t n)
{
    return n > 0 ? (double)sum / UNITS / (double)n : (double)NAN;
}

/* What changed, over all completions. */
typedef struct Changes {
    int64_t n, n_failed, n_changed, n_known; /* n_known: old and new total are both decided */
    int64_t n_undecided_before, n_undecided_now, n_unreadable;
    int64_t n_now_right, n_now_wrong; /* answers that were wrong, or right, before */
    FixedSum old_sum, new_sum;        /* over n_known */
} Changes;

typedef struct ScoreRewards {
    Cli *cli;
    Compute compute;
    Changes changes;
    JsonOut out;
    char first_failed[600];
    /* rows */
    RowRescorer **rescorers; /* [n_threads] */
    pthread_mutex_t lock;    /* of changes */
} ScoreRewards;

/* ---- one completion ---- */

static bool has_changed(const Rescored *r)
{
    if (r->score.undecided || r->old_undecided) return r->score.undecided != r->old_undecided;
    return !isnan(r->old_reward) && r->old_reward != r->score.total;
}

static void put_names(JsonOut *out, const char *key, const Rescored *r, bool (*is)(const TermValue *))
{
    json_out_key(out, key);
    json_out_array(out);
    for (int p = 0; p < PART_COUNT; p++) {
        const TermValue v = reward_part_counted(&r->score, p), own = reward_part_value(&r->score, p);
        if (reward_part_wanted(r->config, p) && (is(&v) || is(&own))) json_out_cstring(out, reward_part_name(p));
    }
    json_out_array_end(out);
}

static bool is_undecided(const TermValue *v)
{
    return v->undecided;
}

static bool is_skipped(const TermValue *v)
{
    return v->skipped;
}

static bool is_gated(const TermValue *v)
{
    return v->gated;
}

/* A part by itself, unless it is a reward of other questions. */
static TermValue shown(const RewardScore *score, int part)
{
    return score->elsewhere[part] ? reward_part_counted(score, part) : reward_part_value(score, part);
}

static void put_number(JsonOut *out, const char *key, double value, bool known)
{
    json_out_kv_double(out, key, known ? value : (double)NAN);
}

static void put_rescored(JsonOut *out, const Rescored *r)
{
    put_number(out, "old_reward", r->old_reward, !r->old_undecided);
    put_number(out, "reward", r->score.total, !r->score.undecided);
    json_out_key(out, "rewards");
    json_out_object(out);
    for (int p = 0; p < PART_COUNT; p++) {
        const TermValue v = shown(&r->score, p);
        if (reward_part_wanted(r->config, p)) put_number(out, reward_part_name(p), v.value, !v.undecided && !v.skipped);
    }
    json_out_object_end(out);
    put_names(out, "undecided", r, is_undecided);
    put_names(out, "skipped", r, is_skipped);
    put_names(out, "gated", r, is_gated);
    if (r->unreadable) json_out_kv_string(out, "gold", "nothing can be compared with the gold answer or check");
    if (r->score.frame.ok) return;
    json_out_kv_string(out, "format_reason", r->score.frame.reason);
    json_out_kv_int(out, "format_failed_at", (int64_t)r->score.frame.failed_at);
}

static void count(Changes *c, const Rescored *r)
{
    /* false, too, where the old one is not a number */
    const bool known =
        fabs(r->old_reward) < LARGEST && fabs(r->score.total) < LARGEST && !r->old_undecided && !r->score.undecided;
    c->n++;
    c->n_changed += has_changed(r);
    c->n_undecided_before += r->old_undecided;
    c->n_undecided_now += r->score.undecided;
    c->n_unreadable += r->unreadable;
    c->n_now_right += r->old_verdict == VERDICT_WRONG && r->score.verdict == VERDICT_RIGHT;
    c->n_now_wrong += r->old_verdict == VERDICT_RIGHT && r->score.verdict == VERDICT_WRONG;
    if (!known) return;
    c->n_known++;
    add_to(&c->old_sum, r->old_reward);
    add_to(&c->new_sum, r->score.total);
}

/* ---- of a run ---- */

static void put_total(char text[32], double value, bool known)
{
    if (known)
        snprintf(text, 32, "%.6g", value);
    else
        snprintf(text, 32, "undecided");
}

static void print_rescored(const Cli *cli, const Rescored *r)
{
    char before[32], now[32];
    put_total(before, r->old_reward, !r->old_undecided);
    put_total(now, r->score.total, !r->score.undecided);
    cli_print(cli, "step %" PRId64 " prompt %" PRId64 " completion %" PRId64 ": %s -> %s%s", r->step, r->prompt,
              r->completion, before, now, has_changed(r) ? " *" : "");
    for (int p = 0; p < PART_COUNT; p++) {
        const TermValue own = shown(&r->score, p), v = reward_part_counted(&r->score, p);
        if (!reward_part_wanted(r->config, p)) continue;
        cli_print(cli, "  %s ", reward_part_name(p));
        if (own.undecided || own.skipped)
            cli_print(cli, "%s", own.undecided ? "undecided" : "skipped");
        else
            cli_print(cli, "%.6g", own.value);
        if (v.gated) cli_print(cli, " (gated)");
    }
    cli_print(cli, "\n");
}

static void begin_line(JsonOut *out, const Rescored *r)
{
    json_out_clear(out);
    json_out_object(out);
    json_out_kv_int(out, "step", r->step);
    json_out_kv_int(out, "prompt", r->prompt);
    json_out_kv_int(out, "completion", r->completion);
    json_out_kv_string(out, "problem", r->problem);
}

static bool run_result(void *context, const Rescored *r, Error *err)
{
    ScoreRewards *const s = context;
    begin_line(&s->out, r);
    if (r->failed) {
        json_out_kv_string(&s->out, "error", r->failed);
        if (s->changes.n_failed++ == 0) snprintf(s->first_failed, sizeof s->first_failed, "%s", r->failed);
        if (!s->cli->json)
            cli_print(s->cli, "step %" PRId64 " prompt %" PRId64 " completion %" PRId64 ": %s\n", r->step, r->prompt,
                      r->completion, r->failed);
    } else {
        put_rescored(&s->out, r);
        count(&s->changes, r);
        if (!s->cli->json) print_rescored(s->cli, r);
    }
    json_out_object_end(&s->out);
    return !s->cli->json || json_out_line(&s->out, stdout, err);
}

/* ---- the summary ---- */

static void say_summary(const Cli *cli, const Changes *c)
{
    cli_note(cli, "r1: %" PRId64 " completions, %" PRId64 " of them with another total", c->n, c->n_changed);
    if (c->n_known > 0)
        cli_note(cli, "; mean %.6g -> %.6g", mean_of(c->old_sum, c->n_known), mean_of(c->new_sum, c->n_known));
    cli_note(cli, "; undecided %" PRId64 " -> %" PRId64, c->n_undecided_before, c->n_undecided_now);
    if (c->n_now_right + c->n_now_wrong > 0)
        cli_note(cli, "; %" PRId64 " answers are right now, %" PRId64 " are wrong now", c->n_now_right, c->n_now_wrong);
    cli_note(cli, "\n");
    if (c->n_unreadable > 0)
        cli_note(cli, "r1: %" PRId64 " completions have a gold answer or check that cannot be read; none is rewarded\n",
                 c->n_unreadable);
}

static bool put_summary(const Changes *c, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_key(&out, "summary");
    json_out_object(&out);
    json_out_kv_int(&out, "completions", c->n);
    json_out_kv_int(&out, "failed", c->n_failed);
    json_out_kv_int(&out, "changed", c->n_changed);
    json_out_kv_double(&out, "old_mean", mean_of(c->old_sum, c->n_known));
    json_out_kv_double(&out, "mean", mean_of(c->new_sum, c->n_known));
    json_out_kv_int(&out, "undecided_before", c->n_undecided_before);
    json_out_kv_int(&out, "undecided", c->n_undecided_now);
    json_out_kv_int(&out, "now_right", c->n_now_right);
    json_out_kv_int(&out, "now_wrong", c->n_now_wrong);
    json_out_kv_int(&out, "unreadable_gold", c->n_unreadable);
    json_out_object_end(&out);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* ---- rows ---- */

static bool answer_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    ScoreRewards *const s = context;
    Rescored r;
    if (!rescore_row(s->rescorers[thread], row, &r, err)) return false;
    put_rescored(out, &r);
    pthread_mutex_lock(&s->lock);
    count(&s->changes, &r);
    pthread_mutex_unlock(&s->lock);
    return true;
}

static bool score_rows(ScoreRewards *s, const char *input, const GrpoSettings *settings, Error *err)
{
    Cli *const cli = s->cli;
    const bool models = settings_reward_by_models(settings);
    const bool parallel =
        !*settings->reward_plugin && !models; /* a plug-in is called by one thread, a model uses all */
    s->rescorers = base_alloc((size_t)cli->n_threads, sizeof *s->rescorers);
    for (int64_t i = 0; i < cli->n_threads; i++)
        s->rescorers[i] = row_rescorer_create(settings, models ? &s->compute : NULL);
    const bool ok = cli_rows(cli, input, parallel, answer_row, s, err);
    for (int64_t i = 0; i < cli->n_threads; i++) row_rescorer_free(s->rescorers[i]);
    base_free(s->rescorers);
    if (s->changes.n > 0) say_summary(cli, &s->changes);
    return ok;
}

static bool score_run(ScoreRewards *s, RescoreOptions *o, Error *err)
{
    o->n_threads = (int)s->cli->n_threads;
    o->compute = &s->compute;
    o->result = run_result;
    o->context = s;
    if (!rescore_run(o, err)) return false;
    say_summary(s->cli, &s->changes);
    if (s->cli->json && !put_summary(&s->changes, err)) return false;
    return s->changes.n_failed == 0 ||
           error_set(err, ERROR_INPUT, "%s: %" PRId64 " completions could not be scored, the first: %.300s", o->folder,
                     s->changes.n_failed, s->first_failed);
}

/* ---- the command ---- */

/* What does not reach a reward would be changed in vain. */
static bool check_sets(const CliArguments *sets, Error *err)
{
    for (int64_t i = 0; i < sets->n_items; i++)
        if (strncmp(sets->items[i], "reward.", 7) != 0 && strncmp(sets->items[i], "max_completion_tokens=", 22) != 0)
            return error_set(err, ERROR_USAGE, "--set %.200s: only reward.* and max_completion_tokens reach a reward",
                             sets->items[i]);
    return true;
}

static bool open_recipe(Recipe *r, const char *path, const char *folder, const CliArguments *sets, Error *err)
{
    char *const own = folder ? base_printf("%s/recipe.yaml", folder) : NULL;
    const char *const from = path ? path : own;
    const bool ok =
        from ? recipe_open(r, from, sets->items, sets->n_items, err)
             : recipe_open_text(r, "score-rewards", "stage: grpo\nmodel: none\n", sets->items, sets->n_items, err);
    if (ok && r->stage != STAGE_GRPO) {
        recipe_close(r);
        error_set(err, ERROR_INPUT, "%s: a recipe of a stage without rewards", from);
        base_free(own);
        return false;
    }
    base_free(own);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *folder = NULL, *input = NULL, *path = NULL;
    CliArguments sets = {0};
    RescoreOptions options = {.step_low = 0, .step_high = INT64_MAX};
    int64_t step = 0;
    const CliOption cli_options[] = {
        CLI_STRING("--run", "DIR", &folder, "a run folder: its stored completions"),
        CLI_STRING(
            "--input", "F.jsonl", &input,
            "rows {\"completion\",\"prompt\"?,\"answer\"|\"check\"|\"tests\"?,\"n_tokens\"?,\"reward\"?}; - is stdin"),
        CLI_STRING("--recipe", "R.yaml", &path, "whose rewards [the run's own; with --input the defaults]"),
        CLI_LIST("--set", "reward.NAME=v", &sets, "change a key of it"),
        CLI_INT("--step", "N", &step, 1, INT64_MAX, "with --run: this step alone [all]"),
        CLI_FLAG("--held-out", &options.held_out, "with --run: the evaluations' texts instead of the rollouts'"),
        CLI_END,
    };
    if (!cli_parse(cli, cli_options, argc, argv, NULL, 0, 0, err)) return false;
    if (!folder == !input) return error_set(err, ERROR_USAGE, "needed: either --run DIR or --input F.jsonl");
    if (input && (step || options.held_out)) return error_set(err, ERROR_USAGE, "--step and --held-out go with --run");
    if (!check_sets(&sets, err)) return false;
    ScoreRewards s = {.cli = cli, .lock = PTHREAD_MUTEX_INITIALIZER};
    if (!cli_kernels(cli, &s.compute.k, err) || !cli_threads(cli, &s.compute.threads, err)) return false;
    if (step) options.step_low = options.step_high = step;
    Recipe recipe;
    if (!open_recipe(&recipe, path, folder, &sets, err)) return false;
    options.folder = folder;
    options.settings = &recipe.grpo;
    const bool ok = input ? score_rows(&s, input, &recipe.grpo, err) : score_run(&s, &options, err);
    json_out_free(&s.out);
    recipe_close(&recipe);
    return ok;
}

const Command command_score_rewards = {
    .name = "score-rewards",
    .summary = "score stored completions again, by another recipe's rewards",
    .usage = "r1 score-rewards --run DIR [--recipe R.yaml] [--set reward.NAME=v]... [--step N] [--held-out]\n"
             "r1 score-rewards --input F.jsonl [--recipe R.yaml] [--set reward.NAME=v]...",
    .details = "A line a completion: the total before and now (* where they differ), and each reward by itself, before "
               "gates and\n"
               "weights. --json and rows give "
               "{\"old_reward\",\"reward\",\"rewards\":{...},\"undecided\",\"skipped\",\"gated\"}; a reward\n"
               "that is undecided or skipped is null there, and so is a total that is undecided. What changed is said "
               "at the end.\n"
               "Commands and programs under test are asked where the run has no verdict of theirs; nothing is stored.",
    .example = "echo '{\"id\": 1, \"completion\": \"<think>1+1</think><answer>2</answer>\", \"answer\": \"2\"}' |\n"
               "    build/release/r1 score-rewards --input - --set reward.format=0.5",
    .run = run,
};

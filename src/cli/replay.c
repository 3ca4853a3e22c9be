/* SPDX-License-Identifier: MIT */
/* cli/replay.c: `r1 replay RUN --step N`: completions of a run made again and compared with what it stored. */
#include "recipe/replay.h"

#include "base/arena.h"
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>

typedef struct Replay {
    Cli *cli;
    JsonOut out;
    int64_t n, n_different;
} Replay;

static void tell_cost(void *context, const ReplayCost *cost)
{
    const Replay *const r = context;
    char from[64] = "the start model";
    if (cost->from_step > 0) snprintf(from, sizeof from, "the checkpoint of step %" PRId64, cost->from_step);
    cli_note(r->cli, "r1: from %s: %" PRId64 " step%s to train again, then one to sample", from, cost->n_training,
             cost->n_training == 1 ? "" : "s");
    if (isnan(cost->seconds))
        cli_note(r->cli, "\n");
    else
        cli_note(r->cli, "; the run took %.1f s for that\n", cost->seconds);
}

static bool tell_result(void *context, const ReplayResult *result, Error *err)
{
    Replay *const r = context;
    JsonOut *const out = &r->out;
    r->n++;
    r->n_different += !result->equal;
    json_out_object(out);
    json_out_kv_int(out, "step", result->step);
    json_out_kv_int(out, "prompt", result->prompt);
    json_out_kv_int(out, "completion", result->completion);
    json_out_kv_bool(out, "equal", result->equal);
    json_out_key(out, "first_difference");
    if (result->first_difference < 0)
        json_out_null(out);
    else
        json_out_int(out, result->first_difference);
    json_out_object_end(out);
    return json_out_line(out, stdout, err);
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    int64_t step = 0, prompt = -1, completion = -1, threads = 0;
    CliArguments paths;
    const CliOption options[] = {
        {.name = "--step",
         .value_name = "N",
         .kind = CLI_KIND_INT,
         .value = &step,
         .low_int = 1,
         .high_int = INT64_MAX,
         .help = "the step that sampled them, as in metrics.jsonl",
         .required = true},
        CLI_INT("--prompt", "I", &prompt, 0, INT64_MAX, "only this question of the step [all]"),
        CLI_INT("--completion", "K", &completion, 0, INT64_MAX, "only this completion of each question [all]"),
        CLI_END,
    };
    cli->n_threads = 0;
    if (!cli_parse(cli, options, argc, argv, &paths, 1, 1, err)) return false;
    const char *const folder = paths.items[0];
    Compute compute;
    if (!replay_threads(folder, &threads, err)) return false;
    if (cli->n_threads == 0) cli->n_threads = threads > 0 ? threads : threads_available();
    if (!cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err)) return false;
    Replay replay = {.cli = cli};
    const ReplayOptions replay_options = {.folder = folder,
                                          .step = step,
                                          .prompt = prompt,
                                          .completion = completion,
                                          .stream = stderr,
                                          .quiet = cli->quiet,
                                          .tell_cost = tell_cost,
                                          .result = tell_result,
                                          .context = &replay};
    const bool ok = replay_run(&replay_options, &compute, err);
    json_out_free(&replay.out);
    if (!ok) return false;
    cli->status = replay.n_different > 0 ? 1 : 0;
    cli_note(cli, "r1: %" PRId64 " of %" PRId64 " completions are equal to the bit\n", replay.n - replay.n_different,
             replay.n);
    return true;
}

const Command command_replay = {
    .name = "replay",
    .summary = "make completions of a run again and compare them bit for bit",
    .usage = "r1 replay RUN --step N [--prompt I] [--completion K]",
    .details = "Goes on from the newest whole checkpoint before the step, in memory, and compares token ids and\n"
               "log-probabilities with run.sqlite. One line a completion; status 1 when any differs.",
    .example = "build/release/r1 replay runs/first --step 2 --prompt 0",
    .run = run,
};

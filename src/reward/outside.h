/* SPDX-License-Identifier: MIT */
/* reward/outside.h: rewards of the user's own: a command that speaks JSON lines, or a plug-in (reward/plugin_abi.h).
 *
 * What they say about a completion is an input of the run: whoever calls stores it (contract 10). docs/your-own-reward.md is the
 * manual of both. */
#ifndef R1_REWARD_OUTSIDE_H
#define R1_REWARD_OUTSIDE_H

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum OutsideState { OUTSIDE_OK, OUTSIDE_SKIPPED, OUTSIDE_UNDECIDED } OutsideState;

typedef struct OutsideInput {
    const char *task, *prompt, *completion, *answer; /* answer may be NULL */
    size_t prompt_length, completion_length, answer_length;
    int64_t n_tokens;
    bool truncated;
} OutsideInput;

typedef struct OutsideResult {
    OutsideState state;
    double reward;    /* finite; 0 unless OUTSIDE_OK */
    char reason[160]; /* OUTSIDE_UNDECIDED: why */
} OutsideResult;

/* ---- a command ----
 * n processes of `sh -c COMMAND`, started when first needed, kept until the end, one request at a time each:
 *   stdin   {"id": N, "task", "prompt", "completion", "answer", "n_tokens", "truncated"}
 *   stdout  {"id": N, "reward": X}, or null for "skipped", or "undecided"
 * stderr is r1's. A process that ends, answers what is no answer, or takes longer than `seconds` is replaced, and asked once
 * more but for the last; then the completion is undecided. */
typedef struct CommandReward CommandReward;
CommandReward *command_reward_create(const char *command, int n_processes, double seconds);
void command_reward_free(CommandReward *command); /* closes their stdin, waits a second, kills. NULL is fine */
/* process: 0 .. n_processes - 1; different ones may be asked at once from different threads. cancel may be NULL. */
void command_reward_ask(CommandReward *command, int process, const OutsideInput *input, OutsideResult *result,
                        const atomic_bool *cancel);
const char *command_reward_version(const CommandReward *command); /* what its rewards are stored under */

/* ---- a plug-in ---- */
typedef struct PluginReward PluginReward;
/* ERROR_INPUT when the file is no plug-in, of another ABI, or refuses its settings. */
bool plugin_reward_open(PluginReward **plugin, const char *path, const char *settings, Error *err) R1_MUST_CHECK;
void plugin_reward_close(PluginReward *plugin); /* NULL is fine */
void plugin_reward_score(PluginReward *plugin, const OutsideInput *input, OutsideResult *result);
const char *plugin_reward_version(const PluginReward *plugin);

#endif

/* SPDX-License-Identifier: MIT */
/* reward/outside_plugin.c: rewards of a shared library. See outside.h. */
#include "base/arena.h"
#include "base/threads.h"
#include "reward/outside.h"
#include "reward/plugin_abi.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct PluginReward {
    void *library;
    const R1RewardPlugin *plugin;
    void *state;
    char *version;
};

static bool check(const R1RewardPlugin *p, const char *path, Error *err)
{
    if (!p) return error_set(err, ERROR_INPUT, "%s: r1_reward_plugin returns nothing", path);
    if (p->abi != R1_REWARD_ABI)
        return error_set(err, ERROR_INPUT, "%s: was built for version %u of plugin_abi.h, this r1 has version %u", path,
                         p->abi, R1_REWARD_ABI);
    if (!p->name || !*p->name || strpbrk(p->name, "/ \t\n") || !p->version || !p->score)
        return error_set(err, ERROR_INPUT,
                         "%s: its description lacks a name (without spaces or slashes), a version or score", path);
    return true;
}

static bool load(PluginReward *r, const char *path, Error *err)
{
    /* A name without a slash would be looked for in the system's folders. */
    char *const file = strchr(path, '/') ? base_strdup(path) : base_printf("./%s", path);
    r->library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    base_free(file);
    if (!r->library) return error_set(err, ERROR_INPUT, "%s", dlerror());
    const R1RewardPlugin *(*describe)(void);
    *(void **)&describe = dlsym(r->library, "r1_reward_plugin");
    if (!describe) return error_set(err, ERROR_INPUT, "%s: exports no r1_reward_plugin; is it a reward plug-in?", path);
    r->plugin = describe();
    return check(r->plugin, path, err);
}

bool plugin_reward_open(PluginReward **out, const char *path, const char *settings, Error *err)
{
    PluginReward *const r = base_alloc(1, sizeof *r);
    const char *why = NULL;
    bool ok = load(r, path, err);
    if (ok && r->plugin->create) {
        r->state = r->plugin->create(settings, &why);
        ok = r->state || !why || error_set(err, ERROR_INPUT, "%s: %s", path, why);
    }
    if (ok) {
        r->version = base_printf("plugin/%s/%s/%s", r->plugin->name, r->plugin->version, settings);
    } else {
        if (r->library) dlclose(r->library);
        base_free(r);
    }
    *out = ok ? r : NULL;
    return ok;
}

void plugin_reward_close(PluginReward *r)
{
    if (!r) return;
    if (r->plugin->destroy) r->plugin->destroy(r->state);
    dlclose(r->library);
    base_free(r->version);
    base_free(r);
}

void plugin_reward_score(PluginReward *r, const OutsideInput *in, OutsideResult *result)
{
    const R1RewardInput input = {.size = sizeof input,
                                 .task = in->task,
                                 .prompt = in->prompt,
                                 .completion = in->completion,
                                 .answer = in->answer ? in->answer : "",
                                 .task_length = strlen(in->task),
                                 .prompt_length = in->prompt_length,
                                 .completion_length = in->completion_length,
                                 .answer_length = in->answer ? in->answer_length : 0,
                                 .n_tokens = in->n_tokens,
                                 .truncated = in->truncated};
    double reward = NAN;
    const int state = r->plugin->score(r->state, &input, &reward);
    threads_set_rounding(); /* whatever it did to the rounding of this thread */
    *result = (OutsideResult){.state = OUTSIDE_UNDECIDED};
    if (state == R1_REWARD_OK && isfinite(reward)) {
        result->state = OUTSIDE_OK;
        result->reward = reward;
    } else if (state == R1_REWARD_SKIPPED) {
        result->state = OUTSIDE_SKIPPED;
    } else {
        snprintf(result->reason, sizeof result->reason, "%s",
                 state == R1_REWARD_UNDECIDED ? "the plug-in cannot tell"
                 : state == R1_REWARD_OK      ? "the plug-in gave no finite number"
                                              : "the plug-in returned what is no state");
    }
}

const char *plugin_reward_version(const PluginReward *r)
{
    return r->version;
}

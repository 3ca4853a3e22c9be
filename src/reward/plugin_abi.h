/* SPDX-License-Identifier: MIT */
/* reward/plugin_abi.h: the one header of a reward plug-in, a shared library that r1 loads (reward.plugin in a recipe). It needs
 * nothing else of r1: copy it, or take it from PREFIX/include/r1/plugin_abi.h. docs/your-own-reward.md has a whole one.
 *
 *   cc -shared -fPIC -O2 -o mine.so mine.c
 *
 * A library exports one function, r1_reward_plugin, that returns a description which lives as long as the library. r1 calls score
 * from one thread, once a completion. A reward must be a function of its input alone: it is stored and not asked for twice. */
#ifndef R1_REWARD_PLUGIN_ABI_H
#define R1_REWARD_PLUGIN_ABI_H

#include <stddef.h>
#include <stdint.h>

#define R1_REWARD_ABI 1u

/* Texts may hold any bytes and are not zero-terminated. All of it lives until score returns. */
typedef struct R1RewardInput {
    size_t size; /* of this struct: later versions append to it */
    const char *task, *prompt, *completion,
        *answer; /* answer: the gold answer of the row; length 0 when there is none */
    size_t task_length, prompt_length, completion_length, answer_length;
    int64_t n_tokens;  /* of the completion, its stop token included */
    int32_t truncated; /* cut off at the cap */
} R1RewardInput;

enum {
    R1_REWARD_OK = 0,       /* *reward holds */
    R1_REWARD_SKIPPED = 1,  /* this reward has nothing to say here: it counts nothing */
    R1_REWARD_UNDECIDED = 2 /* cannot tell: the completion leaves its group's statistics */
};

typedef struct R1RewardPlugin {
    uint32_t abi;        /* R1_REWARD_ABI */
    const char *name;    /* in messages; metrics say rewards/plugin/... */
    const char *version; /* another one makes r1 ask again where rewards are stored */
    /* settings: reward.plugin_settings of the recipe. NULL with *error pointing to a text: refuses to start. May be NULL. */
    void *(*create)(const char *settings, const char **error);
    int (*score)(void *state, const R1RewardInput *input, double *reward);
    void (*destroy)(void *state); /* may be NULL */
} R1RewardPlugin;

const R1RewardPlugin *r1_reward_plugin(void);

#endif

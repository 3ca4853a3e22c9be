/* SPDX-License-Identifier: MIT */
/* Any text as a recipe's gates, rules of extraction and frame: read or refused with a message; what is read has parts and rules that
 * exist. */
#include "reward/answer_rules.h"
#include "reward/frame.h"
#include "reward/gates.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *const text = malloc(size + 1);
    RewardGates gates;
    AnswerRules rules;
    Frame frame;
    Error err[3] = {{0}, {0}, {0}};
    if (!text) return 0;
    memcpy(text, data, size);
    text[size] = 0;
    if (reward_gates_read(&gates, text, &err[0]))
        for (int i = 0; i < gates.n; i++) {
            const RewardCondition *const c = &gates.conditions[i];
            require(c->part >= 0 && c->part < PART_COUNT && c->by >= 0 && c->by < PART_COUNT && c->part != c->by);
        }
    else
        require(err[0].kind == ERROR_INPUT && err[0].text[0]);
    if (answer_rules_read(&rules, text, &err[1]))
        require(rules.n > 0 && rules.n <= ANSWER_RULE_COUNT);
    else
        require(err[1].kind == ERROR_INPUT && err[1].text[0]);
    if (!frame_read(&frame, text, &err[2])) require(err[2].kind == ERROR_INPUT && err[2].text[0]);
    free(text);
    return 0;
}

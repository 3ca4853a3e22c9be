/* SPDX-License-Identifier: MIT */
/* Any first line as a recipe's gates, rules of extraction and frame: read or refused with a message. Any text behind it as a completion:
 * answers lie inside of it, shares and penalties in their range, whatever it is made of. */
#include "reward/compare.h"
#include "reward/frame.h"
#include "reward/gates.h"
#include "reward/language.h"
#include "reward/shape.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds) abort();
}

static void refused(const Error *err)
{
    require(err->kind == ERROR_INPUT && err->text[0]);
}

static void read_gates(const char *line)
{
    RewardGates gates;
    Error err = {0};
    if (!reward_gates_read(&gates, line, &err)) {
        refused(&err);
        return;
    }
    for (int i = 0; i < gates.n; i++) {
        const RewardCondition *const c = &gates.conditions[i];
        require(c->part >= 0 && c->part < PART_COUNT && c->by >= 0 && c->by < PART_COUNT && c->part != c->by);
    }
}

static void extract(const char *line, const char *text, size_t length)
{
    AnswerRules rules;
    Error err = {0};
    if (!answer_rules_read(&rules, line, &err)) {
        refused(&err);
        rules = answer_rules_default();
    }
    require(rules.n > 0 && rules.n <= ANSWER_RULE_COUNT);
    const AnswerSpan s = answer_extract_by(&rules, text, length);
    require(s.source && s.text >= text && s.length <= length && (size_t)(s.text - text) <= length - s.length);
}

static void check_format(const char *line, const char *text, size_t length)
{
    Frame frame;
    Error err = {0};
    if (!frame_read(&frame, line, &err)) {
        refused(&err);
        require(frame_read(&frame, "r1-zero", &err));
    }
    const FrameResult r = frame_check(&frame, line, strlen(line), text, length);
    require(r.partial >= 0 && r.partial <= 1 && (r.ok || r.partial < 1) && r.failed_at <= length);
    require(!r.ok || (r.answer <= r.answer_end && r.answer_end <= length && r.thought <= r.thought_end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *const cut = memchr(data, '\n', size);
    const size_t n_line = cut ? (size_t)(cut - data) : size, length = cut ? size - n_line - 1 : 0;
    char *const line = malloc(n_line + 1), *const text = malloc(length + 1);
    if (line && text) {
        memcpy(line, data, n_line);
        memcpy(text, data + size - length, length);
        line[n_line] = text[length] = 0;
        read_gates(line);
        extract(line, text, length);
        check_format(line, text, length);
        const LanguageShare share = language_share((Language)(size % LANGUAGE_COUNT), text, length);
        require(share.n_target >= 0 && share.n_target <= share.n_words);
        const double penalty = shape_repetition(text, length, 1 + (int)(size % 16));
        require(penalty <= 0 && penalty > -1);
    }
    free(line);
    free(text);
    return 0;
}

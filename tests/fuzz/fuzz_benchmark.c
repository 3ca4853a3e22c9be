/* SPDX-License-Identifier: MIT */
/* Any bytes as a row of an evaluation set, read in every format: a row or a message, and what was read is used once; and as a judge's reply. */
#include "eval/benchmark.h"
#include "eval/judge_opinion.h"

#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const BenchmarkRow *row, const char *text, size_t size)
{
    InstructionsResult result;
    if (row->n_choices > 0) {
        const char letter = benchmark_choice(row->choices, row->n_choices, text, size);
        if (letter && (letter < 'A' || letter >= 'A' + row->n_choices)) abort();
    }
    if (row->instructions) instructions_check(row->instructions, text, size, &result);
    if (!row->prompt.text && !row->question.text) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const text = (const char *)data;
    Error err = {0};
    char *const reply = base_strndup(text, size);
    for (int form = JUDGE_COMPARE; form <= JUDGE_CORRECT; form++) {
        double value;
        if (judge_read((JudgeForm)form, reply, &value) && !(value >= -2 && value <= 2)) abort();
    }
    base_free(reply);
    json_t *const json = json_read_text(text, size, "row", 1, &err);
    for (int format = EVAL_FORMAT_AUTO; json_is_object(json) && format <= EVAL_FORMAT_OPEN; format++) {
        BenchmarkRow row;
        if (!benchmark_row_read(&row, (EvalFormat)format, json, 1, 2, &err)) continue;
        use(&row, text, size);
        benchmark_row_free(&row);
    }
    json_decref(json);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* data/task_rows_parts.h: what the files of task_rows.h share: a reply to a general request, and the frame of a row. Internal to data/. */
#ifndef R1_DATA_TASK_ROWS_PARTS_H
#define R1_DATA_TASK_ROWS_PARTS_H

#include "data/general.h"
#include "data/task_rows.h"

typedef struct TaskResponse {
    GeneralReply reply;
    char thought[TASK_MAX_TEXT], answer[TASK_MAX_TEXT], completion[3 * TASK_MAX_TEXT];
    GeneralJudgement judgement; /* of the answer; harmless: of the whole */
    bool right;
} TaskResponse;

/* leak: the thought says how to do harm. */
void task_response_write(TaskResponse *response, const Problem *problem, GeneralReply reply, bool leak,
                         RngSequence *rng);

/* "SIDE_reply" and "SIDE_helpfulness": what the rules say of it. */
void task_response_put_worth(JsonOut *out, const char *side, const TaskResponse *response);

/* Documents use the streams 0 and 1 of the same seed. */
enum { TASK_ROW_DRAWS = 2 };
/* What row i draws. */
RngSequence task_row_draws(const TaskRows *rows, int64_t i);
/* Draws the i-th problem and begins its row, {"id","task","level","language"; kind: in the id. */
void task_row_begin(JsonOut *out, Problem *problem, const TaskRows *rows, const char *kind, int64_t i);
/* "check"} and into the sink. */
bool task_row_end(JsonOut *out, const Problem *problem, const TaskRows *rows, Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* data/jsonl.h: files of JSON objects, one a line. */
#ifndef R1_DATA_JSONL_H
#define R1_DATA_JSONL_H

#include "base/json.h"

/* One row; what is wrong with it goes to err, without file and line. */
typedef bool (*JsonlRow)(void *context, const json_t *row, int64_t line, Error *err);

/* Calls `read` for the first `limit` non-empty lines of the file. The file is read to its end (or the limit) however many rows are
 * bad, so that the one message, of the first bad row with file and line, tells whether one row of it is wrong or the whole file
 * is. No row at all is an error; `what` names what a row should have been ("a problem"). */
bool jsonl_read(const char *path, int64_t limit, const char *what, JsonlRow read, void *context,
                Error *err) R1_MUST_CHECK;

#endif

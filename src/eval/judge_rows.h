/* SPDX-License-Identifier: MIT */
/* eval/judge_rows.h: rows of a prompt with several responses; a judge compares neighbours, and the clear pairs become rows that
 * `r1 reward-model` learns from. Behind `r1 pairs` and the stage `pairs`.
 *
 * In:  {"prompt", "completions": [TEXT, TEXT, ...], "check"?}   the first two are a pair, the next two another, one left over is none,
 *                                                              and two that are the same text are none either
 * Out: the row's other keys, "chosen", "rejected", "difference"
 *
 * Source: DeepSeek-R1 (arXiv 2501.12948 v2), 3.1. May use everything up to rollout/. */
#ifndef R1_EVAL_JUDGE_ROWS_H
#define R1_EVAL_JUDGE_ROWS_H

#include "base/json.h"
#include "data/preferences.h"
#include "eval/judge_opinion.h"
#include "eval/judge_pairs.h"

typedef struct RowPair {
    json_t *row; /* shared by the pairs of the row; a reference of its own */
    JudgeText question, responses[2];
} RowPair;

/* Zeroed is empty. */
typedef struct RowPairs {
    RowPair *items;
    JudgedPair *
        judged; /* [n]: lengths of what is judged and the truth, once read; n_readable and difference are the judge's */
    int64_t n, capacity;
    ScoredPart part; /* what of a response is judged */
} RowPairs;

/* The error names file and line of the first bad row. On failure there is nothing to free. */
bool row_pairs_read(RowPairs *pairs, const char *path, ScoredPart part, Error *err) R1_MUST_CHECK;
void row_pairs_free(RowPairs *pairs);

enum { ROW_PAIRS_ASKED = 64 }; /* the most that are asked about at once */
/* Asks about pairs first to first + n - 1, and sets their opinions. The draws of a pair are keyed by its place alone. */
bool row_pairs_ask(RowPairs *pairs, const Judge *judge, const JudgeWay *way, int64_t first, int64_t n,
                   Error *err) R1_MUST_CHECK;
/* FILE with the pairs that are `kept`. shuffled: who is chosen is a coin's verdict, keyed by seed and place: what is learnt from such
 * pairs must be nothing. Failpoints "pairs.*". */
bool row_pairs_write(const RowPairs *pairs, const char *path, uint64_t seed, bool shuffled, Error *err) R1_MUST_CHECK;

#endif

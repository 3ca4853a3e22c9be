/* SPDX-License-Identifier: MIT */
/* data/text_stats.h: what can be read off a completion: reflective words, the style of the working, slips and whether they were
 * put right. Nothing here enters a reward; it is what a run reports. */
#ifndef R1_DATA_TEXT_STATS_H
#define R1_DATA_TEXT_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The words that the DeepSeek-R1 paper counts (arXiv 2501.12948): wait, mistake, however, but, retry, error, verify, wrong,
 * evaluate, check; whole words, either case. In Chinese, wherever they stand: 等等 等一下 失误 然而 不过 但是 但 重试 错误 出错 验证 不对 错了
 * 评估 检查 (等等 also means "and so on": in this world it does not occur so). */
int text_reflective_words(const char *text, size_t length);
/* The next one at or after *at, which moves to it; false when there is none. */
bool text_next_reflective(const char *text, size_t length, size_t *at, size_t *word_length);
/* One of the English ones by index, NULL past the end; and how often that one occurs. */
const char *text_reflective_word(int i);
int text_count_word(const char *text, size_t length, const char *word);

/* direct: no step; worked: a written step such as 3+4=7; checked: also a reflective word. */
typedef enum TextStyle { TEXT_DIRECT, TEXT_WORKED, TEXT_CHECKED, TEXT_STYLE_COUNT } TextStyle;
TextStyle text_style(const char *text, size_t length);
const char *text_style_name(TextStyle style);

/* The written working of one completion, held against arithmetic and against the problem. */
typedef struct TaskAudit {
    int steps, wrong_steps; /* equalities "a op b=c", and those that do not hold */
    int tries, misses;      /* search families: tries begun, and tries whose last written result is not the target */
    bool first_missed;      /* the first try is a miss */
    bool corrected_step;    /* a wrong step is followed by the same step done right */
    bool corrected_miss;    /* a miss is followed by a try that hits */
} TaskAudit;
/* An unknown or malformed check leaves tries and misses at 0. Any bytes are fine. */
TaskAudit task_audit(const char *check, const char *completion, size_t length);
/* A slip or a miss that the text itself went on to put right. */
bool task_audit_corrected(const TaskAudit *audit);

#endif

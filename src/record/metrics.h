/* SPDX-License-Identifier: MIT */
/* record/metrics.h: metrics.jsonl, one line a step, and the TensorBoard events beside it.
 *
 * A line is {"step":N,"stage":"...",name:value,...} with the names in the order they were set: TRL's where TRL has one
 * (`reward`, `completions/mean_length`, ...), ours prefixed (`eval/held_out/pass@1`, `reflection/per_completion`,
 * `style/direct`, `time/rollout`). NaN and infinities are null. A line is on the disk when metrics_append returns.
 *
 * Names. TRL's: loss grad_norm learning_rate entropy kl reward reward_std rewards/{accuracy,format}/{mean,std}
 * frac_reward_zero_std num_tokens step_time completions/{mean,min,max}_length completions/mean_terminated_length
 * completions/clipped_ratio clip_ratio/{low,high,region}_mean sampling/sampling_logp_difference/{mean,max}
 * sampling/importance_sampling_ratio/{min,mean,max}. Ours:
 *   rewards/NAME/{frac_undecided,frac_skipped,frac_gated}, rewards/true/..., and all of them with eval/held_out/ in front:
 *   recipe/reward_tally.h
 *   completions/mean_length_{right,wrong}               tokens of right and of wrong completions
 *   reflection/{per_completion,per_1k_tokens}           the paper's reflective words
 *   style/{direct,worked,checked}                       shares of completions
 *   train/<task>/<level>                                accuracy of the step's samples
 *   eval/<suite>/{pass@1,pass@K,cons@K,mean_length,format,corrected_of_right,right_after_first_miss}, a standard error
 *   under the name with _stderr behind it; eval/<suite>/reflection/{per_completion,per_1k_tokens};
 *   eval/<suite>/<task>/<level>, that cell's pass@1     suites: held_out, train, unseen
 *   eval_{accuracy,accuracy_stderr,margin,ece,length_correlation,longer_chosen,rows}, eval_reliability/<from>/{n,confidence,accuracy}
 *                                                       reward models, on rows held out (eval/reward_quality.h)
 *   val/{mean,grad_norm,learning_rate}                  of PPO's value model; the rest of PPO's is TRL's: objective/{kl,entropy,scores,
 *   non_score_reward,rlhf_reward} policy/{approxkl,clipfrac,entropy}_avg loss/{policy,value}_avg val/{clipfrac_avg,ratio,ratio_var,
 *   num_eos_tokens,var_explained} returns/{mean,var}
 *   time/{rollout,reward,train}                         seconds within step_time
 *   time/{eval,checkpoint}                              seconds beside step_time, only in the steps that do it
 *   tokens_per_second                                   sampled and trained tokens over step_time
 *
 * The file format survives any cut: only the last line can be half-written, and opening for step S keeps exactly the whole
 * lines of steps <= S, so that a resumed run's file is what an uninterrupted run would have written.
 * May use base/, format/. */
#ifndef R1_RECORD_METRICS_H
#define R1_RECORD_METRICS_H

#include "base/error.h"

#include <stdint.h>

enum { METRICS_NAME_CAPACITY = 96 };

typedef struct Metric {
    char name[METRICS_NAME_CAPACITY];
    double value;
} Metric;

/* The metrics of one step. Zeroed is empty. */
typedef struct MetricsRow {
    int64_t step;
    char stage[32];
    Metric *items; /* owned, in the order they were first set */
    int64_t n, capacity;
} MetricsRow;

void metrics_row_clear(MetricsRow *row); /* keeps the memory, forgets step, stage and values */
void metrics_row_free(MetricsRow *row);
/* Sets a value; a name already there keeps its place. */
void metrics_set(MetricsRow *row, const char *name, double value);
/* The same with a formatted name: metrics_setf(row, value, "rewards/%s/mean", name). */
void metrics_setf(MetricsRow *row, double value, const char *format, ...) R1_PRINTF(3, 4);
/* NaN when the row has no such name. */
double metrics_get(const MetricsRow *row, const char *name);

typedef struct MetricsWriter MetricsWriter;

/* Opens FOLDER/metrics.jsonl for appending, keeping the lines of steps <= last_step (-1 for a fresh run: none are kept; 0
 * keeps the line before the first step). So does the event file beside it (events.out.tfevents.r1). */
bool metrics_open(MetricsWriter **writer, const char *folder, int64_t last_step, Error *err) R1_MUST_CHECK;
/* Appends row->step's line and its events, synced to disk. Steps must increase. Failpoints "metrics.write", "metrics.sync". */
bool metrics_append(MetricsWriter *writer, const MetricsRow *row, Error *err) R1_MUST_CHECK;
void metrics_close(MetricsWriter *writer); /* NULL is fine */

/* A whole metrics.jsonl in columns. */
typedef struct MetricsTable {
    int64_t n_rows, n_columns;
    int64_t *steps;   /* [n_rows], ascending */
    char **stages;    /* [n_rows] */
    char **names;     /* [n_columns], in order of first appearance */
    double **columns; /* [n_columns][n_rows], NaN where a row has no such value or null */
} MetricsTable;
/* A missing file is an empty table; a half-written last line is left out; any other damage is an error naming the line. */
bool metrics_read(MetricsTable *table, const char *path, Error *err) R1_MUST_CHECK;
void metrics_table_free(MetricsTable *table);
/* The column, or NULL. */
const double *metrics_column(const MetricsTable *table, const char *name);
/* Row r of the table as a row. */
void metrics_table_row(const MetricsTable *table, int64_t r, MetricsRow *row);

#endif

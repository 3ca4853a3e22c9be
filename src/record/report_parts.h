/* SPDX-License-Identifier: MIT */
/* record/report_parts.h: the parts that pages of the report are put together from. Internal to record/. */
#ifndef R1_RECORD_REPORT_PARTS_H
#define R1_RECORD_REPORT_PARTS_H

#include "record/report_data.h"

/* report_assets.c: the text of <style>, of <script>, and the style of pictures that stand alone. */
extern const char report_css[];
extern const char report_js[];
extern const char report_svg_css[];

/* report_page.c */
void page_begin(TextOut *out, const char *title);
void page_end(TextOut *out);
/* <section id> with heading and an introduction (trusted text: written in this program, may hold entities). */
void section_begin(TextOut *out, const char *id, const char *title, const char *intro);
void section_end(TextOut *out);
/* Takes back what was written from that mark on. */
void section_drop(TextOut *out, size_t begun_at);
/* The text between two marks of an output; a section that turned out empty is taken back. */
void section_end_or_drop(TextOut *out, size_t begun_at, size_t empty_length);
bool page_write(TextOut *out, const char *path, const char *failpoint, Error *err) R1_MUST_CHECK;

/* report_curves.c: the three main curves of a run as charts (also for the picture), and the sections of curves. */
void curves_main(ReportRun *run, Chart charts[3]);
void section_main_curves(TextOut *out, ReportRun *run);
void section_behaviour(TextOut *out, ReportRun *run);
void section_optimisation(TextOut *out, ReportRun *run);
void section_time(TextOut *out, ReportRun *run);

/* report_selection.c: of a stage that chooses among samples; nothing where there was none. */
bool selection_table(TextOut *out, ReportRun *run);
void section_selection(TextOut *out, ReportRun *run);
/* report_rewards.c */
bool report_rewards_are_plain(const ReportRun *run); /* accuracy and format alone */
void rewards_charts(TextOut *out, ReportRun *run);

/* report_proxy.c */
void proxy_charts(TextOut *out, ReportRun *run);

/* report_reward_model.c */
void section_reward_model(TextOut *out, ReportRun *run);

/* report_judges.c: of a stage whose judge made pairs; and a row of a table of judges and reward models (stage, agreement, of what, word):
 * false, and nothing written, where the run has neither. */
void section_judged_pairs(TextOut *out, ReportRun *run);
bool judges_row(TextOut *out, const char *name, ReportRun *run);

/* report_tables.c */
void section_pass_at_k(TextOut *out, ReportRun *run);
void section_families(TextOut *out, ReportRun *run);

/* report_examples.c */
bool section_examples(TextOut *out, ReportRun *run, Error *err) R1_MUST_CHECK;

#endif

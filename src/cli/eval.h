/* SPDX-License-Identifier: MIT */
/* cli/eval.h: what the files cli/eval*.c share. */
#ifndef R1_CLI_EVAL_H
#define R1_CLI_EVAL_H

#include "base/file.h"
#include "cli/cli.h"
#include "cli/sampling_options.h"
#include "eval/evaluate_model.h"
#include "eval/paired.h"

typedef struct EvalOptions {
    const char *model, *task, *data, *text, *split, *levels, *language, *frame_text, *samples_out, *out, *format,
        *judge, *against;
    int64_t n, k, level, max_active, context, stride;
    Frame frame; /* of frame_text, when it is given */
    SamplingOptions sampling;
    bool force_working, chat;
} EvalOptions;

/* A model that is open, with what it is asked by. */
typedef struct Loaded {
    Compute compute;
    Model model;
    Tokenizer *tokenizer;
    SamplingOptions sampling;
} Loaded;

/* JSON lines: on stdout with --json, in the file of --out when there is one. */
typedef struct EvalLines {
    const Cli *cli;
    FileWriter *writer; /* NULL: none */
} EvalLines;
bool eval_line(EvalLines *lines, JsonOut *out, Error *err) R1_MUST_CHECK; /* frees `out` */

/* Every completion, one a line, in order (cli/eval_samples.c), and how far it is. */
typedef struct SampleLines {
    FileWriter *writer;
    char **waiting; /* [n] */
    int64_t n, next, n_samples;
} SampleLines;
typedef struct Watch {
    const char *samples_out; /* NULL: no file */
    SampleLines lines;
    bool shown;
    int64_t n, n_done, n_right;
} Watch;
/* Callbacks of EvalRequest; the context is a Watch. */
bool eval_watch_begin(Watch *watch, int64_t n_problems, int64_t n_samples, Error *err) R1_MUST_CHECK;
bool eval_watch_sample(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err) R1_MUST_CHECK;
bool eval_watch_end(Watch *watch, bool ok, Error *err) R1_MUST_CHECK;

/* cli/eval_figures.c. name: of the model where two are compared; NULL: there is one. */
void eval_print_table(const Cli *cli, const EvalResult *result, const EvalOptions *options);
bool eval_print_json(EvalLines *lines, const char *model, const EvalReport *report, const EvalOptions *options,
                     Error *err) R1_MUST_CHECK;
bool eval_print_comparison(EvalLines *lines, const EvalComparison *comparison, const EvalOptions *options,
                           Error *err) R1_MUST_CHECK;
bool eval_is_all(const EvalOptions *options); /* --task all */

/* cli/eval_text.c: --text. */
bool eval_documents(EvalLines *lines, Loaded *loaded, EvalOptions *options, Error *err) R1_MUST_CHECK;

#endif

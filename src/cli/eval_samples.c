/* SPDX-License-Identifier: MIT */
/* cli/eval_samples.c: `r1 eval --samples-out`, and its progress. */
#include "cli/eval.h"

#include "base/arena.h"
#include "data/text_stats.h"

#include <inttypes.h>
#include <string.h>

/* ---- the samples, one a line, in order ---- */

static void put_instructions(JsonOut *out, const EvalProblem *p, const InstructionsResult *r)
{
    json_out_key(out, "instructions");
    json_out_object(out);
    json_out_kv_int(out, "n", instructions_count(p->instructions));
    json_out_kv_int(out, "strict", r->n_strict);
    json_out_kv_int(out, "loose", r->n_loose);
    json_out_kv_int(out, "strict_undecided", r->n_strict_undecided);
    json_out_kv_int(out, "loose_undecided", r->n_loose_undecided);
    json_out_object_end(out);
}

static void sample_object(JsonOut *out, const EvalProblem *p, const EvalSample *s)
{
    json_out_object(out);
    json_out_kv_string(out, "id", p->id);
    json_out_kv_string(out, "task", p->task_name);
    json_out_kv_int(out, "level", p->level);
    json_out_kv_int(out, "problem", p->number);
    json_out_kv_int(out, "completion", s->completion);
    json_out_key(out, "prompt");
    json_out_string(out, p->prompt, p->prompt_length);
    json_out_key(out, "gold");
    json_out_string(out, p->answer, p->answer_length);
    json_out_kv_string(out, "check", p->check);
    json_out_key(out, "text");
    json_out_string(out, s->text, s->length);
    json_out_kv_string(out, "answer", s->answer);
    json_out_key(out, "equal");
    if (s->verdict == VERDICT_UNDECIDED)
        json_out_null(out);
    else
        json_out_bool(out, s->verdict == VERDICT_RIGHT);
    json_out_kv_double(out, "accuracy", s->accuracy);
    json_out_kv_double(out, "format", s->format);
    json_out_kv_double(out, "reward", s->reward);
    json_out_kv_int(out, "length", s->tokens->n_ids);
    json_out_kv_string(out, "finish_reason", finish_reason_name(s->tokens->finish));
    json_out_kv_string(out, "style", text_style_name((TextStyle)s->style));
    json_out_kv_int(out, "reflective_words", s->reflective_words);
    json_out_kv_bool(out, "first_try_missed", s->first_try_missed);
    json_out_kv_bool(out, "corrected", s->corrected_slip);
    if (s->instructions) put_instructions(out, p, s->instructions);
    if (s->reason) json_out_kv_string(out, "reason", s->reason);
    json_out_object_end(out);
}

/* Completions end in any order; a line waits until those before it are written, so the file is the same whatever shared a
 * batch with what. */
static bool take_sample(SampleLines *lines, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    JsonOut out = {0};
    sample_object(&out, problem, sample);
    lines->waiting[problem->number * lines->n_samples + sample->completion] = base_strndup(out.text, out.length);
    json_out_free(&out);
    for (char *line; lines->next < lines->n && (line = lines->waiting[lines->next]); lines->next++) {
        const bool ok =
            file_writer_write(lines->writer, line, strlen(line), err) && file_writer_write(lines->writer, "\n", 1, err);
        base_free(line);
        lines->waiting[lines->next] = NULL;
        if (!ok) return false;
    }
    return true;
}

static bool lines_open(SampleLines *lines, const char *path, int64_t n_problems, int64_t n_samples, Error *err)
{
    *lines = (SampleLines){.n = n_problems * n_samples, .n_samples = n_samples};
    if (!path) return true;
    if (!file_writer_open(&lines->writer, path, "samples", err)) return false;
    lines->waiting = base_alloc((size_t)lines->n, sizeof *lines->waiting);
    return true;
}

static bool lines_close(SampleLines *lines, bool ok, Error *err)
{
    for (int64_t i = lines->next; lines->waiting && i < lines->n; i++) base_free(lines->waiting[i]);
    base_free(lines->waiting);
    if (lines->writer && ok) return file_writer_commit(lines->writer, err);
    file_writer_abandon(lines->writer);
    return ok;
}

/* ---- progress ---- */

static void show_progress(const Watch *w)
{
    /* About two hundred redraws whatever the size. */
    if (w->n_done % (w->n / 200 + 1) != 0 && w->n_done < w->n) return;
    fprintf(stderr, "\r%" PRId64 " of %" PRId64 " completions, %.1f%% right", w->n_done, w->n,
            100 * (double)w->n_right / (double)w->n_done);
    if (w->n_done == w->n) fputs("\r\033[K", stderr);
    fflush(stderr);
}

bool eval_watch_sample(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    Watch *const w = context;
    w->n_done++;
    w->n_right += sample->verdict == VERDICT_RIGHT;
    if (w->shown) show_progress(w);
    return !w->lines.writer || take_sample(&w->lines, problem, sample, err);
}

bool eval_watch_begin(Watch *watch, int64_t n_problems, int64_t n_samples, Error *err)
{
    watch->n = n_problems * n_samples;
    return lines_open(&watch->lines, watch->samples_out, n_problems, n_samples, err);
}

bool eval_watch_end(Watch *watch, bool ok, Error *err)
{
    return lines_close(&watch->lines, ok, err);
}

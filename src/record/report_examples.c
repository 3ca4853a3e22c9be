/* SPDX-License-Identifier: MIT */
/* record/report_examples.c: the same problem early, in the middle and late.
 *
 * Which problems are shown is a rule, said on the page: of each family the first held-out problem whose first sample was wrong
 * at first and right at last, else the family's first problem; and after them the first one that is still wrong at last, so
 * that a page of successes cannot be all there is. Always sample 1 of a problem, never the best. */
#include "record/html.h"
#include "record/report_parts.h"

#include "base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EXAMPLES = 12, EXAMPLE_MAX_BYTES = 6000, PROMPT_MAX_BYTES = 3000 };

/* What is known of one held-out problem: was sample 1 right in the first and in the last evaluation. */
typedef struct Candidate {
    char *key, *task;
    int first, last; /* verdicts; -1: not seen */
} Candidate;

typedef struct Candidates {
    Candidate *items;
    int64_t n, capacity;
    int64_t steps[3]; /* first, middle, last evaluation */
} Candidates;

static void candidates_free(Candidates *candidates)
{
    for (int64_t i = 0; i < candidates->n; i++) {
        base_free(candidates->items[i].key);
        base_free(candidates->items[i].task);
    }
    base_free(candidates->items);
}

static bool note_first(void *context, const StoredCompletion *completion, const StoredProblem *problem)
{
    Candidates *const c = context;
    if (c->n == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 256;
        c->items = base_realloc(c->items, (size_t)c->capacity, sizeof *c->items);
    }
    c->items[c->n++] = (Candidate){
        .key = base_strdup(problem->key), .task = base_strdup(problem->task), .first = completion->verdict, .last = -1};
    return true;
}

static bool note_last(void *context, const StoredCompletion *completion, const StoredProblem *problem)
{
    Candidates *const c = context;
    for (int64_t i = 0; i < c->n; i++)
        if (strcmp(c->items[i].key, problem->key) == 0) {
            c->items[i].last = completion->verdict;
            break;
        }
    return true;
}

static StoredFilter first_samples(int64_t step)
{
    return (StoredFilter){
        .phase = STORED_EVALUATION,
        .suite = "held_out",
        .step_low = step,
        .step_high = step,
        .prompt_index = -1,
        .completion_index = 0,
    };
}

static bool find_candidates(ReportRun *run, Candidates *c, Error *err)
{
    const ReportSeries evaluations = report_figure(run, "held_out", NULL, 0, "pass@1");
    if (evaluations.n < 2) return true;
    c->steps[0] = (int64_t)evaluations.x[0];
    c->steps[1] = (int64_t)evaluations.x[evaluations.n / 2];
    c->steps[2] = (int64_t)evaluations.x[evaluations.n - 1];
    const StoredFilter first = first_samples(c->steps[0]), last = first_samples(c->steps[2]);
    return run_store_read_completions(run->store, &first, note_first, c, err) &&
           run_store_read_completions(run->store, &last, note_last, c, err);
}

/* The rule of the file comment. Returns how many were chosen. */
static int choose(const Candidates *c, const Candidate **chosen, int max)
{
    int n = 0;
    for (int64_t i = 0; i < c->n && n < max - 1; i++) {
        const Candidate *best = NULL;
        bool seen = false;
        for (int64_t j = 0; j < i && !seen; j++) seen = strcmp(c->items[j].task, c->items[i].task) == 0;
        if (seen) continue;
        for (int64_t j = i; j < c->n; j++) {
            const Candidate *const candidate = &c->items[j];
            if (strcmp(candidate->task, c->items[i].task) != 0 || candidate->last < 0) continue;
            if (!best) best = candidate;
            if (candidate->first == 1 || candidate->last != 1) continue;
            best = candidate;
            break;
        }
        if (best) chosen[n++] = best;
    }
    for (int64_t i = 0; i < c->n && n < max; i++) {
        bool shown = c->items[i].last != 0;
        for (int j = 0; j < n && !shown; j++) shown = chosen[j] == &c->items[i];
        if (shown) continue;
        chosen[n++] = &c->items[i];
        break;
    }
    return n;
}

/* ---- writing ---- */

typedef struct Writing {
    TextOut *out;
    const char *when; /* "early", ... */
    bool with_prompt;
} Writing;

static void write_answer(TextOut *out, const char *when, const StoredCompletion *c)
{
    static const char *const classes[] = {"wrong", "right", "undecided"};
    static const char *const words[] = {"✗ wrong", "✓ right", "? undecided"};
    const int verdict = c->verdict >= 0 && c->verdict <= 2 ? c->verdict : 2;
    text_out_printf(out, "<div class=\"answer %s\"><div><b>%s</b><span>step %" PRId64 "</span>", classes[verdict], when,
                    c->step);
    text_out_printf(out, "<span>%" PRId64 " tokens%s</span><span class=\"%s\">%s</span></div><pre>", c->n_ids,
                    c->stopped ? "" : ", cut off",
                    verdict == 1   ? "up"
                    : verdict == 0 ? "down"
                                   : "even",
                    words[verdict]);
    html_completion(out, c->text, c->text_length, EXAMPLE_MAX_BYTES);
    text_out(out, "</pre></div>\n");
}

static void write_prompt(TextOut *out, const StoredProblem *problem)
{
    text_out(out, "<div class=\"prompt\">");
    html_completion(out, problem->prompt, problem->prompt_length, PROMPT_MAX_BYTES);
    text_out(out, "</div>\n");
    if (problem->answer && problem->answer[0]) {
        text_out(out, "<p class=\"answer-is\">a right answer: <code>");
        html_escape_text(out, problem->answer);
        text_out(out, "</code></p>\n");
    }
    text_out(out, "<div class=\"three\">\n");
}

static bool write_one(void *context, const StoredCompletion *completion, const StoredProblem *problem)
{
    const Writing *const writing = context;
    if (writing->with_prompt) write_prompt(writing->out, problem);
    write_answer(writing->out, writing->when, completion);
    return false; /* one is all that is wanted */
}

static bool write_example(TextOut *out, ReportRun *run, const Candidates *c, const Candidate *candidate,
                          bool still_wrong, Error *err)
{
    static const char *const when[] = {"early", "middle", "late"};
    text_out(out, "<div class=\"example\" data-tab=\"");
    html_escape_text(out, still_wrong ? "still wrong" : candidate->task);
    text_out(out, "\">\n");
    bool ok = true;
    for (int i = 0; ok && i < 3; i++) {
        if (i == 1 && c->steps[1] == c->steps[2]) continue; /* two evaluations in all */
        StoredFilter filter = first_samples(c->steps[i]);
        filter.problem_key = candidate->key;
        Writing writing = {.out = out, .when = when[i], .with_prompt = i == 0};
        ok = run_store_read_completions(run->store, &filter, write_one, &writing, err);
    }
    text_out(out, "</div></div>\n");
    return ok;
}

bool section_examples(TextOut *out, ReportRun *run, Error *err)
{
    Candidates candidates = {0};
    if (!run->store) return true;
    const Candidate *chosen[MAX_EXAMPLES];
    bool ok = find_candidates(run, &candidates, err);
    const int n = ok ? choose(&candidates, chosen, MAX_EXAMPLES) : 0;
    if (n > 0) {
        section_begin(
            out, "examples", "The same problem, early, middle, late",
            "Always the first sample, never the best. Of each family the first held-out problem that was wrong at "
            "first "
            "and right at last (or, if there is none, its first problem); then the first that is still wrong at last. "
            "<span class=\"tag\">Tags</span> and <span class=\"reflect\">reflective</span> words are marked.");
        text_out(out, "<div data-tabs>\n");
        for (int i = 0; ok && i < n; i++) {
            const bool still_wrong = i == n - 1 && chosen[i]->last == 0 && n > 1;
            ok = write_example(out, run, &candidates, chosen[i], still_wrong, err);
        }
        text_out(out, "</div>\n");
        section_end(out);
    }
    candidates_free(&candidates);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* eval/evaluate_cells.c: from scored samples to the figures of a cell, and from cells to macro-averages.
 *
 * Sums are in f64, problems ascending, in each its samples ascending. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "data/text_stats.h"
#include "eval/estimators.h"
#include "reward/compare.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- one problem ---- */

/* Two samples gave the same answer. Problems with a check compare canonical forms: several different answers may be right
 * there. Others compare answers by the equivalence of votes, without the leniencies towards a gold answer: 50 and 0.5 are two
 * votes, though either may be right where the gold answer is 50%. */
static bool same_answer(const EvalProblem *problem, const SampleScore *a, const SampleScore *b)
{
    if (strcmp(a->answer, b->answer) == 0) return true;
    return !problem->check && same_answers(a->answer, strlen(a->answer), b->answer, strlen(b->answer));
}

/* Each sample joins the class of the first sample that gave the same answer as it did: sample order alone decides. */
static void classify(int32_t *classes, const EvalProblem *problem, const SampleScore *samples, int64_t k)
{
    for (int64_t i = 0; i < k; i++) {
        classes[i] = ESTIMATE_NO_ANSWER;
        if (!samples[i].answer) continue;
        classes[i] = (int32_t)i;
        for (int64_t j = 0; j < i; j++)
            if (classes[j] == (int32_t)j && same_answer(problem, &samples[j], &samples[i])) {
                classes[i] = (int32_t)j;
                break;
            }
    }
}

typedef struct Votes {
    int32_t *classes; /* [k] */
    bool *right;      /* [k] */
} Votes;

/* Of each problem, for means and their errors. */
typedef struct Means {
    double *pass_at_1, *pass_at_k; /* [n] */
    double *consensus;             /* [n_voting] */
    int64_t n_voting;
    double *readable, *length; /* [n] */
    double *language;          /* [n_worded], of problems with a sample whose thinking has words */
    int64_t n_worded;
} Means;

static bool consensus(Votes *votes, const EvalProblem *problem, const SampleScore *samples, int64_t k)
{
    classify(votes->classes, problem, samples, k);
    for (int64_t i = 0; i < k; i++) votes->right[i] = samples[i].verdict == VERDICT_RIGHT;
    return estimate_consensus(votes->classes, votes->right, k);
}

/* ---- a cell ---- */

typedef struct Sums {
    double instructed, loose;                                      /* samples with instructions, all kept loosely */
    double decided_strict, kept_strict, decided_loose, kept_loose; /* instructions */
    double samples, right, wrong, first_missed;
    double pass_at[EVAL_PASS_POWERS];
    double tokens, tokens_right, tokens_wrong;
    double format, truncated, reflective, undecided;
    double style[TEXT_STYLE_COUNT];
    double corrected_right, first_missed_right;
    double with_words, language_share, mixed; /* completions whose thinking has words; of these */
} Sums;

static void add_instructions(Sums *sums, const InstructionsResult *r)
{
    if (r->n == 0) return;
    sums->instructed += 1;
    sums->loose += r->loose == VERDICT_RIGHT;
    sums->decided_strict += r->n - r->n_strict_undecided;
    sums->kept_strict += r->n_strict;
    sums->decided_loose += r->n - r->n_loose_undecided;
    sums->kept_loose += r->n_loose;
}

static void add_sample(Sums *sums, const SampleScore *s)
{
    const bool right = s->verdict == VERDICT_RIGHT;
    const double n_ids = (double)s->n_ids;
    sums->samples += 1;
    sums->tokens += n_ids;
    if (right) {
        sums->right += 1;
        sums->tokens_right += n_ids;
        sums->corrected_right += s->corrected;
    } else {
        sums->wrong += 1;
        sums->tokens_wrong += n_ids;
    }
    sums->format += s->format;
    sums->truncated += s->truncated;
    sums->reflective += s->reflective_words;
    sums->undecided += s->verdict == VERDICT_UNDECIDED;
    sums->style[s->style] += 1;
    sums->first_missed += s->first_missed;
    sums->first_missed_right += s->first_missed && right;
    add_instructions(sums, &s->instructions);
    if (isnan(s->language_share)) return;
    sums->with_words += 1;
    sums->language_share += s->language_share;
    sums->mixed += s->language_share > 0 && s->language_share < 1;
}

/* What is averaged over a problem's samples for its error alone. */
static void add_problem_means(Means *means, int64_t i_problem, const SampleScore *samples, int64_t k)
{
    double readable = 0, tokens = 0, share = 0, worded = 0;
    for (int64_t i = 0; i < k; i++) {
        readable += samples[i].readable;
        tokens += (double)samples[i].n_ids;
        if (isnan(samples[i].language_share)) continue;
        share += samples[i].language_share;
        worded += 1;
    }
    means->readable[i_problem] = readable / (double)k;
    means->length[i_problem] = tokens / (double)k;
    if (worded > 0) means->language[means->n_worded++] = share / worded;
}

static void add_problem(Sums *sums, Means *means, int64_t i_problem, Votes *votes, const EvalProblem *problem,
                        const SampleScore *samples, int64_t k)
{
    int64_t n_right = 0;
    double accuracy = 0;
    for (int64_t i = 0; i < k; i++) {
        add_sample(sums, &samples[i]);
        accuracy += samples[i].accuracy;
        n_right += samples[i].verdict == VERDICT_RIGHT;
    }
    add_problem_means(means, i_problem, samples, k);
    means->pass_at_1[i_problem] = accuracy / (double)k;
    means->pass_at_k[i_problem] = estimate_pass_at_k(k, n_right, k);
    for (int power = 0; power < EVAL_PASS_POWERS && (int64_t)1 << power <= k; power++)
        sums->pass_at[power] += estimate_pass_at_k(k, n_right, (int64_t)1 << power);
    /* Programs, open answers and texts under instructions give nothing that could be counted as a vote. */
    if (problem->tests || problem->instructions || problem->open) return;
    means->consensus[means->n_voting++] = consensus(votes, problem, samples, k);
}

static double ratio(double above, double below)
{
    return below > 0 ? above / below : (double)NAN;
}

static void fill_means(EvalCell *cell, const Means *means, int64_t n)
{
    const Estimate pass_at_1 = estimate_over_problems(means->pass_at_1, n),
                   pass_at_k = estimate_over_problems(means->pass_at_k, n),
                   consensus = estimate_over_problems(means->consensus, means->n_voting);
    cell->pass_at_1 = pass_at_1.mean;
    cell->pass_at_1_error = pass_at_1.standard_error;
    cell->pass_at_k = pass_at_k.mean;
    cell->pass_at_k_error = pass_at_k.standard_error;
    cell->cons_at_k = consensus.n > 0 ? consensus.mean : (double)NAN;
    cell->cons_at_k_error = consensus.n > 0 ? consensus.standard_error : (double)NAN;
    const Estimate readable = estimate_over_problems(means->readable, n);
    cell->readable = readable.mean;
    cell->readable_error = readable.standard_error;
    cell->mean_length_error = estimate_over_problems(means->length, n).standard_error;
    cell->language_consistency_error =
        means->n_worded > 0 ? estimate_over_problems(means->language, means->n_worded).standard_error : (double)NAN;
}

static void fill_cell(EvalCell *cell, const Sums *sums, int64_t n_problems, int64_t k)
{
    const double n = (double)n_problems;
    cell->n_problems = n_problems;
    cell->n_samples = k;
    for (int power = 0; power < EVAL_PASS_POWERS; power++)
        cell->pass_at[power] = (int64_t)1 << power <= k ? sums->pass_at[power] / n : (double)NAN;
    cell->mean_length = ratio(sums->tokens, sums->samples);
    cell->mean_length_right = ratio(sums->tokens_right, sums->right);
    cell->mean_length_wrong = ratio(sums->tokens_wrong, sums->wrong);
    cell->format = ratio(sums->format, sums->samples);
    cell->truncated = ratio(sums->truncated, sums->samples);
    cell->reflective_per_completion = ratio(sums->reflective, sums->samples);
    cell->reflective_per_1k_tokens = ratio(1000 * sums->reflective, sums->tokens);
    for (int style = 0; style < TEXT_STYLE_COUNT; style++)
        cell->style[style] = ratio(sums->style[style], sums->samples);
    cell->undecided = ratio(sums->undecided, sums->samples);
    cell->corrected_of_right = ratio(sums->corrected_right, sums->right);
    cell->right_after_first_miss = ratio(sums->first_missed_right, sums->first_missed);
    cell->language_consistency = ratio(sums->language_share, sums->with_words);
    cell->language_mixed = ratio(sums->mixed, sums->samples);
    cell->prompts_loose = ratio(sums->loose, sums->instructed);
    cell->instructions_strict = ratio(sums->kept_strict, sums->decided_strict);
    cell->instructions_loose = ratio(sums->kept_loose, sums->decided_loose);
}

void cell_figures(EvalCell *cell, const EvalPlan *plan, const SampleScore *scores, const int64_t *problems,
                  int64_t first, int64_t n, double *means_out)
{
    const int64_t k = plan->config.samples;
    Votes votes = {.classes = base_alloc((size_t)k, sizeof *votes.classes),
                   .right = base_alloc((size_t)k, sizeof *votes.right)};
    Means means = {.pass_at_1 = base_alloc((size_t)n, sizeof *means.pass_at_1),
                   .pass_at_k = base_alloc((size_t)n, sizeof *means.pass_at_k),
                   .consensus = base_alloc((size_t)n, sizeof *means.consensus),
                   .readable = base_alloc((size_t)n, sizeof *means.readable),
                   .length = base_alloc((size_t)n, sizeof *means.length),
                   .language = base_alloc((size_t)n, sizeof *means.language)};
    Sums sums = {.samples = 0};
    for (int64_t i = 0; i < n; i++) {
        const int64_t number = problems ? problems[i] : first + i;
        add_problem(&sums, &means, i, &votes, &plan->problems[number].problem, scores + number * k, k);
    }
    fill_means(cell, &means, n);
    fill_cell(cell, &sums, n, k);
    if (means_out) memcpy(means_out, means.pass_at_1, (size_t)n * sizeof *means_out);
    base_free(means.pass_at_1);
    base_free(means.pass_at_k);
    base_free(means.consensus);
    base_free(means.readable);
    base_free(means.length);
    base_free(means.language);
    base_free(votes.right);
    base_free(votes.classes);
}

/* ---- macro-averages ---- */

/* The figures of EvalCell that a macro-average averages. */
static const size_t averaged[] = {
    offsetof(EvalCell, pass_at[0]),
    offsetof(EvalCell, pass_at[1]),
    offsetof(EvalCell, pass_at[2]),
    offsetof(EvalCell, pass_at[3]),
    offsetof(EvalCell, pass_at[4]),
    offsetof(EvalCell, pass_at[5]),
    offsetof(EvalCell, pass_at[6]),
    offsetof(EvalCell, mean_length_right),
    offsetof(EvalCell, mean_length_wrong),
    offsetof(EvalCell, format),
    offsetof(EvalCell, truncated),
    offsetof(EvalCell, reflective_per_completion),
    offsetof(EvalCell, reflective_per_1k_tokens),
    offsetof(EvalCell, style[0]),
    offsetof(EvalCell, style[1]),
    offsetof(EvalCell, style[2]),
    offsetof(EvalCell, undecided),
    offsetof(EvalCell, corrected_of_right),
    offsetof(EvalCell, right_after_first_miss),
    offsetof(EvalCell, language_mixed),
    offsetof(EvalCell, prompts_loose),
    offsetof(EvalCell, instructions_strict),
    offsetof(EvalCell, instructions_loose),
};

static bool counts(const EvalCell *cell, const MacroChoice *choice)
{
    return cell->n_problems > 0 && (choice->any_level || cell->trained_level == choice->trained_level) &&
           language_chosen(choice->language, cell->language);
}

static double mean_field(const EvalCell *cells, int64_t n_cells, const MacroChoice *choice, size_t field)
{
    double sum = 0, n = 0;
    for (int64_t c = 0; c < n_cells; c++) {
        if (!counts(&cells[c], choice)) continue;
        double value;
        memcpy(&value, (const char *)&cells[c] + field, sizeof value);
        if (isnan(value)) continue;
        sum += value;
        n += 1;
    }
    return ratio(sum, n);
}

static Estimate macro_estimate(const EvalCell *cells, int64_t n_cells, const MacroChoice *choice, size_t mean,
                               size_t error)
{
    Estimate *const estimates = base_alloc((size_t)n_cells, sizeof *estimates);
    int64_t n = 0;
    for (int64_t c = 0; c < n_cells; c++) {
        if (!counts(&cells[c], choice)) continue;
        Estimate *const e = &estimates[n];
        memcpy(&e->mean, (const char *)&cells[c] + mean, sizeof e->mean);
        memcpy(&e->standard_error, (const char *)&cells[c] + error, sizeof e->standard_error);
        e->n = cells[c].n_problems;
        n += !isnan(e->mean);
    }
    const Estimate macro = estimate_macro(estimates, n);
    base_free(estimates);
    return macro;
}

EvalCell macro_figures(const EvalCell *cells, int64_t n_cells, const MacroChoice *choice)
{
    static const size_t estimated[][2] = {
        {offsetof(EvalCell, pass_at_1), offsetof(EvalCell, pass_at_1_error)},
        {offsetof(EvalCell, pass_at_k), offsetof(EvalCell, pass_at_k_error)},
        {offsetof(EvalCell, cons_at_k), offsetof(EvalCell, cons_at_k_error)},
        {offsetof(EvalCell, readable), offsetof(EvalCell, readable_error)},
        {offsetof(EvalCell, mean_length), offsetof(EvalCell, mean_length_error)},
        {offsetof(EvalCell, language_consistency), offsetof(EvalCell, language_consistency_error)}};
    EvalCell macro = {.task = -1, .level = 0, .trained_level = choice->trained_level};
    for (int64_t c = 0; c < n_cells; c++) {
        if (!counts(&cells[c], choice)) continue;
        macro.n_problems += cells[c].n_problems;
        macro.n_samples = cells[c].n_samples;
    }
    if (macro.n_problems == 0) return macro;
    for (size_t i = 0; i < sizeof estimated / sizeof *estimated; i++) {
        Estimate e = macro_estimate(cells, n_cells, choice, estimated[i][0], estimated[i][1]);
        if (e.n == 0) e.mean = e.standard_error = (double)NAN; /* no cell has it */
        memcpy((char *)&macro + estimated[i][0], &e.mean, sizeof e.mean);
        memcpy((char *)&macro + estimated[i][1], &e.standard_error, sizeof e.standard_error);
    }
    for (size_t i = 0; i < sizeof averaged / sizeof averaged[0]; i++) {
        const double mean = mean_field(cells, n_cells, choice, averaged[i]);
        memcpy((char *)&macro + averaged[i], &mean, sizeof mean);
    }
    return macro;
}

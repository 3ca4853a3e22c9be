/* SPDX-License-Identifier: MIT */
/* eval/evaluate_groups.c: figures by the levels and by the subjects that a file's rows name. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *name_of(const EvalPlan *plan, int64_t i, size_t field)
{
    const char *name;
    memcpy(&name, (const char *)&plan->problems[i].problem + field, sizeof name);
    return name;
}

/* Numbers by value and before names, names by their bytes. */
static int compare_names(const void *left, const void *right)
{
    const char *const a = *(const char *const *)left, *const b = *(const char *const *)right;
    char *a_end, *b_end;
    const double x = strtod(a, &a_end), y = strtod(b, &b_end);
    const bool a_number = *a && !*a_end && isfinite(x), b_number = *b && !*b_end && isfinite(y);
    if (a_number != b_number) return a_number ? -1 : 1;
    if (a_number && x != y) return x < y ? -1 : 1;
    return strcmp(a, b);
}

static void add_group(EvalResult *result, const EvalPlan *plan, const SampleScore *scores, const char *by, size_t field,
                      const char *name, int64_t *problems)
{
    int64_t n = 0;
    for (int64_t i = 0; i < plan->n_problems; i++) {
        const char *const own = name_of(plan, i, field);
        if (own && strcmp(own, name) == 0) problems[n++] = i;
    }
    result->groups = base_realloc(result->groups, (size_t)result->n_groups + 1, sizeof *result->groups);
    EvalGroup *const group = &result->groups[result->n_groups++];
    *group = (EvalGroup){.by = by, .name = base_strdup(name), .cell = {.task = -1}};
    cell_figures(&group->cell, plan, scores, problems, 0, n, NULL);
}

static void group_by(EvalResult *result, const EvalPlan *plan, const SampleScore *scores, const char *by, size_t field)
{
    const char **const names = base_alloc((size_t)plan->n_problems, sizeof *names);
    int64_t *const problems = base_alloc((size_t)plan->n_problems, sizeof *problems);
    size_t n = 0;
    for (int64_t i = 0; i < plan->n_problems; i++) {
        names[n] = name_of(plan, i, field);
        n += names[n] != NULL;
    }
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            add_group(result, plan, scores, by, field, names[i], problems);
    base_free(names);
    base_free(problems);
}

void group_figures(EvalResult *result, const EvalPlan *plan, const SampleScore *scores)
{
    group_by(result, plan, scores, "level", offsetof(EvalProblem, level_name));
    group_by(result, plan, scores, "subject", offsetof(EvalProblem, subject));
}

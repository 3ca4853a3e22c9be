/* SPDX-License-Identifier: MIT */
#include "eval/judge_pairs.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* By how much the preferred response is longer. */
static int64_t excess(const JudgedPair *p)
{
    return p->difference > 0 ? p->lengths[0] - p->lengths[1] : p->lengths[1] - p->lengths[0];
}

typedef struct Excess {
    int64_t value, index;
} Excess;

static int larger_first(const void *a, const void *b)
{
    const Excess *const x = a, *const y = b;
    if (x->value != y->value) return (x->value < y->value) - (x->value > y->value);
    return (x->index > y->index) - (x->index < y->index);
}

/* Largest excesses go from whichever end the sum is on. */
static void balance_lengths(JudgedPair *pairs, int64_t n, JudgedPairs *counts)
{
    Excess *const list = base_alloc((size_t)n, sizeof *list);
    int64_t low = 0, high = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (pairs[i].kept) {
            list[high++] = (Excess){excess(&pairs[i]), i};
            sum += excess(&pairs[i]);
        }
    qsort(list, (size_t)high, sizeof *list, larger_first);
    while (low < high && sum != 0) {
        const Excess *const most = sum > 0 ? &list[low] : &list[high - 1];
        if (llabs((long long)(sum - most->value)) >= llabs((long long)sum)) break;
        pairs[most->index].kept = false;
        counts->n_unbalanced++;
        sum -= most->value;
        if (most == &list[low])
            low++;
        else
            high--;
    }
    base_free(list);
}

void judge_pairs_keep(JudgedPair *pairs, int64_t n, double least, bool balance, JudgedPairs *c)
{
    *c = (JudgedPairs){.n = n};
    for (int64_t i = 0; i < n; i++) {
        JudgedPair *const p = &pairs[i];
        const bool clear = fabs(p->difference) > least;
        p->kept = p->n_readable > 0 && clear;
        c->n_known += p->truth != 0;
        c->n_undecided += p->n_readable == 0;
        c->n_unclear += p->n_readable > 0 && !clear;
        if (!p->kept || p->truth == 0) continue;
        c->n_truth++;
        c->n_agree += (p->difference > 0) == (p->truth > 0);
    }
    if (balance) balance_lengths(pairs, n, c);
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        if (pairs[i].kept) c->n_kept++, sum += excess(&pairs[i]);
    c->mean_length_difference = c->n_kept > 0 ? (double)sum / (double)c->n_kept : (double)NAN;
}

double judge_pairs_agreement(const JudgedPairs *c)
{
    return c->n_truth > 0 ? (double)c->n_agree / (double)c->n_truth : (double)NAN;
}

void judge_pairs_figures(const JudgedPairs *c, JudgedFigure figures[JUDGED_FIGURES])
{
    const JudgedFigure all[JUDGED_FIGURES] = {
        {"pairs", (double)c->n},
        {"kept", (double)c->n_kept},
        {"undecided", (double)c->n_undecided},
        {"unclear", (double)c->n_unclear},
        {"unbalanced", (double)c->n_unbalanced},
        {"mean_length_difference", c->mean_length_difference},
        {"known", (double)c->n_known},
        {"with_truth", (double)c->n_truth},
        {"agreement", judge_pairs_agreement(c)},
    };
    memcpy(figures, all, sizeof all);
}

void judge_pairs_json(JsonOut *out, const JudgedPairs *c)
{
    JudgedFigure figures[JUDGED_FIGURES];
    judge_pairs_figures(c, figures);
    json_out_object(out);
    for (int i = 0; i < JUDGED_FIGURES; i++) json_out_kv_double(out, figures[i].name, figures[i].value);
    json_out_object_end(out);
}

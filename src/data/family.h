/* SPDX-License-Identifier: MIT */
/* data/family.h: what a family of problems must say; inside data/ only.
 *
 * A family draws problems, walks through their working one step at a time, and reads answers. The walk is a function of the
 * results so far, as they were *written*: a slip in a document carries on into the steps after it. A search family walks
 * through one candidate (a try); a chain family has no candidates. */
#ifndef R1_DATA_FAMILY_H
#define R1_DATA_FAMILY_H

#include "base/philox.h"
#include "data/buffer.h"
#include "data/tasks.h"
#include "data/wording.h"

enum { FAMILY_MAX_STEPS = 32, FAMILY_MAX_NUMBERS = 24 };
enum { VALUE_LIMIT = 99 }; /* numbers of questions and of right working are within 0..99; sums of minutes reach 110 */

int draw_between(RngSequence *rng, int low, int high); /* uniform, both ends included */

/* left op right, op one of + - * / and % (written "mod"). */
typedef struct Step {
    int left, right;
    char op;
} Step;
int step_result(Step step); /* division rounds down; by 0 gives 0 (only after a slip) */
/* "3+12=15"; `mod` is how a language writes the operation %. */
void step_write(TextBuffer *out, Step step, int result, const char *mod);
/* A phrase of the question in the problem's language. */
const char *say(const Problem *problem, const char *en, const char *zh);

/* A walk in progress: results of the steps already written, and the step that is due. */
typedef struct Walk {
    int results[FAMILY_MAX_STEPS];
    int n_results;
    int used;     /* how many of them this replay has consumed */
    Step due;     /* set when the walk is not over */
    int final[2]; /* set when it is: the value (search: compared with the target), a second part where there is one */
} Walk;
/* One step of a replay: true when it is the one that is due, otherwise *value is its written result. */
bool walk_step(Walk *walk, int *value, int left, char op, int right);

/* A check's arguments: the integers behind the name. */
typedef struct Numbers {
    int64_t v[FAMILY_MAX_NUMBERS];
    int n;
} Numbers;
/* Integers of at most 9 digits with an optional minus, separated by spaces, commas or (separator != 0) that character; false
 * on anything else, on too many, and on none. */
bool numbers_read(Numbers *numbers, const char *text, size_t length, char separator);
void numbers_sort(int64_t *v, int n);

typedef struct Family {
    const char *name, *summary;
    bool search;
    int target_arg; /* search families: which number of the check is the target */
    int levels, train_levels, corpus_levels;
    /* Fills values, ops, solution, target and writes question and check; false: this draw is no good, draw again. */
    bool (*draw)(Problem *problem, RngSequence *rng, TextBuffer *question, TextBuffer *check);
    /* True: walk->due is the next step; false: it is over and walk->final is set. candidate: search families only. */
    bool (*walk)(const Problem *problem, const int *candidate, Walk *walk);
    /* A plausible candidate, right only by luck; NULL in chain families. */
    void (*guess)(const Problem *problem, RngSequence *rng, int *candidate);
    void (*write_answer)(TextBuffer *out, const Problem *problem, const int *candidate, const int final[2]);
    /* args: the check behind the name. */
    Verdict (*check)(const Numbers *args, const char *answer, size_t length);
    bool (*canonical)(const Numbers *args, const char *answer, size_t length, TextBuffer *out);
    /* Checks that are not plain integers (expr) read their text themselves when this is set. */
    Verdict (*check_text)(const char *args, const char *answer, size_t length);
} Family;

const Family *family_at(int task);
/* Replays the whole walk without slips. */
void family_solve(const Family *family, const Problem *problem, const int *candidate, Walk *walk);

/* The rows of the table (family_search.c, family_chain.c). */
extern const Family family_make, family_pick, family_gap, family_pay, family_residue;
extern const Family family_sum, family_expr, family_mod, family_line, family_clock;
extern const Family family_words; /* family_words.c: no part of the embedded world */

/* Answers that are one integer: shared by the chain families. */
Verdict answer_is_integer(int64_t expected, const char *answer, size_t length);
bool answer_integer(const char *answer, size_t length, int64_t *value);
bool canonical_integer(const Numbers *args, const char *answer, size_t length, TextBuffer *out);

#endif

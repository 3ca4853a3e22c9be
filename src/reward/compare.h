/* SPDX-License-Identifier: MIT */
/* reward/compare.h: is an answer the gold answer? Mathematics in LaTeX or plain text, choices, units, words. Exact: proved equal,
 * refuted, or undecided; what cannot be read is not guessed at.
 *
 * Easy answers (numbers, choices, units, words, and what is made of them) are decided at once in the caller's thread; proofs run
 * in a helper process (reward/math_helper.h). A verdict depends on the two texts alone. docs/verifier.md has every convention.
 * Any bytes are fine. Safe to call from several threads at once. */
#ifndef R1_REWARD_COMPARE_H
#define R1_REWARD_COMPARE_H

#include "data/tasks.h"
#include "reward/answer_rules.h"

typedef struct AnswerSpan {
    const char *text;   /* inside the text it was taken from */
    size_t length;      /* 0: there is no answer */
    const char *source; /* how it was found: "answer tag", "box", "answer is", "bold", "last line", "after the thought",
                         * "whole text", and where there is no answer "unclosed box", "unclosed thought", "no mark of an answer" */
    bool marked;        /* a tag, a box, words or stars say that this is the answer */
} AnswerSpan;

/* The final part is the last <answer>...</answer>, else what follows the last </think>, else all; a thought that is not closed
 * has no answer. In it counts the last closed \boxed{...} or \fbox{...}; a box that is not closed is no answer. Without a box: what
 * follows the last "answer is" or "Answer:" in its sentence, else the last **bold**, else the whole part. White space and
 * markdown's stars at the ends are cut off. */
AnswerSpan answer_extract(const char *text, size_t length);
/* The same by other rules; those above are answer_rules_default. One pass over the text a rule. */
AnswerSpan answer_extract_by(const AnswerRules *rules, const char *text, size_t length);

typedef enum AnswerRelation {
    ANSWER_EQUAL, /* gold and answer: a unit may be missing, 50% may be 50 or 1/2, x = 3 may be 3. Symmetric, not transitive */
    ANSWER_SAME, /* without those leniencies: an equivalence, for votes and de-duplication */
} AnswerRelation;

/* gold and answer are extracted first. *reason (may be NULL): one static text that says why. */
Verdict compare_answers(const char *gold, size_t gold_length, const char *answer, size_t answer_length,
                        const char **reason);
/* The same for an answer that stands already alone: nothing is extracted from it again. */
Verdict compare_extracted(const char *gold, size_t gold_length, AnswerSpan answer, const char **reason);
/* Two answers, as they were extracted, that would be one vote. Undecided is no: they are not known to be the same. */
bool same_answers(const char *a, size_t a_length, const char *b, size_t b_length);
/* Something can be equal to this gold answer: it can be read, and it is defined. *reason as above. */
bool answer_is_usable(const char *gold, size_t length, const char **reason);

/* Everything about one comparison, for people who doubt it. */
typedef struct AnswerExplanation {
    Verdict verdict;
    AnswerSpan gold, answer;
    char gold_read[400], answer_read[400]; /* "a number: 3/4", or "not read: ..." */
    const char *gold_kind, *answer_kind;
    const char *reason; /* static */
    bool proved;        /* a helper process was asked */
} AnswerExplanation;
void explain_answers(AnswerExplanation *e, const char *gold, size_t gold_length, AnswerSpan answer,
                     AnswerRelation relation);

#endif

/* SPDX-License-Identifier: MIT */
/* data/rewrite.h: drafts and what a reader would want them to be: what a rewriting model of the bilingual world learns from.
 *
 * The cold start of DeepSeek-R1 (arXiv 2501.12948, 2.3.1) has R1-Zero's samples rewritten: the thinking in one language, a summary
 * behind it. Here the words of a working are known (data/wording.h), so that a draft and its rewriting can be made together:
 * the same steps, slips and corrections, in the language of the question. */
#ifndef R1_DATA_REWRITE_H
#define R1_DATA_REWRITE_H

#include "data/buffer.h"
#include "data/corpus.h"

/* The text with every word of a working (data/wording.h), whatever its language, written in this one. All else stays. */
void rewrite_words(TextBuffer *out, const char *text, size_t length, TaskLanguage language);

typedef struct RewritePair {
    Problem problem;
    bool right;           /* what both answer is right */
    char draft[2048];     /* <think>...</think><answer>A</answer>, in any language or a mixture */
    char rewritten[2048]; /* <think>...</think>so STEPS. <answer>A</answer>, in the question's */
} RewritePair;
/* The index-th pair of this seed, about a problem of the train split: a pure function of its arguments. */
void rewrite_pair(RewritePair *pair, uint64_t seed, uint64_t index);

#endif

/* SPDX-License-Identifier: MIT */
/* reward/readable.h: can a person read it? The rules by which the R1 pipeline leaves out samples (arXiv 2501.12948, 2.3.3): mixed
 * languages, long paragraphs and code blocks in the chain of thought; and repetition, as for the cold start.
 *
 * The thinking is what stands before </think>, behind <think> where that is written; all of the text where there is no </think>.
 * A paragraph is what stands between line breaks; its words are what stands between white space, a Chinese or Japanese character
 * being one by itself. Safe to call from several threads at once. */
#ifndef R1_REWARD_READABLE_H
#define R1_REWARD_READABLE_H

#include "reward/language.h"

typedef struct ReadableLimits {
    double language; /* least share of words in the language; 0: any */
    bool has_target; /* else the prompt's language, else that of the text itself */
    Language target;
    int64_t paragraph_words; /* most of a paragraph of the thinking; 0: any */
    bool code_blocks;        /* fenced code may stand in the thinking */
    double repetition;       /* most of the n-grams that may have been there before; 1: any */
    int repetition_ngram;    /* 1 to 16 */
} ReadableLimits;

/* What the pipeline asks where a recipe says nothing, and what evaluations count as readable. */
ReadableLimits readable_limits(void);

typedef enum Readable {
    READABLE,
    UNREADABLE_LANGUAGE,
    UNREADABLE_PARAGRAPH,
    UNREADABLE_CODE_BLOCK,
    UNREADABLE_REPETITION
} Readable;

/* The first of the rules, in that order, that the text breaks. */
Readable readable_check(const ReadableLimits *limits, const char *prompt, size_t prompt_length, const char *text,
                        size_t length);

#endif

/* SPDX-License-Identifier: MIT */
/* data/contamination.h: does a training text hold something of an evaluation set? By n-grams of words, 10 in the R1 paper
 * (arXiv 2501.12948 v2, appendix D.1: a 10-gram filter against evaluation questions and solutions).
 *
 * A word is a run of letters and digits in lower case; a Chinese or Japanese character is one by itself, and so is an operator
 * (+ - * / = < > ^) beside a digit, so that 3+4 and 3*4 are two texts. Everything else only separates words. A training text is
 * contaminated when n words in a row of an evaluation text stand in it. An evaluation text of fewer than n words is looked for as a
 * whole; one of fewer than CONTAMINATION_SHORT words (which would be found anywhere) only where it is the whole training text.
 *
 * Exact: hashes only find candidates, words are compared. What is found depends on the texts and the order they were added in.
 * Built once; then contamination_find may be called by many threads at once. May use base/ and text/. */
#ifndef R1_DATA_CONTAMINATION_H
#define R1_DATA_CONTAMINATION_H

#include "base/json.h"

enum { CONTAMINATION_WORDS = 10, CONTAMINATION_SHORT = 4, CONTAMINATION_MAX_WORDS = 64 };

typedef struct ContaminationConfig {
    int n_words; /* n, from CONTAMINATION_SHORT to CONTAMINATION_MAX_WORDS; 0: CONTAMINATION_WORDS */
    int64_t
        max_items; /* an n-gram of more evaluation items than this is a template's wording, not a leak, and is passed over;
                        * 0: none is */
} ContaminationConfig;

typedef struct Contamination Contamination;
Contamination *contamination_create(const ContaminationConfig *config);
void contamination_free(Contamination *c); /* NULL is fine */

/* A new evaluation item; the name is copied. Its texts (question, solution) are added behind it, one call each; any bytes. */
void contamination_add_item(Contamination *c, const char *name);
void contamination_add_text(Contamination *c, const char *text, size_t length);
/* An item of each row of a JSONL file, named FILE:LINE: its question (keys question, problem, prompt, question_content, text, in any
 * case) and its solution (solution, explanation). A row without a question is an error with file and line. */
bool contamination_add_file(Contamination *c, const char *path, Error *err) R1_MUST_CHECK;
int64_t contamination_items(const Contamination *c);

typedef struct ContaminationHit {
    const char *item;  /* the first item with these words; lives as long as c */
    size_t begin, end; /* bytes of the training text that hold them */
} ContaminationHit;
/* The first overlap in the text. hit may be NULL. */
bool contamination_find(const Contamination *c, const char *text, size_t length, ContaminationHit *hit);
/* The same over all strings of a JSON value, at any depth, in its order; *text is the string with the overlap, of the value. */
bool contamination_find_json(const Contamination *c, const json_t *value, const char **text, ContaminationHit *hit);

#endif

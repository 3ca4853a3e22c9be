/* SPDX-License-Identifier: MIT */
/* data/near_duplicates.h: is a row of training data nearly one that is there already?
 *
 * A text is the set of its shingles, NEAR_DUPLICATE_WORDS words in a row (the whole text when it has fewer); a word is a run of ASCII
 * letters and digits in lower case with accented letters among them, and any other character but white space by itself. Two texts
 * are as alike as their sets: |A and B| / |A or B| (Jaccard). Rows are near-duplicates when both their prompts and their completions
 * are at least `threshold` alike: the same working for another problem is another row.
 * Candidates come from MinHash signatures (Broder 1997) of the completions in bands of two; each is then compared exactly, so a row is
 * never left out by a chance collision. A row that is alike by half is missed about once in ten thousand. A function of the texts and
 * the order in which they are added. May use base/. */
#ifndef R1_DATA_NEAR_DUPLICATES_H
#define R1_DATA_NEAR_DUPLICATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEAR_DUPLICATE_WORDS = 5 };

typedef struct NearDuplicates NearDuplicates;
/* threshold: in (0, 1]. */
NearDuplicates *near_duplicates_create(double threshold);
void near_duplicates_free(NearDuplicates *n); /* NULL is fine */
/* The number of the first row that this one is a near-duplicate of; -1: of none, and it is added under the next number, from 0. */
int64_t near_duplicates_add(NearDuplicates *n, const char *prompt, size_t prompt_length, const char *completion,
                            size_t length);

#endif

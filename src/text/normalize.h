/* SPDX-License-Identifier: MIT */
/* text/normalize.h: Unicode normalisation forms on utf8proc's tables.
 *
 * utf8proc sorts combining marks by swapping neighbours, which a megabyte of marks turns into hours; here they are sorted by
 * merging, and the rest (decomposition of one character, composition) is utf8proc's. ASCII is copied, the stretches between are
 * worked on one by one, so memory is the text that comes out. Characters that came after Unicode 9 stay as they are, whatever
 * the version of utf8proc: tokenizers were trained on such text. */
#ifndef R1_TEXT_NORMALIZE_H
#define R1_TEXT_NORMALIZE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum NormalForm { NORMAL_NFC, NORMAL_NFD, NORMAL_NFKC, NORMAL_NFKD } NormalForm;

/* The normal form of text[0 .. length) (well-formed UTF-8) as a base_alloc'd string; NULL when the text is ASCII, which every
 * form leaves alone. */
char *normalize(NormalForm form, const char *text, size_t length, size_t *normalized_length);

#endif

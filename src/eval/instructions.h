/* SPDX-License-Identifier: MIT */
/* eval/instructions.h: instructions whose keeping a rule can check: "no comma", "at least 300 words" (IFEval, Zhou et al. 2023, arXiv
 * 2311.07911), in the published form: a list of ids and, for each, its parameters.
 *
 * All 25 rules are there. They read a reply as the originals do, but for three that lean on language models or tables: sentences are
 * told by their signs and a list of abbreviations (number_sentences), words in capitals are runs of letters, hyphens and apostrophes
 * (capital_word_frequency), and languages are those that reward/language.h knows or whose script is theirs alone; for the others
 * (Italian, Polish, Persian, ...) response_language is undecided unless the script already says no.
 *
 * Strict: the reply as it stands keeps the instruction. Loose: the reply, or the reply without its first line, last line, both, each
 * also without asterisks, does. An empty reply keeps nothing. Depends on the texts alone; safe from several threads at once. May use
 * base/, text/, data/ and reward/. */
#ifndef R1_EVAL_INSTRUCTIONS_H
#define R1_EVAL_INSTRUCTIONS_H

#include "base/json.h"
#include "data/tasks.h"

typedef struct Instructions Instructions;

/* ids: an array of names such as "punctuation:no_comma"; kwargs: an array of objects as long, whose keys may be null. A name that
 * is no rule, a parameter that is missing or of the wrong kind is an error that names it. */
bool instructions_read(Instructions **instructions, const json_t *ids, const json_t *kwargs, Error *err) R1_MUST_CHECK;
void instructions_free(Instructions *instructions); /* NULL is fine */
int64_t instructions_count(const Instructions *instructions);

/* One instruction, strictly. */
Verdict instructions_check_one(const Instructions *instructions, int64_t i, const char *reply, size_t length);

/* RIGHT: all are kept; WRONG: one is not; else UNDECIDED. */
typedef struct InstructionsResult {
    Verdict strict, loose;
    int n, n_strict, n_loose; /* instructions, and those kept */
    int n_strict_undecided, n_loose_undecided;
} InstructionsResult;
void instructions_check(const Instructions *instructions, const char *reply, size_t length, InstructionsResult *result);

/* The i-th rule's name; NULL past the end. */
const char *instruction_rule_name(int i);

#endif

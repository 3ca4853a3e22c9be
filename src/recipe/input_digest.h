/* SPDX-License-Identifier: MIT */
/* recipe/input_digest.h: the contents of what a stage is made from, as 32 hex digits of XXH3-128.
 *
 * Of a file: its bytes. Of a folder: the names and digests of the files in it and below, but for hidden ones, .md and what interrupted
 * writes leave; of adapters the model beneath them too. Where it stands does not enter. Unlike `r1 digest`, which is of tensors alone,
 * tokenizers and templates count: what a model says depends on them. May use everything up to model/. */
#ifndef R1_RECIPE_INPUT_DIGEST_H
#define R1_RECIPE_INPUT_DIGEST_H

#include "base/json.h"

bool input_digest(char hex[33], const char *path, Error *err) R1_MUST_CHECK;

/* ---- of several: a line each, then the digest of the lines ---- */

void input_digest_add(JsonOut *lines, const char *name, const char *hex);
void input_digest_of_lines(char hex[33], const JsonOut *lines);

#endif

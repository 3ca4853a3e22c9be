/* SPDX-License-Identifier: MIT */
/* text/template_string.h: what Python's strings can do, for the filters and methods of templates. */
#ifndef R1_TEXT_TEMPLATE_STRING_H
#define R1_TEXT_TEMPLATE_STRING_H

#include "text/template_value.h"

typedef enum StringCase { CASE_UPPER, CASE_LOWER, CASE_TITLE, CASE_CAPITALIZE } StringCase;
Value string_to_case(Render *render, const String *string, StringCase to);
bool string_is_case(const String *string, StringCase which); /* isupper, islower */
/* chars: what is taken off the ends; NULL: white space. */
Value string_strip(Render *render, const String *string, const String *chars, bool left, bool right);
/* count: how many at most; negative: all. */
Value string_replace(Render *render, const String *string, const String *old, const String *new, int64_t count);
/* separator NULL: runs of white space. limit: how many cuts at most; negative: all. */
Value string_split(Render *render, const String *string, const String *separator, int64_t limit, bool from_right);
Value string_split_lines(Render *render, const String *string, bool keep_ends);

#endif

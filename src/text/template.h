/* SPDX-License-Identifier: MIT */
/* text/template.h: the Jinja that chat templates are written in.
 *
 * A template is parsed once and rendered with variables any number of times, by any threads. What it means is what Jinja2 3.1 does
 * in the sandbox of transformers: trim_blocks and lstrip_blocks, break and continue, `generation` blocks, raise_exception,
 * strftime_now, and a tojson that escapes no HTML. There is no loading of other templates. Nothing here opens a file or runs
 * anything, and a render is bounded in work, memory and depth, so that a template from a stranger ends, in a text or in one
 * error that names its line and column.
 *
 * The pieces: template_lexer.c cuts the source, template_parser.c and template_statements.c build nodes (template_node.h),
 * template_render.c runs statements and template_expression.c evaluates expressions over values (template_value.h); filters,
 * tests and methods are tables of functions (template_builtin.h). */
#ifndef R1_TEXT_TEMPLATE_H
#define R1_TEXT_TEMPLATE_H

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Template Template;

enum { TEMPLATE_MAX_BYTES = 1 << 20 }; /* of source; published ones have some ten thousand */

/* `name` stands for the source in messages ("NAME:LINE:COLUMN: ..."). ERROR_INPUT on a mistake in the source. */
bool template_parse(Template **template, const char *name, const char *source, size_t length, Error *err) R1_MUST_CHECK;
void template_free(Template *template);

/* Zeros mean the defaults. */
typedef struct TemplateLimits {
    int64_t
        work; /* evaluated nodes and handled values and bytes, about 10 ns each [50 million, 16 more for each input byte] */
    size_t memory_bytes; /* of one render [256 MiB, and 16 more for each input byte] */
    int64_t now;         /* seconds since 1970: what strftime_now shows, in local time [the clock] */
} TemplateLimits;

/* variables: a JSON object; its keys are the names that the template sees. *text is base_alloc'd and zero-terminated. Fails with
 * ERROR_INPUT: a mistake at run time, raise_exception, a limit. The template is not changed. */
bool template_render(const Template *template, const json_t *variables, const TemplateLimits *limits, char **text,
                     size_t *length, Error *err) R1_MUST_CHECK;

#endif

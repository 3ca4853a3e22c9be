/* SPDX-License-Identifier: MIT */
/* record/html.h: text into HTML and SVG. Every byte that did not come from this program's own source passes through here.
 *
 * Escaped are & < > " ' and the backtick; control characters but tab and newline, invalid UTF-8, U+2028/2029 and the characters
 * that reorder text (bidi controls) become visible or U+FFFD, so that no text can look like another or leave its place. The
 * result is safe inside elements and quoted attributes (never inside <script> or <style>: nothing is put there). */
#ifndef R1_RECORD_HTML_H
#define R1_RECORD_HTML_H

#include "record/text_out.h"

void html_escape(TextOut *out, const char *text, size_t length);
void html_escape_text(TextOut *out, const char *text); /* zero-terminated; NULL is nothing */

/* A completion: the frame's tags (<think>, </think>, <answer>, </answer>) and reflective words (data/text_stats.h) are marked by
 * <span class="tag"> and <span class="reflect">, everything is escaped, newlines stay. At most max_bytes of it are shown, then
 * a remark says how much was left out. */
void html_completion(TextOut *out, const char *text, size_t length, size_t max_bytes);

#endif

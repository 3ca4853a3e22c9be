/* SPDX-License-Identifier: MIT */
/* record/report_page.c: the frame of a page. */
#include "base/file.h"
#include "record/html.h"
#include "record/report_parts.h"

void page_begin(TextOut *out, const char *title)
{
    text_out(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                  /* No text of a model can load or run anything, even if it got past the escaping. */
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline';"
                  "script-src 'unsafe-inline'\">\n<title>");
    html_escape_text(out, title);
    text_out(out, "</title>\n<style>\n");
    text_out(out, report_css);
    text_out(out, "</style>\n</head>\n<body>\n");
}

void page_end(TextOut *out)
{
    text_out(out, "<script>\n");
    text_out(out, report_js);
    text_out(out, "</script>\n</body>\n</html>\n");
}

void section_begin(TextOut *out, const char *id, const char *title, const char *intro)
{
    text_out_printf(out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
    if (intro) text_out_printf(out, "<p class=\"intro\">%s</p>\n", intro);
}

void section_end(TextOut *out)
{
    text_out(out, "</section>\n");
}

void section_drop(TextOut *out, size_t begun_at)
{
    out->length = begun_at;
    if (out->text) out->text[begun_at] = 0;
}

void section_end_or_drop(TextOut *out, size_t begun_at, size_t empty_length)
{
    if (out->length == empty_length) {
        section_drop(out, begun_at);
        return;
    }
    text_out(out, "</div>\n");
    section_end(out);
}

bool page_write(TextOut *out, const char *path, const char *failpoint_stem, Error *err)
{
    const bool ok = file_write_all(path, failpoint_stem, out->text, out->length, err);
    text_out_free(out);
    return ok;
}

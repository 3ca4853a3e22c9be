/* SPDX-License-Identifier: MIT */
/* record/html.c: see html.h. */
#include "record/html.h"

#include "base/utf8.h"
#include "data/text_stats.h"

#include <inttypes.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD"

/* U+2028, U+2029, U+200E, U+200F, U+202A..U+202E, U+2066..U+2069, U+061C, U+FEFF: they change how text around them reads. */
static bool reorders_text(const unsigned char *p, int length)
{
    if (length == 2) return p[0] == 0xD8 && p[1] == 0x9C;
    if (length != 3) return false;
    if (p[0] == 0xEF) return p[1] == 0xBB && p[2] == 0xBF;
    if (p[0] != 0xE2) return false;
    if (p[1] == 0x80) return p[2] == 0x8E || p[2] == 0x8F || (p[2] >= 0xA8 && p[2] <= 0xAE);
    return p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9;
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '`':
        return "&#96;";
    default:
        return NULL;
    }
}

void html_escape(TextOut *out, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        const unsigned char c = (unsigned char)text[at];
        const char *const entity = entity_of(text[at]);
        const int sequence = utf8_sequence(text + at, length - at);
        if (entity)
            text_out(out, entity);
        else if (sequence < 0 || reorders_text((const unsigned char *)text + at, sequence))
            text_out(out, REPLACEMENT);
        else if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F) /* U+2400 shows control characters as pictures */
            text_out_bytes(out, (const char[]){'\xE2', '\x90', (char)(c == 0x7F ? 0xA1 : 0x80 + c)}, 3);
        else if (sequence == 2 && c == 0xC2 && (unsigned char)text[at + 1] < 0xA0)
            text_out(out, REPLACEMENT); /* C1 controls */
        else
            text_out_bytes(out, text + at, (size_t)sequence);
        at += (size_t)(sequence < 0 ? -sequence : sequence);
    }
}

void html_escape_text(TextOut *out, const char *text)
{
    if (text) html_escape(out, text, strlen(text));
}

/* ---- completions ---- */

static size_t frame_tag(const char *text, size_t length, size_t at)
{
    static const char *const tags[] = {"<think>", "</think>", "<answer>", "</answer>"};
    for (size_t t = 0; t < sizeof tags / sizeof *tags; t++) {
        const size_t n = strlen(tags[t]);
        if (n <= length - at && memcmp(text + at, tags[t], n) == 0) return n;
    }
    return 0;
}

static void marked(TextOut *out, const char *class, const char *text, size_t length)
{
    text_out_printf(out, "<span class=\"%s\">", class);
    html_escape(out, text, length);
    text_out(out, "</span>");
}

void html_completion(TextOut *out, const char *text, size_t length, size_t max_bytes)
{
    const size_t whole = length;
    if (length > max_bytes) {
        length = max_bytes;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80) length--; /* not inside a character */
    }
    size_t plain = 0; /* where the text not yet written begins */
    size_t next = 0, next_length = 0;
    if (!text_next_reflective(text, length, &next, &next_length)) next = length;
    for (size_t at = 0; at < length;) {
        const size_t tag = frame_tag(text, length, at);
        if (next < at) {
            next = at;
            if (!text_next_reflective(text, length, &next, &next_length)) next = length;
        }
        const size_t word = tag || next != at ? 0 : next_length;
        if (tag + word == 0) {
            at++;
            continue;
        }
        html_escape(out, text + plain, at - plain);
        marked(out, tag ? "tag" : "reflect", text + at, tag + word);
        at += tag + word;
        plain = at;
    }
    html_escape(out, text + plain, length - plain);
    if (length < whole) text_out_printf(out, "<span class=\"cut\"> … %zu more bytes</span>", whole - length);
}

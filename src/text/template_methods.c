/* SPDX-License-Identifier: MIT */
/* text/template_methods.c: methods of strings, mappings, sequences and loops: object.name(...). What would change the object is
 * refused, as the sandbox of chat templates refuses it. */
#include "text/template_builtin.h"

#include "text/template_string.h"
#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

#define SELF values[0].string

/* The string of a parameter; NULL with *ok as it was when it is none or was not given. */
static const String *optional_string(Render *r, Value value, const char *method)
{
    if (value.kind == VALUE_STRING) return value.string;
    if (value.kind == VALUE_UNDEFINED)
        render_fail_undefined(r, value.undefined);
    else if (value_is_given(value) && value.kind != VALUE_NONE)
        render_fail(r, "%s: expected a string, not %s", method, value_type_name(value));
    return NULL;
}

static const String *needed_string(Render *r, Value value, const char *method)
{
    const String *const string = optional_string(r, value, method);
    if (!string && !r->failed) render_fail(r, "%s: expected a string, not %s", method, value_type_name(value));
    return string;
}

/* ---- splitting ---- */

static bool is_space_at(const String *string, size_t at, size_t *n)
{
    int length;
    const bool is_space = python_is_space(unicode_decode(string->bytes + at, &length));
    *n = (size_t)length;
    return is_space;
}

static void reverse_items(Sequence *list)
{
    for (int64_t i = 0, j = list->n - 1; i < j; i++, j--) {
        const Value item = list->items[i];
        list->items[i] = list->items[j];
        list->items[j] = item;
    }
}

static void split_space(Render *r, const String *string, int64_t limit, Sequence *pieces)
{
    size_t at = 0, n;
    for (;;) {
        while (at < string->length && is_space_at(string, at, &n)) at += n;
        if (at == string->length || r->failed) return;
        if (limit >= 0 && pieces->n == limit) {
            const Value rest = string_part(r, string, at, string->length);
            sequence_append(r, pieces, string_strip(r, rest.string, NULL, false, true));
            return;
        }
        const size_t from = at;
        while (at < string->length && !is_space_at(string, at, &n)) at += n;
        sequence_append(r, pieces, string_part(r, string, from, at));
    }
}

/* The start of the last character before `to`. */
static size_t before(const String *string, size_t to)
{
    do to--;
    while (to > 0 && ((unsigned char)string->bytes[to] & 0xC0) == 0x80);
    return to;
}

static void split_space_from_right(Render *r, const String *string, int64_t limit, Sequence *pieces)
{
    size_t to = string->length, n;
    for (;;) {
        while (to > 0 && is_space_at(string, before(string, to), &n)) to = before(string, to);
        if (to == 0 || r->failed) break;
        size_t from = to;
        if (limit >= 0 && pieces->n == limit) {
            const Value rest = string_part(r, string, 0, to);
            sequence_append(r, pieces, string_strip(r, rest.string, NULL, true, false));
            break;
        }
        while (from > 0 && !is_space_at(string, before(string, from), &n)) from = before(string, from);
        sequence_append(r, pieces, string_part(r, string, from, to));
        to = from;
    }
    reverse_items(pieces);
}

static int64_t find_last(const String *string, const String *needle, size_t to)
{
    if (needle->length > to) return -1;
    for (size_t at = to - needle->length + 1; at-- > 0;)
        if (memcmp(string->bytes + at, needle->bytes, needle->length) == 0) return (int64_t)at;
    return -1;
}

static void split_at(Render *r, const String *string, const String *separator, int64_t limit, Sequence *pieces)
{
    size_t from = 0;
    while (!r->failed && (limit < 0 || pieces->n < limit)) {
        const int64_t found = string_find(string, separator, from);
        if (found < 0) break;
        sequence_append(r, pieces, string_part(r, string, from, (size_t)found));
        from = (size_t)found + separator->length;
    }
    sequence_append(r, pieces, string_part(r, string, from, string->length));
}

static void split_at_from_right(Render *r, const String *string, const String *separator, int64_t limit,
                                Sequence *pieces)
{
    size_t to = string->length;
    while (!r->failed && (limit < 0 || pieces->n < limit)) {
        const int64_t found = find_last(string, separator, to);
        if (found < 0) break;
        sequence_append(r, pieces, string_part(r, string, (size_t)found + separator->length, to));
        to = (size_t)found;
    }
    sequence_append(r, pieces, string_part(r, string, 0, to));
    reverse_items(pieces);
}

Value string_split(Render *r, const String *string, const String *separator, int64_t limit, bool from_right)
{
    Sequence *const pieces = sequence_create(r, SEQUENCE_LIST);
    render_work(r, (int64_t)(string->length / 16));
    if (separator && separator->length == 0) return render_fail(r, "split: empty separator");
    if (!separator && from_right)
        split_space_from_right(r, string, limit, pieces);
    else if (!separator)
        split_space(r, string, limit, pieces);
    else if (from_right)
        split_at_from_right(r, string, separator, limit, pieces);
    else
        split_at(r, string, separator, limit, pieces);
    return value_sequence(pieces);
}

/* Bytes of the line end at `at`; 0: there is none. */
static size_t line_end(const String *string, size_t at)
{
    if (string->bytes[at] == '\r' && at + 1 < string->length && string->bytes[at + 1] == '\n') return 2;
    int n;
    const uint32_t c = unicode_decode(string->bytes + at, &n);
    const bool ends = (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
    return ends ? (size_t)n : 0;
}

Value string_split_lines(Render *r, const String *string, bool keep_ends)
{
    Sequence *const lines = sequence_create(r, SEQUENCE_LIST);
    size_t from = 0;
    for (size_t at = 0; at < string->length && !r->failed;) {
        const size_t n = line_end(string, at);
        if (n == 0) {
            at++;
            while (at < string->length && ((unsigned char)string->bytes[at] & 0xC0) == 0x80) at++;
            continue;
        }
        sequence_append(r, lines, string_part(r, string, from, keep_ends ? at + n : at));
        from = at += n;
    }
    if (from < string->length) sequence_append(r, lines, string_part(r, string, from, string->length));
    return value_sequence(lines);
}

static Value split_method(Render *r, Value *values, bool from_right)
{
    const String *const separator = optional_string(r, values[1], "split");
    int64_t limit;
    if (r->failed || !argument_int(r, values[2], -1, &limit)) return value_undefined();
    return string_split(r, SELF, separator, limit, from_right);
}

static Value str_split(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return split_method(r, values, false);
}
static Value str_rsplit(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return split_method(r, values, true);
}
static Value str_splitlines(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_split_lines(r, SELF, argument_bool(values[1], false));
}

static Value three(Render *r, const String *string, size_t from, size_t to, bool found, bool from_right)
{
    Sequence *const parts = sequence_create(r, SEQUENCE_TUPLE);
    const size_t none = from_right ? 0 : string->length;
    sequence_append(r, parts, string_part(r, string, 0, found ? from : none));
    sequence_append(r, parts, string_part(r, string, found ? from : none, found ? to : none));
    sequence_append(r, parts, string_part(r, string, found ? to : none, string->length));
    return value_sequence(parts);
}
static Value partition(Render *r, Value *values, bool from_right)
{
    const String *const separator = needed_string(r, values[1], "partition");
    if (!separator) return value_undefined();
    if (separator->length == 0) return render_fail(r, "partition: empty separator");
    const int64_t at = from_right ? find_last(SELF, separator, SELF->length) : string_find(SELF, separator, 0);
    return three(r, SELF, (size_t)(at < 0 ? 0 : at), (size_t)(at < 0 ? 0 : at) + separator->length, at >= 0,
                 from_right);
}
static Value str_partition(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return partition(r, values, false);
}
static Value str_rpartition(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return partition(r, values, true);
}

/* ---- case and ends ---- */

static Value str_upper(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, SELF, CASE_UPPER);
}
static Value str_lower(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, SELF, CASE_LOWER);
}
static Value str_title(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, SELF, CASE_TITLE);
}
static Value str_capitalize(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, SELF, CASE_CAPITALIZE);
}
static Value strip_method(Render *r, Value *values, bool left, bool right)
{
    const String *const chars = optional_string(r, values[1], "strip");
    return r->failed ? value_undefined() : string_strip(r, SELF, chars, left, right);
}
static Value str_strip(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return strip_method(r, values, true, true);
}
static Value str_lstrip(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return strip_method(r, values, true, false);
}
static Value str_rstrip(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return strip_method(r, values, false, true);
}

static bool has_end(const String *string, const String *end, bool at_start)
{
    if (end->length > string->length) return false;
    return memcmp(string->bytes + (at_start ? 0 : string->length - end->length), end->bytes, end->length) == 0;
}

/* One string or a tuple of them. */
static Value ends_method(Render *r, Value *values, bool at_start)
{
    const char *const method = at_start ? "startswith" : "endswith";
    if (values[1].kind != VALUE_SEQUENCE || values[1].sequence->kind != SEQUENCE_TUPLE) {
        const String *const end = needed_string(r, values[1], method);
        return end ? value_bool(has_end(SELF, end, at_start)) : value_undefined();
    }
    for (int64_t i = 0; i < values[1].sequence->n; i++) {
        const String *const end = needed_string(r, values[1].sequence->items[i], method);
        if (!end) return value_undefined();
        if (has_end(SELF, end, at_start)) return value_bool(true);
    }
    return value_bool(false);
}
static Value str_startswith(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return ends_method(r, values, true);
}
static Value str_endswith(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return ends_method(r, values, false);
}
static Value str_removeprefix(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const end = needed_string(r, values[1], "removeprefix");
    if (!end || !has_end(SELF, end, true)) return values[0];
    return string_part(r, SELF, end->length, SELF->length);
}
static Value str_removesuffix(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const end = needed_string(r, values[1], "removesuffix");
    if (!end || !has_end(SELF, end, false)) return values[0];
    return string_part(r, SELF, 0, SELF->length - end->length);
}

/* ---- searching ---- */

static int64_t chars_before(const String *string, size_t at)
{
    int64_t n = 0;
    for (size_t i = 0; i < at; i++) n += ((unsigned char)string->bytes[i] & 0xC0) != 0x80;
    return n;
}

/* Index in characters of the piece, -1: it is not in there. */
static int64_t find_index(Render *r, Value *values, bool last)
{
    const String *const piece = needed_string(r, values[1], "find");
    int64_t from;
    if (!piece || !argument_int(r, values[2], 0, &from)) return -1;
    if (from < 0) from += string_chars(SELF);
    if (from < 0) from = 0;
    if (from > string_chars(SELF)) return -1;
    render_work(r, (int64_t)(SELF->length / 16));
    const size_t start = string_offset(SELF, from);
    const int64_t at = last ? find_last(SELF, piece, SELF->length) : string_find(SELF, piece, start);
    return at < (int64_t)start ? -1 : chars_before(SELF, (size_t)at);
}
static Value str_find(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return value_int(find_index(r, values, false));
}
static Value str_rfind(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return value_int(find_index(r, values, true));
}
static Value str_index(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const int64_t at = find_index(r, values, false);
    return at < 0 ? render_fail(r, "substring not found") : value_int(at);
}
static Value str_count(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const piece = needed_string(r, values[1], "count");
    if (!piece) return value_undefined();
    if (piece->length == 0) return value_int(string_chars(SELF) + 1);
    int64_t n = 0;
    render_work(r, (int64_t)(SELF->length / 16));
    for (int64_t at = 0; (at = string_find(SELF, piece, (size_t)at)) >= 0; at += (int64_t)piece->length) n++;
    return value_int(n);
}

/* ---- making others ---- */

static Value str_replace(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const old = needed_string(r, values[1], "replace");
    const String *const new = old ? needed_string(r, values[2], "replace") : NULL;
    int64_t count;
    if (!new || !argument_int(r, values[3], -1, &count)) return value_undefined();
    return string_replace(r, SELF, old, new, count);
}

static Value str_join(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    StringBuilder out = {.render = r};
    const Sequence *const items = value_items(r, values[1]);
    for (int64_t i = 0; i < items->n && !r->failed; i++) {
        if (i > 0) builder_add_string(&out, SELF);
        const String *const item = needed_string(r, items->items[i], "join");
        if (item) builder_add_string(&out, item);
    }
    return builder_string(&out);
}

static Value str_format(Render *r, Value *values, const Arguments *all)
{
    return format_braces(r, SELF, all, 0);
}

static Value pad(Render *r, Value *values, bool left, bool right, char fill)
{
    int64_t width;
    const String *const with = optional_string(r, values[2], "padding");
    if (r->failed || !argument_int(r, values[1], 0, &width)) return value_undefined();
    const int64_t total = width - string_chars(SELF);
    if (total <= 0) return values[0];
    if (!pool_has_room(&r->pool, (size_t)total)) return render_fail(r, "a width of more than memory holds");
    /* Python's center puts the odd one on the left when both the padding and the width are odd. */
    const int64_t before_it = left && right ? total / 2 + (total & width & 1) : left ? total : 0;
    StringBuilder out = {.render = r};
    for (int64_t i = 0; i <= total && !r->failed; i++) {
        if (i == before_it) builder_add_string(&out, SELF);
        if (i == total) break;
        if (with)
            builder_add_string(&out, with);
        else
            builder_add_char(&out, fill);
    }
    return builder_string(&out);
}
static Value str_center(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return pad(r, values, true, true, ' ');
}
static Value str_ljust(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return pad(r, values, false, true, ' ');
}
static Value str_rjust(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return pad(r, values, true, false, ' ');
}
static Value str_zfill(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const bool sign = SELF->length > 0 && (SELF->bytes[0] == '-' || SELF->bytes[0] == '+');
    if (!sign) return pad(r, values, true, false, '0');
    const Value digits = string_part(r, SELF, 1, SELF->length);
    int64_t width;
    if (!argument_int(r, values[1], 0, &width)) return value_undefined();
    Value inner[3] = {digits, value_int(width - 1), {.kind = VALUE_ABSENT}};
    const Value padded = pad(r, inner, true, false, '0');
    return r->failed ? padded : string_join(r, string_part(r, SELF, 0, 1).string, padded.string);
}

/* ---- questions ---- */

typedef bool (*CharTest)(uint32_t code_point);
static bool is_digit(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_ND;
}
static bool is_alpha(uint32_t c)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
static bool is_alnum(uint32_t c)
{
    return is_alpha(c) || is_digit(c);
}
static Value all_chars(const String *string, CharTest test)
{
    for (size_t at = 0; at < string->length;) {
        int n;
        if (!test(unicode_decode(string->bytes + at, &n))) return value_bool(false);
        at += (size_t)n;
    }
    return value_bool(string->length > 0);
}
static Value str_isdigit(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return all_chars(SELF, is_digit);
}
static Value str_isalpha(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return all_chars(SELF, is_alpha);
}
static Value str_isalnum(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return all_chars(SELF, is_alnum);
}
static Value str_isspace(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return all_chars(SELF, python_is_space);
}
static Value str_isupper(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return value_bool(string_is_case(SELF, CASE_UPPER));
}
static Value str_islower(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return value_bool(string_is_case(SELF, CASE_LOWER));
}

static const Builtin string_methods[] = {
    {"split", str_split, 1, {"self", "sep", "maxsplit"}, false},
    {"rsplit", str_rsplit, 1, {"self", "sep", "maxsplit"}, false},
    {"splitlines", str_splitlines, 1, {"self", "keepends"}, false},
    {"partition", str_partition, 2, {"self", "sep"}, false},
    {"rpartition", str_rpartition, 2, {"self", "sep"}, false},
    {"upper", str_upper, 1, {"self"}, false},
    {"lower", str_lower, 1, {"self"}, false},
    {"casefold", str_lower, 1, {"self"}, false},
    {"title", str_title, 1, {"self"}, false},
    {"capitalize", str_capitalize, 1, {"self"}, false},
    {"strip", str_strip, 1, {"self", "chars"}, false},
    {"lstrip", str_lstrip, 1, {"self", "chars"}, false},
    {"rstrip", str_rstrip, 1, {"self", "chars"}, false},
    {"startswith", str_startswith, 2, {"self", "prefix"}, false},
    {"endswith", str_endswith, 2, {"self", "suffix"}, false},
    {"removeprefix", str_removeprefix, 2, {"self", "prefix"}, false},
    {"removesuffix", str_removesuffix, 2, {"self", "suffix"}, false},
    {"find", str_find, 2, {"self", "sub", "start"}, false},
    {"rfind", str_rfind, 2, {"self", "sub", "start"}, false},
    {"index", str_index, 2, {"self", "sub", "start"}, false},
    {"count", str_count, 2, {"self", "sub"}, false},
    {"replace", str_replace, 3, {"self", "old", "new", "count"}, false},
    {"join", str_join, 2, {"self", "iterable"}, false},
    {"format", str_format, 1, {"self"}, true},
    {"center", str_center, 2, {"self", "width", "fillchar"}, false},
    {"ljust", str_ljust, 2, {"self", "width", "fillchar"}, false},
    {"rjust", str_rjust, 2, {"self", "width", "fillchar"}, false},
    {"zfill", str_zfill, 2, {"self", "width"}, false},
    {"isdigit", str_isdigit, 1, {"self"}, false},
    {"isdecimal", str_isdigit, 1, {"self"}, false},
    {"isnumeric", str_isdigit, 1, {"self"}, false},
    {"isalpha", str_isalpha, 1, {"self"}, false},
    {"isalnum", str_isalnum, 1, {"self"}, false},
    {"isspace", str_isspace, 1, {"self"}, false},
    {"isupper", str_isupper, 1, {"self"}, false},
    {"islower", str_islower, 1, {"self"}, false},
    {0},
};

/* ---- mappings ---- */

static Value dict_get(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Value *const value = mapping_find(r, values[0].mapping, values[1]);
    return value ? *value : value_is_given(values[2]) ? values[2] : value_none();
}

static Value pair(Render *r, const Entry *entry)
{
    Sequence *const tuple = sequence_create(r, SEQUENCE_TUPLE);
    sequence_append(r, tuple, entry->key);
    sequence_append(r, tuple, entry->value);
    return value_sequence(tuple);
}

static Value view(Render *r, const Mapping *mapping, SequenceKind kind)
{
    Sequence *const items = sequence_create(r, kind);
    for (int64_t i = 0; i < mapping->n && !r->failed; i++) {
        const Entry *const entry = &mapping->entries[i];
        sequence_append(r, items,
                        kind == SEQUENCE_KEYS     ? entry->key
                        : kind == SEQUENCE_VALUES ? entry->value
                                                  : pair(r, entry));
    }
    return value_sequence(items);
}
static Value dict_items(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return view(r, values[0].mapping, SEQUENCE_ITEMS);
}
static Value dict_keys(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return view(r, values[0].mapping, SEQUENCE_KEYS);
}
static Value dict_values(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return view(r, values[0].mapping, SEQUENCE_VALUES);
}
static Value copy(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    return values[0]; /* nothing changes it */
}

static const Builtin mapping_methods[] = {
    {"get", dict_get, 2, {"self", "key", "default"}, false},
    {"items", dict_items, 1, {"self"}, false},
    {"keys", dict_keys, 1, {"self"}, false},
    {"values", dict_values, 1, {"self"}, false},
    {"copy", copy, 1, {"self"}, false},
    {0},
};

/* ---- sequences ---- */

static Value list_index(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    for (int64_t i = 0; i < values[0].sequence->n && !r->failed; i++)
        if (value_equal(r, values[0].sequence->items[i], values[1])) return value_int(i);
    return render_fail(r, "index: the value is not in the list");
}
static Value list_count(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    int64_t n = 0;
    for (int64_t i = 0; i < values[0].sequence->n && !r->failed; i++)
        n += value_equal(r, values[0].sequence->items[i], values[1]);
    return value_int(n);
}

static const Builtin sequence_methods[] = {
    {"index", list_index, 2, {"self", "value"}, false},
    {"count", list_count, 2, {"self", "value"}, false},
    {"copy", copy, 1, {"self"}, false},
    {0},
};

/* ---- loops, cyclers ---- */

static Value loop_cycle(Render *r, Value *values, const Arguments *all)
{
    if (all->n == 0) return render_fail(r, "loop.cycle: no items given");
    return all->values[loop_index(values[0].loop) % all->n];
}
static Value loop_changed_method(Render *r, Value *values, const Arguments *all)
{
    Sequence *const now = sequence_create(r, SEQUENCE_TUPLE);
    for (int64_t i = 0; i < all->n; i++) sequence_append(r, now, all->values[i]);
    return value_bool(loop_changed(r, values[0].loop, now));
}
static const Builtin loop_methods[] = {
    {"cycle", loop_cycle, 1, {"self"}, true},
    {"changed", loop_changed_method, 1, {"self"}, true},
    {0},
};

static Value cycler_next(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    Callable *const cycler = values[0].callable;
    return cycler->self.sequence->items[cycler->position++ % cycler->self.sequence->n];
}
static Value cycler_reset(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    values[0].callable->position = 0;
    return value_none();
}
static const Builtin cycler_methods[] = {
    {"next", cycler_next, 1, {"self"}, false},
    {"reset", cycler_reset, 1, {"self"}, false},
    {0},
};

/* ---- finding one ---- */

static const char *const changing[] = {"append", "extend", "insert",     "pop",    "remove",  "reverse",
                                       "sort",   "clear",  "setdefault", "update", "popitem", NULL};

static Value refused(Render *r, Value object, const String *name)
{
    const bool is_list = object.kind == VALUE_SEQUENCE && object.sequence->kind == SEQUENCE_LIST;
    if (!is_list && !value_is_dict(object)) return (Value){.kind = VALUE_ABSENT};
    const int from = is_list ? 0 : 3; /* insert and what stands before it are of lists alone */
    for (int i = from; changing[i]; i++) {
        const bool of_lists = i < 8, of_dicts = i == 3 || i >= 7;
        if (string_is(name, changing[i]) && (is_list ? of_lists : of_dicts)) {
            Callable *const callable = POOL_NEW(&r->pool, Callable);
            *callable = (Callable){.kind = CALLABLE_REFUSED, .refused = changing[i]};
            return value_callable(callable);
        }
    }
    return (Value){.kind = VALUE_ABSENT};
}

static const Builtin *methods_of(Value object)
{
    if (object.kind == VALUE_STRING) return string_methods;
    if (value_is_dict(object)) return mapping_methods;
    if (object.kind == VALUE_SEQUENCE && object.sequence->kind <= SEQUENCE_RANGE) return sequence_methods;
    if (object.kind == VALUE_LOOP) return loop_methods;
    if (object.kind == VALUE_CALLABLE && object.callable->kind == CALLABLE_CYCLER) return cycler_methods;
    return NULL;
}

static Value callable_attribute(Render *r, const Callable *callable, const String *name)
{
    if (callable->kind == CALLABLE_MACRO && string_is(name, "name"))
        return (Value){.kind = VALUE_STRING, .string = &callable->macro->name->text};
    if (callable->kind == CALLABLE_CYCLER && string_is(name, "current"))
        return callable->self.sequence->items[callable->position % callable->self.sequence->n];
    (void)r;
    return (Value){.kind = VALUE_ABSENT};
}

Value builtin_method(Render *r, Value object, const String *name)
{
    const Builtin *const table = methods_of(object);
    const Builtin *const builtin = table ? builtin_find(table, name->bytes, name->length) : NULL;
    if (builtin) {
        Callable *const method = POOL_NEW(&r->pool, Callable);
        *method = (Callable){.kind = CALLABLE_METHOD, .builtin = builtin, .self = object};
        return value_callable(method);
    }
    if (object.kind == VALUE_CALLABLE) return callable_attribute(r, object.callable, name);
    return refused(r, object, name);
}

/* SPDX-License-Identifier: MIT */
/* text/template_filters.c: filters that work on one value: strings, numbers, JSON. Those of sequences: template_sequences.c. */
#include "text/template_builtin.h"

#include "text/template_string.h"
#include "text/unicode.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT value_str(r, values[0])

static Value no_value(Render *r, Value value, const char *filter)
{
    if (value.kind == VALUE_UNDEFINED) return render_fail_undefined(r, value.undefined);
    return render_fail(r, "%s: cannot work on '%s'", filter, value_type_name(value));
}

/* ---- case and white space ---- */

static Value filter_upper(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, TEXT, CASE_UPPER);
}
static Value filter_lower(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, TEXT, CASE_LOWER);
}
static Value filter_capitalize(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return string_to_case(r, TEXT, CASE_CAPITALIZE);
}

static bool begins_word(uint32_t c)
{
    return python_is_space(c) || (c < 0x80 && strchr("-({[<", (int)c) && c);
}

/* Words begin behind white space and opening brackets, not at every letter behind another character as str.title has it. */
static Value filter_title(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const string = TEXT;
    StringBuilder out = {.render = r};
    for (size_t at = 0, word; at < string->length && !r->failed; at = word) {
        int n;
        const bool is_gap = begins_word(unicode_decode(string->bytes + at, &n));
        for (word = at; word < string->length; word += (size_t)n)
            if (begins_word(unicode_decode(string->bytes + word, &n)) != is_gap) break;
        unicode_decode(string->bytes + at, &n);
        const Value first = string_part(r, string, at, at + (size_t)n),
                    rest = string_part(r, string, at + (size_t)n, word);
        builder_add_value(&out, string_to_case(r, first.string, CASE_UPPER));
        builder_add_value(&out, string_to_case(r, rest.string, CASE_LOWER));
    }
    return builder_string(&out);
}

static Value filter_trim(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const bool has_chars = value_is_given(values[1]) && values[1].kind != VALUE_NONE;
    if (has_chars && values[1].kind != VALUE_STRING) return no_value(r, values[1], "trim");
    return string_strip(r, TEXT, has_chars ? values[1].string : NULL, true, true);
}

static Value filter_string(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    return (Value){.kind = VALUE_STRING, .string = TEXT};
}

static Value filter_replace(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    int64_t count;
    if (!argument_int(r, values[3], -1, &count)) return value_undefined();
    return string_replace(r, TEXT, value_str(r, values[1]), value_str(r, values[2]), count);
}

static Value filter_indent(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (values[0].kind != VALUE_STRING) return no_value(r, values[0], "indent");
    const bool first = argument_bool(values[2], false), blank = argument_bool(values[3], false);
    int64_t width = 4;
    String four = {"    ", 4, 4, NULL};
    const String *indent = &four;
    if (values[1].kind == VALUE_STRING)
        indent = values[1].string;
    else if (!argument_int(r, values[1], 4, &width))
        return value_undefined();
    else if (width != 4) {
        const Value spaces = expression_binary(r, '*', value_cstring(r, " "), value_int(width));
        if (r->failed) return spaces;
        indent = spaces.string;
    }
    /* A newline at the end keeps its line, which is empty: as if one more stood behind the text. */
    const Value text = string_join(r, values[0].string, value_cstring(r, "\n").string);
    if (r->failed) return text;
    const Sequence *const lines = string_split_lines(r, text.string, false).sequence;
    StringBuilder out = {.render = r};
    for (int64_t i = 0; i < lines->n && !r->failed; i++) {
        const String *const line = lines->items[i].string;
        if (i > 0) builder_add_char(&out, '\n');
        if (i == 0 ? first : blank || line->length > 0) builder_add_string(&out, indent);
        builder_add_string(&out, line);
    }
    return builder_string(&out);
}

static Value filter_center(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    Value width = value_is_given(values[1]) ? values[1] : value_int(80);
    const Arguments arguments = {.values = &width, .n = 1};
    const String center = {"center", 6, 6, NULL};
    return callable_call(r, builtin_method(r, filter_string(r, values, NULL), &center), &arguments);
}

static Value filter_truncate(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const end = value_is_given(values[3]) ? value_str(r, values[3]) : value_cstring(r, "...").string;
    int64_t length, leeway;
    if (!argument_int(r, values[1], 255, &length) || !argument_int(r, values[4], 5, &leeway)) return value_undefined();
    if (length < string_chars(end) || leeway < 0) return render_fail(r, "truncate: a length shorter than its end");
    const int64_t n = value_length(r, values[0]);
    if (r->failed || n - leeway <= length) return values[0];
    if (values[0].kind != VALUE_STRING) return no_value(r, values[0], "truncate");
    const String *const string = values[0].string;
    const Value head = string_part(r, string, 0, string_offset(string, length - string_chars(end)));
    if (argument_bool(values[2], false)) return string_join(r, head.string, end);
    const char *const blank = memrchr(head.string->bytes, ' ', head.string->length);
    const size_t cut = blank ? (size_t)(blank - head.string->bytes) : head.string->length;
    return string_join(r, string_part(r, string, 0, cut).string, end);
}

static Value filter_wordcount(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const string = TEXT;
    int64_t words = 0;
    bool in_word = false;
    for (size_t at = 0; at < string->length;) {
        int n;
        const bool is_word = unicode_is_word(unicode_decode(string->bytes + at, &n));
        words += is_word && !in_word;
        in_word = is_word;
        at += (size_t)n;
    }
    return value_int(words);
}

static Value filter_escape(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    static const char *const names[] = {"&&amp;", "<&lt;", ">&gt;", "'&#39;", "\"&#34;"};
    const String *const string = TEXT;
    StringBuilder out = {.render = r};
    for (size_t at = 0; at < string->length && !r->failed; at++) {
        const char *escaped = NULL;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (string->bytes[at] == names[i][0]) escaped = names[i] + 1;
        if (escaped)
            builder_add_cstring(&out, escaped);
        else
            builder_add_char(&out, string->bytes[at]);
    }
    return builder_string(&out);
}

/* In a query a blank is a plus and a slash is encoded. */
static void add_url_quoted(StringBuilder *out, const String *string, bool in_query)
{
    for (size_t at = 0; at < string->length && !out->render->failed; at++) {
        const unsigned char c = (unsigned char)string->bytes[at];
        char code[8];
        const bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("_.-~", c)) ||
                           (c == '/' && !in_query);
        if (in_query && c == ' ')
            snprintf(code, sizeof code, "+");
        else
            snprintf(code, sizeof code, plain ? "%c" : "%%%02X", c);
        builder_add_cstring(out, code);
    }
}

static Value filter_urlencode(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    StringBuilder out = {.render = r};
    if (value_is_dict(values[0])) {
        const Mapping *const mapping = values[0].mapping;
        for (int64_t i = 0; i < mapping->n && !r->failed; i++) {
            if (i > 0) builder_add_char(&out, '&');
            add_url_quoted(&out, value_str(r, mapping->entries[i].key), true);
            builder_add_char(&out, '=');
            add_url_quoted(&out, value_str(r, mapping->entries[i].value), true);
        }
    } else if (values[0].kind == VALUE_SEQUENCE)
        return no_value(r, values[0], "urlencode");
    else
        add_url_quoted(&out, TEXT, false);
    return builder_string(&out);
}

/* Nothing is escaped, so nothing has to be marked; what is no string becomes one. */
static Value filter_safe(Render *r, Value *values, const Arguments *all)
{
    return filter_string(r, values, all);
}

static Value filter_format(Render *r, Value *values, const Arguments *all)
{
    if (all->n > 0 && all->n_keywords > 0)
        return render_fail(r, "format: positional and keyword arguments at the same time");
    if (all->n_keywords > 0) {
        Mapping *const mapping = mapping_create(r);
        for (int64_t i = 0; i < all->n_keywords; i++)
            mapping_set(r, mapping, (Value){.kind = VALUE_STRING, .string = all->keywords[i].name},
                        all->keywords[i].value);
        return format_percent(r, TEXT, value_mapping(mapping));
    }
    Sequence *const tuple = sequence_create(r, SEQUENCE_TUPLE);
    for (int64_t i = 0; i < all->n; i++) sequence_append(r, tuple, all->values[i]);
    return format_percent(r, TEXT, value_sequence(tuple));
}

/* ---- numbers ---- */

enum { NUMBER_BYTES = 400 };

/* A number as int() and float() read it: blanks around it, single underlines between digits. False: it is none. */
static bool number_text(const String *string, char text[NUMBER_BYTES])
{
    size_t from = 0, to = string->length, n = 0;
    while (from < to && strchr(" \t\n\r\v\f", string->bytes[from]) && string->bytes[from]) from++;
    while (to > from && strchr(" \t\n\r\v\f", string->bytes[to - 1]) && string->bytes[to - 1]) to--;
    if (from == to || to - from >= NUMBER_BYTES) return false;
    for (size_t i = from; i < to; i++) {
        const char c = string->bytes[i];
        if (c == '_') {
            const bool between = i > from && i + 1 < to && string->bytes[i - 1] >= '0' && string->bytes[i + 1] >= '0' &&
                                 string->bytes[i + 1] != '_';
            if (!between) return false;
            continue;
        }
        if (!c || (unsigned char)c >= 0x80) return false;
        text[n++] = c;
    }
    text[n] = 0;
    return true;
}

static bool text_to_double(const String *string, double *real)
{
    char text[NUMBER_BYTES], *end;
    if (!number_text(string, text) || strpbrk(text, "xXpP(")) return false;
    *real = strtod(text, &end);
    return *end == 0;
}

static bool text_to_int(const String *string, int64_t base, int64_t *integer)
{
    char text[NUMBER_BYTES], *end;
    if (!number_text(string, text)) return false;
    errno = 0;
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    const int prefix = digits[0] == '0' ? digits[1] | 32 : 0;
    const int of_prefix = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 0;
    if (digits[0] == '-' || digits[0] == '+' || digits[0] == ' ') return false;
    if (of_prefix && (base == of_prefix || base == 0)) {
        digits += 2;
        base = of_prefix;
    }
    if (!digits[0] || !((digits[0] >= '0' && digits[0] <= '9') || ((digits[0] | 32) >= 'a' && (digits[0] | 32) <= 'z')))
        return false;
    const long long value = strtoll(digits, &end, base == 0 ? 10 : (int)base);
    *integer = text[0] == '-' ? -value : value;
    return *end == 0 && errno == 0;
}

static bool double_to_int(double real, int64_t *integer)
{
    if (!(fabs(real) < 9.2e18)) return false;
    *integer = (int64_t)real;
    return true;
}

static Value filter_int(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    int64_t integer, base;
    double real;
    const Value otherwise = value_is_given(values[1]) ? values[1] : value_int(0);
    if (!argument_int(r, values[2], 10, &base)) return value_undefined();
    if (base != 0 && (base < 2 || base > 36)) return render_fail(r, "int: base must be 0 or from 2 to 36");
    if (values[0].kind == VALUE_UNDEFINED) return render_fail_undefined(r, values[0].undefined);
    if (value_as_int(values[0], &integer)) return value_int(integer);
    if (values[0].kind == VALUE_FLOAT) return double_to_int(values[0].real, &integer) ? value_int(integer) : otherwise;
    if (values[0].kind != VALUE_STRING) return otherwise;
    if (text_to_int(values[0].string, base, &integer)) return value_int(integer);
    return text_to_double(values[0].string, &real) && double_to_int(real, &integer) ? value_int(integer) : otherwise;
}

static Value filter_float(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    double real;
    if (values[0].kind == VALUE_UNDEFINED) return render_fail_undefined(r, values[0].undefined);
    if (value_is_number(values[0])) return value_float(value_as_double(values[0]));
    if (values[0].kind == VALUE_STRING && text_to_double(values[0].string, &real)) return value_float(real);
    return value_is_given(values[1]) ? values[1] : value_float(0.0);
}

static Value filter_abs(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (!value_is_number(values[0])) return no_value(r, values[0], "abs");
    if (values[0].kind == VALUE_FLOAT) return value_float(fabs(values[0].real));
    int64_t integer;
    value_as_int(values[0], &integer);
    return integer < 0 ? expression_binary(r, '-', value_int(0), value_int(integer)) : value_int(integer);
}

static double power_of_ten(int64_t n)
{
    double power = 1.0;
    for (int64_t i = 0; i < (n < 0 ? -n : n); i++) power *= 10.0;
    return n < 0 ? 1.0 / power : power;
}

static Value filter_round(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    int64_t precision, integer;
    if (!value_is_number(values[0])) return no_value(r, values[0], "round");
    if (!argument_int(r, values[1], 0, &precision)) return value_undefined();
    if (precision < -300 || precision > 300) return render_fail(r, "round: a precision of more than 300 digits");
    const double real = value_as_double(values[0]);
    const bool common =
        !value_is_given(values[2]) || (values[2].kind == VALUE_STRING && string_is(values[2].string, "common"));
    if (common && value_as_int(values[0], &integer) && precision >= 0) return value_int(integer);
    if (!common) {
        const bool ceils = values[2].kind == VALUE_STRING && string_is(values[2].string, "ceil");
        if (!ceils && !(values[2].kind == VALUE_STRING && string_is(values[2].string, "floor")))
            return render_fail(r, "round: the method must be common, ceil or floor");
        const double power = power_of_ten(precision);
        return value_float((ceils ? ceil(real * power) : floor(real * power)) / power);
    }
    if (!isfinite(real)) return value_float(real);
    if (precision < 0) {
        const double power = power_of_ten(-precision), rounded = rint(real / power) * power;
        return values[0].kind == VALUE_FLOAT ? value_float(rounded) : value_int((int64_t)rounded);
    }
    char text[NUMBER_BYTES + 400];
    snprintf(text, sizeof text, "%.*f", (int)precision, real); /* rounds the exact value, as Python does */
    return value_float(strtod(text, NULL));
}

/* ---- the rest ---- */

static Value filter_default(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const bool empty =
        values[0].kind == VALUE_UNDEFINED || (argument_bool(values[2], false) && !value_is_true(values[0]));
    if (!empty) return values[0];
    return value_is_given(values[1]) ? values[1] : value_cstring(r, "");
}

static Value filter_attr(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (values[1].kind != VALUE_STRING) return no_value(r, values[1], "attr");
    if (values[0].kind == VALUE_UNDEFINED) return render_fail_undefined(r, values[0].undefined);
    Value found = builtin_method(r, values[0], values[1].string);
    if (!value_is_given(found) && values[0].kind == VALUE_LOOP)
        found = loop_attribute(r, values[0].loop, values[1].string);
    return value_is_given(found) ? found : value_not_in(r, values[0], values[1]);
}

static Value filter_pprint(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    StringBuilder out = {.render = r};
    builder_add_repr(&out, values[0]);
    return builder_string(&out);
}

/* separators=(item, key) */
static bool json_separators(Render *r, Value value, JsonStyle *style)
{
    if (!value_is_given(value) || value.kind == VALUE_NONE) return true;
    const Sequence *const pair = value.kind == VALUE_SEQUENCE ? value.sequence : NULL;
    if (!pair || pair->n != 2 || pair->items[0].kind != VALUE_STRING || pair->items[1].kind != VALUE_STRING) {
        render_fail(r, "tojson: separators must be two strings");
        return false;
    }
    style->item_separator = pair->items[0].string;
    style->key_separator = pair->items[1].string;
    return true;
}

static Value filter_tojson(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    JsonStyle style = {.ensure_ascii = argument_bool(values[1], false), .sort_keys = argument_bool(values[4], false)};
    if (values[2].kind == VALUE_STRING)
        style.indent = values[2].string;
    else if (value_is_given(values[2]) && values[2].kind != VALUE_NONE) {
        int64_t width;
        if (!argument_int(r, values[2], 0, &width)) return value_undefined();
        const Value spaces = expression_binary(r, '*', value_cstring(r, " "), value_int(width));
        if (r->failed) return spaces;
        style.indent = spaces.string;
    }
    if (!json_separators(r, values[3], &style)) return value_undefined();
    return value_to_json(r, values[0], &style);
}

const Builtin filters_of_strings[] = {
    {"upper", filter_upper, 1, {"s"}, false},
    {"lower", filter_lower, 1, {"s"}, false},
    {"capitalize", filter_capitalize, 1, {"s"}, false},
    {"title", filter_title, 1, {"s"}, false},
    {"trim", filter_trim, 1, {"value", "chars"}, false},
    {"string", filter_string, 1, {"object"}, false},
    {"replace", filter_replace, 3, {"s", "old", "new", "count"}, false},
    {"indent", filter_indent, 1, {"s", "width", "first", "blank"}, false},
    {"center", filter_center, 1, {"value", "width"}, false},
    {"truncate", filter_truncate, 1, {"s", "length", "killwords", "end", "leeway"}, false},
    {"wordcount", filter_wordcount, 1, {"s"}, false},
    {"escape", filter_escape, 1, {"s"}, false},
    {"e", filter_escape, 1, {"s"}, false},
    {"forceescape", filter_escape, 1, {"value"}, false},
    {"urlencode", filter_urlencode, 1, {"value"}, false},
    {"safe", filter_safe, 1, {"value"}, false},
    {"format", filter_format, 1, {"value"}, true},
    {"int", filter_int, 1, {"value", "default", "base"}, false},
    {"float", filter_float, 1, {"value", "default"}, false},
    {"abs", filter_abs, 1, {"x"}, false},
    {"round", filter_round, 1, {"value", "precision", "method"}, false},
    {"default", filter_default, 1, {"value", "default_value", "boolean"}, false},
    {"d", filter_default, 1, {"value", "default_value", "boolean"}, false},
    {"attr", filter_attr, 2, {"obj", "name"}, false},
    {"pprint", filter_pprint, 1, {"value"}, false},
    {"tojson", filter_tojson, 1, {"x", "ensure_ascii", "indent", "separators", "sort_keys"}, false},
    {0},
};

const Builtin *builtin_filter(const char *name, size_t length)
{
    const Builtin *const filter = builtin_find(filters_of_strings, name, length);
    return filter ? filter : builtin_find(filters_of_sequences, name, length);
}

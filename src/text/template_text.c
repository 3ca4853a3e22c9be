/* SPDX-License-Identifier: MIT */
/* text/template_text.c: values as text: str() and repr() as Python writes them, and json.dumps. */
#include "text/template_builtin.h"

#include "text/unicode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- numbers ---- */

/* The fewest digits that read back the same; an exponent below 1e-4 and from 1e16 on. */
void float_repr(double real, char text[FLOAT_REPR_BYTES])
{
    if (isnan(real) || isinf(real)) {
        snprintf(text, FLOAT_REPR_BYTES, "%s", isnan(real) ? "nan" : real < 0 ? "-inf" : "inf");
        return;
    }
    char digits[FLOAT_REPR_BYTES]; /* "-1.2345678901234567e-308" */
    int precision = 0;
    do snprintf(digits, sizeof digits, "%.*e", precision, real);
    while (strtod(digits, NULL) != real && ++precision < 17);
    char *const e = strchr(digits, 'e');
    const int exponent = atoi(e + 1);
    if (exponent >= -4 && exponent < 16) {
        const int decimals = precision > exponent ? precision - exponent : 0;
        snprintf(text, FLOAT_REPR_BYTES, "%.*f%s", decimals, real, decimals == 0 ? ".0" : "");
        return;
    }
    snprintf(text, FLOAT_REPR_BYTES, "%.*se%c%02d", (int)(e - digits), digits, exponent < 0 ? '-' : '+', abs(exponent));
}

static void add_int(StringBuilder *out, int64_t integer)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, integer);
    builder_add_cstring(out, text);
}

static void add_float(StringBuilder *out, double real)
{
    char text[FLOAT_REPR_BYTES];
    float_repr(real, text);
    builder_add_cstring(out, text);
}

/* ---- repr ---- */

static bool is_printable(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_ZS:
        return c == ' ';
    default:
        return true;
    }
}

static void add_repr_char(StringBuilder *out, uint32_t c, char quote)
{
    char escape[16] = "";
    if (c == (unsigned char)quote || c == '\\')
        snprintf(escape, sizeof escape, "\\%c", (char)c);
    else if (c == '\n' || c == '\r' || c == '\t')
        snprintf(escape, sizeof escape, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
    else if (!is_printable(c))
        snprintf(escape, sizeof escape, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
    if (escape[0])
        builder_add_cstring(out, escape);
    else
        builder_add_code_point(out, c);
}

static void add_repr_string(StringBuilder *out, const String *string)
{
    const bool has_single = memchr(string->bytes, '\'', string->length),
               has_double = memchr(string->bytes, '"', string->length);
    const char quote = has_single && !has_double ? '"' : '\'';
    builder_add_char(out, quote);
    for (size_t at = 0; at < string->length && !out->render->failed;) {
        int n;
        add_repr_char(out, unicode_decode(string->bytes + at, &n), quote);
        at += (size_t)n;
    }
    builder_add_char(out, quote);
}

static void add_entries(StringBuilder *out, const Mapping *mapping)
{
    builder_add_char(out, '{');
    for (int64_t i = 0; i < mapping->n && !out->render->failed; i++) {
        if (i > 0) builder_add_cstring(out, ", ");
        builder_add_repr(out, mapping->entries[i].key);
        builder_add_cstring(out, ": ");
        builder_add_repr(out, mapping->entries[i].value);
    }
    builder_add_char(out, '}');
}

static void add_elements(StringBuilder *out, const Sequence *sequence, const char *open, const char *close)
{
    builder_add_cstring(out, open);
    for (int64_t i = 0; i < sequence->n && !out->render->failed; i++) {
        if (i > 0) builder_add_cstring(out, ", ");
        builder_add_repr(out, sequence->items[i]);
    }
    if (sequence->kind == SEQUENCE_TUPLE && sequence->n == 1) builder_add_char(out, ',');
    builder_add_cstring(out, close);
}

static void add_range(StringBuilder *out, const Sequence *range)
{
    /* Its step and stop are not kept; what two elements show is enough for a person. */
    const int64_t first = range->n ? range->items[0].integer : 0;
    const int64_t step = range->n > 1 ? range->items[1].integer - first : 1;
    builder_add_cstring(out, "range(");
    add_int(out, first);
    builder_add_cstring(out, ", ");
    add_int(out, first + step * range->n);
    if (step != 1) {
        builder_add_cstring(out, ", ");
        add_int(out, step);
    }
    builder_add_char(out, ')');
}

static void add_sequence(StringBuilder *out, const Sequence *sequence)
{
    switch (sequence->kind) {
    case SEQUENCE_LIST:
        add_elements(out, sequence, "[", "]");
        break;
    case SEQUENCE_TUPLE:
        add_elements(out, sequence, "(", ")");
        break;
    case SEQUENCE_RANGE:
        add_range(out, sequence);
        break;
    case SEQUENCE_KEYS:
        add_elements(out, sequence, "dict_keys([", "])");
        break;
    case SEQUENCE_VALUES:
        add_elements(out, sequence, "dict_values([", "])");
        break;
    case SEQUENCE_ITEMS:
        add_elements(out, sequence, "dict_items([", "])");
        break;
    case SEQUENCE_GENERATOR:
        builder_add_cstring(out, "<generator object>");
        break;
    }
}

static void add_mapping(StringBuilder *out, const Mapping *mapping)
{
    if (mapping->is_namespace) builder_add_cstring(out, "<Namespace ");
    add_entries(out, mapping);
    if (mapping->is_namespace) builder_add_char(out, '>');
}

void builder_add_repr(StringBuilder *out, Value value)
{
    Render *const render = out->render;
    if (!render_work(render, 1)) return;
    switch (value.kind) {
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
        builder_add_cstring(out, "Undefined");
        return;
    case VALUE_NONE:
        builder_add_cstring(out, "None");
        return;
    case VALUE_BOOL:
        builder_add_cstring(out, value.boolean ? "True" : "False");
        return;
    case VALUE_INT:
        add_int(out, value.integer);
        return;
    case VALUE_FLOAT:
        add_float(out, value.real);
        return;
    case VALUE_STRING:
        add_repr_string(out, value.string);
        return;
    case VALUE_SEQUENCE:
    case VALUE_MAPPING:
        if (++render->depth > RENDER_MAX_DEPTH)
            render_fail(render, "values are nested too deep to be written");
        else if (value.kind == VALUE_SEQUENCE)
            add_sequence(out, value.sequence);
        else
            add_mapping(out, value.mapping);
        render->depth--;
        return;
    case VALUE_CALLABLE:
        builder_add_cstring(out, "<function>");
        return;
    case VALUE_LOOP:
        builder_add_cstring(out, "<LoopContext>");
        return;
    }
}

void builder_add_value(StringBuilder *out, Value value)
{
    if (value.kind == VALUE_STRING)
        builder_add_string(out, value.string);
    else if (value.kind != VALUE_UNDEFINED)
        builder_add_repr(out, value);
}

/* ---- JSON ---- */

typedef struct JsonWriter {
    StringBuilder out;
    const JsonStyle *style;
    int level;
} JsonWriter;

static void add_json(JsonWriter *writer, Value value);

static void add_json_unit(StringBuilder *out, unsigned unit)
{
    char escape[16];
    snprintf(escape, sizeof escape, "\\u%04x", unit);
    builder_add_cstring(out, escape);
}

static void add_json_char(StringBuilder *out, uint32_t c, bool ensure_ascii)
{
    static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (c == (unsigned char)letters[i]) {
            builder_add_char(out, '\\');
            builder_add_char(out, letters[i + 1]);
            return;
        }
    if (c >= 0x20 && (c < 0x7F || !ensure_ascii))
        builder_add_code_point(out, c);
    else if (c < 0x10000)
        add_json_unit(out, c);
    else {
        add_json_unit(out, 0xD800 + ((c - 0x10000) >> 10));
        add_json_unit(out, 0xDC00 + (c & 0x3FF));
    }
}

static void add_json_string(JsonWriter *writer, const String *string)
{
    builder_add_char(&writer->out, '"');
    for (size_t at = 0; at < string->length && !writer->out.render->failed;) {
        int n;
        add_json_char(&writer->out, unicode_decode(string->bytes + at, &n), writer->style->ensure_ascii);
        at += (size_t)n;
    }
    builder_add_char(&writer->out, '"');
}

static void add_json_float(JsonWriter *writer, double real)
{
    if (isnan(real) || isinf(real))
        builder_add_cstring(&writer->out, isnan(real) ? "NaN" : real < 0 ? "-Infinity" : "Infinity");
    else
        add_float(&writer->out, real);
}

static void new_line(JsonWriter *writer)
{
    if (!writer->style->indent) return;
    builder_add_char(&writer->out, '\n');
    for (int i = 0; i < writer->level; i++) builder_add_string(&writer->out, writer->style->indent);
}

static void between(JsonWriter *writer, int64_t i)
{
    const JsonStyle *const style = writer->style;
    if (i > 0 && style->item_separator)
        builder_add_string(&writer->out, style->item_separator);
    else if (i > 0)
        builder_add_cstring(&writer->out, style->indent ? "," : ", ");
    new_line(writer);
}

static void add_json_key(JsonWriter *writer, Value key)
{
    Render *const render = writer->out.render;
    const bool plain = value_is_number(key) || key.kind == VALUE_NONE;
    if (key.kind == VALUE_STRING)
        add_json_string(writer, key.string);
    else if (plain) {
        builder_add_char(&writer->out, '"');
        add_json(writer, key);
        builder_add_char(&writer->out, '"');
    } else
        render_fail(render, "keys must be str, int, float, bool or None, not %s", value_type_name(key));
    if (writer->style->key_separator)
        builder_add_string(&writer->out, writer->style->key_separator);
    else
        builder_add_cstring(&writer->out, ": ");
}

/* The entries in the order in which they are written. */
static const Entry **ordered_entries(Render *render, const Mapping *mapping, bool sorted)
{
    if (!pool_has_room(&render->pool, (size_t)mapping->n * sizeof(Entry *))) {
        render_fail(render, "a mapping of %" PRId64 " keys is more than the template's memory holds", mapping->n);
        return NULL;
    }
    const Entry **const entries = POOL_ARRAY(&render->pool, const Entry *, mapping->n);
    for (int64_t i = 0; i < mapping->n; i++) {
        int64_t at = i;
        for (; sorted && at > 0 && !render->failed; at--) {
            if (value_compare(render, entries[at - 1]->key, mapping->entries[i].key, "<") <= 0) break;
            entries[at] = entries[at - 1];
        }
        entries[at] = &mapping->entries[i];
    }
    return entries;
}

static void add_json_mapping(JsonWriter *writer, const Mapping *mapping)
{
    const Entry **const entries = ordered_entries(writer->out.render, mapping, writer->style->sort_keys);
    if (!entries) return;
    builder_add_char(&writer->out, '{');
    writer->level++;
    for (int64_t i = 0; i < mapping->n && !writer->out.render->failed; i++) {
        between(writer, i);
        add_json_key(writer, entries[i]->key);
        add_json(writer, entries[i]->value);
    }
    writer->level--;
    if (mapping->n > 0) new_line(writer);
    builder_add_char(&writer->out, '}');
}

static void add_json_sequence(JsonWriter *writer, const Sequence *sequence)
{
    builder_add_char(&writer->out, '[');
    writer->level++;
    for (int64_t i = 0; i < sequence->n && !writer->out.render->failed; i++) {
        between(writer, i);
        add_json(writer, sequence->items[i]);
    }
    writer->level--;
    if (sequence->n > 0) new_line(writer);
    builder_add_char(&writer->out, ']');
}

static void add_json(JsonWriter *writer, Value value)
{
    Render *const render = writer->out.render;
    if (!render_work(render, 1)) return;
    if (writer->level > VALUE_MAX_DEPTH) {
        render_fail(render, "values are nested too deep to be written as JSON");
        return;
    }
    int64_t integer;
    if (value.kind == VALUE_STRING)
        add_json_string(writer, value.string);
    else if (value.kind == VALUE_BOOL)
        builder_add_cstring(&writer->out, value.boolean ? "true" : "false");
    else if (value.kind == VALUE_NONE)
        builder_add_cstring(&writer->out, "null");
    else if (value_as_int(value, &integer))
        add_int(&writer->out, integer);
    else if (value.kind == VALUE_FLOAT)
        add_json_float(writer, value.real);
    else if (value.kind == VALUE_SEQUENCE && value.sequence->kind <= SEQUENCE_TUPLE)
        add_json_sequence(writer, value.sequence);
    else if (value_is_dict(value))
        add_json_mapping(writer, value.mapping);
    else
        render_fail(render, "Object of type %s is not JSON serializable", value_type_name(value));
}

Value value_to_json(Render *render, Value value, const JsonStyle *style)
{
    JsonWriter writer = {.out = {.render = render}, .style = style};
    add_json(&writer, value);
    return builder_string(&writer.out);
}

/* SPDX-License-Identifier: MIT */
/* text/template_format.c: "%s of %d" % values and "{} of {:>5}".format(values). */
#include "text/template_builtin.h"

#include "text/unicode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WIDTH = 10000, MAX_PRECISION = 300, NUMBER_BYTES = 800 };

/* How one value is written, in both kinds of format. */
typedef struct Spec {
    uint32_t fill;
    char align; /* '<' '>' '^' '=' ; 0: numbers right, the rest left */
    char sign;  /* '+', ' ' or 0 */
    bool alternate, thousands;
    int64_t width, precision; /* precision -1: none */
    char type;                /* s d f e g x o b c % r ...; 0: by the value */
} Spec;

/* ---- numbers ---- */

/* Digits in groups of three from the point leftwards. */
static void add_thousands(StringBuilder *out, const char *digits, bool thousands)
{
    const size_t n = strspn(digits, "0123456789");
    for (size_t i = 0; i < n; i++) {
        builder_add_char(out, digits[i]);
        if (thousands && (n - i) % 3 == 1 && i + 1 < n) builder_add_char(out, ',');
    }
    builder_add_cstring(out, digits + n);
}

static void integer_digits(uint64_t value, char type, char text[NUMBER_BYTES])
{
    const char *const digits = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    const unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
    char reversed[72];
    int n = 0;
    do reversed[n++] = digits[value % base];
    while (value /= base);
    for (int i = 0; i < n; i++) text[i] = reversed[n - 1 - i];
    text[n] = 0;
}

static void float_digits(double value, const Spec *spec, char text[NUMBER_BYTES])
{
    const int precision = spec->precision < 0 ? 6 : (int)spec->precision;
    if (spec->type == 0 && spec->precision < 0) {
        float_repr(value, text);
        return;
    }
    char format[16];
    snprintf(format, sizeof format, "%%.*%c%s",
             spec->type == 0     ? 'g'
             : spec->type == '%' ? 'f'
                                 : spec->type,
             spec->type == '%' ? "%%" : "");
    snprintf(text, NUMBER_BYTES, format, precision, spec->type == '%' ? value * 100.0 : value);
}

/* The number without its sign in `text`, the sign or NULs in sign[2], the prefix of another base in prefix. */
static bool number_text(Render *r, Value value, Spec *spec, char text[NUMBER_BYTES], bool *negative)
{
    const bool floats = spec->type && strchr("eEfFgG%", spec->type);
    int64_t integer;
    if (!floats && spec->type && spec->type != 'n' && value.kind == VALUE_FLOAT) {
        render_fail(r, "format %c needs an integer", spec->type);
        return false;
    }
    if (!floats && value_as_int(value, &integer)) {
        *negative = integer < 0;
        integer_digits(integer < 0 ? -(uint64_t)integer : (uint64_t)integer, spec->type, text);
        return true;
    }
    const double real = value_as_double(value);
    *negative = real < 0 || (real == 0 && 1 / real < 0);
    float_digits(*negative ? -real : real, spec, text);
    return true;
}

/* ---- one value ---- */

static void add_padded(StringBuilder *out, const Spec *spec, const String *head, const String *body, char align)
{
    const int64_t missing = spec->width - string_chars(head) - string_chars(body);
    const int64_t before = missing <= 0 ? 0 : align == '>' ? missing : align == '^' ? missing / 2 : 0;
    for (int64_t i = 0; i < before; i++) builder_add_code_point(out, spec->fill);
    builder_add_string(out, head);
    for (int64_t i = 0; align == '=' && i < missing; i++) builder_add_code_point(out, spec->fill);
    builder_add_string(out, body);
    for (int64_t i = before; align != '=' && i < missing; i++) builder_add_code_point(out, spec->fill);
}

static void add_number(StringBuilder *out, Spec *spec, Value value)
{
    char text[NUMBER_BYTES], head[8] = "";
    bool negative;
    if (!number_text(out->render, value, spec, text, &negative)) return;
    size_t n = 0;
    if (negative || spec->sign) head[n++] = negative ? '-' : spec->sign;
    if (spec->alternate && spec->type && strchr("xXob", spec->type)) {
        head[n++] = '0';
        head[n++] = spec->type;
    }
    StringBuilder digits = {.render = out->render};
    add_thousands(&digits, text, spec->thousands);
    const Value body = builder_string(&digits), sign = value_string(out->render, head, n);
    add_padded(out, spec, sign.string, body.string, spec->align ? spec->align : '>');
}

static void add_text(StringBuilder *out, const Spec *spec, const String *text)
{
    const size_t to = spec->precision < 0 ? text->length : string_offset(text, spec->precision);
    const Value cut = string_part(out->render, text, 0, to), none = value_cstring(out->render, "");
    add_padded(out, spec, none.string, cut.string, spec->align ? spec->align : '<');
}

static const String *repr_of(Render *r, Value value)
{
    StringBuilder text = {.render = r};
    builder_add_repr(&text, value);
    return builder_string(&text).string;
}

/* ---- % ---- */

typedef struct Percent {
    Render *r;
    StringBuilder out;
    const String *format;
    size_t at;
    Value values;
    int64_t next; /* of a tuple */
} Percent;

static char peek(const Percent *p)
{
    return p->at < p->format->length ? p->format->bytes[p->at] : 0;
}

static bool is_tuple(Value value)
{
    return value.kind == VALUE_SEQUENCE && value.sequence->kind == SEQUENCE_TUPLE;
}

static Value next_value(Percent *p)
{
    if (is_tuple(p->values)) {
        if (p->next < p->values.sequence->n) return p->values.sequence->items[p->next++];
    } else if (p->next++ == 0)
        return p->values;
    return render_fail(p->r, "not enough arguments for format string");
}

/* %(name) */
static Value named_value(Percent *p)
{
    const char *const begin = p->format->bytes + p->at + 1;
    const char *const end = memchr(begin, ')', p->format->length - p->at - 1);
    if (!end || !value_is_dict(p->values)) return render_fail(p->r, "%%(name) in a format needs a mapping");
    const Value name = value_string(p->r, begin, (size_t)(end - begin));
    const Value *const value = mapping_find(p->r, p->values.mapping, name);
    p->at += (size_t)(end - begin) + 2;
    return value ? *value : render_fail(p->r, "the format names a value that is not given");
}

static int64_t read_count(Percent *p, int64_t high)
{
    int64_t n = 0;
    if (peek(p) == '*') {
        p->at++;
        const Value value = next_value(p);
        if (!value_as_int(value, &n)) render_fail(p->r, "* in a format needs an integer");
    } else
        for (; peek(p) >= '0' && peek(p) <= '9'; p->at++) n = n > high ? n : n * 10 + (peek(p) - '0');
    if (n > high || n < -high) render_fail(p->r, "a format of more than %" PRId64 " characters", high);
    return n;
}

static void add_conversion(Percent *p, Spec *spec, bool zero, Value value)
{
    if (strchr("diuxXoeEfFgG", spec->type)) {
        if (spec->type == 'i' || spec->type == 'u') spec->type = 'd';
        if (!value_is_number(value)) {
            if (value.kind == VALUE_UNDEFINED) render_fail_undefined(p->r, value.undefined);
            render_fail(p->r, "%%%c format: a number is required, not %s", spec->type, value_type_name(value));
            return;
        }
        if (spec->type == 'd' && value.kind == VALUE_FLOAT) value = value_int((int64_t)value.real);
        if (zero && !spec->align) spec->align = '=', spec->fill = '0';
        if (spec->alternate && spec->type == 'o') spec->alternate = true;
        add_number(&p->out, spec, value);
        return;
    }
    if (!spec->align) spec->align = '>';
    int64_t code_point;
    if (spec->type == 'c' && value_as_int(value, &code_point)) {
        StringBuilder text = {.render = p->r};
        const bool valid = code_point >= 0 && code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
        if (!valid) render_fail(p->r, "%%c format: not a character");
        builder_add_code_point(&text, valid ? (uint32_t)code_point : ' ');
        add_text(&p->out, spec, builder_string(&text).string);
    } else
        add_text(&p->out, spec, spec->type == 'r' || spec->type == 'a' ? repr_of(p->r, value) : value_str(p->r, value));
}

/* What stands behind a %. */
static void read_conversion(Percent *p)
{
    Spec spec = {.fill = ' ', .precision = -1};
    Value value = {.kind = VALUE_ABSENT};
    bool zero = false;
    if (peek(p) == '(') value = named_value(p);
    for (; peek(p) && strchr("-+ #0", peek(p)); p->at++) {
        if (peek(p) == '-') spec.align = '<';
        if (peek(p) == '0') zero = true;
        if (peek(p) == '#') spec.alternate = true;
        if (peek(p) == '+' || (peek(p) == ' ' && !spec.sign)) spec.sign = peek(p);
    }
    spec.width = read_count(p, MAX_WIDTH);
    if (spec.width < 0) spec.align = '<', spec.width = -spec.width;
    if (peek(p) == '.') {
        p->at++;
        spec.precision = read_count(p, MAX_PRECISION);
    }
    while (peek(p) && strchr("hlL", peek(p))) p->at++;
    spec.type = peek(p);
    p->at++;
    if (p->r->failed) return;
    if (spec.type == '%') {
        builder_add_char(&p->out, '%');
        return;
    }
    if (!spec.type || !strchr("diuxXoeEfFgGcrsa", spec.type)) {
        render_fail(p->r, "unsupported format character behind %%");
        return;
    }
    if (!value_is_given(value)) value = next_value(p);
    if (!p->r->failed) add_conversion(p, &spec, zero, value);
}

Value format_percent(Render *r, const String *format, Value values)
{
    Percent p = {.r = r, .out = {.render = r}, .format = format, .values = values};
    while (p.at < format->length && !r->failed) {
        const char *const percent = memchr(format->bytes + p.at, '%', format->length - p.at);
        const size_t to = percent ? (size_t)(percent - format->bytes) : format->length;
        builder_add(&p.out, format->bytes + p.at, to - p.at);
        p.at = to + 1;
        if (percent) read_conversion(&p);
    }
    const bool all_used = is_tuple(values) ? p.next == values.sequence->n
                                           : p.next > 0 || value_is_dict(values) || values.kind == VALUE_SEQUENCE ||
                                                 values.kind == VALUE_UNDEFINED;
    if (!r->failed && !all_used) return render_fail(r, "not all arguments converted during string formatting");
    return builder_string(&p.out);
}

/* ---- {} ---- */

typedef struct Braces {
    Render *r;
    StringBuilder out;
    const Arguments *arguments;
    int64_t next;
    bool counts, numbers; /* {} and {0} were seen: not both */
} Braces;

/* The field's name up to '.', '[' or the end: a number, a keyword, or nothing for the next one. */
static Value field_base(Braces *b, const String *field, size_t *at)
{
    size_t end = 0;
    while (end < field->length && field->bytes[end] != '.' && field->bytes[end] != '[') end++;
    *at = end;
    int64_t index = 0;
    bool digits = true;
    for (size_t i = 0; i < end; i++) {
        digits = digits && field->bytes[i] >= '0' && field->bytes[i] <= '9' && index < 1000000;
        index = digits ? index * 10 + field->bytes[i] - '0' : index;
    }
    if (end == 0) index = b->next++;
    if (digits) {
        *(end == 0 ? &b->counts : &b->numbers) = true;
        if (b->counts && b->numbers) return render_fail(b->r, "format: {} and {0} in one format");
        if (index < b->arguments->n) return b->arguments->values[index];
        return render_fail(b->r, "format: there is no argument %" PRId64, index);
    }
    for (int64_t i = 0; i < b->arguments->n_keywords; i++) {
        const String *const name = b->arguments->keywords[i].name;
        if (name->length == end && memcmp(name->bytes, field->bytes, end) == 0) return b->arguments->keywords[i].value;
    }
    return render_fail(b->r, "format: there is no argument %.*s", (int)(end < 60 ? end : 60), field->bytes);
}

/* name.attribute[key]... */
static Value field_value(Braces *b, const String *field)
{
    size_t at;
    Value value = field_base(b, field, &at);
    while (at < field->length && !b->r->failed) {
        const bool is_index = field->bytes[at] == '[';
        size_t end = at + 1;
        while (end < field->length &&
               (is_index ? field->bytes[end] != ']' : field->bytes[end] != '.' && field->bytes[end] != '['))
            end++;
        const Value name = string_part(b->r, field, at + 1, end);
        int64_t index = 0;
        bool digits = is_index && end > at + 1 && end - at < 18;
        for (size_t i = at + 1; digits && i < end; i++) {
            digits = field->bytes[i] >= '0' && field->bytes[i] <= '9';
            index = index * 10 + (field->bytes[i] - '0');
        }
        value = is_index ? expression_item(b->r, value, digits ? value_int(index) : name)
                         : expression_attribute(b->r, value, name.string);
        at = end + is_index;
    }
    return value;
}

/* [[fill]align][sign][#][0][width][,][.precision][type] */
static bool read_spec(Render *r, const String *text, Spec *spec)
{
    *spec = (Spec){.fill = ' ', .precision = -1};
    size_t at = 0;
    int n = 0;
    const uint32_t first = text->length ? unicode_decode(text->bytes, &n) : 0;
    const char second = (size_t)n < text->length ? text->bytes[n] : 0;
    if (second && strchr("<>^=", second)) {
        spec->fill = first;
        spec->align = second;
        at = (size_t)n + 1;
    } else if (first && first < 0x80 && strchr("<>^=", (int)first)) {
        spec->align = (char)first;
        at = 1;
    }
    const char *const bytes = text->bytes;
    if (at < text->length && strchr("+- ", bytes[at]) && bytes[at]) spec->sign = bytes[at] == '-' ? 0 : bytes[at], at++;
    if (at < text->length && bytes[at] == '#') spec->alternate = true, at++;
    if (at < text->length && bytes[at] == '0') {
        at++;
        if (!spec->align) spec->align = '=', spec->fill = '0';
    }
    for (; at < text->length && bytes[at] >= '0' && bytes[at] <= '9' && spec->width <= MAX_WIDTH; at++)
        spec->width = spec->width * 10 + (bytes[at] - '0');
    if (at < text->length && (bytes[at] == ',' || bytes[at] == '_')) spec->thousands = true, at++;
    if (at < text->length && bytes[at] == '.') {
        at++;
        spec->precision = 0;
        for (; at < text->length && bytes[at] >= '0' && bytes[at] <= '9' && spec->precision <= MAX_PRECISION; at++)
            spec->precision = spec->precision * 10 + (bytes[at] - '0');
    }
    if (at < text->length) spec->type = bytes[at++];
    if (at == text->length && spec->width <= MAX_WIDTH && spec->precision <= MAX_PRECISION &&
        (!spec->type || strchr("sdnxXobceEfFgG%", spec->type)))
        return true;
    render_fail(r, "format: a specification that is not understood");
    return false;
}

static void add_field(Braces *b, const String *field, char conversion, const String *spec_text)
{
    Spec spec;
    Value value = field_value(b, field);
    if (b->r->failed || !read_spec(b->r, spec_text, &spec)) return;
    if (conversion) {
        const String *const text = conversion == 's' ? value_str(b->r, value) : repr_of(b->r, value);
        value = (Value){.kind = VALUE_STRING, .string = text};
    }
    const bool plain = spec_text->length == 0;
    const bool is_number = value.kind == VALUE_INT || value.kind == VALUE_FLOAT || (value.kind == VALUE_BOOL && !plain);
    if (is_number && spec.type != 's')
        add_number(&b->out, &spec, value);
    else if ((spec.type && spec.type != 's') || (!plain && value.kind != VALUE_STRING))
        render_fail(b->r, "format: the specification is not for '%s'", value_type_name(value));
    else
        add_text(&b->out, &spec, value_str(b->r, value));
}

/* The field that begins behind a {; returns where it ends, behind its }. */
static size_t read_field(Braces *b, const String *format, size_t from)
{
    size_t name_end = from;
    while (name_end < format->length && !strchr("!:}", format->bytes[name_end])) name_end++;
    size_t at = name_end;
    char conversion = 0;
    if (at + 1 < format->length && format->bytes[at] == '!') {
        conversion = format->bytes[at + 1];
        at += 2;
    }
    const size_t spec_from = at < format->length && format->bytes[at] == ':' ? at + 1 : at;
    size_t end = spec_from;
    while (end < format->length && format->bytes[end] != '}' && format->bytes[end] != '{') end++;
    if (end >= format->length || format->bytes[end] == '{' || (spec_from == at && end != at) ||
        (conversion && !strchr("sra", conversion))) {
        render_fail(b->r, "format: a field between { and } that is not understood");
        return format->length;
    }
    const Value name = string_part(b->r, format, from, name_end), spec = string_part(b->r, format, spec_from, end);
    add_field(b, name.string, conversion, spec.string);
    return end + 1;
}

Value format_braces(Render *r, const String *format, const Arguments *arguments, int64_t first)
{
    Braces b = {.r = r, .out = {.render = r}, .arguments = arguments, .next = first};
    for (size_t at = 0; at < format->length && !r->failed;) {
        const char c = format->bytes[at];
        const bool doubled = at + 1 < format->length && format->bytes[at + 1] == c;
        if (c == '{' && !doubled) {
            at = read_field(&b, format, at + 1);
            continue;
        }
        if (c == '}' && !doubled) return render_fail(r, "format: a single }");
        builder_add_char(&b.out, c);
        at += c == '{' || c == '}' ? 2 : 1;
    }
    return builder_string(&b.out);
}

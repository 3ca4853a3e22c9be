/* SPDX-License-Identifier: MIT */
/* reward/math_words.c: see math_words.h. */
#include "reward/math_words.h"

#include <stdio.h>
#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool equals(const char *run, size_t length, const char *word, size_t n_word)
{
    if (length != n_word) return false;
    for (size_t i = 0; i < length; i++)
        if (lower(run[i]) != word[i]) return false;
    return true;
}

static bool among(const char *run, size_t length, const char *words)
{
    for (const char *w = words + 1; *w;) {
        const char *const end = strchr(w, ' ');
        if (equals(run, length, w, (size_t)(end - w))) return true;
        w = end + 1;
    }
    return false;
}

bool math_word_among(const Token *t, const char *words)
{
    return t->kind == TOKEN_LETTERS && among(t->text, (size_t)t->length, words);
}

/* ---- words ---- */

bool math_is_wordy(const char *run, size_t length)
{
    if (length == 0) return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)run[i] >= 0x80) return true;
    if (length == 1) return false;
    if (length == 2)
        return among(run, length,
                     " no on is it so to up am pm us an at be by do go he if in me my of or ox we ok as ha oh hi ");
    bool vowel = false, symbols = true; /* abc, xyz: names that people give to numbers */
    for (size_t i = 0; i < length; i++) {
        vowel = vowel || strchr("aeiouAEIOU", run[i]) != NULL;
        symbols = symbols && strchr("abcdxyz", run[i]) != NULL;
        for (size_t k = 0; k < i; k++) symbols = symbols && run[k] != run[i];
    }
    if (among(run, length, " bad cab dab bay day cay dry dad by bzd ")) return true;
    return length == 3 ? vowel && !symbols : !symbols;
}

/* ---- numbers in words ---- */

typedef struct NumberWord {
    const char *word;
    int value;
} NumberWord;

static const NumberWord small_numbers[] = {
    {"zero", 0},      {"one", 1},       {"two", 2},       {"three", 3},    {"four", 4},     {"five", 5},
    {"six", 6},       {"seven", 7},     {"eight", 8},     {"nine", 9},     {"ten", 10},     {"eleven", 11},
    {"twelve", 12},   {"thirteen", 13}, {"fourteen", 14}, {"fifteen", 15}, {"sixteen", 16}, {"seventeen", 17},
    {"eighteen", 18}, {"nineteen", 19}, {"twenty", 20},   {"thirty", 30},  {"forty", 40},   {"fourty", 40},
    {"fifty", 50},    {"sixty", 60},    {"seventy", 70},  {"eighty", 80},  {"ninety", 90},
};
static const NumberWord parts[] = {
    {"half", 2},    {"halves", 2},  {"third", 3},  {"thirds", 3}, {"quarter", 4}, {"quarters", 4}, {"fourth", 4},
    {"fourths", 4}, {"fifth", 5},   {"fifths", 5}, {"sixth", 6},  {"sixths", 6},  {"seventh", 7},  {"sevenths", 7},
    {"eighth", 8},  {"eighths", 8}, {"ninth", 9},  {"ninths", 9}, {"tenth", 10},  {"tenths", 10},
};

static int look_up(const Token *t, const NumberWord *table, size_t n)
{
    if (t->kind != TOKEN_LETTERS) return -1;
    for (size_t i = 0; i < n; i++)
        if (equals(t->text, (size_t)t->length, table[i].word, strlen(table[i].word))) return table[i].value;
    return -1;
}

static int small_number(const Token *t)
{
    return look_up(t, small_numbers, sizeof small_numbers / sizeof *small_numbers);
}

static bool is_sign(const Token *t, char c)
{
    return t->kind == TOKEN_SIGN && t->text[0] == c;
}

/* One to ninety-nine. */
static bool below_hundred(const Token *tokens, int32_t *at, int64_t *value)
{
    const int first = small_number(&tokens[*at]);
    if (first < 0) return false;
    *value = first;
    ++*at;
    if (first < 20) return true;
    const int32_t unit = is_sign(&tokens[*at], '-') ? *at + 1 : *at;
    const int second = small_number(&tokens[unit]);
    if (second < 1 || second > 9) return true;
    *value += second;
    *at = unit + 1;
    return true;
}

static bool below_thousand(const Token *tokens, int32_t *at, int64_t *value)
{
    int64_t rest;
    const bool article = math_word_among(&tokens[*at], " a ") && math_word_among(&tokens[*at + 1], " hundred ");
    if (article) {
        *value = 1;
        ++*at;
    } else if (!below_hundred(tokens, at, value)) {
        return false;
    }
    if (!math_word_among(&tokens[*at], " hundred ")) return true;
    *value *= 100;
    int32_t after = ++*at;
    if (math_word_among(&tokens[after], " and ")) after++;
    if (tokens[after].kind != TOKEN_END && below_hundred(tokens, &after, &rest)) {
        *value += rest;
        *at = after;
    }
    return true;
}

bool math_word_number(const Tokens *tokens, int32_t at, int32_t *next, int64_t *num, int64_t *den)
{
    const Token *const t = tokens->at;
    *den = 1;
    bool negative = false;
    if (math_word_among(&t[at], " minus negative ")) {
        negative = true;
        at++;
    }
    if (math_word_among(&t[at], " half ")) {
        *num = 1;
        *den = 2;
        at++;
    } else if (math_word_among(&t[at], " a ") && look_up(&t[at + 1], parts, sizeof parts / sizeof *parts) > 0) {
        *num = 1;
        *den = look_up(&t[at + 1], parts, sizeof parts / sizeof *parts);
        at += 2;
    } else {
        if (!below_thousand(t, &at, num)) return false;
        if (math_word_among(&t[at], " thousand ")) {
            int64_t rest;
            *num *= 1000;
            at++;
            if (below_thousand(t, &at, &rest)) *num += rest;
        } else if (math_word_among(&t[at], " million ")) {
            *num *= 1000000;
            at++;
        }
        const int32_t part = is_sign(&t[at], '-') ? at + 1 : at;
        const int divisor = look_up(&t[part], parts, sizeof parts / sizeof *parts);
        if (divisor > 0) {
            *den = divisor;
            at = part + 1;
        }
    }
    if (negative) *num = -*num;
    *next = at;
    return true;
}

/* ---- units ---- */

typedef struct Unit {
    const char *names; /* every spelling, a space at both ends; lower case unless exact */
    const char *canonical;
    char dimension; /* 0: converts into nothing */
    int64_t num, den;
} Unit;

static const Unit units[] = {
    {" mm millimeter millimeters millimetre millimetres ", "mm", 'l', 1, 1000},
    {" cm centimeter centimeters centimetre centimetres ", "cm", 'l', 1, 100},
    {" dm decimeter decimeters decimetre decimetres ", "dm", 'l', 1, 10},
    {" m meter meters metre metres ", "m", 'l', 1, 1},
    {" km kilometer kilometers kilometre kilometres ", "km", 'l', 1000, 1},
    {" inch inches ", "in", 'l', 254, 10000},
    {" ft foot feet ", "ft", 'l', 3048, 10000},
    {" yd yard yards ", "yd", 'l', 9144, 10000},
    {" mi mile miles ", "mi", 'l', 1609344, 1000},
    {" mg milligram milligrams ", "mg", 'm', 1, 1000000},
    {" g gram grams ", "g", 'm', 1, 1000},
    {" kg kilogram kilograms kilo kilos ", "kg", 'm', 1, 1},
    {" tonne tonnes ton tons ", "t", 0, 1, 1},
    {" lb lbs pound ", "lb", 0, 1, 1},
    {" oz ounce ounces ", "oz", 0, 1, 1},
    {" ms millisecond milliseconds ", "ms", 't', 1, 1000},
    {" s sec secs second seconds ", "s", 't', 1, 1},
    {" min mins minute minutes ", "min", 't', 60, 1},
    {" h hr hrs hour hours ", "h", 't', 3600, 1},
    {" day days ", "day", 't', 86400, 1},
    {" week weeks ", "week", 't', 604800, 1},
    {" month months ", "month", 0, 1, 1},
    {" yr yrs year years ", "year", 0, 1, 1},
    {" ml milliliter milliliters millilitre millilitres ", "mL", 'v', 1, 1000},
    {" l liter liters litre litres ", "L", 'v', 1, 1},
    {" dollar dollars usd buck bucks ", "dollar", 'c', 1, 1},
    {" cent cents ", "cent", 'c', 1, 100},
    {" euro euros eur ", "euro", 0, 1, 1},
    {" pounds gbp quid ", "pounds", 0, 1, 1},
    {" yen jpy ", "yen", 0, 1, 1},
    {" rupee rupees ", "rupee", 0, 1, 1},
    {" rad radian radians ", "rad", 0, 1, 1},
    {" newton newtons ", "N", 0, 1, 1},
    {" joule joules ", "J", 0, 1, 1},
    {" watt watts ", "W", 0, 1, 1},
    {" volt volts ", "V", 0, 1, 1},
    {" amp amps ampere amperes ", "A", 0, 1, 1},
    {" ohm ohms ", "ohm", 0, 1, 1},
    {" hz hertz ", "Hz", 0, 1, 1},
    {" pa pascal pascals ", "Pa", 0, 1, 1},
    {" mol mole moles ", "mol", 0, 1, 1},
    {" celsius ", "degC", 0, 1, 1},
    {" fahrenheit ", "degF", 0, 1, 1},
    {" unit units ", "unit", 0, 1, 1},
    {" mph ", "mi*h^-1", 0, 1, 1},
    {" kmh kph ", "km*h^-1", 0, 1, 1},
};
/* Letters whose case tells units apart from symbols or from each other. */
static const Unit exact_units[] = {
    {" N ", "N", 0, 1, 1},   {" J ", "J", 0, 1, 1},   {" W ", "W", 0, 1, 1},   {" V ", "V", 0, 1, 1},
    {" Hz ", "Hz", 0, 1, 1}, {" Pa ", "Pa", 0, 1, 1}, {" L ", "L", 'v', 1, 1},
};

static bool among_exact(const char *run, size_t length, const char *names)
{
    for (const char *w = names + 1; *w;) {
        const char *const end = strchr(w, ' ');
        if ((size_t)(end - w) == length && memcmp(run, w, length) == 0) return true;
        w = end + 1;
    }
    return false;
}

static const Unit *find_unit(const char *run, size_t length)
{
    for (size_t i = 0; i < sizeof exact_units / sizeof *exact_units; i++)
        if (among_exact(run, length, exact_units[i].names)) return &exact_units[i];
    if (length == 1 && run[0] >= 'A' && run[0] <= 'Z') return NULL;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (lower(run[0]) == units[i].names[1] || strchr(units[i].names, lower(run[0])) != NULL)
            if (among(run, length, units[i].names)) return &units[i];
    return NULL;
}

bool math_is_currency(const Token *t)
{
    return t->in_text ? math_word_among(t, " dollars euros pounds yen cents usd eur gbp ")
                      : math_word_among(t, " usd eur gbp ");
}

enum { MAX_FACTORS = 6, MAX_UNIT_BYTES = 96 };

typedef struct Factor {
    const char *name;
    int exponent;
} Factor;

typedef struct UnitReader {
    const Token *t;
    int32_t at, end;
    Factor factors[MAX_FACTORS];
    int n;
} UnitReader;

static bool add_factor(UnitReader *u, const char *name, int exponent)
{
    for (int i = 0; i < u->n; i++)
        if (strcmp(u->factors[i].name, name) == 0) {
            u->factors[i].exponent += exponent;
            return true;
        }
    if (u->n == MAX_FACTORS) return false;
    int i = u->n++;
    for (; i > 0 && strcmp(u->factors[i - 1].name, name) > 0; i--) u->factors[i] = u->factors[i - 1];
    u->factors[i] = (Factor){name, exponent};
    return true;
}

/* ^2, ^{2}, ^{-1}; *exponent is multiplied by it. */
static bool read_exponent(UnitReader *u, int *exponent)
{
    if (u->at >= u->end || !is_sign(&u->t[u->at], '^')) return true;
    u->at++;
    const bool braced = is_sign(&u->t[u->at], '{');
    u->at += braced;
    const bool negative = is_sign(&u->t[u->at], '-');
    u->at += negative;
    const Token *const t = &u->t[u->at];
    if (t->kind != TOKEN_NUMBER || t->length != 1) return false;
    *exponent *= negative ? -(t->text[0] - '0') : t->text[0] - '0';
    u->at++;
    if (braced && !is_sign(&u->t[u->at++], '}')) return false;
    return u->at <= u->end;
}

static bool read_factor(UnitReader *u, int sign)
{
    int exponent = sign;
    if (math_word_among(&u->t[u->at], " square sq ")) {
        exponent *= 2;
        u->at++;
        if (u->at < u->end && is_sign(&u->t[u->at], '.')) u->at++;
    } else if (math_word_among(&u->t[u->at], " cubic cu ")) {
        exponent *= 3;
        u->at++;
        if (u->at < u->end && is_sign(&u->t[u->at], '.')) u->at++;
    }
    if (u->at >= u->end || u->t[u->at].kind != TOKEN_LETTERS) return false;
    const Unit *const unit = find_unit(u->t[u->at].text, (size_t)u->t[u->at].length);
    if (!unit) return false;
    u->at++;
    if (u->at < u->end && math_word_among(&u->t[u->at], " squared ")) exponent *= 2, u->at++;
    if (u->at < u->end && math_word_among(&u->t[u->at], " cubed ")) exponent *= 3, u->at++;
    if (!read_exponent(u, &exponent)) return false;
    if (strcmp(unit->canonical, "mi*h^-1") == 0) return add_factor(u, "mi", sign) && add_factor(u, "h", -sign);
    if (strcmp(unit->canonical, "km*h^-1") == 0) return add_factor(u, "km", sign) && add_factor(u, "h", -sign);
    return add_factor(u, unit->canonical, exponent);
}

static bool read_known(UnitReader *u)
{
    int sign = 1;
    if (!read_factor(u, sign)) return false;
    while (u->at < u->end) {
        const Token *const t = &u->t[u->at];
        if (is_sign(t, '/') || math_word_among(t, " per ")) {
            sign = -1;
            u->at++;
        } else if (is_sign(t, '*') || (t->kind == TOKEN_COMMAND && t->length == 4 && memcmp(t->text, "cdot", 4) == 0)) {
            u->at++;
        } else if (is_sign(t, '.') && u->at + 1 == u->end) { /* "min." */
            u->at++;
            break;
        }
        if (u->at >= u->end || !read_factor(u, sign)) return false;
    }
    return true;
}

static bool keep_unit(MathPool *pool, const char *text, size_t length, const char **unit, int32_t *n_unit)
{
    char *const kept = math_text(pool, length);
    if (!kept) return false;
    memcpy(kept, text, length);
    *unit = kept;
    *n_unit = (int32_t)length;
    return true;
}

/* Things that are counted: at most three words, none of which could turn the meaning. */
static bool read_counted(MathPool *pool, const Token *t, int32_t at, int32_t end, const char **unit, int32_t *n_unit)
{
    char text[MAX_UNIT_BYTES] = "#";
    size_t n = 1;
    if (end - at > 3 || end <= at) return false;
    for (; at < end; at++) {
        size_t length = (size_t)t[at].length;
        if (t[at].kind != TOKEN_LETTERS || !math_is_wordy(t[at].text, length) || length < 3) return false;
        if (math_word_among(&t[at],
                            " is are not nor and but was were wrong incorrect never maybe than less more about or "
                            "except plus minus times half third dozen hundred thousand million billion trillion "
                            "percent degrees no yes false true import you the root squared cubed mod modulo "
                            "divided over approximately around nearly almost roughly approx choose most least "
                            "points factorial "))
            return false;
        if (length > 3 && lower(t[at].text[length - 1]) == 's') length--;
        if (n + length + 1 >= sizeof text) return false;
        if (n > 1) text[n++] = ' ';
        for (size_t i = 0; i < length; i++) text[n++] = lower(t[at].text[i]);
    }
    return keep_unit(pool, text, n, unit, n_unit);
}

bool math_unit(MathPool *pool, const Tokens *tokens, int32_t at, int32_t end, const char **unit, int32_t *n_unit)
{
    UnitReader u = {.t = tokens->at, .at = at, .end = end};
    if (at >= end) return false;
    if (!read_known(&u)) return read_counted(pool, tokens->at, at, end, unit, n_unit);
    char text[MAX_UNIT_BYTES];
    size_t n = 0;
    for (int i = 0; i < u.n && n < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, u.factors[i].exponent == 1 ? "%s%s" : "%s%s^%d",
                              n > 0 ? "*" : "", u.factors[i].name, u.factors[i].exponent);
    return n < sizeof text && keep_unit(pool, text, n, unit, n_unit);
}

static const Unit *of_canonical(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].canonical) == length && memcmp(units[i].canonical, name, length) == 0) return &units[i];
    return NULL;
}

bool math_unit_ratio(const char *a, size_t n_a, const char *b, size_t n_b, int64_t *num, int64_t *den)
{
    const Unit *const of_a = of_canonical(a, n_a), *const of_b = of_canonical(b, n_b);
    if (!of_a || !of_b || !of_a->dimension || of_a->dimension != of_b->dimension) return false;
    *num = of_a->num * of_b->den;
    *den = of_a->den * of_b->num;
    return true;
}

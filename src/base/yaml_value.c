/* SPDX-License-Identifier: MIT */
/* base/yaml_value.c: scalars as numbers, truth values and texts, by rules that leave no doubt about what was meant: `yes` is
 * no truth value, 5 is no text, 0.1 is no integer. */
#include "base/yaml.h"

#include "base/arena.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX_LENGTH = 63 };

/* Copies a number without the underscores between its digits; false when it is too long or one stands elsewhere. */
static bool plain_number(const char *text, char number[NUMBER_MAX_LENGTH + 1])
{
    size_t n = 0;
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '_') {
            if (i == 0 || !isdigit((unsigned char)text[i - 1]) || !isdigit((unsigned char)text[i + 1])) return false;
            continue;
        }
        if (n == NUMBER_MAX_LENGTH) return false;
        number[n++] = text[i];
    }
    number[n] = 0;
    return n > 0;
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent: no hex, no "inf", no spaces. */
static bool is_decimal(const char *p)
{
    if (*p == '+' || *p == '-') p++;
    int n_digits = 0;
    for (; isdigit((unsigned char)*p); p++) n_digits++;
    if (*p == '.') p++;
    for (; isdigit((unsigned char)*p); p++) n_digits++;
    if (n_digits == 0) return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-') p++;
        if (!isdigit((unsigned char)*p)) return false;
        while (isdigit((unsigned char)*p)) p++;
    }
    return *p == 0;
}

static bool parse_double(const char *text, double *value)
{
    char number[NUMBER_MAX_LENGTH + 1];
    if (strcmp(text, ".inf") == 0 || strcmp(text, "+.inf") == 0) return *value = (double)INFINITY, true;
    if (strcmp(text, "-.inf") == 0) return *value = -(double)INFINITY, true;
    if (!plain_number(text, number) || !is_decimal(number)) return false;
    *value = strtod(number, NULL);
    return true;
}

static bool parse_int(const char *text, int64_t *value)
{
    char number[NUMBER_MAX_LENGTH + 1];
    if (!plain_number(text, number) || !is_decimal(number)) return false;
    char *end;
    errno = 0;
    *value = strtoll(number, &end, 10);
    if (*end == 0) return errno == 0;
    const double real = strtod(number, NULL); /* 1e6, 2.5e3, 64.0 */
    if (real != rint(real) || fabs(real) > 0x1p53) return false;
    *value = (int64_t)real;
    return true;
}

static bool parse_bool(const char *text, bool *value)
{
    static const char *const words[2][3] = {{"false", "False", "FALSE"}, {"true", "True", "TRUE"}};
    for (int truth = 0; truth < 2; truth++)
        for (int i = 0; i < 3; i++)
            if (strcmp(text, words[truth][i]) == 0) {
                *value = truth == 1;
                return true;
            }
    return false;
}

static bool is_plain_scalar(const YamlNode *node)
{
    return node && node->kind == YAML_SCALAR && !node->quoted;
}

static const char *describe(const YamlNode *node, char buffer[96])
{
    double number;
    bool truth;
    if (!node || node->kind == YAML_NULL) return "nothing";
    if (node->kind == YAML_LIST) return "a list";
    if (node->kind == YAML_MAP) return "a map";
    const char *const what = node->quoted                        ? "the text"
                             : parse_double(node->text, &number) ? "the number"
                             : parse_bool(node->text, &truth)    ? "the truth value"
                                                                 : "the text";
    const int length = (int)strcspn(node->text, "\n");
    snprintf(buffer, 96, "%s %s%.*s%s%s", what, node->quoted ? "\"" : "", length > 60 ? 60 : length, node->text,
             length > 60 || node->text[length] ? "..." : "", node->quoted ? "\"" : "");
    return buffer;
}

static bool expected(const YamlDocument *document, const YamlNode *node, Error *err, const char *what)
{
    char found[96];
    return yaml_error(document, node, err, "expected %s, found %s", what, describe(node, found));
}

bool yaml_as_int(const YamlDocument *document, const YamlNode *node, int64_t low, int64_t high, int64_t *value,
                 Error *err)
{
    char what[96];
    int64_t found;
    if (is_plain_scalar(node) && parse_int(node->text, &found) && found >= low && found <= high) {
        *value = found;
        return true;
    }
    if (low == INT64_MIN && high == INT64_MAX)
        snprintf(what, sizeof what, "an integer");
    else if (high == INT64_MAX)
        snprintf(what, sizeof what, "an integer of %" PRId64 " or more", low);
    else
        snprintf(what, sizeof what, "an integer from %" PRId64 " to %" PRId64, low, high);
    return expected(document, node, err, what);
}

bool yaml_as_double(const YamlDocument *document, const YamlNode *node, double low, double high, double *value,
                    Error *err)
{
    char what[96];
    double found;
    if (is_plain_scalar(node) && parse_double(node->text, &found) && found >= low && found <= high) {
        *value = found;
        return true;
    }
    if (isinf(low) && isinf(high))
        snprintf(what, sizeof what, "a number");
    else if (isinf(high))
        snprintf(what, sizeof what, "a number of %g or more", low);
    else
        snprintf(what, sizeof what, "a number from %g to %g", low, high);
    return expected(document, node, err, what);
}

bool yaml_as_bool(const YamlDocument *document, const YamlNode *node, bool *value, Error *err)
{
    if (is_plain_scalar(node) && parse_bool(node->text, value)) return true;
    return expected(document, node, err, "true or false");
}

bool yaml_as_string(const YamlDocument *document, const YamlNode *node, const char **value, Error *err)
{
    double number;
    bool truth;
    if (!node || node->kind != YAML_SCALAR) return expected(document, node, err, "a text");
    if (!node->quoted && (parse_double(node->text, &number) || parse_bool(node->text, &truth)))
        return expected(document, node, err, "a text (put it in quotes)");
    *value = node->text;
    return true;
}

/* ---- did you mean ---- */

enum { NEAREST_MAX_LENGTH = 63 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that lead from a to b (optimal string alignment); upper and
 * lower case and '-' and '_' count as the same. */
static int edit_distance(const char *a, const char *b)
{
    const size_t n_a = strlen(a), n_b = strlen(b);
    if (n_a > NEAREST_MAX_LENGTH || n_b > NEAREST_MAX_LENGTH) return NEAREST_MAX_LENGTH;
    int rows[3][NEAREST_MAX_LENGTH + 1]; /* of the two prefixes before and the one in hand */
    int *before = rows[0], *last = rows[1], *row = rows[2];
    char folded_a[NEAREST_MAX_LENGTH + 1], folded_b[NEAREST_MAX_LENGTH + 1];
    for (size_t i = 0; i <= n_a; i++) folded_a[i] = a[i] == '-' ? '_' : (char)tolower((unsigned char)a[i]);
    for (size_t j = 0; j <= n_b; j++) folded_b[j] = b[j] == '-' ? '_' : (char)tolower((unsigned char)b[j]);
    for (size_t j = 0; j <= n_b; j++) row[j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int *const oldest = before;
        before = last;
        last = row;
        row = oldest;
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = smaller(smaller(last[j], row[j - 1]) + 1, last[j - 1] + (folded_a[i - 1] != folded_b[j - 1]));
            if (i > 1 && j > 1 && folded_a[i - 1] == folded_b[j - 2] && folded_a[i - 2] == folded_b[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return row[n_b];
}

const char *yaml_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    int best = 1 + (int)(strlen(word) / 3); /* near: at most one mistake, and one more for every three letters */
    if (best > (int)strlen(word) || strlen(word) > NEAREST_MAX_LENGTH) best = 0;
    for (; *names; names++) {
        const int distance = edit_distance(word, *names);
        if (distance < best || (distance == best && !nearest)) {
            best = distance;
            nearest = *names;
        }
    }
    return nearest;
}

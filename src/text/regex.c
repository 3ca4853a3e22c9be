/* SPDX-License-Identifier: MIT */
#include "text/regex.h"

#include "base/arena.h"
#include "text/unicode.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <string.h>

/* A pattern is a line or two; a compiled megabyte is somebody's attack. */
enum { MAX_PATTERN_BYTES = 65536, JIT_STACK_FIRST_BYTES = 32 << 10, JIT_STACK_MOST_BYTES = 64 << 20 };

typedef struct Compiled {
    pcre2_code *code;
    bool has_jit;
} Compiled;

struct Regex {
    Compiled plain, newer; /* newer.code is NULL when the pattern names no category that has newer characters */
};

struct RegexScratch {
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack; /* made when the machine stack was too small for the JIT once */
    bool newer;             /* the text in hand holds characters that PCRE2 may not know */
};

static bool set_pattern_error(Error *err, int code, size_t offset)
{
    PCRE2_UCHAR text[160];
    pcre2_get_error_message(code, text, sizeof text);
    return error_set(err, ERROR_INPUT, "bad regular expression near byte %zu: %s", offset, (const char *)text);
}

static bool compile(Compiled *compiled, const char *translated, size_t length, Error *err)
{
    pcre2_compile_context *const context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int code = 0;
    size_t offset = 0;
    /* Oniguruma's ^ and $ always look at lines. \C could stop inside of a character. */
    compiled->code =
        pcre2_compile((PCRE2_SPTR)translated, length, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                      &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!compiled->code) return set_pattern_error(err, code, offset);
    compiled->has_jit = pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE) == 0;
    return true;
}

bool regex_compile(Regex **regex, const char *pattern, size_t length, Error *err)
{
    *regex = NULL;
    if (length > MAX_PATTERN_BYTES)
        return error_set(err, ERROR_INPUT, "a regular expression of %zu bytes; at most %d are read", length,
                         MAX_PATTERN_BYTES);
    char *plain = NULL, *newer = NULL;
    size_t plain_length, newer_length;
    Regex *const r = base_alloc(1, sizeof *r);
    bool ok = regex_translate(pattern, length, false, &plain, &plain_length, err) &&
              compile(&r->plain, plain, plain_length, err) &&
              regex_translate(pattern, length, true, &newer, &newer_length, err);
    if (ok && (newer_length != plain_length || memcmp(newer, plain, plain_length) != 0))
        ok = compile(&r->newer, newer, newer_length, err);
    base_free(plain);
    base_free(newer);
    if (ok)
        *regex = r;
    else
        regex_free(r);
    return ok;
}

bool regex_is_script(const char *name, size_t length)
{
    if (length < 3 || length > 60) return false;
    char *const pattern = base_printf("\\p{sc:%.*s}", (int)length, name);
    int code;
    size_t offset;
    pcre2_code *const compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &offset, NULL);
    base_free(pattern);
    pcre2_code_free(compiled);
    return compiled != NULL;
}

void regex_free(Regex *regex)
{
    if (!regex) return;
    pcre2_code_free(regex->plain.code);
    pcre2_code_free(regex->newer.code);
    base_free(regex);
}

RegexScratch *regex_scratch_create(void)
{
    RegexScratch *const scratch = base_alloc(1, sizeof *scratch);
    scratch->match = pcre2_match_data_create(1, NULL);
    scratch->context = pcre2_match_context_create(NULL);
    return scratch;
}

void regex_scratch_free(RegexScratch *scratch)
{
    if (!scratch) return;
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    base_free(scratch);
}

static int match_once(const Compiled *regex, RegexScratch *scratch, const char *text, size_t length, size_t start)
{
    if (!regex->has_jit)
        return pcre2_match(regex->code, (PCRE2_SPTR)text, length, start, PCRE2_NO_UTF_CHECK, scratch->match,
                           scratch->context);
    int rc = pcre2_jit_match(regex->code, (PCRE2_SPTR)text, length, start, PCRE2_NO_UTF_CHECK, scratch->match,
                             scratch->context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT && !scratch->stack) {
        scratch->stack = pcre2_jit_stack_create(JIT_STACK_FIRST_BYTES, JIT_STACK_MOST_BYTES, NULL);
        pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
        rc = pcre2_jit_match(regex->code, (PCRE2_SPTR)text, length, start, PCRE2_NO_UTF_CHECK, scratch->match,
                             scratch->context);
    }
    return rc;
}

static bool is_newer(uint32_t code_point)
{
    int low = 0, high = unicode_n_newer;
    while (low < high) { /* the first range that ends at or after it */
        const int middle = (low + high) / 2;
        if (unicode_newer[middle].last < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return low < unicode_n_newer && unicode_newer[low].first <= code_point;
}

void regex_scratch_look(RegexScratch *scratch, const char *text, size_t length)
{
    scratch->newer = false;
    for (size_t at = 0; at < length && !scratch->newer;) {
        int step = 1;
        if ((unsigned char)text[at] >= 0x80) scratch->newer = is_newer(unicode_decode(text + at, &step));
        at += (size_t)step;
    }
}

bool regex_find(const Regex *regex, RegexScratch *scratch, const char *text, size_t length, size_t start, bool *found,
                size_t *begin, size_t *end, Error *err)
{
    /* Room for a few passes over the whole text; a pattern that explodes is stopped. */
    const size_t steps = 10000000 + 16 * length;
    pcre2_set_match_limit(scratch->context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
    const Compiled *const compiled = scratch->newer && regex->newer.code ? &regex->newer : &regex->plain;
    const int rc = match_once(compiled, scratch, text, length, start);
    *found = rc >= 0;
    if (rc == PCRE2_ERROR_NOMATCH) return true;
    if (rc < 0) {
        PCRE2_UCHAR what[160];
        pcre2_get_error_message(rc, what, sizeof what);
        return error_set(err, ERROR_INPUT, "the split pattern fails at byte %zu of the text: %s", start,
                         (const char *)what);
    }
    const PCRE2_SIZE *const span = pcre2_get_ovector_pointer(scratch->match);
    *begin = span[0];
    *end = span[1];
    if (*begin < start || *end < *begin) /* \K can say so */
        return error_set(err, ERROR_INPUT, "the split pattern matches backwards at byte %zu of the text", start);
    return true;
}

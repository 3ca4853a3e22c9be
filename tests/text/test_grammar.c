/* SPDX-License-Identifier: MIT */
/* What a grammar matches, what it allows next, and where it says that something is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/philox.h"
#include "text/grammar.h"

#include <stdio.h>
#include <string.h>

static Grammar *parse(const char *text)
{
    Grammar *g;
    Error err = {0};
    if (!grammar_parse(&g, text, strlen(text), "g", &err)) fail_msg("%s\n%s", text, err.text);
    return g;
}

static bool matches(Grammar *g, const char *text)
{
    bool yes;
    Error err = {0};
    if (!grammar_matches(g, text, strlen(text), &yes, &err)) fail_msg("%s: %s", text, err.text);
    return yes;
}

/* ---- what it matches ---- */

typedef struct Case {
    const char *grammar, *yes[8], *no[8];
} Case;

#define JSON                                                                                                           \
    "root ::= object\n"                                                                                                \
    "value ::= object | array | string | number | (\"true\" | \"false\" | \"null\") ws\n"                              \
    "object ::= \"{\" ws ( string \":\" ws value (\",\" ws string \":\" ws value)* )? \"}\" ws\n"                      \
    "array ::= \"[\" ws ( value (\",\" ws value)* )? \"]\" ws\n"                                                       \
    "string ::= \"\\\"\" ( [^\"\\\\\\x7F\\x00-\\x1F] | \"\\\\\" ([\"\\\\bfnrt] | \"u\" [0-9a-fA-F]{4}) )* \"\\\"\" "   \
    "ws\n"                                                                                                             \
    "number ::= (\"-\"? ([0-9] | [1-9] [0-9]{0,15})) (\".\" [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws\n"             \
    "ws ::= | \" \" | \"\\n\" [ \\t]{0,20}\n"

static const Case CASES[] = {
    {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "yesno", "nope"}},
    {"root ::= [a-c]+", {"a", "abcabc"}, {"", "d", "abd"}},
    {"root ::= [^a-c\\n]*",
     {"", "xyz", "\xc3\xb6\xe2\x82\xac\xf0\x9f\x98\x80"},
     {"a", "xb", "\n", "\xc3", "\xff", "\xed\xa0\x80", "\xc0\x80"}},
    {"root ::= .", {"a", "\n", "\xc3\xb6", "\xf4\x8f\xbf\xbf"}, {"", "ab", "\xf4\x90\x80\x80", "\xe0\x80\x80"}},
    {"root ::= [\\u00e4-\\u00fc\\U0001F600-\\U0001F64F]",
     {"\xc3\xa4", "\xc3\xbc", "\xf0\x9f\x98\x80"},
     {"\xc3\xa3", "\xc3\xbd", "\xf0\x9f\x99\x90"}},
    {"root ::= \"\\x41\\u00f6\\n\\\"\\\\\"", {"A\xc3\xb6\n\"\\"}, {"A"}},
    {"root ::= \"ab\"{2}", {"abab"}, {"ab", "ababab", "abb"}},
    {"root ::= \"a\"{2,}", {"aa", "aaaaa"}, {"a", ""}},
    {"root ::= \"a\"{1,3} \"b\"", {"ab", "aaab"}, {"b", "aaaab"}},
    {"root ::= \"a\"{,2}", {"", "a", "aa"}, {"aaa"}},
    {"root ::= \"a\"{0}", {""}, {"a"}},
    {"root ::= (\"a\" | \"b\" \"c\"?)* \"d\"", {"d", "abbcad"}, {"c", "acd", "ab"}},
    {"root ::= a # first\n # more\n\na ::= (\n \"x\"\n | \"y\" ) |\n \"z\"", {"x", "y", "z"}, {"", "w"}},
    {"root ::= \"(\" root \")\" | \"\"", {"", "()", "((()))"}, {"(", ")", "(()"}},
    {"root ::= \"a\" root | \"b\"", {"b", "aaab"}, {"a", "ba"}},
    {"root ::= ((\"a\"?)*)* \"b\"", {"b", "aaab"}, {"a", ""}},
    {"root ::= \"\"", {""}, {"a"}},
    {"root ::= [a-] [\\-\\]x]", {"a-", "-]", "ax"}, {"aa"}},
    {"root ::= x-1 y\nx-1 ::= \"1\"\ny ::= x-1*", {"1", "111"}, {"", "2"}},
    {JSON,
     {"{}", "{\"a\":1}", "{\"a\": [1, 2.5e3, {\"b\":null}], \"c\":\"\\u00e4\\n\xc3\xb6\"}", "{\n  \"x\":true}"},
     {"", "[]", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{\"a\":\"\n\"}", "{\"a\":01}"}},
};

static void texts_match_as_they_should(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        Grammar *g = parse(CASES[c].grammar);
        for (int i = 0; i < 8 && CASES[c].yes[i]; i++)
            if (!matches(g, CASES[c].yes[i])) fail_msg("%s: refuses \"%s\"", CASES[c].grammar, CASES[c].yes[i]);
        for (int i = 0; i < 8 && CASES[c].no[i]; i++)
            if (matches(g, CASES[c].no[i])) fail_msg("%s: takes \"%s\"", CASES[c].grammar, CASES[c].no[i]);
        grammar_free(g);
    }
}

/* ---- what it allows ---- */

enum { V = 700 };

typedef struct Vocabulary {
    char pool[V * 8];
    int64_t offsets[V + 1];
    TokenBytes bytes;
} Vocabulary;

/* All bytes, then pieces of up to six characters that JSON texts are made of, some of them twice, some without bytes. */
static void vocabulary_create(Vocabulary *v)
{
    static const char *const pieces[] = {"\"", "{",  "}",   "[", "]",    ":",    ",",        " ",       "\n",
                                         "a",  "b",  "1",   "0", ".",    "e",    "-",        "\\",      "u",
                                         "tr", "ue", "nul", "l", "\xc3", "\xb6", "\xc3\xb6", "\xf0\x9f"};
    int64_t at = 0;
    for (int id = 0; id < V; id++) {
        v->offsets[id] = at;
        if (id < 256) {
            v->pool[at++] = (char)id;
        } else if (id % 50 != 0) {
            const uint64_t bits = rng_bits((Rng){4, RNG_TEST}, 0, 0, (uint64_t)(id % 97 == 0 ? id - 1 : id));
            for (uint64_t n = 0; n < 1 + bits % 3; n++) {
                const char *const piece = pieces[(bits >> (8 + 8 * n)) % (sizeof pieces / sizeof *pieces)];
                memcpy(v->pool + at, piece, strlen(piece));
                at += (int64_t)strlen(piece);
            }
        }
    }
    v->offsets[V] = at;
    v->bytes = (TokenBytes){v->pool, v->offsets, V};
}

static bool is_allowed(const GrammarMask *mask, int64_t id)
{
    return mask->bits[id / 32] >> (id % 32) & 1;
}

/* A walk of random allowed tokens: at each step the mask is that of trying every id alone. */
static void a_mask_is_what_each_token_alone_would_be(void **state)
{
    (void)state;
    enum { STOP = 300, STEPS = 60 };
    static Vocabulary v;
    vocabulary_create(&v);
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        Grammar *g = parse(CASES[c].grammar);
        grammar_bind(g, &v.bytes, &(int32_t){STOP}, 1);
        for (uint64_t seed = 0; seed < 5; seed++) {
            GrammarState at = GRAMMAR_START;
            char text[STEPS * 8 + 1] = "";
            for (int step = 0; step < STEPS; step++) {
                GrammarMask mask;
                Error err = {0};
                int64_t n = 0;
                assert_true(grammar_allowed(g, at, &mask, &err));
                for (int32_t id = 0; id < V; id++) {
                    size_t length;
                    const char *const bytes = token_bytes_get(&v.bytes, id, &length);
                    GrammarState next = at;
                    assert_true(grammar_advance(g, &next, bytes, length, &err));
                    const bool want = id == STOP ? grammar_may_end(g, at) : length > 0 && next != GRAMMAR_DEAD;
                    if (want != is_allowed(&mask, id))
                        fail_msg("%s behind \"%s\": id %d", CASES[c].grammar, text, (int)id);
                    n += want;
                }
                assert_int_equal(n, mask.n_allowed);
                if (n == 0) break;
                int64_t pick = (int64_t)(rng_bits((Rng){seed, RNG_TEST}, 1, 0, (uint64_t)step) % (uint64_t)n);
                int32_t id = 0;
                while (!is_allowed(&mask, id) || pick-- > 0) id++;
                if (id == STOP) {
                    assert_true(matches(g, text));
                    break;
                }
                size_t length;
                const char *const bytes = token_bytes_get(&v.bytes, id, &length);
                assert_true(grammar_advance(g, &at, bytes, length, &err));
                strncat(text, bytes, length);
                if (memchr(bytes, 0, length)) break; /* the text here ends at a NUL */
            }
        }
        grammar_free(g);
    }
}

/* ---- mistakes and budgets ---- */

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        {"", "g:1:1: there is no rule \"root\""},
        {"a ::= \"x\"", "there is no rule \"root\""},
        {"root ::= \"x\" b", "g:1:14: rule \"b\" is used here and defined nowhere"},
        {"root ::= \"x\"\n  root ::= \"y\"", "g:2:3: rule \"root\" is defined again; it was on line 1"},
        {"root ::= \"abc", "g:1:14: the text in \" is not closed"},
        {"root ::= [abc", "the class in [ is not closed"},
        {"root ::= [z-a]", "runs backwards"},
        {"root ::= []", "no character is in this class"},
        {"root ::= [^\\x00-\\U0010FFFF]", "no character is in this class"},
        {"root ::= (\"a\"", "g:1:14: expected ) or |"},
        {"root ::= \"a\")", "g:1:13: expected the end of the rule's line"},
        {"root = \"a\"", "g:1:6: expected ::="},
        {"::= \"a\"", "g:1:1: expected the name of a rule"},
        {"root ::= *", "g:1:10: nothing stands before this"},
        {"root ::= \"a\"{2,1}", "run backwards"},
        {"root ::= \"a\"{x}", "expected a number in {}"},
        {"root ::= \"a\"{1000000}", "more than 100000 repetitions"},
        {"root ::= \"\\q\"", "unknown escape"},
        {"root ::= \"\\uD800\"", "no character has this number"},
        {"root ::= \"\\xg0\"", "expected two hex digits"},
        {"root ::= \"\xff\"", "this is not UTF-8"},
        {"root ::= root \"a\" | \"a\"", "g:1:10: left recursion: rule \"root\""},
        {"root ::= a\na ::= b? c\nb ::= \"x\"\nc ::= a \"y\" | \"z\"", "g:4:7: left recursion: rule \"c\""},
        {"root ::= (\"\" root) \"x\"", "left recursion"},
        {"root ::= \"a\"{0,100000} \"b\"{0,100000} \"c\"{0,100000}", "more than a million elements"},
        {"root ::= root", "g:1:1: no text is of this grammar"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        Grammar *g;
        Error err = {0};
        if (grammar_parse(&g, mistakes[i][0], strlen(mistakes[i][0]), "g", &err)) fail_msg("taken: %s", mistakes[i][0]);
        assert_null(g);
        assert_null(strchr(err.text, '\n'));
        if (!strstr(err.text, mistakes[i][1])) fail_msg("%s\n%s", mistakes[i][0], err.text);
    }
    char deep[1000] = "root ::= ";
    memset(deep + 9, '(', 900);
    Grammar *g;
    Error err = {0};
    assert_false(grammar_parse(&g, deep, strlen(deep), "g", &err));
    assert_non_null(strstr(err.text, "nested too deeply"));
}

/* Ways to read a^n double with each letter. */
static void an_exploding_grammar_ends_in_a_line(void **state)
{
    (void)state;
    Grammar *g = parse("root ::= \"a\" root \"b\" |\n  \"a\" root \"c\" | \"a\"");
    Error err = {0};
    char text[200];
    bool yes;
    memset(text, 'a', sizeof text);
    assert_false(grammar_matches(g, text, sizeof text, &yes, &err));
    assert_non_null(strstr(err.text, "g:"));
    assert_non_null(strstr(err.text, "ways"));
    grammar_free(g);
    /* One way to read it, however deep: no limit but the nodes. */
    g = parse("root ::= \"(\" root \")\" | \"\"");
    char *const nested = base_alloc(20001, 1);
    memset(nested, '(', 10000);
    memset(nested + 10000, ')', 10000);
    assert_true(matches(g, nested));
    base_free(nested);
    grammar_free(g);
}

/* What guesses are judged by says what masks say where a text has been, and makes no state where none has been. */
static void what_may_follow_is_what_masks_allow(void **state)
{
    (void)state;
    enum { N = 8 };
    static char pool[] = "abcabccaab";
    static int64_t offsets[N + 1] = {0, 1,  2,  3, 5,
                                     7, 10, 10, 10}; /* a b c ab cc aab, and two without bytes: 7 ends texts */
    static const int32_t stop = 7;
    const TokenBytes vocabulary = {pool, offsets, N};
    Error err = {0};
    Grammar *const g = parse("root ::= (\"a\" \"b\" \"c\"{1,2})* [ac]");
    grammar_bind(g, &vocabulary, &stop, 1);
    GrammarState at = GRAMMAR_START, ahead = GRAMMAR_START;
    GrammarMask mask, remembered;
    assert_true(grammar_may_follow(g, &ahead, 0)); /* never walked: all may come, and is not known */
    assert_int_equal(ahead, GRAMMAR_UNSEEN);
    assert_false(grammar_remembered_mask(g, ahead, &remembered));
    assert_true(grammar_may_follow(g, &ahead, 6));
    for (const char *text = "abcabccaabcc"; *text; text++) {
        assert_true(grammar_allowed(g, at, &mask, &err));
        assert_true(grammar_remembered_mask(g, at, &remembered) && remembered.bits == mask.bits);
        for (int32_t id = 0; id < N; id++) {
            GrammarState behind = at, want = at;
            const bool may = grammar_may_follow(g, &behind, id);
            if (may != (mask.bits[0] >> id & 1)) fail_msg("id %d before \"%s\"", (int)id, text);
            if (!may || id == stop) continue;
            assert_true(grammar_advance(g, &want, pool + offsets[id], (size_t)(offsets[id + 1] - offsets[id]), &err));
            assert_int_equal(behind, want);
        }
        if (!grammar_advance(g, &at, text, 1, &err) || at == GRAMMAR_DEAD) break;
    }
    grammar_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_follow_is_what_masks_allow),
        cmocka_unit_test(texts_match_as_they_should),
        cmocka_unit_test(a_mask_is_what_each_token_alone_would_be),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(an_exploding_grammar_ends_in_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

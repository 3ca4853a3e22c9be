/* SPDX-License-Identifier: MIT */
/* tests/reward/test_compare.c: answers against gold answers, and answers as votes. */
#include "base/philox.h"
#include "base/arena.h"
#include "reward/compare.h"
#include "reward/math_prove.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Verdict compare(const char *gold, const char *answer)
{
    return compare_answers(gold, strlen(gold), answer, strlen(answer), NULL);
}

typedef struct Case {
    const char *gold, *answer;
    int verdict;
} Case;

enum { NO = VERDICT_WRONG, YES = VERDICT_RIGHT, OPEN = VERDICT_UNDECIDED };

static const Case numbers[] = {
    {"42", "42", YES},
    {"42", " 42. ", YES},
    {"42", "+42", YES},
    {"42", "042", YES},
    {"42", "42.0", YES},
    {"42", "43", NO},
    {"-7",
     "\xe2\x88\x92"
     "7",
     YES},
    {"-7", "7", NO},
    {"0", "-0", YES},
    {"0.5", "1/2", YES},
    {"0.5", ".5", YES},
    {"1/2", "\\frac{1}{2}", YES},
    {"1/2", "\\dfrac{2}{4}", YES},
    {"1/2", "\\frac12", YES},
    {"-1/2", "-\\frac{1}{2}", YES},
    {"1/3", "0.333", NO},
    {"1/3", "0.\\overline{3}", YES},
    {"1/6", "0.1\\overline{6}", YES},
    {"1234", "1,234", YES},
    {"1234567", "1{,}234{,}567", YES},
    {"1234567", "1\\,234\\,567", YES},
    {"1234", "12,34", NO},
    {"1234", "1 234", YES},
    {"1/0", "2", OPEN},
    {"3", "$3$", YES},
    {"3", "\\(3\\)", YES},
    {"1500", "1.5e3", YES},
    {"1500", "1.5 \\times 10^3", YES},
    {"0.0015", "1.5 \\cdot 10^{-3}", YES},
    {"12", "twelve", YES},
    {"21", "twenty-one", YES},
    {"100", "one hundred", YES},
    {"105", "one hundred and five", YES},
    {"2/3", "two thirds", YES},
    {"12", "eleven", NO},
    {"3/2", "1\\frac{1}{2}", YES},
    {"3/2", "1 1/2", YES},
    {"3/2", "1\xc2\xbd", YES},
    {"-3/2", "-1\\frac{1}{2}", YES},
    {"7/3", "2\\frac13", YES},
    {"2/3", "2\\frac13", NO},
    {"50\\%", "50", YES},
    {"50\\%", "0.5", YES},
    {"50\\%", "1/2", YES},
    {"50\\%", "5", NO},
    {"0.5", "50 percent", YES},
    {"42", "\xd9\xa4\xd9\xa2", YES},         /* Arabic-Indic digits */
    {"42", "\xef\xbc\x94\xef\xbc\x92", YES}, /* fullwidth */
    {"8", "2\xc2\xb3", YES},                 /* a superscript */
    {"1011_2", "1011_{2}", YES},
    {"1011_2", "11", NO},
    {"1011_2", "1011", OPEN},
    {"1011_2", "13_8", NO},
    {"2A_{16}", "2a_{16}", YES},
    {"11_{10}", "11", YES},
    {"1011_2", "(1011)_2", YES},
    {"1234567", "1'234'567", YES},
    {"5", "= 5", YES},
    {"120", "5!", YES},
    {"10", "\\binom{5}{2}", YES},
    {"1024", "2^{10}", YES},
    {"999999999999999999", "999999999999999998", NO},
    {"9999999999999999999", "9999999999999999999", YES},
    {"9999999999999999999", "9999999999999999998", NO},
    {"100!", "9.33e157", NO},
    {"2^{100}", "1267650600228229401496703205376", YES},
};

static const Case extraction[] = {
    {"3", "\\boxed{3}", YES},
    {"3", "\\fbox{3}", YES},
    {"3", "\\boxed 3", YES},
    {"3", "first \\boxed{2}, no: \\boxed{3}", YES},
    {"2", "first \\boxed{2}, no: \\boxed{3}", NO},
    {"3", "<think>4</think><answer>3</answer>", YES},
    {"4", "<think>\\boxed{4}</think><answer>\\boxed{3}</answer>", NO},
    {"3", "<think>\\boxed{4}</think><answer>\\boxed{3}</answer>", YES},
    {"4", "<think>\\boxed{4}</think> I do not know.", NO},
    {"4", "<think>\\boxed{4}", NO},
    {"3", "<answer>4</answer><answer>3</answer>", YES},
    {"3", "unclosed \\boxed{3", NO},
    {"3", "\\boxed{3} and then \\boxed{4", YES},
    {"\\{1,2\\}", "\\boxed{\\{1, 2\\}}", YES},
    {"1/2", "\\boxed{\\frac{1}{2}}", YES},
    {"B", "The answer is (B).", YES},
    {"7", "I add. **Answer:** 7", YES},
    {"7", "So the result is **7**.", YES},
    {"7", "The answer is 7 because 3 + 4 = 7.", YES},
    {"7", "The final answer is $x = 7$.", YES},
    {"7", "The answer is 8. It is not 7.", NO},
    {"2", "", NO},
    {"2", "<answer> </answer>", NO},
    {"", "2", OPEN},
    {"5", "\\boxed{}", NO},
    {"5", "First x^2 = 4.\nThen x = 2, so 2 + 3 it is", NO},
};

static const Case kinds[] = {
    /* units */
    {"30 cm", "30", YES},
    {"30", "30 cm", YES},
    {"3 m", "3 cm", NO},
    {"3 m", "300 cm", OPEN},
    {"5\\text{ km/h}", "5 km/h", YES},
    {"5 km/h", "5 kilometers per hour", YES},
    {"12\\text{ cm}^2", "12 square centimeters", YES},
    {"12 cm^2", "12 cm^3", NO},
    {"$18.00", "18", YES},
    {"\\$18", "18 dollars", YES},
    {"\\$18", "18 cents", NO},
    {"5", "\\text{5 apples}", YES},
    {"5", "6 apples", NO},
    {"30", "30^\\circ", YES},
    {"30^\\circ", "\\frac{\\pi}{6}", YES},
    {"30^\\circ", "31 degrees", NO},
    /* choices and words */
    {"B", "\\text{(B)}", YES},
    {"B", "(b)", YES},
    {"B", "B)", YES},
    {"B", "C", NO},
    {"Tuesday", "tuesday", YES},
    {"New  York", "new york", YES},
    {"Tuesday", "Wednesday", NO},
    {"listen", "silent", NO},
    {"\\text{no solution}", "No solution.", YES},
    {"2", "no solution", NO},
    {"5", "not 5", NO},
    {"even", "odd", NO},
    /* sets, lists, tuples */
    {"\\{1,2,3\\}", "3, 2, 1", YES},
    {"\\{1,2\\}", "\\{1,2,3\\}", NO},
    {"2, 3", "3 and 2", YES},
    {"5", "4 or 5", NO},
    {"5", "five or six", NO},
    {"5", "1,2,3,4,5,6", NO},
    {"(1,2)", "(1, 2)", YES},
    {"(1,2)", "(2,1)", NO},
    {"(1,2),(3,4)", "(3,4), (1,2)", YES},
    {"\\pm 1", "1, -1", YES},
    {"2 \\pm \\sqrt{3}", "2+\\sqrt3, 2-\\sqrt3", YES},
    {"\\emptyset", "\\{\\}", YES},
    {"x=\\pm 2", "x=2 \\text{ or } x=-2", YES},
    {"x \\in \\{1,2\\}", "1, 2", YES},
    {"\\{1,2\\}", "\\{1\\}\\cup\\{2\\}", YES},
    /* intervals and inequalities */
    {"x>3", "3<x", YES},
    {"x>3", "(3,\\infty)", YES},
    {"x\\geq 3", "x>3", NO},
    {"x>3", "y>3", NO},
    {"(1,2]", "1<x\\le 2", YES},
    {"[1,3]\\cup[2,5]", "[1,5]", YES},
    {"[0,1)", "[0,1]", NO},
    {"x\\ne 0", "(-\\infty,0)\\cup(0,\\infty)", YES},
    {"\\mathbb{R}\\setminus\\{0\\}", "x \\neq 0", YES},
    {"2x > 6", "x > 3", YES},
    {"-2x > 6", "x < -3", YES},
    {"x < -1 \\text{ or } x > 1", "(-\\infty,-1)\\cup(1,\\infty)", YES},
    {"x > 1 \\text{ and } x < 3", "(1,3)", YES},
    {"x > \\sqrt{2}", "(\\sqrt 2, \\infty)", YES},
    {"\\{x \\mid x > 3\\}", "x > 3", YES},
    {"[1,2]", "5", NO},
    /* equations */
    {"x=3", "3", YES},
    {"x=3", "y=3", NO},
    {"f(x)=x^2", "x^2", YES},
    {"y=2x+1", "2x - y + 1 = 0", YES},
    {"y=2x+1", "4x - 2y + 2 = 0", YES},
    {"y=2x+1", "y = 2x + 2", NO},
    {"x^2+y^2=1", "2x^2+2y^2=2", YES},
    {"x^2+y^2=1", "x^2+y^2=2", NO},
    {"1", "1=1", NO},
    /* ratios and times */
    {"2:3", "4:6", YES},
    {"2:3", "3:2", NO},
    {"2:3", "2 to 3", YES},
    {"10:30", "10:30", YES},
    {"10:30", "10:31", NO},
    {"10:30", "1:3", OPEN},
    {"10:30 pm", "22:30", YES},
    {"10:30 am", "10:30 pm", NO},
    /* matrices */
    {"\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{bmatrix}1 & 2\\\\ 3 & 4\\end{bmatrix}", YES},
    {"\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}1&2\\end{pmatrix}", NO},
    {"\\infty", "+\\infty", YES},
    {"\\infty", "-\\infty", NO},
};

static const Case proofs[] = {
    {"x+1", "x+1", YES},
    {"x+1", "1+x", YES},
    {"x+1", "x+2", NO},
    {"xy", "yx", YES},
    {"x^2-1", "(x-1)(x+1)", YES},
    {"\\frac{x^2-1}{x-1}", "x+1", YES},
    {"x", "|x|", NO},
    {"|x|", "\\sqrt{x^2}", YES},
    {"\\sqrt{8}", "2\\sqrt2", YES},
    {"\\frac{1}{\\sqrt{2}}", "\\frac{\\sqrt{2}}{2}", YES},
    {"\\frac{\\sqrt5+1}{2}", "\\frac{2}{\\sqrt5-1}", YES},
    {"\\sqrt{3-2\\sqrt2}", "\\sqrt2-1", YES},
    {"\\sqrt{2}+\\sqrt{3}", "\\sqrt{5+2\\sqrt{6}}", YES},
    {"\\sqrt2", "1.41421356", NO},
    {"\\sqrt[3]{-8}", "-2", YES},
    {"\\sqrt[4]{4}", "\\sqrt{2}", YES},
    {"2\\pi", "6.283185307", NO},
    {"\\frac{\\pi}{4}", "\\arctan 1", YES},
    {"\\tan 15^\\circ", "2-\\sqrt3", YES},
    {"\\cos\\frac{\\pi}{5}", "\\frac{1+\\sqrt5}{4}", YES},
    {"e^{i\\pi}", "-1", YES},
    {"i", "\\sqrt{-1}", YES},
    {"(1+i)^2", "2i", YES},
    {"\\log 100", "2", YES},
    {"\\log_2 8", "3", YES},
    {"\\ln 8", "3\\ln 2", YES},
    {"\\ln(xy)", "\\ln x+\\ln y", YES},
    {"\\ln \\frac{x}{y}", "\\ln x-\\ln y", YES},
    {"e^{x}e^{y}", "e^{x+y}", YES},
    {"e^{2 \\ln x}", "x^2", YES},
    {"2^{n+1}", "2\\cdot 2^n", YES},
    {"x^{1/2}", "\\sqrt{x}", YES},
    {"\\sin 2x", "2\\sin x\\cos x", YES},
    {"\\sin^2 x", "1-\\cos^2 x", YES},
    {"\\cos 3x", "4\\cos^3 x - 3\\cos x", YES},
    {"\\cosh x", "\\frac{e^x+e^{-x}}{2}", YES},
    {"\\frac{n(n+1)}{2}", "\\sum_{k=1}^{n} k", YES},
    {"2^{n}-1", "\\sum_{k=0}^{n-1} 2^k", YES},
    {"\\sum_{k=0}^{\\infty} \\frac{1}{2^k}", "2", YES},
    {"\\sum_{k=0}^{\\infty} \\frac{1}{2^k}", "3", NO},
    {"\\sum_{k=1}^{\\infty} \\frac{1}{k^2}", "\\frac{\\pi^2}{6}", YES},
    {"\\sum_{k=1}^{n} \\frac{1}{k(k+1)}", "\\frac{n}{n+1}", YES},
    {"\\sum_{k=1}^{\\infty} \\frac{1}{k(k+1)}", "1", YES},
    {"(n+1)!", "(n+1) \\cdot n!", YES},
    {"\\binom{n}{2}", "\\frac{n(n-1)}{2}", YES},
    {"x_1+x_2", "x_2+x_1", YES},
    {"\\alpha + \\beta", "\\beta + \\alpha", YES},
};

static const Case hostile[] = {
    {"5", "9^{9^{9^{9}}}", OPEN},      {"5", "1e999999999", OPEN},
    {"5", "10^{1000000}!", OPEN},      {"0", "\\sin(10^{40})", NO},
    {"1", "\\frac{1}{0}", OPEN},       {"5", "5; import os", NO},
    {"5", "\\boxed{5}\\boxed{6}", NO}, {"a", "\xd0\xb0", NO}, /* a Cyrillic letter that looks like it */
    {"5", "<answer>5", OPEN},          {"1", "(x^2+1)^{99}(y+z)^{99}", OPEN},
};

/* What would take minutes, each or in all their pairs, is given up by count: undecided, and the reason says what gave up: the budget of
 * all proofs together, the enclosure of one number, or the search of one proof. */
static const struct {
    const char *gold, *answer;
    MathRule rule;
} budgeted[] = {
    {"5", "\\sum_{k=1}^{15}\\sum_{j=1}^{15}\\sum_{l=1}^{15} \\sqrt{k+jx}+l", RULE_TOO_LARGE},
    {"5", "\\sum_{k=1}^{100}\\prod_{j=1}^{100} \\sqrt[k]{j+x}", RULE_TOO_LARGE},
    {"5", "\\sum_{k=1}^{100}\\sum_{j=1}^{100}x^{kj}", RULE_TOO_LARGE},
    {"5", "\\binom{10^{18}}{10^{9}}", RULE_UNDEFINED},
    {"5", "((((3!)!)!)!)!", RULE_UNDEFINED},
    {"5", "e^{e^{1000000000}}", RULE_UNDEFINED},
    {"\\frac{17}{2^{16}}", "\\prod_{k=1}^{16}\\sin\\frac{k\\pi}{17}", RULE_UNSETTLED},
};

static char *parts_of(const char *open, const char *part, const char *close, int n)
{
    char *all = base_strdup(open);
    for (int i = 0; i < n; i++) {
        char *const longer = base_printf("%s%s%s+%d", all, i ? "," : "", part, i);
        base_free(all);
        all = longer;
    }
    char *const closed = base_printf("%s%s", all, close);
    base_free(all);
    return closed;
}

static void check_both_ways(const Case *cases, size_t n, bool symmetric)
{
    for (size_t i = 0; i < n; i++) {
        const Case *const c = &cases[i];
        const char *reason;
        const int v = (int)compare_answers(c->gold, strlen(c->gold), c->answer, strlen(c->answer), &reason);
        if (v != c->verdict) fail_msg("gold %s, answer %s: %d (%s)", c->gold, c->answer, v, reason);
        if (symmetric && (int)compare(c->answer, c->gold) != c->verdict)
            fail_msg("gold %s, answer %s: another verdict the other way round", c->gold, c->answer);
    }
}

#define CHECK(cases, symmetric) check_both_ways(cases, sizeof cases / sizeof *cases, symmetric)

static void numbers_in_all_spellings(void **state)
{
    (void)state;
    CHECK(numbers, true);
}

static void answers_are_found_in_completions(void **state)
{
    (void)state;
    CHECK(extraction, false);
}

static void each_kind_has_its_conventions(void **state)
{
    (void)state;
    CHECK(kinds, true);
}

static void identities_are_proved_and_differences_refuted(void **state)
{
    (void)state;
    CHECK(proofs, true);
}

static void hostile_answers_are_not_rewarded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++)
        if (compare(hostile[i].gold, hostile[i].answer) == VERDICT_RIGHT)
            fail_msg("gold %s, answer %s is rewarded", hostile[i].gold, hostile[i].answer);
}

static void costly_answers_are_undecided_by_count(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof budgeted / sizeof *budgeted; i++) {
        const char *const gold = budgeted[i].gold, *const answer = budgeted[i].answer, *reason;
        const Verdict v = compare_answers(gold, strlen(gold), answer, strlen(answer), &reason);
        if (v != VERDICT_UNDECIDED || strcmp(reason, math_rule_text(budgeted[i].rule)) != 0)
            fail_msg("%s: %d (%s)", answer, (int)v, reason);
        assert_int_equal(compare(answer, gold), VERDICT_UNDECIDED);
    }
    /* Sixty parts in all their pairs share one budget, 3,600 proofs of 14 ms; of a longer list no pair is looked at. */
    static const struct {
        int n;
        MathRule rule;
    } lists[] = {{60, RULE_UNSETTLED}, {90, RULE_TOO_LARGE}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char *const gold = parts_of("\\boxed{\\{", "\\sum_{k=1}^{100}\\sum_{j=1}^{100}x^{kj}", "\\}}", lists[i].n),
                    *const answer =
                        parts_of("\\boxed{\\{", "\\sum_{k=1}^{100}\\sum_{j=1}^{100}x^{kj}+y", "\\}}", lists[i].n);
        const char *reason;
        const Verdict v = compare_answers(gold, strlen(gold), answer, strlen(answer), &reason);
        if (v != VERDICT_UNDECIDED || strcmp(reason, math_rule_text(lists[i].rule)) != 0)
            fail_msg("sets of %d: %d (%s)", lists[i].n, (int)v, reason);
        base_free(gold);
        base_free(answer);
    }
    /* And the budget is large enough for sets that people write. */
    char *const roots = parts_of("\\{", "\\sqrt{2}", "\\}", 30), *const others =
                                                                     parts_of("\\{", "\\frac{2}{\\sqrt{2}}", "\\}", 30);
    assert_int_equal(compare(roots, others), VERDICT_RIGHT);
    base_free(roots);
    base_free(others);
}

static bool same(const char *a, const char *b)
{
    return same_answers(a, strlen(a), b, strlen(b));
}

/* Texts of several classes: `same` must cut them into exactly these. */
static void votes_are_an_equivalence(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int group;
    } votes[] = {{"50", 0},           {"50.0", 0},    {"0.5", 1},        {"50\\%", 1},        {"\\frac12", 1},
                 {"x=3", 2},          {"x = 3.0", 2}, {"3", 3},          {"y=3", 4},          {"3 cm", 5},
                 {"3 m", 6},          {"3.0 cm", 5},  {"\\sqrt8", 7},    {"2\\sqrt2", 7},     {"30^\\circ", 8},
                 {"\\pi/6", 8},       {"30", 9},      {"x>3", 10},       {"(3,\\infty)", 11}, {"3<x", 10},
                 {"\\sqrt{x}^2", 12}, {"x", 13},      {"|x|", 14},       {"yes", 15},         {"Yes", 15},
                 {"(1,2)", 16},       {"(2,1)", 17},  {"\\{1,2\\}", 18}, {"\\{2,1\\}", 18},   {"\\int f", 19},
                 {"\\int  f", 19}};
    const size_t n = sizeof votes / sizeof *votes;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (same(votes[i].text, votes[k].text) != (votes[i].group == votes[k].group))
                fail_msg("%s and %s: %d", votes[i].text, votes[k].text, same(votes[i].text, votes[k].text));
}

static void unusable_gold_answers_are_known(void **state)
{
    (void)state;
    static const char *const usable[] = {"5", "x+1", "B", "no solution", "\\{1,2\\}", "(0,1]"};
    static const char *const unusable[] = {"", "\\frac{1}{0}", "\\int_0^1 x", "((", "x^", "1/0"};
    for (size_t i = 0; i < sizeof usable / sizeof *usable; i++)
        if (!answer_is_usable(usable[i], strlen(usable[i]), NULL)) fail_msg("%s is refused", usable[i]);
    for (size_t i = 0; i < sizeof unusable / sizeof *unusable; i++) {
        if (answer_is_usable(unusable[i], strlen(unusable[i]), NULL)) fail_msg("%s is taken", unusable[i]);
        if (compare(unusable[i], unusable[i]) == VERDICT_RIGHT) fail_msg("%s is rewarded", unusable[i]);
    }
}

static void extraction_says_where_it_looked(void **state)
{
    (void)state;
    const char *text = "a \\boxed{b{c}d} e";
    AnswerSpan s = answer_extract(text, strlen(text));
    assert_int_equal(s.length, 5);
    assert_memory_equal(s.text, "b{c}d", 5);
    assert_string_equal(s.source, "box");
    text = "a \\boxed{b{c}d";
    s = answer_extract(text, strlen(text));
    assert_int_equal(s.length, 0);
    assert_string_equal(s.source, "unclosed box");
    text = "</answer><answer>x";
    assert_string_equal(answer_extract(text, strlen(text)).source, "whole text");
    text = "I think.\n\n 7 \n";
    AnswerRules rules;
    Error err = {0};
    assert_true(answer_rules_read(&rules, "tag, box, last_line", &err));
    s = answer_extract_by(&rules, text, strlen(text));
    assert_int_equal(s.length, 1);
    assert_string_equal(s.source, "last line");
}

/* One text, and what each list of rules takes for its answer; "" is none. */
static void extraction_goes_by_its_rules(void **state)
{
    (void)state;
    static const char text[] = "<think>\\boxed{0}</think>\\boxed{1} \\fbox{2} The answer is 3. **4** "
                               "<answer>\n5 **6**\n7\n</answer> \n8";
    static const struct {
        const char *rules, *answer, *source;
    } cases[] = {{"box", "2", "box"},
                 {"boxed", "1", "box"},
                 {"fbox,boxed", "2", "box"},
                 {"answer_is,box", "3", "answer is"},
                 {"bold", "6", "bold"},
                 {"last_line", "8", "last line"},
                 {"tag", "5 **6**\n7", "answer tag"},
                 {"tag,last_line", "7", "last line"},
                 {"tag,box", "5 **6**\n7", "answer tag"},
                 {"box,tag,last_line", "2", "box"},
                 {ANSWER_RULES_DEFAULT, "6", "bold"}};
    static const char *const wrong[] = {"", "box,", "box,,tag", "box tag", "boxes", "tag,bold,tag", ","};
    AnswerRules rules;
    Error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(answer_rules_read(&rules, cases[i].rules, &err));
        const AnswerSpan s = answer_extract_by(&rules, text, sizeof text - 1);
        if (s.length != strlen(cases[i].answer) || memcmp(s.text, cases[i].answer, s.length) != 0 ||
            strcmp(s.source, cases[i].source) != 0)
            fail_msg("%s: \"%.*s\" by %s", cases[i].rules, (int)s.length, s.text, s.source);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) assert_false(answer_rules_read(&rules, wrong[i], &err));
    assert_true(answer_rules_read(&rules, "box,bold", &err));
    assert_int_equal(answer_extract_by(&rules, "it is 5", 7).length, 0);
    assert_string_equal(answer_extract_by(&rules, "<think>**5**", 12).source, "unclosed thought");
    assert_string_equal(answer_extract_by(&rules, "**5** \\boxed{6", 14).source, "unclosed box");
}

/* A completion of a megabyte is as quick as it is long, whatever it holds. */
static void megabytes_are_decided(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\\boxed{", "(",  "{", "**", "answer is ", "1+", "\\frac{", "<answer>", "9^",
                                         "\\sqrt",   "1,", "|", "- ", "\\left(",    "a",  "{{}"};
    enum { SIZE = 1 << 20 };
    char *const text = test_malloc(SIZE);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        const size_t n = strlen(pieces[i]);
        for (size_t k = 0; k < SIZE; k++) text[k] = pieces[i][k % n];
        for (size_t length = 500; length <= SIZE; length = length < 6000 ? 6000 : length < SIZE ? SIZE : SIZE + 1)
            if (compare_answers("5", 1, text, length, NULL) == VERDICT_RIGHT)
                fail_msg("%s again and again is rewarded", pieces[i]);
    }
    test_free(text);
}

static void any_bytes_are_decided_without_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1",   "9",        ",",        ".",         "/", "-", "\\frac", "{",    "}",
                                         "$",   "\\boxed{", "<answer>", "</answer>", " ", "a", "\xe2",   "\\(",  "\\)",
                                         "x",   "^",        "_",        "=",         "<", "(", ")",      "[",    "\\{",
                                         "\\}", "\\sqrt",   "\\sin",    "!",         "%", "|", "\\cup",  "\\pm", "and",
                                         "cm",  ":",        "\\infty",  "e",         "i"};
    RngSequence rng = rng_sequence(1, RNG_TEST, 5, 6);
    for (int i = 0; i < 20000; i++) {
        char text[2][256] = {"", ""};
        for (int k = 0; k < 2; k++)
            for (int n = (int)rng_next_below(&rng, 16); n > 0; n--)
                strcat(text[k], pieces[rng_next_below(&rng, sizeof pieces / sizeof *pieces)]);
        const Verdict v = compare(text[0], text[1]);
        if (i % 8 != 0) continue;
        const AnswerSpan a = answer_extract(text[0], strlen(text[0])), b = answer_extract(text[1], strlen(text[1]));
        if (a.length > 0 && b.length > 0 && (v == VERDICT_RIGHT) != (compare(text[1], text[0]) == VERDICT_RIGHT))
            fail_msg("%s against %s: %d, not so the other way round", text[0], text[1], v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_all_spellings),
        cmocka_unit_test(answers_are_found_in_completions),
        cmocka_unit_test(each_kind_has_its_conventions),
        cmocka_unit_test(identities_are_proved_and_differences_refuted),
        cmocka_unit_test(hostile_answers_are_not_rewarded),
        cmocka_unit_test(costly_answers_are_undecided_by_count),
        cmocka_unit_test(votes_are_an_equivalence),
        cmocka_unit_test(unusable_gold_answers_are_known),
        cmocka_unit_test(extraction_says_where_it_looked),
        cmocka_unit_test(extraction_goes_by_its_rules),
        cmocka_unit_test(megabytes_are_decided),
        cmocka_unit_test(any_bytes_are_decided_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

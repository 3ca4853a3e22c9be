/* SPDX-License-Identifier: MIT */
/* eval/instructions_rules.c: the table of rules, and those about words, letters and languages. */
#include "eval/instructions_rules.h"

#include "base/arena.h"
#include "reward/language.h"

#include <string.h>

/* ---- keywords ---- */

/* How often a word of the parameters stands in the reply, whatever the case. */
static int64_t occurrences(Span reply, Span what, bool whole_word)
{
    size_t n, n_what;
    char *const text = span_lower(reply, &n), *const wanted = span_lower(what, &n_what);
    const int64_t count = span_count((Span){text, n}, (Span){wanted, n_what}, whole_word);
    base_free(text);
    base_free(wanted);
    return count;
}

static Span item_of(const json_t *list, size_t i)
{
    const json_t *const item = json_array_get(list, i);
    return (Span){json_string_value(item), json_string_length(item)};
}

static Verdict rule_existence(const json_t *kwargs, Span reply)
{
    const json_t *const list = json_object_get(kwargs, "keywords");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (occurrences(reply, item_of(list, i), false) == 0) return VERDICT_WRONG;
    return VERDICT_RIGHT;
}

static Verdict rule_forbidden(const json_t *kwargs, Span reply)
{
    const json_t *const list = json_object_get(kwargs, "forbidden_words");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (occurrences(reply, item_of(list, i), true) > 0) return VERDICT_WRONG;
    return VERDICT_RIGHT;
}

static Verdict rule_frequency(const json_t *kwargs, Span reply)
{
    return rule_relation(kwargs, "relation", occurrences(reply, span_strip(rule_text(kwargs, "keyword")), false),
                         rule_count(kwargs, "frequency"));
}

static Verdict rule_letters(const json_t *kwargs, Span reply)
{
    return rule_relation(kwargs, "let_relation", occurrences(reply, rule_text(kwargs, "letter"), false),
                         rule_count(kwargs, "let_frequency"));
}

static Verdict rule_words(const json_t *kwargs, Span reply)
{
    return rule_relation(kwargs, "relation", span_words(reply), rule_count(kwargs, "num_words"));
}

static Verdict rule_sentences(const json_t *kwargs, Span reply)
{
    return rule_relation(kwargs, "relation", span_sentences(reply), rule_count(kwargs, "num_sentences"));
}

/* ---- languages ---- */

/* Languages that reward/language.h does not know. own: no other language in wide use has the script. */
static const struct {
    const char *code;
    uint32_t first, last;
    bool own;
} scripts[] = {
    {"bn", 0x0980, 0x09ff, true},  {"pa", 0x0a00, 0x0a7f, true},  {"gu", 0x0a80, 0x0aff, true},
    {"ta", 0x0b80, 0x0bff, true},  {"te", 0x0c00, 0x0c7f, true},  {"kn", 0x0c80, 0x0cff, true},
    {"ml", 0x0d00, 0x0d7f, true},  {"th", 0x0e00, 0x0e7f, true},  {"he", 0x0590, 0x05ff, true},
    {"el", 0x0370, 0x03ff, true},  {"mr", 0x0900, 0x097f, false}, {"ne", 0x0900, 0x097f, false},
    {"fa", 0x0600, 0x06ff, false}, {"ur", 0x0600, 0x06ff, false}, {"uk", 0x0400, 0x04ff, false},
    {"bg", 0x0400, 0x04ff, false},
};

static Verdict by_script(const char *code, Span reply)
{
    uint32_t first = 0x41, last = 0x24f; /* Latin, for whatever is not in the table */
    bool own = false;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        if (strcmp(scripts[i].code, code) != 0) continue;
        first = scripts[i].first;
        last = scripts[i].last;
        own = scripts[i].own;
    }
    if (span_script_share(reply, first, last) <= 0.5) return VERDICT_WRONG;
    return own ? VERDICT_RIGHT : VERDICT_UNDECIDED;
}

static Verdict rule_language(const json_t *kwargs, Span reply)
{
    const char *const code = json_string_value(json_object_get(kwargs, "language"));
    Language wanted, is;
    if (!language_find(&wanted, code)) return by_script(code, reply);
    if (!language_detect(&is, reply.text, reply.length)) return VERDICT_UNDECIDED; /* no word in it */
    return rule_verdict(is == wanted);
}

/* ---- cases and signs ---- */

static bool is_english(Span reply)
{
    Language is;
    return language_detect(&is, reply.text, reply.length) && is == LANGUAGE_EN;
}

static Verdict rule_upper(const json_t *kwargs, Span reply)
{
    (void)kwargs;
    return rule_verdict(span_is_upper(reply) && is_english(reply));
}

static Verdict rule_lower(const json_t *kwargs, Span reply)
{
    (void)kwargs;
    return rule_verdict(span_is_lower(reply) && is_english(reply));
}

static Verdict rule_capital_words(const json_t *kwargs, Span reply)
{
    return rule_relation(kwargs, "capital_relation", span_capital_words(reply),
                         rule_count(kwargs, "capital_frequency"));
}

static Verdict rule_no_comma(const json_t *kwargs, Span reply)
{
    (void)kwargs;
    return rule_verdict(!memchr(reply.text, ',', reply.length));
}

/* ---- beginnings and ends ---- */

/* Whether one text begins or ends with another, whatever the case. */
static Verdict at_edge(Span reply, Span what, bool (*edge)(Span, Span))
{
    size_t n, n_what;
    char *const text = span_lower(reply, &n), *const wanted = span_lower(span_strip(what), &n_what);
    const bool kept = edge((Span){text, n}, (Span){wanted, n_what});
    base_free(text);
    base_free(wanted);
    return rule_verdict(kept);
}

static Verdict rule_repeat_prompt(const json_t *kwargs, Span reply)
{
    return at_edge(span_strip(reply), rule_text(kwargs, "prompt_to_repeat"), span_starts);
}

static Verdict rule_end(const json_t *kwargs, Span reply)
{
    return at_edge(span_strip_char(span_strip(reply), '"'), rule_text(kwargs, "end_phrase"), span_ends);
}

static Verdict rule_quotation(const json_t *kwargs, Span reply)
{
    (void)kwargs;
    const Span s = span_strip(reply);
    return rule_verdict(s.length > 1 && s.text[0] == '"' && s.text[s.length - 1] == '"');
}

static Verdict rule_constrained(const json_t *kwargs, Span reply)
{
    static const char *const replies[] = {"My answer is yes.", "My answer is no.", "My answer is maybe."};
    (void)kwargs;
    for (int i = 0; i < 3; i++)
        if (span_find(reply, span_of(replies[i]), 0) < reply.length) return VERDICT_RIGHT;
    return VERDICT_WRONG;
}

/* ---- the table ---- */

const Rule instruction_rules[] = {
    {"keywords:existence", rule_existence, {{"keywords", PARAMETER_LIST}}},
    {"keywords:frequency",
     rule_frequency,
     {{"keyword", PARAMETER_TEXT}, {"frequency", PARAMETER_COUNT}, {"relation", PARAMETER_RELATION}}},
    {"keywords:forbidden_words", rule_forbidden, {{"forbidden_words", PARAMETER_LIST}}},
    {"keywords:letter_frequency",
     rule_letters,
     {{"letter", PARAMETER_TEXT}, {"let_frequency", PARAMETER_COUNT}, {"let_relation", PARAMETER_RELATION}}},
    {"language:response_language", rule_language, {{"language", PARAMETER_TEXT}}},
    {"length_constraints:number_sentences",
     rule_sentences,
     {{"num_sentences", PARAMETER_COUNT}, {"relation", PARAMETER_RELATION}}},
    {"length_constraints:number_paragraphs", rule_number_paragraphs, {{"num_paragraphs", PARAMETER_COUNT}}},
    {"length_constraints:number_words", rule_words, {{"num_words", PARAMETER_COUNT}, {"relation", PARAMETER_RELATION}}},
    {"length_constraints:nth_paragraph_first_word",
     rule_nth_paragraph_first_word,
     {{"num_paragraphs", PARAMETER_COUNT}, {"nth_paragraph", PARAMETER_COUNT}, {"first_word", PARAMETER_TEXT}}},
    {"detectable_content:number_placeholders", rule_number_placeholders, {{"num_placeholders", PARAMETER_COUNT}}},
    {"detectable_content:postscript", rule_postscript, {{"postscript_marker", PARAMETER_TEXT}}},
    {"detectable_format:number_bullet_lists", rule_number_bullets, {{"num_bullets", PARAMETER_COUNT}}},
    {"detectable_format:constrained_response", rule_constrained, {{NULL, 0}}},
    {"detectable_format:number_highlighted_sections", rule_number_highlights, {{"num_highlights", PARAMETER_COUNT}}},
    {"detectable_format:multiple_sections",
     rule_multiple_sections,
     {{"section_spliter", PARAMETER_TEXT}, {"num_sections", PARAMETER_COUNT}}},
    {"detectable_format:json_format", rule_json_format, {{NULL, 0}}},
    {"detectable_format:title", rule_title, {{NULL, 0}}},
    {"combination:two_responses", rule_two_responses, {{NULL, 0}}},
    {"combination:repeat_prompt", rule_repeat_prompt, {{"prompt_to_repeat", PARAMETER_TEXT}}},
    {"startend:end_checker", rule_end, {{"end_phrase", PARAMETER_TEXT}}},
    {"startend:quotation", rule_quotation, {{NULL, 0}}},
    {"change_case:capital_word_frequency",
     rule_capital_words,
     {{"capital_frequency", PARAMETER_COUNT}, {"capital_relation", PARAMETER_RELATION}}},
    {"change_case:english_capital", rule_upper, {{NULL, 0}}},
    {"change_case:english_lowercase", rule_lower, {{NULL, 0}}},
    {"punctuation:no_comma", rule_no_comma, {{NULL, 0}}},
    {NULL, NULL, {{NULL, 0}}},
};

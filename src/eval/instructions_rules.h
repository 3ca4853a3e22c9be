/* SPDX-License-Identifier: MIT */
/* eval/instructions_rules.h: the table of rules. For the files eval/instructions*.c alone. */
#ifndef R1_EVAL_INSTRUCTIONS_RULES_H
#define R1_EVAL_INSTRUCTIONS_RULES_H

#include "base/json.h"
#include "data/tasks.h"
#include "eval/instructions_text.h"

typedef enum ParameterKind { PARAMETER_COUNT, PARAMETER_TEXT, PARAMETER_LIST, PARAMETER_RELATION } ParameterKind;

enum { RULE_MAX_PARAMETERS = 3 };

typedef struct Rule {
    const char *name;
    Verdict (*check)(const json_t *kwargs, Span reply); /* the parameters are there; the reply is not blank */
    struct {
        const char *key; /* NULL: no more */
        ParameterKind kind;
    } parameters[RULE_MAX_PARAMETERS];
} Rule;

extern const Rule instruction_rules[]; /* ends with a name of NULL */

/* Rules about how a reply is laid out (instructions_format.c). */
Verdict rule_number_paragraphs(const json_t *kwargs, Span reply);
Verdict rule_nth_paragraph_first_word(const json_t *kwargs, Span reply);
Verdict rule_number_placeholders(const json_t *kwargs, Span reply);
Verdict rule_postscript(const json_t *kwargs, Span reply);
Verdict rule_number_bullets(const json_t *kwargs, Span reply);
Verdict rule_number_highlights(const json_t *kwargs, Span reply);
Verdict rule_multiple_sections(const json_t *kwargs, Span reply);
Verdict rule_json_format(const json_t *kwargs, Span reply);
Verdict rule_title(const json_t *kwargs, Span reply);
Verdict rule_two_responses(const json_t *kwargs, Span reply);

static inline Verdict rule_verdict(bool kept)
{
    return kept ? VERDICT_RIGHT : VERDICT_WRONG;
}
static inline int64_t rule_count(const json_t *kwargs, const char *key)
{
    return json_integer_value(json_object_get(kwargs, key));
}
static inline Span rule_text(const json_t *kwargs, const char *key)
{
    const json_t *const value = json_object_get(kwargs, key);
    return (Span){json_string_value(value), json_string_length(value)};
}
/* count is "less than" or "at least" n, as the relation says. */
static inline Verdict rule_relation(const json_t *kwargs, const char *key, int64_t count, int64_t n)
{
    return rule_verdict(span_equal(rule_text(kwargs, key), span_of("less than")) ? count < n : count >= n);
}

#endif

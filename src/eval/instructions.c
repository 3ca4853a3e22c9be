/* SPDX-License-Identifier: MIT */
/* eval/instructions.c: reading instructions, and what of a reply counts strictly and loosely. */
#include "eval/instructions.h"

#include "base/arena.h"
#include "base/yaml.h"
#include "eval/instructions_rules.h"

#include <string.h>

struct Instructions {
    json_t *kwargs; /* keeps what the rules read */
    const Rule **rules;
    int64_t n;
};

/* ---- reading ---- */

static bool read_parameter(const json_t *kwargs, const char *key, ParameterKind kind, Error *err)
{
    const json_t *const value = json_object_get(kwargs, key);
    if (!value || json_is_null(value)) return error_set(err, ERROR_INPUT, "\"%s\" is missing", key);
    if (kind == PARAMETER_COUNT)
        return json_is_integer(value) || error_set(err, ERROR_INPUT, "\"%s\" must be an integer", key);
    if (kind == PARAMETER_LIST) {
        bool ok = json_is_array(value);
        for (size_t i = 0; ok && i < json_array_size(value); i++) ok = json_is_string(json_array_get(value, i));
        return ok || error_set(err, ERROR_INPUT, "\"%s\" must be an array of texts", key);
    }
    if (!json_is_string(value) || json_string_length(value) == 0)
        return error_set(err, ERROR_INPUT, "\"%s\" must be a text", key);
    const char *const text = json_string_value(value);
    return kind != PARAMETER_RELATION || strcmp(text, "less than") == 0 || strcmp(text, "at least") == 0 ||
           error_set(err, ERROR_INPUT, "\"%s\" is \"less than\" or \"at least\"", key);
}

static const Rule *find_rule(const char *name, Error *err)
{
    const char *names[64];
    int n = 0;
    for (const Rule *rule = instruction_rules; rule->name && n < 63; rule++) {
        if (strcmp(rule->name, name) == 0) return rule;
        names[n++] = rule->name;
    }
    names[n] = NULL;
    const char *const nearest = yaml_nearest(name, names);
    error_set(err, ERROR_INPUT, "no rule is named \"%.60s\"%s%s%s", name, nearest ? " (did you mean " : "",
              nearest ? nearest : "", nearest ? "?)" : "");
    return NULL;
}

static bool read_instruction(const Rule **rule, const json_t *id, const json_t *kwargs, Error *err)
{
    const char *const name = json_string_value(id);
    if (!name) return error_set(err, ERROR_INPUT, "\"instruction_id_list\" must be an array of texts");
    *rule = find_rule(name, err);
    if (!*rule) return false;
    for (int i = 0; i < RULE_MAX_PARAMETERS && (*rule)->parameters[i].key; i++)
        if (!read_parameter(kwargs, (*rule)->parameters[i].key, (*rule)->parameters[i].kind, err))
            return error_in(err, "%s", name);
    return true;
}

bool instructions_read(Instructions **out, const json_t *ids, const json_t *kwargs, Error *err)
{
    *out = NULL;
    const size_t n = json_array_size(ids);
    if (!json_is_array(ids) || n == 0)
        return error_set(err, ERROR_INPUT, "\"instruction_id_list\" must be an array of names");
    if (!json_is_array(kwargs) || json_array_size(kwargs) != n)
        return error_set(err, ERROR_INPUT, "\"kwargs\" must be an array, an object for each instruction");
    Instructions *const instructions = base_alloc(1, sizeof *instructions);
    instructions->kwargs = json_incref((json_t *)(uintptr_t)kwargs);
    instructions->rules = base_alloc(n, sizeof *instructions->rules);
    instructions->n = (int64_t)n;
    for (size_t i = 0; i < n; i++) {
        if (read_instruction(&instructions->rules[i], json_array_get(ids, i), json_array_get(kwargs, i), err)) continue;
        instructions_free(instructions);
        return false;
    }
    *out = instructions;
    return true;
}

void instructions_free(Instructions *instructions)
{
    if (!instructions) return;
    json_decref(instructions->kwargs);
    base_free(instructions->rules);
    base_free(instructions);
}

int64_t instructions_count(const Instructions *instructions)
{
    return instructions->n;
}

const char *instruction_rule_name(int i)
{
    return instruction_rules[i].name;
}

/* ---- checking ---- */

static Verdict check_span(const Instructions *instructions, int64_t i, Span reply)
{
    if (span_strip(reply).length == 0) return VERDICT_WRONG;
    return instructions->rules[i]->check(json_array_get(instructions->kwargs, (size_t)i), reply);
}

Verdict instructions_check_one(const Instructions *instructions, int64_t i, const char *reply, size_t length)
{
    return check_span(instructions, i, (Span){reply, length});
}

enum { N_VARIANTS = 8 };

/* The reply without its first line, last line, both; then all four without asterisks. Models like to say "Sure, here it is:" and
 * to print bold. */
static void make_variants(Span variants[N_VARIANTS], char *without_stars, Span reply)
{
    const char *const first_end = memchr(reply.text, '\n', reply.length), *const last_begin =
                                                                              memrchr(reply.text, '\n', reply.length);
    const size_t first = first_end ? (size_t)(first_end - reply.text) + 1 : reply.length,
                 last = last_begin ? (size_t)(last_begin - reply.text) : 0;
    variants[0] = reply;
    variants[1] = span_strip((Span){reply.text + first, reply.length - first});
    variants[2] = span_strip((Span){reply.text, last});
    variants[3] = span_strip((Span){reply.text + first, last > first ? last - first : 0});
    for (int i = 0; i < N_VARIANTS / 2; i++) {
        Span *const bare = &variants[N_VARIANTS / 2 + i];
        *bare = (Span){without_stars, 0};
        for (size_t k = 0; k < variants[i].length; k++)
            if (variants[i].text[k] != '*') without_stars[bare->length++] = variants[i].text[k];
        without_stars += bare->length;
    }
}

static Verdict check_loosely(const Instructions *instructions, int64_t i, const Span variants[N_VARIANTS])
{
    bool undecided = false;
    for (int v = 0; v < N_VARIANTS; v++) {
        const Verdict verdict = check_span(instructions, i, variants[v]);
        if (verdict == VERDICT_RIGHT) return VERDICT_RIGHT;
        undecided = undecided || verdict == VERDICT_UNDECIDED;
    }
    return undecided ? VERDICT_UNDECIDED : VERDICT_WRONG;
}

static Verdict all_of(int n, int n_kept, int n_undecided)
{
    return n_kept == n ? VERDICT_RIGHT : n_kept + n_undecided == n ? VERDICT_UNDECIDED : VERDICT_WRONG;
}

void instructions_check(const Instructions *instructions, const char *reply, size_t length, InstructionsResult *result)
{
    Span variants[N_VARIANTS];
    char *const without_stars = base_alloc(4 * length + 1, 1);
    make_variants(variants, without_stars, (Span){reply, length});
    *result = (InstructionsResult){.n = (int)instructions->n};
    for (int64_t i = 0; i < instructions->n; i++) {
        const Verdict strict = check_span(instructions, i, variants[0]),
                      loose = check_loosely(instructions, i, variants);
        result->n_strict += strict == VERDICT_RIGHT;
        result->n_strict_undecided += strict == VERDICT_UNDECIDED;
        result->n_loose += loose == VERDICT_RIGHT;
        result->n_loose_undecided += loose == VERDICT_UNDECIDED;
    }
    result->strict = all_of(result->n, result->n_strict, result->n_strict_undecided);
    result->loose = all_of(result->n, result->n_loose, result->n_loose_undecided);
    base_free(without_stars);
}

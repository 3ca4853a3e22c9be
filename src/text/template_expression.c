/* SPDX-License-Identifier: MIT */
/* text/template_expression.c: the value of an expression node. */
#include "text/template_builtin.h"

#include <inttypes.h>
#include <string.h>

/* ---- attributes and elements ---- */

/* object.name: what Python's getattr finds, then object["name"]. */
Value expression_attribute(Render *r, Value object, const String *name)
{
    const Value key = {.kind = VALUE_STRING, .string = name};
    if (object.kind == VALUE_UNDEFINED) return render_fail_undefined(r, object.undefined);
    if (name->length > 0 && name->bytes[0] == '_' && !value_is_dict(object)) return value_not_in(r, object, key);
    Value found = {.kind = VALUE_ABSENT};
    if (object.kind == VALUE_LOOP) found = loop_attribute(r, object.loop, name);
    if (!value_is_given(found)) found = builtin_method(r, object, name);
    if (value_is_given(found)) return found;
    if (object.kind == VALUE_MAPPING) {
        const Value *const value = mapping_find(r, object.mapping, key);
        if (value) return *value;
    }
    return value_not_in(r, object, key);
}

static bool is_indexed(Value object)
{
    return object.kind == VALUE_SEQUENCE && object.sequence->kind <= SEQUENCE_RANGE;
}

/* object[index]: an element, then object.index. */
Value expression_item(Render *r, Value object, Value index)
{
    int64_t i;
    if (object.kind == VALUE_UNDEFINED) return render_fail_undefined(r, object.undefined);
    if (value_is_dict(object)) {
        const bool hashable =
            index.kind != VALUE_MAPPING && !(index.kind == VALUE_SEQUENCE && index.sequence->kind == SEQUENCE_LIST);
        const Value *const value = hashable ? mapping_find(r, object.mapping, index) : NULL;
        if (value) return *value;
    } else if (is_indexed(object) && value_as_int(index, &i)) {
        if (i < 0) i += object.sequence->n;
        if (i >= 0 && i < object.sequence->n) return object.sequence->items[i];
    } else if (object.kind == VALUE_STRING && value_as_int(index, &i)) {
        if (i < 0) i += string_chars(object.string);
        if (i >= 0 && i < string_chars(object.string)) {
            const size_t from = string_offset(object.string, i);
            render_work(r, (int64_t)(from / 16));
            size_t to = from + 1;
            while (to < object.string->length && ((unsigned char)object.string->bytes[to] & 0xC0) == 0x80) to++;
            return string_part(r, object.string, from, to);
        }
    }
    if (index.kind == VALUE_STRING) {
        Value found = {.kind = VALUE_ABSENT};
        if (object.kind == VALUE_LOOP) found = loop_attribute(r, object.loop, index.string);
        if (!value_is_given(found)) found = builtin_method(r, object, index.string);
        if (!value_is_given(found) && object.kind == VALUE_MAPPING && object.mapping->is_namespace) {
            const Value *const value = mapping_find(r, object.mapping, index);
            if (value) found = *value;
        }
        if (value_is_given(found)) return found;
    }
    return value_not_in(r, object, index);
}

/* ---- slices ---- */

/* A bound of a slice: an integer or none. */
static bool slice_bound(Render *r, const Node *node, bool *given, int64_t *bound)
{
    const Value value = node ? expression_value(r, node) : value_none();
    *given = value.kind != VALUE_NONE;
    if (r->failed) return false;
    if (!*given || value_as_int(value, bound)) return true;
    if (value.kind == VALUE_UNDEFINED)
        render_fail_undefined(r, value.undefined);
    else
        render_fail(r, "slice indices must be integers or None, not %s", value_type_name(value));
    return false;
}

/* A bound within [low, high], counted from the end when negative. */
static int64_t clamp(int64_t bound, int64_t n, int64_t low, int64_t high)
{
    if (bound < 0) bound = bound < -n ? low : bound + n;
    return bound < low ? low : bound > high ? high : bound;
}

static Value slice_of(Render *r, Value object, int64_t start, int64_t stop, int64_t step)
{
    const int64_t distance = step > 0 ? stop - start : start - stop;
    const uint64_t width = step > 0 ? (uint64_t)step : -(uint64_t)step;
    const int64_t n = distance > 0 ? (int64_t)(((uint64_t)distance + width - 1) / width) : 0;
    if (object.kind == VALUE_STRING && step == 1) {
        render_work(r, (int64_t)(object.string->length / 16));
        const size_t from = string_offset(object.string, start);
        return string_part(r, object.string, from, n ? string_offset(object.string, stop) : from);
    }
    const Sequence *const items = value_items(r, object);
    Sequence *const chosen = sequence_create(r, object.kind == VALUE_SEQUENCE ? object.sequence->kind : SEQUENCE_LIST);
    for (int64_t i = 0; i < n && !r->failed; i++) sequence_append(r, chosen, items->items[start + i * step]);
    if (object.kind != VALUE_STRING) return value_sequence(chosen);
    StringBuilder text = {.render = r};
    for (int64_t i = 0; i < chosen->n; i++) builder_add_string(&text, chosen->items[i].string);
    return builder_string(&text);
}

static Value slice(Render *r, const Node *node)
{
    const Value object = expression_value(r, node->left);
    bool has_start, has_stop, has_step;
    int64_t start = 0, stop = 0, step = 1;
    if (r->failed || !slice_bound(r, node->start, &has_start, &start) ||
        !slice_bound(r, node->stop, &has_stop, &stop) || !slice_bound(r, node->step, &has_step, &step))
        return value_undefined();
    r->at = node->at;
    if (object.kind == VALUE_UNDEFINED) return render_fail_undefined(r, object.undefined);
    if (object.kind != VALUE_STRING && !is_indexed(object))
        return render_fail(r, "'%s' object cannot be sliced", value_type_name(object));
    if (step == 0) return render_fail(r, "slice step cannot be zero");
    const int64_t n = value_length(r, object);
    if (step > 0)
        return slice_of(r, object, has_start ? clamp(start, n, 0, n) : 0, has_stop ? clamp(stop, n, 0, n) : n, step);
    return slice_of(r, object, has_start ? clamp(start, n, -1, n - 1) : n - 1,
                    has_stop ? clamp(stop, n, -1, n - 1) : -1, step);
}

/* ---- calls ---- */

static void add_more(Render *r, const Node *node, Arguments *arguments, int64_t *capacity)
{
    const Value more = expression_value(r, node);
    if (r->failed) return;
    const Sequence *const items = value_items(r, more);
    const int64_t n = arguments->n + items->n;
    if (n > *capacity) {
        if (!pool_has_room(&r->pool, (size_t)n * sizeof(Value))) {
            render_fail(r, "too many arguments");
            return;
        }
        Value *const values = POOL_ARRAY(&r->pool, Value, n);
        if (arguments->n) memcpy(values, arguments->values, (size_t)arguments->n * sizeof *values);
        arguments->values = values;
    }
    for (int64_t i = 0; i < items->n && render_work(r, 1); i++) arguments->values[arguments->n++] = items->items[i];
}

static void add_more_keywords(Render *r, const Node *node, Arguments *arguments)
{
    const Value more = expression_value(r, node);
    if (r->failed) return;
    if (!value_is_dict(more)) {
        render_fail(r, "an argument after ** must be a mapping, not %s", value_type_name(more));
        return;
    }
    const int64_t n = arguments->n_keywords + more.mapping->n;
    if (!pool_has_room(&r->pool, (size_t)n * sizeof(KeywordValue))) {
        render_fail(r, "too many arguments");
        return;
    }
    KeywordValue *const keywords = POOL_ARRAY(&r->pool, KeywordValue, n);
    for (int64_t i = 0; i < arguments->n_keywords; i++) keywords[i] = arguments->keywords[i];
    for (int64_t i = 0; i < more.mapping->n && render_work(r, 1); i++) {
        const Entry *const entry = &more.mapping->entries[i];
        if (entry->key.kind != VALUE_STRING) {
            render_fail(r, "keywords must be strings");
            return;
        }
        keywords[arguments->n_keywords++] = (KeywordValue){entry->key.string, entry->value};
    }
    arguments->keywords = keywords;
}

bool expression_arguments(Render *r, const CallArguments *from, Arguments *arguments)
{
    int64_t capacity = from->positional.n;
    *arguments = (Arguments){.values = POOL_ARRAY(&r->pool, Value, capacity),
                             .keywords = POOL_ARRAY(&r->pool, KeywordValue, from->keywords.n)};
    for (const Node *node = from->positional.first; node && !r->failed; node = node->next)
        arguments->values[arguments->n++] = expression_value(r, node);
    for (const Node *node = from->keywords.first; node && !r->failed; node = node->next)
        arguments->keywords[arguments->n_keywords++] =
            (KeywordValue){&node->name->text, expression_value(r, node->left)};
    if (from->more && !r->failed) add_more(r, from->more, arguments, &capacity);
    if (from->more_keywords && !r->failed) add_more_keywords(r, from->more_keywords, arguments);
    return !r->failed;
}

static Value call(Render *r, const Node *node)
{
    Arguments arguments;
    const Value function = expression_value(r, node->left);
    if (r->failed || !expression_arguments(r, &node->arguments, &arguments)) return value_undefined();
    r->at = node->at;
    return callable_call(r, function, &arguments);
}

static Value filter_or_test(Render *r, const Node *node)
{
    const bool is_filter = node->kind == NODE_FILTER;
    const char *const what = is_filter ? "filter" : "test";
    r->at = node->at;
    if (!node->builtin) return render_fail(r, "there is no %s named %.60s", what, node->name->text.bytes);
    Arguments arguments;
    const Value value = expression_value(r, node->left);
    if (r->failed || !expression_arguments(r, &node->arguments, &arguments)) return value_undefined();
    r->at = node->at;
    return builtin_call(r, node->builtin, is_filter ? "filter " : "test ", value, &arguments);
}

/* ---- operators ---- */

static Value unary(Render *r, const Node *node)
{
    const Value value = expression_value(r, node->left);
    if (r->failed) return value;
    r->at = node->at;
    if (node->operator== OPERATOR_NOT) return value_bool(!value_is_true(value));
    if (value.kind == VALUE_UNDEFINED) return render_fail_undefined(r, value.undefined);
    if (!value_is_number(value))
        return render_fail(r, "bad operand type for unary %c: '%s'", node->operator, value_type_name(value));
    if (node->operator== '+') return value.kind == VALUE_BOOL ? value_int(value.boolean) : value;
    return value.kind == VALUE_FLOAT ? value_float(-value.real) : expression_binary(r, '-', value_int(0), value);
}

static bool compare(Render *r, int operator, Value a, Value b)
{
    switch (operator) {
    case OPERATOR_EQUAL:
        return value_equal(r, a, b);
    case OPERATOR_NOT_EQUAL:
        return !value_equal(r, a, b);
    case OPERATOR_IN:
        return value_contains(r, b, a);
    case OPERATOR_NOT_IN:
        return !value_contains(r, b, a);
    case '<':
        return value_compare(r, a, b, "<") < 0;
    case '>':
        return value_compare(r, a, b, ">") > 0;
    case OPERATOR_LESS_EQUAL:
        return value_compare(r, a, b, "<=") <= 0;
    default:
        return value_compare(r, a, b, ">=") >= 0;
    }
}

/* a < b < c is a < b and b < c. */
static Value comparison(Render *r, const Node *node)
{
    Value left = expression_value(r, node->left);
    for (const Node *next = node->items.first; next && !r->failed; next = next->next) {
        const Value right = expression_value(r, next->left);
        r->at = next->at;
        if (r->failed || !compare(r, next->operator, left, right)) return value_bool(false);
        left = right;
    }
    return value_bool(true);
}

static Value concat(Render *r, const Node *node)
{
    StringBuilder text = {.render = r};
    for (const Node *item = node->items.first; item && !r->failed; item = item->next)
        builder_add_value(&text, expression_value(r, item));
    return builder_string(&text);
}

static Value binary(Render *r, const Node *node)
{
    const Value left = expression_value(r, node->left);
    if (r->failed) return left;
    const Value right = expression_value(r, node->right);
    if (r->failed) return right;
    r->at = node->at;
    return expression_binary(r, node->operator, left, right);
}

/* ---- literals and names ---- */

static Value sequence(Render *r, const Node *node)
{
    Sequence *const items = sequence_create(r, node->kind == NODE_LIST ? SEQUENCE_LIST : SEQUENCE_TUPLE);
    for (const Node *item = node->items.first; item && !r->failed; item = item->next)
        sequence_append(r, items, expression_value(r, item));
    return value_sequence(items);
}

static Value dict(Render *r, const Node *node)
{
    Mapping *const mapping = mapping_create(r);
    for (const Node *key = node->items.first; key && !r->failed; key = key->next->next) {
        const Value at = expression_value(r, key), value = expression_value(r, key->next);
        r->at = key->at;
        if (!r->failed) mapping_set(r, mapping, at, value);
    }
    return value_mapping(mapping);
}

static Value variable(Render *r, const Node *node)
{
    const Value *const value = scope_find(r->scope, node->name);
    if (value) return *value;
    const Builtin *const global = builtin_global(node->name->text.bytes, node->name->text.length);
    if (!global) return value_no_variable(r, &node->name->text);
    Callable *const function = POOL_NEW(&r->pool, Callable);
    *function = (Callable){.kind = CALLABLE_FUNCTION, .builtin = global};
    return value_callable(function);
}

static Value conditional(Render *r, const Node *node)
{
    const bool is_true = value_is_true(expression_value(r, node->test));
    if (r->failed) return value_undefined();
    if (is_true) return expression_value(r, node->left);
    if (node->right) return expression_value(r, node->right);
    return value_missing(r, "an inline if without else was false");
}

/* ---- all of them ---- */

static Value evaluate(Render *r, const Node *node)
{
    Value value;
    switch (node->kind) {
    case NODE_CONSTANT:
        return node->constant;
    case NODE_NAME:
        return variable(r, node);
    case NODE_LIST:
    case NODE_TUPLE:
        return sequence(r, node);
    case NODE_DICT:
        return dict(r, node);
    case NODE_ATTRIBUTE:
        value = expression_value(r, node->left);
        r->at = node->at;
        return r->failed ? value : expression_attribute(r, value, &node->name->text);
    case NODE_ITEM:
        value = expression_value(r, node->left);
        if (r->failed) return value;
        const Value index = expression_value(r, node->right);
        r->at = node->at;
        return r->failed ? value : expression_item(r, value, index);
    case NODE_SLICE:
        return slice(r, node);
    case NODE_CALL:
        return call(r, node);
    case NODE_FILTER:
    case NODE_TEST:
        return filter_or_test(r, node);
    case NODE_UNARY:
        return unary(r, node);
    case NODE_BINARY:
        return binary(r, node);
    case NODE_COMPARE:
        return comparison(r, node);
    case NODE_AND:
        value = expression_value(r, node->left);
        return r->failed || !value_is_true(value) ? value : expression_value(r, node->right);
    case NODE_OR:
        value = expression_value(r, node->left);
        return r->failed || value_is_true(value) ? value : expression_value(r, node->right);
    case NODE_CONCAT:
        return concat(r, node);
    case NODE_CONDITIONAL:
        return conditional(r, node);
    default:
        return render_fail(r, "a node that is no expression");
    }
}

Value expression_value(Render *r, const Node *node)
{
    if (!render_work(r, 1)) return value_undefined();
    if (++r->depth > RENDER_MAX_DEPTH) {
        r->at = node->at;
        return render_fail(r, "the expression is nested too deep");
    }
    r->at = node->at;
    const Value value = evaluate(r, node);
    r->depth--;
    return value;
}

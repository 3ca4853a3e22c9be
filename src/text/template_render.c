/* SPDX-License-Identifier: MIT */
/* text/template_render.c: statements: scopes, loops, macros.
 *
 * A name is looked for from the innermost scope outwards and set in the innermost one. Loops, macros, with, filter and call blocks
 * open a scope; if and set do not. That is what Jinja does, too, but for names that are read in a loop before they are set
 * there, where the rule is the same in effect. */
#include "text/template_builtin.h"

#include <inttypes.h>
#include <string.h>

typedef enum Flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE } Flow;

struct Loop {
    const Node *node;
    Scope *scope; /* outside the loop: where a recursive call runs its body */
    const Sequence *items;
    int64_t index;     /* of the item in hand */
    int64_t depth;     /* of recursion, 0 outside */
    Sequence *changed; /* what loop.changed saw last */
};

static Flow run_body(Render *r, const NodeList *body);

/* ---- scopes ---- */

Scope *scope_enter(Render *r, Scope *parent)
{
    Scope *const scope = POOL_NEW(&r->pool, Scope);
    scope->parent = parent;
    r->scope = scope;
    return scope;
}

void scope_set(Render *r, const Name *name, Value value)
{
    Scope *const scope = r->scope;
    for (int64_t i = 0; i < scope->n; i++)
        if (scope->bindings[i].name == name) {
            scope->bindings[i].value = value;
            return;
        }
    if (scope->n == scope->capacity) {
        const int64_t capacity = scope->capacity ? 2 * scope->capacity : 4; /* at most the names in the template */
        Binding *const bindings = POOL_ARRAY(&r->pool, Binding, capacity);
        if (scope->n > 0) memcpy(bindings, scope->bindings, (size_t)scope->n * sizeof *bindings);
        scope->bindings = bindings;
        scope->capacity = capacity;
    }
    scope->bindings[scope->n++] = (Binding){name, value};
}

const Value *scope_find(const Scope *scope, const Name *name)
{
    for (; scope; scope = scope->parent)
        for (int64_t i = 0; i < scope->n; i++)
            if (scope->bindings[i].name == name) return &scope->bindings[i].value;
    return NULL;
}

/* ---- setting ---- */

static void set_target(Render *r, const Node *target, Value value);

static void set_tuple(Render *r, const Node *target, Value value)
{
    if (!value_is_iterable(value)) {
        render_fail(r, "cannot unpack non-iterable %s object", value_type_name(value));
        return;
    }
    const Sequence *const items = value_items(r, value);
    if (r->failed) return;
    if (items->n != target->items.n) {
        render_fail(r, "%s values to unpack: expected %" PRId64 ", got %" PRId64,
                    items->n < target->items.n ? "not enough" : "too many", target->items.n, items->n);
        return;
    }
    int64_t i = 0;
    for (const Node *part = target->items.first; part; part = part->next) set_target(r, part, items->items[i++]);
}

static void set_namespace(Render *r, const Node *target, Value value)
{
    const Value *const object = scope_find(r->scope, target->left->name);
    if (!object || object->kind != VALUE_MAPPING || !object->mapping->is_namespace) {
        render_fail(r, "%s.%s cannot be set: %s is not a namespace", target->left->name->text.bytes,
                    target->name->text.bytes, target->left->name->text.bytes);
        return;
    }
    mapping_set(r, object->mapping, (Value){.kind = VALUE_STRING, .string = &target->name->text}, value);
}

static void set_target(Render *r, const Node *target, Value value)
{
    r->at = target->at;
    if (target->kind == NODE_TUPLE)
        set_tuple(r, target, value);
    else if (target->kind == NODE_NAMESPACE_TARGET)
        set_namespace(r, target, value);
    else
        scope_set(r, target->name, value);
}

/* What a body writes. */
static Value capture(Render *r, const NodeList *body, Flow *flow)
{
    StringBuilder text = {.render = r}, *const out = r->out;
    r->out = &text;
    *flow = run_body(r, body);
    r->out = out;
    return builder_string(&text);
}

/* The filters of a filter or set block, on the text of the block: the innermost has no value of its own. */
static Value filtered(Render *r, const Node *filter, Value text)
{
    if (!filter) return text;
    const Value value = filtered(r, filter->left, text);
    Arguments arguments;
    if (!expression_arguments(r, &filter->arguments, &arguments)) return value_undefined();
    r->at = filter->at;
    if (!filter->builtin) return render_fail(r, "there is no filter named %.60s", filter->name->text.bytes);
    return builtin_call(r, filter->builtin, "filter ", value, &arguments);
}

/* ---- loops ---- */

static bool passes(Render *r, const Node *loop, Value item)
{
    if (!loop->test) return true;
    Scope *const outer = r->scope;
    scope_enter(r, outer);
    set_target(r, loop->target, item);
    const bool passed = value_is_true(expression_value(r, loop->test));
    r->scope = outer;
    return passed;
}

static const Sequence *loop_items(Render *r, const Node *loop, Value iterable)
{
    const Sequence *const all = value_items(r, iterable);
    if (!loop->test || r->failed) return all;
    Sequence *const chosen = sequence_create(r, SEQUENCE_LIST);
    for (int64_t i = 0; i < all->n && !r->failed; i++)
        if (passes(r, loop, all->items[i])) sequence_append(r, chosen, all->items[i]);
    return chosen;
}

static void run_loop(Render *r, const Node *node, Value iterable, int64_t depth)
{
    Scope *const outer = r->scope;
    const Sequence *const items = loop_items(r, node, iterable);
    if (r->failed) return;
    if (items->n == 0) {
        scope_enter(r, outer);
        run_body(r, &node->otherwise);
        r->scope = outer;
        return;
    }
    Loop *const loop = POOL_NEW(&r->pool, Loop);
    *loop = (Loop){.node = node, .scope = outer, .items = items, .depth = depth};
    Scope *const scope = scope_enter(r, outer);
    for (int64_t i = 0; i < items->n && render_work(r, 1); i++) {
        scope->n = 0; /* each round begins without what the one before has set */
        r->scope = scope;
        loop->index = i;
        scope_set(r, node->name, (Value){.kind = VALUE_LOOP, .loop = loop});
        set_target(r, node->target, items->items[i]);
        if (r->failed || run_body(r, &node->body) == FLOW_BREAK) break;
    }
    r->scope = outer;
}

Value loop_recurse(Render *r, Loop *loop, Value iterable)
{
    if (!loop->node->recursive) return render_fail(r, "the loop must be marked `recursive` to be called");
    if (++r->depth > RENDER_MAX_DEPTH) return render_fail(r, "loops are nested too deep");
    Scope *const scope = r->scope;
    StringBuilder text = {.render = r}, *const out = r->out;
    r->out = &text;
    r->scope = loop->scope;
    run_loop(r, loop->node, iterable, loop->depth + 1);
    r->scope = scope;
    r->out = out;
    r->depth--;
    return builder_string(&text);
}

static Value loop_neighbour(Render *r, const Loop *loop, int64_t index)
{
    if (index >= 0 && index < loop->items->n) return loop->items->items[index];
    return value_missing(r, index < 0 ? "there is no previous item" : "there is no next item");
}

Value loop_attribute(Render *r, const Loop *loop, const String *name)
{
    const int64_t n = loop->items->n, i = loop->index;
    if (string_is(name, "index")) return value_int(i + 1);
    if (string_is(name, "index0")) return value_int(i);
    if (string_is(name, "first")) return value_bool(i == 0);
    if (string_is(name, "last")) return value_bool(i == n - 1);
    if (string_is(name, "length")) return value_int(n);
    if (string_is(name, "revindex")) return value_int(n - i);
    if (string_is(name, "revindex0")) return value_int(n - i - 1);
    if (string_is(name, "previtem")) return loop_neighbour(r, loop, i - 1);
    if (string_is(name, "nextitem")) return loop_neighbour(r, loop, i + 1);
    if (string_is(name, "depth")) return value_int(loop->depth + 1);
    if (string_is(name, "depth0")) return value_int(loop->depth);
    return (Value){.kind = VALUE_ABSENT};
}

int64_t loop_index(const Loop *loop)
{
    return loop->index;
}

bool loop_changed(Render *r, Loop *loop, Sequence *values)
{
    const Sequence *const before = loop->changed;
    loop->changed = values;
    return !before || !value_equal(r, value_sequence((Sequence *)(uintptr_t)before), value_sequence(values));
}

/* ---- macros ---- */

static Value make_macro(Render *r, const Node *node)
{
    Callable *const macro = POOL_NEW(&r->pool, Callable);
    *macro = (Callable){.kind = CALLABLE_MACRO, .macro = node, .scope = r->scope};
    return value_callable(macro);
}

static const KeywordValue *find_keyword(const Arguments *arguments, const Name *name)
{
    for (int64_t i = 0; i < arguments->n_keywords; i++)
        if (string_equal(arguments->keywords[i].name, &name->text)) return &arguments->keywords[i];
    return NULL;
}

static bool is_param(const Node *macro, const String *name)
{
    for (const Node *param = macro->items.first; param; param = param->next)
        if (string_equal(&param->name->text, name)) return true;
    return false;
}

static const char *macro_name(const Node *macro)
{
    return macro->name->text.bytes;
}

/* Sets the parameters in the macro's scope, defaults in order, since one may speak of those before it. */
static void set_params(Render *r, const Node *macro, const Arguments *arguments)
{
    int64_t i = 0;
    for (const Node *param = macro->items.first; param && !r->failed; param = param->next, i++) {
        const KeywordValue *const keyword = find_keyword(arguments, param->name);
        if (i < arguments->n && keyword)
            render_fail(r, "macro %s got two values for %s", macro_name(macro), param->name->text.bytes);
        else if (i < arguments->n)
            scope_set(r, param->name, arguments->values[i]);
        else if (keyword)
            scope_set(r, param->name, keyword->value);
        else if (param->left)
            scope_set(r, param->name, expression_value(r, param->left));
        else
            scope_set(r, param->name, value_missing(r, "an argument of the macro was not given"));
    }
}

/* varargs, kwargs and caller, for macros that speak of them. */
static void set_rest(Render *r, const Node *macro, const Arguments *arguments)
{
    Sequence *const varargs = sequence_create(r, SEQUENCE_TUPLE);
    for (int64_t i = macro->items.n; i < arguments->n; i++) sequence_append(r, varargs, arguments->values[i]);
    if (varargs->n > 0 && !macro->takes_varargs)
        render_fail(r, "macro %s takes not more than %" PRId64 " arguments", macro_name(macro), macro->items.n);
    Mapping *const kwargs = mapping_create(r);
    Value caller = value_missing(r, "no caller defined");
    for (int64_t i = 0; i < arguments->n_keywords && !r->failed; i++) {
        const KeywordValue *const keyword = &arguments->keywords[i];
        if (is_param(macro, keyword->name)) continue;
        if (macro->takes_caller && string_is(keyword->name, "caller"))
            caller = keyword->value;
        else if (macro->takes_kwargs)
            mapping_set(r, kwargs, (Value){.kind = VALUE_STRING, .string = keyword->name}, keyword->value);
        else
            render_fail(r, "macro %s takes no keyword argument %.60s", macro_name(macro), keyword->name->bytes);
    }
    const Template *const t = r->template;
    for (int64_t i = 0; i < t->n_names; i++) {
        if (macro->takes_varargs && name_is(t->names[i], "varargs")) scope_set(r, t->names[i], value_sequence(varargs));
        if (macro->takes_kwargs && name_is(t->names[i], "kwargs")) scope_set(r, t->names[i], value_mapping(kwargs));
        if (macro->takes_caller && name_is(t->names[i], "caller") && !is_param(macro, &t->names[i]->text))
            scope_set(r, t->names[i], caller);
    }
}

Value macro_call(Render *r, const Callable *callable, const Arguments *arguments)
{
    if (++r->depth > RENDER_MAX_DEPTH) return render_fail(r, "macros call each other too deep");
    Scope *const outer = r->scope;
    scope_enter(r, callable->scope);
    const Node *const macro = callable->macro;
    if (macro->takes_varargs || macro->takes_kwargs || macro->takes_caller || arguments->n > macro->items.n ||
        arguments->n_keywords > 0)
        set_rest(r, macro, arguments);
    set_params(r, macro, arguments);
    Flow flow;
    const Value text = r->failed ? value_undefined() : capture(r, &macro->body, &flow);
    r->scope = outer;
    r->depth--;
    return text;
}

/* {% call(a) f(x) %}body{% endcall %}: f(x, caller=a macro of the body) */
static void run_call_block(Render *r, const Node *node)
{
    Arguments arguments;
    const Node *const call = node->left;
    const Value function = expression_value(r, call->left);
    if (r->failed || !expression_arguments(r, &call->arguments, &arguments)) return;
    KeywordValue *const keywords = POOL_ARRAY(&r->pool, KeywordValue, arguments.n_keywords + 1);
    for (int64_t i = 0; i < arguments.n_keywords; i++) keywords[i] = arguments.keywords[i];
    keywords[arguments.n_keywords++] = (KeywordValue){&node->name->text, make_macro(r, node)};
    arguments.keywords = keywords;
    r->at = node->at;
    builder_add_value(r->out, callable_call(r, function, &arguments));
}

/* ---- statements ---- */

static Flow run_if(Render *r, const Node *node)
{
    for (;;) {
        const bool is_true = value_is_true(expression_value(r, node->test));
        if (r->failed) return FLOW_ON;
        if (is_true) return run_body(r, &node->body);
        const Node *const next = node->otherwise.first;
        const bool is_elif = next && next->kind == NODE_IF && node->otherwise.n == 1;
        if (!is_elif) return run_body(r, &node->otherwise);
        node = next;
    }
}

static Flow run_with(Render *r, const Node *node)
{
    Scope *const outer = r->scope;
    Scope *const scope = scope_enter(r, outer);
    for (const Node *target = node->items.first; target && !r->failed; target = target->next->next) {
        r->scope = outer; /* the values do not see the names */
        const Value value = expression_value(r, target->next);
        r->scope = scope;
        if (!r->failed) set_target(r, target, value);
    }
    const Flow flow = r->failed ? FLOW_ON : run_body(r, &node->body);
    r->scope = outer;
    return flow;
}

static Flow run_scope(Render *r, const NodeList *body)
{
    Scope *const outer = r->scope;
    scope_enter(r, outer);
    const Flow flow = run_body(r, body);
    r->scope = outer;
    return flow;
}

/* The filtered text of a set or filter block. What is set inside stays inside; a break or continue leaves without a text. */
static Value block_text(Render *r, const Node *node, Flow *flow)
{
    Scope *const outer = r->scope;
    scope_enter(r, outer);
    const Value text = capture(r, &node->body, flow);
    const Value value = r->failed || *flow != FLOW_ON ? text : filtered(r, node->left, text);
    r->scope = outer;
    return value;
}

static Flow run_statement(Render *r, const Node *node)
{
    Value value;
    Flow flow = FLOW_ON;
    switch (node->kind) {
    case NODE_DATA:
        builder_add_string(r->out, node->constant.string);
        return FLOW_ON;
    case NODE_PRINT:
        value = expression_value(r, node->left);
        if (!r->failed) builder_add_value(r->out, value);
        return FLOW_ON;
    case NODE_SET:
        value = expression_value(r, node->left);
        if (!r->failed) set_target(r, node->target, value);
        return FLOW_ON;
    case NODE_SET_BLOCK:
        value = block_text(r, node, &flow);
        if (!r->failed && flow == FLOW_ON) set_target(r, node->target, value);
        return flow;
    case NODE_FOR:
        value = expression_value(r, node->left);
        r->at = node->left->at;
        if (!r->failed) run_loop(r, node, value, 0);
        return FLOW_ON;
    case NODE_IF:
        return run_if(r, node);
    case NODE_WITH:
        return run_with(r, node);
    case NODE_SCOPE:
        return run_scope(r, &node->body);
    case NODE_MACRO:
        scope_set(r, node->name, make_macro(r, node));
        return FLOW_ON;
    case NODE_CALL_BLOCK:
        run_call_block(r, node);
        return FLOW_ON;
    case NODE_FILTER_BLOCK:
        value = block_text(r, node, &flow);
        if (!r->failed && flow == FLOW_ON) builder_add_value(r->out, value);
        return flow;
    case NODE_BREAK:
        return FLOW_BREAK;
    case NODE_CONTINUE:
        return FLOW_CONTINUE;
    default:
        render_fail(r, "a node that is no statement");
        return FLOW_ON;
    }
}

static Flow run_body(Render *r, const NodeList *body)
{
    if (++r->depth > RENDER_MAX_DEPTH) render_fail(r, "blocks are nested too deep");
    Flow flow = FLOW_ON;
    for (const Node *node = body->first; node && !r->failed && flow == FLOW_ON; node = node->next) {
        r->at = node->at;
        if (render_work(r, 1)) flow = run_statement(r, node);
    }
    r->depth--;
    return flow;
}

void render_body(Render *r, const NodeList *body)
{
    run_body(r, body);
}

/* SPDX-License-Identifier: MIT */
/* text/template_call.c: calling things, and the functions that every template has. */
#include "text/template_builtin.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

const Builtin *builtin_find(const Builtin *table, const char *name, size_t length)
{
    for (; table->name; table++)
        if (strlen(table->name) == length && memcmp(table->name, name, length) == 0) return table;
    return NULL;
}

/* ---- arguments to parameters ---- */

static int find_param(const Builtin *builtin, const String *name)
{
    for (int i = 0; builtin->params[i]; i++)
        if (string_is(name, builtin->params[i])) return i;
    return -1;
}

static bool bind(Render *r, const Builtin *builtin, const char *what, Value first, const Arguments *arguments,
                 Value *values)
{
    int n = 0;
    for (int i = 0; i < BUILTIN_MAX_PARAMS; i++) values[i] = (Value){.kind = VALUE_ABSENT};
    if (value_is_given(first)) values[n++] = first;
    if (builtin->variadic) return true;
    for (int64_t i = 0; i < arguments->n; i++) {
        if (n >= BUILTIN_MAX_PARAMS || !builtin->params[n]) {
            render_fail(r, "%s%s takes fewer arguments", what, builtin->name);
            return false;
        }
        values[n++] = arguments->values[i];
    }
    for (int64_t i = 0; i < arguments->n_keywords; i++) {
        const int at = find_param(builtin, arguments->keywords[i].name);
        if (at < 0 || value_is_given(values[at])) {
            render_fail(r, "%s%s: %s argument %.60s", what, builtin->name, at < 0 ? "there is no" : "a second",
                        arguments->keywords[i].name->bytes);
            return false;
        }
        values[at] = arguments->keywords[i].value;
    }
    for (int i = 0; i < builtin->n_required; i++)
        if (!value_is_given(values[i])) {
            render_fail(r, "%s%s: the argument %s is missing", what, builtin->name, builtin->params[i]);
            return false;
        }
    return true;
}

Value builtin_call(Render *r, const Builtin *builtin, const char *what, Value first, const Arguments *arguments)
{
    Value values[BUILTIN_MAX_PARAMS];
    if (!render_work(r, 1) || !bind(r, builtin, what, first, arguments, values)) return value_undefined();
    return builtin->call(r, values, arguments);
}

bool argument_bool(Value value, bool otherwise)
{
    return value_is_given(value) ? value_is_true(value) : otherwise;
}

bool argument_int(Render *r, Value value, int64_t otherwise, int64_t *integer)
{
    *integer = otherwise;
    if (!value_is_given(value) || value.kind == VALUE_NONE || value_as_int(value, integer)) return true;
    if (value.kind == VALUE_UNDEFINED) render_fail_undefined(r, value.undefined);
    render_fail(r, "expected an integer, not %s", value_type_name(value));
    return false;
}

/* ---- callables ---- */

static Value joiner_next(Render *r, Callable *joiner)
{
    return joiner->position++ == 0 ? value_cstring(r, "") : joiner->self;
}

Value callable_call(Render *r, Value function, const Arguments *arguments)
{
    if (function.kind == VALUE_UNDEFINED) return render_fail_undefined(r, function.undefined);
    if (function.kind == VALUE_LOOP) {
        if (arguments->n != 1) return render_fail(r, "loop() takes one argument");
        return loop_recurse(r, function.loop, arguments->values[0]);
    }
    if (function.kind != VALUE_CALLABLE)
        return render_fail(r, "'%s' object is not callable", value_type_name(function));
    Callable *const callable = function.callable;
    switch (callable->kind) {
    case CALLABLE_FUNCTION:
        return builtin_call(r, callable->builtin, "", (Value){.kind = VALUE_ABSENT}, arguments);
    case CALLABLE_METHOD:
        return builtin_call(r, callable->builtin, "", callable->self, arguments);
    case CALLABLE_MACRO:
        return macro_call(r, callable, arguments);
    case CALLABLE_JOINER:
        return joiner_next(r, callable);
    case CALLABLE_REFUSED:
        return render_fail(r, "%s would change a value of the template, which its sandbox does not allow",
                           callable->refused);
    case CALLABLE_CYCLER:
        break;
    }
    return render_fail(r, "this object is not callable");
}

/* ---- global functions ---- */

static Value global_range(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    enum { MAX_RANGE = 100000 }; /* what Jinja's sandbox allows */
    int64_t start = 0, stop, step;
    const bool one = !value_is_given(values[1]);
    for (int i = 0; i < 3; i++)
        if (values[i].kind == VALUE_NONE) return render_fail(r, "range: none is no integer");
    if (!argument_int(r, values[0], 0, one ? &stop : &start) || (!one && !argument_int(r, values[1], 0, &stop)) ||
        !argument_int(r, values[2], 1, &step))
        return value_undefined();
    if (step == 0) return render_fail(r, "range() arg 3 must not be zero");
    Sequence *const range = sequence_create(r, SEQUENCE_RANGE);
    for (int64_t i = start; (step > 0 ? i < stop : i > stop) && !r->failed;) {
        if (range->n == MAX_RANGE) return render_fail(r, "a range of more than %d elements", MAX_RANGE);
        sequence_append(r, range, value_int(i));
        if (__builtin_add_overflow(i, step, &i)) break;
    }
    return value_sequence(range);
}

static void set_keywords(Render *r, Mapping *mapping, const Arguments *all)
{
    for (int64_t i = 0; i < all->n_keywords && !r->failed; i++)
        mapping_set(r, mapping, (Value){.kind = VALUE_STRING, .string = all->keywords[i].name}, all->keywords[i].value);
}

/* dict(...) and namespace(...): from a mapping or pairs, and keywords. */
static Value new_mapping(Render *r, const Arguments *all, bool is_namespace)
{
    Mapping *const mapping = mapping_create(r);
    if (all->n > 1) return render_fail(r, "expected at most 1 argument");
    if (all->n == 1 && value_is_dict(all->values[0])) {
        const Mapping *const from = all->values[0].mapping;
        for (int64_t i = 0; i < from->n && !r->failed; i++)
            mapping_set(r, mapping, from->entries[i].key, from->entries[i].value);
    } else if (all->n == 1) {
        const Sequence *const pairs = value_items(r, all->values[0]);
        for (int64_t i = 0; i < pairs->n && !r->failed; i++) {
            const Sequence *const pair = value_items(r, pairs->items[i]);
            if (pair->n != 2) return render_fail(r, "expected pairs of key and value");
            mapping_set(r, mapping, pair->items[0], pair->items[1]);
        }
    }
    set_keywords(r, mapping, all);
    mapping->is_namespace = is_namespace;
    return value_mapping(mapping);
}
static Value global_dict(Render *r, Value *values, const Arguments *all)
{
    (void)values;
    return new_mapping(r, all, false);
}
static Value global_namespace(Render *r, Value *values, const Arguments *all)
{
    (void)values;
    return new_mapping(r, all, true);
}

static Value global_cycler(Render *r, Value *values, const Arguments *all)
{
    (void)values;
    if (all->n == 0) return render_fail(r, "cycler: at least one item has to be provided");
    Sequence *const items = sequence_create(r, SEQUENCE_TUPLE);
    for (int64_t i = 0; i < all->n; i++) sequence_append(r, items, all->values[i]);
    Callable *const cycler = POOL_NEW(&r->pool, Callable);
    *cycler = (Callable){.kind = CALLABLE_CYCLER, .self = value_sequence(items)};
    return value_callable(cycler);
}

static Value global_joiner(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    Callable *const joiner = POOL_NEW(&r->pool, Callable);
    *joiner =
        (Callable){.kind = CALLABLE_JOINER, .self = value_is_given(values[0]) ? values[0] : value_cstring(r, ", ")};
    return value_callable(joiner);
}

static Value global_raise(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const String *const message = value_str(r, values[0]);
    return render_fail(r, "%.*s", (int)(message->length < 600 ? message->length : 600), message->bytes);
}

static Value global_strftime(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    if (values[0].kind != VALUE_STRING) return render_fail(r, "strftime_now: expected a format");
    const String *const format = values[0].string;
    enum { MAX_FORMAT = 1000, MAX_DATE = 4000 };
    if (format->length > MAX_FORMAT) return render_fail(r, "strftime_now: a format of more than %d bytes", MAX_FORMAT);
    /* A character in front tells an empty date from one that does not fit. */
    char spec[MAX_FORMAT + 2] = "x", *const text = pool_take(&r->pool, MAX_DATE);
    memcpy(spec + 1, format->bytes, format->length);
    spec[format->length + 1] = 0;
    const time_t now = (time_t)r->now;
    struct tm when;
    if (!localtime_r(&now, &when)) return render_fail(r, "strftime_now: there is no such date");
    const size_t n = strftime(text, MAX_DATE, spec, &when);
    if (n == 0) return render_fail(r, "strftime_now: a date of more than %d bytes", MAX_DATE);
    return value_string(r, text + 1, n - 1);
}

static const Builtin globals[] = {
    {"range", global_range, 1, {"start", "stop", "step"}, false},
    {"dict", global_dict, 0, {0}, true},
    {"namespace", global_namespace, 0, {0}, true},
    {"cycler", global_cycler, 0, {0}, true},
    {"joiner", global_joiner, 0, {"sep"}, false},
    {"raise_exception", global_raise, 1, {"message"}, false},
    {"strftime_now", global_strftime, 1, {"format"}, false},
    {0},
};

const Builtin *builtin_global(const char *name, size_t length)
{
    return builtin_find(globals, name, length);
}

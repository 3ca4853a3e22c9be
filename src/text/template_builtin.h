/* SPDX-License-Identifier: MIT */
/* text/template_builtin.h: what templates may call: filters, tests, methods, global functions: one table each, and how the
 * arguments of a call become the parameters of a function. */
#ifndef R1_TEXT_TEMPLATE_BUILTIN_H
#define R1_TEXT_TEMPLATE_BUILTIN_H

#include "text/template_node.h"

typedef struct KeywordValue {
    const String *name;
    Value value;
} KeywordValue;

typedef struct Arguments {
    Value *values; /* [n] */
    int64_t n;
    KeywordValue *keywords; /* [n_keywords] */
    int64_t n_keywords;
} Arguments;

enum { BUILTIN_MAX_PARAMS = 6 };

/* values[i] holds parameter i, VALUE_ABSENT where it was not given; the first is what a filter, a test or a method works on. `all`
 * has what was passed, for functions that take any number. */
typedef Value (*BuiltinCall)(Render *render, Value *values, const Arguments *all);

typedef struct Builtin {
    const char *name;
    BuiltinCall call;
    int n_required;
    const char *params[BUILTIN_MAX_PARAMS + 1]; /* NULL behind the last */
    bool variadic;                              /* params name the first alone; the rest is in `all` */
} Builtin;

typedef enum CallableKind {
    CALLABLE_FUNCTION, /* builtin */
    CALLABLE_METHOD,   /* builtin of self */
    CALLABLE_MACRO,
    CALLABLE_CYCLER,
    CALLABLE_JOINER,
    CALLABLE_REFUSED, /* a method that the sandbox does not allow */
} CallableKind;

struct Callable {
    CallableKind kind;
    const Builtin *builtin;
    Value self;          /* method: its object; cycler: its items; joiner: its separator */
    const char *refused; /* the method's name */
    const Node *macro;
    struct Scope *scope; /* where the macro was defined */
    int64_t position;    /* cycler, joiner: how often it was used */
};

const Builtin *builtin_filter(const char *name, size_t length); /* NULL: none */
const Builtin *builtin_test(const char *name, size_t length);
const Builtin *builtin_global(const char *name, size_t length);
const Builtin *builtin_find(const Builtin *table, const char *name, size_t length);
extern const Builtin filters_of_strings[], filters_of_sequences[]; /* end in a NULL name */
/* The method of that name, or VALUE_ABSENT. */
Value builtin_method(Render *render, Value object, const String *name);

/* `what`: "filter", "test", "" for messages. first: what a filter works on, VALUE_ABSENT for functions. */
Value builtin_call(Render *render, const Builtin *builtin, const char *what, Value first, const Arguments *arguments);
/* Calls any callable. */
Value callable_call(Render *render, Value function, const Arguments *arguments);

/* ---- expressions, for statements and builtins ---- */

Value expression_value(Render *render, const Node *node);
Value expression_attribute(Render *render, Value object, const String *name); /* object.name */
Value expression_item(Render *render, Value object, Value index);             /* object[index] */
Value expression_binary(Render *render, int operator, Value left, Value right);
bool expression_arguments(Render *render, const CallArguments *from, Arguments *arguments);
Value macro_call(Render *render, const Callable *macro, const Arguments *arguments);
Value loop_attribute(Render *render, const Loop *loop, const String *name); /* VALUE_ABSENT: it has none */
Value loop_recurse(Render *render, Loop *loop, Value iterable);
int64_t loop_index(const Loop *loop);
bool loop_changed(Render *render, Loop *loop, Sequence *values); /* are they others than the last call's? */
void render_body(Render *render, const NodeList *body);

/* Parameters that have a default. */
bool argument_bool(Value value, bool otherwise);
bool argument_int(Render *render, Value value, int64_t otherwise, int64_t *integer); /* false: failed */

/* "%..." % values (template_format.c) and "{}".format(). */
Value format_percent(Render *render, const String *format, Value values);
Value format_braces(Render *render, const String *format, const Arguments *arguments, int64_t first);

/* ---- variables ---- */

typedef struct Binding {
    const Name *name;
    Value value;
} Binding;

/* Names that were set here hide those outside; setting never reaches outside. */
typedef struct Scope {
    struct Scope *parent;
    Binding *bindings; /* [n] */
    int64_t n, capacity;
} Scope;

Scope *scope_enter(Render *render, Scope *parent); /* becomes render->scope */
void scope_set(Render *render, const Name *name, Value value);
const Value *scope_find(const Scope *scope, const Name *name);

#endif

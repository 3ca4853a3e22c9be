/* SPDX-License-Identifier: MIT */
/* text/template_statements.c: tags and the text between them. */
#include "text/template_node.h"

#include <string.h>

typedef Node *(*ParseTag)(Parser *parser, uint32_t at);

static bool expect_block_end(Parser *p)
{
    if (p->failed) return false;
    if (p->token->kind == TOKEN_BLOCK_END) {
        p->token++;
        return true;
    }
    parser_fail(p, p->token->at, "expected the end of the tag (%%})");
    return false;
}

static bool parse_body(Parser *p, NodeList *body, const char *const *ends);

/* The body of a tag up to one of `ends` (NULL-terminated), whose name is the next token then. */
static bool parse_block(Parser *p, NodeList *body, const char *tag, const char *const *ends)
{
    parser_skip_operator(p, ':');
    if (!expect_block_end(p) || !parser_enter(p)) return false;
    const int n_names = (int)(sizeof p->open / sizeof *p->open);
    if (p->n_open < n_names) p->open[p->n_open] = tag;
    p->n_open++;
    const bool ok = parse_body(p, body, ends);
    p->n_open--;
    p->depth--;
    return ok;
}

/* The same where one word alone ends it, which is passed. */
static bool parse_block_to(Parser *p, NodeList *body, const char *tag, const char *end)
{
    const char *const ends[] = {end, NULL};
    return parse_block(p, body, tag, ends) && parser_skip_word(p, end);
}

/* ---- one function a tag; the tag's name has been passed ---- */

static Node *parse_set(Parser *p, uint32_t at)
{
    Node *const set = parser_node(p, NODE_SET, at);
    set->target = parser_target(p, true, NULL);
    if (parser_skip_operator(p, '=')) {
        set->left = parser_tuple(p, true, NULL);
        return set;
    }
    set->kind = NODE_SET_BLOCK;
    set->left = parser_filters(p, NULL, false);
    parse_block_to(p, &set->body, "set", "endset");
    return set;
}

static Node *parse_for(Parser *p, uint32_t at)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    Node *const loop = parser_node(p, NODE_FOR, at);
    loop->name = template_name(p->template, "loop", 4);
    loop->target = parser_target(p, false, "in");
    if (!p->failed && !parser_skip_word(p, "in")) return parser_fail(p, p->token->at, "expected `in`");
    loop->left = parser_tuple(p, false, "recursive");
    if (parser_skip_word(p, "if")) loop->test = parser_expression(p);
    loop->recursive = parser_skip_word(p, "recursive");
    p->loop_depth++;
    const bool ok = parse_block(p, &loop->body, "for", ends);
    p->loop_depth--;
    if (ok && parser_skip_word(p, "else"))
        parse_block_to(p, &loop->otherwise, "for", "endfor");
    else if (ok)
        parser_skip_word(p, "endfor");
    return loop;
}

static Node *parse_if(Parser *p, uint32_t at)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    Node *const first = parser_node(p, NODE_IF, at);
    for (Node *node = first;;) {
        node->test = parser_tuple(p, false, NULL);
        if (!parse_block(p, &node->body, "if", ends)) break;
        if (parser_at_word(p, "elif")) {
            Node *const next = parser_node(p, NODE_IF, p->token++->at);
            node_append(&node->otherwise, next);
            node = next;
            continue;
        }
        if (parser_skip_word(p, "else"))
            parse_block_to(p, &node->otherwise, "if", "endif");
        else
            parser_skip_word(p, "endif");
        break;
    }
    return first;
}

static Node *parse_with(Parser *p, uint32_t at)
{
    Node *const with = parser_node(p, NODE_WITH, at);
    while (!p->failed && p->token->kind != TOKEN_BLOCK_END) {
        if (with->items.n > 0 && !parser_expect_operator(p, ',')) break;
        node_append(&with->items, parser_target(p, false, NULL));
        if (!parser_expect_operator(p, '=')) break;
        node_append(&with->items, parser_expression(p));
    }
    parse_block_to(p, &with->body, "with", "endwith");
    return with;
}

/* (a, b=1) */
static void parse_signature(Parser *p, Node *macro)
{
    if (!parser_expect_operator(p, '(')) return;
    bool defaults = false;
    while (!p->failed && !parser_at_operator(p, ')')) {
        if (macro->items.n > 0 && !parser_expect_operator(p, ',')) break;
        Node *const param = parser_node(p, NODE_KEYWORD, p->token->at);
        param->name = parser_expect_name(p);
        if (parser_skip_operator(p, '=')) {
            param->left = parser_expression(p);
            defaults = true;
        } else if (defaults)
            parser_fail(p, param->at, "an argument without a default behind one with");
        node_append(&macro->items, param);
    }
    parser_expect_operator(p, ')');
}

/* Names inside belong to this macro; those around it go on afterwards. */
static void parse_macro_body(Parser *p, Node *macro, const char *tag, const char *end)
{
    Node *const outer = p->macro;
    const int loop_depth = p->loop_depth;
    p->macro = macro;
    p->loop_depth = 0;
    parse_block_to(p, &macro->body, tag, end);
    p->macro = outer;
    p->loop_depth = loop_depth;
    if (outer && macro->takes_caller && macro->kind != NODE_MACRO) outer->takes_caller = true;
}

static Node *parse_macro(Parser *p, uint32_t at)
{
    Node *const macro = parser_node(p, NODE_MACRO, at);
    macro->name = parser_expect_name(p);
    parse_signature(p, macro);
    parse_macro_body(p, macro, "macro", "endmacro");
    return macro;
}

static Node *parse_call(Parser *p, uint32_t at)
{
    Node *const block = parser_node(p, NODE_CALL_BLOCK, at);
    block->name = template_name(p->template, "caller", 6);
    if (parser_at_operator(p, '(')) parse_signature(p, block);
    block->left = parser_expression(p);
    if (block->left && block->left->kind != NODE_CALL) return parser_fail(p, at, "expected a call");
    parse_macro_body(p, block, "call", "endcall");
    return block;
}

static Node *parse_filter(Parser *p, uint32_t at)
{
    Node *const block = parser_node(p, NODE_FILTER_BLOCK, at);
    block->left = parser_filters(p, NULL, true);
    parse_block_to(p, &block->body, "filter", "endfilter");
    return block;
}

/* What the assistant said: transformers makes a mask of it for training; the text is what stands inside. */
static Node *parse_generation(Parser *p, uint32_t at)
{
    Node *const scope = parser_node(p, NODE_SCOPE, at);
    const int loop_depth = p->loop_depth;
    p->loop_depth = 0; /* its body is a function of its own in Jinja */
    parse_block_to(p, &scope->body, "generation", "endgeneration");
    p->loop_depth = loop_depth;
    return scope;
}

/* There is nothing to extend, so a block is where it stands. */
static Node *parse_named_block(Parser *p, uint32_t at)
{
    Node *const scope = parser_node(p, NODE_SCOPE, at);
    parser_expect_name(p);
    parser_skip_word(p, "scoped");
    const int loop_depth = p->loop_depth;
    p->loop_depth = 0;
    parse_block_to(p, &scope->body, "block", "endblock");
    p->loop_depth = loop_depth;
    if (p->token->kind == TOKEN_NAME) p->token++;
    return scope;
}

static Node *parse_print(Parser *p, uint32_t at)
{
    Node *const concat = parser_node(p, NODE_CONCAT, at);
    while (!p->failed && p->token->kind != TOKEN_BLOCK_END) {
        if (concat->items.n > 0 && !parser_expect_operator(p, ',')) break;
        node_append(&concat->items, parser_expression(p));
    }
    Node *const print = parser_node(p, NODE_PRINT, at);
    print->left = concat;
    return print;
}

static Node *parse_jump(Parser *p, uint32_t at)
{
    const bool is_break = string_is(&p->token[-1].text, "break");
    if (p->loop_depth == 0) return parser_fail(p, at, "%s outside a loop", is_break ? "break" : "continue");
    return parser_node(p, is_break ? NODE_BREAK : NODE_CONTINUE, at);
}

static Node *parse_autoescape(Parser *p, uint32_t at)
{
    if (!parser_at_word(p, "false") && !parser_at_word(p, "False"))
        return parser_fail(p, at, "autoescape is not supported: a prompt is not HTML");
    p->token++;
    Node *const scope = parser_node(p, NODE_SCOPE, at);
    parse_block_to(p, &scope->body, "autoescape", "endautoescape");
    return scope;
}

static const struct {
    const char *name;
    ParseTag parse;
} tags[] = {
    {"set", parse_set},
    {"for", parse_for},
    {"if", parse_if},
    {"with", parse_with},
    {"macro", parse_macro},
    {"call", parse_call},
    {"filter", parse_filter},
    {"generation", parse_generation},
    {"print", parse_print},
    {"block", parse_named_block},
    {"break", parse_jump},
    {"continue", parse_jump},
    {"autoescape", parse_autoescape},
};

static Node *unknown_tag(Parser *p, const Token *token)
{
    static const char *const loading[] = {"include", "import", "from", "extends"};
    for (size_t i = 0; i < sizeof loading / sizeof *loading; i++)
        if (string_is(&token->text, loading[i]))
            return parser_fail(p, token->at, "%s: a chat template cannot load another template", loading[i]);
    const int shown = token->text.length < 40 ? (int)token->text.length : 40;
    const int n_names = (int)(sizeof p->open / sizeof *p->open);
    if (p->n_open > 0 && p->n_open <= n_names)
        return parser_fail(p, token->at, "unknown tag %.*s, inside {%% %s %%}, which waits for its end", shown,
                           token->text.bytes, p->open[p->n_open - 1]);
    return parser_fail(p, token->at, "unknown tag %.*s", shown, token->text.bytes);
}

static Node *parse_statement(Parser *p)
{
    const Token *const token = p->token;
    if (token->kind != TOKEN_NAME) return parser_fail(p, token->at, "expected the name of a tag");
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
        if (string_is(&token->text, tags[i].name)) {
            p->token++;
            Node *const node = tags[i].parse(p, token->at);
            return expect_block_end(p) ? node : NULL;
        }
    return unknown_tag(p, token);
}

/* ---- text and tags ---- */

static Node *parse_data(Parser *p)
{
    Node *const data = parser_node(p, NODE_DATA, p->token->at);
    String *const text = POOL_NEW(&p->template->pool, String);
    *text = p->token++->text;
    data->constant = (Value){.kind = VALUE_STRING, .string = text};
    return data;
}

static Node *parse_output(Parser *p)
{
    Node *const print = parser_node(p, NODE_PRINT, p->token++->at);
    print->left = parser_tuple(p, true, NULL);
    if (p->failed) return NULL;
    if (p->token->kind != TOKEN_PRINT_END)
        return parser_fail(p, p->token->at, "expected the end of the expression (}})");
    p->token++;
    return print;
}

static bool at_end_tag(const Parser *p, const char *const *ends)
{
    for (; ends && *ends; ends++)
        if (p->token[1].kind == TOKEN_NAME && string_is(&p->token[1].text, *ends)) return true;
    return false;
}

static bool parse_body(Parser *p, NodeList *body, const char *const *ends)
{
    while (!p->failed) {
        if (p->token->kind == TOKEN_END) {
            if (!ends) return true;
            const int n_names = (int)(sizeof p->open / sizeof *p->open);
            const char *const tag = p->n_open <= n_names ? p->open[p->n_open - 1] : "tag";
            parser_fail(p, p->token->at, "the template ends inside {%% %s %%}: {%% %s %%} is missing", tag,
                        strcmp(ends[0], "elif") == 0 ? "endif" : ends[0]);
        } else if (p->token->kind == TOKEN_DATA)
            node_append(body, parse_data(p));
        else if (p->token->kind == TOKEN_PRINT_BEGIN)
            node_append(body, parse_output(p));
        else {
            const bool ends_here = at_end_tag(p, ends);
            p->token++;
            if (ends_here) return true;
            node_append(body, parse_statement(p));
        }
    }
    return false;
}

bool parser_template(Parser *p, NodeList *body)
{
    return parse_body(p, body, NULL);
}

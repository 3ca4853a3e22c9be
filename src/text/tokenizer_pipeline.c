/* SPDX-License-Identifier: MIT */
/* text/tokenizer_pipeline.c: reads what stands around the model in tokenizer.json: normalizer, pre_tokenizer, post_processor
 * and decoder. Each may be null, one component, or a Sequence of components, nested as deep as JSON is read. */
#include "base/arena.h"
#include "text/tokenizer_parts.h"

#include <inttypes.h>
#include <string.h>

/* Qwen2's: contractions, words with what stands before them, single digits, punctuation, line ends, spaces. */
const char tokenizer_split_pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
                                       "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/* GPT-2's, which ByteLevel with use_regex stands for. */
static const char byte_level_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* Whitespace's: words and what is neither word nor space; its \w counts the two joiners in. */
static const char words_pattern[] = "[\\w\\x{200c}\\x{200d}]+|[^\\w\\s\\x{200c}\\x{200d}]+";

typedef bool ReadComponent(Tokenizer *t, const json_t *component, const char *type, Error *err);

/* Calls `read` for a component, or for each of a Sequence's `list_key`. */
static bool read_components(Tokenizer *t, const json_t *json, const char *list_key, ReadComponent *read, Error *err)
{
    if (!json || json_is_null(json)) return true;
    const char *type = "";
    size_t length;
    if (!json_require(json, "type", err) || !json_get_string(json, "type", &type, &length, err)) return false;
    if (strcmp(type, "Sequence") != 0) return read(t, json, type, err);
    const json_t *const list = json_object_get(json, list_key);
    if (!json_is_array(list)) return error_set(err, ERROR_INPUT, "\"%s\": must be an array", list_key);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_components(t, json_array_get(list, i), list_key, read, err))
            return error_in(err, "%s[%zu]", list_key, i);
    return true;
}

static bool refuse_type(Error *err, const char *type, const char *known)
{
    return error_set(err, ERROR_INPUT, "type \"%.40s\" is not supported (known: %s)", type, known);
}

/* ---- normalizer ---- */

static bool read_normal_form(Tokenizer *t, const json_t *component, const char *type, Error *err)
{
    (void)component;
    static const char *const names[] = {"NFC", "NFD", "NFKC", "NFKD"};
    for (int form = NORMAL_NFC; form <= NORMAL_NFKD; form++) {
        if (strcmp(type, names[form]) != 0) continue;
        t->normal_forms = base_realloc(t->normal_forms, (size_t)t->n_normal_forms + 1, sizeof *t->normal_forms);
        t->normal_forms[t->n_normal_forms++] = (NormalForm)form;
        return true;
    }
    return refuse_type(err, type, "NFC, NFD, NFKC, NFKD, Sequence");
}

bool tokenizer_read_normalizer(Tokenizer *tokenizer, const json_t *json, Error *err)
{
    return read_components(tokenizer, json, "normalizers", read_normal_form, err) || error_in(err, "normalizer");
}

/* ---- pre_tokenizer ---- */

static bool add_split(Tokenizer *t, const char *pattern, size_t length, SplitBehavior behavior, bool invert, Error *err)
{
    PretokenizeStep step = {.kind = STEP_SPLIT, .behavior = behavior, .invert = invert};
    if (!regex_compile(&step.regex, pattern, length, err)) return false;
    return pretokenizer_add(&t->pretokenizer, step, err);
}

/* A plain string as a pattern: everything that could mean something is escaped. */
static char *quote_pattern(const char *text, size_t length, size_t *quoted_length)
{
    char *const quoted = base_alloc(2 * length + 1, 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] && strchr("\\.+*?()|[]{}^$#&-~", text[i])) quoted[used++] = '\\';
        quoted[used++] = text[i];
    }
    *quoted_length = used;
    return quoted;
}

static bool read_behavior(const json_t *component, SplitBehavior *behavior, Error *err)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    const char *name = NULL;
    size_t length;
    if (!json_require(component, "behavior", err) || !json_get_string(component, "behavior", &name, &length, err))
        return false;
    for (int i = SPLIT_REMOVED; i <= SPLIT_CONTIGUOUS; i++) {
        *behavior = (SplitBehavior)i;
        if (strcmp(name, names[i]) == 0) return true;
    }
    return error_set(
        err, ERROR_INPUT,
        "\"behavior\": \"%.40s\" is none of Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous", name);
}

static bool read_split(Tokenizer *t, const json_t *component, Error *err)
{
    SplitBehavior behavior = SPLIT_ISOLATED;
    bool invert = false;
    if (!read_behavior(component, &behavior, err) || !json_get_bool(component, "invert", &invert, err)) return false;
    const json_t *const pattern = json_object_get(component, "pattern");
    const json_t *const regex = json_object_get(pattern, "Regex"), *const plain = json_object_get(pattern, "String");
    if (json_is_string(regex))
        return add_split(t, json_string_value(regex), json_string_length(regex), behavior, invert, err) ||
               error_in(err, "pattern.Regex");
    if (!json_is_string(plain))
        return error_set(err, ERROR_INPUT, "\"pattern\": must be {\"Regex\": ...} or {\"String\": ...}");
    size_t length;
    char *const quoted = quote_pattern(json_string_value(plain), json_string_length(plain), &length);
    const bool ok = add_split(t, quoted, length, behavior, invert, err) || error_in(err, "pattern.String");
    base_free(quoted);
    return ok;
}

static bool read_byte_level(Tokenizer *t, const json_t *component, Error *err)
{
    bool prefix_space = true, use_regex = true;
    if (!json_get_bool(component, "add_prefix_space", &prefix_space, err) ||
        !json_get_bool(component, "use_regex", &use_regex, err))
        return false;
    if (prefix_space && !pretokenizer_add(&t->pretokenizer, (PretokenizeStep){.kind = STEP_PREFIX_SPACE}, err))
        return false;
    if (use_regex && !add_split(t, byte_level_pattern, strlen(byte_level_pattern), SPLIT_ISOLATED, false, err))
        return false;
    t->byte_level = true;
    return pretokenizer_add(&t->pretokenizer, (PretokenizeStep){.kind = STEP_MAP_BYTES}, err);
}

static bool read_digits(Tokenizer *t, const json_t *component, Error *err)
{
    bool individual = false;
    if (!json_get_bool(component, "individual_digits", &individual, err)) return false;
    return add_split(t, "\\p{N}", 5, individual ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS, false, err);
}

static bool read_pretokenizer(Tokenizer *t, const json_t *component, const char *type, Error *err)
{
    SplitBehavior behavior = SPLIT_ISOLATED;
    if (strcmp(type, "Split") == 0) return read_split(t, component, err);
    if (strcmp(type, "ByteLevel") == 0) return read_byte_level(t, component, err);
    if (strcmp(type, "Digits") == 0) return read_digits(t, component, err);
    if (strcmp(type, "Whitespace") == 0)
        return add_split(t, words_pattern, strlen(words_pattern), SPLIT_REMOVED, true, err);
    if (strcmp(type, "WhitespaceSplit") == 0) return add_split(t, "\\s", 2, SPLIT_REMOVED, false, err);
    if (strcmp(type, "Punctuation") == 0)
        return (!json_object_get(component, "behavior") || read_behavior(component, &behavior, err)) &&
               add_split(t, "[\\p{P}!-/:-@\\[-`{-~]", 20, behavior, false, err);
    return refuse_type(err, type, "Split, ByteLevel, Digits, Whitespace, WhitespaceSplit, Punctuation, Sequence");
}

bool tokenizer_read_pretokenizer(Tokenizer *tokenizer, const json_t *json, Error *err)
{
    if (!read_components(tokenizer, json, "pretokenizers", read_pretokenizer, err))
        return error_in(err, "pre_tokenizer");
    /* Writing the bytes as characters only to look them up as bytes again would be for nothing: as the last step, which it
     * is nearly always, it is left out. */
    Pretokenizer *const p = &tokenizer->pretokenizer;
    tokenizer->bytes_are_mapped = tokenizer->byte_level;
    if (p->n > 0 && p->steps[p->n - 1].kind == STEP_MAP_BYTES) {
        p->n--;
        for (int64_t i = 0; i < p->n; i++)
            if (p->steps[i].kind == STEP_MAP_BYTES) {
                p->n++; /* two of them: what comes out is written twice over, and only characters can say that */
                return true;
            }
        tokenizer->bytes_are_mapped = false;
    }
    return true;
}

/* ---- post_processor ---- */

static bool is_token(const Tokenizer *t, const json_t *id)
{
    return json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < t->n_tokens &&
           t->tokens[json_integer_value(id)].text;
}

static bool template_token(const json_t *piece, const json_t *special_tokens, TokenIds *ids, const Tokenizer *t,
                           Error *err)
{
    const json_t *const name = json_object_get(json_object_get(piece, "SpecialToken"), "id");
    if (!json_is_string(name))
        return error_set(err, ERROR_INPUT, "must be a SpecialToken or a Sequence with an \"id\"");
    const json_t *const list = json_object_get(json_object_get(special_tokens, json_string_value(name)), "ids");
    if (!json_is_array(list))
        return error_set(err, ERROR_INPUT, "\"%.60s\" has no \"ids\" in special_tokens", json_string_value(name));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const id = json_array_get(list, i);
        if (!is_token(t, id))
            return error_set(err, ERROR_INPUT, "special_tokens: the ids of \"%.60s\" must be ids of tokens",
                             json_string_value(name));
        token_ids_append(ids, (int32_t)json_integer_value(id));
    }
    return true;
}

/* Each processor goes around what the ones before it made. */
static void wrap(Tokenizer *t, TokenIds *before, const TokenIds *after)
{
    for (int64_t i = 0; i < t->prefix.n; i++) token_ids_append(before, t->prefix.ids[i]);
    token_ids_free(&t->prefix);
    t->prefix = *before;
    for (int64_t i = 0; i < after->n; i++) token_ids_append(&t->suffix, after->ids[i]);
}

static bool read_template(Tokenizer *t, const json_t *component, Error *err)
{
    const json_t *const single = json_object_get(component, "single");
    if (!json_is_array(single)) return error_set(err, ERROR_INPUT, "\"single\": must be an array");
    TokenIds before = {0}, after = {0};
    int texts = 0;
    bool ok = true;
    for (size_t i = 0; i < json_array_size(single) && ok; i++) {
        const json_t *const piece = json_array_get(single, i);
        if (json_object_get(piece, "Sequence"))
            texts++;
        else
            ok =
                template_token(piece, json_object_get(component, "special_tokens"), texts ? &after : &before, t, err) ||
                error_in(err, "single[%zu]", i);
    }
    if (ok && texts != 1)
        ok = error_set(err, ERROR_INPUT, "\"single\" must hold the text (Sequence) once, not %d times", texts);
    if (ok)
        wrap(t, &before, &after);
    else
        token_ids_free(&before);
    token_ids_free(&after);
    return ok;
}

/* BertProcessing and RobertaProcessing: {"cls": ["<s>", 0], "sep": ["</s>", 2]}. */
static bool read_pair_end(const Tokenizer *t, const json_t *component, const char *key, TokenIds *ids, Error *err)
{
    const json_t *const id = json_array_get(json_object_get(component, key), 1);
    if (!is_token(t, id)) return error_set(err, ERROR_INPUT, "\"%s\": must be [token, id]", key);
    token_ids_append(ids, (int32_t)json_integer_value(id));
    return true;
}

static bool read_cls_sep(Tokenizer *t, const json_t *component, Error *err)
{
    TokenIds before = {0}, after = {0};
    const bool ok = read_pair_end(t, component, "cls", &before, err) && read_pair_end(t, component, "sep", &after, err);
    if (ok)
        wrap(t, &before, &after);
    else
        token_ids_free(&before);
    token_ids_free(&after);
    return ok;
}

static bool read_post_processor(Tokenizer *t, const json_t *component, const char *type, Error *err)
{
    if (strcmp(type, "ByteLevel") == 0) return true; /* moves offsets, adds no token */
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(t, component, err);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return read_cls_sep(t, component, err);
    return refuse_type(err, type, "TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence");
}

bool tokenizer_read_post_processor(Tokenizer *tokenizer, const json_t *json, Error *err)
{
    return read_components(tokenizer, json, "processors", read_post_processor, err) || error_in(err, "post_processor");
}

/* ---- decoder ---- */

static bool read_decoder(Tokenizer *t, const json_t *component, const char *type, Error *err)
{
    (void)component;
    if (strcmp(type, "Fuse") == 0) {
        t->join = "";
        return true;
    }
    if (strcmp(type, "ByteLevel") != 0) return refuse_type(err, type, "ByteLevel, Fuse, Sequence");
    t->decodes_bytes = true;
    return true;
}

bool tokenizer_read_decoder(Tokenizer *tokenizer, const json_t *json, Error *err)
{
    /* Without a decoder, tokens are words: a space goes between them. */
    tokenizer->join = !json || json_is_null(json) ? " " : "";
    return read_components(tokenizer, json, "decoders", read_decoder, err) || error_in(err, "decoder");
}

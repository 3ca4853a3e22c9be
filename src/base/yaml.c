/* SPDX-License-Identifier: MIT */
/* base/yaml.c: libfyaml's events become a tree. Events rather than its documents, because only they say where a key stands.
 *
 * Taken from YAML: maps, lists, scalars of every style, comments, anchors and aliases (an alias is a copy). Refused with a
 * line: tags, several documents, keys that are not scalars, duplicate keys. */
#include "base/yaml.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far above any recipe; aliases of aliases could otherwise grow a few lines into more memory than there is. */
enum { YAML_MAX_FILE_BYTES = 16 << 20, YAML_MAX_NODES = 1 << 20, YAML_MAX_DEPTH = 60 };

/* ---- the tree ---- */

static YamlNode *node_create(YamlKind kind, int line, int column)
{
    YamlNode *const node = base_alloc(1, sizeof *node);
    *node = (YamlNode){.kind = kind, .line = line, .column = column};
    return node;
}

static void node_free(YamlNode *node)
{
    if (!node) return;
    for (int64_t i = 0; i < node->n_items; i++) {
        node_free(node->items[i]);
        if (node->keys) base_free(node->keys[i]);
    }
    base_free(node->items);
    base_free(node->keys);
    base_free(node->key_lines);
    base_free(node->key_columns);
    base_free(node->text);
    base_free(node);
}

static void *grow(void *array, int64_t n, size_t size)
{
    /* Doubles at powers of two, so the capacity need not be kept. */
    return n != 0 && (n & (n - 1)) != 0 ? array : base_realloc(array, (size_t)(n == 0 ? 1 : 2 * n), size);
}

static void list_append(YamlNode *list, YamlNode *item)
{
    list->items = grow(list->items, list->n_items, sizeof *list->items);
    list->items[list->n_items++] = item;
}

/* Takes key and value. */
static void map_append(YamlNode *map, char *key, int line, int column, YamlNode *value)
{
    const int64_t n = map->n_items;
    map->keys = grow(map->keys, n, sizeof *map->keys);
    map->key_lines = grow(map->key_lines, n, sizeof *map->key_lines);
    map->key_columns = grow(map->key_columns, n, sizeof *map->key_columns);
    map->keys[n] = key;
    map->key_lines[n] = line;
    map->key_columns[n] = column;
    list_append(map, value);
}

static int64_t map_find(const YamlNode *map, const char *key, size_t length)
{
    if (!map || map->kind != YAML_MAP) return -1;
    for (int64_t i = 0; i < map->n_items; i++)
        if (strlen(map->keys[i]) == length && memcmp(map->keys[i], key, length) == 0) return i;
    return -1;
}

YamlNode *yaml_get(const YamlNode *map, const char *key)
{
    const int64_t i = map_find(map, key, strlen(key));
    return i < 0 ? NULL : map->items[i];
}

void yaml_free(YamlDocument *document)
{
    node_free(document->root);
    base_free(document->path);
    *document = (YamlDocument){0};
}

/* ---- from events to the tree ---- */

typedef struct Anchor {
    char *name;
    const YamlNode *node; /* borrowed from the tree */
} Anchor;

typedef struct Builder {
    struct fy_diag *diag;
    struct fy_parser *parser;
    const char *name;
    Anchor *anchors;
    int64_t n_anchors, n_nodes;
    int line, column; /* of the last event that had a position */
    Error *err;
} Builder;

/* 1-based position of an event. A value that is not written (`key:`) has none: it stands where what came before it does. */
static void event_position(Builder *b, struct fy_event *event, int *line, int *column)
{
    const struct fy_mark *const mark = fy_event_start_mark(event);
    struct fy_token *const scalar = event->type == FYET_SCALAR ? event->scalar.value : NULL;
    size_t length = 0;
    const bool unwritten = !mark || (event->type == FYET_SCALAR && fy_token_scalar_style(scalar) == FYSS_PLAIN &&
                                     (!scalar || !fy_token_get_text(scalar, &length) || length == 0));
    if (!unwritten) {
        /* libfyaml's mark is behind an asterisk and behind an opening quote. */
        const enum fy_scalar_style style = fy_token_scalar_style(scalar);
        const bool behind = event->type == FYET_ALIAS || style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
        b->line = mark->line + 1;
        b->column = mark->column + (behind ? 0 : 1);
    }
    *line = b->line;
    *column = b->column;
}

static bool fail_at(const Builder *b, int line, int column, const char *what)
{
    return error_set(b->err, ERROR_INPUT, "%s:%d:%d: %s", b->name, line, column, what);
}

/* libfyaml's first complaint, as ours. */
static bool parser_failed(const Builder *b)
{
    void *previous = NULL;
    const struct fy_diag_error *const first = fy_diag_errors_iterate(b->diag, &previous);
    if (!first) return error_set(b->err, ERROR_INPUT, "%s: cannot be read as YAML", b->name);
    const int line = first->line > 0 ? first->line : 1, column = first->column > 0 ? first->column : 1;
    return fail_at(b, line, column, first->msg);
}

/* The next event, or NULL with the error set. */
static struct fy_event *next_event(const Builder *b)
{
    struct fy_event *const event = fy_parser_parse(b->parser);
    if (!event) parser_failed(b);
    return event;
}

static char *token_text(struct fy_token *token)
{
    size_t length = 0;
    const char *const text = token ? fy_token_get_text(token, &length) : NULL;
    return text ? base_strndup(text, length) : base_strdup("");
}

static bool is_null_text(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
        if (strcmp(text, nulls[i]) == 0) return true;
    return false;
}

static YamlNode *scalar_node(struct fy_event *event, int line, int column)
{
    struct fy_token *const token = event->scalar.value;
    const bool quoted = token && fy_token_scalar_style(token) != FYSS_PLAIN;
    char *const text = token_text(token);
    const bool null = !quoted && is_null_text(text);
    YamlNode *const node = node_create(null ? YAML_NULL : YAML_SCALAR, line, column);
    node->quoted = quoted;
    if (null)
        base_free(text);
    else
        node->text = text;
    return node;
}

static bool count_node(Builder *b, int line, int column)
{
    if (++b->n_nodes <= YAML_MAX_NODES) return true;
    return fail_at(b, line, column, "too many values (aliases of aliases?)");
}

static YamlNode *copy_node(Builder *b, const YamlNode *from, int line, int column)
{
    if (!count_node(b, line, column)) return NULL;
    YamlNode *const node = node_create(from->kind, from->line, from->column);
    node->text = from->text ? base_strdup(from->text) : NULL;
    node->quoted = from->quoted;
    for (int64_t i = 0; i < from->n_items; i++) {
        YamlNode *const item = copy_node(b, from->items[i], line, column);
        if (!item) {
            node_free(node);
            return NULL;
        }
        if (from->kind == YAML_MAP)
            map_append(node, base_strdup(from->keys[i]), from->key_lines[i], from->key_columns[i], item);
        else
            list_append(node, item);
    }
    return node;
}

static YamlNode *alias_node(Builder *b, struct fy_event *event, int line, int column)
{
    char *const name = token_text(event->alias.anchor);
    const YamlNode *target = NULL;
    for (int64_t i = b->n_anchors - 1; i >= 0 && !target; i--)
        if (strcmp(b->anchors[i].name, name) == 0) target = b->anchors[i].node;
    YamlNode *node = NULL;
    if (target)
        node = copy_node(b, target, line, column);
    else
        error_set(b->err, ERROR_INPUT, "%s:%d:%d: alias *%s: no anchor &%s before it", b->name, line, column, name,
                  name);
    base_free(name);
    return node;
}

static YamlNode *build_node(Builder *b, struct fy_event *event, int depth);

static bool build_list(Builder *b, YamlNode *list, int depth)
{
    for (;;) {
        struct fy_event *const event = next_event(b);
        if (!event) return false;
        const bool end = event->type == FYET_SEQUENCE_END;
        YamlNode *const item = end ? NULL : build_node(b, event, depth + 1);
        fy_parser_event_free(b->parser, event);
        if (end) return true;
        if (!item) return false;
        list_append(list, item);
    }
}

/* The key of an event, or NULL with the error set. */
static char *build_key(const Builder *b, const YamlNode *map, struct fy_event *event, int line, int column)
{
    if (event->type != FYET_SCALAR) {
        fail_at(b, line, column, "a key must be a plain word");
        return NULL;
    }
    char *const key = token_text(event->scalar.value);
    const int64_t twin = map_find(map, key, strlen(key));
    if (twin < 0) return key;
    error_set(b->err, ERROR_INPUT, "%s:%d:%d: key \"%s\" was given already on line %d", b->name, line, column, key,
              map->key_lines[twin]);
    base_free(key);
    return NULL;
}

static bool build_map(Builder *b, YamlNode *map, int depth)
{
    for (;;) {
        struct fy_event *event = next_event(b);
        if (!event) return false;
        int line, column;
        event_position(b, event, &line, &column);
        const bool end = event->type == FYET_MAPPING_END;
        char *const key = end ? NULL : build_key(b, map, event, line, column);
        fy_parser_event_free(b->parser, event);
        if (end) return true;
        if (!key) return false;

        event = next_event(b);
        YamlNode *const value = event ? build_node(b, event, depth + 1) : NULL;
        if (event) fy_parser_event_free(b->parser, event);
        if (!value) {
            base_free(key);
            return false;
        }
        map_append(map, key, line, column, value);
    }
}

static void remember_anchor(Builder *b, struct fy_event *event, const YamlNode *node)
{
    struct fy_token *const token = fy_event_get_anchor_token(event);
    if (!token || event->type == FYET_ALIAS) return;
    b->anchors = grow(b->anchors, b->n_anchors, sizeof *b->anchors);
    b->anchors[b->n_anchors++] = (Anchor){token_text(token), node};
}

/* The node that begins with this event (not freed here); NULL with the error set. */
static YamlNode *build_node(Builder *b, struct fy_event *event, int depth)
{
    int line, column;
    event_position(b, event, &line, &column);
    if (depth > YAML_MAX_DEPTH) return fail_at(b, line, column, "nested too deeply"), NULL;
    if (!count_node(b, line, column)) return NULL;
    if (event->type != FYET_ALIAS && fy_event_get_tag_token(event))
        return fail_at(b, line, column, "tags (!name) are not used here"), NULL;

    YamlNode *node = NULL;
    bool ok = true;
    if (event->type == FYET_SCALAR) {
        node = scalar_node(event, line, column);
    } else if (event->type == FYET_ALIAS) {
        node = alias_node(b, event, line, column);
    } else if (event->type == FYET_SEQUENCE_START) {
        node = node_create(YAML_LIST, line, column);
        ok = build_list(b, node, depth);
    } else if (event->type == FYET_MAPPING_START) {
        node = node_create(YAML_MAP, line, column);
        ok = build_map(b, node, depth);
    } else {
        fail_at(b, line, column, "expected a value");
    }
    if (!ok) {
        node_free(node);
        return NULL;
    }
    if (node) remember_anchor(b, event, node);
    return node;
}

/* Everything between the start and the end of the stream. An empty one is a null document. */
static YamlNode *build_document(Builder *b)
{
    YamlNode *root = NULL;
    bool ok = true, in_document = false;
    while (ok) {
        struct fy_event *const event = next_event(b);
        if (!event) break;
        const enum fy_event_type type = event->type;
        if (type == FYET_DOCUMENT_START) {
            int line, column;
            event_position(b, event, &line, &column);
            ok = !root || fail_at(b, line, column, "a second document begins here; only one is read");
            in_document = true;
        } else if (in_document && type != FYET_DOCUMENT_END && type != FYET_STREAM_END) {
            root = build_node(b, event, 0);
            ok = root != NULL;
            in_document = false;
        }
        fy_parser_event_free(b->parser, event);
        if (ok && type == FYET_STREAM_END) return root ? root : node_create(YAML_NULL, 1, 1);
    }
    node_free(root);
    return NULL;
}

static YamlNode *parse_text(const char *name, const char *text, size_t length, Error *err)
{
    struct fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.colorize = false;
    Builder b = {.name = name, .err = err, .line = 1, .column = 1, .diag = fy_diag_create(&diag_config)};
    if (!b.diag) return error_set(err, ERROR_SYSTEM, "%s: no memory to read YAML", name), NULL;
    fy_diag_set_collect_errors(b.diag, true);
    const struct fy_parse_cfg config = {.flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_DISABLE_MMAP_OPT, .diag = b.diag};
    b.parser = fy_parser_create(&config);
    YamlNode *root = NULL;
    if (!b.parser || fy_parser_set_string(b.parser, text, length) != 0)
        error_set(err, ERROR_SYSTEM, "%s: no memory to read YAML", name);
    else
        root = build_document(&b);
    if (b.parser) fy_parser_destroy(b.parser);
    fy_diag_destroy(b.diag);
    for (int64_t i = 0; i < b.n_anchors; i++) base_free(b.anchors[i].name);
    base_free(b.anchors);
    return root;
}

/* YAML's own checks would not say where. */
static bool check_characters(const char *name, const char *text, size_t length, Error *err)
{
    const char *const zero = memchr(text, 0, length);
    const size_t bad = utf8_first_error(text, zero ? (size_t)(zero - text) : length);
    if (bad == length) return true;
    int line = 1, column = 1;
    for (size_t i = 0; i < bad; i++) {
        const bool newline = text[i] == '\n';
        line += newline;
        if (newline)
            column = 1;
        else
            column += ((unsigned char)text[i] & 0xC0) != 0x80;
    }
    return error_set(err, ERROR_INPUT, "%s:%d:%d: byte 0x%02x is not text; the file must be saved as UTF-8", name, line,
                     column, (unsigned)(unsigned char)text[bad]);
}

bool yaml_read_text(YamlDocument *document, const char *name, const char *text, size_t length, Error *err)
{
    *document = (YamlDocument){0};
    if (!check_characters(name, text, length, err)) return false;
    YamlNode *const root = parse_text(name, text, length, err);
    if (!root) return false;
    *document = (YamlDocument){.path = base_strdup(name), .root = root};
    return true;
}

bool yaml_read_file(YamlDocument *document, const char *path, Error *err)
{
    *document = (YamlDocument){0};
    char *text;
    size_t length;
    if (!file_read_all(path, YAML_MAX_FILE_BYTES, &text, &length, err)) return false;
    const bool ok = yaml_read_text(document, path, text, length, err);
    base_free(text);
    return ok;
}

/* ---- setting and complaining ---- */

static void clear_position(YamlNode *node)
{
    node->line = node->column = 0;
    for (int64_t i = 0; i < node->n_items; i++) {
        clear_position(node->items[i]);
        if (node->keys) node->key_lines[i] = node->key_columns[i] = 0;
    }
}

/* Where the value called by the next part of a dotted key lives: a map's value (made when missing) or a list's item. */
static YamlNode **child_slot(YamlNode *node, const char *part, size_t length)
{
    if (node->kind == YAML_NULL) node->kind = YAML_MAP;
    if (node->kind == YAML_LIST) {
        char *end;
        const long long i = strtoll(part, &end, 10);
        return length > 0 && end == part + length && i >= 0 && i < node->n_items ? &node->items[i] : NULL;
    }
    if (node->kind != YAML_MAP) return NULL;
    int64_t i = map_find(node, part, length);
    if (i < 0) {
        i = node->n_items;
        map_append(node, base_strndup(part, length), 0, 0, node_create(YAML_NULL, 0, 0));
    }
    return &node->items[i];
}

bool yaml_set(YamlDocument *document, const char *dotted_key, const char *text, Error *err)
{
    if (!*dotted_key || *dotted_key == '.' || dotted_key[strlen(dotted_key) - 1] == '.' || strstr(dotted_key, ".."))
        return error_set(err, ERROR_USAGE, "\"%s\": expected a key such as a or a.b", dotted_key);
    char *const name = base_printf("--set %s", dotted_key);
    YamlNode *const value =
        check_characters(name, text, strlen(text), err) ? parse_text(name, text, strlen(text), err) : NULL;
    base_free(name);
    if (!value) return false;
    clear_position(value);

    if (!document->root) document->root = node_create(YAML_NULL, 0, 0);
    YamlNode **slot = &document->root;
    for (const char *part = dotted_key; slot && *part;) {
        const size_t length = strcspn(part, ".");
        slot = child_slot(*slot, part, length);
        if (!slot)
            error_set(err, ERROR_USAGE, "cannot set %s: %.*s is not a map", dotted_key,
                      part == dotted_key ? 12 : (int)(part - 1 - dotted_key),
                      part == dotted_key ? "the document" : dotted_key);
        part += length;
        if (*part == '.') part++;
    }
    if (!slot) {
        node_free(value);
        return false;
    }
    node_free(*slot);
    *slot = value;
    return true;
}

/* Appends ".key" or ".index" for each step from root down to target; false when it is not there. */
static bool find_path(const YamlNode *root, const YamlNode *target, char *path, size_t size, size_t used)
{
    if (root == target) return true;
    for (int64_t i = 0; root && i < root->n_items; i++) {
        const char *const dot = used ? "." : "";
        const int n = root->keys ? snprintf(path + used, size - used, "%s%s", dot, root->keys[i])
                                 : snprintf(path + used, size - used, "%s%" PRId64, dot, i);
        if (n < 0 || (size_t)n >= size - used) continue;
        if (find_path(root->items[i], target, path, size, used + (size_t)n)) return true;
    }
    path[used] = 0;
    return false;
}

bool yaml_error(const YamlDocument *document, const YamlNode *node, Error *err, const char *format, ...)
{
    char message[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    const char *const name = document->path ? document->path : "recipe";
    char path[256] = "";
    error_set(err, ERROR_INPUT, "%s", message);
    if (!node) return error_in(err, "%s", name);
    if (node->line > 0) return error_in(err, "%s:%d:%d", name, node->line, node->column);
    /* A value without a position came from yaml_set: its key says where it stands. */
    return find_path(document->root, node, path, sizeof path, 0) && *path ? error_in(err, "--set %s", path)
                                                                          : error_in(err, "%s", name);
}

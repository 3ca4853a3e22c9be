/* SPDX-License-Identifier: MIT */
/* recipe/graph.c: reading a graph: its keys, its stages, what they read from each other, and an order to run them in. */
#include "recipe/graph.h"

#include "base/arena.h"
#include "recipe/stage_type.h"

#include <ctype.h>
#include <string.h>

static const char OPEN[] = "${stages.";

static const RecipeKey graph_keys[] = {
    {"name", KEY_STRING, offsetof(GraphSettings, name), 0, 0, NULL, false, "names the run"},
    {"out", KEY_STRING, offsetof(GraphSettings, out), 0, 0, NULL, true, "run folder"},
    {"seed", KEY_INT, offsetof(GraphSettings, seed), 0, 9e15, NULL, false, "of every stage that gives none"},
    {"threads", KEY_INT, offsetof(GraphSettings, threads), 0, 1024, NULL, true, "0: as --threads"},
    {0},
};

bool graph_is(const YamlDocument *document)
{
    return yaml_get(document->root, "stages") != NULL;
}

void graph_close(Graph *g)
{
    for (int i = 0; i < g->n; i++) {
        GraphStage *const s = &g->stages[i];
        for (int k = 0; k < GRAPH_MAX_INPUTS; k++) base_free(s->bound[k]);
        recipe_close(&s->recipe);
        base_free(s->lasting);
        base_free(s->resolved);
        base_free(s->folder);
    }
    base_free(g->stages);
    base_free(g->order);
    base_free(g->owned_name);
    yaml_free(&g->document);
    *g = (Graph){0};
}

/* ---- the graph's own keys ---- */

static bool read_own_keys(Graph *g, Error *err)
{
    const YamlNode *const root = g->document.root;
    YamlNode rest = *root; /* all but the stages; borrows everything */
    YamlNode **const items = base_alloc((size_t)root->n_items, sizeof *items);
    char **const keys = base_alloc((size_t)root->n_items, sizeof *keys);
    int *const lines = base_alloc((size_t)root->n_items, 2 * sizeof *lines);
    rest.items = items, rest.keys = keys, rest.key_lines = lines, rest.key_columns = lines + root->n_items;
    rest.n_items = 0;
    for (int64_t i = 0; i < root->n_items; i++) {
        if (strcmp(root->keys[i], "stages") == 0) continue;
        items[rest.n_items] = root->items[i];
        keys[rest.n_items] = root->keys[i];
        rest.key_lines[rest.n_items] = root->key_lines[i];
        rest.key_columns[rest.n_items++] = root->key_columns[i];
    }
    g->settings = (GraphSettings){.name = "", .out = "", .seed = 1};
    const bool ok = recipe_read(&g->settings, graph_keys, &g->document, &rest, err);
    base_free(items);
    base_free(keys);
    base_free(lines);
    if (!ok) return false;
    if (!*g->settings.name) g->settings.name = g->owned_name = recipe_stem(g->document.path);
    if (!strchr(g->settings.name, '/') && strcmp(g->settings.name, ".") != 0 && strcmp(g->settings.name, "..") != 0)
        return true;
    return yaml_error(&g->document, yaml_get(root, "name"), err,
                      "name: \"%.60s\" cannot name a folder under runs/; `out` takes a path", g->settings.name);
}

/* ---- stages ---- */

static const char **stage_words(const Graph *g)
{
    const char **const names = base_alloc((size_t)g->n + 1, sizeof *names);
    for (int i = 0; i < g->n; i++) names[i] = g->stages[i].name;
    return names;
}

/* A stage's name is a folder's, beside the graph's own files. */
static bool check_name(const Graph *g, const YamlNode *stages, int64_t i, Error *err)
{
    const char *const name = stages->keys[i];
    const YamlNode at = {.line = stages->key_lines[i], .column = stages->key_columns[i]};
    const YamlNode *const node = at.line > 0 ? &at : stages->items[i];
    bool plain = *name && strlen(name) <= 64;
    for (const char *c = name; *c; c++) plain = plain && (isalnum((unsigned char)*c) || *c == '-' || *c == '_');
    if (!plain)
        return yaml_error(&g->document, node, err, "stages: \"%.60s\" cannot name a stage: letters, digits, - and _",
                          name);
    if (strcmp(name, "previous") == 0)
        return yaml_error(&g->document, node, err,
                          "stages: \"previous\" is where stages that were done before are kept");
    return true;
}

/* --set stages.bsae.steps=3 makes a stage that is nothing but that. */
static bool check_is_stage(const Graph *g, const YamlNode *stages, int64_t i, Error *err)
{
    if (stages->key_lines[i] > 0 || yaml_get(stages->items[i], "stage")) return true;
    const char **const names = base_alloc((size_t)stages->n_items + 1, sizeof *names);
    for (int64_t k = 0, n = 0; k < stages->n_items; k++)
        if (k != i) names[n++] = stages->keys[k];
    const char *const nearest = yaml_nearest(stages->keys[i], names);
    yaml_error(&g->document, stages->items[i], err, "there is no stage \"%.60s\"%s%s%s", stages->keys[i],
               nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    base_free(names);
    return false;
}

static bool read_stage(Graph *g, const YamlNode *stages, int64_t i, Error *err)
{
    GraphStage *const s = &g->stages[i];
    JsonOut text = {0};
    if (!check_name(g, stages, i, err) || !check_is_stage(g, stages, i, err)) return false;
    s->name = stages->keys[i];
    if (!recipe_open_stage(&s->recipe, &g->document, stages->items[i], s->name, g->settings.seed, err)) return false;
    if (*s->recipe.common->out)
        return recipe_error(&s->recipe, "out", err, "out: the folder of a stage is that of its name in the run folder");
    recipe_lasting(&s->recipe, &text);
    s->lasting = text.text, text = (JsonOut){0};
    recipe_resolved(&s->recipe, &text);
    s->resolved = text.text;
    return true;
}

static bool read_stages(Graph *g, Error *err)
{
    const YamlNode *const stages = yaml_get(g->document.root, "stages");
    if (stages->kind != YAML_MAP || stages->n_items == 0)
        return yaml_error(&g->document, stages, err, "stages: give a map of name: stage");
    if (stages->n_items > GRAPH_MAX_STAGES)
        return yaml_error(&g->document, stages, err, "stages: there are more than %d", GRAPH_MAX_STAGES);
    g->stages = base_alloc((size_t)stages->n_items, sizeof *g->stages);
    g->order = base_alloc((size_t)stages->n_items, sizeof *g->order);
    for (int64_t i = 0; i < stages->n_items; i++) {
        g->n = (int)i + 1;
        if (!read_stage(g, stages, i, err)) return false;
    }
    return true;
}

/* ---- what stages read ---- */

static bool no_such_stage(const Graph *g, const Recipe *r, const char *key, const char *name, size_t length, Error *err)
{
    const char **const names = stage_words(g);
    char *const word = base_strndup(name, length);
    const char *const nearest = yaml_nearest(word, names);
    recipe_error(r, key, err, "%s: there is no stage \"%.60s\"%s%s%s", key, word, nearest ? " (did you mean " : "",
                 nearest ? nearest : "", nearest ? "?)" : "");
    base_free(word);
    base_free(names);
    return false;
}

static bool find_output(const Graph *g, const Recipe *r, GraphInput *input, const char *word, size_t length, Error *err)
{
    const GraphStage *const from = &g->stages[input->from];
    const StageOutput *const outputs = stage_outputs(from->recipe.stage);
    char all[120] = "";
    for (const StageOutput *o = outputs; o->name; o++) {
        if (strlen(o->name) == length && memcmp(o->name, word, length) == 0 && o->kind == input->key->kind) {
            input->output = o->path;
            return true;
        }
        if (o->kind == input->key->kind)
            snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", *all ? ", " : "", o->name);
    }
    return recipe_error(r, input->key->name, err, "%s: stage \"%s\" (%s) has no %s \"%.*s\"; it has %s",
                        input->key->name, from->name, stage_names()[from->recipe.stage],
                        input->key->kind == KEY_MODEL ? "model" : "data", (int)(length < 60 ? length : 60), word,
                        *all ? all : "none");
}

/* ${stages.NAME.OUTPUT}, and nothing around it. */
static bool read_reference(const Graph *g, const Recipe *r, GraphInput *input, const char *text, Error *err)
{
    const char *const key = input->key->name;
    const char *const name = text + strlen(OPEN), *const dot = strchr(name, '.'), *const end = strchr(name, '}');
    if (strncmp(text, OPEN, strlen(OPEN)) != 0 || !dot || !end || dot > end || end[1])
        return recipe_error(r, key, err, "%s: write what another stage leaves as ${stages.NAME.OUTPUT}", key);
    const size_t n = (size_t)(dot - name);
    for (int i = 0; i < g->n; i++)
        if (strlen(g->stages[i].name) == n && memcmp(g->stages[i].name, name, n) == 0) {
            input->from = i;
            return find_output(g, r, input, dot + 1, (size_t)(end - dot - 1), err);
        }
    return no_such_stage(g, r, key, name, n, err);
}

static const char **text_of(const GraphStage *s, const RecipeKey *key)
{
    return recipe_field(recipe_settings(&s->recipe), key);
}

static bool read_inputs(const Graph *g, GraphStage *s, Error *err)
{
    for (const RecipeKey *k = recipe_keys(&s->recipe); k->name; k++) {
        if (!recipe_key_is_input(k) || !**text_of(s, k)) continue;
        GraphInput input = {.key = k, .from = -1};
        const char *const text = *text_of(s, k);
        if (strstr(text, "${") && !read_reference(g, &s->recipe, &input, text, err)) return false;
        if (s->n_inputs == GRAPH_MAX_INPUTS)
            return recipe_error(&s->recipe, k->name, err, "%s: a stage reads at most %d things", k->name,
                                GRAPH_MAX_INPUTS);
        s->inputs[s->n_inputs++] = input;
    }
    return true;
}

/* ---- order ---- */

/* The names along a cycle from stage i on, for the message. */
static bool tell_cycle(const Graph *g, const bool *done, int i, Error *err)
{
    char path[300] = "";
    const RecipeKey *key = NULL;
    int at = i;
    for (int steps = 0; steps < g->n; steps++) /* once around brings it into the cycle */
        for (int k = 0; k < g->stages[at].n_inputs; k++)
            if (g->stages[at].inputs[k].from >= 0 && !done[g->stages[at].inputs[k].from]) {
                at = g->stages[at].inputs[k].from;
                break;
            }
    const int first = at;
    do {
        const GraphStage *const s = &g->stages[at];
        snprintf(path + strlen(path), sizeof path - strlen(path), "%s%s", *path ? ", which reads from " : "", s->name);
        for (int k = 0; k < s->n_inputs; k++)
            if (s->inputs[k].from >= 0 && !done[s->inputs[k].from]) {
                if (!key) key = s->inputs[k].key;
                at = s->inputs[k].from;
                break;
            }
    } while (at != first);
    snprintf(path + strlen(path), sizeof path - strlen(path), ", which reads from %s", g->stages[first].name);
    return recipe_error(&g->stages[first].recipe, key->name, err, "%s: the stages go round in a circle: %s", key->name,
                        path);
}

static bool is_ready(const GraphStage *s, const bool *done)
{
    for (int k = 0; k < s->n_inputs; k++)
        if (s->inputs[k].from >= 0 && !done[s->inputs[k].from]) return false;
    return true;
}

/* Again and again the first stage of the file that is ready. */
static bool find_order(Graph *g, Error *err)
{
    bool *const done = base_alloc((size_t)g->n, sizeof *done);
    bool ok = true;
    for (int n = 0; ok && n < g->n; n++) {
        int next = 0;
        while (next < g->n && (done[next] || !is_ready(&g->stages[next], done))) next++;
        if (next == g->n) {
            int stuck = 0;
            while (done[stuck]) stuck++;
            ok = tell_cycle(g, done, stuck, err);
            break;
        }
        GraphStage *const s = &g->stages[next];
        for (int k = 0; k < s->n_inputs; k++)
            if (s->inputs[k].from >= 0 && g->stages[s->inputs[k].from].depth >= s->depth)
                s->depth = g->stages[s->inputs[k].from].depth + 1;
        done[next] = true;
        g->order[n] = next;
    }
    base_free(done);
    return ok;
}

/* ---- opening ---- */

bool graph_open(Graph *g, YamlDocument *document, Error *err)
{
    *g = (Graph){.document = *document};
    *document = (YamlDocument){0};
    bool ok = read_own_keys(g, err) && read_stages(g, err);
    for (int i = 0; ok && i < g->n; i++) ok = read_inputs(g, &g->stages[i], err);
    ok = ok && find_order(g, err);
    if (!ok) graph_close(g);
    return ok;
}

void graph_bind(Graph *g, const char *folder)
{
    for (int i = 0; i < g->n; i++) {
        GraphStage *const s = &g->stages[i];
        s->folder = base_printf("%s/%s", folder, s->name);
        for (int k = 0; k < s->n_inputs; k++) {
            const GraphInput *const input = &s->inputs[k];
            if (input->from < 0) continue;
            s->bound[k] = base_printf("%s/%s/%s", folder, g->stages[input->from].name, input->output);
            *text_of(s, input->key) = s->bound[k];
        }
    }
}

/* Each line of the text behind four spaces. */
static void append_indented(JsonOut *out, const char *text)
{
    for (const char *line = text; *line;) {
        const char *const end = strchr(line, '\n');
        const size_t n = end ? (size_t)(end - line) + 1 : strlen(line);
        json_out_raw_bytes(out, "    ", 4);
        json_out_raw_bytes(out, line, n);
        line += n;
    }
}

void graph_resolved(const Graph *g, JsonOut *out)
{
    recipe_write(&g->settings, graph_keys, out);
    json_out_raw_bytes(out, "stages:\n", 8);
    for (int i = 0; i < g->n; i++) {
        char *const head = base_printf("  %s:\n", g->stages[i].name);
        json_out_raw_bytes(out, head, strlen(head));
        append_indented(out, g->stages[i].resolved);
        base_free(head);
    }
}

char *graph_run_folder(const Graph *g, const RunOptions *options)
{
    if (options->out) return base_strdup(options->out);
    if (*g->settings.out) return base_strdup(g->settings.out);
    return base_printf("runs/%s", g->settings.name);
}

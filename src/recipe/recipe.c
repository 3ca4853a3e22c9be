/* SPDX-License-Identifier: MIT */
/* recipe/recipe.c: see recipe.h. */
#include "recipe/recipe_parts.h"

#include "base/arena.h"

#include <stdarg.h>
#include <string.h>

const RecipeKey *recipe_keys(const Recipe *r)
{
#define KEYS(KIND, word, Type, name, outputs) word##_keys,
    static const RecipeKey *const keys[] = {STAGE_TYPES(KEYS)};
#undef KEYS
    return keys[r->stage];
}

/* Where the settings of its stage stand. */
static CommonSettings *settings_of(Recipe *r)
{
#define SETTINGS(KIND, word, Type, name, outputs) (CommonSettings *)&r->word,
    CommonSettings *const settings[] = {STAGE_TYPES(SETTINGS)};
#undef SETTINGS
    return settings[r->stage];
}

const SftSettings *recipe_examples(const Recipe *r)
{
    return r->stage == STAGE_SFT            ? &r->sft
           : r->stage == STAGE_DISTILL      ? &r->distill.sft
           : r->stage == STAGE_DPO          ? &r->dpo.sft
           : r->stage == STAGE_REWARD_MODEL ? &r->reward_model.sft
                                            : NULL;
}

const void *recipe_settings(const Recipe *r)
{
    return r->common;
}

void recipe_resolved(const Recipe *r, JsonOut *out)
{
    recipe_write(recipe_settings(r), recipe_keys(r), out);
}

void recipe_lasting(const Recipe *r, JsonOut *out)
{
    recipe_write_lasting(recipe_settings(r), recipe_keys(r), out);
}

/* ---- messages ---- */

/* The value of a dotted key, or the root. A key may also stand in the file with its dot ("checkpoint.every: 5"). */
static const YamlNode *node_of(const Recipe *r, const char *key)
{
    const YamlNode *node = yaml_get(r->map, key);
    const char *const dot = strchr(key, '.');
    if (!node && dot) {
        char map[64];
        snprintf(map, sizeof map, "%.*s", (int)(dot - key), key);
        const YamlNode *const outer = yaml_get(r->map, map);
        node = outer ? yaml_get(outer, dot + 1) : NULL;
    }
    return node ? node : r->map;
}

bool recipe_error(const Recipe *r, const char *key, Error *err, const char *format, ...)
{
    char message[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return yaml_error(&r->document, node_of(r, key), err, "%s", message);
}

bool recipe_error_in(const Recipe *r, const char *key, Error *err)
{
    Error position = {0};
    yaml_error(&r->document, node_of(r, key), &position, "%s", key);
    return error_in(err, "%s", position.text);
}

/* ---- reading ---- */

/* "pretrain, sft, ..." */
static const char *list_stages(char *text, size_t size)
{
    size_t n = 0;
    for (int i = 0; stage_names()[i] && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s", i > 0 ? ", " : "", stage_names()[i]);
    return text;
}

static bool read_stage(Recipe *r, Error *err)
{
    char names[200];
    const YamlNode *const root = r->map, *const node = yaml_get(root, "stage");
    const char *text;
    if (root->kind != YAML_MAP) return recipe_read(NULL, pretrain_keys, &r->document, root, err); /* says what it is */
    if (!node)
        return yaml_error(&r->document, root, err, "the key \"stage\" is missing: give one of %s",
                          list_stages(names, sizeof names));
    if (!yaml_as_string(&r->document, node, &text, err)) return false;
    for (int i = 0; stage_names()[i]; i++)
        if (strcmp(stage_names()[i], text) == 0) {
            r->stage = (StageKind)i;
            return true;
        }
    const char *const nearest = yaml_nearest(text, stage_names());
    return yaml_error(&r->document, node, err, "stage: \"%.60s\" is not one of %s%s%s%s", text,
                      list_stages(names, sizeof names), nearest ? " (did you mean " : "", nearest ? nearest : "",
                      nearest ? "?)" : "");
}

/* The epochs of a stage that has some: who gives steps alone means them, not the default's epochs; nor can epochs be counted of
 * examples that are still to be made. */
static void settle_epochs(Recipe *r)
{
    SftSettings *const examples = (SftSettings *)recipe_examples(r); /* r may be written */
    const bool made = r->stage == STAGE_DISTILL && r->distill.samples_per_problem > 0;
    if (examples && !yaml_get(r->map, "epochs") && (made || yaml_get(r->map, "steps"))) examples->epochs = 0;
}

static bool read_settings(Recipe *r, int64_t seed, Error *err)
{
    if (!read_stage(r, err)) return false;
#define DEFAULTS(KIND, word, Type, name, outputs) r->word = word##_defaults();
    STAGE_TYPES(DEFAULTS)
#undef DEFAULTS
    r->common = settings_of(r);
    r->common->name = "";
    if (seed >= 0) r->common->seed = seed;
    if (!recipe_read(r->common, recipe_keys(r), &r->document, r->map, err)) return false;
    settle_epochs(r);
    if (r->stage == STAGE_GRPO) settle_routes(&r->grpo);
    return recipe_check(r, err);
}

static bool apply_set(YamlDocument *document, const char *set, Error *err)
{
    const char *const equals = strchr(set, '=');
    if (!equals || equals == set)
        return error_set(err, ERROR_USAGE, "--set %.200s: write it as key=value, e.g. --set checkpoint.every=50", set);
    char *const key = base_strndup(set, (size_t)(equals - set));
    const bool ok = yaml_set(document, key, equals + 1, err);
    base_free(key);
    return ok;
}

bool recipe_apply_sets(YamlDocument *document, const char *const *sets, int64_t n_sets, Error *err)
{
    for (int64_t i = 0; i < n_sets; i++)
        if (!apply_set(document, sets[i], err)) return false;
    return true;
}

char *recipe_stem(const char *path)
{
    const char *const slash = strrchr(path, '/');
    char *const name = base_strdup(slash ? slash + 1 : path);
    char *const dot = strrchr(name, '.');
    if (dot && dot != name) *dot = '\0';
    return name;
}

/* The document stands in the recipe; closes it on failure. */
static bool finish_open(Recipe *r, const char *name, int64_t seed, Error *err)
{
    if (!read_settings(r, seed, err)) {
        recipe_close(r);
        return false;
    }
    if (!*r->common->name) r->common->name = r->owned_name = recipe_stem(name);
    return true;
}

bool recipe_open_document(Recipe *r, YamlDocument *document, Error *err)
{
    *r = (Recipe){.document = *document, .map = document->root};
    *document = (YamlDocument){0};
    return finish_open(r, r->document.path, -1, err);
}

bool recipe_open_stage(Recipe *r, const YamlDocument *document, const YamlNode *map, const char *name, int64_t seed,
                       Error *err)
{
    *r = (Recipe){.document = *document, .borrows_document = true, .map = map};
    return finish_open(r, name, seed, err);
}

/* Takes the document. */
static bool set_and_open(Recipe *r, YamlDocument *document, const char *const *sets, int64_t n_sets, Error *err)
{
    if (recipe_apply_sets(document, sets, n_sets, err)) return recipe_open_document(r, document, err);
    yaml_free(document);
    return false;
}

bool recipe_open(Recipe *r, const char *path, const char *const *sets, int64_t n_sets, Error *err)
{
    YamlDocument document;
    *r = (Recipe){0};
    return yaml_read_file(&document, path, err) && set_and_open(r, &document, sets, n_sets, err);
}

bool recipe_open_text(Recipe *r, const char *name, const char *text, const char *const *sets, int64_t n_sets,
                      Error *err)
{
    YamlDocument document;
    *r = (Recipe){0};
    return yaml_read_text(&document, name, text, strlen(text), err) && set_and_open(r, &document, sets, n_sets, err);
}

void recipe_close(Recipe *r)
{
    base_free((void *)(uintptr_t)r->owned_name);
    if (!r->borrows_document) yaml_free(&r->document);
    *r = (Recipe){0};
}

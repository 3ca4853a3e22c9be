/* SPDX-License-Identifier: MIT */
/* recipe/recipe.h: a recipe read from a file with its overrides, checked as far as it can be without looking at the model it
 * names. Every mistake is one line with file, line and column. May use everything below cli/. */
#ifndef R1_RECIPE_RECIPE_H
#define R1_RECIPE_RECIPE_H

#include "recipe/settings.h"

/* Owns what the settings point into. */
typedef struct Recipe {
    YamlDocument document;
    bool borrows_document; /* it is a graph's */
    const YamlNode *map;   /* the stage's keys: the document's root, or a part of a graph's */
    StageKind stage;
    CommonSettings *common; /* first member of one of those below: do not copy a Recipe */
#define STAGE_MEMBER(KIND, word, Type, name, outputs) Type##Settings word;
    STAGE_TYPES(STAGE_MEMBER)
#undef STAGE_MEMBER
    const char *owned_name; /* when the recipe gives none: the file's name without folders and extension */
} Recipe;

/* sets: "a.b=v" texts. */
bool recipe_open(Recipe *recipe, const char *path, const char *const *sets, int64_t n_sets, Error *err) R1_MUST_CHECK;
/* From a text; `name` stands for the file in messages and names the run when the recipe does not. */
bool recipe_open_text(Recipe *recipe, const char *name, const char *text, const char *const *sets, int64_t n_sets,
                      Error *err) R1_MUST_CHECK;
/* A stage of a graph: `map` of a document that outlives the recipe. `seed` is the stage's where it gives none of its own. Closes
 * the recipe on failure. */
bool recipe_open_stage(Recipe *recipe, const YamlDocument *document, const YamlNode *map, const char *name,
                       int64_t seed, Error *err) R1_MUST_CHECK;
/* From a document that was read, which the recipe takes, also on failure. */
bool recipe_open_document(Recipe *recipe, YamlDocument *document, Error *err) R1_MUST_CHECK;
/* --set texts ("a.b=v") into a document, in order. */
bool recipe_apply_sets(YamlDocument *document, const char *const *sets, int64_t n_sets, Error *err) R1_MUST_CHECK;
/* A file name without folders and extension: what a recipe without a name is called. base_alloc'd. */
char *recipe_stem(const char *path);
void recipe_close(Recipe *recipe);
/* What must hold between its keys, each of which has been read: recipe_open calls it. */
bool recipe_check(const Recipe *recipe, Error *err) R1_MUST_CHECK;
/* What a recipe leaves to its data: the steps of a fine-tuning by epochs. Reads model and data; call it before recipe_plan and
 * recipe_run. */
bool recipe_count_steps(Recipe *recipe, Error *err) R1_MUST_CHECK;

/* What a stage that trains on examples takes from them; NULL: it does not. */
const SftSettings *recipe_examples(const Recipe *recipe);
const RecipeKey *recipe_keys(const Recipe *recipe);
const void *recipe_settings(const Recipe *recipe);
/* What says which bytes come out: the resolved recipe without its changeable keys. */
void recipe_lasting(const Recipe *recipe, JsonOut *out);
/* The resolved recipe as YAML: every key with its value. Reading it again gives the same settings. */
void recipe_resolved(const Recipe *recipe, JsonOut *out);
/* "file:line:column: message" at the value of a dotted key, or at the recipe itself when the key is not in the file. Always
 * false. */
bool recipe_error(const Recipe *recipe, const char *key, Error *err, const char *format, ...) R1_PRINTF(4, 5);
/* Puts the same position in front of what a callee left. Always false. */
bool recipe_error_in(const Recipe *recipe, const char *key, Error *err);

#endif

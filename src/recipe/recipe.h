/* SPDX-License-Identifier: MIT */
/* recipe/recipe.h: a recipe read from a file with its overrides, checked as far as it can be without looking at the model it
 * names. Every mistake is one line with file, line and column. May use everything below cli/. */
#ifndef R1_RECIPE_RECIPE_H
#define R1_RECIPE_RECIPE_H

#include "recipe/settings.h"

/* Owns what the settings point into. */
typedef struct Recipe {
    YamlDocument document;
    StageKind stage;
    CommonSettings *common; /* first member of one of those below: do not copy a Recipe */
    PretrainSettings pretrain;
    SftSettings sft;
    GrpoSettings grpo;
    RewardModelSettings reward_model;
    DistillSettings distill;
    DpoSettings dpo;
    const char *owned_name; /* when the recipe gives none: the file's name without folders and extension */
} Recipe;

/* sets: "a.b=v" texts. */
bool recipe_open(Recipe *recipe, const char *path, const char *const *sets, int64_t n_sets, Error *err) R1_MUST_CHECK;
/* From a text; `name` stands for the file in messages and names the run when the recipe does not. */
bool recipe_open_text(Recipe *recipe, const char *name, const char *text, const char *const *sets, int64_t n_sets,
                      Error *err) R1_MUST_CHECK;
void recipe_close(Recipe *recipe);
/* What a recipe leaves to its data: the steps of a fine-tuning by epochs. Reads model and data; call it before recipe_plan and
 * recipe_run. */
bool recipe_count_steps(Recipe *recipe, Error *err) R1_MUST_CHECK;

/* What a stage that trains on examples takes from them; NULL: it does not. */
const SftSettings *recipe_examples(const Recipe *recipe);
const RecipeKey *recipe_keys(const Recipe *recipe);
const void *recipe_settings(const Recipe *recipe);
/* The resolved recipe as YAML: every key with its value. Reading it again gives the same settings. */
void recipe_resolved(const Recipe *recipe, JsonOut *out);
/* "file:line:column: message" at the value of a dotted key, or at the recipe itself when the key is not in the file. Always
 * false. */
bool recipe_error(const Recipe *recipe, const char *key, Error *err, const char *format, ...) R1_PRINTF(4, 5);
/* Puts the same position in front of what a callee left. Always false. */
bool recipe_error_in(const Recipe *recipe, const char *key, Error *err);

#endif

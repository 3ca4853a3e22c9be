/* SPDX-License-Identifier: MIT */
/* recipe/recipe.c: see recipe.h. */
#include "recipe/recipe.h"

#include "base/arena.h"

#include <stdarg.h>
#include "reward/frame.h"
#include "reward/judge.h"

#include <string.h>

/* A rollout's tokens stand in a few arrays of 4 bytes each: beyond this no machine holds them, and their product still fits. */
static const int64_t MAX_ROLLOUT_TOKENS = (int64_t)1 << 40;

const RecipeKey *recipe_keys(const Recipe *r)
{
    static const RecipeKey *const keys[] = {[STAGE_PRETRAIN] = pretrain_keys,
                                            [STAGE_SFT] = sft_keys,
                                            [STAGE_GRPO] = grpo_keys,
                                            [STAGE_REWARD_MODEL] = reward_model_keys};
    return keys[r->stage];
}

/* Where the settings of its stage stand. */
static CommonSettings *settings_of(Recipe *r)
{
    CommonSettings *const settings[] = {[STAGE_PRETRAIN] = &r->pretrain.common,
                                        [STAGE_SFT] = &r->sft.common,
                                        [STAGE_GRPO] = &r->grpo.common,
                                        [STAGE_REWARD_MODEL] = &r->reward_model.common};
    return settings[r->stage];
}

const void *recipe_settings(const Recipe *r)
{
    return r->common;
}

void recipe_resolved(const Recipe *r, JsonOut *out)
{
    recipe_write(recipe_settings(r), recipe_keys(r), out);
}

/* ---- messages ---- */

/* The value of a dotted key, or the root. A key may also stand in the file with its dot ("checkpoint.every: 5"). */
static const YamlNode *node_of(const Recipe *r, const char *key)
{
    const YamlNode *node = yaml_get(r->document.root, key);
    const char *const dot = strchr(key, '.');
    if (!node && dot) {
        char map[64];
        snprintf(map, sizeof map, "%.*s", (int)(dot - key), key);
        const YamlNode *const outer = yaml_get(r->document.root, map);
        node = outer ? yaml_get(outer, dot + 1) : NULL;
    }
    return node ? node : r->document.root;
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
    const YamlNode *const root = r->document.root, *const node = yaml_get(root, "stage");
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

/* What holds between keys. */
static bool check_common(const Recipe *r, Error *err)
{
    const CommonSettings *const c = r->common;
    if ((c->shards & (c->shards - 1)) != 0)
        return recipe_error(r, "shards", err, "shards: %lld is not a power of two", (long long)c->shards);
    if (strchr(c->name, '/') || strcmp(c->name, ".") == 0 || strcmp(c->name, "..") == 0)
        return recipe_error(r, "name", err, "name: \"%.60s\" cannot name a folder under runs/; `out` takes a path",
                            c->name);
    return true;
}

static bool check_pretrain(const Recipe *r, Error *err)
{
    const PretrainSettings *const s = &r->pretrain;
    if (*s->common.model && !*s->data)
        return recipe_error(r, "model", err,
                            "model: pretraining starts from fresh weights, unless `data` names texts to go on with");
    if (!*s->common.model && s->context > s->max_positions)
        return recipe_error(r, "text.context", err, "text.context: %lld is more than shape.max_positions %lld",
                            (long long)s->context, (long long)s->max_positions);
    if (s->n_heads % s->n_kv_heads != 0)
        return recipe_error(r, "shape.n_kv_heads", err, "shape.n_kv_heads: %lld does not divide n_heads %lld",
                            (long long)s->n_kv_heads, (long long)s->n_heads);
    if (s->head_dim % 2 != 0)
        return recipe_error(r, "shape.head_dim", err, "shape.head_dim: %lld is not even (rotary positions turn pairs)",
                            (long long)s->head_dim);
    return true;
}

static bool check_start_model(const Recipe *r, Error *err)
{
    return *r->common->model ||
           recipe_error(r, "model", err, "the key \"model\" is missing: give the folder of the model to start from");
}

static bool check_sft(const Recipe *r, Error *err)
{
    return check_start_model(r, err) &&
           (*r->sft.data || recipe_error(r, "data", err, "the key \"data\" is missing: give a JSONL file of examples"));
}

static bool check_reward_model(const Recipe *r, Error *err)
{
    if (r->common->eval_every > 0)
        return recipe_error(
            r, "eval.every", err,
            "eval.every: a reward model answers no problems; validation.every says when it is measured");
    return check_start_model(r, err) &&
           (*r->reward_model.data ||
            recipe_error(r, "data", err, "the key \"data\" is missing: give a JSONL file of pairs or labels"));
}

static bool check_rewards(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    Frame frame;
    Language language;
    if (!frame_read(&frame, s->reward_frame, err)) return recipe_error_in(r, "reward.frame", err);
    if (*s->reward_language && !language_find(&language, s->reward_language))
        return recipe_error(r, "reward.language_target", err,
                            "reward.language_target: \"%.20s\" is none of en, de, fr, es, pt, ru, ar, hi, zh, ja, ko",
                            s->reward_language);
    if (!judge_check_prompt((JudgeForm)s->judge_form, s->judge_prompt, err))
        return recipe_error_in(r, "reward.judge_prompt", err);
    if (s->term_weights[TERM_OVERLONG] != 0 && s->overlong_tokens > s->max_completion_tokens)
        return recipe_error(r, "reward.overlong_tokens", err,
                            "reward.overlong_tokens: %lld is more than max_completion_tokens %lld",
                            (long long)s->overlong_tokens, (long long)s->max_completion_tokens);
    return true;
}

static bool check_grpo(const Recipe *r, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    if (!check_start_model(r, err) || !check_rewards(r, err)) return false;
    if (s->minibatches > s->prompts_per_step)
        return recipe_error(r, "minibatches", err,
                            "minibatches: %lld is more than prompts_per_step %lld, and a group is never cut",
                            (long long)s->minibatches, (long long)s->prompts_per_step);
    /* each factor is at most 1e6 */
    const int64_t samples = s->prompts_per_step * s->group_size;
    if (samples > MAX_ROLLOUT_TOKENS / s->max_completion_tokens)
        return recipe_error(r, "prompts_per_step", err,
                            "prompts_per_step %lld x group_size %lld x max_completion_tokens %lld: too many tokens",
                            (long long)s->prompts_per_step, (long long)s->group_size,
                            (long long)s->max_completion_tokens);
    return true;
}

static bool read_settings(Recipe *r, Error *err)
{
    if (!read_stage(r, err)) return false;
    r->pretrain = pretrain_defaults();
    r->sft = sft_defaults();
    r->grpo = grpo_defaults();
    r->reward_model = reward_model_defaults();
    r->common = settings_of(r);
    r->common->name = "";
    if (!recipe_read(r->common, recipe_keys(r), &r->document, r->document.root, err) || !check_common(r, err))
        return false;
    switch (r->stage) {
    case STAGE_PRETRAIN:
        return check_pretrain(r, err);
    case STAGE_SFT:
        /* who gives steps alone means them, not the default's epochs */
        if (yaml_get(r->document.root, "steps") && !yaml_get(r->document.root, "epochs")) r->sft.epochs = 0;
        return check_sft(r, err);
    case STAGE_REWARD_MODEL:
        if (yaml_get(r->document.root, "steps") && !yaml_get(r->document.root, "epochs")) r->reward_model.epochs = 0;
        return check_reward_model(r, err);
    case STAGE_GRPO:
        break;
    }
    return check_grpo(r, err);
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

/* A file name without folders and extension: what a recipe without a name is called. */
static char *stem_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    char *const name = base_strdup(slash ? slash + 1 : path);
    char *const dot = strrchr(name, '.');
    if (dot && dot != name) *dot = '\0';
    return name;
}

/* The document is read; closes the recipe on failure. */
static bool finish_open(Recipe *r, const char *name, const char *const *sets, int64_t n_sets, Error *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < n_sets; i++) ok = apply_set(&r->document, sets[i], err);
    if (!ok || !read_settings(r, err)) {
        recipe_close(r);
        return false;
    }
    if (!*r->common->name) r->common->name = r->owned_name = stem_of(name);
    return true;
}

bool recipe_open(Recipe *r, const char *path, const char *const *sets, int64_t n_sets, Error *err)
{
    *r = (Recipe){0};
    return yaml_read_file(&r->document, path, err) && finish_open(r, path, sets, n_sets, err);
}

bool recipe_open_text(Recipe *r, const char *name, const char *text, const char *const *sets, int64_t n_sets,
                      Error *err)
{
    *r = (Recipe){0};
    return yaml_read_text(&r->document, name, text, strlen(text), err) && finish_open(r, name, sets, n_sets, err);
}

void recipe_close(Recipe *r)
{
    base_free((void *)(uintptr_t)r->owned_name);
    yaml_free(&r->document);
    *r = (Recipe){0};
}

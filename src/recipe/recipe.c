/* SPDX-License-Identifier: MIT */
/* recipe/recipe.c: see recipe.h. */
#include "recipe/recipe.h"

#include "base/arena.h"

#include <stdarg.h>
#include "reward/frame.h"

#include <string.h>

/* A rollout's tokens stand in a few arrays of 4 bytes each: beyond this no machine holds them, and their product still fits. */
static const int64_t MAX_ROLLOUT_TOKENS = (int64_t)1 << 40;

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
#define SETTINGS(KIND, word, Type, name, outputs) &r->word.common,
    CommonSettings *const settings[] = {STAGE_TYPES(SETTINGS)};
#undef SETTINGS
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

static bool read_stage(Recipe *r, Error *err)
{
    const YamlNode *const root = r->map, *const node = yaml_get(root, "stage");
    const char *text;
    char all[200] = "";
    if (root->kind != YAML_MAP) return recipe_read(NULL, pretrain_keys, &r->document, root, err); /* says what it is */
    for (int i = 0; stage_names()[i]; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", stage_names()[i]);
    if (!node) return yaml_error(&r->document, root, err, "the key \"stage\" is missing: give one of %s", all);
    if (!yaml_as_string(&r->document, node, &text, err)) return false;
    for (int i = 0; stage_names()[i]; i++)
        if (strcmp(stage_names()[i], text) == 0) {
            r->stage = (StageKind)i;
            return true;
        }
    const char *const nearest = yaml_nearest(text, stage_names());
    return yaml_error(&r->document, node, err, "stage: \"%.60s\" is not one of %s%s%s%s", text, all,
                      nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
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

static bool check_mixes(const Recipe *r, Error *err)
{
    double total = 0;
    for (int i = 0; i < REJECT_MIXES; i++) {
        const bool has_data = *r->reject.mixes[i].data != '\0', has_share = r->reject.mixes[i].share > 0;
        char key[16];
        snprintf(key, sizeof key, "mix.%d.%s", i + 1, has_data ? "data" : "share");
        if (has_data != has_share) return recipe_error(r, key, err, "mix.%d: give both, data and share", i + 1);
        total += r->reject.mixes[i].share;
        if (total > 0.99) return recipe_error(r, key, err, "mix: the shares add up to %g; 0.99 is the most", total);
    }
    return true;
}

static bool check_rewriting(const Recipe *r, Error *err)
{
    const RejectSettings *const s = &r->reject;
    Frame frame;
    if (!*s->rewrite_model) return true;
    if (!frame_read(&frame, s->rewrite_frame, err)) return recipe_error_in(r, "rewrite.frame", err);
    if (strstr(s->rewrite_template, "{completion}") || strstr(s->rewrite_template, "{thinking}")) return true;
    return recipe_error(r, "rewrite.template", err,
                        "rewrite.template: give the text that the rewriting model goes on, with {prompt} and "
                        "{completion}, or {thinking} and {answer}, where they belong");
}

static bool check_reject(const Recipe *r, Error *err)
{
    const RejectSettings *const s = &r->reject;
    Frame frame;
    Language language;
    if (!check_start_model(r, err)) return false;
    if (!*s->data && s->prompts == 0)
        return recipe_error(r, "prompts", err,
                            "the key \"prompts\" is missing: say how many problems of the families are asked, or "
                            "give a JSONL file as \"data\"");
    if (!frame_read(&frame, s->frame, err)) return recipe_error_in(r, "frame", err);
    if (*s->language_target && !language_find(&language, s->language_target))
        return recipe_error(r, "filter.language_target", err,
                            "filter.language_target: \"%.20s\" is none of en, de, fr, es, pt, ru, ar, hi, zh, ja, ko",
                            s->language_target);
    if (s->prompts_per_step * s->samples > MAX_ROLLOUT_TOKENS / s->max_completion_tokens)
        return recipe_error(r, "prompts_per_step", err,
                            "prompts_per_step %lld x samples %lld x max_completion_tokens %lld: too many tokens",
                            (long long)s->prompts_per_step, (long long)s->samples, (long long)s->max_completion_tokens);
    return check_mixes(r, err) && check_rewriting(r, err);
}

static bool check_eval(const Recipe *r, Error *err)
{
    return check_start_model(r, err);
}

static bool check_keys(const Recipe *r, Error *err)
{
#define CHECK(KIND, word, Type, name, outputs) check_##word,
    static bool (*const check[])(const Recipe *, Error *) = {STAGE_TYPES(CHECK)};
#undef CHECK
    return check_common(r, err) && check[r->stage](r, err);
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
    /* who gives steps alone means them, not the default's epochs */
    if (r->stage == STAGE_SFT && yaml_get(r->map, "steps") && !yaml_get(r->map, "epochs")) r->sft.epochs = 0;
    return check_keys(r, err);
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

/* SPDX-License-Identifier: MIT */
/* recipe/count_steps.c: the steps that a recipe leaves to its data: epochs times the updates of one. */
#include "model/adapter.h"
#include "recipe/distill.h"
#include "recipe/recipe.h"

/* The model whose tokenizer, positions and ends the data is read for, and its teacher where it has one. */
static bool read_model(const Recipe *r, const char *folder, ModelConfig *config, ModelConfig *teacher,
                       Tokenizer **tokenizer, Error *err)
{
    if (r->stage == STAGE_DISTILL && !model_config_read(teacher, r->distill.teacher, err))
        return recipe_error_in(r, "teacher", err);
    const bool ok = r->stage == STAGE_DISTILL ? distill_student_config(&r->distill, teacher, config, err)
                                              : model_config_read(config, folder, err);
    return (ok && adapter_tokenizer_open(tokenizer, folder, err)) || recipe_error_in(r, "model", err);
}

bool recipe_count_steps(Recipe *r, Error *err)
{
    const SftSettings *const given = recipe_examples(r);
    Tokenizer *tokenizer;
    ModelConfig config, teacher;
    SftData data = {0};
    int64_t longest;
    if (!given || given->epochs == 0) return true;
    const SftSettings s = r->stage == STAGE_DISTILL ? distill_examples(&r->distill) : *given;
    if (!read_model(r, s.common.model, &config, &teacher, &tokenizer, err)) return false;
    const bool ok = (sft_data_open(&data, &s, tokenizer, &config, err) &&
                     (r->stage != STAGE_DISTILL ||
                      distill_check_prompts(&r->distill, &data.examples, &config, &teacher, &longest, err))) ||
                    recipe_error_in(r, "data", err);
    if (ok) r->common->steps = s.epochs * sft_steps_per_epoch(&data);
    sft_data_free(&data);
    tokenizer_free(tokenizer);
    return ok;
}

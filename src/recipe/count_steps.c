/* SPDX-License-Identifier: MIT */
/* recipe/count_steps.c: the steps that a recipe leaves to its data: epochs times the updates of one; for rejection sampling, the
 * prompts by how many a step takes. */
#include "model/adapter.h"
#include "recipe/distill.h"
#include "recipe/dpo_data.h"
#include "recipe/pairs_stage.h"
#include "recipe/recipe.h"
#include "recipe/reject.h"
#include "recipe/reward_model_data.h"

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

/* The updates of one epoch; 0: the data cannot be read. */
static int64_t steps_of_examples(const Recipe *r, const SftSettings *s, const Tokenizer *tokenizer,
                                 const ModelConfig *config, const ModelConfig *teacher, Error *err)
{
    SftData data = {0};
    int64_t longest;
    const bool ok = sft_data_open(&data, s, tokenizer, config, err) &&
                    (r->stage != STAGE_DISTILL ||
                     (distill_check_lengths(&r->distill, s->data, &data.examples, teacher, err) &&
                      distill_check_prompts(&r->distill, &data.examples, config, teacher, &longest, err)));
    const int64_t n = ok ? sft_steps_per_epoch(&data) : 0;
    sft_data_free(&data);
    return n;
}

static int64_t steps_of_pairs(const Recipe *r, const Tokenizer *tokenizer, const ModelConfig *config, Error *err)
{
    PairSet set = {0};
    const DpoSettings *const s = &r->dpo;
    const bool ok = pair_set_open(&set, s, s->sft.data, tokenizer, config, s->sft.batch_size, err);
    const int64_t n = ok ? pair_set_steps_per_epoch(&set) : 0;
    pair_set_free(&set);
    return n;
}

static int64_t steps_of_reward_model(const Recipe *r, const Tokenizer *tokenizer, const ModelConfig *config, Error *err)
{
    RewardModelData data = {0};
    const bool ok = reward_model_data_open(&data, &r->reward_model, tokenizer, config, err);
    const int64_t n = ok ? reward_model_steps_per_epoch(&data) : 0;
    reward_model_data_free(&data);
    return n;
}

bool recipe_count_steps(Recipe *r, Error *err)
{
    const SftSettings *const given = recipe_examples(r);
    Tokenizer *tokenizer;
    ModelConfig config, teacher = {0};
    if (r->stage == STAGE_REJECT) return reject_count_steps(r, err);
    if (r->stage == STAGE_PAIRS) return pairs_count_steps(r, err);
    if (!given || given->epochs == 0) return true;
    const SftSettings s = r->stage == STAGE_DISTILL ? distill_examples(&r->distill) : *given;
    if (!read_model(r, s.common.model, &config, &teacher, &tokenizer, err)) return false;
    const int64_t n = r->stage == STAGE_DPO            ? steps_of_pairs(r, tokenizer, &config, err)
                      : r->stage == STAGE_REWARD_MODEL ? steps_of_reward_model(r, tokenizer, &config, err)
                                                       : steps_of_examples(r, &s, tokenizer, &config, &teacher, err);
    tokenizer_free(tokenizer);
    if (n == 0) return recipe_error_in(r, "data", err);
    r->common->steps = s.epochs * n;
    return true;
}

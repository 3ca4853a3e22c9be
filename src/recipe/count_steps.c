/* SPDX-License-Identifier: MIT */
/* recipe/count_steps.c: what a recipe leaves to its data: the steps of a fine-tuning, or of a reward model, by epochs. */
#include "model/adapter.h"
#include "recipe/recipe.h"
#include "recipe/reward_model_data.h"
#include "recipe/sft_data.h"

/* The updates of one epoch; 0: the data cannot be read. */
static int64_t steps_of_sft(const Recipe *r, const Tokenizer *tokenizer, const ModelConfig *config, Error *err)
{
    SftData data = {0};
    const int64_t n = sft_data_open(&data, &r->sft, tokenizer, config, err) ? sft_steps_per_epoch(&data) : 0;
    sft_data_free(&data);
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
    Tokenizer *tokenizer;
    ModelConfig config;
    const bool sft = r->stage == STAGE_SFT;
    const int64_t epochs = sft ? r->sft.epochs : r->stage == STAGE_REWARD_MODEL ? r->reward_model.epochs : 0;
    const char *const folder = r->common->model;
    if (epochs == 0) return true;
    if (!model_config_read(&config, folder, err) || !adapter_tokenizer_open(&tokenizer, folder, err))
        return recipe_error_in(r, "model", err);
    const int64_t n =
        sft ? steps_of_sft(r, tokenizer, &config, err) : steps_of_reward_model(r, tokenizer, &config, err);
    tokenizer_free(tokenizer);
    if (n == 0) return recipe_error_in(r, "data", err);
    r->common->steps = epochs * n;
    return true;
}

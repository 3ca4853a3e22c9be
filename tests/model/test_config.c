/* SPDX-License-Identifier: MIT */
/* config.json in its many spellings, and what is refused with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "model/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The keys that every config has; a test adds its own behind them (the last of two equal keys counts). */
#define QWEN2                                                                                                          \
    "\"architectures\": [\"Qwen2ForCausalLM\"], \"model_type\": \"qwen2\", \"hidden_size\": 64, "                      \
    "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"intermediate_size\": 176, "   \
    "\"vocab_size\": 320, \"max_position_embeddings\": 512"
#define SIZES                                                                                                          \
    "\"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"intermediate_size\": 176, "          \
    "\"vocab_size\": 320, \"max_position_embeddings\": 512"
#define QWEN3   "\"model_type\": \"qwen3\", " SIZES
#define MISTRAL "\"model_type\": \"mistral\", " SIZES
#define DEEPSEEK                                                                                                       \
    "\"model_type\": \"deepseek_v3\", \"hidden_size\": 64, \"num_hidden_layers\": 3, \"num_attention_heads\": 4, "     \
    "\"intermediate_size\": 160, \"vocab_size\": 320, \"q_lora_rank\": 40, \"kv_lora_rank\": 32, "                     \
    "\"qk_nope_head_dim\": 32, \"qk_rope_head_dim\": 16, \"v_head_dim\": 24, \"n_routed_experts\": 16, "               \
    "\"num_experts_per_tok\": 3, \"moe_intermediate_size\": 48"
#define LLAMA                                                                                                          \
    "\"model_type\": \"llama\", \"hidden_size\": 64, \"num_hidden_layers\": 2, \"num_attention_heads\": 4, "           \
    "\"intermediate_size\": 176, \"vocab_size\": 320, \"max_position_embeddings\": 512"

static bool parse(ModelConfig *config, const char *text, Error *err)
{
    *err = (Error){0};
    json_t *const json = json_read_text(text, strlen(text), "config.json", 1, err);
    if (!json) fail_msg("%s", err->text);
    const bool ok = model_config_parse(config, json, "config.json", err);
    json_decref(json);
    return ok;
}

static ModelConfig parsed(const char *text)
{
    ModelConfig config;
    Error err;
    if (!parse(&config, text, &err)) fail_msg("%s: %s", text, err.text);
    return config;
}

static void is_refused(const char *text, const char *words)
{
    ModelConfig config;
    Error err;
    if (parse(&config, text, &err)) fail_msg("%s was accepted", text);
    if (err.kind != ERROR_INPUT || !strstr(err.text, words) || strncmp(err.text, "config.json: ", 13) != 0 ||
        strchr(err.text, '\n'))
        fail_msg("%s: said \"%s\", should say \"%s\"", text, err.text, words);
}

static void missing_keys_mean_what_transformers_means(void **state)
{
    (void)state;
    const ModelConfig q = parsed("{" QWEN2 "}");
    assert_int_equal(q.arch, MODEL_QWEN2);
    assert_int_equal(q.head_dim, 16);
    assert_int_equal(q.n_kv_heads, 2);
    assert_true(q.rope_theta == 10000.0 && q.rms_norm_eps == 1e-6f && q.rope_scaling == ROPE_PLAIN);
    assert_true(q.qkv_bias && !q.o_proj_bias && !q.tied_head && !q.bf16_on_disk);
    assert_int_equal(q.n_eos, 0);
    assert_int_equal(q.bos_id, -1);
    assert_int_equal(q.pad_id, -1);
    const ModelConfig l = parsed("{" LLAMA "}");
    assert_int_equal(l.arch, MODEL_LLAMA);
    assert_int_equal(l.n_kv_heads, 4);
    assert_true(!l.qkv_bias && !l.o_proj_bias && !l.tied_head);
    assert_int_equal(l.n_eos, 1);
    assert_int_equal(l.eos_ids[0], 2);
    assert_int_equal(l.bos_id, 1);
}

static void null_means_missing_but_for_token_ids(void **state)
{
    (void)state;
    const ModelConfig c =
        parsed("{" LLAMA ", \"head_dim\": null, \"num_key_value_heads\": null, \"rope_scaling\": null, "
               "\"rope_theta\": null, \"eos_token_id\": null, \"bos_token_id\": null, "
               "\"pad_token_id\": null, \"sliding_window\": null, \"quantization_config\": null}");
    assert_int_equal(c.head_dim, 16);
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(c.n_eos, 0);
    assert_int_equal(c.bos_id, -1);
    assert_true(c.rope_theta == 10000.0);
}

static void rope_is_read_in_both_spellings(void **state)
{
    (void)state;
    static const char *const SPELLINGS[] = {
        "{" LLAMA ", \"rope_theta\": 500000.0, \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, "
        "\"low_freq_factor\": 1.0, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}}",
        "{" LLAMA ", \"rope_theta\": 500000, \"rope_scaling\": {\"type\": \"llama3\", \"factor\": 8, "
        "\"low_freq_factor\": 1, \"high_freq_factor\": 4, \"original_max_position_embeddings\": 64}}",
        "{" LLAMA ", \"rope_parameters\": {\"rope_theta\": 500000.0, \"rope_type\": \"llama3\", \"factor\": 8.0, "
        "\"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 64}}",
        "{" LLAMA ", \"rope_scaling\": null, \"original_max_position_embeddings\": 64, \"rope_parameters\": "
        "{\"rope_theta\": 5e5, \"type\": \"linear\", \"rope_type\": \"llama3\", \"factor\": 8.0, "
        "\"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0}}",
    };
    for (size_t i = 0; i < sizeof SPELLINGS / sizeof SPELLINGS[0]; i++) {
        const ModelConfig c = parsed(SPELLINGS[i]);
        assert_int_equal(c.rope_scaling, ROPE_LLAMA3);
        assert_true(c.rope_theta == 500000.0 && c.rope_factor == 8.0 && c.rope_low_freq_factor == 1.0);
        assert_true(c.rope_high_freq_factor == 4.0 && c.rope_original_positions == 64.0);
    }
    const ModelConfig c =
        parsed("{" QWEN2 ", \"rope_parameters\": {\"rope_theta\": 1000000.0, \"rope_type\": \"default\"}}");
    assert_true(c.rope_scaling == ROPE_PLAIN && c.rope_theta == 1000000.0);
    /* Without its own key the original length is max_position_embeddings. */
    const ModelConfig d = parsed("{" LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, "
                                 "\"low_freq_factor\": 1, \"high_freq_factor\": 4}}");
    assert_true(d.rope_original_positions == 512.0);
}

static void stop_ids_may_be_one_or_a_list(void **state)
{
    (void)state;
    const ModelConfig one = parsed("{" QWEN2 ", \"eos_token_id\": 7, \"pad_token_id\": -1}");
    assert_int_equal(one.n_eos, 1);
    assert_int_equal(one.eos_ids[0], 7);
    assert_int_equal(one.pad_id, -1);
    const ModelConfig many = parsed("{" QWEN2 ", \"eos_token_id\": [7, 9, 7, 3]}");
    assert_int_equal(many.n_eos, 3);
    assert_int_equal(many.eos_ids[1], 9);
    assert_int_equal(many.eos_ids[2], 3);
    const ModelConfig none = parsed("{" LLAMA ", \"eos_token_id\": []}");
    assert_int_equal(none.n_eos, 0);
    is_refused("{" QWEN2 ", \"eos_token_id\": 320}", "eos_token_id is 320, but vocab_size is 320");
    is_refused("{" QWEN2 ", \"eos_token_id\": [1, -1]}", "\"eos_token_id\" must be a token id");
    is_refused("{" QWEN2 ", \"eos_token_id\": \"</s>\"}", "\"eos_token_id\" must be a token id");
    is_refused("{" QWEN2 ", \"eos_token_id\": [1, 2, 3, 4, 5, 6, 7, 8, 9]}", "more than 8 ids");
    is_refused("{" QWEN2 ", \"pad_token_id\": 5000}", "pad_token_id is 5000, but vocab_size is 320");
}

static void dtype_is_read_in_both_spellings(void **state)
{
    (void)state;
    assert_true(parsed("{" QWEN2 ", \"torch_dtype\": \"bfloat16\"}").bf16_on_disk);
    assert_true(parsed("{" QWEN2 ", \"dtype\": \"bfloat16\"}").bf16_on_disk);
    assert_false(parsed("{" QWEN2 ", \"torch_dtype\": \"bfloat16\", \"dtype\": \"float32\"}").bf16_on_disk);
}

static void llama_attention_bias_is_on_q_k_v_and_o(void **state)
{
    (void)state;
    const ModelConfig c = parsed("{" LLAMA ", \"attention_bias\": true}");
    assert_true(c.qkv_bias && c.o_proj_bias);
    const ModelConfig q = parsed("{" QWEN2 ", \"attention_bias\": false}"); /* qwen2 does not ask */
    assert_true(q.qkv_bias && !q.o_proj_bias);
}

static void qwen3_has_norms_on_heads_of_any_width(void **state)
{
    (void)state;
    const ModelConfig plain = parsed("{" QWEN3 "}");
    assert_true(plain.arch == MODEL_QWEN3 && plain.qk_norm && !plain.qkv_bias && !plain.o_proj_bias);
    assert_int_equal(plain.head_dim, 128); /* not hidden_size / num_attention_heads */
    assert_int_equal(plain.n_kv_heads, 4);
    assert_int_equal(plain.n_eos, 0);
    const ModelConfig c = parsed("{" QWEN3 ", \"head_dim\": 32, \"attention_bias\": true}");
    assert_true(c.head_dim == 32 && c.qkv_bias && c.o_proj_bias);
}

static void mistral_is_a_llama_with_other_defaults(void **state)
{
    (void)state;
    const ModelConfig c =
        parsed("{" MISTRAL ", \"num_key_value_heads\": 2, \"sliding_window\": null, \"attention_bias\": true}");
    assert_true(c.arch == MODEL_MISTRAL && !c.qkv_bias && !c.o_proj_bias && !c.qk_norm); /* it has no such key */
    assert_true(c.n_kv_heads == 2 && c.head_dim == 16 && c.n_eos == 1 && c.eos_ids[0] == 2 && c.bos_id == 1);
    parsed("{" MISTRAL ", \"num_key_value_heads\": 2}"); /* 4096 by default: more than 512 positions */
    parsed("{" MISTRAL ", \"num_key_value_heads\": null}");
    is_refused("{" MISTRAL "}", "num_attention_heads 4 is not a multiple of num_key_value_heads 8");
    is_refused("{" MISTRAL ", \"num_key_value_heads\": 2, \"max_position_embeddings\": 32768}",
               "windows of 4096 tokens from layer 0 on are not supported");
}

static void harmless_windows_pass(void **state)
{
    (void)state;
    parsed("{" QWEN2 ", \"use_sliding_window\": false, \"sliding_window\": 8, \"max_window_layers\": 0}");
    parsed("{" QWEN2 ", \"use_sliding_window\": true, \"sliding_window\": 512, \"max_window_layers\": 0}");
    parsed("{" QWEN2 ", \"use_sliding_window\": true, \"sliding_window\": 8, \"max_window_layers\": 2}");
    parsed("{" QWEN2 ", \"use_sliding_window\": true, \"sliding_window\": null}");
    parsed("{" QWEN2 ", \"layer_types\": [\"full_attention\", \"full_attention\"]}");
    is_refused("{" QWEN2 ", \"use_sliding_window\": true, \"sliding_window\": 8, \"max_window_layers\": 1}",
               "windows of 8 tokens from layer 1 on are not supported");
    is_refused("{" QWEN2 ", \"layer_types\": [\"full_attention\", \"sliding_attention\"]}",
               "layer 1 is not full_attention");
}

static void other_functions_are_refused_by_name(void **state)
{
    (void)state;
    is_refused("{\"architectures\": [\"Qwen3ForCausalLM\"], \"model_type\": \"qwen3\"}", "\"hidden_size\" is missing");
    is_refused(
        "{\"model_type\": \"gpt2\"}",
        "architecture gpt2 is not supported; r1 reads qwen2, llama, qwen3, mistral, deepseek_v2 and deepseek_v3");
    is_refused("{\"architectures\": [\"Gemma3ForCausalLM\"], \"model_type\": \"gemma3\"}",
               "architecture Gemma3ForCausalLM is not supported");
    is_refused("{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"mistral\"}",
               "\"architectures\" says LlamaForCausalLM but \"model_type\" says mistral");
    is_refused("{\"architectures\": [\"LlamaForCausalLM\"], \"model_type\": \"qwen2\"}",
               "\"architectures\" says LlamaForCausalLM but \"model_type\" says qwen2");
    is_refused("{\"hidden_size\": 64}", "neither \"architectures\" nor \"model_type\"");
    is_refused("{\"architectures\": \"LlamaForCausalLM\"}", "\"architectures\" must be a list");
    is_refused("[]", "must be a JSON object");
    is_refused("{" QWEN2 ", \"hidden_act\": \"gelu\"}", "\"hidden_act\" gelu is not supported");
    is_refused("{" LLAMA ", \"mlp_bias\": true}", "\"mlp_bias\" true is not supported");
    is_refused("{" QWEN2 ", \"quantization_config\": {\"quant_method\": \"awq\"}}",
               "\"quantization_config\": weights quantised by \"awq\" are not supported");
    is_refused("{" QWEN3 ", \"quantization_config\": {\"quant_method\": \"fp8\", \"fmt\": \"e5m2\", "
               "\"weight_block_size\": [128, 128]}}",
               "r1 reads fp8 e4m3");
    is_refused("{" QWEN3 ", \"quantization_config\": {\"quant_method\": \"fp8\", \"weight_block_size\": [64, 128]}}",
               "in blocks of 128 x 128");
    is_refused("{" QWEN3 ", \"quantization_config\": {\"quant_method\": \"fp8\"}}", "in blocks of 128 x 128");
    is_refused("{" QWEN3 ", \"quantization_config\": \"fp8\"}", "must be an object or null");
    is_refused("{" QWEN3 ", \"quantization_config\": {\"quant_method\": 8}}", "\"quantization_config\"");
    parsed("{" QWEN3 ", \"quantization_config\": {\"activation_scheme\": \"dynamic\", \"fmt\": \"e4m3\", "
           "\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}}");
    is_refused("{" QWEN2 ", \"rope_scaling\": {\"type\": \"longrope\", \"factor\": 4.0}}",
               "\"rope_scaling\": rope scaling \"longrope\" is not supported; r1 reads default, llama3 and yarn");
    is_refused("{" QWEN2 ", \"rope_parameters\": {\"factor\": 4.0}}", "a \"factor\" but no \"rope_type\"");
    is_refused("{" QWEN2 ", \"partial_rotary_factor\": 0.5}", "\"partial_rotary_factor\" 0.5 is not supported");
    is_refused("{" QWEN2 ", \"rope_scaling\": \"llama3\"}", "\"rope_scaling\" must be an object or null");
}

static void deepseek_is_read_with_the_defaults_of_transformers(void **state)
{
    (void)state;
    const ModelConfig v3 = parsed("{" DEEPSEEK "}");
    assert_true(v3.arch == MODEL_DEEPSEEK_V3 && v3.mla.q_lora_rank == 40 && v3.mla.kv_lora_rank == 32);
    assert_true(v3.head_dim == 16 && v3.mla.rope_dim == 16 && v3.mla.nope_dim == 32 && v3.mla.v_dim == 24);
    assert_true(v3.n_kv_heads == 4 && v3.mla.neighbours && v3.max_positions == 4096);
    assert_true(v3.moe.n_experts == 16 && v3.moe.n_chosen == 3 && v3.moe.n_shared == 1 && v3.moe.first_layer == 3);
    assert_true(v3.moe.n_groups == 8 && v3.moe.n_groups_chosen == 4 && v3.moe.routed_scaling == 2.5f);
    assert_true(!v3.moe.softmax && v3.moe.correction_bias && v3.moe.normalise);
    const ModelConfig plain = parsed("{" DEEPSEEK ", \"q_lora_rank\": null, \"n_shared_experts\": null, "
                                     "\"topk_method\": \"greedy\", \"scoring_func\": \"softmax\", "
                                     "\"rope_interleave\": false}");
    assert_true(plain.mla.q_lora_rank == 0 && plain.moe.n_shared == 0 && !plain.moe.correction_bias);
    assert_true(plain.moe.n_groups == 1 && plain.moe.softmax && !plain.mla.neighbours);
    const ModelConfig v2 = parsed("{" DEEPSEEK ", \"model_type\": \"deepseek_v2\", \"norm_topk_prob\": false}");
    assert_true(v2.arch == MODEL_DEEPSEEK_V2 && v2.moe.softmax && !v2.moe.correction_bias && !v2.moe.normalise);
    const ModelConfig yarn =
        parsed("{" DEEPSEEK ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, "
               "\"original_max_position_embeddings\": 4096, \"mscale\": 1.0, \"mscale_all_dim\": 1.0}}");
    assert_true(yarn.rope_scaling == ROPE_YARN && yarn.rope_factor == 40.0 && yarn.rope_original_positions == 4096.0);
    assert_true(yarn.yarn.beta_fast == 32.0 && yarn.yarn.beta_slow == 1.0 && yarn.yarn.truncate);
}

static void deepseek_that_would_be_another_function_is_refused(void **state)
{
    (void)state;
    is_refused("{" DEEPSEEK ", \"kv_lora_rank\": 0}", "\"kv_lora_rank\" is 0");
    is_refused("{" DEEPSEEK ", \"qk_rope_head_dim\": 15}", "qk_rope_head_dim is 15, must be even");
    is_refused("{" DEEPSEEK ", \"num_key_value_heads\": 2}", "num_key_value_heads 2 differs");
    is_refused("{" DEEPSEEK ", \"attention_bias\": true}", "\"attention_bias\" true is not supported");
    is_refused("{" DEEPSEEK ", \"n_group\": 5}", "n_routed_experts 16 is not a multiple of n_group 5");
    is_refused("{" DEEPSEEK ", \"topk_group\": 9}", "topk_group is 9, must be 1 to 8");
    is_refused("{" DEEPSEEK ", \"num_experts_per_tok\": 9}", "num_experts_per_tok is 9, must be 1 to 8");
    is_refused("{" DEEPSEEK ", \"n_routed_experts\": 100000}", "\"n_routed_experts\" is 100000");
    is_refused("{" DEEPSEEK ", \"moe_layer_freq\": 2}", "\"moe_layer_freq\" 2 is not supported");
    is_refused("{" DEEPSEEK ", \"topk_method\": \"random\"}", "\"topk_method\" random is not supported");
    is_refused("{" DEEPSEEK ", \"scoring_func\": \"tanh\"}", "\"scoring_func\" tanh is not supported");
    is_refused("{" DEEPSEEK ", \"routed_scaling_factor\": 0}", "routed_scaling_factor is 0");
    is_refused("{" DEEPSEEK ", \"model_type\": \"deepseek_v2\", \"norm_topk_prob\": true}", "norm_topk_prob true");
    is_refused("{\"model_type\": \"deepseek_v3\", \"hidden_size\": 64, \"num_hidden_layers\": 3, "
               "\"num_attention_heads\": 4, \"intermediate_size\": 160, \"vocab_size\": 320}",
               "\"q_lora_rank\" is missing");
    is_refused("{" DEEPSEEK ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4, \"beta_fast\": 0.5}}",
               "beta_fast is 0.5");
}

static void deepseek_is_written_as_it_was_read(void **state)
{
    (void)state;
    static const char *const variants[] = {
        "{" DEEPSEEK ", \"bos_token_id\": null}",
        "{" DEEPSEEK ", \"q_lora_rank\": null, \"n_shared_experts\": 0, \"topk_method\": \"greedy\", "
        "\"rope_interleave\": false, \"norm_topk_prob\": false, \"tie_word_embeddings\": true}",
        "{" DEEPSEEK ", \"model_type\": \"deepseek_v2\", \"topk_method\": \"group_limited_greedy\", \"n_group\": 4, "
        "\"topk_group\": 2, \"routed_scaling_factor\": 16.0}",
        "{" DEEPSEEK ", \"rope_scaling\": {\"type\": \"yarn\", \"factor\": 40, \"mscale\": 0.707, \"truncate\": false, "
        "\"mscale_all_dim\": 0.5, \"attention_factor\": 1.25, \"original_max_position_embeddings\": 1024}}"};
    for (int v = 0; v < 4; v++) {
        const ModelConfig config = parsed(variants[v]);
        JsonOut out = {0};
        model_config_write(&config, &out);
        const ModelConfig again = parsed(out.text);
        json_out_free(&out);
        assert_memory_equal(&again.mla, &config.mla, sizeof config.mla);
        assert_memory_equal(&again.moe, &config.moe, sizeof config.moe);
        assert_memory_equal(&again.yarn, &config.yarn, sizeof config.yarn);
        assert_true(again.arch == config.arch && again.head_dim == config.head_dim);
        assert_true(again.rope_scaling == config.rope_scaling && again.rope_factor == config.rope_factor);
        assert_true(again.tied_head == config.tied_head && again.bos_id == config.bos_id);
    }
}

static void absurd_numbers_are_refused_by_key(void **state)
{
    (void)state;
    is_refused("{\"model_type\": \"llama\"}", "\"hidden_size\" is missing");
    is_refused("{" LLAMA ", \"hidden_size\": 0}", "\"hidden_size\" is 0");
    is_refused("{" LLAMA ", \"hidden_size\": -64}", "\"hidden_size\" is -64");
    is_refused("{" LLAMA ", \"hidden_size\": \"64\"}", "\"hidden_size\": expected an integer, found a string");
    is_refused("{" LLAMA ", \"hidden_size\": 64.5}", "\"hidden_size\": expected an integer");
    is_refused("{" LLAMA ", \"hidden_size\": 9223372036854775807}", "\"hidden_size\" is 9223372036854775807");
    is_refused("{" LLAMA ", \"num_hidden_layers\": 1048576}", "\"num_hidden_layers\" is 1048576");
    is_refused("{" LLAMA ", \"vocab_size\": 0}", "\"vocab_size\" is 0");
    is_refused("{" LLAMA ", \"num_key_value_heads\": 3}",
               "num_attention_heads 4 is not a multiple of num_key_value_heads 3");
    is_refused("{" LLAMA ", \"num_key_value_heads\": 8}",
               "num_attention_heads 4 is not a multiple of num_key_value_heads 8");
    is_refused("{" LLAMA ", \"hidden_size\": 66}", "hidden_size 66 is not a multiple of num_attention_heads 4");
    is_refused("{" LLAMA ", \"head_dim\": 15}", "head_dim is 15, must be even");
    is_refused("{" LLAMA ", \"rms_norm_eps\": 0}", "rms_norm_eps is 0");
    is_refused("{" LLAMA ", \"rms_norm_eps\": -1e-6}", "rms_norm_eps is");
    is_refused("{" LLAMA ", \"rope_theta\": 0}", "rope_theta is 0");
    is_refused("{" LLAMA ", \"rope_theta\": \"big\"}", "\"rope_theta\": expected a number, found a string");
    is_refused("{" LLAMA ", \"tie_word_embeddings\": 1}", "\"tie_word_embeddings\": expected true or false");
    is_refused("{" LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8}}",
               "\"low_freq_factor\" is missing");
    is_refused("{" LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 0.5, \"low_freq_factor\": 1, "
               "\"high_freq_factor\": 4}}",
               "factor is 0.5");
    is_refused("{" LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, "
               "\"high_freq_factor\": 4}}",
               "must be above 0 and ascending");
    is_refused(
        "{" LLAMA
        ", \"hidden_size\": 1048576, \"intermediate_size\": 4194304, \"num_hidden_layers\": 4096, \"head_dim\": 128}",
        "more than 2^40 parameters");
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    for (const char *const *name = model_config_names(); *name; name++) {
        ModelConfig config;
        assert_true(model_config_named(&config, *name));
        for (int variant = 0; variant < 5; variant++) {
            if (model_has_mla(&config) && (variant == 1 || variant >= 3))
                continue; /* deepseek_is_written_as_it_was_read */
            if (variant == 1) {
                config.rope_scaling = ROPE_LLAMA3;
                config.rope_factor = 8.0;
                config.rope_low_freq_factor = 1.0;
                config.rope_high_freq_factor = 4.1;
                config.rope_original_positions = 1000.0;
                config.rms_norm_eps = 0.1f / 3.0f;
                config.head_dim += 2;
            }
            if (variant == 2) {
                config.n_eos = 2;
                config.eos_ids[0] = 5;
                config.eos_ids[1] = 3;
                config.tied_head = false;
                config.bos_id = -1;
                config.rope_theta = 12345.678;
            }
            if (variant >= 3) {
                config.arch = variant == 3 ? MODEL_QWEN3 : MODEL_MISTRAL;
                config.qkv_bias = config.o_proj_bias = false;
                config.qk_norm = variant == 3;
            }
            JsonOut out = {0};
            model_config_write(&config, &out);
            const ModelConfig again = parsed(out.text);
            json_out_free(&out);
            assert_true(again.arch == config.arch && again.hidden_size == config.hidden_size);
            assert_true(again.n_layers == config.n_layers && again.n_heads == config.n_heads);
            assert_true(again.n_kv_heads == config.n_kv_heads && again.head_dim == config.head_dim);
            assert_true(again.ffn_size == config.ffn_size && again.vocab_size == config.vocab_size);
            assert_true(again.max_positions == config.max_positions && again.rms_norm_eps == config.rms_norm_eps);
            assert_true(again.rope_theta == config.rope_theta && again.rope_scaling == config.rope_scaling);
            assert_true(again.rope_factor == config.rope_factor);
            assert_true(again.rope_low_freq_factor == config.rope_low_freq_factor);
            assert_true(again.rope_high_freq_factor == config.rope_high_freq_factor);
            assert_true(again.rope_original_positions == config.rope_original_positions);
            assert_true(again.qkv_bias == config.qkv_bias && again.o_proj_bias == config.o_proj_bias);
            assert_true(again.qk_norm == config.qk_norm);
            assert_true(again.tied_head == config.tied_head && again.bf16_on_disk == config.bf16_on_disk);
            assert_true(again.n_eos == config.n_eos && again.bos_id == config.bos_id && again.pad_id == config.pad_id);
            assert_memory_equal(again.eos_ids, config.eos_ids, (size_t)config.n_eos * sizeof config.eos_ids[0]);
        }
    }
    ModelConfig unknown;
    assert_false(model_config_named(&unknown, "qwen9"));
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char *const path = base_printf("%s/%s", folder, name);
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    base_free(path);
}

static void generation_config_decides_where_to_stop(void **state)
{
    (void)state;
    char folder[] = "/tmp/r1-config-XXXXXX";
    assert_non_null(mkdtemp(folder));
    ModelConfig c;
    Error err = {0};
    assert_false(model_config_read(&c, folder, &err));
    assert_non_null(strstr(err.text, "config.json: No such file"));
    write_file(folder, "config.json", "{" QWEN2 ", \"eos_token_id\": 7}");
    assert_true(model_config_read(&c, folder, &err));
    assert_int_equal(c.eos_ids[0], 7);
    write_file(folder, "generation_config.json", "{\"eos_token_id\": [8, 9]}");
    assert_true(model_config_read(&c, folder, &err));
    assert_int_equal(c.n_eos, 2);
    assert_int_equal(c.eos_ids[0], 8);
    write_file(folder, "generation_config.json", "{\"temperature\": 0.6}");
    assert_true(model_config_read(&c, folder, &err));
    assert_int_equal(c.n_eos, 1);
    assert_int_equal(c.eos_ids[0], 7);
    write_file(folder, "generation_config.json", "{\"eos_token_id\": 320}");
    assert_false(model_config_read(&c, folder, &err));
    assert_non_null(strstr(err.text, "generation_config.json: eos_token_id is 320"));
    write_file(folder, "generation_config.json", "{\"eos_token_id\": ");
    assert_false(model_config_read(&c, folder, &err));
    assert_non_null(strstr(err.text, "generation_config.json:1:"));
    assert_true(file_remove_tree(folder, &err));
}

/* Every prefix of a config and every byte of it replaced: a mistake or a config, never a crash. */
static void damaged_configs_never_crash(void **state)
{
    (void)state;
    static const char TEXT[] =
        "{" LLAMA ", \"head_dim\": 16, \"eos_token_id\": [1, 2], \"rope_theta\": 5e5, \"tie_word_embeddings\": true, "
        "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1, \"high_freq_factor\": "
        "4}}";
    static const char BYTES[] = "\"{}[]:,-0189.eEtn \\\x01\xFF";
    char text[sizeof TEXT];
    for (size_t cut = 0; cut <= 2 * sizeof TEXT * sizeof BYTES; cut++) {
        memcpy(text, TEXT, sizeof TEXT);
        size_t length = sizeof TEXT - 1;
        if (cut < length)
            length = cut;
        else
            text[cut % length] = BYTES[cut / length % (sizeof BYTES - 1)];
        Error err = {0};
        ModelConfig config;
        json_t *const json = json_read_text(text, length, "config.json", 1, &err);
        const bool ok = json && model_config_parse(&config, json, "config.json", &err);
        if (!ok) assert_true(err.kind == ERROR_INPUT && err.text[0] && !strchr(err.text, '\n'));
        if (ok) assert_true(model_config_check(&config, &err));
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys_mean_what_transformers_means),
        cmocka_unit_test(null_means_missing_but_for_token_ids),
        cmocka_unit_test(rope_is_read_in_both_spellings),
        cmocka_unit_test(stop_ids_may_be_one_or_a_list),
        cmocka_unit_test(dtype_is_read_in_both_spellings),
        cmocka_unit_test(llama_attention_bias_is_on_q_k_v_and_o),
        cmocka_unit_test(qwen3_has_norms_on_heads_of_any_width),
        cmocka_unit_test(mistral_is_a_llama_with_other_defaults),
        cmocka_unit_test(harmless_windows_pass),
        cmocka_unit_test(other_functions_are_refused_by_name),
        cmocka_unit_test(deepseek_is_read_with_the_defaults_of_transformers),
        cmocka_unit_test(deepseek_that_would_be_another_function_is_refused),
        cmocka_unit_test(deepseek_is_written_as_it_was_read),
        cmocka_unit_test(absurd_numbers_are_refused_by_key),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(generation_config_decides_where_to_stop),
        cmocka_unit_test(damaged_configs_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

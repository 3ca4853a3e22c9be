/* SPDX-License-Identifier: MIT */
/* The layout of the flat parameter buffer: golden offsets, and what kernels lean on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "model/params.h"

#include <stdio.h>
#include <string.h>

static const ModelConfig SMALL = {
    .arch = MODEL_QWEN2,
    .hidden_size = 12,
    .n_layers = 2,
    .n_heads = 2,
    .n_kv_heads = 1,
    .head_dim = 6,
    .ffn_size = 10,
    .vocab_size = 7,
    .max_positions = 64,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .qkv_bias = true,
    .tied_head = true,
    .bos_id = -1,
    .pad_id = -1,
};

static ParamLayout layout_of(const ModelConfig *config)
{
    ParamLayout layout;
    Error err = {0};
    if (!param_layout_create(&layout, config, &err)) fail_msg("%s", err.text);
    return layout;
}

static int64_t offset_of(const ParamLayout *layout, const char *name)
{
    const ParamTensor *const t = param_layout_find(layout, name);
    if (!t) fail_msg("%s is not in the layout", name);
    return t->offset;
}

/* Worked out by hand for SMALL: sizes 84 | 12 | 24 * 12 | 24 | 144 | 12 | 240 | 120, each begun at a multiple of 16. */
static void offsets_are_what_they_were(void **state)
{
    (void)state;
    ParamLayout layout = layout_of(&SMALL);
    const LayerOffsets *const l0 = &layout.layers[0], *const l1 = &layout.layers[1];
    assert_int_equal(layout.embedding, 0);
    assert_int_equal(l0->input_norm, 96);
    assert_int_equal(l0->qkv, 112);
    assert_int_equal(l0->qkv_bias, 400);
    assert_int_equal(l0->o, 432);
    assert_int_equal(l0->o_bias, -1);
    assert_int_equal(l0->post_norm, 576);
    assert_int_equal(l0->gate_up, 592);
    assert_int_equal(l0->down, 832);
    assert_int_equal(l1->input_norm, 960);
    assert_int_equal(layout.final_norm, 1824);
    assert_int_equal(layout.head, layout.embedding);
    assert_int_equal(layout.n_floats, 1840);
    assert_int_equal(layout.n_parameters, 84 + 2 * (12 + 288 + 24 + 144 + 12 + 240 + 120) + 12);
    assert_int_equal(layout.n_tensors, 2 + 2 * 12);
    param_layout_free(&layout);
}

static void q_k_v_and_gate_up_are_one_matrix(void **state)
{
    (void)state;
    ParamLayout layout = layout_of(&SMALL);
    const int64_t D = SMALL.hidden_size, q = 12, kv = 6;
    for (int l = 0; l < 2; l++) {
        const LayerOffsets *const at = &layout.layers[l];
        char name[96];
        const struct {
            const char *name;
            int64_t offset;
        } wanted[] = {
            {"self_attn.q_proj.weight", at->qkv},
            {"self_attn.k_proj.weight", at->qkv + q * D},
            {"self_attn.v_proj.weight", at->qkv + (q + kv) * D},
            {"self_attn.q_proj.bias", at->qkv_bias},
            {"self_attn.k_proj.bias", at->qkv_bias + q},
            {"self_attn.v_proj.bias", at->qkv_bias + q + kv},
            {"mlp.gate_proj.weight", at->gate_up},
            {"mlp.up_proj.weight", at->gate_up + SMALL.ffn_size * D},
            {"mlp.down_proj.weight", at->down},
            {"self_attn.o_proj.weight", at->o},
            {"input_layernorm.weight", at->input_norm},
            {"post_attention_layernorm.weight", at->post_norm},
        };
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            snprintf(name, sizeof name, "model.layers.%d.%s", l, wanted[i].name);
            assert_int_equal(offset_of(&layout, name), wanted[i].offset);
        }
    }
    assert_int_equal(model_qkv_size(&SMALL), q + 2 * kv);
    param_layout_free(&layout);
}

static void tensors_are_in_name_order_and_do_not_overlap(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"tiny-5m", "smollm2-135m", "qwen2.5-0.5b", NULL};
    for (const char *const *name = NAMES; *name; name++) {
        ModelConfig config;
        assert_true(model_config_named(&config, *name));
        ParamLayout layout = layout_of(&config);
        int64_t total = 0;
        for (int64_t i = 0; i < layout.n_tensors; i++) {
            const ParamTensor *const t = &layout.tensors[i];
            if (i) assert_true(strcmp(layout.tensors[i - 1].name, t->name) < 0);
            assert_true(t->rank == 2 || (t->rank == 1 && t->rows == 1));
            assert_true(t->offset >= 0 && t->offset + t->rows * t->columns <= layout.n_floats);
            for (int64_t k = 0; k < i; k++) {
                const ParamTensor *const u = &layout.tensors[k];
                assert_true(u->offset + u->rows * u->columns <= t->offset ||
                            t->offset + t->rows * t->columns <= u->offset);
            }
            total += t->rows * t->columns;
            assert_ptr_equal(param_layout_find(&layout, t->name), t);
        }
        assert_int_equal(total, layout.n_parameters);
        param_layout_free(&layout);
    }
}

/* Layer 10 sorts before layer 2: name order is bytewise, not numeric. */
static void layer_10_comes_before_layer_2(void **state)
{
    (void)state;
    ModelConfig config = SMALL;
    config.n_layers = 11;
    ParamLayout layout = layout_of(&config);
    const ParamTensor *const ten = param_layout_find(&layout, "model.layers.10.mlp.down_proj.weight");
    const ParamTensor *const two = param_layout_find(&layout, "model.layers.2.mlp.down_proj.weight");
    assert_non_null(ten);
    assert_non_null(two);
    assert_true(ten < two && ten->offset > two->offset);
    param_layout_free(&layout);
}

static void published_shapes_have_their_published_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t n_parameters, n_tensors;
    } KNOWN[] = {
        {"tiny-5m", 5249280, 74},
        {"smollm2-135m", 134515008, 272},
        {"qwen2.5-0.5b", 494032768, 290},
        {"qwen2.5-1.5b", 1543714304, 338},
    };
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        ModelConfig config;
        assert_true(model_config_named(&config, KNOWN[i].name));
        ParamLayout layout = layout_of(&config);
        assert_int_equal(layout.n_parameters, KNOWN[i].n_parameters);
        assert_int_equal(layout.n_tensors, KNOWN[i].n_tensors);
        param_layout_free(&layout);
    }
}

static void untied_heads_and_llama_biases_have_their_place(void **state)
{
    (void)state;
    ModelConfig config = SMALL;
    config.arch = MODEL_LLAMA;
    config.o_proj_bias = true;
    config.tied_head = false;
    ParamLayout layout = layout_of(&config);
    assert_int_equal(offset_of(&layout, "lm_head.weight"), layout.head);
    assert_int_not_equal(layout.head, layout.embedding);
    assert_int_equal(offset_of(&layout, "model.layers.1.self_attn.o_proj.bias"), layout.layers[1].o_bias);
    assert_int_equal(layout.layers[1].o_bias % 16, 0);
    assert_string_equal(layout.tensors[0].name, "lm_head.weight");
    param_layout_free(&layout);
    config.qkv_bias = config.o_proj_bias = false;
    layout = layout_of(&config);
    assert_int_equal(layout.layers[0].qkv_bias, -1);
    assert_int_equal(layout.layers[0].o_bias, -1);
    assert_null(param_layout_find(&layout, "model.layers.0.self_attn.q_proj.bias"));
    param_layout_free(&layout);
}

static void norms_of_heads_have_their_place(void **state)
{
    (void)state;
    ModelConfig config = SMALL;
    config.arch = MODEL_QWEN3;
    config.qkv_bias = false;
    config.qk_norm = true;
    ParamLayout layout = layout_of(&config);
    assert_int_equal(offset_of(&layout, "model.layers.1.self_attn.q_norm.weight"), layout.layers[1].q_norm);
    assert_int_equal(offset_of(&layout, "model.layers.1.self_attn.k_norm.weight"), layout.layers[1].k_norm);
    assert_int_equal(param_layout_find(&layout, "model.layers.0.self_attn.k_norm.weight")->columns, config.head_dim);
    assert_int_equal(layout.n_tensors, 2 + 2 * 11);
    param_layout_free(&layout);
}

static void a_wrong_config_gives_no_layout(void **state)
{
    (void)state;
    ModelConfig config = SMALL;
    config.vocab_size = 1 << 24;
    config.hidden_size = 1 << 20;
    config.n_layers = 4096;
    config.ffn_size = 1 << 22;
    ParamLayout layout;
    Error err = {0};
    assert_false(param_layout_create(&layout, &config, &err));
    assert_non_null(strstr(err.text, "2^40 parameters"));
    param_layout_free(&layout);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_what_they_were),
        cmocka_unit_test(q_k_v_and_gate_up_are_one_matrix),
        cmocka_unit_test(tensors_are_in_name_order_and_do_not_overlap),
        cmocka_unit_test(layer_10_comes_before_layer_2),
        cmocka_unit_test(published_shapes_have_their_published_sizes),
        cmocka_unit_test(untied_heads_and_llama_biases_have_their_place),
        cmocka_unit_test(norms_of_heads_have_their_place),
        cmocka_unit_test(a_wrong_config_gives_no_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

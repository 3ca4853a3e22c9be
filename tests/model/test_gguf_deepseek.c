/* SPDX-License-Identifier: MIT */
/* deepseek2 in GGUF files, in both published layouts: tests/fuzz/corpus/gguf holds one of each, written by a program of its own
 * (tools/make_gguf_seeds.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "model/gguf_model.h"

#include <math.h>
#include <string.h>

#define CORPUS R1_SOURCE_DIR "/tests/fuzz/corpus/gguf/"

typedef struct Loaded {
    GgufFile file;
    ModelConfig config;
    ParamLayout layout;
    float *weights;
} Loaded;

static Loaded load(const char *name)
{
    Loaded m = {0};
    Error err = {0};
    char path[512];
    snprintf(path, sizeof path, CORPUS "%s", name);
    if (!gguf_open(&m.file, path, &err) || !gguf_model_config(&m.config, &m.file, &err) ||
        !param_layout_create(&m.layout, &m.config, &err))
        fail_msg("%s", err.text);
    m.weights = base_alloc((size_t)m.layout.n_floats, sizeof *m.weights);
    if (!gguf_model_read_weights(m.weights, &m.layout, &m.config, &m.file, &err)) fail_msg("%s", err.text);
    return m;
}

static void unload(Loaded *m)
{
    base_free(m->weights);
    param_layout_free(&m->layout);
    gguf_close(&m->file);
}

static const float *ours(const Loaded *m, const char *name)
{
    const ParamTensor *const p = param_layout_find(&m->layout, name);
    assert_non_null(p);
    return m->weights + p->offset;
}

static float *theirs(const Loaded *m, const char *name)
{
    const GgufTensor *const t = gguf_tensor(&m->file, name);
    assert_non_null(t);
    float *const x = base_alloc((size_t)t->n_elements, sizeof *x);
    quant_dequantize(x, t->type, t->data, t->n_elements);
    return x;
}

static void assert_equal(const float *want, const float *got, int64_t n, const char *what)
{
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&want[i], &got[i], sizeof *want) != 0)
            fail_msg("%s: element %lld is %g, expected %g", what, (long long)i, (double)got[i], (double)want[i]);
}

static void assert_config(const ModelConfig *c)
{
    assert_int_equal(c->mla.q_lora_rank, 24);
    assert_int_equal(c->mla.kv_lora_rank, 32);
    assert_int_equal(c->mla.nope_dim, 32);
    assert_int_equal(c->mla.rope_dim, 8);
    assert_int_equal(c->mla.v_dim, 16);
    assert_true(c->mla.neighbours);
    assert_int_equal(c->moe.n_experts, 4);
    assert_int_equal(c->moe.n_chosen, 2);
    assert_int_equal(c->moe.n_shared, 1);
    assert_int_equal(c->moe.first_layer, 1);
    assert_int_equal(c->rope_scaling, ROPE_YARN);
    assert_true(c->rope_factor == 4.0 && c->rope_original_positions == 16.0);
    assert_false(c->tied_head);
}

/* Experts are rows of one tensor. */
static void assert_experts(const Loaded *m)
{
    float *const gate = theirs(m, "blk.1.ffn_gate_exps.weight"), *const down = theirs(m, "blk.1.ffn_down_exps.weight");
    assert_equal(gate, ours(m, "model.layers.1.mlp.experts.0.gate_proj.weight"), 32 * 32, "expert 0");
    assert_equal(gate + 3 * 32 * 32, ours(m, "model.layers.1.mlp.experts.3.gate_proj.weight"), 32 * 32, "expert 3");
    assert_equal(down + 2 * 32 * 32, ours(m, "model.layers.1.mlp.experts.2.down_proj.weight"), 32 * 32, "down");
    base_free(gate);
    base_free(down);
}

static void the_newer_layout_comes_together(void **state)
{
    (void)state;
    enum { H = 2, R = 32, N = 32, W = 16 };
    Loaded m = load("deepseek2");
    const ModelConfig *const c = &m.config;
    assert_config(c);
    assert_int_equal(c->arch, MODEL_DEEPSEEK_V3);
    assert_true(c->moe.correction_bias && c->moe.normalise && !c->moe.softmax && c->moe.routed_scaling == 2.5f);
    assert_true(c->moe.n_groups == 2 && c->moe.n_groups_chosen == 1);
    assert_true(c->yarn.mscale == 1.0 && c->yarn.mscale_all_dim == 1.0 && c->yarn.attention_factor == 0.0);
    assert_experts(&m);
    float *const keys = theirs(&m, "blk.0.attn_k_b.weight"), *const values = theirs(&m, "blk.0.attn_v_b.weight");
    const float *const whole = ours(&m, "model.layers.0.self_attn.kv_b_proj.weight");
    for (int h = 0; h < H; h++) {
        const float *const head = whole + h * (N + W) * R;
        for (int n = 0; n < N; n++)
            for (int r = 0; r < R; r++) assert_equal(&keys[(h * R + r) * N + n], &head[n * R + r], 1, "W_UK");
        assert_equal(values + h * W * R, head + N * R, W * R, "W_UV");
    }
    base_free(keys);
    base_free(values);
    unload(&m);
}

static void the_older_layout_is_read_whole(void **state)
{
    (void)state;
    Loaded m = load("deepseek2-whole");
    const ModelConfig *const c = &m.config;
    assert_config(c);
    assert_int_equal(c->arch, MODEL_DEEPSEEK_V2);
    assert_true(!c->moe.correction_bias && !c->moe.normalise && c->moe.softmax && c->moe.routed_scaling == 1.0f);
    assert_true(c->moe.n_groups == 1);
    assert_true(c->yarn.mscale == 0.707 && c->yarn.mscale_all_dim == 0.707); /* 0.0707 as f32, ten times */
    assert_experts(&m);
    float *const whole = theirs(&m, "blk.1.attn_kv_b.weight");
    assert_equal(whole, ours(&m, "model.layers.1.self_attn.kv_b_proj.weight"), 2 * 48 * 32, "kv_b_proj");
    base_free(whole);
    unload(&m);
}

/* A module's block stands behind the layers; its copies of embedding and head may be rounded otherwise, or be missing. */
static void modules_are_read_where_they_are(void **state)
{
    (void)state;
    enum { D = 32 };
    for (int bare = 0; bare < 2; bare++) {
        Loaded m = load(bare ? "deepseek2-modules-bare" : "deepseek2-modules");
        assert_int_equal(m.config.n_layers, 1);
        assert_int_equal(m.config.n_mtp, 1);
        float *const eh = theirs(&m, "blk.1.nextn.eh_proj.weight"), *const gate =
                                                                        theirs(&m, "blk.1.ffn_gate_exps.weight");
        float *const norm = theirs(&m, "blk.1.nextn.shared_head_norm.weight");
        assert_equal(eh, ours(&m, "model.layers.1.eh_proj.weight"), D * 2 * D, "eh_proj");
        assert_equal(norm, ours(&m, "model.layers.1.shared_head.norm.weight"), D, "shared_head.norm");
        assert_equal(gate + D * D, ours(&m, "model.layers.1.mlp.experts.1.gate_proj.weight"), D * D, "expert 1");
        base_free(eh);
        base_free(gate);
        base_free(norm);
        unload(&m);
    }
    Loaded m = load("deepseek2-modules-gone"); /* converted without them, and still counted */
    assert_int_equal(m.config.n_layers, 1);
    assert_int_equal(m.config.n_mtp, 0);
    unload(&m);
}

/* Each tensor in turn has another shape or is not there: one line that names it. */
static void a_tensor_out_of_place_is_named(void **state)
{
    (void)state;
    Loaded m = load("deepseek2-modules");
    for (int64_t i = 0; i < m.file.n_tensors; i++) {
        GgufTensor *const t = &m.file.tensors[i];
        Error err = {0};
        const int64_t size = t->shape[0];
        t->shape[0] = size + 1;
        assert_false(gguf_model_check(&m.file, &m.layout, &m.config, &err));
        if (!strstr(err.text, t->name) || strchr(err.text, '\n')) fail_msg("%s: said %s", t->name, err.text);
        t->shape[0] = size;
    }
    unload(&m);
}

static GgufTensor *tensor_of(const GgufFile *file, const char *name)
{
    const GgufTensor *const t = gguf_tensor(file, name);
    assert_non_null(t);
    return &file->tensors[t - file->tensors];
}

static void store_as(GgufTensor *t, QuantType type, const float *x, unsigned char *bytes)
{
    const QuantTraits *const q = quant_traits(type);
    quant_quantize(bytes, type, x, t->n_elements);
    t->type = type;
    t->n_bytes = t->n_elements / q->block * q->block_bytes;
    t->data = bytes;
}

/* A module's copy in another float type is its elements; one that differs is told, unless a side has blocks. */
static void a_copy_is_compared_by_its_elements(void **state)
{
    (void)state;
    static const QuantType TYPES[][2] = {
        {QUANT_F16, QUANT_F32}, {QUANT_F32, QUANT_F16},  {QUANT_BF16, QUANT_F16},
        {QUANT_F16, QUANT_F16}, {QUANT_Q8_0, QUANT_F32}, {QUANT_F16, QUANT_Q8_0},
    };
    static const char COPY[] = "blk.1.nextn.shared_head_head.weight";
    Loaded m = load("deepseek2-modules");
    GgufTensor *const t = tensor_of(&m.file, COPY), *const of = tensor_of(&m.file, "output.weight");
    const int64_t n = of->n_elements;
    float *const x = base_alloc((size_t)n, sizeof *x);
    unsigned char *const bytes[2] = {base_alloc((size_t)n, sizeof *x), base_alloc((size_t)n, sizeof *x)};
    for (int64_t i = 0; i < n; i++) x[i] = (float)(i % 61 - 30) / 32.0f; /* F16 and BF16 hold it */
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        Error err = {0};
        const bool has_blocks = TYPES[i][0] == QUANT_Q8_0 || TYPES[i][1] == QUANT_Q8_0;
        store_as(of, TYPES[i][0], x, bytes[0]);
        store_as(t, TYPES[i][1], x, bytes[1]);
        if (!gguf_model_check_copies(&m.file, &m.config, &err)) fail_msg("types %zu: %s", i, err.text);
        x[n - 1] += 1.0f; /* the last row */
        store_as(t, TYPES[i][1], x, bytes[1]);
        x[n - 1] -= 1.0f;
        assert_int_equal(gguf_model_check_copies(&m.file, &m.config, &err), has_blocks);
        if (has_blocks) continue;
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "shared_head_head.weight\" differs from \"output.weight\""));
    }
    base_free(x);
    base_free(bytes[0]);
    base_free(bytes[1]);
    unload(&m);
}

static void a_scale_of_experts_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char KEY[] = "deepseek2.expert_weights_scale";
    static const float WRONG[] = {-1.0f, -0x1p-149f, NAN, INFINITY, -INFINITY};
    Loaded m = load("deepseek2");
    const GgufValue *const found = gguf_value(&m.file, KEY);
    assert_true(found && found->type == GGUF_F32);
    GgufValue *const v = &m.file.values[found - m.file.values];
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        ModelConfig config;
        Error err = {0};
        v->data = (const unsigned char *)&WRONG[i];
        assert_false(gguf_model_config(&config, &m.file, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        if (!strstr(err.text, KEY) || !strstr(err.text, m.file.path)) fail_msg("said %s", err.text);
    }
    unload(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_layout_comes_together),
        cmocka_unit_test(the_older_layout_is_read_whole),
        cmocka_unit_test(modules_are_read_where_they_are),
        cmocka_unit_test(a_tensor_out_of_place_is_named),
        cmocka_unit_test(a_copy_is_compared_by_its_elements),
        cmocka_unit_test(a_scale_of_experts_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Weights that stay as their file has them give the bits of the same weights in f32: forward, decoding and the gradient of adapters on
 * them, whatever the block, the type, the ISA and the threads. */
#include "model/tiny.h"

#include "base/file.h"
#include "format/gguf_write.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "model/gguf_save.h"
#include "num/fp8.h"

#include <stdlib.h>

/* Adapters on all maps; of weights alone where the shape has some already. */
static ModelConfig adapted(const ModelConfig *shape)
{
    ModelConfig c = *shape;
    if (c.lora.rank == 0) c.lora = (LoraConfig){.rank = 4, .alpha = 8.0, .targets = LORA_ALL};
    return c;
}

/* The same file in f32 and as it is, adapters on top that are not zero. */
static void open_both(Model *f32, Model *stored, const char *path, const LoraConfig *lora, const Compute *compute)
{
    Error err = {0};
    ASSERT_OK(model_open_stored(stored, path, lora, 3, false, compute, &err), err);
    ASSERT_OK(model_create(f32, &stored->config, &err), err);
    ASSERT_OK(model_folder_read_weights(f32->weights, &f32->layout, &f32->config, path, &err), err);
    tiny_fill(stored->lora.weights, &stored->lora.layout);
    tiny_fill(f32->lora.weights, &f32->lora.layout);
    model_pack(f32, compute);
    model_pack_trained(stored, compute);
    assert_non_null(stored->frozen);
    assert_null(stored->panels);
}

static void check_file(const char *path, const ModelConfig *shape, const char *what)
{
    const ModelConfig config = adapted(shape);
    TinyCompute one, other;
    Model f32, stored;
    TinyBatch b;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_compute_create(&other, ISA_C, 3);
    open_both(&f32, &stored, path, &config.lora, &one.compute);
    tiny_batch_create(&b, shape);
    const TinyLoss loss = {.scale = 0.05, .entropy = true};
    TinyStep want = tiny_step(&f32, &one.compute, &b.batch, (TinyHow){4096, 1, false}, 1.0f, loss);
    TinyStep got = tiny_step(&stored, &one.compute, &b.batch, (TinyHow){4096, 1, false}, 1.0f, loss);
    assert_same_step(&f32, &want, &got, what);
    tiny_step_free(&got);
    got = tiny_step(&stored, &other.compute, &b.batch, (TinyHow){60, 1, true}, 1.0f, loss);
    assert_same_step(&f32, &want, &got, what);
    tiny_step_free(&got);
    tiny_step_free(&want);
    model_free(&stored);
    model_free(&f32);
    tiny_compute_free(&other);
    tiny_compute_free(&one);
}

typedef struct Made {
    ModelConfig config;
    ParamLayout layout;
    float *weights;
    char folder[32], path[64];
} Made;

static Made make(const ModelConfig *shape)
{
    Made m = {.config = *shape, .folder = "/tmp/r1-frozen-XXXXXX"};
    Error err = {0};
    m.config.lora = (LoraConfig){0};
    assert_non_null(mkdtemp(m.folder));
    snprintf(m.path, sizeof m.path, "%s/model.gguf", m.folder);
    ASSERT_OK(param_layout_create(&m.layout, &m.config, &err), err);
    m.weights = base_alloc((size_t)m.layout.n_floats, sizeof *m.weights);
    tiny_fill(m.weights, &m.layout);
    return m;
}

static void unmake(Made *m)
{
    Error err = {0};
    ASSERT_OK(file_remove_tree(m->folder, &err), err);
    param_layout_free(&m->layout);
    base_free(m->weights);
}

static void folders_keep_their_bits(void **state)
{
    (void)state;
    static const TensorDtype DTYPES[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
    for (int c = 0; c < N_TINY_CONFIGS; c++) {
        Made m = make(TINY_CONFIGS[c]);
        const TensorDtype dtype = DTYPES[c % 3];
        Error err = {0};
        char what[80];
        ASSERT_OK(model_folder_write_weights_as(m.folder, "model.safetensors", m.weights, &m.layout, dtype, "convert",
                                                NULL, &err),
                  err);
        ASSERT_OK(model_folder_write_config_as(m.folder, &m.config, dtype, NULL, &err), err);
        snprintf(what, sizeof what, "shape %d in %s", c, tensor_dtype_name(dtype));
        check_file(m.folder, TINY_CONFIGS[c], what);
        unmake(&m);
    }
}

/* Sizes that have whole blocks, so that every matrix is what was asked for. */
static ModelConfig of_blocks(void)
{
    ModelConfig c = TINY_DEEPSEEK;
    c.n_layers = 2;
    c.n_heads = c.n_kv_heads = 2;
    c.hidden_size = 256;
    c.ffn_size = c.moe.ffn_size = 256;
    c.moe.n_shared = 1;
    c.mla.q_lora_rank = c.mla.kv_lora_rank = 256;
    c.mla.v_dim = 128; /* o_proj reads 256 */
    return c;
}

static void quantised_blocks_keep_their_bits(void **state)
{
    (void)state;
    static const QuantType TYPES[] = {QUANT_Q8_0, QUANT_Q4_K, QUANT_Q6_K, QUANT_Q4_0};
    const ModelConfig shape = of_blocks();
    for (size_t t = 0; t < sizeof TYPES / sizeof *TYPES; t++) {
        Made m = make(&shape);
        GgufValues values = {0};
        GgufSave save = {.type = TYPES[t], .name = "tiny", .values = &values, .failpoint = "convert"};
        Error err = {0};
        ASSERT_OK(gguf_model_write(m.path, &save, m.weights, &m.layout, &m.config, &err), err);
        check_file(m.path, &shape, quant_traits(TYPES[t])->name);
        gguf_values_free(&values);
        unmake(&m);
    }
}

/* An f8 file by hand: codes drawn at random, a scale a block; vectors, router and embedding in f32. */
static void write_f8(const Made *m)
{
    enum { MOST = 256 };
    static SafetensorsItem items[MOST];
    static char names[MOST][128];
    static void *owned[MOST];
    Error err = {0};
    char path[64];
    int64_t n = 0;
    assert_true(2 * m->layout.n_tensors <= MOST);
    for (int64_t i = 0; i < m->layout.n_tensors; i++) {
        const ParamTensor *const p = &m->layout.tensors[i];
        const int64_t rows = p->rank == 1 ? p->columns : p->rows;
        items[n] = (SafetensorsItem){p->name, DTYPE_F32, p->rank, {rows, p->columns}, m->weights + p->offset};
        if (p->rank == 1 || !strstr(p->name, "_proj")) {
            n++;
            continue;
        }
        const int64_t blocks = fp8_blocks(p->rows) * fp8_blocks(p->columns);
        uint8_t *const codes = owned[n] = base_alloc((size_t)(p->rows * p->columns), 1);
        float *const scales = owned[n + 1] = base_alloc((size_t)blocks, sizeof *scales);
        for (int64_t e = 0; e < p->rows * p->columns; e++) {
            codes[e] = (uint8_t)rng_bits((Rng){9, RNG_TEST}, (uint64_t)i, 1, (uint64_t)e);
            if ((codes[e] & 0x7F) == 0x7F) codes[e] = 0;
        }
        for (int64_t b = 0; b < blocks; b++) scales[b] = tiny_uniform(9, (uint64_t)i, b, 3e-4f, 1e-3f);
        snprintf(names[n], sizeof names[n], "%s_scale_inv", p->name);
        items[n].dtype = DTYPE_F8_E4M3;
        items[n].data = codes;
        items[n + 1] = (SafetensorsItem){names[n], DTYPE_F32, 2, {fp8_blocks(p->rows), fp8_blocks(p->columns)}, scales};
        n += 2;
    }
    snprintf(path, sizeof path, "%s/model.safetensors", m->folder);
    ASSERT_OK(safetensors_write(path, items, n, "convert", NULL, &err), err);
    ASSERT_OK(model_folder_write_config(m->folder, &m->config, NULL, &err), err);
    for (int64_t i = 0; i < n; i++) base_free(owned[i]);
    memset(owned, 0, sizeof owned);
}

static int64_t matrices_of(const char *path, const ModelConfig *config, QuantType type)
{
    Error err = {0};
    TinyCompute one;
    Model model;
    int64_t n = 0;
    tiny_compute_create(&one, ISA_C, 1);
    ASSERT_OK(model_open_stored(&model, path, NULL, 0, false, &one.compute, &err), err);
    for (int64_t i = 0; i < model.frozen->n; i++) n += model.frozen->matrices[i].parts[0].type == type;
    assert_int_equal(model.config.moe.n_experts, config->moe.n_experts);
    model_free(&model);
    tiny_compute_free(&one);
    return n;
}

/* Blocks of 128, rows that end within one (40 columns: these stand in f32), heads that are cut out of a block. */
static void f8_blocks_keep_their_bits(void **state)
{
    (void)state;
    ModelConfig shape = of_blocks();
    shape.mla.nope_dim = 40;
    shape.mla.v_dim = 56;
    Made m = make(&shape);
    write_f8(&m);
    check_file(m.folder, &shape, "f8");
    /* o_proj reads 112 channels; the head and the router are f32. */
    assert_int_equal(matrices_of(m.folder, &shape, QUANT_F32), 2 + 1 + 1);
    assert_true(matrices_of(m.folder, &shape, QUANT_F8_E4M3) > 20);
    unmake(&m);
}

/* Bytes of a tensor in the one file of a folder are overwritten. */
static void damage(const char *folder, const char *tensor, uint8_t byte)
{
    Error err = {0};
    SafetensorsFile file;
    char path[64];
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    ASSERT_OK(safetensors_open(&file, path, &err), err);
    const SafetensorsTensor *const t = safetensors_find(&file, tensor);
    assert_non_null(t);
    const long at = (long)((const char *)t->data - (const char *)file.map.bytes);
    safetensors_close(&file);
    FILE *const f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    for (int i = 0; i < 4; i++) fputc(byte, f);
    fclose(f);
}

/* A NaN in an expert, in a head's part of kv_b_proj, in a scale, in a vector: one line that names the tensor. */
static void what_is_not_finite_is_named(void **state)
{
    (void)state;
    static const char *const TENSORS[] = {
        "model.layers.1.mlp.experts.5.up_proj.weight", "model.layers.0.self_attn.kv_b_proj.weight",
        "model.layers.1.self_attn.q_b_proj.weight_scale_inv", "model.layers.1.mlp.gate.weight",
        "model.layers.0.self_attn.kv_a_layernorm.weight"};
    const ModelConfig shape = of_blocks();
    TinyCompute one;
    tiny_compute_create(&one, tiny_fastest(), 1);
    for (size_t i = 0; i < sizeof TENSORS / sizeof *TENSORS; i++) {
        Made m = make(&shape);
        Model model;
        Error err = {0};
        char name[64];
        write_f8(&m);
        damage(m.folder, TENSORS[i], 0x7F); /* e4m3's NaN; as f32 3.4e38, a scale too large */
        if (strstr(TENSORS[i], "gate.weight") || strstr(TENSORS[i], "norm")) damage(m.folder, TENSORS[i], 0xFF);
        assert_false(model_open_stored(&model, m.folder, NULL, 0, false, &one.compute, &err));
        snprintf(name, sizeof name, "%.*s", (int)(strstr(TENSORS[i], ".weight") - TENSORS[i]), TENSORS[i]);
        if (!strstr(err.text, name) || !strstr(err.text, m.folder) || strchr(err.text, '\n'))
            fail_msg("%s: said %s", TENSORS[i], err.text);
        unmake(&m);
    }
    tiny_compute_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_keep_their_bits),
        cmocka_unit_test(quantised_blocks_keep_their_bits),
        cmocka_unit_test(f8_blocks_keep_their_bits),
        cmocka_unit_test(what_is_not_finite_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

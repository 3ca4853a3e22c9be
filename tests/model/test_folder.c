/* SPDX-License-Identifier: MIT */
/* Hugging Face folders in and out, and the digest that neither sharding nor metadata moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "model/folder.h"
#include "num/fp8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#define QWEN2 R1_SOURCE_DIR "/tests/fixtures/qwen2-tied"
#define LLAMA R1_SOURCE_DIR "/tests/fixtures/llama31"

typedef struct Model {
    ModelConfig config;
    ParamLayout layout;
    float *weights;
} Model;

static Model model_read(const char *folder)
{
    Model m;
    Error err = {0};
    if (!model_config_read(&m.config, folder, &err) || !param_layout_create(&m.layout, &m.config, &err))
        fail_msg("%s", err.text);
    m.weights = base_alloc((size_t)m.layout.n_floats, sizeof *m.weights);
    for (int64_t i = 0; i < m.layout.n_floats; i++) m.weights[i] = -77.0f; /* poison: pads must come out as zeros */
    if (!model_folder_read_weights(m.weights, &m.layout, &m.config, folder, &err)) fail_msg("%s", err.text);
    return m;
}

static void model_free(Model *m)
{
    param_layout_free(&m->layout);
    base_free(m->weights);
}

static char *temporary_folder(void)
{
    char folder[] = "/tmp/r1-folder-XXXXXX";
    assert_non_null(mkdtemp(folder));
    return base_strdup(folder);
}

static void remove_folder(char *folder)
{
    Error err;
    assert_true(file_remove_tree(folder, &err));
    base_free(folder);
}

static void digest_is(const char *path, const char *expected)
{
    char digest[33], optimizer[33];
    Error err = {0};
    if (!model_digest(path, digest, optimizer, &err)) fail_msg("%s", err.text);
    assert_string_equal(digest, expected);
    assert_string_equal(optimizer, "");
}

/* Each tensor's bytes at its offset, and zeros wherever no tensor is. */
static void weights_stand_where_the_layout_says(void **state)
{
    (void)state;
    Model m = model_read(QWEN2);
    SafetensorsFile file;
    Error err = {0};
    assert_true(safetensors_open(&file, QWEN2 "/model.safetensors", &err));
    assert_int_equal(file.n_tensors, m.layout.n_tensors);
    int64_t covered = 0;
    for (int64_t i = 0; i < m.layout.n_tensors; i++) {
        const ParamTensor *const p = &m.layout.tensors[i];
        const SafetensorsTensor *const t = safetensors_find(&file, p->name);
        assert_non_null(t);
        assert_memory_equal(m.weights + p->offset, t->data, (size_t)t->n_bytes);
        for (int64_t k = 0; k < t->n_elements; k++) m.weights[p->offset + k] = 0;
        covered += t->n_elements;
    }
    assert_int_equal(covered, m.layout.n_parameters);
    for (int64_t i = 0; i < m.layout.n_floats; i++) assert_true(m.weights[i] == 0);
    safetensors_close(&file);
    model_free(&m);
}

/* Computed outside of this project's code: Python's struct and xxhash over the stream that folder.h defines. */
static void digests_are_what_they_were(void **state)
{
    (void)state;
    digest_is(QWEN2, "c070c4cc59aa810d66ca2b75bd283874");
    digest_is(QWEN2 "/model.safetensors", "c070c4cc59aa810d66ca2b75bd283874");
    digest_is(LLAMA, "1b107cbe490b828d02db3ad48e82bf9b");
}

static void a_shard_more_or_less_moves_no_digest(void **state)
{
    (void)state;
    Model m = model_read(LLAMA); /* two shards in, one file out */
    char *const folder = temporary_folder(), hex[33], again[33];
    Error err = {0};
    if (!model_folder_write_config(folder, &m.config, LLAMA, &err) ||
        !model_folder_write_weights(folder, "model.safetensors", m.weights, &m.layout, "weights", hex, &err))
        fail_msg("%s", err.text);
    digest_is(folder, "1b107cbe490b828d02db3ad48e82bf9b");
    char *const path = base_printf("%s/model.safetensors", folder);
    assert_true(file_hash(path, again, &err));
    assert_string_equal(hex, again);
    Model copy = model_read(folder);
    assert_memory_equal(&copy.config, &m.config, sizeof m.config);
    assert_memory_equal(copy.weights, m.weights, (size_t)m.layout.n_floats * sizeof *m.weights);
    model_free(&copy);
    model_free(&m);
    base_free(path);
    remove_folder(folder);
}

/* The same stream, hashed here from its parts. */
static void the_digest_is_its_definition(void **state)
{
    (void)state;
    char *const folder = temporary_folder(), *const path = base_printf("%s/model.safetensors", folder);
    const uint16_t values[3] = {0x3F80, 0x4000, 0x4040};
    const SafetensorsItem items[] = {{"b", DTYPE_BF16, 2, {1, 3}, values}, {"a", DTYPE_U8, 0, {0}, "x"}};
    Error err = {0};
    assert_true(safetensors_write(path, items, 2, "test", NULL, &err));
    static const unsigned char STREAM[] = {
        1,   0, 0, 0, 0, 0, 0, 0, 'a', 2,   0, 0, 0, 0, 0, 0, 0, 'U', '8', 0,    0,    0,    0,    0,    0,    0, 0,
        'x', 1, 0, 0, 0, 0, 0, 0, 0,   'b', 4, 0, 0, 0, 0, 0, 0, 0,   'B', 'F',  '1',  '6',  2,    0,    0,    0, 0,
        0,   0, 0, 1, 0, 0, 0, 0, 0,   0,   0, 3, 0, 0, 0, 0, 0, 0,   0,   0x80, 0x3F, 0x00, 0x40, 0x40, 0x40,
    };
    const XXH128_hash_t hash = XXH3_128bits(STREAM, sizeof STREAM);
    char expected[33];
    snprintf(expected, sizeof expected, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    digest_is(path, expected);
    digest_is(folder, expected);
    /* The optimiser's file has its own digest, seen from the folder and from a file beside it. */
    char *const optimizer_path = base_printf("%s/optimizer.safetensors", folder);
    assert_true(safetensors_write(optimizer_path, items, 2, "test", NULL, &err));
    char digest[33], optimizer[33];
    assert_true(model_digest(folder, digest, optimizer, &err));
    assert_string_equal(optimizer, expected);
    assert_true(model_digest(path, digest, optimizer, &err));
    assert_string_equal(optimizer, expected);
    assert_true(model_digest(optimizer_path, digest, optimizer, &err));
    assert_string_equal(optimizer, "");
    base_free(optimizer_path);
    base_free(path);
    remove_folder(folder);
}

/* ---- folders that are wrong ---- */

/* A folder with qwen2-tied's config, in which a test puts tensors of its own. */
typedef struct Bench {
    char *folder, *path;
    Model model;
    SafetensorsItem *items;
    int64_t n_items;
} Bench;

static Bench bench_create(void)
{
    Bench b = {.folder = temporary_folder(), .model = model_read(QWEN2)};
    b.path = base_printf("%s/model.safetensors", b.folder);
    const ParamLayout *const layout = &b.model.layout;
    b.items = base_alloc((size_t)layout->n_tensors + 2, sizeof *b.items); /* room for two more */
    for (int64_t i = 0; i < layout->n_tensors; i++) {
        const ParamTensor *const p = &layout->tensors[i];
        SafetensorsItem *const item = &b.items[b.n_items++];
        *item = (SafetensorsItem){p->name, DTYPE_F32, p->rank, {p->rows, p->columns}, b.model.weights + p->offset};
        if (p->rank == 1) item->shape[0] = p->columns;
    }
    return b;
}

static void bench_free(Bench *b)
{
    remove_folder(b->folder);
    base_free(b->path);
    base_free(b->items);
    model_free(&b->model);
}

/* "" when the folder reads. */
static Error bench_read(const Bench *b, const char *folder)
{
    Error err = {0};
    float *const weights = base_alloc((size_t)b->model.layout.n_floats, sizeof *weights);
    if (!model_folder_read_weights(weights, &b->model.layout, &b->model.config, folder, &err))
        assert_true(err.kind == ERROR_INPUT || err.kind == ERROR_SYSTEM);
    base_free(weights);
    return err;
}

static void bench_says(const Bench *b, const char *words)
{
    Error err = {0};
    if (!safetensors_write(b->path, b->items, b->n_items, "test", NULL, &err)) fail_msg("%s", err.text);
    err = bench_read(b, b->folder);
    if (*words ? !strstr(err.text, words) || strncmp(err.text, b->path, strlen(b->path)) != 0 : err.text[0] != 0)
        fail_msg("said \"%s\", should say \"%s\"", err.text, words);
}

static void wrong_tensors_are_named(void **state)
{
    (void)state;
    Bench b = bench_create();
    bench_says(&b, "");
    const SafetensorsItem last = b.items[b.n_items - 1];
    assert_string_equal(last.name, "model.norm.weight");
    b.n_items--;
    bench_says(&b, "tensor \"model.norm.weight\" is missing");
    b.items[b.n_items] = last;
    b.items[b.n_items++].shape[0] = 63;
    bench_says(&b, "tensor \"model.norm.weight\" has shape [63], must be [64]");
    b.items[b.n_items - 1] = last;
    b.items[b.n_items - 1].dtype = DTYPE_I32;
    bench_says(&b, "tensor \"model.norm.weight\" is I32, must be F32, F16 or BF16");
    b.items[b.n_items - 1] = last;
    b.items[b.n_items++] = (SafetensorsItem){"model.layers.2.mlp.up_proj.weight", DTYPE_F32, 0, {0}, b.model.weights};
    bench_says(&b, "tensor \"model.layers.2.mlp.up_proj.weight\" has no place in the model");
    b.items[b.n_items - 1].name = "lm_head.weight"; /* tied: a second name of the embedding */
    bench_says(&b, "");
    b.items[b.n_items - 1].name = "model.layers.0.self_attn.rotary_emb.inv_freq";
    bench_says(&b, "");
    b.items[b.n_items - 1].name =
        "model.layers.2.eh_proj.weight"; /* of DeepSeek-V3's prediction layer, behind layers 0 and 1 */
    bench_says(&b, "has no place");
    b.model.config.mla.kv_lora_rank = 16;
    bench_says(&b, "");
    b.items[b.n_items - 1].name = "model.layers.1.eh_proj.weight";
    bench_says(&b, "has no place");
    b.model.config.mla.kv_lora_rank = 0;
    b.model.config.tied_head = false;
    b.items[b.n_items - 1].name = "lm_head.weight";
    bench_says(&b, "has no place"); /* the layout has none, and it is not redundant now */
    bench_free(&b);
}

static void weights_that_are_not_finite_are_named(void **state)
{
    (void)state;
    Bench b = bench_create();
    float *const norm = b.model.weights + b.model.layout.final_norm;
    const float kept = norm[5];
    norm[5] = (float)NAN;
    bench_says(&b, "tensor \"model.norm.weight\": element 5 is not a finite number");
    norm[5] = -INFINITY;
    bench_says(&b, "tensor \"model.norm.weight\": element 5 is not a finite number");
    norm[5] = kept;
    bench_says(&b, "");
    bench_free(&b);
}

static void half_precision_is_widened_exactly(void **state)
{
    (void)state;
    Bench b = bench_create();
    const int64_t norm = b.model.layout.final_norm;
    uint16_t halves[64];
    for (int dtype = 0; dtype < 2; dtype++) {
        for (int i = 0; i < 64; i++) halves[i] = (uint16_t)(i * 331);
        b.items[b.n_items - 1].dtype = dtype ? DTYPE_F16 : DTYPE_BF16;
        b.items[b.n_items - 1].data = halves;
        Error err = {0};
        assert_true(safetensors_write(b.path, b.items, b.n_items, "test", NULL, &err));
        float *const weights = base_alloc((size_t)b.model.layout.n_floats, sizeof *weights);
        assert_true(model_folder_read_weights(weights, &b.model.layout, &b.model.config, b.folder, &err));
        for (int i = 0; i < 64; i++) {
            const float expected = dtype ? f32_from_f16(halves[i]) : f32_from_bf16(halves[i]);
            assert_memory_equal(&weights[norm + i], &expected, sizeof expected);
        }
        base_free(weights);
    }
    bench_free(&b);
}

/* A matrix in e4m3 with a scale a block, as DeepSeek-V3 and Qwen3 are published. */
static void f8_is_scaled_by_its_block(void **state)
{
    (void)state;
    Bench b = bench_create();
    SafetensorsItem *weight = NULL;
    for (int64_t i = 0; i < b.n_items; i++)
        if (strcmp(b.items[i].name, "model.layers.0.mlp.down_proj.weight") == 0) weight = &b.items[i];
    assert_non_null(weight);
    const int64_t rows = weight->shape[0], columns = weight->shape[1]; /* [64, 176]: two blocks */
    uint8_t *const bits = base_alloc((size_t)(rows * columns), 1);
    for (int64_t i = 0; i < rows * columns; i++) bits[i] = (uint8_t)(i % 250 + i / 250 % 2 * 128) & 0xF7;
    float scales[2] = {0.3f, 1e-3f};
    weight->dtype = DTYPE_F8_E4M3;
    weight->data = bits;
    bench_says(&b,
               "down_proj.weight\" is F8_E4M3, but its scales \"model.layers.0.mlp.down_proj.weight_scale_inv\" are "
               "missing");
    SafetensorsItem *const scale = &b.items[b.n_items++];
    *scale = (SafetensorsItem){"model.layers.0.mlp.down_proj.weight_scale_inv", DTYPE_F32, 2, {1, 2}, scales};
    bench_says(&b, "");
    float *const weights = base_alloc((size_t)b.model.layout.n_floats, sizeof *weights);
    Error err = {0};
    assert_true(model_folder_read_weights(weights, &b.model.layout, &b.model.config, b.folder, &err));
    const float *const read = weights + param_layout_find(&b.model.layout, weight->name)->offset;
    for (int64_t i = 0; i < rows * columns; i++) {
        const float expected = f32_from_f8_e4m3(bits[i]) * scales[i % columns / 128];
        assert_memory_equal(&read[i], &expected, sizeof expected);
    }
    base_free(weights);
    scale->shape[1] = 1;
    bench_says(&b, "down_proj.weight_scale_inv\" has shape [1, 1], must be [1, 2]");
    scale->shape[1] = 2, scale->dtype = DTYPE_I32;
    bench_says(&b, "down_proj.weight_scale_inv\" is I32, must be F32, F16 or BF16");
    scale->dtype = DTYPE_F32, scales[1] = (float)NAN;
    bench_says(&b, "tensor \"model.layers.0.mlp.down_proj.weight\": element 128 is not a finite number");
    scales[1] = 1.0f, bits[7] = 0xFF;
    bench_says(&b, "tensor \"model.layers.0.mlp.down_proj.weight\": element 7 is not a finite number");
    bits[7] = 0;
    scale->name = "model.layers.1.mlp.down_proj.weight_scale_inv"; /* of a matrix that needs none */
    weight->dtype = DTYPE_F32, weight->data = b.model.weights;
    bench_says(&b, "tensor \"model.layers.1.mlp.down_proj.weight_scale_inv\" has no place");
    base_free(bits);
    bench_free(&b);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char *const path = base_printf("%s/%s", folder, name);
    Error err = {0};
    if (!file_write_all(path, "test", text, strlen(text), &err)) fail_msg("%s", err.text);
    base_free(path);
}

static void folder_says(const Bench *b, const char *words)
{
    const Error err = bench_read(b, b->folder);
    if (!strstr(err.text, words) || strncmp(err.text, b->folder, strlen(b->folder)) != 0)
        fail_msg("said \"%s\", should say \"%s\"", err.text, words);
}

static void wrong_indexes_are_named(void **state)
{
    (void)state;
    Bench b = bench_create();
    static const char *const INDEX = "model.safetensors.index.json";
    char *const shard1 = base_printf("%s/s1.safetensors", b.folder), *const shard2 =
                                                                         base_printf("%s/s2.safetensors", b.folder);
    Error err = {0};
    folder_says(&b, "neither model.safetensors nor model.safetensors.index.json is here");
    write_text(b.folder, INDEX, "{\"weight_map\": {}}");
    folder_says(&b, "index.json: has no \"weight_map\"");
    write_text(b.folder, INDEX, "{\"weight_map\": {\"a\": 1}}");
    folder_says(&b, "\"a\" must name a file of this folder");
    write_text(b.folder, INDEX, "{\"weight_map\": {\"a\": \"../s1.safetensors\"}}");
    folder_says(&b, "\"a\" must name a file of this folder");
    write_text(b.folder, INDEX, "{\"weight_map\": {\"a\": \"s1.safetensors\"}}");
    folder_says(&b, "s1.safetensors: No such file");
    assert_true(safetensors_write(shard1, b.items, 10, "test", NULL, &err));
    folder_says(&b, "s1.safetensors: tensor \"a\" is missing, which the index places here");
    assert_true(safetensors_write(shard2, b.items + 9, b.n_items - 9, "test", NULL, &err));
    write_text(b.folder, INDEX,
               "{\"weight_map\": {\"model.norm.weight\": \"s2.safetensors\", \"b\": \"s1.safetensors\"}}");
    folder_says(&b, "is also in");
    assert_true(safetensors_write(shard2, b.items + 10, b.n_items - 10, "test", NULL, &err));
    write_text(b.folder, INDEX,
               "{\"weight_map\": {\"model.norm.weight\": \"s1.safetensors\", \"model.embed_tokens.weight\": "
               "\"s2.safetensors\"}}");
    folder_says(&b, "is missing, which the index places here");
    write_text(b.folder, INDEX,
               "{\"weight_map\": {\"model.norm.weight\": \"s2.safetensors\", \"model.embed_tokens.weight\": "
               "\"s1.safetensors\"}}");
    err = bench_read(&b, b.folder);
    assert_string_equal(err.text, "");
    digest_is(b.folder, "c070c4cc59aa810d66ca2b75bd283874");
    assert_int_equal(truncate(shard2, file_size(shard2) - 6), 0);
    folder_says(&b, "s2.safetensors: tensor \"model.norm.weight\" ends 6 bytes after the file");
    assert_true(
        safetensors_write(b.path, b.items, b.n_items, "test", NULL, &err)); /* a single file stands before shards */
    err = bench_read(&b, b.folder);
    assert_string_equal(err.text, "");
    base_free(shard1);
    base_free(shard2);
    bench_free(&b);
}

static void is_one_line(const Error *err)
{
    if (!err->text[0] || strchr(err->text, '\n')) fail_msg("said \"%s\"", err->text);
}

/* An index cut anywhere, or with any byte replaced: the folder reads, or one line says why not. */
static void damaged_indexes_are_refused_in_one_line(void **state)
{
    (void)state;
    static const char TEXT[] = "{\"metadata\": {\"total_size\": 4}, \"weight_map\": {\"a\": \"s1.safetensors\", "
                               "\"b\": \"s1.safetensors\", \"c\": \"s2.safetensors\"}}";
    static const char BYTES[] = "\"{}[]:,\\./1\n\x01\xFF";
    char *const folder = temporary_folder(), text[sizeof TEXT];
    char *const shard1 = base_printf("%s/s1.safetensors", folder), *const shard2 =
                                                                       base_printf("%s/s2.safetensors", folder);
    const SafetensorsItem items[] = {
        {"a", DTYPE_U8, 0, {0}, "x"}, {"b", DTYPE_U8, 0, {0}, "y"}, {"c", DTYPE_U8, 0, {0}, "z"}};
    Error err = {0};
    assert_true(safetensors_write(shard1, items, 2, "test", NULL, &err));
    assert_true(safetensors_write(shard2, items + 2, 1, "test", NULL, &err));
    int n_read = 0;
    for (size_t at = 0; at < (sizeof TEXT - 1) * sizeof BYTES; at++) {
        memcpy(text, TEXT, sizeof TEXT);
        const size_t place = at % (sizeof TEXT - 1), which = at / (sizeof TEXT - 1);
        text[place] = which == 0 ? 0 : BYTES[which - 1];
        write_text(folder, "model.safetensors.index.json", text);
        ModelTensors m;
        err = (Error){0};
        if (model_tensors_open(&m, folder, &err)) {
            assert_int_equal(m.n_tensors, 3);
            n_read++;
            model_tensors_close(&m);
        } else {
            is_one_line(&err);
        }
    }
    assert_true(n_read > 0);
    write_text(folder, "model.safetensors.index.json",
               "{\"weight_map\": {\"a\": \"s1.safetensors\", \"a\": \"s2.safetensors\"}}");
    ModelTensors m;
    assert_false(model_tensors_open(&m, folder, &err));
    assert_non_null(strstr(err.text, "index.json:1:"));
    assert_non_null(strstr(err.text, "duplicate object key"));
    base_free(shard1);
    base_free(shard2);
    remove_folder(folder);
}

/* A config that claims a terabyte for files of kilobytes: nothing of that size is asked for, and the tensor is named. */
static void claims_are_checked_before_memory_is_reserved(void **state)
{
    (void)state;
    Bench b = bench_create();
    Error err = {0};
    assert_true(safetensors_write(b.path, b.items, b.n_items, "test", NULL, &err));
    ModelConfig config = b.model.config;
    config.hidden_size = 1 << 18;
    config.n_layers = 30;
    config.vocab_size = 1 << 17;
    assert_false(model_folder_check(b.folder, &config, &err));
    assert_non_null(strstr(err.text,
                           "model.safetensors: tensor \"model.embed_tokens.weight\" has shape [320, 64], must be "
                           "[131072, 262144]"));
    assert_true(model_folder_check(b.folder, &b.model.config, &err));
    bench_free(&b);
}

static void tokenizer_files_travel_with_the_config(void **state)
{
    (void)state;
    char *const from = temporary_folder(), *const to = temporary_folder();
    write_text(from, "tokenizer.json", "{\"model\": {}}");
    write_text(from, "chat_template.jinja", "{{ messages }}");
    write_text(from, "README.md", "not this one");
    ModelConfig config, again;
    assert_true(model_config_named(&config, "qwen2.5-0.5b"));
    Error err = {0};
    if (!model_folder_write_config(to, &config, from, &err)) fail_msg("%s", err.text);
    char **names;
    int64_t n_names;
    assert_true(file_list(to, &names, &n_names, &err));
    assert_int_equal(n_names, 4);
    assert_string_equal(names[0], "chat_template.jinja");
    assert_string_equal(names[3], "tokenizer.json");
    file_names_free(names, n_names);
    assert_true(model_config_read(&again, to, &err));
    assert_false(again.bf16_on_disk); /* weights are written in f32, and the config says so */
    assert_int_equal(again.eos_ids[0], config.eos_ids[0]);
    if (!model_folder_write_config(to, &config, NULL, &err)) fail_msg("%s", err.text);
    assert_false(model_folder_write_config("/nonexistent", &config, NULL, &err));
    assert_non_null(strstr(err.text, "/nonexistent/config.json"));
    remove_folder(from);
    remove_folder(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_stand_where_the_layout_says),
        cmocka_unit_test(digests_are_what_they_were),
        cmocka_unit_test(a_shard_more_or_less_moves_no_digest),
        cmocka_unit_test(the_digest_is_its_definition),
        cmocka_unit_test(wrong_tensors_are_named),
        cmocka_unit_test(weights_that_are_not_finite_are_named),
        cmocka_unit_test(half_precision_is_widened_exactly),
        cmocka_unit_test(f8_is_scaled_by_its_block),
        cmocka_unit_test(wrong_indexes_are_named),
        cmocka_unit_test(damaged_indexes_are_refused_in_one_line),
        cmocka_unit_test(claims_are_checked_before_memory_is_reserved),
        cmocka_unit_test(tokenizer_files_travel_with_the_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* A scalar head in folders: made from a model that predicts tokens, written, read again, under adapters, frozen, damaged. */
#include "base/file.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "model/tiny.h"

#include <stdlib.h>
#include <unistd.h>

#define QWEN2 R1_SOURCE_DIR "/tests/fixtures/qwen2-tied"
#define LLAMA R1_SOURCE_DIR "/tests/fixtures/llama31"

enum { N_VALUES = 9 };

static char *temporary_folder(void)
{
    char folder[] = "/tmp/r1-scalar-XXXXXX";
    assert_non_null(mkdtemp(folder));
    return base_strdup(folder);
}

static void remove_folder(char *folder)
{
    Error err;
    assert_true(file_remove_tree(folder, &err));
    base_free(folder);
}

/* One value after each token of a text. */
static void values_of(Model *model, const Compute *compute, float values[N_VALUES])
{
    static const int32_t ids[N_VALUES] = {5, 17, 300, 2, 2, 44, 9, 120, 7};
    Error err = {0};
    Trainer trainer;
    const TrainSequence sequence = {.inputs = ids, .n_rows = N_VALUES};
    const TrainGroup group = {.n_sequences = 1};
    const TrainBatch batch = {&group, 1, &sequence, 1};
    ASSERT_OK(trainer_create(&trainer, model, compute, 64, 1, false, &err), err);
    ASSERT_OK(trainer_values(&trainer, model, &batch, values, &err), err);
    trainer_free(&trainer);
}

static void write_model(const char *folder, const Model *model, TensorDtype dtype)
{
    Error err = {0};
    ASSERT_OK(model_folder_write_weights_as(folder, "model.safetensors", model->weights, &model->layout, dtype, "test",
                                            NULL, &err),
              err);
    ASSERT_OK(model_folder_write_config_as(folder, &model->config, dtype, NULL, &err), err);
}

static void check_written(const char *causal)
{
    TinyCompute c;
    Model made, again, frozen;
    Error err = {0};
    float want[N_VALUES], got[N_VALUES];
    char *const folder = temporary_folder();
    tiny_compute_create(&c, tiny_fastest(), 1);
    ASSERT_OK(model_open_scalar(&made, causal, NULL, 7, &c.compute, &err), err);
    values_of(&made, &c.compute, want);
    write_model(folder, &made, DTYPE_F32);
    ASSERT_OK(model_open_scalar(&again, folder, NULL, 8, &c.compute, &err), err); /* another seed draws nothing */
    values_of(&again, &c.compute, got);
    assert_bits(want, got, N_VALUES, "values of the folder");
    ASSERT_OK(model_open_frozen_scalar(&frozen, folder, WEIGHTS_STORED, &c.compute, &err), err);
    assert_non_null(frozen.frozen);
    values_of(&frozen, &c.compute, got);
    assert_bits(want, got, N_VALUES, "values of the frozen folder");
    model_free(&frozen);
    assert_false(model_open(&frozen, folder, &c.compute, &err));
    assert_non_null(strstr(err.text, "has a scalar head"));
    assert_false(model_open_frozen(&frozen, folder, WEIGHTS_STORED, &c.compute, &err));
    assert_non_null(strstr(err.text, "has a scalar head"));
    assert_false(model_open_frozen_scalar(&frozen, causal, WEIGHTS_STORED, &c.compute, &err));
    assert_non_null(strstr(err.text, "has no scalar head"));
    model_free(&again);
    model_free(&made);
    remove_folder(folder);
    tiny_compute_free(&c);
}

static void a_folder_gives_back_what_was_written(void **state)
{
    (void)state;
    check_written(QWEN2);
    check_written(LLAMA); /* its own lm_head is left aside */
}

static void the_head_is_drawn_by_the_seed(void **state)
{
    (void)state;
    TinyCompute c;
    Model a, b;
    Error err = {0};
    double squares = 0.0;
    tiny_compute_create(&c, tiny_fastest(), 1);
    ASSERT_OK(model_open_scalar(&a, QWEN2, NULL, 7, &c.compute, &err), err);
    ASSERT_OK(model_open_scalar(&b, QWEN2, NULL, 8, &c.compute, &err), err);
    const int64_t D = a.config.hidden_size;
    assert_memory_not_equal(model_score(&a), model_score(&b), (size_t)D * sizeof(float));
    for (int64_t i = 0; i < D; i++) squares += (double)model_score(&a)[i] * (double)model_score(&a)[i];
    assert_true(squares > 0.4 && squares < 1.8); /* its mean is D / (D + 1) */
    model_free(&a);
    model_free(&b);
    tiny_compute_free(&c);
}

/* Adapters carry the head with them, whether or not the model beneath has one. */
static void check_adapters(const char *base, const float *score)
{
    const LoraConfig lora = {.rank = 4, .alpha = 8.0, .targets = LORA_ALL};
    TinyCompute c;
    Model made, again;
    Error err = {0};
    float want[N_VALUES], got[N_VALUES];
    char *const folder = temporary_folder();
    tiny_compute_create(&c, tiny_fastest(), 1);
    ASSERT_OK(model_open_scalar(&made, base, &lora, 7, &c.compute, &err), err);
    if (score) assert_bits(score, model_score(&made), made.config.hidden_size, "the head beneath");
    const ParamLayout *const layout = model_trained_layout(&made);
    for (int64_t i = 0; i < layout->n_floats; i++) made.lora.weights[i] += tiny_uniform(9, 1, i, -0.05f, 0.05f);
    model_pack_trained(&made, &c.compute);
    values_of(&made, &c.compute, want);
    ASSERT_OK(
        model_folder_write_weights(folder, "adapter_model.safetensors", made.lora.weights, layout, "test", NULL, &err),
        err);
    ASSERT_OK(adapter_write_config(folder, &made, NULL, &err), err);
    ASSERT_OK(model_open_frozen_scalar(&again, folder, WEIGHTS_STORED, &c.compute, &err), err);
    values_of(&again, &c.compute, got);
    assert_bits(want, got, N_VALUES, "values under the folder's adapters");
    model_free(&again);
    assert_false(model_open(&again, folder, &c.compute, &err));
    assert_non_null(strstr(err.text, "has a scalar head"));
    model_free(&made);
    remove_folder(folder);
    tiny_compute_free(&c);
}

static void adapters_carry_the_head(void **state)
{
    (void)state;
    TinyCompute c;
    Model made;
    Error err = {0};
    char *const folder = temporary_folder();
    check_adapters(QWEN2, NULL);
    tiny_compute_create(&c, tiny_fastest(), 1);
    ASSERT_OK(model_open_scalar(&made, QWEN2, NULL, 3, &c.compute, &err), err);
    write_model(folder, &made, DTYPE_F32);
    check_adapters(folder, model_score(&made));
    model_free(&made);
    remove_folder(folder);
    tiny_compute_free(&c);
}

/* ---- config.json ---- */

static bool parse(ModelConfig *config, const char *labels, Error *err)
{
    char text[600];
    snprintf(
        text, sizeof text,
        "{\"architectures\": [\"LlamaForSequenceClassification\"], \"model_type\": \"llama\", \"hidden_size\": 64, "
        "\"num_hidden_layers\": 2, \"num_attention_heads\": 4, \"intermediate_size\": 96, \"vocab_size\": 100, "
        "\"rms_norm_eps\": 1e-6, \"bos_token_id\": null, \"eos_token_id\": 2%s}",
        labels);
    json_t *const json = json_loads(text, 0, NULL);
    assert_non_null(json);
    const bool ok = model_config_parse(config, json, "config.json", err);
    json_decref(json);
    return ok;
}

static void one_label_is_read_and_others_are_refused(void **state)
{
    (void)state;
    ModelConfig config;
    Error err = {0};
    ASSERT_OK(parse(&config, ", \"id2label\": {\"0\": \"LABEL_0\"}", &err), err);
    assert_true(config.scalar_head);
    ASSERT_OK(parse(&config, ", \"num_labels\": 1", &err), err);
    assert_true(config.scalar_head);
    assert_false(parse(&config, "", &err)); /* transformers' default is two */
    assert_non_null(strstr(err.text, "config.json: \"id2label\" (or \"num_labels\"): a head of 2 labels"));
    assert_false(parse(&config, ", \"id2label\": {\"0\": \"bad\", \"1\": \"good\"}", &err));
    assert_false(parse(&config, ", \"num_labels\": \"one\"", &err));
}

static void every_architecture_keeps_its_head_when_written(void **state)
{
    (void)state;
    for (int i = 0; i < N_TINY_CONFIGS; i++) {
        ModelConfig config = *TINY_CONFIGS[i], read;
        Error err = {0};
        JsonOut out = {0};
        config.scalar_head = true;
        model_config_write(&config, &out);
        json_t *const json = json_loads(out.text, 0, NULL);
        ASSERT_OK(model_config_parse(&read, json, "config.json", &err), err);
        assert_true(read.scalar_head);
        assert_int_equal(read.arch, config.arch);
        json_decref(json);
        json_out_free(&out);
    }
}

/* ---- damage ---- */

static void a_head_that_is_missing_or_misshapen_is_named(void **state)
{
    (void)state;
    TinyCompute c;
    Model made, again;
    Error err = {0};
    char *const folder = temporary_folder();
    tiny_compute_create(&c, tiny_fastest(), 1);
    ASSERT_OK(model_open_scalar(&made, QWEN2, NULL, 7, &c.compute, &err), err);
    ASSERT_OK(model_folder_write_config(folder, &made.config, NULL, &err), err);
    ParamLayout layout = made.layout;
    layout.n_tensors--; /* "score.weight" is the last by name */
    ASSERT_OK(model_folder_write_weights(folder, "model.safetensors", made.weights, &layout, "test", NULL, &err), err);
    assert_false(model_open_scalar(&again, folder, NULL, 0, &c.compute, &err));
    assert_non_null(strstr(err.text, "tensor \"score.weight\" is missing"));
    layout.n_tensors++;
    ParamTensor *const score = &layout.tensors[layout.n_tensors - 1];
    assert_string_equal(score->name, "score.weight");
    score->columns--;
    ASSERT_OK(model_folder_write_weights(folder, "model.safetensors", made.weights, &layout, "test", NULL, &err), err);
    score->columns++;
    assert_false(model_open_scalar(&again, folder, NULL, 0, &c.compute, &err));
    assert_non_null(strstr(err.text, "score.weight"));
    model_score(&made)[3] = NAN;
    write_model(folder, &made, DTYPE_F32);
    assert_false(model_open_frozen_scalar(&again, folder, WEIGHTS_STORED, &c.compute, &err));
    assert_non_null(strstr(err.text, "\"score.weight\": element 3 is not a finite number"));
    model_free(&made);
    remove_folder(folder);
    tiny_compute_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_gives_back_what_was_written),
        cmocka_unit_test(the_head_is_drawn_by_the_seed),
        cmocka_unit_test(adapters_carry_the_head),
        cmocka_unit_test(one_label_is_read_and_others_are_refused),
        cmocka_unit_test(every_architecture_keeps_its_head_when_written),
        cmocka_unit_test(a_head_that_is_missing_or_misshapen_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

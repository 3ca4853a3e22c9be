/* SPDX-License-Identifier: MIT */
/* Modules that predict further tokens: a row has the same bits in one forward, in chunks and decoded one by one; and in a folder they stand as
 * published, shared matrices as copies that must be equal. */
#include "model/tiny.h"

#include "base/file.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "model/mtp.h"

#include <unistd.h>

enum { N_TOKENS = 43, N_ROWS = N_TOKENS - 1, N_BLOCKS = N_TOKENS / KV_BLOCK + 1 };

static ModelConfig with_modules(const ModelConfig *shape, int64_t n)
{
    ModelConfig config = *shape;
    config.n_mtp = n;
    return config;
}

/* Model and module 0 over the first N_ROWS tokens in pieces of `chunk` rows; what the module gives its head goes to out [N_ROWS, D]. */
static void run_model(Model *model, const Compute *compute, int n_threads, int64_t chunk, float *out)
{
    const ModelConfig *const config = &model->config;
    Error err = {0};
    DecoderWorkspace w;
    KvCache caches[2];
    int32_t blocks[2][N_BLOCKS], ids[N_TOKENS], positions[N_TOKENS];
    KvSequence sequences[2];
    int64_t rows[N_TOKENS];
    const int64_t D = config->hidden_size, no_prompt = -1;
    ASSERT_OK(model_reserve_positions(model, N_TOKENS, &err), err);
    ASSERT_OK(decoder_workspace_create(&w, config, N_TOKENS, N_TOKENS, n_threads, false, false, &err), err);
    ASSERT_OK(kv_cache_create(&caches[0], config, N_BLOCKS, &err), err);
    ASSERT_OK(kv_cache_create_layers(&caches[1], config, config->n_layers, 1, N_BLOCKS, &err), err);
    for (int i = 0; i < 2; i++) sequences[i] = (KvSequence){.block_ids = blocks[i], .max_blocks = N_BLOCKS};
    for (int t = 0; t < N_TOKENS; t++) {
        ids[t] = (int32_t)(rng_bits((Rng){2, RNG_TEST}, 0, 0, (uint64_t)t) % (uint64_t)config->vocab_size);
        positions[t] = t;
        rows[t] = t;
    }
    for (int64_t first = 0; first < N_ROWS; first += chunk) {
        const int64_t n = chunk < N_ROWS - first ? chunk : N_ROWS - first;
        const DecoderSegment segment = {0, n, first};
        for (int i = 0; i < 2; i++) { /* the model, then the module behind the tokens that follow */
            KvSequence *const sequence = &sequences[i];
            assert_true(kv_sequence_reserve(&caches[i], sequence, n));
            const DecoderBatch batch = {.n_rows = n,
                                        .n_backward_rows = n,
                                        .ids = ids + first + i,
                                        .positions = positions + first,
                                        .segments = &segment,
                                        .n_segments = 1,
                                        .prompt_of_segment = &no_prompt,
                                        .cache = &caches[i],
                                        .sequences = &sequence};
            if (i == 0)
                decoder_forward(model, compute, &w, &batch);
            else
                mtp_forward(model, compute, &w, 0, mtp_previous(model, &w, 0), rows, &batch);
            sequence->n_tokens += n;
        }
        memcpy(out + first * D, w.mtp[0].hidden, (size_t)(n * D) * sizeof *out);
    }
    for (int i = 0; i < 2; i++) kv_cache_free(&caches[i]);
    decoder_workspace_free(&w);
}

static void run_in_chunks(const ModelConfig *config, Isa isa, int n_threads, int64_t chunk, float *out)
{
    TinyCompute c;
    Model model;
    tiny_compute_create(&c, isa, n_threads);
    tiny_model_create(&model, config, &c.compute);
    run_model(&model, &c.compute, n_threads, chunk, out);
    model_free(&model);
    tiny_compute_free(&c);
}

/* The golden model of tests/fixtures, its weights kept as the file has them and widened. */
static void stored_weights_give_a_module_the_same_bits(void **state)
{
    (void)state;
    static const char FOLDER[] = R1_SOURCE_DIR "/tests/fixtures/deepseek-v3-mtp";
    TinyCompute c;
    float *out[2];
    Error err = {0};
    int64_t D = 0;
    tiny_compute_create(&c, tiny_fastest(), 1);
    for (int i = 0; i < 2; i++) {
        Model model;
        ASSERT_OK(model_open_frozen(&model, FOLDER, i ? WEIGHTS_F32 : WEIGHTS_STORED, &c.compute, &err), err);
        assert_int_equal(model.frozen != NULL, i == 0);
        assert_int_equal(model.config.n_mtp, 2);
        D = model.config.hidden_size;
        out[i] = base_alloc((size_t)(N_ROWS * D), sizeof *out[i]);
        run_model(&model, &c.compute, 1, i ? 7 : N_ROWS, out[i]);
        model_free(&model);
    }
    assert_bits(out[1], out[0], N_ROWS * D, "stored against f32");
    base_free(out[0]);
    base_free(out[1]);
    tiny_compute_free(&c);
}

static void a_row_of_a_module_has_the_same_bits_however_it_is_reached(void **state)
{
    (void)state;
    const ModelConfig shapes[] = {with_modules(&TINY_DEEPSEEK, 1), with_modules(&TINY_QWEN3, 2)};
    static const int64_t chunks[] = {1, 5, 16, 31};
    for (int s = 0; s < 2; s++) {
        const int64_t n = N_ROWS * shapes[s].hidden_size;
        float *const want = base_alloc((size_t)n, sizeof *want), *const got = base_alloc((size_t)n, sizeof *got);
        run_in_chunks(&shapes[s], ISA_C, 1, N_ROWS, want);
        for (int i = 0; i < 4; i++)
            for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
                if (!cpu_has(isa)) continue;
                run_in_chunks(&shapes[s], isa, 1 + i % 2, chunks[i], got);
                assert_bits(want, got, n, cpu_isa_name(isa));
            }
        base_free(want);
        base_free(got);
    }
}

/* ---- folders ---- */

typedef struct Stored {
    char folder[64];
    TinyCompute c;
    Model model;
} Stored;

static void stored_create(Stored *s, const ModelConfig *config)
{
    Error err = {0};
    snprintf(s->folder, sizeof s->folder, "/tmp/r1-test-mtp-%d", (int)getpid());
    tiny_compute_create(&s->c, tiny_fastest(), 1);
    tiny_model_create(&s->model, config, &s->c.compute);
    ASSERT_OK(file_make_folders(s->folder, &err), err);
    ASSERT_OK(model_folder_write_config(s->folder, config, NULL, &err), err);
    ASSERT_OK(model_folder_write_weights(s->folder, "model.safetensors", s->model.weights, &s->model.layout, "test",
                                         NULL, &err),
              err);
}

static void stored_free(Stored *s)
{
    Error err = {0};
    ASSERT_OK(file_remove_tree(s->folder, &err), err);
    model_free(&s->model);
    tiny_compute_free(&s->c);
}

static void modules_are_written_as_published_and_read_back(void **state)
{
    (void)state;
    const ModelConfig shapes[] = {with_modules(&TINY_DEEPSEEK, 2), with_modules(&TINY_QWEN2, 1)};
    for (int i = 0; i < 2; i++) {
        Stored s;
        Model back;
        ModelTensors tensors;
        Error err = {0};
        char name[96];
        stored_create(&s, &shapes[i]);
        ASSERT_OK(model_open(&back, s.folder, &s.c.compute, &err), err);
        assert_int_equal(back.config.n_mtp, shapes[i].n_mtp);
        assert_int_equal(back.layout.n_parameters, model_parameters(&shapes[i]));
        assert_bits(s.model.weights, back.weights, s.model.layout.n_floats, "weights");
        model_free(&back);
        ASSERT_OK(model_tensors_open(&tensors, s.folder, &err), err);
        for (int64_t k = 0; k < shapes[i].n_mtp; k++)
            for (int copy = 0; copy < 2; copy++) {
                snprintf(name, sizeof name, "model.layers.%d.%s", (int)(shapes[i].n_layers + k),
                         copy ? "shared_head.head.weight" : "embed_tokens.weight");
                const SafetensorsTensor *t = model_tensors_find(&tensors, name);
                assert_non_null(t);
                const int64_t at = copy ? s.model.layout.head : s.model.layout.embedding;
                assert_memory_equal(t->data, s.model.weights + at, (size_t)t->n_bytes);
            }
        model_tensors_close(&tensors);
        stored_free(&s);
    }
}

/* The file with one byte of the last element of a tensor changed. */
static void damage(const Stored *s, const char *tensor)
{
    ModelTensors tensors;
    Error err = {0};
    ASSERT_OK(model_tensors_open(&tensors, s->folder, &err), err);
    const SafetensorsTensor *const t = model_tensors_find(&tensors, tensor);
    assert_non_null(t);
    const long at = (long)(t->data - (const unsigned char *)t->file->map.bytes + t->n_bytes - 3);
    char *const path = base_printf("%s/model.safetensors", s->folder);
    model_tensors_close(&tensors);
    FILE *const f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    const int byte = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    fputc(byte ^ 1, f);
    fclose(f);
    base_free(path);
}

static void a_module_with_an_embedding_of_its_own_is_refused(void **state)
{
    (void)state;
    const ModelConfig config = with_modules(&TINY_DEEPSEEK, 1);
    Stored s;
    Model back;
    Error err = {0};
    stored_create(&s, &config);
    damage(&s, "model.layers.3.embed_tokens.weight");
    assert_false(model_open(&back, s.folder, &s.c.compute, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(
        strstr(err.text, "\"model.layers.3.embed_tokens.weight\" differs from \"model.embed_tokens.weight\""));
    stored_free(&s);
}

/* The folder's file again, with the model's embedding and the copy of it as one matrix of f8 codes, each beneath scales of its own. */
static void write_f8_embeddings(const Stored *s, float scale, float copy_scale)
{
    enum { MOST = 256 };
    static const char *const names[2] = {"model.embed_tokens.weight", "model.layers.3.embed_tokens.weight"};
    static const char *const scale_names[2] = {"model.embed_tokens.weight_scale_inv",
                                               "model.layers.3.embed_tokens.weight_scale_inv"};
    SafetensorsItem items[MOST];
    Error err = {0};
    const int64_t D = s->model.config.hidden_size, V = s->model.config.vocab_size;
    const float scales[2] = {scale, copy_scale}; /* one block each */
    uint8_t *const codes = base_alloc((size_t)(V * D), 1);
    int64_t n = 0;
    assert_true(D <= 128 && V <= 128 && s->model.layout.n_tensors + 3 <= MOST);
    for (int64_t i = 0; i < V * D; i++) codes[i] = (uint8_t)(i % 0x7F);
    for (int64_t i = 0; i < s->model.layout.n_tensors; i++) {
        const ParamTensor *const p = &s->model.layout.tensors[i];
        if (strcmp(p->name, names[0]) == 0) continue;
        items[n++] = (SafetensorsItem){p->name,
                                       DTYPE_F32,
                                       p->rank,
                                       {p->rank == 1 ? p->columns : p->rows, p->columns},
                                       s->model.weights + p->offset};
    }
    for (int i = 0; i < 2; i++) {
        items[n++] = (SafetensorsItem){names[i], DTYPE_F8_E4M3, 2, {V, D}, codes};
        items[n++] = (SafetensorsItem){scale_names[i], DTYPE_F32, 2, {1, 1}, &scales[i]};
    }
    char *const path = base_printf("%s/model.safetensors", s->folder);
    ASSERT_OK(safetensors_write(path, items, n, "test", NULL, &err), err);
    base_free(path);
    base_free(codes);
}

static void an_f8_copy_is_its_codes_and_its_scales(void **state)
{
    (void)state;
    const ModelConfig config = with_modules(&TINY_DEEPSEEK, 1);
    Stored s;
    Model back;
    Error err = {0};
    stored_create(&s, &config);
    write_f8_embeddings(&s, 0.25f, 0.25f);
    ASSERT_OK(model_open(&back, s.folder, &s.c.compute, &err), err);
    model_free(&back);
    write_f8_embeddings(&s, 0.25f, 0.5f);
    assert_false(model_open(&back, s.folder, &s.c.compute, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(
        strstr(err.text, "\"model.layers.3.embed_tokens.weight\" differs from \"model.embed_tokens.weight\""));
    assert_false(model_open_frozen(&back, s.folder, WEIGHTS_STORED, &s.c.compute, &err));
    stored_free(&s);
}

/* Copies of a model often leave the modules out and their config still counts them. */
static void a_config_may_count_modules_that_its_folder_lacks(void **state)
{
    (void)state;
    const ModelConfig plain = with_modules(&TINY_DEEPSEEK, 0), counted = with_modules(&TINY_DEEPSEEK, 1);
    Stored s;
    Model back;
    Error err = {0};
    stored_create(&s, &plain);
    ASSERT_OK(model_folder_write_config(s.folder, &counted, NULL, &err), err);
    ASSERT_OK(model_open(&back, s.folder, &s.c.compute, &err), err);
    assert_int_equal(back.config.n_mtp, 0);
    model_free(&back);
    /* And the other way round: what is not counted is let pass. */
    Model more;
    tiny_model_create(&more, &counted, &s.c.compute);
    ASSERT_OK(model_folder_write_weights(s.folder, "model.safetensors", more.weights, &more.layout, "test", NULL, &err),
              err);
    ASSERT_OK(model_folder_write_config(s.folder, &plain, NULL, &err), err);
    ASSERT_OK(model_open(&back, s.folder, &s.c.compute, &err), err);
    assert_int_equal(back.config.n_mtp, 0);
    model_free(&back);
    model_free(&more);
    stored_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_of_a_module_has_the_same_bits_however_it_is_reached),
        cmocka_unit_test(stored_weights_give_a_module_the_same_bits),
        cmocka_unit_test(modules_are_written_as_published_and_read_back),
        cmocka_unit_test(a_module_with_an_embedding_of_its_own_is_refused),
        cmocka_unit_test(an_f8_copy_is_its_codes_and_its_scales),
        cmocka_unit_test(a_config_may_count_modules_that_its_folder_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

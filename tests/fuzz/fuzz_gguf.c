/* SPDX-License-Identifier: MIT */
/* Any bytes as a GGUF file: what opens is read as a model and as a tokenizer, its small tensors as numbers; what does not is
 * refused with one line. */
#include "base/arena.h"
#include "model/gguf_model.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const Error *err)
{
    if (err->kind != ERROR_INPUT || !err->text[0] || strchr(err->text, '\n')) abort(); /* every refusal is one line */
}

static void read_model(const GgufFile *file)
{
    ModelConfig config;
    ParamLayout layout = {0};
    Error err = {0};
    if (gguf_model_config(&config, file, &err) && config.n_layers <= 8 && param_layout_create(&layout, &config, &err) &&
        layout.n_floats <= 1 << 20) {
        float *const weights = base_alloc((size_t)layout.n_floats, sizeof *weights);
        if (!gguf_model_read_weights(weights, &layout, &config, file, &err)) check_line(&err);
        base_free(weights);
    } else if (err.kind != ERROR_NONE) {
        check_line(&err);
    }
    param_layout_free(&layout);
}

static void read_tokenizer(const GgufFile *file)
{
    JsonOut text = {0}, config = {0};
    Tokenizer *tokenizer = NULL;
    TokenIds ids = {0};
    Error err = {0};
    if (!gguf_tokenizer_texts(&text, &config, file, &err) ||
        !tokenizer_read_json(&tokenizer, text.text, text.length, "fuzz.gguf", &err) ||
        !tokenizer_read_config(tokenizer, config.text, config.length, "fuzz.gguf", &err) ||
        !tokenizer_encode(tokenizer, "It's 12  o'clock\n", 17, true, &ids, &err))
        check_line(&err);
    token_ids_free(&ids);
    tokenizer_free(tokenizer);
    json_out_free(&text);
    json_out_free(&config);
}

static void read_values(const GgufFile *file)
{
    for (int64_t i = 0; i < file->n_tensors; i++) {
        const GgufTensor *const t = &file->tensors[i];
        if (t->n_elements > 1 << 16) continue;
        float *const x = base_alloc((size_t)t->n_elements, sizeof *x);
        quant_dequantize(x, t->type, t->data, t->n_elements);
        base_free(x);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GgufFile file;
    Error err = {0};
    if (!gguf_open_bytes(&file, size ? data : NULL, size, "fuzz.gguf", &err)) {
        check_line(&err);
        return 0;
    }
    read_model(&file);
    read_tokenizer(&file);
    read_values(&file);
    gguf_close(&file);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* cli/convert.c: `r1 convert`: a model from one kind of file into another. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "model/gguf_save.h"
#include "model/model.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

typedef struct Convert {
    const char *in, *out;
    QuantType type;
    ModelConfig config;
    ParamLayout layout;
    Arena memory;
    float *weights; /* [layout.n_floats] */
} Convert;

static bool read_model(Convert *c, Error *err)
{
    if (!model_config_read(&c->config, c->in, err) || !param_layout_create(&c->layout, &c->config, err) ||
        !model_folder_check(c->in, &c->config, err) ||
        !arena_create(&c->memory, "weights", arena_piece_bytes((size_t)c->layout.n_floats, sizeof(float)), err))
        return false;
    c->weights = ARENA_ARRAY(&c->memory, float, c->layout.n_floats, 1);
    return model_folder_read_weights(c->weights, &c->layout, &c->config, c->in, err);
}

/* Of all architectures that r1 writes as GGUF, only deepseek2 has names for modules that predict further tokens. They stand behind
 * everything else, so the other offsets stay. */
static bool drop_modules(Cli *cli, Convert *c, bool wanted, bool to_gguf, Error *err)
{
    if (c->config.n_mtp == 0 || !(wanted || (to_gguf && !model_has_mla(&c->config)))) return true;
    if (!wanted)
        cli_note(cli,
                 "a GGUF file of this architecture has no place for the model's %" PRId64
                 " modules that predict further tokens: they are left out\n",
                 c->config.n_mtp);
    c->config.n_mtp = 0;
    param_layout_free(&c->layout);
    return param_layout_create(&c->layout, &c->config, err);
}

/* ---- to a folder ---- */

static bool write_folder(const Convert *c, Error *err)
{
    const TensorDtype dtype = c->type == QUANT_F16 ? DTYPE_F16 : c->type == QUANT_BF16 ? DTYPE_BF16 : DTYPE_F32;
    char *const temporary = base_printf("%s.tmp-%d", c->out, (int)getpid());
    Error ignored = {0};
    const bool ok = file_remove_tree(temporary, err) && file_make_folders(temporary, err) &&
                    model_folder_write_weights_as(temporary, "model.safetensors", c->weights, &c->layout, dtype,
                                                  "convert", NULL, err) &&
                    model_folder_write_config_as(temporary, &c->config, dtype, c->in, err) &&
                    file_rename_durable(temporary, c->out, "convert", err);
    if (!ok) (void)!file_remove_tree(temporary, &ignored);
    base_free(temporary);
    return ok;
}

/* ---- to a GGUF file ---- */

enum { MAX_TEXT_BYTES = 1 << 30 };

/* A file of the folder, NULL when it is not there. */
static bool read_beside(const char *folder, const char *name, char **text, size_t *length, Error *err)
{
    char *const path = base_printf("%s/%s", folder, name);
    *text = NULL;
    const bool ok = !file_exists(path) || file_read_all(path, MAX_TEXT_BYTES, text, length, err);
    base_free(path);
    return ok;
}

static bool put_folder_tokenizer(GgufValues *values, const Convert *c, Error *err)
{
    char *json = NULL, *config = NULL, *chat = NULL;
    size_t length = 0, config_length = 0, chat_length = 0;
    const bool ok =
        read_beside(c->in, "tokenizer.json", &json, &length, err) &&
        read_beside(c->in, "tokenizer_config.json", &config, &config_length, err) &&
        read_beside(c->in, "chat_template.jinja", &chat, &chat_length, err) &&
        gguf_put_tokenizer(values, json, length, config, config_length, chat, c->config.vocab_size, c->in, err);
    base_free(json);
    base_free(config);
    base_free(chat);
    return ok;
}

static bool put_gguf_tokenizer(GgufValues *values, const Convert *c, Error *err)
{
    GgufFile file;
    JsonOut json = {0}, config = {0};
    if (!gguf_open(&file, c->in, err)) return false;
    const bool ok = gguf_tokenizer_texts(&json, &config, &file, err) &&
                    gguf_put_tokenizer(values, json.text, json.length, config.text, config.length, NULL,
                                       c->config.vocab_size, c->in, err);
    json_out_free(&json);
    json_out_free(&config);
    gguf_close(&file);
    return ok;
}

/* The tokenizer is opened first, so that what is copied has been checked whole. */
static bool put_tokenizer(GgufValues *values, const Convert *c, Error *err)
{
    Tokenizer *tokenizer;
    if (!tokenizer_is_there(c->in)) return true;
    if (!tokenizer_open(&tokenizer, c->in, err)) return false;
    tokenizer_free(tokenizer);
    return gguf_is(c->in) ? put_gguf_tokenizer(values, c, err) : put_folder_tokenizer(values, c, err);
}

/* "models/base/" and "models/base" are "base". */
static char *name_of(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    return base_strndup(path + begin, end - begin);
}

static bool write_gguf(Cli *cli, const Convert *c, Error *err)
{
    GgufValues values = {0};
    char *const name = name_of(c->in);
    GgufSave save = {.type = c->type, .name = name, .values = &values, .failpoint = "convert"};
    const bool ok =
        put_tokenizer(&values, c, err) && gguf_model_write(c->out, &save, c->weights, &c->layout, &c->config, err);
    if (ok && save.n_other > 0)
        cli_note(cli,
                 "%" PRId64 " matrices are not %s: rows that are no whole blocks are Q8_0 or F16, the head of a 4-bit "
                 "model is finer\n",
                 save.n_other, quant_traits(c->type)->name);
    gguf_values_free(&values);
    base_free(name);
    return ok;
}

/* ---- the command ---- */

/* What was written is opened again as a reader would. */
static bool report(const Convert *c, Error *err)
{
    char digest[33], optimizer[33];
    if (!model_folder_check(c->out, &c->config, err) || !model_digest(c->out, digest, optimizer, err))
        return error_in(err, "written, but not as it should be");
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "path", c->out);
    json_out_kv_string(&out, "digest", digest);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool check_arguments(const Convert *c, bool to_gguf, const char *type, Error *err)
{
    if (!quant_can_write(c->type)) return error_set(err, ERROR_USAGE, "--type %s is read but not written", type);
    if (!to_gguf && c->type != QUANT_F32 && c->type != QUANT_F16 && c->type != QUANT_BF16)
        return error_set(err, ERROR_USAGE, "--type %s: a Hugging Face folder holds f32, f16 or bf16; use --to gguf",
                         type);
    if (file_exists(c->out)) return error_set(err, ERROR_USAGE, "%s: is there already", c->out);
    if (adapter_is_folder(c->in))
        return error_set(err, ERROR_INPUT, "%s: holds adapters; `r1 merge` makes a model of them that can be converted",
                         c->in);
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    static const char *const FORMATS[] = {"hf", "gguf", NULL};
    static const char *const TYPES[] = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k", NULL};
    const char *to = NULL, *type = "f32";
    bool no_modules = false;
    const CliOption options[] = {
        CLI_CHOICE("--to", &to, FORMATS, "a Hugging Face folder or a GGUF file [by the end of OUT: .gguf]"),
        CLI_CHOICE("--type", &type, TYPES, "of the matrices; vectors in a GGUF file are f32 [f32]"),
        CLI_FLAG("--drop-modules", &no_modules, "leaves out modules that predict further tokens"),
        CLI_END,
    };
    CliArguments paths;
    if (!cli_parse(cli, options, argc, argv, &paths, 2, 2, err)) return false;
    Convert c = {.in = paths.items[0], .out = paths.items[1]};
    const size_t n = strlen(c.out);
    const bool to_gguf = to ? strcmp(to, "gguf") == 0 : n > 5 && strcmp(c.out + n - 5, ".gguf") == 0;
    quant_type_named(&c.type, type);
    const bool ok = check_arguments(&c, to_gguf, type, err) && read_model(&c, err) &&
                    (!to_gguf || model_head_check(&c.config, false, c.in, err)) &&
                    drop_modules(cli, &c, no_modules, to_gguf, err) &&
                    (to_gguf ? write_gguf(cli, &c, err) : write_folder(&c, err)) && report(&c, err);
    arena_free(&c.memory);
    param_layout_free(&c.layout);
    return ok;
}

const Command command_convert = {
    .name = "convert",
    .summary = "a model folder into a GGUF file or back, in another type",
    .usage = "r1 convert IN OUT [--to hf|gguf] [--type f32|f16|bf16|q8_0|q4_0|q4_k|q6_k] [--drop-modules]",
    .details =
        "IN is a Hugging Face folder or a GGUF file. Tokenizer and chat template come along. f16 and bf16 are rounded\n"
        "to nearest, ties to even. OUT must not exist; it appears when it is whole and on the disk. Prints its "
        "digest.\n"
        "llama.cpp loads what --to gguf writes, transformers what --to hf writes. A DeepSeek model's modules that "
        "predict\n"
        "further tokens come along; versions of llama.cpp that refuse them want --drop-modules.",
    .example = "build/release/r1 convert models/base /tmp/base.gguf --type q8_0",
    .run = run,
};

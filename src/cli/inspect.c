/* SPDX-License-Identifier: MIT */
/* cli/inspect.c: what a model folder, a safetensors or a GGUF file holds, from its headers alone: no weight is read. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "model/gguf_model.h"
#include "text/gguf_tokenizer.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_DTYPES = 32 };

/* One tensor of either container; what it points to lives in the open file. */
typedef struct Listed {
    const char *name, *dtype;
    int rank;
    const int64_t *shape;
    int64_t n_elements, n_bytes;
} Listed;

/* What is known after looking. has_config: PATH is a whole model, so config, layout and the fields behind it hold. */
typedef struct Findings {
    const char *path;
    ModelTensors tensors; /* a folder or a .safetensors file */
    GgufFile gguf;        /* or a GGUF file */
    bool is_gguf;
    Listed *list; /* [n_list]; owned */
    int64_t n_list, n_files;
    int64_t n_elements, n_bytes;
    struct {
        const char *name;
        int64_t n;
    } dtypes[MAX_DTYPES];
    bool has_config, has_tokenizer, has_chat_template;
    Error no_model; /* a GGUF file: why it is no model that is run */
    ModelConfig config;
    ParamLayout layout;
} Findings;

static bool has_file(const char *folder, const char *name)
{
    char *const path = base_printf("%s/%s", folder, name);
    const bool there = file_size(path) >= 0;
    base_free(path);
    return there;
}

static bool look_at_folder(Findings *f, Error *err)
{
    f->has_config = true;
    f->has_tokenizer = has_file(f->path, "tokenizer.json");
    f->has_chat_template = has_file(f->path, "chat_template.jinja");
    if (!model_config_read(&f->config, f->path, err)) return false;
    return (f->config.lora.rank > 0 ? param_layout_create_adapters(&f->layout, &f->config, err)
                                    : param_layout_create(&f->layout, &f->config, err)) &&
           model_tensors_open(&f->tensors, f->path, err) &&
           model_tensors_check(&f->tensors, &f->layout, &f->config, f->path, err);
}

/* A GGUF file that is no model (or one of an architecture that r1 does not run) still has something to tell. */
static bool look_at_gguf(Findings *f, Error *err)
{
    if (!gguf_open(&f->gguf, f->path, err)) return false;
    f->is_gguf = true;
    f->has_tokenizer = gguf_has_tokenizer(&f->gguf);
    f->has_chat_template = gguf_value(&f->gguf, "tokenizer.chat_template") != NULL;
    f->has_config = gguf_model_config(&f->config, &f->gguf, &f->no_model) &&
                    param_layout_create(&f->layout, &f->config, &f->no_model) &&
                    gguf_model_check(&f->gguf, &f->layout, &f->config, &f->no_model);
    return true;
}

static void list_tensors(Findings *f)
{
    f->n_files = f->is_gguf ? 1 : f->tensors.n_files;
    f->n_list = f->is_gguf ? f->gguf.n_tensors : f->tensors.n_tensors;
    f->list = base_alloc((size_t)f->n_list, sizeof *f->list);
    for (int64_t i = 0; i < f->n_list; i++) {
        const GgufTensor *const g = f->is_gguf ? &f->gguf.tensors[i] : NULL;
        const SafetensorsTensor *const t = f->is_gguf ? NULL : f->tensors.tensors[i];
        f->list[i] = g ? (Listed){g->name, quant_traits(g->type)->name, g->rank, g->shape, g->n_elements, g->n_bytes}
                       : (Listed){t->name, tensor_dtype_name(t->dtype), t->rank, t->shape, t->n_elements, t->n_bytes};
    }
}

static void add_up(Findings *f)
{
    for (int64_t i = 0; i < f->n_list; i++) {
        f->n_elements += f->list[i].n_elements;
        f->n_bytes += f->list[i].n_bytes;
        int d = 0;
        while (f->dtypes[d].name && strcmp(f->dtypes[d].name, f->list[i].dtype) != 0) d++;
        f->dtypes[d].name = f->list[i].dtype;
        f->dtypes[d].n++;
    }
}

static bool look(Findings *f, Error *err)
{
    const bool ok = gguf_is(f->path)          ? look_at_gguf(f, err)
                    : file_is_folder(f->path) ? look_at_folder(f, err)
                                              : model_tensors_open(&f->tensors, f->path, err);
    if (!ok) return false;
    list_tensors(f);
    add_up(f);
    return true;
}

static void forget(Findings *f)
{
    model_tensors_close(&f->tensors);
    gguf_close(&f->gguf);
    param_layout_free(&f->layout);
    base_free(f->list);
}

/* ---- what it takes in memory, in bytes ---- */

static int64_t weights_bytes(const Findings *f)
{
    return f->layout.n_floats * (int64_t)sizeof(float);
}

/* Weights (or adapters), gradients and AdamW's two moments, each a flat f32 buffer; the model beneath adapters stays as its file has
 * it. Activations come on top. */
static int64_t training_bytes(const Findings *f)
{
    return 4 * weights_bytes(f) + (f->config.lora.rank > 0 ? frozen_bytes(f->path, &f->config, WEIGHTS_STORED) : 0);
}

static int64_t kv_bytes_per_token(const ModelConfig *c)
{
    /* Of the modules only the first is run, to guess ahead. */
    return (c->n_layers + (c->n_mtp > 0)) * model_cache_floats(c) * (int64_t)sizeof(float);
}

/* ---- for people ---- */

static void print_bytes(const Cli *cli, const char *name, int64_t bytes)
{
    static const char *const UNITS[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double amount = (double)bytes;
    int unit = 0;
    for (; amount >= 1024 && unit < 4; unit++) amount /= 1024;
    cli_print(cli, "%-14s %.*f %s\n", name, unit ? 1 : 0, amount, UNITS[unit]);
}

static void print_attention(const Cli *cli, const ModelConfig *c)
{
    if (!model_has_mla(c)) {
        cli_print(cli, "%-14s %" PRId64 " heads of %" PRId64 ", %" PRId64 " for keys and values\n", "attention",
                  c->n_heads, c->head_dim, c->n_kv_heads);
        return;
    }
    cli_print(cli, "%-14s %" PRId64 " heads of %" PRId64 " + %" PRId64 ", latent of %" PRId64 "\n", "attention",
              c->n_heads, c->mla.nope_dim, c->mla.rope_dim, c->mla.kv_lora_rank);
    cli_print(cli,
              "%-14s %" PRId64 " of %" PRId64 " channels, %" PRId64 " a token, %" PRId64 " shared, from layer %" PRId64
              " on\n",
              "experts", c->moe.n_experts, c->moe.ffn_size, c->moe.n_chosen, c->moe.n_shared, c->moe.first_layer);
}

static void print_config(const Cli *cli, const Findings *f)
{
    const ModelConfig *const c = &f->config;
    cli_print(cli, "%-14s %s\n", "architecture", model_arch_name(c->arch));
    if (c->lora.rank > 0)
        cli_print(cli, "%-14s LoRA of rank %" PRId64 ", alpha %g; what follows is the model beneath\n", "adapters",
                  c->lora.rank, c->lora.alpha);
    cli_print(cli, "%-14s %" PRId64 " layers, hidden %" PRId64 ", ffn %" PRId64 "\n", "shape", c->n_layers,
              c->hidden_size, c->ffn_size);
    print_attention(cli, c);
    if (c->n_mtp > 0)
        cli_print(cli, "%-14s %" PRId64 " behind the layers, each predicts one token further\n", "modules", c->n_mtp);
    cli_print(cli, "%-14s %" PRId64 " tokens, %s head\n", "vocabulary", c->vocab_size,
              c->scalar_head ? "scalar"
              : c->tied_head ? "tied"
                             : "own");
    cli_print(cli, "%-14s %" PRId64 ", rope theta %g%s\n", "positions", c->max_positions, c->rope_theta,
              c->rope_scaling == ROPE_PLAIN  ? ""
              : c->rope_scaling == ROPE_YARN ? ", yarn scaling"
                                             : ", llama3 scaling");
    cli_print(cli, "%-14s", "stop ids");
    for (int i = 0; i < c->n_eos; i++) cli_print(cli, "%s %d", i ? "," : "", c->eos_ids[i]);
    cli_print(cli, "%s\n", c->n_eos ? "" : " none");
    cli_print(cli, "%-14s %s%s\n", "tokenizer",
              !f->has_tokenizer ? "none"
              : f->is_gguf      ? "in the file"
                                : "tokenizer.json",
              !f->has_chat_template ? ""
              : f->is_gguf          ? ", chat template"
                                    : ", chat_template.jinja");
    cli_print(cli, "%-14s %" PRId64 "\n", "parameters", f->layout.n_parameters);
}

static void print_tensor(const Cli *cli, const Listed *t)
{
    cli_print(cli, "%-56s %-7s [", t->name, t->dtype);
    for (int d = 0; d < t->rank; d++) cli_print(cli, "%s%" PRId64, d ? ", " : "", t->shape[d]);
    cli_print(cli, "]\n");
}

/* A value of the metadata as JSON; of an array only how long it is. */
static void value_json(const GgufFile *file, const GgufValue *v, JsonOut *out)
{
    Error ignored = {0};
    GgufText text;
    double number = 0;
    bool yes;
    if (v->is_array) {
        json_out_object(out);
        json_out_kv_string(out, "array_of", gguf_type_name(v->type));
        json_out_kv_int(out, "items", v->n_items);
        json_out_object_end(out);
    } else if (gguf_get_text(file, v->key, &text, &ignored)) {
        json_out_string(out, text.bytes, text.length);
    } else if (gguf_get_bool(file, v->key, &yes, &ignored)) {
        json_out_bool(out, yes);
    } else if (v->type == GGUF_F32 || v->type == GGUF_F64) {
        if (gguf_get_double(file, v->key, &number, &ignored) && v->type == GGUF_F64)
            json_out_double(out, number);
        else
            json_out_float(out, (float)number);
    } else {
        json_out_int(out, gguf_integer_at(v, 0));
    }
}

static void print_metadata(const Cli *cli, const GgufFile *file)
{
    for (int64_t i = 0; i < file->n_values; i++) {
        JsonOut out = {0};
        value_json(file, &file->values[i], &out);
        cli_print(cli, "%-56s %.60s%s\n", file->values[i].key, out.text, out.length > 60 ? "..." : "");
        json_out_free(&out);
    }
}

static void print_findings(const Cli *cli, const Findings *f, bool list)
{
    cli_print(cli, "%-14s %s\n", "path", f->path);
    if (f->has_config) print_config(cli, f);
    if (f->is_gguf && !f->has_config) cli_print(cli, "%-14s none that is run: %s\n", "model", f->no_model.text);
    cli_print(cli, "%-14s %" PRId64 " in %" PRId64 " file%s:", "tensors", f->n_list, f->n_files,
              f->n_files == 1 ? "" : "s");
    for (int d = 0; f->dtypes[d].name; d++) cli_print(cli, " %" PRId64 " %s", f->dtypes[d].n, f->dtypes[d].name);
    cli_print(cli, "\n");
    if (!f->has_config) cli_print(cli, "%-14s %" PRId64 "\n", "elements", f->n_elements);
    print_bytes(cli, "on disk", f->n_bytes);
    if (f->has_config) {
        print_bytes(cli, "to run", frozen_bytes(f->path, &f->config, WEIGHTS_STORED));
        print_bytes(cli, "  in bf16", frozen_bytes(f->path, &f->config, WEIGHTS_BF16));
        print_bytes(cli, "  in f32", frozen_bytes(f->path, &f->config, WEIGHTS_F32));
        print_bytes(cli, "kv per token", kv_bytes_per_token(&f->config));
        print_bytes(cli, "to train", training_bytes(f));
    }
    if (list && f->is_gguf) print_metadata(cli, &f->gguf);
    for (int64_t i = 0; list && i < f->n_list; i++) print_tensor(cli, &f->list[i]);
}

/* ---- for programs ---- */

static void config_json(const Findings *f, JsonOut *out)
{
    const ModelConfig *const c = &f->config;
    json_out_kv_string(out, "architecture", model_arch_name(c->arch));
    json_out_kv_int(out, "lora_rank", c->lora.rank);
    json_out_kv_int(out, "layers", c->n_layers);
    json_out_kv_int(out, "mtp_modules", c->n_mtp);
    json_out_kv_int(out, "hidden_size", c->hidden_size);
    json_out_kv_int(out, "ffn_size", c->ffn_size);
    json_out_kv_int(out, "heads", c->n_heads);
    json_out_kv_int(out, "kv_heads", c->n_kv_heads);
    json_out_kv_int(out, "head_dim", c->head_dim);
    if (model_has_mla(c)) {
        json_out_kv_int(out, "kv_lora_rank", c->mla.kv_lora_rank);
        json_out_kv_int(out, "experts", c->moe.n_experts);
        json_out_kv_int(out, "experts_per_token", c->moe.n_chosen);
        json_out_kv_int(out, "shared_experts", c->moe.n_shared);
    }
    json_out_kv_int(out, "vocab_size", c->vocab_size);
    json_out_kv_int(out, "max_positions", c->max_positions);
    json_out_kv_double(out, "rope_theta", c->rope_theta);
    json_out_kv_string(out, "rope_scaling", c->rope_scaling == ROPE_PLAIN ? NULL : rope_scaling_name(c->rope_scaling));
    json_out_kv_bool(out, "tied_head", c->tied_head);
    json_out_kv_bool(out, "scalar_head", c->scalar_head);
    json_out_key(out, "stop_ids");
    json_out_array(out);
    for (int i = 0; i < c->n_eos; i++) json_out_int(out, c->eos_ids[i]);
    json_out_array_end(out);
    json_out_kv_bool(out, "tokenizer", f->has_tokenizer);
    json_out_kv_bool(out, "chat_template", f->has_chat_template);
    json_out_kv_int(out, "parameters", f->layout.n_parameters);
    json_out_key(out, "memory_bytes");
    json_out_object(out);
    json_out_kv_int(out, "weights", weights_bytes(f));
    json_out_kv_int(out, "run_stored", frozen_bytes(f->path, c, WEIGHTS_STORED));
    json_out_kv_int(out, "run_bf16", frozen_bytes(f->path, c, WEIGHTS_BF16));
    json_out_kv_int(out, "run_f32", frozen_bytes(f->path, &f->config, WEIGHTS_F32));
    json_out_kv_int(out, "kv_cache_per_token", kv_bytes_per_token(c));
    json_out_kv_int(out, "training", training_bytes(f));
    json_out_object_end(out);
}

static void tensor_json(const Listed *t, JsonOut *out)
{
    json_out_object(out);
    json_out_kv_string(out, "name", t->name);
    json_out_kv_string(out, "dtype", t->dtype);
    json_out_key(out, "shape");
    json_out_array(out);
    for (int d = 0; d < t->rank; d++) json_out_int(out, t->shape[d]);
    json_out_array_end(out);
    json_out_object_end(out);
}

static void gguf_json(const Findings *f, JsonOut *out)
{
    if (!f->has_config) json_out_kv_string(out, "no_model", f->no_model.text);
    json_out_kv_int(out, "gguf_version", f->gguf.version);
    json_out_key(out, "metadata");
    json_out_object(out);
    for (int64_t i = 0; i < f->gguf.n_values; i++) {
        json_out_key(out, f->gguf.values[i].key);
        value_json(&f->gguf, &f->gguf.values[i], out);
    }
    json_out_object_end(out);
}

static bool print_json(const Findings *f, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "path", f->path);
    if (f->has_config) config_json(f, &out);
    if (f->is_gguf) gguf_json(f, &out);
    json_out_kv_int(&out, "files", f->n_files);
    json_out_kv_int(&out, "elements", f->n_elements);
    json_out_kv_int(&out, "bytes", f->n_bytes);
    json_out_key(&out, "tensors");
    json_out_array(&out);
    for (int64_t i = 0; i < f->n_list; i++) tensor_json(&f->list[i], &out);
    json_out_array_end(&out);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    bool list = false;
    const CliOption options[] = {
        CLI_FLAG("--tensors", &list, "list every tensor, and the metadata of a GGUF file, too (--json always does)"),
        CLI_END,
    };
    CliArguments paths;
    if (!cli_parse(cli, options, argc, argv, &paths, 1, 1, err)) return false;
    Findings f = {.path = paths.items[0]};
    bool ok = look(&f, err);
    if (ok && cli->json)
        ok = print_json(&f, err);
    else if (ok)
        print_findings(cli, &f, list);
    forget(&f);
    return ok;
}

const Command command_inspect = {
    .name = "inspect",
    .summary = "what a model folder, a .safetensors or a GGUF file holds: shape, tensors, memory",
    .usage = "r1 inspect PATH [--tensors]",
    .details =
        "A folder is checked as a model: every tensor that its config.json asks for is there in its shape, and "
        "no other.\n"
        "\"to run\" is the weights as they stand for score, sample and eval, \"in bf16\" and \"in f32\" by --weights;\n"
        "\"to train\" weights, gradients and AdamW's moments, all f32; KV cache and activations "
        "come on top.",
    .example = "build/release/r1 inspect models/base",
    .run = run,
};

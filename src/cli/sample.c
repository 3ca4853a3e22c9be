/* SPDX-License-Identifier: MIT */
/* cli/sample.c: `r1 sample`: completions of one prompt, one JSON line each, in order. */
#include "cli/cli.h"

#include "model/frozen.h"
#include "base/file.h"
#include "cli/sampling_options.h"
#include "model/adapter.h"
#include "rollout/engine.h"
#include "text/conversation.h"
#include "text/tokenizer.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_ACTIVE = 64, MAX_COMPLETIONS = 1 << 20 };

/* A completion that waits for those before it to be printed. */
typedef struct Finished {
    bool done;
    Completion completion; /* own copies */
} Finished;

typedef struct Sample {
    const SamplingParams *params;
    const Tokenizer *tokenizer; /* NULL: the folder has none, and "text" is null */
    Finished *finished;         /* [n] */
    int64_t n, next;            /* next: the first that is not printed */
    JsonOut out;
} Sample;

static void *copy(const void *from, int64_t n, size_t size)
{
    void *to = base_alloc((size_t)n, size);
    memcpy(to, from, (size_t)n * size);
    return to;
}

static void floats(JsonOut *out, const char *key, const float *values, int64_t n)
{
    json_out_key(out, key);
    json_out_array(out);
    for (int64_t i = 0; i < n; i++) json_out_float(out, values[i]);
    json_out_array_end(out);
}

static bool print_text(Sample *sample, const Completion *c, Error *err)
{
    JsonOut *out = &sample->out;
    const StopStrings *stop = sample->params->stop;
    json_out_key(out, "text");
    if (!sample->tokenizer) {
        json_out_null(out);
        return true;
    }
    char *text = NULL;
    size_t length;
    const bool ok = tokenizer_decode(sample->tokenizer, c->ids, c->n_ids, true, &text, &length, err);
    if (ok) json_out_string(out, text, stop ? stop_strings_cut(stop, text, length) : length);
    base_free(text);
    return ok;
}

static bool print_completion(Sample *sample, const Completion *c, Error *err)
{
    JsonOut *out = &sample->out;
    json_out_object(out);
    json_out_key(out, "ids");
    json_out_array(out);
    for (int64_t i = 0; i < c->n_ids; i++) json_out_int(out, c->ids[i]);
    json_out_array_end(out);
    if (!print_text(sample, c, err)) return false;
    floats(out, "logprobs", c->logprobs, c->n_ids);
    if (!sampling_is_plain(sample->params)) floats(out, "sampled_logprobs", c->sampled_logprobs, c->n_ids);
    json_out_kv_string(out, "finish_reason", finish_reason_name(c->finish));
    json_out_object_end(out);
    return json_out_line(out, stdout, err);
}

static void forget(Finished *f)
{
    base_free((void *)(uintptr_t)f->completion.ids);
    base_free((void *)(uintptr_t)f->completion.logprobs);
    base_free((void *)(uintptr_t)f->completion.sampled_logprobs);
    f->completion = (Completion){0};
}

static bool completion_done(void *context, const Completion *c, Error *err)
{
    Sample *sample = context;
    Finished *f = &sample->finished[c->index];
    *f = (Finished){true, *c};
    f->completion.ids = copy(c->ids, c->n_ids, sizeof *c->ids);
    f->completion.logprobs = copy(c->logprobs, c->n_ids, sizeof *c->logprobs);
    f->completion.sampled_logprobs = copy(c->sampled_logprobs, c->n_ids, sizeof *c->sampled_logprobs);
    for (; sample->next < sample->n && sample->finished[sample->next].done; sample->next++) {
        if (!print_completion(sample, &sample->finished[sample->next].completion, err)) return false;
        forget(&sample->finished[sample->next]);
    }
    return true;
}

/* The model's positions bound prompt and completion together. */
static bool fit_length(const Cli *cli, const Model *model, int64_t n_prompt, SamplingParams *params, Error *err)
{
    const int64_t room = model->config.max_positions - n_prompt;
    if (room < 1)
        return error_set(err, ERROR_INPUT,
                         "the prompt has %" PRId64 " tokens and the model %" PRId64 " positions: no room for a new one",
                         n_prompt, model->config.max_positions);
    if (params->max_tokens <= room) return true;
    cli_note(cli, "--max-tokens %" PRId64 ": the model has room for %" PRId64 "\n", params->max_tokens, room);
    params->max_tokens = room;
    return true;
}

typedef struct Source {
    Model model;
    Tokenizer *tokenizer; /* NULL: none in the folder */
    int32_t *ids;         /* of the prompt */
    int64_t n_ids;
} Source;

/* As many completions at once as memory allows: which ones come out does not depend on it. */
static bool create_engine(RolloutEngine **engine, Model *model, const Compute *compute, int64_t n, int64_t max_sequence,
                          Error *err)
{
    int64_t n_active = n < MAX_ACTIVE ? n : MAX_ACTIVE;
    for (; n_active > 1; n_active /= 2) {
        Error refused = {0};
        if (engine_create(engine, model, compute, n_active, max_sequence, &refused)) return true;
        if (refused.kind != ERROR_SYSTEM) break;
    }
    return engine_create(engine, model, compute, n_active, max_sequence, err);
}

static bool sample_prompt(Cli *cli, Source *source, const Compute *compute, SamplingParams *params, int64_t n,
                          Error *err)
{
    if (!fit_length(cli, &source->model, source->n_ids, params, err)) return false;
    RolloutEngine *engine;
    if (!create_engine(&engine, &source->model, compute, n, source->n_ids + params->max_tokens, err)) return false;
    Sample sample = {.params = params, .tokenizer = source->tokenizer, .n = n};
    sample.finished = base_alloc((size_t)n, sizeof *sample.finished);
    const RolloutPrompt prompt = {.ids = source->ids, .n_ids = source->n_ids};
    const bool ok = engine_run(engine, &prompt, 1, n, params, completion_done, &sample, NULL, err);
    for (int64_t i = 0; i < n; i++) forget(&sample.finished[i]);
    base_free(sample.finished);
    json_out_free(&sample.out);
    engine_free(engine);
    return ok;
}

/* One user turn through the model's chat template, which writes the special tokens itself. */
static bool read_chat(Source *source, const char *folder, const char *prompt, Error *err)
{
    ChatTemplate *chat;
    if (!chat_template_open(&chat, folder, err)) return error_in(err, "--chat");
    Conversation conversation;
    conversation_create(&conversation, NULL);
    conversation_add(&conversation, "user", prompt, strlen(prompt));
    char *text = NULL;
    size_t length;
    bool thinks;
    TokenIds ids = {0};
    const bool ok = conversation_text(&conversation, chat, 0, &text, &length, &thinks, err) &&
                    tokenizer_encode(source->tokenizer, text, length, false, &ids, err);
    source->ids = ids.ids;
    source->n_ids = ids.n;
    base_free(text);
    conversation_free(&conversation);
    chat_template_free(chat);
    return ok;
}

static bool read_prompt(Source *source, const char *folder, const char *prompt, const char *id_list, bool chat,
                        Error *err)
{
    if (id_list) {
        if (!cli_parse_ids("--ids", id_list, &source->ids, &source->n_ids, err)) return false;
        return source->n_ids > 0 || error_set(err, ERROR_USAGE, "--ids: expected token ids such as 1,2,3");
    }
    if (!source->tokenizer)
        return error_set(err, ERROR_INPUT, "--prompt: the model has no tokenizer; give the prompt as --ids");
    TokenIds ids = {0};
    if (chat) {
        if (!read_chat(source, folder, prompt, err)) return false;
    } else if (tokenizer_encode(source->tokenizer, prompt, strlen(prompt), true, &ids, err)) {
        source->ids = ids.ids;
        source->n_ids = ids.n;
    } else
        return false;
    return source->n_ids > 0 || error_set(err, ERROR_USAGE, "--prompt: the text gives no token");
}

static bool source_open(Source *source, const char *folder, const char *weights, const Compute *compute, Error *err)
{
    if (!model_open_frozen(&source->model, folder, model_weights_named(weights), compute, err)) return false;
    return (!tokenizer_is_there(folder) && !adapter_is_folder(folder)) ||
           adapter_tokenizer_open(&source->tokenizer, folder, err);
}

static void source_close(Source *source)
{
    model_free(&source->model);
    tokenizer_free(source->tokenizer);
    base_free(source->ids);
}

static bool check_options(const char *prompt, const char *id_list, bool chat, Error *err)
{
    if (chat && id_list) return error_set(err, ERROR_USAGE, "--chat goes with --prompt: ids are taken as they are");
    if (!prompt == !id_list)
        return error_set(err, ERROR_USAGE, "give the prompt as either --prompt TEXT or --ids 1,2,3");
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *folder = NULL, *prompt = NULL, *id_list = NULL, *weights = "stored";
    SamplingOptions sampling = sampling_options_default();
    int64_t n = 1;
    bool chat = false;
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &folder, "a Hugging Face folder or a GGUF file"),
        CLI_CHOICE("--weights", &weights, model_weights_names(),
                   "as the file has them, rounded to bf16, or f32 [stored]"),
        CLI_STRING("--prompt", "TEXT", &prompt, "the prompt, encoded with the tokenizer's special tokens"),
        CLI_STRING("--ids", "1,2,3", &id_list, "the prompt as token ids, taken as they are"),
        CLI_FLAG("--chat", &chat, "the prompt is one user turn: through the model's chat template"),
        SAMPLING_OPTIONS(sampling),
        CLI_INT("-n", "K", &n, 1, MAX_COMPLETIONS, "completions [1]"),
        CLI_FLAG("--ignore-eos", &sampling.params.ignore_eos, "go on past stop tokens"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err) || !check_options(prompt, id_list, chat, err))
        return false;
    Compute compute;
    if (!cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err)) return false;
    Source source = {0};
    const bool ok = source_open(&source, folder, weights, &compute, err) &&
                    read_prompt(&source, folder, prompt, id_list, chat, err) &&
                    sampling_options_prepare(&sampling, &source.model.config, source.tokenizer, err) &&
                    sample_prompt(cli, &source, &compute, &sampling.params, n, err);
    source_close(&source);
    sampling_options_free(&sampling);
    return ok;
}

const Command command_sample = {
    .name = "sample",
    .summary = "completions of a prompt",
    .usage = "r1 sample --model DIR --prompt TEXT [--chat] [-n K] [--max-tokens N] [--temperature T] [--seed S] ...\n"
             "r1 sample --model DIR --ids 1,2,3 ...",
    .details =
        "Prints {\"ids\",\"text\",\"logprobs\",\"finish_reason\"} for each completion, in order. ids are the new "
        "tokens,\n"
        "the stop token included; text is without special tokens. Completion i depends on the prompt, the settings,\n"
        "the seed and i alone. logprobs are of the full softmax at temperature 1; at other settings sampled_logprobs\n"
        "are those of the distribution that was drawn from.",
    .example = "build/release/r1 sample --model models/base --prompt 'What is 2 + 3?' -n 4 --max-tokens 64",
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* cli/tokenize.c: text to ids, ids to text, and the training of a tokenizer. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "text/tokenizer.h"

#include <inttypes.h>
#include <string.h>

typedef struct Arguments {
    const char *model, *input, *text, *ids, *train, *out;
    bool decode, add_special;
    int64_t vocab;
    CliArguments special, added;
} Arguments;

enum { MAX_CORPUS_BYTES = 1 << 30 };

/* ---- rows ---- */

typedef struct Rows {
    const Tokenizer *tokenizer;
    bool add_special;
} Rows;

static void out_ids(JsonOut *out, const TokenIds *ids)
{
    json_out_key(out, "ids");
    json_out_array(out);
    for (int64_t i = 0; i < ids->n; i++) json_out_int(out, ids->ids[i]);
    json_out_array_end(out);
}

static bool encode_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)thread;
    const Rows *const rows = context;
    const char *text = "";
    size_t length = 0;
    if (!json_require(row, "text", err) || !json_get_string(row, "text", &text, &length, err)) return false;
    TokenIds ids = {0};
    const bool ok = tokenizer_encode(rows->tokenizer, text, length, rows->add_special, &ids, err);
    if (ok) out_ids(out, &ids);
    token_ids_free(&ids);
    return ok;
}

static bool read_ids(const json_t *row, TokenIds *ids, Error *err)
{
    const json_t *const list = json_object_get(row, "ids");
    if (!json_is_array(list)) return error_set(err, ERROR_INPUT, "\"ids\": expected an array of token ids");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
            return error_set(err, ERROR_INPUT, "\"ids\"[%zu]: expected a token id", i);
        token_ids_append(ids, (int32_t)json_integer_value(id));
    }
    return true;
}

static bool decode_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)thread;
    const Rows *const rows = context;
    TokenIds ids = {0};
    char *text = NULL;
    size_t length = 0;
    const bool ok =
        read_ids(row, &ids, err) && tokenizer_decode(rows->tokenizer, ids.ids, ids.n, false, &text, &length, err);
    if (ok) {
        json_out_key(out, "text");
        json_out_string(out, text, length);
    }
    base_free(text);
    token_ids_free(&ids);
    return ok;
}

/* ---- one text, for people ---- */

static bool out_token(const Tokenizer *tokenizer, int32_t id, JsonOut *out, Error *err)
{
    char *text;
    size_t length;
    if (!tokenizer_decode(tokenizer, &id, 1, false, &text, &length, err)) return false;
    json_out_string(out, text, length);
    base_free(text);
    return true;
}

/* A line a token: its id and what it stands for, quoted as JSON. */
static bool print_tokens(const Cli *cli, const Tokenizer *tokenizer, const TokenIds *ids, Error *err)
{
    bool ok = true;
    JsonOut line = {0};
    for (int64_t i = 0; i < ids->n && ok; i++) {
        json_out_clear(&line);
        ok = out_token(tokenizer, ids->ids[i], &line, err);
        if (ok) cli_print(cli, "%7" PRId32 "  %s\n", ids->ids[i], line.text);
    }
    if (ok) cli_note(cli, "%" PRId64 " tokens\n", ids->n);
    json_out_clear(&line);
    if (ok && cli->json) {
        json_out_object(&line);
        out_ids(&line, ids);
        json_out_key(&line, "tokens");
        json_out_array(&line);
        for (int64_t i = 0; i < ids->n && ok; i++) ok = out_token(tokenizer, ids->ids[i], &line, err);
        json_out_array_end(&line);
        json_out_object_end(&line);
        ok = ok && json_out_line(&line, stdout, err);
    }
    json_out_free(&line);
    return ok;
}

static bool encode_text(const Cli *cli, const Tokenizer *tokenizer, const Arguments *a, Error *err)
{
    TokenIds ids = {0};
    const bool ok = tokenizer_encode(tokenizer, a->text, strlen(a->text), a->add_special, &ids, err) &&
                    print_tokens(cli, tokenizer, &ids, err);
    token_ids_free(&ids);
    return ok;
}

static bool decode_ids(const Cli *cli, const Tokenizer *tokenizer, const Arguments *a, Error *err)
{
    int32_t *ids = NULL;
    int64_t n = 0;
    char *text = NULL;
    size_t length = 0;
    bool ok = cli_parse_ids("--ids", a->ids, &ids, &n, err) &&
              tokenizer_decode(tokenizer, ids, n, false, &text, &length, err);
    if (ok && cli->json) {
        JsonOut out = {0};
        json_out_object(&out);
        json_out_key(&out, "text");
        json_out_string(&out, text, length);
        json_out_object_end(&out);
        ok = json_out_line(&out, stdout, err);
        json_out_free(&out);
    } else if (ok) {
        fwrite(text, 1, length, stdout);
        fputc('\n', stdout);
    }
    base_free(ids);
    base_free(text);
    return ok;
}

/* ---- training ---- */

static bool report_training(const Cli *cli, const Arguments *a, Error *err)
{
    Tokenizer *tokenizer;
    if (!tokenizer_open(&tokenizer, a->out, err)) return false;
    const int64_t n = tokenizer_vocab_size(tokenizer);
    tokenizer_free(tokenizer);
    cli_print(cli, "%s: a tokenizer of %" PRId64 " tokens\n", a->out, n);
    if (n < a->vocab)
        cli_note(cli, "%s holds no more pairs to merge: %" PRId64 " tokens instead of %" PRId64 "\n", a->train, n,
                 a->vocab);
    if (!cli->json) return true;
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "out", a->out);
    json_out_kv_int(&out, "vocab_size", n);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool train(const Cli *cli, const Arguments *a, Error *err)
{
    static const char *const end_of_text[] = {"<|endoftext|>"};
    const char *const *const special = a->special.n_items ? a->special.items : end_of_text;
    const int64_t n_special = a->special.n_items ? a->special.n_items : 1;
    const TokenizerTraining training = {
        .vocab_size = a->vocab,
        .special = special,
        .n_special = n_special,
        .added = a->added.items,
        .n_added = a->added.n_items,
        .eos = special[0],
        .pad = special[n_special > 1 ? 1 : 0],
    };
    char *text;
    size_t length;
    if (!file_read_all(a->train, MAX_CORPUS_BYTES, &text, &length, err)) return false;
    const bool ok = tokenizer_train(&training, text, length, a->out, err) && report_training(cli, a, err);
    base_free(text);
    return ok;
}

/* ---- the command ---- */

static bool check_arguments(const Arguments *a, Error *err)
{
    const int n_tasks = (a->input != NULL) + (a->text != NULL) + (a->ids != NULL) + (a->train != NULL);
    if (n_tasks > 1) return error_set(err, ERROR_USAGE, "give one of --input, --text, --ids and --train, not several");
    if (a->train) {
        if (!a->out || a->vocab == 0) return error_set(err, ERROR_USAGE, "--train needs --vocab N and --out DIR");
        if (a->model)
            return error_set(err, ERROR_USAGE, "--train makes a tokenizer from text alone; leave --model out");
        return true;
    }
    if (!a->model) return error_set(err, ERROR_USAGE, "--model DIR is needed: a folder with a tokenizer.json");
    if (a->out || a->vocab || a->special.n_items || a->added.n_items)
        return error_set(err, ERROR_USAGE, "--vocab, --out, --special and --added go with --train");
    if (a->decode && (a->text || a->ids))
        return error_set(err, ERROR_USAGE, "--decode goes with --input; for one list use --ids");
    if (a->add_special && (a->decode || a->ids))
        return error_set(err, ERROR_USAGE, "--add-special is about encoding; decoding keeps special tokens anyway");
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    Arguments a = {0};
    const CliOption options[] = {
        CLI_STRING("--model", "DIR", &a.model, "a folder with a tokenizer.json"),
        CLI_STRING("--input", "F.jsonl", &a.input, "lines {\"text\"}, answered with {\"ids\"} [-: stdin]"),
        CLI_FLAG("--decode", &a.decode, "lines are {\"ids\"}, answered with {\"text\"}, special tokens kept"),
        CLI_FLAG("--add-special", &a.add_special, "with the tokens the model expects around a text (BOS and so on)"),
        CLI_STRING("--text", "TEXT", &a.text, "shows the tokens of one text"),
        CLI_STRING("--ids", "1,2,3", &a.ids, "shows the text of these ids"),
        CLI_STRING("--train", "F.txt", &a.train, "trains a byte-level BPE on this text"),
        CLI_INT("--vocab", "N", &a.vocab, 257, 1 << 22, "--train: how many tokens, the special ones included"),
        CLI_STRING("--out", "DIR", &a.out, "--train: where tokenizer.json and tokenizer_config.json go"),
        CLI_LIST("--special", "TOKEN", &a.special,
                 "--train: a special token; the first ends a text, the second pads [<|endoftext|>]"),
        CLI_LIST("--added", "TOKEN", &a.added, "--train: a token that is kept whole, such as <think>"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err) || !check_arguments(&a, err)) return false;
    if (a.train) return train(cli, &a, err);

    Tokenizer *tokenizer;
    if (!tokenizer_open(&tokenizer, a.model, err)) return false;
    Rows rows = {.tokenizer = tokenizer, .add_special = a.add_special};
    bool ok;
    if (a.text)
        ok = encode_text(cli, tokenizer, &a, err);
    else if (a.ids)
        ok = decode_ids(cli, tokenizer, &a, err);
    else
        ok = cli_rows(cli, a.input ? a.input : "-", true, a.decode ? decode_row : encode_row, &rows, err);
    tokenizer_free(tokenizer);
    return ok;
}

const Command command_tokenize = {
    .name = "tokenize",
    .summary = "text to token ids and back; trains a tokenizer",
    .usage = "r1 tokenize --model DIR [--input F.jsonl] [--decode | --add-special]\n"
             "r1 tokenize --model DIR --text TEXT [--add-special]\n"
             "r1 tokenize --model DIR --ids 1,2,3\n"
             "r1 tokenize --train F.txt --vocab N --out DIR [--special TOKEN]... [--added TOKEN]...",
    .details =
        "A folder with only tokenizer.json is enough. Byte-level BPE as Qwen, Llama 3, DeepSeek and GPT-2 have it.\n"
        "Training is deterministic; Hugging Face reads what it writes.",
    .example = "build/release/r1 tokenize --train README.md --vocab 400 --out /tmp/tokenizer",
    .run = run,
};

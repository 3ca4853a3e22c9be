/* SPDX-License-Identifier: MIT */
/* text/train.c: from a corpus to tokenizer.json and tokenizer_config.json. Ids: special tokens, added tokens, the 256 bytes in
 * the order of the byte alphabet (as every byte-level vocabulary has them), then merges in the order they were learnt. */
#include "text/train.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/utf8.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A longer word is counted in parts: no token that long pays for itself, and rewriting a word costs its length each time. */
enum { MAX_WORD_BYTES = 256, MAX_VOCAB = 1 << 22 };

/* ---- counting ---- */

static void add_word(TrainWords *words, const char *bytes, size_t length)
{
    for (size_t at = 0; at < length; at += MAX_WORD_BYTES)
        train_words_add(words, bytes + at, length - at < MAX_WORD_BYTES ? length - at : MAX_WORD_BYTES);
}

typedef struct Counter {
    TrainWords words;
    Regex *regex;
    RegexScratch *scratch;
    AddedSet fixed; /* special and added tokens: no word crosses them */
} Counter;

static bool count_well_formed(Counter *c, const char *text, size_t length, Error *err)
{
    for (size_t at = 0; at < length;) {
        bool found;
        size_t begin, end;
        if (!regex_find(c->regex, c->scratch, text, length, at, &found, &begin, &end, err)) return false;
        if (!found) begin = end = length; /* the pattern takes everything; this is for a pattern that would not */
        if (begin > at) add_word(&c->words, text + at, begin - at);
        if (end > begin) add_word(&c->words, text + begin, end - begin);
        at = end;
    }
    return true;
}

static bool count_ordinary(Counter *c, const char *text, size_t length, Error *err)
{
    for (size_t at = 0; at < length;) {
        const size_t good = utf8_first_error(text + at, length - at);
        if (!count_well_formed(c, text + at, good, err)) return false;
        at += good;
        size_t bad = 0;
        while (at + bad < length && utf8_sequence(text + at + bad, length - at - bad) < 0) bad++;
        add_word(&c->words, text + at, bad);
        at += bad;
    }
    return true;
}

static bool count_text(Counter *c, const char *text, size_t length, Error *err)
{
    AddedCursor cursor = {0};
    size_t gap;
    while (added_set_next(&c->fixed, text, length, &cursor, &gap))
        if (!count_ordinary(c, text + gap, cursor.begin - gap, err)) return false;
    return count_ordinary(c, text + gap, length - gap, err);
}

static void fix_tokens(AddedSet *fixed, const char *const *names, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        added_set_add(fixed, (AddedToken){.content = names[i], .length = (uint32_t)strlen(names[i])});
}

/* ---- writing ---- */

/* Ids of the file from the learner's numbers: bytes are put into the order of their characters. */
typedef struct Numbering {
    int64_t n_fixed;
    int32_t byte_ids[256];
} Numbering;

static Numbering number_bytes(const TokenizerTraining *training)
{
    Numbering numbering = {.n_fixed = training->n_special + training->n_added};
    int32_t next = (int32_t)numbering.n_fixed;
    for (uint32_t c = 0; c < 0x180; c++) {
        const int byte = byte_level_byte(c);
        if (byte >= 0) numbering.byte_ids[byte] = next++;
    }
    return numbering;
}

/* The token in the byte alphabet, zero-terminated; the caller frees. */
static char *spell(const struct TrainToken *token)
{
    char *const text = base_alloc((size_t)token->length + 1, 2);
    text[byte_level_write(token->bytes, (size_t)token->length, text)] = 0;
    return text;
}

static void out_vocab(JsonOut *out, const TokenizerTraining *training, const TrainTokens *tokens)
{
    const Numbering numbering = number_bytes(training);
    json_out_key(out, "vocab");
    json_out_object(out);
    int64_t id = 0;
    for (int64_t i = 0; i < training->n_special; i++) json_out_kv_int(out, training->special[i], id++);
    for (int64_t i = 0; i < training->n_added; i++) json_out_kv_int(out, training->added[i], id++);
    int32_t in_order[256];
    for (int byte = 0; byte < 256; byte++) in_order[numbering.byte_ids[byte] - numbering.n_fixed] = byte;
    for (int64_t i = 0; i < tokens->n; i++) {
        char *const text = spell(&tokens->tokens[i < 256 ? in_order[i] : i]);
        json_out_kv_int(out, text, id++);
        base_free(text);
    }
    json_out_object_end(out);
}

/* "left right", the older spelling of a merge: every reader knows it, and no token of the byte alphabet holds a space. */
static void out_merges(JsonOut *out, const TrainTokens *tokens)
{
    json_out_key(out, "merges");
    json_out_array(out);
    for (int64_t i = 0; i < tokens->n_merges; i++) {
        char *const left = spell(&tokens->tokens[tokens->merges[i].left]);
        char *const right = spell(&tokens->tokens[tokens->merges[i].right]);
        char *const merge = base_printf("%s %s", left, right);
        json_out_cstring(out, merge);
        base_free(left);
        base_free(right);
        base_free(merge);
    }
    json_out_array_end(out);
}

static void out_flags(JsonOut *out, const char *content, bool special)
{
    json_out_kv_string(out, "content", content);
    json_out_kv_bool(out, "single_word", false);
    json_out_kv_bool(out, "lstrip", false);
    json_out_kv_bool(out, "rstrip", false);
    json_out_kv_bool(out, "normalized", false);
    json_out_kv_bool(out, "special", special);
}

static const char *fixed_name(const TokenizerTraining *training, int64_t id)
{
    return id < training->n_special ? training->special[id] : training->added[id - training->n_special];
}

static void out_byte_level(JsonOut *out)
{
    json_out_raw(
        out, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, \"use_regex\": false}");
}

static void out_pretokenizer(JsonOut *out)
{
    json_out_key(out, "pre_tokenizer");
    json_out_object(out);
    json_out_kv_string(out, "type", "Sequence");
    json_out_key(out, "pretokenizers");
    json_out_array(out);
    json_out_object(out);
    json_out_kv_string(out, "type", "Split");
    json_out_key(out, "pattern");
    json_out_object(out);
    json_out_kv_string(out, "Regex", tokenizer_split_pattern);
    json_out_object_end(out);
    json_out_kv_string(out, "behavior", "Isolated");
    json_out_kv_bool(out, "invert", false);
    json_out_object_end(out);
    out_byte_level(out);
    json_out_array_end(out);
    json_out_object_end(out);
}

static void out_null(JsonOut *out, const char *key)
{
    json_out_key(out, key);
    json_out_null(out);
}

static void out_tokenizer(JsonOut *out, const TokenizerTraining *training, const TrainTokens *tokens)
{
    json_out_object(out);
    json_out_kv_string(out, "version", "1.0");
    out_null(out, "truncation");
    out_null(out, "padding");
    json_out_key(out, "added_tokens");
    json_out_array(out);
    for (int64_t id = 0; id < training->n_special + training->n_added; id++) {
        json_out_object(out);
        json_out_kv_int(out, "id", id);
        out_flags(out, fixed_name(training, id), id < training->n_special);
        json_out_object_end(out);
    }
    json_out_array_end(out);
    out_null(out, "normalizer");
    out_pretokenizer(out);
    json_out_key(out, "post_processor");
    out_byte_level(out);
    json_out_key(out, "decoder");
    out_byte_level(out);
    json_out_key(out, "model");
    json_out_object(out);
    json_out_kv_string(out, "type", "BPE");
    out_null(out, "dropout");
    out_null(out, "unk_token");
    out_null(out, "continuing_subword_prefix");
    out_null(out, "end_of_word_suffix");
    json_out_kv_bool(out, "fuse_unk", false);
    json_out_kv_bool(out, "byte_fallback", false);
    json_out_kv_bool(out, "ignore_merges", false);
    out_vocab(out, training, tokens);
    out_merges(out, tokens);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void out_config(JsonOut *out, const TokenizerTraining *training)
{
    json_out_object(out);
    json_out_kv_bool(out, "add_prefix_space", false);
    json_out_key(out, "added_tokens_decoder");
    json_out_object(out);
    for (int64_t id = 0; id < training->n_special + training->n_added; id++) {
        char key[24];
        snprintf(key, sizeof key, "%" PRId64, id);
        json_out_key(out, key);
        json_out_object(out);
        out_flags(out, fixed_name(training, id), id < training->n_special);
        json_out_object_end(out);
    }
    json_out_object_end(out);
    out_null(out, "bos_token");
    json_out_kv_bool(out, "clean_up_tokenization_spaces", false);
    json_out_kv_string(out, "eos_token", training->eos);
    json_out_kv_int(out, "model_max_length", 1000000000);
    json_out_kv_string(out, "pad_token", training->pad);
    json_out_kv_string(out, "tokenizer_class", "PreTrainedTokenizerFast");
    out_null(out, "unk_token");
    json_out_object_end(out);
}

static bool write_json(JsonOut *out, const char *folder, const char *name, Error *err)
{
    char *const path = base_printf("%s/%s", folder, name);
    char *const text = base_printf("%s\n", out->text);
    const bool ok = file_write_all(path, "tokenizer", text, out->length + 1, err);
    base_free(path);
    base_free(text);
    json_out_free(out);
    return ok;
}

static bool write_files(const TokenizerTraining *training, const TrainTokens *tokens, const char *folder, Error *err)
{
    JsonOut tokenizer = {0}, config = {0};
    out_tokenizer(&tokenizer, training, tokens);
    out_config(&config, training);
    /* The small file first: a folder with a tokenizer.json is a finished one. */
    const bool ok = file_make_folders(folder, err) && write_json(&config, folder, "tokenizer_config.json", err) &&
                    write_json(&tokenizer, folder, "tokenizer.json", err);
    json_out_free(&tokenizer);
    json_out_free(&config);
    return ok;
}

/* ---- the whole ---- */

/* Whether a name that is written as it is could be taken for a token in the byte alphabet: a byte, or bytes that a merge
 * may make and that the decoder would give instead ("caf\u00e9" is the Latin-1 bytes of that word). */
static bool reads_as_bytes(const char *name, size_t length)
{
    bool ascii = true;
    int64_t n_characters = 0;
    for (size_t i = 0; i < length; n_characters++) {
        int n;
        const uint32_t c = unicode_decode(name + i, &n);
        if (byte_level_byte(c) < 0) return false;
        ascii = ascii && c < 0x80;
        i += (size_t)n;
    }
    return n_characters == 1 || !ascii;
}

static bool check_name(const TokenizerTraining *training, int64_t id, Error *err)
{
    const char *const name = fixed_name(training, id);
    const size_t length = strlen(name);
    if (length == 0) return error_set(err, ERROR_USAGE, "a special or added token is empty");
    if (utf8_first_error(name, length) < length)
        return error_set(err, ERROR_USAGE, "special or added token %" PRId64 " is not valid UTF-8", id);
    if (reads_as_bytes(name, length))
        return error_set(
            err, ERROR_USAGE,
            "\"%s\" cannot be a special or added token: it would read as bytes; put it in <angle brackets> "
            "and ASCII",
            name);
    for (int64_t i = 0; i < id; i++)
        if (strcmp(name, fixed_name(training, i)) == 0)
            return error_set(err, ERROR_USAGE, "the token \"%s\" is given twice", name);
    return true;
}

static bool check_role(const TokenizerTraining *training, const char *role, const char *name, Error *err)
{
    if (!name) return true;
    for (int64_t i = 0; i < training->n_special; i++)
        if (strcmp(name, training->special[i]) == 0) return true;
    return error_set(err, ERROR_USAGE, "the %s token \"%s\" is none of the special tokens", role, name);
}

static bool check_training(const TokenizerTraining *training, Error *err)
{
    const int64_t n_fixed = training->n_special + training->n_added;
    if (training->vocab_size < 256 + n_fixed || training->vocab_size > MAX_VOCAB)
        return error_set(err, ERROR_USAGE,
                         "a vocabulary of %" PRId64 " tokens; allowed are %" PRId64 " (256 bytes, %" PRId64
                         " special and added) to %d",
                         training->vocab_size, 256 + n_fixed, n_fixed, MAX_VOCAB);
    for (int64_t id = 0; id < n_fixed; id++)
        if (!check_name(training, id, err)) return false;
    return check_role(training, "eos", training->eos, err) && check_role(training, "pad", training->pad, err);
}

bool tokenizer_train(const TokenizerTraining *training, const char *text, size_t length, const char *folder, Error *err)
{
    if (!check_training(training, err)) return false;
    Counter counter = {0};
    if (!regex_compile(&counter.regex, tokenizer_split_pattern, strlen(tokenizer_split_pattern), err)) return false;
    counter.scratch = regex_scratch_create();
    fix_tokens(&counter.fixed, training->special, training->n_special);
    fix_tokens(&counter.fixed, training->added, training->n_added);
    added_set_sort(&counter.fixed);

    bool ok = count_text(&counter, text, length, err);
    if (ok) {
        TrainTokens tokens;
        ok =
            train_learn(&tokens, &counter.words, training->vocab_size - training->n_special - training->n_added, err) &&
            write_files(training, &tokens, folder, err);
        train_tokens_free(&tokens);
    }
    train_words_free(&counter.words);
    regex_free(counter.regex);
    regex_scratch_free(counter.scratch);
    added_set_free(&counter.fixed);
    return ok;
}

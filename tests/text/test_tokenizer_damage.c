/* SPDX-License-Identifier: MIT */
/* tests/text/test_tokenizer_damage.c: a tokenizer.json that is cut, flipped, incomplete or hostile gives one line that names
 * the file and the key. Meant for the sanitizers, which say what a crash would not. */
#include "small.h"

/* True when it was loaded; a refusal is one line that names the file. */
static bool taken(const char *text, size_t length)
{
    Tokenizer *tokenizer;
    Error err = {0};
    const bool ok = tokenizer_read_json(&tokenizer, text, length, "tokenizer.json", &err);
    if (!ok && (tokenizer || err.kind != ERROR_INPUT || strncmp(err.text, "tokenizer.json", 14) != 0 ||
                strchr(err.text, '\n')))
        fail_msg("refused by: %s", err.text);
    tokenizer_free(tokenizer);
    return ok;
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    json_t *const json = small_json();
    char *const text = json_dumps(json, JSON_COMPACT);
    for (size_t n = 0; n < strlen(text); n++) {
        char *const cut = base_strndup(text, n); /* of its own, so that reading past its end is seen */
        if (taken(cut, n)) fail_msg("%zu bytes of %zu were taken", n, strlen(text));
        base_free(cut);
    }
    if (!taken(text, strlen(text))) fail_msg("the whole file was refused");
    free(text);
    json_decref(json);
}

static void every_flipped_bit_is_survived(void **state)
{
    (void)state;
    json_t *const json = small_json();
    char *const text = json_dumps(json, JSON_COMPACT);
    for (size_t i = 0; i < 8 * strlen(text); i++) {
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
        taken(text, strlen(text));
        text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
    }
    free(text);
    json_decref(json);
}

/* Puts `value` where the path leads ("model/merges/0"); "" deletes. */
static void change(json_t *json, const char *path, const char *value)
{
    char part[40];
    for (;;) {
        const size_t n = strcspn(path, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        path += n;
        if (!*path) break;
        path++;
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(part)) : json_object_get(json, part);
    }
    if (!*value)
        json_object_del(json, part);
    else if (json_is_array(json))
        json_array_set_new(json, (size_t)atoi(part), json_of(value));
    else
        json_object_set_new(json, part, json_of(value));
}

static void what_is_missing_or_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *path, *value, *message;
    } cases[] = {
        {"model", "", "model: must be an object"},
        {"model", "[1]", "model: must be an object"},
        {"model/type", "\"Unigram\"", "model.type is \"Unigram\"; only \"BPE\" is supported"},
        {"model/vocab", "", "model.vocab: must be an object"},
        {"model/vocab", "[\"a\"]", "model.vocab: must be an object"},
        {"model/vocab/ab", "", "model.merges[1]: its result \"ab\" is not in model.vocab"},
        {"model/vocab/b", "", "model.merges[1]: \"b\" is not in model.vocab"},
        {"model/vocab/c", "\"2\"", "model.vocab: the id of \"c\" must be an integer"},
        {"model/vocab/c", "-1", "model.vocab: the id of \"c\" must be an integer"},
        {"model/vocab/c", "2147483647", "model.vocab: the id of \"c\" must be an integer from 0 to"},
        {"model/vocab/c", "3", "both have the id 3"},
        {"model/merges", "", "model.merges: must be an array"},
        {"model/merges/2", "7", "model.merges[2]: must be"},
        {"model/merges/2", "[\"c\"]", "model.merges[2]: must be"},
        {"model/merges/2", "\"cd\"", "model.merges[2]: \"cd\" must be two tokens"},
        {"model/merges/2", "\"c d e\"", "model.merges[2]: \"c d e\" must be two tokens"},
        {"model/merges/2", "\"c e\"", "model.merges[2]: its result \"ce\" is not in model.vocab"},
        {"model/byte_fallback", "true", "model.byte_fallback is set, which is not supported"},
        {"model/dropout", "0.1", "model.dropout is set"},
        {"model/end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix is set"},
        {"model/unk_token", "\"<unk>\"", "model.unk_token: \"<unk>\" is not in model.vocab"},
        {"model/unk_token", "3", "model: \"unk_token\": expected a string"},
        {"model/ignore_merges", "\"yes\"", "model: \"ignore_merges\": expected"},
        {"added_tokens", "{}", "added_tokens: must be an array"},
        {"added_tokens/1", "\"<t>\"", "added_tokens[1]: expected an object"},
        {"added_tokens/1/id", "", "added_tokens[1]: "},
        {"added_tokens/1/content", "", "added_tokens[1]: "},
        {"added_tokens/1/content", "\"\"", "added_tokens[1]: \"content\" is 0 bytes long"},
        {"added_tokens/1/content", "\"ab\"", "added_tokens[1]: \"ab\" has the id 11 here and 6 elsewhere"},
        {"added_tokens/1/id", "3", "added_tokens[1]: \"<t>\" takes the id 3 of \"d\""},
        {"added_tokens/1/special", "1", "added_tokens[1]: \"special\": expected"},
        {"normalizer", "{\"type\": \"Lowercase\"}", "normalizer: type \"Lowercase\" is not supported (known: NFC"},
        {"normalizer", "\"NFC\"", "normalizer: expected an object"},
        {"normalizer", "{\"type\": \"Sequence\"}", "normalizer: \"normalizers\": must be an array"},
        {"normalizer", "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {}]}",
         "normalizer: normalizers[1]: "},
        {"pre_tokenizer/type", "\"Metaspace\"", "pre_tokenizer: type \"Metaspace\" is not supported"},
        {"pre_tokenizer/pretokenizers/0/behavior", "\"isolated\"",
         "pre_tokenizer: pretokenizers[0]: \"behavior\": \"isolated\" is none of"},
        {"pre_tokenizer/pretokenizers/0/behavior", "", "pre_tokenizer: pretokenizers[0]: "},
        {"pre_tokenizer/pretokenizers/0/pattern", "\"a\"", "pre_tokenizer: pretokenizers[0]: \"pattern\": must be"},
        {"pre_tokenizer/pretokenizers/0/pattern/Regex", "\"(a\"",
         "pre_tokenizer: pretokenizers[0]: pattern.Regex: bad regular expression near byte 2"},
        {"pre_tokenizer/pretokenizers/0/pattern/Regex", "\"[a&&b]\"",
         "pattern.Regex: regular expression, byte 2: && inside"},
        {"post_processor/type", "\"Magic\"", "post_processor: type \"Magic\" is not supported"},
        {"post_processor/single", "", "post_processor: \"single\": must be an array"},
        {"post_processor/single/0", "{}", "post_processor: single[0]: must be a SpecialToken"},
        {"post_processor/single/1", "{\"SpecialToken\": {\"id\": \"<s>\"}}",
         "must hold the text (Sequence) once, not 0 times"},
        {"post_processor/special_tokens", "", "post_processor: single[0]: \"<s>\" has no \"ids\""},
        {"post_processor/special_tokens/<s>/ids", "[99]",
         "post_processor: single[0]: special_tokens: the ids of \"<s>\""},
        {"decoder", "{\"type\": \"Metaspace\"}", "decoder: type \"Metaspace\" is not supported"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *const json = small_json();
        change(json, cases[i].path, cases[i].value);
        Error err = {0};
        Tokenizer *const tokenizer = tokenizer_of(json, &err);
        if (tokenizer) fail_msg("%s = %s was taken", cases[i].path, cases[i].value);
        if (strncmp(err.text, "tokenizer.json: ", 16) != 0 || !strstr(err.text, cases[i].message))
            fail_msg("%s = %s gives\n  %s\n  not %s", cases[i].path, cases[i].value, err.text, cases[i].message);
        assert_int_equal(err.kind, ERROR_INPUT);
        json_decref(json);
    }
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    Tokenizer *tokenizer;
    Error err = {0};
    assert_false(tokenizer_open(&tokenizer, "/nowhere", &err));
    assert_null(tokenizer);
    assert_string_equal(err.text, "/nowhere/tokenizer.json: not there; a tokenizer is read from this file alone");
    assert_int_equal(err.kind, ERROR_INPUT);
}

static void a_bad_config_is_named(void **state)
{
    (void)state;
    static const char *const configs[] = {"", "[]", "{\"eos_token\": 3}", "{\"pad_token\": true}",
                                          "{\"bos_token\": {\"content\": []}}"};
    json_t *const json = small_json();
    Error err = {0};
    Tokenizer *const tokenizer = tokenizer_of(json, &err);
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        err = (Error){0};
        assert_false(tokenizer_read_config(tokenizer, configs[i], strlen(configs[i]), "tokenizer_config.json", &err));
        assert_int_equal(strncmp(err.text, "tokenizer_config.json", 21), 0);
    }
    tokenizer_free(tokenizer);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_survived),
        cmocka_unit_test(what_is_missing_or_wrong_is_named),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_bad_config_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* tests/text/test_train.c: what training promises: one result for one text, ties by bytes, digits alone, fixed tokens whole. */
#include "small.h"

#include <unistd.h>

static const char *const specials[] = {"<|endoftext|>", "<|pad|>"};
static const char *const added[] = {"<think>", "</think>"};

static TokenizerTraining training_of(int64_t vocab_size)
{
    return (TokenizerTraining){.vocab_size = vocab_size,
                               .special = specials,
                               .n_special = 2,
                               .added = added,
                               .n_added = 2,
                               .eos = specials[0],
                               .pad = specials[1]};
}

static char *folder_of(const char *name)
{
    return base_printf("%s/test_train-%d-%s", R1_BINARY_DIR, (int)getpid(), name);
}

static void remove_folder(char *folder)
{
    Error err = {0};
    if (!file_remove_tree(folder, &err)) fail_msg("%s", err.text);
    base_free(folder);
}

/* Trains on `text` and opens what was written. */
static Tokenizer *trained(const char *text, size_t length, int64_t vocab_size)
{
    const TokenizerTraining training = training_of(vocab_size);
    char *const folder = folder_of("once");
    Tokenizer *tokenizer = NULL;
    Error err = {0};
    if (!tokenizer_train(&training, text, length, folder, &err) || !tokenizer_open(&tokenizer, folder, &err))
        fail_msg("%s", err.text);
    remove_folder(folder);
    return tokenizer;
}

static char *read_file(const char *folder, const char *name, size_t *length)
{
    char *const path = base_printf("%s/%s", folder, name);
    char *text;
    Error err = {0};
    if (!file_read_all(path, 1 << 24, &text, length, &err)) fail_msg("%s", err.text);
    base_free(path);
    return text;
}

static void the_carried_corpus_gives_the_carried_tokenizer(void **state)
{
    (void)state;
    static const char *const files[] = {"tokenizer.json", "tokenizer_config.json"};
    const char *const carried = R1_SOURCE_DIR "/tests/text/tiny";
    const TokenizerTraining training = training_of(600);
    char *const folder = folder_of("tiny");
    size_t length;
    char *const corpus = read_file(carried, "corpus.txt", &length);
    Error err = {0};
    if (!tokenizer_train(&training, corpus, length, folder, &err)) fail_msg("%s", err.text);
    for (int i = 0; i < 2; i++) {
        size_t n, n_carried;
        char *const made = read_file(folder, files[i], &n), *const wanted = read_file(carried, files[i], &n_carried);
        if (n != n_carried || memcmp(made, wanted, n) != 0) fail_msg("%s is not the carried one", files[i]);
        base_free(made);
        base_free(wanted);
    }
    base_free(corpus);
    remove_folder(folder);
}

static void check_merges(const char *text, size_t length, int64_t n_merges, const char *const *wanted)
{
    Tokenizer *const tokenizer = trained(text, length, 260 + n_merges);
    for (int64_t i = 0; i < n_merges; i++)
        if (strcmp(tokenizer->tokens[260 + i].bytes, wanted[i]) != 0)
            fail_msg("merge %d is \"%s\", not \"%s\"", (int)i, tokenizer->tokens[260 + i].bytes, wanted[i]);
    tokenizer_free(tokenizer);
}

static void the_most_frequent_pair_comes_first_and_ties_go_by_bytes(void **state)
{
    (void)state;
    /* xy three times; then ab, bc, zy, once each: ab (a < z), then abc; zy last */
    check_merges("xy\nxy\nxy\nzy\nabc\n", 16, 4, (const char *const[]){"xy", "ab", "abc", "zy"});
    /* a pair that overlaps itself is counted at each place: aa 3 > ab 1; then aaaa, then aaaab */
    check_merges("aaaab", 5, 3, (const char *const[]){"aa", "aaaa", "aaaab"});
    /* counts that fall while others rise: bc (4) first, then abc with what is left */
    check_merges("abc\nabc\nbc\nbc\nab\n", 17, 3, (const char *const[]){"bc", "abc", "ab"});
}

static void two_ways_to_one_token_are_two_merges(void **state)
{
    (void)state;
    /* (a, bb) and (ab, b) both give abb when each way is worn in by other words */
    const char text[] = "ab\nab\nab\nab\nabc\nbbc\nbbc\nbbc\nabb\nabb\nxabb\n";
    Tokenizer *const tokenizer = trained(text, strlen(text), 300);
    for (int64_t i = 0; i < tokenizer->n_tokens; i++)
        for (int64_t k = 0; k < i; k++)
            if (tokenizer->tokens[i].bytes_length == tokenizer->tokens[k].bytes_length &&
                strcmp(tokenizer->tokens[i].bytes, tokenizer->tokens[k].bytes) == 0)
                fail_msg("tokens %d and %d are both \"%s\"", (int)k, (int)i, tokenizer->tokens[i].bytes);
    tokenizer_free(tokenizer);
}

static void digits_stand_alone_and_words_keep_their_space(void **state)
{
    (void)state;
    const char text[] = "12 apples 12 apples 12 apples 1234 1234";
    Tokenizer *const tokenizer = trained(text, strlen(text), 300);
    char out[200];
    for (int64_t i = 4; i < tokenizer->n_tokens; i++) {
        const Token *const token = &tokenizer->tokens[i];
        bool digit = false;
        for (uint32_t k = 0; k < token->bytes_length; k++)
            digit = digit || (token->bytes[k] >= '0' && token->bytes[k] <= '9');
        if (digit && token->bytes_length > 1) fail_msg("\"%s\" is one token", token->bytes);
    }
    char wanted[20];
    snprintf(wanted, sizeof wanted, "%d",
             (int)string_table_find(&tokenizer->by_text,
                                    "\xC4\xA0"
                                    "apples",
                                    8));
    assert_string_equal(ids_text(tokenizer, " apples", 7, false, out, sizeof out), wanted);
    tokenizer_free(tokenizer);
}

static void fixed_tokens_come_first_and_are_not_learnt(void **state)
{
    (void)state;
    const char text[] = "<think>so<think>so<think>so</think><|endoftext|><|endoftext|>";
    Tokenizer *const tokenizer = trained(text, strlen(text), 300);
    char out[200];
    assert_int_equal(tokenizer_id(tokenizer, "<|endoftext|>"), 0);
    assert_int_equal(tokenizer_id(tokenizer, "<|pad|>"), 1);
    assert_int_equal(tokenizer_id(tokenizer, "<think>"), 2);
    assert_int_equal(tokenizer_eos(tokenizer), 0);
    assert_int_equal(tokenizer_pad(tokenizer), 1);
    assert_true(tokenizer_is_special(tokenizer, 0));
    assert_false(tokenizer_is_special(tokenizer, 2));
    /* "so" is the only pair of the text; the vocabulary ends there */
    assert_int_equal(tokenizer_vocab_size(tokenizer), 261);
    assert_string_equal(ids_text(tokenizer, "<think>so<|endoftext|>", 22, true, out, sizeof out), "2 260 0");
    tokenizer_free(tokenizer);
}

static void any_corpus_trains(void **state)
{
    (void)state;
    tokenizer_free(trained("", 0, 260));
    tokenizer_free(trained("", 0, 500));
    tokenizer_free(trained("\0\0\0\xFF\xFF\xFE\xE4\xBD", 8, 300));
    enum { LETTERS = 300000 };
    char *const text = base_alloc(LETTERS, 1);
    memset(text, 'a', LETTERS); /* one word; counted in parts, or each merge would walk all of it */
    Tokenizer *const tokenizer = trained(text, LETTERS, 268);
    assert_int_equal(tokenizer_vocab_size(tokenizer), 268);
    tokenizer_free(tokenizer);
    base_free(text);
}

static void check_refused(TokenizerTraining training, const char *part)
{
    Error err = {0};
    char *const folder = folder_of("refused");
    if (tokenizer_train(&training, "a b", 3, folder, &err)) fail_msg("was taken: %s", part);
    assert_int_equal(err.kind, ERROR_USAGE);
    if (!strstr(err.text, part)) fail_msg("\"%s\" does not hold \"%s\"", err.text, part);
    assert_false(file_exists(folder));
    base_free(folder);
}

static void what_cannot_be_trained_is_said(void **state)
{
    (void)state;
    TokenizerTraining t = training_of(259);
    check_refused(t, "260 (256 bytes, 4 special and added)");
    t = training_of(INT64_MAX);
    check_refused(t, "allowed");
    static const char *const names[] = {"<x>", "<x>"}, *const empty[] = {""}, *const byte[] = {"a"},
                             *const latin[] = {"<\xC3\xA9>"}, *const broken[] = {"<\xFF>"};
    t = training_of(400);
    t.added = names;
    check_refused(t, "given twice");
    t.n_added = 1;
    t.added = empty;
    check_refused(t, "empty");
    t.added = byte;
    check_refused(t, "bytes");
    t.added = latin;
    check_refused(t, "bytes");
    t.added = broken;
    check_refused(t, "UTF-8");
    t = training_of(400);
    t.eos = "<think>";
    check_refused(t, "the eos token");
}

static void a_folder_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    const TokenizerTraining training = training_of(300);
    Error err = {0};
    assert_false(tokenizer_train(&training, "a b", 3, "/proc/nowhere/tokenizer", &err));
    assert_non_null(strstr(err.text, "/proc/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_carried_corpus_gives_the_carried_tokenizer),
        cmocka_unit_test(the_most_frequent_pair_comes_first_and_ties_go_by_bytes),
        cmocka_unit_test(two_ways_to_one_token_are_two_merges),
        cmocka_unit_test(digits_stand_alone_and_words_keep_their_space),
        cmocka_unit_test(fixed_tokens_come_first_and_are_not_learnt),
        cmocka_unit_test(any_corpus_trains),
        cmocka_unit_test(what_cannot_be_trained_is_said),
        cmocka_unit_test(a_folder_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* tests/data/test_token_shards.c: shards are the same on any number of threads, every token is predicted once, the side of a document
 * is its text's, and damage is named. */
#include "data/token_shards.h"

#include "base/arena.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[] = "/tmp/r1-token-shards-XXXXXX";
static Tokenizer *tokenizer;

static const char *path_of(const char *name)
{
    static char paths[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], "%s/%s", folder, name);
    return paths[next];
}

static void write_rows(const char *name, int first, int n)
{
    FILE *const file = fopen(path_of(name), "w");
    for (int i = first; i < first + n; i++)
        fprintf(file, "{\"text\": \"document %d says %d times a%.*s\"}\n", i, i * i, i % 40,
                "bcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst");
    fclose(file);
}

static bool make(const char *source, const char *out, double held_out, int n_threads, Error *err)
{
    Threads *threads;
    assert_true(threads_create(&threads, n_threads, err));
    const TokenShardSettings settings = {
        .path = path_of(source), .held_out = held_out, .section_bytes = 4096, .eos = 0, .vocab_size = 600};
    const bool ok = token_shards_write(path_of(out), &settings, tokenizer, threads, err);
    threads_free(threads);
    return ok;
}

static TokenShards *open_made(const char *name, int64_t context)
{
    TokenShards *shards;
    Error err = {0};
    if (!token_shards_open(&shards, path_of(name), context, 600, &err)) fail_msg("%s", err.text);
    return shards;
}

static void files_do_not_depend_on_threads(void **state)
{
    (void)state;
    static const char *const files[] = {"train-00000.safetensors", "held-out-00000.safetensors"};
    Error err = {0};
    write_rows("a.jsonl", 0, 500);
    assert_true(make("a.jsonl", "one", 0.3, 1, &err) && make("a.jsonl", "four", 0.3, 4, &err));
    for (int i = 0; i < 2; i++) {
        char a[33], b[33], name[60];
        snprintf(name, sizeof name, "one/%s", files[i]);
        assert_true(file_hash(path_of(name), a, &err));
        snprintf(name, sizeof name, "four/%s", files[i]);
        assert_true(file_hash(path_of(name), b, &err));
        assert_string_equal(a, b);
    }
}

/* Windows of any length, put together, are the documents: ids and an end of text each. */
static void every_token_is_predicted_once(void **state)
{
    (void)state;
    Error err = {0};
    write_rows("b.jsonl", 0, 50);
    assert_true(make("b.jsonl", "b", 0, 2, &err));
    for (int64_t context = 1; context < 40; context += 6) {
        TokenShards *const shards = open_made("b", context);
        const TokenWindows *const w = token_shards_windows(shards, TOKENS_TRAIN);
        assert_int_equal(token_shards_windows(shards, TOKENS_HELD_OUT)->n, 0);
        int64_t n_rows = 0, n_ends = 0;
        for (int64_t i = 0; i < w->n; i++) {
            assert_in_range(w->items[i].n_rows, 1, context);
            n_rows += w->items[i].n_rows;
            for (int64_t r = 1; r <= w->items[i].n_rows; r++) n_ends += w->items[i].ids[r] == 0;
            const int32_t last = w->items[i].ids[w->items[i].n_rows]; /* goes on in the next, or the document ends */
            if (last != 0) assert_int_equal(w->items[i + 1].ids[0], last);
        }
        assert_int_equal(n_rows, w->n_rows);
        assert_int_equal(n_ends, 50);
        token_shards_close(shards);
    }
}

static void the_side_is_the_texts(void **state)
{
    (void)state;
    Error err = {0};
    write_rows("c.jsonl", 100, 300);
    assert_true(make("c.jsonl", "c", 0.25, 2, &err));
    TokenShards *const few = open_made("c", 64);
    const int64_t n = token_shards_windows(few, TOKENS_HELD_OUT)->n;
    assert_in_range(n, 40, 120); /* 75 of 300 are expected */
    /* the same documents twice, among others: those that were held out still are */
    assert_true(file_make_folders(path_of("more"), &err));
    write_rows("more/1.jsonl", 100, 300);
    write_rows("more/2.jsonl", 100, 300);
    assert_true(make("more", "more-tokens", 0.25, 2, &err));
    TokenShards *const more = open_made("more-tokens", 64);
    assert_int_equal(token_shards_windows(more, TOKENS_HELD_OUT)->n, 2 * n);
    token_shards_close(few);
    token_shards_close(more);
}

static void flip(const char *name, long offset)
{
    FILE *const file = fopen(path_of(name), "r+b");
    assert_int_equal(fseek(file, offset, offset < 0 ? SEEK_END : SEEK_SET), 0);
    fputc(0xEE, file);
    fclose(file);
}

static void damage_is_named(void **state)
{
    (void)state;
    Error err = {0};
    TokenShards *shards;
    write_rows("d.jsonl", 0, 20);
    assert_true(make("d.jsonl", "d", 0, 1, &err));
    flip("d/train-00000.safetensors", -1);
    assert_false(token_shards_open(&shards, path_of("d"), 64, 600, &err));
    assert_null(shards);
    assert_non_null(strstr(err.text, "train-00000.safetensors: \"ids\"["));
    assert_true(make("d.jsonl", "d", 0, 1, &err)); /* replaces the folder */
    assert_false(token_shards_open(&shards, path_of("d"), 64, 100, &err));
    assert_non_null(strstr(err.text, "the vocabulary has 100"));
    assert_int_equal(remove(path_of("d/train-00000.safetensors")), 0);
    assert_false(token_shards_open(&shards, path_of("d"), 64, 600, &err));
    assert_non_null(strstr(err.text, "d/train-00000.safetensors"));
    flip("d/index.json", 0);
    assert_false(token_shards_open(&shards, path_of("d"), 64, 600, &err));
    assert_non_null(strstr(err.text, "d/index.json:1:"));
    write_rows("none.jsonl", 0, 0);
    assert_false(make("none.jsonl", "none", 0, 1, &err));
    assert_non_null(strstr(err.text, "none.jsonl: no document to train on"));
    assert_false(file_exists(path_of("none")));
}

static int begin(void **state)
{
    (void)state;
    Error err = {0};
    return mkdtemp(folder) && tokenizer_open(&tokenizer, R1_SOURCE_DIR "/tests/text/tiny", &err) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    Error err = {0};
    tokenizer_free(tokenizer);
    return file_remove_tree(folder, &err) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_do_not_depend_on_threads),
        cmocka_unit_test(every_token_is_predicted_once),
        cmocka_unit_test(the_side_is_the_texts),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, begin, end);
}

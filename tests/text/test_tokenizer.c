/* SPDX-License-Identifier: MIT */
/* tests/text/test_tokenizer.c: encoding and decoding, against Hugging Face's tokenizers (tools/tokenizer_golden.py makes the
 * golden files) and against what every tokenizer promises: bytes come back, long texts come to an end. */
#include "base/philox.h"
#include "base/threads.h"
#include "small.h"

static Tokenizer *open_tiny(void)
{
    Tokenizer *tokenizer;
    Error err = {0};
    if (!tokenizer_open(&tokenizer, R1_SOURCE_DIR "/tests/text/tiny", &err)) fail_msg("%s", err.text);
    return tokenizer;
}

/* ---- golden files ---- */

static bool same_ids(const TokenIds *ids, const json_t *golden)
{
    if (ids->n != (int64_t)json_array_size(golden)) return false;
    for (int64_t i = 0; i < ids->n; i++)
        if (ids->ids[i] != json_integer_value(json_array_get(golden, (size_t)i))) return false;
    return true;
}

static void check_ids(const Tokenizer *tokenizer, const char *name, const json_t *row, bool special)
{
    const json_t *const text = json_object_get(row, "text");
    const json_t *golden = json_object_get(row, "special_ids");
    if (!special || !golden) golden = json_object_get(row, "ids");
    TokenIds ids = {0};
    Error err = {0};
    if (!tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), special, &ids, &err))
        fail_msg("%s: %s", name, err.text);
    if (!same_ids(&ids, golden)) {
        char got[4000];
        char *const wanted = json_dumps(golden, JSON_COMPACT), *const shown = json_dumps(text, JSON_ENCODE_ANY);
        ids_text(tokenizer, json_string_value(text), json_string_length(text), special, got, sizeof got);
        fail_msg("%s: text %s, special tokens %d\n  ids    %s\n  golden %s", name, shown, special, got, wanted);
    }
    token_ids_free(&ids);
}

static void check_text(const Tokenizer *tokenizer, const char *name, const json_t *row)
{
    const json_t *golden = json_object_get(row, "decoded");
    if (!golden) golden = json_object_get(row, "text");
    TokenIds ids = {0};
    const json_t *const list = json_object_get(row, "ids");
    for (size_t i = 0; i < json_array_size(list); i++)
        token_ids_append(&ids, (int32_t)json_integer_value(json_array_get(list, i)));
    char *text;
    size_t length;
    Error err = {0};
    if (!tokenizer_decode(tokenizer, ids.ids, ids.n, false, &text, &length, &err)) fail_msg("%s: %s", name, err.text);
    JsonOut out = {0}, wanted = {0}; /* bytes that are no UTF-8 are U+FFFD in the golden file */
    json_out_string(&out, text, length);
    json_out_string(&wanted, json_string_value(golden), json_string_length(golden));
    if (strcmp(out.text, wanted.text) != 0) fail_msg("%s: decoded %s\n  golden %s", name, out.text, wanted.text);
    json_out_free(&out);
    json_out_free(&wanted);
    base_free(text);
    token_ids_free(&ids);
}

/* Calls check for each line of a JSONL file. */
static void each_line(const char *path, void (*check)(const json_t *row, void *context), void *context)
{
    char *text;
    size_t length;
    Error err = {0};
    if (!file_read_all(path, 1 << 24, &text, &length, &err)) fail_msg("%s", err.text);
    int64_t line = 1;
    for (char *at = text, *end; at < text + length; at = end + 1, line++) {
        end = strchr(at, '\n');
        json_t *const row = json_read_text(at, (size_t)(end - at), path, line, &err);
        if (!row) fail_msg("%s", err.text);
        check(row, context);
        json_decref(row);
    }
    base_free(text);
}

static void check_tiny_row(const json_t *row, void *context)
{
    check_ids(context, "tiny", row, false);
    check_ids(context, "tiny", row, true);
    check_text(context, "tiny", row);
}

static void tiny_gives_what_hugging_face_gives(void **state)
{
    (void)state;
    Tokenizer *const tokenizer = open_tiny();
    each_line(R1_SOURCE_DIR "/tests/text/tiny/golden.jsonl", check_tiny_row, tokenizer);
    tokenizer_free(tokenizer);
}

static json_t *with_changes(const json_t *base, const json_t *changes)
{
    json_t *const whole = json_deep_copy(base);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)changes, key, value)
    {
        if (strcmp(key, "model") == 0)
            json_object_update(json_object_get(whole, "model"), value);
        else
            json_object_set(whole, key, value);
    }
    return whole;
}

static void check_pipeline(const json_t *line, void *context)
{
    json_t **const base = context;
    if (!*base) { /* the first line is what the others change */
        *base = json_incref(json_object_get(line, "tokenizer"));
        return;
    }
    const char *const name = json_string_value(json_object_get(line, "name"));
    json_t *const json = with_changes(*base, json_object_get(line, "changes"));
    Error err = {0};
    Tokenizer *const tokenizer = tokenizer_of(json, &err);
    if (!tokenizer) fail_msg("%s: %s", name, err.text);
    const json_t *const rows = json_object_get(line, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        check_ids(tokenizer, name, json_array_get(rows, i), false);
        check_ids(tokenizer, name, json_array_get(rows, i), true);
        check_text(tokenizer, name, json_array_get(rows, i));
    }
    tokenizer_free(tokenizer);
    json_decref(json);
}

static void every_pipeline_gives_what_hugging_face_gives(void **state)
{
    (void)state;
    json_t *base = NULL;
    each_line(R1_SOURCE_DIR "/tests/text/pipelines.jsonl", check_pipeline, &base);
    json_decref(base);
}

/* ---- any bytes ---- */

static void comes_back(const Tokenizer *tokenizer, const char *bytes, size_t n, const char *what)
{
    TokenIds ids = {0};
    char *text;
    size_t length;
    Error err = {0};
    if (!tokenizer_encode(tokenizer, bytes, n, false, &ids, &err)) fail_msg("%s: %s", what, err.text);
    if (!tokenizer_decode(tokenizer, ids.ids, ids.n, false, &text, &length, &err)) fail_msg("%s: %s", what, err.text);
    if (length != n || memcmp(text, bytes, n) != 0)
        fail_msg("%s: %zu bytes went in, %zu others came back", what, n, length);
    assert_int_equal(text[length], 0);
    base_free(text);
    token_ids_free(&ids);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    Tokenizer *const tokenizer = open_tiny();
    enum { MOST = 64 };
    char bytes[MOST], what[32];
    for (uint32_t round = 0; round < 2000; round++) {
        const size_t n = round % MOST;
        for (size_t i = 0; i < n; i++) {
            uint32_t draw[4];
            philox_4x32(draw, (const uint32_t[4]){round, (uint32_t)i, 0, 0}, (const uint32_t[2]){1, RNG_TEST});
            /* half of them from all bytes, half from those that begin, continue and cut short sequences */
            bytes[i] = draw[0] & 1 ? (char)draw[1] : "\xE4\xBD\xA0\xF0\x9F\x98\x80 a<\0\xC3"[draw[1] % 13];
        }
        snprintf(what, sizeof what, "round %u", round);
        comes_back(tokenizer, bytes, n, what);
    }
    tokenizer_free(tokenizer);
}

static void bad_bytes_do_not_disturb_their_neighbours(void **state)
{
    (void)state;
    json_t *const json = small_json();
    Error err = {0};
    Tokenizer *const tokenizer = tokenizer_of(json, &err);
    char out[200];
    /* 0xFF has no token in this vocabulary: it is left out, the words around it are what they were */
    assert_string_equal(ids_text(tokenizer, "abc\xFF abc", 8, false, out, sizeof out), "7 9 1 2");
    assert_string_equal(ids_text(tokenizer, "ab\xE4\xBD<t>\xFF", 8, false, out, sizeof out), "6 11");
    tokenizer_free(tokenizer);
    json_decref(json);
}

static void a_megabyte_of_anything_comes_to_an_end(void **state)
{
    (void)state;
    static const char *const units[] = {
        "a", " ", "\n", "\t ", "7", "ab", "<", "<think", "\xE4\xBD\xA0", "\xCC\x81", "'", "\xFF", "\xE4", "e\xCC\x81"};
    enum { BYTES = 1 << 20 };
    char *const text = base_alloc(BYTES, 1);
    Tokenizer *const tokenizer = open_tiny();
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        const size_t unit = strlen(units[u]), n = BYTES / unit * unit;
        for (size_t i = 0; i < n; i++) text[i] = units[u][i % unit];
        comes_back(tokenizer, text, n, units[u]);
    }
    tokenizer_free(tokenizer);
    base_free(text);
}

static void a_megabyte_of_marks_is_ordered_in_no_time(void **state)
{
    (void)state;
    /* Marks of class 230, then as many of class 220: swapping neighbours would take 10^10 steps. */
    enum { MARKS = 250000 };
    char *const text = base_alloc(4 * MARKS, 1);
    for (size_t i = 0; i < MARKS; i++) {
        memcpy(text + 2 * i, "\xCC\x81", 2);
        memcpy(text + 2 * (MARKS + i), "\xCC\xA3", 2);
    }
    size_t n;
    char *const normal = normalize(NORMAL_NFC, text, 4 * MARKS, &n);
    assert_int_equal(n, 4 * MARKS);
    assert_memory_equal(normal, "\xCC\xA3\xCC\xA3", 4);
    assert_memory_equal(normal + n - 4, "\xCC\x81\xCC\x81", 4);
    base_free(normal);
    base_free(text);
}

/* A heap and a scan must agree wherever the border between them lies: pieces of every length around it. */
static void long_pieces_merge_like_short_ones(void **state)
{
    (void)state;
    Tokenizer *const tokenizer = open_tiny();
    char text[600];
    for (size_t n = 1; n < 300; n++) {
        for (size_t i = 0; i < n; i++) text[i] = "theandoftextaaa"[i % 15];
        TokenIds ids = {0};
        Error err = {0};
        assert_true(tokenizer_encode(tokenizer, text, n, false, &ids, &err));
        /* by definition: the lowest rank of all neighbours, leftmost first */
        int32_t symbols[600];
        int64_t left = (int64_t)n;
        for (size_t i = 0; i < n; i++) symbols[i] = tokenizer->byte_ids[(unsigned char)text[i]];
        for (;;) {
            int64_t best = -1;
            int32_t best_rank = INT32_MAX, result = 0;
            for (int64_t i = 0; i + 1 < left; i++)
                for (int64_t s = 0; s < tokenizer->merges.capacity; s++) {
                    const BpeSlot *const slot = &tokenizer->merges.slots[s];
                    if (slot->rank < 0 || slot->left != symbols[i] || slot->right != symbols[i + 1] ||
                        slot->rank >= best_rank)
                        continue;
                    best = i;
                    best_rank = slot->rank;
                    result = slot->result;
                }
            if (best < 0) break;
            symbols[best] = result;
            memmove(symbols + best + 1, symbols + best + 2, (size_t)(left - best - 2) * sizeof *symbols);
            left--;
        }
        if (ids.n != left || memcmp(ids.ids, symbols, (size_t)left * sizeof *symbols) != 0)
            fail_msg("a piece of %zu bytes", n);
        token_ids_free(&ids);
        if (n > 80) n += 40;
    }
    tokenizer_free(tokenizer);
}

/* ---- the rest of the header ---- */

static void special_tokens_are_added_and_left_out_on_request(void **state)
{
    (void)state;
    json_t *const json = small_json();
    Error err = {0};
    Tokenizer *const tokenizer = tokenizer_of(json, &err);
    char out[200];
    assert_string_equal(ids_text(tokenizer, "ab", 2, true, out, sizeof out), "10 6");
    assert_string_equal(ids_text(tokenizer, "ab<t><s>", 8, false, out, sizeof out), "6 11 10");
    char *text;
    size_t length;
    assert_true(tokenizer_decode(tokenizer, (const int32_t[]){10, 9, 11, 10}, 4, true, &text, &length, &err));
    assert_string_equal(text, " a<t>");
    base_free(text);
    assert_true(tokenizer_decode(tokenizer, (const int32_t[]){10, 9, 11, 10}, 4, false, &text, &length, &err));
    assert_string_equal(text, "<s> a<t><s>");
    base_free(text);
    assert_int_equal(tokenizer_vocab_size(tokenizer), 12);
    assert_int_equal(tokenizer_id(tokenizer, "<t>"), 11);
    assert_int_equal(tokenizer_id(tokenizer, "<u>"), -1);
    assert_true(tokenizer_is_special(tokenizer, 10));
    assert_false(tokenizer_is_special(tokenizer, 11));
    assert_false(tokenizer_is_special(tokenizer, 12));
    assert_false(tokenizer_is_special(tokenizer, -1));
    tokenizer_free(tokenizer);
    json_decref(json);
}

static void an_id_out_of_range_is_named(void **state)
{
    (void)state;
    json_t *const json = small_json();
    Error err = {0};
    Tokenizer *const tokenizer = tokenizer_of(json, &err);
    char *text;
    size_t length;
    assert_false(tokenizer_decode(tokenizer, (const int32_t[]){0, 12}, 2, false, &text, &length, &err));
    assert_string_equal(err.text, "ids[1] is 12: no token has this id (they go from 0 to 11)");
    assert_false(tokenizer_decode(tokenizer, (const int32_t[]){-1}, 1, false, &text, &length, &err));
    tokenizer_free(tokenizer);
    json_decref(json);
}

static void the_config_names_tokens_and_adds_none(void **state)
{
    (void)state;
    json_t *const json = small_json();
    json_object_del(json, "post_processor");
    Error err = {0};
    Tokenizer *const tokenizer = tokenizer_of(json, &err);
    const char config[] = "{\"add_bos_token\": true, \"bos_token\": {\"content\": \"<s>\"}, \"eos_token\": \"<t>\", "
                          "\"model_max_length\": 1000000000000000019884624838656}";
    char out[200];
    assert_true(tokenizer_read_config(tokenizer, config, strlen(config), "tokenizer_config.json", &err));
    assert_int_equal(tokenizer_bos(tokenizer), 10);
    assert_int_equal(tokenizer_eos(tokenizer), 11);
    assert_int_equal(tokenizer_pad(tokenizer), -1);
    assert_string_equal(ids_text(tokenizer, "a", 1, true, out, sizeof out), "0");
    tokenizer_free(tokenizer);
    json_decref(json);
}

typedef struct Shared {
    const Tokenizer *tokenizer;
    char ids[64][400];
} Shared;

static void encode_item(void *context, int64_t item, int thread)
{
    (void)thread;
    Shared *const shared = context;
    char text[100];
    const int n = snprintf(text, sizeof text, "the text number %d, and <think>so on</think> 12+30", (int)item % 8);
    ids_text(shared->tokenizer, text, (size_t)n, false, shared->ids[item], sizeof shared->ids[item]);
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    Tokenizer *const tokenizer = open_tiny();
    Shared *const shared = base_alloc(1, sizeof *shared);
    shared->tokenizer = tokenizer;
    Threads *pool;
    Error err = {0};
    assert_true(threads_create(&pool, 4, &err));
    threads_run(pool, 64, encode_item, shared);
    for (int i = 8; i < 64; i++) assert_string_equal(shared->ids[i], shared->ids[i % 8]);
    threads_free(pool);
    base_free(shared);
    tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_gives_what_hugging_face_gives),
        cmocka_unit_test(every_pipeline_gives_what_hugging_face_gives),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(bad_bytes_do_not_disturb_their_neighbours),
        cmocka_unit_test(a_megabyte_of_anything_comes_to_an_end),
        cmocka_unit_test(a_megabyte_of_marks_is_ordered_in_no_time),
        cmocka_unit_test(long_pieces_merge_like_short_ones),
        cmocka_unit_test(special_tokens_are_added_and_left_out_on_request),
        cmocka_unit_test(an_id_out_of_range_is_named),
        cmocka_unit_test(the_config_names_tokens_and_adds_none),
        cmocka_unit_test(threads_share_a_tokenizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

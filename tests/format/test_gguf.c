/* SPDX-License-Identifier: MIT */
/* The GGUF container: what is read, and every way a file can be damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "format/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file under construction, in a heap block of exactly its size when it is opened, so that the sanitizer sees a read past
 * the end. */
typedef struct Image {
    unsigned char bytes[4096];
    size_t n;
} Image;

static void put(Image *image, const void *bytes, size_t n)
{
    memcpy(image->bytes + image->n, bytes, n);
    image->n += n;
}
static void put_u32(Image *image, uint32_t value)
{
    put(image, &value, sizeof value);
}
static void put_u64(Image *image, uint64_t value)
{
    put(image, &value, sizeof value);
}
static void put_text(Image *image, const char *text)
{
    put_u64(image, strlen(text));
    put(image, text, strlen(text));
}
static void put_head(Image *image, uint64_t n_tensors, uint64_t n_values)
{
    *image = (Image){0};
    put(image, "GGUF", 4);
    put_u32(image, 3);
    put_u64(image, n_tensors);
    put_u64(image, n_values);
}
static void put_tensor(Image *image, const char *name, uint64_t columns, uint64_t rows, uint32_t type, uint64_t offset)
{
    put_text(image, name);
    put_u32(image, 2);
    put_u64(image, columns);
    put_u64(image, rows);
    put_u32(image, type);
    put_u64(image, offset);
}
static void put_data(Image *image, size_t n)
{
    image->n = (image->n + 31) / 32 * 32 + n;
}

enum { F32 = 0, Q4_0 = 2, UINT32 = 4, FLOAT32 = 6, BOOL = 7, STRING = 8, ARRAY = 9, UINT64 = 10 };

/* Two values and two tensors, all well. */
static Image whole(void)
{
    Image image;
    put_head(&image, 2, 3);
    put_text(&image, "general.architecture"), put_u32(&image, STRING), put_text(&image, "llama");
    put_text(&image, "a.list"), put_u32(&image, ARRAY), put_u32(&image, STRING), put_u64(&image, 2);
    put_text(&image, "x"), put_text(&image, "");
    put_text(&image, "a.number"), put_u32(&image, UINT32), put_u32(&image, 7);
    put_tensor(&image, "w", 32, 3, Q4_0, 0);
    put_tensor(&image, "b", 4, 2, F32, 64);
    put_data(&image, 64 + 32);
    return image;
}

static bool open_image(GgufFile *file, unsigned char **bytes, const Image *image, Error *err)
{
    *bytes = base_alloc(image->n, 1);
    memcpy(*bytes, image->bytes, image->n);
    return gguf_open_bytes(file, image->n ? *bytes : NULL, image->n, "x.gguf", err);
}

static void is_refused(const Image *image, const char *words)
{
    GgufFile file;
    unsigned char *bytes;
    Error err = {0};
    if (open_image(&file, &bytes, image, &err)) fail_msg("accepted, should say \"%s\"", words);
    if (err.kind != ERROR_INPUT || !strstr(err.text, words) || strncmp(err.text, "x.gguf: ", 8) != 0 ||
        strchr(err.text, '\n'))
        fail_msg("said \"%s\", should say \"%s\"", err.text, words);
    base_free(bytes);
}

static void values_and_tensors_are_found_by_name(void **state)
{
    (void)state;
    const Image image = whole();
    GgufFile file;
    unsigned char *bytes;
    Error err = {0};
    if (!open_image(&file, &bytes, &image, &err)) fail_msg("%s", err.text);
    int64_t number = 0;
    double as_double = 0;
    GgufText text = {0};
    const GgufValue *list;
    assert_true(gguf_get_int(&file, "a.number", 0, 10, &number, &err) && number == 7);
    assert_true(gguf_get_double(&file, "a.number", &as_double, &err) && as_double == 7.0);
    assert_true(gguf_get_text(&file, "general.architecture", &text, &err));
    assert_true(text.length == 5 && memcmp(text.bytes, "llama", 5) == 0);
    assert_true(gguf_get_array(&file, "a.list", GGUF_STRING, &list, &err) && list->n_items == 2);
    const unsigned char *at = list->data;
    assert_int_equal(gguf_next_text(&at).length, 1);
    assert_int_equal(gguf_next_text(&at).length, 0);
    assert_true(gguf_get_int(&file, "missing", 0, 1, &number, &err) && number == 7);
    assert_false(gguf_get_int(&file, "a.number", 0, 6, &number, &err));
    assert_string_equal(err.text, "x.gguf: key \"a.number\" is 7, must be 0 to 6");
    assert_false(gguf_get_int(&file, "a.list", 0, 6, &number, &err));
    assert_string_equal(err.text, "x.gguf: key \"a.list\" is an array of string, must be an integer");
    assert_false(gguf_get_array(&file, "a.list", GGUF_I32, &list, &err));
    const GgufTensor *const w = gguf_tensor(&file, "w");
    assert_true(w->rank == 2 && w->shape[0] == 3 && w->shape[1] == 32 && w->n_bytes == 54);
    assert_ptr_equal(w->data, bytes + image.n - 96);
    assert_null(gguf_tensor(&file, "v"));
    assert_false(gguf_check_shape(&file, w, 2, (const int64_t[]){32, 3}, &err));
    assert_string_equal(err.text, "x.gguf: tensor \"w\" has shape [3, 32], must be [32, 3]");
    gguf_close(&file);
    base_free(bytes);
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    const Image image = whole();
    for (size_t n = 0; n < image.n; n++) {
        Image cut = image;
        cut.n = n;
        is_refused(&cut, "");
    }
}

static void counts_that_do_not_fit_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    static const uint64_t huge[] = {1000, 1ULL << 32, 1ULL << 62, UINT64_MAX};
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        Image image;
        put_head(&image, 0, huge[i]);
        is_refused(&image, "keys do not fit");
        put_head(&image, huge[i], 0);
        is_refused(&image, "tensors do not fit");
        put_head(&image, 0, 1);
        put_text(&image, "k"), put_u32(&image, ARRAY), put_u32(&image, UINT64), put_u64(&image, huge[i]);
        is_refused(&image, "items do not fit");
        put_head(&image, 0, 1);
        put_text(&image, "k"), put_u32(&image, STRING), put_u64(&image, huge[i]);
        is_refused(&image, "key \"k\": a string of");
        put_head(&image, 0, 1);
        put_u64(&image, huge[i]);
        put_data(&image, 32);
        is_refused(&image, "the metadata: a string of");
    }
}

static void damaged_metadata_is_refused_by_name(void **state)
{
    (void)state;
    Image image = whole();
    image.bytes[0] = 'g';
    is_refused(&image, "does not begin with GGUF");
    image = whole();
    image.bytes[4] = 1;
    is_refused(&image, "is GGUF version 1; r1 reads 2 and 3");
    put_head(&image, 0, 1);
    put_text(&image, "k"), put_u32(&image, 13), put_u64(&image, 0);
    is_refused(&image, "key \"k\": value type 13 is unknown");
    put_head(&image, 0, 1);
    put_text(&image, "k"), put_u32(&image, BOOL), put(&image, "\2", 1);
    is_refused(&image, "key \"k\": a bool is 2");
    put_head(&image, 0, 1);
    put_text(&image, "k"), put_u32(&image, ARRAY), put_u32(&image, ARRAY), put_u64(&image, 1);
    is_refused(&image, "key \"k\": arrays of arrays");
    put_head(&image, 0, 2);
    for (int i = 0; i < 2; i++) put_text(&image, "same"), put_u32(&image, UINT32), put_u32(&image, 7);
    is_refused(&image, "key \"same\" is there twice");
    put_head(&image, 0, 1);
    put_text(&image, "general.alignment"), put_u32(&image, UINT32), put_u32(&image, 24);
    is_refused(&image, "must be a power of two");
    put_head(&image, 0, 1);
    put_text(&image, "general.alignment"), put_u32(&image, STRING), put_text(&image, "32");
    is_refused(&image, "key \"general.alignment\" is string, must be an integer");
    put_head(&image, 0, 1);
    put_text(&image, ""), put_u32(&image, UINT32), put_u32(&image, 7);
    is_refused(&image, "a name of 0 bytes");
}

static void damaged_tensors_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        uint64_t columns, rows, offset;
        uint32_t type;
        const char *words;
    } cases[] = {
        {33, 1, 0, Q4_0, "tensor \"t\": rows of 33 elements cannot be cut into Q4_0 blocks of 32"},
        {32, 1, 0, 4, "tensor \"t\": element type 4 is not read"},
        {32, 1, 0, 0xFFFFFFFF, "tensor \"t\": element type 4294967295 is not read"},
        {32, 0, 0, F32, "tensor \"t\": a dimension is 0"},
        {32, 1ULL << 60, 0, F32, "tensor \"t\": a dimension is 1152921504606846976"},
        {1ULL << 31, 1ULL << 31, 0, F32, "tensor \"t\": 4611686018427387904 elements are too many"},
        {1ULL << 63, 1, 0, F32, "tensor \"t\": a dimension is 9223372036854775808"},
        {32, 1, 16, F32, "tensor \"t\": its offset 16 is not a multiple of the alignment 32"},
        {32, 1, 1ULL << 63, F32, "tensor \"t\": its offset 9223372036854775808"},
        {32, 2, 64, F32, "tensor \"t\" of 256 bytes at 64 ends after the file, which has 128 bytes of data"},
        {32, 1, 1ULL << 62, F32, "ends after the file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Image image;
        put_head(&image, 1, 0);
        put_tensor(&image, "t", cases[i].columns, cases[i].rows, cases[i].type, cases[i].offset);
        put_data(&image, 128);
        is_refused(&image, cases[i].words);
    }
    Image image;
    put_head(&image, 2, 0);
    put_tensor(&image, "t", 4, 1, F32, 0), put_tensor(&image, "t", 4, 1, F32, 32);
    put_data(&image, 64);
    is_refused(&image, "tensor \"t\" is there twice");
    put_head(&image, 2, 0);
    put_tensor(&image, "t", 12, 1, F32, 0), put_tensor(&image, "u", 4, 1, F32, 32);
    put_data(&image, 64);
    is_refused(&image, "tensor \"u\" overlaps tensor \"t\"");
    put_head(&image, 1, 0);
    put_text(&image, "t"), put_u32(&image, 5);
    put_data(&image, 64);
    is_refused(&image, "tensor \"t\": 5 dimensions");
}

/* Whatever one flipped bit makes of a file: opened or refused with one line, never more. */
static void a_flipped_bit_anywhere_is_survived(void **state)
{
    (void)state;
    const Image image = whole();
    for (size_t bit = 0; bit < 8 * image.n; bit++) {
        Image flipped = image;
        flipped.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        GgufFile file;
        unsigned char *bytes;
        Error err = {0};
        if (open_image(&file, &bytes, &flipped, &err))
            gguf_close(&file);
        else
            assert_true(err.kind == ERROR_INPUT && strncmp(err.text, "x.gguf: ", 8) == 0 && !strchr(err.text, '\n'));
        base_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_tensors_are_found_by_name),
        cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
        cmocka_unit_test(counts_that_do_not_fit_are_refused_before_memory_is_taken),
        cmocka_unit_test(damaged_metadata_is_refused_by_name),
        cmocka_unit_test(damaged_tensors_are_refused_by_name),
        cmocka_unit_test(a_flipped_bit_anywhere_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

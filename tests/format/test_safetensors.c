/* SPDX-License-Identifier: MIT */
/* The safetensors container: what is read, what is written, and every way a file can be damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "format/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file in memory: header and data_bytes bytes of 0, 1, 2, ... behind it. In a heap block of exactly its size, so that the
 * sanitizer sees a read past the end. */
typedef struct Image {
    unsigned char *bytes;
    size_t n;
} Image;

static Image image_of(const char *header, size_t data_bytes)
{
    const uint64_t n = strlen(header);
    Image image = {base_alloc(8 + n + data_bytes, 1), 8 + n + data_bytes};
    memcpy(image.bytes, &n, 8);
    memcpy(image.bytes + 8, header, n);
    for (size_t i = 0; i < data_bytes; i++) image.bytes[8 + n + i] = (unsigned char)i;
    return image;
}

static void is_refused(const char *header, size_t data_bytes, const char *words)
{
    Image image = image_of(header, data_bytes);
    SafetensorsFile file;
    Error err = {0};
    const bool opened = safetensors_open_bytes(&file, image.bytes, image.n, "x.safetensors", &err);
    if (opened) fail_msg("%s was accepted", header);
    if (err.kind != ERROR_INPUT || !strstr(err.text, words) || strncmp(err.text, "x.safetensors: ", 15) != 0 ||
        strchr(err.text, '\n'))
        fail_msg("%s: said \"%s\", should say \"%s\"", header, err.text, words);
    base_free(image.bytes);
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define B "\"b\":{\"dtype\":\"I32\",\"shape\":[3],\"data_offsets\":[16,28]}"
#define C "\"c\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[28,30]}"
static const char WHOLE[] = "{\"__metadata__\":{\"format\":\"pt\"}," B "," A "," C "}   ";
enum { WHOLE_DATA = 30 };

static void tensors_are_found_by_name(void **state)
{
    (void)state;
    Image image = image_of(WHOLE, WHOLE_DATA);
    SafetensorsFile file;
    Error err = {0};
    if (!safetensors_open_bytes(&file, image.bytes, image.n, "x", &err)) fail_msg("%s", err.text);
    assert_int_equal(file.n_tensors, 3);
    assert_string_equal(file.tensors[0].name, "a");
    const SafetensorsTensor *const b = safetensors_find(&file, "b");
    assert_non_null(b);
    assert_true(b->dtype == DTYPE_I32 && b->rank == 1 && b->shape[0] == 3 && b->n_elements == 3 && b->n_bytes == 12);
    assert_ptr_equal(b->data, image.bytes + image.n - WHOLE_DATA + 16);
    const SafetensorsTensor *const c = safetensors_find(&file, "c");
    assert_true(c->rank == 0 && c->n_elements == 1);
    assert_null(safetensors_find(&file, "__metadata__"));
    assert_null(safetensors_find(&file, "d"));
    const int64_t shape[2] = {2, 3};
    assert_true(safetensors_check_shape(safetensors_find(&file, "a"), 2, (const int64_t[]){2, 2}, &err));
    assert_false(safetensors_check_shape(safetensors_find(&file, "a"), 2, shape, &err));
    assert_string_equal(err.text, "x: tensor \"a\" has shape [2, 2], must be [2, 3]");
    assert_false(safetensors_check_shape(c, 1, shape, &err));
    assert_string_equal(err.text, "x: tensor \"c\" has shape [], must be [2]");
    safetensors_close(&file);
    base_free(image.bytes);
    image = image_of("{}", 0);
    assert_true(safetensors_open_bytes(&file, image.bytes, image.n, "x", &err));
    assert_int_equal(file.n_tensors, 0);
    assert_null(safetensors_find(&file, "a"));
    safetensors_close(&file);
    base_free(image.bytes);
}

static void truncated_safetensors_names_the_tensor_it_stopped_in(void **state)
{
    (void)state;
    is_refused(WHOLE, WHOLE_DATA - 1, "tensor \"c\" ends 1 bytes after the file");
    is_refused(WHOLE, 22, "tensor \"b\" ends 6 bytes after the file");
    is_refused(WHOLE, 16, "tensor \"b\" ends 12 bytes after the file");
    is_refused(WHOLE, 0, "tensor \"a\" ends 16 bytes after the file");
}

static void entries_that_lie_are_refused_by_name(void **state)
{
    (void)state;
    is_refused("{" A "," A "}", 16, "duplicate object key");
    is_refused("{" A ",\"d\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[12,16]}}", 16,
               "tensor \"d\" overlaps tensor \"a\"");
    is_refused("{" A ",\"d\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[20,24]}}", 24,
               "4 bytes before tensor \"d\" belong to no tensor");
    is_refused("{" A "}", 20, "4 bytes at the end belong to no tensor");
    is_refused("{\"d\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]}}", 2,
               "tensor \"d\": dtype \"F4\" is not known");
    is_refused("{\"d\":{\"shape\":[4],\"data_offsets\":[0,4]}}", 4, "tensor \"d\" has no \"dtype\"");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":4,\"data_offsets\":[0,4]}}", 4, "tensor \"d\" has no \"shape\"");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, "tensor \"d\" has no \"data_offsets\" [begin, end]");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0]}}", 4, "has no \"data_offsets\"");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,0]}}", 4,
               "data_offsets [4, 0] are no range");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[-4,0]}}", 4,
               "data_offsets [-4, 0] are no range");
    is_refused("{\"d\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
               "tensor \"d\" has 4 bytes by its data_offsets but 16 by its dtype and shape");
    is_refused("{\"d\":[]}", 0, "tensor \"d\" must be described by an object");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1,
               "a dimension that is not a whole number");
    is_refused("[]", 0, "the header is not a JSON object");
    is_refused("{", 0, "header, byte ");
    is_refused("", 0, "header, byte ");
}

static void absurd_shapes_are_refused_before_they_are_used(void **state)
{
    (void)state;
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, "dimension 0 is -1");
    is_refused("{\"d\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
               "dimension 0 is 4611686018427387904, which no file can hold");
    is_refused("{\"d\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
               "dimension 1 is 4294967296, which no file can hold");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1,
               "has 9 dimensions");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],\"data_offsets\":[0,9223372036854775807]}}", 1,
               "tensor \"d\" ends 9223372036854775806 bytes after the file");
    is_refused("{\"d\":{\"dtype\":\"U8\",\"shape\":[99999999999999999999],\"data_offsets\":[0,1]}}", 1,
               "header, byte ");
}

static void a_name_cannot_break_the_line(void **state)
{
    (void)state;
    is_refused("{\"d\\n\\u007f\":{}}", 0, "tensor \"d??\" has no \"dtype\"");
    is_refused("{\"d\\u0000\":{}}", 0, "header, byte ");
    char header[4096] = "{\"";
    memset(header + 2, 'n', 3000);
    strcpy(header + 3002, "\":{}}");
    is_refused(header, 0, "nnn\" has no \"dtype\"");
}

static void headers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t header_bytes;
        const char *words;
    } CASES[] = {
        {3, "ends 1 bytes after the file"},
        {100000000, "the header of 100000000 bytes ends 99999998 bytes after the file"},
        {100000001, "this is no safetensors file"},
        {UINT64_MAX, "this is no safetensors file"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        Image image = image_of("{}", 0);
        memcpy(image.bytes, &CASES[i].header_bytes, 8);
        SafetensorsFile file;
        Error err = {0};
        assert_false(safetensors_open_bytes(&file, image.bytes, image.n, "x", &err));
        if (!strstr(err.text, CASES[i].words)) fail_msg("said \"%s\", should say \"%s\"", err.text, CASES[i].words);
        base_free(image.bytes);
    }
}

/* Opens and, if that works, touches every byte of every tensor. */
static void open_and_touch(const unsigned char *bytes, size_t n)
{
    unsigned char *const exact = base_alloc(n, 1);
    if (n) memcpy(exact, bytes, n);
    SafetensorsFile file;
    Error err = {0};
    if (safetensors_open_bytes(&file, exact, n, "x", &err)) {
        unsigned sum = 0;
        for (int64_t i = 0; i < file.n_tensors; i++)
            for (int64_t k = 0; k < file.tensors[i].n_bytes; k++) sum += file.tensors[i].data[k];
        assert_true(sum < UINT32_MAX);
        safetensors_close(&file);
    } else {
        assert_true(err.kind == ERROR_INPUT && err.text[0] && !strchr(err.text, '\n'));
        assert_null(file.tensors);
    }
    base_free(exact);
}

static void no_truncation_and_no_flipped_bit_crashes(void **state)
{
    (void)state;
    Image image = image_of(WHOLE, WHOLE_DATA);
    for (size_t n = 0; n <= image.n; n++) open_and_touch(image.bytes, n);
    const size_t header_end = image.n - WHOLE_DATA;
    for (size_t at = 0; at < header_end; at++) {
        const unsigned char was = image.bytes[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            image.bytes[at] = was ^ (unsigned char)(1u << bit);
            open_and_touch(image.bytes, image.n);
        }
        static const char OTHERS[] = "\"{}[]:,-0123456789eE.\\u \xFF";
        for (size_t k = 0; k < sizeof OTHERS; k++) {
            image.bytes[at] = (unsigned char)OTHERS[k];
            open_and_touch(image.bytes, image.n);
        }
        image.bytes[at] = was;
    }
    base_free(image.bytes);
}

/* ---- elements ---- */

static float f32_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* All 65,536 halves against their definition in double, and back. */
static void every_half_widens_exactly_and_rounds_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        const int sign = h >> 15, exponent = h >> 10 & 31, fraction = h & 1023;
        const float f = f32_from_f16((uint16_t)h), b = f32_from_bf16((uint16_t)h);
        if (exponent == 31 && fraction) {
            assert_true(isnan(f));
            assert_true(isnan(f32_from_f16(f16_from_f32(f))));
        } else {
            double value = exponent == 31  ? INFINITY
                           : exponent == 0 ? ldexp(fraction, -24)
                                           : ldexp(1024 + fraction, exponent - 25);
            if (sign) value = -value;
            if ((double)f != value || !!signbit(f) != sign)
                fail_msg("f16 %04x widens to %g, is %g", h, (double)f, value);
            if (f16_from_f32(f) != h) fail_msg("f16 %04x comes back as %04x", h, f16_from_f32(f));
        }
        const float expected = f32_of_bits(h << 16);
        assert_memory_equal(&b, &expected, sizeof b);
        if (isnan(b))
            assert_true(isnan(f32_from_bf16(bf16_from_f32(b))));
        else if (bf16_from_f32(b) != h)
            fail_msg("bf16 %04x comes back as %04x", h, bf16_from_f32(b));
    }
}

/* Between each two neighbouring halves: a quarter rounds down, three quarters up, the middle to the even one. */
static void rounding_goes_to_nearest_and_ties_to_even(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 0x7BFF; h++) {
        const double low = (double)f32_from_f16((uint16_t)h), high = (double)f32_from_f16((uint16_t)(h + 1));
        const uint32_t even = h % 2 ? h + 1 : h;
        assert_int_equal(f16_from_f32((float)(low + (high - low) / 4)), h);
        assert_int_equal(f16_from_f32((float)(low + (high - low) / 2)), even);
        assert_int_equal(f16_from_f32((float)(low + (high - low) * 3 / 4)), h + 1);
        assert_int_equal(f16_from_f32((float)-(low + (high - low) / 2)), even | 0x8000);
    }
    assert_int_equal(f16_from_f32(65519.0f), 0x7BFF);
    assert_int_equal(f16_from_f32(65520.0f), 0x7C00);
    assert_int_equal(f16_from_f32(3.0e38f), 0x7C00);
    for (uint32_t h = 0; h < 0x7F80; h++) {
        assert_int_equal(bf16_from_f32(f32_of_bits(h << 16 | 0x7FFF)), h);
        assert_int_equal(bf16_from_f32(f32_of_bits(h << 16 | 0x8000)), h % 2 ? h + 1 : h);
        assert_int_equal(bf16_from_f32(f32_of_bits(h << 16 | 0x8001)), h + 1);
    }
    assert_true(isnan(f32_from_bf16(bf16_from_f32(f32_of_bits(0x7F800001)))));
}

static void only_the_right_dtypes_are_read(void **state)
{
    (void)state;
    static const char HEADER[] = "{\"f\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[1,5]},"
                                 "\"u\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                                 "\"w\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[5,13]},"
                                 "\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[5,5]}}";
    Image image = image_of(HEADER, 13); /* bytes 0, 1, 2, ...; nothing is aligned */
    SafetensorsFile file;
    Error err = {0};
    if (!safetensors_open_bytes(&file, image.bytes, image.n, "x", &err)) fail_msg("%s", err.text);
    float f[2];
    int32_t i[2];
    assert_true(safetensors_read_f32(f, safetensors_find(&file, "f"), &err));
    assert_true(f[0] == f32_from_f16(0x0201) && f[1] == f32_from_f16(0x0403));
    assert_true(safetensors_read_i32(i, safetensors_find(&file, "u"), &err) && i[0] == 0);
    assert_true(safetensors_read_f32(f, safetensors_find(&file, "e"), &err));
    assert_false(safetensors_read_i32(i, safetensors_find(&file, "w"), &err));
    assert_non_null(strstr(err.text, "x: tensor \"w\": element 0 is 867798387104613893, too large"));
    assert_false(safetensors_read_f32(f, safetensors_find(&file, "u"), &err));
    assert_string_equal(err.text, "x: tensor \"u\" is U8, must be F32, F16 or BF16");
    assert_false(safetensors_read_i32(i, safetensors_find(&file, "f"), &err));
    safetensors_close(&file);
    base_free(image.bytes);
}

/* ---- writing ---- */

static void what_is_written_reads_back(void **state)
{
    (void)state;
    const float values[6] = {1.5f, -0.0f, 3e-45f, INFINITY, -2.0f, 7.0f};
    const int64_t wide[1] = {-5};
    const unsigned char bytes[3] = {9, 8, 7};
    const SafetensorsItem items[] = {
        {"b.weight", DTYPE_F32, 2, {2, 3}, values},
        {"n\"ame\xC3\xA9", DTYPE_U8, 1, {3}, bytes},
        {"z", DTYPE_I64, 0, {0}, wide},
        {"a.weight", DTYPE_F32, 1, {2}, values},
        {"empty", DTYPE_F32, 2, {0, 4}, NULL},
    };
    const int n_items = sizeof items / sizeof items[0];
    char path[] = "/tmp/r1-safetensors-XXXXXX", hex[33], again[33];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    Error err = {0};
    if (!safetensors_write(path, items, n_items, "test", hex, &err)) fail_msg("%s", err.text);
    assert_true(file_hash(path, again, &err));
    assert_string_equal(hex, again);
    SafetensorsFile file;
    if (!safetensors_open(&file, path, &err)) fail_msg("%s", err.text);
    assert_int_equal(file.n_tensors, n_items);
    for (int i = 0; i < n_items; i++) {
        const SafetensorsTensor *const t = safetensors_find(&file, items[i].name);
        assert_non_null(t);
        assert_true(t->dtype == items[i].dtype && t->rank == items[i].rank);
        assert_true(safetensors_check_shape(t, items[i].rank, items[i].shape, &err));
        assert_int_equal((t->data - file.map.bytes) % tensor_dtype_bytes(t->dtype), 0);
        if (t->n_bytes) assert_memory_equal(t->data, items[i].data, (size_t)t->n_bytes);
    }
    assert_true(safetensors_find(&file, "z")->offset == 0 && safetensors_find(&file, "a.weight")->offset == 8);
    uint64_t header_bytes;
    memcpy(&header_bytes, file.map.bytes, 8);
    assert_int_equal(header_bytes % 8, 0);
    assert_memory_equal(file.map.bytes + 8, "{\"__metadata__\"", 15);
    safetensors_close(&file);
    /* The order in which they are handed over does not reach the file. */
    const SafetensorsItem turned[] = {items[4], items[2], items[0], items[3], items[1]};
    assert_true(safetensors_write(path, turned, n_items, "test", again, &err));
    assert_string_equal(hex, again);
    const SafetensorsItem twice[] = {items[0], items[1], items[0]};
    assert_false(safetensors_write(path, twice, 3, "test", NULL, &err));
    assert_true(err.kind == ERROR_BUG && strstr(err.text, "two tensors named \"b.weight\""));
    assert_true(safetensors_write(path, NULL, 0, "test", NULL, &err));
    assert_true(safetensors_open(&file, path, &err));
    assert_int_equal(file.n_tensors, 0);
    safetensors_close(&file);
    remove(path);
    assert_false(safetensors_open(&file, path, &err));
    assert_non_null(strstr(err.text, path));
}

static void a_failed_write_leaves_what_was_there(void **state)
{
    (void)state;
    char folder[] = "/tmp/r1-safetensors-XXXXXX", before[33], after[33];
    assert_non_null(mkdtemp(folder));
    char *const path = base_printf("%s/m.safetensors", folder);
    const float values[2] = {1, 2};
    const SafetensorsItem old = {"old", DTYPE_F32, 1, {2}, values}, new = {"new", DTYPE_F32, 1, {1}, values};
    Error err = {0};
    assert_true(safetensors_write(path, &old, 1, "test", before, &err));
    setenv("R1_FAILPOINT", "test.write=enospc", 1);
    assert_false(safetensors_write(path, &new, 1, "test", after, &err));
    unsetenv("R1_FAILPOINT");
    assert_true(err.kind == ERROR_SYSTEM && strstr(err.text, path) && strstr(err.text, "No space"));
    assert_true(file_hash(path, after, &err));
    assert_string_equal(before, after);
    assert_true(file_remove_tree(folder, &err));
    base_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found_by_name),
        cmocka_unit_test(truncated_safetensors_names_the_tensor_it_stopped_in),
        cmocka_unit_test(entries_that_lie_are_refused_by_name),
        cmocka_unit_test(absurd_shapes_are_refused_before_they_are_used),
        cmocka_unit_test(a_name_cannot_break_the_line),
        cmocka_unit_test(headers_that_do_not_fit_are_refused),
        cmocka_unit_test(no_truncation_and_no_flipped_bit_crashes),
        cmocka_unit_test(every_half_widens_exactly_and_rounds_back),
        cmocka_unit_test(rounding_goes_to_nearest_and_ties_to_even),
        cmocka_unit_test(only_the_right_dtypes_are_read),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_failed_write_leaves_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* tests/data/test_text_reader.c: documents come out of files, rows, packed files and folders as they were put in, whole or in
 * sections, and damage is named. */
#include "data/text_reader.h"

#include "base/arena.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char folder[] = "/tmp/r1-text-reader-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
    FILE *const file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static void put_packed(const char *name, const void *bytes, size_t n)
{
    gzFile file = gzopen(path_of(name), "wb");
    assert_int_equal(gzwrite(file, bytes, (unsigned)n), n);
    assert_int_equal(gzclose(file), Z_OK);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

/* All parts, "[" and "]" at the ends of documents, "|" where a section ends. */
static bool read_all(const char *path, int64_t section_bytes, char *out, Error *err)
{
    TextReader *reader;
    if (!text_reader_open(&reader, path, section_bytes, err)) return false;
    size_t used = 0;
    bool ok;
    for (TextPart part; (ok = text_reader_next(reader, &part, err)) && part.text;) {
        if (part.begins) out[used++] = '[';
        memcpy(out + used, part.text, part.length);
        used += part.length;
        out[used++] = part.ends ? ']' : '|';
    }
    out[used] = 0;
    text_reader_close(reader);
    return ok;
}

static void gives(const char *name, int64_t section_bytes, const char *wanted)
{
    static char out[4096];
    Error err = {0};
    if (!read_all(path_of(name), section_bytes, out, &err)) fail_msg("%s: %s", name, err.text);
    assert_string_equal(out, wanted);
}

static void refuses(const char *name, const char *words)
{
    static char out[1 << 16];
    Error err = {0};
    assert_false(read_all(path_of(name), 0, out, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    if (!strstr(err.text, words) || strchr(err.text, '\n')) fail_msg("%s: %s", name, err.text);
}

static void texts_and_rows_come_out(void **state)
{
    (void)state;
    put_text("a.txt", "one\n\ntwo\n");
    put_text("b.jsonl", "{\"text\": \"x\\ny\"}\r\n\n  \n{\"id\": 1, \"text\": \"\"}\n{\"text\": \"z\"}");
    put_text("empty.txt", "");
    put_text("other.md", "neither");
    gives("a.txt", 0, "[one\n\ntwo\n]");
    gives("b.jsonl", 0, "[x\ny][z]");
    gives("other.md", 0, "[neither]");
    gives("empty.txt", 0, "");
    put_packed("c.txt.gz", "packed", 6);
    put_packed("d.jsonl.gz", "{\"text\": \"row\"}\n", 16);
    gives("c.txt.gz", 0, "[packed]");
    gives("d.jsonl.gz", 0, "[row]");
    gives("", 0,
          "[one\n\ntwo\n][x\ny][z][packed][row]"); /* the folder, in the order of names, what is no text left out */
}

static void sections_end_at_paragraphs_lines_characters(void **state)
{
    (void)state;
    put_text("p.txt", "aaa\nbb\n\ncc\nddd\neee");
    gives("p.txt", 10, "[aaa\nbb\n\n|cc\nddd\neee]");
    gives("p.txt", 6, "[aaa\n|bb\n\n|cc\n|ddd\n|eee]");
    put_text("u.txt", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9");
    gives("u.txt", 5, "[\xC3\xA9\xC3\xA9|\xC3\xA9\xC3\xA9]");
}

/* Longer than what is read at once, so that lines and sections lie across reads. */
static void long_files_lose_nothing(void **state)
{
    (void)state;
    enum { N = 1 << 21 };
    char *const text = base_alloc(N, 1), *const out = base_alloc(3, N);
    for (int i = 0; i < N; i++) text[i] = i % 97 == 0 ? '\n' : (char)('a' + i % 23);
    put("long.txt", text, N);
    for (int64_t section = 1000; section < 4 * N; section *= 7) {
        Error err = {0};
        assert_true(read_all(path_of("long.txt"), section, out, &err));
        size_t n = 0;
        for (size_t i = 0; out[i]; i++)
            if (!strchr("[]|", out[i])) out[n++] = out[i];
        assert_int_equal(n, N);
        assert_memory_equal(out, text, N);
    }
    base_free(text);
    base_free(out);
}

static void damage_is_named(void **state)
{
    (void)state;
    Error err = {0};
    TextReader *reader;
    assert_false(text_reader_open(&reader, path_of("none"), 0, &err));
    assert_non_null(strstr(err.text, "none: No such file"));
    put_text("bad.jsonl", "{\"text\": \"a\"}\n\n{\"txt\": 1}\n");
    refuses("bad.jsonl", "bad.jsonl:3: \"text\" is missing");
    put_text("worse.jsonl", "{\"text\": \"a\"}\n{\"text\": \n");
    refuses("worse.jsonl", "worse.jsonl:2:");
    put_text("number.jsonl", "{\"text\": 3}");
    refuses("number.jsonl", "number.jsonl:1: \"text\": expected a string");
    char text[5000];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * i % 251);
    put_packed("cut.txt.gz", text, sizeof text);
    char *packed;
    size_t n;
    assert_true(file_read_all(path_of("cut.txt.gz"), 1 << 20, &packed, &n, &err));
    put("cut.txt.gz", packed, n / 2);
    refuses("cut.txt.gz", "cut.txt.gz: the packed file ends too early");
    packed[n / 2] = (char)~packed[n / 2];
    put("cut.txt.gz", packed, n);
    refuses("cut.txt.gz", "cut.txt.gz: ");
    base_free(packed);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    Error err = {0};
    return file_remove_tree(folder, &err) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_rows_come_out),
        cmocka_unit_test(sections_end_at_paragraphs_lines_characters),
        cmocka_unit_test(long_files_lose_nothing),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

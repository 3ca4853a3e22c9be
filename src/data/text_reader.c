/* SPDX-License-Identifier: MIT */
/* data/text_reader.c: zlib reads plain files as it reads packed ones. A buffer holds what was read and not yet handed out; a
 * part is always a stretch of it, or the "text" of a row. */
#include "data/text_reader.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

enum { READ_BYTES = 1 << 18, MAX_DOCUMENT_BYTES = 1 << 30 };

struct TextReader {
    char **paths; /* [n_paths], owned */
    int64_t n_paths, next_path;
    const char *path; /* of the file in hand */
    gzFile file;      /* NULL: none is open */
    bool is_rows, at_end;
    int64_t section_bytes;
    char *buffer; /* owned; [used .. n_bytes) is still to be handed out */
    size_t used, n_bytes, capacity;
    bool inside; /* a document's section was handed out, and not its last */
    int64_t line;
    json_t *row; /* owns the part in hand */
};

/* ---- files ---- */

static bool ends_in(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && memcmp(text + n - m, end, m) == 0;
}

static bool is_rows_name(const char *path)
{
    return ends_in(path, ".jsonl") || ends_in(path, ".jsonl.gz");
}

static void add_path(TextReader *r, char *path)
{
    r->paths = base_realloc(r->paths, (size_t)r->n_paths + 1, sizeof *r->paths);
    r->paths[r->n_paths++] = path;
}

static bool add_folder(TextReader *r, const char *folder, Error *err)
{
    char **names;
    int64_t n;
    if (!file_list(folder, &names, &n, err)) return false;
    for (int64_t i = 0; i < n; i++)
        if (is_rows_name(names[i]) || ends_in(names[i], ".txt") || ends_in(names[i], ".txt.gz"))
            add_path(r, base_printf("%s/%s", folder, names[i]));
    file_names_free(names, n);
    return r->n_paths > 0 ||
           error_set(err, ERROR_INPUT, "%s: no file in it ends in .txt, .jsonl, .txt.gz or .jsonl.gz", folder);
}

bool text_reader_open(TextReader **reader, const char *path, int64_t section_bytes, Error *err)
{
    TextReader *const r = *reader = base_alloc(1, sizeof *r);
    r->section_bytes = section_bytes;
    bool ok = true;
    if (!file_exists(path))
        ok = error_set(err, ERROR_INPUT, "%s: %s", path, strerror(ENOENT));
    else if (file_is_folder(path))
        ok = add_folder(r, path, err);
    else
        add_path(r, base_strdup(path));
    if (!ok) {
        text_reader_close(r);
        *reader = NULL;
    }
    return ok;
}

void text_reader_close(TextReader *reader)
{
    if (!reader) return;
    if (reader->file) gzclose_r(reader->file);
    for (int64_t i = 0; i < reader->n_paths; i++) base_free(reader->paths[i]);
    base_free(reader->paths);
    base_free(reader->buffer);
    json_decref(reader->row);
    base_free(reader);
}

static bool open_next(TextReader *r, Error *err)
{
    r->path = r->paths[r->next_path++];
    r->file = gzopen(r->path, "rbe");
    if (!r->file) return error_set(err, ERROR_INPUT, "%s: %s", r->path, strerror(errno));
    gzbuffer(r->file, READ_BYTES);
    r->is_rows = is_rows_name(r->path);
    r->at_end = r->inside = false;
    r->used = r->n_bytes = 0;
    r->line = 0;
    return true;
}

static bool gz_failed(const TextReader *r, Error *err)
{
    int rc;
    const char *what = gzerror(r->file, &rc);
    if (rc == Z_ERRNO) return error_set(err, ERROR_SYSTEM, "%s: %s", r->path, strerror(errno));
    if (rc == Z_BUF_ERROR) what = "the packed file ends too early";
    const size_t n = strlen(r->path); /* zlib puts the name in front */
    if (strncmp(what, r->path, n) == 0 && what[n] == ':') what += n + 2;
    return error_set(err, ERROR_INPUT, "%s: %s", r->path, what);
}

/* Reads on behind what is in the buffer. */
static bool read_more(TextReader *r, Error *err)
{
    if (r->used < r->n_bytes) memmove(r->buffer, r->buffer + r->used, r->n_bytes - r->used);
    r->n_bytes -= r->used;
    r->used = 0;
    if (r->n_bytes > MAX_DOCUMENT_BYTES)
        return error_set(err, ERROR_INPUT, "%s:%" PRId64 ": a document of more than 1 GiB; cut it in parts", r->path,
                         r->line + 1);
    if (r->capacity - r->n_bytes < READ_BYTES + 1) {
        r->capacity = 2 * r->capacity + READ_BYTES + 1;
        r->buffer = base_realloc(r->buffer, r->capacity, 1);
    }
    const int n = gzread(r->file, r->buffer + r->n_bytes, READ_BYTES);
    int rc = Z_OK;
    if (n == 0) gzerror(r->file, &rc); /* Z_BUF_ERROR: a packed file that was cut */
    if (n < 0 || rc != Z_OK) return gz_failed(r, err);
    r->n_bytes += (size_t)n;
    r->at_end = n == 0;
    return signals_check(err);
}

/* ---- rows ---- */

static bool next_row(TextReader *r, TextPart *part, Error *err)
{
    for (;;) {
        size_t seen = r->used;
        const char *newline;
        while (!(newline = seen < r->n_bytes ? memchr(r->buffer + seen, '\n', r->n_bytes - seen) : NULL) &&
               !r->at_end) {
            seen = r->n_bytes - r->used; /* where it goes on once the rest is moved to the front */
            if (!read_more(r, err)) return false;
        }
        if (r->used == r->n_bytes) return true;
        const char *const line = r->buffer + r->used;
        const size_t length = newline ? (size_t)(newline - line) : r->n_bytes - r->used;
        r->used += length + (newline != NULL);
        r->line++;
        size_t blank = 0;
        while (blank < length && strchr(" \t\r", line[blank]) && line[blank]) blank++;
        if (blank == length) continue;
        json_decref(r->row);
        r->row = json_read_text(line, length, r->path, r->line, err);
        if (!r->row) return false;
        if (!json_require(r->row, "text", err) || !json_get_string(r->row, "text", &part->text, &part->length, err))
            return error_in(err, "%s:%" PRId64, r->path, r->line);
        part->begins = part->ends = true;
        if (part->length > 0) return true;
        part->text = NULL;
    }
}

/* ---- text ---- */

/* Where the section that begins the buffer ends: behind the last empty line of [least, most), else the last line break, else at
 * the last beginning of a character. */
static size_t section_end(const char *text, size_t least, size_t most)
{
    size_t line = 0;
    for (size_t i = most; i >= least && i > 0; i--) {
        if (text[i - 1] != '\n') continue;
        if (line == 0) line = i;
        if (i >= 2 && text[i - 2] == '\n') return i;
    }
    if (line > 0) return line;
    size_t end = most;
    while (end > least && ((unsigned char)text[end] & 0xC0) == 0x80) end--;
    return end;
}

static bool next_section(TextReader *r, TextPart *part, Error *err)
{
    const size_t wanted = r->section_bytes > 0 ? (size_t)r->section_bytes : SIZE_MAX;
    while (!r->at_end && r->n_bytes - r->used <= wanted)
        if (!read_more(r, err)) return false;
    const size_t left = r->n_bytes - r->used;
    if (left == 0) return true;
    part->text = r->buffer + r->used;
    part->length = left <= wanted ? left : section_end(part->text, wanted / 2, wanted);
    part->begins = !r->inside;
    part->ends = part->length == left;
    r->used += part->length;
    r->inside = !part->ends;
    return true;
}

bool text_reader_next(TextReader *reader, TextPart *part, Error *err)
{
    *part = (TextPart){.text = NULL};
    for (;;) {
        if (!reader->file) {
            if (reader->next_path == reader->n_paths) return true;
            if (!open_next(reader, err)) return false;
        }
        if (!(reader->is_rows ? next_row(reader, part, err) : next_section(reader, part, err))) return false;
        if (part->text) return true;
        gzclose_r(reader->file);
        reader->file = NULL;
    }
}

/* ---- whole documents ---- */

bool text_documents_read(TextDocuments *documents, const char *path, size_t max_bytes, Error *err)
{
    *documents = (TextDocuments){.items = NULL};
    TextReader *reader;
    if (!text_reader_open(&reader, path, 0, err)) return false;
    int64_t capacity = 0;
    size_t total = 0;
    bool ok;
    for (TextPart part; (ok = text_reader_next(reader, &part, err)) && part.text;) {
        total += part.length;
        if (total > max_bytes) {
            ok = error_set(err, ERROR_INPUT, "%s: more than %zu MiB of text", path, max_bytes >> 20);
            break;
        }
        if (documents->n == capacity) {
            capacity = 2 * capacity + 64;
            documents->items = base_realloc(documents->items, (size_t)capacity, sizeof *documents->items);
        }
        documents->items[documents->n++] = (TextDocument){base_strndup(part.text, part.length), part.length};
    }
    text_reader_close(reader);
    if (!ok) text_documents_free(documents);
    return ok;
}

void text_documents_free(TextDocuments *documents)
{
    for (int64_t i = 0; i < documents->n; i++) base_free(documents->items[i].text);
    base_free(documents->items);
    *documents = (TextDocuments){.items = NULL};
}

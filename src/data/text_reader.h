/* SPDX-License-Identifier: MIT */
/* data/text_reader.h: a person's texts, one document after another: a .jsonl file with {"text"} a line, any other file as text,
 * either of them packed by gzip (.gz), or a folder of such files in the order of their names.
 *
 * A text file is one document. It may be handed out in sections, so that texts of any size pass through little memory and part
 * of one file can be held out: a section is cut at the end of a paragraph, else of a line, else between two characters. */
#ifndef R1_DATA_TEXT_READER_H
#define R1_DATA_TEXT_READER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct TextReader TextReader;

typedef struct TextPart {
    const char *text; /* any bytes; lives until the next call. NULL: there is no more */
    size_t length;
    bool begins, ends; /* it holds the beginning, the end of its document */
} TextPart;

/* section_bytes: the most of a section, which has at least half of it unless it is the last; 0: documents stay whole. Fails when there is no such
 * file, or in the folder none that ends in .txt, .jsonl, .txt.gz or .jsonl.gz. */
bool text_reader_open(TextReader **reader, const char *path, int64_t section_bytes, Error *err) R1_MUST_CHECK;
void text_reader_close(TextReader *reader); /* NULL is fine */
/* Empty documents are passed over. Errors name file and line. */
bool text_reader_next(TextReader *reader, TextPart *part, Error *err) R1_MUST_CHECK;

/* All documents of a file into memory: what evaluations read. At most max_bytes of text. */
typedef struct TextDocument {
    char *text; /* owned */
    size_t length;
} TextDocument;
typedef struct TextDocuments {
    TextDocument *items; /* owned */
    int64_t n;
} TextDocuments;
bool text_documents_read(TextDocuments *documents, const char *path, size_t max_bytes, Error *err) R1_MUST_CHECK;
void text_documents_free(TextDocuments *documents);

#endif

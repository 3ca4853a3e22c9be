/* SPDX-License-Identifier: MIT */
/* data/examples.h: what supervised fine-tuning reads: prompts and the completions that should follow them, as ids.
 *
 * A row of the JSONL file is one of
 *   {"prompt": TEXT, "completion": TEXT}         the prompt as `r1 sample --prompt` encodes it, the completion by itself, the end
 *   {"prompt_ids": [...], "completion_ids": [...]}   taken as they are, no end added
 *   {"messages": [{"role", "content"}...], "tools"?}   the last answer behind the rest of the conversation, as the model's chat
 *                                                template writes it with its generation prompt; the content as it stands, and the end.
 *                                                A <think> that the generation prompt has opened already is not written twice
 *   {"text": TEXT}                               no prompt: all of it is trained, and the end
 * "the end" is the end-of-text id. Other keys are left alone. */
#ifndef R1_DATA_EXAMPLES_H
#define R1_DATA_EXAMPLES_H

#include "data/chat_rows.h"
#include "base/json.h"
#include "text/tokenizer.h"

typedef struct Example {
    int64_t first;    /* where its ids stand in Examples.ids */
    int64_t n_ids;    /* >= 2: prompt, completion, end */
    int64_t n_prompt; /* of them; 0: every token but the first is trained */
} Example;

typedef struct Examples {
    TokenIds ids; /* of all examples, one after another */
    Example *items;
    int64_t n, capacity;
    int64_t n_dropped, n_cut; /* rows longer than max_length */
    int64_t n_longest;        /* ids of the longest example */
    int64_t n_trained;        /* tokens that are predicted behind prompts */
} Examples;

/* What becomes of a row of more than max_length ids. */
typedef enum OverlongRows { OVERLONG_DROP, OVERLONG_TRUNCATE, OVERLONG_ERROR } OverlongRows;

typedef struct ExampleOptions {
    int64_t max_length; /* ids, the end included; >= 2 */
    OverlongRows overlong;
    int32_t end;        /* the end-of-text id */
    int64_t vocab_size; /* ids from files are below it */
    const char *folder; /* of the model, for its chat template; read when a row has messages */
} ExampleOptions;

/* Every row is checked before the first is used; the error names file and line of the first bad one. A file whose rows are all
 * too long is an error. */
bool examples_read(Examples *examples, const Tokenizer *tokenizer, const char *path, const ExampleOptions *options,
                   Error *err) R1_MUST_CHECK;
void examples_free(Examples *examples);

/* Rows one by one, for files whose rows hold more than one example. Everything but `chat` is borrowed. */
typedef struct ExampleReader {
    Examples *examples;
    const Tokenizer *tokenizer;
    const ExampleOptions *options;
    ChatRows chat; /* its folder is the options' */
} ExampleReader;
void example_reader_free(ExampleReader *reader);
/* Appends the row's example, unless it is too long (n_dropped). On failure nothing has been appended. */
bool examples_read_row(ExampleReader *reader, const json_t *row, Error *err) R1_MUST_CHECK;
/* The same of texts; rendered: the chat template has written the prompt, special tokens and all. */
bool examples_add_texts(ExampleReader *reader, const char *prompt, size_t prompt_length, bool rendered,
                        const char *completion, size_t completion_length, Error *err) R1_MUST_CHECK;

#endif

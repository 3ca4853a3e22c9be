/* SPDX-License-Identifier: MIT */
/* cli/contamination.c: which rows of training data hold words of an evaluation set, and the rows that do not. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "data/contamination.h"
#include "data/jsonl.h"

#include <inttypes.h>
#include <string.h>

typedef struct Search {
    const Cli *cli;
    const char *path;
    const Contamination *items;
    FileWriter *clean; /* NULL: not asked for */
    int64_t n_rows, n_found;
} Search;

static bool print_hit(const Search *s, const json_t *row, int64_t line, const char *text, const ContaminationHit *hit,
                      Error *err)
{
    const size_t length = hit->end - hit->begin;
    if (!s->cli->json) {
        cli_print(s->cli, "%s:%" PRId64 ": %s: \"%.*s\"\n", s->path, line, hit->item, (int)length, text + hit->begin);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    if (json_object_get(row, "id")) {
        json_out_key(&out, "id");
        json_out_value(&out, json_object_get(row, "id"));
    }
    json_out_kv_int(&out, "line", line);
    json_out_kv_string(&out, "item", hit->item);
    json_out_key(&out, "words");
    json_out_string(&out, text + hit->begin, length);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool keep_row(FileWriter *clean, const json_t *row, Error *err)
{
    JsonOut out = {0};
    json_out_value(&out, row);
    json_out_raw_bytes(&out, "\n", 1);
    const bool ok = file_writer_write(clean, out.text, out.length, err);
    json_out_free(&out);
    return ok;
}

static bool search_row(void *context, const json_t *row, int64_t line, Error *err)
{
    Search *const s = context;
    const char *text;
    ContaminationHit hit;
    s->n_rows++;
    if (!contamination_find_json(s->items, row, &text, &hit)) return !s->clean || keep_row(s->clean, row, err);
    s->n_found++;
    return print_hit(s, row, line, text, &hit, err);
}

static bool search_file(Search *s, const char *out, Error *err)
{
    if (out && !file_writer_open(&s->clean, out, "samples", err)) return false;
    const bool ok = jsonl_read(s->path, INT64_MAX, "training row", search_row, s, err);
    if (s->clean && ok) return file_writer_commit(s->clean, err);
    file_writer_abandon(s->clean);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *data = NULL, *out = NULL;
    CliArguments against = {0};
    int64_t n_words = CONTAMINATION_WORDS, max_items = 0;
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--data", "F.jsonl", &data, "training rows; every string in them is searched"),
        CLI_LIST("--against", "F.jsonl", &against,
                 "an evaluation set: its questions and solutions; may be given again"),
        CLI_INT("--words", "N", &n_words, CONTAMINATION_SHORT, CONTAMINATION_MAX_WORDS,
                "words in a row that are an overlap [10]"),
        CLI_INT("--max-items", "N", &max_items, 0, INT64_MAX,
                "words that more evaluation items have are a template's; 0: none are [0]"),
        CLI_STRING("--out", "F.jsonl", &out, "writes the rows without an overlap"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    if (against.n_items == 0) return error_set(err, ERROR_USAGE, "needed: --against F.jsonl, the evaluation set");
    Contamination *const items = contamination_create(&(ContaminationConfig){(int)n_words, max_items});
    Search search = {.cli = cli, .path = data, .items = items};
    bool ok = true;
    for (int64_t i = 0; ok && i < against.n_items; i++) ok = contamination_add_file(items, against.items[i], err);
    ok = ok && search_file(&search, out, err);
    if (ok)
        cli_note(cli, "%" PRId64 " of %" PRId64 " rows overlap with %" PRId64 " evaluation items\n", search.n_found,
                 search.n_rows, contamination_items(items));
    cli->status = search.n_found > 0;
    contamination_free(items);
    return ok;
}

const Command command_contamination = {
    .name = "contamination",
    .summary = "which training rows hold words of an evaluation set",
    .usage = "r1 contamination --data TRAIN.jsonl --against EVAL.jsonl [--against ...] [--words N] [--out CLEAN.jsonl]",
    .details =
        "A row overlaps when 10 words in a row of an evaluation question (question, problem, prompt, "
        "question_content,\n"
        "text) or solution (solution, explanation) stand in one of its strings, as the R1 paper filters its data. Case "
        "and\n"
        "punctuation do not count, operators beside digits do. An evaluation text of 4 to 9 words is looked for "
        "whole,\n"
        "a shorter one only as a whole string.\n"
        "Exit status: 0 no row overlaps, 1 some do; with --json a line {\"id\"?,\"line\",\"item\",\"words\"} each.",
    .example = "build/release/r1 contamination --data tests/data/evaluation/train.jsonl "
               "--against tests/data/evaluation/gsm8k.jsonl",
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* cli/eval_text.c: `r1 eval --text`: how well a model predicts documents. */
#include "cli/eval.h"

#include "data/text_reader.h"
#include "eval/evaluate_text.h"

#include <inttypes.h>

enum { MAX_TEXT_BYTES = 1 << 30 };

static bool print_text(EvalLines *lines, const EvalOptions *o, const EvalText *r, Error *err)
{
    cli_print(lines->cli,
              "perplexity     %.4f\nbits per byte  %.4f\n%" PRId64 " tokens of %" PRId64 " bytes in %" PRId64
              " documents, windows of %" PRId64 " tokens, one every %" PRId64 "\n",
              r->perplexity, r->bits_per_byte, r->n_tokens, r->n_bytes, r->n_documents, o->context, o->stride);
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "text", o->text);
    json_out_kv_double(&out, "perplexity", r->perplexity);
    json_out_kv_double(&out, "bits_per_byte", r->bits_per_byte);
    json_out_kv_double(&out, "nats", r->nats);
    json_out_kv_int(&out, "tokens", r->n_tokens);
    json_out_kv_int(&out, "bytes", r->n_bytes);
    json_out_kv_int(&out, "documents", r->n_documents);
    json_out_kv_int(&out, "windows", r->n_windows);
    json_out_kv_int(&out, "context", o->context);
    json_out_kv_int(&out, "stride", o->stride);
    json_out_object_end(&out);
    return eval_line(lines, &out, err);
}

static bool choose_windows(EvalOptions *o, const Model *model, Error *err)
{
    enum { DEFAULT_CONTEXT = 1024 };
    const int64_t most = model->config.max_positions;
    if (!o->context) o->context = most < DEFAULT_CONTEXT ? most : DEFAULT_CONTEXT;
    if (!o->stride) o->stride = o->context;
    if (o->context > most)
        return error_set(err, ERROR_USAGE, "--context %" PRId64 ": this model has %" PRId64 " positions", o->context,
                         most);
    return o->stride <= o->context ||
           error_set(err, ERROR_USAGE, "--stride %" PRId64 ": more than the context of %" PRId64 " leaves gaps",
                     o->stride, o->context);
}

bool eval_documents(EvalLines *lines, Loaded *loaded, EvalOptions *o, Error *err)
{
    enum { MICRO_BATCH_TOKENS = 2048 };
    if (!choose_windows(o, &loaded->model, err)) return false;
    TextDocuments documents;
    if (!text_documents_read(&documents, o->text, MAX_TEXT_BYTES, err)) return false;
    Trainer trainer = {0};
    EvalText result;
    bool ok = trainer_create(&trainer, &loaded->model, &loaded->compute, MICRO_BATCH_TOKENS, 1, false, err);
    ok = ok && (evaluate_text(&trainer, &loaded->model, loaded->tokenizer, documents.items, documents.n, o->context,
                              o->stride, &result, err) ||
                error_in(err, "%s", o->text));
    trainer_free(&trainer);
    text_documents_free(&documents);
    return ok && print_text(lines, o, &result, err);
}

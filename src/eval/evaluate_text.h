/* SPDX-License-Identifier: MIT */
/* eval/evaluate_text.h: how well a model predicts a text: perplexity and bits per byte.
 *
 * A document is cut into windows of `context` tokens, each a sequence of its own from position 0. A window begins `stride`
 * tokens after the one before it and is scored where that one was not, so every token of a document is scored once, but for
 * its first (which nothing comes before, unless the tokenizer puts a BOS there, which is never scored itself).
 * stride == context: windows do not overlap, and the first token of a window is predicted from the last of the window before
 * it alone. A smaller stride gives every token at least context - stride tokens to go by, at context / stride times the work.
 * Sums are in f64 in token order. May use train/batch.h for the forward. */
#ifndef R1_EVAL_EVALUATE_TEXT_H
#define R1_EVAL_EVALUATE_TEXT_H

#include "data/text_reader.h"
#include "text/tokenizer.h"
#include "train/batch.h"

typedef struct EvalText {
    int64_t n_documents, n_tokens; /* tokens that were scored */
    int64_t n_bytes;               /* of those tokens */
    int64_t n_windows;
    double nats;          /* sum of -logprob */
    double perplexity;    /* exp(nats / n_tokens) */
    double bits_per_byte; /* nats / (log 2 * n_bytes) */
} EvalText;

/* 1 <= stride <= context <= the model's positions; documents with fewer than two tokens score nothing; at least one token must
 * be scored. */
bool evaluate_text(Trainer *trainer, Model *model, const Tokenizer *tokenizer, const TextDocument *documents,
                   int64_t n_documents, int64_t context, int64_t stride, EvalText *result, Error *err) R1_MUST_CHECK;

#endif

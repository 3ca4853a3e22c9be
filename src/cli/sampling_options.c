/* SPDX-License-Identifier: MIT */
#include "cli/sampling_options.h"

#include "base/arena.h"
#include "base/file.h"
#include "text/json_schema.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const double MIN_TEMPERATURE = 1e-3; /* 1 / temperature times a logit must stay finite */
static const double MAX_BIAS = 1e6;

SamplingOptions sampling_options_default(void)
{
    return (SamplingOptions){
        .params = {.temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.0, .max_tokens = 256}};
}

static bool read_bias(LogitBias *bias, const char *text, int64_t vocab_size, Error *err)
{
    char *end;
    errno = 0;
    const long long id = strtoll(text, &end, 10);
    if (end == text || errno || *end != '=')
        return error_set(err, ERROR_USAGE, "--logit-bias %s: expected ID=BIAS, such as 42=-5", text);
    if (id < 0 || id >= vocab_size)
        return error_set(err, ERROR_USAGE, "--logit-bias %s: the model has ids 0 to %" PRId64, text, vocab_size - 1);
    const char *const number = end + 1;
    const double value = strtod(number, &end);
    if (end == number || *end || !(fabs(value) <= MAX_BIAS))
        return error_set(err, ERROR_USAGE, "--logit-bias %s: expected a number from -%g to %g behind the =", text,
                         MAX_BIAS, MAX_BIAS);
    *bias = (LogitBias){(int32_t)id, (float)value};
    return true;
}

static bool read_biases(SamplingOptions *o, int64_t vocab_size, Error *err)
{
    const int64_t n = o->bias_texts.n_items;
    if (n == 0) return true;
    o->biases = base_alloc((size_t)n, sizeof *o->biases);
    for (int64_t i = 0; i < n; i++)
        if (!read_bias(&o->biases[i], o->bias_texts.items[i], vocab_size, err)) return false;
    o->params.biases = o->biases;
    o->params.n_biases = n;
    return true;
}

static bool read_stops(SamplingOptions *o, Error *err)
{
    if (o->stop_texts.n_items == 0) return true;
    if (!stop_strings_create(&o->stop, o->stop_texts.items, o->stop_texts.n_items, err)) return error_in(err, "--stop");
    o->params.stop = &o->stop;
    return true;
}

enum { MAX_GRAMMAR_BYTES = 1 << 26 };

static bool read_grammar(SamplingOptions *o, Error *err)
{
    char *text = NULL;
    size_t length;
    if (o->grammar_path && o->schema_path) return error_set(err, ERROR_USAGE, "give either --grammar or --json-schema");
    if (o->schema_path) return json_schema_open(&o->grammar, o->schema_path, err);
    if (!o->grammar_path) return true;
    if (!file_read_all(o->grammar_path, MAX_GRAMMAR_BYTES, &text, &length, err)) return false;
    const bool ok = grammar_parse(&o->grammar, text, length, o->grammar_path, err);
    base_free(text);
    return ok;
}

bool sampling_options_prepare(SamplingOptions *o, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    SamplingParams *const p = &o->params;
    if (p->temperature > 0.0 && p->temperature < MIN_TEMPERATURE)
        return error_set(err, ERROR_USAGE, "--temperature %g: 0 (greedy) or at least %g", p->temperature,
                         MIN_TEMPERATURE);
    if ((o->stop_texts.n_items > 0 || o->grammar_path || o->schema_path) && !tokenizer)
        return error_set(err, ERROR_USAGE, "%s: the model's folder has no tokenizer.json to read text with",
                         o->grammar_path  ? "--grammar"
                         : o->schema_path ? "--json-schema"
                                          : "--stop");
    p->seed = (uint64_t)o->seed;
    p->speculation = o->no_speculation ? SPECULATION_OFF : SPECULATION_ON;
    if (!read_biases(o, config->vocab_size, err) || !read_stops(o, err) || !read_grammar(o, err)) return false;
    if (!p->stop && !o->grammar) return true;
    token_bytes_create(&o->token_bytes, tokenizer, config->vocab_size);
    p->token_bytes = &o->token_bytes;
    p->grammar = o->grammar;
    if (o->grammar) grammar_bind(o->grammar, &o->token_bytes, config->eos_ids, p->ignore_eos ? 0 : config->n_eos);
    return true;
}

void sampling_options_free(SamplingOptions *o)
{
    base_free(o->biases);
    token_bytes_free(&o->token_bytes);
    stop_strings_free(&o->stop);
    grammar_free(o->grammar);
    *o = (SamplingOptions){.biases = NULL};
}

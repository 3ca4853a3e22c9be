/* SPDX-License-Identifier: MIT */
/* cli/sampling_options.h: the options that say how tokens are drawn, shared by the commands that sample for people.
 *
 *   SamplingOptions sampling = sampling_options_default();
 *   const CliOption options[] = {..., SAMPLING_OPTIONS(sampling), CLI_END};
 *   if (!cli_parse(...)) return false;
 *   ... open model and tokenizer ...
 *   ok = sampling_options_prepare(&sampling, &model.config, tokenizer, err) && engine_run(..., &sampling.params, ...);
 *   sampling_options_free(&sampling);
 *
 * What the options mean and in which order they work: rollout/sampler.h. */
#ifndef R1_CLI_SAMPLING_OPTIONS_H
#define R1_CLI_SAMPLING_OPTIONS_H

#include "cli/cli.h"
#include "model/config.h"
#include "rollout/sampler.h"
#include "text/grammar.h"

typedef struct SamplingOptions {
    SamplingParams params; /* whole after sampling_options_prepare; its pointers live as long as this struct */
    int64_t seed;
    bool no_speculation;
    CliArguments stop_texts, bias_texts;
    const char *grammar_path, *schema_path;
    /* what params points to */
    LogitBias *biases;
    TokenBytes token_bytes;
    StopStrings stop;
    Grammar *grammar;
} SamplingOptions;

/* Temperature 1, nothing truncated or penalised, 256 tokens, seed 0. */
SamplingOptions sampling_options_default(void);

/* SAMPLING_OPTIONS_FROM: the same where a command begins with other values, which its help tells. */
#define SAMPLING_OPTIONS(o) SAMPLING_OPTIONS_FROM(o, "256", "1", "1: all")
#define SAMPLING_OPTIONS_FROM(o, tokens_, temperature_, top_p_)                                                        \
    CLI_INT("--max-tokens", "N", &(o).params.max_tokens, 1, 1 << 24,                                                   \
            "new tokens, the stop token included [" tokens_ "]"),                                                      \
        CLI_DOUBLE("--temperature", "T", &(o).params.temperature, 0.0, 1000.0,                                         \
                   "0 takes the likeliest token [" temperature_ "]"),                                                  \
        CLI_DOUBLE("--top-p", "P", &(o).params.top_p, 0.0, 1.0,                                                        \
                   "the fewest ids that hold this much probability [" top_p_ "]"),                                     \
        CLI_INT("--top-k", "K", &(o).params.top_k, 0, INT32_MAX, "the K most probable ids [0: all]"),                  \
        CLI_DOUBLE("--min-p", "P", &(o).params.min_p, 0.0, 1.0, "ids at least P times as probable as the first [0]"),  \
        CLI_DOUBLE("--repetition-penalty", "R", &(o).params.repetition_penalty, 0.01, 100.0,                           \
                   "divides the positive logits of ids in prompt and completion, multiplies the negative [1]"),        \
        CLI_DOUBLE("--frequency-penalty", "F", &(o).params.frequency_penalty, -100.0, 100.0,                           \
                   "taken from an id's logit each time it stands in the completion [0]"),                              \
        CLI_DOUBLE("--presence-penalty", "P", &(o).params.presence_penalty, -100.0, 100.0,                             \
                   "taken once from the logits of ids in the completion [0]"),                                         \
        CLI_LIST("--logit-bias", "ID=B", &(o).bias_texts, "adds B to the logit of an id"),                             \
        CLI_LIST("--stop", "S", &(o).stop_texts, "ends the completion; the text is cut just before it"),               \
        CLI_STRING("--grammar", "F.gbnf", &(o).grammar_path, "the text is of this grammar (llama.cpp's GBNF)"),        \
        CLI_STRING("--json-schema", "F.json", &(o).schema_path, "the text is JSON of this schema"),                    \
        CLI_INT("--seed", "S", &(o).seed, 0, INT64_MAX, "of the random draws [0]"),                                    \
        CLI_FLAG("--no-speculation", &(o).no_speculation, "one token a step: the same bits, slower")

/* Checks what the parser cannot and reads what the options name. Once, after cli_parse; tokenizer may be NULL (then --stop and grammars are refused). */
bool sampling_options_prepare(SamplingOptions *options, const ModelConfig *config, const Tokenizer *tokenizer,
                              Error *err) R1_MUST_CHECK;
void sampling_options_free(SamplingOptions *options);

#endif

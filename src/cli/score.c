/* SPDX-License-Identifier: MIT */
/* cli/score.c: `r1 score`: the log-probability of each token of given sequences, by the trainer's forward. */
#include "cli/cli.h"

#include "model/frozen.h"
#include "train/batch.h"

#include <inttypes.h>
#include <string.h>

enum { MICRO_BATCH_TOKENS = 1 };

typedef struct Score {
    Model model;
    Trainer trainer;
    int32_t *ids; /* grows */
    float *logprobs;
    int64_t capacity;
} Score;

static bool read_ids(Score *score, const json_t *list, Error *err)
{
    const int64_t n = (int64_t)json_array_size(list), V = score->model.config.vocab_size;
    if (!json_is_array(list) || n == 0)
        return error_set(err, ERROR_INPUT, "\"ids\": expected a list of at least one token id");
    if (n > score->capacity) {
        score->capacity = 2 * n;
        score->ids = base_realloc(score->ids, (size_t)score->capacity, sizeof *score->ids);
        score->logprobs = base_realloc(score->logprobs, (size_t)score->capacity, sizeof *score->logprobs);
    }
    for (int64_t i = 0; i < n; i++) {
        const json_t *id = json_array_get(list, (size_t)i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= V)
            return error_set(err, ERROR_INPUT, "\"ids\": element %" PRId64 " is not a token id from 0 to %" PRId64, i,
                             V - 1);
        score->ids[i] = (int32_t)json_integer_value(id);
    }
    return true;
}

static bool score_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    Score *score = context;
    (void)thread;
    const json_t *list = json_object_get(row, "ids");
    if (!read_ids(score, list, err)) return false;
    const int64_t n = (int64_t)json_array_size(list);
    const TrainSequence sequence = {.inputs = score->ids, .targets = score->ids + 1, .n_rows = n - 1};
    const TrainGroup group = {.n_sequences = 1};
    const TrainBatch batch = {&group, 1, &sequence, 1};
    if (n > 1 && !trainer_logprobs(&score->trainer, &score->model, &batch, 1.0f, score->logprobs, NULL, err))
        return false;
    json_out_key(out, "logprobs");
    json_out_array(out);
    for (int64_t i = 0; i < n - 1; i++) json_out_float(out, score->logprobs[i]);
    json_out_array_end(out);
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *model = NULL, *input = "-", *weights = "stored";
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &model, "a Hugging Face folder or a GGUF file"),
        CLI_CHOICE("--weights", &weights, model_weights_names(),
                   "as the file has them, rounded to bf16, or f32 [stored]"),
        CLI_STRING("--input", "FILE", &input, "JSON lines {\"ids\"} [-: stdin]"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    Compute compute;
    if (!cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err)) return false;
    Score score = {0};
    if (!model_open_frozen(&score.model, model, model_weights_named(weights), &compute, err)) return false;
    const bool ok = trainer_create(&score.trainer, &score.model, &compute, MICRO_BATCH_TOKENS, 1, false, err) &&
                    cli_rows(cli, input, false, score_row, &score, err);
    trainer_free(&score.trainer);
    model_free(&score.model);
    base_free(score.ids);
    base_free(score.logprobs);
    return ok;
}

const Command command_score = {
    .name = "score",
    .summary = "log-probabilities of given token ids",
    .usage = "r1 score --model DIR [--input F.jsonl]",
    .details = "Reads {\"ids\"} and answers {\"logprobs\"}, one fewer than ids: of each token but the first, in nats, "
               "given those\n"
               "before it. The same bits as in `r1 sample` and in training.",
    .example = "echo '{\"ids\":[5,6,7]}' | build/release/r1 score --model models/base",
    .run = run,
};

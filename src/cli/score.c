/* SPDX-License-Identifier: MIT */
/* cli/score.c: `r1 score`: the log-probability of each token of given sequences, by the trainer's forward; with --reward the
 * scores that a reward model gives to responses. */
#include "cli/cli.h"

#include "data/preference_rows.h"
#include "eval/reward_scorer.h"
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

/* ---- a reward model ---- */

typedef struct Rewarding {
    RewardScorer *scorer;
    ScoredPart part;
} Rewarding;

static bool reward_of_ids(RewardScorer *scorer, const json_t *list, double *reward, Error *err)
{
    const int64_t n = (int64_t)json_array_size(list);
    if (n == 0) return error_set(err, ERROR_INPUT, "\"ids\": expected a list of at least one token id");
    int32_t *const ids = base_alloc((size_t)n, sizeof *ids);
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        const json_t *const id = json_array_get(list, (size_t)i);
        ids[i] = (int32_t)json_integer_value(id);
        ok = (json_is_integer(id) && ids[i] == json_integer_value(id)) ||
             error_set(err, ERROR_INPUT, "\"ids\": element %" PRId64 " is not a token id", i);
    }
    ok = ok && reward_scorer_score_ids(scorer, ids, n, reward, err);
    base_free(ids);
    return ok;
}

static bool reward_of_text(const Rewarding *r, const json_t *row, double *reward, Error *err)
{
    PreferenceRow texts;
    ScoredText text = {0};
    bool ok = preference_row_read_response(&texts, reward_scorer_chat(r->scorer), row, err);
    if (ok) {
        text = (ScoredText){.prompt = texts.prompt,
                            .prompt_length = texts.prompt_length,
                            .rendered = texts.rendered,
                            .part = r->part,
                            .response = texts.responses[0],
                            .response_length = texts.lengths[0]};
        ok = reward_scorer_score(r->scorer, &text, 1, err);
    }
    if (ok && text.too_long)
        ok = error_set(err, ERROR_INPUT, "%" PRId64 " tokens are more than the model has positions for", text.n_tokens);
    *reward = text.reward;
    preference_row_free(&texts);
    return ok;
}

static bool reward_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)thread;
    const Rewarding *const r = context;
    const json_t *const ids = json_object_get(row, "ids");
    double reward;
    if (!(ids ? reward_of_ids(r->scorer, ids, &reward, err) : reward_of_text(r, row, &reward, err))) return false;
    json_out_key(out, "reward");
    json_out_float(out, (float)reward);
    return true;
}

static bool run_reward(Cli *cli, const char *model, const char *input, bool summary, const Compute *compute, Error *err)
{
    Rewarding r = {.part = summary ? SCORED_SUMMARY : SCORED_RESPONSE};
    if (!reward_scorer_open(&r.scorer, model, compute, err)) return false;
    const bool ok = cli_rows(cli, input, false, reward_row, &r, err);
    reward_scorer_close(r.scorer);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *model = NULL, *input = "-", *weights = "stored";
    bool reward = false, summary = false;
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &model, "a Hugging Face folder or a GGUF file"),
        CLI_CHOICE("--weights", &weights, model_weights_names(),
                   "as the file has them, rounded to bf16, or f32 [stored]"),
        CLI_STRING("--input", "FILE", &input, "JSON lines [-: stdin]"),
        CLI_FLAG("--reward", &reward, "the model is a reward model: one score a response"),
        CLI_FLAG("--summary", &summary, "of what stands behind </think> alone; with --reward"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    if (summary && !reward)
        return error_set(err, ERROR_USAGE, "--summary: says what a reward model scores; give --reward with it");
    Compute compute;
    if (!cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err)) return false;
    if (reward) return run_reward(cli, model, input, summary, &compute, err);
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
    .summary = "log-probabilities of given token ids; scores of responses by a reward model",
    .usage = "r1 score --model DIR [--reward [--summary]] [--input F.jsonl]",
    .details =
        "Reads {\"ids\"} and answers {\"logprobs\"}, one fewer than ids: of each token but the first, in nats, "
        "given those\n"
        "before it. The same bits as in `r1 sample` and in training.\n"
        "\n"
        "With --reward the model is one that `r1 reward-model` made. It reads {\"prompt\", \"completion\"}, "
        "{\"messages\"} that end\n"
        "with an answer, or {\"ids\"}, and answers {\"reward\"}: the scalar head on the end behind the response, "
        "or on the last id.",
    .example = "echo '{\"ids\":[5,6,7]}' | build/release/r1 score --model models/base",
    .run = run,
};

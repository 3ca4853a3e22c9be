/* SPDX-License-Identifier: MIT */
/* recipe/pretrain.c: makes the base model: a byte-level BPE and a decoder trained from fresh weights on documents that the
 * program itself generates; or trains, from fresh weights or a model, on a person's texts (recipe/pretrain_text.h).
 *
 * A step takes whole documents from the corpus in order until it has its tokens; each is seen once. The loss is cross-entropy
 * per token; a prompt's tokens weigh less, since the numbers of a question are noise that nothing predicts. Of texts it takes
 * windows, in which every token weighs the same. */
#include "recipe/pretrain_text.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/signals.h"
#include "data/corpus.h"
#include "record/checkpoint.h"
#include "train/mtp.h"

#include <string.h>

static const char *const SPECIAL_TOKENS[] = {"<|endoftext|>"};
static const char *const FRAME_TOKENS[] = {"<think>", "</think>", "<answer>", "</answer>"};

/* One optimiser batch. Everything but the encoder's own buffer lives in the arena. */
typedef struct DocumentBatch {
    TokenIds ids;            /* all documents, one after another */
    int64_t *starts;         /* [n + 1] */
    int64_t *prompt_lengths; /* [n] tokens */
    int64_t n, capacity;
    TrainSequence *sequences;
    TrainGroup *groups;
    float *weights, *logprobs;
    int64_t weights_capacity;
} DocumentBatch;

static void batch_free(DocumentBatch *b)
{
    token_ids_free(&b->ids);
    base_free(b->starts);
    base_free(b->prompt_lengths);
    base_free(b->sequences);
    base_free(b->groups);
    base_free(b->weights);
    base_free(b->logprobs);
}

typedef struct Pretrain {
    const StageRun *run;
    const PretrainSettings *settings;
    CorpusMix mix;
    PretrainText text;      /* of settings->data */
    char *tokenizer_folder; /* owned; of a model that is trained on: the start model, then the newest checkpoint */
    Tokenizer *tokenizer;
    int32_t eos;
    Model model;
    Optimizer optimizer;
    Trainer trainer;
    RolloutEngine *engine;
    StageState state;
    DocumentBatch batch;
    MetricsRow row;
} Pretrain;

static void pretrain_free(Pretrain *p)
{
    batch_free(&p->batch);
    metrics_row_free(&p->row);
    engine_free(p->engine);
    trainer_free(&p->trainer);
    pretrain_text_close(&p->text);
    optimizer_free(&p->optimizer);
    model_free(&p->model);
    tokenizer_free(p->tokenizer);
    base_free(p->tokenizer_folder);
}

/* The corpus' first documents, a line break behind each. */
static char *corpus_text(const Pretrain *p, size_t *length)
{
    const PretrainSettings *const s = p->settings;
    size_t capacity = (size_t)s->tokenizer_documents * 160 + sizeof((Document *)0)->text;
    char *text = base_alloc(capacity, 1);
    Document document;
    *length = 0;
    for (int64_t i = 0; i < s->tokenizer_documents; i++) {
        corpus_document(&document, &p->mix, (uint64_t)s->corpus_seed, (uint64_t)i);
        if (*length + document.length + 1 > capacity)
            text = base_realloc(text, capacity = 2 * capacity + document.length, 1);
        memcpy(text + *length, document.text, document.length);
        *length += document.length;
        text[(*length)++] = '\n';
    }
    return text;
}

static bool train_tokenizer(const Pretrain *p, Error *err)
{
    const TokenizerTraining training = {.vocab_size = p->settings->vocab_size,
                                        .special = SPECIAL_TOKENS,
                                        .n_special = 1,
                                        .added = FRAME_TOKENS,
                                        .n_added = 4,
                                        .eos = SPECIAL_TOKENS[0],
                                        .pad = SPECIAL_TOKENS[0]};
    size_t length;
    char *text = NULL;
    if (!*p->settings->data)
        text = corpus_text(p, &length);
    else if (!pretrain_text_sample(p->settings, &text, &length, err))
        return false;
    const bool ok = file_make_folders(p->tokenizer_folder, err) &&
                    tokenizer_train(&training, text, length, p->tokenizer_folder, err);
    base_free(text);
    return ok;
}

/* Where a model that is trained on stands: what it was may be gone by the time a run goes on. */
static const char *start_folder(const Pretrain *p)
{
    return p->run->resume_path ? p->run->resume_path : p->settings->common.model;
}

/* The tokenizer of this corpus: a pure function of the settings, so it is made again when one of its files is not there. A model
 * that is trained on has its own. */
static bool make_tokenizer(Pretrain *p, Error *err)
{
    if (*p->settings->common.model) {
        p->tokenizer_folder = base_strdup(start_folder(p));
        return tokenizer_open(&p->tokenizer, p->tokenizer_folder, err);
    }
    p->tokenizer_folder = base_printf("%s/tokenizer", p->run->folder);
    char *const model = base_printf("%s/tokenizer.json", p->tokenizer_folder);
    char *const names = base_printf("%s/tokenizer_config.json", p->tokenizer_folder);
    const bool ready = file_exists(model) && file_exists(names);
    base_free(model);
    base_free(names);
    if (!ready && !train_tokenizer(p, err)) return false;
    if (!file_remove_leftovers(p->tokenizer_folder, err)) return false;
    if (!tokenizer_open(&p->tokenizer, p->tokenizer_folder, err)) return false;
    p->eos = tokenizer_id(p->tokenizer, SPECIAL_TOKENS[0]);
    return true;
}

bool pretrain_asks_problems(const PretrainSettings *s)
{
    return s->common.eval_every > 0 && (!*s->data || *s->common.eval_data);
}

/* Fresh weights are drawn, those of a checkpoint read, at the end of prepare. */
static bool make_model(Pretrain *p, Error *err)
{
    if (*p->settings->common.model) return model_open(&p->model, start_folder(p), &p->run->compute, err);
    const ModelConfig config = stage_shape(&p->settings->shape, tokenizer_vocab_size(p->tokenizer), p->eos);
    return model_create(&p->model, &config, err) || error_in(err, "shape");
}

static bool open_text(Pretrain *p, Error *err)
{
    const PretrainSettings *const s = p->settings;
    if (!*s->data) return true;
    const int64_t most = p->model.config.max_positions;
    if (s->context > most)
        return error_set(err, ERROR_INPUT, "text.context: %lld is more than the model's %lld positions",
                         (long long)s->context, (long long)most);
    return pretrain_text_open(&p->text, p->run, s, p->tokenizer, &p->model.config, err);
}

static bool prepare(Pretrain *p, Error *err)
{
    const PretrainSettings *s = p->settings;
    const CommonSettings *c = &s->common;
    p->mix = corpus_mix((CorpusKind)s->corpus);
    if (!make_tokenizer(p, err) || !make_model(p, err) || !open_text(p, err)) return false;
    const OptimizerConfig optimizer = stage_optimizer(c);
    if (c->mtp_loss_weight > 0) model_train_mtp(&p->model);
    if (!optimizer_create(&p->optimizer, &optimizer, &p->model, err) ||
        !trainer_create(&p->trainer, &p->model, &p->run->compute, c->micro_batch_tokens, c->shards, c->recompute,
                        err) ||
        (pretrain_asks_problems(s) && !stage_evaluation_engine(&p->engine, p->run, c, p->tokenizer, &p->model, err)))
        return false;
    p->trainer.balance_coef = c->expert_balance_coef;
    if (p->run->resume_path) return stage_restore(p->run, &p->model, &p->optimizer, NULL, &p->state, err);
    if (*c->model) return true;
    model_init(&p->model, (uint64_t)c->seed, s->shape.init_std);
    model_pack(&p->model, &p->run->compute);
    return true;
}

static void *grown(void *memory, int64_t count, size_t size)
{
    return base_realloc(memory, (size_t)count, size);
}

static void reserve_document(DocumentBatch *b)
{
    if (b->n + 2 <= b->capacity) return;
    b->capacity = 2 * b->capacity + 64;
    b->starts = grown(b->starts, b->capacity + 1, sizeof *b->starts);
    b->prompt_lengths = grown(b->prompt_lengths, b->capacity, sizeof *b->prompt_lengths);
    b->sequences = grown(b->sequences, b->capacity, sizeof *b->sequences);
    b->groups = grown(b->groups, b->capacity, sizeof *b->groups);
}

static bool add_document(Pretrain *p, Error *err)
{
    DocumentBatch *b = &p->batch;
    Document document;
    corpus_document(&document, &p->mix, (uint64_t)p->settings->corpus_seed, (uint64_t)p->state.next_document++);
    reserve_document(b);
    b->starts[b->n] = b->ids.n;
    if (!tokenizer_encode(p->tokenizer, document.text, document.prompt_length, false, &b->ids, err)) return false;
    b->prompt_lengths[b->n] = b->ids.n - b->starts[b->n];
    if (!tokenizer_encode(p->tokenizer, document.text + document.prompt_length,
                          document.length - document.prompt_length, false, &b->ids, err))
        return false;
    token_ids_append(&b->ids, p->eos);
    b->starts[++b->n] = b->ids.n;
    return true;
}

static void reserve_rows(DocumentBatch *b, int64_t n)
{
    if (n <= b->weights_capacity) return;
    b->weights_capacity = 2 * n;
    b->weights = grown(b->weights, b->weights_capacity, sizeof *b->weights);
    b->logprobs = grown(b->logprobs, b->weights_capacity, sizeof *b->logprobs);
}

static void lay_out_documents(Pretrain *p)
{
    DocumentBatch *b = &p->batch;
    reserve_rows(b, b->ids.n);
    int64_t token = 0;
    for (int64_t d = 0; d < b->n; d++) {
        const int32_t *ids = b->ids.ids + b->starts[d];
        const int64_t n_rows = b->starts[d + 1] - b->starts[d] - 1;
        b->sequences[d] = (TrainSequence){.inputs = ids, .targets = ids + 1, .n_rows = n_rows};
        b->groups[d] = (TrainGroup){.first_sequence = d, .n_sequences = 1};
        for (int64_t i = 0; i < n_rows; i++)
            b->weights[token++] = i + 1 < b->prompt_lengths[d] ? (float)p->settings->prompt_weight : 1.0f;
    }
}

static bool gather_documents(Pretrain *p, int64_t wanted, Error *err)
{
    p->batch.n = 0;
    p->batch.ids.n = 0;
    while (p->batch.ids.n < wanted)
        if (!add_document(p, err)) return false;
    lay_out_documents(p);
    return true;
}

/* Windows point into the shards. */
static void gather_windows(Pretrain *p, int64_t wanted)
{
    DocumentBatch *const b = &p->batch;
    int64_t n_rows = 0;
    for (b->n = 0; n_rows < wanted; b->n++) {
        const TokenWindow *const w = pretrain_text_window(&p->text, p->state.next_document++);
        reserve_document(b);
        b->sequences[b->n] = (TrainSequence){.inputs = w->ids, .targets = w->ids + 1, .n_rows = w->n_rows};
        b->groups[b->n] = (TrainGroup){.first_sequence = b->n, .n_sequences = 1};
        n_rows += w->n_rows;
    }
    reserve_rows(b, n_rows);
    for (int64_t i = 0; i < n_rows; i++) b->weights[i] = 1.0f;
}

int64_t pretrain_tokens_of_step(const PretrainSettings *s, int64_t step)
{
    const int64_t total = stage_schedule_steps(&s->common), steps = total > 1 ? total - 1 : 1;
    const int64_t at = step < steps ? step : steps;
    return s->tokens_per_step + (s->tokens_per_step_final - s->tokens_per_step) * at / steps;
}

/* Mean loss over a completion's tokens alone: what the prompts' noise does not cover. */
static double completion_loss(const Pretrain *p)
{
    const DocumentBatch *b = &p->batch;
    double sum = 0;
    int64_t token = 0, n = 0;
    for (int64_t d = 0; d < b->n; d++)
        for (int64_t i = 0; i < b->sequences[d].n_rows; i++, token++)
            if (i + 1 >= b->prompt_lengths[d]) sum -= (double)b->logprobs[token], n++;
    return n > 0 ? sum / (double)n : 0.0;
}

static bool train_step(Pretrain *p, int64_t step, Error *err)
{
    const CommonSettings *c = &p->settings->common;
    DocumentBatch *b = &p->batch;
    const double start = clock_seconds();
    const bool is_text = *p->settings->data;
    if (is_text)
        gather_windows(p, pretrain_tokens_of_step(p->settings, step));
    else if (!gather_documents(p, pretrain_tokens_of_step(p->settings, step), err))
        return false;
    const TrainBatch batch = {b->groups, b->n, b->sequences, b->n};
    const int64_t n_tokens = train_batch_tokens(&batch);
    SftLoss loss = {b->weights, sft_inv_total(b->weights, n_tokens)};
    double mtp_loss = 0.0;
    if (!(p->model.config.train_mtp ? trainer_mtp_gradient(&p->trainer, &p->model, &batch, &loss, c->mtp_loss_weight,
                                                           b->logprobs, NULL, &mtp_loss, err)
                                    : trainer_gradient(&p->trainer, &p->model, &batch, 1.0f, sft_loss_gradient, &loss,
                                                       b->logprobs, NULL, err)))
        return false;
    const Schedule schedule = stage_schedule(c);
    const double rate = schedule_rate(&schedule, step);
    double grad_norm;
    if (!optimizer_update(&p->optimizer, &p->model, p->trainer.gradients[0].flat, rate, &p->run->compute, &grad_norm,
                          err))
        return false;
    stage_balance_experts(c, &p->trainer, &p->model);
    p->state.num_tokens += n_tokens;
    p->state.optimizer_steps = p->optimizer.step;
    metrics_set(&p->row, "loss", sft_loss_value(&loss, b->logprobs, n_tokens));
    if (p->model.config.train_mtp) metrics_set(&p->row, "mtp_loss", mtp_loss);
    if (is_text)
        metrics_set(&p->row, "epoch", (double)p->state.next_document / (double)p->text.train->n);
    else
        metrics_set(&p->row, "completion_loss", completion_loss(p));
    metrics_set(&p->row, "grad_norm", grad_norm);
    metrics_set(&p->row, "learning_rate", rate);
    metrics_set(&p->row, "num_tokens", (double)p->state.num_tokens);
    const double seconds = clock_seconds() - start;
    metrics_set(&p->row, "step_time", seconds);
    metrics_set(&p->row, "tokens_per_second", seconds > 0 ? (double)n_tokens / seconds : 0.0);
    return true;
}

static bool end_step(Pretrain *p, int64_t step, Error *err)
{
    const CommonSettings *c = &p->settings->common;
    if (stage_evaluates(c, step) && *p->settings->data &&
        !pretrain_text_evaluate(&p->text, &p->trainer, &p->model, &p->row, err))
        return false;
    if (stage_evaluates(c, step) && pretrain_asks_problems(p->settings) &&
        !stage_evaluate(p->run, c, p->engine, p->tokenizer, step, &p->row, err))
        return false;
    if (!metrics_append(p->run->metrics, &p->row, err)) return false;
    progress_step(p->run->progress, &p->row);
    p->state.step = step;
    if (step == 0 || !stage_saves(c, step)) return true;
    if (!stage_save(p->run, c, &p->model, &p->optimizer, NULL, p->tokenizer_folder, &p->state, err)) return false;
    if (!*c->model) return true;
    base_free(p->tokenizer_folder);
    p->tokenizer_folder = checkpoint_path(p->run->folder, step);
    return true;
}

static void begin_row(Pretrain *p, int64_t step)
{
    metrics_row_clear(&p->row);
    p->row.step = step;
    snprintf(p->row.stage, sizeof p->row.stage, "pretrain");
}

bool pretrain_run(const StageRun *run, const PretrainSettings *settings, Error *err)
{
    Pretrain p = {.run = run, .settings = settings};
    bool ok = prepare(&p, err);
    if (ok && *settings->data && !run->resume_path && stage_evaluates(&settings->common, 0)) {
        begin_row(&p, 0); /* where it starts from: what a model knew of these texts */
        ok = end_step(&p, 0, err);
    }
    for (int64_t step = p.state.step; ok && step < settings->common.steps; step++) {
        begin_row(&p, step + 1);
        ok = signals_check(err) && train_step(&p, step, err) && end_step(&p, step + 1, err);
    }
    ok = ok && stage_save_final(run, &p.model, p.tokenizer_folder, err);
    pretrain_free(&p);
    return ok;
}

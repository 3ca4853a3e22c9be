/* SPDX-License-Identifier: MIT */
#include "train/batch.h"

#include "train/mtp.h"

#include <math.h>
#include <string.h>

/* One micro-batch: sequences [first, end) of the batch; which groups they belong to is found while filling. */
typedef struct MicroBatch {
    int64_t group; /* the group that holds `first` */
    int64_t first, end;
    int64_t token; /* token number of its first target */
} MicroBatch;

int64_t train_batch_tokens(const TrainBatch *batch)
{
    int64_t n = 0;
    for (int64_t s = 0; s < batch->n_sequences; s++) n += batch->sequences[s].n_rows - batch->sequences[s].first_target;
    return n;
}

static int64_t group_end(const TrainGroup *group)
{
    return group->first_sequence + group->n_sequences;
}

/* Cuts one micro-batch from `next` on: whole sequences (or groups) while the rows, prompts included, stay within the limit; at least one. Returns its rows. */
static int64_t cut_micro_batch(MicroBatch *next, const Trainer *t, const TrainBatch *batch, int64_t last_group)
{
    int64_t rows = 0, g = next->group, s = next->first, cut = s, rows_at_cut = 0;
    const int64_t stop = group_end(&batch->groups[last_group - 1]);
    bool prompt_counted = false;
    while (s < stop) {
        while (s == group_end(&batch->groups[g])) g++, prompt_counted = false;
        if (!t->whole_groups || s == batch->groups[g].first_sequence) cut = s, rows_at_cut = rows;
        const int64_t more = batch->sequences[s].n_rows + (prompt_counted ? 0 : batch->groups[g].n_prompt);
        if (cut > next->first && rows + more > t->micro_batch_tokens) {
            next->end = cut;
            return rows_at_cut;
        }
        rows += more;
        prompt_counted = true;
        s++;
    }
    next->end = stop;
    return rows;
}

static void advance(MicroBatch *mb, const TrainBatch *batch)
{
    for (int64_t s = mb->first; s < mb->end; s++)
        mb->token += batch->sequences[s].n_rows - batch->sequences[s].first_target;
    mb->first = mb->end;
    while (mb->group < batch->n_groups && group_end(&batch->groups[mb->group]) <= mb->first) mb->group++;
}

/* The largest micro-batch and the longest sequence (prompt included) of a range of groups. */
static void measure(const Trainer *t, const TrainBatch *batch, int64_t first_group, int64_t last_group,
                    int64_t *max_rows, int64_t *max_sequence, int64_t *max_prompt)
{
    MicroBatch mb = {.group = first_group, .first = batch->groups[first_group].first_sequence};
    const int64_t stop = group_end(&batch->groups[last_group - 1]);
    while (mb.first < stop) {
        const int64_t rows = cut_micro_batch(&mb, t, batch, last_group);
        if (rows > *max_rows) *max_rows = rows;
        advance(&mb, batch);
    }
    for (int64_t g = first_group; g < last_group; g++) {
        const TrainGroup *group = &batch->groups[g];
        if (group->n_prompt > *max_prompt) *max_prompt = group->n_prompt;
        for (int64_t s = group->first_sequence; s < group_end(group); s++) {
            const int64_t n = group->n_prompt + batch->sequences[s].n_rows;
            if (n > *max_sequence) *max_sequence = n;
        }
    }
}

bool trainer_create(Trainer *trainer, const Model *model, const Compute *compute, int64_t micro_batch_tokens,
                    int64_t shards, bool recompute, Error *err)
{
    *trainer = (Trainer){.config = &model->config,
                         .compute = compute,
                         .micro_batch_tokens = micro_batch_tokens,
                         .recompute = recompute,
                         .shards = shards};
    if (shards < 1 || shards > ((int64_t)1 << 31) || (shards & (shards - 1)) != 0)
        return error_set(err, ERROR_INPUT, "shards: %lld is not a power of two", (long long)shards);
    trainer->n_gradients = 1;
    /* A tree over S shards, combined as they come, holds at most log2 S finished subtrees and the shard in hand. */
    for (int64_t s = shards; s > 1; s /= 2) trainer->n_gradients++;
    return true;
}

static void free_gradients(Trainer *trainer)
{
    for (int64_t i = 0; i < trainer->n_gradients; i++) arena_free(&trainer->gradient_memory[i]);
    memset(trainer->gradients, 0, sizeof trainer->gradients);
}

void trainer_free(Trainer *trainer)
{
    free_gradients(trainer);
    decoder_workspace_free(&trainer->workspace);
    arena_free(&trainer->lists);
    arena_free(&trainer->mtp_lists);
    *trainer = (Trainer){0};
}

static size_t list_bytes(int64_t rows)
{
    const size_t n = (size_t)rows;
    /* Every segment has at least one row, so rows bound segments and groups (a prompt's segment included). */
    return 2 * arena_piece_bytes(n, sizeof(int32_t)) + arena_piece_bytes(n, sizeof(DecoderSegment)) +
           arena_piece_bytes(n, sizeof(int64_t)) + arena_piece_bytes(n, sizeof(DecoderGroup)) +
           arena_piece_bytes(n, sizeof(int64_t)) + arena_piece_bytes(n, sizeof(int32_t));
}

size_t trainer_plan_bytes(const ModelConfig *config, const ParamLayout *layout, int64_t micro_batch_tokens,
                          int64_t longest_sequence, int64_t shards, int n_threads, bool recompute)
{
    const int64_t rows = longest_sequence > micro_batch_tokens ? longest_sequence : micro_batch_tokens;
    size_t n_gradients = 1;
    for (int64_t s = shards; s > 1; s /= 2) n_gradients++;
    return decoder_workspace_bytes(config, rows, longest_sequence, n_threads, true, recompute) + list_bytes(rows) +
           (config->train_mtp ? trainer_mtp_bytes(config, rows) : 0) +
           n_gradients * decoder_gradients_bytes(config, layout, longest_sequence);
}

bool trainer_reserve(Trainer *trainer, Model *model, const TrainBatch *batch, bool backward, Error *err)
{
    int64_t rows = 1, sequence = 1, prompt = 1;
    for (int64_t shard = 0; shard < trainer->shards; shard++) {
        int64_t begin, end;
        threads_split(batch->n_groups, 1, shard, trainer->shards, &begin, &end);
        if (begin < end) measure(trainer, batch, begin, end, &rows, &sequence, &prompt);
    }
    if (rows < trainer->micro_batch_tokens) rows = trainer->micro_batch_tokens;
    if (!model_reserve_positions(model, sequence, err)) return false;
    DecoderWorkspace *w = &trainer->workspace;
    if (rows > w->max_rows || sequence > w->max_sequence || (backward && !w->backward)) {
        if (rows < w->max_rows) rows = w->max_rows;
        if (sequence < w->max_sequence) sequence = w->max_sequence;
        const bool with_backward = backward || w->backward;
        decoder_workspace_free(w);
        if (!decoder_workspace_create(w, &model->config, rows, sequence, threads_count(trainer->compute->threads),
                                      with_backward, trainer->recompute, err))
            return false;
    }
    if (rows > trainer->max_list_rows) {
        arena_free(&trainer->lists);
        if (!arena_create(&trainer->lists, "micro-batch lists", list_bytes(rows), err)) return false;
        trainer->max_list_rows = rows;
    }
    if (backward && prompt > trainer->gradients[0].max_prompt) {
        free_gradients(trainer);
        for (int64_t i = 0; i < trainer->n_gradients; i++)
            if (!decoder_gradients_create(&trainer->gradients[i], &trainer->gradient_memory[i], model,
                                          (prompt + 127) / 128 * 128, err))
                return false;
    }
    return true;
}

typedef struct Filler {
    int32_t *ids, *positions;
    DecoderSegment *segments;
    int64_t *prompt_of_segment;
    DecoderGroup *groups;
    int64_t *target_rows;
    int32_t *targets;
} Filler;

static void add_rows(DecoderBatch *b, Filler *f, const int32_t *ids, int64_t n, int64_t first_position)
{
    f->segments[b->n_segments] = (DecoderSegment){b->n_rows, n, first_position};
    f->prompt_of_segment[b->n_segments] = -1;
    memcpy(f->ids + b->n_rows, ids, (size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++) f->positions[b->n_rows + i] = (int32_t)(first_position + i);
    b->n_rows += n;
    b->n_segments++;
}

static void add_completion(DecoderBatch *b, Filler *f, const TrainSequence *sequence, int64_t n_prompt)
{
    for (int64_t i = sequence->first_target; i < sequence->n_rows; i++) {
        f->target_rows[b->n_targets] = b->n_rows + i;
        f->targets[b->n_targets++] = sequence->targets ? sequence->targets[i] : 0;
    }
    add_rows(b, f, sequence->inputs, sequence->n_rows, n_prompt);
}

/* Lays the micro-batch out in row order: each group's completions, then its prompt. */
static void fill(DecoderBatch *b, Filler *f, const TrainBatch *batch, const MicroBatch *mb)
{
    int64_t s = mb->first;
    for (int64_t g = mb->group; s < mb->end; g++) {
        const TrainGroup *group = &batch->groups[g];
        const int64_t end = group_end(group) < mb->end ? group_end(group) : mb->end;
        if (s == end) continue; /* a group without sequences has no rows, not even its prompt's */
        DecoderGroup *out = &f->groups[b->n_groups++];
        *out = (DecoderGroup){.first_segment = b->n_segments,
                              .n_completions = end - s,
                              .prompt_segment = -1,
                              .carried = s > group->first_sequence,
                              .prompt_backward = end == group_end(group)};
        for (; s < end; s++) add_completion(b, f, &batch->sequences[s], group->n_prompt);
        b->n_backward_rows = b->n_rows;
        if (group->n_prompt == 0) continue;
        out->prompt_segment = b->n_segments;
        for (int64_t i = out->first_segment; i < b->n_segments; i++) f->prompt_of_segment[i] = b->n_segments;
        add_rows(b, f, group->prompt, group->n_prompt, 0);
        if (out->prompt_backward) b->n_backward_rows = b->n_rows;
    }
}

static Filler take_lists(Arena *lists, int64_t rows)
{
    return (Filler){.ids = ARENA_ARRAY(lists, int32_t, rows, 1),
                    .positions = ARENA_ARRAY(lists, int32_t, rows, 1),
                    .segments = ARENA_ARRAY(lists, DecoderSegment, rows, 1),
                    .prompt_of_segment = ARENA_ARRAY(lists, int64_t, rows, 1),
                    .groups = ARENA_ARRAY(lists, DecoderGroup, rows, 1),
                    .target_rows = ARENA_ARRAY(lists, int64_t, rows, 1),
                    .targets = ARENA_ARRAY(lists, int32_t, rows, 1)};
}

/* Runs groups [first_group, last_group) micro-batch by micro-batch. `token` is the number of their first target. Returns the number after the last. */
static int64_t run_groups(Trainer *t, const Model *model, const TrainBatch *batch, int64_t first_group,
                          int64_t last_group, int64_t token, TrainHead head, void *context, float balance_weight,
                          DecoderGradients *gradients)
{
    MicroBatch mb = {.group = first_group, .first = batch->groups[first_group].first_sequence, .token = token};
    const int64_t stop = group_end(&batch->groups[last_group - 1]);
    while (mb.first < stop) {
        cut_micro_batch(&mb, t, batch, last_group);
        const size_t mark = arena_mark(&t->lists);
        Filler f = take_lists(&t->lists, t->max_list_rows);
        DecoderBatch b = {.ids = f.ids,
                          .positions = f.positions,
                          .segments = f.segments,
                          .prompt_of_segment = f.prompt_of_segment,
                          .groups = f.groups,
                          .target_rows = f.target_rows,
                          .targets = f.targets,
                          .balance_weight = gradients ? balance_weight : 0.0f};
        fill(&b, &f, batch, &mb);
        decoder_forward(model, t->compute, &t->workspace, &b);
        head(context, model, t->compute, &t->workspace, &b, mb.token, gradients);
        if (gradients) decoder_backward(model, t->compute, &t->workspace, &b, gradients);
        arena_reset(&t->lists, mark);
        advance(&mb, batch);
    }
    return mb.token;
}

typedef struct AddGradients {
    float *to;
    const float *from;
} AddGradients;

static void add_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const AddGradients *a = context;
    for (int64_t i = begin; i < end; i++) a->to[i] += a->from[i];
}

static void add_loads(const Model *model, int64_t *to, const int64_t *from)
{
    for (int64_t i = 0; to && i < model_blocks(&model->config) * model->config.moe.n_experts; i++) to[i] += from[i];
}

/* Runs of rows in the batch, each a sequence or a shared prompt; 1 for none, since it divides. */
static int64_t count_runs(const TrainBatch *batch)
{
    int64_t n = batch->n_sequences;
    for (int64_t g = 0; g < batch->n_groups; g++)
        n += batch->groups[g].n_prompt > 0 && batch->groups[g].n_sequences > 0;
    return n > 0 ? n : 1;
}

static void run_shards(Trainer *trainer, Model *model, const TrainBatch *batch, TrainHead head, void *context)
{
    enum { ADD_GRAIN = 1 << 15 };
    const float balance_weight = (float)(trainer->balance_coef / (double)count_runs(batch));
    int64_t token = 0, depth = 0;
    for (int64_t shard = 0; shard < trainer->shards; shard++) {
        int64_t begin, end;
        threads_split(batch->n_groups, 1, shard, trainer->shards, &begin, &end);
        DecoderGradients *g = &trainer->gradients[depth++];
        decoder_gradients_zero(g, model, trainer->compute);
        if (begin < end) token = run_groups(trainer, model, batch, begin, end, token, head, context, balance_weight, g);
        decoder_finish_gradients(g, model, trainer->compute);
        /* Shard 2i + 1 closes a pair, 4i + 3 a pair of pairs, and so on: the fixed binary tree of contract 5. */
        for (int64_t closed = shard; closed % 2 == 1; closed /= 2) {
            depth--;
            AddGradients add = {trainer->gradients[depth - 1].flat, trainer->gradients[depth].flat};
            compute_rows(trainer->compute, model_trained_layout(model)->n_floats, ADD_GRAIN, add_part, &add);
            add_loads(model, trainer->gradients[depth - 1].loads, trainer->gradients[depth].loads);
        }
    }
}

bool trainer_run(Trainer *trainer, Model *model, const TrainBatch *batch, TrainHead head, void *context, bool backward,
                 Error *err)
{
    if (!backward && batch->n_groups == 0) return true;
    if (!trainer_reserve(trainer, model, batch, backward, err)) return false;
    if (backward)
        run_shards(trainer, model, batch, head, context);
    else
        run_groups(trainer, model, batch, 0, batch->n_groups, 0, head, context, 0.0f, NULL);
    return true;
}

/* ---- log-probabilities of targets, and a loss over them ---- */

typedef struct LossHead {
    float inv_temperature;
    DecoderLoss loss;
    void *context;
    float *logprobs, *entropies; /* of the whole batch */
    int64_t token;
} LossHead;

static void shifted_loss(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                         float *dlogprobs, float *dentropies)
{
    const LossHead *const h = context;
    h->loss(h->context, h->token + first, n, logprobs, entropies, dlogprobs, dentropies);
}

static void loss_head(void *context, const Model *model, const Compute *compute, DecoderWorkspace *w,
                      const DecoderBatch *batch, int64_t token, DecoderGradients *gradients)
{
    LossHead *const h = context;
    h->token = token;
    decoder_head(model, compute, w, batch, h->inv_temperature, h->logprobs + token,
                 h->entropies ? h->entropies + token : NULL, gradients ? shifted_loss : NULL, h, gradients);
}

bool trainer_logprobs(Trainer *trainer, Model *model, const TrainBatch *batch, float inv_temperature, float *logprobs,
                      float *entropies, Error *err)
{
    LossHead head = {.inv_temperature = inv_temperature, .logprobs = logprobs, .entropies = entropies};
    return trainer_run(trainer, model, batch, loss_head, &head, false, err);
}

bool trainer_gradient(Trainer *trainer, Model *model, const TrainBatch *batch, float inv_temperature, DecoderLoss loss,
                      void *loss_context, float *logprobs, float *entropies, Error *err)
{
    LossHead head = {inv_temperature, loss, loss_context, logprobs, entropies, 0};
    return trainer_run(trainer, model, batch, loss_head, &head, true, err);
}

/* ---- values of a scalar head, and a loss over them ---- */

typedef struct ValueHead {
    DecoderValueLoss loss;
    void *context;
    float *values; /* of the whole batch */
    int64_t token;
} ValueHead;

static void shifted_value_loss(void *context, int64_t first, int64_t n, const float *values, float *dvalues)
{
    const ValueHead *const h = context;
    h->loss(h->context, h->token + first, n, values, dvalues);
}

static void value_head(void *context, const Model *model, const Compute *compute, DecoderWorkspace *w,
                       const DecoderBatch *batch, int64_t token, DecoderGradients *gradients)
{
    ValueHead *const h = context;
    h->token = token;
    decoder_values(model, compute, w, batch, h->values + token, gradients ? shifted_value_loss : NULL, h, gradients);
}

/* Nothing can be made of other values: they mark a model that has diverged, or a damaged one. */
static bool check_values(const float *values, int64_t n, Error *err)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return error_set(err, ERROR_INPUT,
                             "the scalar head's value of token %lld is not finite: the model has diverged, or its file "
                             "is damaged",
                             (long long)i);
    return true;
}

bool trainer_values(Trainer *trainer, Model *model, const TrainBatch *batch, float *values, Error *err)
{
    ValueHead head = {.values = values};
    return trainer_run(trainer, model, batch, value_head, &head, false, err) &&
           check_values(values, train_batch_tokens(batch), err);
}

bool trainer_value_gradient(Trainer *trainer, Model *model, const TrainBatch *batch, DecoderValueLoss loss,
                            void *loss_context, float *values, Error *err)
{
    ValueHead head = {loss, loss_context, values, 0};
    return trainer_run(trainer, model, batch, value_head, &head, true, err) &&
           check_values(values, train_batch_tokens(batch), err);
}

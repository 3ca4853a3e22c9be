/* SPDX-License-Identifier: MIT */
#include "train/mtp.h"

#include "model/mtp.h"

#include <assert.h>

enum { MAX_MODULES = 16 }; /* as model/config.c checks */

/* The rows of one module in a micro-batch. */
typedef struct ModuleRows {
    DecoderBatch batch;
    int32_t *ids, *positions, *targets;
    DecoderSegment *segments;
    DecoderGroup *groups;
    int64_t *prompt_of_segment, *target_rows;
    int64_t *rows;        /* of the depth before */
    int64_t *tokens;      /* [n_targets]: numbers of the targets in the micro-batch */
    int64_t *segment_row; /* [segments of the model's batch]: where the sequence begins here; -1: too short */
    float *logprobs;
} ModuleRows;

typedef struct MtpHead {
    Trainer *trainer;
    const SftLoss *loss;
    double weight;               /* of one module */
    float *logprobs, *entropies; /* of the whole batch */
    double sums[MAX_MODULES];    /* -sum w log p */
    int64_t token;               /* number of the micro-batch's first target */
    const ModuleRows *module;    /* whose loss is asked for */
} MtpHead;

static size_t module_bytes(int64_t rows)
{
    const size_t n = (size_t)rows;
    return 3 * arena_piece_bytes(n, sizeof(int32_t)) + arena_piece_bytes(n, sizeof(DecoderSegment)) +
           arena_piece_bytes(n, sizeof(DecoderGroup)) + 5 * arena_piece_bytes(n, sizeof(int64_t)) +
           arena_piece_bytes(n, sizeof(float));
}

static ModuleRows take_module(Arena *lists, int64_t rows)
{
    return (ModuleRows){.ids = ARENA_ARRAY(lists, int32_t, rows, 1),
                        .positions = ARENA_ARRAY(lists, int32_t, rows, 1),
                        .targets = ARENA_ARRAY(lists, int32_t, rows, 1),
                        .segments = ARENA_ARRAY(lists, DecoderSegment, rows, 1),
                        .groups = ARENA_ARRAY(lists, DecoderGroup, rows, 1),
                        .prompt_of_segment = ARENA_ARRAY(lists, int64_t, rows, 1),
                        .target_rows = ARENA_ARRAY(lists, int64_t, rows, 1),
                        .rows = ARENA_ARRAY(lists, int64_t, rows, 1),
                        .tokens = ARENA_ARRAY(lists, int64_t, rows, 1),
                        .segment_row = ARENA_ARRAY(lists, int64_t, rows, 1),
                        .logprobs = ARENA_ARRAY(lists, float, rows, 1)};
}

/* The model's sequence s in depth `depth`: all its rows but the last `depth`, whose further token is not there. */
static void add_sequence(ModuleRows *m, const DecoderBatch *main, int64_t s, int64_t depth, const ModuleRows *before)
{
    const DecoderSegment *const from = &main->segments[s];
    const int64_t n = from->n_rows - depth, row = m->batch.n_rows, i_segment = m->batch.n_segments;
    m->segment_row[s] = n > 0 ? row : -1;
    if (n <= 0) return;
    assert(main->prompt_of_segment[s] < 0);
    m->segments[i_segment] = (DecoderSegment){row, n, from->first_position};
    m->prompt_of_segment[i_segment] = -1;
    m->groups[i_segment] =
        (DecoderGroup){.first_segment = i_segment, .n_completions = 1, .prompt_segment = -1, .prompt_backward = true};
    for (int64_t i = 0; i < n; i++) {
        m->ids[row + i] = main->ids[from->row + i + depth];
        m->positions[row + i] = main->positions[from->row + i];
        m->rows[row + i] = (before ? before->segment_row[s] : from->row) + i;
    }
    m->batch.n_rows += n;
    m->batch.n_segments++;
}

/* The model's targets from the sequence's row `depth` on are this depth's, `depth` rows earlier. */
static void add_targets(ModuleRows *m, const DecoderBatch *main, int64_t depth)
{
    int64_t s = 0;
    for (int64_t j = 0; j < main->n_targets; j++) {
        const int64_t row = main->target_rows[j];
        while (row >= main->segments[s].row + main->segments[s].n_rows) s++;
        const int64_t i = row - main->segments[s].row - depth;
        if (i < 0) continue;
        const int64_t n = m->batch.n_targets++;
        m->target_rows[n] = m->segment_row[s] + i;
        m->targets[n] = main->targets[j];
        m->tokens[n] = j;
    }
}

static void fill_module(ModuleRows *m, const DecoderBatch *main, int64_t depth, const ModuleRows *before)
{
    for (int64_t s = 0; s < main->n_segments; s++) add_sequence(m, main, s, depth, before);
    add_targets(m, main, depth);
    DecoderBatch *const b = &m->batch;
    b->ids = m->ids;
    b->positions = m->positions;
    b->segments = m->segments;
    b->prompt_of_segment = m->prompt_of_segment;
    b->groups = m->groups;
    b->target_rows = m->target_rows;
    b->targets = m->targets;
    b->n_backward_rows = b->n_rows;
    b->n_groups = b->n_segments;
    b->balance_weight = main->balance_weight;
}

static double weight_of(const SftLoss *loss, int64_t token)
{
    return loss->weights ? (double)loss->weights[token] : 1.0;
}

static void main_loss(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                      float *dlogprobs, float *dentropies)
{
    const MtpHead *const h = context;
    SftLoss loss = *h->loss;
    sft_loss_gradient(&loss, h->token + first, n, logprobs, entropies, dlogprobs, dentropies);
}

static void module_loss(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                        float *dlogprobs, float *dentropies)
{
    const MtpHead *const h = context;
    (void)logprobs, (void)entropies;
    for (int64_t i = 0; i < n; i++) {
        const double w = weight_of(h->loss, h->token + h->module->tokens[first + i]);
        dlogprobs[i] = -(float)(w * h->loss->inv_total * h->weight);
        dentropies[i] = 0.0f;
    }
}

static void run_modules(MtpHead *h, const Model *model, const Compute *compute, DecoderWorkspace *w,
                        const DecoderBatch *batch, DecoderGradients *gradients)
{
    ModuleRows modules[MAX_MODULES];
    const int64_t M = model->config.n_mtp;
    const size_t mark = arena_mark(&h->trainer->mtp_lists);
    for (int64_t k = 0; k < M; k++) {
        modules[k] = take_module(&h->trainer->mtp_lists, h->trainer->max_mtp_rows);
        fill_module(&modules[k], batch, k + 1, k > 0 ? &modules[k - 1] : NULL);
        mtp_forward(model, compute, w, k, mtp_previous(model, w, k), modules[k].rows, &modules[k].batch);
    }
    for (int64_t k = M - 1; k >= 0; k--) {
        const ModuleRows *const m = &modules[k];
        h->module = m;
        mtp_head(model, compute, w, k, &m->batch, 1.0f, m->logprobs, module_loss, h, gradients);
        mtp_backward(model, compute, w, k, m->rows, k > 0 ? modules[k - 1].batch.n_rows : batch->n_rows, &m->batch,
                     gradients);
        for (int64_t i = 0; i < m->batch.n_targets; i++)
            h->sums[k] -= weight_of(h->loss, h->token + m->tokens[i]) * (double)m->logprobs[i];
    }
    arena_reset(&h->trainer->mtp_lists, mark);
}

static void mtp_train_head(void *context, const Model *model, const Compute *compute, DecoderWorkspace *w,
                           const DecoderBatch *batch, int64_t token, DecoderGradients *gradients)
{
    MtpHead *const h = context;
    h->token = token;
    decoder_head(model, compute, w, batch, 1.0f, h->logprobs + token, h->entropies ? h->entropies + token : NULL,
                 main_loss, h, gradients);
    run_modules(h, model, compute, w, batch, gradients);
}

size_t trainer_mtp_bytes(const ModelConfig *config, int64_t max_rows)
{
    return (size_t)config->n_mtp * module_bytes(max_rows);
}

static bool reserve_lists(Trainer *t, const ModelConfig *config, Error *err)
{
    if (t->max_list_rows <= t->max_mtp_rows) return true;
    arena_free(&t->mtp_lists);
    t->max_mtp_rows = t->max_list_rows;
    return arena_create(&t->mtp_lists, "rows of further tokens", trainer_mtp_bytes(config, t->max_mtp_rows), err);
}

bool trainer_mtp_gradient(Trainer *t, Model *model, const TrainBatch *batch, const SftLoss *loss, double weight,
                          float *logprobs, float *entropies, double *mtp_loss, Error *err)
{
    const int64_t M = model->config.n_mtp;
    assert(M > 0 && M <= MAX_MODULES && model->config.train_mtp);
    MtpHead head = {
        .trainer = t, .loss = loss, .weight = weight / (double)M, .logprobs = logprobs, .entropies = entropies};
    if (!trainer_reserve(t, model, batch, true, err) || !reserve_lists(t, &model->config, err) ||
        !trainer_run(t, model, batch, mtp_train_head, &head, true, err))
        return false;
    *mtp_loss = 0.0;
    for (int64_t k = 0; k < M; k++) *mtp_loss += head.sums[k] * loss->inv_total / (double)M;
    return true;
}

/* SPDX-License-Identifier: MIT */
/* model/decoder_workspace.c: the one place where a step's memory is planned. Pieces are listed once, by `walk_pieces`; planning adds
 * their sizes up, creating takes them, so the two cannot differ. */
#include "model/decoder.h"

#include "model/decoder_scratch.h"

#include <string.h>

enum { HEAD_LOGITS_FLOATS = 1 << 18, HEAD_MIN_ROWS = 64, HEAD_MAX_ROWS = 256 };

/* Rows of logits that stand at once: a megabyte of them (they should stay in L2), but enough rows for the GEMM to run well. */
static int64_t head_block_rows(const ModelConfig *config, int64_t max_rows)
{
    int64_t rows = HEAD_LOGITS_FLOATS / config->vocab_size / 8 * 8;
    if (rows < HEAD_MIN_ROWS) rows = HEAD_MIN_ROWS;
    if (rows > HEAD_MAX_ROWS) rows = HEAD_MAX_ROWS;
    return rows < max_rows ? rows : (max_rows > 0 ? max_rows : 1);
}

/* Either counts (arena NULL) or takes. */
typedef struct Pieces {
    Arena *arena;
    size_t bytes;
} Pieces;

static float *piece(Pieces *pieces, int64_t rows, int64_t columns)
{
    const size_t count = (size_t)rows * (size_t)columns;
    pieces->bytes += arena_piece_bytes(count, sizeof(float));
    return pieces->arena ? arena_take(pieces->arena, count, sizeof(float)) : NULL;
}

static void layer_pieces(LayerActivations *a, Pieces *p, const ModelConfig *c, int64_t T)
{
    const int64_t HC = c->n_heads * c->head_dim;
    a->rstd1 = piece(p, T, 1);
    a->qkv = piece(p, T, model_qkv_size(c));
    if (c->qk_norm) {
        a->raw_heads = piece(p, T, (c->n_heads + c->n_kv_heads) * c->head_dim);
        a->head_rstd = piece(p, T, c->n_heads + c->n_kv_heads);
    }
    a->attended = piece(p, T, HC);
    a->row_max = piece(p, T, c->n_heads);
    a->row_sum = piece(p, T, c->n_heads);
    a->middle = piece(p, T, c->hidden_size);
    a->rstd2 = piece(p, T, 1);
    a->gate_up = piece(p, T, 2 * c->ffn_size);
}

static void walk_pieces(DecoderWorkspace *w, Pieces *p, const ModelConfig *c)
{
    const int64_t T = w->max_rows, D = c->hidden_size, F = c->ffn_size, HC = c->n_heads * c->head_dim;
    const bool share_layers = w->recompute || !w->backward;
    for (int64_t l = 0; l <= c->n_layers; l++) {
        /* Forward only: the stream alternates between two buffers. */
        if (!w->backward && l >= 2)
            w->x[l] = w->x[l - 2];
        else
            w->x[l] = piece(p, T, D);
    }
    for (int64_t l = 0; l < c->n_layers; l++) {
        if (share_layers && l > 0)
            w->layers[l] = w->layers[0];
        else
            layer_pieces(&w->layers[l], p, c, T);
    }
    w->hidden = piece(p, T, D);
    w->final_rstd = piece(p, T, 1);
    w->normed = piece(p, T, D);
    w->projected = piece(p, T, D);
    w->activated = piece(p, T, F);
    w->head_input = piece(p, w->head_rows, D);
    w->logits = piece(p, w->head_rows, c->vocab_size);
    w->head_summaries = (HeadRow *)(void *)piece(p, w->head_rows, (int64_t)(sizeof(HeadRow) / sizeof(float)));
    w->head_entropy = piece(p, w->head_rows, 1);
    if (w->backward) {
        w->head_dlogprob = piece(p, w->head_rows, 1);
        w->head_dentropy = piece(p, w->head_rows, 1);
        w->head_gradient = piece(p, w->head_rows, D);
        w->d_stream = piece(p, T, D);
        w->d_normed = piece(p, T, D);
        w->d_hidden = piece(p, T, D);
        w->d_attended = piece(p, T, HC);
        w->d_qkv = piece(p, T, model_qkv_size(c));
        if (c->qk_norm) w->d_heads = piece(p, T, (c->n_heads + c->n_kv_heads) * c->head_dim);
        w->d_activated = piece(p, T, F);
        w->d_gate_up = piece(p, T, 2 * F);
    }
    if (c->lora.rank > 0) {
        w->lora_hidden = piece(p, T, c->lora.rank);
        if (w->backward) w->lora_d_hidden = piece(p, 3 * T, c->lora.rank);
    }
    const AttentionScratch scratch = attention_scratch_plan(c, w->max_sequence, w->backward);
    for (int t = 0; t < w->n_threads; t++) w->thread_scratch[t] = piece(p, scratch.total, 1);
}

static void describe(DecoderWorkspace *w, const ModelConfig *config, int64_t max_rows, int64_t max_sequence,
                     int n_threads, bool backward, bool recompute)
{
    *w = (DecoderWorkspace){.max_rows = max_rows,
                            .max_sequence = max_sequence,
                            .n_threads = n_threads,
                            .backward = backward,
                            .recompute = recompute,
                            .head_rows = head_block_rows(config, max_rows)};
    w->x = base_alloc((size_t)config->n_layers + 1, sizeof *w->x);
    w->layers = base_alloc((size_t)config->n_layers, sizeof *w->layers);
    w->thread_scratch = base_alloc((size_t)n_threads, sizeof *w->thread_scratch);
}

size_t decoder_workspace_bytes(const ModelConfig *config, int64_t max_rows, int64_t max_sequence, int n_threads,
                               bool backward, bool recompute)
{
    DecoderWorkspace w;
    describe(&w, config, max_rows, max_sequence, n_threads, backward, recompute);
    Pieces pieces = {0};
    walk_pieces(&w, &pieces, config);
    decoder_workspace_free(&w);
    return pieces.bytes;
}

bool decoder_workspace_create(DecoderWorkspace *w, const ModelConfig *config, int64_t max_rows, int64_t max_sequence,
                              int n_threads, bool backward, bool recompute, Error *err)
{
    const size_t bytes = decoder_workspace_bytes(config, max_rows, max_sequence, n_threads, backward, recompute);
    describe(w, config, max_rows, max_sequence, n_threads, backward, recompute);
    if (!arena_create(&w->memory, "decoder workspace", bytes, err)) {
        decoder_workspace_free(w);
        return false;
    }
    Pieces pieces = {.arena = &w->memory};
    walk_pieces(w, &pieces, config);
    return true;
}

void decoder_workspace_free(DecoderWorkspace *w)
{
    arena_free(&w->memory);
    base_free(w->x);
    base_free(w->layers);
    base_free(w->thread_scratch);
    *w = (DecoderWorkspace){0};
}

size_t decoder_gradients_bytes(const ModelConfig *config, const ParamLayout *layout, int64_t max_prompt)
{
    size_t bytes = arena_piece_bytes((size_t)layout->n_floats, sizeof(float));
    if (config->tied_head && !layout->adapters)
        bytes += arena_piece_bytes((size_t)(config->vocab_size * config->hidden_size), sizeof(float));
    return bytes + 2 * arena_piece_bytes((size_t)decoder_carry_floats(config, max_prompt), sizeof(float));
}

bool decoder_gradients_create(DecoderGradients *g, Arena *arena, const Model *model, int64_t max_prompt, Error *err)
{
    const ParamLayout *layout = model_trained_layout(model);
    const size_t bytes = decoder_gradients_bytes(&model->config, layout, max_prompt);
    *g = (DecoderGradients){.max_prompt = max_prompt};
    if (!arena_create(arena, "gradients", bytes, err)) return false;
    g->flat = ARENA_ARRAY(arena, float, layout->n_floats, 1);
    if (model->config.tied_head && !layout->adapters)
        g->lookup = ARENA_ARRAY(arena, float, model->config.vocab_size, model->config.hidden_size);
    for (int i = 0; i < 2; i++)
        g->carry[i] = ARENA_ARRAY(arena, float, decoder_carry_floats(&model->config, max_prompt), 1);
    return true;
}

typedef struct Fill {
    float *x, *y; /* y: x += y; NULL: x = 0 */
} Fill;

static void fill_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Fill *f = context;
    if (!f->y)
        memset(f->x + begin, 0, (size_t)(end - begin) * sizeof(float));
    else
        for (int64_t i = begin; i < end; i++) f->x[i] += f->y[i];
}

enum { FILL_GRAIN = 1 << 16 };

void decoder_gradients_zero(DecoderGradients *g, const Model *model, const Compute *compute)
{
    compute_rows(compute, model_trained_layout(model)->n_floats, FILL_GRAIN, fill_part, &(Fill){g->flat, NULL});
    if (g->lookup)
        compute_rows(compute, model->config.vocab_size * model->config.hidden_size, FILL_GRAIN, fill_part,
                     &(Fill){g->lookup, NULL});
}

void decoder_finish_gradients(DecoderGradients *g, const Model *model, const Compute *compute)
{
    if (!g->lookup) return;
    compute_rows(compute, model->config.vocab_size * model->config.hidden_size, FILL_GRAIN, fill_part,
                 &(Fill){g->flat + model->layout.embedding, g->lookup});
}

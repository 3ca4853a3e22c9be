/* SPDX-License-Identifier: MIT */
/* model/decoder_workspace.c: the one place where a step's memory is planned. Pieces are listed once, by `walk_pieces`; planning adds
 * their sizes up, creating takes them, so the two cannot differ. */
#include "model/decoder.h"

#include "model/decoder_scratch.h"
#include "num/gemm.h"

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

static void *piece_of(Pieces *pieces, int64_t count, size_t size)
{
    pieces->bytes += arena_piece_bytes((size_t)count, size);
    return pieces->arena ? arena_take(pieces->arena, (size_t)count, size) : NULL;
}

static void mla_pieces(MlaActivations *a, Pieces *p, const ModelConfig *c, int64_t T)
{
    a->in = piece(p, T, mla_in_size(c));
    a->kv_rstd = piece(p, T, 1);
    a->q = a->in;
    if (c->mla.q_lora_rank > 0) {
        a->q_rstd = piece(p, T, 1);
        a->q = piece(p, T, c->n_heads * mla_head_size(c));
    }
    a->keys = piece(p, T, mla_key_size(c));
    a->latents = piece(p, T, c->n_heads * c->mla.kv_lora_rank);
}

static void moe_pieces(MoeActivations *a, Pieces *p, const MoeConfig *m, int64_t T)
{
    const int64_t S = T * m->n_chosen;
    a->scores = piece(p, T, m->n_experts);
    a->chosen = piece_of(p, S, sizeof *a->chosen);
    a->slots = piece_of(p, S, sizeof *a->slots);
    a->weights = piece(p, S, 1);
    a->rows = piece_of(p, S, sizeof *a->rows);
    a->first = piece_of(p, m->n_experts + 1, sizeof *a->first);
    a->gate_up = piece(p, S, 2 * m->ffn_size);
}

/* The widest MLP that every token of a layer goes through. */
static int64_t widest_ffn(const ModelConfig *c)
{
    int64_t widest = 0;
    for (int64_t l = 0; l < model_blocks(c); l++)
        if (model_layer_ffn(c, l) > widest) widest = model_layer_ffn(c, l);
    return widest;
}

/* What layer l keeps; l < 0: room for any layer. */
static void layer_pieces(LayerActivations *a, Pieces *p, const ModelConfig *c, int64_t T, int64_t l)
{
    a->rstd1 = piece(p, T, 1);
    if (model_has_mla(c))
        mla_pieces(&a->mla, p, c, T);
    else
        a->qkv = piece(p, T, model_qkv_size(c));
    if (c->qk_norm) {
        a->raw_heads = piece(p, T, (c->n_heads + c->n_kv_heads) * c->head_dim);
        a->head_rstd = piece(p, T, c->n_heads + c->n_kv_heads);
    }
    a->attended = piece(p, T, model_attended_size(c));
    a->row_max = piece(p, T, c->n_heads);
    a->row_sum = piece(p, T, c->n_heads);
    a->middle = piece(p, T, c->hidden_size);
    a->rstd2 = piece(p, T, 1);
    a->gate_up = piece(p, T, 2 * (l < 0 ? widest_ffn(c) : model_layer_ffn(c, l)));
    if (model_layer_is_moe(c, l < 0 ? model_blocks(c) - 1 : l)) moe_pieces(&a->moe, p, &c->moe, T);
}

/* What latent attention and experts need beside the activations, shared by all layers. */
static void deepseek_pieces(DecoderWorkspace *w, Pieces *p, const ModelConfig *c)
{
    const int64_t T = w->max_rows, H = c->n_heads, S = T * c->moe.n_chosen, key = mla_key_size(c);
    const bool latent_queries = c->mla.q_lora_rank > 0;
    /* An expert's gate and up may stand apart (model/frozen.h). */
    w->gemm_tasks = piece_of(p, H > 2 * c->moe.n_experts ? H : 2 * c->moe.n_experts, sizeof *w->gemm_tasks);
    w->mla_queries = piece(p, T, H * key);
    if (latent_queries) w->mla_q_normed = piece(p, T, c->mla.q_lora_rank);
    w->expert_next = piece_of(p, c->moe.n_experts, sizeof *w->expert_next);
    w->slot_weights = piece(p, S, 1);
    w->expert_rows = piece(p, S, c->hidden_size);
    w->expert_hidden = piece(p, S, c->moe.ffn_size);
    if (!w->backward) return;
    w->d_mla_queries = piece(p, T, H * key);
    w->d_mla_latents = piece(p, T, H * c->mla.kv_lora_rank);
    w->d_mla_keys = piece(p, T, key);
    w->d_mla_in = piece(p, T, mla_in_size(c));
    if (latent_queries) {
        w->d_mla_q = piece(p, T, H * mla_head_size(c));
        w->d_mla_q_normed = piece(p, T, c->mla.q_lora_rank);
    }
    w->d_slot_weights = piece(p, S, 1);
    w->d_expert_gate_up = piece(p, S, 2 * c->moe.ffn_size);
    w->d_row_weights = piece(p, S, 1);
    w->d_scores = piece(p, T, c->moe.n_experts);
}

/* Modules that predict further tokens. */
static void mtp_pieces(DecoderWorkspace *w, Pieces *p, const ModelConfig *c)
{
    const int64_t T = w->max_rows, D = c->hidden_size;
    for (int64_t k = 0; k < c->n_mtp; k++) {
        MtpActivations *const a = &w->mtp[k];
        if (!w->backward && k > 0) {
            *a = w->mtp[0];
            continue;
        }
        a->previous = piece(p, T, D);
        a->enorm_rstd = piece(p, T, 1);
        a->hnorm_rstd = piece(p, T, 1);
        a->hidden = piece(p, T, D);
        a->rstd = piece(p, T, 1);
    }
    w->mtp_joined = piece(p, T, 2 * D);
    if (!w->backward) return;
    w->d_mtp_joined = piece(p, T, 2 * D);
    w->d_mtp_hidden = piece(p, T, D);
    w->d_mtp_stream = piece(p, T, D);
    w->d_mtp_x = piece(p, T, D);
}

/* Rows that adapters see at once: tokens, their slots, or their heads. */
static int64_t lora_rows(const ModelConfig *c, int64_t T)
{
    const unsigned experts = 1u << LORA_EXPERT_GATE | 1u << LORA_EXPERT_UP | 1u << LORA_EXPERT_DOWN;
    int64_t rows = T;
    if (c->moe.n_experts > 0 && (c->lora.targets & experts)) rows = T * c->moe.n_chosen;
    if (model_has_mla(c) && (c->lora.targets >> LORA_KV_B & 1) && rows < T * c->n_heads) rows = T * c->n_heads;
    return rows;
}

static void walk_pieces(DecoderWorkspace *w, Pieces *p, const ModelConfig *c)
{
    const int64_t T = w->max_rows, D = c->hidden_size, F = widest_ffn(c);
    const bool share_layers = w->recompute || !w->backward;
    for (int64_t l = 0; l <= c->n_layers + 2 * c->n_mtp; l++) {
        /* Forward only: the stream alternates between two buffers. */
        if (!w->backward && l >= 2)
            w->x[l] = w->x[l - 2];
        else
            w->x[l] = piece(p, T, D);
    }
    for (int64_t l = 0; l < model_blocks(c); l++) {
        if (share_layers && l > 0)
            w->layers[l] = w->layers[0];
        else
            layer_pieces(&w->layers[l], p, c, T, share_layers ? -1 : l);
    }
    w->hidden = piece(p, T, D);
    w->final_rstd = piece(p, T, 1);
    w->normed = piece(p, T, D);
    w->projected = piece(p, T, D);
    w->activated = piece(p, T, F);
    w->head_input = piece(p, w->head_rows, D);
    w->logits = piece(p, w->head_rows, c->scalar_head ? 0 : c->vocab_size);
    w->head_summaries = (HeadRow *)(void *)piece(p, w->head_rows, (int64_t)(sizeof(HeadRow) / sizeof(float)));
    w->head_entropy = piece(p, w->head_rows, 1);
    if (w->backward) {
        w->head_dlogprob = piece(p, w->head_rows, 1);
        w->head_dentropy = piece(p, w->head_rows, 1);
        w->head_gradient = piece(p, w->head_rows, D);
        if (c->scalar_head) w->d_values = piece(p, T, 1);
        w->d_stream = piece(p, T, D);
        w->d_normed = piece(p, T, D);
        w->d_hidden = piece(p, T, D);
        w->d_attended = piece(p, T, model_attended_size(c));
        if (!model_has_mla(c)) w->d_qkv = piece(p, T, model_qkv_size(c));
        if (c->qk_norm) w->d_heads = piece(p, T, (c->n_heads + c->n_kv_heads) * c->head_dim);
        w->d_activated = piece(p, T, F);
        w->d_gate_up = piece(p, T, 2 * F);
    }
    if (c->lora.rank > 0) {
        const int64_t rows = lora_rows(c, T);
        w->lora_hidden = piece(p, rows, c->lora.rank);
        if (w->backward) w->lora_d_hidden = piece(p, rows > T ? 2 * rows + T : 3 * T, c->lora.rank);
    }
    if (model_has_mla(c)) deepseek_pieces(w, p, c);
    if (c->n_mtp > 0) mtp_pieces(w, p, c);
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
    w->x = base_alloc((size_t)(config->n_layers + 2 * config->n_mtp) + 1, sizeof *w->x);
    w->layers = base_alloc((size_t)model_blocks(config), sizeof *w->layers);
    w->mtp = base_alloc((size_t)config->n_mtp + 1, sizeof *w->mtp);
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
    base_free(w->mtp);
    base_free(w->thread_scratch);
    *w = (DecoderWorkspace){0};
}

static int64_t mtp_shared_floats(const ModelConfig *config)
{
    return config->n_mtp * 2 * config->vocab_size * config->hidden_size;
}

size_t decoder_gradients_bytes(const ModelConfig *config, const ParamLayout *layout, int64_t max_prompt)
{
    size_t bytes = arena_piece_bytes((size_t)layout->n_floats, sizeof(float));
    if (model_head_is_embedding(config) && !layout->adapters)
        bytes += arena_piece_bytes((size_t)(config->vocab_size * config->hidden_size), sizeof(float));
    if (config->moe.n_experts > 0)
        bytes += arena_piece_bytes((size_t)(model_blocks(config) * config->moe.n_experts), sizeof(int64_t));
    if (config->train_mtp) bytes += arena_piece_bytes((size_t)mtp_shared_floats(config), sizeof(float));
    return bytes + 2 * arena_piece_bytes((size_t)decoder_carry_floats(config, max_prompt), sizeof(float));
}

bool decoder_gradients_create(DecoderGradients *g, Arena *arena, const Model *model, int64_t max_prompt, Error *err)
{
    const ParamLayout *layout = model_trained_layout(model);
    const size_t bytes = decoder_gradients_bytes(&model->config, layout, max_prompt);
    *g = (DecoderGradients){.max_prompt = max_prompt};
    if (!arena_create(arena, "gradients", bytes, err)) return false;
    g->flat = ARENA_ARRAY(arena, float, layout->n_floats, 1);
    if (model_head_is_embedding(&model->config) && !layout->adapters)
        g->lookup = ARENA_ARRAY(arena, float, model->config.vocab_size, model->config.hidden_size);
    if (model->config.moe.n_experts > 0)
        g->loads = ARENA_ARRAY(arena, int64_t, model_blocks(&model->config), model->config.moe.n_experts);
    if (model->config.train_mtp) g->mtp = ARENA_ARRAY(arena, float, mtp_shared_floats(&model->config), 1);
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
    if (g->loads)
        memset(g->loads, 0, (size_t)(model_blocks(&model->config) * model->config.moe.n_experts) * sizeof *g->loads);
    if (g->mtp) compute_rows(compute, mtp_shared_floats(&model->config), FILL_GRAIN, fill_part, &(Fill){g->mtp, NULL});
}

void decoder_finish_gradients(DecoderGradients *g, const Model *model, const Compute *compute)
{
    const int64_t n = model->config.vocab_size * model->config.hidden_size;
    if (g->lookup)
        compute_rows(compute, n, FILL_GRAIN, fill_part, &(Fill){g->flat + model->layout.embedding, g->lookup});
    for (int64_t k = 0; g->mtp && k < model->config.n_mtp; k++) {
        compute_rows(compute, n, FILL_GRAIN, fill_part, &(Fill){g->flat + model->layout.head, g->mtp + 2 * k * n});
        compute_rows(compute, n, FILL_GRAIN, fill_part,
                     &(Fill){g->flat + model->layout.embedding, g->mtp + (2 * k + 1) * n});
    }
}

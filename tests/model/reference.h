/* SPDX-License-Identifier: MIT */
/* tests/model/reference.h: the decoder once more, in double and as plainly as it can be written: no batch, no blocks, no cache; latent
 * attention in its expanded form, keys and values of every head. One sequence after another, each token against all before it. What the tests of gradients take their differences from, and what the forward must agree with. */
#ifndef R1_TESTS_MODEL_REFERENCE_H
#define R1_TESTS_MODEL_REFERENCE_H

#include "model/moe_gate.h"
#include "model/rope_scaling.h"
#include "model/tiny.h"

typedef struct Reference {
    const Model *model;
    double *weights;  /* [layout.n_floats] */
    double *adapters; /* [lora.layout.n_floats]; NULL without */
} Reference;

static inline double *reference_doubles(const float *x, int64_t n)
{
    double *y = base_alloc((size_t)n, sizeof *y);
    for (int64_t i = 0; i < n; i++) y[i] = (double)x[i];
    return y;
}

static inline Reference reference_create(const Model *model)
{
    return (Reference){model, reference_doubles(model->weights, model->layout.n_floats),
                       reference_doubles(model->lora.weights, model->lora.layout.n_floats)};
}

static inline void reference_free(Reference *r)
{
    base_free(r->weights);
    base_free(r->adapters);
}

/* y[N] = W x + b, W at an offset (b: -1 none). */
static inline void reference_linear(const Reference *r, double *y, const double *x, int64_t w, int64_t b, int64_t N,
                                    int64_t K)
{
    for (int64_t n = 0; n < N; n++) {
        y[n] = b >= 0 ? r->weights[b + n] : 0.0;
        for (int64_t k = 0; k < K; k++) y[n] += r->weights[w + n * K + k] * x[k];
    }
}

/* y += scale * B (A x), rows [first, first + N) of B. */
static inline void reference_adapter_rows(const Reference *r, double *y, const double *x, int64_t layer,
                                          LoraModule module, int64_t expert, int64_t first, int64_t N)
{
    const ModelConfig *c = &r->model->config;
    if (!lora_has(c, layer, module)) return;
    const AdapterOffsets *o = &r->model->lora.layout.adapters[layer * LORA_MODULES + module];
    const int64_t K = lora_module_inputs(c, module), R = c->lora.rank;
    const double *a = r->adapters + o->a + expert * o->stride, *b = r->adapters + o->b + expert * o->stride + first * R;
    for (int64_t k = 0; k < R; k++) {
        double h = 0.0;
        for (int64_t i = 0; i < K; i++) h += a[k * K + i] * x[i];
        for (int64_t n = 0; n < N; n++) y[n] += (double)r->model->lora.scale * b[n * R + k] * h;
    }
}

static inline void reference_adapter(const Reference *r, double *y, const double *x, int64_t layer, LoraModule module)
{
    reference_adapter_rows(r, y, x, layer, module, 0, 0, lora_module_outputs(&r->model->config, module));
}

static inline void reference_norm(const Reference *r, double *y, const double *x, int64_t w, int64_t D)
{
    double squares = 0.0;
    for (int64_t i = 0; i < D; i++) squares += x[i] * x[i];
    const double rstd = 1.0 / sqrt(squares / (double)D + (double)r->model->config.rms_norm_eps);
    for (int64_t i = 0; i < D; i++) y[i] = x[i] * rstd * r->weights[w + i];
}

static inline void reference_rope(const Reference *r, double *x, int64_t position)
{
    const int64_t half = r->model->config.head_dim / 2;
    for (int64_t i = 0; i < half; i++) {
        const double cos = (double)r->model->rope_cos[position * half + i],
                     sin = (double)r->model->rope_sin[position * half + i];
        double *low = x + i, *high = x + half + i;
        if (r->model->config.mla.neighbours) low = x + 2 * i, high = low + 1;
        const double was_low = *low, was_high = *high;
        *low = was_low * cos - was_high * sin;
        *high = was_high * cos + was_low * sin;
    }
}

/* q, k, v of one token, normed and rotated as the architecture wants. */
static inline void reference_qkv(const Reference *r, double *qkv, const double *x, int64_t l, int64_t position)
{
    const ModelConfig *c = &r->model->config;
    const LayerOffsets *o = &r->model->layout.layers[l];
    const int64_t C = c->head_dim, H = c->n_heads, K = c->n_kv_heads;
    reference_linear(r, qkv, x, o->qkv, o->qkv_bias, (H + 2 * K) * C, c->hidden_size);
    reference_adapter(r, qkv, x, l, LORA_Q);
    reference_adapter(r, qkv + H * C, x, l, LORA_K);
    reference_adapter(r, qkv + (H + K) * C, x, l, LORA_V);
    for (int64_t h = 0; h < H + K; h++) {
        if (c->qk_norm) reference_norm(r, qkv + h * C, qkv + h * C, h < H ? o->q_norm : o->k_norm, C);
        reference_rope(r, qkv + h * C, position);
    }
}

/* out [H C] of the token t from qkv rows 0 .. t. */
static inline void reference_attention(const ModelConfig *c, double *out, const double *qkv, int64_t t)
{
    const int64_t C = c->head_dim, H = c->n_heads, K = c->n_kv_heads, row = (H + 2 * K) * C;
    for (int64_t h = 0; h < H; h++) {
        const double *q = qkv + t * row + h * C;
        const int64_t kv = h / (H / K);
        double sum = 0.0;
        for (int64_t i = 0; i < C; i++) out[h * C + i] = 0.0;
        for (int64_t j = 0; j <= t; j++) {
            const double *k = qkv + j * row + (H + kv) * C, *v = k + K * C;
            double score = 0.0;
            for (int64_t i = 0; i < C; i++) score += q[i] * k[i];
            const double p = exp(score / sqrt((double)C));
            sum += p;
            for (int64_t i = 0; i < C; i++) out[h * C + i] += p * v[i];
        }
        for (int64_t i = 0; i < C; i++) out[h * C + i] /= sum;
    }
}

/* ---- latent attention: a token's row is [q: H (N + P) | key without position: H N | value: H W | rotated key: P] ---- */

static inline int64_t reference_latent_row(const ModelConfig *c)
{
    return c->n_heads * (2 * c->mla.nope_dim + c->mla.rope_dim + c->mla.v_dim) + c->mla.rope_dim;
}

static inline void reference_latent(const Reference *r, double *row, const double *x, int64_t l, int64_t position)
{
    const ModelConfig *c = &r->model->config;
    const MlaOffsets *o = &r->model->layout.layers[l].mla;
    const int64_t H = c->n_heads, N = c->mla.nope_dim, P = c->mla.rope_dim, W = c->mla.v_dim, R = c->mla.kv_lora_rank,
                  Q = mla_query_size(c);
    double *in = base_alloc((size_t)mla_in_size(c), sizeof *in), *latent = in + Q;
    double *keys = row + H * (N + P), *values = keys + H * N, *rotated = values + H * W;
    reference_linear(r, in, x, o->in, -1, mla_in_size(c), c->hidden_size);
    reference_adapter(r, in, x, l, o->q_b >= 0 ? LORA_Q_A : LORA_Q);
    reference_adapter(r, latent, x, l, LORA_KV_A);
    if (o->q_b >= 0) {
        reference_norm(r, in, in, o->q_a_norm, Q);
        reference_linear(r, row, in, o->q_b, -1, H * (N + P), Q);
        reference_adapter(r, row, in, l, LORA_Q_B);
    } else {
        for (int64_t i = 0; i < Q; i++) row[i] = in[i];
    }
    for (int64_t i = 0; i < P; i++) rotated[i] = latent[R + i];
    reference_norm(r, latent, latent, o->kv_norm, R);
    for (int64_t h = 0; h < H; h++) {
        reference_linear(r, keys + h * N, latent, o->kv_b + h * (N + W) * R, -1, N, R);
        reference_linear(r, values + h * W, latent, o->kv_b + (h * (N + W) + N) * R, -1, W, R);
        reference_adapter_rows(r, keys + h * N, latent, l, LORA_KV_B, 0, h * (N + W), N);
        reference_adapter_rows(r, values + h * W, latent, l, LORA_KV_B, 0, h * (N + W) + N, W);
        reference_rope(r, row + h * (N + P) + N, position);
    }
    reference_rope(r, rotated, position);
    base_free(in);
}

static inline void reference_latent_attention(const ModelConfig *c, double *out, const double *rows, int64_t t)
{
    const int64_t H = c->n_heads, N = c->mla.nope_dim, P = c->mla.rope_dim, W = c->mla.v_dim,
                  row = reference_latent_row(c);
    for (int64_t h = 0; h < H; h++) {
        const double *q = rows + t * row + h * (N + P);
        double sum = 0.0;
        for (int64_t i = 0; i < W; i++) out[h * W + i] = 0.0;
        for (int64_t j = 0; j <= t; j++) {
            const double *keys = rows + j * row + H * (N + P), *values = keys + H * N, *rotated = values + H * W;
            double score = 0.0;
            for (int64_t i = 0; i < N; i++) score += q[i] * keys[h * N + i];
            for (int64_t i = 0; i < P; i++) score += q[N + i] * rotated[i];
            const double p = exp(score * (double)mla_score_scale(c));
            sum += p;
            for (int64_t i = 0; i < W; i++) out[h * W + i] += p * values[h * W + i];
        }
        for (int64_t i = 0; i < W; i++) out[h * W + i] /= sum;
    }
}

/* y += weight * W_down(swiglu(W_gate_up x)) */
static inline void reference_expert(const Reference *r, double *y, const double *x, double *scratch, int64_t l,
                                    int64_t expert, double weight)
{
    const ModelConfig *c = &r->model->config;
    const MoeOffsets *o = &r->model->layout.layers[l].moe;
    const int64_t D = c->hidden_size, F = c->moe.ffn_size, at = o->experts + expert * o->expert_stride;
    double *out = scratch + 2 * F;
    reference_linear(r, scratch, x, at, -1, 2 * F, D);
    reference_adapter_rows(r, scratch, x, l, LORA_EXPERT_GATE, expert, 0, F);
    reference_adapter_rows(r, scratch + F, x, l, LORA_EXPERT_UP, expert, 0, F);
    for (int64_t i = 0; i < F; i++) scratch[i] = scratch[i] / (1.0 + exp(-scratch[i])) * scratch[F + i];
    reference_linear(r, out, scratch, at + o->expert_down, -1, D, F);
    reference_adapter_rows(r, out, scratch, l, LORA_EXPERT_DOWN, expert, 0, D);
    for (int64_t d = 0; d < D; d++) y[d] += weight * out[d];
}

/* y += the routed experts of one token. A difference of 1e-5 is far too small to change who is chosen. */
static inline void reference_experts(const Reference *r, double *y, const double *x, double *scratch, int64_t l)
{
    const MoeConfig *m = &r->model->config.moe;
    const MoeOffsets *o = &r->model->layout.layers[l].moe;
    const int64_t E = m->n_experts;
    double s[64], sum = 0.0;
    float scores[64], bias[64];
    int32_t chosen[64];
    reference_linear(r, s, x, o->router, -1, E, r->model->config.hidden_size);
    for (int64_t e = 0; e < E; e++) sum += exp(s[e]);
    for (int64_t e = 0; e < E; e++) {
        s[e] = m->softmax ? exp(s[e]) / sum : 1.0 / (1.0 + exp(-s[e]));
        scores[e] = (float)s[e];
        bias[e] = m->correction_bias ? (float)r->weights[o->bias + e] : 0.0f;
    }
    moe_gate_choose(m, chosen, scores, bias);
    sum = m->normalise ? 0.0 : 1.0;
    for (int64_t i = 0; m->normalise && i < m->n_chosen; i++) sum += s[chosen[i]];
    for (int64_t i = 0; i < m->n_chosen; i++)
        reference_expert(r, y, x, scratch, l, chosen[i], s[chosen[i]] / sum * (double)m->routed_scaling);
}

static inline void reference_mlp(const Reference *r, double *y, const double *x, double *scratch, int64_t l)
{
    const ModelConfig *c = &r->model->config;
    const LayerOffsets *o = &r->model->layout.layers[l];
    const int64_t F = model_layer_ffn(c, l);
    reference_linear(r, scratch, x, o->gate_up, -1, 2 * F, c->hidden_size);
    const LoraModule gate = model_layer_is_moe(c, l) ? LORA_SHARED_GATE : LORA_GATE;
    reference_adapter(r, scratch, x, l, gate);
    reference_adapter(r, scratch + F, x, l, (LoraModule)(gate + 1));
    for (int64_t i = 0; i < F; i++) scratch[i] = scratch[i] / (1.0 + exp(-scratch[i])) * scratch[F + i];
    reference_linear(r, y, scratch, o->down, -1, c->hidden_size, F);
    reference_adapter(r, y, scratch, l, (LoraModule)(gate + 2));
}

/* Block l over the stream x [T, D] of a sequence from position 0 on, in place. */
static inline void reference_block(const Reference *r, double *x, int64_t l, int64_t T)
{
    const ModelConfig *c = &r->model->config;
    const LayerOffsets *o = &r->model->layout.layers[l];
    const int64_t D = c->hidden_size, HC = model_attended_size(c);
    const bool mla = model_has_mla(c);
    const int64_t row = mla ? reference_latent_row(c) : model_qkv_size(c);
    double *qkv = base_alloc((size_t)(T * row), sizeof *qkv);
    double *normed = base_alloc((size_t)D, sizeof *normed), *branch = base_alloc((size_t)D, sizeof *branch);
    double *attended = base_alloc((size_t)HC, sizeof *attended),
           *scratch =
               base_alloc((size_t)(2 * (c->ffn_size + c->moe.ffn_size * (1 + c->moe.n_shared)) + D), sizeof *scratch);
    for (int64_t t = 0; t < T; t++) {
        reference_norm(r, normed, x + t * D, o->input_norm, D);
        if (mla)
            reference_latent(r, qkv + t * row, normed, l, t);
        else
            reference_qkv(r, qkv + t * row, normed, l, t);
    }
    for (int64_t t = 0; t < T; t++) {
        if (mla)
            reference_latent_attention(c, attended, qkv, t);
        else
            reference_attention(c, attended, qkv, t);
        reference_linear(r, branch, attended, o->o, o->o_bias, D, HC);
        reference_adapter(r, branch, attended, l, LORA_O);
        for (int64_t i = 0; i < D; i++) x[t * D + i] += branch[i];
        reference_norm(r, normed, x + t * D, o->post_norm, D);
        reference_mlp(r, branch, normed, scratch, l);
        if (model_layer_is_moe(c, l)) reference_experts(r, branch, normed, scratch, l);
        for (int64_t i = 0; i < D; i++) x[t * D + i] += branch[i];
    }
    base_free(qkv), base_free(normed), base_free(branch), base_free(attended), base_free(scratch);
}

/* The final norm's outputs of a sequence of T tokens into hidden [T, D]. */
static inline void reference_forward(const Reference *r, double *hidden, const int32_t *ids, int64_t T)
{
    const ModelConfig *c = &r->model->config;
    const int64_t D = c->hidden_size;
    double *x = base_alloc((size_t)(T * D), sizeof *x);
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < D; i++) x[t * D + i] = r->weights[r->model->layout.embedding + ids[t] * D + i];
    for (int64_t l = 0; l < c->n_layers; l++) reference_block(r, x, l, T);
    for (int64_t t = 0; t < T; t++) reference_norm(r, hidden + t * D, x + t * D, r->model->layout.final_norm, D);
    base_free(x);
}

/* Module k over `previous` (h of the depth before, [T or more, D]) and the tokens behind: ids [T + k + 1]. x [T, D] becomes h',
 * hidden [T, D] what the head reads. */
static inline void reference_module(const Reference *r, double *x, double *hidden, const double *previous,
                                    const int32_t *ids, int64_t T, int64_t k)
{
    const ModelConfig *c = &r->model->config;
    const MtpOffsets *o = &r->model->layout.mtp[k];
    const int64_t D = c->hidden_size;
    double *joined = base_alloc((size_t)(2 * D), sizeof *joined);
    for (int64_t t = 0; t < T; t++) {
        reference_norm(r, joined, r->weights + r->model->layout.embedding + ids[t + k + 1] * D, o->enorm, D);
        reference_norm(r, joined + D, previous + t * D, o->hnorm, D);
        reference_linear(r, x + t * D, joined, o->eh_proj, -1, D, 2 * D);
    }
    reference_block(r, x, c->n_layers + k, T);
    for (int64_t t = 0; t < T; t++) reference_norm(r, hidden + t * D, x + t * D, o->norm, D);
    base_free(joined);
}

/* Log-probability of `target` and the entropy after a hidden row. */
static inline void reference_head(const Reference *r, const double *hidden, int32_t target, double inv_temperature,
                                  double *logprob, double *entropy)
{
    const int64_t V = r->model->config.vocab_size;
    double *z = base_alloc((size_t)V, sizeof *z), sum = 0.0, mean = 0.0;
    reference_linear(r, z, hidden, r->model->layout.head, -1, V, r->model->config.hidden_size);
    for (int64_t i = 0; i < V; i++) z[i] *= inv_temperature;
    for (int64_t i = 0; i < V; i++) sum += exp(z[i]);
    for (int64_t i = 0; i < V; i++) mean += exp(z[i]) / sum * z[i];
    *logprob = z[target] - log(sum);
    *entropy = log(sum) - mean;
    base_free(z);
}

/* What reference_each_row is called with: a row that has a target or a value, in the order of the batch. */
typedef void (*ReferenceRow)(const Reference *r, const double *hidden, int32_t target, int64_t token, void *context);

/* The final norm's output of every row from first_target on. */
static inline void reference_each_row(const Reference *r, const TrainBatch *batch, ReferenceRow take, void *context)
{
    const int64_t D = r->model->config.hidden_size;
    int64_t token = 0;
    for (int64_t g = 0; g < batch->n_groups; g++)
        for (int64_t s = 0; s < batch->groups[g].n_sequences; s++) {
            const TrainGroup *group = &batch->groups[g];
            const TrainSequence *sequence = &batch->sequences[group->first_sequence + s];
            const int64_t T = group->n_prompt + sequence->n_rows;
            int32_t *ids = base_alloc((size_t)T, sizeof *ids);
            double *hidden = base_alloc((size_t)(T * D), sizeof *hidden);
            if (group->n_prompt) memcpy(ids, group->prompt, (size_t)group->n_prompt * sizeof *ids);
            memcpy(ids + group->n_prompt, sequence->inputs, (size_t)sequence->n_rows * sizeof *ids);
            reference_forward(r, hidden, ids, T);
            for (int64_t i = sequence->first_target; i < sequence->n_rows; i++, token++)
                take(r, hidden + (group->n_prompt + i) * D, sequence->targets[i], token, context);
            base_free(ids);
            base_free(hidden);
        }
}

typedef struct ReferenceHead {
    double inv_temperature, *logprobs, *entropies;
} ReferenceHead;

static inline void reference_take_logprob(const Reference *r, const double *hidden, int32_t target, int64_t token,
                                          void *context)
{
    const ReferenceHead *h = context;
    reference_head(r, hidden, target, h->inv_temperature, &h->logprobs[token], &h->entropies[token]);
}

/* All predicted tokens of a batch, in its order. */
static inline void reference_batch(const Reference *r, const TrainBatch *batch, double inv_temperature,
                                   double *logprobs, double *entropies)
{
    ReferenceHead h = {inv_temperature, logprobs, entropies};
    reference_each_row(r, batch, reference_take_logprob, &h);
}

static inline void reference_take_value(const Reference *r, const double *hidden, int32_t target, int64_t token,
                                        void *context)
{
    const Model *m = r->model;
    const double *score = m->config.lora.rank > 0 ? r->adapters + m->lora.layout.score : r->weights + m->layout.score;
    double *values = context;
    (void)target;
    values[token] = 0.0;
    for (int64_t i = 0; i < m->config.hidden_size; i++) values[token] += score[i] * hidden[i];
}

/* The scalar head's values, numbered alike. */
static inline void reference_values(const Reference *r, const TrainBatch *batch, double *values)
{
    reference_each_row(r, batch, reference_take_value, values);
}

#endif

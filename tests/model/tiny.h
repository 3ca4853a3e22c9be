/* SPDX-License-Identifier: MIT */
/* tests/model/tiny.h: tiny models of odd sizes, batches that hold every kind of group, and one training step to the bit: what the tests
 * of the decoder, the trainer and the engine share. */
#ifndef R1_TESTS_MODEL_TINY_H
#define R1_TESTS_MODEL_TINY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/batch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Odd sizes: heads of 10 channels, columns that are no multiple of 16 or 32. */
static const ModelConfig TINY_QWEN2 = {.arch = MODEL_QWEN2,
                                       .hidden_size = 36,
                                       .n_layers = 2,
                                       .n_heads = 4,
                                       .n_kv_heads = 2,
                                       .head_dim = 10,
                                       .ffn_size = 50,
                                       .vocab_size = 71,
                                       .max_positions = 1024,
                                       .rms_norm_eps = 1e-6f,
                                       .rope_theta = 10000.0,
                                       .qkv_bias = true,
                                       .tied_head = true,
                                       .eos_ids = {1, 3},
                                       .n_eos = 2,
                                       .bos_id = -1,
                                       .pad_id = -1};
/* One kv head, biases everywhere, a head of its own, stretched positions. */
static const ModelConfig TINY_LLAMA = {.arch = MODEL_LLAMA,
                                       .hidden_size = 32,
                                       .n_layers = 3,
                                       .n_heads = 3,
                                       .n_kv_heads = 1,
                                       .head_dim = 16,
                                       .ffn_size = 48,
                                       .vocab_size = 64,
                                       .max_positions = 1024,
                                       .rms_norm_eps = 1e-5f,
                                       .rope_theta = 500000.0,
                                       .rope_scaling = ROPE_LLAMA3,
                                       .rope_factor = 8.0,
                                       .rope_low_freq_factor = 1.0,
                                       .rope_high_freq_factor = 4.0,
                                       .rope_original_positions = 64.0,
                                       .qkv_bias = true,
                                       .o_proj_bias = true,
                                       .eos_ids = {2},
                                       .n_eos = 1,
                                       .bos_id = -1,
                                       .pad_id = -1};

/* Norms on heads of q and k, and heads wider than hidden / heads. */
static const ModelConfig TINY_QWEN3 = {.arch = MODEL_QWEN3,
                                       .hidden_size = 28,
                                       .n_layers = 2,
                                       .n_heads = 4,
                                       .n_kv_heads = 2,
                                       .head_dim = 18,
                                       .ffn_size = 40,
                                       .vocab_size = 67,
                                       .max_positions = 1024,
                                       .rms_norm_eps = 1e-6f,
                                       .rope_theta = 10000.0,
                                       .qk_norm = true,
                                       .eos_ids = {1},
                                       .n_eos = 1,
                                       .bos_id = -1,
                                       .pad_id = -1};

/* Adapters on every map, and on some. */
static const ModelConfig TINY_LORA = {.arch = MODEL_QWEN2,
                                      .hidden_size = 36,
                                      .n_layers = 2,
                                      .n_heads = 4,
                                      .n_kv_heads = 2,
                                      .head_dim = 10,
                                      .ffn_size = 50,
                                      .vocab_size = 71,
                                      .max_positions = 1024,
                                      .rms_norm_eps = 1e-6f,
                                      .rope_theta = 10000.0,
                                      .qkv_bias = true,
                                      .tied_head = true,
                                      .lora = {.rank = 3, .alpha = 5.0, .targets = LORA_ALL},
                                      .eos_ids = {1, 3},
                                      .n_eos = 2,
                                      .bos_id = -1,
                                      .pad_id = -1};
static const ModelConfig TINY_LORA_SOME = {
    .arch = MODEL_QWEN3,
    .hidden_size = 28,
    .n_layers = 3,
    .n_heads = 4,
    .n_kv_heads = 2,
    .head_dim = 18,
    .ffn_size = 40,
    .vocab_size = 67,
    .max_positions = 1024,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .qk_norm = true,
    .lora = {.rank = 17,
             .alpha = 8.0,
             .rslora = true,
             .targets = 1 << LORA_Q | 1 << LORA_V | 1 << LORA_UP | 1 << LORA_DOWN},
    .eos_ids = {1},
    .n_eos = 1,
    .bos_id = -1,
    .pad_id = -1};

/* Latent attention with a latent of queries too, YaRN, a dense layer, then experts in groups behind a sigmoid. Sizes that are no
 * multiple of anything: more heads than one item of attention takes. */
static const ModelConfig TINY_DEEPSEEK = {
    .arch = MODEL_DEEPSEEK_V3,
    .hidden_size = 28,
    .n_layers = 3,
    .n_heads = 18,
    .n_kv_heads = 18,
    .head_dim = 6,
    .ffn_size = 37,
    .vocab_size = 67,
    .max_positions = 1024,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .rope_scaling = ROPE_YARN,
    .rope_factor = 8.0,
    .rope_original_positions = 64.0,
    .yarn = {.beta_fast = 32.0, .beta_slow = 1.0, .mscale = 0.7, .mscale_all_dim = 1.0, .truncate = true},
    .mla = {.q_lora_rank = 21, .kv_lora_rank = 19, .nope_dim = 9, .rope_dim = 6, .v_dim = 11, .neighbours = true},
    .moe = {.n_experts = 8,
            .n_chosen = 3,
            .n_shared = 2,
            .ffn_size = 13,
            .first_layer = 1,
            .n_groups = 4,
            .n_groups_chosen = 2,
            .routed_scaling = 2.5f,
            .correction_bias = true,
            .normalise = true},
    .eos_ids = {1},
    .n_eos = 1,
    .bos_id = -1,
    .pad_id = -1};
/* Without a latent of queries, plain positions in halves, experts in every layer behind a softmax, nothing shared, tied. */
static const ModelConfig TINY_DEEPSEEK_V2 = {.arch = MODEL_DEEPSEEK_V2,
                                             .hidden_size = 32,
                                             .n_layers = 2,
                                             .n_heads = 2,
                                             .n_kv_heads = 2,
                                             .head_dim = 4,
                                             .ffn_size = 40,
                                             .vocab_size = 61,
                                             .max_positions = 1024,
                                             .rms_norm_eps = 1e-6f,
                                             .rope_theta = 10000.0,
                                             .mla = {.kv_lora_rank = 16, .nope_dim = 8, .rope_dim = 4, .v_dim = 16},
                                             .moe = {.n_experts = 5,
                                                     .n_chosen = 2,
                                                     .ffn_size = 17,
                                                     .n_groups = 1,
                                                     .n_groups_chosen = 1,
                                                     .routed_scaling = 1.5f,
                                                     .softmax = true},
                                             .tied_head = true,
                                             .eos_ids = {1},
                                             .n_eos = 1,
                                             .bos_id = -1,
                                             .pad_id = -1};

/* Adapters on every map of latent attention, of a dense MLP, of shared experts and of each expert; and on some, without a latent
 * of queries and with nothing shared. */
static const ModelConfig TINY_LORA_DEEPSEEK = {
    .arch = MODEL_DEEPSEEK_V3,
    .hidden_size = 28,
    .n_layers = 2,
    .n_heads = 3,
    .n_kv_heads = 3,
    .head_dim = 6,
    .ffn_size = 37,
    .vocab_size = 67,
    .max_positions = 1024,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .mla = {.q_lora_rank = 21, .kv_lora_rank = 19, .nope_dim = 9, .rope_dim = 6, .v_dim = 11, .neighbours = true},
    .moe = {.n_experts = 4,
            .n_chosen = 2,
            .n_shared = 2,
            .ffn_size = 13,
            .first_layer = 1,
            .n_groups = 2,
            .n_groups_chosen = 1,
            .routed_scaling = 2.5f,
            .correction_bias = true,
            .normalise = true},
    .lora = {.rank = 3, .alpha = 5.0, .targets = LORA_ALL},
    .eos_ids = {1},
    .n_eos = 1,
    .bos_id = -1,
    .pad_id = -1};
static const ModelConfig TINY_LORA_DEEPSEEK_V2 = {
    .arch = MODEL_DEEPSEEK_V2,
    .hidden_size = 32,
    .n_layers = 2,
    .n_heads = 2,
    .n_kv_heads = 2,
    .head_dim = 4,
    .ffn_size = 40,
    .vocab_size = 61,
    .max_positions = 1024,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .mla = {.kv_lora_rank = 16, .nope_dim = 8, .rope_dim = 4, .v_dim = 16},
    .moe = {.n_experts = 5,
            .n_chosen = 2,
            .ffn_size = 17,
            .n_groups = 1,
            .n_groups_chosen = 1,
            .routed_scaling = 1.5f,
            .softmax = true},
    .lora = {.rank = 17,
             .alpha = 8.0,
             .targets = 1 << LORA_Q | 1 << LORA_KV_B | 1 << LORA_EXPERT_UP | 1 << LORA_EXPERT_DOWN},
    .tied_head = true,
    .eos_ids = {1},
    .n_eos = 1,
    .bos_id = -1,
    .pad_id = -1};

/* Every kind of block that a decoder may be made of. */
static const ModelConfig *const TINY_CONFIGS[] = {&TINY_QWEN2,       &TINY_LLAMA,         &TINY_QWEN3,
                                                  &TINY_LORA,        &TINY_LORA_SOME,     &TINY_DEEPSEEK,
                                                  &TINY_DEEPSEEK_V2, &TINY_LORA_DEEPSEEK, &TINY_LORA_DEEPSEEK_V2};
enum { N_TINY_CONFIGS = sizeof TINY_CONFIGS / sizeof TINY_CONFIGS[0] };

#define ASSERT_OK(call, err)                                                                                           \
    do {                                                                                                               \
        if (!(call)) fail_msg("%s: %s", #call, (err).text);                                                            \
    } while (0)

static inline void assert_bits(const float *want, const float *got, int64_t n, const char *what)
{
    if (n == 0 || memcmp(want, got, (size_t)n * sizeof *want) == 0) return;
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&want[i], &got[i], sizeof *want) != 0)
            fail_msg("%s: element %lld of %lld is %a, expected %a", what, (long long)i, (long long)n, (double)got[i],
                     (double)want[i]);
}

static inline float tiny_uniform(uint64_t seed, uint64_t what, int64_t i, float low, float high)
{
    return low + (high - low) * (float)rng_uniform((Rng){seed, RNG_TEST}, what, 0, (uint64_t)i);
}

/* A kernel table and a pool. */
typedef struct TinyCompute {
    Kernels kernels;
    Compute compute;
} TinyCompute;

/* What tests run with where the ISA is not the matter: the bits are those of plain C, sooner. */
static inline Isa tiny_fastest(void)
{
    return cpu_has(ISA_AVX512) ? ISA_AVX512 : cpu_has(ISA_AVX2) ? ISA_AVX2 : ISA_C;
}

static inline void tiny_compute_create(TinyCompute *c, Isa isa, int n_threads)
{
    Error err = {0};
    c->kernels = kernels_for(isa);
    c->compute = (Compute){&c->kernels, NULL};
    if (n_threads > 1) ASSERT_OK(threads_create(&c->compute.threads, n_threads, &err), err);
}

static inline void tiny_compute_free(TinyCompute *c)
{
    threads_free(c->compute.threads);
    c->compute.threads = NULL;
}

static inline void tiny_fill(float *weights, const ParamLayout *layout)
{
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *p = &layout->tensors[t];
        const bool norm = strstr(p->name, "norm.weight") != NULL;
        const float size = p->rank == 2 ? 1.7f / sqrtf((float)p->columns) : 0.3f;
        for (int64_t i = 0; i < p->rows * p->columns; i++)
            weights[p->offset + i] = (norm ? 1.0f : 0.0f) + tiny_uniform(7, (uint64_t)t, i, -size, size);
    }
}

/* Weights large enough that attention and gates do something; norms around 1, biases and adapters not 0. */
static inline void tiny_model_create(Model *model, const ModelConfig *config, const Compute *compute)
{
    Error err = {0};
    ASSERT_OK(model_create(model, config, &err), err);
    tiny_fill(model->weights, &model->layout);
    tiny_fill(model->lora.weights, &model->lora.layout);
    model_pack(model, compute);
}

/* ---- a batch ---- */

enum { TINY_MAX_SEQUENCES = 64, TINY_MAX_GROUPS = 64, TINY_IDS = 8192 };

typedef struct TinyBatch {
    TrainBatch batch;
    TrainGroup groups[TINY_MAX_GROUPS];
    TrainSequence sequences[TINY_MAX_SEQUENCES];
    int32_t ids[TINY_IDS];
    int64_t n_ids;
    int64_t vocab_size;
} TinyBatch;

static inline int32_t *tiny_ids(TinyBatch *b, int64_t n)
{
    int32_t *ids = b->ids + b->n_ids;
    assert_true(b->n_ids + n <= TINY_IDS);
    for (int64_t i = 0; i < n; i++)
        ids[i] = (int32_t)(rng_bits((Rng){11, RNG_TEST}, 1, 0, (uint64_t)(b->n_ids + i)) % (uint64_t)b->vocab_size);
    b->n_ids += n;
    return ids;
}

/* A group of completions of these lengths behind a shared prompt of n_prompt tokens (0: none), the first `masked` rows of each untrained. */
static inline void tiny_add_group(TinyBatch *b, int64_t n_prompt, int64_t n_sequences, const int64_t *lengths,
                                  int64_t masked)
{
    TrainGroup *group = &b->groups[b->batch.n_groups++];
    *group = (TrainGroup){.n_prompt = n_prompt, .first_sequence = b->batch.n_sequences, .n_sequences = n_sequences};
    if (n_prompt > 0) group->prompt = tiny_ids(b, n_prompt);
    for (int64_t s = 0; s < n_sequences; s++) {
        const int32_t *ids = tiny_ids(b, lengths[s] + 1);
        b->sequences[b->batch.n_sequences++] =
            (TrainSequence){.inputs = ids,
                            .targets = ids + 1,
                            .n_rows = lengths[s],
                            .first_target = masked < lengths[s] ? masked : lengths[s]};
    }
    b->batch.groups = b->groups;
    b->batch.sequences = b->sequences;
}

/* Every kind of group: shared prompts shorter and longer than a block of keys, a masked document, several sequences without a prompt, a
 * one-token completion. */
static inline void tiny_batch_create(TinyBatch *b, const ModelConfig *config)
{
    *b = (TinyBatch){.vocab_size = config->vocab_size};
    tiny_add_group(b, 9, 3, (const int64_t[]){5, 1, 12}, 0);
    tiny_add_group(b, 0, 1, (const int64_t[]){40}, 7);
    tiny_add_group(b, 17, 4, (const int64_t[]){8, 16, 3, 21}, 0);
    tiny_add_group(b, 0, 2, (const int64_t[]){6, 19}, 0);
    tiny_add_group(b, 32, 2, (const int64_t[]){1, 2}, 0);
    tiny_add_group(b, 1, 5, (const int64_t[]){4, 4, 4, 4, 4}, 0);
}

/* ---- a loss: sum over tokens of a[t] logprob[t] + b[t] entropy[t], weights keyed by the token's number ---- */

typedef struct TinyLoss {
    double scale;
    bool entropy;
    int64_t first_token; /* of this batch in the whole one */
} TinyLoss;

static inline float tiny_loss_a(int64_t t)
{
    return tiny_uniform(3, 1, t, -1.0f, 1.5f);
}
static inline float tiny_loss_b(int64_t t)
{
    return tiny_uniform(3, 2, t, -0.5f, 0.5f);
}

static inline void tiny_loss(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                             float *dlogprobs, float *dentropies)
{
    const TinyLoss *loss = context;
    (void)logprobs, (void)entropies;
    for (int64_t i = 0; i < n; i++) {
        dlogprobs[i] = (float)(loss->scale * (double)tiny_loss_a(loss->first_token + first + i));
        dentropies[i] =
            loss->entropy ? (float)(loss->scale * (double)tiny_loss_b(loss->first_token + first + i)) : 0.0f;
    }
}

static inline double tiny_loss_value(const TinyLoss *loss, const float *logprobs, const float *entropies, int64_t n)
{
    double sum = 0.0;
    for (int64_t t = 0; t < n; t++) {
        sum += (double)(float)(loss->scale * (double)tiny_loss_a(loss->first_token + t)) * (double)logprobs[t];
        if (loss->entropy)
            sum += (double)(float)(loss->scale * (double)tiny_loss_b(loss->first_token + t)) * (double)entropies[t];
    }
    return sum;
}

/* ---- one gradient ---- */

typedef struct TinyStep {
    float *gradients, *logprobs, *entropies; /* [n_floats], [n_tokens] each */
    int64_t n_floats, n_tokens;
} TinyStep;

typedef struct TinyHow {
    int64_t micro_batch_tokens, shards;
    bool recompute;
} TinyHow;

static inline TinyStep tiny_step(Model *model, const Compute *compute, const TrainBatch *batch, TinyHow how,
                                 float inv_temperature, TinyLoss loss)
{
    Error err = {0};
    Trainer trainer;
    TinyStep step = {.n_floats = model_trained_layout(model)->n_floats, .n_tokens = train_batch_tokens(batch)};
    step.gradients = base_alloc((size_t)step.n_floats, sizeof(float));
    step.logprobs = base_alloc((size_t)step.n_tokens, sizeof(float));
    step.entropies = base_alloc((size_t)step.n_tokens, sizeof(float));
    ASSERT_OK(trainer_create(&trainer, model, compute, how.micro_batch_tokens, how.shards, how.recompute, &err), err);
    ASSERT_OK(trainer_gradient(&trainer, model, batch, inv_temperature, tiny_loss, &loss, step.logprobs, step.entropies,
                               &err),
              err);
    memcpy(step.gradients, trainer.gradients[0].flat, (size_t)step.n_floats * sizeof(float));
    trainer_free(&trainer);
    return step;
}

static inline void tiny_step_free(TinyStep *s)
{
    base_free(s->gradients);
    base_free(s->logprobs);
    base_free(s->entropies);
    *s = (TinyStep){0};
}

static inline void assert_same_step(const Model *model, const TinyStep *want, const TinyStep *got, const char *what)
{
    char text[256];
    snprintf(text, sizeof text, "%s: logprobs", what);
    assert_bits(want->logprobs, got->logprobs, want->n_tokens, text);
    snprintf(text, sizeof text, "%s: entropies", what);
    assert_bits(want->entropies, got->entropies, want->n_tokens, text);
    const ParamLayout *layout = model_trained_layout(model);
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *p = &layout->tensors[t];
        snprintf(text, sizeof text, "%s: gradient of %s", what, p->name);
        assert_bits(want->gradients + p->offset, got->gradients + p->offset, p->rows * p->columns, text);
    }
}

#endif

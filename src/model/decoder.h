/* SPDX-License-Identifier: MIT */
/* model/decoder.h: a decoder over a packed batch: forward, head and backward (Qwen2, Qwen3, Llama and Mistral blocks: RMSNorm, GQA
 * attention with rotary positions, SwiGLU; DeepSeek's with latent attention, mla_block.h, and experts, moe_block.h).
 *
 * Rows are tokens. A batch is a list of groups; a group is some completions that share a prompt, each a run of consecutive rows,
 * then the prompt's rows once (docs/numerics.md, "Rows"). A completion's rows see the prompt's keys and their own. A plain document is a group of
 * one completion without a prompt. There is no padding.
 *
 *   forward:   x = embedding[id];  x += o(attention(qkv(norm(x))));  x += down(swiglu(gate_up(norm(x))));  hidden = norm(x)
 *   head:      logits = hidden W_head^T in blocks of rows; each block's log-probabilities go to the loss, whose gradient comes straight
 *              back into the same block: no [T, V] tensor stands in memory
 *              (a scalar head instead: value = score . hidden)
 *   backward:  the same layers in reverse; weight gradients are one FMA chain over rows, carried on from batch to batch */
#ifndef R1_MODEL_DECODER_H
#define R1_MODEL_DECODER_H

#include "model/kv_cache.h"
#include "model/model.h"

/* n_rows consecutive rows of one sequence; row i stands at position first_position + i. */
typedef struct DecoderSegment {
    int64_t row, n_rows, first_position;
} DecoderSegment;

typedef struct DecoderGroup {
    int64_t first_segment, n_completions; /* segments [first_segment, first_segment + n_completions) */
    int64_t prompt_segment;               /* -1: none. Its rows stand after the completions' */
    bool
        prompt_backward; /* false: the group goes on in a later batch; the prompt's rows are context only (and the last rows) */
    bool carried; /* the group began in an earlier batch: dK and dV of the prompt go on from `carry` */
} DecoderGroup;

typedef struct DecoderBatch {
    int64_t n_rows;
    int64_t n_backward_rows;  /* rows [n_backward_rows, n_rows) are context only */
    const int32_t *ids;       /* [n_rows] */
    const int32_t *positions; /* [n_rows] */
    const DecoderSegment *segments;
    int64_t n_segments;
    const int64_t *prompt_of_segment; /* [n_segments]: the segment whose keys come first, -1: none */
    const DecoderGroup *groups;       /* what backward needs; may be NULL without it */
    int64_t n_groups;
    /* With a cache (forward only): segment i goes on from sequences[i], which has reserved room; its keys are appended there, and its prompt is what
     * the sequence already holds. n_tokens is raised by the caller once the whole forward is done. */
    KvCache *cache;
    KvSequence *const *sequences; /* [n_segments] */
    /* What is predicted: the token after row target_rows[i] is targets[i]. Ascending rows, all < n_backward_rows. */
    int64_t n_targets;
    const int64_t *target_rows;
    const int32_t *targets;
    float balance_weight; /* of the experts' balance loss of each run of rows (moe_balance.h); 0: none */
} DecoderBatch;

/* Gradients in the layout of what is trained (model_trained_layout): under adapters none of the weights. With a tied head the lookup's chain has an accumulator of its own, added once at the
 * end by decoder_finish_gradients. `carry` holds dK, dV of a prompt whose group is cut between two batches: a batch reads what the
 * one before left in carry[0] and leaves its own in carry[1], for the group it ends with may be done before the one it begins with. */
typedef struct DecoderGradients {
    float *flat;     /* [n_floats of the trained layout] */
    float *lookup;   /* tied, and trained: [V, D]; else NULL: the lookup writes into flat */
    float *carry[2]; /* [L][K][2 (dK, dV)][max_prompt rounded up to 16][channels] each; swapped after each batch;
                        K is 1 with latent attention */
    int64_t max_prompt;
    int64_t *loads; /* [L + modules, E] with experts: how many rows with a backward went to each; else NULL */
    float *head;    /* [V, D]: where the head's gradient goes in place of flat; NULL: into flat */
    float *
        mtp; /* [n_mtp][2 (as head, as lookup)][V, D] where modules are trained: shared matrices, a chain a module; else NULL */
} DecoderGradients;

/* Room for one batch of at most max_rows rows in sequences (prompt included) of at most max_sequence tokens. */
typedef struct DecoderWorkspace {
    Arena memory;
    int64_t max_rows, max_sequence, head_rows;
    int n_threads;
    bool recompute; /* keep only each layer's input; run the layer again in backward: same bits, less memory */
    bool backward;
    /* [L or 1] times */
    float **
        x; /* [L + 1] of [T, D]: residual stream before each layer, and after the last; then two a module: before and after it */
    struct LayerActivations *layers;
    float *hidden, *final_rstd;                          /* [T, D], [T] */
    float *normed;                                       /* [T, D] scratch: a norm's output */
    float *projected;                                    /* [T, D] scratch: what o and down add to the stream */
    float *activated;                                    /* [T, F] scratch */
    float *d_stream, *d_normed, *d_hidden;               /* [T, D] */
    float *d_attended;                                   /* [T, H C] */
    float *d_qkv;                                        /* [T, (H + 2K) C] */
    float *d_heads;                                      /* [T, (H + K) C] with qk_norm: gradient by the normed heads */
    float *d_activated;                                  /* [T, F] */
    float *d_gate_up;                                    /* [T, 2F] */
    float *head_input;                                   /* [head_rows, D] gathered rows */
    float *head_gradient;                                /* [head_rows, D] */
    float *logits;                                       /* [head_rows, V] */
    struct HeadRow *head_summaries;                      /* [head_rows] */
    float *head_entropy, *head_dlogprob, *head_dentropy; /* [head_rows] */
    float *d_values;                                     /* [T] with a scalar head: gradient by the values */
    float *lora_hidden;   /* [rows, r] with adapters: (A x) * scale; rows are T, slots of experts, or T H (kv_b_proj) */
    float *lora_d_hidden; /* its gradients, of up to three maps of T rows or two of more */
    float **thread_scratch;      /* [n_threads] */
    struct GemmTask *gemm_tasks; /* [max(H, E)] with latent attention or experts */
    /* Latent attention. R + P channels a key, Q of the queries' latent. */
    float *mla_queries, *mla_q_normed; /* [T, H (R + P)] absorbed; [T, Q] */
    float *d_mla_queries;              /* [T, H (R + P)] */
    float *d_mla_latents, *d_mla_keys; /* [T, H R], [T, R + P] */
    float *d_mla_in;                   /* [T, in] */
    float *d_mla_q, *d_mla_q_normed;   /* [T, H (N + P)], [T, Q]: with a latent of queries */
    /* Experts. S = T * chosen slots. */
    int64_t *expert_next;                     /* [E] */
    float *slot_weights;                      /* [S] */
    float *expert_rows, *expert_hidden;       /* [S, D], [S, F'] */
    float *d_slot_weights, *d_expert_gate_up; /* [S], [S, 2 F'] */
    float *d_row_weights, *d_scores;          /* [T, chosen], [T, E] */
    /* Modules that predict further tokens (model/mtp.h). */
    struct MtpActivations *mtp;                   /* [n_mtp or 1] */
    float *mtp_joined, *d_mtp_joined;             /* [T, 2D] */
    float *d_mtp_hidden, *d_mtp_stream, *d_mtp_x; /* [T, D] */
} DecoderWorkspace;

/* One module: what it read of the depth before, and what it gives the head. */
typedef struct MtpActivations {
    float *previous;                /* [T, D] */
    float *enorm_rstd, *hnorm_rstd; /* [T] */
    float *hidden, *rstd;           /* [T, D], [T]: the norm before the head */
} MtpActivations;

/* One layer of latent attention: see mla_block.h. */
typedef struct MlaActivations {
    float *in;               /* [T, Q + R + P]: before norms and rotation; without a latent q stands in it, rotated */
    float *q_rstd, *kv_rstd; /* [T]; q_rstd with a latent of queries */
    float *q;                /* [T, H (N + P)], rotated; without a latent it is `in` */
    float *keys;             /* [T, R + P] */
    float *latents;          /* [T, H R] */
} MlaActivations;

/* One layer of experts: see moe_block.h. Slots are sorted by expert, then by row. */
typedef struct MoeActivations {
    float *scores;           /* [T, E] */
    int32_t *chosen, *slots; /* [T, chosen]: experts ascending, and the slot of each */
    float *weights;          /* [T, chosen] */
    int32_t *rows;           /* [S] */
    int64_t *first;          /* [E + 1]: expert e has slots [first[e], first[e + 1]) */
    float *gate_up;          /* [S, 2 F'] */
} MoeActivations;

typedef struct LayerActivations {
    float *raw_heads, *head_rstd; /* with qk_norm: q and k before it [T, (H + K) C], and its [T, H + K] */
    float *rstd1, *qkv, *attended, *row_max, *row_sum, *middle, *rstd2, *gate_up;
    MlaActivations mla;
    MoeActivations moe;
} LayerActivations;

/* What the plan needs, in bytes: also what `--dry-run` prints. */
size_t decoder_workspace_bytes(const ModelConfig *config, int64_t max_rows, int64_t max_sequence, int n_threads,
                               bool backward, bool recompute);
bool decoder_workspace_create(DecoderWorkspace *workspace, const ModelConfig *config, int64_t max_rows,
                              int64_t max_sequence, int n_threads, bool backward, bool recompute,
                              Error *err) R1_MUST_CHECK;
void decoder_workspace_free(DecoderWorkspace *workspace);

/* Fills workspace->hidden [T, D] with the final norm's output. Positions must have been reserved. */
void decoder_forward(const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                     const DecoderBatch *batch);

/* Turns log-probabilities into their gradient, for targets [first, first + n): dlogprob[i] = dL/dlogprob, dentropy[i] = dL/dentropy
 * (set to 0 when the loss has none). Called in order of targets, on the calling thread. */
typedef void (*DecoderLoss)(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                            float *dlogprobs, float *dentropies);

/* logprobs[n_targets] (nats, of softmax(z * inv_temperature)), entropies[n_targets] (may be NULL). With a loss, also the head's
 * gradient and dL/dhidden, from which decoder_backward goes on; without, forward only. */
void decoder_head(const Model *model, const Compute *compute, DecoderWorkspace *workspace, const DecoderBatch *batch,
                  float inv_temperature, float *logprobs, float *entropies, DecoderLoss loss, void *loss_context,
                  DecoderGradients *gradients);

/* Turns values into their gradient, for all targets of one batch at once: targets [first, first + n), dvalues[i] = dL/dvalues[i]. */
typedef void (*DecoderValueLoss)(void *context, int64_t first, int64_t n, const float *values, float *dvalues);

/* The scalar head (config.scalar_head), in place of decoder_head: values[n_targets], value[i] = score . hidden[target_rows[i]], a dot of 16
 * lanes folded by halves; batch->targets is not read. With a loss also the head's gradient (one FMA chain over rows) and dL/dhidden. */
void decoder_values(const Model *model, const Compute *compute, DecoderWorkspace *workspace, const DecoderBatch *batch,
                    float *values, DecoderValueLoss loss, void *loss_context, DecoderGradients *gradients);

/* The head beside a teacher's, whose forward has run over the same batch in a workspace of its own; both have the same vocabulary. */
typedef struct DecoderTeacher {
    const Model *model;
    DecoderWorkspace *workspace;
    float beta, inv_temperature; /* num/distill.h */
} DecoderTeacher;
/* divergences[n_targets], nats; entropies[n_targets] of the student at this temperature (may be NULL). With weights[n_targets] (dL/d
 * divergence) also the head's gradient and dL/dhidden; NULL: forward only. Two blocks of logits stand, never [T, V]. */
void decoder_head_distill(const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                          const DecoderBatch *batch, const DecoderTeacher *teacher, float *divergences,
                          float *entropies, const float *weights, DecoderGradients *gradients);

/* All logits of rows [first, first + n) into logits [n, V]: for tests, parity and callers that want whole rows. */
void decoder_logits(const Model *model, const Compute *compute, const DecoderWorkspace *workspace, int64_t first,
                    int64_t n, float *logits);

/* Gradients of everything below the head, carried on from what `gradients` holds. */
void decoder_backward(const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                      const DecoderBatch *batch, DecoderGradients *gradients);

bool decoder_gradients_create(DecoderGradients *gradients, Arena *arena, const Model *model, int64_t max_prompt,
                              Error *err) R1_MUST_CHECK;
size_t decoder_gradients_bytes(const ModelConfig *config, const ParamLayout *layout, int64_t max_prompt);
void decoder_gradients_zero(DecoderGradients *gradients, const Model *model, const Compute *compute);
/* Once, after the last batch: adds the lookup's accumulator to the head's (tied), then each module's two. */
void decoder_finish_gradients(DecoderGradients *gradients, const Model *model, const Compute *compute);

#endif

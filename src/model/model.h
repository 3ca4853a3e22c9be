/* SPDX-License-Identifier: MIT */
/* model/model.h: a decoder's weights in memory: one flat row-major f32 buffer (what files and the optimiser see) and the packed
 * panels that the forward GEMMs read. After a change of weights, model_pack renews the panels and raises `version`; a KV cache
 * remembers the version it was filled under and refuses to be read under another. */
#ifndef R1_MODEL_MODEL_H
#define R1_MODEL_MODEL_H

#include "base/arena.h"
#include "model/config.h"
#include "model/params.h"
#include "base/philox.h"
#include "num/compute.h"

typedef struct LayerPanels {
    int64_t qkv, o, gate_up, down; /* offsets into panels, floats; of matrices that the layer has not: -1 */
    int64_t mla_in, q_b;           /* latent attention: the projection from the stream, and q_b_proj */
    int64_t uk, uk_stride;         /* W_UK of head h at uk + h * uk_stride, [N, R] */
    int64_t uv, uv_stride;         /* W_UV of head h, [W, R] */
    int64_t router;                /* [E, D] */
    int64_t experts, expert_stride, expert_down; /* as MoeOffsets */
} LayerPanels;

/* Offsets into the adapters' panels, floats. */
typedef struct AdapterPanels {
    int64_t a, b;
    int64_t
        stride; /* from one expert's to the next; of kv_b_proj, whose b is cut by heads, from head to head of [N, r] */
    int64_t uv, uv_stride; /* of kv_b_proj: the rest of b, [W, r] a head */
} AdapterPanels;

/* Adapters beside a model's weights (config.lora.rank > 0): what training changes then, and nothing else. */
typedef struct Lora {
    ParamLayout layout;
    Arena memory;
    float *weights, *panels;
    AdapterPanels *adapter_panels; /* [L][LORA_MODULES]; owned */
    float scale;
    char *base; /* folder or file of the model beneath, owned; NULL where it is in none */
} Lora;

typedef struct Model {
    ModelConfig config;
    ParamLayout layout;
    Lora lora;
    Arena memory;   /* owns weights and panels; empty where another model's are borrowed */
    float *weights; /* [layout.n_floats] */
    float *panels;
    struct FrozenWeights *frozen; /* NULL: the weights can be trained. Else matrices stand there as their file has them
                                     (model/frozen.h), weights holds vectors alone, and adapters may be trained */
    bool frozen_borrowed;
    LayerPanels *layer_panels; /* [L + modules] */
    int64_t *mtp_panels;       /* [n_mtp]: eh_proj */
    int64_t head_panels;
    Arena rope_memory;
    float *rope_cos, *rope_sin; /* [n_positions][C / 2], YaRN's attention factor in them */
    int64_t n_positions;
    uint64_t version;
} Model;

/* The same weights and panels as `base`, which must live longer, under adapters (zero) of this model's own. */
bool model_create_beside(Model *model, const Model *base, Error *err) R1_MUST_CHECK;
/* Zero weights of this shape, adapters included; nothing packed. */
bool model_create(Model *model, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* The same without matrices: room for vectors alone, and no panels. For model/frozen.c. */
bool model_create_frozen(Model *model, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* What a stage trains: new adapters (model_init_adapters) where lora->rank > 0, a folder's adapters, which must come without new ones,
 * or else the weights. Weights under adapters stay as their file has them (model/frozen.h). */
bool model_open_adapted(Model *model, const char *folder, const LoraConfig *lora, uint64_t seed, const Compute *compute,
                        Error *err) R1_MUST_CHECK;
/* Config and weights of a Hugging Face folder or a GGUF file, packed. */
bool model_open(Model *model, const char *folder, const Compute *compute, Error *err) R1_MUST_CHECK;
/* The same with matrices as their file has them, or rounded to bf16, and new adapters where lora->rank > 0 (NULL: none). */
bool model_open_stored(Model *model, const char *folder, const LoraConfig *lora, uint64_t seed, bool bf16,
                       const Compute *compute, Error *err) R1_MUST_CHECK;
/* Weights and adapters in rows alone, without panels: to be merged and written, not run. */
bool model_open_rows(Model *model, const char *folder, Error *err) R1_MUST_CHECK;
/* A model with a scalar head, as model_open_adapted opens one without (which refuses these). A folder that predicts tokens gets a new head in place
 * of its own: normal with variance 1 / (D + 1) (arXiv 2009.01325, appendix B.1), drawn by element. Under adapters (lora) the head is trained beside them. */
bool model_open_scalar(Model *model, const char *folder, const LoraConfig *lora, uint64_t seed, const Compute *compute,
                       Error *err) R1_MUST_CHECK;
/* Refuses a scalar head where a model that predicts tokens is asked for. */
bool model_head_check(const ModelConfig *config, bool scalar_head, const char *folder, Error *err) R1_MUST_CHECK;
/* Draws the scalar head anew. */
void model_init_score(Model *model, uint64_t seed);
void model_free(Model *model);

/* What training changes: the adapters, where there are any, else the weights. */
static inline const ParamLayout *model_trained_layout(const Model *model)
{
    return model->config.lora.rank > 0 ? &model->lora.layout : &model->layout;
}
static inline float *model_trained_weights(const Model *model)
{
    return model->config.lora.rank > 0 ? model->lora.weights : model->weights;
}
/* The scalar head [D], wherever it stands. */
static inline float *model_score(const Model *model)
{
    return model_trained_weights(model) + model_trained_layout(model)->score;
}
/* The modules that predict further tokens become part of what is trained (model/mtp.h): before an optimiser or a trainer is made. */
void model_train_mtp(Model *model);
/* Renews the panels of what training changes, and the version. */
void model_pack_trained(Model *model, const Compute *compute);
/* Adapters that change nothing yet: B is zero, A uniform in +-1/sqrt(inputs) (as PEFT begins), drawn by tensor number and element. */
void model_init_adapters(Model *model, uint64_t seed);

/* Renews the panels from the weights. */
void model_pack(Model *model, const Compute *compute);
/* Makes sure that positions 0 .. n - 1 have their rotary angles. Fails past config.max_positions. */
bool model_reserve_positions(Model *model, int64_t n, Error *err) R1_MUST_CHECK;

/* Initial weights for pretraining (GPT-2's rule): matrices and embedding normal with this standard deviation, the two projections
 * that write into the residual stream (o_proj, down_proj) divided by sqrt(2 L), norms 1, biases 0. Box-Muller over Philox draws keyed by
 * tensor number and element, in f64 with the project's own log, cos, sqrt. */
void model_init(Model *model, uint64_t seed, double std);

/* Floating-point operations of one token: forward, weights only (2 a weight that the token meets, the embedding counted once as
 * the head). Attention: 2 * L * model_pair_macs a (token, key) pair. */
int64_t model_token_flops(const ModelConfig *config);
int64_t model_parameters(const ModelConfig *config);

#endif

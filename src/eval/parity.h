/* SPDX-License-Identifier: MIT */
/* eval/parity.h: this program's numbers beside those that another program wrote into a golden safetensors file.
 *
 *   model   seqI.ids -> seqI.logits, seqI.logprobs, loss (mean over all predicted tokens), grad.<parameter>; greedy.prompt -> greedy.ids
 *   grpo    promptP.ids, completionI.{ids,old_logprobs,ref_logprobs}, rewards, and golden.json beside the file -> advantages,
 *           completionI.logprobs, <variant>.loss, <variant>.grad.<parameter>, grad_norm, adamw.stepN.<parameter>
 *   sft     seqI.ids, seqI.prompt_length -> loss over the tokens behind the prompts, grad.<parameter>
 *   reward-model  pairP.{chosen,rejected}.ids, head.weight (where the folder has no scalar head) -> pairP.{chosen,rejected}.score, loss
 *           (Bradley-Terry, mean over pairs), grad.<parameter>
 *   dequant the values of the model's stored tensors, under their names, to the bit; or "bits" (U8) -> "value", a table of e4m3
 *
 * What the golden holds is compared; what it does not hold is computed all the same and dumped. */
#ifndef R1_EVAL_PARITY_H
#define R1_EVAL_PARITY_H

#include "base/error.h"
#include "num/compute.h"

#include <stdint.h>

typedef enum ParityKind { PARITY_MODEL, PARITY_GRPO, PARITY_SFT, PARITY_REWARD_MODEL, PARITY_DEQUANT } ParityKind;
const char *const *parity_kind_names(void); /* by ParityKind, NULL-terminated */

typedef struct ParityRequest {
    ParityKind kind;
    const char *model;          /* Hugging Face folder or GGUF file; dequant: also a safetensors file */
    const char *golden;         /* safetensors file */
    const char *dump;           /* where to write own tensors, NULL: nowhere */
    bool layers;                /* kind model: also tell each layer's hidden-state RMS */
    int64_t micro_batch_tokens; /* cannot change a number */
} ParityRequest;

/* One tensor compared. max_error: the largest absolute difference, for gradients relative to max(largest golden entry, 1e-6), for
 * grad_norm to its value, for ids and dequantised values the number of those that differ. NaN when either side holds one (but two
 * dequantised NaNs are equal). */
typedef struct ParityLine {
    const char *tensor;
    double max_error, limit;
    bool ok;
} ParityLine;

/* Root mean square of the residual stream of one sequence before `layer` (after the last: layer == L; the final norm's output: L + 1). */
typedef struct ParityLayer {
    const char *sequence;
    int64_t layer;
    double rms;
} ParityLayer;

/* Told as they are found; either function may be NULL. What is pointed at holds for the call. */
typedef struct ParitySink {
    void (*line)(void *context, const ParityLine *line);
    void (*layer)(void *context, const ParityLayer *layer);
    void *context;
} ParitySink;

typedef struct ParityResult {
    int64_t n_compared, n_failed;
} ParityResult;

/* Fails on input that cannot be compared: a tensor that is missing, has another shape or that this kind does not know. A tensor past its
 * limit is a result. The dump is written in both cases. */
bool parity_run(const ParityRequest *request, const Compute *compute, const ParitySink *sink, ParityResult *result,
                Error *err) R1_MUST_CHECK;

#endif

/* SPDX-License-Identifier: MIT */
/* rollout/kept_text.h: the keys that the last completion left, for a prompt that begins with the same tokens: the next turn of a
 * conversation. A token's keys depend on the weights and its own prefix alone, so that they are those of a fresh prefill, to the bit.
 *
 * Tokens are compared, not texts: a template that takes earlier thinking out again, or an edited history, ends what is in common within an
 * answer, and the keys are cut there. */
#ifndef R1_ROLLOUT_KEPT_TEXT_H
#define R1_ROLLOUT_KEPT_TEXT_H

#include "rollout/mtp_draft.h"

typedef struct KeptText {
    KvSequence sequence; /* empty: nothing is kept */
    MtpText further;     /* the same text's keys of the model's module */
    int32_t *ids;        /* [at least sequence.n_tokens], owned by whoever made it: what the keys are of */
} KeptText;

/* An empty text whose blocks are nobody's: of a cache that has been renewed. */
void kept_text_clear(KvSequence *sequence, MtpText *further);

/* Takes over the keys of a completion (n_completion tokens, the last of which has none yet) and leaves an empty text in their place. Keys of
 * guesses behind them are dropped. Nothing may be kept yet. */
void kept_text_put(KeptText *kept, KvCache *cache, KvSequence *sequence, MtpText *further, const int32_t *prompt,
                   int64_t n_prompt, const int32_t *completion, int64_t n_completion);

/* Gives the keys of the tokens that the prompt's first n_ids - 1 have in common with the kept ones to `sequence` and `further` (both empty),
 * drops the others, and returns how many the sequence has. draft: NULL without a module. through_module: the prompt's rows go through it; then rows that
 * it lacks are left to be run again if they are few. */
int64_t kept_text_take(KeptText *kept, KvCache *cache, MtpDraft *draft, bool through_module, const int32_t *ids,
                       int64_t n_ids, KvSequence *sequence, MtpText *further);

#endif

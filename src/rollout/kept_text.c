/* SPDX-License-Identifier: MIT */
#include "rollout/kept_text.h"

#include <assert.h>
#include <string.h>

void kept_text_clear(KvSequence *sequence, MtpText *further)
{
    sequence->n_blocks = sequence->n_tokens = 0;
    further->keys.n_blocks = further->keys.n_tokens = 0;
    further->end = -1;
    further->n_guesses = 0;
}

/* The buffers of block numbers change places. */
static void exchange(KvSequence *a, MtpText *a_further, KvSequence *b, MtpText *b_further)
{
    const KvSequence sequence = *a;
    const MtpText further = *a_further;
    *a = *b, *b = sequence;
    *a_further = *b_further, *b_further = further;
}

void kept_text_put(KeptText *kept, KvCache *cache, KvSequence *sequence, MtpText *further, const int32_t *prompt,
                   int64_t n_prompt, const int32_t *completion, int64_t n_completion)
{
    const int64_t n_keys = n_prompt - 1 + n_completion;
    assert(kept->sequence.n_tokens == 0);
    if (sequence->n_tokens > n_keys) kv_sequence_truncate(cache, sequence, n_keys);
    memcpy(kept->ids, prompt, (size_t)n_prompt * sizeof *prompt);
    memcpy(kept->ids + n_prompt, completion, (size_t)n_completion * sizeof *completion);
    exchange(&kept->sequence, &kept->further, sequence, further);
}

/* A row of the module reads the token behind its own, so that it lacks at least the last row in common, and those of the last step. */
static int64_t common_tokens(const KeptText *kept, bool through_module, const int32_t *ids, int64_t n_ids)
{
    const int64_t most = n_ids - 1 < kept->sequence.n_tokens ? n_ids - 1 : kept->sequence.n_tokens;
    const int64_t end = kept->further.end;
    int64_t n = 0;
    while (n < most && ids[n] == kept->ids[n]) n++;
    if (!through_module || n == 0) return n;
    return end >= 0 && end < n && n - end <= DRAFT_MAX_ROWS ? end : n - 1;
}

int64_t kept_text_take(KeptText *kept, KvCache *cache, MtpDraft *draft, bool through_module, const int32_t *ids,
                       int64_t n_ids, KvSequence *sequence, MtpText *further)
{
    if (kept->sequence.n_tokens == 0) return 0;
    const int64_t n = common_tokens(kept, through_module, ids, n_ids);
    exchange(sequence, further, &kept->sequence, &kept->further);
    kv_sequence_truncate(cache, sequence, n);
    if (draft) mtp_draft_cut(draft, further, through_module ? n : 0);
    return n;
}

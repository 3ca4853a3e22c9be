/* SPDX-License-Identifier: MIT */
/* rollout/mtp_draft.h: guesses of a completion's next tokens by the model's own module that predicts further tokens (model/mtp.h): what
 * self-speculative decoding drafts with where the text itself says nothing (rollout/draft.h).
 *
 * When a step has drawn, module 0 runs over the step's rows whose draws counted, each with the token that was drawn behind it; its last
 * row guesses the token after the one just drawn. Applied again to what it said and to its own guess it guesses one more, as programs that
 * run the published weights do. Modules behind the first are for training alone. A guess is drawn as the token itself will be, by the same
 * u of the same place: where module and model agree in distribution they agree in the draw, at any temperature.
 *
 * The module's keys have a cache of their own. It may begin anywhere in a text: what it has not seen makes guesses worse and no token
 * different. So it runs only where it pays: time with and without it is measured in turn. */
#ifndef R1_ROLLOUT_MTP_DRAFT_H
#define R1_ROLLOUT_MTP_DRAFT_H

#include "model/decoder.h"
#include "rollout/draft.h"

enum { MTP_DRAFT_MAX = 3 };

/* Of one sequence. */
typedef struct MtpText {
    KvSequence keys;
    int64_t first, end; /* the positions of its first key and behind its last one; end -1: it holds none */
    int64_t n_guesses;
    int32_t guesses[MTP_DRAFT_MAX];
} MtpText;

typedef struct MtpDraft MtpDraft;

size_t mtp_draft_plan_bytes(const ModelConfig *config, int64_t max_active, int64_t max_rows, int64_t max_sequence);
/* For at most max_active texts of max_sequence tokens; of more than DRAFT_MAX_ACTIVE none is guessed for. */
bool mtp_draft_create(MtpDraft **draft, const Model *model, const Compute *compute, int64_t max_active,
                      int64_t max_rows, int64_t max_sequence, Error *err) R1_MUST_CHECK;
void mtp_draft_free(MtpDraft *draft); /* NULL is fine */
/* Room for a text's block numbers: [mtp_draft_max_blocks(max_sequence)]. */
int64_t mtp_draft_max_blocks(int64_t max_sequence);
/* A new run: all texts are empty from now on. */
void mtp_draft_renew(MtpDraft *draft, uint64_t version);

/* Rows of one text in the model's last forward and the tokens behind each. */
typedef struct MtpRows {
    MtpText *text;
    int64_t row, n, first_position;
    const int32_t *next_ids; /* [n] */
} MtpRows;
/* Takes the rows in; a text whose keys do not end where they begin starts anew. workspace: of that forward. */
void mtp_draft_take(MtpDraft *draft, DecoderWorkspace *workspace, const MtpRows *rows, int64_t n_texts);

/* Draws from logits [V] what stands n_ahead tokens behind the last known one of text number `text` of the list; -1: nothing can, and the
 * text has no further guesses. */
typedef int32_t (*MtpDraw)(void *context, int64_t text, int64_t n_ahead, const float *logits);
/* After mtp_draft_take of the same list: guesses for each of its texts, into text->guesses. costs NULL: always two. timed: what one more guess
 * takes is measured. The workspace's logits are overwritten. */
void mtp_draft_guess(MtpDraft *draft, DecoderWorkspace *workspace, const MtpRows *rows, int64_t n_texts, MtpDraw draw,
                     void *context, const DraftCosts *costs, bool timed);
void mtp_draft_forget(MtpDraft *draft, MtpText *text);
/* Only the keys before position `end` stay. */
void mtp_draft_cut(MtpDraft *draft, MtpText *text, int64_t end);
/* `fork` (empty) goes on as `from` does. */
void mtp_draft_fork(MtpDraft *draft, MtpText *fork, const MtpText *from);

/* How many of the guesses are worth a row, given what was right before: at most `most`. Grows the budget. */
int64_t mtp_draft_worth(const MtpDraft *draft, const MtpText *text, const DraftCosts *costs, int64_t most,
                        DraftBudget *budget);
/* What came in the guesses' places: [n]. */
void mtp_draft_teach(MtpDraft *draft, const MtpText *text, const int32_t *ids, int64_t n);

/* Whether prompts should go through the module: not where it has been seen not to pay. */
bool mtp_draft_hopeful(const MtpDraft *draft, int64_t n_active);
/* Whether the next step of n_active sequences runs the module, and whether that step is a trial, which has to be timed; then what the step
 * gave and took, the module included. seconds 0: it was not timed. */
bool mtp_draft_wanted(MtpDraft *draft, int64_t n_active);
bool mtp_draft_trying(const MtpDraft *draft, int64_t n_active);
void mtp_draft_observe(MtpDraft *draft, int64_t n_active, int64_t tokens, double seconds);

#endif

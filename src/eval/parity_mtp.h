/* SPDX-License-Identifier: MIT */
/* eval/parity_mtp.h: what modules that predict further tokens say (model/mtp.h), against golden numbers. Private to eval/. */
#ifndef R1_EVAL_PARITY_MTP_H
#define R1_EVAL_PARITY_MTP_H

#include "eval/parity_session.h"
#include "model/decoder.h"

/* seqI.mtpK.logits [T - K - 1, V] of each module K, after decoder_forward over sequence I of T tokens (`batch`, one segment). Goldens
 * without them, and modules for which the sequence is too short, are let pass. */
bool parity_compare_mtp(ParitySession *session, DecoderWorkspace *workspace, const DecoderBatch *batch,
                        int64_t sequence, Error *err) R1_MUST_CHECK;

#endif

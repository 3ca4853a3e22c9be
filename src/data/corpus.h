/* SPDX-License-Identifier: MIT */
/* data/corpus.h: pretraining documents made from the train split of data/tasks.h, in the styles the model card lists. */
#ifndef R1_DATA_CORPUS_H
#define R1_DATA_CORPUS_H

#include "data/tasks.h"

typedef enum CorpusStyle { STYLE_DIRECT, STYLE_WORKED, STYLE_CHECKED, STYLE_UNTAGGED, STYLE_BROKEN, STYLE_COUNT } CorpusStyle;

typedef struct CorpusMix {
    double share[STYLE_COUNT]; /* drawn independently of the problem; sum 1 */
    /* rates of slips and of giving up: see corpus.c; every one is stated in the model card */
    double slip_per_step, give_up;
} CorpusMix;
CorpusMix corpus_default_mix(void);
CorpusMix corpus_mix_without_checking(void); /* the ablation: STYLE_CHECKED's share goes to the others, no self-correcting text */

typedef struct Document {
    Problem problem;
    CorpusStyle style;
    bool right;                 /* what the text answers is right */
    char text[2048];            /* prompt and completion; the end-of-text token is added by the caller */
    size_t prompt_length, length; /* bytes; text[prompt_length..length) is the completion */
} Document;
/* The index-th document of this seed: a pure function of its arguments. */
void corpus_document(Document *document, const CorpusMix *mix, uint64_t seed, uint64_t index);

#endif

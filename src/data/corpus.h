/* SPDX-License-Identifier: MIT */
/* data/corpus.h: pretraining documents made from the train split of data/tasks.h, in the styles the model card lists.
 *
 * A document is a prompt and a completion. Its style is drawn independently of its problem, but for one thing: at the hardest
 * level that documents show (task_corpus_levels) none is checked. Going on after a miss, there, is for RL to find.
 *   direct    <think></think><answer>A</answer>: a right answer, or a guess
 *   worked    every step written; slips are left standing, and in search families a try that missed is answered all the same
 *   checked   in chain families a step in doubt is recomputed and a slip is put right; in search families a try that missed
 *             is followed by another, until one is right or the writer gives up
 *   untagged  the answer alone, without a frame
 *   broken    one of the three above with a damaged frame
 *   summary   a working, then a readable summary of it in front of the answer: what later stages want. Not of R1-Zero's frame
 *   talk      no problem at all: requests of data/general.h with good and bad replies
 * The last two, and everything Chinese, only the bilingual mix has. There a question is in either language; the words of its
 * working are in the question's, all in the other one, or a mixture, independently of all else: nothing in the corpus says that
 * mixing pays, or that it does not. Summaries are in the question's language. */
#ifndef R1_DATA_CORPUS_H
#define R1_DATA_CORPUS_H

#include "data/tasks.h"

typedef enum CorpusStyle {
    STYLE_DIRECT,
    STYLE_WORKED,
    STYLE_CHECKED,
    STYLE_UNTAGGED,
    STYLE_BROKEN,
    STYLE_SUMMARY,
    STYLE_TALK,
    STYLE_COUNT
} CorpusStyle;

typedef struct CorpusMix {
    double share
        [STYLE_COUNT]; /* drawn independently of the problem; sum 1. Broken frames hold the first three in proportion */
    double slip_per_step; /* a step's written result is wrong */
    double give_up;       /* after a miss, in a checked search */
    double try_right;     /* a try, or a direct answer in a search family, is drawn right; else it is a guess */
    double direct_right;  /* a direct answer in a chain family is right; else it is off by a slip */
    double slip_checked;  /* the same in a checked chain: a writer in doubt. Were it small, a check could be a copy */
    double check_slip;    /* a checked chain recomputes a step that holds a slip at this rate */
    double check_right;   /* and one that is right at this */
    double level_decay;   /* level l + 1 is drawn this many times as often as level l */
    int max_tries;        /* a checked search gives up after so many */
    bool then;            /* a word stands between steps: without it many a working has no word, and no language */
    double chinese;       /* a question is Chinese; else English */
    double foreign;       /* a working is wholly in the language that its question is not in */
    double mixed;         /* a working mixes: */
    double mixed_word;    /* then each of its words is foreign at this rate */
    double talk_framed;   /* talk stands in a frame, with an empty thought */
} CorpusMix;

/* The mixes by name, as recipes and commands choose them. */
typedef enum CorpusKind { CORPUS_DEFAULT, CORPUS_NO_CHECKING, CORPUS_BILINGUAL } CorpusKind;
const char *const *corpus_names(void); /* NULL-terminated, by CorpusKind */
CorpusMix corpus_mix(CorpusKind kind);

CorpusMix corpus_default_mix(void);
CorpusMix corpus_mix_without_checking(
    void); /* the ablation: STYLE_CHECKED's share goes to the others, no self-correcting text */
/* Two languages, readable summaries, talk. */
CorpusMix corpus_bilingual_mix(void);
const char *corpus_style_name(CorpusStyle style);

typedef struct Document {
    Problem problem;
    CorpusStyle style;            /* talk: problem.task is a general one */
    bool mixed;                   /* the writer may have mixed languages (a short working may show one alone) */
    bool right;                   /* what the text answers is right */
    char text[2048];              /* prompt and completion; the end-of-text token is added by the caller */
    size_t prompt_length, length; /* bytes; text[prompt_length..length) is the completion */
} Document;
/* The index-th document of this seed: a pure function of its arguments. */
void corpus_document(Document *document, const CorpusMix *mix, uint64_t seed, uint64_t index);
/* A document of this style about a problem that the caller has put into document->problem (any level: statistics and tests want
 * levels that the corpus does not show). */
void corpus_write(Document *document, const CorpusMix *mix, CorpusStyle style, uint64_t seed, uint64_t index);

#endif

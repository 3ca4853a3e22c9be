/* SPDX-License-Identifier: MIT */
/* data/corpus_mix.c: the mixes of styles: every rate of the corpus. */
#include "data/corpus.h"

#include <stddef.h>

/* Four documents in five have a frame of the three thinking styles, more than half of them without a thought; the last two shares are
 * what the format reward has to put right. */
CorpusMix corpus_default_mix(void)
{
    return (CorpusMix){
        .share = {[STYLE_DIRECT] = 0.46,
                  [STYLE_WORKED] = 0.15,
                  [STYLE_CHECKED] = 0.18,
                  [STYLE_UNTAGGED] = 0.15,
                  [STYLE_BROKEN] = 0.06},
        .slip_per_step = 0.03,
        .give_up = 0.15,
        .try_right = 0.5,
        .direct_right = 0.5,
        .slip_checked = 0.12,
        .check_slip = 0.9,
        .check_right = 0.08,
        .level_decay = 0.8,
        .max_tries = 4,
    };
}

CorpusMix corpus_mix_without_checking(void)
{
    CorpusMix mix = corpus_default_mix();
    const double kept = mix.share[STYLE_DIRECT] + mix.share[STYLE_WORKED], scale = 1 + mix.share[STYLE_CHECKED] / kept;
    mix.share[STYLE_DIRECT] *= scale;
    mix.share[STYLE_WORKED] *= scale;
    mix.share[STYLE_CHECKED] = 0;
    return mix;
}

CorpusMix corpus_bilingual_mix(void)
{
    CorpusMix mix = corpus_default_mix();
    for (int i = 0; i < STYLE_SUMMARY; i++) mix.share[i] *= 0.8;
    mix.share[STYLE_SUMMARY] = 0.1;
    mix.share[STYLE_TALK] = 0.1;
    mix.then = true;
    mix.chinese = 0.5;
    mix.foreign = 0.1;
    mix.mixed = 0.3;
    mix.mixed_word = 0.4;
    mix.talk_framed = 0.5;
    return mix;
}

CorpusMix corpus_mix(CorpusKind kind)
{
    return kind == CORPUS_BILINGUAL     ? corpus_bilingual_mix()
           : kind == CORPUS_NO_CHECKING ? corpus_mix_without_checking()
                                        : corpus_default_mix();
}

const char *const *corpus_names(void)
{
    static const char *const names[] = {"default", "no-checking", "bilingual", NULL};
    return names;
}

const char *corpus_style_name(CorpusStyle style)
{
    static const char *const names[] = {"direct", "worked", "checked", "untagged", "broken", "summary", "talk"};
    return names[style];
}

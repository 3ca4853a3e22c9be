/* SPDX-License-Identifier: MIT */
/* data/rewrite.c: see rewrite.h. A summary document holds both sides: its thought is the draft's. */
#include "data/rewrite.h"

#include <assert.h>
#include <string.h>

/* The longest word of a working that the text begins with; its length, 0: none. */
static size_t longest_word(const char *text, size_t length, Word *word)
{
    size_t longest = 0;
    for (TaskLanguage language = TASK_EN; language < TASK_LANGUAGES; language++)
        for (int i = 0; i < WORD_COUNT; i++) {
            const char *const w = wording(language, (Word)i);
            const size_t n = strlen(w);
            if (n <= longest || n > length || memcmp(text, w, n) != 0) continue;
            longest = n;
            *word = (Word)i;
        }
    return longest;
}

void rewrite_words(TextBuffer *out, const char *text, size_t length, TaskLanguage language)
{
    for (size_t at = 0; at < length;) {
        Word word = WORD_TRY;
        const size_t n = longest_word(text + at, length - at, &word);
        if (n > 0)
            text_put(out, wording(language, word));
        else
            text_put_char(out, text[at]);
        at += n > 0 ? n : 1;
    }
}

/* Drafts are what R1-Zero writes: more of them mixed or foreign than in the corpus. */
static CorpusMix draft_mix(void)
{
    CorpusMix mix = corpus_bilingual_mix();
    for (int i = 0; i < STYLE_COUNT; i++) mix.share[i] = i == STYLE_SUMMARY;
    mix.mixed = 0.5;
    mix.foreign = 0.2;
    return mix;
}

static void put(TextBuffer *out, const char *from, const char *to)
{
    for (; from < to; from++) text_put_char(out, *from);
}

void rewrite_pair(RewritePair *pair, uint64_t seed, uint64_t index)
{
    static const char close[] = "</think>", answer[] = "<answer>";
    const CorpusMix mix = draft_mix();
    Document d;
    corpus_document(&d, &mix, seed, index);
    pair->problem = d.problem;
    pair->right = d.right;
    const char *const text = d.text + d.prompt_length, *const end = d.text + d.length;
    const char *const thought_end = strstr(text, close), *const answer_begin = strstr(text, answer);
    assert(thought_end && answer_begin); /* every summary document has them */
    TextBuffer draft = text_buffer(pair->draft, sizeof pair->draft);
    put(&draft, text, thought_end + strlen(close));
    put(&draft, answer_begin, end);
    TextBuffer rewritten = text_buffer(pair->rewritten, sizeof pair->rewritten);
    rewrite_words(&rewritten, text, (size_t)(thought_end - text), d.problem.language);
    put(&rewritten, thought_end, end);
    assert(!draft.full && !rewritten.full);
}

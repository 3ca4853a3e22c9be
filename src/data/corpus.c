/* SPDX-License-Identifier: MIT */
/* data/corpus.c: see corpus.h. Every rate that shapes a document is a field of CorpusMix (corpus_mix.c); the rules are below. */
#include "data/corpus.h"

#include "data/family.h"
#include "data/general.h"

#include <assert.h>
#include <string.h>

/* A document being written. */
typedef struct Writer {
    const CorpusMix *mix;
    const Family *family;
    const Problem *problem;
    RngSequence rng;
    bool may_check;                   /* a broken document or a summary may hold a checked text */
    TaskLanguage language;            /* of the working's words, */
    bool mixed;                       /* unless each draws its own */
    int candidate[TASK_MAX_SOLUTION]; /* search families: the latest try */
    int final[2];                     /* what the working ended in */
    Walk walk;                        /* the chain, or the last try */
    char thought[1024];
    char answer[TASK_MAX_TEXT];
} Writer;

static bool chance(Writer *w, double p)
{
    return rng_next_uniform(&w->rng) < p;
}

/* A word of the working. */
static void put_word(Writer *w, TextBuffer *out, Word word)
{
    TaskLanguage language = w->language;
    if (w->mixed && chance(w, w->mix->mixed_word)) language = language == TASK_EN ? TASK_ZH : TASK_EN;
    text_put(out, wording(language, word));
}

static void put_separator(Writer *w, TextBuffer *out)
{
    put_word(w, out, w->mix->then ? WORD_THEN : WORD_STEP);
}

/* A step; its "mod" is a word too. */
static void put_step(Writer *w, TextBuffer *out, Step step, int result)
{
    char mod[16];
    TextBuffer word = text_buffer(mod, sizeof mod);
    if (step.op == '%') put_word(w, &word, WORD_MOD);
    step_write(out, step, result, mod);
}

/* A wrong result such as a hasty person writes: near, or off by a ten. */
static int slip(Writer *w, int right)
{
    static const int off[] = {1, -1, 1, -1, 2, -2, 10, -10};
    for (;;) {
        const int wrong = right + off[rng_next_below(&w->rng, 8)];
        if (wrong >= 0 && wrong <= VALUE_LIMIT) return wrong;
        if (right < 0 || right > VALUE_LIMIT) return right + 1; /* only after an earlier slip */
    }
}

static int written_result(Writer *w, int right, double slip_rate)
{
    return chance(w, slip_rate) ? slip(w, right) : right;
}

/* ---- search: tries with verdicts ---- */

static void copy_candidate(int *to, const int *from)
{
    for (int i = 0; i < TASK_MAX_SOLUTION; i++) to[i] = from[i];
}

static bool same_candidate(const int *a, const int *b)
{
    for (int i = 0; i < TASK_MAX_SOLUTION; i++)
        if (a[i] != b[i]) return false;
    return true;
}

static void draw_candidate(Writer *w)
{
    for (int i = 0; i < TASK_MAX_SOLUTION; i++) w->candidate[i] = 0;
    if (chance(w, w->mix->try_right))
        copy_candidate(w->candidate, w->problem->solution);
    else
        w->family->guess(w->problem, &w->rng, w->candidate);
}

/* "try 3+7=10, 10*5=50 not 24"; true when the written result is the target. */
static bool write_try(Writer *w, TextBuffer *out)
{
    Walk walk = {.n_results = 0};
    put_word(w, out, WORD_TRY);
    while (w->family->walk(w->problem, w->candidate, &walk)) {
        if (walk.n_results > 0) put_separator(w, out);
        const int result = written_result(w, step_result(walk.due), w->mix->slip_per_step);
        put_step(w, out, walk.due, result);
        assert(walk.n_results < FAMILY_MAX_STEPS);
        walk.results[walk.n_results++] = result;
        walk.used = 0;
    }
    w->walk = walk;
    const bool hit = walk.final[0] == w->problem->target;
    if (hit) {
        put_word(w, out, WORD_RIGHT);
    } else {
        put_word(w, out, WORD_NOT);
        text_put_int(out, w->problem->target);
    }
    return hit;
}

static void write_search(Writer *w, TextBuffer *out, int max_tries)
{
    int tried[8][TASK_MAX_SOLUTION];
    for (int n = 0; n < max_tries && n < 8; n++) {
        bool again = true;
        for (int draws = 0; again && draws < 16;
             draws++) { /* a try that was made is not made again, while there are others */
            draw_candidate(w);
            again = false;
            for (int i = 0; i < n; i++) again = again || same_candidate(tried[i], w->candidate);
        }
        copy_candidate(tried[n], w->candidate);
        if (n > 0) put_word(w, out, WORD_WAIT);
        if (write_try(w, out) || chance(w, w->mix->give_up)) return;
    }
}

/* ---- chain: steps with slips, and checks that find them ---- */

/* "21+20=51, check 21+20=41 not 51. wait, 21+20=41" or "21+20=41, check 21+20=41 right": a check computes anew, and what it
 * finds is right. Returns the result that the chain goes on with. */
static int write_check(Writer *w, TextBuffer *out, Step step, int written)
{
    const int right = step_result(step);
    put_word(w, out, WORD_CHECK);
    put_step(w, out, step, right);
    if (written == right) {
        put_word(w, out, WORD_RIGHT);
        return right;
    }
    put_word(w, out, WORD_NOT);
    text_put_int(out, written);
    put_word(w, out, WORD_WAIT);
    put_step(w, out, step, right);
    return right;
}

static void write_chain(Writer *w, TextBuffer *out, bool checked)
{
    Walk walk = {.n_results = 0};
    while (w->family->walk(w->problem, NULL, &walk)) {
        if (walk.n_results > 0) put_separator(w, out);
        const int right = step_result(walk.due);
        int result = written_result(w, right, checked ? w->mix->slip_checked : w->mix->slip_per_step);
        put_step(w, out, walk.due, result);
        if (checked && chance(w, result == right ? w->mix->check_right : w->mix->check_slip))
            result = write_check(w, out, walk.due, result);
        assert(walk.n_results < FAMILY_MAX_STEPS);
        walk.results[walk.n_results++] = result;
        walk.used = 0;
    }
    w->walk = walk;
    w->final[0] = walk.final[0];
    w->final[1] = walk.final[1];
}

/* ---- styles ---- */

static void answer_directly(Writer *w)
{
    if (w->family->search) {
        draw_candidate(w);
        return;
    }
    Walk walk;
    family_solve(w->family, w->problem, NULL, &walk);
    w->final[0] = walk.final[0];
    w->final[1] = walk.final[1];
    if (!chance(w, w->mix->direct_right)) w->final[0] = slip(w, w->final[0]);
}

/* Fills thought and answer in one of the three thinking styles. */
static void write_thought(Writer *w, CorpusStyle style)
{
    TextBuffer thought = text_buffer(w->thought, sizeof w->thought);
    if (style == STYLE_DIRECT)
        answer_directly(w);
    else if (w->family->search)
        write_search(w, &thought, style == STYLE_CHECKED ? w->mix->max_tries : 1);
    else
        write_chain(w, &thought, style == STYLE_CHECKED);
    TextBuffer answer = text_buffer(w->answer, sizeof w->answer);
    w->family->write_answer(&answer, w->problem, w->candidate, w->final);
    assert(!thought.full && !answer.full);
}

static CorpusStyle draw_share(Writer *w, const double *share, int n)
{
    double total = 0, below = 0;
    for (int i = 0; i < n; i++) total += share[i];
    const double u = rng_next_uniform(&w->rng) * total;
    for (int i = 0; i < n; i++) {
        below += share[i];
        if (u < below) return (CorpusStyle)i;
    }
    return (CorpusStyle)(n - 1);
}

static void put_framed(TextBuffer *out, const Writer *w, const char *open, const char *close, const char *answer_open,
                       const char *answer_close)
{
    text_put(out, open);
    text_put(out, w->thought);
    text_put(out, close);
    text_put(out, answer_open);
    text_put(out, w->answer);
    text_put(out, answer_close);
}

static void put_broken(TextBuffer *out, Writer *w)
{
    switch (rng_next_below(&w->rng, 5)) {
    case 0:
        put_framed(out, w, "<think>", "", "<answer>", "</answer>");
        break;
    case 1:
        put_framed(out, w, "", "</think>", "<answer>", "</answer>");
        break;
    case 2:
        put_framed(out, w, "<think>", "</think>", "", "</answer>");
        break;
    case 3:
        put_framed(out, w, "<think>", "</think>", "<answer>", "");
        break;
    default:
        put_framed(out, w, "<think>", "</think>", " ", ".");
        break;
    }
}

/* "so 3+7=10, 10*5=50. ": what the working came to, without its detours, in the question's language. */
static void put_summary(TextBuffer *out, const Writer *w)
{
    const TaskLanguage language = w->problem->language;
    Walk walk = {.n_results = 0};
    text_put(out, wording(language, WORD_SO));
    while (walk.n_results < w->walk.n_results && w->family->walk(w->problem, w->candidate, &walk)) {
        if (walk.n_results > 0) text_put(out, wording(language, WORD_STEP));
        const int result = w->walk.results[walk.n_results];
        step_write(out, walk.due, result, wording(language, WORD_MOD));
        walk.results[walk.n_results++] = result;
        walk.used = 0;
    }
    text_put(out, wording(language, WORD_END));
}

static int draw_level(Writer *w, int n_levels)
{
    double weights[TASK_MAX_LEVELS], weight = 1;
    for (int i = 0; i < n_levels; i++, weight *= w->mix->level_decay) weights[i] = weight;
    return 1 + (int)draw_share(w, weights, n_levels);
}

/* Writes text, style and right of a document whose problem is set. */
static void write_document(Writer *w, Document *document, CorpusStyle style)
{
    document->style = style;
    document->mixed = w->mixed;
    TextBuffer out = text_buffer(document->text, sizeof document->text);
    text_put(&out, document->problem.prompt);
    document->prompt_length = out.length;
    if (style == STYLE_UNTAGGED) {
        write_thought(w, STYLE_DIRECT);
        put_framed(&out, w, "", "", " ", wording(document->problem.language, WORD_STOP));
    } else if (style == STYLE_BROKEN) {
        write_thought(w, draw_share(w, w->mix->share, w->may_check ? STYLE_UNTAGGED : STYLE_CHECKED));
        put_broken(&out, w);
    } else if (style == STYLE_SUMMARY) {
        char summary[1024];
        TextBuffer text = text_buffer(summary, sizeof summary);
        write_thought(w, w->may_check && chance(w, 0.5) ? STYLE_CHECKED : STYLE_WORKED);
        text_put(&text, "</think>");
        put_summary(&text, w);
        assert(!text.full);
        put_framed(&out, w, "<think>", summary, "<answer>", "</answer>");
    } else {
        write_thought(w, style);
        put_framed(&out, w, "<think>", "</think>", "<answer>", "</answer>");
    }
    assert(!out.full);
    document->length = out.length;
    document->right = task_check(document->problem.check, w->answer, strlen(w->answer)) == VERDICT_RIGHT;
}

/* Whose words the working has. A mix without a second language draws nothing here. */
static TaskLanguage draw_languages(Writer *w)
{
    const TaskLanguage question = w->mix->chinese > 0 && chance(w, w->mix->chinese) ? TASK_ZH : TASK_EN;
    w->language = question;
    if (w->mix->chinese <= 0) return question;
    const double at = rng_next_uniform(&w->rng);
    w->mixed = at < w->mix->mixed;
    if (!w->mixed && at < w->mix->mixed + w->mix->foreign) w->language = question == TASK_EN ? TASK_ZH : TASK_EN;
    return question;
}

/* A request of data/general.h with a reply, good or bad. */
static void write_talk(Writer *w, Document *document, uint64_t index)
{
    Problem *const problem = &document->problem;
    const TaskLanguage language = draw_languages(w);
    const int task = task_count() + (int)rng_next_below(&w->rng, task_count_general());
    const int level = 1 + (int)rng_next_below(&w->rng, task_corpus_levels(task));
    task_problem_in(problem, task, level, SPLIT_TRAIN, rng_next(&w->rng), index, language);
    TextBuffer answer = text_buffer(w->answer, sizeof w->answer);
    general_write_reply(&answer, problem, general_draw_reply(problem, &w->rng), &w->rng);
    assert(!answer.full);
    TextBuffer out = text_buffer(document->text, sizeof document->text);
    text_put(&out, problem->prompt);
    document->prompt_length = out.length;
    w->thought[0] = 0;
    if (chance(w, w->mix->talk_framed))
        put_framed(&out, w, "<think>", "</think>", "<answer>", "</answer>");
    else
        put_framed(&out, w, "", "", " ", "");
    document->style = STYLE_TALK;
    document->mixed = false;
    document->length = out.length;
    document->right = task_check(problem->check, w->answer, strlen(w->answer)) == VERDICT_RIGHT;
}

void corpus_document(Document *document, const CorpusMix *mix, uint64_t seed, uint64_t index)
{
    Problem *problem = &document->problem;
    Writer w = {.mix = mix, .problem = problem, .rng = rng_sequence(seed, RNG_DOCUMENT, index, 0)};
    CorpusStyle style = draw_share(&w, mix->share, STYLE_COUNT);
    if (style == STYLE_TALK) {
        write_talk(&w, document, index);
        return;
    }
    const int task = (int)rng_next_below(&w.rng, task_count());
    w.family = family_at(task);
    const int level = draw_level(&w, task_corpus_levels(task));
    /* No document shows at the hardest level what RL should find there: checking, and going on after a miss. */
    w.may_check = level < task_corpus_levels(task);
    if (style == STYLE_CHECKED && !w.may_check) style = draw_share(&w, mix->share, STYLE_CHECKED);
    const TaskLanguage language = draw_languages(&w);
    task_problem_in(problem, task, level, SPLIT_TRAIN, rng_next(&w.rng), index, language);
    write_document(&w, document, style);
}

void corpus_write(Document *document, const CorpusMix *mix, CorpusStyle style, uint64_t seed, uint64_t index)
{
    const Problem *problem = &document->problem;
    Writer w = {.mix = mix, .problem = problem, .rng = rng_sequence(seed, RNG_DOCUMENT, index, 1), .may_check = true};
    w.family = family_at(problem->task);
    w.language = problem->language;
    write_document(&w, document, style);
}

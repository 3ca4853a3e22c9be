/* SPDX-License-Identifier: MIT */
/* eval/evaluate_score.c: what rules say about one completion's text. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "reward/compare.h"
#include "text/thinking.h"

#include <string.h>

/* ---- answers that vote ---- */

/* An answer as a string, without the white space around it; NULL when nothing is left. A NUL would end it early and make two
 * different answers one. */
static char *copy_answer(const char *text, size_t length)
{
    while (length > 0 && memchr(" \t\r\n", text[0], 4)) {
        text++;
        length--;
    }
    while (length > 0 && memchr(" \t\r\n", text[length - 1], 4)) length--;
    if (length == 0) return NULL;
    char *const copy = base_strndup(text, length);
    for (size_t i = 0; i < length; i++)
        if (!copy[i]) copy[i] = '?';
    return copy;
}

/* The answer as the vote of cons@k counts it; NULL: there is none. One that is no answer to such a question votes for itself,
 * letter by letter. */
static char *answer_of_check(const char *check, const char *text, const FormatResult *frame)
{
    char canonical[TASK_MAX_TEXT];
    if (!frame->ok) return NULL;
    const char *const answer = text + frame->answer;
    const size_t length = frame->answer_end - frame->answer;
    return task_canonical(check, answer, length, canonical, sizeof canonical) ? base_strdup(canonical)
                                                                              : copy_answer(answer, length);
}

/* ---- what is said ---- */

static size_t find_last(const char *text, size_t length, const char *what)
{
    const size_t n = strlen(what);
    for (size_t i = length + 1; i-- > 0;)
        if (n <= length - i && memcmp(text + i, what, n) == 0) return i;
    return SIZE_MAX;
}

void reply_part(const EvalProblem *problem, const char *text, size_t length, const char **part, size_t *part_length)
{
    static const char begin[] = "<answer>", end[] = "</answer>";
    const char *const close = thinking_close(text, length);
    *part = text + length;
    *part_length = 0;
    if (thinking_unfinished(problem->prompt, problem->prompt_length, text, length)) return;
    *part = close ? close : text;
    *part_length = length - (size_t)(*part - text);
    const size_t last = find_last(*part, *part_length, end),
                 first = last == SIZE_MAX ? last : find_last(*part, last, begin);
    if (first == SIZE_MAX) return;
    *part += first + sizeof begin - 1;
    *part_length = last - (first + sizeof begin - 1);
}

/* ---- by kind of problem ---- */

/* Against a gold answer: models that answer in a box, or in plain words, count too, with or without a frame. A text that was
 * cut off before it marked an answer has not said what its answer is. */
static Verdict compare_with_gold(char **answer, const EvalProblem *p, const char *text, size_t length, bool truncated)
{
    const AnswerSpan span = answer_extract(text, length);
    if (span.length == 0 || (!span.marked && truncated)) return VERDICT_WRONG;
    *answer = copy_answer(span.text, span.length);
    return compare_answers(p->answer, p->answer_length, text, length, NULL);
}

static Verdict compare_choice(char **answer, const EvalProblem *p, const char *text, size_t length, bool truncated)
{
    const AnswerSpan span = answer_extract(text, length);
    if (!span.marked && truncated) return VERDICT_WRONG;
    const char letter[2] = {benchmark_choice(p->choices, p->n_choices, text, length), 0};
    if (!letter[0]) return VERDICT_WRONG;
    *answer = base_strdup(letter);
    return strcmp(letter, p->answer) == 0 ? VERDICT_RIGHT : VERDICT_WRONG;
}

static Verdict check_instructions(InstructionsResult *result, const EvalProblem *p, const char *text, size_t length)
{
    const char *part;
    size_t part_length;
    reply_part(p, text, length, &part, &part_length);
    instructions_check(p->instructions, part, part_length, result);
    return result->strict;
}

/* Nobody votes with programs, texts under instructions or open answers: cons@k has no answer to count. */
static Verdict decide(SampleScore *score, const EvalProblem *p, const char *text, size_t length, bool truncated)
{
    if (p->instructions) return check_instructions(&score->instructions, p, text, length);
    if (p->tests || p->open) return VERDICT_UNDECIDED;
    if (p->n_choices > 0) return compare_choice(&score->answer, p, text, length, truncated);
    return compare_with_gold(&score->answer, p, text, length, truncated);
}

void score_set_verdict(RewardScore *reward, Verdict verdict)
{
    const RewardWeights weights = reward_default_weights();
    reward->verdict = verdict;
    reward->accuracy = verdict == VERDICT_RIGHT;
    reward->undecided = verdict == VERDICT_UNDECIDED;
    reward->total = weights.accuracy * reward->accuracy + weights.format * reward->format;
}

void score_text(RewardScore *reward, SampleScore *score, const Frame *frame, const EvalProblem *p, const char *text,
                size_t length, bool truncated)
{
    const RewardWeights weights = reward_default_weights();
    score->answer = NULL;
    if (p->check) {
        reward_score_framed(reward, &weights, frame, p->check, p->prompt, p->prompt_length, text, length);
        score->answer = answer_of_check(p->check, text, &reward->frame);
    } else {
        *reward = (RewardScore){.frame = format_check(p->prompt, p->prompt_length, text, length)};
        reward->format = reward->frame.ok;
        score_set_verdict(reward, decide(score, p, text, length, truncated));
    }
    /* A problem that nothing can be compared with rewards nobody for its answer. */
    if (p->unreadable) score_set_verdict(reward, VERDICT_UNDECIDED);
}

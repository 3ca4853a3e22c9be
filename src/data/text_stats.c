/* SPDX-License-Identifier: MIT */
/* data/text_stats.c: see text_stats.h. One pass over the text; no allocation. */
#include "data/text_stats.h"

#include "data/family.h"

#include <string.h>

static const char *const reflective_words[] = {"wait",  "mistake", "however", "but",      "retry",
                                               "error", "verify",  "wrong",   "evaluate", "check"};
enum { N_REFLECTIVE = (int)(sizeof reflective_words / sizeof reflective_words[0]) };

const char *text_reflective_word(int i)
{
    return i >= 0 && i < N_REFLECTIVE ? reflective_words[i] : NULL;
}

/* Bytes of other alphabets count as letters: a word ends only where no letter follows. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* The next maximal run of letters at or after *at. */
static bool next_word(const char *text, size_t length, size_t *at, size_t *word_length)
{
    while (*at < length && !is_letter(text[*at])) ++*at;
    size_t end = *at;
    while (end < length && is_letter(text[end])) end++;
    *word_length = end - *at;
    return *word_length > 0;
}

static bool same_word(const char *text, size_t length, const char *word)
{
    if (strlen(word) != length) return false;
    for (size_t i = 0; i < length; i++)
        if ((text[i] | 0x20) != word[i]) return false;
    return true;
}

int text_count_word(const char *text, size_t length, const char *word)
{
    int count = 0;
    for (size_t at = 0, n; next_word(text, length, &at, &n); at += n) count += same_word(text + at, n, word);
    return count;
}

int text_reflective_words(const char *text, size_t length)
{
    int count = 0;
    for (size_t at = 0, n; next_word(text, length, &at, &n); at += n)
        for (int i = 0; i < N_REFLECTIVE; i++) count += same_word(text + at, n, reflective_words[i]);
    return count;
}

/* ---- steps ---- */

typedef struct WrittenStep {
    Step step;
    int result;
} WrittenStep;

static bool read_digits(const char *text, size_t length, size_t *at, int *value)
{
    int digits = 0;
    *value = 0;
    for (; *at < length && text[*at] >= '0' && text[*at] <= '9'; ++*at, digits++) {
        if (digits == 4) return false; /* products of two such stay far inside an int */
        *value = *value * 10 + (text[*at] - '0');
    }
    return digits > 0;
}

/* A number that may be negative. */
static bool read_signed(const char *text, size_t length, size_t *at, int *value)
{
    const bool negative = *at < length && text[*at] == '-';
    if (negative) ++*at;
    if (!read_digits(text, length, at, value)) return false;
    if (negative) *value = -*value;
    return true;
}

static bool read_operation(const char *text, size_t length, size_t *at, char *op)
{
    static const char mod[] = " mod ";
    if (length - *at >= sizeof mod - 1 && memcmp(text + *at, mod, sizeof mod - 1) == 0) {
        *at += sizeof mod - 1;
        *op = '%';
        return true;
    }
    if (*at == length || !text[*at] || !strchr("+-*/", text[*at])) return false;
    *op = text[(*at)++];
    return true;
}

/* "a op b=c" at *at, which moves behind it. */
static bool read_step(const char *text, size_t length, size_t *at, WrittenStep *written)
{
    size_t i = *at;
    if (!read_signed(text, length, &i, &written->step.left)) return false;
    if (!read_operation(text, length, &i, &written->step.op)) return false;
    if (!read_signed(text, length, &i, &written->step.right)) return false;
    if (i == length || text[i] != '=') return false;
    i++;
    if (!read_signed(text, length, &i, &written->result)) return false;
    *at = i;
    return true;
}

/* A step may start where no number, operation or letter goes before. */
static bool may_start(const char *text, size_t at)
{
    const char c = text[at];
    if ((c < '0' || c > '9') && c != '-') return false;
    if (at == 0) return true;
    const char before = text[at - 1];
    return before && strchr(" ,.;>(\n", before) != NULL;
}

static bool step_holds(const WrittenStep *w)
{
    const Step s = w->step;
    if ((s.op == '/' || s.op == '%') && s.right == 0) return false;
    if (s.op == '/') return s.left == s.right * w->result;
    return step_result(s) == w->result;
}

TextStyle text_style(const char *text, size_t length)
{
    if (text_reflective_words(text, length) > 0) return TEXT_CHECKED;
    WrittenStep w;
    for (size_t at = 0; at < length; at++)
        if (may_start(text, at) && read_step(text, length, &at, &w)) return TEXT_WORKED;
    return TEXT_DIRECT;
}

const char *text_style_name(TextStyle style)
{
    static const char *const names[] = {"direct", "worked", "checked"};
    return names[style];
}

/* ---- audit ---- */

enum { MAX_WRONG = 16 }; /* wrong steps remembered until they are put right */

typedef struct Auditor {
    TaskAudit audit;
    WrittenStep wrong[MAX_WRONG];
    int n_wrong;
    bool has_target, in_try, has_result;
    int target, result; /* of the try in hand: its last written result */
} Auditor;

static void end_try(Auditor *a)
{
    if (!a->in_try || !a->has_result) return;
    const bool miss = a->result != a->target;
    if (!miss && a->audit.misses > 0) a->audit.corrected_miss = true;
    if (miss && a->audit.tries == 1) a->audit.first_missed = true;
    a->audit.misses += miss;
    a->has_result = false;
}

static void take_step(Auditor *a, const WrittenStep *w)
{
    a->audit.steps++;
    a->result = w->result;
    a->has_result = true;
    if (!step_holds(w)) {
        a->audit.wrong_steps++;
        if (a->n_wrong < MAX_WRONG) a->wrong[a->n_wrong++] = *w;
        return;
    }
    for (int i = 0; i < a->n_wrong; i++) {
        const Step s = a->wrong[i].step;
        if (s.left == w->step.left && s.right == w->step.right && s.op == w->step.op) a->audit.corrected_step = true;
    }
}

TaskAudit task_audit(const char *check, const char *completion, size_t length)
{
    Auditor a = {.in_try = false};
    a.has_target = task_target(check, &a.target);
    WrittenStep w;
    for (size_t at = 0; at < length;) {
        size_t word = 0, start = at;
        if (may_start(completion, at) && read_step(completion, length, &at, &w)) {
            take_step(&a, &w);
        } else if (is_letter(completion[at]) && next_word(completion, length, &start, &word)) {
            if (a.has_target && same_word(completion + at, word, "try")) {
                end_try(&a);
                a.in_try = true;
                a.audit.tries++;
            }
            at += word;
        } else {
            at++;
        }
    }
    end_try(&a);
    return a.audit;
}

bool task_audit_corrected(const TaskAudit *audit)
{
    return audit->corrected_step || audit->corrected_miss;
}

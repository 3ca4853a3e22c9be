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

/* Chinese has no spaces: its words count wherever they stand. Longer ones first. */
static const char *const chinese_words[] = {"等一下", "等等", "失误", "然而", "不过", "但是", "但",  "重试",
                                            "错误",   "出错", "错了", "验证", "不对", "评估", "检查"};
enum { N_CHINESE = (int)(sizeof chinese_words / sizeof chinese_words[0]) };

/* Bytes of a Han character or of a mark of Chinese writing (U+3000.., full width) at `at`; 0: none. */
static size_t han_length(const char *text, size_t length, size_t at)
{
    if (length - at < 3) return 0;
    const unsigned char a = (unsigned char)text[at], b = (unsigned char)text[at + 1], c = (unsigned char)text[at + 2];
    if ((b & 0xc0) != 0x80 || (c & 0xc0) != 0x80) return 0;
    return (a >= 0xe4 && a <= 0xe9) || (a == 0xe3 && b == 0x80) || (a == 0xef && (b == 0xbc || b == 0xbd)) ? 3 : 0;
}

/* Bytes of other alphabets count as letters: a word ends only where no letter follows. Han characters are words of their own. */
static bool is_letter_at(const char *text, size_t length, size_t at)
{
    const char c = text[at];
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return (unsigned char)c >= 0x80 && han_length(text, length, at) == 0;
}

/* Behind the Han character at `at`, or the next byte. */
static size_t next_character(const char *text, size_t length, size_t at)
{
    const size_t han = han_length(text, length, at);
    return at + (han > 0 ? han : 1);
}

/* The next maximal run of letters at or after *at. */
static bool next_word(const char *text, size_t length, size_t *at, size_t *word_length)
{
    while (*at < length && !is_letter_at(text, length, *at)) *at = next_character(text, length, *at);
    size_t end = *at;
    while (end < length && is_letter_at(text, length, end)) end++;
    *word_length = end - *at;
    return *word_length > 0;
}

static bool starts_with(const char *text, size_t length, size_t at, const char *with)
{
    const size_t n = strlen(with);
    return length - at >= n && memcmp(text + at, with, n) == 0;
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

bool text_next_reflective(const char *text, size_t length, size_t *at, size_t *word_length)
{
    while (*at < length) {
        size_t next = next_character(text, length, *at), word = *at;
        if (han_length(text, length, *at) > 0) {
            for (int i = 0; i < N_CHINESE; i++)
                if (starts_with(text, length, *at, chinese_words[i])) {
                    *word_length = strlen(chinese_words[i]);
                    return true;
                }
        } else if (is_letter_at(text, length, *at) && next_word(text, length, &word, word_length)) {
            for (int i = 0; i < N_REFLECTIVE; i++)
                if (same_word(text + *at, *word_length, reflective_words[i])) return true;
            next = *at + *word_length;
        }
        *at = next;
    }
    return false;
}

int text_reflective_words(const char *text, size_t length)
{
    int count = 0;
    for (size_t at = 0, n; text_next_reflective(text, length, &at, &n); at += n) count++;
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
    const char *const zh = wording(TASK_ZH, WORD_MOD);
    const size_t n = starts_with(text, length, *at, mod)  ? sizeof mod - 1
                     : starts_with(text, length, *at, zh) ? strlen(zh)
                                                          : 0;
    if (n > 0) {
        *at += n;
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
    if (at >= 3 && han_length(text, at, at - 3) == 3) return true;
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

static void begin_try(Auditor *a)
{
    if (!a->has_target) return;
    end_try(a);
    a->in_try = true;
    a->audit.tries++;
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
        } else if (is_letter_at(completion, length, at) && next_word(completion, length, &start, &word)) {
            if (same_word(completion + at, word, "try")) begin_try(&a);
            at += word;
        } else {
            if (starts_with(completion, length, at, wording(TASK_ZH, WORD_TRY))) begin_try(&a);
            at = next_character(completion, length, at);
        }
    }
    end_try(&a);
    return a.audit;
}

bool task_audit_corrected(const TaskAudit *audit)
{
    return audit->corrected_step || audit->corrected_miss;
}

/* SPDX-License-Identifier: MIT */
/* data/tasks.c: the table of families; drawing a problem of a split; deciding an answer. */
#include "data/tasks.h"

#include "data/family.h"
#include "data/general.h"
#include "text/conversation.h"

#include <assert.h>
#include <string.h>

/* Search-like and chain-like families in turn, half of each: a habit of checking that pays in one half is not outvoted by
 * the other. The order is part of the seeds' meaning. */
static const Family *const families[] = {
    &family_sum, &family_make, &family_expr,    &family_pick,  &family_mod,
    &family_gap, &family_line, &family_residue, &family_clock, &family_pay,
};

enum {
    FAMILY_COUNT = (int)(sizeof families / sizeof families[0]),
    WORDS =
        FAMILY_COUNT + GENERAL_TASKS, /* behind the general tasks, whose numbers are part of the seeds' meaning too */
    HELD_OUT_ONE_IN = 8
};

int task_count(void)
{
    return FAMILY_COUNT;
}

const Family *family_at(int task)
{
    assert((task >= 0 && task < FAMILY_COUNT) || task == WORDS);
    return task == WORDS ? &family_words : families[task];
}

int task_count_all(void)
{
    return WORDS + 1;
}

int task_count_general(void)
{
    return GENERAL_TASKS;
}

bool task_is_general(int task)
{
    assert(task >= 0 && task <= WORDS);
    return task >= FAMILY_COUNT && task < WORDS;
}

const char *task_name(int task)
{
    return task_is_general(task) ? general_name(task - FAMILY_COUNT) : family_at(task)->name;
}

int task_find(const char *name)
{
    for (int i = 0; i < task_count_all(); i++)
        if (strcmp(task_name(i), name) == 0) return i;
    return -1;
}

const char *task_summary(int task)
{
    return task_is_general(task) ? general_summary(task - FAMILY_COUNT) : family_at(task)->summary;
}

bool task_is_search(int task)
{
    return !task_is_general(task) && family_at(task)->search;
}

int task_levels(int task)
{
    return task_is_general(task) ? GENERAL_LEVELS : family_at(task)->levels;
}

int task_train_levels(int task)
{
    return task_is_general(task) ? GENERAL_LEVELS : family_at(task)->train_levels;
}

int task_corpus_levels(int task)
{
    return task_is_general(task) ? GENERAL_LEVELS : family_at(task)->corpus_levels;
}

/* FNV-1a, then a finaliser that spreads its low bits. */
static uint64_t check_hash(const char *check)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *check; check++) h = (h ^ (unsigned char)*check) * 0x100000001b3u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

Split task_split(const char *check)
{
    return check_hash(check) % HELD_OUT_ONE_IN == 0 ? SPLIT_HELD_OUT : SPLIT_TRAIN;
}

/* One draw; false when the family turns it down. */
static bool draw_problem(Problem *p, RngSequence *rng)
{
    TextBuffer question = text_buffer(p->question, sizeof p->question);
    TextBuffer check = text_buffer(p->check, sizeof p->check);
    text_put(&check, task_name(p->task));
    text_put_char(&check, ' ');
    if (task_is_general(p->task))
        general_draw(p, p->task - FAMILY_COUNT, rng, &question, &check);
    else if (!family_at(p->task)->draw(p, rng, &question, &check))
        return false;
    assert(!question.full && !check.full);
    return true;
}

static void write_right_answer(Problem *p, RngSequence *rng)
{
    TextBuffer answer = text_buffer(p->answer, sizeof p->answer);
    if (task_is_general(p->task)) {
        general_write_reply(&answer, p, REPLY_GOOD, rng);
    } else {
        Walk walk;
        const Family *const family = family_at(p->task);
        family_solve(family, p, p->solution, &walk);
        family->write_answer(&answer, p, p->solution, walk.final);
    }
    assert(!answer.full);
}

void task_problem(Problem *problem, int task, int level, Split split, uint64_t seed, uint64_t index)
{
    task_problem_in(problem, task, level, split, seed, index, TASK_EN);
}

void task_problem_in(Problem *problem, int task, int level, Split split, uint64_t seed, uint64_t index,
                     TaskLanguage language)
{
    assert(level >= 1 && level <= task_levels(task));
    const uint32_t kind = (uint32_t)((task * TASK_MAX_LEVELS + level) * 2 + (split == SPLIT_HELD_OUT));
    RngSequence rng = rng_sequence(seed, RNG_PROBLEM, index, kind);
    *problem = (Problem){.task = task, .level = level, .language = task == WORDS ? TASK_EN : language};
    while (!draw_problem(problem, &rng) || task_split(problem->check) != split) {}
    write_right_answer(problem, &rng);
    TextBuffer prompt = text_buffer(problem->prompt, sizeof problem->prompt);
    text_put(&prompt, CONVERSATION_PLAIN_BEFORE);
    text_put(&prompt, problem->question);
    text_put(&prompt, CONVERSATION_PLAIN_AFTER);
    assert(!prompt.full);
}

void task_working_prefix(const Problem *problem, char *text, size_t capacity)
{
    TextBuffer out = text_buffer(text, capacity);
    text_put(&out, "<think>");
    if (task_is_general(problem->task)) return;
    const Family *family = family_at(problem->task);
    if (family->search) {
        text_put(&out, say(problem, "try", "试"));
        return;
    }
    Walk walk = {.n_results = 0};
    family->walk(problem, problem->solution, &walk);
    text_put_int(&out, walk.due.left);
}

/* The family a check names; *args is what stands behind the name. */
static const Family *check_family(const char *check, const char **args)
{
    const size_t name = strcspn(check, " ");
    if (check[name] != ' ') return NULL;
    for (int i = 0; i < task_count_all(); i++) {
        if (task_is_general(i)) continue;
        const Family *const family = family_at(i);
        if (strlen(family->name) != name || strncmp(family->name, check, name) != 0) continue;
        *args = check + name + 1;
        return family;
    }
    return NULL;
}

static void trim(const char **text, size_t *length)
{
    while (*length > 0 && strchr(" \t\r\n", (*text)[0]) && (*text)[0]) ++*text, --*length;
    while (*length > 0 && strchr(" \t\r\n", (*text)[*length - 1]) && (*text)[*length - 1]) --*length;
}

Verdict task_check(const char *check, const char *answer, size_t length)
{
    const char *text;
    Numbers args;
    const Family *family = check_family(check, &text);
    trim(&answer, &length);
    if (!family) return general_check(check, answer, length);
    if (family->check_text) return family->check_text(text, answer, length);
    if (!numbers_read(&args, text, strlen(text), 0)) return VERDICT_UNDECIDED;
    return family->check(&args, answer, length);
}

bool task_target(const char *check, int *target)
{
    const char *text;
    Numbers args;
    const Family *family = check_family(check, &text);
    if (!family || !family->search || !numbers_read(&args, text, strlen(text), 0)) return false;
    if (family->target_arg >= args.n) return false;
    *target = (int)args.v[family->target_arg];
    return true;
}

bool task_canonical(const char *check, const char *answer, size_t length, char *canonical, size_t capacity)
{
    const char *text;
    Numbers args = {.n = 0};
    const Family *family = check_family(check, &text);
    if (!family || capacity == 0) return false;
    trim(&answer, &length);
    if (!family->check_text && !numbers_read(&args, text, strlen(text), 0)) return false;
    TextBuffer out = text_buffer(canonical, capacity);
    return family->canonical(&args, answer, length, &out) && !out.full;
}

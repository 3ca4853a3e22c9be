/* SPDX-License-Identifier: MIT */
/* cli/chat_commands.c: lines that begin with a slash. */
#include "cli/chat.h"

#include "base/arena.h"
#include "base/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- settings ---- */

typedef struct Setting {
    const char *name, *what;
    double *real; /* one of these three */
    int64_t *integer;
    bool *on;
    double low, high;
} Setting;

enum { N_SETTINGS = 10 };

static void list_settings(Chat *c, Setting settings[N_SETTINGS])
{
    SamplingParams *const p = &c->sampling.params;
    const Setting all[N_SETTINGS] = {
        {"temperature", "0 takes the likeliest token", &p->temperature, NULL, NULL, 0, 1000},
        {"top_p", "1: all", &p->top_p, NULL, NULL, 0, 1},
        {"top_k", "0: all", NULL, &p->top_k, NULL, 0, INT32_MAX},
        {"min_p", "0: all", &p->min_p, NULL, NULL, 0, 1},
        {"max_tokens", "of an answer", NULL, &p->max_tokens, NULL, 1, 1 << 24},
        {"seed", "of the random draws", NULL, &c->sampling.seed, NULL, 0, 9e15},
        {"repetition_penalty", "1: off", &p->repetition_penalty, NULL, NULL, 0.01, 100},
        {"frequency_penalty", "0: off", &p->frequency_penalty, NULL, NULL, -100, 100},
        {"presence_penalty", "0: off", &p->presence_penalty, NULL, NULL, -100, 100},
        {"thinking", "whether it is shown: on or off", NULL, NULL, &c->view.shows_thinking, 0, 1},
    };
    memcpy(settings, all, sizeof all);
}

static void show_settings(Chat *c)
{
    Setting settings[N_SETTINGS];
    list_settings(c, settings);
    for (int i = 0; i < N_SETTINGS; i++) {
        const Setting *const s = &settings[i];
        char value[40];
        if (s->real)
            snprintf(value, sizeof value, "%g", *s->real);
        else if (s->integer)
            snprintf(value, sizeof value, "%" PRId64, *s->integer);
        else
            snprintf(value, sizeof value, "%s", *s->on ? "on" : "off");
        cli_note(c->cli, "  %s=%s (%s)\n", s->name, value, s->what);
    }
}

static bool set_value(const Setting *s, const char *text)
{
    if (s->on) {
        const bool on = strcmp(text, "on") == 0;
        if (on || strcmp(text, "off") == 0) *s->on = on;
        return on || strcmp(text, "off") == 0;
    }
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= s->low && value <= s->high)) return false;
    if (s->integer && value != rint(value)) return false;
    if (s->name[0] == 't' && s->name[1] == 'e' && value > 0 && value < 1e-3)
        return false; /* 1 / temperature stays finite */
    if (s->integer)
        *s->integer = (int64_t)value;
    else
        *s->real = value;
    return true;
}

static void set(Chat *c, const char *argument)
{
    const char *const equals = strchr(argument, '=');
    Setting settings[N_SETTINGS];
    list_settings(c, settings);
    for (int i = 0; equals && i < N_SETTINGS; i++) {
        const size_t length = strlen(settings[i].name);
        if ((size_t)(equals - argument) != length || strncmp(settings[i].name, argument, length) != 0) continue;
        if (!set_value(&settings[i], equals + 1)) cli_note(c->cli, "/set %s: the value does not fit\n", argument);
        c->sampling.params.seed = (uint64_t)c->sampling.seed;
        return;
    }
    if (*argument) cli_note(c->cli, "/set %s: there is no such setting; NAME=VALUE, NAME one of\n", argument);
    show_settings(c);
}

/* ---- commands ---- */

static void help(Chat *c)
{
    cli_note(c->cli, "%s",
             "  /help              this text\n"
             "  /reset             forgets the conversation, not the system message\n"
             "  /system TEXT       the system message; without TEXT there is none\n"
             "  /set NAME=VALUE    temperature, top_p, max_tokens and others; /set alone shows them\n"
             "  /retry             another answer to the last turn\n"
             "  /save FILE         writes the conversation as JSON; /load FILE reads it\n"
             "  /quit              as Ctrl-D does\n"
             "  A line that ends in \\ goes on in the next; a line of \"\"\" begins a text that ends with another.\n"
             "  //TEXT is a turn that begins with a slash. Ctrl-C stops an answer.\n");
}

static void forget(Chat *c)
{
    conversation_cut(&c->conversation, conversation_has_system(&c->conversation));
    c->n_skipped = 0;
    c->n_retries = 0;
}

static bool retry(Chat *c, Error *err)
{
    const int64_t n = conversation_length(&c->conversation);
    if (n > 0 && strcmp(conversation_role(&c->conversation, n - 1), "assistant") == 0)
        conversation_cut(&c->conversation, n - 1);
    const int64_t left = conversation_length(&c->conversation);
    if (left == 0 || strcmp(conversation_role(&c->conversation, left - 1), "user") != 0) {
        cli_note(c->cli, "/retry: there is no turn to answer\n");
        return true;
    }
    c->n_retries++;
    return chat_answer(c, err);
}

static bool save(Chat *c, const char *path, Error *err)
{
    JsonOut out = {0};
    conversation_write(&c->conversation, &out);
    const bool ok = file_write_all(path, "conversation", out.text, out.length, err);
    json_out_free(&out);
    if (ok) cli_note(c->cli, "%s: %" PRId64 " messages\n", path, conversation_length(&c->conversation));
    return ok;
}

static bool load(Chat *c, const char *path, Error *err)
{
    if (!conversation_read(&c->conversation, path, err)) return false;
    c->n_skipped = 0;
    cli_note(c->cli, "%s: %" PRId64 " messages\n", path, conversation_length(&c->conversation));
    return true;
}

/* A file that cannot be written or read is told and the chat goes on. */
static bool with_file(Chat *c, const char *name, const char *path, bool (*work)(Chat *, const char *, Error *))
{
    Error err = {0};
    if (!*path)
        cli_note(c->cli, "%s needs a file\n", name);
    else if (!work(c, path, &err))
        cli_note(c->cli, "%s\n", err.text);
    return true;
}

bool chat_command(Chat *c, const char *line, Error *err)
{
    char name[16];
    const size_t n = strcspn(line, " \t\n");
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name), line);
    const char *argument = line + n;
    argument += strspn(argument, " \t\n");
    if (strcmp(name, "/help") == 0)
        help(c);
    else if (strcmp(name, "/reset") == 0)
        forget(c);
    else if (strcmp(name, "/system") == 0)
        conversation_set_system(&c->conversation, argument);
    else if (strcmp(name, "/set") == 0)
        set(c, argument);
    else if (strcmp(name, "/retry") == 0)
        return retry(c, err);
    else if (strcmp(name, "/save") == 0)
        return with_file(c, name, argument, save);
    else if (strcmp(name, "/load") == 0)
        return with_file(c, name, argument, load);
    else if (strcmp(name, "/quit") == 0 || strcmp(name, "/exit") == 0)
        c->quits = true;
    else
        cli_note(c->cli, "%s: there is no such command; /help lists them\n", name);
    return true;
}

/* SPDX-License-Identifier: MIT */
/* cli/chat.h: the parts of `r1 chat`: what is typed (chat_input.c), what is shown (chat_view.c), what begins with a slash
 * (chat_commands.c), and the turns between them (chat.c). */
#ifndef R1_CLI_CHAT_H
#define R1_CLI_CHAT_H

#include "cli/cli.h"
#include "cli/sampling_options.h"
#include "rollout/engine.h"
#include "text/conversation.h"
#include "text/thinking.h"

/* ---- input ---- */

typedef struct ChatInput {
    bool terminal; /* somebody types: prompts are shown */
    char *buffer;  /* owned: bytes read and not yet taken */
    size_t n_bytes, capacity;
    bool ended;
} ChatInput;

typedef enum ChatRead { CHAT_TURN, CHAT_END, CHAT_INTERRUPTED, CHAT_FAILED } ChatRead;
/* The next turn, base_alloc'd: a line; lines joined while each ends in a backslash; or all between two lines of """. Blank ones are passed
 * over. CHAT_INTERRUPTED: Ctrl-C, what was typed is dropped. CHAT_FAILED: err is set. */
ChatRead chat_input_turn(ChatInput *input, char **turn, Error *err);
void chat_input_free(ChatInput *input);

/* ---- output ---- */

/* An answer as it arrives. Thinking is dim on a terminal and between <think> tags elsewhere. */
typedef struct ChatView {
    bool color, terminal, shows_thinking, silent; /* silent: nothing is shown, the text is kept */
    const TokenBytes *token_bytes;
    const StopStrings *stop; /* NULL: none */
    ThinkingStream stream;
    JsonOut text;     /* the answer so far, owned; stop string included */
    size_t n_fed;     /* bytes of it that the stream has */
    int64_t n_tokens; /* that are in text */
    int32_t stop_state;
    bool in_thinking, any_thinking, any_answer; /* what has been shown */
    JsonOut blanks;                             /* white space that is shown once something follows */
} ChatView;

void chat_view_begin(ChatView *view, bool thinking);
/* A RolloutDone: shows what is new of the completion. */
bool chat_view_grow(void *view, const Completion *completion, Error *err);
void chat_view_end(ChatView *view);
void chat_view_free(ChatView *view);
size_t chat_view_length(const ChatView *view); /* of view->text.text without a stop string */

/* ---- the chat ---- */

typedef struct Chat {
    Cli *cli;
    Compute compute;
    Model model;
    Tokenizer *tokenizer;
    ChatTemplate *template; /* NULL: turns are given as they stand */
    Conversation conversation;
    SamplingOptions sampling;
    TokenBytes token_bytes;
    RolloutEngine *engine;
    ChatInput input;
    ChatView view;
    int64_t context_tokens; /* of prompt and answer together */
    int64_t n_skipped;      /* messages behind the system's that are left out: they do not fit */
    uint32_t n_retries;     /* of the last turn: another draw each time */
    bool quits;
} Chat;

/* Answers the conversation as it stands and adds the answer to it. Ctrl-C ends the answer; what came is kept. */
bool chat_answer(Chat *chat, Error *err) R1_MUST_CHECK;
/* A line that begins with a slash. A mistake in it is told and is no failure. */
bool chat_command(Chat *chat, const char *line, Error *err) R1_MUST_CHECK;

#endif

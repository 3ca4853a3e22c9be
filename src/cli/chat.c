/* SPDX-License-Identifier: MIT */
/* cli/chat.c: `r1 chat`: turns from a person or a pipe, answers as they are drawn. */
#include "cli/chat.h"

#include "base/arena.h"
#include "base/signals.h"
#include "model/frozen.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the prompt of a turn ---- */

/* Without a template: the last turn in the frame of R1-Zero, which the problems of `r1 tasks` have, too. */
static bool encode_plain(const Chat *c, TokenIds *ids, Error *err)
{
    const char *const question = conversation_content(&c->conversation, conversation_length(&c->conversation) - 1);
    size_t length;
    char *const text = conversation_plain(question, strlen(question), &length);
    const bool ok = tokenizer_encode(c->tokenizer, text, length, true, ids, err);
    base_free(text);
    return ok;
}

/* The conversation without its first n_skipped messages as ids. *thinks: the answer begins inside <think>. */
static bool encode(const Chat *c, int64_t n_skipped, TokenIds *ids, bool *thinks, Error *err)
{
    const Conversation *const talk = &c->conversation;
    ids->n = 0;
    *thinks = false;
    if (!c->template) return encode_plain(c, ids, err);
    char *text = NULL;
    size_t length;
    const bool ok = conversation_text(talk, c->template, n_skipped, &text, &length, thinks, err) &&
                    tokenizer_encode(c->tokenizer, text, length, false, ids, err);
    base_free(text);
    return ok;
}

/* Where the next turn of the user begins behind the first n_skipped messages; the last one stays. */
static int64_t next_turn(const Chat *c, int64_t n_skipped)
{
    const int64_t n_system = conversation_has_system(&c->conversation);
    const int64_t n = conversation_length(&c->conversation) - n_system;
    for (int64_t i = n_skipped + 1; i < n; i++)
        if (strcmp(conversation_role(&c->conversation, n_system + i), "user") == 0) return i;
    return n_skipped;
}

/* Leaves out as many turns from the beginning as it takes to have room for an answer, and says so. */
static bool fit(Chat *c, TokenIds *ids, bool *thinks, Error *err)
{
    const int64_t wanted = c->sampling.params.max_tokens, half = c->context_tokens / 2;
    const int64_t room = wanted < half ? wanted : half;
    const int64_t before = c->n_skipped;
    for (;;) {
        if (!encode(c, c->n_skipped, ids, thinks, err)) return false;
        if (ids->n <= c->context_tokens - room) break;
        const int64_t next = next_turn(c, c->n_skipped);
        if (next == c->n_skipped) break;
        c->n_skipped = next;
    }
    if (c->n_skipped > before)
        cli_note(c->cli,
                 "(the conversation is longer than %" PRId64 " tokens: its first %" PRId64 " messages are left out)\n",
                 c->context_tokens, c->n_skipped);
    if (ids->n < 1) return error_set(err, ERROR_INPUT, "the turn gives no token");
    if (ids->n < c->context_tokens) return true;
    return error_set(err, ERROR_INPUT,
                     "the turn has %" PRId64 " tokens, of %" PRId64 " that prompt and answer may have; "
                     "make it shorter, or --context larger",
                     ids->n, c->context_tokens);
}

/* ---- an answer ---- */

typedef struct Answer {
    ChatView *view;
    FinishReason finish;
    int64_t n_tokens, n_prompt, n_reused; /* n_reused: tokens of the prompt that were not run again */
} Answer;

static bool answer_done(void *context, const Completion *completion, Error *err)
{
    Answer *const answer = context;
    answer->finish = completion->finish;
    answer->n_tokens = completion->n_ids;
    return chat_view_grow(answer->view, completion, err);
}

/* What the model wrote as a message: with the <think> that its prompt ended in, so that a template finds both tags. */
static void keep_answer(Chat *c, bool thinks)
{
    JsonOut content = {0};
    if (thinks) json_out_raw_bytes(&content, "<think>\n", 8);
    json_out_raw_bytes(&content, c->view.text.text ? c->view.text.text : "", chat_view_length(&c->view));
    conversation_add(&c->conversation, "assistant", content.text ? content.text : "", content.length);
    json_out_free(&content);
}

typedef struct Parts {
    JsonOut thinking, answer;
} Parts;

static void collect(void *context, bool thinking, const char *text, size_t length)
{
    Parts *const parts = context;
    json_out_raw_bytes(thinking ? &parts->thinking : &parts->answer, text, length);
}

/* Without the white space around it. */
static void print_part(JsonOut *out, const char *key, const JsonOut *part)
{
    size_t from = 0, to = part->length;
    while (from < to && strchr(" \n\r\t", part->text[from])) from++;
    while (to > from && strchr(" \n\r\t", part->text[to - 1])) to--;
    json_out_key(out, key);
    json_out_string(out, part->text ? part->text + from : "", to - from);
}

static bool print_json(const Chat *c, const char *reason, const Answer *answer, Error *err)
{
    const char *const content = conversation_content(&c->conversation, conversation_length(&c->conversation) - 1);
    Parts parts = {0};
    ThinkingStream stream;
    thinking_begin(&stream, false, collect, &parts);
    thinking_feed(&stream, content, strlen(content));
    thinking_finish(&stream);
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "role", "assistant");
    print_part(&out, "content", &parts.answer);
    print_part(&out, "thinking", &parts.thinking);
    json_out_kv_string(&out, "finish_reason", reason);
    json_out_kv_int(&out, "n_tokens", answer->n_tokens);
    json_out_kv_int(&out, "n_prompt_tokens", answer->n_prompt);
    json_out_kv_int(&out, "n_reused_tokens", answer->n_reused);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&parts.thinking);
    json_out_free(&parts.answer);
    json_out_free(&out);
    return ok;
}

/* Draws the answer. Ctrl-C makes it end where it is. */
static bool draw(Chat *c, const TokenIds *ids, Answer *answer, bool *stopped, Error *err)
{
    const int64_t room = c->context_tokens - ids->n, wanted = c->sampling.params.max_tokens;
    SamplingParams params = c->sampling.params;
    params.max_tokens = wanted < room ? wanted : room;
    const RolloutPrompt prompt = {.ids = ids->ids,
                                  .n_ids = ids->n,
                                  .draw_a = (uint64_t)conversation_length(&c->conversation),
                                  .draw_b = c->n_retries};
    RolloutStats stats = {0};
    engine_listen(c->engine, chat_view_grow, &c->view);
    const bool ok = engine_run(c->engine, &prompt, 1, 1, &params, answer_done, answer, &stats, err);
    answer->n_prompt = ids->n;
    answer->n_reused = stats.reused_tokens;
    if (ok) return true;
    *stopped = err->kind == ERROR_INTERRUPTED && signals_pending() == SIGINT;
    if (!*stopped) return false;
    signals_forget_interrupt();
    err->kind = ERROR_NONE;
    answer->n_tokens = c->view.n_tokens;
    return true;
}

bool chat_answer(Chat *c, Error *err)
{
    TokenIds ids = {0};
    bool thinks = false, stopped = false;
    Answer answer = {.view = &c->view};
    bool ok = fit(c, &ids, &thinks, err);
    if (ok) {
        chat_view_begin(&c->view, thinks);
        ok = draw(c, &ids, &answer, &stopped, err);
        chat_view_end(&c->view);
    }
    token_ids_free(&ids);
    if (!ok) return false;
    keep_answer(c, thinks);
    if (stopped)
        cli_note(c->cli, "(stopped)\n");
    else if (answer.finish == FINISH_LENGTH)
        cli_note(c->cli, "(cut after %" PRId64 " tokens: /set max_tokens=N, or --context N, gives more)\n",
                 answer.n_tokens);
    return !c->cli->json || print_json(c, stopped ? "interrupted" : finish_reason_name(answer.finish), &answer, err);
}

/* ---- the loop ---- */

/* A turn that cannot be answered is taken back and told; only a fault of the machine ends the chat. */
static bool take_turn(Chat *c, const char *turn, Error *err)
{
    const int64_t n = conversation_length(&c->conversation);
    c->n_retries = 0;
    conversation_add(&c->conversation, "user", turn, strlen(turn));
    if (chat_answer(c, err)) return true;
    if (err->kind != ERROR_INPUT || !c->input.terminal) return false;
    conversation_cut(&c->conversation, n);
    fprintf(stderr, "%s\n", err->text);
    err->kind = ERROR_NONE;
    return true;
}

static bool talk(Chat *c, Error *err)
{
    while (!c->quits) {
        char *turn = NULL;
        bool ok = true;
        switch (chat_input_turn(&c->input, &turn, err)) {
        case CHAT_TURN:
            if (turn[0] == '/' && turn[1] != '/')
                ok = chat_command(c, turn, err);
            else
                ok = take_turn(c, turn + (turn[0] == '/'), err);
            break;
        case CHAT_INTERRUPTED:
            if (!c->input.terminal || signals_pending() != SIGINT) return false;
            signals_forget_interrupt();
            err->kind = ERROR_NONE;
            cli_note(c->cli, "\n(Ctrl-D or /quit ends the chat)\n");
            break;
        case CHAT_FAILED:
            return false;
        case CHAT_END:
            if (c->input.terminal) fputs("\n", stdout);
            return true;
        }
        base_free(turn);
        if (!ok) return false;
    }
    return true;
}

/* ---- opening ---- */

static bool open_template(Chat *c, const char *folder, Error *err)
{
    if (chat_template_open(&c->template, folder, err)) return true;
    if (!strstr(err->text, "no chat template")) return false;
    err->kind = ERROR_NONE;
    cli_note(c->cli,
             "%s has no chat template: each turn is put as \"User: ...\", \"Assistant:\", without what came before\n",
             folder);
    return true;
}

static bool open_engine(Chat *c, int64_t context, Error *err)
{
    enum { DEFAULT_CONTEXT = 8192 };
    const int64_t positions = c->model.config.max_positions;
    if (context > positions)
        cli_note(c->cli, "--context %" PRId64 ": the model has %" PRId64 " positions\n", context, positions);
    c->context_tokens = context ? context : DEFAULT_CONTEXT;
    if (c->context_tokens > positions) c->context_tokens = positions;
    if (!engine_create(&c->engine, &c->model, &c->compute, 1, c->context_tokens, err)) return false;
    engine_keep_text(c->engine, true);
    return true;
}

static bool open_chat(Chat *c, const char *folder, int64_t context, Error *err)
{
    Compute *const compute = &c->compute;
    if (!cli_kernels(c->cli, &compute->k, err) || !cli_threads(c->cli, &compute->threads, err)) return false;
    if (!tokenizer_open(&c->tokenizer, folder, err) || !open_template(c, folder, err) ||
        !model_open_frozen(&c->model, folder, WEIGHTS_STORED, compute, err) || !open_engine(c, context, err) ||
        !sampling_options_prepare(&c->sampling, &c->model.config, c->tokenizer, err))
        return false;
    token_bytes_create(&c->token_bytes, c->tokenizer, c->model.config.vocab_size);
    c->view.token_bytes = &c->token_bytes;
    c->view.stop = c->sampling.params.stop;
    conversation_create(&c->conversation, c->template);
    return true;
}

static void close_chat(Chat *c)
{
    chat_input_free(&c->input);
    chat_view_free(&c->view);
    conversation_free(&c->conversation);
    token_bytes_free(&c->token_bytes);
    sampling_options_free(&c->sampling);
    engine_free(c->engine);
    model_free(&c->model);
    chat_template_free(c->template);
    tokenizer_free(c->tokenizer);
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    Chat chat = {.cli = cli, .sampling = sampling_options_default()};
    /* What DeepSeek recommends for R1 and its students (README of DeepSeek-R1, "usage recommendations"). */
    chat.sampling.params.temperature = 0.6;
    chat.sampling.params.top_p = 0.95;
    chat.sampling.params.max_tokens = 4096;
    const char *folder = NULL, *system = NULL;
    int64_t context = 0;
    bool no_thinking = false;
    const CliOption options[] = {
        CLI_STRING_REQUIRED("--model", "DIR", &folder, "a Hugging Face folder or a GGUF file"),
        CLI_STRING("--system", "TEXT", &system, "the system message [none]"),
        CLI_INT("--context", "N", &context, 16, 1 << 24,
                "tokens of prompt and answer together [8192, or what the model has]"),
        CLI_FLAG("--hide-thinking", &no_thinking, "shows answers alone"),
        SAMPLING_OPTIONS_FROM(chat.sampling, "4096", "0.6", "0.95"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    const bool terminal = isatty(STDOUT_FILENO);
    const char *const no_color = getenv("NO_COLOR");
    chat.view.terminal = terminal;
    chat.view.color = terminal && !(no_color && *no_color);
    chat.view.silent = cli->json;
    chat.view.shows_thinking = !no_thinking;
    bool ok = open_chat(&chat, folder, context, err);
    if (ok) {
        conversation_set_system(&chat.conversation, system);
        chat.input.terminal = isatty(STDIN_FILENO) && terminal && !cli->json;
        if (chat.input.terminal) cli_note(cli, "/help lists commands; Ctrl-D ends the chat\n");
        ok = talk(&chat, err);
    }
    close_chat(&chat);
    return ok;
}

const Command command_chat = {
    .name = "chat",
    .summary = "talk with a model",
    .usage = "r1 chat --model DIR [--system TEXT] [--temperature T] [--context N] ...",
    .details =
        "Answers are shown as they are drawn, thinking apart from them: dim on a terminal, between <think> tags in a\n"
        "pipe. The model sees the conversation through its chat template, without what it thought in earlier turns; "
        "where\n"
        "it grows too long, its first turns are left out and a line says so. From a pipe each line is a turn. A line "
        "that\n"
        "ends in \\ goes on in the next; a line of \"\"\" begins a text that ends with another. Ctrl-C stops an "
        "answer,\n"
        "/help lists commands. Only what earlier turns have not run is run. With --json each "
        "answer is\n"
        "a line "
        "{\"role\",\"content\",\"thinking\",\"finish_reason\",\"n_tokens\",\"n_prompt_tokens\",\"n_reused_tokens\"}.",
    .example = "echo 'make 24 from 3 7 5' | build/release/r1 chat --model models/base",
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* eval/judge_model.c: see judge_model.h. */
#include "eval/judge_model.h"

#include "base/arena.h"
#include "eval/evaluate.h"
#include "model/adapter.h"
#include "model/frozen.h"
#include "text/conversation.h"

#include <string.h>

/* Apart from all keys of problems. */
static const uint32_t JUDGE_DRAWS = (uint32_t)1 << 31;

struct JudgeModel {
    JudgeModelConfig config;
    Compute compute;
    Model model;
    Tokenizer *tokenizer;
    ChatTemplate *chat; /* NULL: none */
    Judge judge;
};

/* ---- prompts ---- */

static bool encode_chat(const JudgeModel *m, const JudgePrompt *prompt, TokenIds *ids, Error *err)
{
    Conversation conversation;
    char *text = NULL;
    size_t length;
    bool thinks;
    conversation_create(&conversation, NULL);
    conversation_add(&conversation, "user", prompt->text, prompt->length);
    const bool ok = conversation_text(&conversation, m->chat, 0, &text, &length, &thinks, err) &&
                    tokenizer_encode(m->tokenizer, text, length, false, ids, err);
    base_free(text);
    conversation_free(&conversation);
    return ok;
}

static bool encode(const JudgeModel *m, const JudgePrompt *prompt, TokenIds *ids, Error *err)
{
    if (m->chat) return encode_chat(m, prompt, ids, err);
    size_t length;
    char *const text = conversation_plain(prompt->text, prompt->length, &length);
    const bool ok = tokenizer_encode(m->tokenizer, text, length, true, ids, err);
    base_free(text);
    return ok;
}

/* ---- replies ---- */

typedef struct Replies {
    const JudgeModel *model;
    char **texts;
    const int64_t *places; /* of the prompts that have room: which text is theirs */
} Replies;

/* A reply that is cut off has not said what it says: it may have quoted, as the last thing, a verdict that stands in what it judges. */
static bool take_reply(void *context, const Completion *completion, Error *err)
{
    const Replies *const r = context;
    size_t length;
    (void)err;
    if (completion->finish != FINISH_STOP) return true;
    char *const text = eval_completion_text(r->model->tokenizer, completion, NULL, NULL, &length);
    for (size_t i = 0; i < length; i++)
        if (!text[i]) text[i] = ' ';
    r->texts[r->places[completion->prompt]] = text;
    return true;
}

static bool sample(JudgeModel *m, const RolloutPrompt *prompts, int64_t n, int64_t longest, Replies *replies,
                   Error *err)
{
    const SamplingParams params = {
        .temperature = m->config.temperature, .top_p = 1, .max_tokens = m->config.max_tokens, .seed = m->config.seed};
    RolloutEngine *engine = NULL;
    RolloutStats stats;
    const int64_t max_active = m->config.max_active < n ? m->config.max_active : n;
    const bool ok = engine_create(&engine, &m->model, &m->compute, max_active, longest + params.max_tokens, err) &&
                    engine_run(engine, prompts, n, 1, &params, take_reply, replies, &stats, err);
    engine_free(engine);
    return ok;
}

/* Those that leave room for a reply, and that the template can write: it wrote one when the judge was opened. */
static bool encode_all(const JudgeModel *m, const JudgePrompt *prompts, int64_t n, TokenIds *ids, RolloutPrompt *asked,
                       int64_t *places, int64_t *n_asked, int64_t *longest, Error *err)
{
    const int64_t room = m->model.config.max_positions - m->config.max_tokens;
    for (int64_t i = 0; i < n; i++) {
        Error unwritable = {0};
        if (!encode(m, &prompts[i], &ids[i], &unwritable)) {
            if (unwritable.kind != ERROR_INPUT) return error_set(err, unwritable.kind, "%s", unwritable.text);
            continue;
        }
        if (ids[i].n == 0 || ids[i].n > room) continue;
        if (ids[i].n > *longest) *longest = ids[i].n;
        places[*n_asked] = i;
        asked[(*n_asked)++] = (RolloutPrompt){.ids = ids[i].ids,
                                              .n_ids = ids[i].n,
                                              .draw_a = prompts[i].key,
                                              .draw_b = JUDGE_DRAWS | (uint32_t)prompts[i].key};
    }
    return true;
}

static bool generate(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    JudgeModel *const m = context;
    RolloutPrompt *const asked = base_alloc((size_t)n + 1, sizeof *asked);
    TokenIds *const ids = base_alloc((size_t)n + 1, sizeof *ids);
    int64_t *const places = base_alloc((size_t)n + 1, sizeof *places);
    Replies context_of_replies = {m, replies, places};
    int64_t n_asked = 0, longest = 0;
    const bool ok = encode_all(m, prompts, n, ids, asked, places, &n_asked, &longest, err) &&
                    (n_asked == 0 || sample(m, asked, n_asked, longest, &context_of_replies, err));
    for (int64_t i = 0; !ok && i < n; i++) {
        base_free(replies[i]);
        replies[i] = NULL;
    }
    for (int64_t i = 0; i < n; i++) token_ids_free(&ids[i]);
    base_free(places);
    base_free(ids);
    base_free(asked);
    return ok;
}

/* ---- life ---- */

/* A model without a template is asked plainly; one with a template that cannot be read is an error. */
static bool open_template(JudgeModel *m, const char *folder, Error *err)
{
    Error none = {0};
    if (chat_template_open(&m->chat, folder, &none)) return true;
    m->chat = NULL;
    if (strstr(none.text, "no chat template")) return true;
    *err = none;
    return false;
}

static bool try_template(const JudgeModel *m, Error *err)
{
    TokenIds ids = {0};
    const bool ok = encode(m, &(JudgePrompt){.text = "?", .length = 1}, &ids, err);
    token_ids_free(&ids);
    return ok;
}

static bool check_room(const JudgeModel *m, const char *folder, Error *err)
{
    const int64_t most = m->model.config.max_positions;
    return m->config.max_tokens < most ||
           error_set(err, ERROR_INPUT,
                     "%s: a reply of %lld tokens leaves no room for what is judged in its %lld positions", folder,
                     (long long)m->config.max_tokens, (long long)most);
}

bool judge_model_open(JudgeModel **out, const char *folder, const Compute *compute, const JudgeModelConfig *config,
                      Error *err)
{
    JudgeModel *const m = base_alloc(1, sizeof *m);
    *out = NULL;
    m->config = *config;
    m->compute = *compute;
    if (m->config.max_tokens == 0) m->config.max_tokens = 512;
    if (m->config.max_active == 0) m->config.max_active = 32;
    m->judge = (Judge){.generate = generate, .context = m, .seed = config->seed};
    if (adapter_tokenizer_open(&m->tokenizer, folder, err) && open_template(m, folder, err) && try_template(m, err) &&
        model_open_frozen(&m->model, folder, WEIGHTS_STORED, compute, err) && check_room(m, folder, err)) {
        *out = m;
        return true;
    }
    judge_model_close(m);
    return error_in(err, "the judge");
}

void judge_model_close(JudgeModel *m)
{
    if (!m) return;
    tokenizer_free(m->tokenizer);
    chat_template_free(m->chat);
    model_free(&m->model);
    base_free(m);
}

const Judge *judge_model_judge(const JudgeModel *m)
{
    return &m->judge;
}

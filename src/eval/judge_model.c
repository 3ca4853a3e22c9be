/* SPDX-License-Identifier: MIT */
#include "eval/judge_model.h"

#include "base/arena.h"
#include "eval/evaluate.h"
#include "model/adapter.h"
#include "model/frozen.h"
#include "rollout/engine.h"
#include "text/chat_template.h"

#include <string.h>

enum { MAX_ACTIVE = 32, MAX_SEQUENCE = 4096 };

/* As training, asks nothing of the clock. */
static const int64_t JUDGE_TIME = 1737331200;

struct JudgeModel {
    Tokenizer *tokenizer;
    ChatTemplate *chat; /* NULL: none */
    Model model;
    RolloutEngine *engine;
    SamplingParams params;
    int64_t max_sequence;
};

static bool open_chat(JudgeModel *j, const char *folder, Error *err)
{
    Error none = {0};
    if (chat_template_open(&j->chat, folder, &none)) return true;
    j->chat = NULL; /* a folder without one is asked plainly */
    return none.kind == ERROR_INPUT || error_set(err, none.kind, "%s", none.text);
}

bool judge_model_open(JudgeModel **judge, const JudgeModelConfig *c, const Compute *compute, Error *err)
{
    JudgeModel *const j = *judge = base_alloc(1, sizeof *j);
    j->params =
        (SamplingParams){.temperature = c->temperature, .top_p = 1.0, .max_tokens = c->max_tokens, .seed = c->seed};
    if (adapter_tokenizer_open(&j->tokenizer, c->folder, err) && open_chat(j, c->folder, err) &&
        model_open_frozen(&j->model, c->folder, WEIGHTS_STORED, compute, err)) {
        const int64_t positions = j->model.config.max_positions;
        j->max_sequence = positions < MAX_SEQUENCE ? positions : MAX_SEQUENCE;
        if (c->max_tokens >= j->max_sequence)
            error_set(err, ERROR_INPUT, "%s: %lld tokens of a judgement leave no room for what is judged in %lld",
                      c->folder, (long long)c->max_tokens, (long long)j->max_sequence);
        else if (engine_create(&j->engine, &j->model, compute, MAX_ACTIVE, j->max_sequence, err))
            return true;
    }
    judge_model_close(j);
    *judge = NULL;
    return false;
}

void judge_model_close(JudgeModel *j)
{
    if (!j) return;
    engine_free(j->engine);
    model_free(&j->model);
    chat_template_free(j->chat);
    tokenizer_free(j->tokenizer);
    base_free(j);
}

/* What the model goes on from. */
static bool text_of(const JudgeModel *j, const JudgeAsk *ask, char **text, size_t *length, Error *err)
{
    if (!j->chat) {
        *text = base_alloc(ask->length + 32, 1);
        const int n = sprintf(*text, "User: ");
        memcpy(*text + n, ask->text, ask->length);
        strcpy(*text + n + ask->length, "\nAssistant:");
        *length = strlen("User: ") + ask->length + strlen("\nAssistant:");
        return true;
    }
    json_t *const variables = json_pack("{s:[{s:s,s:s%}],s:b}", "messages", "role", "user", "content", ask->text,
                                        ask->length, "add_generation_prompt", 1);
    if (!variables) return error_set(err, ERROR_INPUT, "what is judged is no UTF-8 text");
    const bool ok = chat_template_render(j->chat, variables, &(TemplateLimits){.now = JUDGE_TIME}, text, length, err);
    json_decref(variables);
    return ok;
}

typedef struct Asking {
    const JudgeModel *judge;
    JudgeAsk *asks;
    int64_t *ask_of; /* [prompts] */
} Asking;

static bool take_answer(void *context, const Completion *completion, Error *err)
{
    Asking *const a = context;
    (void)err;
    JudgeAsk *const ask = &a->asks[a->ask_of[completion->prompt]];
    ask->answer = eval_completion_text(a->judge->tokenizer, completion, NULL, NULL, &ask->answer_length);
    return true;
}

/* Encodes all asks; those that fit become prompts. A text that no template can write has no opinion either. */
static bool encode(JudgeModel *j, Asking *a, int64_t n, TokenIds *ids, RolloutPrompt *prompts, int64_t *n_prompts,
                   Error *err)
{
    for (int64_t i = 0; i < n; i++) {
        char *text = NULL;
        size_t length;
        Error unwritable = {0};
        TokenIds *const own = &ids[*n_prompts];
        if (!text_of(j, &a->asks[i], &text, &length, &unwritable)) continue;
        const bool ok = tokenizer_encode(j->tokenizer, text, length, j->chat == NULL, own, err);
        base_free(text);
        if (!ok) return false;
        if (own->n == 0 || own->n + j->params.max_tokens > j->max_sequence) {
            own->n = 0;
            continue;
        }
        a->ask_of[*n_prompts] = i;
        prompts[(*n_prompts)++] = (RolloutPrompt){own->ids, own->n, a->asks[i].draw_a, a->asks[i].draw_b};
    }
    return true;
}

bool judge_model_generate(void *context, JudgeAsk *asks, int64_t n, Error *err)
{
    JudgeModel *const j = context;
    const size_t count = (size_t)n;
    TokenIds *const ids = base_alloc(count, sizeof *ids);
    RolloutPrompt *const prompts = base_alloc(count, sizeof *prompts);
    Asking asking = {j, asks, base_alloc(count, sizeof *asking.ask_of)};
    int64_t n_prompts = 0;
    const bool ok =
        encode(j, &asking, n, ids, prompts, &n_prompts, err) &&
        (n_prompts == 0 || engine_run(j->engine, prompts, n_prompts, 1, &j->params, take_answer, &asking, NULL, err));
    for (int64_t i = 0; i < n; i++) token_ids_free(&ids[i]);
    base_free(ids);
    base_free(prompts);
    base_free(asking.ask_of);
    return ok;
}

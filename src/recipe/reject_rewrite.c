/* SPDX-License-Identifier: MIT */
/* recipe/reject_rewrite.c: the cold start's rewriting (DeepSeek-R1, arXiv 2501.12948, 2.3.1): a second model turns a right but rough
 * completion into one that reads well, with a summary. It goes on a text that the recipe gives; what it writes is judged by the same
 * rules as a sample, in the recipe's reading frame, so that a slip of the rewriter is never trained on.
 *
 * The tries of a step are a rollout of their own: a GrpoStage whose questions are the samples that are rewritten. */
#include "recipe/reject.h"

#include "data/text_stats.h"
#include "model/adapter.h"

#include <string.h>

/* Apart from the draws of samples. */
static const uint64_t REWRITE_DRAWS = (uint64_t)1 << 58;

struct Rewriter {
    GrpoSettings settings; /* of the rewriting rollout */
    GrpoStage stage;
    int64_t most;       /* samples that one step may rewrite */
    int64_t *sample_of; /* [most] into the sampling's samples */
};

/* ---- opening ---- */

bool rewriter_open(Rewriter **rewriter, Reject *r, Error *err)
{
    const RejectSettings *const s = r->settings;
    Rewriter *const w = base_alloc(1, sizeof *w);
    *rewriter = w;
    w->settings = r->rollout;
    w->settings.group_size = s->rewrite_samples;
    w->settings.max_completion_tokens = s->rewrite_max_tokens;
    w->settings.temperature = s->rewrite_temperature;
    w->settings.reward_frame = s->rewrite_frame;
    w->most = s->prompts_per_step * (s->per_prompt < s->samples ? s->per_prompt : s->samples);
    w->sample_of = base_alloc((size_t)w->most, sizeof *w->sample_of);
    w->stage = (GrpoStage){.run = r->run, .settings = &w->settings, .rows = r->sampling.rows};
    const bool ok = adapter_tokenizer_open(&w->stage.tokenizer, s->rewrite_model, err) &&
                    reject_sampler_open(&w->stage, s->rewrite_model, w->most, INT32_MAX, err);
    return ok || error_in(err, "rewrite.model");
}

void rewriter_free(Rewriter *w)
{
    if (!w) return;
    w->stage.n_questions = w->most;
    w->stage.n_samples = w->most * w->settings.group_size;
    w->stage.rows = (QuestionRows){0}; /* the sampling's */
    grpo_stage_close(&w->stage);
    base_free(w->sample_of);
    base_free(w);
}

/* ---- what is rewritten ---- */

/* The first that would be kept of each prompt. */
static int64_t choose(Rewriter *w, const Reject *r)
{
    const GrpoStage *const g = &r->sampling;
    const int64_t k = g->settings->group_size;
    int64_t n = 0;
    for (int64_t i = 0; i < g->n_questions; i++)
        for (int64_t j = 0, passed = 0; j < k && passed < r->settings->per_prompt; j++) {
            const Question *const q = &g->questions[i];
            const Sampled *const s = &g->samples[i * k + j];
            const RejectCandidate c = {.prompt = q->prompt,
                                       .prompt_length = q->prompt_length,
                                       .text = s->text,
                                       .length = s->text_length,
                                       .stopped = s->stopped,
                                       .well_formed = s->score.format == 1.0,
                                       .verdict = (int)s->score.verdict};
            if (reject_check(r, &c) != REJECT_NONE) continue;
            passed++;
            w->sample_of[n++] = i * k + j;
        }
    return n;
}

/* ---- what the rewriting model goes on ---- */

typedef struct Part {
    const char *name, *text;
    size_t length;
} Part;

/* {name} becomes its text; other braces stay. */
static void fill_template(JsonOut *out, const char *template, const Part *parts, int n_parts)
{
    for (const char *at = template; *at;) {
        int found = -1;
        for (int p = 0; *at == '{' && p < n_parts && found < 0; p++)
            if (strncmp(at, parts[p].name, strlen(parts[p].name)) == 0) found = p;
        if (found < 0) {
            json_out_raw_bytes(out, at++, 1);
            continue;
        }
        json_out_raw_bytes(out, parts[found].text, parts[found].length);
        at += strlen(parts[found].name);
    }
}

static Part trimmed(const char *name, const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r\n", *text)) text++, length--;
    while (length > 0 && strchr(" \t\r\n", text[length - 1])) length--;
    return (Part){name, text, length};
}

static void write_prompt(JsonOut *out, const Reject *r, const Frame *frame, const Question *q, const Sampled *s)
{
    const FrameResult f = frame_check(frame, q->prompt, q->prompt_length, s->text, s->text_length);
    const Part parts[] = {{"{prompt}", q->prompt, q->prompt_length},
                          {"{completion}", s->text, s->text_length},
                          trimmed("{thinking}", s->text + f.thought, f.thought_end - f.thought),
                          trimmed("{answer}", s->text + f.answer, f.answer_end - f.answer)};
    fill_template(out, r->settings->rewrite_template, parts, 4);
}

/* Samples whose rewriting prompt does not fit the model are left out: they will count as not rewritten. */
static bool ask(Rewriter *w, const Reject *r, int64_t n_chosen, Error *err)
{
    const GrpoStage *const g = &r->sampling;
    GrpoStage *const stage = &w->stage;
    const int64_t k = g->settings->group_size,
                  room = stage->policy.config.max_positions - r->settings->rewrite_max_tokens;
    Frame frame;
    JsonOut text = {0};
    if (!frame_read(&frame, r->settings->frame, err)) return false;
    int64_t n = 0;
    bool ok = true;
    for (int64_t c = 0; ok && c < n_chosen; c++) {
        const int64_t sample = w->sample_of[c];
        const Question *const q = &g->questions[sample / k];
        Question *const mine = &stage->questions[n];
        TokenIds ids = mine->ids;
        *mine = *q; /* its texts are read through q's */
        mine->ids = ids;
        mine->ids.n = 0;
        json_out_clear(&text);
        write_prompt(&text, r, &frame, q, &g->samples[sample]);
        ok = tokenizer_encode(stage->tokenizer, text.text ? text.text : "", text.length, true, &mine->ids, err);
        if (!ok || mine->ids.n == 0 || mine->ids.n > room) continue;
        const RolloutPrompt *const from = &g->prompts[sample / k];
        stage->prompts[n] = (RolloutPrompt){mine->ids.ids, mine->ids.n, REWRITE_DRAWS | from->draw_a,
                                            (uint32_t)((int64_t)from->draw_b * k + sample % k)};
        w->sample_of[n++] = sample;
    }
    json_out_free(&text);
    stage->n_questions = n;
    stage->n_samples = n * w->settings.group_size;
    return ok;
}

/* ---- storing ---- */

static bool store(const Rewriter *w, const Reject *r, int64_t step, Error *err)
{
    const GrpoStage *const stage = &w->stage;
    const int64_t tries = w->settings.group_size, k = r->settings->samples;
    RunStore *const into = r->run->store;
    if (!run_store_begin(into, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < stage->n_samples; i++) {
        const Sampled *const s = &stage->samples[i];
        const int64_t sample = w->sample_of[i / tries];
        char *const key = grpo_question_key(&r->sampling.questions[sample / k], step, sample / k);
        const StoredCompletion c = {.phase = STORED_EVALUATION,
                                    .suite = "rewrite",
                                    .step = step,
                                    .prompt_index = sample / k,
                                    .completion_index = sample % k * tries + i % tries,
                                    .problem_key = key,
                                    .text = s->text,
                                    .text_length = s->text_length,
                                    .n_ids = s->n,
                                    .stopped = s->stopped,
                                    .accuracy = s->score.verdict == VERDICT_RIGHT,
                                    .format = s->score.format,
                                    .reward = s->score.total,
                                    .verdict = (int)s->score.verdict,
                                    .reflective_words = s->reflective_words,
                                    .style = (StoredStyle)s->style};
        ok = run_store_add_completion(into, &c, err);
        base_free(key);
    }
    if (ok) return run_store_commit(into, err);
    run_store_rollback(into);
    return false;
}

bool rewriter_run(Rewriter *w, const Reject *r, int64_t step, Error *err)
{
    const int64_t n = choose(w, r);
    if (n == 0) return true;
    if (!ask(w, r, n, err)) return error_in(err, "rewriting");
    if (w->stage.n_questions == 0) return true;
    if (!grpo_stage_sample(&w->stage, NULL, err)) return error_in(err, "rewriting");
    for (int64_t i = 0; i < w->stage.n_samples; i++)
        reject_read_marked_answer(&w->stage.questions[i / w->settings.group_size], &w->stage.samples[i]);
    return store(w, r, step, err);
}

/* SPDX-License-Identifier: MIT */
/* recipe/distill_teacher.c: the teacher, the student that belongs to it, and whether they speak of the same tokens. */
#include "recipe/distill.h"

#include "model/adapter.h"

#include <inttypes.h>
#include <string.h>

const char *distill_start(const DistillSettings *s)
{
    return *s->sft.common.model ? s->sft.common.model : s->teacher;
}

SftSettings distill_examples(const DistillSettings *s)
{
    SftSettings examples = s->sft;
    examples.common.model = distill_start(s);
    return examples;
}

static ModelConfig fresh_config(const DistillSettings *s, const ModelConfig *teacher)
{
    ModelConfig config = stage_shape(&s->shape, teacher->vocab_size, -1);
    config.vocab_size = teacher->vocab_size;
    config.n_eos = teacher->n_eos;
    memcpy(config.eos_ids, teacher->eos_ids, sizeof config.eos_ids);
    config.bos_id = teacher->bos_id;
    config.pad_id = teacher->pad_id;
    return config;
}

bool distill_student_config(const DistillSettings *s, const ModelConfig *teacher, ModelConfig *student, Error *err)
{
    if (*s->sft.common.model) return model_config_read(student, s->sft.common.model, err);
    *student = fresh_config(s, teacher);
    return model_config_check(student, err) || error_in(err, "shape");
}

bool distill_check_vocabulary(const DistillSettings *s, const Tokenizer *tokenizer, const ModelConfig *student,
                              const ModelConfig *teacher, Error *err)
{
    Tokenizer *other;
    int32_t id;
    if (student->vocab_size != teacher->vocab_size)
        return error_set(err, ERROR_INPUT,
                         "%s: its vocabulary has %" PRId64 " ids, that of the student %s %" PRId64
                         ": distillation compares them id by id",
                         s->teacher, teacher->vocab_size, distill_start(s), student->vocab_size);
    if (!adapter_tokenizer_open(&other, s->teacher, err)) return false;
    const bool same = tokenizer_same_tokens(tokenizer, other, &id);
    tokenizer_free(other);
    return same || error_set(err, ERROR_INPUT,
                             "%s: its tokens are not those of the student %s (from id %" PRId32
                             " on): distillation compares them id by id",
                             s->teacher, distill_start(s), id);
}

bool distill_check_lengths(const DistillSettings *s, const char *path, const Examples *examples,
                           const ModelConfig *teacher, Error *err)
{
    if (s->mode != DISTILL_LOGITS || examples->n_longest <= teacher->max_positions) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: an example of %" PRId64 " tokens does not fit into the teacher's %" PRId64
                     " positions: lower max_length",
                     path, examples->n_longest, teacher->max_positions);
}

bool distill_check_prompts(const DistillSettings *s, const Examples *examples, const ModelConfig *student,
                           const ModelConfig *teacher, int64_t *longest, Error *err)
{
    const int64_t positions =
        student->max_positions < teacher->max_positions ? student->max_positions : teacher->max_positions;
    *longest = 0;
    for (int64_t i = 0; s->lambda > 0 && i < examples->n; i++) {
        const int64_t n = examples->items[i].n_prompt;
        if (n == 0)
            return error_set(err, ERROR_INPUT,
                             "%s: example %" PRId64 " has no prompt for the student to answer; leave lambda 0",
                             s->sft.data, i + 1);
        if (n > *longest) *longest = n;
    }
    if (s->lambda == 0 || *longest + s->max_completion_tokens <= positions) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: a prompt of %" PRId64 " tokens and max_completion_tokens %" PRId64
                     " do not fit into the models' %" PRId64 " positions",
                     s->sft.data, *longest, s->max_completion_tokens, positions);
}

/* SPDX-License-Identifier: MIT */
/* tests/recipe/test_mistakes.c: every mistake in a recipe, in an override and in what a recipe names is one line that says
 * where it is, what is wrong and, for a misspelt word, what was meant. */
#include "base/arena.h"
#include "base/file.h"
#include "num/cpu.h"
#include "recipe/run.h"
#include "text/tokenizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* One line with the file's name and these words. */
static void assert_mistake(const char *text, const Error *err, const char *words)
{
    if (err->kind != ERROR_INPUT && err->kind != ERROR_USAGE) fail_msg("kind %d: %s", (int)err->kind, text);
    if (!strstr(err->text, words)) fail_msg("%s\n  expected: ... %s ...\n  got:      %s", text, words, err->text);
    if (strchr(err->text, '\n')) fail_msg("%s: more than one line: %s", text, err->text);
}

static void refused(const char *text, const char *words)
{
    Recipe r;
    Error err = {0};
    if (recipe_open_text(&r, "r.yaml", text, NULL, 0, &err)) {
        recipe_close(&r);
        fail_msg("accepted: %s", text);
    }
    assert_mistake(text, &err, words);
}

#define GRPO     "stage: grpo\nmodel: m\n"
#define PRETRAIN "stage: pretrain\n"

static void test_documents(void **state)
{
    (void)state;
    refused("", "r.yaml:1:1: is empty");
    refused("# nothing but a comment\n", "r.yaml:1:1: is empty");
    refused("- a\n- b\n", "r.yaml:1:1: a recipe is a map of keys");
    refused("just words\n", "r.yaml:1:1: a recipe is a map of keys");
    refused("\x7f"
            "ELF\x02\x01\x01\xff\xfe",
            "r.yaml:1:");
    refused("name: x\n", "r.yaml:1:1: the key \"stage\" is missing");
    refused(GRPO "steps: [1, 2\n", "r.yaml:");
    refused(GRPO "\tsteps: 1\n", "r.yaml:");
    refused(GRPO "steps: 1\n---\nsteps: 2\n", "r.yaml:");
    refused(GRPO "steps: !int 5\n", "r.yaml:3:");
}

static void test_keys(void **state)
{
    (void)state;
    refused(GRPO "group_sise: 4\n", "r.yaml:3:1: unknown key \"group_sise\" (did you mean group_size?)");
    refused(GRPO "  \nevery: 4\n", "r.yaml:4:1: unknown key \"every\" (did you mean checkpoint.every?)");
    refused(GRPO "zzzzzzzzzz: 4\n", "r.yaml:3:1: unknown key \"zzzzzzzzzz\"");
    refused(GRPO "checkpoint:\n  evry: 4\n",
            "r.yaml:4:3: unknown key \"checkpoint.evry\" (did you mean checkpoint.every?)");
    refused(GRPO "checkpoint: 5\n", "r.yaml:3:13: checkpoint: give a map of its keys");
    refused(GRPO "checkpoint:\n", "checkpoint: give a map of its keys");
    refused(GRPO "steps: 4\nsteps: 5\n", "r.yaml:4:1: key \"steps\" was given already on line 3");
    refused(GRPO "checkpoint.every: 4\ncheckpoint: {every: 5}\n", "r.yaml:4:14: checkpoint.every: was given already");
    refused(GRPO "tokens_per_step: 4\n", "r.yaml:3:1: unknown key \"tokens_per_step\""); /* another stage's */
    refused(PRETRAIN "hidden_size: 4\n", "r.yaml:2:1: unknown key \"hidden_size\" (did you mean shape.hidden_size?)");
}

static void test_values(void **state)
{
    (void)state;
    refused(GRPO "steps: abc\n", "r.yaml:3:8: steps: expected an integer from 1 to 1000000000, found the text abc");
    refused(GRPO "steps: 1.5\n", "r.yaml:3:8: steps: expected an integer");
    refused(GRPO "steps: '5'\n", "r.yaml:3:8: steps: expected an integer");
    refused(GRPO "steps: 0\n", "r.yaml:3:8: steps: expected an integer from 1");
    refused(GRPO "steps: -3\n", "r.yaml:3:8: steps");
    refused(GRPO "steps: 99999999999999999999\n", "r.yaml:3:8: steps");
    refused(GRPO "steps:\n", "steps: expected an integer from 1 to 1000000000, found nothing");
    refused(GRPO "steps: {a: 1}\n", "r.yaml:3:8: steps: expected an integer");
    refused(GRPO "temperature: 0\n", "r.yaml:3:14: temperature: expected a number from 0.001 to 100");
    refused(GRPO "adam_eps: 0\n", "r.yaml:3:11: adam_eps: expected a number from 1e-15 to 1");
    refused(GRPO "temperature: .nan\n", "r.yaml:3:14: temperature");
    refused(GRPO "temperature: .inf\n", "r.yaml:3:14: temperature");
    refused(GRPO "learning_rate: [1e-3]\n", "r.yaml:3:16: learning_rate: expected a number from 0 to 10, found a list");
    refused(GRPO "recompute: yes\n", "r.yaml:3:12: recompute: expected true or false");
    refused(GRPO "name: 5\n", "r.yaml:3:7: name: expected a text");
    refused(GRPO "name: a/b\n", "r.yaml:3:7: name: \"a/b\" cannot name a folder");
    refused(GRPO "loss: gspoo\n",
            "r.yaml:3:7: loss: \"gspoo\" is not one of grpo, dapo, dr_grpo, gspo (did you mean gspo?)");
    refused(GRPO "schedule: 3\n", "r.yaml:3:11: schedule: expected a text");
    refused("stage: grpoo\n", "r.yaml:1:8: stage: \"grpoo\" is not one of pretrain, sft, grpo, ");
    refused("stage: grpoo\n", "(did you mean grpo?)");
    refused("stage: [grpo]\n", "r.yaml:1:8:");
    refused(GRPO "tasks: {sums: 1}\n", "r.yaml:3:9: tasks: no family \"sums\" (did you mean sum?)");
    refused(GRPO "tasks: {sum: -1}\n", "r.yaml:3:14: tasks");
    refused(GRPO "tasks: {sum: 0}\n", "r.yaml:3:8: tasks: no family has a weight above 0");
    refused(GRPO "tasks: sum\n", "r.yaml:3:8: tasks: give a map of family: weight, or all");
}

static void test_between_keys(void **state)
{
    (void)state;
    refused("stage: grpo\n", "r.yaml:1:1: the key \"model\" is missing");
    refused(GRPO "prompts_per_step: 2\nminibatches: 3\n",
            "r.yaml:4:14: minibatches: 3 is more than prompts_per_step 2");
    refused(GRPO "shards: 3\n", "r.yaml:3:9: shards: 3 is not a power of two");
    refused(GRPO "group_size: 0\n", "r.yaml:3:13: group_size: expected an integer from 1");
    refused(GRPO "group_size: 1\n", "r.yaml:3:13: group_size: 1 is no group");
    refused(GRPO "algorithm: ppo\nloss: gspo\n", "r.yaml:4:7: loss: gspo has one ratio and one advantage a completion");
    refused(GRPO "algorithm: ppo\ndead_groups: drop\n", "r.yaml:4:14: dead_groups: no group is dead to ppo");
    refused(GRPO "algorithm: pppo\n", "r.yaml:3:12: algorithm:");
    refused(GRPO "ppo: {lambda: 1.5}\n", "r.yaml:3:15: ppo.lambda: expected a number from 0 to 1");
    refused(GRPO "prompts_per_step: 1e6\ngroup_size: 1e6\nmax_completion_tokens: 1e6\n", "too many tokens");
    refused(PRETRAIN "model: m\n", "r.yaml:2:8: model: pretraining starts from fresh weights");
    refused(PRETRAIN "shape: {n_heads: 4, n_kv_heads: 3}\n",
            "r.yaml:2:33: shape.n_kv_heads: 3 does not divide n_heads 4");
    refused(PRETRAIN "shape: {head_dim: 7}\n", "r.yaml:2:19: shape.head_dim: 7 is not even");
    refused(PRETRAIN "shape: {hidden_size: 1e9}\n", "r.yaml:2:22: shape.hidden_size: expected an integer from 2");
}

static void test_overrides(void **state)
{
    (void)state;
    const struct {
        const char *set, *words;
    } cases[] = {
        {"steps", "--set steps: write it as key=value"},
        {"=5", "--set =5: write it as key=value"},
        {"steps=abc", "--set steps: expected an integer from 1 to 1000000000, found the text abc"},
        {"stepz=5", "unknown key \"stepz\" (did you mean steps?)"},
        {"checkpoint=5", "checkpoint: give a map of its keys"},
        {"checkpoint.evry=5", "unknown key \"checkpoint.evry\" (did you mean checkpoint.every?)"},
        {"steps.a=5", "steps"},
        {"a..b=5", "a..b"},
        {"steps=[1", "--set steps"},
        {"minibatches=17", "--set minibatches: minibatches: 17 is more than prompts_per_step 16"},
        {"loss=x", "--set loss: loss: \"x\" is not one of"},
        {"model=", "model"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Recipe r;
        Error err = {0};
        if (recipe_open_text(&r, "r.yaml", GRPO, &cases[i].set, 1, &err)) {
            recipe_close(&r);
            fail_msg("accepted: --set %s", cases[i].set);
        }
        assert_mistake(cases[i].set, &err, cases[i].words);
    }
    const char *const sets[] = {"steps=7", "checkpoint.every=3", "steps=8", "tasks.sum=2", "tasks.make=0.5", "name=n"};
    Recipe r;
    Error err = {0};
    assert_true(recipe_open_text(&r, "r.yaml", GRPO "steps: 5\n", sets, 6, &err));
    assert_int_equal(r.common->steps, 8);
    assert_int_equal(r.common->checkpoint_every, 3);
    assert_string_equal(r.common->name, "n");
    recipe_close(&r);
}

/* Reading what was written gives the same settings, for every key at a value that is not its default. */
static void test_resolved_recipe_reads_back(void **state)
{
    (void)state;
    const char *const texts[] = {
        GRPO
        "name: \"a b\\tc\"\nseed: 9000000000000000\nlearning_rate: 1.2345678901234567e-5\nkl_coef: 0.1\nloss: gspo\n"
        "tasks: {sum: 0.3333333333333333, make: 2}\nreward: {format: -0.1}\nstore_completions: false\nthreads: 2\n",
        PRETRAIN "shape: {arch: llama, rope_theta: 123456.789}\ncorpus: {mix: no-checking}\nschedule: linear\n",
    };
    for (size_t i = 0; i < 2; i++) {
        Recipe a, b;
        Error err = {0};
        JsonOut first = {0}, second = {0};
        char names[400];
        assert_true(recipe_open_text(&a, "r.yaml", texts[i], NULL, 0, &err));
        recipe_resolved(&a, &first);
        if (!recipe_open_text(&b, "resolved", first.text, NULL, 0, &err)) fail_msg("%s", err.text);
        recipe_resolved(&b, &second);
        assert_string_equal(first.text, second.text);
        recipe_difference(recipe_settings(&a), recipe_settings(&b), recipe_keys(&a), names, sizeof names);
        assert_string_equal(names, "");
        json_out_free(&first);
        json_out_free(&second);
        recipe_close(&a);
        recipe_close(&b);
    }
}

/* commands.md's promise to people and scripts. */
static void test_promised_keys(void **state)
{
    (void)state;
    const char *const sets[] = {"seed=1",
                                "model=m",
                                "steps=1",
                                "prompts_per_step=2",
                                "group_size=2",
                                "minibatches=1",
                                "max_completion_tokens=8",
                                "temperature=0.5",
                                "learning_rate=1e-4",
                                "kl_coef=0.1",
                                "micro_batch_tokens=64",
                                "shards=2",
                                "checkpoint.every=1",
                                "checkpoint.keep=1",
                                "eval.every=1"};
    Recipe r;
    Error err = {0};
    if (!recipe_open_text(&r, "r.yaml", "stage: grpo\n", sets, sizeof sets / sizeof *sets, &err))
        fail_msg("%s", err.text);
    recipe_close(&r);
}

/* ---- what a recipe names ---- */

typedef struct World {
    char folder[64];
    Kernels kernels;
} World;

static int make_world(void **state)
{
    World *const w = base_alloc(1, sizeof *w);
    Isa isa;
    Error err = {0};
    /* In memory where there is such a place: a disk's syncs would be most of the time. */
    snprintf(w->folder, sizeof w->folder, "%s/r1-mistakes-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(w->folder) || !cpu_choose(&isa, &err)) return -1;
    w->kernels = kernels_for(isa);
    *state = w;
    return 0;
}

static int free_world(void **state)
{
    World *const w = *state;
    Error err = {0};
    const bool ok = file_remove_tree(w->folder, &err);
    base_free(w);
    return ok ? 0 : -1;
}

static void write_file(const World *w, const char *name, const char *text, size_t length)
{
    Error err = {0};
    char *const path = base_printf("%s/m/%s", w->folder, name);
    assert_true(file_write_all(path, "test", text, length, &err));
    base_free(path);
}

static void copy_fixture(const World *w, const char *name)
{
    Error err = {0};
    char *text;
    size_t length;
    char *const path = base_printf("%s/tests/fixtures/qwen2-tied/%s", R1_SOURCE_DIR, name);
    assert_true(file_read_all(path, 1 << 24, &text, &length, &err));
    write_file(w, name, text, length);
    base_free(text);
    base_free(path);
}

/* A whole model folder, to be damaged: the fixture's weights with a tokenizer of the 256 bytes. */
static void fresh_model(const World *w)
{
    Error err = {0};
    const char *const special[] = {"<|endoftext|>"};
    const TokenizerTraining training = {.vocab_size = 257, .special = special, .n_special = 1, .eos = special[0]};
    char *const folder = base_printf("%s/m", w->folder);
    assert_true(file_remove_tree(folder, &err) && file_make_folders(folder, &err));
    copy_fixture(w, "config.json");
    copy_fixture(w, "model.safetensors");
    assert_true(tokenizer_train(&training, "abc", 3, folder, &err));
    base_free(folder);
}

/* The plan of a recipe with this model and more keys, at most the error; an untouched run folder. */
static bool plan(const World *w, const char *keys, Error *err)
{
    const Compute compute = {&w->kernels, NULL};
    Recipe r;
    RunPlan plan;
    char *const text = base_printf("stage: grpo\nmodel: %s/m\nmax_completion_tokens: 64\n%s", w->folder, keys);
    char *const out = base_printf("%s/out", w->folder);
    const RunOptions options = {.out = out, .quiet = true};
    bool ok = recipe_open_text(&r, "r.yaml", text, NULL, 0, err);
    if (ok) {
        ok = recipe_plan(&r, &options, &compute, false, &plan, err);
        recipe_close(&r);
    }
    assert_false(file_exists(out));
    base_free(text);
    base_free(out);
    return ok;
}

static void plan_refused(const World *w, const char *keys, const char *words)
{
    Error err = {0};
    if (plan(w, keys, &err)) fail_msg("accepted: %s (expected %s)", keys, words);
    assert_mistake(keys, &err, words);
    assert_true(strncmp(err.text, "r.yaml:", 7) == 0);
}

static void test_models(void **state)
{
    const World *const w = *state;
    Error err = {0};
    char *const folder = base_printf("%s/m", w->folder);
    plan_refused(w, "", "r.yaml:2:8: model: ");
    plan_refused(w, "", "there is no such folder");
    fresh_model(w);
    if (!plan(w, "", &err)) fail_msg("%s", err.text);

    static const char *const names[] = {"config.json", "model.safetensors", "tokenizer.json"};
    for (int i = 0; i < 3; i++) {
        char *const path = base_printf("%s/%s", folder, names[i]), *text;
        size_t length;
        assert_true(file_read_all(path, 1 << 24, &text, &length, &err));
        for (int cut = 0; cut < 24; cut++) { /* at any byte: one line, never a crash */
            write_file(w, names[i], text, length * (size_t)cut / 24);
            plan_refused(w, "", names[i]);
        }
        write_file(w, names[i], text, length - 1 - (i != 1));
        plan_refused(w, "", names[i]);
        assert_int_equal(remove(path), 0);
        plan_refused(w, "", i == 1 ? "neither model.safetensors nor" : names[i]);
        write_file(w, names[i], text, length);
        base_free(text);
        base_free(path);
    }
    assert_true(plan(w, "", &err));
    base_free(folder);
}

/* The config with one number replaced. */
static void change_config(const World *w, const char *key, const char *value)
{
    Error err = {0};
    char *text;
    size_t length;
    copy_fixture(w, "config.json");
    char *const path = base_printf("%s/m/config.json", w->folder);
    assert_true(file_read_all(path, 1 << 20, &text, &length, &err));
    char *const at = strstr(text, key);
    assert_non_null(at);
    const size_t head = (size_t)(strchr(at, ':') + 1 - text), tail = head + strcspn(text + head, ",\n}");
    char *const changed = base_printf("%.*s %s%s", (int)head, text, value, text + tail);
    write_file(w, "config.json", changed, strlen(changed));
    base_free(changed);
    base_free(text);
    base_free(path);
}

static void test_absurd_shapes(void **state)
{
    const World *const w = *state;
    fresh_model(w);
    const struct {
        const char *key, *value;
    } cases[] = {
        {"\"hidden_size\"", "1000000000"},
        {"\"hidden_size\"", "-1"},
        {"\"hidden_size\"", "9223372036854775807"},
        {"\"num_hidden_layers\"", "1000000"},
        {"\"num_hidden_layers\"", "3"},
        {"\"num_attention_heads\"", "3"},
        {"\"num_key_value_heads\"", "0"},
        {"\"vocab_size\"", "1e99"},
        {"\"vocab_size\"", "100"},
        {"\"intermediate_size\"", "null"},
        {"\"max_position_embeddings\"", "true"},
        {"\"rms_norm_eps\"", "0"},
        {"\"hidden_act\"", "\"gelu\""},
        {"\"vocab_size\"", "{"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        change_config(w, cases[i].key, cases[i].value);
        plan_refused(w, "", "r.yaml:2:8: model: ");
    }
    copy_fixture(w, "config.json");
}

static void test_room_and_memory(void **state)
{
    const World *const w = *state;
    fresh_model(w);
    plan_refused(w, "eval: {every: 1, max_tokens: 100000}\n", "r.yaml:4:30: eval.max_tokens: 100000 leaves no room");
    const char *const sets[] = {"max_completion_tokens=511"};
    Recipe r;
    Error err = {0};
    RunPlan unused;
    const Compute compute = {&w->kernels, NULL};
    const RunOptions options = {.out = "/tmp/r1-nothing-here"};
    char *const text = base_printf("stage: grpo\nmodel: %s/m\n", w->folder);
    assert_true(recipe_open_text(&r, "r.yaml", text, sets, 1, &err));
    assert_false(recipe_plan(&r, &options, &compute, false, &unused, &err));
    assert_mistake("cap", &err, "max_completion_tokens: 511 leaves no room for prompts");
    recipe_close(&r);
    base_free(text);

    err = (Error){0};
    assert_true(recipe_open_text(&r, "r.yaml",
                                 PRETRAIN "shape: {hidden_size: 1e6, n_layers: 1000, ffn_size: 1e6, n_heads: 1024,"
                                          " n_kv_heads: 1024, head_dim: 1024}\n",
                                 NULL, 0, &err));
    assert_false(recipe_plan(&r, &options, &compute, false, &unused, &err));
    assert_mistake("memory", &err, "r.yaml:2:8: ");
    recipe_close(&r);
}

static void test_data_files(void **state)
{
    const World *const w = *state;
    fresh_model(w);
    char *const keys = base_printf("data: %s/m/d.jsonl\n", w->folder);
    plan_refused(w, keys, "r.yaml:4:7: data: ");
    static const char *const bad[] = {"",
                                      "{\n",
                                      "[]\n",
                                      "{\"prompt\":\"\",\"answer\":\"1\"}\n",
                                      "{\"answer\":\"1\"}\n",
                                      "{\"prompt\":\"a\"}\n",
                                      "{\"prompt\":5,\"answer\":\"1\"}\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(w, "d.jsonl", bad[i], strlen(bad[i]));
        plan_refused(w, keys, "d.jsonl");
    }
    char *const long_row = base_printf("{\"prompt\":\"%0500d\",\"answer\":\"1\"}\n", 1);
    write_file(w, "d.jsonl", long_row, strlen(long_row));
    plan_refused(w, keys, "do not fit into the model's 512 positions");
    Error err = {0};
    write_file(w, "d.jsonl", "{\"prompt\":\"a\",\"answer\":1}\n", 26);
    if (!plan(w, keys, &err)) fail_msg("%s", err.text);
    base_free(long_row);
    base_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_values),        cmocka_unit_test(test_between_keys),
        cmocka_unit_test(test_overrides),     cmocka_unit_test(test_resolved_recipe_reads_back),
        cmocka_unit_test(test_promised_keys), cmocka_unit_test(test_models),
        cmocka_unit_test(test_absurd_shapes), cmocka_unit_test(test_room_and_memory),
        cmocka_unit_test(test_data_files),
    };
    return cmocka_run_group_tests(tests, make_world, free_world);
}

/* SPDX-License-Identifier: MIT */
/* Checkpoints: whole or not there; damage is named and the one before is used; a kill at any failpoint leaves an older or a newer
 * whole one; rotation keeps what it must. */
#include "record/checkpoint.h"

#include "synthetic_run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { N_FILES = 5 };
static const char *const file_names[N_FILES] = {"model.safetensors", "optimizer.safetensors", "state.json",
                                                "config.json", "value/model.safetensors"};

static bool write_checkpoint(const char *run, int64_t step, Error *err)
{
    CheckpointWriter *writer = NULL;
    if (!checkpoint_begin(&writer, run, step, err)) return false;
    char *const value = base_printf("%s/value", checkpoint_folder(writer));
    bool ok = file_make_folders(value, err);
    base_free(value);
    for (int i = 0; ok && i < N_FILES; i++) {
        char text[64];
        char *const path = base_printf("%s/%s", checkpoint_folder(writer), file_names[i]);
        const int length = snprintf(text, sizeof text, "%s of step %lld", file_names[i], (long long)step);
        ok = file_write_all(path, "test", text, (size_t)length, err);
        if (ok && i == 0) ok = checkpoint_add(writer, file_names[i], NULL, err);
        base_free(path);
    }
    ok = ok && checkpoint_add_rest(writer, err);
    if (!ok) {
        checkpoint_abandon(writer);
        return false;
    }
    return checkpoint_commit(writer, err);
}

typedef struct Heard {
    int n;
    char line[1024];
} Heard;

static void hear(void *context, const char *line)
{
    Heard *const heard = context;
    if (heard->n++ == 0) snprintf(heard->line, sizeof heard->line, "%s", line);
}

static int64_t found_step(const char *run, Heard *heard)
{
    Error err = {0};
    int64_t step = -1;
    char *path = NULL;
    heard->n = 0;
    must(checkpoint_find(run, INT64_MAX, &step, &path, hear, heard, &err), &err);
    if (!path) return -1;
    assert_true(file_is_folder(path));
    base_free(path);
    return step;
}

static void newest_whole_one_is_found(void **state)
{
    (void)state;
    Error err = {0};
    Heard heard;
    int64_t step;
    char *path;
    char *const run = temporary_folder();
    assert_int_equal(found_step(run, &heard), -1);
    for (int64_t s = 10; s <= 30; s += 10) must(write_checkpoint(run, s, &err), &err);
    must(write_checkpoint(run, 1234567, &err), &err);
    assert_int_equal(found_step(run, &heard), 1234567);
    assert_int_equal(heard.n, 0);
    must(checkpoint_find(run, 29, &step, &path, NULL, NULL, &err), &err);
    assert_int_equal(step, 20);
    base_free(path);
    must(checkpoint_discard_after(run, 20, &err), &err);
    assert_int_equal(found_step(run, &heard), 20);
    remove_folder(run);
}

/* Each file cut, emptied, flipped or gone: it is named, and the checkpoint before is used. */
static void damaged_file_is_named_and_the_one_before_is_used(void **state)
{
    (void)state;
    Error err = {0};
    Heard heard;
    char *const run = temporary_folder();
    must(write_checkpoint(run, 10, &err), &err);
    must(write_checkpoint(run, 20, &err), &err);
    for (int f = 0; f <= N_FILES; f++) {
        const char *const name = f < N_FILES ? file_names[f] : "manifest.json";
        char *bytes = NULL, *const path = base_printf("%s/checkpoints/step-000020/%s", run, name);
        size_t length = 0;
        must(file_read_all(path, 1 << 20, &bytes, &length, &err), &err);
        for (size_t at = 0; at < length; at++) {
            bytes[at] ^= 0x10;
            write_plain(path, bytes, length);
            bytes[at] ^= 0x10;
            assert_int_equal(found_step(run, &heard), 10);
            assert_int_equal(heard.n, 1);
            /* A flip inside a number or a hash of the manifest reads as damage of the manifest. */
            if (!strstr(heard.line, name)) fail_msg("flip at %zu of %s is told as: %s", at, name, heard.line);
        }
        for (size_t cut = 0; cut < length; cut += 5) {
            write_plain(path, bytes, cut);
            assert_int_equal(found_step(run, &heard), 10);
            assert_non_null(strstr(heard.line, name));
            assert_non_null(strstr(heard.line, "going back to the checkpoint of step 10"));
        }
        unlink(path);
        assert_int_equal(found_step(run, &heard), 10);
        assert_non_null(strstr(heard.line, name));
        write_plain(path, bytes, length);
        assert_int_equal(found_step(run, &heard), 20);
        base_free(bytes);
        base_free(path);
    }
    remove_folder(run);
}

static void last_damaged_one_is_named_and_none_is_found(void **state)
{
    (void)state;
    Error err = {0};
    Heard heard;
    char *const run = temporary_folder(), *const path = base_printf("%s/checkpoints/step-000010/state.json", run);
    must(write_checkpoint(run, 10, &err), &err);
    write_plain(path, "", 0);
    assert_int_equal(found_step(run, &heard), -1);
    assert_non_null(strstr(heard.line, "there is no checkpoint before it"));
    /* Writing the step again takes the damaged one's place. */
    must(write_checkpoint(run, 10, &err), &err);
    assert_int_equal(found_step(run, &heard), 10);
    base_free(path);
    remove_folder(run);
}

static void hostile_manifest_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "{\"format\":2,\"step\":10,\"files\":[],\"xxh3_128\":\"00000000000000000000000000000000\"}",
        "{\"format\":1,\"step\":10,\"files\":[],\"xxh3_128\":\"00000000000000000000000000000000\"}",
        "{\"format\":1,\"step\":10,\"files\":[{\"name\":\"../../../etc/passwd\",\"bytes\":1,\"xxh3_128\":"
        "\"00000000000000000000000000000000\"}],\"xxh3_128\":\"00000000000000000000000000000000\"}",
        "{\"format\":1,\"step\":10,\"files\":[{\"name\":\"a\\u0000b\",\"bytes\":-1,\"xxh3_128\":\"0\"}],\"xxh3_128\":"
        "\"\"}",
        "{\"format\":1,\"step\":10,\"files\":{\"a\":1},\"xxh3_128\":\"00000000000000000000000000000000\"}",
    };
    Error err = {0};
    char *const run = temporary_folder(), *const path = base_printf("%s/checkpoints/step-000010/manifest.json", run);
    char *const folder = checkpoint_path(run, 10);
    must(write_checkpoint(run, 10, &err), &err);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        write_plain(path, texts[i], strlen(texts[i]));
        assert_false(checkpoint_verify(folder, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "manifest.json"));
    }
    base_free(folder);
    base_free(path);
    remove_folder(run);
}

/* "file" and "folder/file" may be named; nothing outside the checkpoint, and no file under two names. */
static void names_that_leave_the_folder_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"..",  ".",      "/etc/passwd", "../x",     "value/..", "value/.",
                                        "./x", "value/", "a/b/c",       "value//x", ""};
    Error err = {0};
    char *const run = temporary_folder(), *const path = base_printf("%s/checkpoints/step-000010/manifest.json", run);
    char *const folder = checkpoint_path(run, 10);
    must(write_checkpoint(run, 10, &err), &err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *const text = base_printf("{\"format\":1,\"step\":10,\"files\":[{\"name\":\"%s\",\"bytes\":1,\"xxh3_128\":"
                                       "\"00000000000000000000000000000000\"}],"
                                       "\"xxh3_128\":\"00000000000000000000000000000000\"}",
                                       names[i]);
        write_plain(path, text, strlen(text));
        assert_false(checkpoint_verify(folder, &err));
        assert_non_null(strstr(err.text, "not the name of a file inside"));
        base_free(text);
    }
    base_free(folder);
    base_free(path);
    remove_folder(run);
}

static void killed_at_each_failpoint_leaves_a_whole_one(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool newer; /* the new checkpoint is there already */
    } points[] = {{"checkpoint.begin", false},
                  {"test.write", false},
                  {"test.sync", false},
                  {"test.rename", false},
                  {"test.dirsync", false},
                  {"checkpoint-manifest.write", false},
                  {"checkpoint-manifest.sync", false},
                  {"checkpoint-manifest.rename", false},
                  {"checkpoint-manifest.dirsync", false},
                  {"checkpoint.sync", false},
                  {"checkpoint.rename", false},
                  {"checkpoint.dirsync", true}};
    static const char *const actions[] = {"kill", "enospc"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        for (size_t a = 0; a < 2; a++) {
            Error err = {0};
            Heard heard;
            char *const run = temporary_folder();
            must(write_checkpoint(run, 10, &err), &err);
            const pid_t child = fork();
            if (child == 0) {
                char spec[96];
                snprintf(spec, sizeof spec, "%s=%s", points[i].name, actions[a]);
                setenv("R1_FAILPOINT", spec, 1);
                _exit(write_checkpoint(run, 20, &err) ? 0 : strstr(err.text, run) ? 7 : 8);
            }
            int status = 0;
            waitpid(child, &status, 0);
            if (a == 0)
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            else
                assert_int_equal(WEXITSTATUS(status), 7);
            assert_int_equal(found_step(run, &heard), points[i].newer ? 20 : 10);
            assert_int_equal(heard.n, 0);
            must(write_checkpoint(run, 20, &err), &err);
            assert_int_equal(found_step(run, &heard), 20);
            char **names, *const folder = base_printf("%s/checkpoints", run);
            int64_t n;
            must(file_list(folder, &names, &n, &err), &err);
            assert_int_equal(n, 2); /* no leftovers */
            file_names_free(names, n);
            base_free(folder);
            remove_folder(run);
        }
}

static void assert_steps(const char *run, const int64_t *expected, int64_t n_expected)
{
    Error err = {0};
    int64_t *steps, n;
    must(checkpoint_list(run, &steps, &n, &err), &err);
    assert_int_equal(n, n_expected);
    for (int64_t i = 0; i < n; i++) assert_int_equal(steps[i], expected[i]);
    base_free(steps);
}

static void rotation_keeps_the_newest_the_needed_and_the_newest_whole(void **state)
{
    (void)state;
    Error err = {0};
    char *const run = temporary_folder();
    for (int64_t step = 1; step <= 6; step++) must(write_checkpoint(run, step, &err), &err);
    must(checkpoint_rotate(run, 3, (const int64_t[]){2}, 1, &err), &err);
    assert_steps(run, (const int64_t[]){2, 4, 5, 6}, 4);
    /* 5 and 6 lose a file: 4 is the newest whole one and stays, although two newer ones stand there. */
    for (int step = 5; step <= 6; step++) {
        char *const path = base_printf("%s/checkpoints/step-00000%d/state.json", run, step);
        unlink(path);
        base_free(path);
    }
    must(checkpoint_rotate(run, 1, NULL, 0, &err), &err);
    assert_steps(run, (const int64_t[]){4, 6}, 2);
    remove_folder(run);
}

static void killed_while_removing_is_finished_later(void **state)
{
    (void)state;
    Error err = {0};
    Heard heard;
    char *const run = temporary_folder();
    for (int64_t step = 1; step <= 3; step++) must(write_checkpoint(run, step, &err), &err);
    const pid_t child = fork();
    if (child == 0) {
        setenv("R1_FAILPOINT", "checkpoint.remove@2=kill", 1);
        (void)!checkpoint_rotate(run, 1, NULL, 0, &err);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_steps(run, (const int64_t[]){2, 3}, 2);
    assert_int_equal(found_step(run, &heard), 3);
    must(checkpoint_rotate(run, 1, NULL, 0, &err), &err);
    assert_steps(run, (const int64_t[]){3}, 1);
    remove_folder(run);
}

static void other_names_in_the_folder_are_nobodys_business(void **state)
{
    (void)state;
    Error err = {0};
    static const char *const names[] = {"step-12", "step-0000012", "step-000012x", "notes.txt", "step--00012"};
    char *const run = temporary_folder();
    must(write_checkpoint(run, 3, &err), &err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *const path = base_printf("%s/checkpoints/%s", run, names[i]);
        assert_int_equal(mkdir(path, 0777), 0);
        base_free(path);
    }
    assert_steps(run, (const int64_t[]){3}, 1);
    remove_folder(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_whole_one_is_found),
        cmocka_unit_test(damaged_file_is_named_and_the_one_before_is_used),
        cmocka_unit_test(last_damaged_one_is_named_and_none_is_found),
        cmocka_unit_test(hostile_manifest_is_refused),
        cmocka_unit_test(names_that_leave_the_folder_are_refused),
        cmocka_unit_test(killed_at_each_failpoint_leaves_a_whole_one),
        cmocka_unit_test(rotation_keeps_the_newest_the_needed_and_the_newest_whole),
        cmocka_unit_test(killed_while_removing_is_finished_later),
        cmocka_unit_test(other_names_in_the_folder_are_nobodys_business),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

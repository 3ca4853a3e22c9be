/* SPDX-License-Identifier: MIT */
/* Files are whole or not there: killed or refused at every failpoint, the old file or the new one stands, never a part. */
#include "base/file.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A fresh folder a test, given by *state. */
static int make_folder(void **state)
{
    char *const folder = base_strdup("/tmp/r1-test-XXXXXX");
    *state = folder;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    Error err;
    const bool ok = file_remove_tree(*state, &err);
    base_free(*state);
    return ok ? 0 : -1;
}

static char *in_folder(void **state, const char *name)
{
    return base_printf("%s/%s", (const char *)*state, name);
}

static void assert_holds(const char *path, const char *expected)
{
    Error err = {0};
    char *text;
    size_t length;
    if (!file_read_all(path, 1 << 20, &text, &length, &err)) fail_msg("%s", err.text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    base_free(text);
}

/* Runs f(path) in a child with R1_FAILPOINT set; its wait status. */
static int run_with_failpoint(const char *spec, bool (*f)(const char *path), const char *path)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        setenv("R1_FAILPOINT", spec, 1);
        _exit(f(path) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static bool write_new(const char *path)
{
    Error err;
    return file_write_all(path, "test", "new", 3, &err);
}

static const char *const operations[] = {"write", "sync", "rename", "dirsync"};

static void killed_at_each_failpoint_the_old_or_the_new_file_stands(void **state)
{
    char *const path = in_folder(state, "file");
    Error err;
    for (int i = 0; i < 4; i++) {
        assert_true(file_write_all(path, "test", "old", 3, &err));
        char spec[64];
        snprintf(spec, sizeof spec, "test.%s=kill", operations[i]);
        const int status = run_with_failpoint(spec, write_new, path);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_holds(path, i < 3 ? "old" : "new");
        char **names;
        int64_t n_names;
        assert_true(file_list(*state, &names, &n_names, &err));
        assert_int_equal(n_names, i < 3 ? 2 : 1);
        file_names_free(names, n_names);
        assert_true(file_remove_leftovers(*state, &err));
        assert_true(file_list(*state, &names, &n_names, &err));
        assert_int_equal(n_names, 1);
        assert_string_equal(names[0], "file");
        file_names_free(names, n_names);
    }
    base_free(path);
}

static void a_refusal_at_each_failpoint_is_one_line_and_leaves_nothing(void **state)
{
    char *const path = in_folder(state, "file");
    Error err;
    static const char *const refusals[] = {"enospc", "eio", "eacces"};
    static const char *const words[] = {"No space left on device", "Input/output error", "Permission denied"};
    for (int r = 0; r < 3; r++)
        for (int i = 0; i < 4; i++) {
            assert_true(file_write_all(path, "test", "old", 3, &err));
            char spec[64];
            snprintf(spec, sizeof spec, "test.%s=%s", operations[i], refusals[r]);
            const int status = run_with_failpoint(spec, write_new, path);
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
            assert_holds(path, i < 3 ? "old" : "new");
            char **names;
            int64_t n_names;
            assert_true(file_list(*state, &names, &n_names, &err));
            assert_int_equal(n_names, 1);
            file_names_free(names, n_names);
        }
    /* The text, in this process; the only test that counts arrivals here. */
    setenv("R1_FAILPOINT", "test.write=enospc", 1);
    assert_false(file_write_all(path, "test", "new", 3, &err));
    unsetenv("R1_FAILPOINT");
    assert_int_equal(err.kind, ERROR_SYSTEM);
    char *const expected = base_printf("%s: %s", path, words[0]);
    assert_string_equal(err.text, expected);
    base_free(expected);
    base_free(path);
}

static bool write_large(const char *path)
{
    Error err;
    FileWriter *writer;
    if (!file_writer_open(&writer, path, "test", &err)) return false;
    char piece[1000];
    for (int i = 0; i < 2000; i++) {
        memset(piece, 'a' + i % 26, sizeof piece);
        if (!file_writer_write(writer, piece, sizeof piece, &err)) {
            file_writer_abandon(writer);
            return false;
        }
    }
    return file_writer_commit(writer, &err);
}

static void the_nth_write_can_be_the_one(void **state)
{
    char *const path = in_folder(state, "large");
    const int third = run_with_failpoint("test.write@3=enospc", write_large, path);
    assert_true(WIFEXITED(third) && WEXITSTATUS(third) == 1);
    assert_false(file_exists(path));
    const int never = run_with_failpoint("test.write@1000=kill", write_large, path);
    assert_true(WIFEXITED(never) && WEXITSTATUS(never) == 0);
    assert_int_equal(file_size(path), 2000000);
    base_free(path);
}

static void the_hash_is_that_of_the_bytes_however_written(void **state)
{
    char *const path = in_folder(state, "hashed");
    Error err;
    FileWriter *writer;
    char whole[33], written[33], *const bytes = base_alloc(1 << 20, 1);
    for (int i = 0; i < 1 << 20; i++) bytes[i] = (char)(i * 7 + i / 251);
    assert_true(file_writer_open(&writer, path, "test", &err));
    for (size_t at = 0, n = 1; at < 1 << 20; at += n, n = n * 2 + 1) {
        if (n > (1 << 20) - at) n = (1 << 20) - at;
        assert_true(file_writer_write(writer, bytes + at, n, &err));
    }
    file_writer_hash(writer, written);
    assert_true(file_writer_commit(writer, &err));
    assert_true(file_hash(path, whole, &err));
    assert_string_equal(whole, written);
    FileMap map;
    assert_true(file_map(&map, path, &err));
    assert_int_equal(map.size_bytes, 1 << 20);
    assert_memory_equal(map.bytes, bytes, 1 << 20);
    file_unmap(&map);

    assert_true(file_write_all(path, "test", "", 0, &err));
    assert_true(file_hash(path, whole, &err));
    assert_string_equal(whole, "99aa06d3014798d86001c324468d497f"); /* XXH3-128 of nothing */
    assert_true(file_map(&map, path, &err));
    assert_null(map.bytes);
    base_free(bytes);
    base_free(path);
}

static void a_folder_appears_by_rename_and_replaces_nothing(void **state)
{
    char *const from = in_folder(state, "step.tmp-1"), *const to = in_folder(state, "step"),
                *const inner = in_folder(state, "step.tmp-1/a/b");
    Error err = {0};
    assert_true(file_make_folders(inner, &err));
    assert_true(file_rename_durable(from, to, "test", &err));
    assert_true(file_is_folder(to));
    assert_false(file_exists(from));
    assert_true(file_make_folders(from, &err));
    assert_false(file_rename_durable(from, to, "test", &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_true(file_is_folder(from));
    assert_true(file_remove_leftovers(*state, &err));
    assert_false(file_exists(from));
    base_free(from);
    base_free(to);
    base_free(inner);
}

static void wrong_paths_are_named(void **state)
{
    char *const file = in_folder(state, "file"), *const below = in_folder(state, "file/x"),
                *const missing = in_folder(state, "no/where");
    Error err = {0};
    char *text;
    size_t length;
    FileMap map;
    FileWriter *writer;
    assert_true(file_write_all(file, "test", "12345", 5, &err));
    assert_false(file_read_all(missing, 10, &text, &length, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_ptr_equal(strstr(err.text, missing), err.text);
    assert_false(file_read_all(*state, 10, &text, &length, &err));
    assert_non_null(strstr(err.text, "is a folder"));
    assert_false(file_read_all(file, 4, &text, &length, &err));
    assert_non_null(strstr(err.text, "larger than 4 bytes"));
    assert_true(file_read_all(file, 5, &text, &length, &err));
    base_free(text);
    assert_false(file_map(&map, *state, &err));
    assert_false(file_make_folders(below, &err));
    assert_non_null(strstr(err.text, "is a file"));
    assert_false(file_make_folders("", &err));
    assert_false(file_writer_open(&writer, *state, "test", &err));
    assert_non_null(strstr(err.text, "is a folder"));
    assert_false(file_writer_open(&writer, "/dev/null", "test", &err));
    assert_non_null(strstr(err.text, "not a plain file"));
    assert_false(file_writer_open(&writer, missing, "test", &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_int_equal(file_size(missing), -1);
    assert_true(file_remove_tree(missing, &err));
    file_writer_abandon(NULL);
    base_free(file);
    base_free(below);
    base_free(missing);
}

static void removing_a_tree_does_not_follow_links(void **state)
{
    char *const outside = in_folder(state, "outside"), *const kept = in_folder(state, "outside/kept"),
                *const tree = in_folder(state, "tree"), *const link = in_folder(state, "tree/link");
    Error err = {0};
    assert_true(file_make_folders(outside, &err) && file_make_folders(tree, &err));
    assert_true(file_write_all(kept, "test", "x", 1, &err));
    assert_int_equal(symlink(outside, link), 0);
    assert_true(file_remove_tree(tree, &err));
    assert_holds(kept, "x");
    base_free(outside);
    base_free(kept);
    base_free(tree);
    base_free(link);
}

static bool take_lock(const char *path)
{
    Error err;
    int fd;
    return file_lock(path, &fd, &err);
}

static void a_lock_is_held_by_one_process_and_goes_with_it(void **state)
{
    char *const path = in_folder(state, "lock");
    Error err = {0};
    int fd, second;
    assert_int_equal(WEXITSTATUS(run_with_failpoint("", take_lock, path)), 0); /* and let go by its end */
    assert_true(file_lock(path, &fd, &err));
    assert_int_equal(WEXITSTATUS(run_with_failpoint("", take_lock, path)), 1);
    assert_false(file_lock(path, &second, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    char *const expected = base_printf("%s: locked by process %ld", path, (long)getpid());
    assert_string_equal(err.text, expected);
    base_free(expected);
    file_unlock(fd);
    assert_true(file_lock(path, &fd, &err));
    file_unlock(fd);
    base_free(path);
}

static void failpoints_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x", "test.write", "test.write=die", "test.write@0=kill", "test.write@x=kill", "test.writ=kill", "=kill"};
    Error err = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("R1_FAILPOINT", bad[i], 1);
        assert_false(failpoint_check(&err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_int_equal(failpoint("test.write"), 0);
    }
    setenv("R1_FAILPOINT", "test.write@12=eio", 1);
    assert_true(failpoint_check(&err));
    unsetenv("R1_FAILPOINT");
    assert_true(failpoint_check(&err));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(killed_at_each_failpoint_the_old_or_the_new_file_stands),
        IN_FOLDER(a_refusal_at_each_failpoint_is_one_line_and_leaves_nothing),
        IN_FOLDER(the_nth_write_can_be_the_one),
        IN_FOLDER(the_hash_is_that_of_the_bytes_however_written),
        IN_FOLDER(a_folder_appears_by_rename_and_replaces_nothing),
        IN_FOLDER(wrong_paths_are_named),
        IN_FOLDER(removing_a_tree_does_not_follow_links),
        IN_FOLDER(a_lock_is_held_by_one_process_and_goes_with_it),
        cmocka_unit_test(failpoints_that_do_not_exist_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

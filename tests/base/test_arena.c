/* SPDX-License-Identifier: MIT */
/* Pieces, marks and red zones of base/arena.c. What ends the program is tried in a child. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    Error err;
    Arena arena;
    assert_true(arena_create(&arena, "test", 1 << 16, &err));
    unsigned char *pieces[40];
    for (int i = 0; i < 40; i++) {
        pieces[i] = arena_take(&arena, (size_t)i, 7);
        assert_int_equal((uintptr_t)pieces[i] % ARENA_ALIGN, 0);
        memset(pieces[i], i, (size_t)i * 7);
    }
    for (int i = 0; i < 40; i++)
        for (int j = 0; j < i * 7; j++) assert_int_equal(pieces[i][j], i);
    arena_reset(&arena, 0);
    arena_free(&arena);
}

static void a_plan_that_adds_up_pieces_fits_exactly(void **state)
{
    (void)state;
    Error err;
    Arena arena;
    const size_t plan = arena_piece_bytes(3, 100) + arena_piece_bytes(0, 8) + arena_piece_bytes(1, 64);
    assert_true(arena_create(&arena, "test", plan, &err));
    arena_take(&arena, 3, 100);
    arena_take(&arena, 0, 8);
    arena_take(&arena, 1, 64);
    assert_int_equal(arena.used_bytes, plan);
    assert_int_equal(arena.peak_bytes, plan);
    arena_free(&arena);
}

static void reset_to_a_mark_gives_the_same_memory_again(void **state)
{
    (void)state;
    Error err;
    Arena arena;
    assert_true(arena_create(&arena, "test", 4096, &err));
    float *const kept = ARENA_ARRAY(&arena, float, 2, 3);
    kept[5] = 1.5f;
    const size_t mark = arena_mark(&arena);
    float *const first = ARENA_ARRAY(&arena, float, 1, 16);
    first[0] = 2.0f;
    arena_reset(&arena, mark);
    if (R1_CHECK >= 1) assert_true(first[0] != first[0]); /* poisoned with NaNs */
    assert_ptr_equal(ARENA_ARRAY(&arena, float, 1, 16), first);
    assert_true(kept[5] == 1.5f);
    arena_reset(&arena, 0);
    arena_free(&arena);
}

static void absurd_sizes_do_not_wrap_around(void **state)
{
    (void)state;
    assert_true(arena_piece_bytes(SIZE_MAX, 2) >= SIZE_MAX / 2);
    assert_true(arena_piece_bytes(SIZE_MAX / 2, 3) >= SIZE_MAX / 2);
    Error err = {0};
    Arena arena;
    assert_false(arena_create(&arena, "test", SIZE_MAX / 2, &err));
    assert_int_equal(err.kind, ERROR_SYSTEM);
}

/* Exit status of a child that runs f, its stderr shut. */
static int status_of(void (*f)(void))
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, STDERR_FILENO);
        f();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void take_too_much(void)
{
    Error err;
    Arena arena;
    if (!arena_create(&arena, "small", 4096, &err)) _exit(1);
    arena_take(&arena, 1, 5000);
}

static void write_past_a_piece(void)
{
    Error err;
    Arena arena;
    if (!arena_create(&arena, "trodden", 4096, &err)) _exit(1);
    unsigned char *const piece = arena_take(&arena, 1, 64);
    arena_take(&arena, 1, 64);
    piece[64 + 20] = 0;
    arena_reset(&arena, 0);
}

static void an_arena_that_is_too_small_ends_the_program(void **state)
{
    (void)state;
    assert_int_equal(status_of(take_too_much), 3);
}

static void a_trodden_red_zone_ends_the_program(void **state)
{
    (void)state;
    if (R1_CHECK < 1) skip(); /* red zones are there from R1_CHECK=1 on */
    assert_int_equal(status_of(write_past_a_piece), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(a_plan_that_adds_up_pieces_fits_exactly),
        cmocka_unit_test(reset_to_a_mark_gives_the_same_memory_again),
        cmocka_unit_test(absurd_sizes_do_not_wrap_around),
        cmocka_unit_test(an_arena_that_is_too_small_ends_the_program),
        cmocka_unit_test(a_trodden_red_zone_ends_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

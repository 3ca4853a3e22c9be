/* SPDX-License-Identifier: MIT */
/* Best-fit packing: against a plain O(n^2) version, and what it promises of any input. */
#include "data/packing.h"

#include "base/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 400 };

/* The definition, in its own words. */
static int64_t plain_best_fit(int64_t *pack_of, const int64_t *lengths, int64_t n, int64_t capacity)
{
    int64_t room[MOST], since[MOST], n_packs = 0, clock = 0;
    bool done[MOST] = {false};
    for (int64_t step = 0; step < n; step++) {
        int64_t i = -1, best = -1;
        for (int64_t j = 0; j < n; j++)
            if (!done[j] && (i < 0 || lengths[j] > lengths[i])) i = j;
        done[i] = true;
        for (int64_t p = 0; p < n_packs; p++)
            if (room[p] >= lengths[i] &&
                (best < 0 || room[p] < room[best] || (room[p] == room[best] && since[p] < since[best])))
                best = p;
        if (best < 0) room[best = n_packs++] = capacity;
        room[best] -= lengths[i];
        since[best] = clock++;
        pack_of[i] = best;
    }
    return n_packs;
}

static void it_is_the_plain_best_fit(void **state)
{
    (void)state;
    for (uint64_t trial = 0; trial < 60; trial++) {
        RngSequence rng = rng_sequence(1, RNG_TEST, trial, 0);
        const int64_t capacity = rng_next_between(&rng, 1, 100), n = rng_next_between(&rng, 0, MOST);
        int64_t lengths[MOST], got[MOST], want[MOST];
        for (int64_t i = 0; i < n; i++) lengths[i] = rng_next_between(&rng, 0, capacity);
        const int64_t n_got = packing_best_fit(got, lengths, n, capacity);
        assert_int_equal(plain_best_fit(want, lengths, n, capacity), n_got);
        assert_memory_equal(got, want, (size_t)n * sizeof *got);
    }
}

static void no_pack_is_too_full_and_none_is_empty(void **state)
{
    (void)state;
    enum { N = 20000, CAPACITY = 4096 };
    static int64_t lengths[N], pack_of[N], filled[N];
    RngSequence rng = rng_sequence(2, RNG_TEST, 0, 0);
    int64_t total = 0;
    for (int64_t i = 0; i < N; i++) total += lengths[i] = 1 + rng_next_below(&rng, 1 + rng_next_below(&rng, CAPACITY));
    const int64_t n = packing_best_fit(pack_of, lengths, N, CAPACITY);
    memset(filled, 0, sizeof filled);
    for (int64_t i = 0; i < N; i++) {
        assert_true(pack_of[i] >= 0 && pack_of[i] < n);
        filled[pack_of[i]] += lengths[i];
    }
    for (int64_t p = 0; p < n; p++) assert_true(filled[p] > 0 && filled[p] <= CAPACITY);
    /* Lengths of this spread leave next to nothing over: within 1% of the least number of packs. */
    assert_true(n * 99 <= (total + CAPACITY - 1) / CAPACITY * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_plain_best_fit),
        cmocka_unit_test(no_pack_is_too_full_and_none_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* tests/data/test_shuffle.c: an order is a permutation, another one each epoch and seed, the same everywhere. */
#include "data/shuffle.h"

#include "base/arena.h"

#include <stdbool.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_item_comes_once(void **state)
{
    (void)state;
    enum { MOST = 1025 };
    bool seen[MOST];
    for (int64_t n = 1; n <= MOST; n = n < 20 ? n + 1 : n * 9 / 8) {
        memset(seen, 0, sizeof seen);
        for (int64_t i = 0; i < n; i++) {
            const int64_t item = shuffle_item(7, 3, i, n);
            assert_in_range(item, 0, n - 1);
            if (seen[item]) fail_msg("item %d of %d twice", (int)item, (int)n);
            seen[item] = true;
        }
    }
}

static void orders_differ(void **state)
{
    (void)state;
    enum { N = 1000 };
    int same_epoch = 0, same_seed = 0, in_place = 0, after = 0;
    for (int64_t i = 0; i < N; i++) {
        const int64_t item = shuffle_item(1, 0, i, N);
        same_epoch += item == shuffle_item(1, 1, i, N);
        same_seed += item == shuffle_item(2, 0, i, N);
        in_place += item == i;
        after += i > 0 && item == shuffle_item(1, 0, i - 1, N) + 1;
    }
    /* each is 1 on average for orders drawn at random */
    assert_true(same_epoch < 10 && same_seed < 10 && in_place < 10 && after < 10);
}

/* A run that is resumed by a later version must go on in the same order. */
static void the_order_is_this(void **state)
{
    (void)state;
    static const int64_t order[10] = {0, 4, 7, 9, 5, 2, 8, 6, 3, 1};
    for (int64_t i = 0; i < 10; i++) assert_int_equal(shuffle_item(1, 0, i, 10), order[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_comes_once),
        cmocka_unit_test(orders_differ),
        cmocka_unit_test(the_order_is_this),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

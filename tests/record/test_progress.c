/* SPDX-License-Identifier: MIT */
/* The display: plain lines in a pipe, a block that is redrawn on a terminal, nothing when quiet. */
#include "record/progress.h"
#include "record/text_out.h"

#include "synthetic_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* What a short run writes to its stream; base_free it. */
static char *display(ProgressOptions options, int64_t steps)
{
    FILE *const stream = tmpfile();
    MetricsRow row = {0};
    options.stream = stream;
    options.title = "r1-zero";
    options.total_steps = steps;
    Progress *const progress = progress_create(&options);
    progress_note(progress, "a note");
    for (int64_t step = options.first_step; step <= steps; step++) {
        progress_activity(progress, "sampling", 0.5);
        synthetic_row(&row, step);
        progress_step(progress, &row);
        if (step == 2) progress_warning(progress, "a warning");
    }
    progress_finish(progress);
    metrics_row_free(&row);
    const long length = ftell(stream);
    char *const text = base_alloc((size_t)length + 1, 1);
    rewind(stream);
    assert_int_equal(fread(text, 1, (size_t)length, stream), length);
    fclose(stream);
    return text;
}

static int64_t count(const char *text, const char *what)
{
    int64_t n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what)) n++;
    return n;
}

static void pipe_gets_a_plain_line_a_step(void **state)
{
    (void)state;
    char *const text = display((ProgressOptions){.force_live = 0}, 4);
    assert_int_equal(count(text, "\n"), 5 + 2);
    assert_int_equal(count(text, "\x1b"), 0);
    assert_int_equal(count(text, "\r"), 0);
    assert_non_null(strstr(text, "step 3/4  reward "));
    assert_non_null(strstr(text, "accuracy "));
    assert_non_null(strstr(text, "\nwarning: a warning\n"));
    assert_non_null(strstr(text, "step 0/4  held-out 23.0%"));
    base_free(text);
}

static void pipe_can_have_fewer_lines(void **state)
{
    (void)state;
    char *const text = display((ProgressOptions){.plain_every = 10}, 45);
    /* 0, 10, 20, 30, 40, the last one; 30 is an evaluation too */
    assert_int_equal(count(text, "step "), 6);
    base_free(text);
}

static void quiet_shows_warnings_alone(void **state)
{
    (void)state;
    char *const text = display((ProgressOptions){.quiet = true, .force_live = 1}, 4);
    assert_string_equal(text, "warning: a warning\n");
    base_free(text);
}

/* The lines a terminal would show, by following the few codes the display uses. */
static int64_t lines_on_screen(const char *text, int *widest)
{
    int64_t row = 0, rows = 0;
    int column = 0;
    *widest = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '\x1b') {
            const long n = strtol(p + 2, NULL, 10);
            while (*p && !strchr("mAJ", *p)) p++;
            if (*p == 'A') row -= n;
            if (*p == 'J') rows = row;
            assert_true(row >= 0);
        } else if (*p == '\n') {
            row++;
            column = 0;
        } else if (*p == '\r') {
            column = 0;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            column++;
        }
        if (row > rows) rows = row;
        if (column > *widest) *widest = column;
    }
    return rows;
}

static void terminal_block_is_redrawn_in_place(void **state)
{
    (void)state;
    int widest;
    setenv("LC_ALL", "C.UTF-8", 1);
    char *const text = display((ProgressOptions){.force_live = 1}, 60);
    /* a note, a warning, and a block of three lines */
    assert_int_equal(lines_on_screen(text, &widest), 5);
    assert_true(widest < 100);
    assert_non_null(strstr(text, "━"));
    assert_non_null(strstr(text, "sampling 50%"));
    assert_non_null(strstr(text, "60/60  100%"));
    assert_non_null(strstr(text, "held-out"));
    base_free(text);
}

static void no_color_and_plain_locales_are_honoured(void **state)
{
    (void)state;
    setenv("NO_COLOR", "1", 1);
    setenv("LC_ALL", "C", 1);
    char *const text = display((ProgressOptions){.force_live = 1}, 6);
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p >= 0x80) fail_msg("a byte that is not ASCII in a C locale: %.20s", p);
        if (*p == 'm' && p > text && p[-1] >= '0' && p[-1] <= '9') fail_msg("a colour despite NO_COLOR: %.20s", p - 4);
    }
    assert_non_null(strstr(text, "####"));
    unsetenv("NO_COLOR");
    base_free(text);
}

static void display_that_was_never_drawn_leaves_nothing(void **state)
{
    (void)state;
    FILE *const stream = tmpfile();
    const ProgressOptions options = {.stream = stream, .total_steps = 10, .force_live = 1};
    progress_finish(progress_create(&options));
    progress_finish(NULL);
    assert_int_equal(ftell(stream), 0);
    fclose(stream);
}

static void numbers_read_like_numbers(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } numbers[] = {{0, "0"},        {0.00012, "1.2e-04"}, {0.0123, "0.012"},      {0.5, "0.50"}, {1.234, "1.23"},
                   {12.34, "12.3"}, {-123.4, "-123"},     {1234567, "1,234,567"}, {NAN, "–"}},
      durations[] = {{3.4, "3 s"}, {187, "3:07"}, {3753, "1:02:33"}, {2 * 86400 + 3 * 3600, "2 d 3 h"},
                     {-1, "?"},    {NAN, "?"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        TextOut out = {0};
        text_out_number(&out, numbers[i].value);
        assert_string_equal(out.text, numbers[i].text);
        text_out_free(&out);
    }
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        TextOut out = {0};
        text_out_duration(&out, durations[i].value);
        assert_string_equal(out.text, durations[i].text);
        text_out_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipe_gets_a_plain_line_a_step),
        cmocka_unit_test(pipe_can_have_fewer_lines),
        cmocka_unit_test(quiet_shows_warnings_alone),
        cmocka_unit_test(terminal_block_is_redrawn_in_place),
        cmocka_unit_test(no_color_and_plain_locales_are_honoured),
        cmocka_unit_test(display_that_was_never_drawn_leaves_nothing),
        cmocka_unit_test(numbers_read_like_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

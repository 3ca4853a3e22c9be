/* SPDX-License-Identifier: MIT */
/* The report of a made-up run: well-formed, self-contained, and nothing that a model wrote gets out of its place.
 * R1_KEEP_REPORT=DIR copies the pages there to be looked at. */
#include "record/html.h"
#include "record/report.h"

#include "synthetic_run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* ---- a checker of pages ---- */

enum { MAX_DEPTH = 64 };

typedef struct Checker {
    const char *at, *start;
    char stack[MAX_DEPTH][24];
    int depth;
    char ids[128][32];
    int n_ids;
} Checker;

static void bad_page(const Checker *c, const char *what)
{
    fail_msg("%s at byte %ld: %.80s", what, (long)(c->at - c->start), c->at);
}

static bool is_void(const char *name)
{
    static const char *const names[] = {"meta", "br", "hr", "img", "input", "link"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

static void read_name(Checker *c, char name[24])
{
    size_t n = 0;
    while (n < 23 && (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *c->at)) && *c->at) name[n++] = *c->at++;
    name[n] = 0;
    if (n == 0) bad_page(c, "a tag without a known name");
}

/* Only attributes this program writes; a name like onclick in a page means that text got out. */
static void read_attribute(Checker *c)
{
    static const char *const allowed[] = {
        "lang",       "charset",     "name",     "content",    "http-equiv",  "class",
        "id",         "href",        "viewBox",  "width",      "height",      "role",
        "d",          "x",           "y",        "x1",         "x2",          "y1",
        "y2",         "cx",          "cy",       "r",          "rx",          "points",
        "transform",  "text-anchor", "style",    "aria-label", "aria-hidden", "preserveAspectRatio",
        "data-scale", "data-name",   "data-tab", "data-tabs",  "xmlns",       "colspan"};
    char name[40];
    size_t n = 0;
    while (n < 39 && *c->at && !strchr(" =>/\n", *c->at)) name[n++] = *c->at++;
    name[n] = 0;
    bool known = false;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) known = known || strcmp(name, allowed[i]) == 0;
    if (!known) bad_page(c, "an attribute that no report writes");
    if (*c->at != '=') return;
    if (*++c->at != '"') bad_page(c, "an attribute without quotes");
    const char *const value = ++c->at;
    while (*c->at && *c->at != '"') {
        if (*c->at == '<') bad_page(c, "< inside an attribute");
        c->at++;
    }
    if (strcmp(name, "href") == 0 && *value != '#') bad_page(c, "a link that leaves the page");
    if (strcmp(name, "id") == 0) {
        char id[32];
        snprintf(id, sizeof id, "%.*s", (int)(c->at - value), value);
        for (int i = 0; i < c->n_ids; i++)
            if (strcmp(c->ids[i], id) == 0) bad_page(c, "an id stands twice");
        memcpy(c->ids[c->n_ids++], id, sizeof id);
    }
    c->at++;
}

static void check_tag(Checker *c)
{
    char name[24];
    c->at++;
    const bool closing = *c->at == '/';
    if (closing) c->at++;
    read_name(c, name);
    if (closing) {
        if (c->depth == 0 || strcmp(c->stack[c->depth - 1], name) != 0)
            bad_page(c, "a tag is closed that was not open");
        c->depth--;
        if (*c->at++ != '>') bad_page(c, "a closing tag with more in it");
        return;
    }
    while (*c->at == ' ' || *c->at == '\n') {
        c->at++;
        read_attribute(c);
    }
    const bool alone = *c->at == '/';
    if (alone) c->at++;
    if (*c->at++ != '>') bad_page(c, "a tag that does not end");
    if (alone || is_void(name)) return;
    if (strcmp(name, "script") == 0 || strcmp(name, "style") == 0) { /* raw text: as browsers do, to the closing tag */
        char end[32];
        snprintf(end, sizeof end, "</%s>", name);
        const char *const found = strstr(c->at, end);
        if (!found) bad_page(c, "raw text without an end");
        c->at = found + strlen(end);
        return;
    }
    if (c->depth == MAX_DEPTH) bad_page(c, "too deep");
    memcpy(c->stack[c->depth++], name, sizeof name);
}

static void check_entity(Checker *c)
{
    const char *const end = strchr(c->at, ';');
    if (!end || end - c->at > 8) bad_page(c, "an ampersand that is no entity");
    c->at = end + 1;
}

static void check_page(const char *page)
{
    Checker *const c = base_alloc(1, sizeof *c);
    c->at = c->start = page;
    if (strncmp(page, "<!doctype html>", 15) == 0) c->at += 15;
    while (*c->at) {
        const unsigned char byte = (unsigned char)*c->at;
        if (byte < 0x20 && byte != '\n' && byte != '\t') bad_page(c, "a control character");
        if (*c->at == '<')
            check_tag(c);
        else if (*c->at == '&')
            check_entity(c);
        else
            c->at++;
    }
    if (c->depth != 0) bad_page(c, "tags left open");
    base_free(c);
}

/* ---- tests ---- */

static char *read_page(const char *folder, const char *name)
{
    Error err = {0};
    char *text = NULL;
    size_t length;
    char *const path = base_printf("%s/%s", folder, name);
    must(file_read_all(path, 1 << 26, &text, &length, &err), &err);
    assert_int_equal(strlen(text), length);
    base_free(path);
    return text;
}

static void keep(const char *folder, const char *name, const char *as)
{
    Error err = {0};
    const char *const where = getenv("R1_KEEP_REPORT");
    if (!where) return;
    char *const text = read_page(folder, name), *const path = base_printf("%s/%s", where, as);
    must(file_write_all(path, "report", text, strlen(text), &err), &err);
    base_free(text);
    base_free(path);
}

static void report_is_well_formed_and_hostile_text_stays_text(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    synthetic_run(folder);
    must(report_write(folder, &err), &err);
    keep(folder, "report.html", "report.html");
    char *const page = read_page(folder, "report.html");
    check_page(page);
    assert_null(strstr(page, "<script>alert"));
    assert_null(strstr(page, "<svg onload"));
    assert_null(strstr(page, "http://"));
    assert_null(strstr(page, "https://"));
    base_free(page);
    remove_folder(folder);
}

static void report_has_every_section_of_a_whole_run(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    synthetic_run(folder);
    must(report_write(folder, &err), &err);
    char *const page = read_page(folder, "report.html");
    static const char *const sections[] = {"learning", "pass",         "families", "behaviour",
                                           "examples", "optimisation", "time",     "recipe"};
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
        char mark[64];
        snprintf(mark, sizeof mark, "<section id=\"%s\">", sections[i]);
        if (!strstr(page, mark)) fail_msg("the report has no section %s", sections[i]);
    }
    assert_non_null(strstr(page, "still wrong"));
    assert_non_null(strstr(page, "<span class=\"reflect\">wait</span>"));
    base_free(page);
    remove_folder(folder);
}

/* Each metric alone, then none: a report must come out of any run. */
static void report_copes_with_any_subset_of_metrics(void **state)
{
    (void)state;
    Error err = {0};
    MetricsRow whole = {0}, row = {0};
    synthetic_row(&whole, SYNTHETIC_EVAL_EVERY);
    for (int64_t only = -1; only < whole.n; only++) {
        char *const folder = temporary_folder();
        MetricsWriter *metrics = NULL;
        must(metrics_open(&metrics, folder, -1, &err), &err);
        for (int64_t step = 1; step <= 3; step++) {
            metrics_row_clear(&row);
            row.step = step;
            if (only >= 0) metrics_set(&row, whole.items[only].name, step == 2 ? (double)NAN : whole.items[only].value);
            must(metrics_append(metrics, &row, &err), &err);
        }
        metrics_close(metrics);
        must(report_write(folder, &err), &err);
        char *const page = read_page(folder, "report.html");
        check_page(page);
        base_free(page);
        remove_folder(folder);
    }
    metrics_row_free(&whole);
    metrics_row_free(&row);
}

/* A run that is paid by something else falls behind in the true metric: the report shows both, on samples and held out, and says so. */
static void report_shows_the_true_metric_beside_every_proxy(void **state)
{
    (void)state;
    Error err = {0};
    MetricsRow row = {0};
    MetricsWriter *metrics = NULL;
    char *const folder = temporary_folder();
    must(metrics_open(&metrics, folder, -1, &err), &err);
    for (int64_t step = 1; step <= 20; step++) {
        const double share = (double)step / 20;
        metrics_row_clear(&row);
        row.step = step;
        metrics_set(&row, "reward", share);
        metrics_set(&row, "rewards/command/mean", share);
        metrics_set(&row, "rewards/true/mean", 1 - share);
        metrics_set(&row, "eval/held_out/reward", share);
        metrics_set(&row, "eval/held_out/rewards/command/mean", share);
        metrics_set(&row, "eval/held_out/rewards/true/mean", 1 - share);
        must(metrics_append(metrics, &row, &err), &err);
    }
    metrics_close(metrics);
    metrics_row_free(&row);
    must(report_write(folder, &err), &err);
    char *const page = read_page(folder, "report.html");
    check_page(page);
    static const char *const wanted[] = {"Rewards apart", "Rewards on held-out problems", "true metric",
                                         "data-name=\"command\"", "found a hole in a reward"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(page, wanted[i])) fail_msg("the report has no \"%s\"", wanted[i]);
    assert_null(strstr(page, "Nothing rewards length"));
    base_free(page);
    remove_folder(folder);
}

/* Each opinion beside the true metric of what it rewarded; where the one rises and the other falls, also after it rose, that is said.
 * A score of any size is drawn. */
static void report_says_which_reward_was_hacked(void **state)
{
    (void)state;
    Error err = {0};
    MetricsRow row = {0};
    MetricsWriter *metrics = NULL;
    char *const folder = temporary_folder();
    must(metrics_open(&metrics, folder, -1, &err), &err);
    for (int64_t step = 1; step <= 20; step++) {
        const double share = (double)step / 20;
        metrics_row_clear(&row);
        row.step = step;
        metrics_set(&row, "rewards/command/mean", share); /* rises with the truth */
        metrics_set(&row, "rewards/command/true", share);
        metrics_set(&row, "eval/held_out/rewards/plugin/mean", 40 * share - 30); /* goes on when the truth turns */
        metrics_set(&row, "eval/held_out/rewards/plugin/true", 0.8 - fabs(share - 0.6));
        metrics_set(&row, "eval/held_out/rewards/helpful/plugin/mean", 40 * share - 30); /* its only route */
        metrics_set(&row, "eval/held_out/rewards/helpful/plugin/true", 0.8 - fabs(share - 0.6));
        metrics_set(&row, "eval/held_out/rewards/safety/judge/mean",
                    step < 3 ? (double)NAN : 1 - share); /* falls with it */
        metrics_set(&row, "eval/held_out/rewards/safety/judge/true", 1 - share);
        must(metrics_append(metrics, &row, &err), &err);
    }
    metrics_close(metrics);
    metrics_row_free(&row);
    must(report_write(folder, &err), &err);
    char *const page = read_page(folder, "report.html");
    check_page(page);
    static const char *const wanted[] = {
        "command against the true metric",
        "plugin against the true metric",
        "safety/judge against the true metric",
        "hacked: the reward rose from -6.000 to 10.000, the true metric fell from 0.800 to 0.400",
        "drawn from its lowest, -28, to its highest, 10",
        "The reward &quot;plugin&quot; rose from -6.000 to 10.000 on held-out problems while the true metric of the "
        "same "
        "completions fell from 0.800 to 0.400"};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!strstr(page, wanted[i])) fail_msg("the report has no \"%s\"", wanted[i]);
    const char *const first = strstr(page, "hacked: ");
    assert_null(strstr(first + 1, "hacked: the"));
    assert_null(strstr(page, "helpful/plugin against"));
    base_free(page);
    remove_folder(folder);
}

static void report_of_a_folder_without_a_run_says_so(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder();
    assert_false(report_write(folder, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "is no run folder"));
    remove_folder(folder);
}

static void picture_is_well_formed(void **state)
{
    (void)state;
    Error err = {0};
    char *const folder = temporary_folder(), *const path = base_printf("%s/curves.svg", folder);
    synthetic_run(folder);
    must(report_write_svg(folder, path, "R1-Zero on two cores & <more>", &err), &err);
    keep(folder, "curves.svg", "curves.svg");
    char *const picture = read_page(folder, "curves.svg");
    check_page(picture);
    assert_non_null(strstr(picture, "Reflective words"));
    base_free(picture);
    base_free(path);
    remove_folder(folder);
}

static void summary_has_first_and_last_figures(void **state)
{
    (void)state;
    Error err = {0};
    ReportSummary summary;
    char *const folder = temporary_folder();
    synthetic_run(folder);
    must(report_summarise(&summary, folder, &err), &err);
    assert_int_equal(summary.steps, SYNTHETIC_STEPS);
    assert_true(fabs(summary.first_pass_at_1 - 0.23) < 0.02);
    assert_true(fabs(summary.last_pass_at_1 - 0.64) < 0.03);
    assert_true(summary.last_length > 1.7 * summary.first_length);
    remove_folder(folder);
}

static void comparison_is_well_formed(void **state)
{
    (void)state;
    Error err = {0};
    char *const a = temporary_folder(), *const b = temporary_folder(), *const path = base_printf("%s/compare.html", a);
    synthetic_run(a);
    MetricsWriter *metrics = NULL;
    MetricsRow row = {0};
    must(metrics_open(&metrics, b, -1, &err), &err);
    for (int64_t step = 0; step < 100; step++) {
        synthetic_row(&row, step);
        must(metrics_append(metrics, &row, &err), &err);
    }
    metrics_close(metrics);
    metrics_row_free(&row);
    const char *const folders[] = {a, b}, *const names[] = {"seed 1", "<script>alert(4)</script>"};
    must(report_write_comparison(folders, names, 2, path, &err), &err);
    keep(a, "compare.html", "compare.html");
    char *const page = read_page(a, "compare.html");
    check_page(page);
    assert_null(strstr(page, "<script>alert"));
    base_free(page);
    base_free(path);
    remove_folder(a);
    remove_folder(b);
}

static void escaping_leaves_no_byte_that_means_something(void **state)
{
    (void)state;
    TextOut out = {0};
    char all[256 * 3];
    for (int i = 0; i < 256; i++) {
        all[3 * i] = (char)i;
        all[3 * i + 1] = (char)(255 - i);
        all[3 * i + 2] = 'x';
    }
    html_escape(&out, all, sizeof all);
    for (size_t i = 0; i < out.length; i++) {
        if (strchr("<>\"'`", out.text[i])) fail_msg("byte %zu of the escaped text is %c", i, out.text[i]);
        if ((unsigned char)out.text[i] < 0x20 && out.text[i] != '\n' && out.text[i] != '\t')
            fail_msg("a control character");
    }
    text_out_free(&out);
    html_escape(&out, "a\0b", 3);
    assert_string_equal(out.text, "a\xE2\x90\x80"
                                  "b");
    text_out_free(&out);
    html_completion(&out, "but But butter Check <answer>4</answer>", 39, 1000);
    assert_string_equal(
        out.text,
        "<span class=\"reflect\">but</span> <span class=\"reflect\">But</span> butter <span class=\"reflect\">Check"
        "</span> <span class=\"tag\">&lt;answer&gt;</span>4<span class=\"tag\">&lt;/answer&gt;</span>");
    text_out_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_is_well_formed_and_hostile_text_stays_text),
        cmocka_unit_test(report_has_every_section_of_a_whole_run),
        cmocka_unit_test(report_copes_with_any_subset_of_metrics),
        cmocka_unit_test(report_shows_the_true_metric_beside_every_proxy),
        cmocka_unit_test(report_says_which_reward_was_hacked),
        cmocka_unit_test(report_of_a_folder_without_a_run_says_so),
        cmocka_unit_test(picture_is_well_formed),
        cmocka_unit_test(summary_has_first_and_last_figures),
        cmocka_unit_test(comparison_is_well_formed),
        cmocka_unit_test(escaping_leaves_no_byte_that_means_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* cli/verify_code.c: see verify_code.h. */
#include "cli/verify_code.h"

#include "base/arena.h"
#include "base/file.h"
#include "reward/code_reward.h"

#include <string.h>

typedef struct VerifyCode {
    Sandbox *sandbox;
    CodeTests *tests;
} VerifyCode;

static void put_result(JsonOut *out, const CodeResult *result)
{
    json_out_key(out, "equal");
    if (result->verdict == CODE_FAULT)
        json_out_null(out);
    else
        json_out_bool(out, result->verdict == CODE_ACCEPTED);
    json_out_kv_string(out, "verdict", code_verdict_name(result->verdict));
    json_out_kv_string(out, "reason", result->reason);
    json_out_key(out, "test");
    if (result->test < 0)
        json_out_null(out);
    else
        json_out_int(out, result->test);
    json_out_kv_int(out, "passed", result->n_passed);
    json_out_kv_string(out, "language", result->language[0] ? result->language : NULL);
    json_out_kv_double(out, "cpu_seconds", 1e-6 * (double)result->cpu_us);
}

static bool answer_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)thread;
    const VerifyCode *const v = context;
    const char *answer = NULL;
    size_t length = 0;
    if (!json_require(row, "answer", err) || !json_get_string(row, "answer", &answer, &length, err)) return false;
    CodeResult result;
    code_judge(v->sandbox, v->tests, answer, length, &result, NULL);
    put_result(out, &result);
    return true;
}

static void print_result(const Cli *cli, const CodeTests *tests, const CodeResult *result, bool explain)
{
    cli_print(cli, "%s\n", result->verdict == CODE_FAULT ? "undecided" : code_verdict_name(result->verdict));
    if (!explain) return;
    if (result->language[0]) cli_print(cli, "language: %s\n", result->language);
    cli_print(cli, "tests passed: %lld of %lld\n", (long long)result->n_passed, (long long)code_tests_count(tests));
    if (result->test >= 0) cli_print(cli, "first that failed: %lld (counted from 0)\n", (long long)result->test);
    cli_print(cli, "because: %s\n", result->reason);
    cli_print(cli, "processor time: %.3f s\n", 1e-6 * (double)result->cpu_us);
}

static bool answer_one(Cli *cli, const VerifyCode *v, const char *answer, bool explain, Error *err)
{
    char *text = NULL;
    size_t length = strlen(answer);
    if (answer[0] == '@' && !file_read_all(answer + 1, 64 << 20, &text, &length, err)) return false;
    CodeResult result;
    code_judge(v->sandbox, v->tests, text ? text : answer, length, &result, NULL);
    base_free(text);
    cli->status = result.verdict == CODE_ACCEPTED ? 0 : 1;
    if (!cli->json) {
        print_result(cli, v->tests, &result, explain);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    put_result(&out, &result);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

bool verify_code(Cli *cli, const char *tests, const char *answer, const char *input, bool explain, Error *err)
{
    VerifyCode v = {0};
    if (!answer == !input)
        return error_set(err, ERROR_USAGE, "--tests needs either --answer COMPLETION or --input F.jsonl");
    json_t *const json = json_read_file(tests, err);
    bool ok =
        json && (code_tests_read(&v.tests, json, err) || error_in(err, "%s", tests)) && sandbox_open(&v.sandbox, err);
    json_decref(json);
    ok = ok && (input ? cli_rows(cli, input, true, answer_row, &v, err) : answer_one(cli, &v, answer, explain, err));
    sandbox_close(v.sandbox);
    code_tests_free(v.tests);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* cli/verify_frame.c: see verify_frame.h. */
#include "cli/verify_frame.h"

#include "reward/frame.h"

#include <string.h>

/* The line that holds `at`, and a mark under that character. */
static void print_place(const Cli *cli, const char *text, size_t length, size_t at)
{
    enum { BEFORE = 40, AFTER = 30 };
    size_t begin = at, end = at;
    while (begin > 0 && at - begin < BEFORE && text[begin - 1] != '\n') begin--;
    while (begin < at && ((unsigned char)text[begin] & 0xc0) == 0x80) begin++; /* not from inside a letter */
    while (end < length && end - at < AFTER && text[end] != '\n') end++;
    while (end < length && ((unsigned char)text[end] & 0xc0) == 0x80) end++;
    int column = 0;
    for (size_t i = begin; i < at; i++) column += ((unsigned char)text[i] & 0xc0) != 0x80;
    cli_print(cli, "  %.*s\n  %*s^\n", (int)(end - begin), text + begin, column, "");
}

static void print_result(const Cli *cli, const Frame *frame, const FrameResult *r, const char *answer, bool explain)
{
    cli_print(cli, "%s\n", r->ok ? "of the frame" : "not of the frame");
    if (!explain) return;
    if (r->ok) {
        cli_print(cli, "answer: \"%.*s\"\n", (int)(r->answer_end - r->answer), answer + r->answer);
        return;
    }
    cli_print(cli, "because: %s, at byte %zu\n", r->reason, r->failed_at);
    print_place(cli, answer, strlen(answer), r->failed_at);
    cli_print(cli, "partial credit: %.0f of %d tags\n", r->partial * frame->n_tags, frame->n_tags);
}

bool verify_frame(Cli *cli, const char *frame_text, const char *prompt, const char *answer, bool explain, Error *err)
{
    Frame frame;
    if (!answer) return error_set(err, ERROR_USAGE, "--frame needs --answer COMPLETION");
    if (!frame_read(&frame, frame_text, err)) return error_in(err, "--frame");
    if (!prompt) prompt = "";
    const FrameResult r = frame_check(&frame, prompt, strlen(prompt), answer, strlen(answer));
    cli->status = r.ok ? 0 : 1;
    if (!cli->json) {
        print_result(cli, &frame, &r, answer, explain);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_bool(&out, "equal", r.ok);
    json_out_kv_string(&out, "reason", r.ok ? NULL : r.reason);
    json_out_key(&out, "failed_at");
    if (r.ok)
        json_out_null(&out);
    else
        json_out_int(&out, (int64_t)r.failed_at);
    json_out_kv_double(&out, "partial", r.partial);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* SPDX-License-Identifier: MIT */
/* cli/verify.c: is an answer right? By a task's check, or by comparison with a gold answer. */
#include "cli/cli.h"

#include "cli/verify_code.h"
#include "cli/verify_frame.h"
#include "data/tasks.h"
#include "reward/compare.h"

#include <string.h>

typedef struct Question {
    const char *check, *gold; /* one of them is NULL */
    size_t gold_length;
    const char *answer;
    size_t answer_length;
    AnswerRelation relation;
    const AnswerRules *rules; /* where the answer stands */
} Question;

typedef struct Decision {
    Verdict verdict;
    AnswerSpan extracted;
    const char *reason;
} Decision;

static Decision decide(const Question *q)
{
    Decision d = {.extracted = answer_extract_by(q->rules, q->answer, q->answer_length)};
    if (q->gold && q->relation == ANSWER_SAME) {
        const AnswerSpan gold = answer_extract(q->gold, q->gold_length);
        const bool same = same_answers(gold.text, gold.length, d.extracted.text, d.extracted.length);
        d.verdict = same ? VERDICT_RIGHT : VERDICT_WRONG;
        d.reason = same ? "one vote" : "not known to be the same";
        return d;
    }
    if (q->gold) {
        d.verdict = compare_extracted(q->gold, q->gold_length, d.extracted, &d.reason);
        return d;
    }
    d.verdict = task_check(q->check, d.extracted.text, d.extracted.length);
    d.reason = d.verdict == VERDICT_RIGHT   ? "the answer meets the check"
               : d.verdict == VERDICT_WRONG ? "the answer does not meet the check"
                                            : "the check is of no known family or is malformed";
    return d;
}

static void put_decision(JsonOut *out, const Decision *d)
{
    json_out_key(out, "equal");
    if (d->verdict == VERDICT_UNDECIDED)
        json_out_null(out);
    else
        json_out_bool(out, d->verdict == VERDICT_RIGHT);
    json_out_key(out, "extracted");
    json_out_string(out, d->extracted.text, d->extracted.length);
    json_out_kv_string(out, "reason", d->reason);
}

/* What holds for every row. */
typedef struct RowSettings {
    AnswerRelation relation;
    AnswerRules rules;
} RowSettings;

static bool answer_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)thread;
    const RowSettings *const settings = context;
    Question q = {.relation = settings->relation, .rules = &settings->rules};
    size_t check_length = 0;
    if (!json_require(row, "answer", err)) return false;
    if (!json_get_string(row, "answer", &q.answer, &q.answer_length, err)) return false;
    if (!json_get_string(row, "check", &q.check, &check_length, err)) return false;
    if (!json_get_string(row, "gold", &q.gold, &q.gold_length, err)) return false;
    if (!q.check == !q.gold) return error_set(err, ERROR_INPUT, "a row has either \"gold\" or \"check\"");
    if (q.check && strlen(q.check) != check_length)
        return error_set(err, ERROR_INPUT, "\"check\" holds a zero character");
    const Decision d = decide(&q);
    put_decision(out, &d);
    return true;
}

/* The reading of an answer, and where in its text it stood. */
static void print_reading(const Cli *cli, const char *whose, const AnswerSpan *span, const char *read)
{
    enum { SHOWN = 200 };
    const int length = span->length > SHOWN ? SHOWN : (int)span->length;
    cli_print(cli, "%s: \"%.*s\"%s (%s)\n", whose, length, span->text, span->length > SHOWN ? "..." : "", span->source);
    if (!read) return;
    const bool is_read = strncmp(read, "not read", 8) != 0; /* it then says why */
    cli_print(cli, "  %s%s\n", is_read ? "read as " : "", read);
}

static void print_explanation(const Cli *cli, const Question *q, const Decision *d)
{
    AnswerExplanation e;
    if (!q->gold) {
        print_reading(cli, "answer", &d->extracted, NULL);
        cli_print(cli, "because: %s\n", d->reason);
        return;
    }
    explain_answers(&e, q->gold, q->gold_length, d->extracted, q->relation);
    print_reading(cli, "gold", &e.gold, e.gold_read);
    print_reading(cli, "answer", &e.answer, e.answer_read);
    cli_print(cli, "because: %s%s\n", e.reason, e.proved ? " (decided by exact arithmetic)" : "");
}

static void print_decision(const Cli *cli, const Question *q, const Decision *d, bool explain)
{
    static const char *const words[] = {"not equal", "equal", "undecided"};
    cli_print(cli, "%s\n", words[d->verdict]);
    if (explain) print_explanation(cli, q, d);
}

static bool verify_run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *gold = NULL, *check = NULL, *answer = NULL, *input = NULL, *tests = NULL, *frame = NULL, *prompt = NULL,
               *extract = ANSWER_RULES_DEFAULT;
    bool explain = false, same = false;
    const CliOption options[] = {
        CLI_STRING("--gold", "G", &gold, "the right answer, in LaTeX or plain text"),
        CLI_STRING("--check", "CHECK", &check, "the check of a problem of `r1 tasks`, instead of a gold answer"),
        CLI_STRING("--answer", "A", &answer, "the answer to decide: alone, in a box, or in a whole completion"),
        CLI_STRING("--input", "F.jsonl", &input,
                   "rows {\"id\",\"gold\",\"answer\"} or {\"id\",\"check\",\"answer\"}; - is stdin"),
        CLI_STRING("--tests", "T.json", &tests, "tests for the program in a completion; it runs in the sandbox"),
        CLI_STRING("--frame", "FRAME", &frame, "r1-zero, r1, or a frame of your own: is the completion of it?"),
        CLI_STRING("--prompt", "P", &prompt, "with --frame: the prompt, whose end may have opened the frame"),
        CLI_STRING(
            "--extract", "RULES", &extract,
            "marks of an answer, in the order they are looked for: some of tag, box, boxed, fbox, answer_is, bold, "
            "last_line, whole [" ANSWER_RULES_DEFAULT "]"),
        CLI_FLAG("--same", &same, "without leniencies: whether both would be one vote of cons@k"),
        CLI_FLAG("--explain", &explain, "say what was read, how, and which rule decided"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    if (frame && !gold && !check && !tests && !input) return verify_frame(cli, frame, prompt, answer, explain, err);
    if (tests && !gold && !check) return verify_code(cli, tests, answer, input, explain, err);
    if (input && (gold || check || answer))
        return error_set(err, ERROR_USAGE, "--input brings its own answers; leave --gold, --check and --answer out");
    RowSettings settings = {.relation = same ? ANSWER_SAME : ANSWER_EQUAL};
    if (!answer_rules_read(&settings.rules, extract, err)) return error_in(err, "--extract");
    if (input) return cli_rows(cli, input, true, answer_row, &settings, err);
    if (!answer || !gold == !check)
        return error_set(err, ERROR_USAGE, "needed: --answer, and either --gold or --check; or --input F.jsonl");
    const Question q = {.check = check,
                        .gold = gold,
                        .gold_length = gold ? strlen(gold) : 0,
                        .answer = answer,
                        .answer_length = strlen(answer),
                        .relation = settings.relation,
                        .rules = &settings.rules};
    const Decision d = decide(&q);
    cli->status = d.verdict == VERDICT_RIGHT ? 0 : 1;
    if (!cli->json || explain) print_decision(cli, &q, &d, explain);
    if (!cli->json) return true;
    JsonOut out = {0};
    json_out_object(&out);
    put_decision(&out, &d);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

const Command command_verify = {
    .name = "verify",
    .summary = "decide whether an answer is right",
    .usage = "r1 verify --gold G --answer A [--explain] [--same] [--extract RULES]\n"
             "r1 verify --check CHECK --answer A [--explain]\n"
             "r1 verify --input F.jsonl [--same] [--extract RULES]\n"
             "r1 verify --tests T.json --answer COMPLETION|@FILE [--explain]\n"
             "r1 verify --tests T.json --input F.jsonl\n"
             "r1 verify --frame FRAME [--prompt P] --answer COMPLETION [--explain]",
    .details = "The answer is what stands in the last closed \\boxed{...} of the final part: inside the last "
               "<answer>...</answer>,\n"
               "else behind </think>, else the whole text. Without a box it is what follows the last \"answer is\" or "
               "\"Answer:\",\n"
               "else the last **bold** text, else the whole part; --extract has other rules in another order. "
               "Mathematics in LaTeX or plain text is compared "
               "exactly: proved\n"
               "equal, refuted, or undecided (docs/verifier.md has the conventions).\n"
               "Exit status: 0 equal, 1 not equal or undecided. Rows give {\"id\",\"equal\",\"extracted\",\"reason\"}, "
               "where equal\n"
               "is null when it cannot be decided, and status 0.",
    .example =
        "build/release/r1 verify --gold '\\frac{\\sqrt{2}}{2}' --answer 'So it is \\boxed{\\sin 45^\\circ}.' --explain",
    .run = verify_run,
};

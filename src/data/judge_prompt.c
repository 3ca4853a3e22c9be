/* SPDX-License-Identifier: MIT */
/* data/judge_prompt.c: see judge_prompt.h. */
#include "data/judge_prompt.h"

#include <assert.h>
#include <string.h>

const char judge_compare_prompt[] =
    "Two answers to one request are to be compared. Judge how well each of them does what is asked: "
    "whether it is right, "
    "helpful, complete and to the point. Which one comes first means "
    "nothing.\n\n[request]\n{question}\n[answer A]\n{A}\n"
    "[answer B]\n{B}\n[end]\n\nReply with JSON alone: {\"analysis\": \"a sentence\", \"verdict\": "
    "V}, where V is one of "
    "\"A>>B\", \"A>B\", \"A=B\", \"B>A\", \"B>>A\" (much better, better, equal).";

const char *judge_verdict_text(int value)
{
    static const char *const verdicts[] = {"B>>A", "B>A", "A=B", "A>B", "A>>B"};
    assert(value >= -JUDGE_VERDICT_MOST && value <= JUDGE_VERDICT_MOST);
    return verdicts[value + JUDGE_VERDICT_MOST];
}

void judge_prompt_fill(JsonOut *out, const char *template, JudgeText question, JudgeText a, JudgeText b)
{
    const struct {
        const char *name;
        JudgeText text;
    } places[] = {{"{question}", question}, {"{A}", a}, {"{B}", b}};
    for (const char *at = template; *at;) {
        const size_t plain = strcspn(at, "{");
        json_out_raw_bytes(out, at, plain);
        at += plain;
        for (size_t i = 0; *at && i <= 3; i++) {
            if (i == 3) { /* a brace like any other */
                json_out_raw_bytes(out, at++, 1);
            } else if (strncmp(at, places[i].name, strlen(places[i].name)) == 0) {
                json_out_raw_bytes(out, places[i].text.text, places[i].text.length);
                at += strlen(places[i].name);
                break;
            }
        }
    }
}

/* SPDX-License-Identifier: MIT */
#include "cli/bench_mixed.h"

#include "base/arena.h"
#include "base/philox.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DOCUMENT_BYTES = 3000, MAX_SNIPPET_BYTES = 400 };

static const char *const snippets[] = {
    "The river had risen in the night, and by morning the lower field was a lake with a fence around it. Nobody was "
    "surprised; "
    "it happens every other spring, they said, and it isn't as bad as it looks.\n",
    "She couldn't say why the proof failed: each step was right, yet the last line didn't follow. \"Try n = 3,\" he'd "
    "written in "
    "the margin, \"then n = 4 -- you'll see.\"\n\n",
    "static int64_t sum_of(const int32_t *ids, int64_t n)\n{\n    int64_t total = 0;\n    for (int64_t i = 0; i < n; "
    "i++) {\n"
    "        total += ids[i];\n    }\n    return total;\n}\n",
    "def median(values):\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n    return ordered[middle]  # "
    "of an odd "
    "number\n\n\nif __name__ == \"__main__\":\n\tprint(median([3, 1, 2]))\n",
    "{\"id\": 4711, \"name\": \"r\\u00e9sum\\u00e9.pdf\", \"tags\": [\"draft\", \"2024-05-17\"], \"size\": 1.25e6, "
    "\"ok\": true, "
    "\"next\": null}\n",
    "Let $f(x) = \\frac{x^2 - 1}{x - 1}$ for $x \\neq 1$. Then $\\lim_{x \\to 1} f(x) = 2$, so $\\boxed{2}$.\n",
    "| step | loss | tokens |\n| ---: | ---: | ---: |\n| 100 | 3.1416 | 102,400 |\n| 200 | 2.7183 | 204,800 |\n",
    "昨天下午我们在图书馆讨论了这个方程:先移项,再两边平方,最后检验根。结果只有 x=3 成立,另一个是增根。\n",
    "駅から学校まで歩いて十五分かかります。雨の日はバスに乗りますが、たいてい混んでいるので早めに家を出ます。\n",
    "오늘은 날씨가 맑아서 강가를 따라 오래 걸었다. 물이 맑고 바람이 시원해서 기분이 좋았다.\n",
    "Вчера вечером мы долго спорили о том, сходится ли этот ряд; ответ оказался проще, чем все думали.\n",
    "ذهبنا إلى السوق في الصباح واشترينا الخبز والتمر والزيتون، ثم عدنا إلى البيت قبل الظهر.\n",
    "Les élèves ont mesuré la hauteur du clocher à l'aide de son ombre : 24,5 mètres, à quelques centimètres près.\n",
    "Die Straßenbahn fährt über die Brücke; größere Gepäckstücke müssen gemäß § 7 der Bedingungen gesichert werden.\n",
    "done 🎉🎉 see you at 18:30 👋🏽 — bring 2× coffee ☕️ and the 👩‍👩‍👧‍👦 photos, ok? "
    "🙃\n",
    "https://example.org/a/b?q=caf%C3%A9&page=12#top  <a href=\"mailto:x@example.org\">x</a>&nbsp;|  "
    "v1.2.3-rc.4+build.567\n",
    "12 + 30 = 42; 42 * 7 = 294; 294 / 6 = 49. Check: 49 * 6 = 294, right. 3.14159265358979 1000000007 0xDEADBEEF\n",
    "        \t\n    \n\n   - one\n      - two\n         - three   \n\n\n",
    "User: how far is it?\nAssistant: <think>40 minutes at 90 km/h, so 60 km. wait, 40 / 60 * 90 = 60, yes.</think> 60 "
    "km\n",
};

char *bench_mixed_document(uint64_t index, size_t *length)
{
    RngSequence draws = rng_sequence(1, RNG_TEST, index, 0);
    char *const text = base_alloc(DOCUMENT_BYTES + MAX_SNIPPET_BYTES + 64, 1);
    *length = (size_t)snprintf(text, 64, "Document %" PRIu64 "\n", index);
    while (*length < DOCUMENT_BYTES) {
        const char *const snippet = snippets[rng_next_below(&draws, sizeof snippets / sizeof *snippets)];
        const size_t n = strlen(snippet);
        memcpy(text + *length, snippet, n);
        *length += n;
    }
    text[*length] = 0;
    return text;
}

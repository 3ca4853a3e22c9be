/* SPDX-License-Identifier: MIT */
/* Which language a text is in, and how much of it: ten languages, mixtures, and texts that want to pass for another. */
#include "reward/language.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    Language language;
    const char *text;
} samples[] = {
    {LANGUAGE_EN, "First we add the two numbers, then we check whether the result is what was asked for. It is, so "
                  "that is the answer."},
    {LANGUAGE_DE, "Zuerst addieren wir die beiden Zahlen, dann prüfen wir, ob das Ergebnis stimmt. Es ist richtig, "
                  "also ist das die Antwort."},
    {LANGUAGE_FR,
     "D'abord nous ajoutons les deux nombres, puis nous vérifions le résultat. Il est juste, donc c'est la réponse."},
    {LANGUAGE_ES, "Primero sumamos los dos números y entonces comprobamos el resultado. Es correcto, porque la suma es "
                  "lo que se pide."},
    {LANGUAGE_PT, "Primeiro somamos os dois números e então verificamos o resultado. Não há erro, porque a soma é uma "
                  "resposta correta."},
    {LANGUAGE_RU, "Сначала сложим два числа, затем проверим результат. Он верен, значит, это и есть ответ."},
    {LANGUAGE_AR, "أولا نجمع العددين ثم نتحقق من النتيجة. إنها صحيحة، إذن هذا هو الجواب."},
    {LANGUAGE_ZH, "首先把两个数相加，然后检查结果。结果正确，所以这就是答案。"},
    {LANGUAGE_JA, "まず二つの数を足し、それから結果を確かめます。正しいので、これが答えです。"},
    {LANGUAGE_KO, "먼저 두 수를 더한 다음 결과를 확인합니다. 결과가 맞으므로 이것이 답입니다."},
    {LANGUAGE_HI, "पहले हम दोनों संख्याओं को जोड़ते हैं, फिर परिणाम जाँचते हैं।"},
};
enum { N_SAMPLES = sizeof samples / sizeof *samples };

static double share(Language target, const char *text)
{
    const LanguageShare s = language_share(target, text, strlen(text));
    return s.n_words ? (double)s.n_target / (double)s.n_words : -1;
}

static void consistency_is_of_the_prompts_language(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *completion;
        double share; /* -1: there is none */
    } cases[] = {
        {"User: pay 44 with 4 10\nAssistant:", "<think>try 6*4=24 right</think><answer>6 2</answer>", 1},
        {"User: pay 44 with 4 10\nAssistant:", "<think>试6*4=24对</think><answer>6 2</answer>", 0},
        {"User: 付出44，用硬币4 10\nAssistant:", "<think>试6*4=24对</think><answer>6 2</answer>", 1},
        {"User: 付出44，用硬币4 10\nAssistant:", "<think>try 6*4=24对。wait等等</think>wait wait", 3.0 / 5},
        {"User: 付出44，用硬币4 10\nAssistant:", "<think></think><answer>6 2</answer>", -1},
        {"1+1=", "<think>try</think>", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double share = language_consistency(cases[i].prompt, strlen(cases[i].prompt), cases[i].completion,
                                                  strlen(cases[i].completion));
        if (cases[i].share < 0 ? !isnan(share) : fabs(share - cases[i].share) > 1e-12)
            fail_msg("%s: %g", cases[i].completion, share);
    }
}

static void each_language_is_known(void **state)
{
    (void)state;
    for (int i = 0; i < N_SAMPLES; i++) {
        Language language, again;
        assert_true(language_detect(&language, samples[i].text, strlen(samples[i].text)));
        if (language != samples[i].language) fail_msg("%s: %s", language_code(language), samples[i].text);
        assert_true(language_find(&again, language_code(language)));
        assert_int_equal(again, language);
    }
    Language none;
    assert_false(language_detect(&none, "", 0));
    assert_false(language_detect(&none, "1 + 2 = 3", 9));
    assert_false(language_find(&none, "tlh"));
}

/* Its own language counts whole; of another one with another script nothing counts, with the same script less than with its own. */
static void each_text_is_in_its_language_alone(void **state)
{
    (void)state;
    for (int i = 0; i < N_SAMPLES; i++)
        for (int j = 0; j < N_SAMPLES; j++) {
            const double s = share(samples[j].language, samples[i].text);
            const bool latin = i < 5 && j < 5,
                       han = samples[i].language == LANGUAGE_ZH && samples[j].language == LANGUAGE_JA,
                       kanji = samples[i].language == LANGUAGE_JA && samples[j].language == LANGUAGE_ZH;
            const bool good = i == j ? s >= 0.99 : latin ? s <= 0.8 : han ? s == 1.0 : kanji ? s < 0.5 : s == 0;
            if (!good) fail_msg("%.2f of %s in: %s", s, language_code(samples[j].language), samples[i].text);
        }
}

static void code_and_mathematics_are_of_no_language(void **state)
{
    (void)state;
    assert_true(share(LANGUAGE_ZH, "答案是 $x^2 + \\text{two}$ 和 \\(a + bc\\)，见 `print(hello)` 和 "
                                   "\\frac12。\n```python\nfor item in things: print(item)\n```\n完。") == 1.0);
    assert_true(share(LANGUAGE_ZH, "设 x 为 3，则 y = 4。见 https://example.org/some/page 与 <answer>") == 1.0);
    assert_true(share(LANGUAGE_EN, "12 + 30 = 42") == -1);
    assert_true(share(LANGUAGE_EN, "") == -1);
    assert_true(share(LANGUAGE_EN, "it costs $5 more than 你好 there") < 0.9); /* a price opens no formula */
}

static void mixtures_are_shares(void **state)
{
    (void)state;
    assert_true(share(LANGUAGE_EN, "one two 三 four") == 0.75);
    assert_true(share(LANGUAGE_ZH, "你好 hello 世界") == 0.8);
    assert_true(share(LANGUAGE_RU, "да ok") == 0.5);
}

static void the_thinking_counts(void **state)
{
    (void)state;
    assert_true(share(LANGUAGE_EN, "<think>all of it</think> 你好世界") == 1.0);
    assert_true(share(LANGUAGE_EN, "all of it</think> 你好世界") == 1.0);
    assert_true(share(LANGUAGE_EN, "你好<think>all of it</think>") == 0.6); /* before the tag is no place to hide */
    assert_true(share(LANGUAGE_EN, "all of it</think> 你好</think> 世界") == 0.6);
    assert_true(share(LANGUAGE_EN, "<think>你好世界</think> all of it") == 0);
}

/* Nothing earns a share by hiding, by look-alikes, or by being broken. */
static void no_language_is_faked(void **state)
{
    (void)state;
    assert_true(share(LANGUAGE_EN, "\xd0\xb0\xd1\x81\xd0\xb5 \xd0\xbe\xd1\x80") ==
                0); /* Cyrillic letters that look Latin */
    assert_true(share(LANGUAGE_EN, "你好</think>") == 0);
    assert_true(share(LANGUAGE_EN, "$ 你好 世界") == 0);
    assert_true(share(LANGUAGE_EN, "` 你好 世界") == 0);
    assert_true(share(LANGUAGE_EN, "< 你好 世界 ") == 0);
    assert_true(share(LANGUAGE_EN, "a b c d e 你") == 0); /* single letters are no words */
    assert_true(share(LANGUAGE_EN, "\xff\xfe\xe4\xbd hello") == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_language_is_known),
        cmocka_unit_test(consistency_is_of_the_prompts_language),
        cmocka_unit_test(each_text_is_in_its_language_alone),
        cmocka_unit_test(code_and_mathematics_are_of_no_language),
        cmocka_unit_test(mixtures_are_shares),
        cmocka_unit_test(the_thinking_counts),
        cmocka_unit_test(no_language_is_faked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

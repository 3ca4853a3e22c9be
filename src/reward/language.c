/* SPDX-License-Identifier: MIT */
/* reward/language.c: see language.h. */
#include "reward/language.h"

#include "base/utf8.h"
#include "reward/scripts.h"
#include "text/thinking.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Function words, each between spaces, in lower case. A word that several languages have stands on the list of each: a text's own list
 * is asked first. */
static const struct {
    const char *code;
    const char *words;
} languages[LANGUAGE_COUNT] = {
    [LANGUAGE_EN] =
        {"en", " do no plus car pour die also den con sin the of and to is that it for was with this are be have from "
               "which you they we he she his her what when "
               "there would so if then than but not or by at an all can will has had were been their let let's wait "
               "because "},
    [LANGUAGE_DE] =
        {"de",
         " der die das und es also ob ist nicht ich ein eine einen einem einer zu den dem mit sich auf für von im "
         "auch wird sind wir wenn oder "
         "aber aus bei nach wie noch nur über haben kann dann dass daher weil zuerst "},
    [LANGUAGE_FR] = {"fr", " la un en de se que si on le les et est une dans pour qui ne pas du au sur avec ce il elle "
                           "nous vous mais ou où "
                           "donc alors sont cette ces "
                           "leur être été plus puis ainsi aux c'est car d'abord "},
    [LANGUAGE_ES] = {"es",
                     " de un el los las dos que se la en y del una por con para es lo al pero sus le ya o este sí "
                     "porque esta entre cuando muy sin sobre "
                     "también hay entonces primero son "},
    [LANGUAGE_PT] = {"pt", " de que se os um uma dos em não com do da dos das ao para é mais mas foi ele ela isso são "
                           "pelo pela quando muito já também "
                           "então você porque nos na no primeiro "},
    [LANGUAGE_RU] = {"ru", ""},
    [LANGUAGE_AR] = {"ar", ""},
    [LANGUAGE_HI] = {"hi", ""},
    [LANGUAGE_ZH] = {"zh", ""},
    [LANGUAGE_JA] = {"ja", ""},
    [LANGUAGE_KO] = {"ko", ""},
};

const char *language_code(Language language)
{
    return languages[language].code;
}

bool language_find(Language *language, const char *code)
{
    for (int i = 0; i < LANGUAGE_COUNT; i++)
        if (strcmp(languages[i].code, code) == 0) {
            *language = (Language)i;
            return true;
        }
    return false;
}

static bool is_latin(Language language)
{
    return language <= LANGUAGE_PT;
}

static bool of_script(Language language, Script script)
{
    static const Script scripts[LANGUAGE_COUNT] = {SCRIPT_LATIN, SCRIPT_LATIN,    SCRIPT_LATIN,  SCRIPT_LATIN,
                                                   SCRIPT_LATIN, SCRIPT_CYRILLIC, SCRIPT_ARABIC, SCRIPT_DEVANAGARI,
                                                   SCRIPT_HAN,   SCRIPT_KANA,     SCRIPT_HANGUL};
    return scripts[language] == script || (language == LANGUAGE_JA && script == SCRIPT_HAN);
}

/* ---- words ---- */

typedef struct Words {
    const char *text;
    size_t length, at;
    size_t quiet_until; /* code and mathematics up to here */
} Words;

typedef struct Word {
    const char *text;
    size_t length;
    Script script;
    int64_t n_letters;
} Word;

static bool starts(const Words *w, const char *with)
{
    const size_t n = strlen(with);
    return w->length - w->at >= n && memcmp(w->text + w->at, with, n) == 0;
}

/* Behind the opening, and where the text behind `end` begins when it comes within `most` bytes: an amount in $ is no formula. */
static size_t skip_opening(Words *w, size_t opening, const char *end, size_t most)
{
    const size_t from = w->at + opening, room = w->length - from;
    const char *const found = memmem(w->text + from, room < most ? room : most, end, strlen(end));
    w->at = from;
    return found ? (size_t)(found - w->text) + strlen(end) : from;
}

/* What follows is quiet: names and formulas there are no words. Whole sentences are, wherever they hide (word_is_loud). */
static bool quiet_to(Words *w, size_t opening, const char *end, size_t most)
{
    w->quiet_until = skip_opening(w, opening, end, most);
    return true;
}

static bool is_link_end(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == ')' || c == '>' || c == '"';
}

/* Skips what is of no language; false when a letter or anything else stands here. */
static bool skip_foreign(Words *w)
{
    enum { LONGEST_FORMULA = 4000, LONGEST_INLINE = 400, LONGEST_TAG = 40 };
    if (w->at >= w->quiet_until) {
        if (starts(w, "```")) return quiet_to(w, 3, "```", w->length);
        if (starts(w, "`")) return quiet_to(w, 1, "`", LONGEST_INLINE);
        if (starts(w, "$$")) return quiet_to(w, 2, "$$", LONGEST_FORMULA);
        if (starts(w, "$")) return quiet_to(w, 1, "$", LONGEST_INLINE);
        if (starts(w, "\\(")) return quiet_to(w, 2, "\\)", LONGEST_FORMULA);
        if (starts(w, "\\[")) return quiet_to(w, 2, "\\]", LONGEST_FORMULA);
        if (starts(w, "<")) return quiet_to(w, 1, ">", LONGEST_TAG);
    }
    if (starts(w, "http://") || starts(w, "https://")) {
        while (w->at < w->length && !is_link_end(w->text[w->at])) w->at++;
        return true;
    }
    if (!starts(w, "\\")) return false;
    w->at++; /* a command of LaTeX: a backslash and letters */
    while (w->at < w->length && ((w->text[w->at] | 32) >= 'a' && (w->text[w->at] | 32) <= 'z')) w->at++;
    return true;
}

/* The script of the character at `at`, and its length in bytes. */
static Script script_at(const Words *w, size_t at, size_t *bytes)
{
    const int n = utf8_sequence(w->text + at, w->length - at);
    *bytes = n > 0 ? (size_t)n : (size_t)-n;
    return n > 0 ? script_of(script_code_point(w->text + at, n)) : SCRIPT_NONE;
}

/* An apostrophe between letters, and marks that belong to the letter before. */
static bool goes_on(const Words *w, size_t at, size_t bytes)
{
    if (bytes == 1) return w->text[at] == '\'';
    const uint32_t c = script_code_point(w->text + at, (int)bytes);
    return c == 0x2019 || (c >= 0x300 && c <= 0x36f) || (c >= 0x64b && c <= 0x65f);
}

/* The word, in lower case, is on the language's list. */
static bool on_list(Language language, const Word *word)
{
    char text[48] = " ";
    size_t n = 1;
    if (word->length > sizeof text - 3) return false;
    for (size_t i = 0; i < word->length; i++) {
        const char c = word->text[i];
        text[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    text[n++] = ' ';
    text[n] = '\0';
    return strstr(languages[language].words, text) != NULL;
}

/* Inside code or mathematics: a word of prose all the same. Names there are Latin, so other scripts are prose; so are the function
 * words of a language, but for those that programs are written in. */
static bool word_is_loud(const Word *word)
{
    static const char of_code[] = " and for not with from all set let sin con den die car end del sum ";
    char text[16];
    switch (word->script) {
    case SCRIPT_HAN:
    case SCRIPT_KANA:
    case SCRIPT_HANGUL:
    case SCRIPT_CYRILLIC:
    case SCRIPT_ARABIC:
    case SCRIPT_DEVANAGARI:
        return true;
    case SCRIPT_LATIN:
        break;
    default:
        return false;
    }
    if (word->n_letters < 3 || word->length > sizeof text - 3) return false;
    const int n = snprintf(text, sizeof text, " %.*s ", (int)word->length, word->text);
    for (int i = 0; i < n; i++)
        if (text[i] >= 'A' && text[i] <= 'Z') text[i] += 'a' - 'A';
    if (strstr(of_code, text)) return false;
    for (int i = 0; is_latin((Language)i); i++)
        if (on_list((Language)i, word)) return true;
    return false;
}

/* Alphabets whose letters pass for each other's. */
static bool look_alike(Script a, Script b)
{
    return (a == SCRIPT_LATIN || a == SCRIPT_CYRILLIC) && (b == SCRIPT_LATIN || b == SCRIPT_CYRILLIC);
}

static bool next_word(Words *w, Word *word)
{
    while (w->at < w->length) {
        size_t bytes;
        if (skip_foreign(w)) continue;
        const Script script = script_at(w, w->at, &bytes);
        *word = (Word){.text = w->text + w->at, .script = script, .n_letters = 1};
        w->at += bytes;
        if (script == SCRIPT_NONE) continue;
        if (script != SCRIPT_HAN && script != SCRIPT_KANA)
            while (w->at < w->length) {
                const Script next = script_at(w, w->at, &bytes);
                const bool twin = next != script && look_alike(next, script);
                if (next != script && !twin && !goes_on(w, w->at, bytes)) break;
                if (twin) word->script = SCRIPT_OTHER; /* a word of two alphabets is of no language */
                word->n_letters += next == script || twin;
                w->at += bytes;
            }
        word->length = (size_t)(w->text + w->at - word->text);
        if (script == SCRIPT_LATIN && word->n_letters == 1) continue; /* x, y: mathematics more often than words */
        if ((size_t)(word->text - w->text) < w->quiet_until && !word_is_loud(word)) continue;
        return true;
    }
    return false;
}

/* ---- detection ---- */

bool language_detect(Language *language, const char *text, size_t length)
{
    int64_t letters[SCRIPT_COUNT] = {0}, known[LANGUAGE_COUNT] = {0};
    Words words = {.text = text, .length = length};
    for (Word word; next_word(&words, &word);) {
        letters[word.script] += word.script == SCRIPT_HANGUL  ? word.n_letters
                                : word.script == SCRIPT_LATIN ? 1
                                                              : word.n_letters;
        for (int i = 0; word.script == SCRIPT_LATIN && is_latin((Language)i); i++)
            known[i] += on_list((Language)i, &word);
    }
    Script most = SCRIPT_LATIN;
    letters[SCRIPT_HAN] += letters[SCRIPT_KANA]; /* Japanese writes both */
    for (int s = SCRIPT_LATIN; s < SCRIPT_OTHER; s++)
        if (letters[s] > letters[most]) most = (Script)s;
    if (letters[most] == 0) return false;
    switch (most) {
    case SCRIPT_CYRILLIC:
        *language = LANGUAGE_RU;
        return true;
    case SCRIPT_ARABIC:
        *language = LANGUAGE_AR;
        return true;
    case SCRIPT_DEVANAGARI:
        *language = LANGUAGE_HI;
        return true;
    case SCRIPT_HANGUL:
        *language = LANGUAGE_KO;
        return true;
    case SCRIPT_HAN:
    case SCRIPT_KANA: /* Chinese has no kana; Japanese text has some in every sentence */
        *language = 10 * letters[SCRIPT_KANA] > letters[SCRIPT_HAN] ? LANGUAGE_JA : LANGUAGE_ZH;
        return true;
    default:
        *language = LANGUAGE_EN;
        for (int i = 0; is_latin((Language)i); i++)
            if (known[i] > known[*language]) *language = (Language)i;
        return true;
    }
}

/* ---- share ---- */

static void cut_thinking(Words *words)
{
    const char *const close = thinking_close(words->text, words->length);
    if (close) words->length = (size_t)(close - words->text) - strlen("</think>");
}

static bool is_target(Language target, const Word *word)
{
    if (!of_script(target, word->script)) return false;
    if (!is_latin(target) || on_list(target, word)) return true;
    for (int i = 0; is_latin((Language)i); i++)
        if (on_list((Language)i, word)) return false;
    return true;
}

LanguageShare language_share(Language target, const char *completion, size_t length)
{
    LanguageShare share = {0};
    Words words = {.text = completion, .length = length};
    cut_thinking(&words);
    for (Word word; next_word(&words, &word);) {
        share.n_words++;
        share.n_target += is_target(target, &word);
    }
    return share;
}

double language_consistency(const char *prompt, size_t prompt_length, const char *completion, size_t length)
{
    Language target;
    if (!language_detect(&target, prompt, prompt_length)) return (double)NAN;
    const LanguageShare share = language_share(target, completion, length);
    return share.n_words > 0 ? (double)share.n_target / (double)share.n_words : (double)NAN;
}

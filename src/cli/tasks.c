/* SPDX-License-Identifier: MIT */
/* cli/tasks.c: the procedural problems and the pretraining corpus, as JSON lines, and a table to judge them by. */
#include "cli/cli.h"

#include "base/arena.h"
#include "cli/tasks_chat.h"
#include "data/corpus.h"
#include "data/task_rows.h"
#include "data/text_stats.h"
#include "eval/judge_opinion.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct TasksOptions {
    bool list, corpus, stats, pairs, candidates, judgements, rewrites;
    int64_t n, seed, level;
    const char *split, *mix, *language, *responses, *chat, *system,
        *prompt; /* language NULL: English, and rows do not say so */
} TasksOptions;

static const char *const split_names[] = {"train", "held-out", NULL};
static const char *const response_names[] = {"any", "good", NULL};

static bool list_families(Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int task = 0; ok && task < task_count_all(); task++) {
        json_out_object(&out);
        json_out_kv_string(&out, "task", task_name(task));
        json_out_kv_string(&out, "summary", task_summary(task));
        json_out_kv_string(&out, "kind",
                           task_is_general(task)  ? "general"
                           : task >= task_count() ? "words"
                           : task_is_search(task) ? "search"
                                                  : "chain");
        json_out_kv_int(&out, "levels", task_levels(task));
        json_out_kv_int(&out, "train_levels", task_train_levels(task));
        json_out_kv_int(&out, "corpus_levels", task_corpus_levels(task));
        json_out_object_end(&out);
        ok = json_out_line(&out, stdout, err);
    }
    json_out_free(&out);
    return ok;
}

/* ---- problems ---- */

static Split split_of(const TasksOptions *o)
{
    return strcmp(o->split, "train") == 0 ? SPLIT_TRAIN : SPLIT_HELD_OUT;
}

static LanguageChoice language_of(const TasksOptions *o)
{
    return o->language ? language_choice(o->language) : LANGUAGE_ONLY_EN;
}

static bool print_row(void *context, JsonOut *row, Error *err)
{
    (void)context;
    return json_out_line(row, stdout, err);
}

static TaskRows rows_of(int task, const TasksOptions *o)
{
    return (TaskRows){.task = task,
                      .level = (int)o->level,
                      .split = split_of(o),
                      .n = o->n,
                      .seed = o->seed,
                      .language = language_of(o),
                      .names_language = o->language != NULL,
                      .good = o->responses && strcmp(o->responses, "good") == 0,
                      .judge_prompt = o->prompt,
                      .sink = print_row};
}

/* How it is asked of a chat model; the answer decides. */
static bool put_question(JsonOut *out, const Problem *p, const ChatTemplate *chat, const char *system, Error *err)
{
    char *text;
    size_t length;
    json_out_kv_string(out, "question", p->question);
    if (!tasks_chat_prompt(&text, &length, chat, system, p->question, err)) return false;
    json_out_key(out, "prompt");
    json_out_string(out, text, length);
    json_out_kv_string(out, "answer", p->answer);
    base_free(text);
    return true;
}

static bool write_chat_problems(int task, const TasksOptions *o, Error *err)
{
    const TaskRows rows = rows_of(task, o);
    ChatTemplate *chat = NULL;
    JsonOut out = {0};
    bool ok = tasks_chat_fits(task, err) && chat_template_open(&chat, o->chat, err);
    for (int64_t i = 0; ok && i < o->n; i++) {
        Problem problem;
        task_rows_begin(&out, &problem, &rows, i);
        ok = put_question(&out, &problem, chat, o->system, err);
        json_out_object_end(&out);
        ok = ok && print_row(NULL, &out, err);
    }
    json_out_free(&out);
    chat_template_free(chat);
    return ok;
}

static bool write_problems(int task, const TasksOptions *o, Error *err)
{
    const TaskRows rows = rows_of(task, o);
    return o->chat ? write_chat_problems(task, o, err) : task_rows_problems(&rows, err);
}

static bool write_rewrites(const TasksOptions *o, Error *err)
{
    const TaskRows rows = rows_of(TASK_ROWS_ALL, o);
    return task_rows_rewrites(&rows, err);
}

/* ---- documents ---- */

static CorpusMix mix_of(const TasksOptions *o)
{
    int kind = 0;
    while (strcmp(corpus_names()[kind], o->mix) != 0) kind++;
    return corpus_mix((CorpusKind)kind);
}

static bool write_documents(const TasksOptions *o, Error *err)
{
    const CorpusMix mix = mix_of(o);
    Document *document = base_alloc(1, sizeof *document);
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < o->n; i++) {
        corpus_document(document, &mix, (uint64_t)o->seed, (uint64_t)i);
        json_out_object(&out);
        json_out_key(&out, "text");
        json_out_string(&out, document->text, document->length);
        json_out_kv_string(&out, "style", corpus_style_name(document->style));
        json_out_kv_string(&out, "task", task_name(document->problem.task));
        json_out_kv_int(&out, "level", document->problem.level);
        json_out_kv_bool(&out, "right", document->right);
        json_out_kv_int(&out, "prompt_length", (int64_t)document->prompt_length);
        if (mix.chinese > 0) {
            json_out_kv_string(&out, "language", task_language_code(document->problem.language));
            json_out_kv_bool(&out, "mixed", document->mixed);
        }
        json_out_object_end(&out);
        ok = json_out_line(&out, stdout, err);
    }
    json_out_free(&out);
    base_free(document);
    return ok;
}

/* ---- the table ---- */

enum { STATS_STYLES = 3 }; /* direct, worked, checked */

typedef struct LevelStats {
    int64_t distinct;                /* different problems among the n drawn */
    double prompt_length;            /* characters, mean */
    double length[STATS_STYLES];     /* characters of a completion, mean */
    double right[STATS_STYLES];      /* share of right answers */
    double guess;                    /* share of right answers when nothing is known (search families) */
    double reflective, first_missed; /* of checked completions: words a completion; share whose first try missed */
} LevelStats;

static int compare_texts(const void *a, const void *b)
{
    return memcmp(a, b, TASK_MAX_TEXT);
}

static int64_t count_distinct(char (*checks)[TASK_MAX_TEXT], int64_t n)
{
    int64_t distinct = n > 0;
    qsort(checks, (size_t)n, sizeof *checks, compare_texts);
    for (int64_t i = 1; i < n; i++) distinct += compare_texts(checks[i - 1], checks[i]) != 0;
    return distinct;
}

static void gather_styles(LevelStats *s, Document *document, const CorpusMix *mix, const CorpusMix *blind,
                          const TasksOptions *o, int64_t i)
{
    const double share = 1.0 / (double)o->n;
    for (int style = 0; style < STATS_STYLES; style++) {
        corpus_write(document, mix, (CorpusStyle)style, (uint64_t)o->seed, (uint64_t)i);
        s->length[style] += share * (double)(document->length - document->prompt_length);
        s->right[style] += share * document->right;
    }
    const char *completion = document->text + document->prompt_length;
    const size_t length = document->length - document->prompt_length; /* of the checked one */
    s->reflective += share * text_reflective_words(completion, length);
    s->first_missed += share * task_audit(document->problem.check, completion, length).first_missed;
    s->prompt_length += share * (double)document->prompt_length;
    corpus_write(document, blind, STYLE_DIRECT, (uint64_t)o->seed, (uint64_t)i);
    s->guess += share * document->right;
}

static LevelStats gather_level(int task, int level, const TasksOptions *o)
{
    const CorpusMix mix = mix_of(o);
    CorpusMix blind = mix;
    blind.try_right = 0;
    LevelStats stats = {0};
    Document *document = base_alloc(1, sizeof *document);
    char(*checks)[TASK_MAX_TEXT] = base_alloc((size_t)o->n, sizeof *checks);
    for (int64_t i = 0; i < o->n; i++) {
        task_problem(&document->problem, task, level, SPLIT_TRAIN, (uint64_t)o->seed, (uint64_t)i);
        memcpy(checks[i], document->problem.check, TASK_MAX_TEXT); /* zero behind its end */
        gather_styles(&stats, document, &mix, &blind, o, i);
    }
    stats.distinct = count_distinct(checks, o->n);
    base_free(checks);
    base_free(document);
    return stats;
}

static const char *level_use(int task, int level)
{
    return level <= task_corpus_levels(task) ? "corpus, RL" : level <= task_train_levels(task) ? "RL" : "unseen";
}

static void print_stats_line(const LevelStats *s, int task, int level)
{
    printf("%-8s %5d  %-10s %8" PRId64 " %7.0f", task_name(task), level, level_use(task, level), s->distinct,
           s->prompt_length);
    for (int style = 0; style < STATS_STYLES; style++)
        printf("  %6.0f %4.0f%%", s->length[style], 100 * s->right[style]);
    printf("  %6.2f", s->reflective);
    if (task_is_search(task)) printf(" %5.0f%% %5.0f%%", 100 * s->first_missed, 100 * s->guess);
    printf("\n");
}

static bool print_stats_json(const LevelStats *s, int task, int level, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "task", task_name(task));
    json_out_kv_int(&out, "level", level);
    json_out_kv_string(&out, "use", level_use(task, level));
    json_out_kv_int(&out, "distinct", s->distinct);
    json_out_kv_double(&out, "prompt_length", s->prompt_length);
    for (int style = 0; style < STATS_STYLES; style++) {
        json_out_key(&out, corpus_style_name((CorpusStyle)style));
        json_out_object(&out);
        json_out_kv_double(&out, "length", s->length[style]);
        json_out_kv_double(&out, "right", s->right[style]);
        json_out_object_end(&out);
    }
    json_out_kv_double(&out, "reflective_words", s->reflective);
    if (task_is_search(task)) {
        json_out_kv_double(&out, "first_missed", s->first_missed);
        json_out_kv_double(&out, "blind_guess_right", s->guess);
    }
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* One task, or all of them when task < 0. */
static bool write_stats(const Cli *cli, int task, const TasksOptions *o, Error *err)
{
    if (!cli->json)
        printf("                              of %5" PRId64
               "          direct       worked       checked (characters, right)\n"
               "task     level  used by    distinct  prompt  length right  length right  length right   words  miss1  "
               "guess\n",
               o->n);
    for (int t = task < 0 ? 0 : task; t < (task < 0 ? task_count() : task + 1); t++)
        for (int level = 1; level <= task_levels(t); level++) {
            const LevelStats stats = gather_level(t, level, o);
            if (!cli->json)
                print_stats_line(&stats, t, level);
            else if (!print_stats_json(&stats, t, level, err))
                return false;
        }
    return true;
}

/* ---- the command ---- */

/* -1 when none is named. */
static bool find_task(const CliArguments *rest, int *task, Error *err)
{
    *task = rest->n_items == 0 ? -1 : task_find(rest->items[0]);
    return rest->n_items == 0 || *task >= 0 ||
           error_set(err, ERROR_USAGE, "no task is called %s; `r1 tasks --list` names them", rest->items[0]);
}

/* What a general task's rows are, beside its requests; NULL: nothing else. */
static bool pick_general(const TasksOptions *o, bool (**write)(const TaskRows *, Error *), const char **name,
                         Error *err)
{
    const struct {
        const char *name;
        bool wanted;
        bool (*write)(const TaskRows *, Error *);
    } kinds[] = {{"responses", o->responses != NULL, task_rows_responses},
                 {"pairs", o->pairs, task_rows_pairs},
                 {"candidates", o->candidates, task_rows_candidates},
                 {"judgements", o->judgements, task_rows_judgements}};
    *write = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!kinds[i].wanted) continue;
        if (*write) return error_set(err, ERROR_USAGE, "give one of --%s and --%s", *name, kinds[i].name);
        *write = kinds[i].write;
        *name = kinds[i].name;
    }
    return true;
}

static bool write_rows(int task, const TasksOptions *o, Error *err)
{
    const TaskRows rows = rows_of(task, o);
    bool (*write)(const TaskRows *, Error *);
    const char *name;
    if (!pick_general(o, &write, &name, err)) return false;
    if (!write) return write_problems(task, o, err);
    if (!task_is_general(task))
        return error_set(err, ERROR_USAGE, "--%s goes with a general task: helpful, safety", name);
    return write(&rows, err);
}

static bool tasks_run(Cli *cli, int argc, char **argv, Error *err)
{
    TasksOptions o = {.n = 10, .split = "train", .mix = "default"};
    const CliOption options[] = {
        CLI_FLAG("--list", &o.list, "name the families and their levels"),
        CLI_INT("--n", "N", &o.n, 1, 1000000000, "how many problems, documents, or draws behind the table [10]"),
        CLI_INT("--seed", "S", &o.seed, 0, INT64_MAX, "another seed gives other problems of the same split [0]"),
        CLI_CHOICE("--split", &o.split, split_names, "the two have no problem in common [train]"),
        CLI_INT("--level", "L", &o.level, 1, TASK_MAX_LEVELS, "one level [the trained levels in turn]"),
        CLI_FLAG("--corpus", &o.corpus, "write pretraining documents of all families"),
        CLI_CHOICE("--language", &o.language, language_choices(),
                   "of the questions, both: in turn; rows then name theirs [en]"),
        CLI_CHOICE("--mix", &o.mix, corpus_names(),
                   "of the corpus: no-checking has no self-correcting text, bilingual two languages [default]"),
        CLI_CHOICE("--responses", &o.responses, response_names,
                   "helpful, safety: replies of any kind with their labels, or good ones alone"),
        CLI_FLAG("--pairs", &o.pairs, "helpful, safety: a better and a worse reply to each request"),
        CLI_FLAG("--candidates", &o.candidates,
                 "helpful, safety: replies to each request for `r1 pairs`, good and bad"),
        CLI_FLAG("--judgements", &o.judgements,
                 "helpful, safety: comparisons with their verdicts, to teach a judge by"),
        CLI_STRING("--prompt", "TEXT", &o.prompt,
                   "--judgements: what the judge is asked, as r1 pairs --prompt [the program's words]"),
        CLI_FLAG("--rewrites", &o.rewrites, "drafts in mixed languages, and readable versions with a summary"),
        CLI_STRING("--chat", "DIR", &o.chat,
                   "prompts are a user's turn through this model's template; the answer decides, without a check"),
        CLI_STRING("--system", "TEXT", &o.system, "--chat: a system message in front of it"),
        CLI_FLAG("--stats", &o.stats, "a table: problems, lengths and accuracies by family, level and style"),
        CLI_END,
    };
    CliArguments rest;
    int task;
    if (!cli_parse(cli, options, argc, argv, &rest, 0, 1, err) || !find_task(&rest, &task, err)) return false;
    if (o.list) return list_families(err);
    if (o.system && !o.chat) return error_set(err, ERROR_USAGE, "--system goes with --chat");
    if (o.chat && (o.corpus || o.stats || o.pairs || o.responses || o.candidates || o.judgements))
        return error_set(err, ERROR_USAGE, "--chat goes with problems");
    const bool general = o.pairs || o.responses || o.candidates || o.judgements;
    if (general && (o.corpus || o.stats || o.rewrites))
        return error_set(err, ERROR_USAGE,
                         "--responses, --pairs, --candidates and --judgements go with a general task");
    if (o.prompt && !o.judgements) return error_set(err, ERROR_USAGE, "--prompt goes with --judgements");
    if (o.prompt && !judge_check_prompt(JUDGE_COMPARE, o.prompt, err)) return false;
    if (o.rewrites && (task >= 0 || o.language))
        return error_set(err, ERROR_USAGE, "--rewrites draws from all families and both languages");
    if (o.rewrites) return write_rewrites(&o, err);
    if ((o.corpus || o.stats) && o.language)
        return error_set(err, ERROR_USAGE, "--language goes with problems; the corpus has its own: --mix");
    if (o.corpus && task >= 0)
        return error_set(err, ERROR_USAGE, "--corpus draws from all families; leave %s out", task_name(task));
    if (o.corpus) return write_documents(&o, err);
    if (o.stats && o.n > 1000000)
        return error_set(err, ERROR_USAGE, "--stats keeps its draws in memory: --n is at most 1000000");
    if (o.stats && task >= task_count())
        return error_set(err, ERROR_USAGE, "--stats is of families; %s is none", task_name(task));
    if (o.stats) return write_stats(cli, task, &o, err);
    if (task < 0) return error_set(err, ERROR_USAGE, "which task? `r1 tasks --list` names them");
    if (o.level > task_levels(task))
        return error_set(err, ERROR_USAGE, "--level %" PRId64 ": %s has levels 1 to %d", o.level, task_name(task),
                         task_levels(task));
    return write_rows(task, &o, err);
}

const Command command_tasks = {
    .name = "tasks",
    .summary = "procedural problems with exact answers, and the corpus made from them",
    .usage =
        "r1 tasks --list\n"
        "r1 tasks NAME [--n N --seed S --split train|held-out --level L --language en|zh|both]\n"
        "r1 tasks NAME --chat DIR [--system TEXT] ...\n"
        "r1 tasks helpful|safety --responses any|good | --pairs | --candidates | --judgements [--prompt TEXT] [...]\n"
        "r1 tasks --rewrites [--n N --seed S]\n"
        "r1 tasks --corpus [--n N --seed S --mix default|no-checking|bilingual]\n"
        "r1 tasks [NAME] --stats [--n N --json]",
    .details =
        "Problems come as {\"id\",\"task\",\"level\",\"prompt\",\"answer\",\"check\"}; several answers may be right, "
        "and\n"
        "`r1 verify --check CHECK --answer A` decides. A hash of the check puts a problem into the train or the\n"
        "held-out split; a question in another language has the same check. Documents come as\n"
        "{\"text\",\"style\",\"task\",\"level\",\"right\",\"prompt_length\"}.\n"
        "\n"
        "The general tasks, helpful and safety, are no problems: their checks say whether a reply is helpful or safe\n"
        "(docs/world.md). --responses gives {\"prompt\",\"completion\",\"label\",\"helpfulness\"}, --pairs\n"
        "{\"prompt\",\"chosen\",\"rejected\"}, each with what the rules say of it. --candidates gives\n"
        "{\"prompt\",\"completions\",\"check\"} for `r1 pairs`, --judgements {\"prompt\",\"completion\"} for its "
        "judge\n"
        "(docs/reward-models.md). --rewrites gives\n"
        "{\"prompt\",\"completion\"} for a model that makes drafts readable.",
    .example = "build/release/r1 tasks make --n 3 --split held-out",
    .run = tasks_run,
};

/* SPDX-License-Identifier: MIT */
/* record/run_store.c: opening, transactions, meta data and verdicts of run.sqlite. Rows of steps: run_store_rows.c.
 *
 * The schema (user_version STORE_VERSION). Columns read like the metrics; NULL means "there is none":
 *   meta         key, value
 *   problems     id, key, first_step, task, level, split, prompt, answer, check_text
 *   completions  step, phase (0 rollout, 1 evaluation), suite, round, prompt_index, completion_index, problem -> problems.id,
 *                text, finish_reason, length, accuracy, format, reward, advantage, verdict (0 wrong, 1 right, 2 undecided),
 *                reflective_words, style (0 direct, 1 worked, 2 checked), ids (int32 LE blob), logprobs (float32 LE blob)
 *   evaluations  step, suite, task ('' all), level (0 all), measure, value, standard_error, n_problems, n_samples
 *   verdicts     task_id, completion_hash, reward_version, verdict, reward, reason
 *
 * Invariants: (1) outside begin...commit the database holds whole steps only; (2) problems.first_step is the step that added
 * the row, so deleting by it leaves no completion without its problem, because a problem is added before it is answered. */
#include "record/run_store_sql.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { STORE_VERSION = 1, STORE_APPLICATION_ID = 0x72317374 /* "r1st" */, STORE_BUSY_MS = 60000 };

static const char schema[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);"
    "CREATE TABLE problems(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, first_step INTEGER NOT NULL, task TEXT "
    "NOT NULL,"
    " level INTEGER NOT NULL, split TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT, check_text TEXT);"
    "CREATE TABLE completions(step INTEGER NOT NULL, phase INTEGER NOT NULL, suite TEXT NOT NULL, round INTEGER NOT "
    "NULL,"
    " prompt_index INTEGER NOT NULL, completion_index INTEGER NOT NULL, problem INTEGER NOT NULL REFERENCES "
    "problems(id),"
    " text TEXT NOT NULL, finish_reason TEXT NOT NULL, length INTEGER NOT NULL, accuracy REAL, format REAL, reward "
    "REAL,"
    " advantage REAL, verdict INTEGER NOT NULL, reflective_words INTEGER, style INTEGER, ids BLOB, logprobs BLOB,"
    " UNIQUE(step, phase, suite, round, prompt_index, completion_index));"
    "CREATE INDEX completions_by_problem ON completions(problem);"
    "CREATE TABLE evaluations(step INTEGER NOT NULL, suite TEXT NOT NULL, task TEXT NOT NULL, level INTEGER NOT NULL,"
    " measure TEXT NOT NULL, value REAL, standard_error REAL, n_problems INTEGER NOT NULL, n_samples INTEGER NOT NULL,"
    " PRIMARY KEY(step, suite, task, level, measure)) WITHOUT ROWID;"
    "CREATE TABLE verdicts(task_id TEXT NOT NULL, completion_hash TEXT NOT NULL, reward_version TEXT NOT NULL,"
    " verdict INTEGER NOT NULL, reward REAL, reason TEXT, PRIMARY KEY(task_id, completion_hash, reward_version)) "
    "WITHOUT ROWID;";

static const char *const statement_text[STORE_N_STATEMENTS] = {
    [STORE_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_SET_META] = "INSERT INTO meta VALUES(?1,?2) ON CONFLICT(key) DO UPDATE SET value=excluded.value",
    [STORE_GET_META] = "SELECT value FROM meta WHERE key=?1",
    [STORE_ADD_PROBLEM] = "INSERT OR IGNORE INTO problems(key,first_step,task,level,split,prompt,answer,check_text)"
                          " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [STORE_ADD_COMPLETION] = "INSERT INTO completions VALUES(?1,?2,?3,?4,?5,?6,(SELECT id FROM problems WHERE key=?7),"
                             "?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
    [STORE_READ_COMPLETIONS] =
        "SELECT "
        "c.step,c.phase,c.suite,c.round,c.prompt_index,c.completion_index,c.text,c.finish_reason,c.length,c.accuracy,"
        "c.format,c.reward,c.advantage,c.verdict,c.reflective_words,c.style,c.ids,c.logprobs,"
        "p.key,p.task,p.level,p.split,p.prompt,p.answer,p.check_text"
        " FROM completions c JOIN problems p ON p.id=c.problem"
        " WHERE c.step BETWEEN ?1 AND ?2 AND c.phase=?3 AND (?4 IS NULL OR c.suite=?4)"
        " AND (?5 IS NULL OR c.problem=(SELECT id FROM problems WHERE key=?5))"
        " AND (?6<0 OR c.prompt_index=?6) AND (?7<0 OR c.completion_index=?7)"
        " ORDER BY c.step,c.phase,c.suite,c.round,c.prompt_index,c.completion_index",
    [STORE_ADD_EVALUATION] = "INSERT OR REPLACE INTO evaluations VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [STORE_READ_EVALUATIONS] =
        "SELECT * FROM evaluations WHERE ?1 IS NULL OR suite=?1 ORDER BY step,suite,task,level,measure",
    [STORE_PUT_VERDICT] = "INSERT OR IGNORE INTO verdicts VALUES(?1,?2,?3,?4,?5,?6)",
    [STORE_GET_VERDICT] =
        "SELECT verdict,reward FROM verdicts WHERE task_id=?1 AND completion_hash=?2 AND reward_version=?3",
};

/* ---- errors, statements, values ---- */

bool store_error(RunStore *store, Error *err, const char *doing)
{
    const int code = store->db ? sqlite3_errcode(store->db) & 0xff : SQLITE_NOMEM;
    const char *const said = store->db ? sqlite3_errmsg(store->db) : "out of memory";
    switch (code) {
    case SQLITE_FULL:
        return error_set(err, ERROR_SYSTEM, "%s: %s: the disk is full; free some space and run the same command again",
                         store->path, doing);
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return error_set(err, ERROR_INPUT, "%s: %s: %s; move the file away to start without its history", store->path,
                         doing, said);
    case SQLITE_BUSY:
        return error_set(err, ERROR_INPUT, "%s: %s: another program holds the file", store->path, doing);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        if (store->db && sqlite3_system_errno(store->db) != 0)
            return error_set(err, ERROR_SYSTEM, "%s: %s: %s (%s)", store->path, doing, said,
                             strerror(sqlite3_system_errno(store->db)));
        break;
    default:
        break;
    }
    return error_set(err, ERROR_SYSTEM, "%s: %s: %s", store->path, doing, said);
}

sqlite3_stmt *store_statement(RunStore *store, StoreStatement which, Error *err)
{
    sqlite3_stmt **const statement = &store->statements[which];
    if (!*statement && sqlite3_prepare_v3(store->db, statement_text[which], -1, SQLITE_PREPARE_PERSISTENT, statement,
                                          NULL) != SQLITE_OK) {
        store_error(store, err, "prepare");
        return NULL;
    }
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    return *statement;
}

bool store_run(RunStore *store, sqlite3_stmt *statement, const char *doing, Error *err)
{
    const int code = sqlite3_step(statement);
    const bool ok = code == SQLITE_DONE || code == SQLITE_ROW || store_error(store, err, doing);
    sqlite3_reset(statement);
    return ok;
}

void store_bind_bytes(sqlite3_stmt *statement, int index, const char *text, size_t length)
{
    if (!text)
        sqlite3_bind_null(statement, index);
    else if (memchr(text, 0, length) || utf8_first_error(text, length) != length)
        sqlite3_bind_blob64(statement, index, text, length, SQLITE_STATIC);
    else
        sqlite3_bind_text64(statement, index, text, length, SQLITE_STATIC, SQLITE_UTF8);
}

void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    store_bind_bytes(statement, index, text, text ? strlen(text) : 0);
}

void store_bind_double(sqlite3_stmt *statement, int index, double value)
{
    if (isnan(value))
        sqlite3_bind_null(statement, index);
    else
        sqlite3_bind_double(statement, index, value);
}

double store_column_double(sqlite3_stmt *statement, int index)
{
    return sqlite3_column_type(statement, index) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(statement, index);
}

const char *store_column_text(sqlite3_stmt *statement, int index)
{
    return (const char *)sqlite3_column_text(statement, index);
}

static bool execute(RunStore *store, const char *sql, const char *doing, Error *err)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK || store_error(store, err, doing);
}

/* ---- opening and closing ---- */

static bool read_pragma(RunStore *store, const char *sql, int64_t *value, Error *err)
{
    sqlite3_stmt *statement = NULL;
    bool ok = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK;
    ok = ok && sqlite3_step(statement) == SQLITE_ROW;
    if (ok)
        *value = sqlite3_column_int64(statement, 0);
    else
        store_error(store, err, "open");
    sqlite3_finalize(statement);
    return ok;
}

/* The file is ours, of this version, or (fresh) empty. */
static bool check_version(RunStore *store, bool *fresh, Error *err)
{
    int64_t version = 0, application = 0, tables = 0;
    if (!read_pragma(store, "PRAGMA user_version", &version, err) ||
        !read_pragma(store, "PRAGMA application_id", &application, err) ||
        !read_pragma(store, "SELECT count(*) FROM sqlite_master", &tables, err))
        return false;
    *fresh = tables == 0 && application == 0;
    if (*fresh) return true;
    if (application != STORE_APPLICATION_ID)
        return error_set(err, ERROR_INPUT, "%s: is a database, but not of a run", store->path);
    if (version != STORE_VERSION)
        return error_set(err, ERROR_INPUT, "%s: has format %d, this program reads format %d", store->path, (int)version,
                         STORE_VERSION);
    return true;
}

static bool create_schema(RunStore *store, Error *err)
{
    char *const sql = base_printf("BEGIN IMMEDIATE;%s PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT", schema,
                                  STORE_APPLICATION_ID, STORE_VERSION);
    const bool ok = execute(store, sql, "create", err);
    base_free(sql);
    return ok;
}

static bool open_database(RunStore *store, int flags, Error *err)
{
    if (sqlite3_open_v2(store->path, &store->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        return store_error(store, err, "open");
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    return true;
}

static RunStore *store_create(const char *folder, bool read_only)
{
    RunStore *const store = base_alloc(1, sizeof *store);
    store->path = base_printf("%s/run.sqlite", folder);
    store->read_only = read_only;
    return store;
}

bool run_store_open(RunStore **store, const char *folder, Error *err)
{
    RunStore *const opened = store_create(folder, false);
    bool fresh = false;
    const bool ok =
        open_database(opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) && check_version(opened, &fresh, err) &&
        execute(opened, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", "open", err) &&
        (!fresh || create_schema(opened, err));
    if (!ok) {
        run_store_close(opened);
        return false;
    }
    *store = opened;
    return true;
}

bool run_store_open_read(RunStore **store, const char *folder, Error *err)
{
    RunStore *const opened = store_create(folder, true);
    bool fresh = false;
    bool ok = file_exists(opened->path) ||
              error_set(err, ERROR_INPUT, "%s: there is no such file; is %s a run folder?", opened->path, folder);
    ok = ok && open_database(opened, SQLITE_OPEN_READONLY, err) && check_version(opened, &fresh, err);
    if (ok && fresh) ok = error_set(err, ERROR_INPUT, "%s: holds no run yet", opened->path);
    if (!ok) {
        run_store_close(opened);
        return false;
    }
    *store = opened;
    return true;
}

void run_store_close(RunStore *store)
{
    if (!store) return;
    run_store_rollback(store);
    for (int i = 0; i < STORE_N_STATEMENTS; i++) sqlite3_finalize(store->statements[i]);
    /* Leaves one plain file that can be read from a write-protected folder. Fails harmlessly while a reader is there. */
    if (store->db && !store->read_only) {
        sqlite3_busy_timeout(store->db, 0);
        sqlite3_exec(store->db, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    }
    sqlite3_close(store->db);
    base_free(store->path);
    base_free(store);
}

/* ---- transactions ---- */

static bool store_failpoint(RunStore *store, const char *name, const char *doing, Error *err)
{
    const int number = failpoint(name);
    return number == 0 || error_set(err, ERROR_SYSTEM, "%s: %s: %s", store->path, doing, strerror(number));
}

bool run_store_begin(RunStore *store, Error *err)
{
    if (store->in_transaction) return error_set(err, ERROR_BUG, "%s: a step is begun inside a step", store->path);
    sqlite3_stmt *const begin = store_statement(store, STORE_BEGIN, err);
    if (!begin || !store_failpoint(store, "store.begin", "begin a step", err)) return false;
    store->in_transaction = store_run(store, begin, "begin a step", err);
    return store->in_transaction;
}

bool run_store_commit(RunStore *store, Error *err)
{
    sqlite3_stmt *const commit = store_statement(store, STORE_COMMIT, err);
    if (!commit || !store_failpoint(store, "store.commit", "store a step", err) ||
        !store_run(store, commit, "store a step", err)) {
        run_store_rollback(store);
        return false;
    }
    store->in_transaction = false;
    return store_failpoint(store, "store.committed", "store a step", err);
}

void run_store_rollback(RunStore *store)
{
    Error ignored = {0};
    if (!store->in_transaction) return;
    store->in_transaction = false;
    sqlite3_stmt *const rollback = store_statement(store, STORE_ROLLBACK, &ignored);
    if (rollback) (void)!store_run(store, rollback, "roll back", &ignored); /* SQLite may have done it by itself */
}

bool run_store_resume(RunStore *store, int64_t step, Error *err)
{
    char *const sql = base_printf("BEGIN IMMEDIATE;"
                                  "DELETE FROM completions WHERE step>%lld;"
                                  "DELETE FROM evaluations WHERE step>%lld;"
                                  "DELETE FROM problems WHERE first_step>%lld;"
                                  "COMMIT",
                                  (long long)step, (long long)step, (long long)step);
    const bool ok = execute(store, sql, "go back to the resumed step", err);
    if (!ok) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    base_free(sql);
    return ok;
}

/* ---- meta data ---- */

bool run_store_set_meta(RunStore *store, const char *key, const char *value, Error *err)
{
    sqlite3_stmt *const statement = store_statement(store, STORE_SET_META, err);
    if (!statement) return false;
    store_bind_text(statement, 1, key);
    store_bind_text(statement, 2, value);
    return store_run(store, statement, "write meta data", err);
}

bool run_store_get_meta(RunStore *store, const char *key, char **value, Error *err)
{
    *value = NULL;
    sqlite3_stmt *const statement = store_statement(store, STORE_GET_META, err);
    if (!statement) return false;
    store_bind_text(statement, 1, key);
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) *value = base_strdup(store_column_text(statement, 0));
    const bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_error(store, err, "read meta data");
    sqlite3_reset(statement);
    return ok;
}

/* ---- verdicts ---- */

bool run_store_put_verdict(RunStore *store, const StoredVerdict *verdict, Error *err)
{
    sqlite3_stmt *const statement = store_statement(store, STORE_PUT_VERDICT, err);
    if (!statement) return false;
    store_bind_text(statement, 1, verdict->task_id);
    store_bind_text(statement, 2, verdict->completion_hash);
    store_bind_text(statement, 3, verdict->reward_version);
    sqlite3_bind_int(statement, 4, verdict->verdict);
    store_bind_double(statement, 5, verdict->reward);
    store_bind_text(statement, 6, verdict->reason);
    return store_run(store, statement, "store a verdict", err);
}

bool run_store_get_verdict(RunStore *store, const char *task_id, const char *completion_hash,
                           const char *reward_version, bool *found, int *verdict, double *reward, Error *err)
{
    *found = false;
    sqlite3_stmt *const statement = store_statement(store, STORE_GET_VERDICT, err);
    if (!statement) return false;
    store_bind_text(statement, 1, task_id);
    store_bind_text(statement, 2, completion_hash);
    store_bind_text(statement, 3, reward_version);
    const int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *found = true;
        *verdict = sqlite3_column_int(statement, 0);
        *reward = store_column_double(statement, 1);
    }
    const bool ok = code == SQLITE_ROW || code == SQLITE_DONE || store_error(store, err, "read a verdict");
    sqlite3_reset(statement);
    return ok;
}

bool run_store_import_verdicts(RunStore *store, const char *other_folder, Error *err)
{
    RunStore *other = NULL;
    if (!run_store_open_read(&other, other_folder, err)) return false;
    sqlite3_stmt *rows = NULL;
    bool ok = sqlite3_prepare_v2(other->db, "SELECT * FROM verdicts", -1, &rows, NULL) == SQLITE_OK ||
              store_error(other, err, "read verdicts");
    ok = ok && run_store_begin(store, err);
    int code = SQLITE_DONE;
    while (ok && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        const StoredVerdict verdict = {
            .task_id = store_column_text(rows, 0),
            .completion_hash = store_column_text(rows, 1),
            .reward_version = store_column_text(rows, 2),
            .verdict = sqlite3_column_int(rows, 3),
            .reward = store_column_double(rows, 4),
            .reason = store_column_text(rows, 5),
        };
        ok = run_store_put_verdict(store, &verdict, err);
    }
    if (ok && code != SQLITE_DONE) ok = store_error(other, err, "read verdicts");
    if (ok)
        ok = run_store_commit(store, err);
    else
        run_store_rollback(store);
    sqlite3_finalize(rows);
    run_store_close(other);
    return ok;
}

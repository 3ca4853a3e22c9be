/* SPDX-License-Identifier: MIT */
/* record/run_store_sql.h: what run_store.c and run_store_rows.c share: the connection, its prepared statements, and SQLite's
 * errors as ours. Not for other files. */
#ifndef R1_RECORD_RUN_STORE_SQL_H
#define R1_RECORD_RUN_STORE_SQL_H

#include "record/run_store.h"

#include <sqlite3.h>

typedef enum StoreStatement {
    STORE_BEGIN,
    STORE_COMMIT,
    STORE_ROLLBACK,
    STORE_SET_META,
    STORE_GET_META,
    STORE_ADD_PROBLEM,
    STORE_ADD_COMPLETION,
    STORE_READ_COMPLETIONS,
    STORE_ADD_EVALUATION,
    STORE_READ_EVALUATIONS,
    STORE_PUT_VERDICT,
    STORE_GET_VERDICT,
    STORE_N_STATEMENTS
} StoreStatement;

struct RunStore {
    sqlite3 *db;
    char *path; /* for messages, owned */
    bool read_only;
    bool in_transaction;
    sqlite3_stmt *statements[STORE_N_STATEMENTS]; /* prepared when first used */
};

/* Fills err with path and SQLite's words. Always false. */
bool store_error(RunStore *store, Error *err, const char *doing);
/* The prepared statement, reset and without bindings; NULL with err set. */
sqlite3_stmt *store_statement(RunStore *store, StoreStatement which, Error *err);
/* Runs a statement that returns no rows and resets it. */
bool store_run(RunStore *store, sqlite3_stmt *statement, const char *doing, Error *err) R1_MUST_CHECK;

/* NULL and NaN become SQL NULL; bytes that are not UTF-8 (or hold a zero) are bound as a blob, so that every reader of TEXT
 * finds text. The memory must live until the statement has run. */
void store_bind_text(sqlite3_stmt *statement, int index, const char *text);
void store_bind_bytes(sqlite3_stmt *statement, int index, const char *text, size_t length);
void store_bind_double(sqlite3_stmt *statement, int index, double value);
double store_column_double(sqlite3_stmt *statement, int index);    /* NULL is NaN */
const char *store_column_text(sqlite3_stmt *statement, int index); /* NULL stays NULL */

#endif

/* SPDX-License-Identifier: MIT */
/* SQLite files by way of a temporary name. The database keeps no journal: where writing
 * fails, the whole file goes. */
#include "export/database.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"

/* What of the file SQLite keeps in memory, sorting for indexes included. */
#define CACHE_KIB "65536"

struct at_database {
    at_output output;
    sqlite3 *handle;
    const at_table *tables;
    size_t n_tables;
    sqlite3_stmt **inserts;            /* [n_tables] NULL until the first row */
    at_buffer cleaned[AT_MAX_COLUMNS]; /* texts of a row that were not UTF-8 */
};

/* 1. Errors */

static attrib_status fail_sqlite(const at_database *self, int code, attrib_error *err)
{
    const char *path = self->output.path;
    switch (code & 0xFF) {
    case SQLITE_NOMEM:
        return at_fail(err, ATTRIB_ENOMEM, "%s: out of memory", path);
    case SQLITE_TOOBIG:
        return at_fail(err, ATTRIB_ERANGE, "%s: a text longer than SQLite holds", path);
    case SQLITE_FULL:
        return at_fail(err, ATTRIB_EIO, "%s: writing: no space left on the disk", path);
    case SQLITE_IOERR:
        return at_fail(err, ATTRIB_EIO, "%s: writing: input/output error", path);
    default:
        break;
    }
    return at_fail(err, ATTRIB_EIO, "%s: %s", path,
                   self->handle ? sqlite3_errmsg(self->handle) : sqlite3_errstr(code));
}

static attrib_status check_sqlite(const at_database *self, int code, attrib_error *err)
{
    return code == SQLITE_OK || code == SQLITE_DONE ? ATTRIB_OK
                                                    : fail_sqlite(self, code, err);
}

attrib_status at_database_run(at_database *self, const char *sql, attrib_error *err)
{
    return check_sqlite(self, sqlite3_exec(self->handle, sql, NULL, NULL, NULL), err);
}

/* 2. Opening */

static attrib_status make_tables(at_database *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer sql = {0};
    for (size_t i = 0; i < self->n_tables; i++) {
        const at_table *table = &self->tables[i];
        at_buffer_clear(&sql);
        AT_TRY(at_buffer_print(&sql, err, "CREATE TABLE %s (%s) STRICT%s", table->name,
                               table->definition,
                               table->has_rowid ? "" : ", WITHOUT ROWID"));
        AT_TRY(at_database_run(self, sql.bytes, err));
    }
done:
    at_buffer_free(&sql);
    return status;
}

/* Open SQLite on the temporary file, which is there and empty. A name that begins with a
 * folder is never one that SQLite gives a meaning of its own (":memory:"). */
static attrib_status open_handle(at_database *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    const char *temporary = self->output.temporary;
    AT_TRY(at_buffer_print(&name, err, "%s%s", *temporary == '/' ? "" : "./", temporary));
    AT_TRY(
        check_sqlite(self,
                     sqlite3_open_v2(name.bytes, &self->handle,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL),
                     err));
    AT_TRY(at_database_run(self,
                           "PRAGMA journal_mode = OFF;"
                           "PRAGMA synchronous = OFF;"
                           "PRAGMA locking_mode = EXCLUSIVE;"
                           "PRAGMA foreign_keys = OFF;"
                           "PRAGMA cache_size = -" CACHE_KIB ";"
                           "BEGIN",
                           err));
done:
    at_buffer_free(&name);
    return status;
}

attrib_status at_database_new(const char *path,
                              const at_table *tables,
                              size_t n_tables,
                              at_database **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_database *self = NULL;
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->tables = tables;
    self->n_tables = n_tables;
    AT_TRY(at_output_open(path, &self->output, err));
    AT_CHECK(self->output.temporary, ATTRIB_EINVAL,
             "%s: a SQLite database is not written in order: name a file with -o",
             self->output.path);
    AT_TRY(at_array(n_tables, sizeof(sqlite3_stmt *), &self->inserts, err));
    AT_TRY(open_handle(self, err));
    AT_TRY(make_tables(self, err));
    *out = self;
    self = NULL;
done:
    at_database_free(self);
    return status;
}

/* 3. Rows */

static attrib_status prepare_insert(at_database *self, size_t i_table, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_table *table = &self->tables[i_table];
    at_buffer sql = {0};
    AT_TRY(at_buffer_print(&sql, err, "INSERT INTO %s VALUES (?", table->name));
    for (size_t i = 1; i < table->n_columns; i++) {
        AT_TRY(at_buffer_append(&sql, ",?", 2, err));
    }
    AT_TRY(at_buffer_append(&sql, ")", 1, err));
    AT_TRY(check_sqlite(self,
                        sqlite3_prepare_v3(self->handle, sql.bytes, -1,
                                           SQLITE_PREPARE_PERSISTENT,
                                           &self->inserts[i_table], NULL),
                        err));
done:
    at_buffer_free(&sql);
    return status;
}

static attrib_status bind_text(at_database *self,
                               sqlite3_stmt *insert,
                               size_t i,
                               const at_value *value,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = value->text;
    size_t n = value->n_bytes;
    if (!at_utf8_is_valid(text, n, NULL)) {
        at_buffer_clear(&self->cleaned[i]);
        AT_TRY(at_append_utf8(&self->cleaned[i], text, n, err));
        text = self->cleaned[i].bytes;
        n = self->cleaned[i].n_bytes;
    }
    AT_TRY(check_sqlite(
        self,
        sqlite3_bind_text64(insert, (int)i + 1, text, n, SQLITE_STATIC, SQLITE_UTF8),
        err));
done:
    return status;
}

static attrib_status bind_value(at_database *self,
                                sqlite3_stmt *insert,
                                size_t i,
                                const at_value *value,
                                attrib_error *err)
{
    int column = (int)i + 1;
    switch (value->kind) {
    case AT_NONE:
        return check_sqlite(self, sqlite3_bind_null(insert, column), err);
    case AT_INTEGER:
        return check_sqlite(self, sqlite3_bind_int64(insert, column, value->integer),
                            err);
    case AT_REAL:
        return check_sqlite(self, sqlite3_bind_double(insert, column, value->real), err);
    case AT_TEXT:
    case AT_JSON:
        break;
    }
    return bind_text(self, insert, i, value, err);
}

attrib_status at_database_insert(at_database *self,
                                 size_t i_table,
                                 const at_value *values,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sqlite3_stmt *insert = self->inserts[i_table];
    if (!insert) {
        AT_TRY(prepare_insert(self, i_table, err));
        insert = self->inserts[i_table];
    }
    for (size_t i = 0; i < self->tables[i_table].n_columns; i++) {
        AT_TRY(bind_value(self, insert, i, &values[i], err));
    }
    AT_TRY(check_sqlite(self, sqlite3_step(insert), err));
    AT_TRY(check_sqlite(self, sqlite3_reset(insert), err));
done:
    return status;
}

/* 4. Closing */

static void free_inserts(at_database *self)
{
    for (size_t i = 0; self->inserts && i < self->n_tables; i++) {
        sqlite3_finalize(self->inserts[i]);
    }
    free(self->inserts);
    self->inserts = NULL;
}

attrib_status at_database_commit(at_database *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    free_inserts(self);
    AT_TRY(at_database_run(self, "COMMIT", err));
    AT_TRY(check_sqlite(self, sqlite3_close(self->handle), err));
    self->handle = NULL;
    AT_TRY(at_output_commit(&self->output, err));
done:
    return status;
}

void at_database_free(at_database *self)
{
    if (!self) {
        return;
    }
    free_inserts(self);
    sqlite3_close_v2(self->handle);
    at_output_discard(&self->output);
    for (size_t i = 0; i < AT_MAX_COLUMNS; i++) {
        at_buffer_free(&self->cleaned[i]);
    }
    free(self);
}

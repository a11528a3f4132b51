/* SPDX-License-Identifier: MIT */
/* A SQLite file that is filled once: tables described by a list, one transaction, seen
 * under its name only when it is whole. Private to the export room. */
#ifndef AT_EXPORT_DATABASE_H
#define AT_EXPORT_DATABASE_H

#include "base/file.h"
#include "export/value.h"

#define AT_MAX_COLUMNS 24

/* A table as it is made and filled. */
typedef struct at_table {
    const char *name;
    size_t n_columns;       /* at most AT_MAX_COLUMNS */
    const char *definition; /* its columns and constraints */
    bool has_rowid;         /* its key is one INTEGER PRIMARY KEY */
} at_table;

/* Zeroed = none. */
typedef struct at_database at_database;

/* Make an empty database with the tables [n_tables] for `path`, where it is not seen yet.
 * Standard output, pipes and devices are EINVAL, as pages are not written in order. */
attrib_status at_database_new(const char *path,
                              const at_table *tables,
                              size_t n_tables,
                              at_database **out,
                              attrib_error *err);
/* Run statements that give no rows. */
attrib_status at_database_run(at_database *self, const char *sql, attrib_error *err);
/* Insert a row of table i_table: values [its n_columns]. Text that is not UTF-8 has
 * U+FFFD in its place. */
attrib_status at_database_insert(at_database *self,
                                 size_t i_table,
                                 const at_value *values,
                                 attrib_error *err);
/* End the transaction and give the file its name. */
attrib_status at_database_commit(at_database *self, attrib_error *err);
/* Free it, and remove the file unless it was committed; NULL is fine. */
void at_database_free(at_database *self);

#endif

/* SPDX-License-Identifier: MIT */
/* What a run as a SQLite database consists of. Private to the export room. */
#ifndef AT_EXPORT_SQLITE_TABLES_H
#define AT_EXPORT_SQLITE_TABLES_H

#include "export/database.h"

enum {
    AT_META,
    AT_RUNS,
    AT_SETTINGS,
    AT_QUERIES,
    AT_QUERY_TAGS,
    AT_ANSWERS,
    AT_DOCUMENTS,
    AT_DOCUMENT_TAGS,
    AT_SELF_INFLUENCES,
    AT_SCORE_ROWS,
    AT_TOKEN_ROWS,
    AT_MODULES,
    AT_MODULE_SCORES,
    AT_GROUPS,
    AT_GROUP_SCORES,
    AT_CHECKPOINT_ROWS,
    AT_CHECKPOINT_SCORES,
    AT_N_TABLES
};

extern const at_table at_sqlite_tables[AT_N_TABLES];

/* Statements before the first row: whose file it is, and the version of its tables. */
extern const char at_sqlite_marks[];
/* Statements once all rows are there: indexes, views and full-text search. */
extern const char at_sqlite_finish[];

#endif

/* SPDX-License-Identifier: MIT */
/* The columns that tables of a run may have: one list of names, kinds and where the
 * values come from, for every format of rows. Private to the export room. */
#ifndef AT_EXPORT_FIELDS_H
#define AT_EXPORT_FIELDS_H

#include "attrib/export.h"
#include "export/rows.h"
#include "export/value.h"

typedef struct at_field at_field;

/* What a value depends on. */
typedef enum at_field_level {
    AT_OF_PAIR, /* the document, the query and the setting */
    AT_OF_QUERY,
    AT_OF_DOCUMENT
} at_field_level;

/* A column of a table. */
typedef struct at_row_column {
    const at_field *field;
    char *name;         /* "tags.kind" of one tag; owned */
    const char *key;    /* of the tag, in `name`; NULL for other fields */
    at_value_kind kind; /* of its values that are not none; AT_JSON is one kind of text */
    at_field_level level;
    at_buffer scratch; /* what its last value points to, where that is made here */
} at_row_column;

/* The columns of a table. Zeroed = empty. */
typedef struct at_row_columns {
    at_row_column *columns; /* [n] */
    size_t n;
    const attrib_run_info *info;
    at_buffer settings[ATTRIB_MAX_SETTINGS]; /* [n_settings] their names */
} at_row_columns;

/* Make the columns that a run's table has: those of `names` (separated by commas), or,
 * NULL, those of the format `standard`. EINVAL with the list of all names where one is
 * unknown or stands there twice. */
attrib_status at_row_columns_new(const attrib_run *run,
                                 const char *names,
                                 const char *standard,
                                 at_row_columns *out,
                                 attrib_error *err);
void at_row_columns_free(at_row_columns *list);

/* The value of column i in a row, valid until the next value of that column. */
attrib_status at_row_columns_get(
    at_row_columns *list, size_t i, const at_row *row, at_value *out, attrib_error *err);

/* The columns of tables of rows where none are named: of reported documents, or of all
 * scores. */
const char *at_standard_fields(const attrib_run_info *info, bool with_all);

/* JSON as text: a string without its quotes, anything else as it is. `scratch` holds the
 * text. Other values stay. */
attrib_status at_value_plain(at_value *value, at_buffer *scratch, attrib_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* Tables of comma-separated values (RFC 4180): quotes, either end of a line, a byte order
 * mark, empty lines between rows. */
#ifndef AT_FORMAT_CSV_H
#define AT_FORMAT_CSV_H

#include "base/memory.h"

/* A table whose rows are equally long; texts are UTF-8 without a NUL and end with one. */
typedef struct at_csv {
    char *name;         /* what messages call it: its path */
    char *bytes;        /* owned: where cells stand */
    const char **cells; /* [n_rows, n_columns]; row 0 is the header */
    size_t *lines;      /* [n_rows] where each begins, from 1 */
    size_t n_rows, n_columns;
} at_csv;

/* Parse `n` bytes. EFORMAT "NAME line 7: ..." for rows of other lengths, an open quote,
 * bytes after a closed one, a NUL, bytes that are not UTF-8, and a table without a
 * header. */
attrib_status at_csv_parse(
    const char *name, const char *bytes, size_t n, at_csv *out, attrib_error *err);

/* Parse a whole file of at most max_bytes bytes. */
attrib_status at_csv_read(const char *path,
                          size_t max_bytes,
                          at_csv *out,
                          attrib_error *err);

/* The cell of a row in a column. */
const char *at_csv_cell(const at_csv *table, size_t row, size_t column);

/* The column with this name; SIZE_MAX where there is none. */
size_t at_csv_column(const at_csv *table, const char *name);

/* The cell as a finite decimal number, NAN where it is empty; EFORMAT with line and
 * column for anything else. */
attrib_status at_csv_number(
    const at_csv *table, size_t row, size_t column, double *out, attrib_error *err);

void at_csv_free(at_csv *table);

#endif

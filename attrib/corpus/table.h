/* SPDX-License-Identifier: MIT */
/* Tables of separated values: a header, and records with a cell for each of its columns.
 * A record becomes a row of JSON, so that all that holds of rows holds of it. */
#ifndef AT_CORPUS_TABLE_H
#define AT_CORPUS_TABLE_H

#include "corpus/sink.h"
#include "corpus/window.h"

/* Read records; cells may stand in double quotes, "" being a quote in such a one. Cells
 * are strings, empty ones without quotes null. `separator` is that of the kind of file: a
 * comma gives way to a semicolon or a tab where the header has no comma. */
attrib_status at_read_table(at_window *w,
                            char separator,
                            at_sink sink,
                            attrib_error *err);

#endif

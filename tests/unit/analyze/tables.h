/* SPDX-License-Identifier: MIT */
/* Looking into the tables of an analysis. */
#ifndef TABLES_H
#define TABLES_H

#include "attrib/analyze.h"

/* The analysis of a run, or of two; fails the test where that fails. */
attrib_analysis *analyze_or_fail(const char *kind,
                                 attrib_run *run,
                                 attrib_run *other,
                                 const attrib_analyze_options *options);

/* The cell of a row in the column with this name. */
const attrib_cell *find_cell(const attrib_table *table, size_t row, const char *column);
double find_number(const attrib_table *table, size_t row, const char *column);
const char *find_text(const attrib_table *table, size_t row, const char *column);

/* The first row whose texts in these two columns are these; fails where there is none. */
size_t find_row(const attrib_table *table,
                const char *column,
                const char *text,
                const char *other_column,
                const char *other_text);

/* Fails unless both have the same tables, to the bit, and the same notes. */
void check_same_analysis(const attrib_analysis *a, const attrib_analysis *b);

/* Fails unless a note contains `part`. */
void check_note(const attrib_analysis *analysis, const char *part);

#endif

/* SPDX-License-Identifier: MIT */
#include "tables.h"

#include <math.h>
#include <string.h>

#include "support/check.h"

attrib_analysis *analyze_or_fail(const char *kind,
                                 attrib_run *run,
                                 attrib_run *other,
                                 const attrib_analyze_options *options)
{
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    job.kind = kind;
    job.run = run;
    job.other = other;
    job.options = options;
    check_ok(attrib_analyze(NULL, &job, &analysis, &err), &err);
    assert_string_equal(attrib_analysis_kind(analysis), kind);
    return analysis;
}

const attrib_cell *find_cell(const attrib_table *table, size_t row, const char *column)
{
    assert_non_null(table);
    assert_true(row < table->n_rows);
    for (size_t i = 0; i < table->n_columns; i++) {
        if (strcmp(table->columns[i].name, column) == 0) {
            return &table->cells[row * table->n_columns + i];
        }
    }
    fail_msg("no column %s in %s", column, table->name);
    return NULL;
}

double find_number(const attrib_table *table, size_t row, const char *column)
{
    return find_cell(table, row, column)->number;
}

const char *find_text(const attrib_table *table, size_t row, const char *column)
{
    return find_cell(table, row, column)->text;
}

static bool is_text(const attrib_table *table,
                    size_t row,
                    const char *column,
                    const char *text)
{
    const char *found = column ? find_text(table, row, column) : NULL;
    return !column || (found && strcmp(found, text) == 0);
}

size_t find_row(const attrib_table *table,
                const char *column,
                const char *text,
                const char *other_column,
                const char *other_text)
{
    for (size_t row = 0; row < table->n_rows; row++) {
        if (is_text(table, row, column, text) &&
            is_text(table, row, other_column, other_text)) {
            return row;
        }
    }
    fail_msg("no row %s, %s in %s", text, other_text ? other_text : "", table->name);
    return SIZE_MAX;
}

static void check_same_cell(const attrib_cell *a, const attrib_cell *b)
{
    assert_true(!a->text == !b->text);
    if (a->text) {
        assert_string_equal(a->text, b->text);
    }
    assert_true(isnan(a->number) ? isnan(b->number) : a->number == b->number);
}

void check_same_analysis(const attrib_analysis *a, const attrib_analysis *b)
{
    const attrib_table *table = NULL;
    const char *note = NULL;
    size_t i = 0;
    for (; (table = attrib_analysis_table(a, i)); i++) {
        const attrib_table *other = attrib_analysis_table(b, i);
        assert_non_null(other);
        assert_int_equal(table->n_rows, other->n_rows);
        for (size_t k = 0; k < table->n_rows * table->n_columns; k++) {
            check_same_cell(&table->cells[k], &other->cells[k]);
        }
    }
    assert_null(attrib_analysis_table(b, i));
    for (i = 0; (note = attrib_analysis_note(a, i)); i++) {
        assert_string_equal(note, attrib_analysis_note(b, i));
    }
    assert_null(attrib_analysis_note(b, i));
}

void check_note(const attrib_analysis *analysis, const char *part)
{
    const char *note = NULL;
    for (size_t i = 0; (note = attrib_analysis_note(analysis, i)); i++) {
        if (strstr(note, part)) {
            return;
        }
    }
    fail_msg("no note says \"%s\"", part);
}

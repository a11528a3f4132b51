/* SPDX-License-Identifier: MIT */
/* Results: tables that grow row by row, with their texts in one arena. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"

#define MAX_TABLES 8
#define MAX_NOTES  16

typedef struct growing_table {
    attrib_table shown;
    attrib_cell *cells; /* owned; shown.cells is the same */
    size_t capacity;    /* of cells */
} growing_table;

struct attrib_analysis {
    const char *kind;
    at_arena *texts;
    growing_table tables[MAX_TABLES];
    size_t n_tables;
    const char *notes[MAX_NOTES];
    size_t n_notes;
};

attrib_status at_analysis_new(const char *kind, attrib_analysis **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_analysis *analysis = NULL;
    AT_TRY(at_array(1, sizeof *analysis, (void *)&analysis, err));
    analysis->kind = kind;
    AT_TRY(at_arena_new(&analysis->texts, err));
    *out = analysis;
    analysis = NULL;
done:
    attrib_analysis_free(analysis);
    return status;
}

void attrib_analysis_free(attrib_analysis *analysis)
{
    if (!analysis) {
        return;
    }
    for (size_t i = 0; i < analysis->n_tables; i++) {
        free(analysis->tables[i].cells);
    }
    at_arena_free(analysis->texts);
    free(analysis);
}

attrib_status at_analysis_begin(attrib_analysis *analysis,
                                const char *name,
                                const char *title,
                                const attrib_column *columns,
                                size_t n_columns,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(analysis->n_tables < MAX_TABLES, ATTRIB_ERANGE, "more than %d tables",
             MAX_TABLES);
    analysis->tables[analysis->n_tables++].shown = (attrib_table){
        .name = name, .title = title, .columns = columns, .n_columns = n_columns};
done:
    return status;
}

attrib_status at_analysis_row(attrib_analysis *analysis,
                              const attrib_cell *row,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    growing_table *table = &analysis->tables[analysis->n_tables - 1];
    size_t n = table->shown.n_columns;
    size_t first = table->shown.n_rows * n;
    AT_TRY(
        at_grow(&table->cells, &table->capacity, first + n, sizeof *table->cells, err));
    for (size_t i = 0; i < n; i++) {
        attrib_cell *cell = &table->cells[first + i];
        *cell = row[i];
        AT_TRY(at_arena_text(analysis->texts, row[i].text,
                             row[i].text ? strlen(row[i].text) : 0, &cell->text, err));
    }
    table->shown.cells = table->cells;
    table->shown.n_rows++;
done:
    return status;
}

attrib_status at_analysis_say(attrib_analysis *analysis,
                              attrib_error *err,
                              const char *format,
                              ...)
{
    attrib_status status = ATTRIB_OK;
    char text[512];
    va_list arguments;
    AT_CHECK(analysis->n_notes < MAX_NOTES, ATTRIB_ERANGE, "more than %d notes",
             MAX_NOTES);
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    AT_TRY(at_arena_text(analysis->texts, text, strlen(text),
                         &analysis->notes[analysis->n_notes], err));
    analysis->n_notes++;
done:
    return status;
}

attrib_cell at_text_cell(const char *text)
{
    return (attrib_cell){text, (double)NAN};
}

attrib_cell at_number_cell(double number)
{
    return (attrib_cell){NULL, number};
}

attrib_cell at_count_cell(size_t count)
{
    return at_number_cell((double)count);
}

const char *attrib_analysis_kind(const attrib_analysis *analysis)
{
    return analysis->kind;
}

const attrib_table *attrib_analysis_table(const attrib_analysis *analysis, size_t i)
{
    return i < analysis->n_tables ? &analysis->tables[i].shown : NULL;
}

const char *attrib_analysis_note(const attrib_analysis *analysis, size_t i)
{
    return i < analysis->n_notes ? analysis->notes[i] : NULL;
}

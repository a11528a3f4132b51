/* SPDX-License-Identifier: MIT */
/* Analyses for people and programs: every kind has the same printers.
 *
 * 1. Listings.
 * 2. JSON.
 * 3. CSV. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "export/cells.h"
#include "export/csv_text.h"
#include "export/write.h"
#include "format/json.h"

#define STANDARD_WIDTH ((size_t)100)
#define TEXT_WIDTH     ((size_t)36) /* columns of a text at most */
#define LEAST_TEXT     ((size_t)16) /* that a table too wide leaves to a text */
#define GAP            ((size_t)2)

static bool is_text(const attrib_column *column)
{
    return strcmp(column->unit, "text") == 0;
}

static const attrib_cell *cell_at(const attrib_table *table, size_t row, size_t column)
{
    return &table->cells[row * table->n_columns + column];
}

/* 1. Listings */

typedef struct listing {
    at_buffer out;
    at_cells cells; /* scratch: the cell that is printed */
    size_t width;
    bool is_ascii;
    size_t n_rows; /* that are shown of a table; 0: all */
} listing;

/* Numbers of these units are at most about 1: their columns have three decimals. */
static bool is_about_one(const attrib_column *column)
{
    static const char *const units[] = {"correlation", "share", "index", "ratio"};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(column->unit, units[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A number in at most four digits, whole ones in all of theirs. */
static void print_number(const attrib_column *column,
                         double number,
                         char *out,
                         size_t size)
{
    if (isnan(number)) {
        snprintf(out, size, "-");
    } else if (is_about_one(column)) {
        snprintf(out, size, "%.3f", number);
    } else if (number == floor(number) && fabs(number) < 1e15) {
        snprintf(out, size, "%.0f", number);
    } else {
        snprintf(out, size, "%.4g", number);
    }
}

/* Put what a cell shows into the scratch cells. */
static attrib_status fill_cells(listing *self,
                                const attrib_column *column,
                                const attrib_cell *cell,
                                attrib_error *err)
{
    char number[40];
    const char *text = number;
    self->cells.n = 0;
    if (is_text(column)) {
        text = cell->text ? cell->text : "-";
    } else {
        print_number(column, cell->number, number, sizeof number);
    }
    return at_cells_add_text(&self->cells, text, strlen(text), err);
}

static size_t cells_width(const at_cells *cells)
{
    size_t width = 0;
    for (size_t i = 0; i < cells->n; i++) {
        width += cells->items[i].width;
    }
    return width;
}

static size_t n_shown(const listing *self, const attrib_table *table)
{
    return self->n_rows ? at_smaller(self->n_rows, table->n_rows) : table->n_rows;
}

/* The columns that the widest cell of a column takes. */
static attrib_status measure_column(listing *self,
                                    const attrib_table *table,
                                    size_t column,
                                    size_t *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_column *about = &table->columns[column];
    *out = strlen(about->name);
    for (size_t row = 0; row < n_shown(self, table); row++) {
        AT_TRY(fill_cells(self, about, cell_at(table, row, column), err));
        *out = at_larger(*out, cells_width(&self->cells));
    }
    *out = at_smaller(*out, at_larger(TEXT_WIDTH, strlen(about->name)));
done:
    return status;
}

static attrib_status pad(listing *self, size_t n, attrib_error *err)
{
    return at_buffer_print(&self->out, err, "%*s", (int)n, "");
}

/* Print the scratch cells in a column: texts begin at its left and numbers end at its
 * right. A text that is too long is shown by its end, which says more of an id. */
static attrib_status print_cell(
    listing *self, size_t width, bool is_left, bool is_last, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *sign = self->is_ascii ? "..." : "\xE2\x80\xA6";
    size_t sign_width = self->is_ascii ? 3 : 1;
    size_t used = cells_width(&self->cells);
    size_t first = 0;
    AT_TRY(pad(self, is_left || used >= width ? 0 : width - used, err));
    if (used > width) {
        while (first < self->cells.n && used + sign_width > width) {
            used -= self->cells.items[first++].width;
        }
        AT_TRY(at_buffer_append(&self->out, sign, strlen(sign), err));
        used += sign_width;
    }
    for (size_t i = first; i < self->cells.n; i++) {
        const at_cell *cell = &self->cells.items[i];
        AT_TRY(at_buffer_append(&self->out, cell->bytes, cell->n_bytes, err));
    }
    AT_TRY(pad(self, is_left && !is_last && used < width ? width - used : 0, err));
done:
    return status;
}

/* The columns of a table that a listing shows, with their widths. */
#define MAX_SHOWN 24

typedef struct shown_columns {
    size_t index[MAX_SHOWN], width[MAX_SHOWN];
    size_t n;
} shown_columns;

static attrib_status choose_columns(listing *self,
                                    const attrib_table *table,
                                    shown_columns *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out->n = 0;
    for (size_t i = 0; i < table->n_columns && out->n < MAX_SHOWN; i++) {
        if (!table->columns[i].is_detail) {
            out->index[out->n] = i;
            AT_TRY(measure_column(self, table, i, &out->width[out->n], err));
            out->n++;
        }
    }
done:
    return status;
}

/* Take from the texts what a table is wider than the listing. */
static void fit_columns(const listing *self,
                        const attrib_table *table,
                        shown_columns *shown)
{
    size_t total = 0;
    for (size_t i = 0; i < shown->n; i++) {
        total += shown->width[i] + (i > 0 ? GAP : 0);
    }
    for (size_t i = 0; i < shown->n && total > self->width; i++) {
        size_t width = shown->width[i];
        if (is_text(&table->columns[shown->index[i]]) && width > LEAST_TEXT) {
            size_t taken = at_smaller(width - LEAST_TEXT, total - self->width);
            shown->width[i] -= taken;
            total -= taken;
        }
    }
}

/* Print a row, or the names of the columns where `row` is SIZE_MAX. */
static attrib_status print_row(listing *self,
                               const attrib_table *table,
                               const shown_columns *shown,
                               size_t row,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < shown->n; i++) {
        const attrib_column *column = &table->columns[shown->index[i]];
        if (row == SIZE_MAX) {
            self->cells.n = 0;
            AT_TRY(
                at_cells_add_text(&self->cells, column->name, strlen(column->name), err));
        } else {
            AT_TRY(fill_cells(self, column, cell_at(table, row, shown->index[i]), err));
        }
        AT_TRY(pad(self, i > 0 ? GAP : 0, err));
        AT_TRY(
            print_cell(self, shown->width[i], is_text(column), i + 1 == shown->n, err));
    }
    AT_TRY(at_buffer_append(&self->out, "\n", 1, err));
done:
    return status;
}

static attrib_status print_table(listing *self,
                                 const attrib_table *table,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    shown_columns shown;
    size_t n = n_shown(self, table);
    AT_TRY(choose_columns(self, table, &shown, err));
    fit_columns(self, table, &shown);
    AT_TRY(at_buffer_print(&self->out, err, "%s\n\n", table->title));
    AT_TRY(print_row(self, table, &shown, SIZE_MAX, err));
    for (size_t row = 0; row < n; row++) {
        AT_TRY(print_row(self, table, &shown, row, err));
    }
    if (table->n_rows == 0) {
        AT_TRY(at_buffer_print(&self->out, err, "(none)\n"));
    } else if (n < table->n_rows) {
        AT_TRY(at_buffer_print(&self->out, err, "%zu of %zu rows (--rows 0 lists all)\n",
                               n, table->n_rows));
    }
    AT_TRY(at_buffer_append(&self->out, "\n", 1, err));
done:
    return status;
}

static attrib_status print_notes(listing *self,
                                 const attrib_analysis *analysis,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_frame frame = {
        .width = self->width, .max_lines = AT_MAX_LINES, .is_ascii = self->is_ascii};
    const char *note = NULL;
    for (size_t i = 0; (note = attrib_analysis_note(analysis, i)); i++) {
        AT_TRY(at_print_wrapped(&self->out, note, strlen(note), &frame, err));
    }
done:
    return status;
}

static attrib_status print_listing(const attrib_analysis *analysis,
                                   const attrib_text_options *options,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_text_options text;
    listing self = {0};
    const attrib_table *table = NULL;
    attrib_text_options_default(&text);
    AT_TRY(at_sized_take(options, "text_options", &text, err));
    self.width = text.width ? text.width : STANDARD_WIDTH;
    self.is_ascii = text.is_ascii;
    self.cells.is_ascii = text.is_ascii;
    self.n_rows = text.n_shown;
    for (size_t i = 0; (table = attrib_analysis_table(analysis, i)); i++) {
        AT_TRY(print_table(&self, table, err));
    }
    AT_TRY(print_notes(&self, analysis, err));
    *out = self.out;
    self.out = (at_buffer){0};
done:
    at_cells_free(&self.cells);
    at_buffer_free(&self.out);
    return status;
}

/* 2. JSON */

static attrib_status append_json_text(at_buffer *out, const char *text, attrib_error *err)
{
    return text ? at_json_append_text(out, text, strlen(text), err)
                : at_buffer_append(out, "null", 4, err);
}

static attrib_status append_json_columns(at_buffer *out,
                                         const attrib_table *table,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < table->n_columns; i++) {
        const attrib_column *column = &table->columns[i];
        AT_TRY(at_buffer_print(out, err, "%s{\"name\":", i ? "," : ""));
        AT_TRY(append_json_text(out, column->name, err));
        AT_TRY(at_buffer_print(out, err, ",\"unit\":"));
        AT_TRY(append_json_text(out, column->unit, err));
        AT_TRY(at_buffer_print(out, err, ",\"help\":"));
        AT_TRY(append_json_text(out, column->help, err));
        AT_TRY(at_buffer_append(out, "}", 1, err));
    }
done:
    return status;
}

/* A row as an object, as JSON lines and data frames have them. */
static attrib_status append_json_row(at_buffer *out,
                                     const attrib_table *table,
                                     size_t row,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < table->n_columns; i++) {
        const attrib_cell *cell = cell_at(table, row, i);
        AT_TRY(at_buffer_append(out, i ? "," : "{", 1, err));
        AT_TRY(append_json_text(out, table->columns[i].name, err));
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(is_text(&table->columns[i]) ? append_json_text(out, cell->text, err)
                                           : at_append_number(out, cell->number, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_json_table(at_buffer *out,
                                       const attrib_table *table,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "{\"name\":"));
    AT_TRY(append_json_text(out, table->name, err));
    AT_TRY(at_buffer_print(out, err, ",\"title\":"));
    AT_TRY(append_json_text(out, table->title, err));
    AT_TRY(at_buffer_print(out, err, ",\"columns\":["));
    AT_TRY(append_json_columns(out, table, err));
    AT_TRY(at_buffer_print(out, err, "],\"rows\":["));
    for (size_t row = 0; row < table->n_rows; row++) {
        AT_TRY(at_buffer_append(out, ",", row > 0, err));
        AT_TRY(append_json_row(out, table, row, err));
    }
    AT_TRY(at_buffer_print(out, err, "]}"));
done:
    return status;
}

/* An analysis as one JSON object on one line. */
static attrib_status append_analysis(at_buffer *out,
                                     const attrib_analysis *analysis,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_table *table = NULL;
    const char *note = NULL;
    AT_TRY(at_buffer_print(out, err, "{\"kind\":"));
    AT_TRY(append_json_text(out, attrib_analysis_kind(analysis), err));
    AT_TRY(at_buffer_print(out, err, ",\"notes\":["));
    for (size_t i = 0; (note = attrib_analysis_note(analysis, i)); i++) {
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        AT_TRY(append_json_text(out, note, err));
    }
    AT_TRY(at_buffer_print(out, err, "],\"tables\":["));
    for (size_t i = 0; (table = attrib_analysis_table(analysis, i)); i++) {
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        AT_TRY(append_json_table(out, table, err));
    }
    AT_TRY(at_buffer_print(out, err, "]}"));
done:
    return status;
}

/* 3. CSV */

static attrib_status find_table(const attrib_analysis *analysis,
                                const char *name,
                                const attrib_table **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer names = {0};
    const attrib_table *table = NULL;
    for (size_t i = 0; (table = attrib_analysis_table(analysis, i)); i++) {
        if (!name || strcmp(table->name, name) == 0) {
            *out = table;
            goto done;
        }
        AT_TRY(at_buffer_print(&names, err, "%s%s", i ? ", " : "", table->name));
    }
    status =
        at_fail(err, ATTRIB_EINVAL, "no table \"%s\": there are %s", name, names.bytes);
done:
    at_buffer_free(&names);
    return status;
}

static attrib_status append_csv_row(at_buffer *out,
                                    at_buffer *scratch,
                                    const attrib_table *table,
                                    size_t row,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < table->n_columns; i++) {
        const attrib_cell *cell = cell_at(table, row, i);
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        if (is_text(&table->columns[i])) {
            const char *text = cell->text ? cell->text : "";
            AT_TRY(at_append_csv_text(out, text, strlen(text), scratch, err));
        } else if (isfinite(cell->number)) {
            AT_TRY(at_append_number(out, cell->number, err));
        }
    }
    AT_TRY(at_buffer_append(out, "\r\n", 2, err));
done:
    return status;
}

static attrib_status print_csv(const attrib_table *table,
                               at_buffer *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer scratch = {0};
    for (size_t i = 0; i < table->n_columns; i++) {
        AT_TRY(at_buffer_print(out, err, "%s%s", i ? "," : "", table->columns[i].name));
    }
    AT_TRY(at_buffer_append(out, "\r\n", 2, err));
    for (size_t row = 0; row < table->n_rows; row++) {
        AT_TRY(append_csv_row(out, &scratch, table, row, err));
    }
done:
    at_buffer_free(&scratch);
    return status;
}

attrib_status attrib_export_analysis(const attrib_analysis *analysis,
                                     attrib_analysis_format format,
                                     const char *table,
                                     const attrib_text_options *options,
                                     const char *path,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer out = {0};
    const attrib_table *found = NULL;
    switch (format) {
    case ATTRIB_ANALYSIS_TEXT:
        AT_TRY(print_listing(analysis, options, &out, err));
        break;
    case ATTRIB_ANALYSIS_JSON:
        AT_TRY(append_analysis(&out, analysis, err));
        AT_TRY(at_buffer_append(&out, "\n", 1, err));
        break;
    case ATTRIB_ANALYSIS_CSV:
        AT_TRY(find_table(analysis, table, &found, err));
        AT_TRY(print_csv(found, &out, err));
        break;
    default:
        AT_CHECK(false, ATTRIB_EINVAL, "format %d of an analysis, expected 0 to 2",
                 (int)format);
    }
    AT_TRY(at_write_whole(path, &out, err));
done:
    at_buffer_free(&out);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Separated values, as RFC 4180 and spreadsheets write them.
 *
 *   1. Bytes   2. Cells   3. Records */
#include "corpus/table.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format/utf8.h"

#define MAX_COLUMNS ((size_t)1 << 16)

/* 1. Bytes */

typedef enum place {
    AT_FRONT,     /* of a cell */
    IN_CELL,      /* without quotes */
    IN_QUOTES,    /* where separators and newlines are text */
    BEHIND_QUOTES /* where another quote is the text of one */
} place;

static place step_over(place where, char c, char separator)
{
    if (where == IN_QUOTES) {
        return c == '"' ? BEHIND_QUOTES : IN_QUOTES;
    }
    if (c == separator || c == '\n') {
        return AT_FRONT;
    }
    if (c == '"' && where != IN_CELL) {
        return IN_QUOTES;
    }
    return where == BEHIND_QUOTES && c == '\r' ? BEHIND_QUOTES : IN_CELL;
}

/* Find the record at the window's front: its bytes without the newline, and the newlines
 * in it. */
static attrib_status find_record(
    at_window *w, char separator, size_t *n_bytes, size_t *n_lines, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    place where = AT_FRONT;
    size_t i = 0;
    *n_lines = 0;
    for (;;) {
        const char *bytes = at_window_bytes(w);
        size_t n = at_window_size(w);
        for (; i < n; i++) {
            if (bytes[i] == '\n' && where != IN_QUOTES) {
                *n_bytes = i;
                return ATTRIB_OK;
            }
            *n_lines += bytes[i] == '\n';
            where = step_over(where, bytes[i], separator);
        }
        if (w->is_at_end) {
            break;
        }
        AT_CHECK(n <= AT_MAX_ROW, ATTRIB_ERANGE,
                 "%s:%zu: a record of more than %zu bytes", w->name, w->line, AT_MAX_ROW);
        AT_TRY(at_window_fill(w, err));
    }
    AT_CHECK(where != IN_QUOTES, ATTRIB_EFORMAT,
             "%s:%zu: a cell in quotes that begins in this record has no end", w->name,
             w->line);
    *n_bytes = i;
done:
    return status;
}

/* 2. Cells */

/* One cell of a record: its text, and whether it stood in quotes. */
typedef struct cell {
    at_buffer text;
    bool is_quoted;
} cell;

/* Read the cell at the front of a record; *n_read counts its separator too, and is_last
 * says that there is none. */
static attrib_status read_cell(const char *bytes,
                               size_t n,
                               char separator,
                               cell *out,
                               size_t *n_read,
                               bool *is_last,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    place where = AT_FRONT;
    size_t i = 0;
    at_buffer_clear(&out->text);
    AT_TRY(at_buffer_append(&out->text, "", 0, err));
    out->is_quoted = n > 0 && bytes[0] == '"';
    for (; i < n; i++) {
        place next = step_over(where, bytes[i], separator);
        if (next == AT_FRONT) {
            break;
        }
        /* Quotes that open and close are no text, nor is \r after them. */
        bool is_text = next == IN_CELL || (next == IN_QUOTES && where != AT_FRONT);
        AT_TRY(at_buffer_append(&out->text, bytes + i, is_text, err));
        where = next;
    }
    *is_last = i == n;
    *n_read = i + !*is_last;
done:
    return status;
}

/* 3. Records */

typedef struct table {
    char separator;
    at_buffer names;  /* of the columns, each followed by a NUL */
    size_t n_columns; /* 0: the header is not read yet */
    cell cell;
    at_buffer row; /* of JSON */
} table;

static bool holds(const char *bytes, size_t n, char c)
{
    return n > 0 && memchr(bytes, c, n) != NULL;
}

static void choose_separator(table *t, const char *bytes, size_t n)
{
    if (t->separator != ',' || holds(bytes, n, ',')) {
        return;
    }
    if (holds(bytes, n, '\t')) {
        t->separator = '\t';
    } else if (holds(bytes, n, ';')) {
        t->separator = ';';
    }
}

static attrib_status read_header(
    table *t, const at_window *w, const char *bytes, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_last = false;
    size_t n_valid = 0;
    AT_CHECK(at_utf8_is_valid(bytes, n, &n_valid), ATTRIB_EFORMAT,
             "%s:%zu: byte %zu: not UTF-8", w->name, w->line, w->start + n_valid);
    while (!is_last) {
        size_t n_read = 0;
        AT_TRY(read_cell(bytes, n, t->separator, &t->cell, &n_read, &is_last, err));
        AT_TRY(at_buffer_append(&t->names, t->cell.text.bytes, t->cell.text.n_bytes + 1,
                                err));
        t->n_columns++;
        AT_CHECK(t->n_columns <= MAX_COLUMNS, ATTRIB_ERANGE,
                 "%s:%zu: a header of more than %zu columns", w->name, w->line,
                 MAX_COLUMNS);
        bytes += n_read;
        n -= n_read;
    }
done:
    return status;
}

/* The record as {"column": "cell", ...}, but for columns without a name; cells that are
 * left out at its end are null. */
static attrib_status make_row(
    table *t, const char *bytes, size_t n, size_t *n_cells, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_last = false;
    const char *name = t->names.bytes;
    at_buffer_clear(&t->row);
    AT_TRY(at_buffer_append(&t->row, "{", 1, err));
    for (*n_cells = 0; !is_last; (*n_cells)++) {
        size_t n_read = 0;
        AT_TRY(read_cell(bytes, n, t->separator, &t->cell, &n_read, &is_last, err));
        bytes += n_read;
        n -= n_read;
        if (*n_cells >= t->n_columns) {
            continue; /* counted, to be told */
        }
        if (!*name) { /* as of a column that numbers the records */
            name++;
            continue;
        }
        AT_TRY(at_buffer_append(&t->row, ",", t->row.n_bytes > 1, err));
        AT_TRY(at_json_append_text(&t->row, name, strlen(name), err));
        AT_TRY(at_buffer_append(&t->row, ":", 1, err));
        if (t->cell.text.n_bytes || t->cell.is_quoted) {
            AT_TRY(at_json_append_text(&t->row, t->cell.text.bytes, t->cell.text.n_bytes,
                                       err));
        } else {
            AT_TRY(at_buffer_append(&t->row, "null", 4, err));
        }
        name += strlen(name) + 1;
    }
    AT_TRY(at_buffer_append(&t->row, "}", 1, err));
done:
    return status;
}

static attrib_status put_record(
    table *t, const at_window *w, size_t n, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *bytes = at_window_bytes(w);
    attrib_error why = {0};
    size_t n_cells = 0;
    size_t n_valid = 0;
    at_passage passage = {.start = w->start, .n_span = n, .line = w->line};
    if (!at_utf8_is_valid(bytes, n, &n_valid)) {
        (void)at_fail(&why, ATTRIB_EFORMAT, "%s:%zu: byte %zu: not UTF-8", w->name,
                      w->line, w->start + n_valid);
        return at_put_bad(sink, &passage, &why, err);
    }
    AT_TRY(make_row(t, bytes, n, &n_cells, err));
    if (n_cells > t->n_columns) {
        (void)at_fail(&why, ATTRIB_ESHAPE, "%s:%zu: %zu cells, the header has %zu",
                      w->name, w->line, n_cells, t->n_columns);
        return at_put_bad(sink, &passage, &why, err);
    }
    passage.bytes = t->row.bytes;
    passage.n_bytes = t->row.n_bytes;
    AT_TRY(sink.put(sink.context, &passage, err));
done:
    return status;
}

attrib_status at_read_table(at_window *w, char separator, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    table t = {.separator = separator};
    while (at_window_size(w) > 0 || !w->is_at_end) {
        size_t n = 0;
        size_t n_lines = 0;
        AT_TRY(find_record(w, t.separator, &n, &n_lines, err));
        const char *bytes = at_window_bytes(w);
        size_t n_row = n - (n > 0 && bytes[n - 1] == '\r');
        if (n_row > 0 && t.n_columns == 0) {
            choose_separator(&t, bytes, n_row);
            AT_TRY(read_header(&t, w, bytes, n_row, err));
        } else if (n_row > 0) {
            AT_TRY(put_record(&t, w, n_row, sink, err));
        }
        at_window_drop(w, n < at_window_size(w) ? n + 1 : n);
        w->line += n_lines + 1;
    }
done:
    at_buffer_free(&t.names);
    at_buffer_free(&t.cell.text);
    at_buffer_free(&t.row);
    return status;
}

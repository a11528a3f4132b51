/* SPDX-License-Identifier: MIT */
/* Comma-separated values, parsed in place: a cell never takes more bytes than its text in
 * the file. */
#include "format/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/utf8.h"

typedef struct parser {
    at_csv *table;
    char *from, *end; /* what is still to be read */
    char *to;         /* where the next cell is written; never past `from` */
    size_t line;
    size_t cells_capacity, lines_capacity;
    size_t n_cells;
} parser;

static attrib_status refuse(const parser *p, const char *what, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s line %zu: %s", p->table->name, p->line, what);
}

static bool is_line_end(const parser *p)
{
    return *p->from == '\n' || (*p->from == '\r' && p->from[1] == '\n');
}

/* Copy what stands between quotes, two of which are one; `from` is the place after the
 * first. */
static attrib_status take_quoted(parser *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first_line = p->line;
    for (;;) {
        if (p->from == p->end) {
            p->line = first_line;
            return refuse(p, "a quote is not closed", err);
        }
        if (*p->from == '"') {
            if (p->from[1] != '"') {
                break;
            }
            p->from++;
        }
        p->line += *p->from == '\n';
        *p->to++ = *p->from++;
    }
    p->from++;
    AT_CHECK(p->from == p->end || *p->from == ',' || is_line_end(p), ATTRIB_EFORMAT,
             "%s line %zu: a comma or the end of the line must follow a closed quote",
             p->table->name, p->line);
done:
    return status;
}

/* Take a cell; `from` is left at what ends it. */
static attrib_status take_cell(parser *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_grow(&p->table->cells, &p->cells_capacity, p->n_cells + 1,
                   sizeof *p->table->cells, err));
    p->table->cells[p->n_cells++] = p->to;
    if (*p->from == '"') {
        p->from++;
        AT_TRY(take_quoted(p, err));
    } else {
        while (p->from < p->end && *p->from != ',' && !is_line_end(p)) {
            if (*p->from == '"') {
                AT_TRY(refuse(p, "a quote in a cell that does not begin with one", err));
            }
            *p->to++ = *p->from++;
        }
    }
done:
    return status;
}

/* Go over the end of a cell and write the NUL in its place. True where another cell of
 * the row follows. */
static bool end_cell(parser *p)
{
    bool is_more = p->from < p->end && *p->from == ',';
    if (p->from < p->end) {
        p->from += *p->from == '\r' ? 2 : 1;
    }
    *p->to++ = '\0';
    return is_more;
}

static attrib_status take_row(parser *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_csv *table = p->table;
    size_t first = p->n_cells;
    size_t line = p->line;
    AT_TRY(at_grow(&table->lines, &p->lines_capacity, table->n_rows + 1,
                   sizeof *table->lines, err));
    do {
        AT_TRY(take_cell(p, err));
    } while (end_cell(p));
    p->line++;
    if (table->n_rows == 0) {
        table->n_columns = p->n_cells;
    }
    AT_CHECK(p->n_cells - first == table->n_columns, ATTRIB_EFORMAT,
             "%s line %zu: %zu cells, the header has %zu", table->name, line,
             p->n_cells - first, table->n_columns);
    table->lines[table->n_rows++] = line;
done:
    return status;
}

static size_t line_of(const char *bytes, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset; i++) {
        line += bytes[i] == '\n';
    }
    return line;
}

static attrib_status check_text(const char *name,
                                const char *bytes,
                                size_t n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *nul = n ? memchr(bytes, '\0', n) : NULL;
    size_t bad = 0;
    AT_CHECK(!nul, ATTRIB_EFORMAT, "%s line %zu: a byte of value 0", name,
             line_of(bytes, (size_t)(nul - bytes)));
    AT_CHECK(at_utf8_is_valid(bytes, n, &bad), ATTRIB_EFORMAT,
             "%s line %zu: not UTF-8: save the table as UTF-8", name,
             line_of(bytes, bad));
done:
    return status;
}

static attrib_status parse_rows(parser *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (p->end - p->from >= 3 && memcmp(p->from, "\xEF\xBB\xBF", 3) == 0) {
        p->from += 3;
    }
    while (p->from < p->end) {
        if (is_line_end(p)) {
            p->from += *p->from == '\r' ? 2 : 1;
            p->line++;
            continue;
        }
        AT_TRY(take_row(p, err));
    }
    AT_CHECK(p->table->n_rows > 0, ATTRIB_EFORMAT, "%s: empty, without a header",
             p->table->name);
done:
    return status;
}

attrib_status at_csv_parse(
    const char *name, const char *bytes, size_t n, at_csv *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_csv table = {0};
    char *source = NULL;
    parser p = {.table = &table, .line = 1};
    AT_TRY(check_text(name, bytes, n, err));
    AT_TRY(at_copy_text(name, strlen(name), &table.name, err));
    AT_TRY(at_copy_text(n ? bytes : "", n, &source, err));
    /* The NUL after the last cell may be one byte more than the file has. */
    AT_TRY(at_array(n + 1, 1, (void *)&table.bytes, err));
    p.from = source;
    p.end = source + n;
    p.to = table.bytes;
    AT_TRY(parse_rows(&p, err));
    *out = table;
    table = (at_csv){0};
done:
    free(source);
    at_csv_free(&table);
    return status;
}

attrib_status at_csv_read(const char *path,
                          size_t max_bytes,
                          at_csv *out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_read_file(path, max_bytes, &text, err));
    AT_TRY(at_csv_parse(path, text.bytes, text.n_bytes, out, err));
done:
    at_buffer_free(&text);
    return status;
}

const char *at_csv_cell(const at_csv *table, size_t row, size_t column)
{
    return table->cells[row * table->n_columns + column];
}

size_t at_csv_column(const at_csv *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (strcmp(at_csv_cell(table, 0, i), name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

attrib_status at_csv_number(
    const at_csv *table, size_t row, size_t column, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = at_csv_cell(table, row, column);
    char *end = NULL;
    if (!*text) {
        *out = (double)NAN;
        return ATTRIB_OK;
    }
    /* strtod() also takes spaces, "inf", "nan" and hexadecimal digits. */
    bool is_decimal = text[strspn(text, "+-.0123456789eE")] == '\0';
    *out = is_decimal ? strtod(text, &end) : (double)NAN;
    AT_CHECK(is_decimal && end && *end == '\0' && isfinite(*out), ATTRIB_EFORMAT,
             "%s line %zu: \"%.40s\" in the column \"%.60s\" is not a finite number",
             table->name, table->lines[row], text, at_csv_cell(table, 0, column));
done:
    return status;
}

void at_csv_free(at_csv *table)
{
    free(table->name);
    free(table->bytes);
    free(table->cells);
    free(table->lines);
    *table = (at_csv){0};
}

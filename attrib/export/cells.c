/* SPDX-License-Identifier: MIT */
/* Characters, lines and marks of terminal text. */
#include "export/cells.h"

#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"

#define ELLIPSIS "\xE2\x80\xA6"

/* 1. Characters */

/* Characters that would change how the line around them is shown. */
static bool is_unsafe(uint32_t c)
{
    return (c >= 0x7F && c <= 0x9F) || c == 0x200E || c == 0x200F || c == 0x061C ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

static uint32_t visible_of(uint32_t c)
{
    if (c == '\n') {
        return 0x21B5; /* a return arrow */
    }
    if (c == '\t') {
        return 0x2192; /* an arrow */
    }
    if (c < 0x20) {
        return 0x2400 + c; /* the signs of control characters */
    }
    if (c == 0x7F) {
        return 0x2421;
    }
    return is_unsafe(c) ? AT_REPLACEMENT : c;
}

/* The UTF-8 of a character below U+110000. */
static uint8_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    uint8_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (uint8_t i = n; i-- > 1; c >>= 6) {
        out[i] = (char)(0x80 | (c & 0x3F));
    }
    out[0] = (char)(leads[n] | c);
    return n;
}

attrib_status at_cells_add(at_cells *cells, uint32_t character, attrib_error *err)
{
    attrib_status status =
        at_grow(&cells->items, &cells->capacity, cells->n + 1, sizeof(at_cell), err);
    if (status == ATTRIB_OK) {
        at_cell *cell = &cells->items[cells->n++];
        *cell = (at_cell){.is_break =
                              character == ' ' || character == '\n' || character == '\t'};
        cell->n_bytes = encode(visible_of(character), cell->bytes);
    }
    return status;
}

attrib_status at_cells_add_text(at_cells *cells,
                                const char *text,
                                size_t n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        i += at_utf8_next(text + i, n - i, &character, NULL);
        bool is_repeated = character == ' ' && cells->n > 0 &&
                           cells->items[cells->n - 1].bytes[0] == ' ';
        if (!is_repeated) {
            AT_TRY(at_cells_add(cells, character, err));
        }
    }
done:
    return status;
}

void at_cells_trim(at_cells *cells)
{
    while (cells->n > 0 && cells->items[cells->n - 1].is_break) {
        cells->n--;
    }
}

void at_cells_free(at_cells *cells)
{
    free(cells->items);
    *cells = (at_cells){0};
}

/* 2. Lines */

static bool is_space(const at_cell *cell)
{
    return cell->bytes[0] == ' ';
}

static size_t width_of(const at_cell *cell)
{
    return 1u + cell->is_open + cell->is_close;
}

/* The end of a line that starts at `start` and has `width` columns: after the last break
 * that fits, or after the last cell that fits where no break does. */
static size_t end_of_line(const at_cells *cells, size_t start, size_t width)
{
    size_t column = 0;
    size_t last_break = start;
    size_t i = start;
    while (i < cells->n) {
        const at_cell *cell = &cells->items[i];
        column += width_of(cell);
        if (column > width) {
            /* A space may hang over the edge. */
            if (is_space(cell) && width_of(cell) == 1) {
                return i;
            }
            break;
        }
        i++;
        if (cell->is_break) {
            last_break = i;
        }
    }
    if (i == cells->n) {
        return i;
    }
    return last_break > start ? last_break : i > start ? i : start + 1;
}

size_t at_cells_layout(const at_cells *cells,
                       size_t first,
                       const at_frame *frame,
                       at_line lines[AT_MAX_LINES])
{
    size_t n_lines = 0;
    size_t at = first;
    while (at < cells->n && n_lines < frame->max_lines) {
        while (at < cells->n && is_space(&cells->items[at])) {
            at++;
        }
        if (at == cells->n) {
            break;
        }
        size_t width = frame->width - (n_lines == 0 && first > 0);
        size_t end = end_of_line(cells, at, width);
        if (end < cells->n && n_lines + 1 == frame->max_lines) {
            end = end_of_line(cells, at, width - 1); /* room for the last ellipsis */
        }
        lines[n_lines++] = (at_line){at, end};
        at = end;
    }
    return n_lines;
}

/* 3. Writing */

/* Colours of levels. Black on pastel is legible on dark and on light terminals. */
static const char *const colours[7] = {"\x1b[38;5;16;48;5;111m", "\x1b[38;5;16;48;5;153m",
                                       "\x1b[38;5;16;48;5;195m", AT_STYLE_PLAIN,
                                       "\x1b[38;5;16;48;5;230m", "\x1b[38;5;16;48;5;222m",
                                       "\x1b[38;5;16;48;5;209m"};

static attrib_status print_line(at_buffer *out,
                                const at_cells *cells,
                                at_line line,
                                const at_frame *frame,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int level = 0;
    while (line.end > line.start && is_space(&cells->items[line.end - 1])) {
        line.end--;
    }
    for (size_t i = line.start; i < line.end; i++) {
        const at_cell *cell = &cells->items[i];
        if (frame->is_coloured && cell->level != level) {
            level = cell->level;
            AT_TRY(at_buffer_print(out, err, "%s", colours[3 + level]));
        }
        AT_TRY(at_buffer_append(out, "[", cell->is_open, err));
        AT_TRY(at_buffer_append(out, cell->bytes, cell->n_bytes, err));
        AT_TRY(at_buffer_append(out, "]", cell->is_close, err));
    }
    if (level) {
        AT_TRY(at_buffer_print(out, err, AT_STYLE_PLAIN));
    }
done:
    return status;
}

attrib_status at_cells_print(at_buffer *out,
                             const at_cells *cells,
                             size_t first,
                             const at_frame *frame,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_line lines[AT_MAX_LINES];
    size_t n_lines = at_cells_layout(cells, first, frame, lines);
    for (size_t i = 0; i < n_lines; i++) {
        bool is_last = i + 1 == n_lines;
        if (i > 0) {
            AT_TRY(at_buffer_print(out, err, "%*s", (int)frame->indent, ""));
        }
        AT_TRY(at_buffer_print(out, err, "%s", frame->style ? frame->style : ""));
        if (i == 0 && first > 0) {
            AT_TRY(at_buffer_print(out, err, ELLIPSIS));
        }
        AT_TRY(print_line(out, cells, lines[i], frame, err));
        if (is_last && lines[i].end < cells->n) {
            AT_TRY(at_buffer_print(out, err, ELLIPSIS));
        }
        AT_TRY(at_buffer_print(out, err, "%s\n", frame->style ? AT_STYLE_PLAIN : ""));
    }
    if (n_lines == 0) {
        AT_TRY(at_buffer_append(out, "\n", 1, err));
    }
done:
    return status;
}

attrib_status at_print_wrapped(
    at_buffer *out, const char *text, size_t n, const at_frame *frame, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_cells cells = {0};
    AT_TRY(at_cells_add_text(&cells, text, n, err));
    at_cells_trim(&cells);
    AT_TRY(at_cells_print(out, &cells, 0, frame, err));
done:
    at_cells_free(&cells);
    return status;
}

attrib_status at_print_tail(at_buffer *out,
                            const char *text,
                            size_t width,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_cells cells = {0};
    size_t start = 0;
    AT_TRY(at_cells_add_text(&cells, text, strlen(text), err));
    if (cells.n > width) {
        start = cells.n - width + 1;
        AT_TRY(at_buffer_print(out, err, ELLIPSIS));
    }
    for (size_t i = start; i < cells.n; i++) {
        AT_TRY(at_buffer_append(out, cells.items[i].bytes, cells.items[i].n_bytes, err));
    }
done:
    at_cells_free(&cells);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Characters, lines and marks of terminal text. */
#include "export/cells.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "format/utf8.h"

#define SPACE_SIGN 0x2423

/* Signs of a page. The marks are none that code or prose is likely to have. */
typedef struct signs {
    const char *open, *close, *ellipsis;
    uint8_t mark_width, ellipsis_width;
} signs;

static const signs page_signs[2] = {
    {"\xE2\x9F\xA6", "\xE2\x9F\xA7", "\xE2\x80\xA6", 1, 1}, /* U+27E6, U+27E7, U+2026 */
    {"[[", "]]", "...", 2, 3},                              /* ASCII */
};

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

/* The ASCII of a character that is shown by a sign: \n, \t, ^A, an underscore for a space
 * that is to be seen, a question mark; 0 for any other. */
static uint8_t encode_ascii(uint32_t c, char out[4])
{
    bool is_control = c < 0x20 || c == 0x7F;
    bool is_named = c == '\n' || c == '\t';
    if (c == SPACE_SIGN || c == AT_REPLACEMENT || (is_unsafe(c) && !is_control)) {
        out[0] = c == SPACE_SIGN ? '_' : '?';
        return 1;
    }
    out[0] = is_named ? '\\' : '^';
    out[1] = (char)(c == '\n' ? 'n' : c == '\t' ? 't' : (int)(c ^ 0x40));
    return is_control ? 2 : 0;
}

/* Scripts without spaces between words are no words here: those of wide characters, and
 * Thai, Lao, Myanmar and Khmer. */
static bool is_of_word(uint32_t c)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    bool is_unspaced = utf8proc_charwidth((utf8proc_int32_t)c) == 2 ||
                       (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) ||
                       (c >= 0x1780 && c <= 0x17FF);
    bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
    return (is_letter && !is_unspaced) || c == '_' || c == '\'' || c == 0x2019;
}

/* Append one character, or the sign that stands for it. */
static attrib_status add_character(at_cells *cells, uint32_t character, attrib_error *err)
{
    attrib_status status =
        at_grow(&cells->items, &cells->capacity, cells->n + 1, sizeof(at_cell), err);
    if (status == ATTRIB_OK) {
        at_cell *cell = &cells->items[cells->n++];
        uint32_t visible = visible_of(character);
        int width = utf8proc_charwidth((utf8proc_int32_t)visible);
        *cell = (at_cell){.is_break =
                              character == ' ' || character == '\n' || character == '\t',
                          .is_word = is_of_word(character)};
        cell->n_bytes = cells->is_ascii ? encode_ascii(character, cell->bytes) : 0;
        cell->width = cell->n_bytes ? cell->n_bytes : (uint8_t)(width > 0 ? width : 0);
        if (cell->n_bytes == 0) {
            cell->n_bytes = encode(visible, cell->bytes);
        }
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
            AT_TRY(add_character(cells, character, err));
        }
    }
done:
    return status;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

static attrib_status add_blanks(at_cells *cells,
                                const char *text,
                                size_t n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        AT_TRY(
            add_character(cells, text[i] == ' ' ? SPACE_SIGN : (uint32_t)text[i], err));
    }
done:
    return status;
}

/* Append text with a sign for every space at either end. */
static attrib_status add_whole(at_cells *cells,
                               const char *text,
                               size_t n,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t start = 0;
    size_t end = n;
    while (start < n && is_blank(text[start])) {
        start++;
    }
    while (end > start && is_blank(text[end - 1])) {
        end--;
    }
    AT_TRY(add_blanks(cells, text, start, err));
    AT_TRY(at_cells_add_text(cells, text + start, end - start, err));
    AT_TRY(add_blanks(cells, text + end, n - end, err));
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

static size_t width_of(const at_cells *cells, size_t i)
{
    const at_cell *cell = &cells->items[i];
    size_t n_marks = (size_t)cell->is_open + cell->is_close;
    return cell->width + n_marks * page_signs[cells->is_ascii].mark_width;
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
        column += width_of(cells, i);
        if (column > width) {
            /* A space may hang over the edge. */
            if (is_space(cell) && width_of(cells, i) == 1) {
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
        size_t ellipsis = page_signs[frame->is_ascii].ellipsis_width;
        size_t width = frame->width - (n_lines == 0 && first > 0 ? ellipsis : 0);
        size_t end = end_of_line(cells, at, width);
        if (end < cells->n && n_lines + 1 == frame->max_lines) {
            end = end_of_line(cells, at, width - ellipsis); /* room for the last one */
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
    const signs *marks = &page_signs[cells->is_ascii];
    while (line.end > line.start && is_space(&cells->items[line.end - 1])) {
        line.end--;
    }
    for (size_t i = line.start; i < line.end; i++) {
        const at_cell *cell = &cells->items[i];
        if (frame->is_coloured && cell->level != level) {
            level = cell->level;
            AT_TRY(at_buffer_print(out, err, "%s", colours[3 + level]));
        }
        AT_TRY(at_buffer_print(out, err, "%s", cell->is_open ? marks->open : ""));
        AT_TRY(at_buffer_append(out, cell->bytes, cell->n_bytes, err));
        AT_TRY(at_buffer_print(out, err, "%s", cell->is_close ? marks->close : ""));
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
    const char *ellipsis = page_signs[frame->is_ascii].ellipsis;
    for (size_t i = 0; i < n_lines; i++) {
        bool is_last = i + 1 == n_lines;
        if (i > 0) {
            AT_TRY(at_buffer_print(out, err, "%*s", (int)frame->indent, ""));
        }
        AT_TRY(at_buffer_print(out, err, "%s", frame->style ? frame->style : ""));
        if (i == 0 && first > 0) {
            AT_TRY(at_buffer_print(out, err, "%s", ellipsis));
        }
        AT_TRY(print_line(out, cells, lines[i], frame, err));
        if (is_last && lines[i].end < cells->n) {
            AT_TRY(at_buffer_print(out, err, "%s", ellipsis));
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
    at_cells cells = {.is_ascii = frame->is_ascii};
    if (frame->shows_spaces) {
        AT_TRY(add_whole(&cells, text, n, err));
    } else {
        AT_TRY(at_cells_add_text(&cells, text, n, err));
        at_cells_trim(&cells);
    }
    AT_TRY(at_cells_print(out, &cells, 0, frame, err));
done:
    at_cells_free(&cells);
    return status;
}

attrib_status at_print_tail(at_buffer *out,
                            const char *text,
                            const at_frame *frame,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_cells cells = {.is_ascii = frame->is_ascii};
    const signs *marks = &page_signs[frame->is_ascii];
    size_t start = 0;
    size_t width = 0;
    AT_TRY(at_cells_add_text(&cells, text, strlen(text), err));
    for (size_t i = 0; i < cells.n; i++) {
        width += cells.items[i].width;
    }
    if (width > frame->width) {
        while (start < cells.n && width + marks->ellipsis_width > frame->width) {
            width -= cells.items[start++].width;
        }
        AT_TRY(at_buffer_print(out, err, "%s", marks->ellipsis));
    }
    for (size_t i = start; i < cells.n; i++) {
        AT_TRY(at_buffer_append(out, cells.items[i].bytes, cells.items[i].n_bytes, err));
    }
done:
    at_cells_free(&cells);
    return status;
}

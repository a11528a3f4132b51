/* SPDX-License-Identifier: MIT */
/* Text for a terminal as cells, one for each character: control characters are made
 * visible, lines are wrapped at spaces, and cells can be marked. Widths are columns: two
 * for most characters of East Asia and emoji, none for marks that join the character
 * before them. Private to the export room. */
#ifndef AT_EXPORT_CELLS_H
#define AT_EXPORT_CELLS_H

#include "base/memory.h"

/* One character as it is shown. */
typedef struct at_cell {
    char bytes[4];
    uint8_t n_bytes, width; /* width: columns */
    bool is_break;          /* a line may end after it: a space, a newline's sign */
    bool is_word;           /* a letter, digit or mark of a script that spaces words */
    bool is_marked;
    bool is_open, is_close; /* a mark before it, after it */
    int level;              /* colour: 1 to 3 warm, -1 to -3 cool, 0 none */
} at_cell;

/* Zeroed = empty. */
typedef struct at_cells {
    at_cell *items; /* [n] */
    size_t n, capacity;
    bool is_ascii; /* signs and marks are ASCII; the text's own characters stay */
} at_cells;

/* Append text. Runs of spaces become one, control characters visible signs; bytes that
 * are not UTF-8, and characters that change a line's direction, become U+FFFD. */
attrib_status at_cells_add_text(at_cells *cells,
                                const char *text,
                                size_t n,
                                attrib_error *err);
/* Remove the spaces and newlines at the end. */
void at_cells_trim(at_cells *cells);
void at_cells_free(at_cells *cells);

/* A line: cells start .. end. */
typedef struct at_line {
    size_t start, end;
} at_line;

/* Where and how cells are written. */
typedef struct at_frame {
    size_t indent; /* spaces before every line but the first, which has begun already */
    size_t width;  /* columns of a line after the indent, at least 8 */
    size_t max_lines;
    bool is_coloured;  /* cells are coloured by their levels */
    bool is_ascii;     /* signs and marks are ASCII */
    bool shows_spaces; /* those at the ends of a text are seen */
    const char *style; /* style of every line (AT_STYLE_DIM, ...), or NULL */
} at_frame;

#define AT_MAX_LINES 16

/* Break cells first .. n into at most max_lines <= AT_MAX_LINES lines, with room for
 * "..." signs where text is left out before or after them. Returns how many there are. */
size_t at_cells_layout(const at_cells *cells,
                       size_t first,
                       const at_frame *frame,
                       at_line lines[AT_MAX_LINES]);

/* Write cells from `first` on, each line followed by a newline; at least one line. */
attrib_status at_cells_print(at_buffer *out,
                             const at_cells *cells,
                             size_t first,
                             const at_frame *frame,
                             attrib_error *err);

/* Write a text from its start as wrapped lines. */
attrib_status at_print_wrapped(
    at_buffer *out, const char *text, size_t n, const at_frame *frame, attrib_error *err);

/* Write text on one line as wide as the frame at most, without a newline. Where it is
 * longer, its START is left out, as the end of a path says more. */
attrib_status at_print_tail(at_buffer *out,
                            const char *text,
                            const at_frame *frame,
                            attrib_error *err);

#define AT_STYLE_BOLD  "\x1b[1m"
#define AT_STYLE_DIM   "\x1b[2m"
#define AT_STYLE_PLAIN "\x1b[0m"

#endif

/* SPDX-License-Identifier: MIT */
/* The part of a document that matters most, with its influential tokens marked. Private
 * to the export room. */
#ifndef AT_EXPORT_SNIPPET_H
#define AT_EXPORT_SNIPPET_H

#include "attrib/run.h"
#include "export/cells.h"

/* Tokens [first, end) of a document. */
typedef struct at_side {
    size_t first, end;
} at_side;

/* Write at most frame->max_lines lines of a side of a document around those of its tokens
 * with the largest shares of the score. In colour, every token by its share: warm where
 * it raises the score, cool where it lowers it. Without, the words of the strongest of
 * the score's own sign stand between signs. Both compare with the tokens of the whole
 * document. */
attrib_status at_print_snippet(at_buffer *out,
                               const attrib_result *result,
                               at_side side,
                               const at_frame *frame,
                               attrib_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* The part of a document that matters most, with its influential tokens marked. Private
 * to the export room. */
#ifndef AT_EXPORT_SNIPPET_H
#define AT_EXPORT_SNIPPET_H

#include "attrib/run.h"
#include "export/cells.h"

/* Write at most frame->max_lines lines of a document around the tokens with the largest
 * shares of its score. In colour, every token by its share: warm where it raises the
 * score, cool where it lowers it. Without, the words of the strongest of the score's own
 * sign stand between signs. */
attrib_status at_print_snippet(at_buffer *out,
                               const attrib_result *result,
                               const at_frame *frame,
                               attrib_error *err);

#endif

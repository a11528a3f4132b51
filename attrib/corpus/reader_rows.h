/* SPDX-License-Identifier: MIT */
/* Rows of JSON in a window: on lines, in an array, or one after the other. */
#ifndef AT_CORPUS_READER_ROWS_H
#define AT_CORPUS_READER_ROWS_H

#include "corpus/sink.h"
#include "corpus/window.h"

/* A byte of white space as JSON has it. */
static inline bool at_is_blank_byte(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Hand on the first n bytes of a window as a document; line 0: it is a whole text. */
attrib_status at_put_front(
    const at_window *w, size_t n, size_t line, at_sink sink, attrib_error *err);

/* A row on each line that is not blank. */
attrib_status at_read_lines(at_window *w, at_sink sink, attrib_error *err);
/* The rows of an array, or rows one after the other. */
attrib_status at_read_json(at_window *w, at_sink sink, attrib_error *err);

#endif

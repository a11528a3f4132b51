/* SPDX-License-Identifier: MIT */
/* The rows of Arrow streams and files as rows of JSON. */
#ifndef AT_CORPUS_ARROW_ROWS_H
#define AT_CORPUS_ARROW_ROWS_H

#include "corpus/sink.h"
#include "corpus/window.h"

/* Put each row, whose line is its number; a row that is no text, or too long, goes to
 * at_put_bad(). The window's bytes may be binary. Fails as at_arrow_open(). */
attrib_status at_read_arrow(at_window *w, at_sink sink, attrib_error *err);

#endif

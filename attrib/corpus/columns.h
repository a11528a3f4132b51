/* SPDX-License-Identifier: MIT */
/* Files of columns, Parquet, to rows of JSON: only the fields that the sink reads. A
 * row's line is its number, from 1, and it takes no bytes of the file. */
#ifndef AT_CORPUS_COLUMNS_H
#define AT_CORPUS_COLUMNS_H

#include "corpus/sink.h"
#include "corpus/window.h"

/* Read a file where it is. `name` is what messages call it. */
attrib_status at_read_parquet(const char *path,
                              const char *name,
                              at_sink sink,
                              attrib_error *err);

/* Read a stream that stands at its first byte: it is kept in a scratch file, as a file of
 * columns is read from its end. */
attrib_status at_read_parquet_stream(at_window *w, at_sink sink, attrib_error *err);

#endif

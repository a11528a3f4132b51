/* SPDX-License-Identifier: MIT */
/* The scores of a tile, as they are compared: one after the other, normalized. */
#ifndef AT_SCORE_STREAM_H
#define AT_SCORE_STREAM_H

#include "query/prepare.h"

/* Scores of the queries of `prepared`, which are some of a tile's. */
typedef struct at_stream {
    const at_prepared *prepared;
    attrib_run *run;
    size_t i_tile;
} at_stream;

/* Called for each document of each case, by its index in the corpus; bound: how far the
 * score may be from that of the whole query. */
typedef attrib_status (*at_stream_fn)(void *context,
                                      size_t i_case,
                                      size_t document,
                                      double score,
                                      double bound,
                                      attrib_error *err);

/* Visit all documents that are scored, in their order, and all cases of each. ENUMERIC
 * where a score or its bound cannot be ordered. */
attrib_status at_stream_visit(const at_stream *stream,
                              at_stream_fn visit,
                              void *context,
                              attrib_error *err);

/* Get the factor that normalizes the score of a document. */
attrib_status at_stream_scale(const at_stream *stream,
                              size_t i_case,
                              size_t document,
                              double *out,
                              attrib_error *err);

#endif

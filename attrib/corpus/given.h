/* SPDX-License-Identifier: MIT */
/* Documents and queries that a program has in memory, written as rows of JSON, so that
 * what reads the rows of files reads these too. */
#ifndef AT_CORPUS_GIVEN_H
#define AT_CORPUS_GIVEN_H

#include "attrib/corpus.h"
#include "base/memory.h"
#include "corpus/sink.h"

/* What such rows are called where files have their path. */
#define AT_GIVEN_ROWS    "rows"
#define AT_GIVEN_QUERIES "queries"

/* The options without those that name the fields of rows: given rows have their own. */
attrib_status at_given_options(const attrib_corpus_options *options,
                               attrib_corpus_options *out,
                               attrib_error *err);

/* Put every row in turn; one that is not a row of any kind goes to at_put_bad(). */
attrib_status at_given_put(const attrib_rows *rows, at_sink sink, attrib_error *err);

/* Append a query as a row of JSON; `name` is what messages call it. ESHAPE for fields
 * that do not fit each other, EFORMAT for text that is not UTF-8 and tags that are not
 * JSON. */
attrib_status at_given_query(const char *name,
                             const attrib_query_row *row,
                             at_buffer *out,
                             attrib_error *err);

#endif

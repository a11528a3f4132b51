/* SPDX-License-Identifier: MIT */
/* The bytes of one file or member to documents: its text, or its rows of JSON. */
#ifndef AT_CORPUS_READER_H
#define AT_CORPUS_READER_H

#include "corpus/archive.h"
#include "corpus/kind.h"
#include "corpus/sink.h"

struct at_unit;

/* Read documents of `kind`: TEXT, LINES, JSON, COMMAS, TABS, PARQUET, WARC, ARROW, or
 * PLAIN and UNKNOWN, where the content decides: rows where it begins as a row of JSON,
 * else text. Content that begins as Parquet, Arrow or WARC is read as that whatever its
 * kind, and rows of JSON are also where the kind says Parquet or Arrow. Where content
 * that decides is binary, nothing is put, and *binary is 1 + the offset of the first byte
 * that is no text (else 0).
 * `name` is "source[:member]"; `unit` says what of a text is a document, NULL: the whole.
 */
attrib_status at_read_documents(at_bytes source,
                                at_kind kind,
                                const char *name,
                                const struct at_unit *unit,
                                at_sink sink,
                                size_t *binary,
                                attrib_error *err);

#endif

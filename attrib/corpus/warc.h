/* SPDX-License-Identifier: MIT */
/* WARC and WET files: what web crawlers stored, one record after the other. A record that
 * holds a plain text becomes a row of JSON, so that all that holds of rows holds of it.
 */
#ifndef AT_CORPUS_WARC_H
#define AT_CORPUS_WARC_H

#include "corpus/sink.h"
#include "corpus/window.h"

/* Whether a file begins as one of these. */
bool at_warc_is(const char *bytes, size_t n);

/* Put the texts as rows {id, WARC-Target-URI, WARC-Date,
 * WARC-Identified-Content-Language, text}; a record's line is its number in the file,
 * its span the whole record. Texts are in records of type conversion, in those of type
 * resource, and in responses of HTTP with status 200, where the content is text/plain;
 * all other records are counted by sink.leave_out(). A text that cannot be read goes to
 * at_put_bad(). EFORMAT where a record does not begin where the last one ended. The
 * window's bytes may be binary. */
attrib_status at_read_warc(at_window *w, at_sink sink, attrib_error *err);

#endif

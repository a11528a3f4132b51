/* SPDX-License-Identifier: MIT */
/* What of a plain text is one document: the whole, or each of its parts. */
#ifndef AT_CORPUS_UNIT_H
#define AT_CORPUS_UNIT_H

#include "corpus/sink.h"
#include "tokenizer/pattern.h"

typedef enum at_unit_kind {
    AT_UNIT_DOCUMENT, /* the whole text */
    AT_UNIT_LINE,
    AT_UNIT_PARAGRAPH, /* lines up to a blank one */
    AT_UNIT_PATTERN,   /* what stands between matches */
    AT_UNIT_TOKENS, /* so many tokens: the text is read whole, and cut when it is ids */
} at_unit_kind;

/* Zeroed = the whole text. */
typedef struct at_unit {
    at_unit_kind kind;
    at_pattern separator;
    size_t n_tokens;
} at_unit;

/* Read "document" (or NULL), "line", "paragraph", "tokens:N" or "regex:EXPRESSION".
 * EINVAL for other words, ENOTSUP for expressions that are not understood. */
attrib_status at_unit_read(const char *text, at_unit *out, attrib_error *err);
void at_unit_free(at_unit *unit);

/* Hand on the parts of a text that are not blank, without blank lines around them;
 * `start` is where the text stands in its file. */
attrib_status at_unit_split(const at_unit *unit,
                            const char *text,
                            size_t n_bytes,
                            size_t start,
                            at_sink sink,
                            attrib_error *err);

#endif

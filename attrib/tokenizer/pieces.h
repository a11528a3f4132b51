/* SPDX-License-Identifier: MIT */
/* Text in pieces: what pre-tokenizers split, and what decoders join. */
#ifndef AT_TOKENIZER_PIECES_H
#define AT_TOKENIZER_PIECES_H

#include "base/memory.h"

typedef struct at_span {
    size_t start, n_bytes; /* in the text that the list is about */
    bool is_first;         /* it begins where the whole text begins */
} at_span;

/* A list of pieces. Zeroed = empty. */
typedef struct at_pieces {
    at_span *spans; /* [n_spans] */
    size_t n_spans, capacity;
} at_pieces;

attrib_status at_pieces_add(at_pieces *pieces, at_span span, attrib_error *err);
void at_pieces_clear(at_pieces *pieces); /* empty, keeping the memory */
void at_pieces_free(at_pieces *pieces);

/* Bytes that a stage may make of a text of n: far above what real tokenizers do, so that
 * a hostile one cannot double a text 64 times. */
size_t at_growth_limit(size_t n);

#endif

/* SPDX-License-Identifier: MIT */
/* Lists of pieces of text. */
#include "tokenizer/pieces.h"

#include <stdlib.h>
#include <string.h>

attrib_status at_pieces_add(at_pieces *pieces, at_span span, attrib_error *err)
{
    attrib_status status = at_grow(&pieces->spans, &pieces->capacity, pieces->n_spans + 1,
                                   sizeof(at_span), err);
    if (status == ATTRIB_OK) {
        pieces->spans[pieces->n_spans++] = span;
    }
    return status;
}

void at_pieces_clear(at_pieces *pieces)
{
    pieces->n_spans = 0;
}

size_t at_growth_limit(size_t n)
{
    const size_t factor = 64;
    const size_t more = (size_t)1 << 16;
    return n > (SIZE_MAX - more) / factor ? SIZE_MAX : n * factor + more;
}

void at_pieces_free(at_pieces *pieces)
{
    free(pieces->spans);
    memset(pieces, 0, sizeof *pieces);
}

/* SPDX-License-Identifier: MIT */
/* Shares of every token of every document, moved from rows of a block to tokens of a
 * slice.
 *
 * Position t predicts token t + 1, which gets the share of position t, as in explain.c.
 * Shares are summed over maps in f64 and kept as f32, since the products that they are
 * sums of are f32. */
#include <math.h>
#include <stdlib.h>

#include "score/taps.h"

/* Move the shares of one sequence from its n_rows rows, `from` [n_rows, V] f64, which
 * become 0, to its tokens in the document, `to` [T, V] f32. */
static attrib_status move_sequence(const attrib_sequence *sequence,
                                   size_t n_rows,
                                   size_t n_cases,
                                   double *from,
                                   float *to,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < n_rows * n_cases; k++) {
        float share = (float)from[k];
        AT_CHECK(isfinite(share), ATTRIB_ENUMERIC,
                 "document %zu: the share of its token %zu is not finite",
                 sequence->document, sequence->offset + k / n_cases + 1);
        from[k] = 0;
        if (k / n_cases + 1 < sequence->n_tokens) {
            to[n_cases + k] = share;
        }
    }
done:
    return status;
}

attrib_status at_move_tokens(const attrib_block *block,
                             double *from,
                             at_slice *slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_cases = slice->counts.n_cases;
    float *shares = slice->arrays[AT_TOKENS];
    for (size_t s = 0; s < block->n_sequences; s++) {
        const attrib_sequence *sequence = &block->sequences[s];
        size_t token =
            slice->first_token[sequence->document - slice->first] + sequence->offset;
        size_t first = block->first_row[s];
        AT_TRY(move_sequence(sequence, block->first_row[s + 1] - first, n_cases,
                             from + first * n_cases, shares + token * n_cases, err));
    }
done:
    return status;
}

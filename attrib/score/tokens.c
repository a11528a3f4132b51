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

attrib_status at_count_tokens(const at_setup *setup,
                              size_t first,
                              size_t n_documents,
                              size_t *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out[0] = 0;
    for (size_t i = 0; i < n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(setup->corpus, first + i, &document);
        AT_TRY(at_add(out[i], document.n_tokens, &out[i + 1], err));
    }
done:
    return status;
}

/* Move the shares of one sequence from its rows, `from` [T, V] f64, which become 0, to
 * its tokens in the document, `to` [T, V] f32. */
static attrib_status move_sequence(const attrib_sequence *sequence,
                                   size_t n_cases,
                                   double *from,
                                   float *to,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t k = 0; k < sequence->n_tokens * n_cases; k++) {
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
                             size_t n_cases,
                             size_t first_document,
                             double *from,
                             const at_sums *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t s = 0; s < block->n_sequences; s++) {
        const attrib_sequence *sequence = &block->sequences[s];
        size_t token = out->first_token[sequence->document - first_document];
        AT_TRY(move_sequence(sequence, n_cases, from + block->first_row[s] * n_cases,
                             out->tokens + (token + sequence->offset) * n_cases, err));
    }
done:
    return status;
}

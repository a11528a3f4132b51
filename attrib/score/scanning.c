/* SPDX-License-Identifier: MIT */
/* Bytes of memory that a scan of an index takes (index/estimate.c, index/choose.c), and a
 * question's list of its documents (likely.c). */
#include <math.h>

#include "index/match.h"
#include "index/scan.h"
#include "score/likely.h"
#include "score/sizes.h"

/* Bytes of the bounds of a round of documents, which a question takes. */
#define BOUNDS_BYTES ((double)(AT_SCAN_PIECES * AT_PIECE_DOCUMENTS * sizeof(double)))

/* Bytes of each document of the corpus: a question lists it with its estimate, in an
 * array that doubles while it grows, and in the order of each end, and keeps its scores
 * and its self-influence; choosing for a run finds which record is its own. The larger of
 * both. */
static double document_bytes(const at_setup *setup)
{
    double of_question =
        2 * sizeof(at_likely_document) + AT_LIKELY_ENDS * sizeof(at_likely_document *) +
        sizeof(double) * (double)(setup->n_groups + setup->options.with_self);
    return fmax(of_question, (double)AT_MATCH_DOCUMENT_BYTES);
}

/* Documents in the pieces that all workers have mapped at a time. */
static double window_documents(const attrib_index *index, size_t n_workers)
{
    size_t largest = 0;
    size_t all = 0;
    for (size_t i = 0; i < index->n_parts; i++) {
        largest = at_larger(largest, index->parts[i].n);
        all += index->parts[i].n;
    }
    return (double)at_smaller(all, largest * n_workers);
}

attrib_status at_scanning_bytes(const at_setup *setup,
                                size_t n,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_index *index = setup->index;
    at_prepared prepared = {0};
    double of_queries = 0;
    *out = 0;
    if (!index) {
        return ATTRIB_OK;
    }
    if (n == 0) { /* self-influences, piece by piece */
        *out = (double)setup->n_documents * (double)AT_MATCH_DOCUMENT_BYTES +
               window_documents(index, 1) * (double)index->shape.record_bytes;
        return ATTRIB_OK;
    }
    AT_TRY(at_prepared_outline(setup, (at_tile){0, n}, &prepared, err));
    AT_TRY(at_prepared_bytes(&prepared, &of_queries, err));
    *out = of_queries + BOUNDS_BYTES +
           (double)setup->n_documents * document_bytes(setup) +
           at_scan_bytes(&index->shape, (double)(n * setup->options.n_settings),
                         (double)setup->n_workers,
                         window_documents(index, setup->n_workers));
done:
    at_prepared_free(&prepared);
    return status;
}

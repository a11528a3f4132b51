/* SPDX-License-Identifier: MIT */
/* The first and last documents of each case by their scores as they stand. */
#include <stdlib.h>

#include "score/settle.h"

attrib_status at_settled_open(const at_stream *scores,
                              size_t k,
                              at_settled *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_documents = scores->run->info.n_documents;
    AT_TRY(at_array(scores->prepared->n_cases, sizeof *out->tops, &out->tops, err));
    out->n_cases = scores->prepared->n_cases;
    for (size_t v = 0; v < out->n_cases; v++) {
        AT_TRY(at_top_new(at_smaller(k, n_documents), &out->tops[v], err));
    }
done:
    return status;
}

static attrib_status add_to_tops(void *context,
                                 size_t i_case,
                                 size_t document,
                                 double score,
                                 double bound,
                                 attrib_error *err)
{
    at_settled *out = context;
    (void)bound;
    (void)err;
    at_top_add(&out->tops[i_case], document, score);
    return ATTRIB_OK;
}

attrib_status at_settle_tops(const at_stream *scores,
                             size_t k,
                             at_settled *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    AT_TRY(at_settled_open(scores, k, out, err));
    AT_TRY(at_stream_visit(scores, add_to_tops, out, err));
    for (size_t v = 0; v < out->n_cases; v++) {
        at_top_separate(&out->tops[v]);
        n += out->tops[v].n_best + out->tops[v].n_worst;
    }
    AT_TRY(at_array(n, sizeof *out->pairs, &out->pairs, err));
    for (size_t v = 0; v < out->n_cases; v++) {
        const at_top *top = &out->tops[v];
        for (size_t i = 0; i < top->n_best + top->n_worst; i++) {
            bool is_best = i < top->n_best;
            at_ranked ranked = is_best ? top->best[i] : top->worst[i - top->n_best];
            out->pairs[out->n_pairs++] = (at_pair){.i_case = v,
                                                   .document = ranked.document,
                                                   .estimate = ranked.score,
                                                   .is_best = is_best};
        }
    }
    qsort(out->pairs, out->n_pairs, sizeof *out->pairs, at_compare_pairs);
done:
    return status;
}

void at_settled_free(at_settled *settled)
{
    for (size_t v = 0; settled->tops && v < settled->n_cases; v++) {
        at_top_free(&settled->tops[v]);
    }
    free(settled->tops);
    at_drawn_free_all(settled->drawn, settled->n_cases);
    at_pairs_free(settled->pairs, settled->n_pairs);
    *settled = (at_settled){0};
}

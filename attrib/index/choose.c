/* SPDX-License-Identifier: MIT */
/* Candidates by an index: of each query the documents with the largest and the smallest
 * estimates. */
#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "index/estimate.h"
#include "query/staged.h"
#include "run/top.h"

typedef struct choosing {
    const at_setup *setup;
    at_tile tile;
    at_top *tops; /* [n queries of the tile] */
    const at_estimates *estimates;
} choosing;

/* Give the estimates of the round to the ends of one query. Cosines divide by the norms
 * of both gradients, of which the query's is the same for all documents. */
static attrib_status add_query(void *context,
                               size_t i_worker,
                               size_t q,
                               attrib_error *err)
{
    const choosing *self = context;
    const at_estimates *from = self->estimates;
    bool is_cosine = self->setup->options.normalize == ATTRIB_NORMALIZE_UNIT;
    (void)i_worker;
    (void)err;
    for (size_t i = 0; i < from->n; i++) {
        double norm = is_cosine ? sqrt((double)from->self[from->rows[i]]) : 1;
        double score = from->scores[from->rows[i] * self->tile.n + q];
        at_top_add(&self->tops[q], from->documents[i], norm > 0 ? score / norm : 0);
    }
    return ATTRIB_OK;
}

static attrib_status add_round(void *context,
                               const at_estimates *estimates,
                               attrib_error *err)
{
    choosing *self = context;
    self->estimates = estimates;
    return at_parallel_for(self->setup->session, self->tile.n, add_query, self, err);
}

static int compare_documents(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

static void list_query(at_top *top, size_t n_each, size_t *out)
{
    size_t n = 0;
    at_top_separate(top);
    for (size_t i = 0; i < top->n_best && n < n_each; i++) {
        out[n++] = top->best[i].document;
    }
    for (size_t i = 0; i < top->n_worst && n < n_each; i++) {
        out[n++] = top->worst[i].document;
    }
    qsort(out, n, sizeof *out, compare_documents);
}

static void free_tops(choosing *self)
{
    for (size_t q = 0; self->tops && q < self->tile.n; q++) {
        at_top_free(&self->tops[q]);
    }
    free(self->tops);
    self->tops = NULL;
}

/* Choose the candidates of the queries of a tile. */
static attrib_status choose_tile(choosing *self,
                                 const at_index_match *match,
                                 const at_prepared *prepared,
                                 size_t n_end,
                                 at_candidates *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_estimates_taker taker = {add_round, self, false};
    at_stage stage;
    AT_TRY(at_array(self->tile.n, sizeof *self->tops, &self->tops, err));
    for (size_t q = 0; q < self->tile.n; q++) {
        AT_TRY(at_top_new(n_end, &self->tops[q], err));
    }
    at_stage_begin(&stage, self->setup->session, "scan", "documents", match->n);
    AT_TRY(at_index_scan(self->setup, match, prepared, &taker, &stage, err));
    at_stage_end(&stage, match->n, 0);
    for (size_t q = 0; q < self->tile.n; q++) {
        list_query(&self->tops[q], out->n_each,
                   out->documents + (self->tile.first + q) * out->n_each);
    }
done:
    free_tops(self);
    return status;
}

attrib_status at_index_choose(const at_setup *setup,
                              const attrib_index *index,
                              size_t n_end,
                              at_candidates *out,
                              at_prepared *ready,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = setup->n_documents;
    choosing self = {.setup = setup};
    at_candidates made = {0};
    at_prepared prepared = {0};
    at_index_match match = {0};
    double n_turns = ceil((double)setup->n_queries / (double)setup->n_tile);
    AT_TRY(at_index_check(setup, index, err));
    AT_TRY(at_index_match_new(index, setup->corpus, &match, err));
    AT_TRY(at_candidates_new(setup, n_end > n / 2 ? n : 2 * n_end, &made, err));
    at_stage_declare(setup->session, "scan", "documents", (double)n * n_turns, 0);
    for (size_t q = 0; q < setup->n_queries; q += setup->n_tile) {
        self.tile = (at_tile){q, at_smaller(setup->n_tile, setup->n_queries - q)};
        at_prepared_free(&prepared);
        AT_TRY(at_prepare_staged(setup, self.tile, &prepared, err));
        AT_TRY(choose_tile(&self, &match, &prepared, at_smaller(n_end, n), &made, err));
    }
    AT_TRY(at_candidates_finish(setup, &made, err));
    if (self.tile.n == setup->n_queries) {
        *ready = prepared;
        prepared = (at_prepared){0};
    }
    *out = made;
    made = (at_candidates){0};
done:
    at_index_match_free(&match);
    at_prepared_free(&prepared);
    at_candidates_free(&made);
    return status;
}

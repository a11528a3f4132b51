/* SPDX-License-Identifier: MIT */
/* 1. A piece.   2. All pieces. */
#include "index/estimate.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

typedef struct scanning {
    const at_index_match *match;
    at_scan_queries queries;
    at_scan_desk **desks; /* [n_workers] */
    size_t n_workers;
    size_t i_round;  /* its first piece */
    size_t *rows;    /* [documents of the round] */
    size_t *listed;  /* [AT_SCAN_PIECES, AT_PIECE_DOCUMENTS] records of each row */
    double *scores;  /* [AT_SCAN_PIECES, AT_PIECE_DOCUMENTS, V] */
    double *bounds;  /* the same; NULL: not wanted */
    float *self;     /* [AT_SCAN_PIECES, AT_PIECE_DOCUMENTS] */
    size_t capacity; /* of rows */
} scanning;

/* 1. A piece */

/* List the records of piece i of the round, each once, and the row of each document. */
static size_t list_records(const scanning *self, size_t i)
{
    const at_index_match *match = self->match;
    size_t *listed = self->listed + i * AT_PIECE_DOCUMENTS;
    size_t from = match->first[self->i_round];
    size_t n = 0;
    for (size_t k = match->first[self->i_round + i];
         k < match->first[self->i_round + i + 1]; k++) {
        if (n == 0 || listed[n - 1] != match->records[k]) {
            listed[n++] = match->records[k];
        }
        self->rows[k - from] = i * AT_PIECE_DOCUMENTS + n - 1;
    }
    return n;
}

static attrib_status scan_piece(void *context,
                                size_t i_worker,
                                size_t i,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const scanning *self = context;
    const attrib_index *index = self->match->index;
    size_t first = i * AT_PIECE_DOCUMENTS;
    size_t n_cases = self->queries.n_cases;
    const size_t *listed = self->listed + first;
    size_t n = list_records(self, i);
    at_piece_map piece = {0};
    if (n == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_piece_open(index, self->i_round + i, true, &piece, err));
    at_scan_records(&index->shape, &self->queries,
                    &(at_record_list){piece.content.records, listed, n},
                    self->desks[i_worker], self->scores + first * n_cases,
                    self->bounds ? self->bounds + first * n_cases : NULL);
    for (size_t k = 0; k < n; k++) {
        self->self[first + k] = piece.content.self[listed[k]];
    }
done:
    at_piece_close(&piece);
    return status;
}

/* 2. All pieces */

static attrib_status open_scan(scanning *self,
                               const at_setup *setup,
                               const at_prepared *prepared,
                               bool with_bounds,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_index_shape *shape = &self->match->index->shape;
    size_t n = AT_SCAN_PIECES * AT_PIECE_DOCUMENTS;
    AT_TRY(at_scan_queries_new(setup, prepared, shape, &self->queries, err));
    self->n_workers = at_n_workers(setup->session, AT_SCAN_PIECES);
    AT_TRY(at_array(self->n_workers, sizeof *self->desks, &self->desks, err));
    for (size_t w = 0; w < self->n_workers; w++) {
        AT_TRY(at_scan_desk_new(shape, &self->queries, &self->desks[w], err));
    }
    AT_TRY(at_array(n, sizeof *self->listed, &self->listed, err));
    AT_TRY(at_array(n, sizeof *self->self, &self->self, err));
    AT_TRY(at_array(n * prepared->n_cases, sizeof *self->scores, &self->scores, err));
    if (with_bounds) {
        AT_TRY(at_array(n * prepared->n_cases, sizeof *self->bounds, &self->bounds, err));
    }
done:
    return status;
}

static void close_scan(scanning *self)
{
    for (size_t w = 0; self->desks && w < self->n_workers; w++) {
        at_scan_desk_free(self->desks[w]);
    }
    free(self->desks);
    free(self->rows);
    free(self->listed);
    free(self->scores);
    free(self->bounds);
    free(self->self);
    at_scan_queries_free(&self->queries);
}

attrib_status at_index_scan(const at_setup *setup,
                            const at_index_match *match,
                            const at_prepared *prepared,
                            const at_estimates_taker *taker,
                            const at_stage *stage,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_parts = match->index->n_parts;
    scanning self = {.match = match};
    AT_TRY(open_scan(&self, setup, prepared, taker->with_bounds, err));
    for (self.i_round = 0; self.i_round < n_parts; self.i_round += AT_SCAN_PIECES) {
        size_t n_pieces = at_smaller(n_parts - self.i_round, AT_SCAN_PIECES);
        size_t first = match->first[self.i_round];
        size_t n = match->first[self.i_round + n_pieces] - first;
        AT_TRY(at_grow(&self.rows, &self.capacity, n, sizeof *self.rows, err));
        AT_TRY(at_parallel_for(setup->session, n_pieces, scan_piece, &self, err));
        AT_TRY(taker->take(taker->context,
                           &(at_estimates){n, match->documents + first, self.rows,
                                           self.scores, self.bounds, self.self},
                           err));
        at_stage_report(stage, first + n);
    }
done:
    close_scan(&self);
    return status;
}

attrib_status at_index_check(const at_setup *setup,
                             const attrib_index *index,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(
        setup->options.n_settings == 1, ATTRIB_EINVAL,
        "%s: an index chooses documents by one strategy and one damping, %zu are named",
        index->folder, setup->options.n_settings);
    AT_CHECK(strcmp(index->info.model_hash, attrib_model_hash(setup->model)) == 0,
             ATTRIB_EINVAL, "%s: an index of another model", index->folder);
    AT_CHECK(setup->factors &&
                 strcmp(index->info.factors_hash, setup->factors->identity) == 0 &&
                 setup->n_tracked == index->shape.n_maps,
             ATTRIB_EINVAL, "%s: an index of other factors", index->folder);
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        AT_CHECK(module->out_dim == index->shape.maps[m].out_dim &&
                     module->in_dim == index->shape.maps[m].in_dim,
                 ATTRIB_EINVAL, "%s: %s has another shape in the index", index->folder,
                 module->name);
    }
done:
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Candidates by an index.
 *
 * 1. Which record is of which document.   2. A scan.   3. Candidates. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "index/digest.h"
#include "index/scan.h"
#include "run/top.h"

/* The rank that queries are cut to for a scan: far less is lost by it than by the few
 * bits of components, and a component costs r (O + I) multiply-adds. */
#define SCAN_RANK ((size_t)16)

typedef struct choosing {
    const at_setup *setup;
    const attrib_index *index;
    size_t *records;   /* [n_documents] of the index, ascending */
    size_t *documents; /* [n_documents] whose they are */
    size_t *first;     /* [n_parts + 1] where each piece begins in both */
    size_t n_end;
    at_tile tile;
    at_scan_queries queries;
    at_scan_desk **desks; /* [n_workers] */
    size_t n_workers;
    at_top *tops;    /* [n queries of the tile] */
    double *scores;  /* [ROUND_PIECES, AT_PIECE_DOCUMENTS, n] */
    float *self;     /* [ROUND_PIECES, AT_PIECE_DOCUMENTS] */
    size_t i_round;  /* its first piece */
    size_t n_pieces; /* of the round */
} choosing;

/* Pieces that are scanned between two turns of the tops. */
#define ROUND_PIECES ((size_t)16)

/* 1. Which record is of which document */

typedef struct place {
    unsigned char digest[AT_DIGEST_BYTES];
    size_t document;
    size_t record; /* SIZE_MAX where there is none */
} place;

static int compare_digests(const void *left, const void *right)
{
    const place *a = left;
    const place *b = right;
    int order = memcmp(a->digest, b->digest, AT_DIGEST_BYTES);
    return order ? order : (a->document > b->document) - (a->document < b->document);
}

static int compare_records(const void *left, const void *right)
{
    const place *a = left;
    const place *b = right;
    int order = (a->record > b->record) - (a->record < b->record);
    return order ? order : (a->document > b->document) - (a->document < b->document);
}

/* The first of n places, sorted by digests, with this digest or a larger one. */
static size_t find_digest(const place *places, size_t n, const unsigned char *digest)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(places[middle].digest, digest, AT_DIGEST_BYTES) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Give the documents of a piece their records. */
static attrib_status match_piece(const attrib_index *index,
                                 size_t i_piece,
                                 size_t first,
                                 place *places,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_piece_map piece = {0};
    AT_TRY(at_piece_open(index, i_piece, false, &piece, err));
    for (size_t d = 0; d < piece.content.n; d++) {
        const unsigned char *digest = piece.content.digests + d * AT_DIGEST_BYTES;
        for (size_t i = find_digest(places, n, digest);
             i < n && memcmp(places[i].digest, digest, AT_DIGEST_BYTES) == 0; i++) {
            places[i].record = at_smaller(places[i].record, first + d);
        }
    }
done:
    at_piece_close(&piece);
    return status;
}

/* Lay out the documents in the order of their records. */
static attrib_status lay(choosing *self, const place *places, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_parts = self->index->n_parts;
    size_t end = 0;
    size_t i = 0;
    AT_TRY(at_array(n, sizeof(size_t), &self->records, err));
    AT_TRY(at_array(n, sizeof(size_t), &self->documents, err));
    AT_TRY(at_array(n_parts + 1, sizeof(size_t), &self->first, err));
    for (size_t p = 0; p < n_parts; p++) {
        self->first[p] = i;
        end += self->index->parts[p].n;
        for (; i < n && places[i].record < end; i++) {
            self->records[i] = places[i].record - (end - self->index->parts[p].n);
            self->documents[i] = places[i].document;
        }
    }
    self->first[n_parts] = i;
    AT_CHECK(
        i == n, ATTRIB_EINVAL,
        "%s: %zu of %zu documents are not in the index: read them with the options of "
        "%.100s, or merge an index of what is new",
        self->index->folder, n - i, n,
        *self->index->info.command ? self->index->info.command : "attrib index");
done:
    return status;
}

static attrib_status match(choosing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_corpus *corpus = self->setup->corpus;
    size_t n = self->setup->n_documents;
    size_t first = 0;
    place *places = NULL;
    AT_TRY(at_array(n, sizeof *places, &places, err));
    for (size_t i = 0; i < n; i++) {
        places[i].document = i;
        places[i].record = SIZE_MAX;
        AT_TRY(at_document_digests(corpus, i, 1, places[i].digest, err));
    }
    qsort(places, n, sizeof *places, compare_digests);
    for (size_t p = 0; p < self->index->n_parts; p++) {
        AT_TRY(match_piece(self->index, p, first, places, n, err));
        first += self->index->parts[p].n;
    }
    qsort(places, n, sizeof *places, compare_records);
    AT_TRY(lay(self, places, n, err));
done:
    free(places);
    return status;
}

/* 2. A scan */

static attrib_status scan_piece(void *context,
                                size_t i_worker,
                                size_t i,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const choosing *self = context;
    size_t i_piece = self->i_round + i;
    at_piece_map piece = {0};
    if (self->first[i_piece] == self->first[i_piece + 1]) {
        return ATTRIB_OK;
    }
    AT_TRY(at_piece_open(self->index, i_piece, true, &piece, err));
    at_scan_records(&self->index->shape, &self->queries, piece.content.records,
                    piece.content.n, self->desks[i_worker],
                    self->scores + i * AT_PIECE_DOCUMENTS * self->queries.n_cases, NULL);
    memcpy(self->self + i * AT_PIECE_DOCUMENTS, piece.content.self,
           piece.content.n * sizeof *self->self);
done:
    at_piece_close(&piece);
    return status;
}

/* Give the estimates of the round to the ends of one query. Cosines divide by the norms
 * of both gradients, of which the query's is the same for all documents. */
static attrib_status add_query(void *context,
                               size_t i_worker,
                               size_t q,
                               attrib_error *err)
{
    const choosing *self = context;
    bool is_cosine = self->setup->options.normalize == ATTRIB_NORMALIZE_UNIT;
    size_t n_cases = self->queries.n_cases;
    (void)i_worker;
    (void)err;
    for (size_t p = 0; p < self->n_pieces; p++) {
        for (size_t i = self->first[self->i_round + p];
             i < self->first[self->i_round + p + 1]; i++) {
            size_t row = p * AT_PIECE_DOCUMENTS + self->records[i];
            double norm = is_cosine ? sqrt((double)self->self[row]) : 1;
            double score = self->scores[row * n_cases + q];
            at_top_add(&self->tops[q], self->documents[i], norm > 0 ? score / norm : 0);
        }
    }
    return ATTRIB_OK;
}

static attrib_status open_scan(choosing *self,
                               const at_prepared *prepared,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_index_shape *shape = &self->index->shape;
    size_t rank = shape->is_whole ? SIZE_MAX : SCAN_RANK;
    AT_TRY(at_scan_queries_new(self->setup, prepared, shape, rank, &self->queries, err));
    self->n_workers = at_n_workers(self->setup->session, ROUND_PIECES);
    AT_TRY(at_array(self->n_workers, sizeof *self->desks, &self->desks, err));
    for (size_t w = 0; w < self->n_workers; w++) {
        AT_TRY(at_scan_desk_new(shape, &self->queries, &self->desks[w], err));
    }
    AT_TRY(at_array(ROUND_PIECES * AT_PIECE_DOCUMENTS, sizeof *self->self, &self->self,
                    err));
    AT_TRY(at_array(ROUND_PIECES * AT_PIECE_DOCUMENTS * self->queries.n_cases,
                    sizeof *self->scores, &self->scores, err));
    AT_TRY(at_array(self->tile.n, sizeof *self->tops, &self->tops, err));
    for (size_t q = 0; q < self->tile.n; q++) {
        AT_TRY(at_top_new(self->n_end, &self->tops[q], err));
    }
done:
    return status;
}

static void close_scan(choosing *self)
{
    for (size_t w = 0; self->desks && w < self->n_workers; w++) {
        at_scan_desk_free(self->desks[w]);
    }
    for (size_t q = 0; self->tops && q < self->tile.n; q++) {
        at_top_free(&self->tops[q]);
    }
    free(self->desks);
    free(self->tops);
    free(self->scores);
    free(self->self);
    at_scan_queries_free(&self->queries);
    self->desks = NULL;
    self->tops = NULL;
    self->scores = NULL;
    self->self = NULL;
}

/* Scan all pieces for the queries of a tile. */
static attrib_status scan(choosing *self,
                          const at_prepared *prepared,
                          const at_stage *stage,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_parts = self->index->n_parts;
    AT_TRY(open_scan(self, prepared, err));
    for (self->i_round = 0; self->i_round < n_parts; self->i_round += ROUND_PIECES) {
        self->n_pieces = at_smaller(n_parts - self->i_round, ROUND_PIECES);
        AT_TRY(
            at_parallel_for(self->setup->session, self->n_pieces, scan_piece, self, err));
        AT_TRY(at_parallel_for(self->setup->session, self->tile.n, add_query, self, err));
        at_stage_report(stage, self->first[self->i_round + self->n_pieces]);
    }
done:
    return status;
}

/* 3. Candidates */

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

static attrib_status check(const at_setup *setup,
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

attrib_status at_index_choose(const at_setup *setup,
                              const attrib_index *index,
                              size_t n_end,
                              size_t n_sample,
                              at_candidates *out,
                              at_prepared *ready,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = setup->n_documents;
    choosing self = {.setup = setup, .index = index, .n_end = at_smaller(n_end, n)};
    at_candidates made = {0};
    at_prepared prepared = {0};
    at_stage stage;
    double n_turns = ceil((double)setup->n_queries / (double)setup->n_tile);
    AT_TRY(check(setup, index, err));
    AT_TRY(match(&self, err));
    AT_TRY(at_candidates_new(setup, n_end > n / 2 ? n : 2 * n_end, &made, err));
    at_stage_declare(setup->session, "scan", "documents", (double)n * n_turns, 0);
    for (size_t q = 0; q < setup->n_queries; q += setup->n_tile) {
        self.tile = (at_tile){q, at_smaller(setup->n_tile, setup->n_queries - q)};
        at_prepared_free(&prepared);
        AT_TRY(at_prepare_queries(setup, self.tile, &prepared, err));
        at_stage_begin(&stage, setup->session, "scan", "documents", n);
        AT_TRY(scan(&self, &prepared, &stage, err));
        at_stage_end(&stage, n, 0);
        for (size_t k = 0; k < self.tile.n; k++) {
            list_query(&self.tops[k], made.n_each,
                       made.documents + (q + k) * made.n_each);
        }
        close_scan(&self);
    }
    AT_TRY(at_candidates_finish(n_sample, &made, err));
    if (self.tile.n == setup->n_queries) {
        *ready = prepared;
        prepared = (at_prepared){0};
    }
    *out = made;
    made = (at_candidates){0};
done:
    close_scan(&self);
    free(self.records);
    free(self.documents);
    free(self.first);
    at_prepared_free(&prepared);
    at_candidates_free(&made);
    return status;
}

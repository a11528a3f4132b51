/* SPDX-License-Identifier: MIT */
/* What is kept of a document: of each map the largest components of its gradient
 * in the eigenbasis, scaled, and its self-influence.
 *
 *     self(z) = sum over maps < (Fisher + damping)^-1 G_z, G_z >
 *
 * A worker keeps the components of a block's documents until the last map was visited.
 * Then it packs their records, and hands them over in the order of the corpus.
 *
 * 1. Memory.   2. A map of a document.   3. Its cost.   4. The tap. */
#include "index/tap.h"

#include <math.h>

#include "base/wide.h"
#include "gradient/pass.h"
#include "index/squares.h"
#include "linalg/cost.h"

/* 1. Memory */

/* A block has twice as many rows as other passes take, so that short documents fill
 * groups of eight, or half of them where the maps are so wide that the components of all
 * its documents, which are in memory until the last map was visited, would take more than
 * these bytes. */
#define MOST_BLOCK_BYTES ((size_t)64 << 20)

size_t at_index_block_rows(const at_index_shape *shape)
{
    size_t widths = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        widths += shape->maps[m].out_dim + shape->maps[m].in_dim;
    }
    size_t row_bytes = widths * sizeof(float);
    return row_bytes * 2 * AT_BLOCK_ROWS <= MOST_BLOCK_BYTES ? 2 * AT_BLOCK_ROWS
           : row_bytes * AT_BLOCK_ROWS <= MOST_BLOCK_BYTES   ? AT_BLOCK_ROWS
                                                             : AT_BLOCK_ROWS / 2;
}

/* What a worker holds of its block. */
typedef struct index_scratch {
    at_found *found; /* [documents, n_maps] */
    double *self;    /* [documents] */
    at_choice *choice;
    uint8_t *records; /* [documents, record_bytes] of the block */
    float *rounded;   /* [documents] its self-influences */
    size_t n_visited; /* maps of the block */
    float **u, **v;   /* [n_maps] of arrays [slots, O], [slots, I] */
    double **sigma;   /* [n_maps] of arrays [slots] */
} index_scratch;

/* Components of all documents of a block in a map: none has more than rows. */
static size_t count_slots(const at_indexing *self,
                          size_t i_map,
                          const attrib_block_size *most)
{
    return at_smaller(most->n_rows,
                      most->n_sequences * at_most_components(self->shape, i_map));
}

static attrib_status deal_map(const at_indexing *self,
                              size_t m,
                              const attrib_block_size *most,
                              attrib_bank *bank,
                              index_scratch *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_index_map *map = &self->shape->maps[m];
    size_t n = count_slots(self, m, most);
    float *u = NULL;
    float *v = NULL;
    double *sigma = NULL;
    AT_TRY(attrib_bank_deal(bank, n, map->out_dim, sizeof *u, &u, err));
    AT_TRY(attrib_bank_deal(bank, n, map->in_dim, sizeof *v, &v, err));
    AT_TRY(attrib_bank_deal(bank, n, 1, sizeof *sigma, &sigma, err));
    if (out->u) {
        out->u[m] = u;
        out->v[m] = v;
        out->sigma[m] = sigma;
    }
done:
    return status;
}

static attrib_status deal(const void *context,
                          const attrib_block_size *most,
                          attrib_bank *bank,
                          void **scratch,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_indexing *self = context;
    size_t n_maps = self->shape->n_maps;
    size_t n = most->n_sequences;
    index_scratch made = {0};
    index_scratch *out = NULL;
    AT_TRY(attrib_bank_deal(bank, 1, 1, sizeof *out, &out, err));
    AT_TRY(attrib_bank_deal(bank, n, n_maps, sizeof *made.found, &made.found, err));
    AT_TRY(attrib_bank_deal(bank, n, 1, sizeof *made.self, &made.self, err));
    AT_TRY(attrib_bank_deal(bank, n, self->shape->record_bytes, 1, &made.records, err));
    AT_TRY(attrib_bank_deal(bank, n, 1, sizeof *made.rounded, &made.rounded, err));
    AT_TRY(attrib_bank_deal(bank, n_maps, 1, sizeof *made.u, &made.u, err));
    AT_TRY(attrib_bank_deal(bank, n_maps, 1, sizeof *made.v, &made.v, err));
    AT_TRY(attrib_bank_deal(bank, n_maps, 1, sizeof *made.sigma, &made.sigma, err));
    AT_TRY(at_choice_deal(self->shape, n, bank, &made.choice, err));
    for (size_t m = 0; m < n_maps; m++) {
        AT_TRY(deal_map(self, m, most, bank, &made, err));
    }
    if (out) {
        *out = made;
    }
    *scratch = out;
done:
    return status;
}

/* A document of the block: its rows in the eigenbasis, which become scaled. */
typedef struct document_rows {
    float *ds, *a; /* [n, O], [n, I] */
    size_t n;
    size_t i_document; /* of the block */
} document_rows;

/* What a visit works on. */
typedef struct index_desk {
    float *a, *ds;   /* [n_rows, I], [n_rows, O] in the eigenbasis */
    float *gradient; /* [O, I] */
    double *inverse; /* [I] of a row of the map */
    float *roots;    /* [O, I] what entries are multiplied by before they are squared */
    at_component_scratch components;
    document_rows *documents; /* [documents] the most rows first */
} index_desk;

static attrib_status deal_desk(const at_indexing *self,
                               size_t i_map,
                               size_t n_rows,
                               size_t n_sequences,
                               attrib_bank *bank,
                               index_desk *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_index_map *map = &self->shape->maps[i_map];
    const at_row_product size = {
        .n_rows = n_rows, .out_dim = map->out_dim, .in_dim = map->in_dim};
    AT_TRY(attrib_bank_deal(bank, n_rows, map->in_dim, sizeof(float), &out->a, err));
    AT_TRY(attrib_bank_deal(bank, n_rows, map->out_dim, sizeof(float), &out->ds, err));
    AT_TRY(attrib_bank_deal(bank, map->out_dim, map->in_dim, sizeof(float),
                            &out->gradient, err));
    AT_TRY(attrib_bank_deal(bank, map->in_dim, 1, sizeof(double), &out->inverse, err));
    AT_TRY(attrib_bank_deal(bank, map->out_dim, map->in_dim, sizeof(float), &out->roots,
                            err));
    AT_TRY(attrib_bank_deal(bank, n_sequences, 1, sizeof *out->documents, &out->documents,
                            err));
    AT_TRY(at_component_deal(&size, at_most_components(self->shape, i_map),
                             self->shape->is_whole, bank, &out->components, err));
done:
    return status;
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    index_desk desk;
    return deal_desk(context, i_tracked, size->n_rows, size->n_sequences, bank, &desk,
                     err);
}

/* 2. A map of a document */

/* roots [O, I] = those of what entries' squares are multiplied by. */
static void fill_roots(const at_inverse *inverse, const index_desk *desk)
{
    size_t in_dim = inverse->factor->in_dim;
    for (size_t i = 0; i < inverse->factor->out_dim; i++) {
        at_inverse_row(inverse, i, desk->inverse);
        at_take_roots(desk->inverse, in_dim, desk->roots + i * in_dim);
    }
}

AT_WIDE static void scale_rows(float *rows, size_t n_rows, size_t n, const float *scale)
{
    for (size_t t = 0; t < n_rows; t++) {
        for (size_t j = 0; j < n; j++) {
            rows[t * n + j] *= scale[j];
        }
    }
}

static void index_document(const at_index_map *map,
                           const attrib_visit *visit,
                           const document_rows *rows,
                           const index_desk *desk,
                           at_found *found,
                           double *of_self)
{
    size_t o = map->out_dim;
    size_t i = map->in_dim;
    at_squares squares;
    at_form_gradient(visit->multiplier, rows->ds, rows->a, rows->n, o, i, desk->gradient);
    at_find_squares(map, desk->gradient, desk->roots, &squares);
    *of_self += squares.divided;
    found->square = squares.scaled;
    scale_rows(rows->ds, rows->n, o, map->scale_out);
    scale_rows(rows->a, rows->n, i, map->scale_in);
}

/* The end of the sequences of the document that begins with sequence s. */
static size_t document_end(const attrib_block *block, size_t s)
{
    size_t end = s + 1;
    while (end < block->n_sequences &&
           block->sequences[end].document == block->sequences[s].document) {
        end++;
    }
    return end;
}

/* List a document of n rows before those that have fewer. */
static void list_document(const document_rows *document,
                          size_t n_listed,
                          document_rows *list)
{
    size_t at = n_listed;
    for (; at > 0 && list[at - 1].n < document->n; at--) {
        list[at] = list[at - 1];
    }
    list[at] = *document;
}

/* Give each document of a block its room among the components of map m, and list those
 * that have rows. Returns how many there are. */
static size_t list_documents(const at_indexing *self,
                             const attrib_visit *visit,
                             const index_scratch *scratch,
                             const index_desk *desk)
{
    const attrib_block *block = visit->block;
    size_t m = visit->i_tracked;
    const at_index_map *map = &self->shape->maps[m];
    size_t slot = 0;
    size_t d = 0;
    size_t n_listed = 0;
    for (size_t s = 0; s < block->n_sequences; s = document_end(block, s), d++) {
        size_t first = visit->first_row[s];
        size_t n = visit->first_row[document_end(block, s)] - first;
        const document_rows rows = {desk->ds + first * map->out_dim,
                                    desk->a + first * map->in_dim, n, d};
        at_found *found = &scratch->found[d * self->shape->n_maps + m];
        found->components =
            (at_components){0, scratch->u[m] + slot * map->out_dim,
                            scratch->v[m] + slot * map->in_dim, scratch->sigma[m] + slot};
        found->square = 0;
        if (n > 0) {
            list_document(&rows, n_listed++, desk->documents);
        }
        slot += at_smaller(at_most_components(self->shape, m), n);
    }
    return n_listed;
}

/* Index n <= 8 documents in a map: what is found of them together is then still in the
 * cache. */
static attrib_status index_group(const at_indexing *self,
                                 const attrib_visit *visit,
                                 const document_rows *documents,
                                 size_t n,
                                 const index_desk *desk,
                                 index_scratch *scratch,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t m = visit->i_tracked;
    const at_index_map *map = &self->shape->maps[m];
    size_t most = at_most_components(self->shape, m);
    at_component_task tasks[AT_EIGHT];
    for (size_t k = 0; k < n; k++) {
        const document_rows *rows = &documents[k];
        size_t d = rows->i_document;
        at_found *found = &scratch->found[d * self->shape->n_maps + m];
        index_document(map, visit, rows, desk, found, &scratch->self[d]);
        tasks[k] =
            (at_component_task){{rows->ds, rows->a, rows->n, map->out_dim, map->in_dim},
                                at_smaller(most, rows->n),
                                at_choice_least(scratch->choice, d, m),
                                &found->components};
    }
    AT_TRY(at_components_find(tasks, n, self->shape->is_whole, &desk->components, err));
    for (size_t k = 0; k < n; k++) {
        size_t d = documents[k].i_document;
        at_choice_add(self->shape, scratch->choice, d, m,
                      &scratch->found[d * self->shape->n_maps + m].components);
    }
done:
    return status;
}

static attrib_status index_map(const at_indexing *self,
                               const at_factor *factor,
                               const attrib_visit *visit,
                               index_scratch *scratch,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_block *block = visit->block;
    size_t m = visit->i_tracked;
    const at_inverse inverse = {self->factors, factor, self->strategy, self->dampings[m]};
    attrib_bank bank = visit->desk;
    index_desk desk = {0};
    size_t n = 0;
    AT_TRY(deal_desk(self, m, block->n_tokens, block->n_sequences, &bank, &desk, err));
    fill_roots(&inverse, &desk);
    at_rotate(visit->multiplier, &factor->basis_a, visit->a, visit->n_rows, desk.a);
    at_rotate(visit->multiplier, &factor->basis_s, visit->ds, visit->n_rows, desk.ds);
    n = list_documents(self, visit, scratch, &desk);
    for (size_t k = 0; k < n; k += AT_EIGHT) {
        AT_TRY(index_group(self, visit, desk.documents + k, at_smaller(n - k, AT_EIGHT),
                           &desk, scratch, err));
    }
done:
    return status;
}

/* 3. Its cost */

/* Components of a map that a record keeps, as far as its bytes go. */
static double kept_components(const at_index_shape *shape, size_t i_map, double most)
{
    double bytes = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        bytes += (double)at_component_bytes(&shape->maps[m], shape->is_whole ? 0 : 1);
    }
    return fmin((double)shape->record_bytes / bytes,
                fmin(most, (double)at_most_components(shape, i_map)));
}

/* In exponentials, for each number: the squares of a gradient, scaled and divided; and
 * a component's number, rounded with some steps and packed. */
#define UNITS_SQUARES 0.3
#define UNITS_PACKED  2.5

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_documents,
                     attrib_load *load)
{
    const at_indexing *self = context;
    const at_index_map *map = &self->shape->maps[i_tracked];
    const at_factor *factor = &self->factors->factors[i_tracked];
    double o = (double)map->out_dim;
    double i = (double)map->in_dim;
    double k = (double)factor->basis_a.n_blocks;
    double t = n_rows / n_documents;
    double kept = kept_components(self->shape, i_tracked, t);
    const at_row_product size = {
        .n_rows = (size_t)t, .out_dim = map->out_dim, .in_dim = map->in_dim};
    attrib_load found = {0};
    at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, i / k, i / k}, k);
    at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, o / k, o / k}, k);
    at_load_product(load, (at_product_size){AT_PLAIN, o, i, t}, n_documents);
    load->elements +=
        n_documents * (o * i * UNITS_SQUARES + kept * (o + i) * UNITS_PACKED);
    at_components_cost(&size, at_most_components(self->shape, i_tracked),
                       self->shape->is_whole, &found);
    at_load_add(load, &found, n_documents);
}

/* 4. The tap */

/* Pack the records of a block whose maps were all visited. */
static attrib_status pack_block(const at_indexing *self,
                                const attrib_block *block,
                                index_scratch *scratch,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t d = 0;
    for (size_t s = 0; s < block->n_sequences; s = document_end(block, s), d++) {
        AT_CHECK(isfinite(scratch->self[d]), ATTRIB_ENUMERIC,
                 "document %zu: its gradient is not finite",
                 block->sequences[s].document);
        at_record_pack(self->shape, scratch->found + d * self->shape->n_maps,
                       scratch->choice, d,
                       scratch->records + d * self->shape->record_bytes);
        scratch->rounded[d] = (float)scratch->self[d];
        scratch->self[d] = 0;
    }
done:
    return status;
}

static attrib_status hand_over(void *context,
                               void *scratch,
                               const attrib_block *block,
                               attrib_error *err)
{
    const at_indexing *self = context;
    const index_scratch *own = scratch;
    size_t n = 0;
    for (size_t s = 0; s < block->n_sequences; s = document_end(block, s)) {
        n++;
    }
    return self->sink->take(self->sink->context, n, own->records, own->rounded, err);
}

static attrib_status visit_map(void *context,
                               void *scratch,
                               const attrib_visit *visit,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_indexing *self = context;
    index_scratch *own = scratch;
    const unsigned pieces = AT_PIECES_BASIS | AT_PIECES_LAMBDA;
    at_factor loaded = {0};
    const at_factor *factor =
        self->resident ? &self->resident[visit->i_tracked] : &loaded;
    if (!self->resident) {
        AT_TRY(at_factor_load(self->factors, visit->i_tracked, pieces, &loaded, err));
    }
    AT_TRY(index_map(self, factor, visit, own, err));
    if (++own->n_visited == self->shape->n_maps) {
        own->n_visited = 0;
        AT_TRY(pack_block(self, visit->block, own, err));
    }
done:
    at_factor_unload(self->factors, &loaded);
    return status;
}

attrib_tap at_index_tap(at_indexing *indexing)
{
    return (attrib_tap){.name = "index",
                        .context = indexing,
                        .deal = deal,
                        .desk = count_desk,
                        .cost = add_cost,
                        .module = visit_map,
                        .finish = hand_over};
}

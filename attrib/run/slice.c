/* SPDX-License-Identifier: MIT */
/* Slices of a run: the scores of 512 documents against the queries of a tile. Each is a
 * file of its own, so that a run can be stopped and resumed, and need not fit into
 * memory.
 */
#include <math.h>
#include <stdlib.h>

#include "run/run.h"

size_t at_n_slices(size_t n_documents)
{
    return n_documents / AT_SLICE_DOCUMENTS + (n_documents % AT_SLICE_DOCUMENTS != 0);
}

at_tile at_run_tile(const attrib_run *run, size_t i_tile)
{
    size_t first = i_tile * run->n_tile;
    size_t left = run->info.n_queries - first;
    return (at_tile){first, left < run->n_tile ? left : run->n_tile};
}

double at_slice_total(const double *scores, const at_counts *counts, size_t d, size_t c)
{
    double total = 0;
    for (size_t g = 0; g < counts->n_sums; g++) {
        total += scores[(d * counts->n_sums + g) * counts->n_cases + c];
    }
    return total;
}

double at_score_scale(attrib_normalize how,
                      double loss,
                      double query_self,
                      double document_self)
{
    switch (how) {
    case ATTRIB_NORMALIZE_NONE:
        break;
    case ATTRIB_NORMALIZE_NATS:
        return 1 / loss;
    case ATTRIB_NORMALIZE_UNIT:
        return document_self > 0 ? 1 / (sqrt(query_self) * sqrt(document_self)) : 0;
    }
    return 1;
}

attrib_status at_run_place_slices(attrib_run *run, bool is_held, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = run->info.n_queries;
    size_t n = 0;
    run->n_tiles = n_queries / run->n_tile + (n_queries % run->n_tile != 0);
    run->n_tiles = at_larger(run->n_tiles, 1); /* which holds what all tiles share */
    if (is_held) {
        AT_TRY(at_mul(run->n_tiles, at_n_slices(run->info.n_documents), &n, err));
        AT_TRY(at_array(n, sizeof *run->held, &run->held, err));
    } else {
        AT_TRY(at_array(run->n_tiles, sizeof *run->read, &run->read, err));
    }
done:
    return status;
}

attrib_status at_slice_outline(const attrib_run *run,
                               size_t i_tile,
                               size_t i_slice,
                               at_slice *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tile tile = at_run_tile(run, i_tile);
    size_t first = i_slice * AT_SLICE_DOCUMENTS;
    size_t left = run->info.n_documents - first;
    at_counts counts = {.n_documents = at_smaller(left, AT_SLICE_DOCUMENTS),
                        .n_sums = run->info.n_groups ? run->info.n_groups : 1,
                        .n_settings = run->options.n_settings};
    AT_TRY(at_mul(tile.n, counts.n_settings, &counts.n_cases, err));
    *out = (at_slice){.i_tile = i_tile, .tile = tile, .first = first, .counts = counts};
done:
    return status;
}

/* What is known of documents alone is shared by all tiles, and tile 0 holds it. */
bool at_slice_holds(const attrib_run *run, const at_slice *slice, at_array_kind kind)
{
    bool is_shared = at_array_layout_of(kind)->shape == ATTRIB_ARRAY_SETTINGS;
    return at_run_holds(run, kind) && (!is_shared || slice->i_tile == 0);
}

/* Find where the tokens of each document begin. */
static attrib_status count_tokens(at_slice *slice,
                                  const attrib_corpus *corpus,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = slice->counts.n_documents;
    AT_TRY(at_array(n + 1, sizeof *slice->first_token, &slice->first_token, err));
    for (size_t i = 0; i < n; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, slice->first + i, &document);
        AT_TRY(at_add(slice->first_token[i], document.n_tokens,
                      &slice->first_token[i + 1], err));
    }
    slice->counts.n_tokens = slice->first_token[n];
done:
    return status;
}

static attrib_status make_array(const attrib_corpus *corpus,
                                at_array_kind kind,
                                at_slice *slice,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_array_layout *layout = at_array_layout_of(kind);
    size_t dims[2] = {0};
    size_t n = 0;
    if (layout->shape == ATTRIB_ARRAY_TOKENS && !slice->first_token) {
        AT_TRY(count_tokens(slice, corpus, err));
    }
    AT_TRY(at_array_dims(kind, &slice->counts, dims, err));
    AT_TRY(at_mul(dims[0], dims[1], &n, err));
    AT_TRY(at_array(n, attrib_dtype_bytes(layout->dtype), &slice->arrays[kind], err));
done:
    if (status == ATTRIB_ENOMEM) {
        at_context(err, status, "%s of %zu documents", layout->name,
                   slice->counts.n_documents);
    }
    return status;
}

attrib_status at_slice_new(const attrib_run *run,
                           const attrib_corpus *corpus,
                           size_t i_tile,
                           size_t i_slice,
                           at_slice *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    AT_TRY(at_slice_outline(run, i_tile, i_slice, &slice, err));
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        if (at_slice_holds(run, &slice, k)) {
            AT_TRY(make_array(corpus, k, &slice, err));
        }
    }
    if (i_tile == 0 && !run->held) {
        AT_TRY(at_documents_write(corpus, slice.first, slice.counts.n_documents,
                                  &slice.documents, err));
    }
    *out = slice;
    slice = (at_slice){0};
done:
    at_slice_free(&slice);
    return status;
}

void at_slice_free(at_slice *slice)
{
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        free(slice->arrays[k]);
    }
    free(slice->first_token);
    at_buffer_free(&slice->documents);
    *slice = (at_slice){0};
}

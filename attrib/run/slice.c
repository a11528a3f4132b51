/* SPDX-License-Identifier: MIT */
/* Slices of a run: the scores of 512 documents against the queries of a tile. Each is
 * written by itself, so that a run can be stopped and resumed, and need not fit into
 * memory.
 *
 * 1. Where slices stand.
 * 2. Numbers of slices.
 * 3. A slice. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"

size_t at_n_slices(size_t n_documents)
{
    return n_documents / AT_SLICE_DOCUMENTS + (n_documents % AT_SLICE_DOCUMENTS != 0);
}

/* 1. Where slices stand */

/* Part p < at_larger(n_parts, 1). */
static size_t part_documents(const attrib_run *run, size_t p)
{
    return run->n_parts ? run->parts[p].end - run->parts[p].first : run->info.n_documents;
}

size_t at_run_n_slices(const attrib_run *run)
{
    size_t n = 0;
    for (size_t p = 0; p < at_larger(run->n_parts, 1); p++) {
        n += at_n_slices(part_documents(run, p));
    }
    return n;
}

size_t at_run_slice_of(const attrib_run *run, size_t i, size_t *d)
{
    size_t i_slice = 0;
    size_t p = 0;
    while (p + 1 < run->n_parts && i >= part_documents(run, p)) {
        i -= part_documents(run, p);
        i_slice += at_n_slices(part_documents(run, p));
        p++;
    }
    *d = i % AT_SLICE_DOCUMENTS;
    return i_slice + i / AT_SLICE_DOCUMENTS;
}

at_slice_place at_run_place(const attrib_run *run, size_t i_slice)
{
    size_t of_file = AT_FILE_SLICES * at_larger(run->n_tiles, 1);
    at_slice_place place = {0};
    size_t p = 0;
    size_t n = part_documents(run, p);
    while (p + 1 < run->n_parts && i_slice >= at_n_slices(n)) {
        size_t n_slices = at_n_slices(n);
        i_slice -= n_slices;
        place.i_file += n_slices / of_file + (n_slices % of_file != 0);
        place.first += n;
        n = part_documents(run, ++p);
    }
    size_t first_of_file = i_slice / of_file * of_file;
    size_t file_start = first_of_file * AT_SLICE_DOCUMENTS;
    place.i_file += i_slice / of_file;
    place.i_within = i_slice % of_file;
    place.n_within = at_smaller(at_n_slices(n) - first_of_file, of_file);
    place.n_file_documents = at_smaller(n - file_start, of_file * AT_SLICE_DOCUMENTS);
    place.first += i_slice * AT_SLICE_DOCUMENTS;
    place.n = at_smaller(n - i_slice * AT_SLICE_DOCUMENTS, AT_SLICE_DOCUMENTS);
    return place;
}

at_tile at_run_tile(const attrib_run *run, size_t i_tile)
{
    size_t first = i_tile * run->n_tile;
    size_t left = run->info.n_queries - first;
    return (at_tile){first, left < run->n_tile ? left : run->n_tile};
}

/* 2. Numbers of slices */

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

/* 3. A slice */

attrib_status at_run_place_slices(attrib_run *run, bool is_held, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = run->info.n_queries;
    size_t n = 0;
    run->n_tiles = n_queries / run->n_tile + (n_queries % run->n_tile != 0);
    run->n_tiles = at_larger(run->n_tiles, 1); /* which holds what all tiles share */
    if (is_held) {
        AT_TRY(at_mul(run->n_tiles, at_run_n_slices(run), &n, err));
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
    at_slice_place place = at_run_place(run, i_slice);
    at_counts counts = {.n_documents = place.n,
                        .n_sums = run->info.n_groups ? run->info.n_groups : 1,
                        .n_settings = run->options.n_settings,
                        .n_checkpoints = run->info.n_checkpoints};
    for (size_t s = 0; s < counts.n_settings; s++) {
        counts.n_baselines +=
            attrib_strategy_is_baseline(run->options.settings[s].strategy);
    }
    AT_TRY(at_mul(tile.n, counts.n_settings, &counts.n_cases, err));
    *out = (at_slice){.i_tile = i_tile,
                      .i_slice = i_slice,
                      .tile = tile,
                      .first = run->first + place.first,
                      .counts = counts};
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

static void hash_sequences(const attrib_corpus *corpus,
                           const attrib_document *document,
                           at_hash *hash)
{
    for (size_t s = 0; s < document->n_sequences; s++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document->first_sequence + s, &sequence);
        const uint64_t sizes[] = {sequence.n_tokens, sequence.labels != NULL,
                                  sequence.is_subtracted};
        at_hash_add(hash, sizes, sizeof sizes);
        at_hash_add(hash, sequence.ids, sequence.n_tokens * sizeof *sequence.ids);
        at_hash_add(hash, sequence.mask, sequence.n_tokens);
        if (sequence.labels) {
            at_hash_add(hash, sequence.labels,
                        sequence.n_tokens * sizeof *sequence.labels);
        }
    }
}

attrib_status at_slice_content(const attrib_corpus *corpus,
                               size_t first,
                               size_t n,
                               char out[AT_HASH_SIZE],
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (size_t i = first; i < first + n; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        const uint64_t sizes[] = {document.n_tokens, document.n_sequences};
        at_hash_add(hash, sizes, sizeof sizes);
        hash_sequences(corpus, &document, hash);
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
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
        AT_TRY(corpus ? at_slice_content(corpus, slice.first, slice.counts.n_documents,
                                         slice.content, err)
                      : ATTRIB_OK);
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

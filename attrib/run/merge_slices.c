/* SPDX-License-Identifier: MIT */
/* Slices of a merged run: the numbers of its runs' slices, under its own name.
 *
 * Where the runs hold the same queries, as many at a time, their slices are copied from
 * one mapped file to the next, so that none is in memory. Otherwise each slice of the
 * merged run is put together in memory of the columns of theirs.
 *
 * 1. Origins   2. Slices as they are   3. Slices of other columns   4. All */
#include <stdlib.h>
#include <string.h>

#include "base/session.h"
#include "run/merge.h"
#include "run/slice_piece.h"

/* 1. Origins */

/* Where a slice of the merged run comes from, in one column. */
typedef struct origin {
    const at_merged_run *from;
    size_t i_slice;
} origin;

/* out [n_columns, n], n slices in each */
static attrib_status list_origins(const at_merging *self,
                                  origin **out,
                                  size_t *n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_all = 0;
    size_t i = 0;
    *n = at_run_n_slices(self->out);
    AT_TRY(at_mul(*n, self->n_columns, &n_all, err));
    AT_TRY(at_array(n_all, sizeof **out, out, err));
    for (size_t p = 0; p < self->n_parts; p++) {
        const at_merged_part *part = &self->parts[p];
        AT_CHECK(i + part->n_slices <= n_all, ATTRIB_EINVAL,
                 "%s: its documents are not in slices as those of the other runs are",
                 self->runs[part->i_run].run->info.folder);
        for (size_t k = 0; k < part->n_slices; k++) {
            (*out)[i++] = (origin){&self->runs[part->i_run], part->i_slice + k};
        }
    }
    AT_CHECK(i == n_all, ATTRIB_EINVAL,
             "the documents of the runs are not in the same slices");
done:
    return status;
}

/* 2. Slices as they are */

/* Write the file of a tile that begins with slice `first`. */
static attrib_status write_file(const at_merging *self,
                                const origin *origins,
                                size_t i_tile,
                                size_t first,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_run_place(self->out, first).n_within;
    at_pieces all = {0};
    char *path = NULL;
    AT_TRY(at_pieces_new(n, &all, err));
    for (size_t i = 0; i < n; i++) {
        const origin *from = &origins[first + i];
        AT_TRY(at_pieces_open(&all, i, from->from->run, i_tile, from->i_slice, err));
    }
    AT_TRY(at_slice_path(self->out, i_tile, first, true, &path, err));
    AT_TRY(at_pieces_write(path, self->out->identity, all.pieces, n, err));
done:
    at_pieces_close(&all);
    free(path);
    return status;
}

/* 3. Slices of other columns */

/* A piece of a file of one of the runs, while its numbers are copied. */
typedef struct opened {
    at_slice outline;
    at_slice_file file;
    at_piece piece;
    size_t *tokens;
} opened;

static attrib_status open_piece(const origin *from,
                                size_t i_tile,
                                opened *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *run = from->from->run;
    AT_TRY(at_slice_outline(run, i_tile, from->i_slice, &out->outline, err));
    AT_TRY(at_slice_file_open(run, i_tile, from->i_slice, &out->file, err));
    AT_TRY(at_slice_file_piece(run, &out->file, &out->outline, &out->piece, &out->tokens,
                               err));
    AT_TRY(at_slice_file_check(run, &out->file, &out->outline, &out->piece, err));
done:
    return status;
}

static void close_piece(opened *self)
{
    at_slice_file_close(&self->file);
    free(self->tokens);
    *self = (opened){0};
}

/* Make room for the numbers of a slice, whose documents and their tokens are those of a
 * piece. */
static attrib_status make_room(const at_merging *self,
                               const at_piece *like,
                               at_slice *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = like->counts.n_documents;
    AT_CHECK(n == out->counts.n_documents, ATTRIB_EINVAL,
             "the documents of the runs are not in the same slices");
    if (like->first_token) {
        AT_TRY(at_array(n + 1, sizeof *out->first_token, &out->first_token, err));
        memcpy(out->first_token, like->first_token, (n + 1) * sizeof *out->first_token);
        out->counts.n_tokens = like->counts.n_tokens;
    }
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        size_t dims[2] = {0};
        size_t n_numbers = 0;
        if (at_slice_holds(self->out, out, k)) {
            AT_TRY(at_array_dims(k, &out->counts, dims, err));
            AT_TRY(at_mul(dims[0], dims[1], &n_numbers, err));
            AT_TRY(at_array(n_numbers, attrib_dtype_bytes(at_array_layout_of(k)->dtype),
                            &out->arrays[k], err));
        }
    }
done:
    return status;
}

/* What all queries share: self-influences, and the record of documents. */
static attrib_status take_shared(const opened *from, at_slice *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_piece *piece = &from->piece;
    if (out->i_tile > 0) {
        return ATTRIB_OK;
    }
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        if (out->arrays[k] && !at_array_has_queries(k)) {
            memcpy(out->arrays[k], piece->arrays[k],
                   piece->counts.n_documents * piece->counts.n_settings *
                       attrib_dtype_bytes(at_array_layout_of(k)->dtype));
        }
    }
    AT_TRY(at_buffer_append(&out->documents, piece->documents, piece->n_document_bytes,
                            err));
    memcpy(out->content, piece->content, sizeof out->content);
done:
    return status;
}

/* Copy the numbers of n queries, from the first that is given of each tile. */
static attrib_status copy_queries(const opened *from,
                                  size_t first_from,
                                  size_t first_out,
                                  size_t n,
                                  at_slice *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_from = from->outline.tile.n;
    size_t n_out = out->tile.n;
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        size_t bytes = attrib_dtype_bytes(at_array_layout_of(k)->dtype);
        size_t dims[2] = {0};
        if (!out->arrays[k] || !at_array_has_queries(k)) {
            continue;
        }
        AT_TRY(at_array_dims(k, &out->counts, dims, err));
        size_t n_rows = dims[0] * dims[1] / n_out; /* of queries, settings apart */
        const char *source = (const char *)from->piece.arrays[k] + first_from * bytes;
        char *target = (char *)out->arrays[k] + first_out * bytes;
        for (size_t i = 0; i < n_rows; i++) {
            memcpy(target + i * n_out * bytes, source + i * n_from * bytes, n * bytes);
        }
    }
done:
    return status;
}

/* Take what a column has of the queries of a slice. */
static attrib_status take_column(const at_merging *self,
                                 const at_merged_column *column,
                                 const origin *from,
                                 at_slice *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *run = from->from->run;
    size_t end = at_smaller(out->tile.first + out->tile.n, column->first + column->n);
    opened piece = {0};
    for (size_t q = at_larger(out->tile.first, column->first); q < end;) {
        size_t local = from->from->first_query + q - column->first;
        AT_TRY(open_piece(from, local / run->n_tile, &piece, err));
        at_tile tile = piece.outline.tile;
        size_t n = at_smaller(end - q, tile.first + tile.n - local);
        if (!out->arrays[AT_SCORES]) {
            AT_TRY(make_room(self, &piece.piece, out, err));
        }
        AT_TRY(
            copy_queries(&piece, local - tile.first, q - out->tile.first, n, out, err));
        close_piece(&piece);
        q += n;
    }
done:
    close_piece(&piece);
    return status;
}

/* Write slice i of a tile, whose origin in column c is origins[c * n + i]. */
static attrib_status write_slice(const at_merging *self,
                                 const origin *origins,
                                 size_t n,
                                 size_t i_tile,
                                 size_t i,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    opened first = {0};
    AT_TRY(at_slice_outline(self->out, i_tile, i, &slice, err));
    for (size_t c = 0; c < self->n_columns; c++) {
        AT_TRY(take_column(self, &self->columns[c], &origins[c * n + i], &slice, err));
    }
    AT_TRY(open_piece(&origins[i], 0, &first, err));
    AT_TRY(take_shared(&first, &slice, err));
    AT_TRY(at_slice_write(self->out, &slice, err));
done:
    close_piece(&first);
    at_slice_free(&slice);
    return status;
}

/* 4. All */

/* Whether all runs have the tiles of the merged one. */
static bool has_same_tiles(const at_merging *self)
{
    for (size_t r = 0; r < self->n_runs; r++) {
        const attrib_run *run = self->runs[r].run;
        if (run->n_tile != self->out->n_tile ||
            run->info.n_queries != self->out->info.n_queries) {
            return false;
        }
    }
    return self->n_columns == 1;
}

attrib_status at_merge_slices(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    origin *origins = NULL;
    size_t n = 0;
    bool is_copied = has_same_tiles(self);
    at_stage stage;
    AT_TRY(list_origins(self, &origins, &n, err));
    at_stage_begin(&stage, self->session, "merge", "slices", n * self->out->n_tiles);
    for (size_t t = 0; t < self->out->n_tiles; t++) {
        for (size_t i = 0; i < n;) {
            AT_TRY(at_poll_cancel(self->session, err));
            AT_TRY(is_copied ? write_file(self, origins, t, i, err)
                             : write_slice(self, origins, n, t, i, err));
            i += is_copied ? at_run_place(self->out, i).n_within : 1;
            at_stage_report(&stage, t * n + i);
        }
    }
    at_stage_end(&stage, n * self->out->n_tiles, 0);
done:
    free(origins);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Slices of a sum of runs. Runs may hold other numbers of queries at a time: a slice of
 * the sum is of the tiles of the first run, and takes its queries from whatever tiles of
 * the others hold them. In memory are one slice of the sum, and one of a run.
 *
 * 1. What is added.
 * 2. A slice.
 * 3. All. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/session.h"
#include "run/slice_piece.h"
#include "run/sum.h"

/* A run's slice on its way into one of the sum. */
typedef struct addend {
    const at_slice *from;
    at_slice *to;
    double weight;
    size_t i_run;
} addend;

/* 1. What is added */

/* The columns of a slice that both have: of the same queries. */
typedef struct overlap {
    size_t from, to, n; /* within the tiles, and queries */
} overlap;

static overlap overlap_of(const addend *self)
{
    const at_tile a = self->from->tile;
    const at_tile b = self->to->tile;
    size_t first = at_larger(a.first, b.first);
    size_t end = at_smaller(a.first + a.n, b.first + b.n);
    return (overlap){first - a.first, first - b.first, end - first};
}

/* Add rows of a number for each case: to [rows, V] += factor from [rows, V]. */
static void add_planes(const addend *self,
                       at_array_kind kind,
                       size_t n_rows,
                       double factor)
{
    const overlap at = overlap_of(self);
    const at_counts *counts = &self->to->counts;
    const double *from = self->from->arrays[kind];
    double *to = self->to->arrays[kind];
    for (size_t row = 0; row < n_rows; row++) {
        for (size_t s = 0; s < counts->n_settings; s++) {
            const double *x = from + row * self->from->counts.n_cases +
                              s * self->from->tile.n + at.from;
            double *y = to + row * counts->n_cases + s * self->to->tile.n + at.to;
            for (size_t q = 0; q < at.n; q++) {
                y[q] += factor * x[q];
            }
        }
    }
}

/* The same of shares of tokens, which are f32. */
static void add_tokens(const addend *self)
{
    const overlap at = overlap_of(self);
    const at_counts *counts = &self->to->counts;
    const float *from = self->from->arrays[AT_TOKENS];
    float *to = self->to->arrays[AT_TOKENS];
    for (size_t t = 0; t < counts->n_tokens; t++) {
        for (size_t s = 0; s < counts->n_settings; s++) {
            const float *x =
                from + t * self->from->counts.n_cases + s * self->from->tile.n + at.from;
            float *y = to + t * counts->n_cases + s * self->to->tile.n + at.to;
            for (size_t q = 0; q < at.n; q++) {
                y[q] = (float)((double)y[q] + self->weight * (double)x[q]);
            }
        }
    }
}

/* What the run itself says of each document, all groups of maps together. */
static void keep_scores(const addend *self)
{
    const overlap at = overlap_of(self);
    const at_counts *counts = &self->to->counts;
    const double *from = self->from->arrays[AT_SCORES];
    double *to = self->to->arrays[AT_CHECKPOINTS];
    for (size_t d = 0; d < counts->n_documents; d++) {
        double *row = to + (d * counts->n_checkpoints + self->i_run) * counts->n_cases;
        for (size_t s = 0; s < counts->n_settings; s++) {
            for (size_t q = 0; q < at.n; q++) {
                row[s * self->to->tile.n + at.to + q] = at_slice_total(
                    from, &self->from->counts, d, s * self->from->tile.n + at.from + q);
            }
        }
    }
}

static void add_self(const addend *self)
{
    const double *from = self->from->arrays[AT_SELF];
    double *to = self->to->arrays[AT_SELF];
    size_t n = self->to->counts.n_documents * self->to->counts.n_settings;
    for (size_t i = 0; i < n; i++) {
        to[i] += fabs(self->weight) * from[i];
    }
}

/* Add a tile of a run that has queries of the sum's slice. */
static void add_tile(const addend *self)
{
    const at_slice *to = self->to;
    const at_counts *counts = &to->counts;
    size_t n_rows = counts->n_documents * counts->n_sums;
    if (to->arrays[AT_SCORES]) {
        add_planes(self, AT_SCORES, n_rows, self->weight);
        keep_scores(self);
    }
    if (to->arrays[AT_BOUNDS] && self->from->arrays[AT_BOUNDS]) {
        add_planes(self, AT_BOUNDS, n_rows, fabs(self->weight));
    }
    if (to->arrays[AT_TOKENS]) {
        add_tokens(self);
    }
    if (to->arrays[AT_SELF] && self->from->i_tile == 0) {
        add_self(self);
    }
}

/* Add what a run has for the queries of a slice. Self-influences stand in its tile 0,
 * which the sum's tile 0 always has queries of. */
static attrib_status add_run(const at_summing *self,
                             size_t r,
                             at_slice *slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->runs[r];
    size_t end = slice->tile.first + slice->tile.n;
    size_t t = slice->tile.first / run->n_tile;
    do {
        addend one = {.to = slice, .weight = self->weights[r], .i_run = r};
        AT_TRY(at_run_slice(run, t, slice->i_slice, &one.from, err));
        AT_CHECK(one.from->counts.n_tokens == slice->counts.n_tokens, ATTRIB_EFORMAT,
                 "%s: slice %zu of %zu tokens, expected %zu", run->info.folder,
                 slice->i_slice, one.from->counts.n_tokens, slice->counts.n_tokens);
        add_tile(&one);
        if (t > 0) { /* one slice is in memory at a time */
            at_slice_free(&run->read[t]);
        }
    } while (++t * run->n_tile < end);
done:
    return status;
}

/* 2. A slice */

/* Take over what is known of a slice's documents from the first run. */
static attrib_status take_documents(const at_summing *self,
                                    at_slice *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *run = self->runs[0];
    at_slice outline = {0};
    at_slice_file file = {0};
    at_piece piece = {0};
    size_t *tokens = NULL;
    AT_TRY(at_slice_outline(run, 0, out->i_slice, &outline, err));
    AT_TRY(at_slice_file_open(run, 0, out->i_slice, &file, err));
    AT_TRY(at_slice_file_piece(run, &file, &outline, &piece, &tokens, err));
    if (out->i_tile == 0) {
        AT_TRY(at_buffer_append(&out->documents, piece.documents, piece.n_document_bytes,
                                err));
        memcpy(out->content, piece.content, sizeof out->content);
    }
    out->first_token = tokens;
    out->counts.n_tokens = piece.counts.n_tokens;
    tokens = NULL;
done:
    free(tokens);
    at_slice_file_close(&file);
    return status;
}

/* Make room for the arrays of a slice. */
static attrib_status open_slice(const at_summing *self,
                                size_t i_tile,
                                size_t i_slice,
                                at_slice *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_slice_outline(self->out, i_tile, i_slice, out, err));
    AT_TRY(take_documents(self, out, err));
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        size_t dims[2] = {0};
        size_t n = 0;
        if (at_slice_holds(self->out, out, k)) {
            AT_TRY(at_array_dims(k, &out->counts, dims, err));
            AT_TRY(at_mul(dims[0], dims[1], &n, err));
            AT_TRY(at_array(n, attrib_dtype_bytes(at_array_layout_of(k)->dtype),
                            &out->arrays[k], err));
        }
    }
done:
    return status;
}

static attrib_status write_slice(const at_summing *self,
                                 size_t i_tile,
                                 size_t i_slice,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    AT_TRY(open_slice(self, i_tile, i_slice, &slice, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_TRY(add_run(self, r, &slice, err));
    }
    AT_TRY(at_slice_write(self->out, &slice, err));
done:
    at_slice_free(&slice);
    return status;
}

/* 3. All */

attrib_status at_sum_slices(const at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_run_n_slices(self->out);
    at_stage stage;
    at_stage_begin(&stage, self->session, "merge", "slices", n * self->out->n_tiles);
    for (size_t t = 0; t < self->out->n_tiles; t++) {
        for (size_t i = 0; i < n; i++) {
            AT_TRY(at_poll_cancel(self->session, err));
            AT_TRY(write_slice(self, t, i, err));
            at_stage_report(&stage, t * n + i);
        }
    }
    at_stage_end(&stage, n * self->out->n_tiles, 0);
done:
    return status;
}

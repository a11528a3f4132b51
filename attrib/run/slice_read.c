/* SPDX-License-Identifier: MIT */
/* Slices read from their files (slice_write.c).
 *
 * 1. The file of a slice.
 * 2. Its numbers among those of the file.
 * 3. Slices.
 * 4. All pieces of a file. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/slice_piece.h"

/* 1. The file of a slice */

void at_slice_documents_name(size_t i, char out[AT_DOCUMENTS_SIZE])
{
    snprintf(out, AT_DOCUMENTS_SIZE, "documents.%zu", i);
}

/* The path of the file that holds a slice: with the others of it, or alone. */
static attrib_status find_file(const attrib_run *run,
                               size_t i_tile,
                               size_t i_slice,
                               char **path,
                               bool *is_joined,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *joined = NULL;
    AT_TRY(at_slice_path(run, i_tile, i_slice, false, path, err));
    AT_TRY(at_slice_path(run, i_tile, i_slice, true, &joined, err));
    *is_joined = at_is_file(joined) || !at_is_file(*path);
    if (*is_joined) { /* which is the one to be missed where neither is there */
        free(*path);
        *path = joined;
        joined = NULL;
    }
done:
    free(joined);
    return status;
}

attrib_status at_slice_exists(
    const attrib_run *run, size_t i_tile, size_t i_slice, bool *out, attrib_error *err)
{
    char *path = NULL;
    bool is_joined = false;
    attrib_status status = find_file(run, i_tile, i_slice, &path, &is_joined, err);
    if (status == ATTRIB_OK) {
        *out = at_is_file(path);
    }
    free(path);
    return status;
}

attrib_status at_slice_file_open(const attrib_run *run,
                                 size_t i_tile,
                                 size_t i_slice,
                                 at_slice_file *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice_file file = {0};
    const char *identity = NULL;
    AT_TRY(find_file(run, i_tile, i_slice, &file.path, &file.is_joined, err));
    AT_TRY(at_tensors_open(file.path, &file.tensors, err));
    identity = at_tensors_metadata(file.tensors, AT_RUN_NAME);
    AT_CHECK(identity && strcmp(identity, run->identity) == 0, ATTRIB_ESHAPE,
             "%s: of another run (other model, factors, corpus, queries or options)",
             file.path);
    *out = file;
    file = (at_slice_file){0};
done:
    at_slice_file_close(&file);
    return status;
}

void at_slice_file_close(at_slice_file *file)
{
    at_tensors_close(file->tensors);
    free(file->path);
    *file = (at_slice_file){0};
}

/* 2. Its numbers among those of the file */

/* Where the rows of a slice stand in its file. */
typedef struct extent {
    size_t i_within;                 /* slices before it */
    size_t first_row, n_rows, n_all; /* documents */
    size_t first_token, n_tokens, all_tokens;
} extent;

static extent extent_of(const attrib_run *run,
                        const at_slice_file *file,
                        const at_slice *outline)
{
    at_slice_place place = at_run_place(run, outline->i_slice);
    extent at = {.n_rows = place.n, .n_all = place.n};
    if (file->is_joined) {
        at.i_within = place.i_within;
        at.first_row = place.i_within * AT_SLICE_DOCUMENTS;
        at.n_all = place.n_file_documents;
    }
    return at;
}

/* Find a tensor of a type; EFORMAT where it is missing. */
static attrib_status find_tensor(const at_slice_file *file,
                                 const char *name,
                                 attrib_dtype dtype,
                                 const at_tensor **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = at_tensors_find(file->tensors, name);
    AT_CHECK(*out && (*out)->dtype == dtype, ATTRIB_EFORMAT,
             "%s: not a slice of this run: no tensor \"%s\" of %s", file->path, name,
             attrib_dtype_name(dtype));
done:
    return status;
}

/* Count the tokens before a slice, of it, and of its file; *first_token [n + 1] is where
 * its documents begin. */
static attrib_status read_counts(const at_slice_file *file,
                                 extent *at,
                                 size_t **first_token,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = NULL;
    AT_TRY(find_tensor(file, AT_TOKEN_COUNTS, ATTRIB_I64, &tensor, err));
    AT_TRY(at_tensor_expect(tensor, 1, &at->n_all, err));
    AT_TRY(at_array(at->n_rows + 1, sizeof **first_token, first_token, err));
    for (size_t i = 0; i < at->n_all; i++) {
        int64_t count = 0;
        memcpy(&count, tensor->data + i * sizeof count, sizeof count);
        AT_CHECK(count >= 0, ATTRIB_EFORMAT, "%s: document %zu of %lld tokens",
                 file->path, i, (long long)count);
        if (i == at->first_row) {
            at->first_token = at->all_tokens;
        }
        AT_TRY(at_add(at->all_tokens, (size_t)count, &at->all_tokens, err));
        if (i >= at->first_row && i < at->first_row + at->n_rows) {
            (*first_token)[i - at->first_row + 1] = at->all_tokens - at->first_token;
        }
    }
    at->n_tokens = (*first_token)[at->n_rows];
done:
    return status;
}

/* Point to the slice's rows of an array, whose shape must be that of the file. */
static attrib_status find_array(const at_slice_file *file,
                                const extent *at,
                                at_array_kind kind,
                                at_piece *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_array_layout *layout = at_array_layout_of(kind);
    const at_tensor *tensor = NULL;
    size_t dims[2] = {0};
    bool is_of_tokens = layout->shape == ATTRIB_ARRAY_TOKENS;
    AT_TRY(find_tensor(file, layout->name, layout->dtype, &tensor, err));
    AT_TRY(at_array_dims(kind, &out->counts, dims, err));
    dims[0] = is_of_tokens ? at->all_tokens : at->n_all;
    AT_TRY(at_tensor_expect(tensor, 2, dims, err));
    out->arrays[kind] = tensor->data + (is_of_tokens ? at->first_token : at->first_row) *
                                           dims[1] * attrib_dtype_bytes(layout->dtype);
done:
    return status;
}

/* The slice's hash among those of its file, 32 digits each; "" where there is none. */
static void take_hash(const at_slice_file *file,
                      const char *key,
                      size_t i,
                      char out[AT_HASH_SIZE])
{
    const char *all = at_tensors_metadata(file->tensors, key);
    size_t n = AT_HASH_SIZE - 1;
    out[0] = '\0';
    if (all && strlen(all) >= (i + 1) * n) {
        memcpy(out, all + i * n, n);
        out[n] = '\0';
    }
}

attrib_status at_slice_file_check(const attrib_run *run,
                                  const at_slice_file *file,
                                  const at_slice *outline,
                                  const at_piece *piece,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char kept[AT_HASH_SIZE];
    char hash[AT_HASH_SIZE];
    take_hash(file, AT_SEALS, extent_of(run, file, outline).i_within, kept);
    AT_TRY(at_piece_seal(piece, hash, err));
    AT_CHECK(strcmp(kept, hash) == 0, ATTRIB_EFORMAT,
             "%s: changed since it was written: copy the run again, or score again",
             file->path);
done:
    return status;
}

static attrib_status find_documents(const at_slice_file *file,
                                    size_t i_within,
                                    at_piece *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *record = NULL;
    char name[AT_DOCUMENTS_SIZE];
    at_slice_documents_name(i_within, name);
    AT_TRY(find_tensor(file, name, ATTRIB_U8, &record, err));
    out->documents = record->data;
    out->n_document_bytes = record->n_bytes;
done:
    return status;
}

attrib_status at_slice_file_piece(const attrib_run *run,
                                  const at_slice_file *file,
                                  const at_slice *outline,
                                  at_piece *out,
                                  size_t **tokens,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_piece piece = {.counts = outline->counts};
    extent at = extent_of(run, file, outline);
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        if (!at_slice_holds(run, outline, k)) {
            continue;
        }
        if (at_array_layout_of(k)->shape == ATTRIB_ARRAY_TOKENS && !*tokens) {
            AT_TRY(read_counts(file, &at, tokens, err));
            piece.counts.n_tokens = at.n_tokens;
        }
        AT_TRY(find_array(file, &at, k, &piece, err));
    }
    piece.first_token = *tokens;
    if (outline->i_tile == 0) {
        AT_TRY(find_documents(file, at.i_within, &piece, err));
        take_hash(file, AT_CONTENTS, at.i_within, piece.content);
    }
    *out = piece;
done:
    return status;
}

/* 3. Slices */

static double number_at(const void *numbers, attrib_dtype dtype, size_t i)
{
    return dtype == ATTRIB_F64 ? ((const double *)numbers)[i]
                               : (double)((const float *)numbers)[i];
}

/* Whether number i of an array is one that it may have: finite, or NaN where it is not
 * known, as self-influences of baselines are, and what a filter left out. */
static bool is_allowed(const attrib_run *run,
                       const at_counts *counts,
                       at_array_kind kind,
                       size_t i,
                       double number)
{
    if (kind == AT_SELF &&
        i % counts->n_settings >= counts->n_settings - counts->n_baselines) {
        return isnan(number);
    }
    return isfinite(number) || (run->options.prefilter && isnan(number));
}

/* Copy an array, whose numbers must be finite where they are known. */
static attrib_status copy_array(const attrib_run *run,
                                const at_piece *piece,
                                const char *path,
                                at_array_kind kind,
                                void **out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_array_layout *layout = at_array_layout_of(kind);
    size_t element = attrib_dtype_bytes(layout->dtype);
    size_t dims[2] = {0};
    void *numbers = NULL;
    AT_TRY(at_array_dims(kind, &piece->counts, dims, err));
    AT_TRY(at_array(dims[0] * dims[1], element, &numbers, err));
    memcpy(numbers, piece->arrays[kind], dims[0] * dims[1] * element);
    *out = numbers;
    for (size_t i = 0; i < dims[0] * dims[1]; i++) {
        double number = number_at(numbers, layout->dtype, i);
        AT_CHECK(is_allowed(run, &piece->counts, kind, i, number), ATTRIB_ENUMERIC,
                 "%s: %s: number %zu is not %s", path, layout->name, i,
                 isfinite(number) ? "NaN, as what is not known" : "finite");
    }
done:
    return status;
}

static attrib_status read_slice(const attrib_run *run,
                                size_t i_tile,
                                size_t i_slice,
                                at_slice *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice_file file = {0};
    at_piece piece = {0};
    at_slice slice = {0};
    AT_TRY(at_slice_outline(run, i_tile, i_slice, &slice, err));
    AT_TRY(at_slice_file_open(run, i_tile, i_slice, &file, err));
    AT_TRY(at_slice_file_piece(run, &file, &slice, &piece, &slice.first_token, err));
    slice.counts = piece.counts;
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        AT_TRY(piece.arrays[k]
                   ? copy_array(run, &piece, file.path, k, &slice.arrays[k], err)
                   : ATTRIB_OK);
    }
    AT_TRY(at_slice_file_check(run, &file, &slice, &piece, err));
    *out = slice;
    slice = (at_slice){0};
done:
    at_slice_free(&slice);
    at_slice_file_close(&file);
    return status;
}

attrib_status at_slice_documents(const attrib_run *run,
                                 size_t i_slice,
                                 at_record *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice_file file = {0};
    at_piece piece = {0};
    at_buffer bytes = {0};
    size_t i_within = 0;
    AT_TRY(at_slice_file_open(run, 0, i_slice, &file, err));
    i_within = file.is_joined ? at_run_place(run, i_slice).i_within : 0;
    AT_TRY(find_documents(&file, i_within, &piece, err));
    AT_TRY(at_buffer_append(&bytes, piece.documents, piece.n_document_bytes, err));
    AT_TRY(at_record_parse(file.path, &bytes, out, err));
done:
    at_buffer_free(&bytes);
    at_slice_file_close(&file);
    return status;
}

attrib_status at_run_slice(attrib_run *run,
                           size_t i_tile,
                           size_t i_slice,
                           const at_slice **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice slice = {0};
    if (run->held) {
        *out = &run->held[i_tile * at_run_n_slices(run) + i_slice];
        return ATTRIB_OK;
    }
    *out = &run->read[i_tile];
    if ((*out)->counts.n_documents > 0 && (*out)->i_slice == i_slice) {
        return ATTRIB_OK;
    }
    AT_TRY(read_slice(run, i_tile, i_slice, &slice, err));
    at_slice_free(&run->read[i_tile]);
    run->read[i_tile] = slice;
done:
    return status;
}

/* 4. All pieces of a file */

attrib_status at_pieces_new(size_t n, at_pieces *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out->n = n;
    AT_TRY(at_array(n, sizeof *out->files, &out->files, err));
    AT_TRY(at_array(n, sizeof *out->pieces, &out->pieces, err));
    AT_TRY(at_array(n, sizeof *out->tokens, &out->tokens, err));
done:
    return status;
}

attrib_status at_pieces_open(at_pieces *self,
                             size_t i,
                             const attrib_run *run,
                             size_t i_tile,
                             size_t i_slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice outline = {0};
    AT_TRY(at_slice_outline(run, i_tile, i_slice, &outline, err));
    AT_TRY(at_slice_file_open(run, i_tile, i_slice, &self->files[i], err));
    AT_TRY(at_slice_file_piece(run, &self->files[i], &outline, &self->pieces[i],
                               &self->tokens[i], err));
    AT_TRY(at_slice_file_check(run, &self->files[i], &outline, &self->pieces[i], err));
done:
    return status;
}

void at_pieces_close(at_pieces *self)
{
    for (size_t i = 0; self->files && i < self->n; i++) {
        at_slice_file_close(&self->files[i]);
    }
    for (size_t i = 0; self->tokens && i < self->n; i++) {
        free(self->tokens[i]);
    }
    free(self->files);
    free(self->pieces);
    free(self->tokens);
    *self = (at_pieces){0};
}

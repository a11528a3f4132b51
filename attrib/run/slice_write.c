/* SPDX-License-Identifier: MIT */
/* Slices written as files: safetensors with the arrays that the run holds (run.h). A
 * slice is a file of its own until all slices of its file are there, which are then
 * joined: so a run that is stopped loses one slice, and one that is finished has few
 * files.
 *
 * 1. A file.
 * 2. Slices. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/slice_piece.h"

/* 1. A file: its tensors are declared in the order in which their data follow. */

typedef struct file {
    at_tensor_writer *writer;
    const at_piece *pieces; /* [n] */
    size_t n;
} file;

/* Seals and hashes of content, 32 digits a piece. */
static attrib_status describe(const file *self, const char *identity, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer seals = {0};
    at_buffer contents = {0};
    AT_TRY(at_tensor_writer_metadata(self->writer, AT_RUN_NAME, identity, err));
    for (size_t i = 0; i < self->n; i++) {
        char hash[AT_HASH_SIZE];
        AT_TRY(at_piece_seal(&self->pieces[i], hash, err));
        AT_TRY(at_buffer_print(&seals, err, "%s", hash));
        AT_TRY(at_buffer_print(&contents, err, "%s", self->pieces[i].content));
    }
    AT_TRY(at_tensor_writer_metadata(self->writer, AT_SEALS, seals.bytes, err));
    AT_TRY(at_tensor_writer_metadata(self->writer, AT_CONTENTS, contents.bytes, err));
done:
    at_buffer_free(&seals);
    at_buffer_free(&contents);
    return status;
}

/* Counts of tokens stand before the first array of tokens. */
static bool follows_counts(const at_piece *piece, at_array_kind kind)
{
    for (at_array_kind k = 0; k < kind; k++) {
        if (piece->arrays[k] && at_array_layout_of(k)->shape == ATTRIB_ARRAY_TOKENS) {
            return false;
        }
    }
    return at_array_layout_of(kind)->shape == ATTRIB_ARRAY_TOKENS;
}

static attrib_status declare_array(const file *self,
                                   at_array_kind kind,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_array_layout *layout = at_array_layout_of(kind);
    size_t dims[2] = {0};
    size_t n_documents = 0;
    size_t n_rows = 0;
    for (size_t i = 0; i < self->n; i++) {
        AT_TRY(at_array_dims(kind, &self->pieces[i].counts, dims, err));
        n_rows += dims[0];
        n_documents += self->pieces[i].counts.n_documents;
    }
    dims[0] = n_rows;
    if (follows_counts(&self->pieces[0], kind)) {
        AT_TRY(at_tensor_writer_declare(self->writer, AT_TOKEN_COUNTS, ATTRIB_I64, 1,
                                        &n_documents, err));
    }
    AT_TRY(at_tensor_writer_declare(self->writer, layout->name, layout->dtype, 2, dims,
                                    err));
done:
    return status;
}

static attrib_status write_counts(const file *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->n; i++) {
        const at_piece *piece = &self->pieces[i];
        for (size_t d = 0; d < piece->counts.n_documents; d++) {
            int64_t n = (int64_t)(piece->first_token[d + 1] - piece->first_token[d]);
            AT_TRY(at_tensor_writer_write(self->writer, &n, sizeof n, err));
        }
    }
done:
    return status;
}

static attrib_status write_array(const file *self, at_array_kind kind, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (follows_counts(&self->pieces[0], kind)) {
        AT_TRY(write_counts(self, err));
    }
    for (size_t i = 0; i < self->n; i++) {
        size_t n_bytes = 0;
        AT_TRY(at_piece_array_bytes(&self->pieces[i], kind, &n_bytes, err));
        AT_TRY(at_tensor_writer_write(self->writer, self->pieces[i].arrays[kind], n_bytes,
                                      err));
    }
done:
    return status;
}

/* Declare the records of documents, or write them. */
static attrib_status put_documents(const file *self, bool is_declared, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->n; i++) {
        const at_piece *piece = &self->pieces[i];
        char name[AT_DOCUMENTS_SIZE];
        if (!piece->documents) {
            continue;
        }
        at_slice_documents_name(i, name);
        AT_TRY(is_declared ? at_tensor_writer_write(self->writer, piece->documents,
                                                    piece->n_document_bytes, err)
                           : at_tensor_writer_declare(self->writer, name, ATTRIB_U8, 1,
                                                      &piece->n_document_bytes, err));
    }
done:
    return status;
}

attrib_status at_pieces_write(const char *path,
                              const char *identity,
                              const at_piece *pieces,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    file self = {.pieces = pieces, .n = n};
    AT_TRY(at_tensor_writer_open(path, &self.writer, err));
    AT_TRY(describe(&self, identity, err));
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        AT_TRY(pieces[0].arrays[k] ? declare_array(&self, k, err) : ATTRIB_OK);
    }
    AT_TRY(put_documents(&self, false, err));
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        AT_TRY(pieces[0].arrays[k] ? write_array(&self, k, err) : ATTRIB_OK);
    }
    AT_TRY(put_documents(&self, true, err));
    AT_TRY(at_tensor_writer_commit(self.writer, err));
done:
    at_tensor_writer_free(self.writer);
    return status;
}

/* 2. Slices */

static attrib_status write_alone(const attrib_run *run,
                                 const at_slice *slice,
                                 bool is_joined,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    at_piece piece = {.counts = slice->counts,
                      .first_token = slice->first_token,
                      .documents =
                          slice->documents.n_bytes ? slice->documents.bytes : NULL,
                      .n_document_bytes = slice->documents.n_bytes};
    memcpy(piece.content, slice->content, sizeof piece.content);
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        piece.arrays[k] = slice->arrays[k];
    }
    AT_TRY(at_slice_path(run, slice->i_tile, slice->i_slice, is_joined, &path, err));
    AT_TRY(at_pieces_write(path, run->identity, &piece, 1, err));
done:
    free(path);
    return status;
}

attrib_status at_slice_write(const attrib_run *run,
                             const at_slice *slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice_place place = at_run_place(run, slice->i_slice);
    AT_TRY(write_alone(run, slice, place.n_within == 1, err));
    if (place.i_within + 1 == place.n_within) {
        AT_TRY(at_slices_join(run, slice->i_tile, slice->i_slice, err));
    }
done:
    return status;
}

/* Remove the files of single slices of a file that is whole. */
static attrib_status remove_singles(
    const attrib_run *run, size_t i_tile, size_t first, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    char text[128];
    for (size_t i = 0; i < n; i++) {
        free(path);
        path = NULL;
        AT_TRY(at_slice_path(run, i_tile, first + i, false, &path, err));
        AT_CHECK(unlink(path) == 0 || errno == ENOENT, ATTRIB_EIO, "%s: removing: %s",
                 path, at_errno_text(errno, text, sizeof text));
    }
done:
    free(path);
    return status;
}

attrib_status at_slices_join(const attrib_run *run,
                             size_t i_tile,
                             size_t i_slice,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice_place place = at_run_place(run, i_slice);
    size_t first = i_slice - place.i_within;
    at_pieces self = {0};
    char *path = NULL;
    AT_TRY(at_slice_path(run, i_tile, i_slice, true, &path, err));
    if (!at_is_file(path)) {
        AT_TRY(at_pieces_new(place.n_within, &self, err));
        for (size_t i = 0; i < self.n; i++) {
            AT_TRY(at_pieces_open(&self, i, run, i_tile, first + i, err));
        }
        AT_TRY(at_pieces_write(path, run->identity, self.pieces, self.n, err));
    }
    AT_TRY(remove_singles(run, i_tile, first, place.n_within, err));
done:
    at_pieces_close(&self);
    free(path);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* All scores as NumPy's npz: a zip of stored .npy arrays, written as a stream.
 *
 *     scores        [Q, N] f64     query_ids [Q], document_ids [N]  text
 *     raw_scores    [Q, N] f64, of scores that were divided (attrib_normalize)
 *     tokens        [all tokens, Q] f32 with token_offsets [N + 1] i64, where a run has
 *                   shares of tokens
 *     self          [settings, N] f64, where a run has it
 *
 * A run gives its scores a block of documents at a time, [n, Q]. That is the memory order
 * of a [Q, N] array that NumPy calls Fortran's, so nothing has to be transposed. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/write.h"
#include "format/utf8.h"

#define MAX_ID_CHARACTERS 4096
#define NPY_MAGIC         "\x93NUMPY\x01\x00" /* version 1.0 */
#define NPY_ALIGNMENT     64

/* The zip being written, and where its bytes go. */
typedef struct npz {
    at_output output;
    struct archive *zip;
    attrib_error *err; /* of the callback */
    attrib_status status;
} npz;

/* 1. The zip */

static la_ssize_t write_piece(struct archive *zip,
                              void *context,
                              const void *bytes,
                              size_t n)
{
    npz *self = context;
    attrib_status status = at_output_write(&self->output, bytes, n, self->err);
    if (status != ATTRIB_OK) {
        self->status = status;
        archive_set_error(zip, EIO, "output failed");
        return -1;
    }
    return (la_ssize_t)n;
}

/* Turn libarchive's result into a status. Where writing the output failed, its own error
 * is kept. */
static attrib_status check_zip(npz *self, la_ssize_t result)
{
    if (self->status != ATTRIB_OK) {
        return self->status;
    }
    if (result < ARCHIVE_OK) {
        return at_fail(self->err, ATTRIB_EIO, "%s: zip: %s", self->output.path,
                       archive_error_string(self->zip));
    }
    return ATTRIB_OK;
}

static attrib_status npz_open(npz *self, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *self = (npz){.err = err};
    AT_TRY(at_output_open(path, &self->output, err));
    self->zip = archive_write_new();
    AT_CHECK(self->zip, ATTRIB_ENOMEM, "%s: out of memory for a zip", path);
    AT_TRY(check_zip(self, archive_write_set_format_zip(self->zip)));
    AT_TRY(check_zip(self, archive_write_set_options(self->zip, "compression=store")));
    AT_TRY(check_zip(self, archive_write_set_bytes_in_last_block(self->zip, 1)));
    AT_TRY(check_zip(self, archive_write_open(self->zip, self, NULL, write_piece, NULL)));
done:
    return status;
}

static attrib_status npz_write(npz *self, const void *bytes, size_t n)
{
    attrib_status status = ATTRIB_OK;
    la_ssize_t written = n ? archive_write_data(self->zip, bytes, n) : 0;
    AT_TRY(check_zip(self, written));
    if ((size_t)written != n) {
        return at_fail(self->err, ATTRIB_EIO, "%s: zip: %zd of %zu bytes written",
                       self->output.path, (ssize_t)written, n);
    }
done:
    return status;
}

static attrib_status npz_close(npz *self)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_zip(self, archive_write_close(self->zip)));
    AT_TRY(at_output_commit(&self->output, self->err));
done:
    return status;
}

static void npz_free(npz *self)
{
    if (self->zip) {
        archive_write_free(self->zip);
    }
    at_output_discard(&self->output);
}

/* Begin a member of the zip. It has no time of modification, so that the same run gives
 * the same bytes. */
static attrib_status begin_member(npz *self, const char *name, uint64_t n_bytes)
{
    attrib_status status = ATTRIB_OK;
    struct archive_entry *entry = archive_entry_new();
    if (!entry) {
        return at_fail(self->err, ATTRIB_ENOMEM, "%s: out of memory for a zip",
                       self->output.path);
    }
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)n_bytes);
    AT_TRY(check_zip(self, archive_write_header(self->zip, entry)));
done:
    archive_entry_free(entry);
    return status;
}

/* 2. Arrays */

/* Begin an array of `n_bytes`: its member and its header, which is padded so that the
 * data are aligned. */
static attrib_status begin_array(npz *self,
                                 const char *name,
                                 const char *descr,
                                 const char *is_fortran,
                                 const char *shape,
                                 uint64_t n_bytes)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    at_buffer header = {0};
    size_t n_prefix = sizeof NPY_MAGIC - 1 + 2;
    size_t n_header = 0;
    unsigned char length[2];
    AT_TRY(at_buffer_print(&header, err,
                           "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", descr,
                           is_fortran, shape));
    n_header = header.n_bytes + 1;
    n_header += (NPY_ALIGNMENT - (n_prefix + n_header) % NPY_ALIGNMENT) % NPY_ALIGNMENT;
    while (header.n_bytes + 1 < n_header) {
        AT_TRY(at_buffer_append(&header, " ", 1, err));
    }
    AT_TRY(at_buffer_append(&header, "\n", 1, err));
    length[0] = (unsigned char)(n_header & 0xFF);
    length[1] = (unsigned char)(n_header >> 8);
    AT_CHECK(n_bytes <= INT64_MAX - n_prefix - n_header, ATTRIB_ERANGE,
             "%s: %s: too large", self->output.path, name);
    AT_TRY(begin_member(self, name, n_prefix + n_header + n_bytes));
    AT_TRY(npz_write(self, NPY_MAGIC, sizeof NPY_MAGIC - 1));
    AT_TRY(npz_write(self, length, sizeof length));
    AT_TRY(npz_write(self, header.bytes, header.n_bytes));
done:
    at_buffer_free(&header);
    return status;
}

/* Begin the matrix [n_rows, n_columns] that `array` says. */
static attrib_status begin_matrix(npz *self,
                                  const attrib_run *run,
                                  const attrib_array *array,
                                  const size_t dims[2])
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    bool is_tokens = array->shape == ATTRIB_ARRAY_TOKENS;
    const char *is_fortran = array->shape == ATTRIB_ARRAY_PLANES ? "True" : "False";
    size_t n_bytes = 0;
    at_buffer shape = {0};
    at_buffer name = {0};
    AT_TRY(at_append_matrix(&name, run, array, err));
    AT_TRY(at_buffer_print(&name, err, ".npy"));
    AT_TRY(at_mul(dims[1], is_tokens ? sizeof(float) : sizeof(double), &n_bytes, err));
    AT_TRY(at_mul(n_bytes, dims[0], &n_bytes, err));
    AT_TRY(at_buffer_print(&shape, err, "%zu, %zu", dims[0], dims[1]));
    AT_TRY(begin_array(self, name.bytes, is_tokens ? "<f4" : "<f8", is_fortran,
                       shape.bytes, n_bytes));
done:
    at_buffer_free(&shape);
    at_buffer_free(&name);
    return status;
}

static attrib_status write_plane(npz *self, attrib_run *run, const attrib_array *array)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    const attrib_run_info *info = attrib_run_describe(run);
    const size_t dims[2] = {info->n_queries, info->n_documents};
    size_t block = at_block_documents(info);
    double *numbers = NULL;
    AT_TRY(at_array(block * info->n_queries, sizeof *numbers, &numbers, err));
    AT_TRY(begin_matrix(self, run, array, dims));
    for (size_t first = 0; first < info->n_documents; first += block) {
        size_t n = at_smaller(info->n_documents - first, block);
        AT_TRY(attrib_run_read(run, array, first, n, numbers, err));
        AT_TRY(npz_write(self, numbers, n * info->n_queries * sizeof *numbers));
    }
done:
    free(numbers);
    return status;
}

/* A setting's row at a time: the other order, which NumPy calls C's. */
static attrib_status write_settings(npz *self, attrib_run *run, attrib_array array)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    const attrib_run_info *info = attrib_run_describe(run);
    const size_t dims[2] = {info->options->n_settings, info->n_documents};
    double *row = NULL;
    AT_TRY(at_array(info->n_documents, sizeof *row, &row, err));
    AT_TRY(begin_matrix(self, run, &array, dims));
    for (; array.i < dims[0]; array.i++) {
        AT_TRY(attrib_run_read(run, &array, 0, info->n_documents, row, err));
        AT_TRY(npz_write(self, row, info->n_documents * sizeof *row));
    }
done:
    free(row);
    return status;
}

static attrib_status write_bytes(void *context,
                                 const void *bytes,
                                 size_t n,
                                 attrib_error *err)
{
    (void)err; /* the npz has its own */
    return npz_write(context, bytes, n);
}

static attrib_status write_tokens(npz *self, attrib_run *run, const attrib_array *array)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    size_t dims[2] = {0, attrib_run_describe(run)->n_queries};
    AT_TRY(at_count_all_tokens(run, &dims[0], err));
    AT_TRY(begin_matrix(self, run, array, dims));
    AT_TRY(at_write_tokens(run, array, write_bytes, self, err));
done:
    return status;
}

static attrib_status write_offsets(npz *self, attrib_run *run)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    size_t n = attrib_run_describe(run)->n_documents + 1;
    at_buffer shape = {0};
    AT_TRY(at_buffer_print(&shape, err, "%zu,", n));
    AT_TRY(begin_array(self, "token_offsets.npy", "<i8", "False", shape.bytes,
                       n * sizeof(int64_t)));
    AT_TRY(at_write_token_offsets(run, write_bytes, self, err));
done:
    at_buffer_free(&shape);
    return status;
}

static attrib_status write_matrix(npz *self, attrib_run *run, const attrib_array *array)
{
    switch (array->shape) {
    case ATTRIB_ARRAY_PLANES:
        return write_plane(self, run, array);
    case ATTRIB_ARRAY_SETTINGS:
        return write_settings(self, run, *array);
    case ATTRIB_ARRAY_TOKENS:
        break;
    }
    return write_tokens(self, run, array);
}

/* Write all matrices of the arrays that have a shape; *n_arrays counts these. */
static attrib_status write_shape(npz *self,
                                 attrib_run *run,
                                 attrib_array_shape shape,
                                 size_t *n_arrays)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_n_matrices(attrib_run_describe(run), shape);
    attrib_array array = {0};
    *n_arrays = 0;
    for (size_t k = 0; attrib_run_array(run, k, &array); k++) {
        *n_arrays += array.shape == shape;
        for (; array.shape == shape && array.i < n; array.i++) {
            AT_TRY(write_matrix(self, run, &array));
        }
    }
done:
    return status;
}

/* Write what the run says of every document: what is known under queries, then what is
 * known of the document alone. */
static attrib_status write_arrays(npz *self, attrib_run *run)
{
    attrib_status status = ATTRIB_OK;
    size_t n_arrays = 0;
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_PLANES, &n_arrays));
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_TOKENS, &n_arrays));
    if (n_arrays) {
        AT_TRY(write_offsets(self, run));
    }
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_SETTINGS, &n_arrays));
done:
    return status;
}

/* 3. Ids, as NumPy's fixed-width UCS-4 text */

typedef attrib_status (*id_fn)(attrib_run *run,
                               size_t i,
                               const char **out,
                               attrib_error *err);

static attrib_status query_id(attrib_run *run,
                              size_t i,
                              const char **out,
                              attrib_error *err)
{
    (void)err;
    *out = attrib_run_answer(run, i)->query.id;
    return ATTRIB_OK;
}

static attrib_status document_id(attrib_run *run,
                                 size_t i,
                                 const char **out,
                                 attrib_error *err)
{
    attrib_document document = {0};
    attrib_status status = attrib_run_document(run, i, &document, err);
    *out = document.id;
    return status;
}

/* Decode an id into out [n_max], which is zero behind it; returns its length even where
 * that is more than n_max. */
static size_t decode_id(const char *id, uint32_t *out, size_t n_max)
{
    size_t n = strlen(id);
    size_t n_characters = 0;
    memset(out, 0, n_max * sizeof *out);
    for (size_t i = 0; i < n; n_characters++) {
        uint32_t character = 0;
        i += at_utf8_next(id + i, n - i, &character, NULL);
        if (n_characters < n_max) {
            out[n_characters] = character;
        }
    }
    return n_characters;
}

static attrib_status find_width(
    npz *self, attrib_run *run, id_fn get, size_t n, size_t *out)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    size_t width = 1;
    for (size_t i = 0; i < n; i++) {
        const char *id = NULL;
        uint32_t first = 0;
        AT_TRY(get(run, i, &id, err));
        size_t n_characters = decode_id(id, &first, 1);
        AT_CHECK(n_characters <= MAX_ID_CHARACTERS, ATTRIB_ENOTSUP,
                 "%s: an id of %zu characters, npz holds at most %d: %.40s...",
                 self->output.path, n_characters, MAX_ID_CHARACTERS, id);
        width = n_characters > width ? n_characters : width;
    }
    *out = width;
done:
    return status;
}

static attrib_status write_ids(
    npz *self, attrib_run *run, const char *name, id_fn get, size_t n)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    size_t width = 0;
    size_t n_bytes = 0;
    uint32_t *row = NULL;
    at_buffer shape = {0};
    char descr[32];
    AT_TRY(find_width(self, run, get, n, &width));
    AT_TRY(at_mul(width * sizeof *row, n, &n_bytes, err));
    AT_TRY(at_array(width, sizeof *row, &row, err));
    AT_TRY(at_buffer_print(&shape, err, "%zu,", n));
    snprintf(descr, sizeof descr, "<U%zu", width);
    AT_TRY(begin_array(self, name, descr, "True", shape.bytes, n_bytes));
    for (size_t i = 0; i < n; i++) {
        const char *id = NULL;
        AT_TRY(get(run, i, &id, err));
        decode_id(id, row, width);
        AT_TRY(npz_write(self, row, width * sizeof *row));
    }
done:
    free(row);
    at_buffer_free(&shape);
    return status;
}

attrib_status at_export_npz(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    npz self = {0};
    AT_TRY(npz_open(&self, path, err));
    AT_TRY(write_arrays(&self, run));
    AT_TRY(write_ids(&self, run, "query_ids.npy", query_id, info->n_queries));
    AT_TRY(write_ids(&self, run, "document_ids.npy", document_id, info->n_documents));
    AT_TRY(npz_close(&self));
done:
    npz_free(&self);
    return status;
}

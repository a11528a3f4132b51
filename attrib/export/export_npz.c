/* SPDX-License-Identifier: MIT */
/* All scores as NumPy's npz: a zip of stored .npy arrays, written as a stream.
 *
 *     scores        [Q, N] f64     query_ids [Q], document_ids [N]  text
 *     raw_scores    [Q, N] f64, of scores that were divided (attrib_normalize)
 *     checkpoint_scores.K  [Q, N] f64 before they were divided, of run K from 1 of those
 *                   that a sum is of
 *     tokens        [all tokens, Q] f32 with token_offsets [N + 1] i64, where a run has
 *                   shares of tokens
 *     self          [settings, N] f64, where a run has it
 *     FIELD         [Q] or [N], of fields that are asked for
 *
 * A run gives its scores a block of documents at a time, [n, Q]. That is the memory order
 * of a [Q, N] array that NumPy calls Fortran's, so nothing has to be transposed. */
#include <stdlib.h>

#include "export/npz.h"
#include "export/write.h"

/* Begin the matrix [n_rows, n_columns] that `array` says. */
static attrib_status begin_matrix(at_npz *self,
                                  const attrib_run *run,
                                  const attrib_array *array,
                                  const size_t dims[2])
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    bool is_tokens = array->shape == ATTRIB_ARRAY_TOKENS;
    bool is_turned =
        array->shape == ATTRIB_ARRAY_PLANES || array->shape == ATTRIB_ARRAY_CHECKPOINTS;
    const char *is_fortran = is_turned ? "True" : "False";
    size_t n_bytes = 0;
    at_buffer shape = {0};
    at_buffer name = {0};
    AT_TRY(at_append_matrix(&name, run, array, err));
    AT_TRY(at_buffer_print(&name, err, ".npy"));
    AT_TRY(at_mul(dims[1], is_tokens ? sizeof(float) : sizeof(double), &n_bytes, err));
    AT_TRY(at_mul(n_bytes, dims[0], &n_bytes, err));
    AT_TRY(at_buffer_print(&shape, err, "%zu, %zu", dims[0], dims[1]));
    AT_TRY(at_npz_begin_array(self, name.bytes, is_tokens ? "<f4" : "<f8", is_fortran,
                              shape.bytes, n_bytes));
done:
    at_buffer_free(&shape);
    at_buffer_free(&name);
    return status;
}

static attrib_status write_plane(at_npz *self, attrib_run *run, const attrib_array *array)
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
        AT_TRY(at_npz_write(self, numbers, n * info->n_queries * sizeof *numbers));
    }
done:
    free(numbers);
    return status;
}

/* A setting's row at a time: the other order, which NumPy calls C's. */
static attrib_status write_settings(at_npz *self, attrib_run *run, attrib_array array)
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
        AT_TRY(at_npz_write(self, row, info->n_documents * sizeof *row));
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
    return at_npz_write(context, bytes, n);
}

static attrib_status write_tokens(at_npz *self,
                                  attrib_run *run,
                                  const attrib_array *array)
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

static attrib_status write_offsets(at_npz *self, attrib_run *run)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    size_t n = attrib_run_describe(run)->n_documents + 1;
    at_buffer shape = {0};
    AT_TRY(at_buffer_print(&shape, err, "%zu,", n));
    AT_TRY(at_npz_begin_array(self, "token_offsets.npy", "<i8", "False", shape.bytes,
                              n * sizeof(int64_t)));
    AT_TRY(at_write_token_offsets(run, write_bytes, self, err));
done:
    at_buffer_free(&shape);
    return status;
}

static attrib_status write_matrix(at_npz *self,
                                  attrib_run *run,
                                  const attrib_array *array)
{
    switch (array->shape) {
    case ATTRIB_ARRAY_PLANES:
    case ATTRIB_ARRAY_CHECKPOINTS:
        return write_plane(self, run, array);
    case ATTRIB_ARRAY_SETTINGS:
        return write_settings(self, run, *array);
    case ATTRIB_ARRAY_TOKENS:
        break;
    }
    return write_tokens(self, run, array);
}

/* Write all matrices of the arrays that have a shape; *n_arrays counts these. */
static attrib_status write_shape(at_npz *self,
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
static attrib_status write_arrays(at_npz *self, attrib_run *run)
{
    attrib_status status = ATTRIB_OK;
    size_t n_arrays = 0;
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_PLANES, &n_arrays));
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_CHECKPOINTS, &n_arrays));
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_TOKENS, &n_arrays));
    if (n_arrays) {
        AT_TRY(write_offsets(self, run));
    }
    AT_TRY(write_shape(self, run, ATTRIB_ARRAY_SETTINGS, &n_arrays));
done:
    return status;
}

attrib_status at_export_npz(attrib_run *run,
                            const attrib_export_options *options,
                            const char *path,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_npz self = {0};
    AT_TRY(at_npz_open(&self, path, err));
    AT_TRY(write_arrays(&self, run));
    AT_TRY(at_npz_write_columns(&self, run, options->fields));
    AT_TRY(at_npz_close(&self));
done:
    at_npz_free(&self);
    return status;
}

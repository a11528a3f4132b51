/* SPDX-License-Identifier: MIT */
#include "model/matrix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

attrib_status at_widener_reserve(at_widener *widener, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *values = NULL;
    if (n <= widener->capacity) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n, sizeof *values, &values, err));
    free(widener->values);
    widener->values = values;
    widener->capacity = n;
done:
    return status;
}

void at_widener_free(at_widener *widener)
{
    free(widener->values);
    *widener = (at_widener){0};
}

/* Where the file has row i. */
static size_t row_in_file(const at_matrix *matrix, size_t i)
{
    size_t head_dim = matrix->head_dim;
    size_t half = head_dim / 2;
    size_t n_heads = matrix->n_rows / (3 * head_dim);
    size_t block = i / head_dim; /* head, or the three of a head */
    size_t in_block = i % head_dim;
    switch (matrix->order) {
    case AT_ROWS_PAIRED:
        return block * head_dim + in_block % half * 2 + in_block / half;
    case AT_ROWS_BY_KIND:
        return (block % 3 * n_heads + block / 3) * head_dim + in_block;
    default:
        return i;
    }
}

/* Rows of the tensor alone. */
static attrib_status widen_rows(
    const at_matrix *matrix, size_t first, size_t n, float *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_columns = matrix->n_columns;
    if (matrix->order == AT_ROWS_AS_IS) {
        return at_tensor_to_f32(matrix->tensor, first * n_columns, n * n_columns, out,
                                err);
    }
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_tensor_to_f32(matrix->tensor,
                                row_in_file(matrix, first + i) * n_columns, n_columns,
                                out + i * n_columns, err));
    }
done:
    return status;
}

/* out += sum_k left_k right[k], four k at a time, so that `out` is read and written a
 * quarter as often. Not by BLAS, which rounds a row otherwise among other rows. */
static void add_row(const at_delta *delta, size_t i_row, size_t n_columns, float *out)
{
    const float *left = delta->left + i_row * delta->rank;
    size_t k = 0;
    for (; k + 4 <= delta->rank; k += 4) {
        const float *right = delta->right + k * n_columns;
        for (size_t j = 0; j < n_columns; j++) {
            out[j] += left[k] * right[j] + left[k + 1] * right[n_columns + j] +
                      left[k + 2] * right[2 * n_columns + j] +
                      left[k + 3] * right[3 * n_columns + j];
        }
    }
    for (; k < delta->rank; k++) {
        for (size_t j = 0; j < n_columns; j++) {
            out[j] += left[k] * delta->right[k * n_columns + j];
        }
    }
}

attrib_status at_matrix_rows(
    const at_matrix *matrix, size_t first, size_t n, float *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_columns = matrix->n_columns;
    assert(first <= matrix->n_rows && n <= matrix->n_rows - first);
    if (matrix->values) {
        memcpy(out, matrix->values + first * n_columns, n * n_columns * sizeof *out);
        return ATTRIB_OK;
    }
    AT_TRY(widen_rows(matrix, first, n, out, err));
    for (size_t i = 0; matrix->delta && i < n; i++) {
        add_row(matrix->delta, first + i, n_columns, out + i * n_columns);
    }
done:
    return status;
}

size_t at_matrix_block_rows(const at_matrix *matrix)
{
    size_t n = matrix->n_columns ? AT_BLOCK_ELEMENTS / matrix->n_columns : matrix->n_rows;
    n = n < matrix->n_rows ? n : matrix->n_rows;
    return n ? n : 1;
}

size_t at_matrix_tile_rows(const at_matrix *matrix)
{
    size_t n = AT_BLOCK_ELEMENTS / at_matrix_block_rows(matrix);
    return n > 32 ? n : 32;
}

const float *at_matrix_some(const at_matrix *matrix,
                            size_t first,
                            size_t n,
                            at_widener *widener)
{
    if (matrix->values) {
        return matrix->values + first * matrix->n_columns;
    }
    assert(n * matrix->n_columns <= widener->capacity);
    /* The type was found to be one that can be widened when the model was opened. */
    attrib_status status = at_matrix_rows(matrix, first, n, widener->values, NULL);
    assert(status == ATTRIB_OK);
    (void)status;
    return widener->values;
}

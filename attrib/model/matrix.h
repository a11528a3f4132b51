/* SPDX-License-Identifier: MIT */
/* Matrices of weights: as f32 in memory, as f32 in place in a mapped file, or kept in
 * their file's type and widened when they are used. */
#ifndef AT_MODEL_MATRIX_H
#define AT_MODEL_MATRIX_H

#include "format/tensor.h"
#include "linalg/multiply.h"

/* How a file orders the rows of a matrix that makes heads, where it is not as Hugging
 * Face does. */
typedef enum at_row_order {
    AT_ROWS_AS_IS,
    AT_ROWS_PAIRED, /* of each head, row i of the first half before row i of the second */
    AT_ROWS_BY_KIND /* all heads' queries, then keys, then values, instead of these three
                       for one head after the other */
} at_row_order;

/* What an adapter adds to a matrix: left right, of a rank that is small. */
typedef struct at_delta {
    size_t rank;
    float *left;  /* [n_rows, rank] */
    float *right; /* [rank, n_columns] */
} at_delta;

/* A matrix of a model. Where `values` is NULL its rows come from `tensor` and `delta`. */
typedef struct at_matrix {
    size_t n_rows, n_columns;
    attrib_dtype dtype;      /* of its tensor, even where that is no longer needed */
    const float *values;     /* [n_rows, n_columns] or NULL */
    float *own;              /* the same, where the model's memory holds it; else NULL */
    const at_tensor *tensor; /* of a type that can be widened, finite; borrowed */
    at_row_order order;      /* of the tensor's rows */
    size_t head_dim;         /* rows of a head, for `order` */
    const at_delta *delta;   /* added to the rows; NULL: nothing; borrowed */
} at_matrix;

typedef struct at_rounded at_rounded; /* model/rounded.h */

/* What one worker takes products of weights with: scratch for rows that are widened, and
 * the precision. Zeroed = empty, and f32. */
typedef struct at_widener {
    float *values; /* [capacity] */
    size_t capacity;
    at_multiplier *multiplier; /* borrowed; NULL: products are of f32 */
    const at_rounded *rounded; /* the weights rounded before, where the multiplier rounds;
                                  borrowed; NULL: each product rounds them */
} at_widener;

/* Make room for n elements. */
attrib_status at_widener_reserve(at_widener *widener, size_t n, attrib_error *err);
void at_widener_free(at_widener *widener);

/* Widen rows [first, first + n), with what an adapter adds to them, to out
 * [n, n_columns]. The bytes of a row are the same whatever rows it is widened with.
 * ENOTSUP names a type that is not a number's. */
attrib_status at_matrix_rows(
    const at_matrix *matrix, size_t first, size_t n, float *out, attrib_error *err);

/* Elements of a block of rows: 8 MiB widened. */
#define AT_BLOCK_ELEMENTS ((size_t)1 << 21)

/* Rows that a product takes at a time: as many as bound the scratch of a worker, whatever
 * the size of the model, and leave products large enough to run at full rate. */
size_t at_matrix_block_rows(const at_matrix *matrix);

/* Rows that meet a block of the head's in forward mode: what they give is 8 MiB, or of 32
 * rows where blocks are wide. */
size_t at_matrix_tile_rows(const at_matrix *matrix);

/* Rows that are multiplied with a single vector at a time; widened, they stay in the
 * second-level cache. */
#define AT_ROWS_FOR_ONE ((size_t)64)

/* Rows [first, first + n): in place, or widened into `widener`, which has room, and kept
 * there until others are. */
const float *at_matrix_some(const at_matrix *matrix,
                            size_t first,
                            size_t n,
                            at_widener *widener);

#endif

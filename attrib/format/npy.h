/* SPDX-License-Identifier: MIT */
/* The header of a NumPy array file (.npy).
 *
 * Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html,
 * versions 1.0 to 3.0. */
#ifndef AT_FORMAT_NPY_H
#define AT_FORMAT_NPY_H

#include "base/memory.h"

#define AT_NPY_MAGIC     "\x93NUMPY"
#define AT_NPY_MAX_SHAPE 2

/* What the elements are to be. */
typedef enum at_npy_kind { AT_NPY_INTEGERS, AT_NPY_FLOATS } at_npy_kind;

/* An array in C order. */
typedef struct at_npy {
    size_t n_bytes; /* of an element: 1, 2, 4 or 8 of an integer, 2, 4 or 8 of a float */
    bool is_signed; /* always, of a float */
    size_t n_dims;  /* 1 or 2 */
    size_t shape[AT_NPY_MAX_SHAPE]; /* [n_dims] */
    size_t start;                   /* where the elements begin in the file */
} at_npy;

/* Whether bytes begin as such a file. */
bool at_npy_is(const unsigned char *bytes, size_t n);

/* Read the header of a whole file of n bytes; `name` is what messages call it. EFORMAT
 * for a damaged header, and where the elements are not the rest of the file; ENOTSUP for
 * arrays of anything but little-endian numbers of that kind, of more than two dimensions,
 * or of two in Fortran's order. */
attrib_status at_npy_read(const char *name,
                          const unsigned char *bytes,
                          size_t n,
                          at_npy_kind kind,
                          at_npy *out,
                          attrib_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* One tensor of a file, whatever the file's format, and its numbers. */
#ifndef AT_FORMAT_TENSOR_H
#define AT_FORMAT_TENSOR_H

#include "attrib/format.h"
#include "base/memory.h"

#define AT_MAX_DIMS 8

/* One tensor, as its file holds it. */
typedef struct at_tensor {
    const char *name;
    attrib_dtype dtype;
    size_t n_dims;
    size_t shape[AT_MAX_DIMS];
    size_t n_elements, n_bytes;
    const unsigned char
        *data;        /* [n_bytes] little-endian, row-major; not aligned; borrowed */
    const char *path; /* the file that holds it; borrowed */
} at_tensor;

/* The types of safetensors, whose elements stand alone, come before those of blocks. */
#define AT_N_PLAIN_DTYPES ATTRIB_Q4_0

/* The elements that are stored together, and their bytes; 1 element for plain types. */
typedef struct at_packing {
    size_t elements, bytes;
} at_packing;

/* {0, 0} for none. */
at_packing at_dtype_packing(attrib_dtype dtype);

/* Check a tensor's shape: ESHAPE "PATH: NAME: [3072, 768], expected [3072, 1024]". */
attrib_status at_tensor_expect(const at_tensor *tensor,
                               size_t n_dims,
                               const size_t *shape,
                               attrib_error *err);

/* Widen n elements from the tensor's element `first` on, any float or block dtype, to f32
 * or f64 (int dtypes too for f64); ENOTSUP names a dtype that is not. Exact but for F64
 * to f32 and for 64-bit integers beyond 2^53, which are rounded to nearest, and for block
 * dtypes, whose values are what llama.cpp computes from them in f32. */
attrib_status at_tensor_to_f32(
    const at_tensor *tensor, size_t first, size_t n, float *out, attrib_error *err);
attrib_status at_tensor_to_f64(
    const at_tensor *tensor, size_t first, size_t n, double *out, attrib_error *err);

/* ENUMERIC names the first of n elements from element `first` on that is not finite in
 * the tensor's own type. */
attrib_status at_tensor_check_finite(const at_tensor *tensor,
                                     size_t first,
                                     size_t n,
                                     attrib_error *err);

#endif

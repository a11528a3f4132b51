/* SPDX-License-Identifier: MIT */
/* safetensors: an 8-byte length, a JSON header, and tensors, read from a mapping and
 * written in a stream. */
#ifndef AT_FORMAT_SAFETENSORS_H
#define AT_FORMAT_SAFETENSORS_H

#include "attrib/format.h"
#include "base/file.h"

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

/* All tensors of one file, or of the files that a `*.safetensors.index.json` lists. */
typedef struct at_tensors at_tensors;

/* Open a file, an index file, or a folder that holds model.safetensors or its index. */
attrib_status at_tensors_open(const char *path, at_tensors **out, attrib_error *err);
void at_tensors_close(at_tensors *tensors);
/* The same of one file's bytes, borrowed until it is closed; `name` is for messages. */
attrib_status at_tensors_open_bytes(
    const char *name, const void *bytes, size_t n, at_tensors **out, attrib_error *err);
size_t at_tensors_count(const at_tensors *tensors);
const at_tensor *at_tensors_get(const at_tensors *tensors, size_t i); /* in name order */
const at_tensor *at_tensors_find(const at_tensors *tensors,
                                 const char *name); /* NULL if absent */
/* A value of the header's __metadata__; NULL if absent. */
const char *at_tensors_metadata(const at_tensors *tensors, const char *key);
/* XXH3-128 over all files' bytes, in the order of their names. Reads them once. */
attrib_status at_tensors_hash(const at_tensors *tensors,
                              char out[AT_HASH_SIZE],
                              attrib_error *err);

/* Check a tensor's shape: ESHAPE "PATH: NAME: [3072, 768], expected [3072, 1024]". */
attrib_status at_tensor_expect(const at_tensor *tensor,
                               size_t n_dims,
                               const size_t *shape,
                               attrib_error *err);

/* Widen n elements from the tensor's element `first` on, any float dtype, to f32 or f64
 * (int dtypes too for f64); ENOTSUP names a dtype that is no number. Exact but for F64 to
 * f32 and for 64-bit integers beyond 2^53, which are rounded to nearest. */
attrib_status at_tensor_to_f32(
    const at_tensor *tensor, size_t first, size_t n, float *out, attrib_error *err);
attrib_status at_tensor_to_f64(
    const at_tensor *tensor, size_t first, size_t n, double *out, attrib_error *err);

/* A writer: declare every tensor, then write their data in the order declared, piece by
 * piece. */
typedef struct at_tensor_writer at_tensor_writer;

attrib_status at_tensor_writer_open(const char *path,
                                    at_tensor_writer **out,
                                    attrib_error *err);
attrib_status at_tensor_writer_metadata(at_tensor_writer *writer,
                                        const char *key,
                                        const char *value,
                                        attrib_error *err);
attrib_status at_tensor_writer_declare(at_tensor_writer *writer,
                                       const char *name,
                                       attrib_dtype dtype,
                                       size_t n_dims,
                                       const size_t *shape,
                                       attrib_error *err);
/* The next `n_bytes` of the tensors' data, little-endian; more or less than declared is
 * caught at commit. */
attrib_status at_tensor_writer_write(at_tensor_writer *writer,
                                     const void *bytes,
                                     size_t n_bytes,
                                     attrib_error *err);
attrib_status at_tensor_writer_commit(
    at_tensor_writer *writer, attrib_error *err); /* syncs and renames; frees nothing */
void at_tensor_writer_free(
    at_tensor_writer *writer); /* discards what was not committed */

#endif

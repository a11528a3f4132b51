/* SPDX-License-Identifier: MIT */
/* safetensors: an 8-byte length, a JSON header, and tensors, read from a mapping and
 * written in a stream. */
#ifndef AT_FORMAT_SAFETENSORS_H
#define AT_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "format/tensor.h"

/* All tensors of one file, or of the files that a `*.safetensors.index.json` lists, or
 * of a list. */
typedef struct at_tensors at_tensors;

/* Open a file, an index file, or a folder that holds model.safetensors or its index. */
attrib_status at_tensors_open(const char *path, at_tensors **out, attrib_error *err);
void at_tensors_close(at_tensors *tensors);
/* Give back the memory of data that were read from the files; they may be read again. */
void at_tensors_forget(const at_tensors *tensors);
/* EIO where a file is not what it was when it was opened. */
attrib_status at_tensors_check(const at_tensors *tensors, attrib_error *err);
/* Open the bytes of one file, borrowed until it is closed; `name` is for messages. */
attrib_status at_tensors_open_bytes(
    const char *name, const void *bytes, size_t n, at_tensors **out, attrib_error *err);
/* Gather tensors of any files. They and what they point to are borrowed until the list is
 * closed. EFORMAT where two have the same name. */
attrib_status at_tensors_gather(const at_tensor *const *list,
                                size_t n,
                                at_tensors **out,
                                attrib_error *err);
size_t at_tensors_count(const at_tensors *tensors);
const at_tensor *at_tensors_get(const at_tensors *tensors, size_t i); /* in name order */
const at_tensor *at_tensors_find(const at_tensors *tensors,
                                 const char *name); /* NULL if absent */
/* A value of the header's __metadata__; NULL if absent. */
const char *at_tensors_metadata(const at_tensors *tensors, const char *key);
/* XXH3-128 over all files' bytes, in the order of their names. Reads them once. Not for a
 * list, whose files are not known. */
attrib_status at_tensors_hash(const at_tensors *tensors,
                              char out[AT_HASH_SIZE],
                              attrib_error *err);

/* The same, where `visit` is called with the elements of each tensor right after their
 * bytes were hashed: n of them from element `first` on, which are a multiple of
 * AT_VISITED but at the end of a tensor. */
#define AT_VISITED ((size_t)1024)
typedef attrib_status (*at_tensor_visitor)(
    void *context, const at_tensor *tensor, size_t first, size_t n, attrib_error *err);
attrib_status at_tensors_read(const at_tensors *tensors,
                              at_tensor_visitor visit,
                              void *context,
                              char out[AT_HASH_SIZE],
                              attrib_error *err);

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
/* The same without waiting for the disk. */
attrib_status at_tensor_writer_place(at_tensor_writer *writer, attrib_error *err);
void at_tensor_writer_free(
    at_tensor_writer *writer); /* discards what was not committed */

#endif

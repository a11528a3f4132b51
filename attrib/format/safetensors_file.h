/* SPDX-License-Identifier: MIT */
/* One safetensors file: its header checked and taken apart. Private to the format room.
 */
#ifndef AT_FORMAT_SAFETENSORS_FILE_H
#define AT_FORMAT_SAFETENSORS_FILE_H

#include "format/json.h"
#include "format/safetensors.h"

/* The longest header that the format allows. */
#define AT_MAX_HEADER_BYTES 100000000u

#define AT_METADATA_KEY     "__metadata__"

typedef struct at_tensor_file {
    char *path;
    at_map map; /* empty where the bytes are borrowed */
    const unsigned char *bytes;
    size_t n_bytes;
    json_t *header;     /* names and metadata are borrowed from it */
    at_tensor *tensors; /* [n_tensors] in name order */
    size_t n_tensors;
} at_tensor_file;

/* Map a file and check it; file is all zero before, and freed by the caller in any case.
 */
attrib_status at_tensor_file_open(const char *path,
                                  at_tensor_file *file,
                                  attrib_error *err);
/* Check and parse the bytes of a file in memory. */
attrib_status at_tensor_file_parse(const char *path,
                                   const unsigned char *bytes,
                                   size_t n,
                                   at_tensor_file *file,
                                   attrib_error *err);
/* Add all bytes to a hash, and call `visit`, unless it is NULL, with the elements of each
 * tensor right after their bytes were hashed. The memory of what was read is given back
 * on the way. */
attrib_status at_tensor_file_read(const at_tensor_file *file,
                                  at_hash *hash,
                                  at_tensor_visitor visit,
                                  void *context,
                                  attrib_error *err);
void at_tensor_file_free(at_tensor_file *file);

#endif

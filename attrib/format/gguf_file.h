/* SPDX-License-Identifier: MIT */
/* One GGUF file: its header checked and taken apart. Private to the format room. */
#ifndef AT_FORMAT_GGUF_FILE_H
#define AT_FORMAT_GGUF_FILE_H

#include "format/gguf.h"

typedef struct at_gguf_file {
    char *path;
    at_map map;                 /* empty where the bytes are borrowed */
    const unsigned char *bytes; /* [n_bytes] */
    size_t n_bytes;
    unsigned version;
    at_arena *texts;              /* keys, texts and names, each with its NUL */
    at_gguf_value *values;        /* [n_values] in the file's order */
    const at_gguf_value **by_key; /* [n_values] */
    size_t n_values;
    at_tensor *tensors; /* [n_tensors] in the file's order */
    size_t n_tensors;
} at_gguf_file;

/* Map a file and check it; file is all zero before, and freed by the caller in any case.
 */
attrib_status at_gguf_file_open(const char *path,
                                at_gguf_part part,
                                at_gguf_file *file,
                                attrib_error *err);
/* Check and parse the bytes of a file in memory. */
attrib_status at_gguf_file_parse(const char *path,
                                 const unsigned char *bytes,
                                 size_t n,
                                 at_gguf_part part,
                                 at_gguf_file *file,
                                 attrib_error *err);
void at_gguf_file_free(at_gguf_file *file);

/* A value by its key, or NULL. */
const at_gguf_value *at_gguf_file_find(const at_gguf_file *file, const char *key);

/* Item i of a value as a number (gguf_item.c). Integer: of at most 64 bits with a sign;
 * false for other types and for what is above INT64_MAX. */
bool at_gguf_item_integer(const at_gguf_value *value, size_t i, int64_t *out);
bool at_gguf_item_number(const at_gguf_value *value, size_t i, double *out);

/* The value as a whole number from 0 on; false for another value. */
bool at_gguf_value_size(const at_gguf_value *value, size_t *out);

#endif

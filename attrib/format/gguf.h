/* SPDX-License-Identifier: MIT */
/* GGUF, versions 2 and 3: metadata by key and tensors, in one file or in the splits
 * NAME-00001-of-0000N.gguf.
 *
 * Source: the format's description, docs/gguf.md of the ggml project. */
#ifndef AT_FORMAT_GGUF_H
#define AT_FORMAT_GGUF_H

#include "base/file.h"
#include "format/safetensors.h"

/* Types of metadata, by their numbers in files. */
typedef enum at_gguf_type {
    AT_GGUF_U8,
    AT_GGUF_I8,
    AT_GGUF_U16,
    AT_GGUF_I16,
    AT_GGUF_U32,
    AT_GGUF_I32,
    AT_GGUF_F32,
    AT_GGUF_BOOL,
    AT_GGUF_TEXT,
    AT_GGUF_ARRAY,
    AT_GGUF_U64,
    AT_GGUF_I64,
    AT_GGUF_F64,
    AT_N_GGUF_TYPES
} at_gguf_type;

/* One value of the metadata. */
typedef struct at_gguf_value {
    const char *key;   /* UTF-8, not empty */
    at_gguf_type type; /* for an array, the type of its items */
    bool is_array;
    size_t n;                  /* number of items; 1 where it is not an array */
    const unsigned char *data; /* [n_bytes] as the file has it; not aligned */
    size_t n_bytes;
    const char *text; /* a single text's bytes, followed by a NUL; else NULL */
    size_t n_text;    /* bytes of the text */
} at_gguf_value;

/* One text of an array, not followed by a NUL. */
typedef struct at_gguf_text {
    const char *bytes; /* [n] any bytes */
    size_t n;
} at_gguf_text;

typedef struct at_gguf at_gguf;

/* Which part of a file must be there. */
typedef enum at_gguf_part {
    AT_GGUF_WHOLE, /* everything */
    AT_GGUF_HEADER /* what stands before the tensors' data, which are not checked: for
                      metadata only. Every tensor's `data` is NULL. */
} at_gguf_part;

/* Find the GGUF file that a path means: a file that begins as one, whatever its name, or
 * whose name ends with .gguf; or the only one in a folder without a config.json, of
 * splits the first. *out (owned by the caller) is NULL where there is none; EINVAL names
 * two of several in a folder. */
attrib_status at_gguf_find_file(const char *path, char **out, attrib_error *err);

/* Open a file. Where it is one of several splits, all of them are opened. */
attrib_status at_gguf_open(const char *path,
                           at_gguf_part part,
                           at_gguf **out,
                           attrib_error *err);
/* Open the bytes of one file, borrowed until it is closed; `name` is for messages. */
attrib_status at_gguf_open_bytes(const char *name,
                                 const void *bytes,
                                 size_t n,
                                 at_gguf_part part,
                                 at_gguf **out,
                                 attrib_error *err);
void at_gguf_close(at_gguf *gguf);
/* EIO where a file is not what it was when it was opened. */
attrib_status at_gguf_check(const at_gguf *gguf, attrib_error *err);

/* 1. What the file is */

const char *at_gguf_path(const at_gguf *gguf); /* of the first file */
unsigned at_gguf_version(const at_gguf *gguf);
size_t at_gguf_n_files(const at_gguf *gguf);
/* All tensors, under their names in the file. Shapes are row-major: elements of the last
 * dimension are adjacent, which is the reverse of the order of dimensions in the file. */
const at_tensors *at_gguf_tensors(const at_gguf *gguf);
/* XXH3-128 over all files' bytes, in their order. Reads them once. */
attrib_status at_gguf_hash(const at_gguf *gguf,
                           char out[AT_HASH_SIZE],
                           attrib_error *err);

/* 2. Metadata, of the first file */

size_t at_gguf_n_values(const at_gguf *gguf);
const at_gguf_value *at_gguf_value_at(const at_gguf *gguf, size_t i); /* as in the file */
const at_gguf_value *at_gguf_find(const at_gguf *gguf, const char *key); /* or NULL */
const char *at_gguf_type_name(at_gguf_type type); /* "u8", "text"; "?" for none */

/* A value of one kind: *is_there (may be NULL) says whether the key exists; where it does
 * not, *out stays. EFORMAT names a value of another kind. */

/* Any integer type, from 0 on. */
attrib_status at_gguf_size(
    const at_gguf *gguf, const char *key, size_t *out, bool *is_there, attrib_error *err);
/* Any number. */
attrib_status at_gguf_number(
    const at_gguf *gguf, const char *key, double *out, bool *is_there, attrib_error *err);
attrib_status at_gguf_bool(
    const at_gguf *gguf, const char *key, bool *out, bool *is_there, attrib_error *err);
/* The text is borrowed and followed by a NUL. n may be NULL; a text with a NUL inside is
 * then refused. */
attrib_status at_gguf_get_text(const at_gguf *gguf,
                               const char *key,
                               const char **out,
                               size_t *n,
                               bool *is_there,
                               attrib_error *err);

/* Arrays: *out is owned by the caller (free()), NULL with *n 0 where the key does not
 * exist. */

attrib_status at_gguf_texts(const at_gguf *gguf,
                            const char *key,
                            at_gguf_text **out,
                            size_t *n,
                            attrib_error *err);
/* An array of any integer type; ERANGE above INT64_MAX. */
attrib_status at_gguf_integers(
    const at_gguf *gguf, const char *key, int64_t **out, size_t *n, attrib_error *err);
/* An array of any number type. */
attrib_status at_gguf_numbers(
    const at_gguf *gguf, const char *key, double **out, size_t *n, attrib_error *err);

#endif

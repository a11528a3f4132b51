/* SPDX-License-Identifier: MIT */
/* Files: read, written under a temporary name and renamed, and folders. */
#ifndef AT_BASE_FILE_H
#define AT_BASE_FILE_H

#include <stdio.h>

#include "base/map.h"

/* 1. Reading */

/* Refuse a pointer of Git LFS with ENOTSUP: a small text that stands in the place of a
 * large file that was not fetched. `bytes` is the whole of the file `name`. at_map_open()
 * and at_read_file() call this. */
attrib_status at_refuse_lfs_pointer(const char *name,
                                    const void *bytes,
                                    size_t n,
                                    attrib_error *err);

/* Read a whole small file as text, followed by a NUL; ERANGE above max_bytes. */
attrib_status at_read_file(const char *path,
                           size_t max_bytes,
                           at_buffer *out,
                           attrib_error *err);

/* How many of the first n bytes of a file could be read, which are then in `out`: less
 * where it is shorter, 0 where it cannot be opened. */
size_t at_peek_file(const char *path, void *out, size_t n);

/* 2. Writing (output.c): nothing is seen under `path` until at_output_commit() has synced
 * and renamed. */

typedef struct at_output {
    FILE *stream; /* write here; buffered */
    char *path, *temporary;
} at_output;

/* Open `path` for writing; "-" is standard output. A device or a pipe is written in
 * place. A link is kept, and the file that it points to is replaced; EIO for a link to
 * nothing. */
attrib_status at_output_open(const char *path, at_output *out, attrib_error *err);
attrib_status at_output_write(at_output *output,
                              const void *bytes,
                              size_t n,
                              attrib_error *err);
attrib_status at_output_commit(at_output *output,
                               attrib_error *err); /* closes it, failed or not */
/* at_output_commit() without waiting for the disk, for a file that is filled and synced
 * later. */
attrib_status at_output_place(at_output *output, attrib_error *err);
void at_output_discard(at_output *output); /* closes and removes; fine after commit */

/* 3. Paths */

attrib_status at_join_path(const char *folder,
                           const char *name,
                           char **out,
                           attrib_error *err);
attrib_status at_make_folder(const char *path, attrib_error *err); /* and its parents */
/* EIO unless a path is a folder, through links or not, or the name of a new one: links to
 * nothing are not followed. */
attrib_status at_check_folder_name(const char *path, attrib_error *err);
bool at_is_file(const char *path);
bool at_is_there(const char *path); /* of any kind, even a link that points to nothing */
bool at_is_folder(const char *path);
bool at_is_empty_folder(const char *path);

/* 4. Hashes (hash.c) */

/* XXH3-128 of bytes as 32 hexadecimal digits and a NUL. It identifies an input in a
 * manifest and is no protection against forgery. */
#define AT_HASH_SIZE 33
void at_hash_bytes(const void *bytes, size_t n, char out[AT_HASH_SIZE]);

/* The same hash as bytes, the digits' first; and its digits. */
#define AT_DIGEST_BYTES 16
void at_digest_bytes(const void *bytes, size_t n, unsigned char out[AT_DIGEST_BYTES]);
void at_digest_text(const unsigned char digest[AT_DIGEST_BYTES], char out[AT_HASH_SIZE]);
/* The bytes of 32 such digits, as at_digest_text() writes them. */
void at_digest_read(const char text[AT_HASH_SIZE], unsigned char out[AT_DIGEST_BYTES]);

/* The hash of bytes that come piece by piece. */
typedef struct at_hash at_hash;
attrib_status at_hash_new(at_hash **out, attrib_error *err);
void at_hash_add(at_hash *hash, const void *bytes, size_t n);
void at_hash_reset(at_hash *hash); /* of no bytes again */
void at_hash_digest(const at_hash *hash, char out[AT_HASH_SIZE]);
void at_hash_free(at_hash *hash);

#endif

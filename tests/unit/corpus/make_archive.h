/* SPDX-License-Identifier: MIT */
/* Archives and compressed files for tests, written by libarchive. */
#ifndef CORPUS_MAKE_ARCHIVE_H
#define CORPUS_MAKE_ARCHIVE_H

#include <stddef.h>

typedef struct made_member {
    const char *name, *bytes;
    size_t n_bytes; /* 0: strlen(bytes) */
} made_member;

/* Formats: "ustar", "pax", "zip", "7zip", "newc", "odc", "raw" (the first member's bytes
 * only). Filters: "none", "gzip", "zstd", "xz", "bzip2", "lz4". `options` may be NULL. */
void make_archive(const char *path,
                  const char *format,
                  const char *filter,
                  const char *options,
                  const made_member *members,
                  size_t n_members);

/* Append one file's bytes to another's; cut a file to a length. */
void append_file(const char *path, const char *from);
void cut_file(const char *path, size_t n_bytes);
size_t file_size(const char *path);

#endif

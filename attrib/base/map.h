/* SPDX-License-Identifier: MIT */
/* Files mapped read-only. Each is listed where a handler of SIGBUS finds it, and is known
 * to be what it was when it was opened, or not to be. */
#ifndef AT_BASE_MAP_H
#define AT_BASE_MAP_H

#include <sys/stat.h>

#include "base/memory.h"

/* What a file was when it was opened, by which changes are noticed without reading it. */
typedef struct at_file_mark {
    dev_t device;
    ino_t inode;
    off_t n_bytes;
    struct timespec modified;
} at_file_mark;

at_file_mark at_file_mark_of(const struct stat *info);
/* Whether it is the same file, with the same length and time. */
bool at_file_mark_is(const at_file_mark *mark, const struct stat *info);
bool at_file_mark_same(const at_file_mark *left, const at_file_mark *right);
/* EIO "PATH: changed ..." or "PATH: reason" where the file of this name is not what it
 * was. */
attrib_status at_file_mark_check(const at_file_mark *mark,
                                 const char *path,
                                 attrib_error *err);

/* A row of the list of maps. Rows are used again and never freed, as a signal handler may
 * be reading them at any moment. */
typedef struct at_mapped at_mapped;

/* List n bytes at `begin`, mapped from a file. */
attrib_status at_mapped_add(const void *begin,
                            size_t n,
                            const char *path,
                            const struct stat *info,
                            at_mapped **out,
                            attrib_error *err);
void at_mapped_remove(
    at_mapped *mapped); /* before the bytes are unmapped; NULL is fine */

/* A whole file, mapped read-only; n_bytes may be 0 (bytes is then not NULL). */
typedef struct at_map {
    const unsigned char *bytes; /* [n_bytes] valid until at_map_close() */
    size_t n_bytes;
    void *mapping;     /* NULL for an empty file */
    at_mapped *mapped; /* NULL where `bytes` are borrowed */
} at_map;

/* Map a file. EIO with "PATH: reason" where it is missing, unreadable, or not a regular
 * file. */
attrib_status at_map_open(const char *path, at_map *out, attrib_error *err);
void at_map_close(at_map *map);
/* Give back the memory of what was read; reading it again reads the file again. */
void at_map_forget(const at_map *map);
/* What the file was when it was mapped; zeros where `bytes` are borrowed. */
at_file_mark at_map_mark(const at_map *map);

/* EIO where the file of this name is not what it was when it was mapped: what was read
 * since then may be of either. Fine for borrowed bytes. */
attrib_status at_map_check(const at_map *map, attrib_error *err);

#endif

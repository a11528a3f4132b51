/* SPDX-License-Identifier: MIT */
/* The files that a corpus was read from, by which changes of them are noticed. */
#ifndef AT_CORPUS_SOURCES_H
#define AT_CORPUS_SOURCES_H

#include "base/file.h"

typedef struct at_source_file {
    char *path;                          /* owned */
    uint64_t size, seconds, nanoseconds; /* of its last change */
    char hash[AT_HASH_SIZE];             /* of its bytes; "": not taken */
} at_source_file;

/* Zeroed = none. */
typedef struct at_sources {
    at_source_file *files; /* [n] in the order of a walk */
    size_t n, capacity;
} at_sources;

/* Add the files of a path, a folder's in the order that it is read in; nothing for "-"
 * and for paths that are not there. */
attrib_status at_sources_add(at_sources *sources, const char *path, attrib_error *err);

/* Take the hashes of all files. EIO where one changed since it was added. */
attrib_status at_sources_hash(at_sources *sources, attrib_error *err);

/* Compare those of a store with those that are there now: *changed is the first that
 * differs (borrowed from either), or NULL. Files whose size is the same and whose time is
 * not are compared by their bytes. */
attrib_status at_sources_compare(const at_sources *of_store,
                                 const at_sources *now,
                                 const char **changed,
                                 attrib_error *err);
void at_sources_free(at_sources *sources);

#endif

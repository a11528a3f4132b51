/* SPDX-License-Identifier: MIT */
/* What a cache holds: factors, each in a folder, and token stores, each a file. */
#ifndef CLI_CACHE_ENTRIES_H
#define CLI_CACHE_ENTRIES_H

#include <stdint.h>
#include <time.h>

#include "attrib.h"

/* An entry of a cache. */
typedef struct cache_entry {
    char *path; /* owned */
    bool is_store;
    uint64_t n_bytes;
    struct timespec used;
} cache_entry;

/* The entries of a cache, those that were used last first. */
typedef struct cache_entries {
    cache_entry *list; /* [n] owned */
    size_t n, capacity;
} cache_entries;

/* List a cache; one that is not there has no entries. What killed processes were writing
 * there is removed. */
attrib_status cache_list(const char *folder, cache_entries *out, attrib_error *err);
void cache_entries_free(cache_entries *entries);

/* Bytes of a file, or of the files of a folder and those below it. */
uint64_t cache_bytes(const char *path);

/* Note that an entry is used now. */
void cache_touch(const char *path);

/* Remove an entry with all that it holds; EIO where that fails. */
attrib_status cache_remove(const cache_entry *entry, attrib_error *err);

/* Remove entries that were not used for the longest until no more than `limit` bytes are
 * left, but none that was used in the last minute. */
attrib_status cache_trim(const char *folder, uint64_t limit, attrib_error *err);

#endif

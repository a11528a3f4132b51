/* SPDX-License-Identifier: MIT */
/* Where a cache is, and names in it. */
#ifndef CLI_CACHE_FOLDER_H
#define CLI_CACHE_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#define CACHE_PATH_SIZE 4096

/* Find the folder of the cache of a corpus, which is made where there is none; false
 * where it cannot be. */
bool cache_find(const char *corpus_path, char out[CACHE_PATH_SIZE]);

/* Name the folder of the cache next to a corpus, or, where the path is NULL, the user's;
 * it need not be there. */
bool cache_name(const char *corpus_path, char out[CACHE_PATH_SIZE]);

/* FOLDER/NAME; false where that is too long. */
bool cache_join(char out[CACHE_PATH_SIZE], const char *folder, const char *name);

/* FNV-1a over texts and the NUL that ends each, from CACHE_HASH_START on. */
#define CACHE_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t cache_hash(uint64_t hash, const char *text);

#endif

/* SPDX-License-Identifier: MIT */
/* Factors that a query fitted, kept for the next one. */
#ifndef CLI_CACHE_H
#define CLI_CACHE_H

#include "cli/ranking.h"

#define CACHE_PATH_SIZE 4096

/* What commands that fit by themselves are told of the cache, of source_options. */
extern const option cache_table[];

/* Find the folder of the cache of a corpus, which is made where there is none; false
 * where it cannot be. */
bool cache_find(const char *corpus_path, char out[CACHE_PATH_SIZE]);

/* Name the folder of the cache beside a corpus, or, where the path is NULL, the user's;
 * it need not be there. */
bool cache_name(const char *corpus_path, char out[CACHE_PATH_SIZE]);

/* FOLDER/NAME; false where that is too long. */
bool cache_join(char out[CACHE_PATH_SIZE], const char *folder, const char *name);

/* FNV-1a over texts and the NUL that ends each, from CACHE_HASH_START on. */
#define CACHE_HASH_START UINT64_C(0xcbf29ce484222325)
uint64_t cache_hash(uint64_t hash, const char *text);

/* Open the factors of (model, corpus, options) in the cache, or fit them and keep them
 * there. The cache is .attrib-cache/ in the folder of the corpus, or the user's cache
 * folder where that cannot be written or the corpus is standard input. */
attrib_status cache_factors(const cli_source *source,
                            const char *corpus_path,
                            const attrib_fit_options *options,
                            cli_job *job,
                            attrib_factors **out,
                            attrib_error *err);

/* The factors that were named, or those of the cache; none for the identity. */
attrib_status cache_take_factors(const ranking_options *ranking,
                                 const source_options *options,
                                 const cli_source *source,
                                 cli_job *job,
                                 attrib_factors **out,
                                 attrib_error *err);

/* Read into `out` the day that chat templates took for today when the cache of a corpus
 * was begun, so that factors fitted on an earlier day are found; NULL where none was
 * kept. */
const char *cache_date(const char *corpus_path, char out[ATTRIB_DATE_SIZE]);

#endif

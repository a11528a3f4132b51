/* SPDX-License-Identifier: MIT */
/* Factors that a query fitted, kept for the next one. */
#ifndef CLI_CACHE_H
#define CLI_CACHE_H

#include "cli/cache_folder.h"
#include "cli/ranking.h"

/* What commands that fit by themselves are told of the cache, of source_options. */
extern const option cache_table[];

/* Open the factors of (model, corpus, options) in the cache, or fit them and keep them
 * there. A limit of memory that does not hold `next` with them, the run that they are for
 * (NULL: none that is known), is refused before that. The cache is .attrib-cache/ in the
 * folder of the corpus, or the user's cache folder where that cannot be written or the
 * corpus is standard input. */
attrib_status cache_factors(const cli_source *source,
                            const char *corpus_path,
                            const attrib_fit_options *options,
                            const attrib_score_job *next,
                            cli_job *job,
                            attrib_factors **out,
                            attrib_error *err);

/* The factors that were named, or those of the cache; none for the identity. */
attrib_status cache_take_factors(const ranking_options *ranking,
                                 const source_options *options,
                                 const cli_source *source,
                                 const attrib_score_job *next,
                                 cli_job *job,
                                 attrib_factors **out,
                                 attrib_error *err);

/* Read into `out` the day that chat templates took for today when the cache of a corpus
 * was begun, so that factors fitted on an earlier day are found; NULL where none was
 * kept. */
const char *cache_date(const char *corpus_path, char out[ATTRIB_DATE_SIZE]);

#endif

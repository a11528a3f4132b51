/* SPDX-License-Identifier: MIT */
/* Corpora that a query read, kept as token stores for the next one. */
#ifndef CLI_CACHE_STORE_H
#define CLI_CACHE_STORE_H

#include "cli/shared.h"

/* Open the corpus of `paths` into out->corpus, with the tokenizer and the options that
 * are there: from the store of the cache where its sources are what they were, else from
 * these, and keep a store where it is less than an eighth of `limit` bytes. A corpus that
 * is standard input or a store, and one that a selection narrows, is read as it is unless
 * the whole is in the cache. */
attrib_status cache_read_corpus(const attrib_paths *paths,
                                size_t limit,
                                cli_job *job,
                                cli_source *out,
                                attrib_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* A finished run on disk whose scores, documents and shares of tokens are made up, as
 * large as benchmarks and tests of memory want it. */
#ifndef SUPPORT_FORGED_RUN_H
#define SUPPORT_FORGED_RUN_H

#include <stddef.h>

typedef struct forged_sizes {
    size_t n_queries, n_documents;
    size_t n_top;             /* documents that are reported at each end of a ranking */
    size_t n_tokens;          /* of a document */
    size_t n_modules;         /* maps */
    size_t i_shard, n_shards; /* the run is a shard of a corpus of so many times its
                                 documents, of whole slices; 0: of all of a corpus, which
                                 has no name */
} forged_sizes;

/* The score of a document for a query: any numbers, of any order, with a long tail. */
double forged_score(size_t q, size_t d);

/* Write a run into a folder that is made; ends the program where that fails. Documents
 * have tags `kind` and `year`, queries `ability` and `answers`. */
void forged_run_write(const char *folder, const forged_sizes *sizes);

#endif

/* SPDX-License-Identifier: MIT */
/* A merge by several ranks. */
#ifndef CLI_RANKS_MERGE_H
#define CLI_RANKS_MERGE_H

#include "cli/ranks_folder.h"

typedef struct ranks_merging {
    const char *const *folders; /* [n] */
    size_t n;
    const attrib_merge_options *options;
    const attrib_sum_options *sum; /* how runs are added; NULL: they are merged */
    const char *output;
    const cli_job *job;
} ranks_merging;

/* Merge factors together: where covariances are decomposed each rank takes a run of the
 * maps, which are kept in `folder`; the first rank does the rest. */
attrib_status ranks_merge_factors(const ranks_merging *self,
                                  const ranks_folder *folder,
                                  attrib_error *err);

/* The merge of a command, of factors or of runs, with a folder of its own, which is
 * removed in the end. One process does it all where it is alone. */
attrib_status ranks_merge(const ranks_merging *self, attrib_error *err);

#endif

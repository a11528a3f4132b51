/* SPDX-License-Identifier: MIT */
/* Runs merged: of disjoint documents and the same queries.
 *
 * 1. Which documents.
 * 2. Numbers.
 * 3. Answers.
 * 4. Folders. */
#ifndef AT_RUN_MERGE_H
#define AT_RUN_MERGE_H

#include "run/prepared.h"

/* One part of one of the runs. */
typedef struct at_merged_part {
    size_t i_run;
    size_t i_slice, n_slices; /* in that run */
    size_t first;             /* its first document in that run */
    size_t start;             /* and in the merged one */
    at_part part;
    size_t i_group; /* of its corpus, in the order in which these are named */
} at_merged_part;

typedef struct at_merging {
    attrib_session *session;
    attrib_run **runs; /* [n_runs] manifests alone */
    size_t n_runs;
    at_merged_part *parts; /* [n_parts] in the order in which they are merged */
    size_t n_parts;
    attrib_run *out;
} at_merging;

/* 1. Which documents (merge_parts.c) */

/* Fill parts, in the order of corpora as they are named, and of documents in each. EINVAL
 * where a document is in two runs; and, unless is_partial, where some of a corpus are
 * missing, which are named by their shards where these can be told. */
attrib_status at_merge_parts(at_merging *self, bool is_partial, attrib_error *err);

/* Set the parts, documents and corpus of the merged run. */
attrib_status at_merge_describe(at_merging *self, attrib_error *err);

/* 2. Numbers (merge_slices.c) */

/* Write all slices, checking each against its seal. */
attrib_status at_merge_slices(at_merging *self, attrib_error *err);

/* 3. Answers (merge_answers.c) */

/* Make the answers of those of the runs. One run's are in memory at a time. */
attrib_status at_merge_answers(at_merging *self, attrib_error *err);

/* 4. Folders (merge.c) */

/* Open the manifest of a run, without its answers. */
attrib_status at_merge_open_manifest(const char *folder,
                                     attrib_run **out,
                                     attrib_error *err);

/* Writes all of a run into its folder. */
typedef attrib_status (*at_fill_fn)(void *context, attrib_error *err);

/* Fill FOLDER.partial, where `run` says that its folder is, and rename it. Nothing is
 * left of it where that fails. */
attrib_status at_merge_write(attrib_session *session,
                             attrib_run *run,
                             const char *folder,
                             at_fill_fn fill_folder,
                             void *context,
                             attrib_error *err);

#endif

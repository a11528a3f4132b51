/* SPDX-License-Identifier: MIT */
/* Runs merged: of disjoint documents, of disjoint queries, or of both: a grid whose
 * columns are runs of the same queries.
 *
 * 1. Which documents and queries.
 * 2. Numbers.
 * 3. Answers.
 * 4. The folder. */
#ifndef AT_RUN_MERGE_H
#define AT_RUN_MERGE_H

#include "run/prepared.h"

/* What is taken of a run: some of its queries, and its first documents. */
typedef struct at_merged_run {
    attrib_run *run; /* its manifest alone */
    size_t i_column;
    size_t first_query;   /* of the run; as many as the column has */
    const at_part *parts; /* [n_parts] that documents are of in the merged run */
    size_t n_parts;
} at_merged_run;

/* One part of one of the runs. */
typedef struct at_merged_part {
    size_t i_run;
    size_t i_column;
    size_t i_slice, n_slices; /* in that run */
    size_t first;             /* its first document in that run */
    size_t start;             /* and in the merged one */
    at_part part;
    size_t i_group; /* of its corpus, in the order in which these are named */
} at_merged_part;

/* Runs of the same queries. */
typedef struct at_merged_column {
    size_t i_run;      /* the first of them */
    size_t first, n;   /* queries of the merged run */
    size_t first_part; /* in at_merging.parts */
    size_t n_parts;
} at_merged_column;

typedef struct at_merging {
    attrib_session *session;
    at_merged_run *runs; /* [n_runs] */
    size_t n_runs;
    at_merged_column *columns; /* [n_columns] in the order of their queries */
    size_t n_columns;
    at_merged_part *parts; /* [n_parts] column by column, in the order of documents */
    size_t n_parts;
    at_preparation made; /* of the merged run; no run: none is written */
    attrib_run *out;
} at_merging;

/* 1. Which documents and queries (merge_parts.c, merge_queries.c) */

/* Enter a run whose options go with those of the others into the column of its queries.
 * EINVAL where these are some of another column's, but not all. */
attrib_status at_merge_enter(at_merging *self, size_t i_run, attrib_error *err);

/* Fill parts: in each column in the order of corpora as they are named, and of documents
 * in each. EINVAL where a document is in two runs of a column; where columns have other
 * documents; and, unless is_partial, where some of a corpus are missing, which are named
 * by their shards where these can be told. */
attrib_status at_merge_parts(at_merging *self, bool is_partial, attrib_error *err);

/* Set the parts, documents, corpus and queries of the merged run, and what it shares with
 * shards that may be scored later. */
attrib_status at_merge_describe(at_merging *self, attrib_error *err);
attrib_status at_merge_queries(at_merging *self, attrib_error *err);

/* 2. Numbers (merge_slices.c) */

/* Write all slices, checking each against its seal. */
attrib_status at_merge_slices(at_merging *self, attrib_error *err);

/* 3. Answers (merge_answers.c) */

/* Make the answers of those of the runs. One run's are in memory at a time. */
attrib_status at_merge_answers(at_merging *self, attrib_error *err);

/* 4. The folder (merge.c) */

/* Write the merged run, whose description is complete, into FOLDER.partial, which then
 * takes the name of the folder. Where `replaces`, the folder is there, and is replaced in
 * one step: it holds the old run or the merged one, whenever the process ends. */
attrib_status at_merge_write(at_merging *self,
                             const char *folder,
                             bool replaces,
                             attrib_error *err);

void at_merge_free(at_merging *self); /* but for the runs and `out` */

#endif

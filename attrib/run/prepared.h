/* SPDX-License-Identifier: MIT */
/* What all shards of a run share, and what is chosen once for them: the rank of queries,
 * how many are scored at a time, rows of blocks, the day, and the completions that the
 * model writes. It stands in the folder of a run before any slice.
 *
 * 1. The name of a run.
 * 2. The record.
 * 3. Members of manifests.
 * 4. The runs of a sum. */
#ifndef AT_RUN_PREPARED_H
#define AT_RUN_PREPARED_H

#include "run/run.h"

#define AT_RUN_PREPARED "prepared.msgpack"

/* 1. The name of a run */

/* Set the run's identity: one hash of all that scores depend on. Slices with the same
 * identity belong to the same run. */
attrib_status at_run_name(attrib_run *run, attrib_error *err);

/* How far two runs must agree. */
typedef enum at_agreement {
    AT_SAME_SCORES,   /* so that slices can be shared */
    AT_SAME_ANSWERS,  /* and answers can be made of both */
    AT_SAME_QUESTION, /* so that scores can be added: of whatever model, factors and maps
                       */
} at_agreement;

/* Append what is different in `b`, with commas between: model, factors, options, modules,
 * sizes. Corpora and queries are the caller's to compare. */
attrib_status at_run_compare(const attrib_run *a,
                             const attrib_run *b,
                             at_agreement how,
                             at_buffer *out,
                             attrib_error *err);

/* 2. The record */

/* A row of queries: the hash of what was given, and the completion that the model wrote.
 */
typedef struct at_prepared_row {
    char hash[AT_HASH_SIZE];
    bool is_written, is_cut;
    const int32_t *ids; /* [n_ids] */
    size_t n_ids;
    const char *text;
} at_prepared_row;

/* The hash of all that the scores of a query depend on. */
typedef struct at_query_name {
    char hash[AT_HASH_SIZE];
} at_query_name;

/* A run as it is prepared: what its manifest will hold, of the whole corpus. */
typedef struct at_preparation {
    attrib_run *run;
    at_prepared_row *rows; /* [n_rows] texts and ids in the run's bank */
    size_t n_rows;
    at_query_name *queries; /* [run->info.n_queries], which queries_hash is the hash of */
} at_preparation;

/* The hash of n queries: queries_hash of a run that has these. */
void at_queries_name(const at_query_name *queries, size_t n, char out[AT_HASH_SIZE]);

attrib_status at_preparation_write(const char *folder,
                                   const at_preparation *preparation,
                                   attrib_error *err);
/* Read the preparation that a folder holds; nothing (run: NULL) where it has none. */
attrib_status at_preparation_read(const char *folder,
                                  at_preparation *out,
                                  attrib_error *err);
void at_preparation_free(at_preparation *preparation);

/* 3. Members of manifests (manifest_read.c, manifest_write.c) */

#define AT_PART_MEMBERS     5
#define AT_MANIFEST_MEMBERS 35

attrib_status at_run_pack(msgpack_packer *packer,
                          const attrib_run *run,
                          const char *format,
                          attrib_error *err);
attrib_status at_run_take(attrib_run *run,
                          const at_record *record,
                          const char *format,
                          attrib_error *err);
/* One member of "parts". */
attrib_status at_part_take(const at_record *record,
                           const msgpack_object *value,
                           at_part *out,
                           attrib_error *err);

/* 4. The runs of a sum (checkpoints.c) */

/* Append a member "checkpoints": [{weight, model_hash, factors_hash, modules_hash,
 * command}]. */
attrib_status at_checkpoints_pack(msgpack_packer *packer,
                                  const attrib_run_info *info,
                                  attrib_error *err);
/* Read it into the run's bank; manifests of older runs have none. */
attrib_status at_checkpoints_take(attrib_run *run,
                                  const at_record *record,
                                  attrib_error *err);
/* Append all that scores depend on; nothing where the run is no sum. */
attrib_status at_checkpoints_name(const attrib_run_info *info,
                                  at_buffer *out,
                                  attrib_error *err);

#endif

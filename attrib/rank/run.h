/* SPDX-License-Identifier: MIT */
/* A run: its answers in memory, its scores in memory or in part files, and the files of
 * its folder.
 *
 *     RUN/part-000000.safetensors   scores [n, Q] f64 and ids of 4,096 documents
 *     RUN/answers.msgpack           what was found for each query
 *     RUN/manifest.msgpack          what the run was made with; written last */
#ifndef AT_RANK_RUN_H
#define AT_RANK_RUN_H

#include "format/record.h"
#include "rank/rank.h"

#define AT_RUN_VERSION    1
#define AT_RUN_MANIFEST   "manifest.msgpack"
#define AT_RUN_ANSWERS    "answers.msgpack"
#define AT_PART_DOCUMENTS ((size_t)4096)

/* The scores and ids of consecutive documents. */
typedef struct at_part {
    size_t first, n_documents;
    double *scores; /* [n_documents, Q] */
    char *ids;      /* [n_id_bytes] each with a NUL behind it */
    size_t n_id_bytes;
    const char **id; /* [n_documents] into ids */
} at_part;

struct attrib_run {
    attrib_run_info info;        /* texts are in the bank */
    char identity[AT_HASH_SIZE]; /* of all that scores depend on */
    at_arena *bank;              /* every text and list of the answers and of info */
    attrib_answer *answers;      /* [info.n_queries] */
    double *scores;              /* [N, Q]; NULL where they are in part files */
    const attrib_corpus *corpus; /* for ids, where scores are in memory; borrowed */
    at_part part;                /* the one read last */
};

/* A text in the bank; NULL stays NULL. */
attrib_status at_bank_text(
    at_arena *bank, const char *text, size_t n, const char **out, attrib_error *err);

/* Part files. reading one checks run, shape and count: EFORMAT or ESHAPE. */
size_t at_n_parts(size_t n_documents);
attrib_status at_part_write(const attrib_run *run,
                            const at_part *part,
                            attrib_error *err);
attrib_status at_part_read(const attrib_run *run,
                           size_t i_part,
                           at_part *out,
                           attrib_error *err);
/* Whether the part's file is there. */
attrib_status at_part_exists(const attrib_run *run,
                             size_t i_part,
                             bool *out,
                             attrib_error *err);
void at_part_free(at_part *part);

/* Answers out of pairs: copies all into the run's bank. pairs sorted by document, then
 * query. */
attrib_status at_answers_build(attrib_run *run,
                               const at_ranking *ranking,
                               const at_prepared *prepared,
                               const at_top *tops,
                               const at_pair *pairs,
                               size_t n_pairs,
                               attrib_error *err);
attrib_status at_answers_write(const attrib_run *run, attrib_error *err);
attrib_status at_answers_read(attrib_run *run, attrib_error *err);

attrib_status at_run_manifest_write(const attrib_run *run, attrib_error *err);
attrib_status at_run_manifest_read(attrib_run *run, attrib_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* How a run begins: what it is, what is chosen once for all of its shards, and the place
 * that it is written to. */
#ifndef AT_SCORE_PREPARING_H
#define AT_SCORE_PREPARING_H

#include "attrib/score.h"
#include "base/lock.h"
#include "baseline/candidates.h"
#include "query/prepare.h"
#include "run/prepared.h"

/* What of a run that grows is scored: documents first_document .. end against the queries
 * from first_query on. */
typedef struct at_growth {
    const at_preparation *was; /* the run as it is: its completions and sizes are kept */
    size_t first_document, end;
    size_t first_query;
} at_growth;

typedef struct at_preparing {
    const attrib_score_job *job;
    const at_growth *growth; /* NULL: all of the run, or the job's shard */
    bool is_outline;         /* nothing is written or locked */
    bool is_asked; /* what an index chooses is scored as it is chosen (question.c) */
    at_setup *setup;
    attrib_run *run;
    at_preparation own;     /* of the run's folder, where that is there already */
    at_preparation given;   /* of job->prepared */
    at_prepared_row *rows;  /* [n rows] of the queries */
    at_query_name *queries; /* [n queries] */
    at_by_tokens tokens;    /* which the setup points to */
    at_candidates by_index; /* the same, where an index chose them */
    double *indexed_self;   /* [documents] the same, where there are no queries */
    at_prepared ready;      /* queries that were prepared for that; empty where there are
                               more than memory holds at a time */
    at_lock lock;           /* on the folder */
} at_preparing;

/* Choose all sizes of a setup whose options are checked and whose maps are chosen, give
 * the run its identity, and write its preparation, where it has a folder. What was
 * prepared before is taken over, and must be of the same run. */
attrib_status at_prepare_run(at_preparing *self, attrib_error *err);

/* Find the bytes that such a run takes at least. Completions are written for that; but
 * nothing is kept, and of factors only their sizes are looked at. */
attrib_status at_preparing_measure(at_preparing *self, double *least, attrib_error *err);

/* 1. Steps of it (preparing_run.c, preparing_same.c) */

/* Describe the run by all that is known before queries are complete and sizes chosen. */
attrib_status at_preparing_describe(const at_preparing *self, attrib_error *err);

/* Rows of queries; and the first that is scored. */
size_t at_preparing_n_rows(const at_preparing *self);
size_t at_preparing_first_row(const at_preparing *self);

/* Refuse a preparation of another run, saying what is different: ESHAPE. */
attrib_status at_preparing_check_same(const at_preparing *self,
                                      const at_preparation *was,
                                      at_agreement how,
                                      const char *what,
                                      const char *path,
                                      attrib_error *err);

/* Refuse the preparation of a finished run where it is not what this would be: ESHAPE.
 * Maps are chosen and options checked; sizes and completions need not be known. */
attrib_status at_preparing_compare(at_preparing *self,
                                   const at_preparation *was,
                                   const char *path,
                                   attrib_error *err);

/* Which documents of the corpus the job's shard is of; EINVAL where there is no such
 * shard. */
attrib_status at_preparing_shard(const at_preparing *self,
                                 size_t *first,
                                 size_t *end,
                                 attrib_error *err);

/* Take the documents of the job's shard, or those that a run goes on with; ESHAPE where
 * the folder holds slices of another shard. */
attrib_status at_preparing_take_shard(const at_preparing *self, attrib_error *err);

/* 2. What it leaves */

/* The preparation that is written; *run is what it points to. */
at_preparation at_preparing_made(const at_preparing *self, attrib_run *run);

/* Unlock the folder, and free all but setup and run. */
void at_preparing_close(at_preparing *self);

#endif

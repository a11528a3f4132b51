/* SPDX-License-Identifier: MIT */
/* The stages of a fit, and the memory that each takes.
 *
 * 1. The stages.   2. Shares of a corpus.   3. Memory.   4. What all fits share. */
#ifndef AT_CURVATURE_FIT_H
#define AT_CURVATURE_FIT_H

#include "base/memory_limit.h"
#include "curvature/store.h"

/* 1. The stages */

/* Running sums that are kept in a store, so that a pass that was stopped goes on where it
 * was (fit_keeper.c). The caller sets the fields above the line. */
typedef struct at_fit_keeper {
    attrib_session *session;
    const attrib_model *model; /* whose files must not have changed; NULL: none */
    at_store *store;
    at_fit_stage stage;
    size_t first;    /* map 0 of the pass is this map of the store */
    size_t n_blocks; /* of the pass */
    double seconds;  /* between two times that a map is written; 0: only when told */
    /* ---- */
    const at_fit_maps *maps;
    at_resume resume; /* for the pass */
    size_t *n_kept;   /* [maps->n] blocks of the sums in the store */
    double *kept_at;  /* [maps->n] at_now() */
} at_fit_keeper;

/* Fill the sums of `maps` with what is kept of them, and say how far they are. */
attrib_status at_fit_keeper_open(at_fit_keeper *self,
                                 const at_fit_maps *maps,
                                 attrib_error *err);
/* Keep all sums as they are. Nobody else may work on them. */
attrib_status at_fit_keeper_write(at_fit_keeper *self, attrib_error *err);
void at_fit_keeper_close(at_fit_keeper *self);

/* Sum covariances or Lambda into `factors`: Lambda in the eigenbases where there are any,
 * else of single weights (the diagonal strategy). With a keeper (NULL for none) the sums
 * begin with what it holds, and are kept there when the pass is canceled. */
attrib_status at_fit_sums(const at_pass *pass,
                          const at_source *source,
                          at_fit_stage stage,
                          at_fit_keeper *keeper,
                          attrib_factors *factors,
                          attrib_error *err);

/* 2. Shares of a corpus

 * A corpus is cut into parts of whole blocks of the pass. The sums of each part begin at
 * zero and are added in the order of parts, by the process that made them or by a merge:
 * the additions are the same. */

/* How many parts of the corpus this process sums: a share is one part. */
size_t at_fit_own_parts(const attrib_fit_options *options);

typedef struct at_share {
    at_source corpus;  /* all of it */
    at_source source;  /* the share; its context is this struct */
    size_t first, end; /* sequences of the corpus */
} at_share;

/* Share i_shard of n_shards of `options`. `out` may not move. EINVAL where there are
 * fewer blocks than shares or parts. */
attrib_status at_share_open(const attrib_corpus *corpus,
                            const attrib_fit_options *options,
                            at_share *out,
                            attrib_error *err);

/* 3. Memory */

/* A stage, and what its memory depends on. */
typedef struct at_fit_size {
    const attrib_model *model;     /* NULL for AT_FIT_BASIS */
    const attrib_factors *factors; /* dimensions, blocks, module indices and strategy are
                                      read, and no arrays */
    at_fit_stage stage;
    size_t n_workers, n_parts;
    at_pass_size blocks; /* empty for AT_FIT_BASIS */
    bool rounds_weights; /* once for a pass */
    double layers_limit; /* of its passes, as of at_pass */
} at_fit_size;

/* Maps [first, first + n) that go through a pass together. */
typedef struct at_fit_group {
    size_t first, n;
    double bytes; /* that the stage takes for them, without the model and the corpus:
                     sums, bases, and the scratch of all workers; for AT_FIT_BASIS those
                     of the n_workers largest matrices */
} at_fit_group;

/* Count group->bytes. ENOMEM, ERANGE. */
attrib_status at_fit_memory(const at_fit_size *size,
                            at_fit_group *group,
                            attrib_error *err);

/* The most bytes that any map takes by itself: the stage needs as much. */
attrib_status at_fit_least_memory(const at_fit_size *size,
                                  double *out,
                                  attrib_error *err);

/* The most maps from group->first on, one at least, that take no more than max_bytes.
 * Their number is doubled while they fit, and then found by bisection: log n tries for
 * each group, of which each counts up to n maps. The memory does not fall with n. */
attrib_status at_fit_choose_group(const at_fit_size *size,
                                  double max_bytes,
                                  at_fit_group *group,
                                  attrib_error *err);

/* Set layers_limit by what all maps in one pass leave of `room` bytes. */
attrib_status at_fit_choose_layers(at_fit_size *size, double room, attrib_error *err);

/* The eigenbases of all covariances in a store, into it, within the limit; ERANGE where
 * the largest matrix does not fit. */
attrib_status at_fit_decompose(attrib_session *session,
                               const attrib_factors *factors,
                               at_store *store,
                               const at_memory_limit *limit,
                               attrib_error *err);

/* What a fit into a folder will make, and takes at least. */
typedef struct at_fit_outlook {
    attrib_factors *factors; /* without their arrays; owned by the caller */
    double bytes;            /* in addition to what is in use before */
    size_t n_workers;        /* that take them */
} at_fit_outlook;

/* Foresee a fit before any of its work; as attrib_factors_fit_folder(), but for the limit
 * of memory, which is not looked at. */
attrib_status at_fit_foresee(attrib_session *session,
                             const attrib_model *model,
                             const attrib_corpus *corpus,
                             const attrib_fit_options *options,
                             at_fit_outlook *out,
                             attrib_error *err);

/* 4. What all fits share */

attrib_status at_fit_check(const attrib_fit_options *options, attrib_error *err);

/* Set hashes, origins and options of a fit of a share in `factors`, which has its maps
 * and blocks. */
attrib_status at_fit_begin(const attrib_model *model,
                           const attrib_corpus *corpus,
                           const attrib_fit_options *options,
                           const at_share *share,
                           attrib_factors *factors,
                           attrib_error *err);

/* The pass of a fit over these maps; the caller sets its stage. */
at_pass at_fit_pass(attrib_session *session,
                    const attrib_model *model,
                    const size_t *tracked,
                    size_t n_tracked,
                    const attrib_fit_options *options);

/* Set the identity of `factors`: one hash of what they are a function of, which is info,
 * origins, and the hash of the basis that was given ("" for none). */
attrib_status at_fit_name(attrib_factors *factors,
                          attrib_fit_stages stages,
                          const char *basis,
                          attrib_error *err);

void at_fit_log_selection(attrib_session *session,
                          const attrib_model *model,
                          const attrib_factors *factors);

#endif

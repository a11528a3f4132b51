/* SPDX-License-Identifier: MIT */
/* The stages of a fit, and what each takes. */
#ifndef AT_CURVATURE_FIT_H
#define AT_CURVATURE_FIT_H

#include "base/memory_limit.h"
#include "curvature/eigenbasis.h"

extern const char *const at_fit_stage_names[AT_N_FIT_STAGES];

/* 1. The stages, in order. Each fills its arrays of `factors`. */

typedef struct at_fit_keeper at_fit_keeper;

/* The sums of covariances, or of Lambda: in the eigenbases where there are any, else of
 * single weights (the diagonal strategy). With a keeper (NULL for none) they begin
 * with what it holds, and are kept there when the pass is canceled. */
attrib_status at_fit_sums(const at_pass *pass,
                          const at_source *source,
                          at_fit_stage stage,
                          at_fit_keeper *keeper,
                          attrib_factors *factors,
                          attrib_error *err);
attrib_status at_fit_eigenbases(attrib_session *session,
                                attrib_factors *factors,
                                attrib_error *err);

/* A sum over parts of a corpus: `part` is the sum of the part at hand, added to `total`
 * when that is over. NULL for a corpus of one part, which is summed in `total`. */
typedef struct at_running {
    double *total, *part;
    size_t n;
} at_running;

/* Maps of a pass with what is summed for each: the context of the taps below. */
typedef struct at_fit_maps {
    at_factor *factors; /* [n] borrowed: sizes, bases, and the totals */
    size_t n, n_blocks;
    bool is_rotated;  /* Lambda is in eigenbases */
    at_running *sums; /* [n, 2]: A and S, or Lambda and nothing */
} at_fit_maps;

/* Maps first .. first + n of `factors`, without sums: enough for dry runs. */
at_fit_maps at_fit_maps_of(const attrib_factors *factors, size_t first, size_t n);

/* Sums of zero: totals in the factors, which own them, and parts. */
attrib_status at_fit_maps_open(at_fit_maps *maps,
                               at_fit_stage stage,
                               size_t n_parts,
                               attrib_error *err);
void at_fit_maps_close(at_fit_maps *maps);

/* Bytes of these sums, and of the bases that the stage reads. */
attrib_status at_fit_maps_bytes(const at_fit_maps *maps,
                                at_fit_stage stage,
                                size_t n_parts,
                                double *out,
                                attrib_error *err);

/* Where the part at hand is summed, and what is done when it is over. */
double *at_running_sum(const at_running *running);
void at_running_merge(at_running *running);
void at_running_clear(const at_running *running); /* to zero */

/* The merge() of both taps. */
attrib_status at_fit_merge(void *context, size_t i_tracked, attrib_error *err);

attrib_tap at_covariance_tap(at_fit_maps *maps);
attrib_tap at_lambda_tap(at_fit_maps *maps);

/* Running sums that are kept in a store, so that a pass that was stopped goes on where it
 * was (fit_keeper.c). The caller sets what is above the line. */
struct at_fit_keeper {
    attrib_session *session;
    struct at_store *store;
    at_fit_stage stage;
    size_t first;    /* map 0 of the pass is this one of the store */
    size_t n_blocks; /* of the pass */
    double seconds;  /* between two times that a map is written; 0: only when told */
    /* ---- */
    const at_fit_maps *maps;
    at_resume resume; /* for the pass */
    size_t *n_kept;   /* [maps->n] blocks of the sums in the store */
    double *kept_at;  /* [maps->n] at_now() */
};

/* Fill the sums of `maps` with what is kept of them, and say how far they are. */
attrib_status at_fit_keeper_open(at_fit_keeper *self,
                                 const at_fit_maps *maps,
                                 attrib_error *err);
/* Keep all sums as they are. Nobody else may work on them. */
attrib_status at_fit_keeper_write(at_fit_keeper *self, attrib_error *err);
void at_fit_keeper_close(at_fit_keeper *self);

/* 2. What they go over: a share of a corpus

 * A corpus is cut into parts of whole blocks of the pass. The sums of each begin at zero
 * and are added in the order of parts, by the process that made them or by a merge: the
 * same additions. */

/* Parts of the corpus, and those of them that this process sums: a share is one part. */
size_t at_fit_n_parts(const attrib_fit_options *options);
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

/* 3. What they take: dry runs of the above */

/* What memory depends on beside the maps. */
typedef struct at_fit_size {
    size_t n_workers, n_parts;
    at_pass_size blocks;
} at_fit_size;

/* Bytes that a stage takes for maps [first, first + n) of `factors` at a time, beside the
 * model and the corpus: sums, bases, and the scratch of all workers. Dimensions, blocks,
 * module indices and strategy of `factors` are read, none of its arrays. For AT_FIT_BASIS
 * the n_workers largest of their matrices. ENOMEM, ERANGE. */
attrib_status at_fit_memory(const attrib_model *model,
                            const attrib_factors *factors,
                            const at_fit_size *size,
                            at_fit_stage stage,
                            size_t first,
                            size_t n,
                            double *out,
                            attrib_error *err);

/* The most of these that a map alone takes: with less nothing can be done. */
attrib_status at_fit_least_memory(const attrib_model *model,
                                  const attrib_factors *factors,
                                  const at_fit_size *size,
                                  at_fit_stage stage,
                                  double *out,
                                  attrib_error *err);

/* Maps that go through a pass together, and what the stage takes for them. */
typedef struct at_fit_group {
    size_t first, n;
    double bytes;
} at_fit_group;

/* The most maps from group->first on, one at least, that take no more than max_bytes.
 * Doubles their number and then halves the step: n log n steps for all groups of n maps,
 * as the memory of n maps is counted in n steps and does not fall with n. */
attrib_status at_fit_choose_group(const attrib_model *model,
                                  const attrib_factors *factors,
                                  const at_fit_size *size,
                                  at_fit_stage stage,
                                  double max_bytes,
                                  at_fit_group *group,
                                  attrib_error *err);

/* at_decompose_all() within the limit; ERANGE where the largest matrix does not fit. */
attrib_status at_decompose_within(attrib_session *session,
                                  const attrib_factors *factors,
                                  const at_covariance_io *io,
                                  const at_memory_limit *limit,
                                  attrib_error *err);

/* 4. What fits share */

attrib_status at_fit_check(const attrib_fit_options *options, attrib_error *err);

/* Hashes, origins and options of a fit of a share into `factors`, whose maps and blocks
 * are there. */
attrib_status at_fit_begin(const attrib_model *model,
                           const attrib_corpus *corpus,
                           const attrib_fit_options *options,
                           const at_share *share,
                           attrib_factors *factors,
                           attrib_error *err);

/* The pass of a fit over these maps; its stage is set by the caller. */
at_pass at_fit_pass(attrib_session *session,
                    const attrib_model *model,
                    const size_t *tracked,
                    size_t n_tracked,
                    const attrib_fit_options *options);

/* What the factors are a function of, as one hash: info, origins, and `basis`. */
attrib_status at_fit_name(attrib_factors *factors,
                          attrib_fit_stages stages,
                          const char *basis,
                          attrib_error *err);

void at_fit_log_selection(attrib_session *session,
                          const attrib_model *model,
                          const attrib_factors *factors);

#endif

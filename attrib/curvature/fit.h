/* SPDX-License-Identifier: MIT */
/* The stages of a fit, and what each takes. */
#ifndef AT_CURVATURE_FIT_H
#define AT_CURVATURE_FIT_H

#include "curvature/factors.h"

/* 1. The stages, in order. Each fills its arrays of `factors`. */

attrib_status at_fit_covariances(const at_pass *pass,
                                 const at_source *source,
                                 attrib_factors *factors,
                                 attrib_error *err);
attrib_status at_fit_eigenbases(attrib_session *session,
                                attrib_factors *factors,
                                attrib_error *err);
/* In the eigenbases where there are any, else of single weights (the diagonal strategy).
 */
attrib_status at_fit_lambda(const at_pass *pass,
                            const at_source *source,
                            attrib_factors *factors,
                            attrib_error *err);

/* 2. What they go over: a share of a corpus */

typedef struct at_share {
    at_source corpus;  /* all of it */
    at_source source;  /* the share; its context is this struct */
    size_t first, end; /* sequences of the corpus */
} at_share;

/* Share i_shard of n_shards: whole blocks of the pass, so that the sums of all shares are
 * those of the corpus but for the order of f64 additions. `out` may not move. EINVAL
 * where there are fewer blocks than shares. */
attrib_status at_share_open(const attrib_corpus *corpus,
                            size_t i_shard,
                            size_t n_shards,
                            at_share *out,
                            attrib_error *err);

/* 3. What they take */

/* The most rows that a block of the pass can have, and the longest sequence. */
void at_source_measure(const at_source *source,
                       size_t block_rows,
                       size_t *n_rows,
                       size_t *longest);

/* What memory depends on beside the maps. */
typedef struct at_fit_size {
    size_t n_workers;
    size_t n_rows, longest; /* of a block of the pass: see at_source_measure() */
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

/* Bytes of one worker's scratch beside the decoder: of the covariance pass, for the
 * widest block of any A or S; and of the Lambda pass, for maps of at most these widths,
 * with whole gradients of `whole` entries where at_lambda_needs_gradients(). */
double at_covariance_scratch(size_t widest);
double at_lambda_scratch(
    size_t in_dim, size_t out_dim, size_t n_rows, bool is_rotated, double whole);

/* Whether Lambda of a map needs whole gradients of sequences, as rotating their rows
 * would cost more for those of `longest` rows. */
bool at_lambda_needs_gradients(const at_factor *factor, bool is_rotated, size_t longest);

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

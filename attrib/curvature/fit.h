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

/* 2. What they take */

/* The most rows that a block of the pass can have, and the longest sequence. */
void at_source_measure(const at_source *source,
                       size_t block_rows,
                       size_t *n_rows,
                       size_t *longest);

/* Bytes of one worker's scratch beside the decoder: of the covariance pass, for the
 * widest block of any A or S; and of the Lambda pass, for one map. */
size_t at_covariance_scratch(size_t widest);
size_t at_lambda_scratch(const at_factor *factor,
                         bool is_rotated,
                         size_t n_rows,
                         size_t longest);

/* Whether Lambda of a map needs whole gradients of sequences, as rotating their rows
 * would cost more for those of `longest` rows. */
bool at_lambda_needs_gradients(const at_factor *factor, bool is_rotated, size_t longest);

#endif

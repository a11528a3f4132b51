/* SPDX-License-Identifier: MIT */
/* How fast this machine multiplies matrices, on which predictions and efficiencies are
 * based. */
#ifndef AT_LINALG_RATE_H
#define AT_LINALG_RATE_H

#include "attrib/linalg.h"
#include "base/session.h"

/* FLOP a second of products [512, 768] [768, 3072] in a precision other than auto, with
 * weights that are rounded before, forward and backward, by all
 * workers of a session at once, each on its own matrices. Measured for `seconds` of each
 * worker's processor time, which other work on the machine does not add to.
 * ENOTSUP as at_multiplier_new(). */
attrib_status at_gemm_rate(attrib_session *session,
                           attrib_precision precision,
                           double seconds,
                           double *out,
                           attrib_error *err);

/* The same of symmetric products [384, 512] [512, 384] in f32, which OpenBLAS does on
 * every processor. */
attrib_status at_blas_rate(attrib_session *session,
                           double seconds,
                           double *out,
                           attrib_error *err);

#endif

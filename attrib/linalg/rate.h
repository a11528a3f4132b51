/* SPDX-License-Identifier: MIT */
/* How fast this machine multiplies matrices, on which predictions and efficiencies are
 * based. */
#ifndef AT_LINALG_RATE_H
#define AT_LINALG_RATE_H

#include "base/session.h"

/* FLOP a second of f32 products [512, 768] [768, 3072], forward and backward, by all
 * workers of a session at once, each on its own matrices. Measured for `seconds` of each
 * worker's processor time, which other work on the machine does not add to. */
attrib_status at_gemm_rate(attrib_session *session,
                           double seconds,
                           double *out,
                           attrib_error *err);

#endif

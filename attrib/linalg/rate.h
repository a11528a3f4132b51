/* SPDX-License-Identifier: MIT */
/* How fast this machine multiplies: what predictions and shares of the possible stand on.
 */
#ifndef AT_LINALG_RATE_H
#define AT_LINALG_RATE_H

#include "base/session.h"

/* FLOP a second of f32 products [512, 768] [768, 3072], forward and backward, by all
 * workers of a session at once, each on its own matrices; measured for `seconds` of each
 * worker's own time, which what else runs on the machine has no part in. */
attrib_status at_gemm_rate(attrib_session *session,
                           double seconds,
                           double *out,
                           attrib_error *err);

#endif

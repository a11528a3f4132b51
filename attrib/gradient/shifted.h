/* SPDX-License-Identifier: MIT */
/* A pass through the model of weights W + alpha P. */
#ifndef AT_GRADIENT_SHIFTED_H
#define AT_GRADIENT_SHIFTED_H

#include "gradient/pass.h"
#include "model/shift.h"

/* Run a pass with one tap through the pass's model, moved along a direction. It takes the
 * moved weights in f32 beyond at_pass_bytes(). */
attrib_status at_pass_run_shifted(const at_pass *pass,
                                  const at_source *source,
                                  const attrib_tap *tap,
                                  const at_direction_set *direction,
                                  double alpha,
                                  attrib_error *err);

#endif

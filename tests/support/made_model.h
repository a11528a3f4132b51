/* SPDX-License-Identifier: MIT */
/* What a decoder takes that is made for a test of its layers: weights, and callers that
 * look at nothing. */
#ifndef SUPPORT_MADE_MODEL_H
#define SUPPORT_MADE_MODEL_H

#include "model/decoder.h"

/* Uniform in [-1, 1), of a counter; not the library's. */
float made_number(size_t i);

/* A caller of at_decoder_run() that reads no pair. */
attrib_status made_ignore_pairs(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err);

/* A caller of at_decoder_run_along() that leaves the direction of every map 0. */
attrib_status made_no_direction(void *context,
                                const attrib_outputs *outputs,
                                attrib_error *err);

#endif

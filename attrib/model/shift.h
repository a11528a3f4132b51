/* SPDX-License-Identifier: MIT */
/* A model whose tracked maps are moved along a direction. */
#ifndef AT_MODEL_SHIFT_H
#define AT_MODEL_SHIFT_H

#include "attrib/model.h"

/* A direction of the tracked maps. Borrowed. */
typedef struct at_direction_set {
    const size_t *tracked; /* [n_tracked] module indices */
    size_t n_tracked;
    const float *const *p; /* [n_tracked] of [O, I] */
} at_direction_set;

typedef struct at_shift at_shift;

/* Make the model of weights W + alpha P, which borrows all else from `model`. It takes
 * sizeof(float) times the tracked weights. ENOMEM, ERANGE. */
attrib_status at_shift_new(const attrib_model *model,
                           const at_direction_set *direction,
                           double alpha,
                           at_shift **out,
                           attrib_error *err);
void at_shift_free(at_shift *shift);

/* The model, valid until the shift is freed; it may not be closed. */
const attrib_model *at_shift_model(const at_shift *shift);

/* The largest ||P|| / ||W|| of any map, in Frobenius norms; 0 where P is 0. */
attrib_status at_direction_size(const attrib_model *model,
                                const at_direction_set *direction,
                                double *out,
                                attrib_error *err);

#endif

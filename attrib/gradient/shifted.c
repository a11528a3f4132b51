/* SPDX-License-Identifier: MIT */
#include "gradient/shifted.h"

attrib_status at_pass_run_shifted(const at_pass *pass,
                                  const at_source *source,
                                  const attrib_tap *tap,
                                  const at_direction_set *direction,
                                  double alpha,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_shift *shift = NULL;
    at_pass shifted = *pass;
    AT_TRY(at_shift_new(pass->model, direction, alpha, &shift, err));
    shifted.model = at_shift_model(shift);
    AT_TRY(at_pass_run(&shifted, source, tap, 1, err));
done:
    at_shift_free(shift);
    return status;
}

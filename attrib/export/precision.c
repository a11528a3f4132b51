/* SPDX-License-Identifier: MIT */
#include "export/precision.h"

#include <math.h>

/* Errors above this share of the largest score make bf16 a poor choice: on models whose
 * ranking it keeps, the largest error was 0.5 to 3 % of it, where Lambda is badly scaled
 * a quarter. */
#define LARGE_SHARE 0.1

/* The largest score of an answer's reported documents. */
static double largest_score(const attrib_answer *answer)
{
    double largest = 0;
    for (size_t i = 0; i < answer->n_top; i++) {
        largest = fmax(largest, fabs(answer->top[i].score));
    }
    for (size_t i = 0; i < answer->n_bottom; i++) {
        largest = fmax(largest, fabs(answer->bottom[i].score));
    }
    return largest;
}

static attrib_status append_settled(at_buffer *out,
                                    const attrib_run_info *info,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err,
                           "products in bf16; %zu %s scored again in f32, where bf16 was "
                           "off by up to %.3g",
                           info->n_rescored,
                           info->n_answers == 1 ? "documents"
                                                : "pairs of query and document",
                           info->largest_error));
    if (info->options->is_unsettled) {
        AT_TRY(at_buffer_print(out, err, "; others may be first or last in f32"));
        goto done;
    }
    AT_TRY(at_buffer_print(out, err, ", and 99 of 100 by %.3g", info->assumed_error));
    if (info->n_open) {
        AT_TRY(at_buffer_print(out, err, "; %zu that may stand among them were not",
                               info->n_open));
    }
done:
    return status;
}

attrib_status at_append_precision(at_buffer *out,
                                  const attrib_run_info *info,
                                  const attrib_answer *answer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (info->options->precision == ATTRIB_F32_PRODUCTS) {
        return ATTRIB_OK;
    }
    if (info->n_queries == 0) {
        return at_buffer_print(out, err, "products in bf16");
    }
    AT_TRY(append_settled(out, info, err));
    if (answer && info->largest_error > LARGE_SHARE * largest_score(answer)) {
        AT_TRY(at_buffer_print(
            out, err, "; this is large compared with the scores: f32 suits them better"));
    }
done:
    return status;
}

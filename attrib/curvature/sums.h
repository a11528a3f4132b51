/* SPDX-License-Identifier: MIT */
/* What a pass over the documents sums for each map, and the two taps that add to it. */
#ifndef AT_CURVATURE_SUMS_H
#define AT_CURVATURE_SUMS_H

#include "curvature/factors.h"

/* A sum over the parts of a corpus: the numbers of one part are summed in `part`, and
 * added to `total` at its end. A corpus of one part is summed in `total`, and `part` is
 * NULL. */
typedef struct at_running {
    double *total, *part; /* [n] */
    size_t n;
} at_running;

/* Where the current part is summed. */
double *at_running_sum(const at_running *running);
void at_running_clear(const at_running *running); /* both to zero */

/* The maps of a pass with their sums: the context of the taps below. */
typedef struct at_fit_maps {
    at_factor *factors; /* [n] borrowed: shapes, bases, and the totals */
    size_t n, n_blocks;
    bool is_rotated;            /* Lambda is summed in the eigenbases */
    attrib_precision precision; /* of the pass's products */
    at_running *sums;           /* [n, 2]: A and S; or Lambda, the second empty */
} at_fit_maps;

/* Maps first .. first + n of `factors`, without sums: enough for dry runs. */
at_fit_maps at_fit_maps_of(const attrib_factors *factors, size_t first, size_t n);

/* Sums of zero. The factors own the totals, `maps` the rest. */
attrib_status at_fit_maps_open(at_fit_maps *maps,
                               at_fit_stage stage,
                               size_t n_parts,
                               attrib_error *err);
void at_fit_maps_close(at_fit_maps *maps);

/* Bytes of these sums, and of the bases that the stage reads. */
attrib_status at_fit_maps_bytes(const at_fit_maps *maps,
                                at_fit_stage stage,
                                size_t n_parts,
                                double *out,
                                attrib_error *err);

/* The merge() of both taps. */
attrib_status at_fit_merge(void *context, size_t i_tracked, attrib_error *err);

attrib_tap at_covariance_tap(at_fit_maps *maps);
attrib_tap at_lambda_tap(at_fit_maps *maps);

static inline attrib_tap at_fit_tap(at_fit_maps *maps, at_fit_stage stage)
{
    return stage == AT_FIT_COVARIANCE ? at_covariance_tap(maps) : at_lambda_tap(maps);
}

#endif

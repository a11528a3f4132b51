/* SPDX-License-Identifier: MIT */
/* Sums over the documents of a pass, part by part. */
#include "curvature/sums.h"

#include <stdlib.h>
#include <string.h>

at_fit_maps at_fit_maps_of(const attrib_factors *factors, size_t first, size_t n)
{
    return (at_fit_maps){.factors = factors->factors + first,
                         .n = n,
                         .n_blocks = factors->info.n_blocks,
                         .precision = factors->info.precision,
                         .is_rotated = factors->info.strategy != ATTRIB_DIAGONAL};
}

/* Numbers of the two sums of a map: A and S, or Lambda and nothing. */
static attrib_status count_sums(
    const at_fit_maps *maps, at_fit_stage stage, size_t i, size_t n[2], attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &maps->factors[i];
    n[1] = 0;
    if (stage == AT_FIT_COVARIANCE) {
        AT_TRY(at_triangle_size(factor->in_dim, maps->n_blocks, &n[0], err));
        AT_TRY(at_triangle_size(factor->out_dim, maps->n_blocks, &n[1], err));
    } else {
        AT_TRY(at_mul(factor->out_dim, factor->in_dim, &n[0], err));
    }
done:
    return status;
}

attrib_status at_fit_maps_open(at_fit_maps *maps,
                               at_fit_stage stage,
                               size_t n_parts,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(maps->n, 2 * sizeof *maps->sums, &maps->sums, err));
    for (size_t i = 0; i < maps->n; i++) {
        at_factor *factor = &maps->factors[i];
        at_running *sums = &maps->sums[2 * i];
        double **totals[2] = {&factor->lambda, NULL};
        size_t n[2];
        if (stage == AT_FIT_COVARIANCE) {
            totals[0] = &factor->covariance_a;
            totals[1] = &factor->covariance_s;
        }
        AT_TRY(count_sums(maps, stage, i, n, err));
        for (size_t k = 0; k < 2 && totals[k]; k++) {
            AT_TRY(at_array(n[k], sizeof(double), totals[k], err));
            sums[k] = (at_running){*totals[k], NULL, n[k]};
            if (n_parts > 1) {
                AT_TRY(at_array(n[k], sizeof(double), &sums[k].part, err));
            }
        }
    }
done:
    return status;
}

void at_fit_maps_close(at_fit_maps *maps)
{
    for (size_t k = 0; maps->sums && k < 2 * maps->n; k++) {
        free(maps->sums[k].part);
    }
    free(maps->sums);
    maps->sums = NULL;
}

double *at_running_sum(const at_running *running)
{
    return running->part ? running->part : running->total;
}

void at_running_clear(const at_running *running)
{
    if (running->total) {
        memset(running->total, 0, running->n * sizeof *running->total);
    }
    if (running->part) {
        memset(running->part, 0, running->n * sizeof *running->part);
    }
}

/* Add the part to the total, and begin the next part at zero. */
static void add_part(at_running *running)
{
    for (size_t i = 0; running->part && i < running->n; i++) {
        running->total[i] += running->part[i];
        running->part[i] = 0;
    }
}

attrib_status at_fit_merge(void *context, size_t i_tracked, attrib_error *err)
{
    const at_fit_maps *maps = context;
    (void)err;
    add_part(&maps->sums[2 * i_tracked]);
    add_part(&maps->sums[2 * i_tracked + 1]);
    return ATTRIB_OK;
}

attrib_status at_fit_maps_bytes(const at_fit_maps *maps,
                                at_fit_stage stage,
                                size_t n_parts,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t copies = n_parts > 1 ? 2 : 1;
    *out = 0;
    for (size_t i = 0; i < maps->n; i++) {
        const at_factor *factor = &maps->factors[i];
        size_t n[2];
        size_t n_a = 0;
        size_t n_s = 0;
        AT_TRY(count_sums(maps, stage, i, n, err));
        if (stage == AT_FIT_LAMBDA && maps->is_rotated) {
            AT_TRY(at_basis_size(factor->in_dim, maps->n_blocks, &n_a, err));
            AT_TRY(at_basis_size(factor->out_dim, maps->n_blocks, &n_s, err));
        }
        *out += (double)copies * (double)sizeof(double) * ((double)n[0] + (double)n[1]) +
                (double)sizeof(float) * ((double)n_a + (double)n_s);
    }
done:
    return status;
}

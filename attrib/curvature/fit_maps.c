/* SPDX-License-Identifier: MIT */
/* The sums of a pass, and what a stage takes: counted by the code that allocates. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "curvature/eigenbasis.h"
#include "curvature/fit.h"

/* 1. Sums */

at_fit_maps at_fit_maps_of(const attrib_factors *factors, size_t first, size_t n)
{
    return (at_fit_maps){.factors = factors->factors + first,
                         .n = n,
                         .n_blocks = factors->info.n_blocks,
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

void at_running_merge(at_running *running)
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
    at_running_merge(&maps->sums[2 * i_tracked]);
    at_running_merge(&maps->sums[2 * i_tracked + 1]);
    return ATTRIB_OK;
}

/* 2. What a stage takes */

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

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a < *b) - (*a > *b);
}

/* The n_workers largest matrices at once. */
static attrib_status basis_bytes(const at_fit_maps *maps,
                                 size_t n_workers,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_blocks = maps->n_blocks;
    double *each = NULL; /* the widest block of each A and S, largest first */
    AT_TRY(at_array(maps->n, 2 * sizeof *each, &each, err));
    for (size_t i = 0; i < maps->n; i++) {
        const at_factor *factor = &maps->factors[i];
        each[2 * i] = at_decompose_bytes((factor->in_dim + n_blocks - 1) / n_blocks);
        each[2 * i + 1] = at_decompose_bytes((factor->out_dim + n_blocks - 1) / n_blocks);
    }
    qsort(each, 2 * maps->n, sizeof *each, compare_doubles);
    *out = 0;
    /* A matrix has n_blocks blocks that may be at work together. */
    for (size_t k = 0; k < n_workers && k / n_blocks < 2 * maps->n; k++) {
        *out += each[k / n_blocks];
    }
done:
    free(each);
    return status;
}

attrib_status at_fit_memory(const attrib_model *model,
                            const attrib_factors *factors,
                            const at_fit_size *size,
                            at_fit_stage stage,
                            size_t first,
                            size_t n,
                            double *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_maps maps = at_fit_maps_of(factors, first, n);
    attrib_tap tap =
        stage == AT_FIT_COVARIANCE ? at_covariance_tap(&maps) : at_lambda_tap(&maps);
    at_pass pass = {.model = model, .n_tracked = n};
    size_t *tracked = NULL;
    double of_worker = 0;
    if (stage == AT_FIT_BASIS) {
        return basis_bytes(&maps, size->n_workers, out, err);
    }
    AT_TRY(at_array(n, sizeof *tracked, &tracked, err));
    for (size_t i = 0; i < n; i++) {
        tracked[i] = maps.factors[i].module;
    }
    pass.tracked = tracked;
    AT_TRY(at_pass_bytes(&pass, &size->blocks, &tap, 1, &of_worker, err));
    AT_TRY(at_fit_maps_bytes(&maps, stage, size->n_parts, out, err));
    *out += (double)size->n_workers * of_worker;
done:
    free(tracked);
    return status;
}

attrib_status at_fit_least_memory(const attrib_model *model,
                                  const attrib_factors *factors,
                                  const at_fit_size *size,
                                  at_fit_stage stage,
                                  double *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        double bytes = 0;
        AT_TRY(at_fit_memory(model, factors, size, stage, i, 1, &bytes, err));
        *out = bytes > *out ? bytes : *out;
    }
done:
    return status;
}

attrib_status at_fit_choose_group(const attrib_model *model,
                                  const attrib_factors *factors,
                                  const at_fit_size *size,
                                  at_fit_stage stage,
                                  double max_bytes,
                                  at_fit_group *group,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t left = factors->info.n_modules - group->first;
    size_t too_many = left + 1;
    size_t n = 1;
    group->n = 0;
    while (n < too_many && n > group->n) {
        double bytes = 0;
        AT_TRY(at_fit_memory(model, factors, size, stage, group->first, n, &bytes, err));
        if (group->n == 0 || bytes <= max_bytes) {
            group->n = n;
            group->bytes = bytes;
        } else {
            too_many = n;
        }
        if (too_many > left) {
            n = 2 * group->n < left ? 2 * group->n : left;
        } else {
            n = group->n + (too_many - group->n) / 2;
        }
    }
done:
    return status;
}

attrib_status at_decompose_within(attrib_session *session,
                                  const attrib_factors *factors,
                                  const at_covariance_io *io,
                                  const at_memory_limit *limit,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = factors->info.n_modules;
    at_fit_size size = {.n_workers = 1};
    double bytes = 0;
    AT_TRY(at_fit_least_memory(NULL, factors, &size, AT_FIT_BASIS, &bytes, err));
    AT_TRY(at_memory_check(limit, bytes, "decomposing", 1, err));
    size.n_workers = at_n_workers(session, 2 * n * factors->info.n_blocks);
    AT_TRY(at_fit_memory(NULL, factors, &size, AT_FIT_BASIS, 0, n, &bytes, err));
    at_log(session, ATTRIB_LOG_DETAIL, "eigenbasis: %.0f MiB in use at most",
           fmin(at_memory_peak(limit, bytes), limit->bytes) / 0x1p20);
    AT_TRY(at_decompose_all(session, factors, io, limit->bytes - limit->base, err));
done:
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Memory that a stage takes, counted by dry runs of the code that allocates, and groups
 * of maps that fit into a limit. */
#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "curvature/fit.h"

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a < *b) - (*a > *b);
}

/* Bytes of the n_workers largest matrices at the same time. */
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
    /* All n_blocks blocks of a matrix may be decomposed at the same time. */
    for (size_t k = 0; k < n_workers && k / n_blocks < 2 * maps->n; k++) {
        *out += each[k / n_blocks];
    }
done:
    free(each);
    return status;
}

attrib_status at_fit_memory(const at_fit_size *size,
                            at_fit_group *group,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_fit_maps maps = at_fit_maps_of(size->factors, group->first, group->n);
    attrib_tap tap = at_fit_tap(&maps, size->stage);
    at_pass pass = {.model = size->model,
                    .n_tracked = group->n,
                    .precision = maps.precision,
                    .rounds_weights = size->rounds_weights,
                    .layers_limit = size->layers_limit};
    size_t *tracked = NULL;
    double of_worker = 0;
    double shared = 0;
    if (size->stage == AT_FIT_BASIS) {
        return basis_bytes(&maps, size->n_workers, &group->bytes, err);
    }
    AT_TRY(at_array(maps.n, sizeof *tracked, &tracked, err));
    for (size_t i = 0; i < maps.n; i++) {
        tracked[i] = maps.factors[i].module;
    }
    pass.tracked = tracked;
    AT_TRY(at_pass_bytes(&pass, &size->blocks, &tap, 1, &of_worker, err));
    AT_TRY(at_fit_maps_bytes(&maps, size->stage, size->n_parts, &group->bytes, err));
    AT_TRY(at_pass_shared_bytes(&pass, &shared, err));
    group->bytes += (double)size->n_workers * of_worker + shared;
done:
    free(tracked);
    return status;
}

attrib_status at_fit_least_memory(const at_fit_size *size, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (size_t i = 0; i < size->factors->info.n_modules; i++) {
        at_fit_group one = {.first = i, .n = 1};
        AT_TRY(at_fit_memory(size, &one, err));
        *out = fmax(*out, one.bytes);
    }
done:
    return status;
}

attrib_status at_fit_choose_group(const at_fit_size *size,
                                  double max_bytes,
                                  at_fit_group *group,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t left = size->factors->info.n_modules - group->first;
    size_t too_many = left + 1;
    at_fit_group tried = {.first = group->first, .n = 1};
    group->n = 0;
    while (tried.n < too_many && tried.n > group->n) {
        AT_TRY(at_fit_memory(size, &tried, err));
        if (group->n == 0 || tried.bytes <= max_bytes) {
            *group = tried;
        } else {
            too_many = tried.n;
        }
        tried.n = too_many > left ? at_smaller(2 * group->n, left)
                                  : group->n + (too_many - group->n) / 2;
    }
done:
    return status;
}

/* Bytes of the pass that takes more, with a layers_limit. */
static attrib_status bytes_with_layers(const void *context,
                                       double layers_limit,
                                       double *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    static const at_fit_stage passes[] = {AT_FIT_COVARIANCE, AT_FIT_LAMBDA};
    at_fit_size size = *(const at_fit_size *)context;
    size.layers_limit = layers_limit;
    *out = 0;
    for (size_t i = 0; i < 2; i++) {
        at_fit_group all = {.n = size.factors->info.n_modules};
        size.stage = passes[i];
        AT_TRY(at_fit_memory(&size, &all, err));
        *out = fmax(*out, all.bytes);
    }
done:
    return status;
}

attrib_status at_fit_choose_layers(at_fit_size *size, double room, attrib_error *err)
{
    return at_pass_choose_layers(bytes_with_layers, size, room, size->n_workers,
                                 &size->layers_limit, err);
}

attrib_status at_fit_decompose(attrib_session *session,
                               const attrib_factors *factors,
                               at_store *store,
                               const at_memory_limit *limit,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_covariance_io io = at_store_matrices(store);
    size_t n = factors->info.n_modules;
    at_fit_size size = {.factors = factors, .stage = AT_FIT_BASIS, .n_workers = 1};
    at_fit_group all = {.n = n};
    double least = 0;
    AT_TRY(at_fit_least_memory(&size, &least, err));
    AT_TRY(at_memory_check(limit, least, "decomposing", 1, err));
    size.n_workers = at_n_workers(session, 2 * n * factors->info.n_blocks);
    AT_TRY(at_fit_memory(&size, &all, err));
    at_log(session, ATTRIB_LOG_DETAIL, "eigenbasis: %.0f MiB in use at most",
           fmin(at_memory_peak(limit, all.bytes), limit->bytes) / 0x1p20);
    AT_TRY(at_decompose_all(session, factors, &io, limit->bytes - limit->base, err));
    AT_TRY(at_store_mark(store, AT_FIT_BASIS, n, err));
done:
    return status;
}

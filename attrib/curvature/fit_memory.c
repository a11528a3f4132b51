/* SPDX-License-Identifier: MIT */
/* What the stages of a fit take, by shapes alone. */
#include <stdlib.h>

#include "curvature/eigenbasis.h"
#include "curvature/fit.h"
#include "linalg/linalg.h"

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* Entries of a side's eigenvectors; its triangles have half as many, and dim / 2. */
static double squares_of(size_t dim, size_t n_blocks)
{
    double sum = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        double m = (double)(at_block_start(dim, n_blocks, b + 1) -
                            at_block_start(dim, n_blocks, b));
        sum += m * m;
    }
    return sum;
}

/* The covariance pass: sums of every map, a panel a worker. */
static double covariance_bytes(const attrib_factors *factors,
                               size_t n_workers,
                               size_t first,
                               size_t n)
{
    size_t n_blocks = factors->info.n_blocks;
    double sums = 0;
    size_t widest = 0;
    for (size_t i = first; i < first + n; i++) {
        const at_factor *factor = &factors->factors[i];
        double entries =
            squares_of(factor->in_dim, n_blocks) + squares_of(factor->out_dim, n_blocks);
        sums += (entries + (double)factor->in_dim + (double)factor->out_dim) / 2 *
                sizeof(double);
        widest = factor->in_dim > widest ? factor->in_dim : widest;
        widest = factor->out_dim > widest ? factor->out_dim : widest;
    }
    widest = (widest + n_blocks - 1) / n_blocks;
    return sums + (double)n_workers * at_covariance_scratch(widest);
}

/* The Lambda pass: sums and bases of every map, and the workers' scratch. */
static double lambda_bytes(const attrib_factors *factors,
                           const at_fit_size *size,
                           size_t first,
                           size_t n)
{
    size_t n_blocks = factors->info.n_blocks;
    bool is_rotated = factors->info.strategy != ATTRIB_DIAGONAL;
    double kept = 0;
    double whole = 0;
    size_t in_dim = 0;
    size_t out_dim = 0;
    for (size_t i = first; i < first + n; i++) {
        const at_factor *factor = &factors->factors[i];
        double entries = (double)factor->in_dim * (double)factor->out_dim;
        kept += entries * sizeof(double);
        if (is_rotated) {
            kept += (squares_of(factor->in_dim, n_blocks) +
                     squares_of(factor->out_dim, n_blocks)) *
                    sizeof(float);
        }
        if (at_lambda_needs_gradients(factor, is_rotated, size->longest)) {
            whole = larger(whole, entries);
        }
        in_dim = factor->in_dim > in_dim ? factor->in_dim : in_dim;
        out_dim = factor->out_dim > out_dim ? factor->out_dim : out_dim;
    }
    return kept + (double)size->n_workers *
                      at_lambda_scratch(in_dim, out_dim, size->n_rows, is_rotated, whole);
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a < *b) - (*a > *b);
}

/* The n_workers largest matrices at once. */
static attrib_status basis_bytes(const attrib_factors *factors,
                                 size_t n_workers,
                                 size_t first,
                                 size_t n,
                                 double *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_blocks = factors->info.n_blocks;
    double *each = NULL; /* the widest block of each A and S, largest first */
    AT_TRY(at_array(n, 2 * sizeof *each, &each, err));
    for (size_t i = 0; i < n; i++) {
        const at_factor *factor = &factors->factors[first + i];
        each[2 * i] = at_decompose_bytes((factor->in_dim + n_blocks - 1) / n_blocks);
        each[2 * i + 1] = at_decompose_bytes((factor->out_dim + n_blocks - 1) / n_blocks);
    }
    qsort(each, 2 * n, sizeof *each, compare_doubles);
    *out = 0;
    /* A matrix has n_blocks blocks that may be at work together. */
    for (size_t k = 0; k < n_workers && k / n_blocks < 2 * n; k++) {
        *out += each[k / n_blocks];
    }
done:
    free(each);
    return status;
}

/* Of a worker's products: of a block's rows, and of maps' own sides. */
static double blas_bytes(const attrib_factors *factors,
                         size_t n_rows,
                         size_t first,
                         size_t n)
{
    size_t widest = n_rows;
    for (size_t i = first; i < first + n; i++) {
        const at_factor *factor = &factors->factors[i];
        widest = factor->in_dim > widest ? factor->in_dim : widest;
        widest = factor->out_dim > widest ? factor->out_dim : widest;
    }
    return at_blas_bytes(widest, sizeof(float));
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
    size_t *tracked = NULL;
    size_t decoder = 0;
    if (stage == AT_FIT_BASIS) {
        AT_TRY(basis_bytes(factors, size->n_workers, first, n, out, err));
        goto done;
    }
    AT_TRY(at_array(n, sizeof *tracked, &tracked, err));
    for (size_t i = 0; i < n; i++) {
        tracked[i] = factors->factors[first + i].module;
    }
    AT_TRY(at_decoder_bytes(model, AT_MODE_REVERSE, tracked, n, size->n_rows,
                            size->longest, &decoder, err));
    *out = stage == AT_FIT_COVARIANCE
               ? covariance_bytes(factors, size->n_workers, first, n)
               : lambda_bytes(factors, size, first, n);
    *out += (double)size->n_workers *
            ((double)decoder + blas_bytes(factors, size->n_rows, first, n));
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
    double most = 0;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        double bytes = 0;
        AT_TRY(at_fit_memory(model, factors, size, stage, i, 1, &bytes, err));
        most = larger(most, bytes);
    }
    *out = most;
done:
    return status;
}

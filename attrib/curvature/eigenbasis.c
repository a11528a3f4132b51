/* SPDX-License-Identifier: MIT */
/* Eigenbases of the covariances, in f64, one matrix a worker.
 *
 *     A / n = U_A diag(values_a) U_A',   S / n = U_S diag(values_s) U_S' */
#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "curvature/factors.h"
#include "linalg/linalg.h"

typedef struct eigen_job {
    const attrib_model *model;
    attrib_factors *factors;
    at_stage stage;
} eigen_job;

/* The lower triangle of triangle / n_tokens as a square [n, n]. */
static void unpack(const double *triangle, size_t n, double n_tokens, double *square)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            square[i * n + j] = triangle[j] / n_tokens;
        }
        triangle += i + 1;
    }
}

static attrib_status decompose(const double *triangle,
                               size_t n,
                               double n_tokens,
                               float **basis,
                               double **values,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *square = NULL;
    size_t n_square = 0;
    AT_TRY(at_mul(n, n, &n_square, err));
    AT_TRY(at_array(n_square, sizeof *square, &square, err));
    AT_TRY(at_array(n_square, sizeof **basis, basis, err));
    AT_TRY(at_array(n, sizeof **values, values, err));
    unpack(triangle, n, n_tokens, square);
    AT_TRY(at_symmetric_eigen(n, square, *values, err));
    for (size_t i = 0; i < n_square; i++) {
        (*basis)[i] = (float)square[i];
    }
done:
    free(square);
    return status;
}

/* Matrix 2 i is A of map i, matrix 2 i + 1 its S. */
static attrib_status decompose_one(void *context,
                                   size_t i_worker,
                                   size_t i_matrix,
                                   attrib_error *err)
{
    (void)i_worker;
    const eigen_job *job = context;
    at_factor *factor = &job->factors->factors[i_matrix / 2];
    double n_tokens = (double)job->factors->info.n_tokens;
    bool is_a = i_matrix % 2 == 0;
    attrib_status status =
        is_a ? decompose(factor->covariance_a, factor->in_dim, n_tokens,
                         &factor->basis_a.vectors, &factor->values_a, err)
             : decompose(factor->covariance_s, factor->out_dim, n_tokens,
                         &factor->basis_s.vectors, &factor->values_s, err);
    at_stage_report(&job->stage, i_matrix + 1);
    return at_context(err, status, "%s: %s covariance",
                      attrib_model_module(job->model, factor->module)->name,
                      is_a ? "activation" : "gradient");
}

attrib_status at_fit_eigenbases(attrib_session *session,
                                const attrib_model *model,
                                attrib_factors *factors,
                                attrib_error *err)
{
    eigen_job job = {model, factors, {0}};
    size_t n_matrices = 2 * factors->info.n_modules;
    at_blas_single_threaded();
    at_stage_begin(&job.stage, session, "eigenbasis", "matrices", n_matrices);
    attrib_status status = at_parallel_for(session, n_matrices, decompose_one, &job, err);
    at_stage_end(&job.stage, n_matrices);
    return status;
}

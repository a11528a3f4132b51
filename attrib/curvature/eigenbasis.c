/* SPDX-License-Identifier: MIT */
/* Eigenbases of the covariances, each matrix on one worker, the largest first.
 *
 *     A / n = U_A diag(values_a) U_A',   S / n = U_S diag(values_s) U_S'
 *
 * Each block of a block-diagonal A or S is a matrix of its own.
 *
 * 1. One matrix.   2. All of them.   3. In memory. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "curvature/eigenbasis.h"
#include "linalg/linalg.h"

typedef struct eigen_job {
    attrib_session *session;
    const attrib_factors *factors;
    const at_covariance_io *io;
    at_covariance_block *matrices; /* [n_matrices], largest first */
    size_t n_matrices;
    size_t end; /* matrices before this one are taken now, the rest later */
    atomic_size_t next;
    double cubes;          /* of the sizes of all matrices, which their time grows by */
    atomic_size_t n_cubes; /* of the matrices that are done */
    at_stage stage;
} eigen_job;

/* 1. One matrix */

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

static const char *side_name(const at_covariance_block *matrix)
{
    return matrix->side == AT_SIDE_A ? "activation" : "gradient";
}

/* A decomposed matrix: packed lower triangle of raw sums, eigenvectors in rows [n, n],
 * and values [n]. */
typedef struct decomposed {
    double *triangle, *square, *values;
} decomposed;

/* Decompose and check in one precision. */
static attrib_status decompose_in(attrib_eigen_precision precision,
                                  size_t n,
                                  double n_tokens,
                                  const decomposed *d,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unpack(d->triangle, n, n_tokens, d->square);
    AT_TRY(at_symmetric_eigen(precision, n, d->square, d->values, err));
    AT_TRY(at_symmetric_check(precision, n, d->triangle, 1 / n_tokens, d->square,
                              d->values, err));
done:
    return status;
}

/* What f32 cannot do is done in f64, and said: the bytes depend on the matrix alone. */
static attrib_status decompose_checked(const eigen_job *job,
                                       const at_covariance_block *matrix,
                                       const decomposed *d,
                                       attrib_error *err)
{
    size_t n = matrix->extent.size;
    double n_tokens = (double)job->factors->info.n_tokens;
    if (job->factors->info.eigen_precision == ATTRIB_EIGEN_F32) {
        attrib_error why = {0};
        attrib_status status = decompose_in(ATTRIB_EIGEN_F32, n, n_tokens, d, &why);
        if (status != ATTRIB_ENUMERIC) {
            return status == ATTRIB_OK ? status : at_fail(err, status, "%s", why.message);
        }
        at_log(job->session, ATTRIB_LOG_WARNING,
               "%s: %s covariance is decomposed in f64, as f32 fails: %s",
               job->factors->factors[matrix->i_factor].name, side_name(matrix),
               why.message);
    }
    return decompose_in(ATTRIB_EIGEN_F64, n, n_tokens, d, err);
}

static attrib_status decompose(const eigen_job *job,
                               const at_covariance_block *matrix,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = matrix->extent.size;
    decomposed d = {0};
    float *vectors = NULL;
    size_t n_square = 0;
    AT_TRY(at_mul(n, n, &n_square, err));
    AT_TRY(at_array((n_square + n) / 2, sizeof *d.triangle, &d.triangle, err));
    AT_TRY(at_array(n_square, sizeof *d.square, &d.square, err));
    AT_TRY(at_array(n, sizeof *d.values, &d.values, err));
    AT_TRY(job->io->load(job->io->context, matrix, d.triangle, err));
    AT_TRY(decompose_checked(job, matrix, &d, err));
    AT_TRY(at_array(n_square, sizeof *vectors, &vectors, err));
    for (size_t i = 0; i < n_square; i++) {
        vectors[i] = (float)d.square[i];
    }
    AT_TRY(job->io->keep(job->io->context, matrix, vectors, d.values, err));
done:
    free(d.triangle);
    free(d.square);
    free(d.values);
    free(vectors);
    return status;
}

double at_decompose_bytes(size_t n)
{
    /* Bytes of the triangle, 4 n^2, of the square, 8 n^2, and of the values; and what the
     * solver and BLAS take, in f64: f32 may have to be done again in it. */
    return (12 * (double)n + 16) * (double)n +
           at_symmetric_eigen_bytes(ATTRIB_EIGEN_F64, n) +
           at_blas_bytes(n, sizeof(double));
}

/* 2. All of them */

static int compare_matrices(const void *left, const void *right)
{
    const at_covariance_block *a = left;
    const at_covariance_block *b = right;
    if (a->extent.size != b->extent.size) {
        return a->extent.size < b->extent.size ? 1 : -1;
    }
    return a->index < b->index ? -1 : 1;
}

static attrib_status list_side(
    eigen_job *job, size_t i_factor, at_side side, size_t *capacity, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t dim = at_side_dim(&job->factors->factors[i_factor], side);
    size_t n_blocks = job->factors->info.n_blocks;
    for (size_t b = 0; b < n_blocks; b++) {
        at_extent extent = at_diagonal_block(dim, n_blocks, b);
        size_t n = job->n_matrices;
        AT_TRY(at_grow(&job->matrices, capacity, n + 1, sizeof *job->matrices, err));
        job->matrices[n] = (at_covariance_block){i_factor, side, b, extent, n};
        job->n_matrices++;
    }
done:
    return status;
}

static size_t cube_of(const at_covariance_block *matrix)
{
    return matrix->extent.size * matrix->extent.size * matrix->extent.size;
}

/* One of the workers that run at the same time: takes matrices until there are no more.
 */
static attrib_status run_lane(void *context,
                              size_t i_worker,
                              size_t i_lane,
                              attrib_error *err)
{
    (void)i_worker;
    (void)i_lane;
    attrib_status status = ATTRIB_OK;
    eigen_job *job = context;
    for (;;) {
        size_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->end) {
            return ATTRIB_OK;
        }
        const at_covariance_block *matrix = &job->matrices[i];
        status = at_poll_cancel(job->session, err);
        if (status == ATTRIB_OK) {
            status = decompose(job, matrix, err);
        }
        if (status != ATTRIB_OK) {
            atomic_store(&job->next, job->end);
            return at_context(err, status, "%s: %s covariance",
                              job->factors->factors[matrix->i_factor].name,
                              side_name(matrix));
        }
        size_t cubes = cube_of(matrix);
        size_t n_before = atomic_fetch_add(&job->n_cubes, cubes);
        at_stage_report_share(&job->stage, (double)(n_before + cubes) / job->cubes);
    }
}

/* How many matrices, from `first` on, fit into max_bytes at once: at least one. */
static size_t count_lanes(const eigen_job *job, size_t first, double max_bytes)
{
    size_t n_threads = at_n_workers(job->session, job->n_matrices - first);
    size_t n = 1;
    double bytes = at_decompose_bytes(job->matrices[first].extent.size);
    while (n < n_threads) {
        bytes += at_decompose_bytes(job->matrices[first + n].extent.size);
        if (bytes > max_bytes) {
            break;
        }
        n++;
    }
    return n;
}

/* Take runs of matrices of which the same number fits at once. */
static attrib_status run_all(eigen_job *job, double max_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t first = 0; first < job->n_matrices; first = job->end) {
        size_t n_lanes = count_lanes(job, first, max_bytes);
        job->end = first + 1;
        while (job->end < job->n_matrices &&
               count_lanes(job, job->end, max_bytes) <= n_lanes) {
            job->end++;
        }
        /* The last run goes on with fewer matrices than lanes. */
        atomic_store(&job->next, first);
        AT_TRY(at_parallel_for(job->session, n_lanes, run_lane, job, err));
    }
done:
    return status;
}

attrib_status at_decompose_all(attrib_session *session,
                               const attrib_factors *factors,
                               const at_covariance_io *io,
                               double max_bytes,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    eigen_job job = {.session = session, .factors = factors, .io = io};
    size_t capacity = 0;
    atomic_init(&job.next, 0);
    atomic_init(&job.n_cubes, 0);
    at_blas_single_threaded();
    at_memory_trim();
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        AT_TRY(list_side(&job, i, AT_SIDE_A, &capacity, err));
        AT_TRY(list_side(&job, i, AT_SIDE_S, &capacity, err));
    }
    for (size_t i = 0; i < job.n_matrices; i++) {
        job.cubes += (double)cube_of(&job.matrices[i]);
    }
    qsort(job.matrices, job.n_matrices, sizeof *job.matrices, compare_matrices);
    AT_TRY(at_blas_check_memory(at_n_workers(session, job.n_matrices), err));
    at_stage_begin(&job.stage, session, "eigenbasis", "matrices", job.n_matrices);
    AT_TRY(run_all(&job, max_bytes, err));
    at_stage_end(&job.stage, job.n_matrices, 0);
done:
    free(job.matrices);
    return status;
}

/* 3. In memory */

/* Entries of the eigenvectors of the blocks before a matrix: the sum of m^2 over blocks
 * of m. Their triangles have m (m + 1) / 2 entries each: half of that sum and of sum m,
 * which is where the matrix begins. */
static size_t count_squares(const at_covariance_block *matrix, const at_basis *basis)
{
    size_t n = 0;
    for (size_t b = 0; b < matrix->i_block; b++) {
        size_t m = at_diagonal_block(basis->dim, basis->n_blocks, b).size;
        n += m * m;
    }
    return n;
}

static attrib_status load_from_memory(void *context,
                                      const at_covariance_block *matrix,
                                      double *triangle,
                                      attrib_error *err)
{
    (void)err;
    const attrib_factors *factors = context;
    at_factor *factor = &factors->factors[matrix->i_factor];
    const double *covariance =
        matrix->side == AT_SIDE_A ? factor->covariance_a : factor->covariance_s;
    size_t m = matrix->extent.size;
    size_t squares = count_squares(matrix, at_side_basis(factor, matrix->side));
    memcpy(triangle, covariance + (squares + matrix->extent.first) / 2,
           m * (m + 1) / 2 * sizeof *triangle);
    return ATTRIB_OK;
}

static attrib_status keep_in_memory(void *context,
                                    const at_covariance_block *matrix,
                                    const float *vectors,
                                    const double *values,
                                    attrib_error *err)
{
    (void)err;
    const attrib_factors *factors = context;
    at_factor *factor = &factors->factors[matrix->i_factor];
    at_basis *basis = at_side_basis(factor, matrix->side);
    double *all_values = matrix->side == AT_SIDE_A ? factor->values_a : factor->values_s;
    size_t m = matrix->extent.size;
    memcpy(basis->vectors + count_squares(matrix, basis), vectors,
           m * m * sizeof *vectors);
    memcpy(all_values + matrix->extent.first, values, m * sizeof *values);
    return ATTRIB_OK;
}

attrib_status at_fit_eigenbases(attrib_session *session,
                                attrib_factors *factors,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_covariance_io io = {factors, load_from_memory, keep_in_memory};
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        at_factor *factor = &factors->factors[i];
        AT_TRY(at_basis_new(&factor->basis_a, err));
        AT_TRY(at_basis_new(&factor->basis_s, err));
        AT_TRY(at_array(factor->in_dim, sizeof(double), &factor->values_a, err));
        AT_TRY(at_array(factor->out_dim, sizeof(double), &factor->values_s, err));
    }
    AT_TRY(at_decompose_all(session, factors, &io, HUGE_VAL, err));
done:
    return status;
}

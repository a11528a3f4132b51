/* SPDX-License-Identifier: MIT */
/* The corrected eigenvalues: squared entries of each sequence's gradient, in the
 * eigenbases where there are any.
 *
 *     Lambda[i, j] = sum over sequences (U_S' G U_A)[i, j]^2      [O, I]
 *
 * Rotating a block's rows first, its gradients are then formed a panel at a time, squared
 * while they are in the cache, and added to Lambda at once, in block order. Only where
 * rotating whole gradients costs less does a worker hold one.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 2.2 (eigenvalue correction);
 * George et al. 2018. */
#include <stdlib.h>
#include <string.h>

#include "curvature/fit.h"
#include "base/wide.h"
#include "curvature/inverse.h"
#include "linalg/linalg.h"

/* Rows of a panel of a gradient: see covariance.c. */
#define PANEL_ROWS 256

/* What one worker holds, sized for the largest map. */
typedef struct lambda_worker {
    const float *a, *ds; /* the block's rows, rotated or as they came */
    float *rotated_a;    /* [most rows of a block, I] */
    float *rotated_ds;   /* [most rows of a block, O] */
    float *panel;        /* [PANEL_ROWS, I] */
    bool is_squared;     /* the block is in `squares` already */
    float *gradient;     /* [O, I]; this and the next only for whole gradients */
    float *half;         /* [O, I], between two rotations */
    double *squares;     /* [O, I], of the block's sequences */
} lambda_worker;

typedef struct lambda_tap {
    attrib_factors *factors;
    lambda_worker *workers; /* [n_workers] */
    size_t n_workers;
} lambda_tap;

/* sums [n] += values [n] ^2 */
AT_WIDE static void add_squares(const float *restrict values,
                                size_t n,
                                double *restrict sums)
{
    for (size_t k = 0; k < n; k++) {
        sums[k] += (double)values[k] * (double)values[k];
    }
}

/* squares = those of the block's gradients, each formed and then rotated */
static void square_gradients(const at_factor *factor,
                             const at_batch *batch,
                             lambda_worker *worker)
{
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    memset(worker->squares, 0, o * i * sizeof *worker->squares);
    for (size_t s = 0; s < batch->n_sequences; s++) {
        size_t first = batch->first_row[s];
        at_form_gradient(worker->ds + first * o, worker->a + first * i,
                         batch->first_row[s + 1] - first, o, i, worker->gradient);
        at_rotate_gradient(factor, worker->gradient, worker->half, worker->gradient);
        add_squares(worker->gradient, o * i, worker->squares);
    }
    worker->is_squared = true;
}

static attrib_status rotate_block(void *context,
                                  size_t i_worker,
                                  const at_block *block,
                                  size_t i_tracked,
                                  const float *a,
                                  const float *ds,
                                  attrib_error *err)
{
    (void)err;
    const lambda_tap *tap = context;
    const at_factor *factor = &tap->factors->factors[i_tracked];
    lambda_worker *worker = &tap->workers[i_worker];
    worker->a = a;
    worker->ds = ds;
    worker->is_squared = false;
    if (!factor->basis_a.vectors) {
        return ATTRIB_OK;
    }
    if (at_rotate_rows_first(factor, block->n_rows, block->batch.n_sequences)) {
        at_rotate(&factor->basis_a, a, block->n_rows, worker->rotated_a);
        at_rotate(&factor->basis_s, ds, block->n_rows, worker->rotated_ds);
        worker->a = worker->rotated_a;
        worker->ds = worker->rotated_ds;
    } else {
        square_gradients(factor, &block->batch, worker);
    }
    return ATTRIB_OK;
}

/* lambda += squares of the gradients of the worker's rows, panel by panel */
static void add_panels(const at_factor *factor,
                       const at_batch *batch,
                       const lambda_worker *worker)
{
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    for (size_t row = 0; row < o; row += PANEL_ROWS) {
        size_t m = o - row < PANEL_ROWS ? o - row : PANEL_ROWS;
        for (size_t s = 0; s < batch->n_sequences; s++) {
            size_t first = batch->first_row[s];
            size_t n_rows = batch->first_row[s + 1] - first;
            at_gemm(AT_TRANSPOSED, AT_PLAIN, m, i, n_rows, 1.0F,
                    worker->ds + first * o + row, o, worker->a + first * i, i, 0.0F,
                    worker->panel, i);
            add_squares(worker->panel, m * i, factor->lambda + row * i);
        }
    }
}

static attrib_status add_block(void *context,
                               size_t i_worker,
                               const at_block *block,
                               size_t i_tracked,
                               attrib_error *err)
{
    (void)err;
    const lambda_tap *tap = context;
    const lambda_worker *worker = &tap->workers[i_worker];
    at_factor *factor = &tap->factors->factors[i_tracked];
    if (!worker->is_squared) {
        add_panels(factor, &block->batch, worker);
        return ATTRIB_OK;
    }
    for (size_t k = 0; k < factor->out_dim * factor->in_dim; k++) {
        factor->lambda[k] += worker->squares[k];
    }
    return ATTRIB_OK;
}

static attrib_status count_sequences(void *context,
                                     size_t i_worker,
                                     const at_block *block,
                                     const double *losses,
                                     attrib_error *err)
{
    (void)i_worker;
    (void)losses;
    (void)err;
    const lambda_tap *tap = context;
    tap->factors->info.n_sequences += block->batch.n_sequences;
    return ATTRIB_OK;
}

bool at_lambda_needs_gradients(const at_factor *factor, bool is_rotated, size_t longest)
{
    /* Blocks hold at most `longest` rows a sequence: the choice is linear in their ratio.
     */
    return is_rotated && !at_rotate_rows_first(factor, longest, 1);
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* One worker's scratch, for the widest maps and whole gradients of `whole` entries. */
static attrib_status prepare_worker(lambda_worker *worker,
                                    size_t n_rows,
                                    const at_factor *widest,
                                    size_t whole,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_a = 0;
    size_t n_ds = 0;
    size_t n_panel = 0;
    AT_TRY(at_mul(PANEL_ROWS, widest->in_dim, &n_panel, err));
    AT_TRY(at_array(n_panel, sizeof(float), &worker->panel, err));
    if (widest->basis_a.vectors) {
        AT_TRY(at_mul(n_rows, widest->in_dim, &n_a, err));
        AT_TRY(at_mul(n_rows, widest->out_dim, &n_ds, err));
        AT_TRY(at_array(n_a, sizeof(float), &worker->rotated_a, err));
        AT_TRY(at_array(n_ds, sizeof(float), &worker->rotated_ds, err));
    }
    if (whole) {
        AT_TRY(at_array(whole, sizeof(float), &worker->gradient, err));
        AT_TRY(at_array(whole, sizeof(float), &worker->half, err));
        AT_TRY(at_array(whole, sizeof(double), &worker->squares, err));
    }
done:
    return status;
}

/* Sums of zero for every map, and each worker's scratch. */
static attrib_status prepare(lambda_tap *tap,
                             size_t n_rows,
                             size_t longest,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_factor widest = {0};
    size_t whole = 0;
    for (size_t i = 0; i < tap->factors->info.n_modules; i++) {
        at_factor *factor = &tap->factors->factors[i];
        size_t n = 0;
        AT_TRY(at_mul(factor->out_dim, factor->in_dim, &n, err));
        AT_TRY(at_array(n, sizeof *factor->lambda, &factor->lambda, err));
        if (at_lambda_needs_gradients(factor, factor->basis_a.vectors, longest)) {
            whole = larger(whole, n);
        }
        widest.in_dim = larger(widest.in_dim, factor->in_dim);
        widest.out_dim = larger(widest.out_dim, factor->out_dim);
        widest.basis_a = factor->basis_a;
    }
    AT_TRY(at_array(tap->n_workers, sizeof *tap->workers, &tap->workers, err));
    for (size_t i = 0; i < tap->n_workers; i++) {
        AT_TRY(prepare_worker(&tap->workers[i], n_rows, &widest, whole, err));
    }
done:
    return status;
}

double at_lambda_scratch(
    size_t in_dim, size_t out_dim, size_t n_rows, bool is_rotated, double whole)
{
    double panel = (double)PANEL_ROWS * (double)in_dim * sizeof(float);
    double rows = (double)n_rows * ((double)in_dim + (double)out_dim) * sizeof(float);
    return panel + (is_rotated ? rows : 0) + whole * (2 * sizeof(float) + sizeof(double));
}

attrib_status at_fit_lambda(const at_pass *pass,
                            const at_source *source,
                            attrib_factors *factors,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    lambda_tap tap = {.factors = factors};
    at_tap interface = {.context = &tap,
                        .module = rotate_block,
                        .commit = add_block,
                        .finish = count_sequences};
    size_t longest = 0;
    size_t n_rows = 0;
    at_source_measure(source, pass->block_rows, &n_rows, &longest);
    AT_TRY(at_pass_n_workers(pass, source, &tap.n_workers, err));
    AT_TRY(prepare(&tap, n_rows, longest, err));
    AT_TRY(at_pass_run(pass, source, &interface, err));
done:
    for (size_t i = 0; tap.workers && i < tap.n_workers; i++) {
        free(tap.workers[i].rotated_a);
        free(tap.workers[i].rotated_ds);
        free(tap.workers[i].panel);
        free(tap.workers[i].gradient);
        free(tap.workers[i].half);
        free(tap.workers[i].squares);
    }
    free(tap.workers);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* The corrected eigenvalues: squared entries of each sequence's gradient, in the
 * eigenbases where there are any.
 *
 *     Lambda[i, j] = sum over sequences (U_S' G U_A)[i, j]^2      [O, I]
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 2.2 (eigenvalue correction);
 * George et al. 2018. */
#include <stdlib.h>

#include "curvature/inverse.h"
#include "linalg/linalg.h"

/* What one worker holds, sized for the largest map. */
typedef struct lambda_scratch {
    at_arena *rows;  /* rotated rows of a block */
    float *gradient; /* [O, I] */
    float *half;     /* [O, I], between two rotations */
    double *squares; /* [O, I], of the block's sequences */
} lambda_scratch;

typedef struct lambda_tap {
    attrib_factors *factors;
    lambda_scratch *workers; /* [n_workers] */
    size_t n_workers;
} lambda_tap;

static void add_squares(const float *gradient, size_t n, double *squares)
{
    for (size_t k = 0; k < n; k++) {
        squares[k] += (double)gradient[k] * (double)gradient[k];
    }
}

/* Rotated copies of a block's rows. */
static attrib_status rotate_rows(const at_factor *factor,
                                 at_arena *arena,
                                 size_t n_rows,
                                 const float **a,
                                 const float **ds,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    float *rotated_a = NULL;
    float *rotated_ds = NULL;
    AT_TRY(at_arena_take(arena, n_rows * factor->in_dim, sizeof *rotated_a, &rotated_a,
                         err));
    AT_TRY(at_arena_take(arena, n_rows * factor->out_dim, sizeof *rotated_ds, &rotated_ds,
                         err));
    at_rotate(&factor->basis_a, *a, n_rows, rotated_a);
    at_rotate(&factor->basis_s, *ds, n_rows, rotated_ds);
    *a = rotated_a;
    *ds = rotated_ds;
done:
    return status;
}

static attrib_status square_block(void *context,
                                  size_t i_worker,
                                  const at_block *block,
                                  size_t i_tracked,
                                  const float *a,
                                  const float *ds,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const lambda_tap *tap = context;
    const at_factor *factor = &tap->factors->factors[i_tracked];
    lambda_scratch *scratch = &tap->workers[i_worker];
    const at_batch *batch = &block->batch;
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    bool is_rotated = factor->basis_a.vectors != NULL;
    bool rows_first =
        is_rotated && at_rotate_rows_first(factor, block->n_rows, batch->n_sequences);
    at_arena_reset(scratch->rows, 0);
    if (rows_first) {
        AT_TRY(rotate_rows(factor, scratch->rows, block->n_rows, &a, &ds, err));
    }
    for (size_t k = 0; k < o * i; k++) {
        scratch->squares[k] = 0;
    }
    for (size_t s = 0; s < batch->n_sequences; s++) {
        size_t first = batch->first_row[s];
        size_t n_rows = batch->first_row[s + 1] - first;
        at_form_gradient(ds + first * o, a + first * i, n_rows, o, i, scratch->gradient);
        if (is_rotated && !rows_first) {
            at_rotate_gradient(factor, scratch->gradient, scratch->half,
                               scratch->gradient);
        }
        add_squares(scratch->gradient, o * i, scratch->squares);
    }
done:
    return status;
}

static attrib_status add_block(void *context,
                               size_t i_worker,
                               const at_block *block,
                               size_t i_tracked,
                               attrib_error *err)
{
    (void)block;
    (void)err;
    const lambda_tap *tap = context;
    at_factor *factor = &tap->factors->factors[i_tracked];
    const double *squares = tap->workers[i_worker].squares;
    for (size_t k = 0; k < factor->out_dim * factor->in_dim; k++) {
        factor->lambda[k] += squares[k];
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

static attrib_status prepare(lambda_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t max_entries = 0;
    for (size_t i = 0; i < tap->factors->info.n_modules; i++) {
        at_factor *factor = &tap->factors->factors[i];
        size_t n = 0;
        AT_TRY(at_mul(factor->out_dim, factor->in_dim, &n, err));
        AT_TRY(at_array(n, sizeof *factor->lambda, &factor->lambda, err));
        max_entries = n > max_entries ? n : max_entries;
    }
    AT_TRY(at_array(tap->n_workers, sizeof *tap->workers, &tap->workers, err));
    for (size_t i = 0; i < tap->n_workers; i++) {
        lambda_scratch *scratch = &tap->workers[i];
        AT_TRY(at_arena_new(&scratch->rows, err));
        AT_TRY(at_array(max_entries, sizeof(float), &scratch->gradient, err));
        AT_TRY(at_array(max_entries, sizeof(float), &scratch->half, err));
        AT_TRY(at_array(max_entries, sizeof(double), &scratch->squares, err));
    }
done:
    return status;
}

attrib_status at_fit_lambda(const at_pass *pass,
                            const at_source *source,
                            attrib_factors *factors,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    lambda_tap tap = {.factors = factors};
    at_tap interface = {&tap, square_block, add_block, count_sequences};
    AT_TRY(at_pass_n_workers(pass, source, &tap.n_workers, err));
    AT_TRY(prepare(&tap, err));
    AT_TRY(at_pass_run(pass, source, &interface, err));
done:
    for (size_t i = 0; tap.workers && i < tap.n_workers; i++) {
        at_arena_free(tap.workers[i].rows);
        free(tap.workers[i].gradient);
        free(tap.workers[i].half);
        free(tap.workers[i].squares);
    }
    free(tap.workers);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Covariances of activations and pseudo-gradients, summed over every row of every
 * sequence.
 *
 *     A = sum_t a_t a_t' [I, I],   S = sum_t ds_t ds_t' [O, O]
 *
 * A block's products are f32 in the worker; they are added to f64 sums in block order.
 * The sums keep the lower triangle only, which makes them as large as f32 squares. */
#include <stdlib.h>

#include "curvature/factors.h"
#include "linalg/linalg.h"

typedef struct covariance_tap {
    attrib_factors *factors;
    float **square_a; /* [n_workers]: [I, I] of the largest map, lower triangle */
    float **square_s; /* [n_workers]: [O, O] */
} covariance_tap;

static attrib_status form_squares(void *context,
                                  size_t i_worker,
                                  const at_block *block,
                                  size_t i_tracked,
                                  const float *a,
                                  const float *ds,
                                  attrib_error *err)
{
    (void)err;
    const covariance_tap *tap = context;
    const at_factor *factor = &tap->factors->factors[i_tracked];
    size_t in = factor->in_dim;
    size_t out = factor->out_dim;
    at_syrk(in, block->n_rows, 1.0F, a, in, 0.0F, tap->square_a[i_worker], in);
    at_syrk(out, block->n_rows, 1.0F, ds, out, 0.0F, tap->square_s[i_worker], out);
    return ATTRIB_OK;
}

/* triangle += the lower triangle of square [n, n] */
static void add_triangle(const float *square, size_t n, double *triangle)
{
    for (size_t i = 0; i < n; i++) {
        const float *row = square + i * n;
        for (size_t j = 0; j <= i; j++) {
            triangle[j] += (double)row[j];
        }
        triangle += i + 1;
    }
}

static attrib_status add_squares(void *context,
                                 size_t i_worker,
                                 const at_block *block,
                                 size_t i_tracked,
                                 attrib_error *err)
{
    (void)block;
    (void)err;
    const covariance_tap *tap = context;
    const at_factor *factor = &tap->factors->factors[i_tracked];
    add_triangle(tap->square_a[i_worker], factor->in_dim, factor->covariance_a);
    add_triangle(tap->square_s[i_worker], factor->out_dim, factor->covariance_s);
    return ATTRIB_OK;
}

static attrib_status count_rows(void *context,
                                size_t i_worker,
                                const at_block *block,
                                const double *losses,
                                attrib_error *err)
{
    (void)i_worker;
    (void)losses;
    (void)err;
    const covariance_tap *tap = context;
    tap->factors->info.n_tokens += block->n_rows;
    return ATTRIB_OK;
}

/* Sums of zero for every map, and a pair of squares for each worker. */
static attrib_status prepare(covariance_tap *tap, size_t n_workers, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t max_in = 0;
    size_t max_out = 0;
    for (size_t i = 0; i < tap->factors->info.n_modules; i++) {
        at_factor *factor = &tap->factors->factors[i];
        size_t n_a = 0;
        size_t n_s = 0;
        AT_TRY(at_triangle_size(factor->in_dim, 1, &n_a, err));
        AT_TRY(at_triangle_size(factor->out_dim, 1, &n_s, err));
        AT_TRY(at_array(n_a, sizeof(double), &factor->covariance_a, err));
        AT_TRY(at_array(n_s, sizeof(double), &factor->covariance_s, err));
        max_in = factor->in_dim > max_in ? factor->in_dim : max_in;
        max_out = factor->out_dim > max_out ? factor->out_dim : max_out;
    }
    AT_TRY(at_mul(max_in, max_in, &max_in, err));
    AT_TRY(at_mul(max_out, max_out, &max_out, err));
    AT_TRY(at_array(n_workers, sizeof *tap->square_a, &tap->square_a, err));
    AT_TRY(at_array(n_workers, sizeof *tap->square_s, &tap->square_s, err));
    for (size_t i = 0; i < n_workers; i++) {
        AT_TRY(at_array(max_in, sizeof(float), &tap->square_a[i], err));
        AT_TRY(at_array(max_out, sizeof(float), &tap->square_s[i], err));
    }
done:
    return status;
}

attrib_status at_fit_covariances(const at_pass *pass,
                                 const at_source *source,
                                 attrib_factors *factors,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_workers = 0;
    covariance_tap tap = {.factors = factors};
    at_tap interface = {&tap, form_squares, add_squares, count_rows};
    AT_TRY(at_pass_n_workers(pass, source, &n_workers, err));
    AT_TRY(prepare(&tap, n_workers, err));
    AT_TRY(at_pass_run(pass, source, &interface, err));
done:
    for (size_t i = 0; i < n_workers; i++) {
        if (tap.square_a) {
            free(tap.square_a[i]);
        }
        if (tap.square_s) {
            free(tap.square_s[i]);
        }
    }
    free(tap.square_a);
    free(tap.square_s);
    return status;
}

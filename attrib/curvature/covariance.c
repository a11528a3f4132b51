/* SPDX-License-Identifier: MIT */
/* Covariances of activations and pseudo-gradients, summed over every row of every
 * sequence.
 *
 *     A = sum_t a_t a_t' [I, I],   S = sum_t ds_t ds_t' [O, O]
 *
 * A block's products are f32; they are added to f64 sums in block order. Both happen a
 * panel of rows at a time, so that what a product leaves is still in the cache when it is
 * added, and so that no worker holds a square of its own. Only the lower triangles of the
 * blocks of A and S are computed and kept. */
#include <stdlib.h>

#include "base/wide.h"
#include "curvature/fit.h"
#include "linalg/linalg.h"

/* Rows of a panel: wide enough for products to run at full speed, and small against the
 * widths of large maps. Measured at 3,072 wide: 256 to 384 are best. */
#define PANEL_ROWS 384

/* The pair that module() was handed; it is valid until commit() has run. */
typedef struct covariance_worker {
    const float *a, *ds;
    float *panel; /* [PANEL_ROWS, widest block] */
} covariance_worker;

typedef struct covariance_tap {
    attrib_factors *factors;
    covariance_worker *workers; /* [n_workers] */
    size_t n_workers;
} covariance_tap;

static attrib_status keep_pair(void *context,
                               size_t i_worker,
                               const at_block *block,
                               size_t i_tracked,
                               const float *a,
                               const float *ds,
                               attrib_error *err)
{
    (void)block;
    (void)i_tracked;
    (void)err;
    covariance_worker *worker = &((covariance_tap *)context)->workers[i_worker];
    worker->a = a;
    worker->ds = ds;
    return ATTRIB_OK;
}

/* row [n] += values [n] */
AT_WIDE static void add_row(const float *restrict values, size_t n, double *restrict row)
{
    for (size_t j = 0; j < n; j++) {
        row[j] += (double)values[j];
    }
}

/* triangle, packed [n, n], += the lower triangle of x' x for x [n_rows, n], rows ldx
 * apart. */
static void add_product(
    const float *x, size_t ldx, size_t n_rows, size_t n, float *panel, double *triangle)
{
    for (size_t first = 0; first < n; first += PANEL_ROWS) {
        size_t m = n - first < PANEL_ROWS ? n - first : PANEL_ROWS;
        size_t width = first + m;
        /* panel [m, width]: left of the diagonal square, then that square */
        at_gemm(AT_TRANSPOSED, AT_PLAIN, m, first, n_rows, 1.0F, x + first, ldx, x, ldx,
                0.0F, panel, width);
        at_syrk(m, n_rows, 1.0F, x + first, ldx, 0.0F, panel + first, width);
        for (size_t i = 0; i < m; i++) {
            add_row(panel + i * width, first + i + 1, triangle);
            triangle += first + i + 1;
        }
    }
}

/* The same for a covariance in blocks; x [n_rows, dim]. */
static void add_covariance(const float *x,
                           size_t n_rows,
                           size_t dim,
                           size_t n_blocks,
                           float *panel,
                           double *covariance)
{
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = at_block_start(dim, n_blocks, b);
        size_t n = at_block_start(dim, n_blocks, b + 1) - first;
        add_product(x + first, dim, n_rows, n, panel, covariance);
        covariance += n * (n + 1) / 2;
    }
}

static attrib_status add_block(void *context,
                               size_t i_worker,
                               const at_block *block,
                               size_t i_tracked,
                               attrib_error *err)
{
    (void)err;
    const covariance_tap *tap = context;
    const covariance_worker *worker = &tap->workers[i_worker];
    const at_factor *factor = &tap->factors->factors[i_tracked];
    size_t n_blocks = tap->factors->info.n_blocks;
    add_covariance(worker->a, block->n_rows, factor->in_dim, n_blocks, worker->panel,
                   factor->covariance_a);
    add_covariance(worker->ds, block->n_rows, factor->out_dim, n_blocks, worker->panel,
                   factor->covariance_s);
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

/* The widest block of any A or S. */
static size_t widest_block(const attrib_factors *factors)
{
    size_t widest = 0;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        const at_factor *factor = &factors->factors[i];
        widest = factor->in_dim > widest ? factor->in_dim : widest;
        widest = factor->out_dim > widest ? factor->out_dim : widest;
    }
    return (widest + factors->info.n_blocks - 1) / factors->info.n_blocks;
}

/* Sums of zero for every map, and a panel for each worker. */
static attrib_status prepare(covariance_tap *tap, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_blocks = tap->factors->info.n_blocks;
    size_t panel = 0;
    for (size_t i = 0; i < tap->factors->info.n_modules; i++) {
        at_factor *factor = &tap->factors->factors[i];
        size_t n_a = 0;
        size_t n_s = 0;
        AT_TRY(at_triangle_size(factor->in_dim, n_blocks, &n_a, err));
        AT_TRY(at_triangle_size(factor->out_dim, n_blocks, &n_s, err));
        AT_TRY(at_array(n_a, sizeof(double), &factor->covariance_a, err));
        AT_TRY(at_array(n_s, sizeof(double), &factor->covariance_s, err));
    }
    AT_TRY(at_mul(PANEL_ROWS, widest_block(tap->factors), &panel, err));
    AT_TRY(at_array(tap->n_workers, sizeof *tap->workers, &tap->workers, err));
    for (size_t i = 0; i < tap->n_workers; i++) {
        AT_TRY(at_array(panel, sizeof(float), &tap->workers[i].panel, err));
    }
done:
    return status;
}

double at_covariance_scratch(size_t widest)
{
    return (double)PANEL_ROWS * (double)widest * sizeof(float);
}

attrib_status at_fit_covariances(const at_pass *pass,
                                 const at_source *source,
                                 attrib_factors *factors,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    covariance_tap tap = {.factors = factors};
    at_tap interface = {
        .context = &tap, .module = keep_pair, .commit = add_block, .finish = count_rows};
    AT_TRY(at_pass_n_workers(pass, source, &tap.n_workers, err));
    AT_TRY(prepare(&tap, err));
    AT_TRY(at_pass_run(pass, source, &interface, err));
done:
    for (size_t i = 0; tap.workers && i < tap.n_workers; i++) {
        free(tap.workers[i].panel);
    }
    free(tap.workers);
    return status;
}

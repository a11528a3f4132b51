/* SPDX-License-Identifier: MIT */
/* Covariances of activations and pseudo-gradients, summed over every row of every
 * sequence.
 *
 *     A = sum_t a_t a_t' [I, I],   S = sum_t ds_t ds_t' [O, O]
 *
 * The products of a block of documents are f32; they are added to f64 sums in the order
 * of blocks. Both are done for a panel of rows at a time, so that a product is still in
 * the cache when it is added, and no worker holds a whole square. Only the lower
 * triangles of the diagonal blocks of A and S are computed and kept.
 *
 * Source: Martens and Grosse 2015, arXiv:1503.05671 (A and S of K-FAC). */
#include "base/load.h"
#include "base/wide.h"
#include "curvature/inverse.h"
#include "curvature/sums.h"
#include "linalg/linalg.h"

/* Rows of a panel: enough for products to run at full speed, and few compared with the
 * widths of large maps. Measured at a width of 3,072, 256 to 384 are fastest. */
#define PANEL_ROWS 384

/* row [n] += values [n] */
AT_WIDE static void add_row(const float *restrict values, size_t n, double *restrict row)
{
    for (size_t j = 0; j < n; j++) {
        row[j] += (double)values[j];
    }
}

/* [PANEL_ROWS, widest block of A or S] */
static attrib_status deal_panel(const at_factor *factor,
                                size_t n_blocks,
                                attrib_bank *bank,
                                float **out,
                                attrib_error *err)
{
    size_t widest = factor->in_dim > factor->out_dim ? factor->in_dim : factor->out_dim;
    return attrib_bank_deal(bank, PANEL_ROWS, (widest + n_blocks - 1) / n_blocks,
                            sizeof(float), out, err);
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

/* The same for all diagonal blocks of a covariance; x [n_rows, dim]. */
static void add_covariance(const float *x,
                           size_t n_rows,
                           size_t dim,
                           size_t n_blocks,
                           float *panel,
                           double *covariance)
{
    for (size_t b = 0; b < n_blocks; b++) {
        at_extent block = at_diagonal_block(dim, n_blocks, b);
        add_product(x + block.first, dim, n_rows, block.size, panel, covariance);
        covariance += block.size * (block.size + 1) / 2;
    }
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[i_tracked];
    float *panel = NULL;
    (void)size;
    return deal_panel(factor, maps->n_blocks, bank, &panel, err);
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[i_tracked];
    double entries =
        (at_rotate_products(&factor->basis_a) + at_rotate_products(&factor->basis_s)) / 2;
    (void)n_sequences;
    load->flop += 2 * n_rows * entries;
    load->operands +=
        n_rows * ((double)factor->in_dim + (double)factor->out_dim) + entries;
    load->elements += entries * AT_UNITS_SUM;
}

static attrib_status add_block(void *context,
                               void *scratch,
                               const attrib_visit *visit,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[visit->i_tracked];
    const at_running *sums = &maps->sums[2 * visit->i_tracked];
    size_t n_rows = visit->block->n_rows;
    attrib_bank desk = visit->desk;
    float *panel = NULL;
    (void)scratch;
    AT_TRY(deal_panel(factor, maps->n_blocks, &desk, &panel, err));
    add_covariance(visit->a, n_rows, factor->in_dim, maps->n_blocks, panel,
                   at_running_sum(&sums[0]));
    add_covariance(visit->ds, n_rows, factor->out_dim, maps->n_blocks, panel,
                   at_running_sum(&sums[1]));
done:
    return status;
}

attrib_tap at_covariance_tap(at_fit_maps *maps)
{
    return (attrib_tap){.name = "covariance",
                        .context = maps,
                        .desk = count_desk,
                        .cost = add_cost,
                        .commit = add_block,
                        .merge = at_fit_merge};
}

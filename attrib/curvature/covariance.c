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
#include <math.h>

#include "base/load.h"
#include "base/wide.h"
#include "curvature/inverse.h"
#include "curvature/sums.h"
#include "linalg/cost.h"
#include "linalg/multiply.h"

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

/* What a visit of a map works on. */
typedef struct covariance_desk {
    float *panel;      /* [PANEL_ROWS, widest block of A or S] */
    uint16_t *rounded; /* [n_rows, max(O, I)] for products in bf16; else NULL */
} covariance_desk;

static attrib_status deal_desk(const at_fit_maps *maps,
                               size_t i_tracked,
                               size_t n_rows,
                               attrib_bank *bank,
                               covariance_desk *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &maps->factors[i_tracked];
    size_t n_blocks = maps->n_blocks;
    size_t widest = at_larger(factor->in_dim, factor->out_dim);
    *out = (covariance_desk){0};
    AT_TRY(attrib_bank_deal(bank, PANEL_ROWS, (widest + n_blocks - 1) / n_blocks,
                            sizeof(float), &out->panel, err));
    if (maps->precision != ATTRIB_F32_PRODUCTS) {
        AT_TRY(
            attrib_bank_deal(bank, n_rows, widest, sizeof(uint16_t), &out->rounded, err));
    }
done:
    return status;
}

/* Columns of rows that lie `ld` apart, in f32 or rounded. */
typedef struct columns {
    const float *values;
    const uint16_t *rounded;
    size_t ld;
} columns;

static at_operand operand_of(const columns *x, size_t first, at_op op)
{
    return (at_operand){op, x->rounded ? NULL : x->values + first,
                        x->rounded ? x->rounded + first : NULL, x->ld};
}

/* square [m, m], rows `width` apart = x' x of m columns, its lower triangle at least */
static void fill_square(at_multiplier *multiplier,
                        const columns *x,
                        size_t n_rows,
                        at_extent of,
                        float *square,
                        size_t width)
{
    if (multiplier) {
        at_multiply(multiplier, (at_sizes){of.size, of.size, n_rows}, 1.0F,
                    operand_of(x, of.first, AT_TRANSPOSED),
                    operand_of(x, of.first, AT_PLAIN), 0.0F, square, width);
    } else {
        at_syrk(of.size, n_rows, 1.0F, x->values + of.first, x->ld, 0.0F, square, width);
    }
}

/* triangle, packed [n, n], += the lower triangle of x' x for x [n_rows, n] */
static void add_product(at_multiplier *multiplier,
                        const columns *x,
                        size_t n_rows,
                        size_t n,
                        float *panel,
                        double *triangle)
{
    for (size_t first = 0; first < n; first += PANEL_ROWS) {
        size_t m = n - first < PANEL_ROWS ? n - first : PANEL_ROWS;
        size_t width = first + m;
        /* panel [m, width]: left of the diagonal square, then that square */
        at_multiply(multiplier, (at_sizes){m, first, n_rows}, 1.0F,
                    operand_of(x, first, AT_TRANSPOSED), operand_of(x, 0, AT_PLAIN), 0.0F,
                    panel, width);
        fill_square(multiplier, x, n_rows, (at_extent){first, m}, panel + first, width);
        for (size_t i = 0; i < m; i++) {
            add_row(panel + i * width, first + i + 1, triangle);
            triangle += first + i + 1;
        }
    }
}

/* The same for all diagonal blocks of a covariance; x [n_rows, dim]. In bf16 all of x is
 * rounded first, so that the result is the covariance of the rounded rows, and positive
 * like it. */
static void add_covariance(at_multiplier *multiplier,
                           const float *x,
                           size_t n_rows,
                           size_t dim,
                           size_t n_blocks,
                           const covariance_desk *desk,
                           double *covariance)
{
    if (multiplier) {
        at_round(x, n_rows * dim, 1.0F, desk->rounded);
    }
    for (size_t b = 0; b < n_blocks; b++) {
        at_extent block = at_diagonal_block(dim, n_blocks, b);
        columns here = {x + block.first, multiplier ? desk->rounded + block.first : NULL,
                        dim};
        add_product(multiplier, &here, n_rows, block.size, desk->panel, covariance);
        covariance += block.size * (block.size + 1) / 2;
    }
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    covariance_desk desk;
    return deal_desk(context, i_tracked, size->n_rows, bank, &desk, err);
}

/* The cost of one diagonal block of n columns, as add_product() takes its panels. */
static void add_block_cost(const at_fit_maps *maps,
                           double n_rows,
                           double n,
                           attrib_load *load)
{
    size_t n_panels = (size_t)ceil(n / PANEL_ROWS);
    for (size_t i = 0; i < n_panels; i++) {
        double first = (double)i * PANEL_ROWS;
        double m = fmin(n - first, PANEL_ROWS);
        at_load_product(load, (at_product_size){AT_PLAIN, m, first, n_rows}, 1);
        if (maps->precision == ATTRIB_F32_PRODUCTS) {
            at_load_square(load, m, n_rows);
        } else {
            at_load_product(load, (at_product_size){AT_PLAIN, m, m, n_rows}, 1);
        }
    }
    load->elements += n * n / 2 * AT_UNITS_SUM;
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[i_tracked];
    double k = (double)maps->n_blocks;
    attrib_load of_block = {0};
    (void)n_sequences;
    add_block_cost(maps, n_rows, (double)factor->in_dim / k, &of_block);
    add_block_cost(maps, n_rows, (double)factor->out_dim / k, &of_block);
    at_load_add(load, &of_block, k);
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
    attrib_bank bank = visit->desk;
    covariance_desk desk;
    (void)scratch;
    AT_TRY(deal_desk(maps, visit->i_tracked, n_rows, &bank, &desk, err));
    add_covariance(visit->multiplier, visit->a, n_rows, factor->in_dim, maps->n_blocks,
                   &desk, at_running_sum(&sums[0]));
    add_covariance(visit->multiplier, visit->ds, n_rows, factor->out_dim, maps->n_blocks,
                   &desk, at_running_sum(&sums[1]));
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

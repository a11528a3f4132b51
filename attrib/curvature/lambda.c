/* SPDX-License-Identifier: MIT */
/* The corrected eigenvalues: squared entries of each sequence's gradient, in the
 * eigenbases where there are any.
 *
 *     Lambda[i, j] = sum over sequences (U_S' G U_A)[i, j]^2      [O, I]
 *
 * The rows of a block of documents are rotated first; then its gradients are formed a
 * panel at a time, squared while they are in the cache, and added to Lambda, in the order
 * of blocks. Only where it costs less to rotate whole gradients does a worker hold one.
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, section 2.2 (eigenvalue correction);
 * George et al. 2018. */
#include <string.h>

#include "base/load.h"
#include "base/wide.h"
#include "curvature/inverse.h"
#include "curvature/sums.h"
#include "linalg/linalg.h"

/* Rows of a panel of a gradient: in the range that is fastest for covariances, see
 * covariance.c. */
#define PANEL_ROWS 256

/* What a visit of a map works on; what its way does not take is NULL. Rows as they come
 * are formed in panels where there is no eigenbasis. Else they are rotated before that,
 * or whole gradients are, whichever costs less. */
typedef struct lambda_desk {
    float *a, *ds;   /* [n_rows, I], [n_rows, O] rotated rows */
    float *panel;    /* [PANEL_ROWS, I] */
    float *gradient; /* [O, I] a whole gradient */
    float *half;     /* [O, I], between its two rotations */
    double *squares; /* [O, I], of the block's whole gradients */
} lambda_desk;

static attrib_status deal_desk(const at_fit_maps *maps,
                               size_t i_tracked,
                               const attrib_block_size *size,
                               attrib_bank *bank,
                               lambda_desk *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &maps->factors[i_tracked];
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    size_t n_rows = size->n_rows;
    *out = (lambda_desk){0};
    if (maps->is_rotated && !at_rotate_rows_first(factor, n_rows, size->n_sequences)) {
        AT_TRY(attrib_bank_deal(bank, o, i, sizeof(float), &out->gradient, err));
        AT_TRY(attrib_bank_deal(bank, o, i, sizeof(float), &out->half, err));
        AT_TRY(attrib_bank_deal(bank, o, i, sizeof(double), &out->squares, err));
        goto done;
    }
    AT_TRY(attrib_bank_deal(bank, PANEL_ROWS, i, sizeof(float), &out->panel, err));
    if (maps->is_rotated) {
        AT_TRY(attrib_bank_deal(bank, n_rows, i, sizeof(float), &out->a, err));
        AT_TRY(attrib_bank_deal(bank, n_rows, o, sizeof(float), &out->ds, err));
    }
done:
    return status;
}

/* sums [n] += values [n]^2 */
AT_WIDE static void add_squares(const float *restrict values,
                                size_t n,
                                double *restrict sums)
{
    for (size_t k = 0; k < n; k++) {
        sums[k] += (double)values[k] * (double)values[k];
    }
}

/* squares = the sum over the block's gradients, each formed and then rotated */
static void square_gradients(const at_factor *factor,
                             const attrib_visit *visit,
                             const lambda_desk *desk)
{
    const attrib_block *block = visit->block;
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    memset(desk->squares, 0, o * i * sizeof *desk->squares);
    for (size_t s = 0; s < block->n_sequences; s++) {
        size_t first = visit->first_row[s];
        at_form_gradient(visit->multiplier, visit->ds + first * o, visit->a + first * i,
                         visit->first_row[s + 1] - first, o, i, desk->gradient);
        at_rotate_gradient(visit->multiplier, factor, desk->gradient, desk->half,
                           desk->gradient);
        add_squares(desk->gradient, o * i, desk->squares);
    }
}

/* The same desk for module() and commit(). */
static attrib_status open_desk(const at_fit_maps *maps,
                               const attrib_visit *visit,
                               lambda_desk *out,
                               attrib_error *err)
{
    const attrib_block_size size = {.n_sequences = visit->block->n_sequences,
                                    .n_rows = visit->block->n_tokens};
    attrib_bank bank = visit->desk;
    return deal_desk(maps, visit->i_tracked, &size, &bank, out, err);
}

static attrib_status rotate_block(void *context,
                                  void *scratch,
                                  const attrib_visit *visit,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[visit->i_tracked];
    lambda_desk desk;
    (void)scratch;
    AT_TRY(open_desk(maps, visit, &desk, err));
    if (desk.a) {
        at_rotate(visit->multiplier, &factor->basis_a, visit->a, visit->n_rows, desk.a);
        at_rotate(visit->multiplier, &factor->basis_s, visit->ds, visit->n_rows, desk.ds);
    } else if (desk.gradient) {
        square_gradients(factor, visit, &desk);
    }
done:
    return status;
}

/* sums += squares of the gradients of rows a and ds, panel by panel */
static void add_panels(const at_factor *factor,
                       const attrib_visit *visit,
                       const float *a,
                       const float *ds,
                       float *panel,
                       double *sums)
{
    const attrib_block *block = visit->block;
    size_t o = factor->out_dim;
    size_t i = factor->in_dim;
    for (size_t row = 0; row < o; row += PANEL_ROWS) {
        size_t m = at_smaller(o - row, PANEL_ROWS);
        for (size_t s = 0; s < block->n_sequences; s++) {
            size_t first = visit->first_row[s];
            size_t n_rows = visit->first_row[s + 1] - first;
            at_multiply_once(visit->multiplier, (at_sizes){m, i, n_rows}, 1.0F,
                             at_transposed(ds + first * o + row, o),
                             at_plain(a + first * i, i), 0.0F, panel, i);
            add_squares(panel, m * i, sums + row * i);
        }
    }
}

static attrib_status add_block(void *context,
                               void *scratch,
                               const attrib_visit *visit,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[visit->i_tracked];
    double *sums = at_running_sum(&maps->sums[2 * visit->i_tracked]);
    lambda_desk desk;
    (void)scratch;
    AT_TRY(open_desk(maps, visit, &desk, err));
    if (desk.panel) {
        add_panels(factor, visit, desk.a ? desk.a : visit->a,
                   desk.ds ? desk.ds : visit->ds, desk.panel, sums);
    } else {
        for (size_t k = 0; k < factor->out_dim * factor->in_dim; k++) {
            sums[k] += desk.squares[k];
        }
    }
done:
    return status;
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    lambda_desk desk;
    return deal_desk(context, i_tracked, size, bank, &desk, err);
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_fit_maps *maps = context;
    const at_factor *factor = &maps->factors[i_tracked];
    double entries = (double)factor->in_dim * (double)factor->out_dim;
    at_load_gradients(factor, maps->is_rotated, n_rows, n_sequences, PANEL_ROWS, load);
    load->elements += entries * n_sequences * AT_UNITS_SQUARE;
}

attrib_tap at_lambda_tap(at_fit_maps *maps)
{
    return (attrib_tap){.name = "lambda",
                        .context = maps,
                        .desk = count_desk,
                        .cost = add_cost,
                        .module = rotate_block,
                        .commit = add_block,
                        .merge = at_fit_merge};
}

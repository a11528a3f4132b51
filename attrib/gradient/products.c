/* SPDX-License-Identifier: MIT */
#include "gradient/products.h"

#include "base/load.h"
#include "linalg/cost.h"
#include "linalg/multiply.h"

/* d_out [n, O] += a [n, I] P' [I, O], for a block of the O outputs */
static attrib_status follow(void *context,
                            const attrib_outputs *outputs,
                            attrib_error *err)
{
    const at_products *self = context;
    const at_product_map *map = &self->maps[outputs->i_tracked];
    const float *p = map->p[outputs->i_vector];
    size_t i = map->in_dim;
    (void)err;
    at_multiply_once(outputs->multiplier,
                     (at_sizes){outputs->n_rows, outputs->n_outputs, i}, 1.0F,
                     at_plain(outputs->a, i), at_transposed(p + outputs->first * i, i),
                     1.0F, outputs->d_out, outputs->stride);
    return ATTRIB_OK;
}

static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    const at_products *self = context;
    const at_product_map *map = &self->maps[i_tracked];
    float *made = NULL;
    (void)size;
    return attrib_bank_deal(bank, map->out_dim, map->in_dim, sizeof *made, &made, err);
}

/* The desk [O, I] = sum over the block's rows t of ds_t a_t' */
static attrib_status form(void *context,
                          void *scratch,
                          const attrib_visit *visit,
                          attrib_error *err)
{
    size_t o = visit->module->out_dim;
    size_t i = visit->module->in_dim;
    (void)context;
    (void)scratch;
    (void)err;
    at_multiply_once(visit->multiplier, (at_sizes){o, i, visit->n_rows}, 1.0F,
                     at_transposed(visit->ds, o), at_plain(visit->a, i), 0.0F,
                     (float *)(void *)visit->desk.base, i);
    return ATTRIB_OK;
}

static attrib_status add(void *context,
                         void *scratch,
                         const attrib_visit *visit,
                         attrib_error *err)
{
    const at_products *self = context;
    const at_product_map *map = &self->maps[visit->i_tracked];
    const float *made = (const float *)(const void *)visit->desk.base;
    double *sum = map->sum[visit->i_vector];
    (void)scratch;
    (void)err;
    for (size_t k = 0; k < map->out_dim * map->in_dim; k++) {
        sum[k] += (double)made[k];
    }
    return ATTRIB_OK;
}

/* The cost of one vector: the products a P' and ds' a, and adding the second. */
static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_products *self = context;
    const at_product_map *map = &self->maps[i_tracked];
    double o = (double)map->out_dim;
    double i = (double)map->in_dim;
    (void)n_sequences;
    at_load_product(load, (at_product_size){AT_TRANSPOSED, n_rows, o, i}, 1);
    at_load_product(load, (at_product_size){AT_PLAIN, o, i, n_rows}, 1);
    load->elements += o * i * AT_UNITS_SUM;
}

attrib_tap at_products_tap(at_products *products)
{
    return (attrib_tap){.name = "products",
                        .context = products,
                        .desk = count_desk,
                        .cost = add_cost,
                        .module = form,
                        .commit = add,
                        .direction = follow,
                        .n_vectors = products->n_vectors};
}

/* SPDX-License-Identifier: MIT */
/* Scores of documents against one whole query, without a backward pass.
 *
 *     score(z, q) = d loss(z) / d eps  along the direction P_q of the tracked weights
 *
 * A pass in forward mode computes this derivative, and its layers keep nothing for a
 * backward pass. */
#include "base/load.h"
#include "linalg/cost.h"
#include "linalg/multiply.h"
#include "score/taps.h"

/* d_out += a P' */
static attrib_status follow_query(void *context,
                                  const attrib_outputs *outputs,
                                  attrib_error *err)
{
    const at_scoring *scoring = context;
    const at_prepared_map *map = &scoring->prepared->maps[outputs->i_tracked];
    size_t i = map->in_dim;
    (void)err;
    at_multiply_once(
        outputs->multiplier, (at_sizes){outputs->n_rows, outputs->n_outputs, i}, 1.0F,
        at_plain(outputs->a, i), at_transposed(map->p + outputs->first * i, i), 1.0F,
        outputs->d_out, outputs->stride);
    return ATTRIB_OK;
}

static void add_cost(const void *context,
                     size_t i_tracked,
                     double n_rows,
                     double n_sequences,
                     attrib_load *load)
{
    const at_scoring *scoring = context;
    const at_prepared_map *map = &scoring->prepared->maps[i_tracked];
    (void)n_sequences;
    at_load_product(load,
                    (at_product_size){AT_TRANSPOSED, n_rows, (double)map->out_dim,
                                      (double)map->in_dim},
                    1);
    load->bytes += sizeof(float) * (double)map->out_dim * (double)map->in_dim; /* P */
}

static attrib_status add_slopes(void *context,
                                void *scratch,
                                const attrib_block *block,
                                attrib_error *err)
{
    const at_scoring *scoring = context;
    (void)scratch;
    return at_add_sums(block, block->slopes, AT_SCORES, scoring->out, err);
}

attrib_tap at_slope_tap(at_scoring *scoring)
{
    return (attrib_tap){.name = "slope",
                        .context = scoring,
                        .is_forward = true,
                        .cost = add_cost,
                        .direction = follow_query,
                        .finish = add_slopes};
}

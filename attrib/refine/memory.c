/* SPDX-License-Identifier: MIT */
/* Whether queries are refined, how many at a time, and what that takes: passes and bytes.
 */
#include <math.h>
#include <stdlib.h>

#include "linalg/linalg.h"
#include "refine/refined.h"
#include "refine/solve.h"

/* The most bytes of vectors of queries that are solved for together, and the share of the
 * limit of memory. Together they share forward passes, which are a fifth of the work at
 * most. */
#define CHUNK_BYTES ((double)((size_t)512 << 20))
#define CHUNK_SHARE 0.125

bool at_is_refined(const at_setup *setup)
{
    bool is_asked = setup->options.refine != ATTRIB_REFINE_NONE ||
                    setup->options.scale != ATTRIB_SCALE_NONE;
    return is_asked && setup->n_queries > 0 && setup->options.n_settings > 0;
}

size_t at_refine_chunk(const at_setup *setup, size_t n)
{
    double limit = fmin(CHUNK_BYTES, CHUNK_SHARE * setup->memory.bytes);
    double fitting = floor(limit / at_solve_query_bytes(setup));
    return fitting < 1 ? 1 : fitting < (double)n ? (size_t)fitting : n;
}

size_t at_refine_passes(const at_setup *setup, size_t n)
{
    size_t chunk = at_refine_chunk(setup, n);
    size_t of_chunk = setup->options.scale != ATTRIB_SCALE_NONE;
    if (setup->options.refine != ATTRIB_REFINE_NONE) {
        of_chunk += setup->options.refine_steps + 2;
    }
    if (setup->options.refine == ATTRIB_REFINE_ASTRA ||
        setup->options.refine == ATTRIB_REFINE_LISSA) {
        of_chunk += AT_REFINE_POWERS;
    }
    return (n + chunk - 1) / chunk * of_chunk;
}

attrib_status at_refine_bytes(const at_setup *setup,
                              size_t n,
                              double *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pass pass = at_setup_pass(setup, AT_BLOCK_ROWS, "refine");
    at_pass_size blocks = {0};
    at_product_map *maps = NULL;
    at_products products = {.n_vectors = 1};
    attrib_tap tap;
    double longest = setup->counted.longest;
    double rows = fmax((double)AT_BLOCK_ROWS, longest);
    double sequences = fmin(rows / setup->counted.shortest, setup->counted.n_sequences);
    double of_pass = 0;
    double of_step = 0;
    *out = 0;
    if (!at_is_refined(setup)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(setup->n_tracked, sizeof *maps, &maps, err));
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const attrib_module *module = at_setup_module(setup, m);
        maps[m] = (at_product_map){.out_dim = module->out_dim, .in_dim = module->in_dim};
        of_step = fmax(of_step, 2.0 * sizeof(float) * (double)module->out_dim *
                                    (double)module->in_dim);
    }
    products.maps = maps;
    tap = at_products_tap(&products);
    AT_TRY(
        at_pass_size_one(&(attrib_block_size){(size_t)ceil(sequences), (size_t)ceil(rows),
                                              (size_t)ceil(longest)},
                         &blocks, err));
    AT_TRY(at_pass_bytes(&pass, &blocks, &tap, 1, &of_pass, err));
    of_step += setup->factor_bytes + at_blas_bytes(at_widest_map(setup), sizeof(float));
    *out = (double)at_refine_chunk(setup, n) * at_solve_query_bytes(setup) +
           (double)setup->n_workers * fmax(of_pass, of_step);
done:
    at_pass_size_free(&blocks);
    free(maps);
    return status;
}

/* SPDX-License-Identifier: MIT */
/* Refinement of a tile's prepared queries, as many at a time as memory holds.
 *
 *   1. What goes   2. The work */
#include "refine/refine.h"

#include <math.h>
#include <stdlib.h>

#include "base/thread.h"
#include "linalg/linalg.h"
#include "refine/refined.h"
#include "refine/solve.h"

/* 1. What goes */

attrib_status at_refine_check(const at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &setup->options;
    bool is_refined = options->refine != ATTRIB_REFINE_NONE;
    const char *name = is_refined ? "refine" : "scale";
    const char *value = is_refined ? attrib_refine_name(options->refine)
                                   : attrib_scale_name(options->scale);
    if (!is_refined && options->scale == ATTRIB_SCALE_NONE) {
        return ATTRIB_OK;
    }
    AT_CHECK(setup->queries, ATTRIB_EINVAL,
             "%s %s changes queries, of which there are none", name, value);
    AT_CHECK(options->query_rank == ATTRIB_RANK_FULL, ATTRIB_EINVAL,
             "%s %s takes whole queries: it does not go with query-rank", name, value);
    AT_CHECK(options->normalize != ATTRIB_NORMALIZE_UNIT, ATTRIB_EINVAL,
             "%s %s changes queries alone, and a cosine (normalize unit) divides by the "
             "documents' self-influences too",
             name, value);
    for (size_t s = 0; s < options->n_settings; s++) {
        attrib_strategy strategy = options->settings[s].strategy;
        AT_CHECK(strategy == ATTRIB_EKFAC || attrib_strategy_is_baseline(strategy),
                 ATTRIB_EINVAL, "%s %s takes strategy ekfac, not %s", name, value,
                 attrib_strategy_name(strategy));
    }
done:
    return status;
}

/* 2. The work */

/* Note what became of some queries, and log it. */
static void note(const at_solve *solve, const double *before)
{
    const at_setup *setup = solve->setup;
    at_prepared *prepared = solve->prepared;
    for (size_t c = 0; c < solve->n_cases; c++) {
        size_t query = solve->queries.first + c % solve->queries.n;
        size_t i_case = c / solve->queries.n * prepared->tile.n + query;
        prepared->residuals[i_case] = solve->residual[c];
        prepared->self[i_case] = solve->numbers[1][c];
        at_log(setup->session, ATTRIB_LOG_DETAIL,
               "query %s: refined by %s to a residual of %.2g (EK-FAC's %.2g)",
               at_query(setup, prepared->tile.first + query)->id,
               attrib_refine_name(setup->options.refine), solve->residual[c], before[c]);
    }
}

/* Numbers <x, (H + damping) x> and <x, G> */
static void measure_step(const at_solve_map *map, size_t c)
{
    const float *x = at_solve_x(map->solve, map->m, c);
    const double *sum = at_solve_sum(map->solve, map->m, c);
    double damping = at_solve_damping(map->solve, map->m, c);
    double dot = 0;
    for (size_t k = 0; k < map->n_entries; k++) {
        dot += (sum[k] / map->count + damping * (double)x[k]) * (double)x[k];
    }
    at_solve_add(map, 0, c, dot);
    at_solve_add(map, 1, c, at_dot(x, at_solve_g(map->solve, map->m, c), map->n_entries));
}

/* With a factor given: x *= factor */
static void scale_solution(const at_solve_map *map, size_t c)
{
    float *x = at_solve_x(map->solve, map->m, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        x[k] = (float)(map->given[c] * (double)x[k]);
    }
}

/* x *= <x, G> / <x, (H + damping) x>, where the quadratic that G and H make of the loss
 * along x is least. */
static attrib_status scale_some(at_solve *solve, double *factor, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = solve->setup;
    double count = 0;
    at_solve_activate(solve, -1);
    AT_TRY(at_solve_multiply(solve, true, 0, 1, &count, err));
    AT_TRY(at_solve_step(solve, measure_step, count, NULL, err));
    for (size_t c = 0; c < solve->n_cases; c++) {
        size_t query = solve->queries.first + c % solve->queries.n;
        size_t i_case = c / solve->queries.n * solve->prepared->tile.n + query;
        double curvature = solve->numbers[0][c];
        factor[c] = curvature > 0 ? solve->numbers[1][c] / curvature : 1;
        solve->prepared->self[i_case] = factor[c] * solve->numbers[1][c];
        at_log(setup->session, ATTRIB_LOG_DETAIL, "query %s: scores times %.3g",
               at_query(setup, solve->prepared->tile.first + query)->id, factor[c]);
    }
    AT_TRY(at_solve_step(solve, scale_solution, count, factor, err));
done:
    return status;
}

/* Numbers <x, r> and <x, G> */
static void measure_residual(const at_solve_map *map, size_t c)
{
    const float *x = at_solve_x(map->solve, map->m, c);
    at_solve_add(map, 0, c, at_dot(x, at_solve_r(map->solve, map->m, c), map->n_entries));
    at_solve_add(map, 1, c, at_dot(x, at_solve_g(map->solve, map->m, c), map->n_entries));
}

/* With a factor f given: x *= f, and with it r = (1 - f) G + f r;  number 0 <r, M^-1 r>
 */
static void scale_with_residual(const at_solve_map *map, size_t c)
{
    const float *g = at_solve_g(map->solve, map->m, c);
    float *r = at_solve_r(map->solve, map->m, c);
    double factor = map->given[c];
    scale_solution(map, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        r[k] = (float)((1 - factor) * (double)g[k] + factor * (double)r[k]);
    }
    at_solve_precondition(map, c, r, map->desk);
    at_solve_add(map, 0, c, at_dot(r, map->desk, map->n_entries));
}

/* Begin with EK-FAC's solution times the factor that is best along it, which takes no
 * product: (H + damping) x = G - r. The solution itself is often many times too large. */
static attrib_status begin_well(at_solve *solve, double *factor, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_solve_step(solve, measure_residual, 1, NULL, err));
    for (size_t c = 0; c < solve->n_cases; c++) {
        double curvature = solve->numbers[1][c] - solve->numbers[0][c];
        factor[c] = curvature > 0 ? solve->numbers[1][c] / curvature : 1;
    }
    AT_TRY(at_solve_step(solve, scale_with_residual, 1, factor, err));
    at_solve_rate(solve);
done:
    return status;
}

/* Solve for some queries, from EK-FAC's solutions; before [n_cases] takes the residuals
 * of these. */
static attrib_status solve_some(at_solve *solve, double *before, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *factor = NULL;
    AT_TRY(at_array(solve->n_cases, sizeof *factor, &factor, err));
    AT_TRY(at_solve_residuals(solve, err));
    for (size_t c = 0; c < solve->n_cases; c++) {
        before[c] = solve->residual[c];
    }
    AT_TRY(begin_well(solve, factor, err));
    AT_TRY(solve->setup->options.refine == ATTRIB_REFINE_CG
               ? at_solve_cg(solve, err)
               : at_solve_batches(solve, err));
    AT_TRY(at_solve_residuals(solve, err));
    note(solve, before);
done:
    free(factor);
    return status;
}

static attrib_status refine_some(const at_setup *setup,
                                 at_prepared *prepared,
                                 at_tile queries,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_solve solve = {0};
    double *numbers = NULL;
    AT_TRY(at_solve_open(setup, prepared, queries, &solve, err));
    AT_TRY(at_array(solve.n_cases, sizeof *numbers, &numbers, err));
    if (setup->options.refine != ATTRIB_REFINE_NONE) {
        AT_TRY(solve_some(&solve, numbers, err));
    }
    if (setup->options.scale != ATTRIB_SCALE_NONE) {
        AT_TRY(scale_some(&solve, numbers, err));
    }
done:
    at_solve_close(&solve);
    free(numbers);
    return status;
}

/* Say how many solutions are far from one. */
static void tell_residuals(const at_setup *setup, const at_prepared *prepared)
{
    size_t n = 0;
    double largest = 0;
    for (size_t v = 0; prepared->residuals && v < prepared->n_cases; v++) {
        n += prepared->residuals[v] > AT_REFINED_AT_ALL;
        largest = fmax(largest, prepared->residuals[v]);
    }
    if (n > 0) {
        at_log(setup->session, ATTRIB_LOG_WARNING,
               "%s did not converge in %zu steps for %zu of %zu queries: residuals up to "
               "%.2g, above %g (more --refine-steps, or a larger --refine-damping)",
               attrib_refine_name(setup->options.refine), setup->options.refine_steps, n,
               prepared->n_cases, largest, AT_REFINED_AT_ALL);
    }
}

attrib_status at_refine_queries(const at_setup *setup,
                                at_prepared *prepared,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = prepared->tile.n;
    size_t chunk = at_refine_chunk(setup, n);
    bool is_kept = false;
    if (!at_is_refined(setup)) {
        return ATTRIB_OK;
    }
    if (setup->options.refine != ATTRIB_REFINE_NONE) {
        AT_TRY(at_array(prepared->n_cases, sizeof(double), &prepared->residuals, err));
    }
    AT_TRY(at_refined_read(setup, prepared, &is_kept, err));
    if (is_kept) {
        at_log(setup->session, ATTRIB_LOG_DETAIL,
               "%zu queries are refined already, in %s", n, setup->refined.folder);
        n = 0;
    }
    for (size_t first = 0; first < n; first += chunk) {
        AT_TRY(refine_some(setup, prepared,
                           (at_tile){first, at_smaller(chunk, n - first)}, err));
    }
    tell_residuals(setup, prepared);
done:
    return status;
}

/* SPDX-License-Identifier: MIT */
/* The solvers of (H + damping) x = G, with M = EK-FAC + damping.
 *
 *   1. Conjugate gradients   2. Steps along residuals of batches: ASTRA and LiSSA
 *
 * Sources: Hestenes & Stiefel 1952, in the preconditioned form of Saad 2003, algorithm
 * 9.1; Agarwal et al. 2017 (LiSSA, arXiv:1602.03943); Wang et al. 2025 (ASTRA,
 * arXiv:2507.14740). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "refine/refined.h"
#include "refine/solve.h"

/* 1. Conjugate gradients */

/* p = M^-1 r;  number 0 <r, p> */
static void begin(const at_solve_map *map, size_t c)
{
    const float *r = at_solve_r(map->solve, map->m, c);
    float *p = at_solve_p(map->solve, map->m, c);
    at_solve_precondition(map, c, r, p);
    at_solve_add(map, 0, c, at_dot(r, p, map->n_entries));
}

/* sum = (H + damping) p;  number 0 <p, sum> */
static void damp(const at_solve_map *map, size_t c)
{
    const float *p = at_solve_p(map->solve, map->m, c);
    double *sum = at_solve_sum(map->solve, map->m, c);
    double damping = at_solve_damping(map->solve, map->m, c);
    double dot = 0;
    for (size_t k = 0; k < map->n_entries; k++) {
        sum[k] = sum[k] / map->count + damping * (double)p[k];
        dot += sum[k] * (double)p[k];
    }
    at_solve_add(map, 0, c, dot);
}

/* With alpha given: x += alpha p, r -= alpha sum, sum = M^-1 r;  number 0 <r, sum> */
static void advance(const at_solve_map *map, size_t c)
{
    float *x = at_solve_x(map->solve, map->m, c);
    float *r = at_solve_r(map->solve, map->m, c);
    const float *p = at_solve_p(map->solve, map->m, c);
    double *sum = at_solve_sum(map->solve, map->m, c);
    double alpha = map->given[c];
    for (size_t k = 0; k < map->n_entries; k++) {
        x[k] = (float)((double)x[k] + alpha * (double)p[k]);
        r[k] = (float)((double)r[k] - alpha * sum[k]);
    }
    at_solve_precondition(map, c, r, map->desk);
    at_solve_add(map, 0, c, at_dot(r, map->desk, map->n_entries));
    for (size_t k = 0; k < map->n_entries; k++) {
        sum[k] = (double)map->desk[k];
    }
}

/* With beta given: p = sum + beta p */
static void turn(const at_solve_map *map, size_t c)
{
    float *p = at_solve_p(map->solve, map->m, c);
    const double *sum = at_solve_sum(map->solve, map->m, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        p[k] = (float)(sum[k] + map->given[c] * (double)p[k]);
    }
}

/* One step of all active cases; rz [n_cases] is <r, M^-1 r> before and after. */
static attrib_status take_step(at_solve *solve,
                               double *rz,
                               double *factor,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double count = 0;
    AT_TRY(at_solve_multiply(solve, false, 0, 1, &count, err));
    AT_TRY(at_solve_step(solve, damp, count, NULL, err));
    for (size_t a = 0; a < solve->n_active; a++) {
        size_t c = solve->active[a];
        double curvature = solve->numbers[0][c];
        factor[c] = curvature > 0 ? rz[c] / curvature : 0;
    }
    AT_TRY(at_solve_step(solve, advance, count, factor, err));
    for (size_t a = 0; a < solve->n_active; a++) {
        size_t c = solve->active[a];
        double next = fmax(solve->numbers[0][c], 0);
        factor[c] = rz[c] > 0 ? next / rz[c] : 0;
        rz[c] = next;
    }
    at_solve_rate(solve);
    AT_TRY(at_solve_step(solve, turn, count, factor, err));
done:
    return status;
}

attrib_status at_solve_cg(at_solve *solve, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = solve->setup;
    double *rz = NULL;
    double *factor = NULL;
    size_t n_left = setup->options.refine_steps;
    AT_TRY(at_array(solve->n_cases, sizeof *rz, &rz, err));
    AT_TRY(at_array(solve->n_cases, sizeof *factor, &factor, err));
    at_solve_activate(solve, AT_REFINED_ENOUGH);
    AT_TRY(at_solve_step(solve, begin, 1, NULL, err));
    memcpy(rz, solve->numbers[0], solve->n_cases * sizeof *rz);
    for (; n_left > 0 && solve->n_active > 0; n_left--) {
        AT_TRY(take_step(solve, rz, factor, err));
        at_solve_activate(solve, AT_REFINED_ENOUGH);
    }
    at_stage_skip(setup->session, "refine", (double)n_left);
done:
    free(rz);
    free(factor);
    return status;
}

/* 2. Steps along residuals of batches
 *
 *     x += alpha_k N (G - (H_k + damping) x)
 *
 * with H_k of one of AT_REFINE_BATCHES parts of the sample after the other. ASTRA has
 * N = M^-1, and begins with EK-FAC's solution; LiSSA has N = 1, and begins with alpha G,
 * which is its v_0 where v is x / alpha. */

static bool is_plain(const at_solve *solve)
{
    return solve->setup->options.refine == ATTRIB_REFINE_LISSA;
}

/* desk = N v */
static void take_direction(const at_solve_map *map, size_t c, const float *v)
{
    if (is_plain(map->solve)) {
        memcpy(map->desk, v, map->n_entries * sizeof *v);
    } else {
        at_solve_precondition(map, c, v, map->desk);
    }
}

/* p = N G;  number 0 |p|^2 */
static void begin_power(const at_solve_map *map, size_t c)
{
    float *p = at_solve_p(map->solve, map->m, c);
    take_direction(map, c, at_solve_g(map->solve, map->m, c));
    memcpy(p, map->desk, map->n_entries * sizeof *p);
    at_solve_add(map, 0, c, at_dot(p, p, map->n_entries));
}

/* With 1 / |p| given: p = N (H + damping) p / |p|;  number 0 |p|^2 */
static void power(const at_solve_map *map, size_t c)
{
    float *p = at_solve_p(map->solve, map->m, c);
    float *r = at_solve_r(map->solve, map->m, c);
    const double *sum = at_solve_sum(map->solve, map->m, c);
    double damping = at_solve_damping(map->solve, map->m, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        r[k] = (float)(map->given[c] * (sum[k] / map->count + damping * (double)p[k]));
    }
    take_direction(map, c, r);
    memcpy(p, map->desk, map->n_entries * sizeof *p);
    at_solve_add(map, 0, c, at_dot(p, p, map->n_entries));
}

/* x = alpha G */
static void begin_plain(const at_solve_map *map, size_t c)
{
    const float *g = at_solve_g(map->solve, map->m, c);
    float *x = at_solve_x(map->solve, map->m, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        x[k] = (float)(map->given[c] * (double)g[k]);
    }
}

/* With alpha_k given: x += alpha_k N (G - (H_k + damping) x) */
static void follow_batch(const at_solve_map *map, size_t c)
{
    const float *g = at_solve_g(map->solve, map->m, c);
    const double *sum = at_solve_sum(map->solve, map->m, c);
    float *x = at_solve_x(map->solve, map->m, c);
    float *r = at_solve_r(map->solve, map->m, c);
    double damping = at_solve_damping(map->solve, map->m, c);
    for (size_t k = 0; k < map->n_entries; k++) {
        r[k] = (float)((double)g[k] - sum[k] / map->count - damping * (double)x[k]);
    }
    take_direction(map, c, r);
    for (size_t k = 0; k < map->n_entries; k++) {
        x[k] = (float)((double)x[k] + map->given[c] * (double)map->desk[k]);
    }
}

/* alpha [n_cases] = 1 / the largest eigenvalue of N (H + damping), from some powers of
 * it, which approach it from below. */
static attrib_status choose_alpha(at_solve *solve, double *alpha, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double count = 0;
    AT_TRY(at_solve_step(solve, begin_power, 1, NULL, err));
    for (size_t i = 0; i < AT_REFINE_POWERS; i++) {
        for (size_t c = 0; c < solve->n_cases; c++) {
            double square = solve->numbers[0][c];
            alpha[c] = square > 0 ? 1 / sqrt(square) : 0;
        }
        AT_TRY(at_solve_multiply(solve, false, 0, 1, &count, err));
        AT_TRY(at_solve_step(solve, power, count, alpha, err));
    }
    for (size_t c = 0; c < solve->n_cases; c++) {
        double square = solve->numbers[0][c];
        alpha[c] = square > 0 ? 1 / sqrt(square) : 0;
    }
done:
    return status;
}

/* The share of alpha that step k of n takes: all of it in the first half, then less, to
 * a tenth, so that what batches differ by averages out. */
static double share_of(size_t k, size_t n)
{
    double late = fmax(0, 2 * (double)k / (double)n - 1);
    return 1 - 0.9 * late;
}

attrib_status at_solve_batches(at_solve *solve, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = solve->setup;
    size_t n_steps = setup->options.refine_steps;
    size_t n_batches = at_smaller(AT_REFINE_BATCHES, setup->n_sampled);
    double *alpha = NULL;
    double *now = NULL;
    AT_TRY(at_array(solve->n_cases, sizeof *alpha, &alpha, err));
    AT_TRY(at_array(solve->n_cases, sizeof *now, &now, err));
    at_solve_activate(solve, -1);
    AT_TRY(choose_alpha(solve, alpha, err));
    if (is_plain(solve)) {
        AT_TRY(at_solve_step(solve, begin_plain, 1, alpha, err));
    }
    for (size_t k = 0; k < n_steps; k++) {
        double count = 0;
        for (size_t c = 0; c < solve->n_cases; c++) {
            now[c] = alpha[c] * share_of(k, n_steps);
        }
        AT_TRY(at_solve_multiply(solve, true, k % n_batches, n_batches, &count, err));
        AT_TRY(at_solve_step(solve, follow_batch, count, now, err));
    }
done:
    free(alpha);
    free(now);
    return status;
}

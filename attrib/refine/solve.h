/* SPDX-License-Identifier: MIT */
/* Some queries that are solved for together, under every setting: their vectors, and the
 * steps that solvers are made of. A case is a query under a setting. */
#ifndef AT_REFINE_SOLVE_H
#define AT_REFINE_SOLVE_H

#include "gradient/products.h"
#include "refine/refine.h"

typedef struct at_solve {
    const at_setup *setup;
    at_prepared *prepared; /* of the tile: holds the solutions x */
    at_prepared gradients; /* of these queries: right sides G */
    at_tile queries;       /* these, counted in the tile */
    size_t n_cases;        /* settings x queries, ordered by setting */
    float **r, **p;        /* [n_maps, n_cases] each [O, I]; in the bank */
    double **sum;          /* the same, of products */
    double *dots[2];       /* [n_maps, n_cases] parts of what steps sum up */
    double *numbers[2];    /* [n_cases] these sums, in the order of the maps */
    double *scale;         /* [n_cases] <G, M^-1 G>, M of EK-FAC */
    double *residual;      /* [n_cases] sqrt(<r, M^-1 r> / scale) */
    size_t *active;        /* [n_active] cases that the next step is for */
    size_t n_active;
    at_product_map *maps;  /* [n_maps] */
    const float **vectors; /* [n_maps, n_cases] pointers that these have */
    double **products;
    char **desks; /* [n_workers] */
    char *bank;
} at_solve;

attrib_status at_solve_open(const at_setup *setup,
                            at_prepared *prepared,
                            at_tile queries,
                            at_solve *out,
                            attrib_error *err);
void at_solve_close(at_solve *solve);

/* One query's bytes. */
double at_solve_query_bytes(const at_setup *setup);

/* A map under work: what a step does for one case. */
typedef struct at_solve_map {
    at_solve *solve;
    size_t m, n_entries;
    double count; /* sequences that sum is of */
    at_factor *factor;
    const double *given;   /* [n_cases] of the step, or NULL */
    float *desk, *scratch; /* [O, I] */
} at_solve_map;

typedef void (*at_solve_fn)(const at_solve_map *map, size_t i_case);

/* Entry 0 of case c in map m. */
float *at_solve_x(const at_solve *solve, size_t m, size_t c);
const float *at_solve_g(const at_solve *solve, size_t m, size_t c);
float *at_solve_r(const at_solve *solve, size_t m, size_t c);
float *at_solve_p(const at_solve *solve, size_t m, size_t c);
double *at_solve_sum(const at_solve *solve, size_t m, size_t c);
double at_solve_damping(const at_solve *solve, size_t m, size_t c);

/* Add to number k of a case. */
void at_solve_add(const at_solve_map *map, size_t k, size_t c, double value);

/* out = M^-1 v, which may be v. */
void at_solve_precondition(const at_solve_map *map, size_t c, const float *v, float *out);

/* Make all cases active, or those alone whose residual is above a limit. */
void at_solve_activate(at_solve *solve, double residual_above);

/* sum = H v over part i of n of the sample, summed over its sequences, for active cases;
 * v is x, or p. *count: its sequences. */
attrib_status at_solve_multiply(at_solve *solve,
                                bool of_x,
                                size_t i_part,
                                size_t n_parts,
                                double *count,
                                attrib_error *err);

/* Do a step for all active cases in every map whose gradients do not vanish, map by map
 * on all workers; then sum up its numbers. */
attrib_status at_solve_step(at_solve *solve,
                            at_solve_fn fn,
                            double count,
                            const double *given,
                            attrib_error *err);

/* Residuals of active cases from their numbers 0, <r, M^-1 r>. */
void at_solve_rate(at_solve *solve);

/* r = G - (H + damping) x over the whole sample, and the residuals of all cases; numbers
 * 1 are <x, G>. */
attrib_status at_solve_residuals(at_solve *solve, attrib_error *err);

/* The solvers (iterate.c); residuals are those of the last step. */
attrib_status at_solve_cg(at_solve *solve, attrib_error *err);
attrib_status at_solve_batches(at_solve *solve, attrib_error *err);

#endif

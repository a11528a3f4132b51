/* SPDX-License-Identifier: MIT */
/* Gradients in the eigenbasis, and the damped inverse of the Fisher applied to them. */
#ifndef AT_CURVATURE_INVERSE_H
#define AT_CURVATURE_INVERSE_H

#include "curvature/factors.h"
#include "linalg/multiply.h"

/* How the Fisher is inverted, as options say it. */
typedef struct at_damping {
    attrib_strategy strategy;
    double damping;
    bool is_absolute; /* else the value is damping x mean(Lambda) of each map */
} at_damping;

/* Products are f32, or in the precision of a multiplier where one is given, which may be
 * NULL. */

/* G [O, I] = ds' a: the gradient of one sequence, ds [T, O], a [T, I]. */
void at_form_gradient(at_multiplier *multiplier,
                      const float *ds,
                      const float *a,
                      size_t n_rows,
                      size_t out_dim,
                      size_t in_dim,
                      float *gradient);

/* Into the eigenbasis: out [n_rows, dim] = x U. x is not `out`. */
void at_rotate(at_multiplier *multiplier,
               const at_basis *basis,
               const float *x,
               size_t n_rows,
               float *out);

/* Back from it: out [dim, n_columns] = U x. x is not `out`. */
void at_rotate_columns_back(const at_basis *basis,
                            const float *x,
                            size_t n_columns,
                            float *out);

/* Multiply-adds of rotating one row: the sum of the squares of the blocks' sizes. */
double at_rotate_products(const at_basis *basis);

/* out [O, I] = U_S' G U_A; scratch [O, I]. G may be `out`. */
void at_rotate_gradient(at_multiplier *multiplier,
                        const at_factor *factor,
                        const float *gradient,
                        float *scratch,
                        float *out);

/* Whether rotating rows costs less than rotating the gradients of n_sequences sequences.
 */
bool at_rotate_rows_first(const at_factor *factor, size_t n_rows, size_t n_sequences);

/* Add to `load` the cost of forming the gradients of n_sequences sequences with n_rows
 * rows in all, each in panels of panel_rows rows at most, and, where is_rotated, of
 * taking them to the eigenbasis by the cheaper way. Numbers need not be whole. */
void at_load_gradients(const at_factor *factor,
                       bool is_rotated,
                       double n_rows,
                       double n_sequences,
                       double panel_rows,
                       attrib_load *load);

/* Add n entries of Lambda to its sums, those of roots where has_roots. The bytes of the
 * sums depend on the entries alone where all calls but the last are given a multiple of
 * 1,024. */
void at_lambda_add(const double *lambda, size_t n, bool has_roots, at_lambda_sums *out);

/* Whether at_damping_of() takes nothing of a map but its sums and sizes. */
bool at_knows_damping(const attrib_factors *factors,
                      const at_factor *factor,
                      attrib_strategy strategy);

/* The value that is added to Lambda (in its units: nats^2 per weight^2). ENUMERIC unless
 * Lambda + damping is positive and finite everywhere. Infinite where Lambda is 0
 * everywhere and damping is relative: the gradients of the map vanished on the documents
 * that were fitted, and every quotient becomes 0. For the identity strategy `factor` may
 * be NULL, and the value is 0. */
attrib_status at_damping_of(const attrib_factors *factors,
                            const at_factor *factor,
                            const at_damping *how,
                            const char *name,
                            double *out,
                            attrib_error *err);

/* The inverse takes three steps: into the basis in which it divides, the division, and
 * back. That basis is the eigenbasis for ekfac and kfac, and the weights' own for the
 * others. */
typedef struct at_inverse {
    const attrib_factors *factors; /* this and the next may be NULL for identity */
    const at_factor *factor;       /* of the map, loaded */
    attrib_strategy strategy;
    double damping; /* what at_damping_of() found */
} at_inverse;

/* Whether the strategy divides in the eigenbasis. */
bool at_is_rotated(attrib_strategy strategy);

/* out [O, I] = U_S' G U_A of the rows a [n_rows, I], ds [n_rows, O] of one sequence, by
 * the cheaper way. scratch holds O I + n_rows (O + I) floats. */
void at_form_rotated_gradient(const at_factor *factor,
                              const float *ds,
                              const float *a,
                              size_t n_rows,
                              float *scratch,
                              float *out);

/* out = v / (Lambda + damping), all of v [O, I], which may be `out`. A copy for identity.
 */
void at_divide(const at_inverse *inverse, const float *v, size_t n_entries, float *out);

/* What becomes of the eigenvalues sigma, with a number x >= 0. */
typedef enum at_spectral {
    AT_SPECTRAL_INVERSE, /* 1 / (sigma + x) */
    AT_SPECTRAL_HELD,    /* x / (sigma + x); 1 where x is infinite */
    AT_SPECTRAL_DECAYED, /* exp(-x sigma) */
    AT_SPECTRAL_LEARNED, /* (1 - exp(-x sigma)) / sigma; x where sigma is 0 */
} at_spectral;

/* v [O, I], in the basis that the strategy divides in, times this function of Lambda;
 * x is inverse->damping. Not for identity. */
void at_apply_spectral(const at_inverse *inverse,
                       at_spectral how,
                       float *v,
                       size_t n_entries);

/* < v / (Lambda + damping), v > for v [O, I], summed in f64; |v|^2 for identity. */
double at_inverse_square(const at_inverse *inverse, const float *v, size_t n_entries);

/* out [I] = what at_inverse_square() multiplies the squares of row i by. */
void at_inverse_row(const at_inverse *inverse, size_t i, double *out);

/* v [O, I] = U_S v U_A', or v as it is; scratch [O, I]. */
void at_gradient_from_basis(const at_factor *factor,
                            attrib_strategy strategy,
                            float *scratch,
                            float *v);

#endif

/* SPDX-License-Identifier: MIT */
/* Factors in memory, and the stages that make them. */
#ifndef AT_CURVATURE_FACTORS_H
#define AT_CURVATURE_FACTORS_H

#include "attrib/curvature.h"
#include "base/file.h"
#include "gradient/pass.h"

/* The factors of one linear map. What a strategy does not have is NULL. */
typedef struct at_factor {
    size_t module;          /* index in the model */
    size_t in_dim, out_dim; /* I, O */
    double *covariance_a;   /* packed lower triangle of A [I, I]: row i has i + 1; raw sum
                               over rows */
    double *covariance_s;   /* packed lower triangle of S [O, O] */
    float *basis_a;   /* U_A' [I, I]: eigenvectors in ROWS, by ascending eigenvalue */
    float *basis_s;   /* U_S' [O, O] */
    double *values_a; /* [I] eigenvalues of A / n_tokens */
    double *values_s; /* [O] eigenvalues of S / n_tokens */
    double *lambda;   /* [O, I] raw sum over sequences, in the eigenbasis, or for DIAGONAL
                         of weights */
} at_factor;

struct attrib_factors {
    attrib_factors_info info; /* texts point into the fields below */
    at_factor *factors;       /* [info.n_modules], ascending by module */
    char model_hash[AT_HASH_SIZE], corpus_hash[AT_HASH_SIZE];
    char identity[AT_HASH_SIZE]; /* of what they were fitted from, or of the files' bytes
                                  */
    char *modules;               /* the selection; owned */
};

/* Entries of a packed lower triangle of n rows; ERANGE where that overflows. */
attrib_status at_triangle_size(size_t n, size_t *out, attrib_error *err);

/* A factors object with dims from the model and no sums. `modules` is copied. */
attrib_status at_factors_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             const char *modules,
                             attrib_factors **out,
                             attrib_error *err);

/* The stages, in order. Each fills its arrays of `factors`. */
attrib_status at_fit_covariances(const at_pass *pass,
                                 const at_source *source,
                                 attrib_factors *factors,
                                 attrib_error *err);
attrib_status at_fit_eigenbases(attrib_session *session,
                                const attrib_model *model,
                                attrib_factors *factors,
                                attrib_error *err);
/* In the eigenbases where there are any, else of single weights (the diagonal strategy).
 */
attrib_status at_fit_lambda(const at_pass *pass,
                            const at_source *source,
                            attrib_factors *factors,
                            attrib_error *err);
#endif

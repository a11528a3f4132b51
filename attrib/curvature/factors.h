/* SPDX-License-Identifier: MIT */
/* Factors in memory, and the stages that make them. */
#ifndef AT_CURVATURE_FACTORS_H
#define AT_CURVATURE_FACTORS_H

#include "attrib/curvature.h"
#include "base/file.h"
#include "gradient/pass.h"

/* Eigenvectors of a block-diagonal matrix [dim, dim]; n_blocks 1 is a dense one. */
typedef struct at_basis {
    size_t dim, n_blocks;
    float *vectors; /* U', block behind block: [m, m] with eigenvectors in ROWS, by
                       ascending eigenvalue; NULL for none */
} at_basis;

/* The factors of one linear map. What a strategy does not have is NULL. */
typedef struct at_factor {
    char *name;             /* of the map; owned */
    size_t module;          /* index in the model */
    size_t in_dim, out_dim; /* I, O */
    double *covariance_a;   /* A, raw sum over rows: the packed lower triangles of its
                               blocks, row i of a block has i + 1 */
    double *covariance_s;   /* S, the same */
    at_basis basis_a;       /* U_A' */
    at_basis basis_s;       /* U_S' */
    double *values_a;       /* [I] eigenvalues of A / n_tokens, block behind block */
    double *values_s;       /* [O] eigenvalues of S / n_tokens */
    double *lambda; /* [O, I] raw sum over sequences, in the eigenbasis, or for DIAGONAL
                       of weights */
} at_factor;

/* Documents whose sums are in factors: sequences [first, end) of a corpus, which are its
 * parts [first_part, end_part) of n_parts, added in this order. */
typedef struct at_origin {
    char corpus_hash[AT_HASH_SIZE];
    size_t first, end;
    size_t first_part, end_part, n_parts;
    size_t count;  /* of what was summed: rows, or for Lambda sequences */
    uint64_t seed; /* of the drawn labels */
} at_origin;

/* The most parts of a corpus. */
#define AT_MAX_PARTS 1000000

typedef struct at_origins {
    at_origin *list; /* [n] in the order summed; owned */
    size_t n, capacity;
} at_origins;

struct attrib_factors {
    attrib_factors_info info; /* texts point into the fields below */
    at_factor *factors;       /* [info.n_modules], ascending by module */
    struct at_folder *folder; /* that holds the arrays of factors, which are read map by
                                 map (folder.h); NULL: they are in memory; owned */
    char model_hash[AT_HASH_SIZE], corpus_hash[AT_HASH_SIZE];
    char corpus_date[ATTRIB_DATE_SIZE];
    char identity[AT_HASH_SIZE]; /* of what they were fitted from, or of the files' bytes
                                  */
    char basis_hash[AT_HASH_SIZE]; /* of all eigenvectors; "" where files do not say */
    char *modules;                 /* the selection; owned */
    at_origins of_covariances, of_lambda; /* none where files do not say */
};

/* The stages of a fit, in order. */
typedef enum at_fit_stage {
    AT_FIT_COVARIANCE,
    AT_FIT_BASIS,
    AT_FIT_LAMBDA,
    AT_N_FIT_STAGES
} at_fit_stage;

/* Entries of the packed lower triangles of a matrix's blocks, and of its eigenvectors;
 * ERANGE where that overflows. */
attrib_status at_triangle_size(size_t dim,
                               size_t n_blocks,
                               size_t *out,
                               attrib_error *err);
attrib_status at_basis_size(size_t dim, size_t n_blocks, size_t *out, attrib_error *err);

/* A factors object with dims from the model and no sums. `modules` is copied. */
attrib_status at_factors_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             const char *modules,
                             attrib_factors **out,
                             attrib_error *err);

/* Add `more` behind what is there. EINVAL, naming it, where a sequence is in both: its
 * sums would count twice. `name` is of what holds `more`. */
attrib_status at_origins_add(at_origins *origins,
                             const at_origins *more,
                             const char *name,
                             attrib_error *err);

/* A and S of every map in n_blocks blocks; EINVAL names a map that has fewer coordinates.
 * Before anything is summed. */
attrib_status at_factors_set_blocks(attrib_factors *factors,
                                    size_t n_blocks,
                                    attrib_error *err);

/* Room for the eigenvectors of a basis whose size and blocks are set. */
attrib_status at_basis_new(at_basis *basis, attrib_error *err);

/* Free the arrays of a map, which are NULL then. */
void at_factor_clear(at_factor *factor);

#endif

/* SPDX-License-Identifier: MIT */
/* Factors: what is known of them, and where their numbers are, which is in memory or in
 * the opened files of a folder. */
#ifndef AT_CURVATURE_FACTORS_H
#define AT_CURVATURE_FACTORS_H

#include "attrib/curvature.h"
#include "base/file.h"
#include "gradient/pass.h"

/* The names of strategies, in the order of their enum: those that fits are of, and the
 * others, each after an `OR`. */
#define AT_FITTED_STRATEGIES(OR) "ekfac" OR "kfac" OR "diagonal"
#define AT_OTHER_STRATEGIES(OR)                                                          \
    OR "identity" OR "bm25" OR "hidden" OR "optimizer" OR "optimizer-root"

/* Coordinates [first, first + size) of a vector. */
typedef struct at_extent {
    size_t first, size;
} at_extent;

/* Block b < n_blocks of a block-diagonal matrix [dim, dim]. */
static inline at_extent at_diagonal_block(size_t dim, size_t n_blocks, size_t b)
{
    size_t first = at_block_start(dim, n_blocks, b);
    return (at_extent){first, at_block_start(dim, n_blocks, b + 1) - first};
}

/* The two sides of a linear map, each with a covariance. */
typedef enum at_side {
    AT_SIDE_A, /* inputs */
    AT_SIDE_S  /* output gradients */
} at_side;

/* Eigenvectors of a block-diagonal matrix [dim, dim], which is dense for n_blocks 1. */
typedef struct at_basis {
    size_t dim, n_blocks;
    float *vectors; /* U', one block after the other: [m, m] with eigenvectors in ROWS, by
                       ascending eigenvalue; NULL for none */
} at_basis;

/* What dampings depend on, of all entries of Lambda. */
typedef struct at_lambda_sums {
    double sum, of_roots; /* roots: of an optimizer's moments alone, else 0 */
    double smallest;
    size_t n; /* entries; 0: they were not summed yet */
} at_lambda_sums;

/* The factors of one linear map. What a strategy does not have is NULL. */
typedef struct at_factor {
    char *name;             /* of the map; owned */
    size_t module;          /* index in the model */
    size_t in_dim, out_dim; /* I, O */
    double *covariance_a;   /* A, raw sum over rows: the packed lower triangles of its
                               blocks, in which row i has i + 1 entries */
    double *covariance_s;   /* S, the same */
    at_basis basis_a;       /* U_A' */
    at_basis basis_s;       /* U_S' */
    double *values_a;    /* [I] eigenvalues of A / n_tokens, one block after the other */
    double *values_s;    /* [O] eigenvalues of S / n_tokens, the same */
    double *lambda;      /* [O, I] raw sum over sequences of squared gradients: in the
                            eigenbasis, or for DIAGONAL of single weights */
    at_lambda_sums sums; /* of lambda, where it was read when its file was opened */
} at_factor;

/* Which array of a map a file holds. Pieces of A and S come in pairs. */
typedef enum at_factor_piece {
    AT_PIECE_COVARIANCE_A,
    AT_PIECE_COVARIANCE_S,
    AT_PIECE_BASIS_A,
    AT_PIECE_BASIS_S,
    AT_PIECE_VALUES_A,
    AT_PIECE_VALUES_S,
    AT_PIECE_LAMBDA,
    AT_N_PIECES
} at_factor_piece;

/* Documents that were summed: sequences [first, end) of a corpus, which are its parts
 * [first_part, end_part) of n_parts, added in this order. */
typedef struct at_origin {
    char corpus_hash[AT_HASH_SIZE];
    size_t first, end;
    size_t first_part, end_part, n_parts;
    size_t count;  /* rows that were summed, or for Lambda sequences */
    uint64_t seed; /* of the drawn labels */
} at_origin;

/* The most parts of a corpus: far more than processes that share a fit, and few enough to
 * be looked through one by one when a hostile manifest claims them. */
#define AT_MAX_PARTS 1000000

typedef struct at_origins {
    at_origin *list; /* [n] in the order summed; owned */
    size_t n, capacity;
} at_origins;

struct attrib_factors {
    attrib_factors_info info; /* texts point into the fields below */
    at_factor *factors;       /* [info.n_modules], ascending by module */
    struct at_files *files;   /* where the arrays of all maps are (factor_files.h), which
                                 at_factor_load() reads; NULL: in memory; owned */
    bool is_outline;          /* not fitted yet: they will be in files of these sizes */
    char model_hash[AT_HASH_SIZE], corpus_hash[AT_HASH_SIZE];
    char corpus_date[ATTRIB_DATE_SIZE];
    char *kernels;          /* attrib_kernels_describe() of who wrote them; owned */
    char *corpus_selection; /* attrib_corpus_selection(); NULL: all documents; owned */
    char identity[AT_HASH_SIZE];   /* hash of what they were fitted from, or, once opened
                                      for   scoring, of the bytes that scores depend on */
    char basis_hash[AT_HASH_SIZE]; /* of all eigenvectors; "" where files do not say */
    char *modules;                 /* the selection; owned */
    size_t i_run, n_runs; /* maps of run i_run of n_runs of those that were summed, whose
                             eigenvectors were found by as many machines; n_runs 0: all
                             maps */
    at_origins of_covariances, of_lambda;  /* empty where files do not say */
    char seals[AT_N_PIECES][AT_HASH_SIZE]; /* hash of each piece's file, by which changes
                                              are noticed; "" where files do not say */
};

/* The stages of a fit, in order. */
typedef enum at_fit_stage {
    AT_FIT_COVARIANCE,
    AT_FIT_BASIS,
    AT_FIT_LAMBDA,
    AT_N_FIT_STAGES
} at_fit_stage;

/* "covariance", "eigenbasis", "lambda" */
extern const char *const at_fit_stage_names[AT_N_FIT_STAGES];

/* Entries of the packed lower triangles of a matrix's blocks, and of its eigenvectors;
 * ERANGE where that overflows. */
attrib_status at_triangle_size(size_t dim,
                               size_t n_blocks,
                               size_t *out,
                               attrib_error *err);
attrib_status at_basis_size(size_t dim, size_t n_blocks, size_t *out, attrib_error *err);

/* Factors without maps; `modules` is copied. */
attrib_status at_factors_make(const char *modules,
                              attrib_factors **out,
                              attrib_error *err);
/* Room for n maps, which at_factor_set() describes; at_factors_set_blocks() comes last.
 */
attrib_status at_factors_reserve(attrib_factors *factors, size_t n, attrib_error *err);
attrib_status at_factor_set(at_factor *factor,
                            const char *name,
                            size_t in_dim,
                            size_t out_dim,
                            attrib_error *err);

/* All of these for maps of a model, in one block each, without arrays. */
attrib_status at_factors_new(const attrib_model *model,
                             const size_t *tracked,
                             size_t n_tracked,
                             const char *modules,
                             attrib_factors **out,
                             attrib_error *err);

/* Append `more`, which the errors call `name`. EINVAL where a sequence is in both, as it
 * would count twice. */
attrib_status at_origins_add(at_origins *origins,
                             const at_origins *more,
                             const char *name,
                             attrib_error *err);

/* Cut A and S of every map into n_blocks blocks, before anything is summed. EINVAL names
 * a map that has fewer coordinates. */
attrib_status at_factors_set_blocks(attrib_factors *factors,
                                    size_t n_blocks,
                                    attrib_error *err);

/* The dimension of one side, and the shape of its basis. */
size_t at_side_dim(const at_factor *factor, at_side side);
at_basis *at_side_basis(at_factor *factor, at_side side);

/* Room for the eigenvectors of a basis whose size and blocks are set. */
attrib_status at_basis_new(at_basis *basis, attrib_error *err);

/* Free the arrays of a map; they are NULL then. */
void at_factor_clear(at_factor *factor);

#endif

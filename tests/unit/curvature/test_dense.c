/* SPDX-License-Identifier: MIT */
/* The damped inverse against dense algebra in f64 on a tiny decoder.
 *
 * The reference sums covariances with loops, finds eigenvectors by Jacobi rotations,
 * writes the Fisher of a map out as a matrix over all its weights, and solves with it by
 * elimination. It shares with the library only the pairs (a, ds). */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "curvature/fit.h"
#include "curvature/inverse.h"
#include "support/tiny.h"

#define N_SEQUENCES 40
#define N_TOKENS    8
#define MAX_DIM     6
#define MAX_WEIGHTS (MAX_DIM * MAX_DIM)

/* 1. Sequences, and the pairs that the pass hands out */

typedef struct sequences {
    int32_t ids[N_SEQUENCES][N_TOKENS];
    uint8_t mask[N_TOKENS];
} sequences;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const sequences *s = context;
    *out = (attrib_sequence){
        .document = i, .n_tokens = N_TOKENS, .ids = s->ids[i], .mask = s->mask};
}

static void make_sequences(sequences *s)
{
    for (size_t t = 0; t < N_TOKENS; t++) {
        s->mask[t] = t > 0;
        for (size_t i = 0; i < N_SEQUENCES; i++) {
            s->ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(11, i, t));
        }
    }
}

/* The pairs of one map: a [N, T, I], ds [N, T, O]. */
typedef struct pairs {
    size_t in_dim, out_dim, i_map;
    float a[N_SEQUENCES * N_TOKENS * MAX_DIM];
    float ds[N_SEQUENCES * N_TOKENS * MAX_DIM];
} pairs;

static attrib_status keep_pairs(void *context,
                                void *scratch,
                                const attrib_visit *visit,
                                attrib_error *err)
{
    pairs *p = context;
    size_t n_rows = visit->block->n_rows;
    (void)scratch;
    (void)err;
    if (visit->i_tracked == p->i_map) {
        size_t first = visit->block->first_sequence * N_TOKENS;
        memcpy(p->a + first * p->in_dim, visit->a, n_rows * p->in_dim * sizeof *p->a);
        memcpy(p->ds + first * p->out_dim, visit->ds,
               n_rows * p->out_dim * sizeof *p->ds);
    }
    return ATTRIB_OK;
}

/* 2. The reference, in f64 */

/* Whether coordinates i and j of n stand in the same of n_blocks blocks. Block b begins
 * at the floor of b n / n_blocks. */
static bool share_block(size_t i, size_t j, size_t n, size_t n_blocks)
{
    size_t block_i = 0;
    size_t block_j = 0;
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = b * n / n_blocks;
        block_i = i >= first ? b : block_i;
        block_j = j >= first ? b : block_j;
    }
    return block_i == block_j;
}

/* M [n, n] = sum over rows x x' / n_rows, with zeros off the blocks */
static void covariance(
    const float *x, size_t n_rows, size_t n, size_t n_blocks, double *m)
{
    memset(m, 0, n * n * sizeof *m);
    for (size_t t = 0; t < n_rows; t++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                double product = (double)x[t * n + i] * (double)x[t * n + j];
                m[i * n + j] +=
                    share_block(i, j, n, n_blocks) ? product / (double)n_rows : 0;
            }
        }
    }
}

/* Eigenvectors of a symmetric m [n, n] in the columns of u, by cyclic Jacobi rotations; m
 * becomes diagonal. */
static void jacobi(double *m, size_t n, double *u)
{
    memset(u, 0, n * n * sizeof *u);
    for (size_t i = 0; i < n; i++) {
        u[i * n + i] = 1;
    }
    for (size_t sweep = 0; sweep < 100; sweep++) {
        for (size_t p = 0; p < n; p++) {
            for (size_t q = p + 1; q < n; q++) {
                double angle = 0.5 * atan2(2 * m[p * n + q], m[q * n + q] - m[p * n + p]);
                double c = cos(angle);
                double s = sin(angle);
                for (size_t k = 0; k < n; k++) {
                    double left = m[k * n + p];
                    double right = m[k * n + q];
                    m[k * n + p] = c * left - s * right;
                    m[k * n + q] = s * left + c * right;
                    left = u[k * n + p];
                    right = u[k * n + q];
                    u[k * n + p] = c * left - s * right;
                    u[k * n + q] = s * left + c * right;
                }
                for (size_t k = 0; k < n; k++) {
                    double left = m[p * n + k];
                    double right = m[q * n + k];
                    m[p * n + k] = c * left - s * right;
                    m[q * n + k] = s * left + c * right;
                }
            }
        }
    }
}

/* G [O, I] of one sequence. */
static void gradient(const pairs *p, size_t i_sequence, double *g)
{
    memset(g, 0, p->out_dim * p->in_dim * sizeof *g);
    for (size_t t = i_sequence * N_TOKENS; t < (i_sequence + 1) * N_TOKENS; t++) {
        for (size_t i = 0; i < p->out_dim; i++) {
            for (size_t j = 0; j < p->in_dim; j++) {
                g[i * p->in_dim + j] +=
                    (double)p->ds[t * p->out_dim + i] * (double)p->a[t * p->in_dim + j];
            }
        }
    }
}

/* Solve m x = b, m [n, n], by elimination with pivots; x replaces b. */
static void solve(double *m, double *b, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++) {
            pivot = fabs(m[i * n + k]) > fabs(m[pivot * n + k]) ? i : pivot;
        }
        for (size_t j = 0; j < n; j++) {
            double kept = m[k * n + j];
            m[k * n + j] = m[pivot * n + j];
            m[pivot * n + j] = kept;
        }
        double kept = b[k];
        b[k] = b[pivot];
        b[pivot] = kept;
        for (size_t i = k + 1; i < n; i++) {
            double factor = m[i * n + k] / m[k * n + k];
            for (size_t j = k; j < n; j++) {
                m[i * n + j] -= factor * m[k * n + j];
            }
            b[i] -= factor * b[k];
        }
    }
    for (size_t k = n; k-- > 0;) {
        for (size_t j = k + 1; j < n; j++) {
            b[k] -= m[k * n + j] * b[j];
        }
        b[k] /= m[k * n + k];
    }
}

/* F [OI, OI] = sum over eigenpairs (i, j) lambda[i, j] v v',  v = u_s,i outer u_a,j */
static void expand(const double *u_s,
                   const double *u_a,
                   size_t o,
                   size_t n_in,
                   const double *lambda,
                   double *f)
{
    size_t n = o * n_in;
    memset(f, 0, n * n * sizeof *f);
    for (size_t e = 0; e < n; e++) {
        double v[MAX_WEIGHTS];
        for (size_t w = 0; w < n; w++) {
            v[w] = u_s[(w / n_in) * o + e / n_in] * u_a[(w % n_in) * n_in + e % n_in];
        }
        for (size_t r = 0; r < n; r++) {
            for (size_t c = 0; c < n; c++) {
                f[r * n + c] += lambda[e] * v[r] * v[c];
            }
        }
    }
}

/* The Fisher of the map by strategy, as a matrix over its weights. */
static void dense_fisher(const pairs *p,
                         attrib_strategy strategy,
                         size_t n_blocks,
                         double *f)
{
    size_t o = p->out_dim;
    size_t n_in = p->in_dim;
    size_t n_rows = N_SEQUENCES * N_TOKENS;
    double a[MAX_WEIGHTS];
    double s[MAX_WEIGHTS];
    double u_a[MAX_WEIGHTS];
    double u_s[MAX_WEIGHTS];
    double lambda[MAX_WEIGHTS] = {0};
    covariance(p->a, n_rows, n_in, n_blocks, a);
    covariance(p->ds, n_rows, o, n_blocks, s);
    if (strategy == ATTRIB_KFAC) {
        for (size_t r = 0; r < o * n_in; r++) {
            for (size_t c = 0; c < o * n_in; c++) {
                f[r * o * n_in + c] =
                    s[(r / n_in) * o + c / n_in] * a[(r % n_in) * n_in + c % n_in];
            }
        }
        return;
    }
    jacobi(a, n_in, u_a);
    jacobi(s, o, u_s);
    if (strategy == ATTRIB_DIAGONAL) {
        memset(u_a, 0, sizeof u_a);
        memset(u_s, 0, sizeof u_s);
        for (size_t i = 0; i < n_in; i++) {
            u_a[i * n_in + i] = 1;
        }
        for (size_t i = 0; i < o; i++) {
            u_s[i * o + i] = 1;
        }
    }
    for (size_t i_sequence = 0; i_sequence < N_SEQUENCES; i_sequence++) {
        double g[MAX_WEIGHTS];
        gradient(p, i_sequence, g);
        for (size_t e = 0; e < o * n_in; e++) {
            double rotated = 0;
            for (size_t w = 0; w < o * n_in; w++) {
                rotated += u_s[(w / n_in) * o + e / n_in] * g[w] *
                           u_a[(w % n_in) * n_in + e % n_in];
            }
            lambda[e] += rotated * rotated / N_SEQUENCES;
        }
    }
    expand(u_s, u_a, o, n_in, lambda, f);
}

/* 3. The comparison */

static void compare(const attrib_factors *factors,
                    const at_factor *factor,
                    const pairs *p,
                    attrib_strategy strategy)
{
    attrib_error err = {0};
    const at_damping how = {strategy, 0.1, false};
    size_t n = p->out_dim * p->in_dim;
    double f[MAX_WEIGHTS * MAX_WEIGHTS];
    double want[MAX_WEIGHTS];
    double plain[MAX_WEIGHTS];
    double square = 0;
    double trace = 0;
    double damping = 0;
    double largest = 0;
    float got[MAX_WEIGHTS];
    float scratch[MAX_WEIGHTS + N_TOKENS * 2 * MAX_DIM];
    dense_fisher(p, strategy, factors->info.n_blocks, f);
    for (size_t w = 0; w < n; w++) {
        trace += f[w * n + w];
    }
    check_ok(at_damping_of(factors, factor, &how, "map", &damping, &err), &err);
    double expected = 0.1 * trace / (double)n;
    /* The mean of Lambda, from rows rotated by f32 eigenvectors of at most 6 entries on
     * either side, and squared: 2 x 2 x 6 x 2^-24 = 1.4e-6. */
    check_close_f64(&damping, &expected, 1, 1.4e-6, 0, "damping");
    for (size_t w = 0; w < n; w++) {
        f[w * n + w] += expected;
    }
    gradient(p, 3, want);
    memcpy(plain, want, sizeof plain);
    solve(f, want, n);
    for (size_t w = 0; w < n; w++) {
        square += plain[w] * want[w];
    }
    const float *a = p->a + 3 * N_TOKENS * p->in_dim;
    const float *ds = p->ds + 3 * N_TOKENS * p->out_dim;
    if (at_is_rotated(strategy)) {
        at_form_rotated_gradient(factor, ds, a, N_TOKENS, scratch, got);
    } else {
        at_form_gradient(NULL, ds, a, N_TOKENS, p->out_dim, p->in_dim, got);
    }
    const at_inverse inverse = {factors, factor, strategy, damping};
    double got_square = at_inverse_square(&inverse, got, n);
    /* A sum of positive terms, each with the rounding of one gradient's rotation,
     * squared: 2 x 32 x 6e-8 = 3.8e-6, and as much of the factors. */
    check_close_f64(&got_square, &square, 1, 8e-6, 0, "inverse square");
    at_divide(&inverse, got, n, got);
    at_gradient_from_basis(factor, strategy, scratch, got);
    for (size_t w = 0; w < n; w++) {
        largest = fmax(largest, fabs(want[w]));
    }
    /* f32 rotations of at most 8 terms four times over, then a division whose condition
     * is at most (largest Lambda + damping) / damping, near 100 here: 100 x 32 x 6e-8. */
    check_close_f32(got, want, n, 0, 2e-4 * largest, attrib_strategy_name(strategy));
}

static void check_strategies(attrib_strategy fitted,
                             size_t n_blocks,
                             const attrib_strategy *used,
                             size_t n_used)
{
    attrib_error err = {0};
    sequences s;
    pairs p = {0};
    attrib_model *model = tiny_model();
    size_t *tracked = NULL;
    size_t n = 0;
    make_sequences(&s);
    check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
    at_pass pass = {.model = model,
                    .tracked = tracked,
                    .n_tracked = n,
                    .labels = AT_LABELS_SAMPLED,
                    .seed = 9,
                    .block_rows = 20,
                    .stage = "test",
                    .n_parts = 1};
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    attrib_factors *factors = NULL;
    check_ok(at_factors_new(model, tracked, n, "mlp", &factors, &err), &err);
    check_ok(at_factors_set_blocks(factors, n_blocks, &err), &err);
    if (fitted != ATTRIB_DIAGONAL) {
        check_ok(at_fit_sums(&pass, &source, AT_FIT_COVARIANCE, NULL, factors, &err),
                 &err);
        check_ok(at_fit_eigenbases(NULL, factors, &err), &err);
    }
    check_ok(at_fit_sums(&pass, &source, AT_FIT_LAMBDA, NULL, factors, &err), &err);
    for (size_t m = 0; m < n; m++) {
        const at_factor *factor = &factors->factors[m];
        attrib_tap tap = {.context = &p, .module = keep_pairs};
        p.i_map = m;
        p.in_dim = factor->in_dim;
        p.out_dim = factor->out_dim;
        check_ok(at_pass_run(&pass, &source, &tap, 1, &err), &err);
        for (size_t k = 0; k < n_used; k++) {
            compare(factors, factor, &p, used[k]);
        }
    }
    attrib_factors_close(factors);
    attrib_model_close(model);
    free(tracked);
}

static void test_dense__ekfac_and_kfac(void **state)
{
    (void)state;
    const attrib_strategy used[] = {ATTRIB_EKFAC, ATTRIB_KFAC};
    check_strategies(ATTRIB_EKFAC, 1, used, 2);
}

/* Maps of 4 and 6 coordinates: 2 blocks divide them, 3 leave blocks of 1, 1 and 2. */
static void test_dense__blocks_of_a_and_s(void **state)
{
    (void)state;
    const attrib_strategy used[] = {ATTRIB_EKFAC, ATTRIB_KFAC};
    for (size_t n_blocks = 2; n_blocks <= 4; n_blocks++) {
        check_strategies(ATTRIB_EKFAC, n_blocks, used, 2);
    }
}

static void test_dense__more_blocks_than_coordinates_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = tiny_model();
    attrib_factors *factors = NULL;
    size_t *tracked = NULL;
    size_t n = 0;
    check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
    check_ok(at_factors_new(model, tracked, n, "mlp", &factors, &err), &err);
    check_fails(at_factors_set_blocks(factors, 5, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "5 blocks of 4 coordinates");
    attrib_factors_close(factors);
    attrib_model_close(model);
    free(tracked);
}

static void test_dense__diagonal(void **state)
{
    (void)state;
    const attrib_strategy used[] = {ATTRIB_DIAGONAL};
    check_strategies(ATTRIB_DIAGONAL, 1, used, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense__ekfac_and_kfac),
        cmocka_unit_test(test_dense__blocks_of_a_and_s),
        cmocka_unit_test(test_dense__more_blocks_than_coordinates_are_refused),
        cmocka_unit_test(test_dense__diagonal),
    };
    return run_cases(tests, NULL, NULL);
}

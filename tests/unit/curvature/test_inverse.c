/* SPDX-License-Identifier: MIT */
/* Damping and division against their formulas, entry by entry, in widths that fill no
 * vector. */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "curvature/inverse.h"

enum { OUT_DIM = 3, MAX_IN_DIM = 70, N_SEQUENCES = 7 };

static const attrib_strategy strategies[] = {ATTRIB_EKFAC,          ATTRIB_KFAC,
                                             ATTRIB_DIAGONAL,       ATTRIB_OPTIMIZER,
                                             ATTRIB_OPTIMIZER_ROOT, ATTRIB_IDENTITY};

enum { N_STRATEGIES = 6, N_CURVED = 5 }; /* the last has no curvature */

typedef struct numbers {
    attrib_factors factors;
    at_factor factor;
    double lambda[OUT_DIM * MAX_IN_DIM], values_s[OUT_DIM], values_a[MAX_IN_DIM];
    float v[OUT_DIM * MAX_IN_DIM];
} numbers;

static void make_numbers(size_t in_dim, numbers *n)
{
    *n = (numbers){.factors = {.info = {.n_sequences = N_SEQUENCES}},
                   .factor = {.out_dim = OUT_DIM, .in_dim = in_dim}};
    n->factor.lambda = n->lambda;
    n->factor.values_s = n->values_s;
    n->factor.values_a = n->values_a;
    for (size_t k = 0; k < OUT_DIM * in_dim; k++) {
        n->lambda[k] = at_uniform(1, 0, k);
        n->v[k] = (float)at_uniform(1, 1, k) - 0.5F;
    }
    for (size_t i = 0; i < OUT_DIM; i++) {
        n->values_s[i] = at_uniform(1, 2, i);
    }
    for (size_t j = 0; j < in_dim; j++) {
        n->values_a[j] = at_uniform(1, 3, j);
    }
}

/* Lambda of one entry: a mean over sequences or its root, or the product of eigenvalues.
 */
static double lambda_of(const numbers *n, attrib_strategy strategy, size_t k)
{
    size_t in_dim = n->factor.in_dim;
    double mean = n->lambda[k] / N_SEQUENCES;
    return strategy == ATTRIB_KFAC ? n->values_s[k / in_dim] * n->values_a[k % in_dim]
           : strategy == ATTRIB_OPTIMIZER_ROOT ? sqrt(mean)
                                               : mean;
}

static void test_inverse__divides_each_entry(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 4, 15, 16, 17, 33, MAX_IN_DIM};
    for (size_t c = 0; c < (size_t)N_STRATEGIES * 7; c++) {
        attrib_strategy strategy = strategies[c % N_STRATEGIES];
        numbers n;
        float got[OUT_DIM * MAX_IN_DIM];
        make_numbers(widths[c / N_STRATEGIES], &n);
        size_t n_entries = OUT_DIM * n.factor.in_dim;
        const double damping = 0.125;
        double want_square = 0;
        const at_inverse inverse = {&n.factors, &n.factor, strategy, damping};
        at_divide(&inverse, n.v, n_entries, got);
        for (size_t k = 0; k < n_entries; k++) {
            double v = (double)n.v[k];
            double want = strategy == ATTRIB_IDENTITY
                              ? v
                              : v / (lambda_of(&n, strategy, k) + damping);
            /* One rounding to f32. */
            assert_true(fabs((double)got[k] - want) <= 0x1.001p-24 * fabs(want));
            want_square += want * v;
        }
        double square = at_inverse_square(&inverse, n.v, n_entries);
        /* Sums of 210 f64 terms above 0. */
        assert_true(fabs(square - want_square) <= 256 * 0x1p-52 * want_square);
    }
}

/* What each function makes of an eigenvalue sigma > 0 and a number x > 0. */
static double function_of(at_spectral how, double sigma, double x)
{
    switch (how) {
    case AT_SPECTRAL_INVERSE:
        return 1 / (sigma + x);
    case AT_SPECTRAL_HELD:
        return 1 - sigma / (sigma + x);
    case AT_SPECTRAL_DECAYED:
        return pow(exp(-x), sigma);
    case AT_SPECTRAL_LEARNED:
        return (1 - pow(exp(-x), sigma)) / sigma;
    }
    return (double)NAN;
}

static void test_inverse__applies_functions_of_each_eigenvalue(void **state)
{
    (void)state;
    for (size_t c = 0; c < (size_t)N_CURVED * 4; c++) {
        attrib_strategy strategy = strategies[c % N_CURVED];
        at_spectral how = (at_spectral)(c / N_CURVED);
        numbers n;
        float got[OUT_DIM * MAX_IN_DIM];
        const size_t n_entries = sizeof got / sizeof *got;
        make_numbers(MAX_IN_DIM, &n);
        const at_inverse inverse = {&n.factors, &n.factor, strategy, 0.75};
        memcpy(got, n.v, sizeof got);
        at_apply_spectral(&inverse, how, got, n_entries);
        for (size_t k = 0; k < n_entries; k++) {
            double sigma = lambda_of(&n, strategy, k);
            double want = (double)n.v[k] * function_of(how, sigma, 0.75);
            assert_true(fabs((double)got[k] - want) <= 1e-7 * fabs(want));
        }
    }
}

/* Eigenvalues of 0, or just below, and numbers without bound: the limits. */
static void test_inverse__functions_have_their_limits(void **state)
{
    static const struct {
        at_spectral how;
        double x, lambda, want;
    } limits[] = {
        {AT_SPECTRAL_INVERSE, HUGE_VAL, 1, 0}, {AT_SPECTRAL_HELD, HUGE_VAL, 1, 1},
        {AT_SPECTRAL_HELD, 2, 0, 1},           {AT_SPECTRAL_DECAYED, 2, 0, 1},
        {AT_SPECTRAL_DECAYED, 2, -1e-3, 1},    {AT_SPECTRAL_LEARNED, 2, 0, 2},
        {AT_SPECTRAL_LEARNED, 2, -1e-3, 2}};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        numbers n;
        make_numbers(1, &n);
        n.lambda[0] = limits[i].lambda;
        n.v[0] = 1;
        const at_inverse inverse = {&n.factors, &n.factor, ATTRIB_EKFAC, limits[i].x};
        at_apply_spectral(&inverse, limits[i].how, n.v, 1);
        assert_true((double)n.v[0] == limits[i].want);
    }
}

/* Relative damping is a multiple of the mean of Lambda, absolute damping is itself. */
static void test_inverse__damping_is_relative_or_absolute(void **state)
{
    (void)state;
    for (size_t c = 0; c < N_STRATEGIES; c++) {
        attrib_error err = {0};
        attrib_strategy strategy = strategies[c];
        numbers n;
        double mean = 0;
        double got = -1;
        make_numbers(MAX_IN_DIM, &n);
        for (size_t k = 0; k < OUT_DIM * MAX_IN_DIM; k++) {
            mean += lambda_of(&n, strategy, k) / (OUT_DIM * MAX_IN_DIM);
        }
        const at_damping relative = {strategy, 0.25, false};
        const at_damping absolute = {strategy, 0.25, true};
        check_ok(at_damping_of(&n.factors, &n.factor, &relative, "map", &got, &err),
                 &err);
        if (strategy == ATTRIB_IDENTITY) {
            assert_true(got == 0);
            continue;
        }
        assert_true(fabs(got - 0.25 * mean) <= 1e-12);
        check_ok(at_damping_of(&n.factors, &n.factor, &absolute, "map", &got, &err),
                 &err);
        assert_true(got == 0.25);
    }
}

/* A map whose gradients vanish: what is divided becomes 0, and so do squares. Damping
 * that is absolute divides all the same. */
static void test_inverse__lambda_of_zero_leaves_nothing(void **state)
{
    (void)state;
    for (size_t c = 0; c < N_CURVED; c++) {
        attrib_error err = {0};
        attrib_strategy strategy = strategies[c];
        numbers n;
        double got = -1;
        float out[OUT_DIM * MAX_IN_DIM];
        make_numbers(MAX_IN_DIM, &n);
        memset(n.lambda, 0, sizeof n.lambda);
        memset(n.values_s, 0, sizeof n.values_s);
        const at_damping relative = {strategy, 0.25, false};
        const at_damping absolute = {strategy, 0.25, true};
        check_ok(at_damping_of(&n.factors, &n.factor, &relative, "map", &got, &err),
                 &err);
        const at_inverse inverse = {&n.factors, &n.factor, strategy, got};
        at_divide(&inverse, n.v, OUT_DIM * MAX_IN_DIM, out);
        for (size_t k = 0; k < OUT_DIM * MAX_IN_DIM; k++) {
            assert_true(out[k] == 0);
        }
        assert_true(at_inverse_square(&inverse, n.v, OUT_DIM * MAX_IN_DIM) == 0);
        check_ok(at_damping_of(&n.factors, &n.factor, &absolute, "map", &got, &err),
                 &err);
        assert_true(got == 0.25);
    }
}

static void test_inverse__curvature_that_cannot_be_inverted_is_refused(void **state)
{
    (void)state;
    const at_damping how = {ATTRIB_EKFAC, 0.25, true};

    static const struct {
        double lambda;
        const char *message;
    } bad[] = {{(double)NAN, "map: curvature is not finite"},
               {HUGE_VAL, "map: curvature is not finite"},
               {-0.25 * N_SEQUENCES, "map: smallest curvature -0.25 + damping 0.25"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        attrib_error err = {0};
        numbers n;
        double got = -1;
        make_numbers(MAX_IN_DIM, &n);
        n.lambda[41] = bad[i].lambda;
        check_fails(at_damping_of(&n.factors, &n.factor, &how, "map", &got, &err),
                    ATTRIB_ENUMERIC, &err);
        check_message(&err, bad[i].message);
        assert_true(got == -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inverse__divides_each_entry),
        cmocka_unit_test(test_inverse__applies_functions_of_each_eigenvalue),
        cmocka_unit_test(test_inverse__functions_have_their_limits),
        cmocka_unit_test(test_inverse__damping_is_relative_or_absolute),
        cmocka_unit_test(test_inverse__lambda_of_zero_leaves_nothing),
        cmocka_unit_test(test_inverse__curvature_that_cannot_be_inverted_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}

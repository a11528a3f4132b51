/* SPDX-License-Identifier: MIT */
/* Damping and division against their formulas, entry by entry, in widths that fill no
 * vector. */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "curvature/inverse.h"

enum { OUT_DIM = 3, MAX_IN_DIM = 70, N_SEQUENCES = 7 };

static const attrib_strategy strategies[] = {ATTRIB_EKFAC, ATTRIB_KFAC, ATTRIB_DIAGONAL,
                                             ATTRIB_IDENTITY};

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

/* Lambda of one entry: a mean over sequences, or the product of eigenvalues. */
static double lambda_of(const numbers *n, attrib_strategy strategy, size_t k)
{
    size_t in_dim = n->factor.in_dim;
    return strategy == ATTRIB_KFAC ? n->values_s[k / in_dim] * n->values_a[k % in_dim]
                                   : n->lambda[k] / N_SEQUENCES;
}

static void test_inverse__divides_each_entry(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 4, 15, 16, 17, 33, MAX_IN_DIM};
    for (size_t c = 0; c < 4 * 7; c++) {
        attrib_strategy strategy = strategies[c % 4];
        numbers n;
        float got[OUT_DIM * MAX_IN_DIM];
        make_numbers(widths[c / 4], &n);
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

/* Relative damping is a multiple of the mean of Lambda, absolute damping is itself. */
static void test_inverse__damping_is_relative_or_absolute(void **state)
{
    (void)state;
    for (size_t c = 0; c < 4; c++) {
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
    for (size_t c = 0; c < 3; c++) {
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
        cmocka_unit_test(test_inverse__damping_is_relative_or_absolute),
        cmocka_unit_test(test_inverse__lambda_of_zero_leaves_nothing),
        cmocka_unit_test(test_inverse__curvature_that_cannot_be_inverted_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Products and eigenvectors of small matrices, against plain loops, against what defines
 * them, and against LAPACK. */
#include "support/check.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "linalg/linalg.h"
#include "linalg/small.h"

enum { MOST = 130, MOST_STRIDE = 144 };

static const size_t sizes[] = {1, 2, 3, 5, 15, 16, 17, 27, 64, 80, 130};

/* What matrices are like: random, of low rank, with equal eigenvalues, with sizes that
 * fall, zero, diagonal, tiny, huge, and with entries whose squares are lost in sums with
 * those of their neighbours. */
enum {
    RANDOM,
    LOW_RANK,
    EQUAL,
    FALLING,
    ZERO,
    DIAGONAL,
    TINY,
    HUGE_ONES,
    COUPLED,
    N_KINDS
};

static double number(size_t i, size_t j)
{
    return at_uniform(0x51a11, i, j) - 0.5;
}

/* a = sum_k size_k x_k x_k' of random vectors x_k, or what has no such form. */
static void make(int kind, size_t n, double *a)
{
    size_t stride = at_small_stride(n);
    size_t n_terms = kind == LOW_RANK ? 3 : n;
    double unit = kind == TINY ? 1e-290 : kind == HUGE_ONES ? 1e290 : 1;
    memset(a, 0, n * stride * sizeof *a);
    for (size_t i = 0; i < n && kind != ZERO; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = kind == EQUAL && i == j ? 5 : 0;
            for (size_t k = 0; k < n_terms && kind != EQUAL && kind != DIAGONAL; k++) {
                double size = kind == FALLING ? pow(0.3, (double)k) : k % 2 ? -1 : 1;
                sum += size * number(k, i) * number(k, j);
            }
            sum += kind == DIAGONAL && i == j ? number(i, i) : 0;
            sum *= kind == COUPLED && (i > j ? i - j : j - i) > 1 ? 1e-9 : 1;
            a[i * stride + j] = unit * sum;
        }
    }
}

/* A U' = U' diag, U U' = 1, both to some n eps of a backward stable method, and values
 * descend. */
static void check_decomposition(size_t n,
                                const double *a,
                                const double *u,
                                const double *values)
{
    size_t stride = at_small_stride(n);
    double largest = 0;
    double allowed = 10 * (double)n * DBL_EPSILON;
    for (size_t i = 0; i < n * stride; i++) {
        largest = fmax(largest, fabs(a[i]));
    }
    for (size_t c = 0; c < n; c++) {
        assert_true(c == 0 || values[c] <= values[c - 1]);
        for (size_t i = 0; i < n; i++) {
            double image = 0;
            double with = 0;
            for (size_t j = 0; j < n; j++) {
                image += a[i * stride + j] * u[c * stride + j];
                with += u[i * stride + j] * u[c * stride + j];
            }
            double missed = fabs(image - values[c] * u[c * stride + i]);
            assert_true(missed <= allowed * (double)n * largest);
            assert_true(fabs(with - (i == c)) <= allowed);
        }
    }
}

static void test_small__eigenvectors_are_what_they_are(void **state)
{
    static double a[MOST * MOST_STRIDE];
    static double u[MOST * MOST_STRIDE];
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        double *scratch = calloc(at_small_eigen_scratch(n), sizeof *scratch);
        assert_non_null(scratch);
        for (int kind = 0; kind < N_KINDS; kind++) {
            double values[MOST];
            attrib_error err = {0};
            make(kind, n, a);
            memcpy(u, a, sizeof u);
            check_ok(at_small_eigen(n, u, values, scratch, &err), &err);
            check_decomposition(n, a, u, values);
        }
        free(scratch);
    }
}

/* Eigenvalues by LAPACK's, and eigenvectors by what defines them, of a random matrix
 * whose entries fall by up to four powers of ten a row, away from the diagonal or along
 * it. */
static void check_random(size_t i, double *scratch)
{
    double a[24 * 32] = {0};
    double u[24 * 32];
    double values[24];
    double full[24 * 24];
    double expected[24];
    double largest = 0;
    size_t n = 1 + i % 24;
    size_t stride = at_small_stride(n);
    double fall = pow(10, -4 * at_uniform(0xe16e, i, 0));
    attrib_error err = {0};
    for (size_t r = 0; r < n; r++) {
        for (size_t c = 0; c <= r; c++) {
            double x = at_uniform(0xe16e, i, 1 + r * n + c) - 0.5;
            x *= pow(fall, (double)(i % 2 ? r - c : r + c));
            full[r * n + c] = full[c * n + r] = x;
            a[r * stride + c] = a[c * stride + r] = x;
            largest = fmax(largest, fabs(x));
        }
    }
    memcpy(u, a, sizeof u);
    check_ok(at_small_eigen(n, u, values, scratch, &err), &err);
    check_decomposition(n, a, u, values);
    assert_int_equal(
        LAPACKE_dsyev(LAPACK_COL_MAJOR, 'N', 'L', (int)n, full, (int)n, expected), 0);
    for (size_t k = 0; k < n; k++) {
        double missed = fabs(values[k] - expected[n - 1 - k]);
        assert_true(missed <= 10 * (double)n * DBL_EPSILON * (double)n * largest);
    }
}

static void test_small__eigenvalues_are_those_of_lapack(void **state)
{
    double *scratch = calloc(at_small_eigen_scratch(24), sizeof *scratch);
    (void)state;
    assert_non_null(scratch);
    at_blas_single_threaded();
    for (size_t i = 0; i < 10000; i++) {
        check_random(i, scratch);
    }
    free(scratch);
}

/* Numbers at both ends of what a double holds: diag(2, -1) / 2 of the largest power of
 * two, and of the smallest number. */
static void test_small__ends_of_the_range_are_exact(void **state)
{
    static const double units[] = {0x1p1022, 0x1p-1074};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        double a[2 * 16] = {0};
        double values[2];
        double scratch[8 * 16];
        attrib_error err = {0};
        a[0] = -units[k];
        a[16 + 1] = 2 * units[k];
        check_ok(at_small_eigen(2, a, values, scratch, &err), &err);
        assert_true(values[0] == 2 * units[k] && values[1] == -units[k]);
        assert_true(fabs(a[1]) == 1 && fabs(a[16]) == 1 && a[0] == 0 && a[16 + 1] == 0);
    }
}

/* [x x; x x] has the eigenvalue 2x, which is no double. */
static void test_small__refuses_values_beyond_the_range(void **state)
{
    double a[2 * 16] = {0};
    double values[2];
    double scratch[8 * 16];
    attrib_error err = {0};
    (void)state;
    a[0] = a[1] = a[16] = a[16 + 1] = DBL_MAX;
    check_fails(at_small_eigen(2, a, values, scratch, &err), ATTRIB_ENUMERIC, &err);
    check_message(&err, "[2, 2] matrix: eigenvalue 0 is not finite");
}

/* What follows the last column stays zero, so that whole vectors may be worked on. */
static void test_small__rows_end_with_zeros(void **state)
{
    double a[27 * 32];
    double values[27];
    double scratch[33 * 32];
    attrib_error err = {0};
    (void)state;
    assert_int_equal(at_small_eigen_scratch(27), 33 * 32);
    make(RANDOM, 27, a);
    check_ok(at_small_eigen(27, a, values, scratch, &err), &err);
    for (size_t i = 0; i < 27; i++) {
        for (size_t j = 27; j < 32; j++) {
            assert_true(a[i * 32 + j] == 0);
        }
    }
}

static void test_small__refuses_what_is_not_finite(void **state)
{
    static const double bad[] = {(double)NAN, (double)INFINITY};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        double a[3 * 16] = {0};
        double values[3];
        double scratch[9 * 16];
        attrib_error err = {0};
        a[16 + 2] = a[2 * 16 + 1] = bad[k];
        check_fails(at_small_eigen(3, a, values, scratch, &err), ATTRIB_ENUMERIC, &err);
        check_message(&err, "not finite");
    }
}

static void test_small__products_are_sums(void **state)
{
    static const size_t shapes[][3] = {
        {1, 1, 1}, {4, 16, 3}, {5, 17, 27}, {27, 27, 27}, {3, 40, 64}};
    (void)state;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        size_t m = shapes[s][0];
        size_t n = shapes[s][1];
        size_t k = shapes[s][2];
        size_t stride = at_small_stride(n);
        double x[27 * 70];
        double y[64 * 48] = {0};
        double out[27 * 48];
        for (size_t i = 0; i < m * (k + 2); i++) {
            x[i] = number(i, 1);
        }
        for (size_t i = 0; i < k * n; i++) {
            y[i / n * stride + i % n] = number(i, 2);
        }
        at_small_product(m, n, k, x, k + 2, y, out);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t l = 0; l < k; l++) {
                    sum += x[i * (k + 2) + l] * y[l * stride + j];
                }
                assert_true(fabs(out[i * stride + j] - sum) <=
                            (double)k * DBL_EPSILON * (double)k);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small__eigenvectors_are_what_they_are),
        cmocka_unit_test(test_small__eigenvalues_are_those_of_lapack),
        cmocka_unit_test(test_small__ends_of_the_range_are_exact),
        cmocka_unit_test(test_small__refuses_values_beyond_the_range),
        cmocka_unit_test(test_small__rows_end_with_zeros),
        cmocka_unit_test(test_small__refuses_what_is_not_finite),
        cmocka_unit_test(test_small__products_are_sums),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Decompositions by what they claim: residual and orthogonality, each within a small
 * multiple of n eps of the matrix's norm (LAPACK's own test ratios are below 30). */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "support/check.h"

#define RATIO 30.0

static double sample(size_t i)
{
    uint64_t z = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)(z >> 11) / (double)(UINT64_C(1) << 52) - 1.0;
}

static double *doubles(size_t n)
{
    double *x = calloc(n ? n : 1, sizeof *x);
    assert_non_null(x);
    return x;
}

/* X' X of a random X [rank, n]: symmetric, positive semidefinite, of that rank. */
static double *gram(size_t n, size_t rank)
{
    double *x = doubles(rank * n);
    double *a = doubles(n * n);
    for (size_t i = 0; i < rank * n; i++) {
        x[i] = sample(i);
    }
    for (size_t l = 0; l < rank; l++) {
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) {
                a[i * n + j] += x[l * n + i] * x[l * n + j];
            }
        }
    }
    free(x);
    return a;
}

static double norm_of(const double *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += a[i] * a[i];
    }
    return sqrt(sum);
}

static const attrib_eigen_precision precisions[] = {ATTRIB_EIGEN_F64, ATTRIB_EIGEN_F32};

static double epsilon_of(attrib_eigen_precision precision)
{
    return precision == ATTRIB_EIGEN_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
}

/* |rows rows' - 1| <= RATIO n eps elementwise, for rows [r, n]. */
static void check_orthonormal_rows(const double *rows, size_t r, size_t n, double epsilon)
{
    for (size_t i = 0; i < r; i++) {
        for (size_t j = 0; j < r; j++) {
            double dot = 0;
            for (size_t l = 0; l < n; l++) {
                dot += rows[i * n + l] * rows[j * n + l];
            }
            double excess = fabs(dot - (i == j ? 1.0 : 0.0));
            assert_true(excess <= RATIO * (double)n * epsilon);
        }
    }
}

static void check_eigen_in(attrib_eigen_precision precision, size_t n, size_t rank)
{
    attrib_error err = {0};
    double *a = gram(n, rank);
    double *q = doubles(n * n);
    double *values = doubles(n);
    memcpy(q, a, n * n * sizeof *a);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i + 1; j < n; j++) {
            q[i * n + j] = (double)NAN; /* the upper triangle is not read */
        }
    }
    check_ok(at_symmetric_eigen(precision, n, q, values, &err), &err);
    double tolerance =
        RATIO * (double)n * epsilon_of(precision) * (norm_of(a, n * n) + 1);
    for (size_t i = 0; i < n * n && precision == ATTRIB_EIGEN_F32; i++) {
        assert_true((double)(float)q[i] == q[i]);
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || values[i - 1] <= values[i]);
        for (size_t j = 0; j < n; j++) {
            double image = 0; /* (A q_i)_j */
            for (size_t l = 0; l < n; l++) {
                image += a[j * n + l] * q[i * n + l];
            }
            assert_true(fabs(image - values[i] * q[i * n + j]) <= tolerance);
        }
    }
    check_orthonormal_rows(q, n, n, epsilon_of(precision));
    for (size_t i = 0; i + rank < n; i++) {
        assert_true(fabs(values[i]) <= tolerance); /* the null space */
    }
    free(a);
    free(q);
    free(values);
}

static void check_eigen(size_t n, size_t rank)
{
    for (size_t k = 0; k < sizeof precisions / sizeof *precisions; k++) {
        check_eigen_in(precisions[k], n, rank);
    }
}

/* The packed lower triangle of a [n, n]. */
static double *pack(const double *a, size_t n)
{
    double *triangle = doubles(n * (n + 1) / 2);
    double *at = triangle;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            *at++ = a[i * n + j];
        }
    }
    return triangle;
}

static void check_sound(attrib_eigen_precision precision,
                        size_t n,
                        size_t rank,
                        double scale)
{
    attrib_error err = {0};
    double *a = gram(n, rank);
    double *values = doubles(n);
    for (size_t i = 0; i < n * n; i++) {
        a[i] *= scale;
    }
    double *triangle = pack(a, n);
    check_ok(at_symmetric_eigen(precision, n, a, values, &err), &err);
    check_ok(at_symmetric_check(precision, n, triangle, 1, a, values, &err), &err);
    free(a);
    free(triangle);
    free(values);
}

/* Sound decompositions of matrices of every size, rank and scale pass the check. */
static void test_decompose__the_check_accepts_what_is_sound(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 3, 17, 64, 200};
    const double scales[] = {1, 1e-30, 1e30, 0};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        for (size_t l = 0; l < sizeof scales / sizeof *scales; l++) {
            size_t n = sizes[k];
            check_sound(ATTRIB_EIGEN_F64, n, l % 2 ? 1 : n + 2, scales[l]);
            check_sound(ATTRIB_EIGEN_F32, n, l % 2 ? 1 : n + 2, scales[l]);
        }
    }
}

/* Any one pair that is wrong by far more than rounding is found: in a value, in one
 * vector's entry, in two vectors that are the same, or by what is not a number. */
static void test_decompose__the_check_finds_a_wrong_pair(void **state)
{
    (void)state;

    enum { N = 40 };

    double *a = gram(N, N);
    double *values = doubles(N);
    double *triangle = pack(a, N);
    attrib_error err = {0};
    check_ok(at_symmetric_eigen(ATTRIB_EIGEN_F64, N, a, values, &err), &err);
    for (size_t i = 0; i < N; i += 13) {
        double *wrong = doubles(N * N);
        double kept = values[i];
        err = (attrib_error){0};
        values[i] *= 1 + 1e-8;
        check_fails(at_symmetric_check(ATTRIB_EIGEN_F64, N, triangle, 1, a, values, &err),
                    ATTRIB_ENUMERIC, &err);
        check_message(&err, "of its norm");
        values[i] = kept;
        memcpy(wrong, a, N * N * sizeof *a);
        wrong[i * N + 7] += 1e-8;
        err = (attrib_error){0};
        check_fails(
            at_symmetric_check(ATTRIB_EIGEN_F64, N, triangle, 1, wrong, values, &err),
            ATTRIB_ENUMERIC, &err);
        wrong[i * N + 7] = (double)NAN;
        err = (attrib_error){0};
        check_fails(
            at_symmetric_check(ATTRIB_EIGEN_F64, N, triangle, 1, wrong, values, &err),
            ATTRIB_ENUMERIC, &err);
        free(wrong);
    }
    /* An eigenvector twice leaves no residual, as its value is there twice too. */
    memcpy(a, a + N, N * sizeof *a);
    values[0] = values[1];
    err = (attrib_error){0};
    check_fails(at_symmetric_check(ATTRIB_EIGEN_F64, N, triangle, 1, a, values, &err),
                ATTRIB_ENUMERIC, &err);
    check_message(&err, "orthogonality");
    free(a);
    free(values);
    free(triangle);
}

/* In f32 the bound is 3 n eps of f32: what f32 finds is sound there and not in f64, and
 * one entry off by twice the bound is found. */
static void test_decompose__the_check_in_f32_has_a_bound_of_its_own(void **state)
{
    (void)state;

    enum { N = 40 };

    double *a = gram(N, N);
    double *values = doubles(N);
    double *triangle = pack(a, N);
    attrib_error err = {0};
    check_ok(at_symmetric_eigen(ATTRIB_EIGEN_F32, N, a, values, &err), &err);
    check_ok(at_symmetric_check(ATTRIB_EIGEN_F32, N, triangle, 1, a, values, &err), &err);
    check_fails(at_symmetric_check(ATTRIB_EIGEN_F64, N, triangle, 1, a, values, &err),
                ATTRIB_ENUMERIC, &err);
    /* All of one vector too long by 1 + x: its square is off by 2 x. The four probes miss
     * a defect of one entry of the diagonal by no factor at all. */
    for (size_t j = 0; j < N; j++) {
        a[3 * N + j] *= 1 + 3 * N * (double)FLT_EPSILON;
    }
    err = (attrib_error){0};
    check_fails(at_symmetric_check(ATTRIB_EIGEN_F32, N, triangle, 1, a, values, &err),
                ATTRIB_ENUMERIC, &err);
    check_message(&err, "orthogonality");
    free(a);
    free(values);
    free(triangle);
}

static void test_decompose__eigenvectors_are_rows(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 130; n = n * 2 + 1) {
        check_eigen(n, n + 3);
    }
}

/* Sizes about those of the blocks that reflections are applied in: 128 of them, 512
 * columns. */
static void test_decompose__reflections_are_applied_in_blocks(void **state)
{
    (void)state;
    const size_t sizes[] = {128, 129, 130, 257, 513};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        check_eigen(sizes[k], sizes[k] - 3);
    }
}

/* A times a power of two has the same eigenvectors, to the bit, at both ends of what f64
 * holds, also in f32. */
static void check_scaled(attrib_eigen_precision precision)
{
    enum { N = 50 };

    attrib_error err = {0};
    const int exponents[] = {-960, -300, 300, 1000};
    double *a = gram(N, N);
    double *want = doubles(N * N);
    double values[N];
    memcpy(want, a, N * N * sizeof *a);
    check_ok(at_symmetric_eigen(precision, N, want, values, &err), &err);
    for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
        double *scaled = doubles(N * N);
        double of_scaled[N];
        for (size_t i = 0; i < N * N; i++) {
            scaled[i] = ldexp(a[i], exponents[k]);
        }
        check_ok(at_symmetric_eigen(precision, N, scaled, of_scaled, &err), &err);
        assert_memory_equal(scaled, want, N * N * sizeof *want);
        for (size_t i = 0; i < N; i++) {
            assert_true(of_scaled[i] == ldexp(values[i], exponents[k]));
        }
        free(scaled);
    }
    free(a);
    free(want);
}

static void test_decompose__scale_rounds_nothing(void **state)
{
    (void)state;
    check_scaled(ATTRIB_EIGEN_F64);
    check_scaled(ATTRIB_EIGEN_F32);
}

/* The least numbers there are lose nothing either: 3 and 5 times the least. */
static void test_decompose__denormals_have_eigenvalues(void **state)
{
    (void)state;
    attrib_error err = {0};
    double least = ldexp(1, -1074);
    double a[4] = {4 * least, -99, least, 4 * least};
    double values[2];
    check_ok(at_symmetric_eigen(ATTRIB_EIGEN_F64, 2, a, values, &err), &err);
    assert_true(values[0] == 3 * least && values[1] == 5 * least);
}

static void test_decompose__a_rank_deficient_matrix_has_its_null_space(void **state)
{
    (void)state;
    check_eigen(64, 5);
    check_eigen(20, 0); /* all zero */
}

/* [[2, 1], [1, 2]]: eigenvalues 1 and 3, eigenvectors (1, -1) and (1, 1) over sqrt 2. */
static void test_decompose__a_known_matrix_has_its_known_eigenvectors(void **state)
{
    (void)state;
    attrib_error err = {0};
    double a[4] = {2, -99, 1, 2};
    double values[2];
    check_ok(at_symmetric_eigen(ATTRIB_EIGEN_F64, 2, a, values, &err), &err);
    double want[2] = {1, 3};
    check_close_f64(values, want, 2, 4 * DBL_EPSILON, 0, "eigenvalues");
    assert_true(fabs(a[0] + a[1]) <= 4 * DBL_EPSILON);
    assert_true(fabs(a[2] - a[3]) <= 4 * DBL_EPSILON);
}

static void test_decompose__what_is_not_finite_is_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    double a[4] = {1, 0, (double)NAN, 1};
    double values[2] = {7, 7};
    check_fails(at_symmetric_eigen(ATTRIB_EIGEN_F64, 2, a, values, &err), ATTRIB_ENUMERIC,
                &err);
    check_message(&err, "[1, 0]");
    assert_true(values[0] == 7 && values[1] == 7);
    err = (attrib_error){0};
    double b[6] = {1, 2, 3, 4, (double)INFINITY, 6};
    double u[4];
    double s[2];
    double vt[6];
    check_fails(at_svd(2, 3, b, u, s, vt, &err), ATTRIB_ENUMERIC, &err);
    check_message(&err, "inf at [1, 1]");
}

static void test_decompose__sizes_beyond_lapack_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    double x = 0;
    check_fails(at_symmetric_eigen(ATTRIB_EIGEN_F64, (size_t)1 << 33, &x, &x, &err),
                ATTRIB_ERANGE, &err);
    err = (attrib_error){0};
    check_fails(at_symmetric_eigen(ATTRIB_EIGEN_F64, 50000, &x, &x, &err), ATTRIB_ERANGE,
                &err);
    err = (attrib_error){0};
    check_fails(at_svd(30000, 30000, &x, &x, &x, &x, &err), ATTRIB_ERANGE, &err);
}

static void test_decompose__empty_matrices_are_fine(void **state)
{
    (void)state;
    attrib_error err = {0};
    double x = 5;
    check_ok(at_symmetric_eigen(ATTRIB_EIGEN_F64, 0, &x, &x, &err), &err);
    check_ok(at_svd(0, 4, &x, &x, &x, &x, &err), &err);
    check_ok(at_svd(4, 0, &x, &x, &x, &x, &err), &err);
    assert_true(x == 5);
}

static void check_svd(size_t m, size_t n, size_t rank)
{
    attrib_error err = {0};
    size_t r = m < n ? m : n;
    double *a = doubles(m * n);
    double *copy = doubles(m * n);
    double *u = doubles(m * r);
    double *ut = doubles(m * r);
    double *s = doubles(r);
    double *vt = doubles(r * n);
    for (size_t i = 0; i < m * n; i++) {
        for (size_t l = 0; l < rank; l++) {
            a[i] += sample(l * (m + n) + i / n) * sample(l * (m + n) + m + i % n);
        }
    }
    memcpy(copy, a, m * n * sizeof *a);
    check_ok(at_svd(m, n, copy, u, s, vt, &err), &err);
    double size = RATIO * (double)(m + n) * DBL_EPSILON * (norm_of(a, m * n) + 1);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < r; l++) {
                sum += u[i * r + l] * s[l] * vt[l * n + j];
            }
            assert_true(fabs(sum - a[i * n + j]) <= size);
        }
    }
    for (size_t l = 0; l < r; l++) {
        assert_true(s[l] >= 0 && (l == 0 || s[l - 1] >= s[l]));
        assert_true(l < rank || s[l] <= size);
        for (size_t i = 0; i < m; i++) {
            ut[l * m + i] = u[i * r + l];
        }
    }
    check_orthonormal_rows(ut, r, m, DBL_EPSILON);
    check_orthonormal_rows(vt, r, n, DBL_EPSILON);
    free(a);
    free(copy);
    free(u);
    free(ut);
    free(s);
    free(vt);
}

static void test_decompose__svd_gives_the_matrix_back(void **state)
{
    (void)state;
    check_svd(1, 1, 1);
    check_svd(1, 9, 1);
    check_svd(9, 1, 1);
    check_svd(31, 31, 40);
    check_svd(20, 70, 25);
    check_svd(200, 12, 14); /* tall: through a QR */
    check_svd(12, 200, 14); /* wide: through an LQ */
}

static void test_decompose__svd_of_a_low_rank_matrix(void **state)
{
    (void)state;
    check_svd(40, 30, 3);
    check_svd(30, 40, 3);
    check_svd(8, 8, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decompose__the_check_in_f32_has_a_bound_of_its_own),
        cmocka_unit_test(test_decompose__eigenvectors_are_rows),
        cmocka_unit_test(test_decompose__the_check_accepts_what_is_sound),
        cmocka_unit_test(test_decompose__the_check_finds_a_wrong_pair),
        cmocka_unit_test(test_decompose__reflections_are_applied_in_blocks),
        cmocka_unit_test(test_decompose__scale_rounds_nothing),
        cmocka_unit_test(test_decompose__denormals_have_eigenvalues),
        cmocka_unit_test(test_decompose__a_rank_deficient_matrix_has_its_null_space),
        cmocka_unit_test(test_decompose__a_known_matrix_has_its_known_eigenvectors),
        cmocka_unit_test(test_decompose__what_is_not_finite_is_refused),
        cmocka_unit_test(test_decompose__sizes_beyond_lapack_are_refused),
        cmocka_unit_test(test_decompose__empty_matrices_are_fine),
        cmocka_unit_test(test_decompose__svd_gives_the_matrix_back),
        cmocka_unit_test(test_decompose__svd_of_a_low_rank_matrix),
    };
    return run_cases(tests, NULL, NULL);
}

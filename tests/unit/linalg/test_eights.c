/* SPDX-License-Identifier: MIT */
/* Eight small symmetric matrices at a time, against LAPACK, against what defines a
 * decomposition, and against the same matrix alone and among others. */
#include "support/check.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "linalg/eights.h"
#include "linalg/linalg.h"

enum { MOST = 64 };

/* What an eight of matrices is worked on with. */
typedef struct desk {
    at_eight a[MOST * MOST], vectors[MOST * MOST], values[MOST], scratch[14 * MOST];
} desk;

static desk *new_desk(void)
{
    desk *out = aligned_alloc(64, sizeof *out);
    assert_non_null(out);
    assert_true(at_eights_eigen_scratch(MOST) <= sizeof out->scratch / sizeof(at_eight));
    return out;
}

/* A random symmetric matrix whose entries fall by up to four powers of ten a row, away
 * from the diagonal or along it. */
static void make(size_t i, size_t n, double *out)
{
    double fall = pow(10, -4 * at_uniform(0xe16e, i, 0));
    for (size_t r = 0; r < n; r++) {
        for (size_t c = 0; c <= r; c++) {
            double x = at_uniform(0xe16e, i, 1 + r * n + c) - 0.5;
            out[r * n + c] = x * pow(fall, (double)(i % 2 ? r - c : r + c));
            out[c * n + r] = out[r * n + c];
        }
    }
}

static double largest_of(const double *a, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n * n; i++) {
        largest = fmax(largest, fabs(a[i]));
    }
    return largest;
}

/* Values are LAPACK's; vectors have norm 1, and A v = value v. */
static void check_lane(
    const desk *d, size_t lane, size_t n, size_t n_all, const double *a)
{
    double full[MOST * MOST];
    double expected[MOST];
    double allowed = 20 * (double)n * DBL_EPSILON * (double)n * largest_of(a, n);
    size_t n_zeros = n_all - n; /* of the rows after it */
    memcpy(full, a, n * n * sizeof *a);
    assert_int_equal(
        LAPACKE_dsyev(LAPACK_COL_MAJOR, 'N', 'L', (int)n, full, (int)n, expected), 0);
    for (size_t c = 0; c < n && expected[n - 1 - c] > allowed; c++) {
        double norm = 0;
        assert_true(c + n_zeros < n_all);
        assert_true(fabs(d->values[c][lane] - expected[n - 1 - c]) <= allowed);
        for (size_t i = 0; i < n; i++) {
            double image = 0;
            double x = d->vectors[c * n_all + i][lane];
            norm += x * x;
            for (size_t j = 0; j < n; j++) {
                image += a[i * n + j] * d->vectors[c * n_all + j][lane];
            }
            assert_true(fabs(image - expected[n - 1 - c] * x) <= 100 * allowed);
        }
        assert_true(fabs(norm - 1) <= 1e-12);
    }
}

/* Vectors of values that are not close are orthogonal. */
static void check_orthogonal(const desk *d, size_t lane, size_t n)
{
    double largest = fmax(fabs(d->values[0][lane]), fabs(d->values[n - 1][lane]));
    for (size_t c = 0; c < n; c++) {
        for (size_t b = 0; b < c; b++) {
            double with = 0;
            double gap = d->values[b][lane] - d->values[c][lane];
            for (size_t i = 0; i < n; i++) {
                with += d->vectors[c * n + i][lane] * d->vectors[b * n + i][lane];
            }
            assert_true(gap >= 0);
            assert_true(gap < AT_EIGHTS_CLOSE * largest || fabs(with) <= 1e-5);
        }
    }
}

static attrib_status decompose(size_t n, size_t n_wanted, desk *d, attrib_error *err)
{
    attrib_status status = at_eights_values(n, d->a, d->values, d->scratch, err);
    if (status == ATTRIB_OK) {
        at_eights_vectors(n, n_wanted, d->a, d->scratch, d->vectors);
    }
    return status;
}

/* Eight matrices of n rows, but for one of fewer. */
static void check_eight(size_t first, size_t n, desk *d)
{
    double a[AT_EIGHT][MOST * MOST];
    size_t sizes[AT_EIGHT];
    attrib_error err = {0};
    for (size_t k = 0; k < AT_EIGHT; k++) {
        sizes[k] = k == 3 ? (n + 1) / 2 : n;
        make(first + k, sizes[k], a[k]);
        at_eights_put(k, sizes[k], a[k], sizes[k], n, d->a);
    }
    check_ok(decompose(n, n, d, &err), &err);
    for (size_t k = 0; k < AT_EIGHT; k++) {
        check_lane(d, k, sizes[k], n, a[k]);
        if (k != 3) {
            check_orthogonal(d, k, n);
        }
    }
}

static void test_eights__decompose_as_lapack_does(void **state)
{
    desk *d = new_desk();
    (void)state;
    at_blas_single_threaded();
    for (size_t i = 0; i < 1200; i++) {
        check_eight(8 * i, 1 + i % 32, d);
    }
    check_eight(100000, MOST, d);
    free(d);
}

/* A matrix gives the same bytes in any lane, whatever the other lanes hold and however
 * many rows of zeros follow it. */
static void test_eights__depend_on_their_own_matrix_alone(void **state)
{
    desk *alone = new_desk();
    desk *among = new_desk();
    double a[MOST * MOST];
    attrib_error err = {0};
    (void)state;
    for (size_t n = 2; n < 40; n += 3) {
        size_t n_all = n + n % 4;
        for (size_t k = 0; k < AT_EIGHT; k++) {
            size_t own = k == 5 ? n : n_all;
            make(k == 5 ? 5 : 1000 + k, own, a);
            at_eights_put(k, own, a, own, n_all, among->a);
            make(5, n, a);
            at_eights_put(k, k == 0 ? n : 0, a, n, n, alone->a);
        }
        check_ok(decompose(n_all, n, among, &err), &err);
        check_ok(decompose(n, n, alone, &err), &err);
        for (size_t c = 0; c < n && alone->values[c][0] > 0; c++) {
            assert_true(alone->values[c][0] == among->values[c][5]);
            for (size_t i = 0; i < n; i++) {
                assert_true(alone->vectors[c * n + i][0] ==
                            among->vectors[c * n_all + i][5]);
            }
        }
    }
    free(alone);
    free(among);
}

/* The first shift is -1, by which the second rotation turns 4 * 1 - 2^2 = 0: its quotient
 * has no divisor. */
static void test_eights__go_on_where_a_rotation_is_a_right_angle(void **state)
{
    static const double a[] = {0, 1, 0, 1, 0, 2, 0, 2, 3};
    desk *d = new_desk();
    attrib_error err = {0};
    (void)state;
    at_blas_single_threaded();
    for (size_t k = 0; k < AT_EIGHT; k++) {
        at_eights_put(k, 3, a, 3, 3, d->a);
    }
    check_ok(decompose(3, 3, d, &err), &err);
    check_lane(d, 0, 3, 3, a);
    check_lane(d, 7, 3, 3, a);
    assert_true(fabs(d->values[0][0] + d->values[1][0] + d->values[2][0] - 3) <= 1e-14);
    free(d);
}

/* L L' = A + ridge, and nothing above the diagonal; a row that repeats another counts as
 * nothing where there is no ridge. */
static void test_eights__factor_triangles(void **state)
{
    enum { N = 13 };

    at_eight a[N * N];
    double x[N * N];
    double square[N * N];
    at_eight ridge = {0, 1e-3, 0.5, 0, 0, 0, 0, 0};
    (void)state;
    make(7, N, x);
    for (size_t i = 0; i < N * N; i++) {
        square[i] = 0;
        for (size_t k = 0; k < N; k++) {
            square[i] += x[i / N * N + k] * x[i % N * N + k];
        }
    }
    for (size_t k = 0; k < AT_EIGHT; k++) {
        at_eights_put(k, N, square, N, N, a);
    }
    at_eights_factor(N, &ridge, a);
    for (size_t k = 0; k < AT_EIGHT; k++) {
        for (size_t i = 0; i < N; i++) {
            for (size_t j = 0; j < N; j++) {
                double sum = 0;
                for (size_t l = 0; l < N; l++) {
                    sum += a[i * N + l][k] * a[j * N + l][k];
                }
                assert_true(j <= i || a[i * N + j][k] == 0);
                assert_true(fabs(sum - square[i * N + j] - (i == j ? ridge[k] : 0)) <=
                            1e-12 * largest_of(square, N));
            }
        }
    }
}

/* A row that repeats another one but for rounding, by which less than a tenth of the
 * ridge is left of it, counts as nothing; one of which a fifth is left does not. */
static void test_eights__factor_rows_that_nearly_repeat(void **state)
{
    const double r = 1e-6;
    const double lefts[] = {0.05, 0.2, -0.5};
    const size_t n_lefts = sizeof lefts / sizeof *lefts;
    at_eight a[9] = {{0}};
    at_eight ridge = {r, r, r, r, r, r, r, r};
    (void)state;
    for (size_t k = 0; k < n_lefts; k++) {
        double known = 1 / (1 + r); /* of row 1, by row 0 */
        const double x[] = {1, 1, 0.5, 1, known - r + lefts[k] * r, 0.3, 0.5, 0.3, 1};
        at_eights_put(k, 3, x, 3, 3, a);
    }
    at_eights_factor(3, &ridge, a);
    for (size_t k = 0; k < n_lefts; k++) {
        double expected = lefts[k] > 0.1 ? sqrt(lefts[k] * r) : 0;
        assert_true(fabs(a[4][k] - expected) <= 1e-6 * sqrt(r));
        assert_int_equal(a[7][k] == 0, expected == 0); /* nor does it count in row 2 */
    }
}

static void test_eights__products_are_sums(void **state)
{
    enum { N = 21 };

    static at_eight k[N * N];
    static at_eight l[N * N];
    static at_eight half[N * N];
    static at_eight out[N * N];
    double x[2][N * N];
    (void)state;
    make(11, N, x[0]);
    make(12, N, x[1]);
    for (size_t lane = 0; lane < AT_EIGHT; lane++) {
        at_eights_put(lane, N, x[0], N, N, k);
        at_eights_put(lane, N, x[1], N, N, l);
    }
    for (size_t i = 0; i < N * N; i++) {
        if (i % N > i / N) {
            l[i] = (at_eight){0};
        }
    }
    at_eights_congruent(N, k, l, half, out);
    at_eights_product(N, N, k, l, true, half);
    for (size_t i = 0; i < N * N; i++) {
        double sum = 0;
        double with = 0;
        for (size_t p = 0; p < N; p++) {
            with += k[i / N * N + p][2] * l[i % N * N + p][2];
            for (size_t q = 0; q < N; q++) {
                sum += l[p * N + i / N][2] * k[p * N + q][2] * l[q * N + i % N][2];
            }
        }
        assert_true(i % N > i / N || fabs(out[i][2] - sum) <= 1e-13);
        assert_true(fabs(half[i][2] - with) <= 1e-13);
    }
}

static void test_eights__refuse_what_is_not_finite(void **state)
{
    static const double bad[] = {(double)NAN, (double)INFINITY};
    desk *d = new_desk();
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        attrib_error err = {0};
        memset(d->a, 0, sizeof d->a);
        d->a[2 * 3 + 1][4] = bad[k];
        check_fails(decompose(3, 3, d, &err), ATTRIB_ENUMERIC, &err);
        check_message(&err, "not finite");
    }
    free(d);
}

/* Numbers far from 1 are scaled lane by lane. */
static void test_eights__keep_tiny_and_huge_ones(void **state)
{
    static const double units[] = {1e-290, 1e290, 1, 0, 1e-310, 5e307};
    const size_t n_units = sizeof units / sizeof *units;
    desk *d = new_desk();
    attrib_error err = {0};
    (void)state;
    memset(d->a, 0, sizeof d->a);
    for (size_t k = 0; k < n_units; k++) { /* [2 1; 1 2] */
        d->a[0][k] = d->a[3][k] = 2 * units[k];
        d->a[2][k] = units[k];
    }
    check_ok(decompose(2, 2, d, &err), &err);
    for (size_t k = 0; k < n_units; k++) {
        assert_true(fabs(d->values[0][k] - 3 * units[k]) <= 1e-15 * 3 * units[k]);
        assert_true(fabs(d->values[1][k] - units[k]) <= 1e-15 * 3 * units[k]);
    }
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eights__decompose_as_lapack_does),
        cmocka_unit_test(test_eights__depend_on_their_own_matrix_alone),
        cmocka_unit_test(test_eights__go_on_where_a_rotation_is_a_right_angle),
        cmocka_unit_test(test_eights__factor_triangles),
        cmocka_unit_test(test_eights__factor_rows_that_nearly_repeat),
        cmocka_unit_test(test_eights__products_are_sums),
        cmocka_unit_test(test_eights__refuse_what_is_not_finite),
        cmocka_unit_test(test_eights__keep_tiny_and_huge_ones),
    };
    return run_cases(tests, NULL, NULL);
}

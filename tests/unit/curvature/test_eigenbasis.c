/* SPDX-License-Identifier: MIT */
/* Eigenbases of covariances of every kind: what they claim, to the rounding of the f32
 * that holds the vectors; the same bytes for any number of threads. */
#include "support/check.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lapacke.h>

#include "base/random.h"
#include "curvature/eigenbasis.h"
#include "curvature/fit.h"

#define N_TOKENS 7.0

/* Factors of maps of these sizes, with nothing in them. */
static attrib_factors *new_factors(const size_t (*sizes)[2], size_t n, size_t n_blocks)
{
    attrib_error err = {0};
    attrib_factors *factors = calloc(1, sizeof *factors);
    assert_non_null(factors);
    factors->factors = calloc(n, sizeof *factors->factors);
    assert_non_null(factors->factors);
    factors->info.n_modules = n;
    factors->info.n_tokens = (size_t)N_TOKENS;
    for (size_t m = 0; m < n; m++) {
        at_factor *factor = &factors->factors[m];
        char name[] = "map-0";
        name[4] = (char)('0' + m);
        factor->name = strdup(name);
        factor->in_dim = sizes[m][0];
        factor->out_dim = sizes[m][1];
        factor->basis_a.dim = sizes[m][0];
        factor->basis_s.dim = sizes[m][1];
    }
    check_ok(at_factors_set_blocks(factors, n_blocks, &err), &err);
    return factors;
}

/* x' x of random rows, block by block and packed: rank n_rows at most. */
static double *covariance(size_t dim, size_t n_blocks, size_t n_rows, uint64_t stream)
{
    double *packed = calloc(dim * (dim + 1) / 2, sizeof *packed);
    assert_non_null(packed);
    double *at = packed;
    for (size_t b = 0; b < n_blocks; b++) {
        size_t first = b * dim / n_blocks;
        for (size_t i = first; i < (b + 1) * dim / n_blocks; i++) {
            for (size_t j = first; j <= i; j++) {
                for (size_t t = 0; t < n_rows; t++) {
                    *at += (at_uniform(t, stream, i) - 0.5) *
                           (at_uniform(t, stream, j) - 0.5);
                }
                at++;
            }
        }
    }
    return packed;
}

static void fill(attrib_factors *factors, size_t n_rows)
{
    size_t n_blocks = factors->info.n_blocks;
    for (size_t m = 0; m < factors->info.n_modules; m++) {
        at_factor *factor = &factors->factors[m];
        factor->covariance_a = covariance(factor->in_dim, n_blocks, n_rows, 2 * m);
        factor->covariance_s = covariance(factor->out_dim, n_blocks, n_rows, 2 * m + 1);
    }
}

/* U diag(values) U' is the matrix over N_TOKENS and U'U is 1: entries of U are f32, a
 * product of m of them is off by at most m eps of the largest value. */
static void check_block(const double *packed, size_t m, const float *u, const double *v)
{
    double largest = fmax(fabs(v[0]), fabs(v[m - 1]));
    double tolerance = 2 * (double)m * (double)FLT_EPSILON;
    for (size_t i = 0; i < m; i++) {
        assert_true(i == 0 || v[i - 1] <= v[i]);
        for (size_t j = 0; j <= i; j++) {
            double entry = 0;
            double product = 0;
            for (size_t k = 0; k < m; k++) {
                entry += v[k] * (double)u[k * m + i] * (double)u[k * m + j];
                product += (double)u[i * m + k] * (double)u[j * m + k];
            }
            double want = packed[i * (i + 1) / 2 + j] / N_TOKENS;
            assert_true(fabs(entry - want) <= tolerance * largest);
            assert_true(fabs(product - (i == j)) <= tolerance);
        }
    }
}

static void check_side(const double *packed, const at_basis *basis, const double *values)
{
    const float *vectors = basis->vectors;
    for (size_t b = 0; b < basis->n_blocks; b++) {
        size_t first = b * basis->dim / basis->n_blocks;
        size_t m = (b + 1) * basis->dim / basis->n_blocks - first;
        check_block(packed, m, vectors, values + first);
        packed += m * (m + 1) / 2;
        vectors += m * m;
    }
}

static void check_all(const attrib_factors *factors)
{
    for (size_t m = 0; m < factors->info.n_modules; m++) {
        const at_factor *factor = &factors->factors[m];
        check_side(factor->covariance_a, &factor->basis_a, factor->values_a);
        check_side(factor->covariance_s, &factor->basis_s, factor->values_s);
    }
}

static const size_t some_sizes[][2] = {{5, 9}, {40, 13}, {13, 40}, {5, 5}};

static void decompose_and_check(size_t n_blocks, size_t n_rows)
{
    attrib_error err = {0};
    attrib_factors *factors = new_factors(some_sizes, 4, n_blocks);
    fill(factors, n_rows);
    check_ok(at_fit_eigenbases(NULL, factors, &err), &err);
    check_all(factors);
    attrib_factors_close(factors);
}

static void test_eigenbasis__full_rank(void **state)
{
    (void)state;
    decompose_and_check(1, 50);
}

/* One document of three tokens leaves most eigenvalues at zero; none at all, every one.
 */
static void test_eigenbasis__few_rows_and_none(void **state)
{
    (void)state;
    decompose_and_check(1, 3);
    decompose_and_check(1, 1);
    decompose_and_check(1, 0);
    decompose_and_check(4, 2);
}

static void test_eigenbasis__blocks_are_matrices_of_their_own(void **state)
{
    (void)state;
    decompose_and_check(2, 50);
    decompose_and_check(5, 50);
}

static void test_eigenbasis__one_coordinate(void **state)
{
    (void)state;
    const size_t sizes[][2] = {{1, 1}};
    attrib_error err = {0};
    attrib_factors *factors = new_factors(sizes, 1, 1);
    fill(factors, 4);
    check_ok(at_fit_eigenbases(NULL, factors, &err), &err);
    check_all(factors);
    attrib_factors_close(factors);
}

static void test_eigenbasis__what_is_not_finite_is_refused_by_name(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_factors *factors = new_factors(some_sizes, 4, 1);
    fill(factors, 50);
    factors->factors[2].covariance_s[30] = (double)INFINITY;
    check_fails(at_fit_eigenbases(NULL, factors, &err), ATTRIB_ENUMERIC, &err);
    check_message(&err, "map-2: gradient covariance");
    attrib_factors_close(factors);
}

/* Two threads, and memory for one matrix at a time, change no byte. */
static void test_eigenbasis__threads_change_nothing(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_factors *want = new_factors(some_sizes, 4, 2);
    attrib_factors *got = new_factors(some_sizes, 4, 2);
    attrib_session_options_default(&options);
    options.n_threads = 2;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    fill(want, 50);
    fill(got, 50);
    check_ok(at_fit_eigenbases(NULL, want, &err), &err);
    check_ok(at_fit_eigenbases(session, got, &err), &err);
    for (size_t m = 0; m < 4; m++) {
        const at_factor *a = &want->factors[m];
        const at_factor *b = &got->factors[m];
        size_t n = 0;
        check_ok(at_basis_size(a->in_dim, 2, &n, &err), &err);
        assert_memory_equal(a->basis_a.vectors, b->basis_a.vectors, n * sizeof(float));
        assert_memory_equal(a->values_a, b->values_a, a->in_dim * sizeof(double));
        check_ok(at_basis_size(a->out_dim, 2, &n, &err), &err);
        assert_memory_equal(a->basis_s.vectors, b->basis_s.vectors, n * sizeof(float));
        assert_memory_equal(a->values_s, b->values_s, a->out_dim * sizeof(double));
    }
    attrib_factors_close(want);
    attrib_factors_close(got);
    attrib_session_free(session);
}

/* Matrices that are decomposed at a time, where each takes a while. */
typedef struct crowd {
    attrib_factors *factors;
    atomic_size_t n_now, n_most, n_kept;
} crowd;

static attrib_status enter(void *context,
                           const at_covariance_block *block,
                           double *triangle,
                           attrib_error *err)
{
    crowd *c = context;
    (void)err;
    size_t n = atomic_fetch_add(&c->n_now, 1) + 1;
    if (n > atomic_load(&c->n_most)) {
        atomic_store(&c->n_most, n);
    }
    for (size_t i = 0; i < block->extent.size; i++) {
        triangle[i * (i + 1) / 2 + i] = (double)i;
    }
    return ATTRIB_OK;
}

static attrib_status leave(void *context,
                           const at_covariance_block *block,
                           const float *vectors,
                           const double *values,
                           attrib_error *err)
{
    crowd *c = context;
    (void)err;
    /* diag(0, 1, 2, ...) over N_TOKENS has the axes for eigenvectors, and LAPACK finds
     * its values to n eps of the largest, n / N_TOKENS: its own tests allow 30 times
     * that. */
    double n = (double)block->extent.size;
    double tolerance = 30 * n * DBL_EPSILON * n / N_TOKENS;
    for (size_t i = 0; i < block->extent.size; i++) {
        assert_true(fabs(values[i] - (double)i / N_TOKENS) < tolerance);
        assert_true(fabsf(vectors[i * block->extent.size + i]) > 1 - FLT_EPSILON);
    }
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    atomic_fetch_sub(&c->n_now, 1);
    atomic_fetch_add(&c->n_kept, 1);
    return ATTRIB_OK;
}

/* Memory for one matrix: one at a time, and still all of them. */
static void test_eigenbasis__memory_limits_how_many_at_once(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session_options options;
    attrib_session *session = NULL;
    crowd c = {.factors = new_factors(some_sizes, 4, 1)};
    at_covariance_io io = {&c, enter, leave};
    attrib_session_options_default(&options);
    options.n_threads = 3;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    check_ok(at_decompose_all(session, c.factors, &io, 1, &err), &err);
    assert_int_equal(atomic_load(&c.n_kept), 8);
    assert_int_equal(atomic_load(&c.n_most), 1);
    /* Two of the 5 x 5 matrices, one of larger. */
    check_ok(at_decompose_all(session, c.factors, &io, 2.5 * at_decompose_bytes(5), &err),
             &err);
    assert_int_equal(atomic_load(&c.n_kept), 16);
    assert_true(atomic_load(&c.n_most) <= 2);
    attrib_factors_close(c.factors);
    attrib_session_free(session);
}

/* Stands in place of LAPACK's divide and conquer in f32, which is made to fail for
 * matrices of one size. */
lapack_int __wrap_LAPACKE_sstedc_work(int,
                                      char,
                                      lapack_int,
                                      float *,
                                      float *,
                                      float *,
                                      lapack_int,
                                      float *,
                                      lapack_int,
                                      lapack_int *,
                                      lapack_int);
lapack_int __real_LAPACKE_sstedc_work(int,
                                      char,
                                      lapack_int,
                                      float *,
                                      float *,
                                      float *,
                                      lapack_int,
                                      float *,
                                      lapack_int,
                                      lapack_int *,
                                      lapack_int);
static lapack_int failing_size; /* 0: none */
static bool fails_silently;     /* with vectors that are wrong */

lapack_int __wrap_LAPACKE_sstedc_work(int layout,
                                      char job,
                                      lapack_int n,
                                      float *diagonal,
                                      float *next,
                                      float *z,
                                      lapack_int ldz,
                                      float *work,
                                      lapack_int n_work,
                                      lapack_int *iwork,
                                      lapack_int n_iwork)
{
    lapack_int info = __real_LAPACKE_sstedc_work(layout, job, n, diagonal, next, z, ldz,
                                                 work, n_work, iwork, n_iwork);
    if (n != failing_size) {
        return info;
    }
    z[0] += fails_silently ? 0.01F : 0;
    return fails_silently ? info : 1;
}

typedef struct heard {
    size_t n;
    char first[400];
} heard;

static void hear(void *context, attrib_log_level level, const char *line)
{
    heard *h = context;
    if (level == ATTRIB_LOG_WARNING && h->n++ == 0) {
        snprintf(h->first, sizeof h->first, "%s", line);
    }
}

/* Factors of some_sizes decomposed in a precision, and what was said of it. */
static attrib_factors *decomposed_in(attrib_eigen_precision precision, heard *h)
{
    attrib_error err = {0};
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_factors *factors = new_factors(some_sizes, 4, 1);
    attrib_session_options_default(&options);
    options.n_threads = 1;
    options.log = hear;
    options.log_context = h;
    *h = (heard){0};
    check_ok(attrib_session_new(&options, &session, &err), &err);
    factors->info.eigen_precision = precision;
    fill(factors, 50);
    check_ok(at_fit_eigenbases(session, factors, &err), &err);
    attrib_session_free(session);
    return factors;
}

/* In f32 they claim the same within the rounding of f32, and are others. */
static void test_eigenbasis__f32_is_checked(void **state)
{
    (void)state;
    heard h;
    attrib_factors *exact = decomposed_in(ATTRIB_EIGEN_F64, &h);
    attrib_factors *rounded = decomposed_in(ATTRIB_EIGEN_F32, &h);
    assert_int_equal(h.n, 0);
    check_all(rounded);
    for (size_t m = 0; m < 4; m++) {
        size_t n = exact->factors[m].in_dim;
        assert_memory_not_equal(exact->factors[m].basis_a.vectors,
                                rounded->factors[m].basis_a.vectors,
                                n * n * sizeof(float));
    }
    attrib_factors_close(exact);
    attrib_factors_close(rounded);
}

/* What f32 cannot do, or does wrong, is named, and has the bytes of f64. */
static void test_eigenbasis__what_f32_fails_at_is_done_in_f64(void **state)
{
    (void)state;
    heard h;
    attrib_factors *exact = decomposed_in(ATTRIB_EIGEN_F64, &h);
    for (int i = 0; i < 2; i++) {
        fails_silently = i > 0;
        failing_size = 40;
        attrib_factors *got = decomposed_in(ATTRIB_EIGEN_F32, &h);
        failing_size = 0;
        assert_int_equal(h.n, 2); /* map-1's A and map-2's S */
        assert_non_null(strstr(h.first, "map-1: activation covariance is decomposed in "
                                        "f64, as f32 fails: "));
        assert_non_null(strstr(h.first, i ? "eigenvectors miss" : "info 1"));
        assert_memory_equal(exact->factors[1].basis_a.vectors,
                            got->factors[1].basis_a.vectors, 40 * 40 * sizeof(float));
        assert_memory_equal(exact->factors[1].values_a, got->factors[1].values_a,
                            40 * sizeof(double));
        assert_memory_not_equal(exact->factors[0].basis_a.vectors,
                                got->factors[0].basis_a.vectors, 5 * 5 * sizeof(float));
        attrib_factors_close(got);
    }
    attrib_factors_close(exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigenbasis__full_rank),
        cmocka_unit_test(test_eigenbasis__few_rows_and_none),
        cmocka_unit_test(test_eigenbasis__blocks_are_matrices_of_their_own),
        cmocka_unit_test(test_eigenbasis__one_coordinate),
        cmocka_unit_test(test_eigenbasis__what_is_not_finite_is_refused_by_name),
        cmocka_unit_test(test_eigenbasis__threads_change_nothing),
        cmocka_unit_test(test_eigenbasis__memory_limits_how_many_at_once),
        cmocka_unit_test(test_eigenbasis__f32_is_checked),
        cmocka_unit_test(test_eigenbasis__what_f32_fails_at_is_done_in_f64),
    };
    return run_cases(tests, NULL, NULL);
}

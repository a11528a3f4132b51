/* SPDX-License-Identifier: MIT */
/* Statistics against numpy, scipy, statsmodels and powerlaw
 * (scripts/make-analyze-fixtures), and what must hold of them whatever the numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"
#include "base/file.h"
#include "base/random.h"
#include "format/json.h"
#include "support/check.h"

/* f64 sums of at most a few thousand terms, in another order. */
#define RTOL 1e-11

static json_t *fixture;

static int set_up(void **state)
{
    attrib_error err = {0};
    (void)state;
    check_ok(at_json_read(source_path("tests/golden/analyze/statistics.json"), 1 << 20,
                          &fixture, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(fixture);
    return 0;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* The numbers of a list, owned by the caller. */
static double *numbers(const json_t *object, const char *key, size_t *n)
{
    const json_t *list = json_object_get(object, key);
    double *out = NULL;
    attrib_error err = {0};
    *n = json_array_size(list);
    assert_true(*n > 0);
    check_ok(at_array(*n, sizeof *out, (void *)&out, &err), &err);
    for (size_t i = 0; i < *n; i++) {
        out[i] = json_number_value(json_array_get(list, i));
    }
    return out;
}

static void check_number(double got, double want, const char *what)
{
    check_close_f64(&got, &want, 1, RTOL, 1e-300, what);
}

/* Checks a function of n arguments against rows of them and its value. */
static void check_rows(const char *key, size_t n, double (*of)(const double *))
{
    const json_t *rows = json_object_get(json_object_get(fixture, "distribution"), key);
    assert_true(json_array_size(rows) > 0);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double row[5] = {0};
        for (size_t k = 0; k <= n; k++) {
            row[k] = json_number_value(json_array_get(json_array_get(rows, i), k));
        }
        double got = of(row);
        check_close_f64(&got, &row[n], 1, 1e-9, 1e-300, key);
    }
}

static double beta_of(const double *row)
{
    return at_incomplete_beta(row[0], row[1], row[2]);
}

static double student_of(const double *row)
{
    return at_student_p(row[0], row[1]);
}

static double quantile_of(const double *row)
{
    return at_student_quantile(row[0], row[1]);
}

static double hypergeometric_of(const double *row)
{
    return at_hypergeometric_p((size_t)row[0], (size_t)row[1], (size_t)row[2],
                               (size_t)row[3]);
}

static void test_statistics__distributions_are_scipys(void **state)
{
    (void)state;
    check_rows("incomplete_beta", 3, beta_of);
    check_rows("student_p", 2, student_of);
    check_rows("student_quantile", 2, quantile_of);
    check_rows("hypergeometric", 4, hypergeometric_of);
}

static void test_statistics__ranks_and_correlations_are_scipys(void **state)
{
    (void)state;
    const json_t *want = json_object_get(fixture, "correlation");
    size_t n = 0;
    double *x = numbers(want, "x", &n);
    double *y = numbers(want, "y", &n);
    double *ranks = numbers(want, "ranks", &n);
    at_indexed *scratch = malloc(n * sizeof *scratch);
    check_number(at_correlation(x, y, n), number(want, "pearson"), "pearson");
    at_rank(x, n, scratch);
    at_rank(y, n, scratch);
    check_close_f64(x, ranks, n, 0, 0, "ranks");
    check_number(at_correlation(x, y, n), number(want, "spearman"), "spearman");
    free(x);
    free(y);
    free(ranks);
    free(scratch);
}

static void test_statistics__a_constant_has_no_correlation(void **state)
{
    (void)state;
    const double constant[3] = {2, 2, 2};
    const double other[3] = {1, 2, 3};
    assert_true(isnan(at_correlation(constant, other, 3)));
    assert_true(isnan(at_correlation(other, constant, 3)));
}

static void test_statistics__discovery_rates_are_statsmodels(void **state)
{
    (void)state;
    attrib_error err = {0};
    const json_t *want = json_object_get(fixture, "discovery");
    size_t n = 0;
    double *p = numbers(want, "p", &n);
    double *rates = numbers(want, "rates", &n);
    check_ok(at_discovery_rates(p, n, &err), &err);
    check_close_f64(p, rates, n, RTOL, 0, "rates");
    free(p);
    free(rates);
}

/* What is no test must not count as one. */
static void test_statistics__discovery_rates_leave_unknown_ones_out(void **state)
{
    (void)state;
    attrib_error err = {0};
    double p[4] = {0.02, (double)NAN, 0.01, (double)NAN};
    check_ok(at_discovery_rates(p, 4, &err), &err);
    assert_true(p[0] == 0.02 && p[2] == 0.02);
    assert_true(isnan(p[1]) && isnan(p[3]));
}

static void test_statistics__quantiles_are_numpys(void **state)
{
    (void)state;
    const json_t *want = json_object_get(fixture, "quantile");
    const json_t *rows = json_object_get(want, "quantiles");
    size_t n = 0;
    double *x = numbers(want, "x", &n);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        double p = json_number_value(json_array_get(row, 0));
        check_number(at_quantile(x, n, p), json_number_value(json_array_get(row, 1)),
                     "quantile");
    }
    free(x);
}

/* 1,000 resamplings of 200 draws: the interval's ends are known to about a tenth of the
 * standard error. */
static void test_statistics__bootstrap_intervals_are_two_standard_errors(void **state)
{
    (void)state;
    double x[200];
    double scratch[1000];
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < 200; i++) {
        x[i] = at_uniform(1, 1, i);
        mean += x[i] / 200;
    }
    for (size_t i = 0; i < 200; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    double error = sqrt(squares / 200 / 200);
    at_interval got = at_bootstrap_mean(x, 200, 7, 0, 1000, scratch);
    const double ends[2] = {(got.low - mean) / error, (got.high - mean) / error};
    const double want[2] = {-1.96, 1.96};
    check_close_f64(ends, want, 2, 0, 0.25, "ends");
    at_interval other = at_bootstrap_mean(x, 200, 8, 0, 1000, scratch);
    assert_true(other.low != got.low);
    assert_true(isnan(at_bootstrap_mean(x, 1, 7, 0, 10, scratch).low));
}

static void test_statistics__power_laws_are_powerlaws(void **state)
{
    (void)state;
    const json_t *tails = json_object_get(fixture, "tail");
    for (size_t i = 0; i < json_array_size(tails); i++) {
        const json_t *want = json_array_get(tails, i);
        size_t n = 0;
        double *x = numbers(want, "x", &n);
        double *logs = malloc(n * sizeof *logs);
        at_power_law law = at_power_law_fit(x, n, logs);
        check_number(law.x_min, number(want, "x_min"), "x_min");
        check_number(law.alpha, number(want, "alpha"), "alpha");
        check_number(law.ks, number(want, "ks"), "ks");
        assert_int_equal(law.n_tail, (size_t)number(want, "n_tail"));
        check_number(at_hill(x, n, (size_t)number(want, "k")), number(want, "hill"),
                     "hill");
        free(x);
        free(logs);
    }
}

/* Values x[i] of a law with alpha 2.5, descending. */
static void sample(double *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = -pow(1 - at_uniform(seed, 99, i), -1 / 2.5);
    }
    at_sort_ascending(x, n);
    for (size_t i = 0; i < n; i++) {
        x[i] = -x[i];
    }
}

/* All values that equal x_min belong to the tail. */
static void test_statistics__tails_hold_all_equal_values(void **state)
{
    (void)state;
    double x[200];
    double logs[200];
    for (uint64_t seed = 0; seed < 20; seed++) {
        size_t n_tail = 0;
        sample(x, 200, seed);
        for (size_t i = 0; i < 200; i++) {
            x[i] = ceil(2 * x[i]) / 2;
        }
        at_power_law law = at_power_law_fit(x, 200, logs);
        for (size_t i = 0; i < 200; i++) {
            n_tail += x[i] >= law.x_min;
        }
        assert_int_equal(law.n_tail, n_tail);
    }
}

/* About one of ten samples of a law has p < 0.1. */
static void test_statistics__samples_of_a_law_are_kept(void **state)
{
    (void)state;
    attrib_error err = {0};
    double x[300];
    double logs[300];
    at_tail_check check = {0};
    size_t n_kept = 0;
    size_t n_covered = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        sample(x, 300, seed);
        at_power_law law = at_power_law_fit(x, 300, logs);
        check_ok(at_power_law_check(x, 300, &law, 3, 0, 50, &check, &err), &err);
        n_kept += check.p > 0.1;
        n_covered += check.alpha.low < 2.5 && 2.5 < check.alpha.high;
        assert_true(check.alpha.low < law.alpha && law.alpha < check.alpha.high);
    }
    assert_in_range(n_kept, 7, 10);
    assert_in_range(n_covered, 7, 10);
}

/* p is the share of samples that are as far from their law. */
static void test_statistics__p_counts_samples_that_fit_worse(void **state)
{
    (void)state;
    attrib_error err = {0};
    double x[100];
    double logs[100];
    at_tail_check check = {0};
    sample(x, 100, 1);
    at_power_law law = at_power_law_fit(x, 100, logs);
    law.ks = 0.5;
    check_ok(at_power_law_check(x, 100, &law, 3, 0, 20, &check, &err), &err);
    assert_true(check.p == 0);
    law.ks = 0;
    check_ok(at_power_law_check(x, 100, &law, 3, 0, 20, &check, &err), &err);
    assert_true(check.p == 1);
}

static void test_statistics__few_values_have_no_law(void **state)
{
    (void)state;
    double x[9] = {9, 8, 7, 6, 5, 4, 3, 2, 1};
    const double alike[20] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    double logs[20];
    at_power_law law = at_power_law_fit(x, 9, logs);
    assert_int_equal(law.n_tail, 0);
    assert_true(isnan(law.alpha) && isnan(law.x_min) && isnan(law.ks));
    assert_int_equal(at_power_law_fit(alike, 20, logs).n_tail, 0);
    assert_true(isnan(at_hill(x, 9, 9)) && isnan(at_hill(x, 9, 0)));
}

static void test_statistics__concentration_is_numpys(void **state)
{
    (void)state;
    const json_t *want = json_object_get(fixture, "concentration");
    size_t n = 0;
    double *x = numbers(want, "x", &n);
    at_concentration got = at_concentrate(x, n);
    check_number(got.sum, number(want, "sum"), "sum");
    check_number(got.top_share, number(want, "top_share"), "top_share");
    check_number(got.gini, number(want, "gini"), "gini");
    check_number(got.participation, number(want, "participation"), "participation");
    assert_int_equal(got.n_positive, (size_t)number(want, "n_positive"));
    assert_int_equal(got.n50, (size_t)number(want, "n50"));
    free(x);
}

static void test_statistics__extremes_of_concentration(void **state)
{
    (void)state;
    const double one[4] = {5, 0, 0, 0};
    const double alike[4] = {2, 2, 2, 2};
    const double none[2] = {-1, -3};
    at_concentration c = at_concentrate(one, 4);
    assert_true(c.gini == 0.75 && c.participation == 0.25 && c.n50 == 1);
    c = at_concentrate(alike, 4);
    assert_true(c.gini == 0 && c.participation == 1 && c.n50 == 2);
    c = at_concentrate(none, 2);
    assert_true(isnan(c.gini) && isnan(c.top_share) && c.sum == 0 && c.n50 == 0);
}

static void test_statistics__clusters_are_scipys(void **state)
{
    (void)state;
    attrib_error err = {0};
    const json_t *want = json_object_get(fixture, "cluster");
    const json_t *labels = json_object_get(want, "cluster");
    size_t n_distances = 0;
    double *distances = numbers(want, "distances", &n_distances);
    size_t n = json_array_size(labels);
    size_t cluster[64];
    size_t order[64];
    bool is_seen[64] = {false};
    check_ok(at_cluster(n, distances, number(want, "cut"), cluster, order, &err), &err);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(cluster[i], json_integer_value(json_array_get(labels, i)));
        assert_false(is_seen[order[i]]);
        is_seen[order[i]] = true;
    }
    free(distances);
}

/* Members of a cluster stand side by side in the order of the tree. */
static void test_statistics__order_keeps_clusters_together(void **state)
{
    (void)state;
    attrib_error err = {0};
    /* 0 and 3 are near each other, 1 and 4, and 2 is alone. */
    double distances[25] = {0, 0.9, 2,   0.1, 0.9, 0.9, 0,   2,   0.9, 0.2, 2,   2, 0,
                            2, 2,   0.1, 0.9, 2,   0,   0.9, 0.9, 0.2, 2,   0.9, 0};
    size_t cluster[5];
    size_t order[5];
    const size_t clusters[5] = {0, 1, 2, 0, 1};
    const size_t orders[5] = {0, 3, 1, 4, 2};
    check_ok(at_cluster(5, distances, 0.5, cluster, order, &err), &err);
    assert_memory_equal(cluster, clusters, sizeof clusters);
    assert_memory_equal(order, orders, sizeof orders);
}

/* The distance of a cluster is the mean over all its members: of {0, 1, 2} to 3 it is
 * 0.7, where the mean of its two parts would be 0.75. */
static void test_statistics__members_weigh_the_same_in_a_cluster(void **state)
{
    (void)state;
    attrib_error err = {0};
    double distances[16] = {0,   0.1, 0.2, 0.6, 0.1, 0,   0.2, 0.6,
                            0.2, 0.2, 0,   0.9, 0.6, 0.6, 0.9, 0};
    size_t cluster[4];
    size_t order[4];
    check_ok(at_cluster(4, distances, 0.72, cluster, order, &err), &err);
    assert_int_equal(cluster[3], 0);
}

static void test_statistics__clusters_of_nothing_known(void **state)
{
    (void)state;
    attrib_error err = {0};
    double distances[9] = {0,           (double)NAN, (double)NAN,
                           (double)NAN, 0,           (double)NAN,
                           (double)NAN, (double)NAN, 0};
    size_t cluster[3];
    size_t order[3];
    check_ok(at_cluster(3, distances, 1e300, cluster, order, &err), &err);
    assert_int_equal(cluster[1], 1);
    assert_int_equal(cluster[2], 2);
    check_ok(at_cluster(1, distances, 1, cluster, order, &err), &err);
    assert_int_equal(cluster[0], 0);
    assert_int_equal(order[0], 0);
}

/* Sums over rows of columns [n, m] and y [n]; freed by the caller. */
static at_regression add_up(const double *columns, const double *y, size_t n, size_t m)
{
    at_regression sums = {.m = m, .n = n};
    sums.xx = calloc(m * m, sizeof *sums.xx);
    sums.xy = calloc(m, sizeof *sums.xy);
    for (size_t r = 0; r < n; r++) {
        const double *x = columns + r * m;
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < m; j++) {
                sums.xx[i * m + j] += x[i] * x[j];
            }
            sums.xy[i] += x[i] * y[r];
        }
        sums.yy += y[r] * y[r];
    }
    return sums;
}

static void test_statistics__regression_is_statsmodels(void **state)
{
    (void)state;
    attrib_error err = {0};
    const json_t *want = json_object_get(fixture, "regression");
    const char *const names[6] = {"value", "error", "t", "p", "low", "high"};
    size_t n_cells = 0;
    size_t n = 0;
    size_t m = (size_t)number(want, "m");
    double *columns = numbers(want, "columns", &n_cells);
    double *y = numbers(want, "y", &n);
    at_regression sums = add_up(columns, y, n, m);
    at_coefficient got[8];
    double r_squared = 0;
    size_t degrees = 0;
    check_ok(at_regression_solve(&sums, got, &r_squared, &degrees, &err), &err);
    check_close_f64(&r_squared, &(double){number(want, "r_squared")}, 1, 1e-9, 0, "R2");
    assert_int_equal(degrees, n - m);
    for (size_t k = 0; k < 6; k++) {
        size_t n_values = 0;
        double *values = numbers(want, names[k], &n_values);
        for (size_t i = 0; i < m; i++) {
            const double row[6] = {
                got[i].value, got[i].error,        got[i].t,
                got[i].p,     got[i].interval.low, got[i].interval.high};
            /* Sums of squares of lengths up to 4,000 have lost 7 of 16 digits. */
            check_close_f64(&row[k], &values[i], 1, 1e-8, 1e-12, names[k]);
        }
        free(values);
    }
    free(columns);
    free(y);
    free(sums.xx);
    free(sums.xy);
}

/* The third column is twice the second: it gets no coefficient, and the others keep
 * theirs. */
static void test_statistics__a_column_that_others_determine_is_left_out(void **state)
{
    (void)state;
    attrib_error err = {0};
    const double columns[15] = {1, 1, 2, 1, 2, 4, 1, 3, 6, 1, 4, 8, 1, 5, 10};
    const double y[5] = {3.1, 4.9, 7.2, 8.8, 11};
    at_regression sums = add_up(columns, y, 5, 3);
    at_coefficient got[3];
    size_t degrees = 0;
    check_ok(at_regression_solve(&sums, got, NULL, &degrees, &err), &err);
    assert_int_equal(degrees, 3);
    assert_true(isnan(got[2].value) && isnan(got[2].p));
    check_close_f64(&got[1].value, &(double){1.97}, 1, 1e-9, 0, "slope");
    sums.n = 2;
    err = (attrib_error){0};
    check_fails(at_regression_solve(&sums, got, NULL, NULL, &err), ATTRIB_ESHAPE, &err);
    check_message(&err, "2 documents for 2 coefficients");
    free(sums.xx);
    free(sums.xy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics__distributions_are_scipys),
        cmocka_unit_test(test_statistics__ranks_and_correlations_are_scipys),
        cmocka_unit_test(test_statistics__a_constant_has_no_correlation),
        cmocka_unit_test(test_statistics__discovery_rates_are_statsmodels),
        cmocka_unit_test(test_statistics__discovery_rates_leave_unknown_ones_out),
        cmocka_unit_test(test_statistics__quantiles_are_numpys),
        cmocka_unit_test(test_statistics__bootstrap_intervals_are_two_standard_errors),
        cmocka_unit_test(test_statistics__power_laws_are_powerlaws),
        cmocka_unit_test(test_statistics__tails_hold_all_equal_values),
        cmocka_unit_test(test_statistics__samples_of_a_law_are_kept),
        cmocka_unit_test(test_statistics__p_counts_samples_that_fit_worse),
        cmocka_unit_test(test_statistics__few_values_have_no_law),
        cmocka_unit_test(test_statistics__concentration_is_numpys),
        cmocka_unit_test(test_statistics__extremes_of_concentration),
        cmocka_unit_test(test_statistics__clusters_are_scipys),
        cmocka_unit_test(test_statistics__order_keeps_clusters_together),
        cmocka_unit_test(test_statistics__members_weigh_the_same_in_a_cluster),
        cmocka_unit_test(test_statistics__clusters_of_nothing_known),
        cmocka_unit_test(test_statistics__regression_is_statsmodels),
        cmocka_unit_test(test_statistics__a_column_that_others_determine_is_left_out),
    };
    return run_cases(tests, set_up, tear_down);
}

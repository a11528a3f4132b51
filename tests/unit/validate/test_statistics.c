/* SPDX-License-Identifier: MIT */
/* Statistics of validation against numpy, scipy and scikit-learn
 * (scripts/make-validate-fixtures). */
#include <math.h>
#include <stdlib.h>

#include "format/json.h"
#include "support/check.h"
#include "validate/agreement.h"
#include "validate/counted.h"

/* f64 sums of at most a few hundred terms, in another order. */
#define RTOL 1e-12

static json_t *fixture;

static int set_up(void **state)
{
    attrib_error err = {0};
    (void)state;
    check_ok(at_json_read(source_path("tests/golden/validate/statistics.json"), 1 << 20,
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

static double number_at(const json_t *list, size_t i)
{
    return json_number_value(json_array_get(list, i));
}

static void check_number(double got, double want, const char *what)
{
    check_close_f64(&got, &want, 1, RTOL, 1e-14, what);
}

static void test_counted__correlates_as_if_items_were_repeated(void **state)
{
    (void)state;

    enum { N = 20 };

    const json_t *of = json_object_get(fixture, "counted");
    double x[N];
    double y[N];
    double ranks[2][N];
    size_t counts[N];
    size_t order[N];
    attrib_error err = {0};
    for (size_t i = 0; i < N; i++) {
        x[i] = number_at(json_object_get(of, "x"), i);
        y[i] = number_at(json_object_get(of, "y"), i);
        counts[i] = (size_t)number_at(json_object_get(of, "counts"), i);
    }
    check_ok(at_ascending_order(x, N, order, &err), &err);
    at_counted_ranks(x, order, counts, N, ranks[0]);
    check_ok(at_ascending_order(y, N, order, &err), &err);
    at_counted_ranks(y, order, counts, N, ranks[1]);
    check_number(at_counted_correlation(ranks[0], ranks[1], counts, N),
                 number(of, "spearman"), "spearman");
}

enum { QUERIES = 12, PARTS = 24, PREDICTED = 2 };

/* A matrix of the fixture, row after row. */
static void take_matrix(const json_t *rows, double *out)
{
    for (size_t q = 0; q < QUERIES; q++) {
        for (size_t i = 0; i < PARTS; i++) {
            out[q * PARTS + i] = number_at(json_array_get(rows, q), i);
        }
    }
}

static void check_interval(at_interval got, const json_t *want, const char *what)
{
    /* Two bootstraps of 4,000 replicates: the quantiles of either have a standard error
     * of about 0.03 deviations, which are below 0.06 here. */
    const double ends[] = {number_at(want, 0), number_at(want, 1)};
    const double found[] = {got.low, got.high};
    check_close_f64(found, ends, 2, 0, 0.01, what);
}

static void test_agreement__is_what_scipy_and_another_bootstrap_find(void **state)
{
    (void)state;
    const json_t *of = json_object_get(fixture, "agreement");
    const json_t *intervals = json_object_get(of, "intervals");
    double measured[QUERIES * PARTS];
    double predicted[PREDICTED][QUERIES * PARTS];
    double scratch[4000];
    const double *const lists[PREDICTED] = {predicted[0], predicted[1]};
    at_agreement out[PREDICTED];
    attrib_error err = {0};
    take_matrix(json_object_get(of, "measured"), measured);
    for (size_t p = 0; p < PREDICTED; p++) {
        take_matrix(json_array_get(json_object_get(of, "predicted"), p), predicted[p]);
    }
    const at_agreement_job job = {.measured = measured,
                                  .predicted = lists,
                                  .n_predicted = PREDICTED,
                                  .n_queries = QUERIES,
                                  .n_parts = PARTS,
                                  .n_replicates = 4000,
                                  .seed = 1};
    check_ok(at_agree(&job, out, &err), &err);
    for (size_t p = 0; p < PREDICTED; p++) {
        const json_t *rho = json_array_get(json_object_get(of, "correlations"), p);
        for (size_t q = 0; q < QUERIES; q++) {
            double want = number_at(rho, q);
            assert_int_equal(isnan(out[p].correlations[q]), want == -9);
            if (want != -9) {
                check_number(out[p].correlations[q], want, "correlation of a query");
            }
        }
        assert_int_equal(out[p].n_counted, QUERIES - 1);
        check_number(out[p].mean, number_at(json_object_get(of, "means"), p), "mean");
        check_interval(out[p].interval,
                       json_array_get(json_object_get(intervals, "both"), p), "both");
        check_interval(out[p].over_parts,
                       json_array_get(json_object_get(intervals, "parts"), p), "parts");
        check_interval(out[p].over_queries,
                       json_array_get(json_object_get(intervals, "queries"), p),
                       "queries");
    }
    check_interval(at_agreement_difference(&out[1], &out[0], scratch),
                   json_object_get(of, "difference"), "difference");
    at_agreement_free(&out[0]);
    at_agreement_free(&out[1]);
}

static void test_slope__is_least_squares(void **state)
{
    (void)state;

    enum { N = 15 };

    const json_t *of = json_object_get(fixture, "slopes");
    double x[N];
    double y[N];
    const double constant[3] = {1, 1, 1};
    for (size_t i = 0; i < N; i++) {
        x[i] = number_at(json_object_get(of, "x"), i);
        y[i] = number_at(json_object_get(of, "y"), i);
    }
    check_number(at_slope(x, y, N), number(of, "slope"), "slope");
    check_number(at_median(x, N), number(of, "median"), "median");
    assert_true(isnan(at_slope(constant, x, 3)));
    assert_true(isnan(at_median(x, 0)));
}

static void test_find_marked__is_what_scikit_learn_finds(void **state)
{
    (void)state;

    enum { N = 40 };

    const json_t *rows = json_object_get(fixture, "found");
    assert_int_equal(json_array_size(rows), 4);
    for (size_t r = 0; r < 4; r++) {
        const json_t *of = json_array_get(rows, r);
        double scores[N];
        uint8_t marked[N];
        at_found found;
        attrib_error err = {0};
        for (size_t i = 0; i < N; i++) {
            scores[i] = number_at(json_object_get(of, "scores"), i);
            marked[i] = number_at(json_object_get(of, "marked"), i) > 0;
        }
        check_ok(at_find_marked(scores, marked, N, (size_t)number(of, "k"), &found, &err),
                 &err);
        check_number(found.precision, number(of, "precision"), "average precision");
        check_number(found.reciprocal, number(of, "reciprocal"), "reciprocal rank");
        check_number(found.recall_1, number(of, "recall_1"), "recall@1");
        check_number(found.recall, number(of, "recall"), "recall@k");
    }
}

/* The k-th place counts, and places that are shared by equal scores are their mean. */
static void test_find_marked__counts_the_last_place(void **state)
{
    (void)state;
    const double scores[] = {9, 8, 7, 7, 5};
    const uint8_t second[] = {0, 1, 0, 0, 0};
    const uint8_t shared[] = {0, 0, 1, 0, 0};
    at_found found;
    attrib_error err = {0};
    check_ok(at_find_marked(scores, second, 5, 2, &found, &err), &err);
    check_number(found.recall, 1, "recall@2 of the second");
    check_ok(at_find_marked(scores, shared, 5, 3, &found, &err), &err);
    check_number(found.recall, 0, "recall@3 of a place between 3 and 4");
    check_number(found.reciprocal, 1 / 3.5, "its reciprocal rank");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counted__correlates_as_if_items_were_repeated),
        cmocka_unit_test(test_agreement__is_what_scipy_and_another_bootstrap_find),
        cmocka_unit_test(test_slope__is_least_squares),
        cmocka_unit_test(test_find_marked__is_what_scikit_learn_finds),
        cmocka_unit_test(test_find_marked__counts_the_last_place),
    };
    return run_cases(tests, set_up, tear_down);
}

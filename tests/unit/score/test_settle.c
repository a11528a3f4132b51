/* SPDX-License-Identifier: MIT */
/* Which documents are reported, from scores and bounds that are made up: what a document
 * scores in full is answered by settle_fixture.c. Errors of cut scores are as large as
 * their bounds allow, so that a floor or a test which forgets the bound misses a
 * document. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "settle_fixture.h"

/* 1. Ends */

/* Wide bounds and narrow ones, many ties and few, from one document to many. */
static void test_settle__cut_queries_report_the_ends_of_a_full_sort(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 12, 13, 19, 20, 21, 150, N_DOCUMENTS};
    static const double widths[] = {0, 0.4, 3, 100};
    for (size_t i = 0; i < 9 * 4 * 2; i++) {
        size_t n = sizes[i % 9];
        double width = widths[i / 9 % 4];
        made_up *w = make_world(n, i / 36 ? 5 : 100000, width, i);
        stage s;
        at_settled settled = {0};
        set_stage(w, 10, 0, true, &s);
        settle(&s, &settled);
        check_ends(w, 10, &settled);
        assert_int_equal(s.run.info.n_open, 0);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

static void test_settle__whole_queries_report_the_ends_of_a_full_sort(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 12, 13, 20, N_DOCUMENTS};
    for (size_t i = 0; i < 5 * 3; i++) {
        made_up *w = make_world(sizes[i % 5], i / 5 ? i / 5 : 1000, 0, i);
        stage s;
        at_settled settled = {0};
        set_stage(w, 10, 0, false, &s);
        settle(&s, &settled);
        check_ends(w, 10, &settled);
        assert_int_equal(s.run.info.n_rescored, 0);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

/* 2. What is scored in full */

/* The k-th largest of n numbers, or smallest. */
static double kth(const double *numbers, size_t n, size_t k, bool is_largest)
{
    size_t order[N_DOCUMENTS];
    for (size_t d = 0; d < n; d++) {
        order[d] = d;
    }
    compared = numbers;
    qsort(order, n, sizeof *order, by_score);
    return numbers[order[is_largest ? k - 1 : n - k]];
}

/* A document whose whole interval lies below k others' is left out, and so at the other
 * end; one that may stand at an end by its interval when all is done was scored. */
static void test_settle__only_intervals_that_reach_an_end_are_scored(void **state)
{
    (void)state;
    const size_t k = 4;
    size_t n_left_out = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        made_up *w = make_world(N_DOCUMENTS, 100000, 30000, seed);
        stage s;
        at_settled settled = {0};
        size_t n_asked = 0;
        set_stage(w, k, 0, true, &s);
        settle(&s, &settled);
        for (size_t v = 0; v < N_CASES; v++) {
            double low[N_DOCUMENTS];
            double high[N_DOCUMENTS];
            for (size_t d = 0; d < w->n; d++) {
                low[d] = w->cut[v][d] - w->bound[v][d];
                high[d] = w->cut[v][d] + w->bound[v][d];
            }
            double floor_of_first = kth(low, w->n, k, true);
            double ceiling_of_last = kth(high, w->n, k, false);
            double first = kth(w->full[v], w->n, k, true);
            double last = kth(w->full[v], w->n, k, false);
            for (size_t d = 0; d < w->n; d++) {
                bool may_reach = high[d] >= floor_of_first || low[d] <= ceiling_of_last;
                bool reaches = high[d] >= first || low[d] <= last;
                assert_true(may_reach || !w->is_asked[v][d]);
                assert_true(!reaches || w->is_asked[v][d]);
                n_left_out += may_reach && !w->is_asked[v][d];
            }
            n_asked += w->n_asked[v];
        }
        assert_int_equal(s.run.info.n_rescored, n_asked);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
    assert_true(n_left_out > 0); /* scores in full close what bounds left open */
}

/* Bounds of zero leave the ends, and what ties with them. */
static void test_settle__bounds_of_zero_leave_the_ends_alone(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000000, 0, 1);
    stage s;
    at_settled settled = {0};
    set_stage(w, 10, 0, true, &s);
    settle(&s, &settled);
    check_ends(w, 10, &settled);
    assert_int_equal(s.run.info.n_rescored, 20 * N_CASES);
    assert_true(s.run.info.largest_error == 0);
    assert_true(s.run.info.largest_bound == 0);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* The largest bound is of all documents, the largest error of those scored in full. */
static void test_settle__the_largest_bound_and_error_are_told(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000, 3, 2);
    stage s;
    at_settled settled = {0};
    double bound = 0;
    double error = 0;
    set_stage(w, 10, 0, true, &s);
    settle(&s, &settled);
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < w->n; d++) {
            bound = fmax(bound, w->bound[v][d]);
            if (w->is_asked[v][d]) {
                error = fmax(error, fabs(w->full[v][d] - w->cut[v][d]));
            }
        }
    }
    assert_true(s.run.info.largest_bound == bound);
    assert_true(s.run.info.largest_error == error);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* One document that may be first and last at once is scored once. */
static void test_settle__a_document_that_reaches_both_ends(void **state)
{
    (void)state;
    made_up *w = make_world(50, 100, 0, 3);
    for (size_t v = 0; v < N_CASES; v++) {
        w->full[v][17] = v == 0 ? 1000 : v == 1 ? -1000 : 0;
        w->cut[v][17] = 0;
        w->bound[v][17] = 2000;
    }
    stage s;
    at_settled settled = {0};
    set_stage(w, 1, 0, true, &s);
    settle(&s, &settled);
    check_ends(w, 1, &settled);
    assert_int_equal(settled.tops[0].best[0].document, 17);
    assert_int_equal(settled.tops[1].worst[0].document, 17);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* 3. A limit */

/* Every interval reaches both ends, and yet the cut scores are right. */
static void widen(made_up *w)
{
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < w->n; d++) {
            w->bound[v][d] = 1e7;
        }
    }
}

/* It is kept for each case and shared by its ends; what it leaves open is counted, and an
 * end that is open reports no more than was scored for it. */
static void test_settle__a_limit_is_kept(void **state)
{
    (void)state;
    const size_t k = 10;
    for (size_t limit = 1; limit <= 50; limit += 7) {
        made_up *w = make_world(N_DOCUMENTS, 100000, 0, limit);
        stage s;
        at_settled settled = {0};
        widen(w);
        set_stage(w, k, limit, true, &s);
        settle(&s, &settled);
        for (size_t v = 0; v < N_CASES; v++) {
            const at_top *top = &settled.tops[v];
            size_t of_first = limit - limit / 2;
            assert_int_equal(w->n_asked[v], limit);
            assert_int_equal(top->n_best, of_first < k ? of_first : k);
            assert_int_equal(top->n_worst, limit / 2 < k ? limit / 2 : k);
        }
        assert_int_equal(s.run.info.n_open, (w->n - limit) * N_CASES);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

/* Documents are scored in the order of their cut scores: a limit takes the likeliest. */
static void test_settle__a_limit_takes_the_likeliest(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000000, 0, 4);
    stage s;
    at_settled settled = {0};
    widen(w);
    set_stage(w, 10, 20, true, &s);
    settle(&s, &settled);
    check_ends(w, 10, &settled);
    assert_int_equal(s.run.info.n_open, (w->n - 20) * N_CASES);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* 4. Numbers that have no order */

static void test_settle__numbers_without_an_order_are_refused(void **state)
{
    (void)state;

    static const struct {
        double score, bound, full;
        const char *message;
    } bad[] = {{(double)NAN, 1, 0, "document 17: its score against query 1 is nan"},
               {HUGE_VAL, 1, 0, "document 17: its score against query 1 is inf"},
               {0, (double)NAN, 0,
                "document 17: its score against query 1 is 0, give or take nan"},
               {0, -1, 0, "document 17: its score against query 1 is 0, give or take -1"},
               {0, 1e9, (double)NAN, "document 17: its score in full against query 1"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        attrib_error err = {0};
        made_up *w = make_world(50, 100, 1, 3);
        stage s;
        at_settled settled = {0};
        w->cut[1][17] = bad[i].score;
        w->bound[1][17] = bad[i].bound;
        w->full[1][17] = bad[i].full;
        set_stage(w, 3, 0, true, &s);
        check_fails(at_settle(&s.setup, &s.prepared, &s.run, 0, &settled, &err),
                    ATTRIB_ENUMERIC, &err);
        check_message(&err, bad[i].message);
        assert_null(settled.tops);
        strike_stage(&s);
        free(w);
    }
}

/* A bound that is infinite says nothing: its document is scored. */
static void test_settle__an_infinite_bound_is_scored(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000, 0, 5);
    w->cut[0][400] = -3;
    w->full[0][400] = 5000;
    w->bound[0][400] = HUGE_VAL;
    stage s;
    at_settled settled = {0};
    set_stage(w, 10, 0, true, &s);
    settle(&s, &settled);
    check_ends(w, 10, &settled);
    assert_int_equal(settled.tops[0].best[0].document, 400);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle__cut_queries_report_the_ends_of_a_full_sort),
        cmocka_unit_test(test_settle__whole_queries_report_the_ends_of_a_full_sort),
        cmocka_unit_test(test_settle__only_intervals_that_reach_an_end_are_scored),
        cmocka_unit_test(test_settle__bounds_of_zero_leave_the_ends_alone),
        cmocka_unit_test(test_settle__the_largest_bound_and_error_are_told),
        cmocka_unit_test(test_settle__a_document_that_reaches_both_ends),
        cmocka_unit_test(test_settle__a_limit_is_kept),
        cmocka_unit_test(test_settle__a_limit_takes_the_likeliest),
        cmocka_unit_test(test_settle__numbers_without_an_order_are_refused),
        cmocka_unit_test(test_settle__an_infinite_bound_is_scored),
    };
    return run_cases(tests, NULL, NULL);
}

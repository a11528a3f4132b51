/* SPDX-License-Identifier: MIT */
/* The k best and worst against sorting everything. */
#include "support/check.h"

#include <stdlib.h>

#include "base/random.h"
#include "run/top.h"

#define N 500

static int by_score(const void *left, const void *right)
{
    const at_ranked *a = left;
    const at_ranked *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return (a->document > b->document) - (a->document < b->document);
}

/* Scores with many ties: seven values. */
static double score_of(size_t seed, size_t document)
{
    return (double)(int)(7 * at_uniform(seed, 0, document)) - 3;
}

static void test_top__equals_a_full_sort(void **state)
{
    (void)state;
    for (size_t k = 1; k < 40; k += 3) {
        attrib_error err = {0};
        at_top top = {0};
        at_ranked all[N];
        check_ok(at_top_new(k, &top, &err), &err);
        for (size_t d = 0; d < N; d++) {
            all[d] = (at_ranked){d, score_of(k, d)};
            at_top_add(&top, d, all[d].score);
        }
        qsort(all, N, sizeof *all, by_score);
        assert_int_equal(top.n_best, k);
        assert_int_equal(top.n_worst, k);
        for (size_t i = 0; i < k; i++) {
            assert_int_equal(top.best[i].document, all[i].document);
        }
        for (size_t i = 0; i < k; i++) {
            assert_int_equal(top.worst[i].document, all[N - 1 - i].document);
        }
        at_top_free(&top);
    }
}

static void test_top__fewer_documents_than_k(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_top top = {0};
    check_ok(at_top_new(4, &top, &err), &err);
    for (size_t d = 0; d < 5; d++) {
        at_top_add(&top, d, (double)d);
    }
    at_top_separate(&top);
    assert_int_equal(top.n_best, 4);
    assert_int_equal(top.best[0].document, 4);
    assert_int_equal(top.n_worst, 1);
    assert_int_equal(top.worst[0].document, 0);
    at_top_free(&top);
}

/* The first of equal documents are the best, and the last of them the worst. */
static void test_top__equal_scores_fill_both_ends(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_top top = {0};
    check_ok(at_top_new(5, &top, &err), &err);
    for (size_t d = 0; d < 12; d++) {
        at_top_add(&top, d, -1.5);
    }
    at_top_separate(&top);
    assert_int_equal(top.n_best, 5);
    assert_int_equal(top.n_worst, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(top.best[i].document, i);
        assert_int_equal(top.worst[i].document, 11 - i);
    }
    at_top_free(&top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top__equals_a_full_sort),
        cmocka_unit_test(test_top__equal_scores_fill_both_ends),
        cmocka_unit_test(test_top__fewer_documents_than_k),
    };
    return run_cases(tests, NULL, NULL);
}

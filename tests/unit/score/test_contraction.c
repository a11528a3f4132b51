/* SPDX-License-Identifier: MIT */
/* The order of contraction against products counted by hand, and its turning points. */
#include <math.h>

#include "score/contraction.h"
#include "support/check.h"

static at_contracted sized(
    size_t out_dim, size_t in_dim, size_t rank, size_t n_queries, size_t n_of_run)
{
    return (at_contracted){.out_dim = out_dim,
                           .in_dim = in_dim,
                           .rank = rank,
                           .n_queries = n_queries,
                           .n_of_run = n_of_run};
}

/* The order that is chosen and its products, of which a plan counts the FLOP. */
static at_contraction choose(at_contracted map,
                             size_t n_rows,
                             size_t n_sequences,
                             double *products)
{
    at_cost cost = {0};
    at_contraction way = at_contraction_choose(&map, n_rows, n_sequences, &cost);
    attrib_load load = {0};
    assert_true(cost.with_traffic >= cost.products);
    at_contract_cost(&map, (double)n_rows, (double)n_sequences, &load);
    assert_true(fabs(load.flop / (2 * cost.products) - 1) < 1e-9);
    *products = cost.products;
    return way;
}

/* GPT-2's MLP, a document of 512 tokens. */
static void test_contraction__whole_queries(void **state)
{
    (void)state;
    double products = 0;
    assert_int_equal(choose(sized(768, 3072, 0, 1, 1), 512, 1, &products), AT_BY_ROWS);
    assert_true(products == 512.0 * 768 * 3072);
    assert_int_equal(choose(sized(768, 3072, 0, 8, 8), 512, 1, &products),
                     AT_BY_GRADIENTS);
    assert_true(products == (512.0 + 8) * 768 * 3072);
    /* 20 documents of 25 tokens: a query by rows costs what 25 cost by gradients. */
    assert_int_equal(choose(sized(768, 3072, 0, 8, 8), 500, 20, &products),
                     AT_BY_GRADIENTS);
    assert_true(products == (500.0 + 20 * 8) * 768 * 3072);
}

static void test_contraction__cut_queries(void **state)
{
    (void)state;
    double products = 0;
    assert_int_equal(choose(sized(768, 3072, 32, 1, 1), 512, 1, &products),
                     AT_BY_FACTORS);
    assert_true(products == 512.0 * 32 * (768 + 3072) + 512.0 * 512 * (768 + 3072) / 2);
    /* Many queries and documents in a block: rebuilding is shared by its documents. */
    assert_int_equal(choose(sized(768, 3072, 32, 128, 128), 2048, 4, &products),
                     AT_BY_REBUILDING);
    assert_true(products == (2048.0 + 4 * 128 + 128 * 32) * 768 * 3072);
    /* Short documents: factors at any number of queries. */
    assert_int_equal(choose(sized(768, 3072, 32, 4, 4), 500, 20, &products),
                     AT_BY_FACTORS);
    /* Factors of 256 queries, more than are multiplied at a time, cost as many products
     * as those of one each. */
    double more = 0;
    at_contracted many = sized(768, 3072, 32, 256, 256);
    assert_true(at_factors_at_a_time(&many, 500) < 256);
    many.by_token = true;
    assert_int_equal(choose(many, 500, 20, &more), AT_BY_FACTORS);
    assert_true(more - 252 * 500.0 * 32 * (768 + 3072) == products);
}

/* The queries of the run decide, however few memory holds at a time. */
static void test_contraction__is_that_of_the_run(void **state)
{
    (void)state;
    double products = 0;
    assert_int_equal(choose(sized(768, 3072, 0, 1, 8), 512, 1, &products),
                     AT_BY_GRADIENTS);
    assert_true(products == (512.0 + 1) * 768 * 3072);
}

/* Groups follow one another, those of the queries that a run began with by themselves. */
static void test_contraction__groups(void **state)
{
    (void)state;
    static const size_t limits[] = {1, 5, 8, 24, 64};
    static const size_t firsts[] = {1, 4, 24, 100};
    for (size_t k = 0; k < 20; k++) {
        size_t most = limits[k / 4];
        size_t n_first = firsts[k % 4];
        for (size_t q = 0; q < 300;) {
            at_tile group = at_group_of(q, most, n_first);
            bool ends_with_first = q < n_first && n_first < q + most;
            assert_int_equal(group.first, q);
            assert_int_equal(group.n, ends_with_first ? n_first - q : most);
            for (size_t i = 0; i < group.n; i++) {
                at_tile same = at_group_of(q + i, most, n_first);
                assert_true(same.first == group.first && same.n == group.n);
            }
            q += group.n;
        }
    }
}

static void test_contraction__norms(void **state)
{
    (void)state;
    const at_contracted map = sized(768, 3072, 32, 1, 1);
    assert_true(at_norm_by_rows(&map, 512));
    assert_true(at_norm_by_rows(&map, 1228)); /* O I / ((O + I) / 2) = 1228.8 */
    assert_false(at_norm_by_rows(&map, 1229));
}

static void test_contraction__gradients_held(void **state)
{
    (void)state;
    const at_contracted map = sized(768, 3072, 0, 1, 1);
    const at_contracted huge = sized(28672, 8192, 0, 1, 1);
    assert_int_equal(at_gradients_held(&map, 20), 7); /* 2^24 / (768 x 3072) */
    assert_int_equal(at_gradients_held(&map, 4), 4);
    assert_int_equal(at_gradients_held(&huge, 4), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contraction__whole_queries),
        cmocka_unit_test(test_contraction__cut_queries),
        cmocka_unit_test(test_contraction__is_that_of_the_run),
        cmocka_unit_test(test_contraction__groups),
        cmocka_unit_test(test_contraction__norms),
        cmocka_unit_test(test_contraction__gradients_held),
    };
    return run_cases(tests, NULL, NULL);
}

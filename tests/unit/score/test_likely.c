/* SPDX-License-Identifier: MIT */
/* Rankings that are refined until they are certain, against a sort of all exact scores:
 * estimates are random, and as far off as their bounds let them be. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "score/likely.h"

enum { MOST = 60 };

static uint64_t drawn;

static double draw(void)
{
    return at_uniform(0x11ce, 3, drawn++);
}

typedef struct made {
    at_likely list;
    double exact[MOST];
} made;

/* Documents 0, 2, 4, ...; `ties`: scores are few whole numbers. */
static void make(made *m, size_t n, size_t k, double certify, bool ties)
{
    attrib_error err = {0};
    m->list = (at_likely){.n = n};
    check_ok(at_array(n, sizeof *m->list.items, &m->list.items, &err), &err);
    for (size_t i = 0; i < n; i++) {
        double bound = draw() < 0.2 ? 0 : draw() * (draw() < 0.2 ? 2 : 0.3);
        double share = draw() < 0.3 ? (draw() < 0.5 ? -1 : 1) : 2 * draw() - 1;
        m->exact[i] = ties ? floor(3 * draw()) : 2 * draw() - 1;
        m->list.items[n - 1 - i] =
            (at_likely_document){.document = 2 * i,
                                 .score = m->exact[i] + 0.999 * share * bound,
                                 .bound = bound};
    }
    check_ok(at_likely_open(&m->list, k, certify, &err), &err);
}

/* Score what was listed. */
static void enter(made *m, at_pair_list *round)
{
    attrib_error err = {0};
    for (size_t i = 0; i < round->n; i++) {
        round->pairs[i].score = m->exact[round->pairs[i].document / 2];
    }
    check_ok(at_likely_enter(&m->list, round->pairs, round->n, &err), &err);
    free(round->pairs);
    *round = (at_pair_list){0};
}

/* The place of a document in the order of exact scores. */
static size_t place_of(const made *m, size_t document)
{
    size_t place = 0;
    size_t i = document / 2;
    for (size_t j = 0; j < m->list.n; j++) {
        place += m->exact[j] > m->exact[i] || (m->exact[j] == m->exact[i] && j < i);
    }
    return place;
}

static void check_ends(const made *m)
{
    size_t k = m->list.k;
    size_t n = m->list.n;
    assert_int_equal(m->list.n_listed[AT_LIKELY_FIRST], k);
    assert_int_equal(m->list.n_listed[AT_LIKELY_LAST], k < n - k ? k : n - k);
    for (size_t i = 0; i < k; i++) {
        const attrib_listed *one = &m->list.listed[AT_LIKELY_FIRST][i];
        assert_true(one->is_exact && one->error == 0);
        assert_int_equal(place_of(m, one->document), i);
    }
    for (size_t i = 0; i < m->list.n_listed[AT_LIKELY_LAST]; i++) {
        const attrib_listed *one = &m->list.listed[AT_LIKELY_LAST][i];
        assert_true(one->is_exact);
        assert_int_equal(place_of(m, one->document), n - 1 - i);
    }
}

/* Once nothing is open, the first and last are those of all exact scores. */
static void test_certain__is_the_order_of_all(void **state)
{
    size_t n_left = 0;
    (void)state;
    drawn = 0;
    for (size_t run = 0; run < 10000; run++) {
        attrib_error err = {0};
        static made m;
        at_pair_list round = {0};
        size_t n = 1 + (size_t)(draw() * (MOST - 1));
        make(&m, n, 1 + (size_t)(draw() * 6), 1, run % 3 == 0);
        while (at_likely_count_open(&m.list) > 0) {
            for (size_t e = 0; e < AT_LIKELY_ENDS; e++) {
                check_ok(at_likely_take(&m.list, e, 2, true, &round, &err), &err);
            }
            assert_true(round.n > 0);
            enter(&m, &round);
        }
        check_ok(at_likely_rank(&m.list, true, &err), &err);
        check_ends(&m);
        n_left += n - m.list.n_exact;
        at_likely_free(&m.list);
    }
    assert_true(n_left > 10000); /* bounds rule many out */
}

/* Estimates stand behind what is exact, in their order, and no document twice; what was
 * scored for one end is not listed at the other. */
static void test_estimates__follow_what_is_exact(void **state)
{
    (void)state;
    drawn = 7;
    for (size_t run = 0; run < 1000; run++) {
        attrib_error err = {0};
        static made m;
        at_pair_list round = {0};
        size_t n = 4 + (size_t)(draw() * (MOST - 4));
        size_t n_first = 1 + (size_t)(draw() * 3);
        make(&m, n, 8, 0, false);
        size_t end = run % AT_LIKELY_ENDS;
        double sign = end == AT_LIKELY_FIRST ? 1 : -1;
        check_ok(at_likely_take(&m.list, end, n_first, false, &round, &err), &err);
        enter(&m, &round);
        check_ok(at_likely_rank(&m.list, false, &err), &err);
        const attrib_listed *here = m.list.listed[end];
        const attrib_listed *there = m.list.listed[1 - end];
        for (size_t i = 0; i < m.list.n_listed[end]; i++) {
            assert_int_equal(here[i].is_exact, i < n_first);
            assert_true(i == 0 || i == n_first ||
                        sign * here[i - 1].score >= sign * here[i].score);
            for (size_t j = 0; j < m.list.n_listed[1 - end]; j++) {
                assert_false(there[j].is_exact);
                assert_int_not_equal(there[j].document, here[i].document);
            }
        }
        at_likely_free(&m.list);
    }
}

/* The share of bounds that is taken for errors is the quantile of those that were found.
 */
static void test_share__is_the_quantile(void **state)
{
    attrib_error err = {0};
    static made m;
    at_pair_list round = {0};
    (void)state;
    drawn = 11;
    make(&m, 50, 5, 0.5, false);
    assert_true(isinf(m.list.share));
    check_ok(at_likely_spread(&m.list, 40, &round, &err), &err);
    assert_int_equal(round.n, 40);
    size_t n_up_to = 0;
    double shares[40];
    for (size_t i = 0; i < 40; i++) {
        const at_pair *pair = &round.pairs[i];
        shares[i] = pair->bound > 0
                        ? fabs(m.exact[pair->document / 2] - pair->estimate) / pair->bound
                        : 0;
    }
    enter(&m, &round);
    for (size_t i = 0; i < 40; i++) {
        n_up_to += shares[i] <= m.list.share;
    }
    assert_int_equal(n_up_to, 20);
    at_likely_free(&m.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certain__is_the_order_of_all),
        cmocka_unit_test(test_estimates__follow_what_is_exact),
        cmocka_unit_test(test_share__is_the_quantile),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* What is reported of scores in bf16, whose errors are made up: those of a sample and of
 * the documents that may be reported are assumed of all others. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "settle_fixture.h"
#include "support/check.h"

#define K ((size_t)10)

/* Scores in bf16 that are off by `share` of the full score and `constant`, up or down. */
static void err_by(made_up *w, double share, double constant, uint64_t seed)
{
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < w->n; d++) {
            double sign = at_uniform(seed, v, 9000 + d) < 0.5 ? -1 : 1;
            w->cut[v][d] =
                w->full[v][d] + sign * (share * fabs(w->full[v][d]) + constant);
        }
    }
}

static void set_rounded(made_up *w, size_t max_rescored, stage *s)
{
    set_stage(w, K, max_rescored, false, s);
    s->setup.options.precision = ATTRIB_BF16_PRODUCTS;
    for (size_t i = 0; i < at_n_slices(w->n); i++) {
        at_slice *slice = &s->slices[i];
        double *scores = slice->arrays[AT_SCORES];
        for (size_t d = 0; d < slice->counts.n_documents; d++) {
            for (size_t v = 0; v < N_CASES; v++) {
                scores[d * N_CASES + v] = w->cut[v][slice->first + d];
            }
        }
    }
}

static void test_settle_rounded__errors_of_one_size_are_known_from_a_sample(void **state)
{
    static const size_t sizes[] = {1, 2, 12, 20, 21, 63, 64, 65, 150, N_DOCUMENTS};
    (void)state;
    for (size_t i = 0; i < 30; i++) {
        made_up *w = make_world(sizes[i % 10], i / 10 == 1 ? 5 : 100000, 0, i);
        stage s;
        at_settled settled = {0};
        err_by(w, 0, i / 10 == 2 ? 2000 : 2, i);
        set_rounded(w, 0, &s);
        settle(&s, &settled);
        check_ends(w, K, &settled);
        assert_true(fabs(s.run.info.assumed_error / (i / 10 == 2 ? 2000 : 2) - 1) < 1e-9);
        assert_true(s.run.info.largest_error >= s.run.info.assumed_error);
        assert_int_equal(s.run.info.n_open, 0);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

/* Each document is scored in full once, and few are where errors are small. */
static void test_settle_rounded__few_are_scored_again(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 100000, 0, 3);
    stage s;
    at_settled settled = {0};
    size_t n_asked = 0;
    err_by(w, 0, 1, 3);
    set_rounded(w, 0, &s);
    settle(&s, &settled);
    check_ends(w, K, &settled);
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            n_asked += w->is_asked[v][d];
        }
    }
    assert_int_equal(s.run.info.n_rescored, n_asked);
    assert_true(n_asked >= N_CASES * (64 + K)); /* the sample, and some that it lacks */
    assert_true(n_asked <= N_CASES * (64 + 2 * K + 4));
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* The first and last have larger errors than a sample shows: candidates are found again
 * by these. */
static void test_settle_rounded__errors_grow_with_scores(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        made_up *w = make_world(N_DOCUMENTS, 100000, 0, seed);
        stage s;
        at_settled settled = {0};
        for (size_t v = 0; v < N_CASES; v++) { /* few are large */
            for (size_t d = 0; d < w->n; d++) {
                w->full[v][d] = 1e-9 * pow(w->full[v][d], 3);
            }
        }
        err_by(w, 0.05, 0, seed);
        set_rounded(w, 0, &s);
        settle(&s, &settled);
        check_ends(w, K, &settled);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

/* Only documents that the sample lacks are off, and by more than the first and last
 * differ: what the first round shows of them opens others. */
static void test_settle_rounded__errors_that_a_sample_lacks_are_learned(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        made_up *w = make_world(N_DOCUMENTS, 100000, 0, seed);
        stage s;
        at_settled settled = {0};
        err_by(w, 0, 6000, seed);
        for (size_t i = 0; i < 64; i++) {
            size_t d = (size_t)(((double)i + 0.5) * N_DOCUMENTS / 64);
            for (size_t v = 0; v < N_CASES; v++) {
                w->cut[v][d] = w->full[v][d];
            }
        }
        set_rounded(w, 0, &s);
        settle(&s, &settled);
        check_ends(w, K, &settled);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

static void test_settle_rounded__unsettled_ones_are_those_of_bf16(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 100000, 0, 7);
    stage s;
    at_settled settled = {0};
    err_by(w, 0, 3000, 7);
    set_rounded(w, 0, &s);
    s.setup.options.is_unsettled = true;
    settle(&s, &settled);
    assert_int_equal(s.run.info.n_rescored, 2 * K * N_CASES);
    assert_true(fabs(s.run.info.largest_error / 3000 - 1) < 1e-9);
    assert_true(s.run.info.assumed_error == 0);
    for (size_t v = 0; v < N_CASES; v++) {
        size_t order[N_DOCUMENTS];
        const at_top *top = &settled.tops[v];
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            order[d] = d;
        }
        compared = w->cut[v];
        qsort(order, N_DOCUMENTS, sizeof *order, by_score);
        assert_int_equal(top->n_best, K);
        assert_int_equal(top->n_worst, K);
        for (size_t i = 0; i < K; i++) {
            bool is_there = false;
            for (size_t j = 0; j < K; j++) {
                is_there = is_there || order[j] == top->best[i].document;
            }
            assert_true(is_there);
            assert_true(top->best[i].score == w->full[v][top->best[i].document]);
            assert_true(i == 0 || top->best[i].score <= top->best[i - 1].score);
        }
    }
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* A limit counts what is scored beyond the sample, and leaves the others open. */
static void test_settle_rounded__a_limit_is_kept(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 100000, 0, 9);
    stage s;
    at_settled settled = {0};
    err_by(w, 0, 5000, 9);
    set_rounded(w, 8, &s);
    settle(&s, &settled);
    for (size_t v = 0; v < N_CASES; v++) {
        assert_true(w->n_asked[v] <= 64 + 8);
    }
    assert_true(s.run.info.n_open > 0);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle_rounded__errors_of_one_size_are_known_from_a_sample),
        cmocka_unit_test(test_settle_rounded__few_are_scored_again),
        cmocka_unit_test(test_settle_rounded__errors_grow_with_scores),
        cmocka_unit_test(test_settle_rounded__errors_that_a_sample_lacks_are_learned),
        cmocka_unit_test(test_settle_rounded__unsettled_ones_are_those_of_bf16),
        cmocka_unit_test(test_settle_rounded__a_limit_is_kept),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Refined queries against dense algebra: (H + damping) p = g solved by elimination in
 * f64, and scores are <p, g_z>. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "refine_fixture.h"

/* 1. The oracle */

/* p = (H + damping)^-1 g, by elimination with pivots. */
static void solve(const fixture *f, double x, const double *g, double *p)
{
    static double a[N_WEIGHTS][N_WEIGHTS + 1];
    for (size_t i = 0; i < N_WEIGHTS; i++) {
        memcpy(a[i], f->h[i], sizeof f->h[i]);
        a[i][i] += damping_of(f, i / N_ENTRIES, x);
        a[i][N_WEIGHTS] = g[i];
    }
    for (size_t c = 0; c < N_WEIGHTS; c++) {
        size_t best = c;
        for (size_t i = c; i < N_WEIGHTS; i++) {
            best = fabs(a[i][c]) > fabs(a[best][c]) ? i : best;
        }
        for (size_t j = 0; j <= N_WEIGHTS; j++) {
            double kept = a[c][j];
            a[c][j] = a[best][j];
            a[best][j] = kept;
        }
        for (size_t i = 0; i < N_WEIGHTS; i++) {
            double ratio = i == c ? 0 : a[i][c] / a[c][c];
            for (size_t j = c; j <= N_WEIGHTS; j++) {
                a[i][j] -= ratio * a[c][j];
            }
        }
    }
    for (size_t i = 0; i < N_WEIGHTS; i++) {
        p[i] = a[i][N_WEIGHTS] / a[i][i];
    }
}

/* The largest error of scores and self-influences, over the largest of each. */
static double compare(const fixture *f, const result *got, double damping)
{
    double error = 0;
    for (size_t q = 0; q < N_QUERIES; q++) {
        double p[N_WEIGHTS];
        double largest = 0;
        double worst = 0;
        solve(f, damping, f->of_queries[q], p);
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            double want = dot(p, f->of_documents[d]);
            largest = fmax(largest, fabs(want));
            worst = fmax(worst, fabs(got->scores[d][q] - want));
        }
        double self = dot(p, f->of_queries[q]);
        error = fmax(error, fmax(worst / largest, fabs(got->selves[q] - self) / self));
    }
    return error;
}

/* 2. Cases */

/* In fewer steps than there are weights, which steepest descent does not. CG ends where
 * the residual is below 1e-3, in EK-FAC's metric; the metric of scores may
 * be some times another. */
static void test_refine__cg_solves_the_dense_system(void **state)
{
    const fixture *f = *state;
    static const double dampings[] = {0.1, 1, 10, 100};
    for (size_t i = 0; i < 4; i++) {
        attrib_score_options options = options_of(ATTRIB_REFINE_CG, 40, dampings[i]);
        attrib_score_options plain = options_of(ATTRIB_REFINE_NONE, 1, dampings[i]);
        result refined = run_with(f, NULL, &options);
        result before = run_with(f, NULL, &plain);
        double error = compare(f, &refined, dampings[i]);
        if (!(error < 5e-3)) {
            fail_msg("damping %g: off by %g", dampings[i], error);
        }
        assert_true(i == 3 || compare(f, &before, dampings[i]) > 10 * error);
        for (size_t q = 0; q < N_QUERIES; q++) {
            assert_true(refined.residuals[q] < 2e-3);
            assert_true(isnan(before.residuals[q]));
        }
    }
}

/* ASTRA's batches leave noise; where each is the same document, there is none. LiSSA
 * takes the steps that the smallest eigenvalue asks for. */
static void test_refine__astra_and_lissa_come_near(void **state)
{
    const fixture *f = *state;
    attrib_score_options astra = options_of(ATTRIB_REFINE_ASTRA, 400, 10);
    attrib_score_options lissa = options_of(ATTRIB_REFINE_LISSA, 2000, 100);
    attrib_score_options plain = options_of(ATTRIB_REFINE_NONE, 1, 10);
    result by_astra = run_with(f, NULL, &astra);
    result by_lissa = run_with(f, NULL, &lissa);
    result before = run_with(f, NULL, &plain);
    double error = compare(f, &by_astra, 10);
    print_message("astra %g, lissa %g, ekfac %g\n", error, compare(f, &by_lissa, 100),
                  compare(f, &before, 10));
    assert_true(error < 0.1 && error < 0.3 * compare(f, &before, 10));
    assert_true(compare(f, &by_lissa, 100) < 0.1);
}

static void test_refine__same_bytes_for_any_threads_and_chunks(void **state)
{
    const fixture *f = *state;
    static const attrib_refine ways[] = {ATTRIB_REFINE_CG, ATTRIB_REFINE_ASTRA};
    for (size_t i = 0; i < 2; i++) {
        attrib_score_options options = options_of(ways[i], 7, 1);
        result first;
        chunk = 0;
        first = run_with(f, NULL, &options);
        for (size_t k = 1; k <= 3; k++) {
            attrib_error err = {0};
            attrib_session *session = NULL;
            attrib_session_options how;
            attrib_session_options_default(&how);
            how.n_threads = k;
            check_ok(attrib_session_new(&how, &session, &err), &err);
            chunk = k;
            result again = run_with(f, session, &options);
            assert_memory_equal(&again, &first, sizeof first);
            attrib_session_free(session);
        }
    }
}

/* A setting of several has what it has alone, up to the products of scoring. */
static void test_refine__settings_are_refined_apart(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options = options_of(ATTRIB_REFINE_CG, 300, 1);
    options.n_settings = 2;
    options.settings[1] = (attrib_setting){ATTRIB_EKFAC, 10, false, 0};
    check_ok(score(f, NULL, &options, &run, &err), &err);
    for (size_t s = 0; s < 2; s++) {
        result of_setting = read_run(run, s);
        assert_true(compare(f, &of_setting, s ? 10 : 1) < 5e-3);
    }
    attrib_run_close(run);
    options.n_settings = 1;
    options.refine_damping = 10; /* in the place of 1, or of what is no multiple */
    options.settings[0].is_damping_absolute = true;
    result damped = run_with(f, NULL, &options);
    assert_true(compare(f, &damped, 10) < 5e-3);
}

/* Scores times <p, g> / <p, (H + damping) p>; of a refined query that is 1. */
static void test_refine__scale_is_the_best_step(void **state)
{
    const fixture *f = *state;
    attrib_score_options plain = options_of(ATTRIB_REFINE_NONE, 1, 1);
    attrib_score_options scaled = plain;
    attrib_score_options both = options_of(ATTRIB_REFINE_CG, 300, 1);
    scaled.scale = ATTRIB_SCALE_GAUSS_NEWTON;
    both.scale = ATTRIB_SCALE_GAUSS_NEWTON;
    result before = run_with(f, NULL, &plain);
    result after = run_with(f, NULL, &scaled);
    result refined = run_with(f, NULL, &both);
    for (size_t q = 0; q < N_QUERIES; q++) {
        double factor = after.scores[0][q] / before.scores[0][q];
        assert_true(factor > 0 && fabs(factor - 1) > 0.01);
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            double want = factor * before.scores[d][q];
            assert_true(fabs(after.scores[d][q] - want) <= 1e-5 * fabs(want) + 1e-7);
        }
        assert_true(fabs(after.selves[q] - factor * before.selves[q]) <=
                    1e-5 * after.selves[q]);
        assert_true(isnan(after.residuals[q]));
        /* The best step along p leaves <p, g - (H + damping) factor p> = 0, so that no
         * other size of p has a larger 2 <p, g> - <p, (H + damping) p>, whose largest
         * value of all is <g, (H + damping)^-1 g>. */
        double p[N_WEIGHTS];
        solve(f, 1, f->of_queries[q], p);
        assert_true(after.selves[q] <= dot(p, f->of_queries[q]) * (1 + 1e-4));
    }
    assert_true(compare(f, &refined, 1) < 5e-3);
}

/* Half of the documents, by content: which ones does not depend on their order. */
static void test_refine__a_sample_goes_by_content(void **state)
{
    const fixture *f = *state;
    at_setup setup = {.corpus = f->corpus, .n_documents = N_DOCUMENTS, .n_queries = 1};
    attrib_error err = {0};
    size_t few[6];
    setup.options.n_settings = 1;
    setup.options.refine = ATTRIB_REFINE_CG;
    setup.options.refine_documents = 6;
    check_ok(at_refine_sample(&setup, &err), &err);
    assert_int_equal(setup.n_sampled, 6);
    memcpy(few, setup.sampled, sizeof few);
    free(setup.sampled);
    setup.sampled = NULL;
    setup.n_sampled = 0;
    setup.options.refine_documents = 100;
    check_ok(at_refine_sample(&setup, &err), &err);
    assert_int_equal(setup.n_sampled, N_DOCUMENTS);
    assert_memory_equal(few, setup.sampled, sizeof few); /* fewer are a part of more */
    free(setup.sampled);
}

static size_t n_warnings;

static void count_warnings(void *context, attrib_log_level level, const char *line)
{
    (void)context;
    n_warnings += level == ATTRIB_LOG_WARNING && strstr(line, "did not converge") != NULL;
}

/* Where a residual is above .01, and not else. */
static void test_refine__says_that_it_did_not_converge(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options how;
    bool was_near = false;
    attrib_session_options_default(&how);
    how.log = count_warnings;
    check_ok(attrib_session_new(&how, &session, &err), &err);
    for (size_t n_steps = 1; n_steps <= 8; n_steps++) {
        attrib_score_options options = options_of(ATTRIB_REFINE_CG, n_steps, 10);
        n_warnings = 0;
        result got = run_with(f, session, &options);
        double largest = 0;
        for (size_t q = 0; q < N_QUERIES; q++) {
            largest = fmax(largest, got.residuals[q]);
        }
        assert_int_equal(n_warnings, largest > 1e-2);
        was_near = was_near || (largest > 1e-2 && largest < 5e-2);
    }
    assert_int_equal(n_warnings, 0);
    assert_true(was_near);
    attrib_session_free(session);
}

static void test_refine__refuses_by_name(void **state)
{
    const fixture *f = *state;

    const struct {
        size_t rank;
        attrib_normalize normalize;
        attrib_strategy strategy;
        const char *message;
    } cases[] = {
        {2, ATTRIB_NORMALIZE_NONE, ATTRIB_EKFAC, "does not go with query-rank"},
        {0, ATTRIB_NORMALIZE_UNIT, ATTRIB_EKFAC, "normalize unit"},
        {0, ATTRIB_NORMALIZE_NONE, ATTRIB_KFAC, "takes strategy ekfac, not kfac"},
    };

    for (size_t i = 0; i < 6; i++) {
        attrib_error err = {0};
        attrib_run *run = NULL;
        attrib_score_options options =
            options_of(i < 3 ? ATTRIB_REFINE_CG : ATTRIB_REFINE_NONE, 3, 1);
        options.scale = i < 3 ? ATTRIB_SCALE_NONE : ATTRIB_SCALE_GAUSS_NEWTON;
        options.query_rank = cases[i % 3].rank;
        options.normalize = cases[i % 3].normalize;
        options.settings[0].strategy = cases[i % 3].strategy;
        check_fails(score(f, NULL, &options, &run, &err), ATTRIB_EINVAL, &err);
        check_message(&err, cases[i % 3].message);
        check_message(&err, i < 3 ? "refine cg" : "scale gauss-newton");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refine__cg_solves_the_dense_system),
        cmocka_unit_test(test_refine__astra_and_lissa_come_near),
        cmocka_unit_test(test_refine__same_bytes_for_any_threads_and_chunks),
        cmocka_unit_test(test_refine__settings_are_refined_apart),
        cmocka_unit_test(test_refine__scale_is_the_best_step),
        cmocka_unit_test(test_refine__a_sample_goes_by_content),
        cmocka_unit_test(test_refine__says_that_it_did_not_converge),
        cmocka_unit_test(test_refine__refuses_by_name),
    };
    return run_cases(tests, set_up, tear_down);
}

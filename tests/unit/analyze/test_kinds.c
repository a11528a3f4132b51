/* SPDX-License-Identifier: MIT */
/* Analyses of tails, queries, layers and tokens on runs whose scores are known. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"
#include "base/random.h"
#include "planted_run.h"
#include "support/check.h"
#include "tables.h"

/* 1. Tails */

/* Scores whose 400 largest follow a law with alpha 2.5 from 1 on. */
static attrib_run *run_with_tail(void)
{
    attrib_run *run = planted_run(2, 1000);
    planted_fill(run, 3);
    for (size_t d = 0; d < 1000; d++) {
        double *score = planted_score(run, 0, d);
        *score = d < 400 ? pow(1 - at_uniform(5, 0, d), -1 / 2.5) : -fabs(*score);
    }
    return run;
}

static void test_kinds__a_planted_tail_is_found(void **state)
{
    (void)state;
    attrib_run *run = run_with_tail();
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.replicates = 60;
    attrib_analysis *analysis = analyze_or_fail("tail", run, NULL, &options);
    const attrib_table *tail = attrib_analysis_table(analysis, 0);
    assert_int_equal(tail->n_rows, 2);
    assert_string_equal(find_text(tail, 0, "query"), "q0");
    assert_true(find_number(tail, 0, "positive") == 400);
    assert_true(fabs(find_number(tail, 0, "alpha") - 2.5) < 0.5);
    assert_true(find_number(tail, 0, "alpha_low") < 2.5);
    assert_true(find_number(tail, 0, "alpha_high") > 2.5);
    assert_true(find_number(tail, 0, "p") > 0.1);
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* 10 / (n_tail / N  (x / x_min)^-alpha)  for the largest score, or the tenth of a second
 * run. */
static void test_kinds__documents_to_scan_follow_from_the_law(void **state)
{
    (void)state;
    attrib_run *run = run_with_tail();
    attrib_run *found = planted_run(1, 5);
    attrib_result results[10] = {{0}};
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.replicates = 10;
    for (size_t i = 0; i < 10; i++) {
        results[i].score = 40 - (double)i;
    }
    planted_answer(found, 0)->top = results;
    planted_answer(found, 0)->n_top = 10;
    for (int is_found = 0; is_found < 2; is_found++) {
        attrib_analysis *analysis =
            analyze_or_fail("tail", run, is_found ? found : NULL, &options);
        const attrib_table *tail = attrib_analysis_table(analysis, 0);
        double x = 31;
        for (size_t d = 0; d < 1000 && !is_found; d++) {
            x = d == 0 ? *planted_score(run, 0, 0) : fmax(x, *planted_score(run, 0, d));
        }
        double share =
            find_number(tail, 0, "n_tail") / 1000 *
            pow(x / find_number(tail, 0, "x_min"), -find_number(tail, 0, "alpha"));
        assert_true(find_number(tail, 0, "scan_for_ten") == ceil(10 / share));
        assert_true(isnan(find_number(tail, 1, "scan_for_ten")) == is_found);
        attrib_analysis_free(analysis);
    }
    planted_free(found);
    planted_free(run);
}

/* 2. Queries */

/* Correlations of the scores, of scores of one sign, or of ranks. */
enum { NEGATIVE = -1, SCORES, POSITIVE, RANKS };

static double naive_correlation(attrib_run *run, size_t i, size_t j, int of)
{
    size_t n = planted_info(run)->n_documents;
    double *columns = malloc(2 * n * sizeof *columns);
    for (size_t d = 0; d < n; d++) {
        double x = *planted_score(run, i, d);
        double y = *planted_score(run, j, d);
        int sign = of == RANKS ? 0 : of;
        columns[d] = sign * x < 0 ? 0 : x;
        columns[n + d] = sign * y < 0 ? 0 : y;
    }
    if (of == RANKS) {
        at_indexed *scratch = malloc(n * sizeof *scratch);
        at_rank(columns, n, scratch);
        at_rank(columns + n, n, scratch);
        free(scratch);
    }
    double r = at_correlation(columns, columns + n, n);
    free(columns);
    return r;
}

/* 70 queries are more than a tile; each third is like its neighbour. */
static attrib_run *run_with_pairs(void)
{
    attrib_run *run = planted_run(70, 300);
    planted_fill(run, 4);
    for (size_t q = 1; q < 70; q += 3) {
        for (size_t d = 0; d < 300; d++) {
            *planted_score(run, q, d) +=
                2 * *planted_score(run, q - 1, d) + (double)q; /* far from 0 */
        }
    }
    return run;
}

static void test_kinds__pairs_have_the_correlations_of_their_columns(void **state)
{
    (void)state;
    attrib_run *run = run_with_pairs();
    attrib_analysis *analysis = analyze_or_fail("queries", run, NULL, NULL);
    const attrib_table *pairs = attrib_analysis_table(analysis, 0);
    assert_int_equal(pairs->n_rows, 70 * 69 / 2);
    double before = 2;
    for (size_t row = 0; row < pairs->n_rows; row++) {
        size_t i = strtoul(find_text(pairs, row, "query") + 1, NULL, 10);
        size_t j = strtoul(find_text(pairs, row, "other") + 1, NULL, 10);
        const double got[4] = {
            find_number(pairs, row, "pearson"), find_number(pairs, row, "positive"),
            find_number(pairs, row, "negative"), find_number(pairs, row, "spearman")};
        const double want[4] = {
            naive_correlation(run, i, j, SCORES), naive_correlation(run, i, j, POSITIVE),
            naive_correlation(run, i, j, NEGATIVE), naive_correlation(run, i, j, RANKS)};
        assert_true(i < j);
        assert_true(fabs(got[0]) <= before);
        before = fabs(got[0]);
        for (size_t k = 0; k < 4; k++) {
            assert_true(isnan(want[k]) ? isnan(got[k]) : fabs(got[k] - want[k]) < 1e-11);
        }
    }
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_kinds__alike_queries_are_one_cluster(void **state)
{
    (void)state;
    attrib_run *run = run_with_pairs();
    attrib_analysis *analysis = analyze_or_fail("queries", run, NULL, NULL);
    const attrib_table *clusters = attrib_analysis_table(analysis, 1);
    bool is_seen[70] = {false};
    assert_int_equal(clusters->n_rows, 70);
    assert_true(find_number(clusters, 0, "cluster") == 1);
    for (size_t q = 0; q < 70; q++) {
        bool is_like_last = q % 3 == 1;
        double last = q ? find_number(clusters, q - 1, "cluster") : 0;
        assert_true((find_number(clusters, q, "cluster") == last) == is_like_last);
        size_t place = (size_t)find_number(clusters, q, "place") - 1;
        assert_false(is_seen[place]);
        is_seen[place] = true;
    }
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_kinds__ranks_make_spearman(void **state)
{
    (void)state;
    attrib_run *run = planted_run(2, 200);
    planted_fill(run, 6);
    for (size_t d = 0; d < 200; d++) {
        *planted_score(run, 1, d) = exp(3 * *planted_score(run, 0, d));
    }
    attrib_analysis *analysis = analyze_or_fail("queries", run, NULL, NULL);
    const attrib_table *pairs = attrib_analysis_table(analysis, 0);
    assert_true(fabs(find_number(pairs, 0, "spearman") - 1) < 1e-12);
    assert_true(find_number(pairs, 0, "pearson") < 0.9);
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* 3. Two runs */

static void test_kinds__two_runs_are_matched_by_ids(void **state)
{
    (void)state;
    attrib_run *run = planted_run(3, 120);
    attrib_run *other = planted_run(2, 120);
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.top = 10;
    planted_fill(run, 7);
    planted_fill(other, 8);
    planted_answer(other, 0)->query.id = "q2"; /* the other way round */
    planted_answer(other, 1)->query.id = "q0";
    for (size_t d = 0; d < 120; d++) {
        *planted_score(other, 0, d) = 5 * *planted_score(run, 2, d);
        *planted_score(other, 1, d) = -3 * *planted_score(run, 0, d);
    }
    attrib_analysis *analysis = analyze_or_fail("queries", run, other, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_int_equal(table->n_rows, 2);
    assert_string_equal(find_text(table, 0, "query"), "q0");
    assert_true(fabs(find_number(table, 0, "pearson") + 1) < 1e-12);
    assert_true(find_number(table, 0, "top_overlap") == 0);
    assert_true(find_number(table, 0, "same_sign") == 0);
    assert_string_equal(find_text(table, 1, "query"), "q2");
    static const char *const ones[] = {"pearson",       "spearman",  "positive",
                                       "negative",      "same_sign", "top_overlap",
                                       "bottom_overlap"};
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++) {
        assert_true(fabs(find_number(table, 1, ones[i]) - 1) < 1e-12);
    }
    check_note(analysis, "2 of 3 queries are in both runs");
    attrib_analysis_free(analysis);
    planted_free(other);
    planted_free(run);
}

static void test_kinds__overlap_counts_documents_of_both(void **state)
{
    (void)state;
    attrib_run *run = planted_run(1, 10);
    attrib_run *other = planted_run(1, 10);
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.top = 3;
    for (size_t d = 0; d < 10; d++) {
        *planted_score(run, 0, d) = (double)d - 4.5;                /* 9 8 7 ... 2 1 0 */
        *planted_score(other, 0, d) = d == 0 ? 9 : (double)d - 4.5; /* 0 9 8 ... 3 2 1 */
    }
    attrib_analysis *analysis = analyze_or_fail("queries", run, other, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_true(find_number(table, 0, "top_overlap") == 0.5);    /* 2 of 4 */
    assert_true(find_number(table, 0, "bottom_overlap") == 0.5); /* 2 of 4 */
    assert_true(find_number(table, 0, "same_sign") == 0.9);
    attrib_analysis_free(analysis);
    planted_free(other);
    planted_free(run);
}

/* 4. Layers */

static void test_kinds__layers_share_the_scores(void **state)
{
    (void)state;
    attrib_run *run = planted_run(2, 4);
    const attrib_module_score first[3] = {
        {"model.layers.10.mlp.up", 6}, {"model.4x.layers.2.mlp.up", 3}, {"lm_head", 1}};
    const attrib_module_score second[3] = {
        {"model.layers.10.mlp.up", -1}, {"model.layers.2.mlp.up", 2}, {"lm_head", 1}};
    const attrib_result top = {.modules = first, .n_modules = 3};
    const attrib_result bottom = {.modules = second, .n_modules = 3};
    *planted_answer(run, 0) =
        (attrib_answer){.query.id = "a", .top = &top, .n_top = 1, .n_bottom = 0};
    *planted_answer(run, 1) = (attrib_answer){
        .query.id = "b", .top = &bottom, .n_top = 1, .bottom = &bottom, .n_bottom = 1};
    attrib_analysis *analysis = analyze_or_fail("layers", run, NULL, NULL);
    const attrib_table *layers = attrib_analysis_table(analysis, 0);
    const attrib_table *kinds = attrib_analysis_table(analysis, 1);
    assert_int_equal(layers->n_rows, 3);
    assert_string_equal(find_text(layers, 0, "layer"), "10");
    assert_true(fabs(find_number(layers, 0, "favour") - (0.6 - 0.5) / 2) < 1e-15);
    assert_true(fabs(find_number(layers, 0, "oppose") + 0.5) < 1e-15);
    assert_string_equal(find_text(layers, 1, "layer"), "2");
    assert_string_equal(find_text(layers, 2, "layer"), "lm_head");
    assert_int_equal(kinds->n_rows, 2);
    assert_string_equal(find_text(kinds, 0, "kind"), "mlp.up");
    assert_true(find_number(kinds, 0, "modules") == 2);
    assert_true(fabs(find_number(kinds, 0, "favour") - 0.7) < 1e-15);
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void test_kinds__layers_need_reported_documents(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run *run = planted_run(1, 4);
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    job.kind = "layers";
    job.run = run;
    check_fails(attrib_analyze(NULL, &job, &analysis, &err), ATTRIB_ENOTSUP, &err);
    assert_null(analysis);
    planted_free(run);
}

/* 5. Tokens */

/* n shares: the first is `large`, the others 1. */
static attrib_result make_result(attrib_token_score *tokens, size_t n, double large)
{
    for (size_t i = 0; i < n; i++) {
        tokens[i] = (attrib_token_score){.text = i ? "x" : "first",
                                         .score = i ? (i % 2 ? -1 : 1) : large};
    }
    return (attrib_result){
        .rank = 1, .document.id = "d", .tokens = tokens, .n_tokens = n};
}

/* |a|_2 / |a|_1 of (L, 1 x 7) is sqrt(L^2 + 7) / (L + 7): 2/3 at L = 13.2131. */
static void test_kinds__spurious_is_beyond_two_thirds_from_8_positions_on(void **state)
{
    (void)state;
    attrib_token_score tokens[9];
    double ratio = 0;
    attrib_result result = make_result(tokens, 8, 13.3);
    assert_true(attrib_result_is_spurious(&result, &ratio));
    assert_true(fabs(ratio - sqrt(13.3 * 13.3 + 7) / 20.3) < 1e-15);
    result = make_result(tokens, 8, 13.1);
    assert_false(attrib_result_is_spurious(&result, NULL));
    result = make_result(tokens, 7, 1000);
    assert_false(attrib_result_is_spurious(&result, NULL));
    result = make_result(tokens, 9, 1000);
    assert_true(attrib_result_is_spurious(&result, NULL));
    tokens[4].score = 0; /* no position that counts */
    tokens[5].score = 0;
    assert_false(attrib_result_is_spurious(&result, NULL));
    result.n_tokens = 0;
    assert_false(attrib_result_is_spurious(&result, &ratio));
    assert_true(isnan(ratio));
}

static void test_kinds__spurious_documents_are_listed_and_counted(void **state)
{
    (void)state;
    attrib_token_score tokens[2][9];
    attrib_run *run = planted_run(1, 6);
    const attrib_result top[2] = {make_result(tokens[0], 9, 1),
                                  make_result(tokens[1], 9, -1000)};
    planted_answer(run, 0)->top = top;
    planted_answer(run, 0)->n_top = 2;
    for (int has_all = 0; has_all < 2; has_all++) {
        planted_options(run)->with_tokens = has_all;
        for (size_t d = 0; d < 6; d++) {
            planted_document(run, d)->n_tokens = 6 + d; /* from 8 on: 4 documents */
            *planted_score(run, 0, d) = d == 5 ? 0 : 1; /* but for one without shares */
        }
        attrib_analysis *analysis = analyze_or_fail("spurious", run, NULL, NULL);
        const attrib_table *list = attrib_analysis_table(analysis, 0);
        const attrib_table *counts = attrib_analysis_table(analysis, 1);
        assert_int_equal(list->n_rows, 1);
        assert_string_equal(find_text(list, 0, "token"), "first");
        assert_true(find_number(counts, 0, "reported") == 2);
        assert_true(find_number(counts, 0, "spurious") == 1);
        double all = find_number(counts, 0, "spurious_of_all");
        assert_true(has_all ? all == 3 : isnan(all));
        attrib_analysis_free(analysis);
    }
    planted_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds__a_planted_tail_is_found),
        cmocka_unit_test(test_kinds__documents_to_scan_follow_from_the_law),
        cmocka_unit_test(test_kinds__pairs_have_the_correlations_of_their_columns),
        cmocka_unit_test(test_kinds__alike_queries_are_one_cluster),
        cmocka_unit_test(test_kinds__ranks_make_spearman),
        cmocka_unit_test(test_kinds__two_runs_are_matched_by_ids),
        cmocka_unit_test(test_kinds__overlap_counts_documents_of_both),
        cmocka_unit_test(test_kinds__layers_share_the_scores),
        cmocka_unit_test(test_kinds__layers_need_reported_documents),
        cmocka_unit_test(test_kinds__spurious_is_beyond_two_thirds_from_8_positions_on),
        cmocka_unit_test(test_kinds__spurious_documents_are_listed_and_counted),
    };
    return run_cases(tests, NULL, NULL);
}

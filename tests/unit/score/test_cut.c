/* SPDX-License-Identifier: MIT */
/* Queries cut to a low rank: bounds that hold, and rankings that are exact all the same.
 */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static attrib_score_options options_of(size_t rank, size_t top)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.query_rank = rank;
    options.top = top;
    return options;
}

static double *read_all(
    attrib_run *run,
    attrib_status (*read)(attrib_run *, size_t, size_t, size_t, double *, attrib_error *))
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(run);
    double *all = calloc(info->n_documents * info->n_queries, sizeof *all);
    assert_non_null(all);
    check_ok(read(run, 0, 0, info->n_documents, all, &err), &err);
    return all;
}

static void test_cut__rankings_are_those_of_whole_queries(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options = options_of(ATTRIB_RANK_FULL, 3);
    attrib_run *full = fixture_score(f, factors, &options);
    for (size_t rank = 2; rank <= 32; rank *= 4) {
        options = options_of(rank, 3);
        attrib_run *cut = fixture_score(f, factors, &options);
        const attrib_run_info *info = attrib_run_describe(cut);
        check_same_answers(cut, full);
        assert_int_equal(info->query_rank, rank);
        assert_true(info->n_rescored >= 6 * N_QUERIES);
        assert_true(info->n_rescored <= (size_t)N_DOCUMENTS * N_QUERIES);
        assert_true(info->largest_error <= info->largest_bound);
        assert_int_equal(info->n_open, 0);
        print_message("rank %zu: %zu rescored, error %.3g, bound %.3g\n", rank,
                      info->n_rescored, info->largest_error, info->largest_bound);
        attrib_run_close(cut);
    }
    attrib_run_close(full);
    attrib_factors_close(factors);
}

/* A gradient's rank is at most its tokens': where that is cut to nearly nothing, bounds
 * are tight and leave documents out. */
static void test_cut__tight_bounds_leave_documents_out(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_score_options options = options_of(ATTRIB_RANK_FULL, 3);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    attrib_run *full = fixture_score(f, NULL, &options);
    options.query_rank = 56;
    attrib_run *cut = fixture_score(f, NULL, &options);
    check_same_answers(cut, full);
    print_message(
        "%zu rescored, error %.3g, bound %.3g\n", attrib_run_describe(cut)->n_rescored,
        attrib_run_describe(cut)->largest_error, attrib_run_describe(cut)->largest_bound);
    assert_true(attrib_run_describe(cut)->n_rescored <
                (size_t)N_DOCUMENTS * N_QUERIES * 3 / 4);
    attrib_run_close(full);
    attrib_run_close(cut);
}

/* A limit leaves documents open, says so, and still reports the likeliest in full. */
static void test_cut__a_limit_says_what_it_left_open(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options = options_of(ATTRIB_RANK_FULL, 2);
    attrib_run *full = fixture_score(f, factors, &options);
    options.query_rank = 16;
    options.max_rescored = 8;
    attrib_run *cut = fixture_score(f, factors, &options);
    const attrib_run_info *info = attrib_run_describe(cut);
    assert_int_equal(info->n_rescored, 8 * N_QUERIES);
    assert_true(info->n_open > 0);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_result *a = &attrib_run_answer(cut, q)->top[0];
        const attrib_result *b = &attrib_run_answer(full, q)->top[0];
        assert_int_equal(a->document.index, b->document.index);
        assert_true(fabs(a->score - b->score) <= 1e-5 * fabs(b->score));
    }
    attrib_run_close(cut);
    attrib_run_close(full);
    attrib_factors_close(factors);
}

/* A limit below what both ends report is shared by them: the last document is not one of
 * those that might have been the first. */
static void test_cut__a_limit_is_shared_by_both_ends(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options = options_of(ATTRIB_RANK_FULL, 10);
    attrib_run *full = fixture_score(f, factors, &options);
    options.query_rank = 16;
    options.max_rescored = 12;
    attrib_run *cut = fixture_score(f, factors, &options);
    assert_true(attrib_run_describe(cut)->n_open > 0);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_answer *a = attrib_run_answer(cut, q);
        const attrib_answer *b = attrib_run_answer(full, q);
        assert_int_equal(a->n_top, 6);
        assert_int_equal(a->n_bottom, 6);
        assert_int_equal(a->top[0].document.index, b->top[0].document.index);
        assert_int_equal(a->bottom[0].document.index, b->bottom[0].document.index);
    }
    attrib_run_close(cut);
    attrib_run_close(full);
    attrib_factors_close(factors);
}

/* Over 10,000 cases: 20 queries, 170 documents, ranks 1, 4 and 16 of the default model.
 */
static void test_cut__no_bound_is_violated(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    attrib_tokenizer *tokenizer = NULL;
    attrib_corpus *corpus = NULL;
    attrib_queries *queries = NULL;
    attrib_corpus_options read;
    const char *source = NULL;
    check_ok(attrib_session_new(NULL, &session, &err), &err);
    check_ok(attrib_model_open(source_path("corpora/facts-model"), NULL, &model, &err),
             &err);
    check_ok(attrib_tokenizer_open(source_path("corpora/facts-model"), &tokenizer, &err),
             &err);
    attrib_corpus_options_default(&read);
    read.context = attrib_model_describe(model)->context;
    read.max_documents = 170;
    source = source_path("corpora/facts/instructions.jsonl");
    check_ok(attrib_corpus_open(session, &(attrib_paths){&source, 1}, tokenizer, &read,
                                &corpus, &err),
             &err);
    check_ok(attrib_queries_open(NULL, source_path("tests/unit/score/cut-queries.jsonl"),
                                 tokenizer, &read, &queries, &err),
             &err);
    double *full = NULL;
    size_t n_cases = 0;
    double tightest = HUGE_VAL;
    for (size_t rank = 0; rank <= 16; rank = rank ? rank * 4 : 1) {
        attrib_score_options options = options_of(rank, 1);
        attrib_run *run = NULL;
        options.settings[0].strategy = ATTRIB_IDENTITY;
        options.max_rescored = 1; /* the bounds of the others are what is tested */
        check_ok(attrib_run_score(session,
                                  &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                      .model = model,
                                                      .tokenizer = tokenizer,
                                                      .corpus = corpus,
                                                      .queries = queries,
                                                      .options = &options},
                                  &run, &err),
                 &err);
        double *scores = read_all(run, attrib_run_scores);
        double *bounds = read_all(run, attrib_run_bounds);
        size_t n = attrib_run_describe(run)->n_queries * 170;
        for (size_t k = 0; rank && k < n; k++) {
            double error = fabs(scores[k] - full[k]);
            assert_true(error <= bounds[k]);
            tightest = error > 0 ? fmin(tightest, bounds[k] / error) : tightest;
            n_cases++;
        }
        free(bounds);
        if (rank) {
            free(scores);
        } else {
            full = scores;
        }
        attrib_run_close(run);
    }
    print_message("%zu cases, tightest bound %.2f x its error\n", n_cases, tightest);
    assert_true(n_cases >= 10000);
    free(full);
    attrib_queries_close(queries);
    attrib_corpus_close(corpus);
    attrib_tokenizer_close(tokenizer);
    attrib_model_close(model);
    attrib_session_free(session);
}

/* Every score of a plane lies within its bound of the full one. */
static void check_bounds(attrib_run *cut, attrib_run *full, size_t i_plane)
{
    attrib_error err = {0};
    double want[N_DOCUMENTS * N_QUERIES];
    double got[N_DOCUMENTS * N_QUERIES];
    double bounds[N_DOCUMENTS * N_QUERIES];
    check_ok(attrib_run_scores(full, i_plane, 0, N_DOCUMENTS, want, &err), &err);
    check_ok(attrib_run_scores(cut, i_plane, 0, N_DOCUMENTS, got, &err), &err);
    check_ok(attrib_run_bounds(cut, i_plane, 0, N_DOCUMENTS, bounds, &err), &err);
    for (size_t k = 0; k < N_DOCUMENTS * N_QUERIES; k++) {
        assert_true(fabs(got[k] - want[k]) <= bounds[k]);
    }
}

/* Rank 40 cuts some maps: scores of the others, which are 32 wide, are rounded too. No
 * map is wider than 64: queries stay whole. */
static void test_cut__maps_that_are_narrower_than_the_rank_have_bounds(void **state)
{
    need_assets();
    const fixture *f = *state;
    static const size_t ranks[] = {40, 64, 1000};
    attrib_score_options options = options_of(ATTRIB_RANK_FULL, 3);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.modules = "all";
    options.split = ATTRIB_SPLIT_MODULE;
    attrib_run *full = fixture_score(f, NULL, &options);
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        options.query_rank = ranks[i];
        attrib_run *cut = fixture_score(f, NULL, &options);
        const attrib_run_info *info = attrib_run_describe(cut);
        for (size_t i_plane = 0; i_plane < info->n_planes; i_plane++) {
            check_bounds(cut, full, i_plane);
        }
        print_message("rank %zu: error %.3g, bound %.3g\n", ranks[i], info->largest_error,
                      info->largest_bound);
        assert_int_equal(info->query_rank, ranks[i] < 64 ? ranks[i] : 0);
        assert_true(info->largest_error <= info->largest_bound);
        check_same_answers(cut, full);
        attrib_run_close(cut);
    }
    attrib_run_close(full);
}

/* Threads divide work: they do not show in a byte. */
static void test_cut__threads_do_not_show(void **state)
{
    need_assets();
    fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_session_options one;
    attrib_session_options_default(&one);
    one.n_threads = 1;
    attrib_score_options options = options_of(4, 2);
    attrib_run *many = fixture_score(f, factors, &options);
    attrib_session_free(f->session);
    check_ok(attrib_session_new(&one, &f->session, &err), &err);
    attrib_run *single = fixture_score(f, factors, &options);
    double *a = read_all(many, attrib_run_scores);
    double *b = read_all(single, attrib_run_scores);
    assert_memory_equal(a, b, N_DOCUMENTS * N_QUERIES * sizeof *a);
    free(a);
    free(b);
    a = read_all(many, attrib_run_bounds);
    b = read_all(single, attrib_run_bounds);
    assert_memory_equal(a, b, N_DOCUMENTS * N_QUERIES * sizeof *a);
    free(a);
    free(b);
    attrib_run_close(many);
    attrib_run_close(single);
    attrib_factors_close(factors);
}

int main(void)
{
#define WITH_FIXTURE(test)                                                               \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_cut__rankings_are_those_of_whole_queries),
        WITH_FIXTURE(test_cut__tight_bounds_leave_documents_out),
        WITH_FIXTURE(test_cut__a_limit_says_what_it_left_open),
        WITH_FIXTURE(test_cut__a_limit_is_shared_by_both_ends),
        cmocka_unit_test(test_cut__no_bound_is_violated),
        WITH_FIXTURE(test_cut__maps_that_are_narrower_than_the_rank_have_bounds),
        WITH_FIXTURE(test_cut__threads_do_not_show),
    };
    return run_cases(tests, NULL, NULL);
}

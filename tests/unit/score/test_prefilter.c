/* SPDX-License-Identifier: MIT */
/* Runs whose documents are filtered, on the tiny model of tests/golden/kronfluence: the
 * candidates are those of the formula (tests/golden/baselines), their scores those of a
 * run without a filter, and what the sample says that was missed is what that run
 * says. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

enum { N_DOCUMENTS = 40, N_QUERIES = 5, N_SCORES = N_DOCUMENTS * N_QUERIES, TOP = 3 };

/* Products of other blocks round otherwise: as of tests against Kronfluence. */
#define TOLERANCE 1e-5

typedef struct world {
    golden g;
    double tfidf[N_SCORES]; /* [N, Q] */
} world;

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    const json_t *rows = NULL;
    assert_non_null(w);
    *state = w;
    golden_open(&w->g);
    rows = json_object_get(w->g.expected, "tfidf");
    for (size_t i = 0; i < N_SCORES; i++) {
        const json_t *row = json_array_get(rows, i % N_QUERIES);
        w->tfidf[i] = json_number_value(json_array_get(row, i / N_QUERIES));
    }
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    golden_close(&w->g);
    free(w);
    return 0;
}

static attrib_score_options options_of(const char *prefilter, size_t n_sample)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    options.settings[1] = (attrib_setting){ATTRIB_BM25, 0.1, false, 0};
    options.settings[2] = (attrib_setting){ATTRIB_HIDDEN, 0.1, false, 1};
    options.n_settings = 3;
    options.modules = "all";
    options.top = TOP;
    options.prefilter = prefilter;
    options.prefilter_sample = n_sample;
    return options;
}

static attrib_run *score_with(const world *w,
                              attrib_session *session,
                              const attrib_corpus *corpus,
                              const attrib_score_options *options,
                              const char *folder)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(attrib_run_score(session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = w->g.model,
                                                  .corpus = corpus,
                                                  .queries = w->g.queries,
                                                  .options = options,
                                                  .folder = folder},
                              &run, &err),
             &err);
    return run;
}

static attrib_run *score(const world *w, const attrib_score_options *options)
{
    return score_with(w, w->g.session, w->g.corpus, options, NULL);
}

static double *read_plane(attrib_run *run, size_t i_plane, double *out)
{
    attrib_error err = {0};
    check_ok(attrib_run_scores(run, i_plane, 0, N_DOCUMENTS, out, &err), &err);
    return out;
}

/* Whether document d is one of the n with the largest TF-IDF of query q. */
static bool is_candidate(const world *w, size_t q, size_t d, size_t n)
{
    size_t n_before = 0;
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        double other = w->tfidf[i * N_QUERIES + q];
        double own = w->tfidf[d * N_QUERIES + q];
        bool is_equal = fabs(other - own) <= 1e-12 * fabs(own);
        n_before += is_equal ? i < d : other > own;
    }
    return n_before < n;
}

static void check_close(double got, double want, double largest)
{
    if (!(fabs(got - want) <= TOLERANCE * largest)) {
        fail_msg("%.9g, not %.9g", got, want);
    }
}

static double largest_of(const double *numbers, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = isfinite(numbers[i]) ? fmax(largest, fabs(numbers[i])) : largest;
    }
    return largest;
}

/* Exactly the candidates have scores, which are those of a run without a filter. */
static void test_prefilter__scores_the_candidates_of_the_formula(void **state)
{
    const world *w = *state;
    double got[N_SCORES];
    double want[N_SCORES];
    const attrib_score_options filtered = options_of("tfidf:7", 0);
    const attrib_score_options all = options_of(NULL, 0);
    attrib_run *run = score(w, &filtered);
    attrib_run *whole = score(w, &all);
    for (size_t s = 0; s < 3; s++) {
        double largest = largest_of(read_plane(whole, s, want), N_SCORES);
        read_plane(run, s, got);
        for (size_t i = 0; i < N_SCORES; i++) {
            if (is_candidate(w, i % N_QUERIES, i / N_QUERIES, 7)) {
                check_close(got[i], want[i], largest);
            } else {
                assert_true(isnan(got[i]));
            }
        }
    }
    assert_int_equal(attrib_run_describe(run)->n_candidates, 7);
    assert_int_equal(attrib_run_describe(whole)->n_passed, N_DOCUMENTS);
    attrib_recall recall;
    assert_false(attrib_run_recall(run, 0, N_QUERIES, false, &recall));
    attrib_run_close(run);
    attrib_run_close(whole);
}

static void check_end(
    const attrib_answer *answer, const double *scores, size_t q, size_t i, bool is_top)
{
    const attrib_result *result = is_top ? &answer->top[i] : &answer->bottom[i];
    double own = scores[result->document.index * N_QUERIES + q];
    size_t n_before = 0;
    assert_true(isfinite(own));
    assert_true(result->score == own);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        double other = scores[d * N_QUERIES + q];
        n_before += other > own || (other == own && d < result->document.index);
    }
    assert_int_equal(result->rank, n_before + 1);
    assert_int_equal(result->rank, is_top ? i + 1 : answer->n_scored - i);
}

/* What is reported, and every ranking anew, are of the documents that are scored. */
static void test_prefilter__ranks_what_is_scored(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    double scores[N_SCORES];
    const attrib_score_options options = options_of("tfidf:7", 0);
    attrib_run *run = score(w, &options);
    for (size_t i = 0; i < (size_t)3 * N_QUERIES; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        attrib_ranking ranking = {0};
        attrib_rank_options rank;
        read_plane(run, i / N_QUERIES, scores);
        assert_int_equal(answer->n_scored, 7);
        assert_int_equal(answer->n_top, TOP);
        assert_int_equal(answer->n_bottom, TOP);
        for (size_t k = 0; k < TOP; k++) {
            check_end(answer, scores, i % N_QUERIES, k, true);
            check_end(answer, scores, i % N_QUERIES, k, false);
        }
        attrib_rank_options_default(&rank);
        rank.i_answer = i;
        check_ok(attrib_run_rank(run, &rank, &ranking, &err), &err);
        assert_int_equal(ranking.n_ranked, 7);
        assert_int_equal(ranking.n_top, 7);
        assert_int_equal(ranking.n_bottom, 0);
        assert_int_equal(ranking.top[0].document, answer->top[0].document.index);
        attrib_ranking_free(&ranking);
    }
    attrib_run_close(run);
}

/* Self-influences are of documents that were scored for any query, those of split ones
 * too, and cosines are divided by them. */
static void test_prefilter__keeps_self_influences_of_what_is_scored(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    double got[N_SCORES];
    double want[N_SCORES];
    double self[N_DOCUMENTS];
    double selves[N_DOCUMENTS];
    attrib_score_options filtered = options_of("tfidf:4", 0);
    attrib_score_options all = options_of(NULL, 0);
    filtered.normalize = all.normalize = ATTRIB_NORMALIZE_UNIT;
    attrib_corpus *split = golden_corpus(&w->g, 16);
    attrib_run *run = score_with(w, w->g.session, split, &filtered, NULL);
    attrib_run *whole = score_with(w, w->g.session, split, &all, NULL);
    check_ok(attrib_run_self(run, 0, 0, N_DOCUMENTS, self, &err), &err);
    check_ok(attrib_run_self(whole, 0, 0, N_DOCUMENTS, selves, &err), &err);
    read_plane(run, 0, got);
    read_plane(whole, 0, want);
    size_t n_passed = 0;
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        bool is_any = false;
        for (size_t q = 0; q < N_QUERIES; q++) {
            double score = got[d * N_QUERIES + q];
            is_any = is_any || isfinite(score);
            if (isfinite(score)) {
                check_close(score, want[d * N_QUERIES + q], 1);
            }
        }
        assert_true(isfinite(self[d]) == is_any);
        if (is_any) {
            check_close(self[d], selves[d], selves[d]);
        }
        n_passed += is_any;
    }
    assert_int_equal(attrib_run_describe(run)->n_passed, n_passed);
    assert_true(n_passed < N_DOCUMENTS);
    attrib_run_close(run);
    attrib_run_close(whole);
    attrib_corpus_close(split);
}

/* The sample is scored against all queries, and tells of the documents that are missed
 * what the whole run does. */
static void test_prefilter__the_sample_counts_what_is_missed(void **state)
{
    const world *w = *state;
    double got[N_SCORES];
    const attrib_score_options options = options_of("tfidf:7", 15);
    attrib_run *run = score(w, &options);
    const attrib_run_info *info = attrib_run_describe(run);
    size_t n_misses = 0;
    assert_int_equal(info->n_sampled, 15);
    for (size_t i = 0; i < (size_t)3 * N_QUERIES; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        size_t q = i % N_QUERIES;
        size_t n_scored = 0;
        size_t n_above = 0;
        size_t n_below = 0;
        read_plane(run, i / N_QUERIES, got);
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            double own = got[d * N_QUERIES + q];
            size_t n_before = 0; /* candidates */
            size_t n_after = 0;
            n_scored += isfinite(own) ? 1 : 0;
            for (size_t c = 0; c < N_DOCUMENTS; c++) {
                double other = got[c * N_QUERIES + q];
                bool is_first = other > own || (other == own && c < d);
                n_before += is_candidate(w, q, c, 7) && is_first;
                n_after += is_candidate(w, q, c, 7) && !is_first;
            }
            if (isfinite(own) && !is_candidate(w, q, d, 7)) {
                n_above += n_before < TOP;
                n_below += n_after < TOP;
            }
        }
        assert_int_equal(answer->n_scored, n_scored);
        assert_int_equal(answer->n_missed_top, n_above);
        assert_int_equal(answer->n_missed_bottom, n_below);
        n_misses += n_above + n_below;
    }
    assert_true(n_misses > 0);
    attrib_run_close(run);
}

/* With every document drawn the recall is known, and is that of the whole run; with some
 * of them its interval holds it. */
static void test_prefilter__recall_is_that_of_all_documents(void **state)
{
    const world *w = *state;
    double scores[N_SCORES];
    attrib_recall exact = {0};
    attrib_recall estimated = {0};
    const attrib_score_options every = options_of("tfidf:7", 1000);
    const attrib_score_options some = options_of("tfidf:7", 15);
    attrib_run *run = score(w, &every);
    attrib_run *part = score(w, &some);
    size_t n_above = 0; /* documents no lower than the last of the candidates' first */
    read_plane(run, 0, scores);
    for (size_t i = 0; i < N_SCORES; i++) {
        size_t n_before = 0;
        for (size_t c = 0; c < N_DOCUMENTS; c++) {
            double other = scores[c * N_QUERIES + i % N_QUERIES];
            n_before += is_candidate(w, i % N_QUERIES, c, 7) && other > scores[i];
        }
        n_above += n_before < TOP;
    }
    assert_true(attrib_run_recall(run, 0, N_QUERIES, false, &exact));
    assert_true(fabs(exact.share - (double)TOP * N_QUERIES / (double)n_above) < 1e-12);
    assert_true(exact.low == exact.share && exact.high == exact.share);
    assert_true(attrib_run_recall(part, 0, N_QUERIES, false, &estimated));
    assert_true(estimated.low < exact.share && exact.share < estimated.high);
    assert_true(estimated.low < estimated.share && estimated.share < estimated.high);
    assert_true(estimated.n_found == TOP);
    assert_false(attrib_run_recall(part, 14, 2, false, &estimated));
    attrib_run_close(run);
    attrib_run_close(part);
}

/* KL(x, p) of two coins. */
static double divergence(double x, double p)
{
    return (x > 0 ? x * log(x / p) : 0) + (1 - x) * log((1 - x) / (1 - p));
}

/* Limits are where n KL(x, p) = ln 40; where nothing was missed, p = 1 - 40^(-1 / n). */
static void test_prefilter__intervals_are_of_95_percent(void **state)
{
    const world *w = *state;
    const attrib_score_options options = options_of("tfidf:7", 15);
    attrib_run *run = score(w, &options);
    size_t n_none = 0;
    size_t n_some = 0;
    for (size_t i = 0; i < (size_t)3 * N_QUERIES; i++) {
        attrib_recall recall = {0};
        double x = (double)attrib_run_answer(run, i)->n_missed_top / 15;
        assert_true(attrib_run_recall(run, i, 1, false, &recall));
        double high = (TOP / recall.low - TOP) / N_DOCUMENTS; /* p */
        assert_true(fabs(recall.share - TOP / (TOP + x * N_DOCUMENTS)) < 1e-12);
        if (x == 0) {
            assert_true(fabs(high - (1 - pow(40, -1.0 / 15))) < 1e-9);
            assert_true(recall.high == 1);
        } else if (x < 1) {
            assert_true(fabs(15 * divergence(x, high) - log(40)) < 1e-6);
        }
        n_none += x == 0;
        n_some += x > 0 && x < 1;
    }
    assert_true(n_none > 0 && n_some > 0);
    attrib_run_close(run);
}

/* Where no document has a token of the query, all are equal: the first ones are taken. */
static void test_prefilter__takes_the_first_of_equal_documents(void **state)
{
    world *w = *state;
    attrib_error err = {0};
    double scores[N_DOCUMENTS];
    char path[160];
    const char *row = "{\"ids\": [1, 2, 3], \"mask\": [0, 1, 1]}\n";
    attrib_queries *queries = w->g.queries;
    attrib_corpus_options corpus;
    const attrib_score_options options = options_of("tfidf:7", 0);
    attrib_corpus_options_default(&corpus);
    corpus.context = attrib_model_describe(w->g.model)->context;
    snprintf(path, sizeof path, "%s/none.jsonl", w->g.folder);
    write_file(path, row, strlen(row));
    check_ok(attrib_queries_open(NULL, path, NULL, &corpus, &w->g.queries, &err), &err);
    attrib_run *run = score(w, &options);
    check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, scores, &err), &err);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        assert_true(isfinite(scores[d]) == (d < 7));
    }
    attrib_run_close(run);
    attrib_queries_close(w->g.queries);
    w->g.queries = queries;
}

/* Threads, a folder that is opened again, and other queries in the run change nothing. */
static void test_prefilter__does_not_depend_on_how_it_is_run(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    double a[N_SCORES];
    double b[N_SCORES];
    char path[160];
    attrib_session *three = NULL;
    attrib_run *opened = NULL;
    attrib_session_options session;
    attrib_score_options options = options_of("tfidf:7", 5);
    options.with_self = true;
    attrib_session_options_default(&session);
    session.n_threads = 3;
    check_ok(attrib_session_new(&session, &three, &err), &err);
    snprintf(path, sizeof path, "%s/run", w->g.folder);
    attrib_run *run = score_with(w, NULL, w->g.corpus, &options, NULL);
    attrib_run_close(score_with(w, three, w->g.corpus, &options, path));
    attrib_run_close(score_with(w, NULL, w->g.corpus, &options, path)); /* it is there */
    check_ok(attrib_run_open(path, &opened, &err), &err);
    for (size_t s = 0; s < 3; s++) {
        read_plane(run, s, a);
        read_plane(opened, s, b);
        assert_memory_equal(a, b, sizeof a);
    }
    for (size_t i = 0; i < (size_t)3 * N_QUERIES; i++) {
        const attrib_answer *x = attrib_run_answer(run, i);
        const attrib_answer *y = attrib_run_answer(opened, i);
        assert_int_equal(x->n_scored, y->n_scored);
        assert_int_equal(x->n_missed_top, y->n_missed_top);
        assert_int_equal(x->n_missed_bottom, y->n_missed_bottom);
        assert_int_equal(x->top[0].document.index, y->top[0].document.index);
    }
    assert_int_equal(attrib_run_describe(opened)->n_passed,
                     attrib_run_describe(run)->n_passed);
    assert_string_equal(attrib_run_describe(opened)->options->prefilter, "tfidf:7");
    attrib_run_close(run);
    attrib_run_close(opened);
    attrib_session_free(three);
}

/* Cut queries settle among the candidates. */
static void test_prefilter__stands_with_cut_queries(void **state)
{
    const world *w = *state;
    const attrib_score_options whole = options_of("tfidf:9", 0);
    attrib_score_options options = whole;
    options.query_rank = 2;
    attrib_run *cut = score(w, &options);
    attrib_run *full = score(w, &whole);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_answer *x = attrib_run_answer(cut, q);
        const attrib_answer *y = attrib_run_answer(full, q);
        assert_int_equal(x->n_top, y->n_top);
        for (size_t k = 0; k < TOP; k++) {
            assert_int_equal(x->top[k].document.index, y->top[k].document.index);
            assert_int_equal(x->bottom[k].document.index, y->bottom[k].document.index);
            assert_int_equal(x->bottom[k].rank, 9 - k);
        }
    }
    attrib_run_close(cut);
    attrib_run_close(full);
}

/* Fewer candidates than are reported, and more than there are documents. */
/* In bf16 errors are estimated from a sample of what is scored, whose first and last
 * documents are those of f32. */
static void test_prefilter__stands_with_bf16(void **state)
{
    const world *w = *state;
    attrib_score_options options = options_of("tfidf:9", 0);
    attrib_run *exact = score(w, &options);
    options.precision = ATTRIB_BF16_PRODUCTS;
    options.max_rescored = 1; /* besides the sample */
    attrib_run *run = score(w, &options);
    const attrib_run_info *info = attrib_run_describe(run);
    /* nine documents are fewer than a sample takes: each is in it, under the strategy */
    assert_int_equal(info->n_rescored, 9 * info->n_queries);
    for (size_t a = 0; a < info->n_answers; a++) {
        const attrib_answer *answer = attrib_run_answer(run, a);
        const attrib_answer *wanted = attrib_run_answer(exact, a);
        assert_int_equal(answer->n_top, wanted->n_top);
        for (size_t i = 0; i < answer->n_top; i++) {
            assert_int_equal(answer->top[i].document.index,
                             wanted->top[i].document.index);
        }
    }
    attrib_run_close(run);
    attrib_run_close(exact);
}

static void test_prefilter__takes_few_and_all(void **state)
{
    const world *w = *state;
    double got[N_SCORES];
    double want[N_SCORES];
    const attrib_score_options few = options_of("tfidf:2", 0);
    const attrib_score_options many = options_of("tfidf:1000", 0);
    const attrib_score_options all = options_of(NULL, 0);
    attrib_run *run = score(w, &few);
    assert_int_equal(attrib_run_answer(run, 0)->n_top, 2);
    assert_int_equal(attrib_run_answer(run, 0)->n_bottom, 0);
    attrib_run_close(run);
    run = score(w, &many);
    attrib_run *whole = score(w, &all);
    for (size_t s = 0; s < 3; s++) {
        read_plane(run, s, got);
        read_plane(whole, s, want);
        assert_memory_equal(got, want, sizeof got);
    }
    attrib_run_close(run);
    attrib_run_close(whole);
}

static void refuse(const world *w, const attrib_score_options *options, const char *part)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_fails(attrib_run_score(w->g.session,
                                 &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                     .model = w->g.model,
                                                     .corpus = w->g.corpus,
                                                     .queries = w->g.queries,
                                                     .n_shards = 1,
                                                     .options = options},
                                 &run, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, part);
}

static void test_prefilter__is_refused_where_it_makes_no_sense(void **state)
{
    world *w = *state;
    static const char *const texts[] = {
        "tfidf:0", "tfidf:", "tfidf:7x", "bm25:7",
        "tfidf",   "",       "tfidf:-1", "tfidf:1000000000000000"};
    attrib_score_options options;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        options = options_of(texts[i], 0);
        refuse(w, &options, "expected tfidf:N");
    }
    options = options_of(NULL, 5);
    refuse(w, &options, "without prefilter there is nothing to measure");
    options = options_of("tfidf:7", 5);
    options.query_rank = 2;
    refuse(w, &options, "scores of cut queries");
    options = options_of("tfidf:7", 5);
    options.precision = ATTRIB_BF16_PRODUCTS;
    refuse(w, &options, "scores that are not in f32 are approximate");
    attrib_queries *queries = w->g.queries;
    w->g.queries = NULL;
    options = options_of("tfidf:7", 0);
    options.with_self = true;
    refuse(w, &options, "goes by queries");
    w->g.queries = queries;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prefilter__scores_the_candidates_of_the_formula),
        cmocka_unit_test(test_prefilter__ranks_what_is_scored),
        cmocka_unit_test(test_prefilter__keeps_self_influences_of_what_is_scored),
        cmocka_unit_test(test_prefilter__the_sample_counts_what_is_missed),
        cmocka_unit_test(test_prefilter__recall_is_that_of_all_documents),
        cmocka_unit_test(test_prefilter__intervals_are_of_95_percent),
        cmocka_unit_test(test_prefilter__takes_the_first_of_equal_documents),
        cmocka_unit_test(test_prefilter__does_not_depend_on_how_it_is_run),
        cmocka_unit_test(test_prefilter__stands_with_cut_queries),
        cmocka_unit_test(test_prefilter__takes_few_and_all),
        cmocka_unit_test(test_prefilter__stands_with_bf16),
        cmocka_unit_test(test_prefilter__is_refused_where_it_makes_no_sense),
    };
    return run_cases(tests, set_up, tear_down);
}

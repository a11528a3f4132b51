/* SPDX-License-Identifier: MIT */
/* Rankings over all documents of a run against the sorted formula of a made-up one. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/made_run.h"

/* What a document is ranked by, by the formula. */
typedef struct key {
    size_t document;
    double value;
} key;

static int compare_keys(const void *a, const void *b)
{
    const key *x = a;
    const key *y = b;
    int order = (x->value < y->value) - (x->value > y->value);
    return order ? order : (x->document > y->document) - (x->document < y->document);
}

/* The score as a run has it: divided, or not. */
static double score_of(const made_run *made, size_t d, size_t s, size_t q)
{
    double score = made_score(d, 0, s, q);
    double self = made_self(d, s);
    switch (made->run.options.normalize) {
    case ATTRIB_NORMALIZE_NATS:
        return score / made_loss(s, q);
    case ATTRIB_NORMALIZE_UNIT:
        return self > 0 ? score / sqrt(self * made_query_self(s, q)) : 0;
    default:
        return score;
    }
}

/* Aggregates over all queries. Losses are divided by once, by the run or by the
 * aggregate. */
static double aggregate_of(const made_run *made, const attrib_rank_options *o, size_t d)
{
    bool is_divided = made->run.options.normalize == ATTRIB_NORMALIZE_NATS;
    double sum = 0;
    double most = -(double)INFINITY;
    for (size_t q = 0; q < MADE_QUERIES; q++) {
        double score = score_of(made, d, o->i_setting, q);
        bool divides = o->aggregate == ATTRIB_AGGREGATE_NATS && !is_divided;
        sum += divides ? score / made_loss(o->i_setting, q) : score;
        most = fmax(most, score);
    }
    return o->aggregate == ATTRIB_AGGREGATE_MAX ? most : sum;
}

static double value_of(const made_run *made, const attrib_rank_options *o, size_t d)
{
    if (o->aggregate != ATTRIB_AGGREGATE_NONE) {
        return aggregate_of(made, o, d);
    }
    attrib_normalize normalize = made->run.options.normalize;
    bool is_self = o->by == ATTRIB_BY_SELF;
    size_t s = is_self ? o->i_setting : o->i_answer / MADE_QUERIES;
    size_t q = o->i_answer % MADE_QUERIES;
    double score = made_score(d, 0, s, q);
    double self = made_self(d, s);
    if (is_self) {
        return self;
    }
    if (o->by == ATTRIB_BY_COSINE || normalize == ATTRIB_NORMALIZE_UNIT) {
        return self > 0 ? score / sqrt(self * made_query_self(s, q)) : 0;
    }
    return normalize == ATTRIB_NORMALIZE_NATS ? score / made_loss(s, q) : score;
}

/* The sorted documents with `n_tokens` tokens, of any number where it is SIZE_MAX. */
static size_t sort_all(const made_run *made,
                       const attrib_rank_options *options,
                       size_t n_tokens,
                       key *out)
{
    size_t n = 0;
    for (size_t d = 0; d < MADE_DOCUMENTS; d++) {
        if (n_tokens == SIZE_MAX || made_n_tokens(d) == n_tokens) {
            out[n++] = (key){d, value_of(made, options, d)};
        }
    }
    qsort(out, n, sizeof *out, compare_keys);
    return n;
}

static void check_ranking(made_run *made,
                          const attrib_rank_options *options,
                          size_t n_tokens)
{
    static key sorted[MADE_DOCUMENTS];
    attrib_error err = {0};
    attrib_ranking got = {0};
    size_t n = sort_all(made, options, n_tokens, sorted);
    check_ok(attrib_run_rank(&made->run, options, &got, &err), &err);
    assert_int_equal(got.n_ranked, n);
    assert_int_equal(got.n_top, at_smaller(options->n_top, n));
    assert_int_equal(got.n_bottom, at_smaller(options->n_bottom, n - got.n_top));
    for (size_t i = 0; i < got.n_top; i++) {
        assert_int_equal(got.top[i].document, sorted[i].document);
        assert_true(got.top[i].value == sorted[i].value);
    }
    for (size_t i = 0; i < got.n_bottom; i++) {
        assert_int_equal(got.bottom[i].document, sorted[n - 1 - i].document);
        assert_true(got.bottom[i].value == sorted[n - 1 - i].value);
    }
    attrib_ranking_free(&got);
}

static made_run *make(attrib_normalize normalize, bool with_self)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.normalize = normalize;
    options.with_self = with_self;
    made_run *made = make_run(&options, false);
    made->run.info.n_answers = MADE_SETTINGS * MADE_QUERIES;
    made->run.corpus = (const attrib_corpus *)made; /* which a wrapper stands for */
    return made;
}

static void test_ranking__is_the_sorted_one(void **state)
{
    (void)state;
    for (int normalize = ATTRIB_NORMALIZE_NONE; normalize <= ATTRIB_NORMALIZE_UNIT;
         normalize++) {
        made_run *made = make((attrib_normalize)normalize, true);
        for (int by = ATTRIB_BY_SCORE; by <= ATTRIB_BY_COSINE; by++) {
            attrib_rank_options options;
            attrib_rank_options_default(&options);
            options.by = (attrib_rank_by)by;
            options.i_answer = MADE_QUERIES + 4;
            options.i_setting = 1;
            check_ranking(made, &options, SIZE_MAX);
            options.n_top = 37;
            options.n_bottom = 3;
            check_ranking(made, &options, SIZE_MAX);
            options.n_top = 600;
            options.n_bottom = 600; /* the ends meet */
            check_ranking(made, &options, SIZE_MAX);
            options.n_top = 0;
            check_ranking(made, &options, SIZE_MAX);
        }
        free_made_run(made);
    }
}

static void test_ranking__of_all_queries(void **state)
{
    (void)state;
    for (int normalize = ATTRIB_NORMALIZE_NONE; normalize <= ATTRIB_NORMALIZE_UNIT;
         normalize++) {
        made_run *made = make((attrib_normalize)normalize, true);
        for (int a = ATTRIB_AGGREGATE_SUM; a <= ATTRIB_AGGREGATE_MAX; a++) {
            attrib_rank_options options;
            attrib_rank_options_default(&options);
            options.aggregate = (attrib_aggregate)a;
            options.n_top = MADE_DOCUMENTS;
            for (options.i_setting = 0; options.i_setting < MADE_SETTINGS;
                 options.i_setting++) {
                check_ranking(made, &options, SIZE_MAX);
            }
        }
        free_made_run(made);
    }
}

/* The exact scores of two queries count, each for its own, and of the setting alone. */
static void test_ranking__aggregates_exact_scores(void **state)
{
    (void)state;
    attrib_error err = {0};
    made_run *made = make(ATTRIB_NORMALIZE_NONE, false);
    const attrib_result results[] = {
        {.score = 1e6, .document = {.index = 900}},
        {.score = 1e5, .document = {.index = 3}},
    };
    const attrib_result same = {.score = -1e6, .document = {.index = 900}};
    const attrib_result other = {.score = 1e9, .document = {.index = 7}};
    attrib_ranking got = {0};
    attrib_rank_options options;
    attrib_rank_options_default(&options);
    options.aggregate = ATTRIB_AGGREGATE_SUM;
    options.i_setting = 1;
    made->answers[MADE_QUERIES + 5].top = results;
    made->answers[MADE_QUERIES + 5].n_top = 2;
    made->answers[MADE_QUERIES + 2].bottom = &same;
    made->answers[MADE_QUERIES + 2].n_bottom = 1;
    made->answers[0].top = &other;
    made->answers[0].n_top = 1;
    check_ok(attrib_run_rank(&made->run, &options, &got, &err), &err);
    assert_int_equal(got.top[0].document, 3);
    assert_true(got.top[0].value > 9e4 && got.top[1].value < 1e3);
    attrib_ranking_free(&got);
    options.aggregate = ATTRIB_AGGREGATE_MAX;
    check_ok(attrib_run_rank(&made->run, &options, &got, &err), &err);
    assert_int_equal(got.top[0].document, 900);
    assert_true(got.top[0].value == 1e6);
    attrib_ranking_free(&got);
    free_made_run(made);
}

static void test_ranking__of_some(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_where *where = NULL;
    made_run *made = make(ATTRIB_NORMALIZE_NONE, false);
    const char *const conditions[] = {"n_tokens=3", "n_tokens>3"};
    attrib_rank_options options;
    attrib_rank_options_default(&options);
    options.i_answer = 2;
    for (size_t i = 0; i < 2; i++) {
        check_ok(attrib_where_new(&conditions[i], 1, &where, &err), &err);
        options.where = where;
        check_ranking(made, &options, 3 + i);
        attrib_where_free(where);
    }
    free_made_run(made);
}

/* A document that was reported has the exact score, whatever the scores of all say. */
static void test_ranking__takes_exact_scores(void **state)
{
    (void)state;
    attrib_error err = {0};
    made_run *made = make(ATTRIB_NORMALIZE_NONE, false);
    const attrib_result results[] = {
        {.rank = 1, .score = 1e6, .document = {.index = 900}},
        {.rank = 2, .score = 1e5, .document = {.index = 3}}};
    const attrib_result last = {.score = -1e6, .document = {.index = 511}};
    attrib_ranking got = {0};
    attrib_rank_options options;
    attrib_rank_options_default(&options);
    options.i_answer = 5;
    made->answers[5].top = results;
    made->answers[5].n_top = 2;
    made->answers[5].bottom = &last;
    made->answers[5].n_bottom = 1;
    check_ok(attrib_run_rank(&made->run, &options, &got, &err), &err);
    assert_int_equal(got.top[0].document, 900);
    assert_int_equal(got.top[1].document, 3);
    assert_true(got.top[1].value == 1e5);
    assert_int_equal(got.bottom[0].document, 511);
    attrib_ranking_free(&got);
    free_made_run(made);
}

static void check_refused(made_run *made,
                          const attrib_rank_options *options,
                          attrib_status expected,
                          const char *message)
{
    attrib_error err = {0};
    attrib_ranking got = {0};
    check_fails(attrib_run_rank(&made->run, options, &got, &err), expected, &err);
    check_message(&err, message);
    assert_null(got.top);
}

static void test_ranking__refuses(void **state)
{
    (void)state;
    attrib_rank_options options;
    made_run *made = make(ATTRIB_NORMALIZE_NONE, false);
    attrib_rank_options_default(&options);
    options.by = ATTRIB_BY_COSINE;
    check_refused(made, &options, ATTRIB_EINVAL, "cosines need: score with --self");
    options.by = ATTRIB_BY_SELF;
    check_refused(made, &options, ATTRIB_EINVAL, "score with --self");
    options.by = ATTRIB_BY_SCORE;
    options.i_answer = MADE_SETTINGS * MADE_QUERIES;
    check_refused(made, &options, ATTRIB_EINVAL, "answer 14 of 14");
    options.i_answer = 0;
    options.aggregate = ATTRIB_AGGREGATE_MAX;
    options.i_setting = MADE_SETTINGS;
    check_refused(made, &options, ATTRIB_EINVAL, "setting 2 of 2");
    options.by = ATTRIB_BY_SELF;
    options.i_setting = 0;
    check_refused(made, &options, ATTRIB_EINVAL, "aggregates are of the scores");
    attrib_rank_options_default(&options);
    options.n_top = options.n_bottom = options.i_answer = 0;
    check_refused(made, &options, ATTRIB_EINVAL, "without a document");
    free_made_run(made);
    made = make(ATTRIB_NORMALIZE_NONE, true);
    attrib_rank_options_default(&options);
    options.by = ATTRIB_BY_SELF;
    options.i_setting = MADE_SETTINGS;
    check_refused(made, &options, ATTRIB_EINVAL, "setting 2 of 2");
    options.by = ATTRIB_BY_COSINE;
    made->answers[0].self_influence = 0;
    made->answers[0].query.id = "q";
    check_refused(made, &options, ATTRIB_ENUMERIC, "query \"q\": a gradient of 0");
    free_made_run(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranking__is_the_sorted_one),
        cmocka_unit_test(test_ranking__of_all_queries),
        cmocka_unit_test(test_ranking__aggregates_exact_scores),
        cmocka_unit_test(test_ranking__of_some),
        cmocka_unit_test(test_ranking__takes_exact_scores),
        cmocka_unit_test(test_ranking__refuses),
    };
    return run_cases(tests, NULL, NULL);
}

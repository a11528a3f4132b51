/* SPDX-License-Identifier: MIT */
/* Weighted sums of queries: their scores are the weighted sums of the rows' scores. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SUMS       3
#define N_SCORES     ((size_t)N_DOCUMENTS * N_QUERIES)
#define N_SUM_SCORES ((size_t)N_DOCUMENTS * N_SUMS)

/* The rows of Kronfluence's queries, with the sums that they are put into. */
typedef struct row_tags {
    const char *topic;  /* JSON */
    const char *weight; /* JSON; NULL: none */
    size_t i_sum;
    double factor;
} row_tags;

static const row_tags rows[N_QUERIES] = {
    {"\"b\\u00e4r\"", "1", 0, 1},         {"7", NULL, 1, 1},
    {"\"b\\u00e4r\"", NULL, 0, 1},        {"\"alone\"", "-2.5", 2, -2.5},
    {"\"b\\u00e4r\"", "-0.75", 0, -0.75},
};

static const attrib_setting settings[] = {
    {ATTRIB_EKFAC, 0.1, false, 0},
    {ATTRIB_IDENTITY, 0.1, false, 0},
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* Open the fixture's queries with such tags. */
static attrib_queries *tag_queries(const fixture *f, const row_tags *tags)
{
    attrib_error err = {0};
    attrib_corpus_options options;
    attrib_queries *out = NULL;
    char folder[128];
    char path[160];
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/queries.jsonl", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < N_QUERIES; i++) {
        const attrib_query *query = attrib_queries_get(f->queries, i);
        fprintf(file, "{\"ids\": [");
        for (size_t t = 0; t < query->n_tokens; t++) {
            fprintf(file, "%s%d", t ? ", " : "", (int)query->ids[t]);
        }
        fprintf(file, "], \"mask\": [");
        for (size_t t = 0; t < query->n_tokens; t++) {
            fprintf(file, "%s%d", t ? ", " : "", query->mask[t]);
        }
        fprintf(file, "], \"id\": \"q%zu\", \"tags\": {\"k\": 1", i);
        if (tags[i].topic) {
            fprintf(file, ", \"topic\": %s", tags[i].topic);
        }
        if (tags[i].weight) {
            fprintf(file, ", \"weight\": %s", tags[i].weight);
        }
        fprintf(file, "}}\n");
    }
    assert_int_equal(fclose(file), 0);
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(f->model)->context;
    check_ok(attrib_queries_open(NULL, path, NULL, &options, &out, &err), &err);
    remove_folder(folder);
    return out;
}

static attrib_score_options options_of(size_t rank)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    options.query_rank = rank;
    options.top = 3;
    options.aggregate = "topic";
    return options;
}

static attrib_run *score(const fixture *f,
                         const attrib_factors *factors,
                         const attrib_score_options *options,
                         const char *folder)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_queries *queries = tag_queries(f, rows);
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .factors = factors,
                                                  .corpus = f->corpus,
                                                  .queries = queries,
                                                  .options = options,
                                                  .folder = folder},
                              &run, &err),
             &err);
    attrib_queries_close(queries);
    return run;
}

/* What each sum should be, from a run of the rows one by one: want and the sum of the
 * addends' sizes, [N_SETTINGS, documents, N_SUMS]. */
static void sum_up(const fixture *f,
                   const attrib_factors *factors,
                   double *want,
                   double *scale,
                   double losses[N_SUMS])
{
    attrib_error err = {0};
    attrib_score_options options = options_of(ATTRIB_RANK_FULL);
    options.aggregate = NULL;
    attrib_run *run = fixture_score(f, factors, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double all[N_DOCUMENTS * N_QUERIES];
        check_ok(attrib_run_scores(run, s, 0, N_DOCUMENTS, all, &err), &err);
        for (size_t k = 0; k < N_SCORES; k++) {
            const row_tags *row = &rows[k % N_QUERIES];
            size_t to = (s * N_DOCUMENTS + k / N_QUERIES) * N_SUMS + row->i_sum;
            want[to] += row->factor * all[k];
            scale[to] += fabs(row->factor * all[k]);
        }
    }
    memset(losses, 0, N_SUMS * sizeof *losses);
    for (size_t q = 0; q < N_QUERIES; q++) {
        losses[rows[q].i_sum] += rows[q].factor * attrib_run_answer(run, q)->loss;
    }
    attrib_run_close(run);
}

/* A sum has the rounding of f32 products of its own gradient, so the tolerance is that of
 * the largest sum of addends' sizes under the setting. */
static void check_scores(attrib_run *run, const double *want, const double *scale)
{
    attrib_error err = {0};
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double got[N_DOCUMENTS * N_SUMS];
        double bounds[N_DOCUMENTS * N_SUMS];
        double largest = 0;
        check_ok(attrib_run_scores(run, s, 0, N_DOCUMENTS, got, &err), &err);
        check_ok(attrib_run_bounds(run, s, 0, N_DOCUMENTS, bounds, &err), &err);
        for (size_t k = 0; k < N_SUM_SCORES; k++) {
            largest = fmax(largest, scale[s * N_SUM_SCORES + k]);
        }
        for (size_t k = 0; k < N_SUM_SCORES; k++) {
            double error = fabs(got[k] - want[s * N_SUM_SCORES + k]);
            assert_true(error <= bounds[k] + 3e-6 * largest);
        }
    }
}

static void check_answers(const attrib_run *run, const double losses[N_SUMS])
{
    static const char *const ids[N_SUMS] = {"b\xC3\xA4r", "7", "alone"};
    static const size_t n_rows[N_SUMS] = {3, 1, 1};
    const attrib_run_info *info = attrib_run_describe(run);
    assert_int_equal(info->n_queries, N_SUMS);
    assert_string_equal(info->options->aggregate, "topic");
    for (size_t q = 0; q < N_SUMS; q++) {
        const attrib_answer *answer = attrib_run_answer(run, q);
        assert_string_equal(answer->query.id, ids[q]);
        assert_int_equal(answer->n_rows, n_rows[q]);
        assert_true(fabs(answer->loss - losses[q]) <= 1e-12 * fabs(losses[q]));
        assert_int_equal(answer->query.n_tags, 1);
        assert_string_equal(answer->query.tags[0].key, "topic");
    }
}

/* Whole and cut, in memory and on disk. */
static void test_aggregate__is_the_weighted_sum_of_scores(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    char folder[128];
    double want[N_SETTINGS * N_DOCUMENTS * N_SUMS] = {0};
    double scale[N_SETTINGS * N_DOCUMENTS * N_SUMS] = {0};
    double losses[N_SUMS];
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_score_options options = options_of(ATTRIB_RANK_FULL);
    make_scratch_folder(folder, sizeof folder);
    sum_up(f, factors, want, scale, losses);
    run = score(f, factors, &options, folder);
    check_scores(run, want, scale);
    check_answers(run, losses);
    attrib_run_close(run);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    check_scores(run, want, scale);
    check_answers(run, losses);
    options.query_rank = 16;
    attrib_run *cut = score(f, factors, &options, NULL);
    check_scores(cut, want, scale);
    for (size_t i = 0; i < (size_t)N_SETTINGS * N_SUMS; i++) {
        const attrib_answer *a = attrib_run_answer(cut, i);
        const attrib_answer *b = attrib_run_answer(run, i);
        assert_int_equal(a->top[0].document.index, b->top[0].document.index);
        assert_int_equal(a->bottom[0].document.index, b->bottom[0].document.index);
    }
    attrib_run_close(cut);
    attrib_run_close(run);
    remove_folder(folder);
    attrib_factors_close(factors);
}

static void test_aggregate__threads_do_not_show(void **state)
{
    need_assets();
    fixture *f = *state;
    attrib_error err = {0};
    attrib_session_options one;
    double many[N_DOCUMENTS * N_SUMS];
    double single[N_DOCUMENTS * N_SUMS];
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options = options_of(8);
    attrib_run *run = score(f, factors, &options, NULL);
    check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, many, &err), &err);
    attrib_run_close(run);
    attrib_session_free(f->session);
    attrib_session_options_default(&one);
    one.n_threads = 1;
    check_ok(attrib_session_new(&one, &f->session, &err), &err);
    run = score(f, factors, &options, NULL);
    check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, single, &err), &err);
    assert_memory_equal(many, single, sizeof many);
    attrib_run_close(run);
    attrib_factors_close(factors);
}

/* The least memory that will do makes a tile of each query. */
static void test_aggregate__tiles(void **state)
{
    need_assets();
    fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    double want[N_SETTINGS * N_DOCUMENTS * N_SUMS] = {0};
    double scale[N_SETTINGS * N_DOCUMENTS * N_SUMS] = {0};
    double losses[N_SUMS];
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_queries *queries = tag_queries(f, rows);
    attrib_score_options options = options_of(ATTRIB_RANK_FULL);
    sum_up(f, factors, want, scale, losses);
    options.ram_limit = 1 << 20;
    while (attrib_run_score(f->session,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = f->model,
                                                .factors = factors,
                                                .corpus = f->corpus,
                                                .queries = queries,
                                                .options = &options},
                            &run, &err) == ATTRIB_ERANGE) {
        options.ram_limit = mebibytes_needed(&err) << 20;
        err = (attrib_error){0};
    }
    assert_non_null(run);
    check_scores(run, want, scale);
    check_answers(run, losses);
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_factors_close(factors);
}

static void refuse(const fixture *f,
                   size_t i_row,
                   row_tags instead,
                   attrib_normalize normalize,
                   const char *message)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    row_tags tags[N_QUERIES];
    attrib_score_options options = options_of(ATTRIB_RANK_FULL);
    memcpy(tags, rows, sizeof tags);
    tags[i_row] = instead;
    options.n_settings = 1;
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.normalize = normalize;
    attrib_queries *queries = tag_queries(f, tags);
    check_fails(attrib_run_score(f->session,
                                 &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                     .model = f->model,
                                                     .corpus = f->corpus,
                                                     .queries = queries,
                                                     .options = &options},
                                 &run, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, message);
    attrib_queries_close(queries);
}

static void test_aggregate__what_makes_no_sum_is_refused(void **state)
{
    need_assets();
    const fixture *f = *state;
    refuse(f, 1, (row_tags){0}, ATTRIB_NORMALIZE_NONE, "query q1: no tag \"topic\"");
    refuse(f, 2, (row_tags){.topic = "1", .weight = "\"x\""}, ATTRIB_NORMALIZE_NONE,
           "query q2: weight \"x\", expected a number");
    refuse(f, 2, (row_tags){.topic = "1", .weight = "1e300"}, ATTRIB_NORMALIZE_NONE,
           "query q2: weight 1");
    refuse(f, 3, rows[3], ATTRIB_NORMALIZE_NATS, "query alone: a loss of -");
    refuse(f, 1, (row_tags){.topic = "7", .weight = "0"}, ATTRIB_NORMALIZE_UNIT,
           "query 7: its gradient is 0");
}

int main(void)
{
#define WITH_FIXTURE(test)                                                               \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_aggregate__is_the_weighted_sum_of_scores),
        WITH_FIXTURE(test_aggregate__threads_do_not_show),
        WITH_FIXTURE(test_aggregate__tiles),
        WITH_FIXTURE(test_aggregate__what_makes_no_sum_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}

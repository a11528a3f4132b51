/* SPDX-License-Identifier: MIT */
/* Weighted sums of runs of two models of other shapes, against the numbers of both runs
 * added up here. One function is wrapped (CMakeLists.txt), so that the runs hold other
 * numbers of queries at a time. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "run/run.h"
#include "score/sizes.h"
#include "summed.h"
#include "support/tiny.h"

static const char some_queries[] =
    "{\"id\": \"a\", \"ids\": [1, 2, 3], \"mask\": [0, 0, 1]}\n"
    "{\"id\": \"b\", \"ids\": [5, 6], \"mask\": [0, 1]}\n"
    "{\"id\": \"c\", \"ids\": [4, 4, 9, 7], \"mask\": [0, 1, 1, 1]}\n"
    "{\"id\": \"d\", \"ids\": [8, 2, 0], \"mask\": [0, 1, 1]}\n"
    "{\"id\": \"e\", \"ids\": [3, 10, 6], \"mask\": [0, 0, 1]}\n";

typedef struct fixture {
    char folder[200];
    attrib_model *models[N_RUNS];
    attrib_corpus *corpus;
    char runs[N_RUNS][MAX_PATH], sum[MAX_PATH];
} fixture;

/* Queries that are scored at a time. */
static size_t n_fitting;

attrib_status __wrap_at_fitting_queries(const at_setup *setup,
                                        size_t *out,
                                        attrib_error *err);

attrib_status __wrap_at_fitting_queries(const at_setup *setup,
                                        size_t *out,
                                        attrib_error *err)
{
    (void)setup;
    (void)err;
    *out = n_fitting;
    return ATTRIB_OK;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    fixture *f = calloc(1, sizeof *f);
    attrib_corpus_options options;
    char path[MAX_PATH];
    const char *paths[] = {path};
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->folder, sizeof f->folder);
    f->models[0] = tiny_model();
    f->models[1] = wide_model(2, 4, 6);
    attrib_corpus_options_default(&options);
    options.context = TINY_CONTEXT;
    snprintf(path, sizeof path, "%s/corpus.jsonl", f->folder);
    tiny_write_corpus(path, N_DOCUMENTS);
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, &options,
                                &f->corpus, &err),
             &err);
    snprintf(path, sizeof path, "%s/queries.jsonl", f->folder);
    write_file(path, some_queries, strlen(some_queries));
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->models[0]);
    attrib_model_close(f->models[1]);
    remove_folder(f->folder);
    free(f);
    return 0;
}

static void score(fixture *f, size_t r, const attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_corpus_options of_queries;
    attrib_queries *queries = NULL;
    attrib_score_job job;
    attrib_run *run = NULL;
    char path[MAX_PATH];
    attrib_corpus_options_default(&of_queries);
    of_queries.context = TINY_CONTEXT;
    snprintf(path, sizeof path, "%s/queries.jsonl", f->folder);
    check_ok(attrib_queries_open(NULL, path, NULL, &of_queries, &queries, &err), &err);
    attrib_score_job_default(&job);
    job.model = f->models[r];
    job.corpus = f->corpus;
    job.queries = queries;
    job.options = options;
    job.folder = f->runs[r];
    n_fitting = r == 0 ? 2 : 3; /* tiles {2, 2, 1} and {3, 2} */
    check_ok(attrib_run_score(NULL, &job, &run, &err), &err);
    attrib_run_close(run);
    attrib_queries_close(queries);
}

static void name_folders(fixture *f, const char *name)
{
    snprintf(f->runs[0], MAX_PATH, "%s/%s-a", f->folder, name);
    snprintf(f->runs[1], MAX_PATH, "%s/%s-b", f->folder, name);
    snprintf(f->sum, MAX_PATH, "%s/%s-sum", f->folder, name);
}

static attrib_score_options made_options(size_t n_settings)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.settings[1] = (attrib_setting){.strategy = ATTRIB_HIDDEN, .layer = 1};
    options.n_settings = n_settings;
    options.top = 40;
    return options;
}

static void add(const fixture *f, const double *by, size_t top)
{
    attrib_error err = {0};
    const char *folders[] = {f->runs[0], f->runs[1]};
    attrib_sum_options options;
    attrib_sum_options_default(&options);
    options.weights = by;
    options.top = top;
    check_ok(attrib_run_sum(NULL, folders, N_RUNS, &options, f->sum, &err), &err);
}

/* Score both models, add them, and compare all that the sum holds. Its documents with
 * shares are counted. */
static size_t try_sum(fixture *f, const char *name, const attrib_score_options *options)
{
    numbers runs[N_RUNS];
    numbers sum;
    name_folders(f, name);
    score(f, 0, options);
    score(f, 1, options);
    add(f, weights, 25);
    open_numbers(f->runs[0], &runs[0]);
    open_numbers(f->runs[1], &runs[1]);
    open_numbers(f->sum, &sum);
    for (size_t i = 0; i < attrib_run_describe(sum.run)->n_planes; i++) {
        check_plane(runs, &sum, i);
    }
    if (options->with_tokens) {
        check_token_arrays(runs, &sum);
    }
    check_description(runs, &sum);
    size_t n = check_answers(runs, &sum, options->query_rank == 0);
    close_numbers(&runs[0]);
    close_numbers(&runs[1]);
    close_numbers(&sum);
    return n;
}

static void test_sum__scores_are_added(void **state)
{
    attrib_score_options options = made_options(2);
    options.with_self = true;
    size_t n = try_sum(*state, "plain", &options);
    assert_in_range(n, 1, 2 * 2 * 25 * N_QUERIES - 1); /* some have shares, some none */
    options = made_options(1);
    options.with_tokens = true;
    try_sum(*state, "tokens", &options);
}

static void test_sum__sums_are_divided_by_sums(void **state)
{
    attrib_score_options options = made_options(1);
    options.normalize = ATTRIB_NORMALIZE_UNIT;
    assert_true(try_sum(*state, "unit", &options) > 0);
}

/* The queries' losses with these weights are below 0. */
static void test_sum__what_cannot_divide_is_refused(void **state)
{
    attrib_error err = {0};
    fixture *f = *state;
    const char *folders[] = {f->runs[0], f->runs[1]};
    attrib_score_options options = made_options(1);
    attrib_sum_options how;
    options.normalize = ATTRIB_NORMALIZE_NATS;
    name_folders(f, "nats");
    score(f, 0, &options);
    score(f, 1, &options);
    attrib_sum_options_default(&how);
    how.weights = weights;
    check_fails(attrib_run_sum(NULL, folders, N_RUNS, &how, f->sum, &err),
                ATTRIB_ENUMERIC, &err);
    check_message(&err, "query \"a\": losses sum up to -");
    assert_false(attrib_run_is(f->sum));
    add(f, NULL, 0); /* their mean does */
}

/* Both runs report exact scores of what they report, and bounds of all others. */
static void test_sum__cut_queries_have_bounds(void **state)
{
    fixture *f = *state;
    numbers sum;
    attrib_score_options options = made_options(1);
    options.query_rank = 1;
    try_sum(f, "cut", &options);
    open_numbers(f->sum, &sum);
    read_numbers(&sum, 0);
    const attrib_run_info *info = attrib_run_describe(sum.run);
    size_t n_beyond = 0;
    for (size_t a = 0; a < N_QUERIES; a++) {
        const attrib_answer *answer = attrib_run_answer(sum.run, a);
        for (size_t i = 0; i < answer->n_top; i++) {
            size_t k = answer->top[i].document.index * N_QUERIES + a;
            assert_true(fabs(answer->top[i].score - sum.scores[k]) <=
                        sum.bounds[k] * (1 + 1e-6) + 1e-9);
            n_beyond += answer->top[i].score != sum.scores[k];
        }
    }
    assert_true(n_beyond > 0);
    assert_true(info->n_rescored > 0 && info->n_open > 0);
    assert_true(info->largest_bound > 0 && info->largest_error > 0);
    close_numbers(&sum);
}

/* With every document reported by both, all is known, and exact. */
static void test_sum__what_all_runs_report_is_exact(void **state)
{
    fixture *f = *state;
    numbers cut;
    numbers full;
    attrib_score_options options = made_options(1);
    options.top = N_DOCUMENTS;
    for (size_t i = 0; i < 2; i++) {
        options.query_rank = i;
        name_folders(f, i ? "all-cut" : "all-full");
        score(f, 0, &options);
        score(f, 1, &options);
        add(f, weights, 30);
        open_numbers(f->sum, i ? &cut : &full);
    }
    assert_int_equal(attrib_run_describe(cut.run)->n_open, 0);
    for (size_t a = 0; a < N_QUERIES; a++) {
        const attrib_answer *x = attrib_run_answer(cut.run, a);
        const attrib_answer *y = attrib_run_answer(full.run, a);
        for (size_t i = 0; i < 30; i++) {
            assert_int_equal(x->top[i].document.index, y->top[i].document.index);
            assert_true(fabs(x->top[i].score - y->top[i].score) <=
                        1e-5 * fabs(y->top[0].score));
        }
    }
    close_numbers(&cut);
    close_numbers(&full);
}

static void open_queries(const fixture *f, attrib_queries **out)
{
    attrib_error err = {0};
    attrib_corpus_options options;
    char path[MAX_PATH];
    attrib_corpus_options_default(&options);
    options.context = TINY_CONTEXT;
    snprintf(path, sizeof path, "%s/queries.jsonl", f->folder);
    check_ok(attrib_queries_open(NULL, path, NULL, &options, out, &err), &err);
}

/* The job of both models together. */
static attrib_score_job job_of_both(fixture *f,
                                    attrib_queries *queries,
                                    const attrib_score_options *options)
{
    attrib_score_job job;
    attrib_score_job_default(&job);
    job.corpus = f->corpus;
    job.queries = queries;
    job.options = options;
    job.folder = f->sum;
    n_fitting = 2;
    return job;
}

/* Scored together, models say what the sum of their runs says, and of every document that
 * is reported how its score is made up. The runs are gone. */
static void check_together(fixture *f, const char *name, attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    attrib_run *both = NULL;
    numbers sum;
    char path[MAX_PATH];
    char other[MAX_PATH + 16];
    const attrib_score_checkpoint checkpoints[] = {{f->models[0], NULL, weights[0]},
                                                   {f->models[1], NULL, weights[1]}};
    options->top = 6;
    name_folders(f, name);
    score(f, 0, options);
    score(f, 1, options);
    add(f, weights, 0);
    open_numbers(f->sum, &sum);
    read_numbers(&sum, 0);
    snprintf(path, sizeof path, "%s/%s-both", f->folder, name);
    snprintf(f->sum, sizeof f->sum, "%s", path);
    open_queries(f, &queries);
    const attrib_score_job job = job_of_both(f, queries, options);
    check_ok(attrib_run_score_sum(NULL, &job, checkpoints, N_RUNS, &both, &err), &err);
    double *scores = room(N_DOCUMENTS * N_QUERIES);
    check_ok(attrib_run_scores(both, 0, 0, N_DOCUMENTS, scores, &err), &err);
    assert_memory_equal(scores, sum.scores, N_DOCUMENTS * N_QUERIES * sizeof *scores);
    for (size_t a = 0; a < N_QUERIES; a++) {
        const attrib_answer *x = attrib_run_answer(both, a);
        const attrib_answer *y = attrib_run_answer(sum.run, a);
        check_ok(attrib_run_load(both, a, &err), &err);
        check_ok(attrib_run_load(sum.run, a, &err), &err);
        for (size_t i = 0; i < 12; i++) {
            const attrib_result *p = i < 6 ? &x->top[i] : &x->bottom[i - 6];
            const attrib_result *q = i < 6 ? &y->top[i] : &y->bottom[i - 6];
            double by_tokens = 0;
            double by_maps = 0;
            assert_int_equal(p->document.index, q->document.index);
            assert_true(p->score == q->score);
            assert_int_equal(p->n_tokens, p->document.n_tokens);
            assert_true(p->n_tokens > 0 && p->n_modules > 0);
            for (size_t t = 0; t < p->n_tokens; t++) {
                by_tokens += p->tokens[t].score;
                assert_true(q->n_tokens == 0 ||
                            fabs(p->tokens[t].score - q->tokens[t].score) <=
                                1e-12 * fabs(p->score));
            }
            for (size_t m = 0; m < p->n_modules; m++) {
                by_maps += p->modules[m].score;
            }
            assert_true(fabs(by_tokens - p->score) <= 1e-4 * fabs(p->score));
            assert_true(fabs(by_maps - p->score) <= 1e-4 * fabs(p->score));
        }
    }
    snprintf(other, sizeof other, "%s.checkpoints", path);
    assert_false(at_is_there(other));
    free(scores);
    attrib_run_close(both);
    attrib_queries_close(queries);
    close_numbers(&sum);
}

static void test_sum__models_are_scored_together(void **state)
{
    attrib_score_options options = made_options(1);
    check_together(*state, "together", &options);
    options.normalize = ATTRIB_NORMALIZE_UNIT;
    check_together(*state, "together-unit", &options);
    options.token_kind = ATTRIB_TOKENS_OUTPUT;
    check_together(*state, "together-output", &options);
}

static void test_sum__what_models_cannot_do_together_is_refused(void **state)
{
    attrib_error err = {0};
    fixture *f = *state;
    attrib_queries *queries = NULL;
    attrib_run *none = NULL;
    attrib_score_options options = made_options(1);
    attrib_score_checkpoint two[] = {{f->models[0], NULL, 1}, {f->models[1], NULL, -1}};
    name_folders(f, "refused");
    open_queries(f, &queries);
    attrib_score_job job = job_of_both(f, queries, &options);
    check_fails(attrib_run_score_sum(NULL, &job, two, 1, &none, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "1 checkpoint, expected two or more");
    options.query_rank = 2;
    err = (attrib_error){0};
    check_fails(attrib_run_score_sum(NULL, &job, two, 2, &none, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "query-rank: several models are scored with whole queries");
    options = made_options(2);
    err = (attrib_error){0};
    check_fails(attrib_run_score_sum(NULL, &job, two, 2, &none, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "baselines are scored by themselves");
    options = made_options(1);
    two[1].weight = 0;
    err = (attrib_error){0};
    check_fails(attrib_run_score_sum(NULL, &job, two, 2, &none, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "the weight of checkpoint 2 is 0");
    assert_null(none);
    attrib_queries_close(queries);
}

/* The mean of a run with itself is that run. */
static void test_sum__mean_of_the_same_is_the_same(void **state)
{
    fixture *f = *state;
    numbers one;
    numbers sum;
    attrib_score_options options = made_options(1);
    options.split = ATTRIB_SPLIT_KIND;
    name_folders(f, "same");
    score(f, 0, &options);
    snprintf(f->runs[1], MAX_PATH, "%s", f->runs[0]);
    add(f, NULL, 0);
    open_numbers(f->runs[0], &one);
    open_numbers(f->sum, &sum);
    for (size_t i = 0; i < 2; i++) {
        read_numbers(&one, i);
        read_numbers(&sum, i);
        assert_memory_equal(one.scores, sum.scores,
                            N_DOCUMENTS * N_QUERIES * sizeof *one.scores);
    }
    assert_string_equal(attrib_run_describe(sum.run)->model_hash,
                        attrib_run_describe(one.run)->model_hash);
    for (size_t a = 0; a < N_QUERIES; a++) {
        const attrib_answer *x = attrib_run_answer(one.run, a);
        const attrib_answer *y = attrib_run_answer(sum.run, a);
        assert_int_equal(x->n_top, y->n_top);
        for (size_t i = 0; i < x->n_top; i++) {
            assert_int_equal(x->top[i].document.index, y->top[i].document.index);
            assert_true(x->top[i].score == y->top[i].score);
        }
    }
    close_numbers(&one);
    close_numbers(&sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum__scores_are_added),
        cmocka_unit_test(test_sum__sums_are_divided_by_sums),
        cmocka_unit_test(test_sum__what_cannot_divide_is_refused),
        cmocka_unit_test(test_sum__cut_queries_have_bounds),
        cmocka_unit_test(test_sum__what_all_runs_report_is_exact),
        cmocka_unit_test(test_sum__mean_of_the_same_is_the_same),
        cmocka_unit_test(test_sum__models_are_scored_together),
        cmocka_unit_test(test_sum__what_models_cannot_do_together_is_refused),
    };
    return run_cases(tests, set_up, tear_down);
}

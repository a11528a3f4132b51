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
#include "support/tiny.h"

enum { N_DOCUMENTS = 1060, N_QUERIES = 5, N_RUNS = 2, MAX_PATH = 300 };

static const char some_queries[] =
    "{\"id\": \"a\", \"ids\": [1, 2, 3], \"mask\": [0, 0, 1]}\n"
    "{\"id\": \"b\", \"ids\": [5, 6], \"mask\": [0, 1]}\n"
    "{\"id\": \"c\", \"ids\": [4, 4, 9, 7], \"mask\": [0, 1, 1, 1]}\n"
    "{\"id\": \"d\", \"ids\": [8, 2, 0], \"mask\": [0, 1, 1]}\n"
    "{\"id\": \"e\", \"ids\": [3, 10, 6], \"mask\": [0, 0, 1]}\n";

static const double weights[N_RUNS] = {0.75, -1.5};

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

/* What all of it is read into: of both runs and of their sum. */
typedef struct numbers {
    attrib_run *run;
    double *scores, *bounds, *raw, *self; /* [N, Q] of a plane, [N] of its setting */
} numbers;

static double *room(size_t n)
{
    double *made = calloc(n, sizeof *made);
    assert_non_null(made);
    return made;
}

static void open_numbers(const char *folder, numbers *out)
{
    attrib_error err = {0};
    check_ok(attrib_run_open(folder, &out->run, &err), &err);
    out->scores = room(N_DOCUMENTS * N_QUERIES);
    out->bounds = room(N_DOCUMENTS * N_QUERIES);
    out->raw = room(N_DOCUMENTS * N_QUERIES);
    out->self = room(N_DOCUMENTS);
}

static void close_numbers(numbers *of)
{
    attrib_run_close(of->run);
    free(of->scores);
    free(of->bounds);
    free(of->raw);
    free(of->self);
}

/* Raw scores: those of a run that divides none are its scores. */
static void read_numbers(numbers *of, size_t i_plane)
{
    attrib_error err = {0};
    const attrib_score_options *options = attrib_run_describe(of->run)->options;
    size_t i_setting = attrib_run_plane(of->run, i_plane).i_setting;
    check_ok(attrib_run_scores(of->run, i_plane, 0, N_DOCUMENTS, of->scores, &err), &err);
    check_ok(attrib_run_bounds(of->run, i_plane, 0, N_DOCUMENTS, of->bounds, &err), &err);
    if (options->normalize == ATTRIB_NORMALIZE_NONE) {
        memcpy(of->raw, of->scores, N_DOCUMENTS * N_QUERIES * sizeof *of->raw);
    } else {
        check_ok(attrib_run_raw_scores(of->run, i_plane, 0, N_DOCUMENTS, of->raw, &err),
                 &err);
    }
    if (options->with_self) {
        check_ok(attrib_run_self(of->run, i_setting, 0, N_DOCUMENTS, of->self, &err),
                 &err);
    }
}

static void check_near(double got, double wanted, double size)
{
    if (!(fabs(got - wanted) <= 1e-12 * size)) {
        fail_msg("%.17g, expected %.17g", got, wanted);
    }
}

/* What a score of query q is multiplied by. */
static double scale_of(const numbers *of, size_t i_setting, size_t q, size_t d)
{
    const attrib_run_info *info = attrib_run_describe(of->run);
    const attrib_answer *a = attrib_run_answer(of->run, i_setting * N_QUERIES + q);
    if (attrib_strategy_is_baseline(info->options->settings[i_setting].strategy)) {
        return 1;
    }
    switch (info->options->normalize) {
    case ATTRIB_NORMALIZE_NATS:
        return 1 / a->loss;
    case ATTRIB_NORMALIZE_UNIT:
        return of->self[d] > 0 ? 1 / sqrt(a->self_influence * of->self[d]) : 0;
    default:
        return 1;
    }
}

/* scores, bounds, self-influences, and what each run said. */
static void check_plane(numbers *runs, numbers *sum, size_t i_plane)
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(sum->run);
    attrib_plane plane = attrib_run_plane(sum->run, i_plane);
    bool is_baseline =
        attrib_strategy_is_baseline(info->options->settings[plane.i_setting].strategy);
    double *kept = room(N_DOCUMENTS * N_QUERIES);
    read_numbers(&runs[0], i_plane);
    read_numbers(&runs[1], i_plane);
    read_numbers(sum, i_plane);
    for (size_t k = 0; k < N_DOCUMENTS * N_QUERIES; k++) {
        size_t d = k / N_QUERIES;
        size_t q = k % N_QUERIES;
        double total = 0;
        double bound = 0;
        double size = 0;
        for (size_t r = 0; r < N_RUNS; r++) {
            double scale = scale_of(&runs[r], plane.i_setting, q, d);
            total += weights[r] * runs[r].raw[k];
            size += fabs(weights[r] * runs[r].raw[k]);
            bound += scale > 0 ? fabs(weights[r]) * runs[r].bounds[k] / scale : 0;
        }
        double scale = scale_of(sum, plane.i_setting, q, d);
        check_near(sum->raw[k], total, size);
        check_near(sum->scores[k], total * scale, size * scale);
        check_near(sum->bounds[k], bound * scale, bound * scale);
    }
    for (size_t d = 0; info->options->with_self && !is_baseline && d < N_DOCUMENTS; d++) {
        double self = 0.75 * runs[0].self[d] + 1.5 * runs[1].self[d];
        check_near(sum->self[d], self, self);
    }
    for (size_t r = 0; !*plane.group && r < N_RUNS; r++) {
        attrib_array array = {.shape = ATTRIB_ARRAY_CHECKPOINTS};
        for (size_t i = 0; array.shape != ATTRIB_ARRAY_CHECKPOINTS || !array.name; i++) {
            assert_true(attrib_run_array(sum->run, i, &array));
        }
        assert_string_equal(array.name, "checkpoint_scores");
        array.i = plane.i_setting * N_RUNS + r;
        check_ok(attrib_run_read(sum->run, &array, 0, N_DOCUMENTS, kept, &err), &err);
        for (size_t k = 0; k < N_DOCUMENTS * N_QUERIES; k++) {
            assert_true(kept[k] == runs[r].raw[k]);
        }
    }
    free(kept);
}

/* Shares of every token of every document. */
static void check_token_arrays(numbers *runs, numbers *sum)
{
    attrib_error err = {0};
    const size_t most = (size_t)TINY_CONTEXT * N_QUERIES;
    double *of[3] = {room(most), room(most), room(most)};
    const attrib_score_options *options = attrib_run_describe(sum->run)->options;
    for (size_t d = 0; options->normalize == ATTRIB_NORMALIZE_NONE && d < N_DOCUMENTS;
         d += 13) {
        size_t n = 0;
        check_ok(attrib_run_n_tokens(sum->run, d, &n, &err), &err);
        check_ok(attrib_run_tokens(runs[0].run, 0, d, of[0], &err), &err);
        check_ok(attrib_run_tokens(runs[1].run, 0, d, of[1], &err), &err);
        check_ok(attrib_run_tokens(sum->run, 0, d, of[2], &err), &err);
        for (size_t k = 0; k < n * N_QUERIES; k++) {
            double wanted = 0.75 * of[0][k] - 1.5 * of[1][k];
            double size = fabs(0.75 * of[0][k]) + fabs(1.5 * of[1][k]);
            assert_true(fabs(of[2][k] - wanted) <= 2e-7 * size);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        free(of[i]);
    }
}

static const attrib_result *reported(const attrib_answer *answer, size_t document)
{
    for (size_t i = 0; i < answer->n_top + answer->n_bottom; i++) {
        const attrib_result *one =
            i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
        if (one->document.index == document) {
            return one;
        }
    }
    return NULL;
}

/* A document that both runs report has the sums of their shares, any other none. */
static void check_result(numbers *runs,
                         const numbers *sum,
                         size_t a,
                         const attrib_result *result)
{
    attrib_error err = {0};
    const attrib_result *from[N_RUNS];
    size_t d = result->document.index;
    double factor[N_RUNS];
    double total = 0;
    for (size_t r = 0; r < N_RUNS; r++) {
        double scale = scale_of(&runs[r], a / N_QUERIES, a % N_QUERIES, d);
        check_ok(attrib_run_load(runs[r].run, a, &err), &err);
        from[r] = reported(attrib_run_answer(runs[r].run, a), d);
        factor[r] = weights[r] * scale_of(sum, a / N_QUERIES, a % N_QUERIES, d);
        factor[r] = scale > 0 ? factor[r] / scale : 0;
    }
    if (!from[0] || !from[1]) {
        assert_int_equal(result->n_tokens, 0);
        assert_int_equal(result->n_modules, 0);
        assert_true(result->document.n_tokens > 0);
        return;
    }
    assert_int_equal(result->n_tokens, from[0]->n_tokens);
    for (size_t t = 0; t < result->n_tokens; t++) {
        double x = factor[0] * from[0]->tokens[t].score;
        double y = factor[1] * from[1]->tokens[t].score;
        check_near(result->tokens[t].score, x + y, fabs(x) + fabs(y));
        assert_int_equal(result->tokens[t].id, from[0]->tokens[t].id);
        total += result->tokens[t].score;
    }
    assert_true(fabs(total - result->score) <= 1e-4 * (fabs(result->score) + 1e-3));
    if (from[1]->n_modules == 0) {
        assert_int_equal(result->n_modules, 0);
        return;
    }
    /* the maps of the second model are those of the first, and as many more */
    assert_int_equal(result->n_modules, from[1]->n_modules);
    assert_int_equal(from[1]->n_modules, 2 * from[0]->n_modules);
    for (size_t m = 0; m < result->n_modules; m++) {
        bool is_in_both = m < from[0]->n_modules;
        double x = is_in_both ? factor[0] * from[0]->modules[m].score : 0;
        double y = factor[1] * from[1]->modules[m].score;
        assert_string_equal(result->modules[m].name, from[1]->modules[m].name);
        check_near(result->modules[m].score, x + y, fabs(x) + fabs(y));
    }
}

/* The place of a document in the order of one query's scores [N]. */
static size_t place_of(const double *scores, size_t q, size_t document)
{
    size_t n = 0;
    double own = scores[document * N_QUERIES + q];
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        double other = scores[d * N_QUERIES + q];
        n += other > own || (other == own && d < document);
    }
    return n + 1;
}

/* Ends of rankings of whole queries are those of all scores, in their order. */
static size_t check_answers(numbers *runs, numbers *sum, bool is_exact)
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(sum->run);
    size_t n_shared = 0;
    for (size_t a = 0; a < info->n_answers; a++) {
        const attrib_answer *answer = attrib_run_answer(sum->run, a);
        size_t i_plane = a / N_QUERIES * (1 + info->n_groups);
        read_numbers(&runs[0], i_plane);
        read_numbers(&runs[1], i_plane);
        read_numbers(sum, i_plane);
        check_ok(attrib_run_load(sum->run, a, &err), &err);
        assert_int_equal(answer->n_top, info->options->top);
        assert_int_equal(answer->n_bottom, info->options->top);
        for (size_t i = 0; i < answer->n_top + answer->n_bottom; i++) {
            bool is_top = i < answer->n_top;
            const attrib_result *one =
                is_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
            size_t d = one->document.index;
            size_t q = a % N_QUERIES;
            if (is_exact) {
                assert_int_equal(one->rank, place_of(sum->scores, q, d));
                assert_true(one->score == sum->scores[d * N_QUERIES + q]);
            }
            assert_int_equal(one->rank,
                             is_top ? i + 1 : N_DOCUMENTS - (i - answer->n_top));
            check_result(runs, sum, a, one);
            n_shared += one->n_tokens > 0;
        }
    }
    return n_shared;
}

/* The addends and what follows from them. */
static void check_description(const numbers *runs, const numbers *sum)
{
    const attrib_run_info *info = attrib_run_describe(sum->run);
    assert_int_equal(info->n_checkpoints, N_RUNS);
    for (size_t r = 0; r < N_RUNS; r++) {
        const attrib_run_info *of_run = attrib_run_describe(runs[r].run);
        assert_true(info->checkpoints[r].weight == weights[r]);
        assert_string_equal(info->checkpoints[r].model_hash, of_run->model_hash);
    }
    assert_string_equal(info->factors_hash, "");
    for (size_t a = 0; a < info->n_answers; a++) {
        const attrib_answer *x = attrib_run_answer(runs[0].run, a);
        const attrib_answer *y = attrib_run_answer(runs[1].run, a);
        const attrib_answer *z = attrib_run_answer(sum->run, a);
        check_near(z->loss, 0.75 * x->loss - 1.5 * y->loss, x->loss + y->loss);
        check_near(z->measured, 0.75 * x->measured - 1.5 * y->measured,
                   fabs(x->measured) + 2 * fabs(y->measured));
    }
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

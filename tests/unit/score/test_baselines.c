/* SPDX-License-Identifier: MIT */
/* Baselines among the settings of a run, against bm25s and transformers
 * (scripts/make-baseline-fixtures), on the tiny model of tests/golden/kronfluence. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

enum { N_DOCUMENTS = 40, N_QUERIES = 5, N_SETTINGS = 5, CONTEXT = 16 };

static const attrib_setting settings[N_SETTINGS] = {
    {ATTRIB_IDENTITY, 0.1, false, 0},
    {ATTRIB_BM25, 0.1, false, 0},
    {ATTRIB_HIDDEN, 0.1, false, 0},
    {ATTRIB_HIDDEN, 0.1, false, 1},
    {ATTRIB_HIDDEN, 0.1, false, ATTRIB_LAYER_LAST}};

/* Two layers in f32 take products whose sums of 24 addends err by about 5 x 2^-24 each;
 * cosines of means err less. Measured: 2e-7. */
#define STATE_TOLERANCE 2e-6

typedef struct world {
    golden g;
    attrib_corpus *split; /* in sequences of CONTEXT tokens */
} world;

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    *state = w;
    golden_open(&w->g);
    w->split = golden_corpus(&w->g, CONTEXT);
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    attrib_corpus_close(w->split);
    golden_close(&w->g);
    free(w);
    return 0;
}

static attrib_score_options options_of(const attrib_setting *from, size_t n)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    memcpy(options.settings, from, n * sizeof *from);
    options.n_settings = n;
    options.modules = "all";
    options.top = 3;
    return options;
}

static attrib_score_job job_of(const world *w, const attrib_score_options *options)
{
    return (attrib_score_job){.size = sizeof(attrib_score_job),
                              .model = w->g.model,
                              .corpus = w->g.corpus,
                              .queries = w->g.queries,
                              .options = options};
}

static attrib_run *score(const world *w, const attrib_score_job *job)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(attrib_run_score(w->g.session, job, &run, &err), &err);
    return run;
}

static double want(const world *w, const char *name, size_t q, size_t d)
{
    const json_t *row = json_array_get(json_object_get(w->g.expected, name), q);
    assert_int_equal(json_array_size(row), N_DOCUMENTS);
    return json_number_value(json_array_get(row, d));
}

/* A plane holds what others found, to a share of the largest. */
static void check_plane(
    const world *w, attrib_run *run, size_t i_plane, const char *name, double tolerance)
{
    attrib_error err = {0};
    double got[N_DOCUMENTS * N_QUERIES];
    double largest = 0;
    double worst = 0;
    check_ok(attrib_run_scores(run, i_plane, 0, N_DOCUMENTS, got, &err), &err);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        for (size_t q = 0; q < N_QUERIES; q++) {
            largest = fmax(largest, fabs(want(w, name, q, d)));
            worst = fmax(worst, fabs(got[d * N_QUERIES + q] - want(w, name, q, d)));
        }
    }
    if (!(worst <= tolerance * largest) || largest == 0) {
        fail_msg("%s: %g of %g apart", name, worst, largest);
    }
}

static void test_baselines__are_those_of_others(void **state)
{
    const world *w = *state;
    const attrib_score_options options = options_of(settings, N_SETTINGS);
    const attrib_score_job job = job_of(w, &options);
    attrib_run *run = score(w, &job);
    check_plane(w, run, 1, "bm25", 1e-12); /* sums of some dozen addends in f64 */
    check_plane(w, run, 2, "hidden.0", STATE_TOLERANCE);
    check_plane(w, run, 3, "hidden.1", STATE_TOLERANCE);
    check_plane(w, run, 4, "hidden.2", STATE_TOLERANCE);
    assert_int_equal(attrib_run_describe(run)->options->settings[4].layer, 2);
    attrib_run_close(run);
}

/* Split documents have the same tokens; their states are those of their sequences. */
static void test_baselines__go_over_all_sequences_of_a_document(void **state)
{
    const world *w = *state;
    const attrib_score_options options = options_of(settings + 1, N_SETTINGS - 1);
    attrib_score_job job = job_of(w, &options);
    job.corpus = w->split;
    assert_true(attrib_corpus_summarize(w->split)->n_split_documents > 0);
    attrib_run *run = score(w, &job);
    check_plane(w, run, 0, "bm25", 1e-12);
    check_plane(w, run, 3, "hidden.2.split", STATE_TOLERANCE);
    attrib_run_close(run);
}

static void check_result(const attrib_result *result)
{
    double sum = 0;
    double sizes = 0;
    assert_int_equal(result->n_modules, 0);
    assert_int_equal(result->n_tokens, result->document.n_tokens);
    for (size_t t = 0; t < result->n_tokens; t++) {
        sum += result->tokens[t].score;
        sizes += fabs(result->tokens[t].score);
    }
    /* states of another block round otherwise */
    assert_true(fabs(sum - result->score) <= 1e-6 * (sizes + fabs(result->score)));
}

/* What is reported are the ends of the scores, with shares that sum to them; nobody
 * knows a self-influence. */
static void check_answers(attrib_run *run, size_t i_setting)
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(run);
    double scores[N_DOCUMENTS * N_QUERIES];
    check_ok(attrib_run_scores(run, i_setting, 0, N_DOCUMENTS, scores, &err), &err);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_answer *answer = attrib_run_answer(run, i_setting * N_QUERIES + q);
        check_ok(attrib_run_load(run, i_setting * N_QUERIES + q, &err), &err);
        assert_int_equal(answer->i_setting, i_setting);
        assert_true(isnan(answer->self_influence));
        assert_true(answer->loss > 0);
        assert_int_equal(answer->n_top, info->options->top);
        assert_int_equal(answer->n_bottom, info->options->top);
        for (size_t k = 0; k < answer->n_top; k++) {
            const attrib_result *top = &answer->top[k];
            size_t n_above = 0;
            for (size_t d = 0; d < N_DOCUMENTS; d++) {
                double score = scores[d * N_QUERIES + q];
                n_above += score > top->score ||
                           (score == top->score && d < top->document.index);
            }
            assert_int_equal(n_above, k);
            assert_int_equal(top->rank, k + 1);
            assert_true(scores[top->document.index * N_QUERIES + q] == top->score);
            check_result(top);
            check_result(&answer->bottom[k]);
        }
    }
}

static void test_baselines__report_documents_with_shares_of_tokens(void **state)
{
    const world *w = *state;
    const attrib_score_options options = options_of(settings, N_SETTINGS);
    attrib_score_job job = job_of(w, &options);
    job.corpus = w->split;
    attrib_run *run = score(w, &job);
    for (size_t s = 1; s < N_SETTINGS; s++) {
        check_answers(run, s);
    }
    attrib_run_close(run);
}

static double *read_plane(attrib_run *run, size_t i_plane, double *out)
{
    attrib_error err = {0};
    check_ok(attrib_run_scores(run, i_plane, 0, N_DOCUMENTS, out, &err), &err);
    return out;
}

/* Gradients with baselines give the same bytes as without them, with self-influences
 * and cosines, and so do baselines from a folder. */
static void test_baselines__stand_beside_strategies(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    double a[N_DOCUMENTS * N_QUERIES];
    double b[N_DOCUMENTS * N_QUERIES];
    double self[N_DOCUMENTS];
    char path[160];
    attrib_score_options options = options_of(settings, N_SETTINGS);
    attrib_score_options one = options_of(settings, 1);
    attrib_run *open = NULL;
    one.normalize = options.normalize = ATTRIB_NORMALIZE_UNIT;
    attrib_score_job job = job_of(w, &options);
    snprintf(path, sizeof path, "%s/beside", w->g.folder);
    job.folder = path;
    attrib_run *all = score(w, &job);
    job = job_of(w, &one);
    attrib_run *alone = score(w, &job);
    check_ok(attrib_run_open(path, &open, &err), &err);
    assert_memory_equal(read_plane(open, 0, a), read_plane(alone, 0, b), sizeof a);
    check_plane(w, open, 1, "bm25", 1e-12); /* which nothing is divided by */
    check_plane(w, open, 4, "hidden.2", STATE_TOLERANCE);
    check_answers(open, 1);
    check_answers(open, 4);
    check_ok(attrib_run_self(open, 0, 0, N_DOCUMENTS, self, &err), &err);
    assert_true(self[7] > 0);
    check_ok(attrib_run_self(open, 1, 0, N_DOCUMENTS, self, &err), &err);
    assert_true(isnan(self[7]));
    attrib_ranking ranking = {0};
    attrib_rank_options rank;
    attrib_rank_options_default(&rank);
    rank.by = ATTRIB_BY_COSINE;
    rank.i_answer = N_QUERIES;
    check_fails(attrib_run_rank(open, &rank, &ranking, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "setting 2 is a baseline");
    attrib_run_close(open);
    attrib_run_close(all);
    attrib_run_close(alone);
}

/* Beside cut queries too, whose bounds baselines do not have. */
static void test_baselines__stand_beside_cut_queries(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    double bounds[N_DOCUMENTS * N_QUERIES];
    attrib_score_options options = options_of(settings, N_SETTINGS);
    options.query_rank = 2;
    const attrib_score_job job = job_of(w, &options);
    attrib_run *run = score(w, &job);
    check_plane(w, run, 1, "bm25", 1e-12);
    check_plane(w, run, 4, "hidden.2", STATE_TOLERANCE);
    check_answers(run, 1);
    check_answers(run, 4);
    check_ok(attrib_run_bounds(run, 1, 0, N_DOCUMENTS, bounds, &err), &err);
    assert_true(bounds[3] == 0);
    check_ok(attrib_run_bounds(run, 0, 0, N_DOCUMENTS, bounds, &err), &err);
    assert_true(bounds[3] > 0);
    attrib_run_close(run);
}

/* One thread and several give the same bytes. */
static void test_baselines__do_not_depend_on_threads(void **state)
{
    const world *w = *state;
    attrib_error err = {0};
    double a[N_DOCUMENTS * N_QUERIES];
    double b[N_DOCUMENTS * N_QUERIES];
    const attrib_score_options options = options_of(settings + 1, N_SETTINGS - 1);
    const attrib_score_job job = job_of(w, &options);
    attrib_session *three = NULL;
    attrib_run *other = NULL;
    attrib_session_options session;
    attrib_session_options_default(&session);
    session.n_threads = 3;
    check_ok(attrib_session_new(&session, &three, &err), &err);
    attrib_run *run = NULL;
    check_ok(attrib_run_score(NULL, &job, &run, &err), &err);
    check_ok(attrib_run_score(three, &job, &other, &err), &err);
    for (size_t s = 0; s + 1 < N_SETTINGS; s++) {
        assert_memory_equal(read_plane(run, s, a), read_plane(other, s, b), sizeof a);
        for (size_t q = 0; q < N_QUERIES; q++) {
            const attrib_result *x = attrib_run_answer(run, s * N_QUERIES + q)->top;
            const attrib_result *y = attrib_run_answer(other, s * N_QUERIES + q)->top;
            for (size_t t = 0; t < x->n_tokens; t++) {
                assert_true(x->tokens[t].score == y->tokens[t].score);
            }
        }
    }
    attrib_run_close(run);
    attrib_run_close(other);
    attrib_session_free(three);
}

/* A sum of rows is the weighted sum of their scores by tokens, and a margin is the
 * difference of its sides. */
static void test_baselines__weigh_rows_and_sides(void **state)
{
    world *w = *state;
    char path[160];
    double got[N_DOCUMENTS * 4];
    attrib_error err = {0};
    const char *rows = "{\"ids\": [84, 104, 101], \"mask\": [0, 1, 1], \"g\": \"a\"}\n"
                       "{\"ids\": [67, 105, 67], \"mask\": [0, 1, 1], \"g\": \"b\"}\n";
    const char *sums =
        "{\"ids\": [84, 104, 101], \"mask\": [0, 1, 1], \"g\": \"a\"}\n"
        "{\"ids\": [67, 105, 67], \"mask\": [0, 1, 1], \"g\": \"a\", \"weight\": -2}\n";
    const char *margins =
        "{\"ids\": [84, 104, 101], \"mask\": [0, 1, 1], \"g\": \"a\","
        " \"against\": {\"ids\": [67, 105, 67], \"mask\": [0, 1, 1]}}\n";
    const char *files[] = {rows, sums, margins};
    const size_t n_of[] = {2, 1, 1};
    double *out = got;
    for (size_t i = 0; i < 3; i++) {
        attrib_score_options options = options_of(settings + 1, 1);
        options.aggregate = i == 1 ? "g" : NULL;
        attrib_score_job job = job_of(w, &options);
        snprintf(path, sizeof path, "%s/rows-%zu.jsonl", w->g.folder, i);
        write_file(path, files[i], strlen(files[i]));
        attrib_queries *queries = golden_queries(&w->g, path);
        job.queries = queries;
        attrib_run *run = score(w, &job);
        check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, out, &err), &err);
        out += N_DOCUMENTS * n_of[i];
        attrib_run_close(run);
        attrib_queries_close(queries);
    }
    const double *sum = got + (size_t)2 * N_DOCUMENTS;
    const double *margin = got + (size_t)3 * N_DOCUMENTS;
    bool is_any = false;
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        const double *both = got + 2 * d;
        double scale = 1e-12 * (fabs(both[0]) + fabs(both[1]));
        is_any = is_any || (both[0] > 0 && both[1] > 0);
        assert_true(fabs(sum[d] - (both[0] - 2 * both[1])) <= scale);
        assert_true(fabs(margin[d] - (both[0] - both[1])) <= scale);
    }
    assert_true(is_any);
}

static void refuse(const world *w, const attrib_score_options *options, const char *part)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    const attrib_score_job job = job_of(w, options);
    check_fails(attrib_run_score(w->g.session, &job, &run, &err), ATTRIB_EINVAL, &err);
    check_message(&err, part);
}

static void test_baselines__are_refused_with_what_they_do_not_have(void **state)
{
    const world *w = *state;
    attrib_score_options options = options_of(settings, 2);
    options.settings[0] = settings[1];
    options.settings[1] = settings[0];
    refuse(w, &options, "identity stands after a baseline");
    options = options_of(settings, N_SETTINGS);
    options.split = ATTRIB_SPLIT_LAYER;
    refuse(w, &options, "modules, which baselines do not have");
    options = options_of(settings, N_SETTINGS);
    options.with_tokens = true;
    refuse(w, &options, "shares of all tokens");
    options = options_of(settings + 1, 1);
    options.with_self = true;
    refuse(w, &options, "name a strategy too");
    options = options_of(settings, N_SETTINGS);
    options.settings[4].layer = 3;
    refuse(w, &options, "layer 3 of a model of 2, expected 0 to 2");
    options.settings[4].layer = 1;
    refuse(w, &options, "settings 4 and 5 are the same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_baselines__are_those_of_others),
        cmocka_unit_test(test_baselines__go_over_all_sequences_of_a_document),
        cmocka_unit_test(test_baselines__report_documents_with_shares_of_tokens),
        cmocka_unit_test(test_baselines__stand_beside_strategies),
        cmocka_unit_test(test_baselines__stand_beside_cut_queries),
        cmocka_unit_test(test_baselines__do_not_depend_on_threads),
        cmocka_unit_test(test_baselines__weigh_rows_and_sides),
        cmocka_unit_test(test_baselines__are_refused_with_what_they_do_not_have),
    };
    return run_cases(tests, set_up, tear_down);
}

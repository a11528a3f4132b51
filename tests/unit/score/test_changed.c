/* SPDX-License-Identifier: MIT */
/* Files of the model and of the factors that change while they are in use are noticed
 * before anything is kept that was computed from them. */
#include "support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib.h"
#include "base/file.h"
#include "run/run.h"

/* More than one slice of 512 documents. */
#define N_DOCUMENTS  600
#define FIRST_SLICE  "run/slice-0000-000000.safetensors"
#define SECOND_SLICE "run/slice-0000-000001.safetensors"
#define BOTH_SLICES  "run/scores-0000-000000.safetensors"

static char folder[256];
static char corpus_path[300];
static char query_path[300];

static const char *in_folder(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void copy_model_file(const char *name)
{
    char source[200];
    char target[600];
    at_map map = {0};
    snprintf(source, sizeof source, "corpora/facts-model/%s", name);
    snprintf(target, sizeof target, "%s/model/%s", folder, name);
    check_ok(at_map_open(source_path(source), &map, NULL), NULL);
    write_file(target, map.bytes, map.n_bytes);
    at_map_close(&map);
}

static int set_up(void **state)
{
    (void)state;
    const char *query = "{\"ids\": [1, 40, 7], \"mask\": [0, 0, 1]}\n";
    make_scratch_folder(folder, sizeof folder);
    assert_int_equal(mkdir(in_folder("model"), 0700), 0);
    copy_model_file("model.safetensors");
    copy_model_file("config.json");
    snprintf(corpus_path, sizeof corpus_path, "%s/corpus.jsonl", folder);
    snprintf(query_path, sizeof query_path, "%s/query.jsonl", folder);
    write_file(query_path, query, strlen(query));
    FILE *stream = fopen(corpus_path, "w");
    assert_non_null(stream);
    for (int d = 0; d < N_DOCUMENTS; d++) {
        fprintf(stream, "{\"ids\": [1, %d, %d]}\n", 3 + d % 200, 3 + d / 7);
    }
    assert_int_equal(fclose(stream), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* A file that gets another time in a stage, once the file `after` (NULL: none) is there.
 */
typedef struct disturbance {
    const char *path, *stage, *after;
} disturbance;

static void make_change(void *context, const attrib_progress *progress)
{
    const disturbance *self = context;
    const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 5}};
    bool is_due = progress->done > 0 && strcmp(progress->stage, self->stage) == 0;
    if (is_due && (!self->after || at_is_file(in_folder(self->after)))) {
        assert_int_equal(utimensat(AT_FDCWD, in_folder(self->path), times, 0), 0);
    }
}

static attrib_session *new_session(disturbance *change)
{
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.n_threads = 2;
    options.progress = change ? make_change : NULL;
    options.progress_context = change;
    check_ok(attrib_session_new(&options, &session, NULL), NULL);
    return session;
}

/* Fit the first n documents into FOLDER/f. */
static attrib_status fit(size_t n, disturbance *change, attrib_error *err)
{
    attrib_model *model = NULL;
    attrib_corpus *corpus = NULL;
    attrib_session *session = new_session(change);
    const char *path = corpus_path;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.sample = n; /* they are put in a store of their own */
    check_ok(attrib_model_open(in_folder("model"), NULL, &model, err), err);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, NULL, &options, &corpus, err),
        err);
    attrib_status status =
        attrib_factors_fit_folder(session, model, corpus, NULL, in_folder("f"), err);
    attrib_corpus_close(corpus);
    attrib_model_close(model);
    attrib_session_free(session);
    return status;
}

static attrib_status score_opened(attrib_score_job *job,
                                  disturbance *change,
                                  attrib_error *err)
{
    attrib_session *session = new_session(change);
    attrib_run *run = NULL;
    char name[600];
    snprintf(name, sizeof name, "%s/run", folder);
    job->folder = name;
    attrib_status status = attrib_run_score(session, job, &run, err);
    job->folder = NULL;
    attrib_run_close(run);
    attrib_session_free(session);
    return status;
}

/* Score all documents by FOLDER/f into FOLDER/run. */
static attrib_status score(disturbance *change, attrib_error *err)
{
    attrib_model *model = NULL;
    attrib_corpus *corpus = NULL;
    attrib_factors *factors = NULL;
    attrib_queries *queries = NULL;
    attrib_score_job job;
    const char *path = corpus_path;
    attrib_score_job_default(&job);
    check_ok(attrib_model_open(in_folder("model"), NULL, &model, err), err);
    check_ok(attrib_factors_open(in_folder("f"), model, &factors, err), err);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, NULL, NULL, &corpus, err),
        err);
    check_ok(attrib_queries_open(NULL, query_path, NULL, NULL, &queries, err), err);
    job.model = model;
    job.factors = factors;
    job.corpus = corpus;
    job.queries = queries;
    attrib_status status = score_opened(&job, change, err);
    attrib_queries_close(queries);
    attrib_corpus_close(corpus);
    attrib_factors_close(factors);
    attrib_model_close(model);
    return status;
}

/* A fit whose model changed is no fit: neither its folder nor its sums are kept. The same
 * fit, with a model that stays, is made. */
static void check_fit(const char *stage)
{
    disturbance model = {"model/model.safetensors", stage, NULL};
    attrib_error err = {0};
    check_fails(fit(50, &model, &err), ATTRIB_EIO, &err);
    check_message(&err, "model/model.safetensors: changed while it was in use");
    assert_false(at_is_there(in_folder("f")));
    assert_false(at_is_file(in_folder("f.partial/sums/covariance-0.safetensors")));
    check_ok(fit(50, NULL, NULL), NULL);
    assert_true(at_is_folder(in_folder("f")));
}

static void test_changed__model_while_covariances_are_summed(void **state)
{
    (void)state;
    check_fit("covariance");
}

static void test_changed__model_while_lambda_is_summed(void **state)
{
    (void)state;
    check_fit("lambda");
}

/* Slices that were written before stay; the one that was computed meanwhile is not
 * written, nor the manifest. The same command then goes on. */
static void check_score(disturbance *change, const char *message)
{
    attrib_error err = {0};
    check_ok(fit(20, NULL, NULL), NULL);
    check_fails(score(change, &err), ATTRIB_EIO, &err);
    check_message(&err, message);
    assert_true(at_is_file(in_folder(FIRST_SLICE)) == (change->after != NULL));
    assert_false(at_is_file(in_folder(SECOND_SLICE)));
    assert_false(at_is_file(in_folder("run/manifest.msgpack")));
    check_ok(score(NULL, NULL), NULL);
    assert_true(at_is_file(in_folder("run/manifest.msgpack")));
}

static void test_changed__factors_while_documents_are_scored(void **state)
{
    (void)state;
    disturbance lambda = {"f/lambda_matrix.safetensors", "score", NULL};
    check_score(&lambda, "f/lambda_matrix.safetensors: changed while it was in use");
}

static void test_changed__model_while_the_second_slice_is_scored(void **state)
{
    (void)state;
    disturbance model = {"model/model.safetensors", "score", FIRST_SLICE};
    check_score(&model, "model/model.safetensors: changed while it was in use");
}

/* What is explained last is checked too. */
static void test_changed__model_while_answers_are_explained(void **state)
{
    (void)state;
    attrib_error err = {0};
    disturbance model = {"model/model.safetensors", "explain", NULL};
    check_ok(fit(20, NULL, NULL), NULL);
    check_fails(score(&model, &err), ATTRIB_EIO, &err);
    check_message(&err, "model/model.safetensors: changed while it was in use");
    assert_true(at_is_file(in_folder(BOTH_SLICES)));
    assert_false(at_is_file(in_folder("run/manifest.msgpack")));
}

/* What was computed of a corpus that is no longer there is no result. Where its file only
 * has another time, the same command goes on. */
static void check_corpus(const char *stage)
{
    attrib_error err = {0};
    disturbance corpus = {"corpus.jsonl", stage, NULL};
    check_ok(fit(20, NULL, NULL), NULL);
    check_fails(score(&corpus, &err), ATTRIB_EIO, &err);
    check_message(&err, "corpus.jsonl: changed while it was in use");
    assert_false(at_is_file(in_folder("run/manifest.msgpack")));
    check_ok(score(NULL, NULL), NULL);
    assert_true(at_is_file(in_folder("run/manifest.msgpack")));
}

static void test_changed__corpus_while_documents_are_scored(void **state)
{
    (void)state;
    check_corpus("score");
}

static void test_changed__corpus_while_answers_are_explained(void **state)
{
    (void)state;
    check_corpus("explain");
}

static void test_changed__corpus_while_it_is_fitted(void **state)
{
    (void)state;
    attrib_error err = {0};
    disturbance corpus = {"corpus.jsonl", "covariance", NULL};
    check_fails(fit(50, &corpus, &err), ATTRIB_EIO, &err);
    check_message(&err, "corpus.jsonl: changed while it was in use");
    assert_false(at_is_there(in_folder("f")));
    check_ok(fit(50, NULL, NULL), NULL);
    assert_true(at_is_folder(in_folder("f")));
}

int main(void)
{
#define CHANGED_TEST(name)                                                               \
    cmocka_unit_test_setup_teardown(test_changed__##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CHANGED_TEST(model_while_covariances_are_summed),
        CHANGED_TEST(model_while_lambda_is_summed),
        CHANGED_TEST(factors_while_documents_are_scored),
        CHANGED_TEST(model_while_the_second_slice_is_scored),
        CHANGED_TEST(model_while_answers_are_explained),
        CHANGED_TEST(corpus_while_documents_are_scored),
        CHANGED_TEST(corpus_while_answers_are_explained),
        CHANGED_TEST(corpus_while_it_is_fitted),
    };
    return run_cases(tests, NULL, NULL);
}

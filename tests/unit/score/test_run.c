/* SPDX-License-Identifier: MIT */
/* Runs as files: the same bytes for any number of threads and after a stop, and refused
 * when they do not fit. */
#include "support/check.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib.h"
#include "base/file.h"
#include "base/random.h"
#include "run/run.h"

/* More than one slice of 512 documents; factors are fitted on the first of them. */
#define N_DOCUMENTS 1300
#define N_FITTED    300
#define VOCABULARY  512

typedef struct fixture {
    char folder[256];
    attrib_model *model;
    char corpus_path[300], reversed_path[300], queries_path[300];
} fixture;

/* Documents of 2 to 5 random tokens, and one of 1,200: longer than the model's context.
 */
static void write_documents(const char *path, bool is_reversed)
{
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    for (size_t k = 0; k < N_DOCUMENTS; k++) {
        size_t d = is_reversed ? N_DOCUMENTS - 1 - k : k;
        size_t n = d == 17 ? 1200 : 2 + (size_t)(4 * at_uniform(1, d, 0));
        fprintf(stream, "{\"id\": \"d%zu\", \"ids\": [1", d);
        for (size_t t = 1; t < n; t++) {
            fprintf(stream, ", %d", 3 + (int)((VOCABULARY - 3) * at_uniform(2, d, t)));
        }
        fprintf(stream, "]}\n");
    }
    assert_int_equal(fclose(stream), 0);
}

static int set_up(void **state)
{
    attrib_error err = {0};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    if (!asset_path("README.md")) {
        return 0;
    }
    make_scratch_folder(f->folder, sizeof f->folder);
    check_ok(
        attrib_model_open(asset_path("models/stories260K/hf"), NULL, &f->model, &err),
        &err);
    snprintf(f->corpus_path, sizeof f->corpus_path, "%s/corpus.jsonl", f->folder);
    snprintf(f->reversed_path, sizeof f->reversed_path, "%s/reversed.jsonl", f->folder);
    snprintf(f->queries_path, sizeof f->queries_path, "%s/queries.jsonl", f->folder);
    write_documents(f->corpus_path, false);
    write_documents(f->reversed_path, true);
    const char *queries =
        "{\"ids\": [1, 403, 407, 261, 378], \"mask\": [0, 0, 0, 1, 1]}\n"
        "{\"ids\": [1, 385, 328, 432], \"mask\": [0, 0, 0, 1]}\n";
    write_file(f->queries_path, queries, strlen(queries));
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_model_close(f->model);
    if (f->folder[0]) {
        remove_folder(f->folder);
    }
    free(f);
    return 0;
}

/* Cancels its session once the score stage has begun. */
typedef struct canceler {
    attrib_session *session;
} canceler;

static void cancel_scoring(void *context, const attrib_progress *progress)
{
    const canceler *self = context;
    if (strcmp(progress->stage, "score") == 0 && progress->done >= AT_SLICE_DOCUMENTS) {
        attrib_session_cancel(self->session);
    }
}

static attrib_session *new_session(size_t n_threads, canceler *cancel)
{
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    if (cancel) {
        options.progress = cancel_scoring;
        options.progress_context = cancel;
    }
    check_ok(attrib_session_new(&options, &session, &err), &err);
    if (cancel) {
        cancel->session = session;
    }
    return session;
}

static attrib_corpus *open_corpus(const fixture *f, const char *path, size_t n_documents)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(f->model)->context;
    options.max_documents = n_documents;
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, NULL, &options, &corpus,
                                &err),
             &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, n_documents);
    return corpus;
}

/* Fit on the corpus and write: FOLDER/NAME. */
static void fit(const fixture *f, size_t n_threads, const char *name)
{
    attrib_error err = {0};
    char path[400];
    attrib_session *session = new_session(n_threads, NULL);
    attrib_corpus *corpus = open_corpus(f, f->corpus_path, N_FITTED);
    attrib_factors *factors = NULL;
    snprintf(path, sizeof path, "%s/%s", f->folder, name);
    check_ok(attrib_factors_fit(session, f->model, corpus, NULL, &factors, &err), &err);
    check_ok(attrib_factors_write(factors, path, "fit", &err), &err);
    attrib_factors_close(factors);
    attrib_corpus_close(corpus);
    attrib_session_free(session);
}

/* Score with the factors FOLDER/f1 into FOLDER/NAME; NAME NULL: in memory, to `scores`.
 */
static attrib_status score(const fixture *f,
                           attrib_session *session,
                           const char *corpus_path,
                           size_t n_documents,
                           double damping,
                           const char *name,
                           double *scores,
                           attrib_error *err)
{
    char path[400];
    attrib_factors *factors = NULL;
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_corpus *corpus = open_corpus(f, corpus_path, n_documents);
    attrib_score_options_default(&options);
    options.settings[0].damping = damping;
    options.top = 3;
    snprintf(path, sizeof path, "%s/f1", f->folder);
    check_ok(attrib_factors_open(path, f->model, &factors, err), err);
    check_ok(attrib_queries_open(NULL, f->queries_path, NULL, NULL, &queries, err), err);
    snprintf(path, sizeof path, "%s/%s", f->folder, name ? name : "");
    attrib_status status =
        attrib_run_score(session,
                         &(attrib_score_job){.size = sizeof(attrib_score_job),
                                             .model = f->model,
                                             .factors = factors,
                                             .corpus = corpus,
                                             .queries = queries,
                                             .options = &options,
                                             .folder = name ? path : NULL},
                         &run, err);
    if (status == ATTRIB_OK && scores) {
        check_ok(attrib_run_scores(run, 0, 0, n_documents, scores, err), err);
    }
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_factors_close(factors);
    attrib_corpus_close(corpus);
    return status;
}

/* Two folders hold the same files with the same bytes. */
static void check_same_folders(const fixture *f, const char *left, const char *right)
{
    char folder[400];
    size_t n_files = 0;
    snprintf(folder, sizeof folder, "%s/%s", f->folder, left);
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        attrib_error err = {0};
        char path[700];
        at_map a = {0};
        at_map b = {0};
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s/%s", f->folder, left, entry->d_name);
        check_ok(at_map_open(path, &a, &err), &err);
        snprintf(path, sizeof path, "%s/%s/%s", f->folder, right, entry->d_name);
        check_ok(at_map_open(path, &b, &err), &err);
        if (a.n_bytes != b.n_bytes || memcmp(a.bytes, b.bytes, a.n_bytes) != 0) {
            fail_msg("%s differs between %s and %s", entry->d_name, left, right);
        }
        at_map_close(&a);
        at_map_close(&b);
        n_files++;
    }
    closedir(entries);
    assert_true(n_files > 3);
}

static void test_run__same_bytes_for_any_number_of_threads(void **state)
{
    need_assets();
    const fixture *f = *state;
    const char *const runs[] = {"r1", "r2", "r3"};
    fit(f, 1, "f1");
    fit(f, 2, "f2");
    fit(f, 3, "f3");
    check_same_folders(f, "f1", "f2");
    check_same_folders(f, "f1", "f3");
    for (size_t n = 1; n <= 3; n++) {
        attrib_error err = {0};
        attrib_session *session = new_session(n, NULL);
        check_ok(
            score(f, session, f->corpus_path, N_DOCUMENTS, 0.1, runs[n - 1], NULL, &err),
            &err);
        attrib_session_free(session);
    }
    check_same_folders(f, "r1", "r2");
    check_same_folders(f, "r1", "r3");
}

static void test_run__goes_on_after_a_stop(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    canceler cancel = {0};
    char path[400];
    fit(f, 2, "f1");
    attrib_session *session = new_session(2, NULL);
    check_ok(score(f, session, f->corpus_path, N_DOCUMENTS, 0.1, "whole", NULL, &err),
             &err);
    attrib_session *stopped = new_session(2, &cancel);
    check_fails(
        score(f, stopped, f->corpus_path, N_DOCUMENTS, 0.1, "stopped", NULL, &err),
        ATTRIB_ECANCELED, &err);
    snprintf(path, sizeof path, "%s/stopped", f->folder);
    attrib_run *run = NULL;
    err = (attrib_error){0};
    check_fails(attrib_run_open(path, &run, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "finished run");
    err = (attrib_error){0};
    check_ok(score(f, session, f->corpus_path, N_DOCUMENTS, 0.1, "stopped", NULL, &err),
             &err);
    check_same_folders(f, "whole", "stopped");
    check_ok(attrib_run_open(path, &run, &err), &err);
    assert_int_equal(attrib_run_describe(run)->n_documents, N_DOCUMENTS);
    attrib_run_close(run);
    attrib_session_free(stopped);
    attrib_session_free(session);
}

static void test_run__refuses_the_folder_of_another_run(void **state)
{
    not_under_tsan(); /* minutes each, and nothing new about threads */
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    fit(f, 2, "f1");
    check_ok(score(f, NULL, f->corpus_path, N_FITTED, 0.1, "run", NULL, &err), &err);
    check_fails(score(f, NULL, f->corpus_path, N_FITTED, 0.2, "run", NULL, &err),
                ATTRIB_ESHAPE, &err);
    check_message(&err, "of another run");
}

/* Blocks hold other neighbours then, so products round otherwise. */
static void test_run__order_of_documents_changes_nothing(void **state)
{
    not_under_tsan();
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    double *forward = calloc(N_DOCUMENTS * 2, sizeof *forward);
    double *backward = calloc(N_DOCUMENTS * 2, sizeof *backward);
    double worst = 0;
    double largest = 0;
    assert_non_null(forward);
    assert_non_null(backward);
    fit(f, 2, "f1");
    check_ok(score(f, NULL, f->corpus_path, N_DOCUMENTS, 0.1, NULL, forward, &err), &err);
    check_ok(score(f, NULL, f->reversed_path, N_DOCUMENTS, 0.1, NULL, backward, &err),
             &err);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        for (size_t q = 0; q < 2; q++) {
            double a = forward[d * 2 + q];
            double b = backward[(N_DOCUMENTS - 1 - d) * 2 + q];
            worst = fmax(worst, fabs(a - b));
            largest = fmax(largest, fabs(a));
        }
    }
    print_message("largest difference over largest score: %.2e\n", worst / largest);
    assert_true(worst <= 1e-6 * largest);
    free(forward);
    free(backward);
}

static void test_run__a_cut_file_is_refused(void **state)
{
    not_under_tsan();
    need_assets();
    const fixture *f = *state;
    const char *const files[] = {"manifest.msgpack", "answers.msgpack",
                                 "explained.msgpack", "scores-0000-000000.safetensors"};
    fit(f, 2, "f1");
    for (size_t i = 0; i < 4; i++) {
        attrib_error err = {0};
        char folder[400];
        char path[500];
        char name[8];
        attrib_run *run = NULL;
        double scores[2];
        snprintf(name, sizeof name, "cut%zu", i);
        check_ok(score(f, NULL, f->corpus_path, N_FITTED, 0.1, name, NULL, &err), &err);
        snprintf(folder, sizeof folder, "%s/%s", f->folder, name);
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        at_map whole = {0};
        check_ok(at_map_open(path, &whole, &err), &err);
        assert_int_equal(truncate(path, (off_t)(whole.n_bytes - 1)), 0);
        at_map_close(&whole);
        attrib_status status = attrib_run_open(folder, &run, &err);
        if (status == ATTRIB_OK) {
            status = attrib_run_scores(run, 0, 0, 1, scores, &err);
        }
        check_fails(status, ATTRIB_EFORMAT, &err);
        check_message(&err, files[i]);
        attrib_run_close(run);
    }
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_run__same_bytes_for_any_number_of_threads),
        with_fixture(test_run__goes_on_after_a_stop),
        with_fixture(test_run__refuses_the_folder_of_another_run),
        with_fixture(test_run__order_of_documents_changes_nothing),
        with_fixture(test_run__a_cut_file_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}

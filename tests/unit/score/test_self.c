/* SPDX-License-Identifier: MIT */
/* Self-influences against scores: a document scored against queries that are its own
 * sequences, every token of which counts.
 *
 *     self(z) = sum over sequences s, t of z < P_s, G_t > = sum_s score(z, s)
 *
 * The scores come by preconditioned queries, products of whole gradients, and have
 * Kronfluence's for an oracle; the self-influence by squares in the eigenbasis. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT 32
#define N_TEXTS 7

static const attrib_setting settings[] = {
    {ATTRIB_EKFAC, 0.1, false, 0},
    {ATTRIB_IDENTITY, 0.1, false, 0},
    {ATTRIB_KFAC, 0.1, false, 0},
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* Tokens of the documents: short ones, and one that is longer than two blocks. */
static const size_t lengths[N_TEXTS] = {20, 2, 100, 31, 1400, 33, 64};

typedef struct job {
    char folder[128], corpus[160], queries[160];
    attrib_corpus *split;
    attrib_queries *sequences;
    size_t *document; /* [n] of each query */
    size_t n;
} job;

static void write_corpus(const fixture *f, const char *path)
{
    FILE *file = fopen(path, "w");
    size_t n_sequences = attrib_corpus_summarize(f->corpus)->n_sequences;
    size_t next = 0;
    assert_non_null(file);
    for (size_t i = 0; i < N_TEXTS; i++) {
        fprintf(file, "{\"ids\": [");
        for (size_t t = 0; t < lengths[i];) {
            attrib_sequence sequence;
            attrib_corpus_sequence(f->corpus, next++ % n_sequences, &sequence);
            for (size_t k = 0; k < sequence.n_tokens && t < lengths[i]; k++, t++) {
                fprintf(file, "%s%d", t ? ", " : "", (int)sequence.ids[k]);
            }
        }
        fprintf(file, "]}\n");
    }
    assert_int_equal(fclose(file), 0);
}

/* A query of every sequence. */
static void write_queries(job *j)
{
    FILE *file = fopen(j->queries, "w");
    size_t n_sequences = attrib_corpus_summarize(j->split)->n_sequences;
    assert_non_null(file);
    j->document = calloc(n_sequences, sizeof *j->document);
    assert_non_null(j->document);
    for (size_t i = 0; i < n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(j->split, i, &sequence);
        j->document[j->n++] = sequence.document;
        fprintf(file, "{\"ids\": [");
        for (size_t k = 0; k < sequence.n_tokens; k++) {
            fprintf(file, "%s%d", k ? ", " : "", (int)sequence.ids[k]);
        }
        fprintf(file, "], \"mask\": [0");
        for (size_t k = 1; k < sequence.n_tokens; k++) {
            fprintf(file, ", 1");
        }
        fprintf(file, "]}\n");
    }
    assert_int_equal(fclose(file), 0);
}

static void open_job(const fixture *f, job *j)
{
    attrib_error err = {0};
    attrib_corpus_options options;
    const char *path = j->corpus;
    *j = (job){0};
    make_scratch_folder(j->folder, sizeof j->folder);
    snprintf(j->corpus, sizeof j->corpus, "%s/corpus.jsonl", j->folder);
    snprintf(j->queries, sizeof j->queries, "%s/queries.jsonl", j->folder);
    write_corpus(f, j->corpus);
    attrib_corpus_options_default(&options);
    options.context = CONTEXT;
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){&path, 1}, NULL, &options,
                                &j->split, &err),
             &err);
    write_queries(j);
    check_ok(attrib_queries_open(NULL, j->queries, NULL, &options, &j->sequences, &err),
             &err);
}

static void close_job(job *j)
{
    free(j->document);
    attrib_queries_close(j->sequences);
    attrib_corpus_close(j->split);
    remove_folder(j->folder);
}

static attrib_run *score(const fixture *f,
                         const job *j,
                         const attrib_factors *factors,
                         const char *folder)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    options.top = 1;
    options.with_self = true;
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .factors = factors,
                                                  .corpus = j->split,
                                                  .queries = j->sequences,
                                                  .options = &options,
                                                  .folder = folder},
                              &run, &err),
             &err);
    return run;
}

static void read_self(attrib_run *run, double out[N_SETTINGS * N_TEXTS])
{
    attrib_error err = {0};
    for (size_t s = 0; s < N_SETTINGS; s++) {
        check_ok(attrib_run_self(run, s, 0, N_TEXTS, out + s * N_TEXTS, &err), &err);
    }
}

/* Both are f32 products of the same gradients, in other orders and bases: their rounding
 * is near sqrt(64) eps of the sum of all |addends|, which for a sum of positive and
 * negative scores is larger than the sum. */
static void test_self__is_the_score_of_a_document_against_itself(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    job j;
    open_job(f, &j);
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_run *run = score(f, &j, factors, NULL);
    double self[N_SETTINGS * N_TEXTS];
    double *scores = calloc(N_TEXTS * j.n, sizeof *scores);
    assert_non_null(scores);
    assert_true(j.n > 45);
    read_self(run, self);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        check_ok(attrib_run_scores(run, s, 0, N_TEXTS, scores, &err), &err);
        for (size_t d = 0; d < N_TEXTS; d++) {
            double want = 0;
            double scale = 0;
            for (size_t q = 0; q < j.n; q++) {
                want += j.document[q] == d ? scores[d * j.n + q] : 0;
                scale += j.document[q] == d ? fabs(scores[d * j.n + q]) : 0;
            }
            assert_true(want > 0);
            assert_true(fabs(self[s * N_TEXTS + d] - want) <= 2e-6 * scale);
        }
    }
    free(scores);
    attrib_run_close(run);
    attrib_factors_close(factors);
    close_job(&j);
}

static void test_self__is_kept_and_has_the_same_bytes_for_any_threads(void **state)
{
    need_assets();
    fixture *f = *state;
    attrib_error err = {0};
    attrib_session_options one;
    job j;
    char folder[160];
    double many[N_SETTINGS * N_TEXTS];
    double single[N_SETTINGS * N_TEXTS];
    open_job(f, &j);
    snprintf(folder, sizeof folder, "%s/run", j.folder);
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_run *run = score(f, &j, factors, NULL);
    read_self(run, many);
    attrib_run_close(run);
    attrib_session_free(f->session);
    attrib_session_options_default(&one);
    one.n_threads = 1;
    check_ok(attrib_session_new(&one, &f->session, &err), &err);
    attrib_run_close(score(f, &j, factors, folder));
    check_ok(attrib_run_open(folder, &run, &err), &err);
    assert_true(attrib_run_describe(run)->options->with_self);
    read_self(run, single);
    assert_memory_equal(many, single, sizeof many);
    check_fails(attrib_run_self(run, N_SETTINGS, 0, 1, single, &err), ATTRIB_ERANGE,
                &err);
    attrib_run_close(run);
    attrib_factors_close(factors);
    close_job(&j);
}

/* Without queries the blocks of the pass may be others, and sums round otherwise. */
static void test_self__needs_no_queries(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_array array = {0};
    attrib_ranking ranking = {0};
    attrib_rank_options rank;
    attrib_score_options options;
    job j;
    char folder[160];
    double with[N_SETTINGS * N_TEXTS];
    double without[N_SETTINGS * N_TEXTS];
    double opened[N_SETTINGS * N_TEXTS];
    open_job(f, &j);
    snprintf(folder, sizeof folder, "%s/run", j.folder);
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_run *run = score(f, &j, factors, NULL);
    read_self(run, with);
    attrib_run_close(run);
    attrib_queries_close(j.sequences);
    j.sequences = NULL;
    run = score(f, &j, factors, NULL);
    read_self(run, without);
    attrib_run_close(run);
    check_close_f64(without, with, N_SETTINGS * N_TEXTS, 2e-6, 0, "self-influences");

    attrib_run_close(score(f, &j, factors, folder));
    check_ok(attrib_run_open(folder, &run, &err), &err);
    assert_int_equal(attrib_run_describe(run)->n_queries, 0);
    assert_int_equal(attrib_run_describe(run)->n_answers, 0);
    read_self(run, opened);
    assert_memory_equal(opened, without, sizeof opened);
    assert_true(attrib_run_array(run, 0, &array));
    assert_string_equal(array.name, "self");
    assert_false(attrib_run_array(run, 1, &array));
    check_fails(attrib_run_scores(run, 0, 0, 1, opened, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "a run without scores");
    attrib_rank_options_default(&rank);
    rank.by = ATTRIB_BY_SELF;
    rank.i_setting = 1;
    check_ok(attrib_run_rank(run, &rank, &ranking, &err), &err);
    assert_true(ranking.top[0].value == without[N_TEXTS + ranking.top[0].document]);
    attrib_ranking_free(&ranking);
    attrib_run_close(run);

    attrib_score_options_default(&options);
    const attrib_score_job none = {.size = sizeof none,
                                   .model = f->model,
                                   .factors = factors,
                                   .corpus = j.split,
                                   .options = &options};
    err = (attrib_error){0};
    check_fails(attrib_run_score(f->session, &none, &run, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "neither queries nor self-influences");
    attrib_factors_close(factors);
    close_job(&j);
}

static void test_self__is_refused_where_it_was_not_asked_for(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_score_options options;
    double self = 0;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    attrib_run *run = fixture_score(f, NULL, &options);
    check_fails(attrib_run_self(run, 0, 0, 1, &self, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "without self-influences");
    attrib_run_close(run);
}

int main(void)
{
#define WITH_FIXTURE(test)                                                               \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_self__is_the_score_of_a_document_against_itself),
        WITH_FIXTURE(test_self__is_kept_and_has_the_same_bytes_for_any_threads),
        WITH_FIXTURE(test_self__needs_no_queries),
        WITH_FIXTURE(test_self__is_refused_where_it_was_not_asked_for),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Plans against the products that a fit and a run really ask BLAS and oneDNN for.
 * Products inside LAPACK are not seen, so that the decomposition is left out. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "attrib/index.h"
#include "attrib/plan.h"
#include "attrib/score.h"
#include "linalg/linalg.h"
#include "support/check.h"
#include "support/products.h"

#define N_DOCUMENTS 150
#define PROMPT      "Question: Who was Sir Christopher Wren?\nAnswer:"
#define COMPLETION  " an English architect"

typedef struct job {
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_corpus *corpus;
    attrib_queries *queries;
} job;

static job open_job(void)
{
    job out = {0};
    attrib_error err = {0};
    char model[512];
    char corpus[512];
    const char *paths[] = {corpus};
    attrib_corpus_options options;
    strncpy(model, source_path("corpora/facts-model"), sizeof model - 1);
    model[sizeof model - 1] = '\0';
    strncpy(corpus, source_path("corpora/facts/statements.jsonl"), sizeof corpus - 1);
    corpus[sizeof corpus - 1] = '\0';
    check_ok(attrib_model_open(model, NULL, &out.model, &err), &err);
    check_ok(attrib_tokenizer_open(model, &out.tokenizer, &err), &err);
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(out.model)->context;
    options.max_documents = N_DOCUMENTS;
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, out.tokenizer, &options,
                                &out.corpus, &err),
             &err);
    check_ok(attrib_queries_from_prompt(PROMPT, COMPLETION, out.tokenizer, &options,
                                        &out.queries, &err),
             &err);
    return out;
}

/* Documents of as many tokens each, in a file of the folder. */
static attrib_corpus *open_even(const char *folder, int n_documents, int n_tokens)
{
    attrib_corpus *out = NULL;
    attrib_error err = {0};
    char path[300];
    const char *paths[] = {path};
    snprintf(path, sizeof path, "%s/even.jsonl", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int d = 0; d < n_documents; d++) {
        fprintf(file, "{\"ids\": [1");
        for (int t = 1; t < n_tokens; t++) {
            fprintf(file, ", %d", 3 + (7 * d + 11 * t) % 500);
        }
        fputs("]}\n", file);
    }
    assert_int_equal(fclose(file), 0);
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &out, &err),
             &err);
    return out;
}

static void close_job(job *of)
{
    attrib_queries_close(of->queries);
    attrib_corpus_close(of->corpus);
    attrib_tokenizer_close(of->tokenizer);
    attrib_model_close(of->model);
}

static double planned(const attrib_plan *plan, const char *const *names, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < plan->n_stages; i++) {
        for (size_t k = 0; k < n; k++) {
            sum += strcmp(plan->stages[i].name, names[k]) == 0 ? plan->stages[i].flop : 0;
        }
    }
    return sum;
}

/* Blocks end between documents, and tiles of attention are whole: by so much a count from
 * mean lengths may miss. */
#define TOLERANCE 0.05
/* The share of all products that a plan may give to the wrong library, where all
 * documents are equally long. Where they are not, a product of mean length may be large
 * enough for oneDNN while that of a shorter document is not. */
#define SHARE_TOLERANCE 0.05

/* What the stages have OpenBLAS do, seen from the seconds that they take longer where
 * that runs at half the rate. */
static double planned_of_blas(const job *of,
                              const attrib_work *work,
                              const char *const *names,
                              size_t n)
{
    double seconds[2] = {0};
    attrib_error err = {0};
    for (size_t slow = 0; slow < 2; slow++) {
        attrib_plan plan;
        attrib_machine machine;
        attrib_machine_default(&machine);
        machine.flops = 1e9;
        machine.blas_flops = slow ? 0.5e9 : 1e9;
        check_ok(attrib_plan_make(of->model, work, &machine, &plan, &err), &err);
        for (size_t i = 0; i < plan.n_stages; i++) {
            for (size_t k = 0; k < n; k++) {
                bool is_asked = strcmp(plan.stages[i].name, names[k]) == 0;
                seconds[slow] += is_asked ? plan.stages[i].busy_seconds : 0;
            }
        }
    }
    return (seconds[1] - seconds[0]) * 1e9;
}

/* Where oneDNN is used at all, what it leaves to OpenBLAS is what was planned, for
 * documents that are as long as each other. */
static void check_shared(const char *what, bool is_even, double predicted)
{
    double of_onednn = products_of_onednn();
    double all = products_flop();
    double counted = all - of_onednn;
    if (is_even && of_onednn > 0 && fabs(counted - predicted) > SHARE_TOLERANCE * all) {
        fail_msg("%s: %.6g of %.6g FLOP counted of OpenBLAS, %.6g planned", what, counted,
                 all, predicted);
    }
}

static void check_counted(const char *what, double counted, double predicted)
{
    if (counted < predicted * (1 - TOLERANCE) || counted > predicted * (1 + TOLERANCE)) {
        fail_msg("%s: %.6g FLOP counted, %.6g planned", what, counted, predicted);
    }
}

/* Bytes of the files of a folder. */
static double bytes_of(const char *folder)
{
    double sum = 0;
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        char path[600];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        assert_int_equal(stat(path, &info), 0);
        sum += S_ISREG(info.st_mode) ? (double)info.st_size : 0;
    }
    assert_int_equal(closedir(stream), 0);
    return sum;
}

/* Making an index, with components of few rows and of rows that were reduced first; its
 * records are nearly all that it leaves. */
static void check_index(const job *of,
                        const attrib_factors *factors,
                        const attrib_corpus *corpus,
                        bool is_even,
                        const char *folder)
{
    static const char *const indexing[] = {"index"};
    attrib_error err = {0};
    attrib_plan plan;
    attrib_machine machine;
    attrib_work work;
    attrib_work_default(&work);
    work.indexed = attrib_volume_of(corpus);
    attrib_machine_default(&machine);
    machine.flops = 1e9;
    check_ok(attrib_plan_make(of->model, &work, &machine, &plan, &err), &err);
    assert_int_equal(plan.n_stages, 1);
    (void)products_take();
    check_ok(attrib_index_build(NULL,
                                &(attrib_index_job){.size = sizeof(attrib_index_job),
                                                    .model = of->model,
                                                    .factors = factors,
                                                    .corpus = corpus,
                                                    .folder = folder,
                                                    .n_shards = 1},
                                &err),
             &err);
    check_shared("index", is_even, planned_of_blas(of, &work, indexing, 1));
    check_counted("index", products_take(), planned(&plan, indexing, 1));
    double taken = bytes_of(folder);
    if (fabs(plan.stages[0].disk_bytes - taken) > TOLERANCE * taken) {
        fail_msg("%g bytes planned, %g taken", plan.stages[0].disk_bytes, taken);
    }
}

/* A fit and a run with one query. */
static void check_run(const job *of, const attrib_corpus *corpus, bool is_even)
{
    static const char *const fitting[] = {"covariance", "lambda"};
    static const char *const scoring[] = {"query", "score", "explain"};
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_plan plan;
    attrib_machine machine;
    attrib_volume volume = attrib_volume_of(corpus);
    attrib_work work;
    attrib_score_options_default(&options);
    options.top = 5;
    attrib_work_default(&work);
    work.fitted = work.scored = volume;
    work.score = &options;
    work.query_tokens = attrib_queries_get(of->queries, 0)->n_tokens;
    attrib_machine_default(&machine);
    machine.flops = 1e9;
    check_ok(attrib_plan_make(of->model, &work, &machine, &plan, &err), &err);
    (void)products_take();
    check_ok(attrib_factors_fit(NULL, of->model, corpus, NULL, &factors, &err), &err);
    check_shared("fit", is_even, planned_of_blas(of, &work, fitting, 2));
    check_counted("fit", products_take(), planned(&plan, fitting, 2));
    check_ok(attrib_run_score(NULL,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = of->model,
                                                  .tokenizer = of->tokenizer,
                                                  .factors = factors,
                                                  .corpus = corpus,
                                                  .queries = of->queries,
                                                  .options = &options},
                              &run, &err),
             &err);
    check_shared("score", is_even, planned_of_blas(of, &work, scoring, 3));
    check_counted("score", products_take(), planned(&plan, scoring, 3));
    attrib_run_close(run);
    attrib_factors_close(factors);
}

static void test_plan__counts_what_is_done(void **state)
{
    (void)state;
    job of = open_job();
    char scratch[200];
    make_scratch_folder(scratch, sizeof scratch);
    attrib_corpus *even = open_even(scratch, 60, 25);
    check_run(&of, of.corpus, false);
    check_run(&of, even, true);
    attrib_corpus_close(even);
    close_job(&of);
    remove_folder(scratch);
}

static void test_plan__counts_an_index(void **state)
{
    (void)state;
    attrib_error err = {0};
    job of = open_job();
    attrib_corpus *long_ones = NULL;
    attrib_factors *factors = NULL;
    char scratch[200];
    char folder[300];
    make_scratch_folder(scratch, sizeof scratch);
    long_ones = open_even(scratch, 10, 120);
    check_ok(attrib_factors_fit(NULL, of.model, of.corpus, NULL, &factors, &err), &err);
    snprintf(folder, sizeof folder, "%s/short", scratch);
    check_index(&of, factors, of.corpus, false, folder);
    snprintf(folder, sizeof folder, "%s/long", scratch);
    check_index(&of, factors, long_ones, true, folder);
    attrib_corpus_close(long_ones);
    attrib_factors_close(factors);
    close_job(&of);
    remove_folder(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__counts_what_is_done),
        cmocka_unit_test(test_plan__counts_an_index),
    };
    return run_cases(tests, NULL, NULL);
}

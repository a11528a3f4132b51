/* SPDX-License-Identifier: MIT */
/* A limit of memory counts the scan of an index: the least one that is named is one that
 * is held. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "linalg/linalg.h"
#include "support/apart.h"
#include "support/tiny.h"

/* 300 records of 100,000 bytes are 29 MiB, and a pass over all documents takes few: so a
 * limit that forgot the scan would be far too low. */
#define N_LAYERS     2
#define WIDTH        32
#define MLP_WIDTH    256
#define N_DOCUMENTS  300
#define RECORD_BYTES 100000
#define PATH_SIZE    300

typedef struct fixture {
    char scratch[200];
    attrib_model *model;
    attrib_corpus *corpus;
} fixture;

static const char *in_scratch(const fixture *f, const char *name, char *path)
{
    snprintf(path, PATH_SIZE, "%s/%s", f->scratch, name);
    return path;
}

static void write_factors(const void *fixture_, const void *argument)
{
    const fixture *f = fixture_;
    char path[PATH_SIZE];
    (void)argument;
    write_axes(f->model, in_scratch(f, "factors", path));
}

static void build(const void *fixture_, const void *argument)
{
    const fixture *f = fixture_;
    attrib_error err = {0};
    char path[PATH_SIZE];
    char folder[PATH_SIZE];
    attrib_factors *factors = NULL;
    attrib_index_options options;
    attrib_index_job job;
    (void)argument;
    attrib_index_options_default(&options);
    options.bytes_per_document = RECORD_BYTES;
    attrib_index_job_default(&job);
    job.model = f->model;
    job.corpus = f->corpus;
    job.options = &options;
    job.folder = in_scratch(f, "index", folder);
    if (attrib_factors_open(in_scratch(f, "factors", path), f->model, &factors, &err) !=
        ATTRIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        _Exit(1);
    }
    job.factors = factors;
    if (attrib_index_build(NULL, &job, &err) != ATTRIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        _Exit(1);
    }
    attrib_factors_close(factors);
}

static int set_up(void **state)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    const char *paths[] = {path};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->scratch, sizeof f->scratch);
    FILE *rows = fopen(in_scratch(f, "q.jsonl", path), "w");
    assert_non_null(rows);
    fputs("{\"id\": \"q\", \"ids\": [1, 2, 3, 4], \"mask\": [0, 0, 1, 1]}\n", rows);
    assert_int_equal(fclose(rows), 0);
    tiny_write_corpus(in_scratch(f, "c.jsonl", path), N_DOCUMENTS);
    f->model = wide_model(N_LAYERS, WIDTH, MLP_WIDTH);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    run_apart(write_factors, f, NULL);
    run_apart(build, f, NULL);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

/* A question, a run of queries by the index, or its self-influences. */
typedef enum order { QUESTION, RUN, SELF } order;

static attrib_status ask(const attrib_score_job *given,
                         attrib_queries *queries,
                         attrib_run **out,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_asking *asking = NULL;
    attrib_score_job job = *given;
    job.folder = NULL;
    AT_TRY(attrib_asking_open(NULL, &job, &asking, err));
    AT_TRY(attrib_asking_answer(asking, queries, NULL, NULL, out, err));
done:
    attrib_asking_close(asking);
    return status;
}

static attrib_status do_order(const void *fixture_,
                              const void *argument,
                              size_t ram_limit,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const fixture *f = fixture_;
    order what = *(const order *)argument;
    char path[PATH_SIZE];
    char folder[PATH_SIZE];
    attrib_factors *factors = NULL;
    attrib_index *index = NULL;
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_job job;
    attrib_score_options_default(&options);
    options.ram_limit = ram_limit;
    options.prefilter = what == RUN ? "index:5" : NULL;
    options.top = 5;
    options.with_self = what == SELF;
    AT_TRY(attrib_factors_open(in_scratch(f, "factors", path), f->model, &factors, err));
    AT_TRY(attrib_index_open(in_scratch(f, "index", path), &index, err));
    AT_TRY(attrib_queries_open(NULL, in_scratch(f, "q.jsonl", path), NULL, NULL, &queries,
                               err));
    attrib_score_job_default(&job);
    job.model = f->model;
    job.factors = factors;
    job.corpus = f->corpus;
    job.index = index;
    job.options = &options;
    job.queries = what == RUN ? queries : NULL;
    job.folder = in_scratch(f, "run", folder);
    AT_TRY(what == QUESTION ? ask(&job, queries, &run, err)
                            : attrib_run_score(NULL, &job, &run, err));
done:
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_index_close(index);
    attrib_factors_close(factors);
    return status;
}

static void do_least(const void *fixture_, const void *argument)
{
    check_least_limit(do_order, fixture_, argument);
}

static void test_scanning__limits_are_held(void **state)
{
    const fixture *f = *state;
    char path[PATH_SIZE];
    not_under_sanitizers();
    for (order what = QUESTION; what <= SELF; what++) {
        run_apart(do_least, f, &what);
        remove_folder(in_scratch(f, "run", path));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scanning__limits_are_held),
    };
    at_blas_single_threaded();
    return run_cases(tests, set_up, tear_down);
}

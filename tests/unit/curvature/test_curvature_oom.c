/* SPDX-License-Identifier: MIT */
/* Fits into folders and merges, with each allocation failing in turn: the failure is
 * said, all is freed, and nothing that looks whole is left. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib.h"
#include "support/oom.h"
#include "support/tiny.h"

#define PATH_SIZE 300

typedef struct fixture {
    char scratch[200];
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_fit_options options;
} fixture;

static const char *in_scratch(const fixture *f, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%.60s", f->scratch, name);
    return path;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0); /* some thousand files are synced */
    }
    make_scratch_folder(f->scratch, sizeof f->scratch);
    const char *paths[] = {in_scratch(f, "c.jsonl", path)};
    tiny_write_corpus(path, 120);
    f->model = tiny_model();
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    attrib_fit_options_default(&f->options);
    f->options.n_blocks = 2;
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

static attrib_status fit(const fixture *f, const char *name, attrib_error *err)
{
    char path[PATH_SIZE];
    return attrib_factors_fit_folder(NULL, f->model, f->corpus, &f->options,
                                     in_scratch(f, name, path), err);
}

static attrib_status merge_two(const fixture *f, const char *name, attrib_error *err)
{
    char a[PATH_SIZE];
    char b[PATH_SIZE];
    char path[PATH_SIZE];
    const char *folders[] = {in_scratch(f, "a", a), in_scratch(f, "b", b)};
    return attrib_factors_merge(NULL, folders, 2, NULL, in_scratch(f, name, path), err);
}

typedef attrib_status (*work_fn)(const fixture *f, const char *name, attrib_error *err);

/* Fail allocation 0, 1, 2, ... of `work` until it succeeds. */
static void fail_each(const fixture *f, work_fn work)
{
    attrib_status status = ATTRIB_ENOMEM;
    char made[PATH_SIZE];
    char partial[PATH_SIZE];
    struct stat info;
    size_t n_failed = 0;
    in_scratch(f, "made", made);
    in_scratch(f, "made.partial", partial);
    while (status != ATTRIB_OK) {
        attrib_error err = {0};
        remove_folder(partial); /* else it would be gone on with */
        oom_n_left = n_failed;
        status = work(f, "made", &err);
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            check_fails(status, ATTRIB_ENOMEM, &err);
            assert_true(err.message[0] != '\0');
            assert_int_not_equal(stat(made, &info), 0);
            n_failed++;
        }
    }
    assert_true(n_failed > 100);
    assert_int_not_equal(stat(partial, &info), 0);
    remove_folder(made);
}

static void test_curvature_oom__fits(void **state)
{
    fail_each(*state, fit);
}

/* Shares "a" and "b" of a stage. */
static void make_shares(fixture *f)
{
    attrib_error err = {0};
    f->options.n_shards = 2;
    f->options.i_shard = 0;
    check_ok(fit(f, "a", &err), &err);
    f->options.i_shard = 1;
    check_ok(fit(f, "b", &err), &err);
}

static void test_curvature_oom__covariances_and_their_merge(void **state)
{
    fixture *f = *state;
    f->options.stages = ATTRIB_FIT_COVARIANCE;
    make_shares(f);
    fail_each(f, fit);
    fail_each(f, merge_two);
}

static void test_curvature_oom__lambda_and_its_merge(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    char path[PATH_SIZE];
    check_ok(fit(f, "basis", &err), &err);
    f->options.stages = ATTRIB_FIT_LAMBDA;
    f->options.basis = in_scratch(f, "basis", path);
    make_shares(f);
    fail_each(f, fit);
    fail_each(f, merge_two);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_curvature_oom__fits),
        with_fixture(test_curvature_oom__covariances_and_their_merge),
        with_fixture(test_curvature_oom__lambda_and_its_merge),
    };
    return run_cases(tests, NULL, NULL);
}

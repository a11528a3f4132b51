/* SPDX-License-Identifier: MIT */
/* Fits into folders: whatever the stages, threads, memory and stops on the way, the same
 * factors come out. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "curvature/factor_read.h"

/* 1. The same as a fit in memory */

static void check_memory_and_folder(const fixture *f, const attrib_fit_options *options)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    char path[PATH_SIZE];
    check_ok(attrib_factors_fit(f->session, f->model, f->corpus, options, &factors, &err),
             &err);
    check_ok(attrib_factors_write(factors, in_scratch(f, "memory", path), "test", &err),
             &err);
    fit(f, options, "folder");
    check_same(f, "memory", "folder", 0);
    attrib_factors_close(factors);
}

static void test_fit_folder__is_as_in_memory(void **state)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    check_memory_and_folder(*state, &options);
}

static void test_fit_folder__blocks_are_as_in_memory(void **state)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.n_blocks = 3;
    check_memory_and_folder(*state, &options);
}

static void test_fit_folder__diagonal_is_as_in_memory(void **state)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    check_memory_and_folder(*state, &options);
}

/* What is opened for scoring is what was fitted, to the bit, in blocks too. */
static void test_fit_folder__is_opened_to_the_bit(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *fitted = NULL;
    attrib_factors *opened = NULL;
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.n_blocks = 3;
    check_ok(attrib_factors_fit(f->session, f->model, f->corpus, &options, &fitted, &err),
             &err);
    fit(f, &options, "folder");
    check_ok(attrib_factors_open(in_scratch(f, "folder", path), f->model, &opened, &err),
             &err);
    assert_int_equal(attrib_factors_describe(opened)->n_blocks, 3);
    for (size_t m = 0; m < fitted->info.n_modules; m++) {
        const at_factor *a = &fitted->factors[m];
        at_factor loaded = {0};
        const at_factor *b = &loaded;
        size_t n = 0;
        check_ok(
            at_factor_load(opened, m, AT_PIECES_BASIS | AT_PIECES_LAMBDA, &loaded, &err),
            &err);
        check_ok(at_basis_size(a->in_dim, 3, &n, &err), &err);
        assert_memory_equal(a->basis_a.vectors, b->basis_a.vectors, n * sizeof(float));
        check_ok(at_basis_size(a->out_dim, 3, &n, &err), &err);
        assert_memory_equal(a->basis_s.vectors, b->basis_s.vectors, n * sizeof(float));
        assert_memory_equal(a->values_a, b->values_a, a->in_dim * sizeof(double));
        assert_memory_equal(a->lambda, b->lambda,
                            a->in_dim * a->out_dim * sizeof(double));
        at_factor_unload(opened, &loaded);
    }
    attrib_factors_close(fitted);
    attrib_factors_close(opened);
}

/* 2. Stopping */

/* Cancels as soon as a stage reports, at its end at the latest, and remembers which
 * stages ran. */
typedef struct stopper {
    attrib_session *session;
    const char *stop_at; /* "": before it begins */
    bool has_covariance, has_basis, has_lambda;
    bool is_over;       /* the stage was at its end when it was stopped */
    double first, last; /* shares of the whole that were reported */
} stopper;

static void watch(void *context, const attrib_progress *progress)
{
    stopper *s = context;
    assert_true(progress->overall >= s->last && progress->overall <= 1);
    s->first = s->first > 0 ? s->first : progress->overall;
    s->last = progress->overall;
    s->has_covariance |= strcmp(progress->stage, "covariance") == 0;
    s->has_basis |= strcmp(progress->stage, "eigenbasis") == 0;
    s->has_lambda |= strcmp(progress->stage, "lambda") == 0;
    if (s->stop_at && strcmp(progress->stage, s->stop_at) == 0) {
        s->is_over = progress->done == progress->total;
        attrib_session_cancel(s->session);
    }
}

static attrib_status fit_watched(const fixture *f, stopper *s, const char *name)
{
    attrib_error err = {0};
    attrib_session_options options;
    char path[PATH_SIZE];
    attrib_session_options_default(&options);
    options.n_threads = 2;
    options.progress = watch;
    options.progress_context = s;
    check_ok(attrib_session_new(&options, &s->session, &err), &err);
    attrib_session_expect(s->session, "covariance", 5);
    attrib_session_expect(s->session, "eigenbasis", 1);
    attrib_session_expect(s->session, "lambda", 4);
    if (s->stop_at && !s->stop_at[0]) {
        attrib_session_cancel(s->session);
    }
    attrib_status status = attrib_factors_fit_folder(
        s->session, f->model, f->corpus, NULL, in_scratch(f, name, path), &err);
    attrib_session_free(s->session);
    return status;
}

static void test_fit_folder__goes_on_where_it_was_stopped(void **state)
{
    const fixture *f = *state;
    stopper first = {.stop_at = "eigenbasis"};
    stopper second = {0};
    char path[PATH_SIZE];
    struct stat info;
    fit(f, NULL, "whole");
    assert_int_equal(fit_watched(f, &first, "stopped"), ATTRIB_ECANCELED);
    assert_true(first.has_covariance && !first.has_lambda);
    assert_int_equal(stat(in_scratch(f, "stopped.partial", path), &info), 0);
    assert_int_equal(fit_watched(f, &second, "stopped"), ATTRIB_OK);
    assert_true(!second.has_covariance && second.has_lambda);
    assert_true(!first.is_over || !second.has_basis);
    assert_true(second.first >= 0.5 && second.last == 1); /* the covariance was done */
    check_same(f, "stopped", "whole", 0);
    assert_int_not_equal(stat(path, &info), 0);
}

/* The sums of a stage that was stopped half-way are kept too. */
static void test_fit_folder__goes_on_within_a_stage(void **state)
{
    const fixture *f = *state;
    stopper first = {.stop_at = "covariance"};
    stopper second = {0};
    char path[PATH_SIZE];
    struct stat info;
    fit(f, NULL, "whole");
    assert_int_equal(fit_watched(f, &first, "stopped"), ATTRIB_ECANCELED);
    assert_int_equal(stat(in_scratch(f, "stopped.partial/sums", path), &info), 0);
    assert_int_equal(fit_watched(f, &second, "stopped"), ATTRIB_OK);
    assert_true(second.first >= first.last && second.last == 1);
    check_same(f, "stopped", "whole", 0);
    assert_int_not_equal(stat(in_scratch(f, "stopped/sums", path), &info), 0);
}

static void test_fit_folder__what_has_done_nothing_leaves_nothing(void **state)
{
    const fixture *f = *state;
    stopper s = {.stop_at = ""};
    char path[PATH_SIZE];
    struct stat info;
    assert_int_equal(fit_watched(f, &s, "stopped"), ATTRIB_ECANCELED);
    assert_int_not_equal(stat(in_scratch(f, "stopped.partial", path), &info), 0);
}

static void test_fit_folder__another_fits_rest_is_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    stopper s = {.stop_at = "eigenbasis"};
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.seed = 1;
    assert_int_equal(fit_watched(f, &s, "stopped"), ATTRIB_ECANCELED);
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, &options,
                                          in_scratch(f, "stopped", path), &err),
                ATTRIB_EIO, &err);
    check_message(&err, "other inputs or options");
    err = (attrib_error){0};
    options.seed = 0;
    options.n_parts = 3;
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, &options,
                                          in_scratch(f, "stopped", path), &err),
                ATTRIB_EIO, &err);
    check_message(&err, "other inputs or options");
    assert_int_equal(fit_watched(f, &(stopper){0}, "stopped"), ATTRIB_OK);
}

/* 3. What is refused */

static void check_refused(const fixture *f,
                          const attrib_fit_options *options,
                          attrib_status expected,
                          const char *message)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, options,
                                          in_scratch(f, "none", path), &err),
                expected, &err);
    check_message(&err, message);
}

static void test_fit_folder__options_that_do_not_fit_are_refused(void **state)
{
    const fixture *f = *state;
    attrib_fit_options standard;
    attrib_fit_options options;
    attrib_fit_options_default(&standard);
    options = standard;
    options.n_blocks = 5;
    check_refused(f, &options, ATTRIB_EINVAL, "5 blocks of 4 coordinates");
    options = standard;
    options.n_shards = 1000;
    check_refused(f, &options, ATTRIB_EINVAL, "1000 shards");
    options.n_shards = 3;
    options.i_shard = 3;
    check_refused(f, &options, ATTRIB_EINVAL, "\"4/3\" is not I/N");
    options = standard;
    options.n_shards = 3;
    options.n_parts = 2;
    check_refused(f, &options, ATTRIB_EINVAL, "2 parts and 3 shards");
    options = standard;
    options.n_parts = 1000;
    check_refused(f, &options, ATTRIB_EINVAL, "1000 parts");
    options = standard;
    options.stages = ATTRIB_FIT_LAMBDA;
    check_refused(f, &options, ATTRIB_EINVAL, "basis");
    options = standard;
    options.ram_limit = 1 << 20;
    check_refused(f, &options, ATTRIB_ERANGE, "a limit of 1 MiB of memory, fitting with");
    options = standard;
    options.strategy = ATTRIB_DIAGONAL;
    options.n_blocks = 2;
    check_refused(f, &options, ATTRIB_EINVAL, "diagonal");
}

static void test_fit_folder__covariances_alone_score_nothing(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.stages = ATTRIB_FIT_COVARIANCE;
    fit(f, &options, "covariances");
    check_fails(
        attrib_factors_open(in_scratch(f, "covariances", path), f->model, &factors, &err),
        ATTRIB_EINVAL, &err);
    check_message(&err, "without eigenvectors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_fit_folder__is_as_in_memory),
        with_fixture(test_fit_folder__blocks_are_as_in_memory),
        with_fixture(test_fit_folder__diagonal_is_as_in_memory),
        with_fixture(test_fit_folder__is_opened_to_the_bit),
        with_fixture(test_fit_folder__goes_on_where_it_was_stopped),
        with_fixture(test_fit_folder__goes_on_within_a_stage),
        with_fixture(test_fit_folder__what_has_done_nothing_leaves_nothing),
        with_fixture(test_fit_folder__another_fits_rest_is_refused),
        with_fixture(test_fit_folder__options_that_do_not_fit_are_refused),
        with_fixture(test_fit_folder__covariances_alone_score_nothing),
    };
    return run_cases(tests, NULL, NULL);
}

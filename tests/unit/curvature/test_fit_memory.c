/* SPDX-License-Identifier: MIT */
/* Memory that is chosen: under a limit far below what a fit would take, the process stays
 * within it, and the files have the same bytes.
 *
 * Each fit runs in a process of its own, whose peak the system tells. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib.h"
#include "curvature/fit.h"
#include "support/apart.h"
#include "support/tiny.h"

/* 3 maps of [1024, 32] a layer: covariances of 4.2 MB each and so 138 MB in all, bases of
 * as much. */
#define N_LAYERS  11
#define MLP_WIDTH 1024
#define PATH_SIZE 300
/* Wide enough that half the scratch of one decomposition, 40 MiB, is more than the 24 MiB
 * by which a limit was measured to exceed the peak of the process. */
#define SCRATCH_MLP_WIDTH 1536
#define MIBI              ((size_t)1 << 20)
#define LIMIT             (75 * MIBI)

typedef struct fixture {
    char scratch[200];
    attrib_model *model;
    attrib_corpus *corpus;
} fixture;

static int set_up_wide(void **state, size_t mlp_width)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    const char *paths[] = {path};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->scratch, sizeof f->scratch);
    snprintf(path, sizeof path, "%s/c.jsonl", f->scratch);
    tiny_write_corpus(path, 10);
    f->model = wide_model(N_LAYERS, 32, mlp_width);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    return 0;
}

static int set_up(void **state)
{
    return set_up_wide(state, MLP_WIDTH);
}

static int set_up_for_scratch(void **state)
{
    return set_up_wide(state, SCRATCH_MLP_WIDTH);
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

/* What a fit is to do, and where it goes. */
typedef struct order {
    attrib_fit_options options;
    const char *name;
} order;

static attrib_status fit_within(const void *fixture_,
                                const void *argument,
                                size_t ram_limit,
                                attrib_error *err)
{
    const fixture *f = fixture_;
    const order *o = argument;
    attrib_fit_options options = o->options;
    char path[PATH_SIZE];
    options.ram_limit = ram_limit;
    snprintf(path, sizeof path, "%s/%.30s", f->scratch, o->name);
    return attrib_factors_fit_folder(NULL, f->model, f->corpus, &options, path, err);
}

static void fit_apart(const void *fixture_, const void *argument)
{
    const order *o = argument;
    attrib_error err = {0};
    if (fit_within(fixture_, argument, o->options.ram_limit, &err) != ATTRIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
}

/* What a Lambda fit may stand in. */
static void write_basis(const void *fixture_, const void *argument)
{
    const fixture *f = fixture_;
    write_axes(f->model, argument);
}

static void check_same_file(const fixture *f,
                            const char *left,
                            const char *right,
                            const char *file)
{
    attrib_error err = {0};
    char path[2][PATH_SIZE + 60];
    at_map maps[2];
    const char *names[] = {left, right};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%s/%s.safetensors", f->scratch, names[i],
                 file);
        check_ok(at_map_open(path[i], &maps[i], &err), &err);
    }
    assert_int_equal(maps[0].n_bytes, maps[1].n_bytes);
    assert_memory_equal(maps[0].bytes, maps[1].bytes, maps[0].n_bytes);
    at_map_close(&maps[0]);
    at_map_close(&maps[1]);
}

/* The same fit with the limit and without: only one of them stays within it. */
static void check_limit(const fixture *f, attrib_fit_options options)
{
    order limited = {options, "limited"};
    order unlimited = {options, "unlimited"};
    limited.options.ram_limit = LIMIT;
    size_t with = run_apart(fit_apart, f, &limited);
    size_t without = run_apart(fit_apart, f, &unlimited);
    assert_true(with <= LIMIT);
    assert_true(without > 2 * LIMIT);
}

static void test_fit_memory__covariances_stay_within_the_limit(void **state)
{
    not_under_sanitizers();
    const fixture *f = *state;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.stages = ATTRIB_FIT_COVARIANCE;
    check_limit(f, options);
    check_same_file(f, "limited", "unlimited", "activation_covariance");
    check_same_file(f, "limited", "unlimited", "gradient_covariance");
    check_same_file(f, "limited", "unlimited", "num_activation_covariance_processed");
}

static void test_fit_memory__lambda_stays_within_the_limit(void **state)
{
    not_under_sanitizers();
    const fixture *f = *state;
    char path[PATH_SIZE];
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    snprintf(path, sizeof path, "%s/axes", f->scratch);
    run_apart(write_basis, f, path);
    options.stages = ATTRIB_FIT_LAMBDA;
    options.basis = path;
    check_limit(f, options);
    check_same_file(f, "limited", "unlimited", "lambda_matrix");
    check_same_file(f, "limited", "unlimited", "activation_eigenvectors");
    check_same_file(f, "limited", "unlimited", "num_lambda_processed");
}

static void fit_least(const void *fixture_, const void *argument)
{
    check_least_limit(fit_within, fixture_, argument);
}

/* All three stages within the least limit that is named. */
static void test_fit_memory__the_least_limit_is_held(void **state)
{
    order whole = {.name = "whole"};
    not_under_sanitizers();
    attrib_fit_options_default(&whole.options);
    whole.options.modules = "model.layers.0.mlp.up_proj"; /* decomposing takes long */
    run_apart(fit_least, *state, &whole);
}

/* What a dry run is asked: blocks of the pass and factors of all MLP maps. */
static at_fit_size open_size(const fixture *f, size_t n_workers, attrib_factors **factors)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n = 0;
    at_fit_size size = {.model = f->model, .n_workers = n_workers, .n_parts = 1};
    check_ok(at_pass_size_one(&(attrib_block_size){32, 512, 16}, &size.blocks, &err),
             &err);
    check_ok(attrib_model_select(f->model, "mlp", &tracked, &n, &err), &err);
    check_ok(at_factors_new(f->model, tracked, n, "mlp", factors, &err), &err);
    (*factors)->info.strategy = ATTRIB_EKFAC;
    size.factors = *factors;
    free(tracked);
    return size;
}

static double bytes_of(const at_fit_size *size, size_t first, size_t n)
{
    attrib_error err = {0};
    at_fit_group group = {.first = first, .n = n};
    check_ok(at_fit_memory(size, &group, &err), &err);
    return group.bytes;
}

/* Prediction grows with maps, workers and rows, and shrinks with blocks. */
static void test_fit_memory__prediction_follows_the_shapes(void **state)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    at_fit_size size = open_size(*state, 1, &factors);
    size_t n = factors->info.n_modules;
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        size.stage = (at_fit_stage)stage;
        double all = bytes_of(&size, 0, n);
        double one = bytes_of(&size, 0, 1);
        size.n_workers = 2;
        double two_workers = bytes_of(&size, 0, n);
        size.n_workers = 1;
        check_ok(at_factors_set_blocks(factors, 4, &err), &err);
        double in_blocks = bytes_of(&size, 0, n);
        check_ok(at_factors_set_blocks(factors, 1, &err), &err);
        assert_true(one <= all && all < two_workers && in_blocks < all);
    }
    attrib_factors_close(factors);
    at_pass_size_free(&size.blocks);
}

/* A group is the largest that fits, as trying all sizes finds it; one map where none
 * does. */
static void test_fit_memory__groups_are_the_largest_that_fit(void **state)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    at_fit_size size = open_size(*state, 2, &factors);
    size_t n_maps = factors->info.n_modules;
    double bytes[3 * N_LAYERS + 1] = {0}; /* of the first n maps */
    size.stage = AT_FIT_LAMBDA;
    size.n_parts = 3;
    assert_int_equal(n_maps, 3 * N_LAYERS);
    for (size_t first = 0; first < n_maps; first += 7) {
        size_t left = n_maps - first;
        for (size_t n = 1; n <= left; n++) {
            bytes[n] = bytes_of(&size, first, n);
            assert_true(n == 1 || bytes[n] > bytes[n - 1]);
        }
        for (size_t n = 1; n <= left; n++) {
            at_fit_group group = {.first = first};
            check_ok(at_fit_choose_group(&size, bytes[n], &group, &err), &err);
            assert_int_equal(group.n, n);
            assert_true(group.bytes == bytes[n]);
            check_ok(at_fit_choose_group(&size, bytes[n] - 1, &group, &err), &err);
            assert_int_equal(group.n, n > 1 ? n - 1 : 1);
        }
    }
    attrib_factors_close(factors);
    at_pass_size_free(&size.blocks);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_fit_memory__covariances_stay_within_the_limit),
        with_fixture(test_fit_memory__lambda_stays_within_the_limit),
        cmocka_unit_test_setup_teardown(test_fit_memory__the_least_limit_is_held,
                                        set_up_for_scratch, tear_down),
        with_fixture(test_fit_memory__prediction_follows_the_shapes),
        with_fixture(test_fit_memory__groups_are_the_largest_that_fit),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Factors of an optimizer's second moments: which files are refused, and allocations that
 * fail. What scores they give is compared in tests/cli/cases/work/optimizer.sh. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib.h"
#include "format/safetensors.h"
#include "support/oom.h"
#include "support/tiny.h"

#define PATH_SIZE 300

typedef struct fixture {
    char scratch[200];
    attrib_model *model;
} fixture;

/* What is wrong with the moments of the second map, if anything is. */
typedef enum fault {
    SOUND,
    NEGATIVE,
    NOT_FINITE,
    ALL_ZERO,
    MISSING,
    TURNED /* [in, out] */
} fault;

static void in_scratch(const fixture *f, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%.60s", f->scratch, name);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    if (access("/dev/shm", W_OK) == 0) {
        setenv("TMPDIR", "/dev/shm", 0); /* some hundred files are synced */
    }
    make_scratch_folder(f->scratch, sizeof f->scratch);
    f->model = tiny_model();
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_model_close(f->model);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

static bool is_of_mlp(const attrib_module *module)
{
    return module->kind == ATTRIB_MODULE_MLP;
}

/* Moments k + 1 of every map of the MLPs, but for the fault. */
static void write_moments(const fixture *f, fault what, char path[PATH_SIZE])
{
    attrib_error err = {0};
    at_tensor_writer *writer = NULL;
    size_t n_modules = attrib_model_n_modules(f->model);
    in_scratch(f, "moments.safetensors", path);
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    for (size_t pass = 0, i_map = 0; pass < 2; pass++, i_map = 0) {
        for (size_t i = 0; i < n_modules; i++) {
            const attrib_module *module = attrib_model_module(f->model, i);
            bool is_faulty = is_of_mlp(module) && i_map++ == 1;
            size_t shape[2] = {module->out_dim, module->in_dim};
            double moments[64];
            char name[200];
            if (!is_of_mlp(module) || (is_faulty && what == MISSING)) {
                continue;
            }
            if (is_faulty && what == TURNED) {
                shape[0] = module->in_dim;
                shape[1] = module->out_dim;
            }
            size_t n = shape[0] * shape[1];
            assert_true(n <= sizeof moments / sizeof *moments);
            for (size_t k = 0; k < n; k++) {
                moments[k] = what == ALL_ZERO ? 0 : (double)(k + 1);
            }
            if (is_faulty && (what == NEGATIVE || what == NOT_FINITE)) {
                moments[n - 1] = what == NEGATIVE ? -1 : HUGE_VAL;
            }
            snprintf(name, sizeof name, "%s.weight.exp_avg_sq", module->name);
            check_ok(
                pass == 0
                    ? at_tensor_writer_declare(writer, name, ATTRIB_F64, 2, shape, &err)
                    : at_tensor_writer_write(writer, moments, n * sizeof *moments, &err),
                &err);
        }
    }
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
}

static attrib_status take(const fixture *f, const char *path, attrib_error *err)
{
    char made[PATH_SIZE];
    in_scratch(f, "made", made);
    return attrib_factors_take_optimizer(NULL, f->model, path, NULL, made, err);
}

static void check_not_there(const fixture *f, const char *name)
{
    struct stat info;
    char path[PATH_SIZE];
    in_scratch(f, name, path);
    assert_int_not_equal(stat(path, &info), 0);
}

static void check_refused(const fixture *f,
                          fault what,
                          attrib_status status,
                          const char *part)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    write_moments(f, what, path);
    check_fails(take(f, path, &err), status, &err);
    assert_non_null(strstr(err.message, part));
    check_not_there(f, "made");
    check_not_there(f, "made.partial");
}

static void test_optimizer__refuses_what_is_no_second_moment(void **state)
{
    const fixture *f = *state;
    check_refused(f, NEGATIVE, ATTRIB_ENUMERIC, "entry 23 is -1");
    check_refused(f, NOT_FINITE, ATTRIB_ENUMERIC, "entry 23 is inf");
    check_refused(f, ALL_ZERO, ATTRIB_ENUMERIC, "not taken a step");
    check_refused(f, MISSING, ATTRIB_ESHAPE, "no second moments of model.layers.0.mlp");
    check_refused(f, TURNED, ATTRIB_ESHAPE, "[4, 6], expected [6, 4]");
}

static void test_optimizer__keeps_moments_as_they_are(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    at_tensors *tensors = NULL;
    char path[PATH_SIZE];
    double moments[24];
    write_moments(f, SOUND, path);
    check_ok(take(f, path, &err), &err);
    in_scratch(f, "made", path);
    check_ok(attrib_factors_open(path, f->model, &factors, &err), &err);
    const attrib_factors_info *info = attrib_factors_describe(factors);
    assert_int_equal(info->strategy, ATTRIB_OPTIMIZER);
    assert_int_equal(info->n_sequences, 1);
    assert_int_equal(info->n_modules, 3);
    attrib_factors_close(factors);
    in_scratch(f, "made/lambda_matrix.safetensors", path);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    const at_tensor *tensor = at_tensors_find(tensors, "model.layers.0.mlp.up_proj");
    assert_non_null(tensor);
    check_ok(at_tensor_to_f64(tensor, 0, 24, moments, &err), &err);
    for (size_t k = 0; k < 24; k++) {
        assert_true(moments[k] == (double)(k + 1));
    }
    at_tensors_close(tensors);
}

static void test_optimizer__allocations_that_fail(void **state)
{
    const fixture *f = *state;
    attrib_status status = ATTRIB_ENOMEM;
    char path[PATH_SIZE];
    size_t n_failed = 0;
    write_moments(f, SOUND, path);
    while (status != ATTRIB_OK) {
        attrib_error err = {0};
        oom_n_left = n_failed;
        status = take(f, path, &err);
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            check_fails(status, ATTRIB_ENOMEM, &err);
            check_not_there(f, "made");
            n_failed++;
        }
    }
    check_not_there(f, "made.partial"); /* what failed is gone on with */
    assert_true(n_failed > 50);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_optimizer__refuses_what_is_no_second_moment),
        with_fixture(test_optimizer__keeps_moments_as_they_are),
        with_fixture(test_optimizer__allocations_that_fail),
    };
    return run_cases(tests, NULL, NULL);
}

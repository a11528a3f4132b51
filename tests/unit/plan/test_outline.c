/* SPDX-License-Identifier: MIT */
/* Outlines of models, without their weights, and the measured speed of a machine. */
#include <math.h>

#include "attrib/plan.h"
#include "support/check.h"

static const attrib_shape tiny = {.size = sizeof(attrib_shape),
                                  .n_layers = 1,
                                  .width = 2,
                                  .mlp_width = 4,
                                  .n_heads = 1,
                                  .n_vocabulary = 8,
                                  .context = 16};

static void test_outline__refuses_what_is_no_decoder(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = NULL;
    attrib_shape shape = tiny;
    shape.n_heads = 3;
    check_fails(attrib_outline_new(&shape, &model, &err), ATTRIB_ESHAPE, &err);
    err = (attrib_error){0};
    shape = tiny;
    shape.n_layers = 0;
    assert_int_not_equal(attrib_outline_new(&shape, &model, &err), ATTRIB_OK);
    err = (attrib_error){0};
    check_fails(attrib_outline_open("/nowhere", NULL, &model, &err), ATTRIB_EIO, &err);
    assert_null(model);
}

/* The outline of a folder is the model without its weights. */
static void test_outline__agrees_with_the_model(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = NULL;
    attrib_model *outline = NULL;
    const char *path = source_path("corpora/facts-model");
    check_ok(attrib_model_open(path, NULL, &model, &err), &err);
    check_ok(attrib_outline_open(path, NULL, &outline, &err), &err);
    assert_int_equal(attrib_model_describe(model)->n_parameters,
                     attrib_model_describe(outline)->n_parameters);
    assert_int_equal(attrib_model_n_modules(model), attrib_model_n_modules(outline));
    for (size_t i = 0; i < attrib_model_n_modules(model); i++) {
        const attrib_module *a = attrib_model_module(model, i);
        const attrib_module *b = attrib_model_module(outline, i);
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->in_dim, b->in_dim);
        assert_int_equal(a->out_dim, b->out_dim);
    }
    attrib_model_close(model);
    attrib_model_close(outline);
}

static void test_machine__is_measured(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_machine machine;
    attrib_machine_default(&machine);
    check_ok(attrib_machine_measure(NULL, &machine, &err), &err);
    assert_int_equal(machine.n_cores, 1);
    assert_true(isfinite(machine.flops) && machine.flops > 0);
    assert_true(isfinite(machine.operand_seconds) && machine.operand_seconds >= 0);
    assert_true(isfinite(machine.element_seconds) && machine.element_seconds > 0);
    assert_true(isfinite(machine.bytes_per_second) && machine.bytes_per_second > 0);
    assert_true(machine.ram_bytes > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outline__refuses_what_is_no_decoder),
        cmocka_unit_test(test_outline__agrees_with_the_model),
        cmocka_unit_test(test_machine__is_measured),
    };
    return run_cases(tests, NULL, NULL);
}

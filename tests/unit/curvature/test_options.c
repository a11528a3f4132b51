/* SPDX-License-Identifier: MIT */
/* The tables of the options of fits and merges. */
#include "curvature/fit.h"
#include "support/check.h"

static void test_options__tables_cover_their_structs(void **state)
{
    (void)state;
    check_table_covers(attrib_fit_options_table(), sizeof(attrib_fit_options),
                       offsetof(attrib_fit_options, command));
    check_table_covers(attrib_merge_options_table(), sizeof(attrib_merge_options),
                       offsetof(attrib_merge_options, command));
}

static void test_options__defaults(void **state)
{
    (void)state;
    attrib_fit_options fit;
    attrib_merge_options merge;
    attrib_fit_options_default(&fit);
    assert_int_equal(fit.strategy, ATTRIB_EKFAC);
    assert_int_equal(fit.fisher, ATTRIB_FISHER_SAMPLED);
    assert_string_equal(fit.modules, "mlp");
    assert_int_equal(fit.n_blocks, 1);
    assert_int_equal(fit.n_parts, 1);
    assert_true(fit.checkpoint == 15);
    assert_int_equal(fit.i_shard, 0);
    assert_int_equal(fit.n_shards, 1);
    assert_int_equal(fit.stages, ATTRIB_FIT_ALL);
    assert_null(fit.basis);
    assert_int_equal(fit.eigen_precision, ATTRIB_EIGEN_F64);
    check_ok(at_fit_check(&fit, NULL), NULL);
    attrib_merge_options_default(&merge);
    assert_int_equal(merge.stages, ATTRIB_FIT_ALL);
    assert_int_equal(merge.ram_limit, 0);
    assert_false(merge.is_partial);
    assert_int_equal(merge.eigen_precision, ATTRIB_EIGEN_FITTED);
}

/* The words of a choice are the names of the enum's values, in their order. */
static void test_options__words_are_values(void **state)
{
    (void)state;
    const char *const words[] = {"all", "covariance", "lambda"};
    for (int i = 0; i < 3; i++) {
        const char *name = attrib_strategy_name((attrib_strategy)i);
        attrib_fit_options fit = {0};
        const attrib_option *table = attrib_fit_options_table();
        for (const attrib_option *o = table; o->name; o++) {
            if (o->offset == offsetof(attrib_fit_options, strategy)) {
                check_ok(attrib_option_read(o, name, &fit, NULL), NULL);
            } else if (o->offset == offsetof(attrib_fit_options, stages)) {
                check_ok(attrib_option_read(o, words[i], &fit, NULL), NULL);
            }
        }
        assert_int_equal(fit.strategy, i);
        assert_int_equal(fit.stages, i);
    }
    for (int i = 0; i < 3; i++) {
        const char *name = attrib_eigen_precision_name((attrib_eigen_precision)i);
        attrib_merge_options merge = {0};
        const attrib_option *o = attrib_merge_options_table();
        while (o->offset != offsetof(attrib_merge_options, eigen_precision)) {
            o++;
        }
        check_ok(attrib_option_read(o, name, &merge, NULL), NULL);
        assert_int_equal(merge.eigen_precision, i);
    }
}

static void check_refused(const attrib_fit_options *fit, const char *message)
{
    attrib_error err = {0};
    check_fails(at_fit_check(fit, &err), ATTRIB_EINVAL, &err);
    check_message(&err, message);
}

static void test_options__fits_that_cannot_be_are_refused(void **state)
{
    (void)state;
    attrib_fit_options usual;
    attrib_fit_options_default(&usual);
    attrib_fit_options fit = usual;
    fit.strategy = ATTRIB_IDENTITY;
    check_refused(&fit, "strategy: \"3\" is not one of ekfac|kfac|diagonal");
    fit = usual;
    fit.fisher = (attrib_fisher)2;
    check_refused(&fit, "fisher: \"2\" is not one of sampled|empirical");
    fit = usual;
    fit.n_blocks = 0;
    check_refused(&fit, "blocks: 0 is not in [1, 1000000]");
    fit = usual;
    fit.n_shards = 0;
    check_refused(&fit, "shard: \"1/0\" is not I/N");
    fit = usual;
    fit.n_parts = 0;
    check_refused(&fit, "parts: 0 is not in [1, 1000000]");
    fit.n_parts = 2;
    fit.n_shards = 3;
    check_refused(&fit, "2 parts and 3 shards");
    fit = usual;
    fit.checkpoint = -1;
    check_refused(&fit, "checkpoint: -1 is not in [0, 1000000]");
    fit = usual;
    fit.modules = NULL;
    check_refused(&fit, "modules: no text");
    fit = usual;
    fit.strategy = ATTRIB_DIAGONAL;
    fit.n_blocks = 2;
    check_refused(&fit, "no 2 blocks");
    fit.n_blocks = 1;
    fit.stages = ATTRIB_FIT_COVARIANCE;
    check_refused(&fit, "one stage");
    fit.stages = ATTRIB_FIT_ALL;
    fit.eigen_precision = ATTRIB_EIGEN_F32;
    check_refused(&fit, "no eigenvectors, and so none in f32");
    fit = usual;
    fit.eigen_precision = ATTRIB_EIGEN_FITTED;
    check_refused(&fit, "eigen-precision: \"2\" is not one of f64|f32");
    fit = usual;
    fit.strategy = ATTRIB_KFAC;
    fit.stages = ATTRIB_FIT_LAMBDA;
    check_refused(&fit, "strategy kfac has no Lambda in eigenbases");
    fit.strategy = ATTRIB_EKFAC;
    check_refused(&fit, "needs factors for its basis");
    fit.stages = ATTRIB_FIT_ALL;
    fit.basis = "f";
    check_refused(&fit, "a basis is for the Lambda stage");
}

static void test_options__a_merge_of_no_stage_is_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    const char *folders[] = {"no-such-folder"};
    attrib_merge_options merge;
    attrib_merge_options_default(&merge);
    merge.stages = (attrib_fit_stages)3;
    check_fails(attrib_factors_merge(NULL, folders, 1, &merge, "out", &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "stage: \"3\" is not one of auto|covariance|lambda");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options__tables_cover_their_structs),
        cmocka_unit_test(test_options__defaults),
        cmocka_unit_test(test_options__words_are_values),
        cmocka_unit_test(test_options__fits_that_cannot_be_are_refused),
        cmocka_unit_test(test_options__a_merge_of_no_stage_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}

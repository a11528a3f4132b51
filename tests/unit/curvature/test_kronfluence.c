/* SPDX-License-Identifier: MIT */
/* Factors against those that Kronfluence 1.0.1 computed on the same model, documents and
 * labels. */
#include "support/check.h"
#include "support/kronfluence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "curvature/fit.h"
#include "curvature/factor_read.h"
#include "format/safetensors.h"

/* Kronfluence works in f32 throughout, as we do but for sums over rows. Of activations,
 * normalized before each map, that costs little: at most 3.9e-7 of the largest covariance
 * was measured. Covariances of gradients and Lambda are sums of squares, which double the
 * relative error of a gradient: 1.0e-6 was measured on the tiny model and 2.0e-5 on
 * stories260K (Lambda of drawn labels), of 8.2e-6 and 5.4e-5 allowed. */
#define ACTIVATION_TOLERANCE 2e-6
#define SQUARES_TOLERANCE    (2 * chosen->gradient_error)

#define MAX_MODULES          15

static const kronfluence *chosen;

typedef struct fixture {
    attrib_session *session;
    attrib_model *model;
    attrib_corpus *corpus;
} fixture;

static int set_up(void **state)
{
    attrib_error err = {0};
    fixture *f = calloc(1, sizeof *f);
    attrib_corpus_options options;
    assert_non_null(f);
    *state = f;
    if (!kronfluence_path("documents.jsonl")) {
        return 0;
    }
    check_ok(attrib_session_new(NULL, &f->session, &err), &err);
    check_ok(attrib_model_open(kronfluence_path("model"), NULL, &f->model, &err), &err);
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(f->model)->context;
    const char *path = kronfluence_path("documents.jsonl");
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){&path, 1}, NULL, &options,
                                &f->corpus, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    free(f);
    return 0;
}

static at_tensors *open_part(const char *folder, const char *file)
{
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    char name[256];
    snprintf(name, sizeof name, "%s/%s.safetensors", folder, file);
    check_ok(at_tensors_open(kronfluence_path(name), &tensors, &err), &err);
    return tensors;
}

/* The largest difference over the largest value of a tensor. */
static double difference(const at_tensors *tensors, const char *name, const double *got)
{
    attrib_error err = {0};
    const at_tensor *tensor = at_tensors_find(tensors, name);
    assert_non_null(tensor);
    double *want = calloc(tensor->n_elements, sizeof *want);
    assert_non_null(want);
    check_ok(at_tensor_to_f64(tensor, 0, tensor->n_elements, want, &err), &err);
    double worst = 0;
    double largest = 0;
    for (size_t i = 0; i < tensor->n_elements; i++) {
        worst = fmax(worst, fabs(got[i] - want[i]));
        largest = fmax(largest, fabs(want[i]));
    }
    free(want);
    return worst / largest;
}

static double *square_of(const double *triangle, size_t n)
{
    double *square = calloc(n * n, sizeof *square);
    assert_non_null(square);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            square[i * n + j] = square[j * n + i] = triangle[i * (i + 1) / 2 + j];
        }
    }
    return square;
}

static void check_covariances(const fixture *f, attrib_fisher fisher, const char *folder)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.fisher = fisher;
    check_ok(
        attrib_factors_fit(f->session, f->model, f->corpus, &options, &factors, &err),
        &err);
    assert_int_equal(factors->info.n_modules, chosen->n_modules);
    assert_int_equal(factors->info.n_tokens, chosen->n_tokens);
    assert_int_equal(factors->info.n_sequences, N_DOCUMENTS);
    at_tensors *a = open_part(folder, "activation_covariance");
    at_tensors *s = open_part(folder, "gradient_covariance");
    for (size_t m = 0; m < factors->info.n_modules; m++) {
        const at_factor *factor = &factors->factors[m];
        const char *name = attrib_model_module(f->model, factor->module)->name;
        double *square_a = square_of(factor->covariance_a, factor->in_dim);
        double *square_s = square_of(factor->covariance_s, factor->out_dim);
        assert_true(difference(a, name, square_a) < ACTIVATION_TOLERANCE);
        assert_true(difference(s, name, square_s) < SQUARES_TOLERANCE);
        free(square_a);
        free(square_s);
    }
    at_tensors_close(a);
    at_tensors_close(s);
    attrib_factors_close(factors);
}

static void test_kronfluence__covariances_of_data_labels(void **state)
{
    need_kronfluence();
    check_covariances(*state, ATTRIB_FISHER_EMPIRICAL, "factors_empirical");
}

static void test_kronfluence__covariances_of_drawn_labels(void **state)
{
    need_kronfluence();
    check_covariances(*state, ATTRIB_FISHER_SAMPLED, "factors_sampled");
}

/* Lambda in Kronfluence's own eigenbases, which leaves no freedom of sign or rotation. */
static void check_lambda(const fixture *f, attrib_fisher fisher, const char *folder)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    check_ok(attrib_factors_open(kronfluence_path(folder), f->model, &factors, &err),
             &err);
    assert_int_equal(factors->info.n_sequences, N_DOCUMENTS);
    assert_int_equal(factors->info.n_modules, chosen->n_modules);
    size_t tracked[MAX_MODULES];
    for (size_t m = 0; m < chosen->n_modules; m++) {
        tracked[m] = factors->factors[m].module;
        check_ok(at_factor_load(factors, m, AT_PIECES_BASIS, &factors->factors[m], &err),
                 &err);
    }
    factors->info.n_sequences = 0;
    at_source source = at_source_corpus(f->corpus);
    at_pass pass = {.session = f->session,
                    .model = f->model,
                    .tracked = tracked,
                    .n_tracked = chosen->n_modules,
                    .labels = fisher == ATTRIB_FISHER_SAMPLED ? AT_LABELS_SAMPLED
                                                              : AT_LABELS_DATA,
                    .block_rows = AT_BLOCK_ROWS,
                    .stage = "lambda",
                    .n_parts = 1};
    check_ok(at_fit_sums(&pass, &source, AT_FIT_LAMBDA, NULL, factors, &err), &err);
    at_tensors *lambda = open_part(folder, "lambda_matrix");
    for (size_t m = 0; m < chosen->n_modules; m++) {
        const char *map = attrib_model_module(f->model, tracked[m])->name;
        assert_true(difference(lambda, map, factors->factors[m].lambda) <
                    SQUARES_TOLERANCE);
    }
    at_tensors_close(lambda);
    attrib_factors_close(factors);
}

static void test_kronfluence__lambda_of_data_labels(void **state)
{
    need_kronfluence();
    check_lambda(*state, ATTRIB_FISHER_EMPIRICAL, "factors_empirical");
}

static void test_kronfluence__lambda_of_drawn_labels(void **state)
{
    need_kronfluence();
    check_lambda(*state, ATTRIB_FISHER_SAMPLED, "factors_sampled");
}

int main(int argc, char **argv)
{
    chosen = choose_kronfluence(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kronfluence__covariances_of_data_labels,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kronfluence__covariances_of_drawn_labels,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kronfluence__lambda_of_data_labels, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_kronfluence__lambda_of_drawn_labels, set_up,
                                        tear_down),
    };
    return run_cases(tests, NULL, NULL);
}

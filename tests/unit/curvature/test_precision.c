/* SPDX-License-Identifier: MIT */
/* Sums of a fit in bf16 against those in f32, of a model with maps wider than a panel.
 *
 * Tolerance: rows differ by at most 2^-5 of their norm (gradient/test_precision.c, whose
 * model has as many products), and are rounded once more, so that sums of products of two
 * rows differ by less than 2 (2^-5 + 2^-9) < 2^-3.8 of the sum's norm; squares of entries
 * that are products of two rows by twice that. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "curvature/fit.h"
#include "support/tiny.h"

#define N_SEQUENCES 20
#define N_TOKENS    9
#define WIDTH       8
#define MLP_WIDTH   900

typedef struct sequences {
    int32_t ids[N_SEQUENCES][N_TOKENS];
    uint8_t mask[N_TOKENS];
} sequences;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const sequences *s = context;
    *out = (attrib_sequence){
        .document = i, .n_tokens = 2 + i % 8, .ids = s->ids[i], .mask = s->mask};
}

/* Fitted factors of the model; the eigenbases of the second are those of the first. */
static attrib_factors *fit(const attrib_model *model,
                           const size_t *tracked,
                           size_t n_tracked,
                           attrib_precision precision,
                           const attrib_factors *first)
{
    static sequences s;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    at_pass pass = {.model = model,
                    .tracked = tracked,
                    .n_tracked = n_tracked,
                    .labels = AT_LABELS_DATA,
                    .block_rows = 40,
                    .n_parts = 1,
                    .precision = precision,
                    .rounds_weights = true};
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        for (size_t t = 0; t < N_TOKENS; t++) {
            s.mask[t] = t > 0;
            s.ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(3, i, t + 1));
        }
    }
    check_ok(at_factors_new(model, tracked, n_tracked, "mlp", &factors, &err), &err);
    check_ok(at_fit_sums(&pass, &source, AT_FIT_COVARIANCE, NULL, factors, &err), &err);
    if (!first) {
        check_ok(at_fit_eigenbases(NULL, factors, &err), &err);
    }
    for (size_t m = 0; first && m < n_tracked; m++) {
        const at_factor *from = &first->factors[m];
        at_factor *to = &factors->factors[m];
        check_ok(at_basis_new(&to->basis_a, &err), &err);
        check_ok(at_basis_new(&to->basis_s, &err), &err);
        for (size_t k = 0; k < to->in_dim * to->in_dim; k++) {
            to->basis_a.vectors[k] = from->basis_a.vectors[k];
        }
        for (size_t k = 0; k < to->out_dim * to->out_dim; k++) {
            to->basis_s.vectors[k] = from->basis_s.vectors[k];
        }
    }
    check_ok(at_fit_sums(&pass, &source, AT_FIT_LAMBDA, NULL, factors, &err), &err);
    return factors;
}

/* Fails unless two sums differ, and by less than `share` of their norm. */
static void check_near(const double *got, const double *want, size_t n, double share)
{
    double size = 0;
    double error = 0;
    for (size_t k = 0; k < n; k++) {
        size += want[k] * want[k];
        error += (got[k] - want[k]) * (got[k] - want[k]);
    }
    assert_true(error > 0);
    assert_true(sqrt(error) < share * sqrt(size));
}

static void test_precision__sums_in_bf16_are_near_those_in_f32(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = wide_model(1, WIDTH, MLP_WIDTH);
    size_t *tracked = NULL;
    size_t n = 0;
    if (!attrib_has_bf16()) {
        attrib_model_close(model);
        skip();
    }
    check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
    attrib_factors *exact = fit(model, tracked, n, ATTRIB_F32_PRODUCTS, NULL);
    attrib_factors *near = fit(model, tracked, n, ATTRIB_BF16_PRODUCTS, exact);
    for (size_t m = 0; m < n; m++) {
        const at_factor *want = &exact->factors[m];
        const at_factor *got = &near->factors[m];
        size_t in = want->in_dim;
        size_t out = want->out_dim;
        check_near(got->covariance_a, want->covariance_a, in * (in + 1) / 2, 0x1p-3);
        check_near(got->covariance_s, want->covariance_s, out * (out + 1) / 2, 0x1p-3);
        check_near(got->lambda, want->lambda, in * out, 0x1p-2);
    }
    attrib_factors_close(exact);
    attrib_factors_close(near);
    free(tracked);
    attrib_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision__sums_in_bf16_are_near_those_in_f32),
    };
    return run_cases(tests, NULL, NULL);
}

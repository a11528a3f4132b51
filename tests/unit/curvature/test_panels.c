/* SPDX-License-Identifier: MIT */
/* Sums of maps that are wider than the panels which products are taken in, against loops
 * in f64 over the same rows. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "curvature/fit.h"
#include "support/tiny.h"

/* 500 coordinates are two panels of covariances (384) and of Lambda (256), neither of
 * which ends with them. */
enum { N_SEQUENCES = 30, N_TOKENS = 5, N_ROWS = N_SEQUENCES * N_TOKENS, WIDE = 500 };

/* Half of f32's eps. */
#define UNIT 0x1p-24

typedef struct rows {
    int32_t ids[N_SEQUENCES][N_TOKENS];
    uint8_t mask[N_TOKENS];
    size_t i_map, in_dim, out_dim;
    float a[N_ROWS * WIDE], ds[N_ROWS * WIDE];
} rows;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const rows *r = context;
    *out = (attrib_sequence){
        .document = i, .n_tokens = N_TOKENS, .ids = r->ids[i], .mask = r->mask};
}

static attrib_status keep_rows(void *context,
                               void *scratch,
                               const attrib_visit *visit,
                               attrib_error *err)
{
    rows *r = context;
    size_t n_rows = visit->block->n_rows;
    (void)scratch;
    (void)err;
    if (visit->i_tracked == r->i_map) {
        size_t first = visit->block->first_sequence * N_TOKENS;
        memcpy(r->a + first * r->in_dim, visit->a, n_rows * r->in_dim * sizeof *r->a);
        memcpy(r->ds + first * r->out_dim, visit->ds,
               n_rows * r->out_dim * sizeof *r->ds);
    }
    return ATTRIB_OK;
}

/* Lower triangles of sums over rows; f32 sums N_ROWS products at most. */
static void check_covariance(const double *got, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double want = 0;
            double size = 0;
            for (size_t t = 0; t < N_ROWS; t++) {
                double product = (double)x[t * n + i] * (double)x[t * n + j];
                want += product;
                size += fabs(product);
            }
            assert_true(fabs(got[i * (i + 1) / 2 + j] - want) <= N_ROWS * UNIT * size);
        }
    }
}

/* Sums over sequences of squares of sums over tokens, as f32 sums them. */
static void check_lambda(const double *got, const rows *r)
{
    for (size_t o = 0; o < r->out_dim; o++) {
        for (size_t i = 0; i < r->in_dim; i++) {
            double want = 0;
            double allowed = 0;
            for (size_t s = 0; s < N_SEQUENCES; s++) {
                double g = 0;
                double size = 0;
                for (size_t t = s * N_TOKENS; t < (s + 1) * N_TOKENS; t++) {
                    double product = (double)r->ds[t * r->out_dim + o] *
                                     (double)r->a[t * r->in_dim + i];
                    g += product;
                    size += fabs(product);
                }
                want += g * g;
                allowed += 3 * N_TOKENS * UNIT * size * size;
            }
            assert_true(fabs(got[o * r->in_dim + i] - want) <= allowed);
        }
    }
}

static void test_panels__sums_of_wide_maps_are_those_of_loops(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = wide_model(1, 8, WIDE);
    attrib_factors *factors = NULL;
    size_t *tracked = NULL;
    size_t n = 0;
    attrib_fit_options options;
    rows *r = calloc(1, sizeof *r);
    assert_non_null(r);
    for (size_t t = 0; t < N_TOKENS; t++) {
        r->mask[t] = t > 0;
        for (size_t i = 0; i < N_SEQUENCES; i++) {
            r->ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(11, i, t));
        }
    }
    at_source source = {.context = r, .n_sequences = N_SEQUENCES, .get = get};
    check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
    attrib_fit_options_default(&options);
    at_pass pass = at_fit_pass(NULL, model, tracked, n, &options);
    check_ok(at_factors_new(model, tracked, n, "mlp", &factors, &err), &err);
    check_ok(at_fit_sums(&pass, &source, AT_FIT_COVARIANCE, NULL, factors, &err), &err);
    check_ok(at_fit_sums(&pass, &source, AT_FIT_LAMBDA, NULL, factors, &err), &err);
    assert_int_equal(n, 3);
    for (size_t m = 0; m < n; m++) {
        const at_factor *factor = &factors->factors[m];
        attrib_tap tap = {.context = r, .module = keep_rows};
        r->i_map = m;
        r->in_dim = factor->in_dim;
        r->out_dim = factor->out_dim;
        assert_true(r->in_dim == WIDE || r->out_dim == WIDE);
        check_ok(at_pass_run(&pass, &source, &tap, 1, &err), &err);
        check_covariance(factor->covariance_a, r->a, r->in_dim);
        check_covariance(factor->covariance_s, r->ds, r->out_dim);
        check_lambda(factor->lambda, r);
    }
    attrib_factors_close(factors);
    attrib_model_close(model);
    free(tracked);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panels__sums_of_wide_maps_are_those_of_loops),
    };
    return run_cases(tests, NULL, NULL);
}

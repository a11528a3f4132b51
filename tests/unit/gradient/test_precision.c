/* SPDX-License-Identifier: MIT */
/* Passes in bf16: near those in f32, the same bytes for any number of threads, and
 * whether weights are rounded once or by every product.
 *
 * Tolerance: rows of numbers are off by 2^-9.3 of their norm, as roundings of up to 2^-8
 * are, so that a product of two is off by less than 2^-8 sum |a||b|. Between the tokens
 * and any pair (a, ds) of the tiny model lie at most 8 products, forward and backward;
 * the norms between them keep relative errors as they are. So pairs differ by at most 8 x
 * 2^-8 = 2^-5 of their norm. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "gradient/pass.h"
#include "support/tiny.h"

#define N_SEQUENCES 60
#define N_TOKENS    9
#define N_MAPS      3
#define CAPACITY    ((size_t)N_SEQUENCES * N_TOKENS * 16)

typedef struct sequences {
    int32_t ids[N_SEQUENCES][N_TOKENS];
    uint8_t mask[N_TOKENS];
} sequences;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const sequences *s = context;
    *out = (attrib_sequence){
        .document = i, .n_tokens = 1 + i % N_TOKENS, .ids = s->ids[i], .mask = s->mask};
}

/* All that a pass hands out of each map, in the order of blocks. */
typedef struct record {
    float values[N_MAPS][CAPACITY];
    size_t n[N_MAPS];
    double loss;
} record;

static attrib_status keep_map(void *context,
                              void *scratch,
                              const attrib_visit *visit,
                              attrib_error *err)
{
    record *r = context;
    size_t m = visit->i_tracked;
    const float *sides[] = {visit->a, visit->ds};
    size_t widths[] = {visit->module->in_dim, visit->module->out_dim};
    (void)scratch;
    (void)err;
    for (size_t k = 0; k < 2; k++) {
        size_t n = visit->block->n_rows * widths[k];
        assert_true(r->n[m] + n <= CAPACITY);
        memcpy(r->values[m] + r->n[m], sides[k], n * sizeof(float));
        r->n[m] += n;
    }
    return ATTRIB_OK;
}

static attrib_status keep_loss(void *context,
                               void *scratch,
                               const attrib_block *block,
                               attrib_error *err)
{
    record *r = context;
    (void)scratch;
    (void)err;
    for (size_t s = 0; s < block->n_sequences; s++) {
        r->loss += block->losses[s];
    }
    return ATTRIB_OK;
}

static attrib_status run(attrib_precision precision,
                         bool rounds_weights,
                         size_t n_threads,
                         record *out,
                         attrib_error *err)
{
    static sequences s;
    attrib_status status = ATTRIB_OK;
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    attrib_tap tap = {
        .name = "keep", .context = out, .commit = keep_map, .finish = keep_loss};
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        for (size_t t = 0; t < N_TOKENS; t++) {
            s.mask[t] = t > 0;
            s.ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(3, i, t + 1));
        }
    }
    memset(out, 0, sizeof *out);
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &session, err), err);
    model = tiny_model();
    check_ok(attrib_model_select(model, "mlp", &tracked, &n_tracked, err), err);
    assert_int_equal(n_tracked, N_MAPS);
    at_pass pass = {.session = session,
                    .model = model,
                    .tracked = tracked,
                    .n_tracked = n_tracked,
                    .labels = AT_LABELS_DATA,
                    .block_rows = 20,
                    .stage = "test",
                    .precision = precision,
                    .rounds_weights = rounds_weights};
    status = at_pass_run(&pass, &source, &tap, 1, err);
    free(tracked);
    attrib_model_close(model);
    attrib_session_free(session);
    return status;
}

static record *run_well(attrib_precision precision, bool rounds_weights, size_t n_threads)
{
    attrib_error err = {0};
    record *out = malloc(sizeof *out);
    assert_non_null(out);
    check_ok(run(precision, rounds_weights, n_threads, out, &err), &err);
    return out;
}

static void test_precision__pairs_in_bf16_are_near_those_in_f32(void **state)
{
    (void)state;
    if (!attrib_has_bf16()) {
        skip();
    }
    record *exact = run_well(ATTRIB_F32_PRODUCTS, false, 1);
    record *near = run_well(ATTRIB_BF16_PRODUCTS, true, 1);
    for (size_t m = 0; m < N_MAPS; m++) {
        double size = 0;
        double error = 0;
        assert_int_equal(exact->n[m], near->n[m]);
        for (size_t k = 0; k < exact->n[m]; k++) {
            double x = (double)exact->values[m][k];
            double d = (double)near->values[m][k] - x;
            size += x * x;
            error += d * d;
        }
        assert_true(error > 0); /* they were rounded */
        assert_true(sqrt(error) < 0x1p-5 * sqrt(size));
    }
    assert_true(exact->loss != near->loss);
    assert_true(fabs(near->loss / exact->loss - 1) < 0x1p-5);
    free(exact);
    free(near);
}

static void test_precision__bytes_are_the_same_for_any_threads(void **state)
{
    static const size_t n_threads[] = {2, 3, 5};
    (void)state;
    if (!attrib_has_bf16()) {
        skip();
    }
    record *one = run_well(ATTRIB_BF16_PRODUCTS, true, 1);
    for (size_t i = 0; i < sizeof n_threads / sizeof *n_threads; i++) {
        record *many = run_well(ATTRIB_BF16_PRODUCTS, i % 2, n_threads[i]);
        assert_memory_equal(one, many, sizeof *one);
        free(many);
    }
    free(one);
}

/* Sums of all that a pass hands out. */
static attrib_status sum_map(void *context,
                             void *scratch,
                             const attrib_visit *visit,
                             attrib_error *err)
{
    double *sums = context;
    const attrib_module *module = visit->module;
    (void)scratch;
    (void)err;
    for (size_t k = 0; k < visit->block->n_rows * module->in_dim; k++) {
        sums[2 * visit->i_tracked] += (double)visit->a[k];
    }
    for (size_t k = 0; k < visit->block->n_rows * module->out_dim; k++) {
        sums[2 * visit->i_tracked + 1] += (double)visit->ds[k];
    }
    return ATTRIB_OK;
}

/* Matrices that are rounded, and multiplied, in several blocks of rows. */
static void test_precision__weights_of_many_blocks_are_rounded_alike(void **state)
{
    enum { WIDTH = 128, MLP_WIDTH = 20000 };

    static const int32_t ids[N_TOKENS] = {1, 5, 3, 9, 2, 2, 8, 0, 4};
    static const uint8_t mask[N_TOKENS] = {0, 1, 1, 1, 1, 1, 1, 1, 1};
    (void)state;
    attrib_error err = {0};
    double sums[2][2 * N_MAPS] = {{0}};
    size_t tracked[] = {4, 5, 6};
    if (!attrib_has_bf16()) {
        skip();
    }
    attrib_model *model = wide_model(1, WIDTH, MLP_WIDTH);
    for (int i = 0; i < 2; i++) {
        attrib_tap tap = {.name = "sum", .context = sums[i], .commit = sum_map};
        static sequences s;
        at_source source = {.context = &s, .n_sequences = 9, .get = get};
        memcpy(s.ids[8], ids, sizeof ids);
        memcpy(s.mask, mask, sizeof mask);
        at_pass pass = {.model = model,
                        .tracked = tracked,
                        .n_tracked = N_MAPS,
                        .block_rows = 512,
                        .stage = "test",
                        .precision = ATTRIB_BF16_PRODUCTS,
                        .rounds_weights = i == 1};
        check_ok(at_pass_run(&pass, &source, &tap, 1, &err), &err);
    }
    for (size_t m = 0; m < N_MAPS; m++) {
        assert_int_equal(attrib_model_module(model, tracked[m])->kind, ATTRIB_MODULE_MLP);
    }
    assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
    attrib_model_close(model);
}

static void test_precision__bf16_is_refused_without_its_instructions(void **state)
{
    (void)state;
    attrib_error err = {0};
    record *out = malloc(sizeof *out);
    attrib_precision chosen = ATTRIB_AUTO_PRODUCTS;
    assert_non_null(out);
    if (attrib_has_bf16()) {
        free(out);
        skip();
    }
    check_fails(run(ATTRIB_BF16_PRODUCTS, true, 1, out, &err), ATTRIB_ENOTSUP, &err);
    check_message(&err, "precision bf16: this processor has no instructions");
    check_ok(attrib_precision_choose(ATTRIB_AUTO_PRODUCTS, &chosen, &err), &err);
    assert_int_equal(chosen, ATTRIB_F32_PRODUCTS);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_precision__pairs_in_bf16_are_near_those_in_f32),
        cmocka_unit_test(test_precision__bytes_are_the_same_for_any_threads),
        cmocka_unit_test(test_precision__weights_of_many_blocks_are_rounded_alike),
        cmocka_unit_test(test_precision__bf16_is_refused_without_its_instructions),
    };
    return run_cases(tests, NULL, NULL);
}

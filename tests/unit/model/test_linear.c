/* SPDX-License-Identifier: MIT */
/* Products with matrices of several blocks of rows, plain and transposed, with and
 * without a bias: against sums in f64, and the same bytes where weights are widened when
 * used. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/layers.h"
#include "tiny.h"

enum { IN = 1500, OUT = 1501, N = 3 }; /* 2.25 million weights: two blocks */

typedef struct fixture {
    uint16_t *bits; /* [IN, OUT] or [OUT, IN] in BF16 */
    float *values;  /* the same in f32 */
    float bias[OUT];
    float a[N][IN + 1]; /* with a 1 behind */
    float d_out[N][OUT];
    at_tensor tensor;
    at_linear linear; /* in memory */
    at_widener widener;
} fixture;

static float draw(uint64_t *seed)
{
    return (float)(tiny_random(seed) - 0.5);
}

static void make(fixture *f, bool is_transposed)
{
    uint64_t seed = 17;
    attrib_error err = {0};
    const size_t n = (size_t)IN * OUT;
    memset(f, 0, sizeof *f);
    f->bits = calloc(n, sizeof *f->bits);
    f->values = calloc(n, sizeof *f->values);
    assert_true(f->bits && f->values);
    for (size_t i = 0; i < n; i++) {
        float value = draw(&seed);
        uint32_t bits = 0;
        memcpy(&bits, &value, sizeof bits);
        f->bits[i] = (uint16_t)(bits >> 16);
        bits &= 0xFFFF0000;
        memcpy(&f->values[i], &bits, sizeof bits);
    }
    for (size_t o = 0; o < OUT; o++) {
        f->bias[o] = draw(&seed);
    }
    for (size_t t = 0; t < N; t++) {
        for (size_t i = 0; i < IN; i++) {
            f->a[t][i] = draw(&seed);
        }
        f->a[t][IN] = 1;
        for (size_t o = 0; o < OUT; o++) {
            f->d_out[t][o] = draw(&seed);
        }
    }
    f->linear = (at_linear){.weight = {.n_rows = is_transposed ? IN : OUT,
                                       .n_columns = is_transposed ? OUT : IN,
                                       .values = f->values},
                            .bias = f->bias,
                            .in_dim = IN + 1,
                            .out_dim = OUT,
                            .has_bias = true,
                            .is_transposed = is_transposed};
    f->tensor = (at_tensor){.name = "w",
                            .dtype = ATTRIB_BF16,
                            .n_dims = 2,
                            .n_elements = n,
                            .n_bytes = 2 * n,
                            .data = (const unsigned char *)f->bits,
                            .path = "p"};
    assert_true(at_matrix_block_rows(&f->linear.weight) < f->linear.weight.n_rows);
    check_ok(at_widener_reserve(&f->widener, n, &err), &err);
}

static void clean(fixture *f)
{
    at_widener_free(&f->widener);
    free(f->bits);
    free(f->values);
}

static double weight(const fixture *f, size_t o, size_t i)
{
    return (double)f->values[f->linear.is_transposed ? i * OUT + o : o * IN + i];
}

/* Sums of 1500 products of sizes up to 1/4, each rounded by 6e-8 of the sum so far (some
 * 4 at most): sqrt(1500) 4 6e-8 = 1e-5. */
static void test_linear__blocks_are_the_whole_product(void **state)
{
    (void)state;
    for (size_t is_transposed = 0; is_transposed < 2; is_transposed++) {
        static fixture f;
        static float out[N][OUT];
        static float d_a[N][IN];
        static double want[N * OUT];
        static double want_back[N * IN];
        make(&f, is_transposed);
        for (size_t t = 0; t < N; t++) {
            for (size_t o = 0; o < OUT; o++) {
                out[t][o] = 0.5f;
                want[t * OUT + o] = 0.5 + (double)f.bias[o];
                for (size_t i = 0; i < IN; i++) {
                    want[t * OUT + o] += weight(&f, o, i) * (double)f.a[t][i];
                }
            }
            for (size_t i = 0; i < IN; i++) {
                d_a[t][i] = -0.25f;
                want_back[t * IN + i] = -0.25;
                for (size_t o = 0; o < OUT; o++) {
                    want_back[t * IN + i] += weight(&f, o, i) * (double)f.d_out[t][o];
                }
            }
        }
        at_linear_forward(&f.widener, &f.linear, f.a[0], N, 1.0f, out[0], OUT);
        check_close_f32(out[0], want, (size_t)N * OUT, 0, 1e-5, "forward");
        at_linear_backward(&f.widener, &f.linear, f.d_out[0], OUT, N, 1.0f, d_a[0]);
        check_close_f32(d_a[0], want_back, (size_t)N * IN, 0, 1e-5, "backward");
        memset(out, 0x7F, sizeof out); /* a single row, over what is not a number */
        at_linear_forward(&f.widener, &f.linear, f.a[0], 1, 0.0f, out[0], OUT);
        for (size_t o = 0; o < OUT; o++) {
            want[o] -= 0.5;
        }
        check_close_f32(out[0], want, OUT, 0, 1e-5, "one row");
        clean(&f);
    }
}

static void test_linear__widened_weights_give_the_same_bytes(void **state)
{
    (void)state;
    for (size_t is_transposed = 0; is_transposed < 2; is_transposed++) {
        static fixture f;
        static float out[2][N][OUT];
        static float one[2][OUT];
        static float d_a[2][N][IN];
        make(&f, is_transposed);
        for (size_t i = 0; i < 2; i++) {
            if (i == 1) {
                f.linear.weight.values = NULL;
                f.linear.weight.tensor = &f.tensor;
            }
            at_linear_forward(&f.widener, &f.linear, f.a[0], N, 0.0f, out[i][0], OUT);
            at_linear_forward(&f.widener, &f.linear, f.a[0], 1, 0.0f, one[i], OUT);
            at_linear_backward(&f.widener, &f.linear, f.d_out[0], OUT, N, 0.0f,
                               d_a[i][0]);
        }
        assert_memory_equal(out[0], out[1], sizeof out[0]);
        assert_memory_equal(one[0], one[1], sizeof one[0]);
        assert_memory_equal(d_a[0], d_a[1], sizeof d_a[0]);
        clean(&f);
    }
}

/* Rows of two heads of four: halves interleaved, and three kinds of two heads. */
static void test_linear__rows_in_other_orders_are_put_back(void **state)
{
    (void)state;
    attrib_error err = {0};
    float file[12];
    float got[12];
    const float paired[8] = {0, 2, 1, 3, 4, 6, 5, 7};
    const float by_kind[12] = {0, 1, 4, 5, 8, 9, 2, 3, 6, 7, 10, 11};
    for (size_t i = 0; i < 12; i++) {
        file[i] = (float)i;
    }
    at_tensor tensor = {.name = "w", .dtype = ATTRIB_F32, .n_dims = 1, .n_elements = 12};
    tensor.data = (const unsigned char *)file;
    at_matrix matrix = {.n_rows = 8,
                        .n_columns = 1,
                        .tensor = &tensor,
                        .order = AT_ROWS_PAIRED,
                        .head_dim = 4};
    check_ok(at_matrix_rows(&matrix, 0, 8, got, &err), &err);
    assert_memory_equal(got, paired, sizeof paired);
    matrix.order = AT_ROWS_BY_KIND; /* two heads of two: q q, k k, v v in the file */
    matrix.n_rows = 12;
    matrix.head_dim = 2;
    check_ok(at_matrix_rows(&matrix, 0, 12, got, &err), &err);
    assert_memory_equal(got, by_kind, sizeof by_kind);
    check_ok(at_matrix_rows(&matrix, 3, 2, got, &err), &err);
    assert_memory_equal(got, by_kind + 3, 2 * sizeof *got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear__blocks_are_the_whole_product),
        cmocka_unit_test(test_linear__widened_weights_give_the_same_bytes),
        cmocka_unit_test(test_linear__rows_in_other_orders_are_put_back),
    };
    return run_cases(tests, NULL, NULL);
}

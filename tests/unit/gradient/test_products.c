/* SPDX-License-Identifier: MIT */
/* The tap of products: the same bytes for any threads and whatever other vectors there
 * are, the decoder's own products, and what it does not go with. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "gradient/products.h"
#include "support/tiny.h"

#define N_SEQUENCES 40
#define MOST_TOKENS 9
#define N_MAPS      3
#define N_VECTORS   3
#define N_ENTRIES   24 /* of each MLP map */

typedef struct sequences {
    int32_t ids[N_SEQUENCES][MOST_TOKENS];
    uint8_t mask[N_SEQUENCES][MOST_TOKENS];
    size_t n_tokens[N_SEQUENCES];
} sequences;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const sequences *s = context;
    *out = (attrib_sequence){
        .document = i, .n_tokens = s->n_tokens[i], .ids = s->ids[i], .mask = s->mask[i]};
}

static void make_sequences(sequences *s)
{
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        s->n_tokens[i] = 1 + (size_t)(MOST_TOKENS * at_uniform(3, i, 0));
        for (size_t t = 0; t < MOST_TOKENS; t++) {
            s->ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(3, i, t + 1));
            s->mask[i][t] = t > 0 && at_uniform(4, i, t) < 0.7;
        }
    }
}

/* Vectors first .. first + n of all, over maps `tracked`. */
typedef struct work {
    float p[N_VECTORS][N_MAPS][N_ENTRIES];
    double sum[N_VECTORS][N_MAPS][N_ENTRIES];
    const float *vectors[N_MAPS][N_VECTORS];
    double *sums[N_MAPS][N_VECTORS];
    at_product_map maps[N_MAPS];
    at_products products;
} work;

static void make_work(work *w, size_t first, size_t n)
{
    memset(w, 0, sizeof *w);
    for (size_t m = 0; m < N_MAPS; m++) {
        for (size_t k = 0; k < n; k++) {
            for (size_t i = 0; i < N_ENTRIES; i++) {
                w->p[k][m][i] = (float)(at_uniform(first + k, m, i) - 0.5);
            }
            w->vectors[m][k] = w->p[k][m];
            w->sums[m][k] = w->sum[k][m];
        }
        bool is_down = m == 2;
        w->maps[m] =
            (at_product_map){is_down ? 4 : 6, is_down ? 6 : 4, w->vectors[m], w->sums[m]};
    }
    w->products = (at_products){w->maps, n};
}

static attrib_status multiply(work *w,
                              size_t n_threads,
                              size_t block_rows,
                              const attrib_tap *also,
                              attrib_error *err)
{
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_model *model = tiny_model();
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    sequences s;
    make_sequences(&s);
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &session, err), err);
    check_ok(attrib_model_select(model, "mlp", &tracked, &n_tracked, err), err);
    assert_int_equal(n_tracked, N_MAPS);
    at_pass pass = {.session = session,
                    .model = model,
                    .tracked = tracked,
                    .n_tracked = n_tracked,
                    .labels = AT_LABELS_DATA,
                    .block_rows = block_rows,
                    .stage = "test"};
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    attrib_tap taps[2] = {at_products_tap(&w->products)};
    taps[1] = also ? *also : taps[1];
    attrib_status status = at_pass_run(&pass, &source, taps, also ? 2 : 1, err);
    free(tracked);
    attrib_session_free(session);
    attrib_model_close(model);
    return status;
}

static void test_products__same_bytes_for_any_threads(void **state)
{
    (void)state;
    attrib_error err = {0};
    static work one;
    static work many;
    make_work(&one, 0, N_VECTORS);
    check_ok(multiply(&one, 1, 12, NULL, &err), &err);
    for (size_t n_threads = 2; n_threads <= 4; n_threads++) {
        make_work(&many, 0, N_VECTORS);
        check_ok(multiply(&many, n_threads, 12, NULL, &err), &err);
        assert_memory_equal(one.sum, many.sum, sizeof one.sum);
    }
}

static void test_products__same_bytes_with_any_vectors_beside(void **state)
{
    (void)state;
    attrib_error err = {0};
    static work together;
    static work alone;
    make_work(&together, 0, N_VECTORS);
    check_ok(multiply(&together, 2, 12, NULL, &err), &err);
    for (size_t k = 0; k < N_VECTORS; k++) {
        make_work(&alone, k, 1);
        check_ok(multiply(&alone, 2, 12, NULL, &err), &err);
        assert_memory_equal(alone.sum[0], together.sum[k], sizeof alone.sum[0]);
    }
}

/* H is symmetric and positive, and blocks change rounding only: a sum of at most 200 f32
 * products of size 1, 200 x 2^-24 = 1.2e-5. */
static void test_products__are_of_one_symmetric_matrix(void **state)
{
    (void)state;
    attrib_error err = {0};
    static work small;
    static work large;
    double dots[N_VECTORS][N_VECTORS] = {{0}};
    make_work(&small, 0, N_VECTORS);
    make_work(&large, 0, N_VECTORS);
    check_ok(multiply(&small, 1, 1, NULL, &err), &err);
    check_ok(multiply(&large, 1, 1000, NULL, &err), &err);
    check_close_f64(small.sum[0][0], large.sum[0][0], N_VECTORS * N_MAPS * N_ENTRIES,
                    1e-5, 1.2e-5, "sums");
    for (size_t k = 0; k < N_VECTORS * N_VECTORS * N_MAPS * N_ENTRIES; k++) {
        size_t i = k % N_ENTRIES;
        size_t m = k / N_ENTRIES % N_MAPS;
        size_t u = k / (N_MAPS * N_ENTRIES) / N_VECTORS;
        size_t v = k / (N_MAPS * N_ENTRIES) % N_VECTORS;
        dots[u][v] += (double)small.p[u][m][i] * small.sum[v][m][i];
    }
    for (size_t u = 0; u < N_VECTORS; u++) {
        assert_true(dots[u][u] > 0);
        for (size_t v = 0; v < u; v++) {
            double size = sqrt(dots[u][u] * dots[v][v]);
            assert_true(fabs(dots[u][v] - dots[v][u]) < 1e-5 * size);
        }
    }
}

static void test_products__do_not_go_with_other_modes(void **state)
{
    (void)state;
    static work w;
    attrib_error err = {0};
    const attrib_tap other = {.name = "other"};
    make_work(&w, 0, 1);
    check_fails(multiply(&w, 1, 12, &other, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "products of 1 and 0 vectors");
    attrib_tap deep = at_products_tap(&w.products);
    deep.wants_states = true;
    err = (attrib_error){0};
    check_fails(multiply(&w, 1, 12, &deep, &err), ATTRIB_EINVAL, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products__same_bytes_for_any_threads),
        cmocka_unit_test(test_products__same_bytes_with_any_vectors_beside),
        cmocka_unit_test(test_products__are_of_one_symmetric_matrix),
        cmocka_unit_test(test_products__do_not_go_with_other_modes),
    };
    return run_cases(tests, NULL, NULL);
}

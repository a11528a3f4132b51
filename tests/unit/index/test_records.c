/* SPDX-License-Identifier: MIT */
/* What records are made of, against dense algebra in f64 and plain division: components
 * of gradients made up of random rows against an SVD, and vectors in digits. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "linalg/linalg.h"
#include "made.h"

/* Components are those of an SVD, also where rows were reduced first. */
static void test_components__are_the_largest_of_an_svd(void **state)
{
    static made m;
    static const size_t rows[] = {1, 7, 30, 64, 200};
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (int kind = PLAIN; kind <= REPEATED; kind++) {
            make_rows(&m, kind, rows[r]);
            size_t n = at_smaller(out_dims[0], in_dims[0]);
            double h[MOST_DIM * MOST_DIM];
            double u[MOST_DIM * MOST_DIM];
            double s[MOST_DIM];
            double v[MOST_DIM * MOST_DIM];
            attrib_error err = {0};
            at_found found = find(&m, 0, 6, false);
            memcpy(h, m.h[0], sizeof h);
            check_ok(at_svd(out_dims[0], in_dims[0], h, u, s, v, &err), &err);
            assert_true(n >= found.components.n && found.components.n >= 1);
            for (size_t c = 0; c < found.components.n; c++) {
                const float *left = found.components.u + c * out_dims[0];
                const float *right = found.components.v + c * in_dims[0];
                double with = 0; /* u' H v, which is sigma */
                for (size_t i = 0; i < out_dims[0]; i++) {
                    for (size_t j = 0; j < in_dims[0]; j++) {
                        with += (double)left[i] * m.h[0][i * in_dims[0] + j] *
                                (double)right[j];
                    }
                }
                /* Gram matrices in f32 lose half of its digits: 2^-12 of the first. */
                assert_true(fabs(found.components.sigma[c] - s[c]) <= 2e-3 * s[0]);
                assert_true(fabs(with - s[c]) <= 2e-3 * s[0]);
            }
            free_found(&found);
        }
    }
}

enum { WIDE_ROWS = 200, WIDE_O = 150, WIDE_I = 120 };

/* Rows that are more than what they are reduced to, of a map that is wider than that: the
 * first components are those of an SVD, though the range is cut. */
static void test_components__survive_reduction(void **state)
{
    static float ds[WIDE_ROWS * WIDE_O];
    static float a[WIDE_ROWS * WIDE_I];
    static double h[WIDE_O * WIDE_I];
    static double u[WIDE_O * WIDE_I];
    static double v[WIDE_I * WIDE_I];
    static float found_u[6 * WIDE_O];
    static float found_v[6 * WIDE_I];
    double s[WIDE_I];
    double sigma[6];
    const at_row_product rows = {ds, a, WIDE_ROWS, WIDE_O, WIDE_I};
    at_components found = {0, found_u, found_v, sigma};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    (void)state;
    for (size_t i = 0; i < WIDE_ROWS * WIDE_O; i++) {
        ds[i] = (float)(draw() / (1 + (double)(i / WIDE_O) / 10));
    }
    for (size_t i = 0; i < WIDE_ROWS * WIDE_I; i++) {
        a[i] = (float)draw();
    }
    for (size_t t = 0; t < WIDE_ROWS; t++) {
        for (size_t e = 0; e < WIDE_O * WIDE_I; e++) {
            h[e] +=
                (double)ds[t * WIDE_O + e / WIDE_I] * (double)a[t * WIDE_I + e % WIDE_I];
        }
    }
    check_ok(at_component_deal(&rows, 6, false, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&rows, 6, false, &bank, &scratch, &err), &err);
    at_component_task task = {rows, 6, 0, &found};
    check_ok(at_components_find(&task, 1, false, &scratch, &err), &err);
    check_ok(at_svd(WIDE_O, WIDE_I, h, u, s, v, &err), &err);
    assert_int_equal(found.n, 6);
    for (size_t c = 0; c < 6; c++) {
        assert_true(fabs(sigma[c] - s[c]) <= 2e-3 * s[0]);
    }
    free(memory);
}

/* Components of equal sizes, whose vectors are any that are orthogonal: sum_c sigma u v'
 * is H, the identity, all the same. */
static void test_components__of_equal_sizes_are_orthogonal(void **state)
{
    enum { N = 6 };

    float unit[N * N] = {0};
    float u[N * N];
    float v[N * N];
    double sigma[N];
    const at_row_product rows = {unit, unit, N, N, N};
    at_components found = {0, u, v, sigma};
    at_component_task task = {rows, N, 0, &found};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        unit[i * N + i] = 1;
    }
    check_ok(at_component_deal(&rows, N, false, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&rows, N, false, &bank, &scratch, &err), &err);
    check_ok(at_components_find(&task, 1, false, &scratch, &err), &err);
    at_components_make_unit(&found, found.n, N, N);
    assert_int_equal(found.n, N);
    for (size_t i = 0; i < (size_t)N * N; i++) {
        double sum = 0;
        for (size_t c = 0; c < N; c++) {
            sum += sigma[c] * (double)u[c * N + i / N] * (double)v[c * N + i % N];
        }
        assert_true(fabs(sum - (i % (N + 1) == 0)) <= 1e-5);
    }
    free(memory);
}

/* Products of many sizes at once, in any order, have the components of each alone. */
static void test_components__are_those_of_a_product_alone(void **state)
{
    enum { N_TASKS = 21, MOST = 5 };

    static const size_t counts[] = {3, 17, 64, 1, 30, 65, 9};
    static made all[N_TASKS];
    at_found alone[N_TASKS];
    at_component_task tasks[N_TASKS];
    at_components found[N_TASKS];
    const at_row_product most = {
        .n_rows = 65, .out_dim = out_dims[0], .in_dim = in_dims[0]};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    (void)state;
    for (size_t k = 0; k < N_TASKS; k++) {
        make_rows(&all[k], PLAIN, counts[k % 7]);
        alone[k] = find(&all[k], 0, MOST, false);
        found[k] = (at_components){0, calloc(MOST, out_dims[0] * sizeof(float)),
                                   calloc(MOST, in_dims[0] * sizeof(float)),
                                   calloc(MOST, sizeof(double))};
        tasks[k] = (at_component_task){
            {all[k].ds[0], all[k].a[0], all[k].n_rows, out_dims[0], in_dims[0]},
            at_smaller(MOST, all[k].n_rows),
            0,
            &found[k]};
    }
    check_ok(at_component_deal(&most, MOST, false, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&most, MOST, false, &bank, &scratch, &err), &err);
    check_ok(at_components_find(tasks, N_TASKS, false, &scratch, &err), &err);
    for (size_t k = 0; k < N_TASKS; k++) {
        const at_components *one = &alone[k].components;
        size_t n = one->n;
        at_components_make_unit(&found[k], n, out_dims[0], in_dims[0]);
        assert_int_equal(found[k].n, n);
        assert_memory_equal(found[k].sigma, one->sigma, n * sizeof(double));
        assert_memory_equal(found[k].u, one->u, n * out_dims[0] * sizeof(float));
        assert_memory_equal(found[k].v, one->v, n * in_dims[0] * sizeof(float));
        free_found(&alone[k]);
        free(found[k].u);
        free(found[k].v);
        free(found[k].sigma);
    }
    free(memory);
}

/* Trits are of multiples whose sums are those returned. */
static void test_trits__are_of_what_is_returned(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 40; n++) {
        for (unsigned d = 1; d <= AT_MOST_DIGITS; d++) {
            float x[40];
            uint8_t bytes[AT_MOST_DIGITS * 8];
            double with = 0;
            double square = 0;
            double sum = 0;
            for (size_t i = 0; i < n; i++) {
                x[i] = (float)draw();
            }
            at_rounding got = at_trits_put(x, n, d, bytes);
            for (size_t i = 0; i < n; i++) {
                int q = plain_multiple(bytes, n, d, i);
                with += (double)x[i] * q;
                square += (double)q * q;
                sum += (double)x[i] * (double)x[i];
            }
            assert_true(fabs(with - got.with) <= 1e-5 * (fabs(with) + 1));
            assert_true(square == got.square && square > 0);
            assert_true(fabs(got.norm * got.norm - sum) <= 1e-6 * sum);
            /* Normal numbers lose 19 %, 3 % and 0.5 % in the mean. */
            const double lost[] = {0.5, 0.2, 0.05};
            assert_true(sum - with * with / square <= lost[d - 1] * sum);
        }
    }
}

/* Numbers that are all 0 are kept as 0. */
static void test_trits__keep_zeros(void **state)
{
    const float x[7] = {0};
    uint8_t bytes[2];
    (void)state;
    assert_true(at_trits_put(x, 7, 1, bytes).square == 0);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(plain_multiple(bytes, 7, 1, i), 0);
    }
}

/* Every byte, in every digit, of every number of numbers that reading may end with: each
 * stands at its place, whether or not there is more to be read behind the last byte; and
 * rows that are read in order do not disturb each other. */
static void test_trits__are_read_at_their_places(void **state)
{
    enum { MOST = 700, MOST_BYTES = MOST / 5, N_ROWS = 3 };

    static int16_t rows[N_ROWS * (MOST + 5) + AT_TRITS_PADDING];
    (void)state;
    drawn = 0;
    for (size_t n = 1; n <= MOST; n++) {
        size_t n_bytes = at_trits_bytes(n);
        unsigned d = (unsigned)(n % AT_MOST_DIGITS) + 1;
        uint8_t *bytes = malloc(N_ROWS * d * n_bytes); /* a sanitizer guards its end */
        assert_non_null(bytes);
        for (size_t k = 0; k < N_ROWS * d * n_bytes; k++) {
            bytes[k] = (uint8_t)(at_uniform(0x1dec5, 2, drawn++) * AT_TRITS_VALUES);
        }
        for (size_t r = 0; r < N_ROWS; r++) {
            at_trits_get(bytes + r * d * n_bytes, bytes + N_ROWS * d * n_bytes, n, d,
                         rows + r * 5 * n_bytes);
        }
        for (size_t i = 0; i < N_ROWS * n; i++) {
            size_t r = i / n;
            assert_int_equal(rows[r * 5 * n_bytes + at_trits_place(n, i % n)],
                             plain_multiple(bytes + r * d * n_bytes, n, d, i % n));
        }
        free(bytes);
    }
}

/* All 243 bytes have the digits that division gives. */
static void test_trits__are_digits_of_all_bytes(void **state)
{
    uint8_t bytes[AT_TRITS_VALUES];
    int16_t out[AT_TRITS_VALUES * 5 + AT_TRITS_PADDING];
    size_t n = sizeof bytes * 5;
    (void)state;
    for (size_t b = 0; b < sizeof bytes; b++) {
        bytes[b] = (uint8_t)b;
    }
    at_trits_get(bytes, bytes + sizeof bytes, n, 1, out);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(out[at_trits_place(n, i)], plain_multiple(bytes, n, 1, i));
    }
}

/* Pack what was found of both maps; where is_cut, without the components that are too
 * small to be kept, as the choice says of the maps before. Returns how many these are. */
static size_t pack_found(const at_index_shape *shape,
                         const at_found *found,
                         bool is_cut,
                         uint8_t *record)
{
    attrib_error err = {0};
    at_choice *choice = NULL;
    attrib_bank bank = {0};
    at_found some[N_MAPS];
    size_t n_cut = 0;
    check_ok(at_choice_deal(shape, 1, &bank, &choice, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_choice_deal(shape, 1, &bank, &choice, &err), &err);
    for (size_t k = 0; k < N_MAPS; k++) {
        at_components *all = &some[k].components;
        some[k] = found[k];
        while (is_cut && all->n > 0 &&
               all->sigma[all->n - 1] < at_choice_least(choice, 0, k)) {
            all->n--;
            n_cut++;
        }
        at_choice_add(shape, choice, 0, k, all);
    }
    at_record_pack(shape, some, choice, 0, record);
    free(memory);
    return n_cut;
}

/* Bytes of a record that its components leave. */
static size_t bytes_left(const at_index_shape *shape, const uint8_t *record)
{
    at_record_reader reader;
    at_record_begin(shape, record, &reader);
    for (size_t k = 0; k < N_MAPS; k++) {
        size_t n = at_record_map(shape, &reader, k).n;
        for (size_t c = 0; c < n; c++) {
            (void)at_record_next(shape, k, &reader);
        }
    }
    return shape->record_bytes - reader.at;
}

/* What is dropped as too small before it is found would not have been kept: a record has
 * the same bytes without it. And records are full where there is more to keep. */
static void test_choices__need_nothing_of_what_is_too_small(void **state)
{
    static made m;
    static uint8_t whole[1200];
    static uint8_t cut[1200];
    size_t n_cut = 0;
    size_t n_full = 0;
    (void)state;
    drawn = 0;
    for (size_t i = 0; i < 60; i++) {
        at_index_shape shape = shape_of(60 + i * 10, false);
        at_found found[N_MAPS];
        size_t n_all = 0;
        make_rows(&m, i % 2 ? PLAIN : DECAYING, 12 + i % 9);
        for (size_t k = 0; k < N_MAPS; k++) {
            found[k] = find(&m, k, at_most_components(&shape, k), false);
            n_all += found[k].components.n * at_component_bytes(&shape.maps[k], 3);
        }
        (void)pack_found(&shape, found, false, whole);
        n_cut += pack_found(&shape, found, true, cut);
        assert_memory_equal(whole, cut, shape.record_bytes);
        if (n_all > shape.record_bytes) {
            assert_true(bytes_left(&shape, whole) <=
                        at_component_bytes(&shape.maps[1], 1));
            n_full++;
        }
        for (size_t k = 0; k < N_MAPS; k++) {
            free_found(&found[k]);
        }
        at_index_shape_free(&shape);
    }
    assert_true(n_cut > 20 && n_full > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components__are_the_largest_of_an_svd),
        cmocka_unit_test(test_components__survive_reduction),
        cmocka_unit_test(test_components__of_equal_sizes_are_orthogonal),
        cmocka_unit_test(test_components__are_those_of_a_product_alone),
        cmocka_unit_test(test_trits__are_of_what_is_returned),
        cmocka_unit_test(test_trits__keep_zeros),
        cmocka_unit_test(test_trits__are_read_at_their_places),
        cmocka_unit_test(test_trits__are_digits_of_all_bytes),
        cmocka_unit_test(test_choices__need_nothing_of_what_is_too_small),
    };
    at_blas_single_threaded();
    return run_cases(tests, NULL, NULL);
}

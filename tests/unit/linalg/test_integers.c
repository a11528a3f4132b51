/* SPDX-License-Identifier: MIT */
/* Products of integers against plain sums in 64 bits: exact. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "linalg/integers.h"

enum { MOST_ROWS = 19, MOST_PAIRS = 300, N_COLUMNS = 16 };

static uint32_t seed = 1;

/* An integer from -most to most. */
static int16_t draw(int most)
{
    seed = seed * 1664525u + 1013904223u;
    return (int16_t)((int)((seed >> 8) % (2 * (unsigned)most + 1)) - most);
}

/* Check a product of x [n, 2 n_pairs] and y [2 n_pairs, 16], both in plain order. */
static void check_product(size_t n, size_t n_pairs, const int16_t *x, const int16_t *y)
{
    static int16_t laid[2 * MOST_PAIRS * N_COLUMNS];
    int32_t out[(MOST_ROWS + 1) * N_COLUMNS];
    memset(out, 0x5A, sizeof out);
    for (size_t k = 0; k < 2 * n_pairs * N_COLUMNS; k++) {
        laid[at_integer_place(k / N_COLUMNS, k % N_COLUMNS)] = y[k];
    }
    at_integer_product(n, n_pairs, x, laid, out);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < N_COLUMNS; j++) {
            int64_t sum = 0;
            for (size_t k = 0; k < 2 * n_pairs; k++) {
                sum += (int64_t)x[i * 2 * n_pairs + k] * y[k * N_COLUMNS + j];
            }
            assert_true(out[i * N_COLUMNS + j] == sum);
        }
    }
    for (size_t j = 0; j < N_COLUMNS; j++) {
        assert_int_equal(out[n * N_COLUMNS + j], 0x5A5A5A5A);
    }
}

static void test_product__is_exact(void **state)
{
    static int16_t x[MOST_ROWS * 2 * MOST_PAIRS];
    static int16_t y[2 * MOST_PAIRS * N_COLUMNS];
    static const size_t pairs[] = {0, 1, 2, 3, 7, 66, 226, MOST_PAIRS};
    (void)state;
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        for (size_t n = 0; n <= MOST_ROWS; n++) {
            for (size_t k = 0; k < n * 2 * pairs[p]; k++) {
                x[k] = draw(13);
            }
            for (size_t k = 0; k < 2 * pairs[p] * N_COLUMNS; k++) {
                y[k] = draw(INT16_MAX);
            }
            check_product(n, pairs[p], x, y);
        }
    }
}

/* Sums come as close to 2^31 as they may, on either side. */
static void test_product__holds_large_sums(void **state)
{
    enum { N = 9, N_X = N * 2, N_Y = 2 * N_COLUMNS };

    int16_t x[N_X];
    int16_t y[N_Y];
    (void)state;
    for (size_t k = 0; k < N_X; k++) {
        x[k] = (int16_t)(k / 2 % 2 == 0 ? INT16_MAX : INT16_MIN);
    }
    for (size_t k = 0; k < N_Y; k++) {
        y[k] = (int16_t)(k % 3 == 0 ? -INT16_MAX : INT16_MAX);
    }
    check_product(N, 1, x, y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product__is_exact),
        cmocka_unit_test(test_product__holds_large_sums),
    };
    return run_cases(tests, NULL, NULL);
}

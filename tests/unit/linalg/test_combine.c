/* SPDX-License-Identifier: MIT */
/* Rows made of others, to the bit: against sums in the order of the rows, number by
 * number, which share no code with the tiles; and nothing is written beside them. */
#include "support/check.h"

#include <stdlib.h>

#include "linalg/linalg.h"

enum { MOST_M = 13, MOST_K = 9, MOST_N = 150 };

static float draw(void)
{
    static uint32_t seed = 3;
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (float)(1u << 23) - 1;
}

static float expected(const float *x, const float *y, size_t k, size_t n)
{
    volatile float sum = 0; /* so that each is rounded */
    for (size_t t = 0; t < k; t++) {
        volatile float product = x[t] * y[t * n];
        sum += product;
    }
    return sum;
}

static void check(size_t m, size_t n, size_t k, const float *x, const float *y)
{
    static float out[MOST_M * MOST_N + 1];
    for (size_t i = 0; i <= m * n; i++) {
        out[i] = 77;
    }
    at_combine_rows(m, n, k, x, y, out);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            assert_true(out[i * n + j] == expected(x + i * k, y + j, k, n));
        }
    }
    assert_true(out[m * n] == 77);
}

static void test_combine__adds_rows_in_their_order(void **state)
{
    static const size_t widths[] = {0,  1,  7,  8,  15, 16, 17,  31,
                                    32, 48, 63, 64, 80, 96, 129, MOST_N};
    float x[MOST_M * MOST_K];
    float y[MOST_K * MOST_N];
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        for (size_t m = 0; m <= MOST_M; m++) {
            for (size_t k = 0; k <= MOST_K; k++) {
                for (size_t e = 0; e < m * k; e++) {
                    x[e] = draw();
                }
                for (size_t e = 0; e < k * widths[i]; e++) {
                    y[e] = draw();
                }
                check(m, widths[i], k, x, y);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_combine__adds_rows_in_their_order),
    };
    return run_cases(tests, NULL, NULL);
}

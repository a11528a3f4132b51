/* SPDX-License-Identifier: MIT */
/* Products of rows with rows, to the bit: against the sums in their order, lane by lane,
 * which share no code with the tiles; and so for any number of rows in the same call. */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"

enum { MOST_ROWS = 13, MOST_COLUMNS = 11, LONGEST = 5000, LD = LONGEST + 3 };

/* Numbers in [-1, 1) that look random. */
static float *make_floats(size_t n, uint32_t seed)
{
    float *out = malloc(n * sizeof *out);
    assert_non_null(out);
    for (size_t k = 0; k < n; k++) {
        seed = seed * 1664525u + 1013904223u;
        out[k] = (float)(seed >> 8) / (float)(1u << 23) - 1;
    }
    return out;
}

/* One f32 sum of at most 2,048 columns in 16 lanes, lanes 8, 4, 2 and 1 apart added. */
static double sum_of_lanes(const float *a, const float *b, size_t n)
{
    volatile float lanes[16] = {0}; /* so that each is rounded */
    for (size_t k = 0; k < n; k++) {
        volatile float product = a[k] * b[k];
        lanes[k % 16] += product;
    }
    for (size_t apart = 8; apart > 0; apart /= 2) {
        for (size_t j = 0; j < apart; j++) {
            lanes[j] += lanes[j + apart];
        }
    }
    return (double)lanes[0];
}

static double expected(double before, const float *a, const float *b, size_t n)
{
    size_t whole = n / 16 * 16;
    double sum = before;
    double rest = 0;
    for (size_t k = 0; k < whole; k += 2048) {
        sum += sum_of_lanes(a + k, b + k, whole - k < 2048 ? whole - k : 2048);
    }
    for (size_t k = whole; k < n; k++) {
        rest += (double)a[k] * (double)b[k];
    }
    return whole < n ? sum + rest : sum;
}

static void test_dots__are_sums_in_lanes(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 15, 16, 17, 160, 2048, 2064, 4111, LONGEST};
    float *a = make_floats(MOST_ROWS * LD, 1);
    float *b = make_floats(MOST_COLUMNS * LD, 2);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t n = lengths[i];
        double want[MOST_ROWS][MOST_COLUMNS];
        for (size_t r = 0; r < MOST_ROWS; r++) {
            for (size_t c = 0; c < MOST_COLUMNS; c++) {
                want[r][c] = expected((double)(r + c), a + r * LD, b + c * LD, n);
            }
        }
        for (size_t k = 0; k <= MOST_ROWS * MOST_COLUMNS; k++) {
            size_t n_rows = k == 0 ? 0 : (k - 1) / MOST_COLUMNS + 1;
            size_t n_columns = k == 0 ? 3 : (k - 1) % MOST_COLUMNS + 1;
            double got[MOST_ROWS][MOST_COLUMNS + 2];
            for (size_t r = 0; r < MOST_ROWS; r++) {
                for (size_t c = 0; c < MOST_COLUMNS + 2; c++) {
                    got[r][c] = (double)(r + c);
                }
            }
            at_add_dots(n_rows, n_columns, n, a, LD, b, LD, got[0], MOST_COLUMNS + 2);
            for (size_t r = 0; r < MOST_ROWS; r++) {
                for (size_t c = 0; c < MOST_COLUMNS + 2; c++) {
                    bool is_in = r < n_rows && c < n_columns;
                    assert_true(got[r][c] == (is_in ? want[r][c] : (double)(r + c)));
                }
            }
        }
    }
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dots__are_sums_in_lanes),
    };
    return run_cases(tests, NULL, NULL);
}

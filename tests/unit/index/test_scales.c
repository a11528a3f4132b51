/* SPDX-License-Identifier: MIT */
/* Scales of a map against plain loops over the same weighted means. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "index/scales.h"

enum { MOST = 40, ROUNDS = 6 };

/* A map whose eigenvalues differ by orders, some of them 0. */
typedef struct map {
    size_t o, i;
    double lambda[MOST * MOST];
    float scale_out[MOST], scale_in[MOST];
} map;

static void scale(map *m, double damping)
{
    attrib_factors factors = {.info.n_sequences = 3};
    at_factor factor = {.out_dim = m->o, .in_dim = m->i, .lambda = m->lambda};
    at_index_map of = {.out_dim = m->o,
                       .in_dim = m->i,
                       .scale_out = m->scale_out,
                       .scale_in = m->scale_in};
    attrib_error err = {0};
    check_ok(at_index_scale(&factors, &factor, damping, &of, &err), &err);
}

static double log_of(const map *m, size_t row, size_t column, double damping)
{
    double lambda = m->lambda[row * m->i + column] / 3;
    return 0.5 * log(lambda) - 1.5 * log(lambda + damping);
}

static double weight_of(const map *m, size_t row, size_t column, double damping)
{
    double lambda = m->lambda[row * m->i + column] / 3;
    return lambda > 0 ? lambda * exp(log_of(m, row, column, damping)) : 0;
}

/* The weighted mean of what the other side leaves of line k; NAN where it has no weight.
 */
static double mean_of(
    const map *m, bool is_row, size_t k, const double *others, double damping)
{
    double sum = 0;
    double weight = 0;
    for (size_t j = 0; j < (is_row ? m->i : m->o); j++) {
        size_t row = is_row ? k : j;
        size_t column = is_row ? j : k;
        double w = weight_of(m, row, column, damping);
        if (w > 0) {
            sum += w * (log_of(m, row, column, damping) - others[j]);
            weight += w;
        }
    }
    return weight > 0 ? sum / weight : (double)NAN;
}

static void move_plainly(
    const map *m, bool is_row, double *values, const double *others, double damping)
{
    size_t n = is_row ? m->o : m->i;
    double least = HUGE_VAL;
    for (size_t k = 0; k < n; k++) {
        values[k] = mean_of(m, is_row, k, others, damping);
        least = values[k] < least ? values[k] : least;
    }
    for (size_t k = 0; k < n; k++) {
        values[k] = isnan(values[k]) ? least : values[k];
    }
}

/* Values of the lines, whose halves' exponentials the scales are, by plain loops. */
static void check_scales(const map *m, double damping)
{
    double rows[MOST] = {0};
    double columns[MOST] = {0};
    for (int k = 0; k < ROUNDS; k++) {
        move_plainly(m, true, rows, columns, damping);
        move_plainly(m, false, columns, rows, damping);
    }
    for (size_t k = 0; k < m->o; k++) {
        assert_true(fabs((double)m->scale_out[k] / exp(rows[k] / 2) - 1) < 1e-6);
    }
    for (size_t k = 0; k < m->i; k++) {
        assert_true(fabs((double)m->scale_in[k] / exp(columns[k] / 2) - 1) < 1e-6);
    }
}

static void test_scales__are_weighted_means(void **state)
{
    static map m;
    static const size_t sizes[][2] = {{1, 1}, {3, 40}, {8, 5}, {19, 33}, {40, 17}};
    uint64_t drawn = 0;
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        m = (map){.o = sizes[s][0], .i = sizes[s][1]};
        for (size_t k = 0; k < m.o * m.i; k++) {
            bool is_empty = k > 0 && (k / m.i == 2 || k % m.i == 3 || k % 7 == 0);
            double size = 12 * at_uniform(0x5ca1e, 1, drawn++) - 8;
            m.lambda[k] = is_empty ? 0 : exp(size);
        }
        scale(&m, 0.01);
        check_scales(&m, 0.01);
    }
}

/* Where no eigenvalue is above 0, all scales are 1; so they are without any damping. */
static void test_scales__are_1_without_weights(void **state)
{
    static map m = {.o = 5, .i = 9};
    static const double dampings[] = {0.1, HUGE_VAL};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        scale(&m, dampings[k]);
        for (size_t j = 0; j < 5 + 9; j++) {
            assert_true((j < 5 ? m.scale_out[j] : m.scale_in[j - 5]) == 1);
        }
        m.lambda[7] = 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales__are_weighted_means),
        cmocka_unit_test(test_scales__are_1_without_weights),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Elementwise functions against libm in f64, at and beyond the ends of their ranges. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "model/vector.h"
#include "tiny.h"

enum { N = 4096 };

/* Distance in units of the last place of f32. */
static double ulps(float got, double want)
{
    int exponent = 0;
    frexp(want, &exponent);
    double unit = ldexp(1, (exponent < -125 ? -125 : exponent) - FLT_MANT_DIG);
    return fabs((double)got - want) / unit;
}

static void fill_range(float *x, double from, double to)
{
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)(from + (to - from) * (double)i / (N - 1));
    }
}

static void test_vector__exp_is_within_two_ulp(void **state)
{
    (void)state;
    static const double ranges[][2] = {{-87.3, 88.3}, {-1, 1}, {-1e-3, 1e-3}, {-20, 0}};
    for (size_t r = 0; r < 4; r++) {
        float x[N];
        float e[N];
        double sum = 0;
        fill_range(x, ranges[r][0], ranges[r][1]);
        memcpy(e, x, sizeof e);
        double got = at_row_exp(e, N, 0.0f);
        for (size_t i = 0; i < N; i++) {
            if (!(ulps(e[i], exp((double)x[i])) < 2)) {
                fail_msg("exp(%.9g) = %.9g is off by %g ulp", (double)x[i], (double)e[i],
                         ulps(e[i], exp((double)x[i])));
            }
            sum += (double)e[i];
        }
        assert_true(fabs(got - sum) <= N * DBL_EPSILON * sum); /* N additions in f64 */
    }
}

static void test_vector__exp_has_ends(void **state)
{
    (void)state;
    float x[] = {-HUGE_VALF, -1000, 0, HUGE_VALF, NAN};
    at_row_exp(x, 3, 0.0f);
    /* the exponent stops near that of the smallest normal number, of either sign */
    assert_true(x[0] >= 0 && x[0] < 2 * FLT_MIN);
    assert_true(x[1] >= 0 && x[1] < 2 * FLT_MIN);
    assert_true(x[2] == 1.0f);
    double sum = at_row_exp(x + 3, 2, 0.0f);
    assert_true(x[3] > 2e38f);
    assert_true(isnan(x[4]) && isnan(sum));
}

static void test_vector__rows_of_any_length(void **state)
{
    (void)state;
    float x[40];
    float w[40];
    float d[40];
    for (size_t n = 0; n < 40; n++) {
        double sums[3] = {0};
        double got[2];
        float largest = -HUGE_VALF;
        for (size_t i = 0; i < n; i++) {
            x[i] = (float)((i * 37) % 41) - 20.5f;
            w[i] = (float)((i * 17) % 23) - 11.0f;
            d[i] = (float)((i * 5) % 7) - 3.0f;
            largest = fmaxf(largest, x[i]);
            sums[0] += (double)x[i];
            sums[1] += (double)w[i] * (double)d[i];
            sums[2] += (double)w[i] * (double)d[i] * (double)x[i];
        }
        assert_true(at_row_max(x, n) == largest);
        assert_true(at_row_sum(x, n) == sums[0]);
        at_row_sums(w, d, x, n, &got[0], &got[1]);
        assert_true(got[0] == sums[1] && got[1] == sums[2]);
    }
}

static double gelu_tanh(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

static double gelu(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2));
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

/* A slope of at most 1.13, from f32 numbers whose roundings add up to about eight: 8
 * x 1.13 x 2^-24 = 5.4e-7, as is measured; twice that is allowed. */
#define SLOPE_TOLERANCE 1.1e-6

/* A value of size 1 + |x|, after four roundings of f32; half of it is measured. */
static double four_roundings(double x)
{
    return 4 * 0x1p-24 * (1 + fabs(x));
}

/* Central difference of a smooth function: wrong by some 1e-10. */
static double slope(double (*f)(double), double x)
{
    return (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
}

static void test_vector__gelu_tanh_and_its_slope(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    float d[N];
    fill_range(x, -12, 12);
    at_row_gelu_tanh(x, y, N);
    for (size_t i = 0; i < N; i++) {
        double want = gelu_tanh((double)x[i]);
        /* tanh near -1 costs the f64 oracle its digits: 1e-15 absolute; the exponent of
         * f32, up to 60, carries 60 half ulps into exp */
        assert_true(fabs((double)y[i] - want) <= 1e-14 + 1e-5 * fabs(want));
        d[i] = 1;
    }
    float slopes[N];
    memcpy(slopes, x, sizeof slopes);
    at_row_gelu_tanh_backward(slopes, d, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs((double)slopes[i] - slope(gelu_tanh, (double)x[i])) <
                    SLOPE_TOLERANCE);
    }
}

/* The tail's exponent, up to 32 and the square of a rounded number, is off by three half
 * ulps of itself: 6e-6 of a value that is there 1e-14. */
static void test_vector__gelu_and_its_slope(void **state)
{
    (void)state;
    float x[N];
    float y[N];
    float d[N];
    float slopes[N];
    fill_range(x, -8, 12);
    memcpy(slopes, x, sizeof slopes);
    at_row_gelu(x, y, N);
    for (size_t i = 0; i < N; i++) {
        double want = gelu((double)x[i]);
        if (!(fabs((double)y[i] - want) <= 1e-5 * fabs(want))) {
            fail_msg("gelu(%.9g) = %.9g, expected %.9g", (double)x[i], (double)y[i],
                     want);
        }
        d[i] = 1;
    }
    at_row_gelu_backward(slopes, d, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(fabs((double)slopes[i] - slope(gelu, (double)x[i])) <
                    SLOPE_TOLERANCE);
    }
}

static void test_vector__gated_gelu_tanh_and_its_slopes(void **state)
{
    (void)state;
    float gate[N];
    float up[N];
    float y[N];
    float d[N];
    fill_range(gate, -6, 12);
    for (size_t i = 0; i < N; i++) {
        up[i] = (float)(i % 7) - 3.0f;
        d[i] = (float)(i % 3) - 1.0f;
    }
    at_row_gelu_tanh_gated(gate, up, y, N);
    float d_gate[N];
    float d_up[N];
    memcpy(d_gate, gate, sizeof gate);
    memcpy(d_up, up, sizeof up);
    at_row_gelu_tanh_gated_backward(d_gate, d_up, d, N);
    for (size_t i = 0; i < N; i++) {
        double x = (double)gate[i];
        double scale = four_roundings(x); /* times |up| <= 3 */
        assert_true(fabs((double)y[i] - gelu_tanh(x) * (double)up[i]) <= 3 * scale);
        assert_true(fabs((double)d_up[i] - gelu_tanh(x) * (double)d[i]) <= scale);
        assert_true(fabs((double)d_gate[i] -
                         slope(gelu_tanh, x) * (double)(d[i] * up[i])) <= 3 * scale);
    }
}

/* Near 0 the value keeps its relative precision, which 1 - 2 / (1 + e) would lose. */
static void test_vector__caps_and_their_slopes(void **state)
{
    (void)state;
    static const double ranges[][2] = {{-200, 200}, {-30, 30}, {-1e-3, 1e-3}};
    for (size_t r = 0; r < 3; r++) {
        float x[N];
        float y[N];
        float plain[N];
        float slopes[N];
        fill_range(x, ranges[r][0], ranges[r][1]);
        memcpy(y, x, sizeof y);
        memcpy(plain, x, sizeof plain);
        at_row_cap(y, slopes, N, 30.0f);
        at_row_cap(plain, NULL, N, 30.0f);
        assert_memory_equal(y, plain, sizeof y);
        for (size_t i = 0; i < N; i++) {
            double t = tanh((double)x[i] / 30);
            /* seven roundings of f32, in the division, exp and what follows it; more than
             * half of it is measured */
            assert_true(fabs((double)y[i] - 30 * t) <= 7 * 0x1p-24 * fabs(30 * t));
            assert_true(fabs((double)slopes[i] - (1 - t * t)) <= 7 * 0x1p-24);
        }
    }
    float ends[] = {HUGE_VALF, -HUGE_VALF, NAN};
    at_row_cap(ends, NULL, 3, 5.0f);
    assert_true(ends[0] == 5 && ends[1] == -5 && isnan(ends[2]));
}

static void test_vector__clips(void **state)
{
    (void)state;
    const float x[] = {-3, -2, -1, 0, 2, 2.5f};
    const float want[] = {-2, -2, -1, 0, 2, 2};
    const float want_d[] = {0, 7, 7, 7, 7, 0};
    float out[6];
    float d[] = {7, 7, 7, 7, 7, 7};
    at_row_clip(x, out, 6, 2.0f);
    at_row_clip_backward(x, d, 6, 2.0f);
    assert_memory_equal(out, want, sizeof want);
    assert_memory_equal(d, want_d, sizeof want_d);
}

static void test_vector__gated_silu_and_its_slopes(void **state)
{
    (void)state;
    float gate[N];
    float up[N];
    float y[N];
    float d[N];
    fill_range(gate, -30, 30);
    for (size_t i = 0; i < N; i++) {
        up[i] = (float)(i % 7) - 3.0f;
        d[i] = (float)(i % 3) - 1.0f;
    }
    at_row_silu_gated(gate, up, y, N);
    float d_gate[N];
    float d_up[N];
    memcpy(d_gate, gate, sizeof gate);
    memcpy(d_up, up, sizeof up);
    at_row_silu_gated_backward(d_gate, d_up, d, N);
    for (size_t i = 0; i < N; i++) {
        double x = (double)gate[i];
        double scale = four_roundings(x); /* times |up| <= 3 */
        assert_true(fabs((double)y[i] - silu(x) * (double)up[i]) <= 3 * scale);
        assert_true(fabs((double)d_up[i] - silu(x) * (double)d[i]) <= scale);
        assert_true(fabs((double)d_gate[i] - slope(silu, x) * (double)(d[i] * up[i])) <=
                    3 * scale);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vector__exp_is_within_two_ulp),
        cmocka_unit_test(test_vector__exp_has_ends),
        cmocka_unit_test(test_vector__rows_of_any_length),
        cmocka_unit_test(test_vector__gelu_tanh_and_its_slope),
        cmocka_unit_test(test_vector__gelu_and_its_slope),
        cmocka_unit_test(test_vector__gated_gelu_tanh_and_its_slopes),
        cmocka_unit_test(test_vector__caps_and_their_slopes),
        cmocka_unit_test(test_vector__clips),
        cmocka_unit_test(test_vector__gated_silu_and_its_slopes),
    };
    return run_cases(tests, NULL, NULL);
}

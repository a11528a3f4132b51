/* SPDX-License-Identifier: MIT */
/* Rates of products by a clock of which every look takes a second. */
#include "linalg/rate.h"

#include <math.h>

#include "linalg/linalg.h"
#include "support/check.h"
#include "support/products.h"

static double seconds;

__typeof__(at_now_busy) __wrap_at_now_busy;

double __wrap_at_now_busy(void)
{
    return seconds++;
}

/* What is measured for three seconds is asked for four times, the first of which is not
 * timed. Of a symmetric product the diagonal is counted whole. */
static void check_rate(double rate)
{
    double of_one = products_take() / 4;
    if (fabs(rate / of_one - 1) > 0.005) {
        fail_msg("%g FLOP a second, %g FLOP in each", rate, of_one);
    }
}

static void test_rate__is_that_of_what_is_multiplied(void **state)
{
    (void)state;
    attrib_error err = {0};
    double rate = 0;
    at_blas_single_threaded();
    (void)products_take();
    check_ok(at_gemm_rate(NULL, ATTRIB_F32_PRODUCTS, 3, &rate, &err), &err);
    check_rate(rate);
    check_ok(at_blas_rate(NULL, 3, &rate, &err), &err);
    assert_true(products_of_onednn() == 0);
    check_rate(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rate__is_that_of_what_is_multiplied),
    };
    return run_cases(tests, NULL, NULL);
}

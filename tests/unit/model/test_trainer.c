/* SPDX-License-Identifier: MIT */
/* A trainer's folder: its checkpoints by step, and the sums of its learning rates. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/trainer.h"
#include "support/check.h"

static double sum_of(const char *history, double last)
{
    char text[512];
    at_schedule schedule = {0};
    attrib_error err = {0};
    snprintf(text, sizeof text, "{\"log_history\": [%s]}", history);
    check_ok(at_schedule_parse("state", text, strlen(text), &schedule, &err), &err);
    double sum = at_schedule_sum(&schedule, last);
    at_schedule_free(&schedule);
    return sum;
}

/* The sum over single steps of the line through all listed ones is what a loop finds. */
static void test_trainer__sums_rates_step_by_step(void **state)
{
    const char history[] =
        "{\"step\": 10, \"learning_rate\": 0.5}, {\"step\": 12, \"eval_loss\": 3},"
        "{\"step\": 20, \"learning_rate\": 0.1}, {\"step\": 20, \"learning_rate\": 7},"
        "{\"step\": 30, \"learning_rate\": 0.0}";
    double expected = 0;
    (void)state;
    for (size_t step = 1; step <= 40; step++) {
        double at = (double)step;
        expected += step <= 10   ? 0.5
                    : step <= 20 ? 0.5 - 0.04 * (at - 10)
                    : step <= 30 ? 0.1 - 0.01 * (at - 20)
                                 : 0;
        assert_true(fabs(sum_of(history, at) - expected) < 1e-12);
    }
    assert_true(fabs(sum_of("{\"step\": 5, \"learning_rate\": 2}", 3) - 6) < 1e-12);
    assert_true(fabs(sum_of("{\"step\": 5, \"learning_rate\": 2}", 9) - 18) < 1e-12);
}

static void test_trainer__refuses_what_is_no_schedule(void **state)
{
    const char *const texts[] = {
        "[]",
        "{}",
        "{\"log_history\": []}",
        "{\"log_history\": [3]}",
        "{\"log_history\": [{\"learning_rate\": 1}]}",
        "{\"log_history\": [{\"step\": 1.5, \"learning_rate\": 1}]}",
        "{\"log_history\": [{\"step\": 1, \"learning_rate\": -1}]}",
        "{\"log_history\": [{\"step\": 1, \"learning_rate\": 1e10}]}",
        "{\"log_history\": [{\"step\": 1}]}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        at_schedule schedule = {0};
        attrib_error err = {0};
        check_fails(
            at_schedule_parse("state", texts[i], strlen(texts[i]), &schedule, &err),
            ATTRIB_EFORMAT, &err);
        check_message(&err, "state: ");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trainer__sums_rates_step_by_step),
        cmocka_unit_test(test_trainer__refuses_what_is_no_schedule),
    };
    return cmocka_run_group_tests_name("model/trainer", tests, NULL, NULL);
}

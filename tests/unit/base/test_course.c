/* SPDX-License-Identifier: MIT */
/* The share and the time left of a job, against stages whose seconds are known. */
#include "support/check.h"

#include <math.h>

#include "base/course.h"

static void check_near(double got, double wanted, double within)
{
    if (!(fabs(got - wanted) <= within)) {
        fail_msg("%.9g, expected %.9g within %g", got, wanted, within);
    }
}

/* Two stages of a job whose second is predicted three times as long as the first. */
static at_course two_stages(void)
{
    at_course course = {0};
    at_course_expect(&course, "first", 10);
    at_course_expect(&course, "second", 30);
    at_course_declare(&course, "first", "documents", 100);
    at_course_declare(&course, "second", "documents", 50);
    return course;
}

static void advance(at_course *course, const char *name, double done, double now)
{
    at_course_advance(course, at_course_leg(course, name), done, 0, now);
}

/* Where work takes what was predicted, the share is that of predicted seconds. */
static void test_course__share_is_that_of_predicted_seconds(void **state)
{
    (void)state;
    at_course course = two_stages();
    advance(&course, "first", 50, 5);
    check_near(course.overall, 5.0 / 40, 1e-12);
    check_near(at_course_left(&course), 35, 1e-9);
    advance(&course, "first", 100, 10);
    check_near(course.overall, 0.25, 1e-12);
    advance(&course, "second", 25, 25);
    check_near(course.overall, 25.0 / 40, 1e-12);
    advance(&course, "second", 50, 40);
    check_near(course.overall, 1, 1e-12);
    check_near(at_course_left(&course), 0, 1e-12);
}

/* A stage that takes four times as long as predicted makes those that follow longer too:
 * its end stays at the same share, and the time that is left grows. */
static void test_course__rates_are_corrected(void **state)
{
    (void)state;
    at_course course = two_stages();
    for (int i = 1; i <= 100; i++) {
        advance(&course, "first", i, 0.4 * i);
    }
    check_near(course.overall, 0.25, 0.02);
    check_near(at_course_left(&course), 120, 2.5);
    advance(&course, "second", 25, 40 + 15); /* as was predicted */
    check_near(at_course_left(&course), 15, 5);
    advance(&course, "second", 50, 40 + 30);
    check_near(course.overall, 1, 1e-12);
}

/* The whole never falls, however wrong the predictions, whatever is predicted anew on the
 * way, and in whatever order workers report. */
static void test_course__the_whole_never_falls(void **state)
{
    (void)state;
    at_course course = two_stages();
    double last = 0;
    double now = 0;
    for (int i = 1; i <= 150; i++) {
        const char *name = i <= 100 ? "first" : "second";
        double done = i <= 100 ? i : i - 100;
        now += i % 7 ? 0.01 : 3;
        if (i == 30 || i == 120) {
            at_course_expect(&course, "second", i == 30 ? 3000 : 0.5);
        }
        double before = at_course_leg(&course, name)->done;
        advance(&course, name, i % 5 ? done : done - 4, now);
        assert_true(at_course_leg(&course, name)->done >= before);
        assert_true(course.overall >= last && course.overall <= 1);
        assert_true(at_course_left(&course) >= 0);
        last = course.overall;
    }
    advance(&course, "first", 100, now);
    advance(&course, "second", 50, now);
    check_near(course.overall, 1, 1e-12);
}

/* What an earlier process has done counts at once, and not for this process's rate. */
static void test_course__resumed_work_begins_at_its_share(void **state)
{
    (void)state;
    at_course course = two_stages();
    at_course_skip(&course, at_course_leg(&course, "first"), 100);
    check_near(course.overall, 0.25, 1e-12);
    at_course_skip(&course, at_course_leg(&course, "second"), 10);
    check_near(course.overall, 16.0 / 40, 1e-12);
    advance(&course, "second", 30, 12);
    check_near(course.overall, 28.0 / 40, 1e-12);
    check_near(at_course_left(&course), 12, 1e-9);
}

/* A process that was stopped for an hour goes on where it was. */
static void test_course__a_pause_moves_nothing(void **state)
{
    (void)state;
    at_course course = two_stages();
    advance(&course, "first", 50, 5);
    advance(&course, "first", 51, 3605);
    assert_true(course.overall < 0.16);
}

/* Stages that nobody expects take their time, and are done with when the next begins. */
static void test_course__unexpected_stages_count_as_done(void **state)
{
    (void)state;
    at_course course = two_stages();
    at_course_declare(&course, "read", "files", 0);
    advance(&course, "read", 7, 10);
    check_near(course.overall, 0, 0);
    advance(&course, "first", 100, 20);
    check_near(course.overall, 20.0 / 50, 1e-12);
    assert_int_equal(at_course_leg(&course, "read")->done, 7);
}

/* Where nothing is expected, the share is that of the stage, and the time that is left is
 * known of a single stage only. */
static void test_course__nothing_expected(void **state)
{
    (void)state;
    at_course course = {0};
    assert_true(isnan(at_course_left(&course)));
    at_course_declare(&course, "alone", "documents", 8);
    advance(&course, "alone", 2, 1);
    check_near(course.overall, 0.25, 1e-12);
    check_near(at_course_left(&course), 3, 1e-12);
    at_course_declare(&course, "another", "documents", 8);
    advance(&course, "another", 1, 2);
    check_near(course.overall, 0.125, 1e-12);
    assert_true(isnan(at_course_left(&course)));
}

/* Stages that come in each of three rounds are counted together: the whole is a third
 * done behind the first, and time that is left is that of all rounds. What is not needed
 * of a round is that round's alone, and a round that is larger than the first takes
 * longer. */
static void test_course__rounds_are_counted_together(void **state)
{
    (void)state;
    at_course course = {0};
    at_course_expect(&course, "first", 10);
    at_course_expect(&course, "second", 30);
    at_course_round(&course, 0, 3);
    at_course_declare(&course, "first", "documents", 100);
    at_course_declare(&course, "second", "documents", 50);
    advance(&course, "first", 100, 10);
    check_near(course.overall, 10.0 / 120, 1e-12);
    check_near(at_course_left(&course), 110, 1e-9);
    check_near(at_course_round_share(&course), 0.25, 1e-12);
    check_near(at_course_round_left(&course), 30, 1e-9);
    assert_int_equal(at_course_leg(&course, "first")->total, 300);
    advance(&course, "second", 25, 25);
    at_course_skip(&course, at_course_leg(&course, "second"), HUGE_VAL);
    check_near(course.overall, 1.0 / 3, 1e-12);
    check_near(at_course_round_share(&course), 1, 1e-12);
    at_course_round(&course, 1, 3);
    at_course_declare(&course, "first", "documents", 100);
    at_course_declare(&course, "second", "documents", 50);
    check_near(course.overall, 1.0 / 3, 1e-12);
    check_near(at_course_round_share(&course), 0, 1e-12);
    advance(&course, "first", 200, 35);
    check_near(course.overall, 50.0 / 120, 1e-12);
    assert_int_equal(at_leg_round_done(at_course_leg(&course, "first")), 100);
    assert_int_equal(at_leg_round_total(at_course_leg(&course, "first")), 100);
    at_course_skip(&course, at_course_leg(&course, "second"), HUGE_VAL);
    at_course_round(&course, 2, 3);
    at_course_declare(&course, "first", "documents", 200);
    assert_int_equal(at_course_leg(&course, "first")->total, 400);
    check_near(at_course_left(&course), 20 + 30, 2);
    advance(&course, "first", 400, 55);
    at_course_declare(&course, "second", "documents", 50);
    advance(&course, "second", 150, 85);
    check_near(course.overall, 1, 1e-12);
    check_near(at_course_left(&course), 0, 1e-12);
}

/* Stages beyond the most are not told apart, and predictions that are none are left out.
 */
static void test_course__bounds(void **state)
{
    (void)state;
    static const char *const names = "abcdefghijklmnopqrstuvwxyz";
    char texts[AT_MAX_COURSE + 1][2];
    at_course course = {0};
    at_course_expect(&course, "nan", (double)NAN);
    at_course_expect(&course, "nan", -1);
    assert_false(course.is_expected);
    for (int i = 0; i <= AT_MAX_COURSE; i++) {
        texts[i][0] = names[i];
        texts[i][1] = '\0';
    }
    for (int i = 0; i < AT_MAX_COURSE - 1; i++) {
        assert_non_null(at_course_leg(&course, texts[i]));
    }
    assert_null(at_course_leg(&course, texts[AT_MAX_COURSE]));
    at_course_expect(&course, texts[AT_MAX_COURSE], 1);
    at_course_declare(&course, texts[AT_MAX_COURSE], "documents", 1);
    assert_int_equal(course.n, AT_MAX_COURSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_course__share_is_that_of_predicted_seconds),
        cmocka_unit_test(test_course__rates_are_corrected),
        cmocka_unit_test(test_course__the_whole_never_falls),
        cmocka_unit_test(test_course__resumed_work_begins_at_its_share),
        cmocka_unit_test(test_course__a_pause_moves_nothing),
        cmocka_unit_test(test_course__unexpected_stages_count_as_done),
        cmocka_unit_test(test_course__nothing_expected),
        cmocka_unit_test(test_course__rounds_are_counted_together),
        cmocka_unit_test(test_course__bounds),
    };
    return run_cases(tests, NULL, NULL);
}

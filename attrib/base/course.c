/* SPDX-License-Identifier: MIT */
#include "base/course.h"

#include <math.h>
#include <string.h>

/* The share of a stage after which its own rate counts as much as what was predicted. */
#define HALF_TRUSTED 0.02

at_leg *at_course_leg(at_course *course, const char *name)
{
    for (size_t i = 0; i < course->n; i++) {
        if (strcmp(course->legs[i].name, name) == 0) {
            return &course->legs[i];
        }
    }
    if (course->n == AT_MAX_COURSE) {
        return NULL;
    }
    course->legs[course->n] = (at_leg){.name = name};
    return &course->legs[course->n++];
}

void at_course_expect(at_course *course, const char *name, double seconds)
{
    at_leg *leg = at_course_leg(course, name);
    if (leg && seconds >= 0 && isfinite(seconds)) {
        leg->expected = seconds;
        course->is_expected = true;
    }
}

void at_course_round(at_course *course, size_t i, size_t n)
{
    course->i_round = i;
    course->n_rounds = n;
}

static double share_of(const at_leg *leg, double units)
{
    return leg->total > 0 ? fmin(units / leg->total, 1) : 0;
}

/* Predicted seconds of all rounds. */
static double expected_of(const at_leg *leg)
{
    return leg->n_rounds > 1 ? leg->expected * (double)leg->n_rounds : leg->expected;
}

/* Seconds of this machine for each predicted one, over all the work that was done. */
static double scale_of(const at_course *course)
{
    double seconds = 0;
    double expected = 0;
    for (size_t i = 0; i < course->n; i++) {
        const at_leg *leg = &course->legs[i];
        if (leg->expected > 0 && leg->own > 0) {
            seconds += leg->seconds;
            expected += expected_of(leg) * share_of(leg, leg->own);
        }
    }
    return seconds > 0 && expected > 0 ? seconds / expected : 1;
}

/* Seconds that the whole stage would take this process. What was predicted counts until
 * the stage's own rate is known. */
static double whole_of(const at_leg *leg, double scale)
{
    double own = share_of(leg, leg->own);
    double trust = own / (own + HALF_TRUSTED);
    if (own <= 0 || leg->seconds <= 0) {
        return expected_of(leg) * scale;
    }
    return trust * leg->seconds / own + (1 - trust) * expected_of(leg) * scale;
}

/* Seconds until all stages that are expected end. */
static double left_of(const at_course *course, double scale)
{
    double left = 0;
    for (size_t i = 0; i < course->n; i++) {
        const at_leg *leg = &course->legs[i];
        if (leg->expected > 0) {
            left += whole_of(leg, scale) * (1 - share_of(leg, leg->done));
        }
    }
    return left;
}

/* Count seconds of work as done, by their share in what was left before them. */
static void count_done(at_course *course, double seconds, double scale)
{
    double left = left_of(course, scale);
    if (seconds > 0) {
        course->overall += (1 - course->overall) * seconds / (seconds + left);
    }
}

/* Move a stage that is expected, or the whole where none is. */
static void move(at_course *course, at_leg *leg, double done)
{
    double share = share_of(leg, done) - share_of(leg, leg->done);
    double scale = scale_of(course);
    if (course->is_expected && leg->expected > 0) {
        count_done(course, course->outside, scale);
        course->outside = 0;
    }
    leg->done = done;
    if (!course->is_expected) {
        course->overall = share_of(leg, done);
    } else if (leg->expected > 0) {
        count_done(course, whole_of(leg, scale) * share, scale);
    }
}

/* Go on with a stage that earlier rounds have done. */
static void declare_again(at_course *course, at_leg *leg, double total)
{
    size_t n_left = course->n_rounds - course->i_round;
    if (leg->end > leg->done) {
        move(course, leg, leg->end);
    }
    leg->start = leg->end;
    leg->end = leg->start + total;
    leg->total = leg->start + total * (double)n_left;
}

void at_course_declare(at_course *course,
                       const char *name,
                       const char *unit,
                       double total)
{
    at_leg *leg = at_course_leg(course, name);
    size_t n = course->n_rounds ? course->n_rounds : 1;
    if (leg && leg->is_declared && leg->n_rounds == n && course->i_round > 0) {
        declare_again(course, leg, total);
    } else if (leg) {
        *leg = (at_leg){.name = name,
                        .unit = unit,
                        .expected = leg->expected,
                        .total = total * (double)(n - course->i_round),
                        .end = total,
                        .n_rounds = n,
                        .is_declared = true};
    }
}

void at_course_skip(at_course *course, at_leg *leg, double units)
{
    move(course, leg, fmin(leg->done + units, fmax(leg->end, leg->done)));
}

void at_course_advance(
    at_course *course, at_leg *leg, double done, double tokens, double now)
{
    double seconds = fmax(now - course->marked, 0);
    course->marked = fmax(now, course->marked);
    leg->seconds += seconds;
    course->outside += leg->expected > 0 ? 0 : seconds;
    leg->tokens = fmax(leg->tokens, tokens);
    if (done > leg->done) {
        leg->own += done - leg->done;
        move(course, leg, done);
    }
}

double at_course_left(const at_course *course)
{
    const at_leg *alone = course->n == 1 ? &course->legs[0] : NULL;
    if (course->is_expected) {
        return left_of(course, scale_of(course));
    }
    if (!alone || alone->own <= 0 || alone->total <= 0) {
        return (double)NAN;
    }
    return alone->seconds / alone->own * fmax(alone->total - alone->done, 0);
}

/* Seconds that the round would take this process, and those of them that are left. */
static double round_of(const at_course *course, double *left)
{
    double scale = scale_of(course);
    double whole = 0;
    *left = 0;
    for (size_t i = 0; i < course->n; i++) {
        const at_leg *leg = &course->legs[i];
        double units = leg->end - leg->start;
        if (leg->expected > 0) {
            double done = units > 0 ? fmin((leg->done - leg->start) / units, 1) : 0;
            double seconds = units > 0 && leg->total > 0
                                 ? whole_of(leg, scale) * units / leg->total
                                 : leg->expected * scale;
            whole += seconds;
            *left += seconds * (1 - done);
        }
    }
    return whole;
}

double at_course_round_left(const at_course *course)
{
    double left = 0;
    if (course->n_rounds <= 1) {
        return at_course_left(course);
    }
    round_of(course, &left);
    return course->is_expected ? left : (double)NAN;
}

double at_course_round_share(const at_course *course)
{
    double left = 0;
    if (course->n_rounds <= 1 || !course->is_expected) {
        return course->overall;
    }
    double whole = round_of(course, &left);
    return whole > 0 ? 1 - left / whole : 0;
}

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

void at_course_declare(at_course *course,
                       const char *name,
                       const char *unit,
                       double total)
{
    at_leg *leg = at_course_leg(course, name);
    if (leg) {
        *leg = (at_leg){.name = name,
                        .unit = unit,
                        .expected = leg->expected,
                        .total = total,
                        .is_declared = true};
    }
}

static double share_of(const at_leg *leg, double units)
{
    return leg->total > 0 ? fmin(units / leg->total, 1) : 0;
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
            expected += leg->expected * share_of(leg, leg->own);
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
        return leg->expected * scale;
    }
    return trust * leg->seconds / own + (1 - trust) * leg->expected * scale;
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

void at_course_skip(at_course *course, at_leg *leg, double units)
{
    move(course, leg, fmin(leg->done + units, fmax(leg->total, leg->done)));
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

/* SPDX-License-Identifier: MIT */
/* How far a job of several stages has come, as one share of the whole, and the time that
 * is left.
 *
 * A stage has so many units of work, some of which an earlier process may have done. What
 * it takes is predicted beforehand, on a scale that all stages share, and corrected by
 * what its units take. Units that were done cannot be undone, and the whole only grows:
 * a step of work moves it by the share that the step has in what was left before. */
#ifndef AT_BASE_COURSE_H
#define AT_BASE_COURSE_H

#include <stdbool.h>
#include <stddef.h>

/* The most stages of a job that are told apart; more are reported, but not weighed. */
#define AT_MAX_COURSE 24

/* Sums of shares of units lack rounding errors of a whole unit. */
#define AT_WHOLE_UNIT 1e-6

/* A stage of a job. Its seconds and tokens are those of this process. */
typedef struct at_leg {
    const char *name, *unit; /* static */
    double expected; /* predicted seconds of a round; 0 where nobody expects the stage */
    double total, done; /* units of all rounds; total 0 until it is known */
    double start, end;  /* units before the round that is at work, and with it */
    size_t n_rounds;    /* that the total is of */
    double own;         /* units that this process has done */
    double seconds, tokens;
    bool is_declared; /* its total was said beforehand */
    bool is_counted; /* units are its share, which is known, while `counted` is what is */
    double counted;  /* told of it, of an unknown total */
} at_leg;

typedef struct at_course {
    at_leg legs[AT_MAX_COURSE];
    size_t n;
    size_t i_round, n_rounds; /* 0 and 0: one round */
    double marked;            /* the time up to which seconds belong to some stage */
    double outside; /* seconds of stages that nobody expects, not yet counted as done */
    double overall; /* 0 to 1 */
    bool is_expected;
} at_course;

/* The stage of that name, which is added where it is new; NULL where there are too many.
 */
at_leg *at_course_leg(at_course *course, const char *name);

/* Units that are told as done, and of how many; 0: of an unknown number. */
static inline double at_leg_done(const at_leg *leg)
{
    return leg->is_counted ? leg->counted : leg->done;
}

static inline double at_leg_total(const at_leg *leg)
{
    return leg->is_counted ? 0 : leg->total;
}

/* The same of the round that is at work. */
static inline double at_leg_round_done(const at_leg *leg)
{
    return leg->is_counted ? leg->counted : leg->done - leg->start;
}

static inline double at_leg_round_total(const at_leg *leg)
{
    return leg->is_counted ? 0 : leg->end - leg->start;
}

/* What is declared from now on is round i of n of stages that come in each of them with
 * about as many units, such as those of shards: they are counted together. */
void at_course_round(at_course *course, size_t i, size_t n);

/* Predict what a stage takes in each round, in place of what was predicted before. */
void at_course_expect(at_course *course, const char *name, double seconds);

/* The stage has `total` units in this round from now on, none of which are done. */
void at_course_declare(at_course *course,
                       const char *name,
                       const char *unit,
                       double total);

/* Units that an earlier process has done, or that turned out not to be needed: no more
 * than the stage has in this round. */
void at_course_skip(at_course *course, at_leg *leg, double units);

/* The stage has come to `done` units and `tokens` tokens at a time. Numbers below those
 * that were told before are left out: workers may report out of order. */
void at_course_advance(
    at_course *course, at_leg *leg, double done, double tokens, double now);

/* Seconds until the job ends; NAN where nothing is known of that. */
double at_course_left(const at_course *course);

/* The same of the round that is at work, and the share of it that is done. */
double at_course_round_left(const at_course *course);
double at_course_round_share(const at_course *course);

#endif

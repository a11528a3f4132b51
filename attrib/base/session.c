/* SPDX-License-Identifier: MIT */
/* The session: threads, log, progress, cancellation. */
#include "base/session.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/course.h"
#include "base/logbook.h"
#include "base/memory.h"
#include "base/sized.h"

#define MAX_THREADS         4096
#define PROGRESS_PER_SECOND 10.0

struct attrib_session {
    attrib_session_options options;
    size_t n_threads;
    atomic_bool is_canceled;
    pthread_mutex_t sink_lock; /* one line at a time */
    double last_report;        /* under sink_lock, as is the course; at_now() */
    at_course course;
    at_logbook logbook;
};

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double at_now(void)
{
    return seconds_of(CLOCK_MONOTONIC);
}

double at_now_busy(void)
{
    return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

void attrib_session_options_init(attrib_session_options *options, size_t size)
{
    const attrib_session_options standard = {.n_processes = 1};
    at_sized_fill(&standard, sizeof standard, options, size);
}

/* The cores that this process may run on, not those that the machine has. */
static size_t usable_cores(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) {
        return (size_t)CPU_COUNT(&set);
    }
    return 1;
}

attrib_status attrib_session_new(const attrib_session_options *options,
                                 attrib_session **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_session *session = NULL;
    attrib_session_options chosen;
    attrib_session_options_default(&chosen);
    AT_TRY(at_sized_take(options, "session_options", &chosen, err));
    AT_CHECK(chosen.n_threads <= MAX_THREADS, ATTRIB_EINVAL,
             "%zu threads, expected at most %d", chosen.n_threads, MAX_THREADS);
    AT_CHECK(chosen.n_processes >= 1, ATTRIB_EINVAL, "no process, expected at least one");
    AT_TRY(at_array(1, sizeof *session, &session, err));
    session->options = chosen;
    session->n_threads = chosen.n_threads ? chosen.n_threads : usable_cores();
    session->course.marked = at_now();
    atomic_init(&session->is_canceled, false);
    if (pthread_mutex_init(&session->sink_lock, NULL) != 0) {
        free(session);
        return at_fail(err, ATTRIB_ENOMEM, "no lock could be made");
    }
    *out = session;
done:
    return status;
}

void attrib_session_free(attrib_session *session)
{
    if (session) {
        at_logbook_close(&session->logbook, false);
        pthread_mutex_destroy(&session->sink_lock);
        free(session);
    }
}

void attrib_session_cancel(attrib_session *session)
{
    atomic_store(&session->is_canceled, true);
}

size_t attrib_session_n_threads(const attrib_session *session)
{
    return session->n_threads;
}

size_t at_session_n_processes(const attrib_session *session)
{
    return session ? session->options.n_processes : 1;
}

attrib_status at_poll_cancel(const attrib_session *session, attrib_error *err)
{
    if (session && atomic_load_explicit(&session->is_canceled, memory_order_relaxed)) {
        return at_fail(err, ATTRIB_ECANCELED, "canceled");
    }
    return ATTRIB_OK;
}

void at_log(attrib_session *session, attrib_log_level level, const char *format, ...)
{
    if (!session || !session->options.log) {
        return;
    }
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&session->sink_lock);
    session->options.log(session->options.log_context, level, line);
    pthread_mutex_unlock(&session->sink_lock);
}

void at_log_finished(attrib_session *session, const char *folder)
{
    at_log(session, ATTRIB_LOG_INFO, "%s: finished already: nothing to do", folder);
}

bool at_is_watched(const attrib_session *session)
{
    return session && (session->options.progress || session->logbook.path);
}

void attrib_session_expect(attrib_session *session, const char *stage, double seconds)
{
    if (session) { /* a folder that is filled later may be watched */
        pthread_mutex_lock(&session->sink_lock);
        at_course_expect(&session->course, stage, seconds);
        pthread_mutex_unlock(&session->sink_lock);
    }
}

void attrib_session_round(attrib_session *session, size_t i, size_t n)
{
    if (session) {
        pthread_mutex_lock(&session->sink_lock);
        at_course_round(&session->course, i, n);
        pthread_mutex_unlock(&session->sink_lock);
    }
}

void at_session_round_of(attrib_session *session, size_t *i, size_t *n)
{
    *i = 0;
    *n = 1;
    if (session) {
        pthread_mutex_lock(&session->sink_lock);
        *i = session->course.i_round;
        *n = session->course.n_rounds ? session->course.n_rounds : 1;
        pthread_mutex_unlock(&session->sink_lock);
    }
}

void at_stage_declare(attrib_session *session,
                      const char *name,
                      const char *unit,
                      double total,
                      double done)
{
    if (at_is_watched(session)) {
        pthread_mutex_lock(&session->sink_lock);
        at_course_declare(&session->course, name, unit, total);
        pthread_mutex_unlock(&session->sink_lock);
        at_stage_skip(session, name, done);
    }
}

/* Tell the sink how far a stage has come; under sink_lock. */
static void tell(attrib_session *session, const at_leg *leg)
{
    const at_course *course = &session->course;
    attrib_progress progress = {.stage = leg->name,
                                .done = (size_t)(at_leg_done(leg) + AT_WHOLE_UNIT),
                                .total = (size_t)at_leg_total(leg),
                                .unit = leg->unit,
                                .seconds = leg->seconds,
                                .overall = course->overall,
                                .seconds_left = at_course_left(course),
                                .tokens_per_second = (double)NAN};
    if (leg->tokens > 0 && leg->seconds > 0) {
        progress.tokens_per_second = leg->tokens / leg->seconds;
    }
    session->last_report = at_now();
    if (session->options.progress) {
        session->options.progress(session->options.progress_context, &progress);
    }
    if (at_logbook_is_due(&session->logbook)) { /* the next time tells it as well */
        attrib_error ignored = {0};
        (void)at_logbook_write(&session->logbook, course, "", &ignored);
    }
}

attrib_status at_session_fill(attrib_session *session,
                              const char *folder,
                              const char *command,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!session) {
        return ATTRIB_OK;
    }
    pthread_mutex_lock(&session->sink_lock);
    AT_TRY(at_logbook_open(&session->logbook, folder, command, err));
    AT_TRY(at_logbook_write(&session->logbook, &session->course, "", err));
done:
    pthread_mutex_unlock(&session->sink_lock);
    return status;
}

attrib_status at_session_fill_documents(
    attrib_session *session, size_t first, size_t end, size_t n_corpus, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!session) {
        return ATTRIB_OK;
    }
    pthread_mutex_lock(&session->sink_lock);
    AT_TRY(at_logbook_of(&session->logbook, first, end, n_corpus, err));
    AT_TRY(at_logbook_write(&session->logbook, &session->course, "", err));
done:
    pthread_mutex_unlock(&session->sink_lock);
    return status;
}

void at_session_filled(attrib_session *session,
                       attrib_status status,
                       const attrib_error *err)
{
    attrib_error ignored = {0};
    if (!session) {
        return;
    }
    pthread_mutex_lock(&session->sink_lock);
    if (status !=
        ATTRIB_OK) { /* where even this fails, the last time it was written stays */
        const char *why =
            err && err->message[0] ? err->message : attrib_status_name(status);
        (void)at_logbook_write(&session->logbook, &session->course, why, &ignored);
    }
    at_logbook_close(&session->logbook, status == ATTRIB_OK);
    pthread_mutex_unlock(&session->sink_lock);
}

void at_stage_skip(attrib_session *session, const char *name, double units)
{
    if (!at_is_watched(session) || !(units > 0)) {
        return;
    }
    pthread_mutex_lock(&session->sink_lock);
    at_leg *leg = at_course_leg(&session->course, name);
    if (leg) {
        at_course_skip(&session->course, leg, units);
    }
    pthread_mutex_unlock(&session->sink_lock);
}

void at_stage_begin(at_stage *stage,
                    attrib_session *session,
                    const char *name,
                    const char *unit,
                    size_t total)
{
    *stage = (at_stage){
        .session = session, .name = name, .total = total, .units = (double)total};
    if (!at_is_watched(session)) {
        return;
    }
    pthread_mutex_lock(&session->sink_lock);
    at_leg *leg = at_course_leg(&session->course, name);
    if (leg && !leg->is_declared) { /* it is this pass alone */
        at_course_declare(&session->course, name, unit, (double)total);
        leg->is_declared = false;
    }
    if (leg) {
        stage->first = leg->done;
        stage->first_tokens = leg->tokens;
    }
    pthread_mutex_unlock(&session->sink_lock);
}

void at_stage_set(at_stage *stage, double units, size_t done)
{
    stage->units = units > 0 ? units : stage->units;
    if (done > 0 && stage->total > 0) {
        at_stage_skip(stage->session, stage->name,
                      stage->units * (double)done / (double)stage->total);
    }
}

/* Report `units` of the stage, which are done since the pass began, and tokens; where
 * `is_forced`, let it get through. */
static void report(const at_stage *stage, double units, double tokens, bool is_forced)
{
    attrib_session *session = stage->session;
    if (!at_is_watched(session)) {
        return;
    }
    pthread_mutex_lock(&session->sink_lock);
    double now = at_now();
    at_leg *leg = at_course_leg(&session->course, stage->name);
    if (leg && (is_forced || now - session->last_report >= 1.0 / PROGRESS_PER_SECOND)) {
        leg->is_counted = stage->is_counted;
        leg->counted = (double)stage->counted;
        at_course_advance(&session->course, leg, stage->first + units,
                          stage->first_tokens + tokens, now);
        tell(session, leg);
    }
    pthread_mutex_unlock(&session->sink_lock);
}

/* Units of the stage that `done` of the pass's total are; of a pass without a total, as
 * many. */
static double units_of(const at_stage *stage, size_t done)
{
    return stage->total > 0 ? stage->units * (double)done / (double)stage->total
                            : (double)done;
}

void at_stage_report(const at_stage *stage, size_t done)
{
    report(stage, units_of(stage, done), 0, false);
}

void at_stage_report_tokens(const at_stage *stage, size_t done, size_t tokens)
{
    report(stage, units_of(stage, done), (double)tokens, false);
}

void at_stage_report_share(const at_stage *stage, double share)
{
    report(stage, stage->units * share, 0, false);
}

void at_stage_report_count(at_stage *stage, double share, size_t n)
{
    stage->is_counted = true;
    stage->counted = n;
    report(stage, share, 0, false);
}

void at_stage_end_count(at_stage *stage, double share, size_t n)
{
    stage->is_counted = true;
    stage->counted = n;
    report(stage, share, 0, true);
}

void at_stage_end(const at_stage *stage, size_t done, size_t tokens)
{
    report(stage, units_of(stage, done), (double)tokens, true);
}

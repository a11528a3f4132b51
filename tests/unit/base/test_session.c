/* SPDX-License-Identifier: MIT */
/* Sessions: threads, the log, progress that is thinned, and cancellation. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/session.h"
#include "base/thread.h"

typedef struct sink {
    size_t n_lines, n_reports;
    char last_line[64];
    attrib_log_level last_level;
    attrib_progress last;
} sink;

static void take_line(void *context, attrib_log_level level, const char *line)
{
    sink *seen = context;
    seen->n_lines++;
    seen->last_level = level;
    snprintf(seen->last_line, sizeof seen->last_line, "%s", line);
}

static void take_progress(void *context, const attrib_progress *progress)
{
    sink *seen = context;
    seen->n_reports++;
    seen->last = *progress;
}

static attrib_session *make_session(sink *seen, size_t n_threads)
{
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    options.log = take_line;
    options.log_context = seen;
    options.progress = take_progress;
    options.progress_context = seen;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    return session;
}

/* Without a number, as many workers as cores that may be used. */
static void test_session__threads_default_to_cores(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    check_ok(attrib_session_new(NULL, &session, &err), &err);
    size_t n_cores = (size_t)sysconf(_SC_NPROCESSORS_CONF);
    assert_in_range(attrib_session_n_threads(session), 1, n_cores);
    attrib_session_free(session);
}

static void test_session__too_many_threads_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.n_threads = 4097;
    check_fails(attrib_session_new(&options, &session, &err), ATTRIB_EINVAL, &err);
    assert_null(session);
    attrib_session_free(NULL);
}

static void test_session__is_one_of_some_processes(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_session_options_default(&options);
    assert_int_equal(at_session_n_processes(NULL), 1);
    check_ok(attrib_session_new(&options, &session, &err), &err);
    assert_int_equal(at_session_n_processes(session), 1);
    attrib_session_free(session);
    options.n_processes = 3;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    assert_int_equal(at_session_n_processes(session), 3);
    attrib_session_free(session);
    session = NULL;
    options.n_processes = 0;
    check_fails(attrib_session_new(&options, &session, &err), ATTRIB_EINVAL, &err);
    assert_null(session);
}

static void test_session__log_reaches_the_sink(void **state)
{
    (void)state;
    sink seen = {0};
    attrib_session *session = make_session(&seen, 1);
    at_log(session, ATTRIB_LOG_DETAIL, "%d of %s", 3, "x");
    assert_string_equal(seen.last_line, "3 of x");
    assert_int_equal(seen.last_level, ATTRIB_LOG_DETAIL);
    at_log(NULL, ATTRIB_LOG_INFO, "dropped");
    assert_int_equal(seen.n_lines, 1);
    attrib_session_free(session);
}

/* A stage's steps are thinned to ten a second; its end is always told, with the total. */
static void test_session__progress_is_thinned(void **state)
{
    (void)state;
    sink seen = {0};
    at_stage stage;
    attrib_session *session = make_session(&seen, 1);
    double start = at_now();
    at_stage_begin(&stage, session, "lambda", "documents", 100000);
    for (size_t i = 0; i < 100000; i++) {
        at_stage_report(&stage, i);
    }
    double seconds = at_now() - start;
    assert_true((double)seen.n_reports <= seconds * 10 + 1);
    at_stage_end(&stage, 100000, 0);
    assert_string_equal(seen.last.stage, "lambda");
    assert_string_equal(seen.last.unit, "documents");
    assert_int_equal(seen.last.done, 100000);
    assert_int_equal(seen.last.total, 100000);
    assert_true(seen.last.seconds >= 0);
    attrib_session_free(session);
    at_stage_begin(&stage, NULL, "quiet", "documents", 1);
    at_stage_end(&stage, 1, 0); /* without a session: nothing */
}

/* Passes of a declared stage add up, and tell its units, rate and share of the job. */
static void test_session__passes_add_up_to_their_stage(void **state)
{
    (void)state;
    sink seen = {0};
    at_stage stage;
    attrib_session *session = make_session(&seen, 1);
    attrib_session_expect(NULL, "score", 1);
    attrib_session_expect(session, "score", 9);
    attrib_session_expect(session, "explain", 1);
    at_stage_declare(session, "score", "documents", 30, 10);
    at_stage_begin(&stage, session, "score", "rows", 500);
    at_stage_set(&stage, 10, 0);
    usleep(1000);
    at_stage_end(&stage, 500, 7000);
    assert_int_equal(seen.last.done, 20);
    assert_int_equal(seen.last.total, 30);
    assert_string_equal(seen.last.unit, "documents");
    assert_true(fabs(seen.last.overall - 0.6) < 1e-6);
    assert_true(seen.last.tokens_per_second > 0 && seen.last.seconds_left >= 0);
    at_stage_begin(&stage, session, "score", "rows", 100);
    at_stage_set(&stage, 10, 90); /* an earlier process has nine tenths of it */
    at_stage_end(&stage, 90, 0);
    assert_int_equal(seen.last.done, 29);
    assert_true(seen.last.overall > 0.85 && seen.last.overall < 0.9);
    at_stage_skip(session, "score", 1);
    at_stage_begin(&stage, session, "explain", "queries", 2);
    at_stage_end(&stage, 2, 0);
    assert_int_equal(seen.last.done, 2);
    assert_true(seen.last.overall == 1 && seen.last.seconds_left == 0);
    assert_true(isnan(seen.last.tokens_per_second));
    attrib_session_free(session);
}

/* What an earlier process has done of a pass does not count for this one's rate. */
static void test_session__resumed_passes_keep_their_rate(void **state)
{
    (void)state;
    sink seen = {0};
    at_stage stage;
    attrib_session *session = make_session(&seen, 1);
    at_stage_begin(&stage, session, "lambda", "documents", 1000);
    at_stage_set(&stage, 0, 998);
    usleep(50000);
    at_stage_end(&stage, 999, 0);
    assert_true(seen.last.seconds_left >= 0.04); /* as long again for the last one */
    attrib_session_free(session);
}

/* Things of an unknown number move the whole where the share of them is known. */
static void test_session__counted_things_move_the_whole(void **state)
{
    (void)state;
    sink seen = {0};
    at_stage stage;
    attrib_session *session = make_session(&seen, 1);
    attrib_session_expect(session, "read", 1);
    attrib_session_expect(session, "score", 3);
    at_stage_declare(session, "read", "documents", 1, 0);
    at_stage_begin(&stage, session, "read", "documents", 0);
    usleep(200000);
    at_stage_report_count(&stage, 0.5, 700);
    assert_int_equal(seen.last.done, 700);
    assert_int_equal(seen.last.total, 0);
    assert_true(seen.last.overall > 0.1 && seen.last.overall < 0.15); /* half of 1 of 4 */
    at_stage_end_count(&stage, 1, 900);
    assert_int_equal(seen.last.done, 900);
    assert_true(seen.last.overall > 0.2 && seen.last.overall < 0.3);
    at_stage_begin(&stage, session, "score", "sequences", 900);
    at_stage_end(&stage, 900, 0);
    assert_int_equal(seen.last.total, 900);
    if (fabs(seen.last.overall - 1) > 1e-9) {
        fail_msg("%.17g of the whole at its end", seen.last.overall);
    }
    attrib_session_free(session);
}

/* No more than a stage has can turn out not to be needed. */
static void test_session__skips_end_with_the_stage(void **state)
{
    (void)state;
    sink seen = {0};
    at_stage stage;
    attrib_session *session = make_session(&seen, 1);
    attrib_session_expect(session, "hidden", 1);
    attrib_session_expect(session, "score", 1);
    at_stage_declare(session, "hidden", "sequences", 20, 0);
    at_stage_begin(&stage, session, "hidden", "sequences", 10);
    at_stage_end(&stage, 10, 0);
    at_stage_skip(session, "hidden", HUGE_VAL);
    at_stage_begin(&stage, session, "hidden", "sequences", 1);
    at_stage_end(&stage, 0, 0);
    assert_int_equal(seen.last.done, 20);
    assert_true(seen.last.overall > 0.3 && seen.last.overall < 1);
    attrib_session_free(session);
}

static attrib_status log_block(void *context,
                               size_t i_worker,
                               size_t i_block,
                               attrib_error *err)
{
    (void)i_worker;
    (void)err;
    at_log(context, ATTRIB_LOG_INFO, "block %zu", i_block);
    return ATTRIB_OK;
}

/* Sinks are called one at a time from any worker: no line is lost, and none races. */
static void test_session__sinks_are_called_one_at_a_time(void **state)
{
    (void)state;
    attrib_error err = {0};
    sink seen = {0};
    attrib_session *session = make_session(&seen, 4);
    check_ok(at_parallel_for(session, 5000, log_block, session, &err), &err);
    assert_int_equal(seen.n_lines, 5000);
    attrib_session_free(session);
}

static void test_session__cancel_is_seen_and_stays(void **state)
{
    (void)state;
    attrib_error err = {0};
    sink seen = {0};
    attrib_session *session = make_session(&seen, 1);
    check_ok(at_poll_cancel(session, &err), &err);
    check_ok(at_poll_cancel(NULL, &err), &err);
    attrib_session_cancel(session);
    check_fails(at_poll_cancel(session, &err), ATTRIB_ECANCELED, &err);
    check_message(&err, "canceled");
    attrib_session_free(session);
}

static void test_session__version_is_that_of_the_build(void **state)
{
    (void)state;
    assert_string_equal(attrib_version(), ATTRIB_VERSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session__threads_default_to_cores),
        cmocka_unit_test(test_session__too_many_threads_are_refused),
        cmocka_unit_test(test_session__is_one_of_some_processes),
        cmocka_unit_test(test_session__log_reaches_the_sink),
        cmocka_unit_test(test_session__progress_is_thinned),
        cmocka_unit_test(test_session__passes_add_up_to_their_stage),
        cmocka_unit_test(test_session__resumed_passes_keep_their_rate),
        cmocka_unit_test(test_session__counted_things_move_the_whole),
        cmocka_unit_test(test_session__skips_end_with_the_stage),
        cmocka_unit_test(test_session__sinks_are_called_one_at_a_time),
        cmocka_unit_test(test_session__cancel_is_seen_and_stays),
        cmocka_unit_test(test_session__version_is_that_of_the_build),
    };
    return run_cases(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* Blocks of work on several threads: each once, failures and turns in block order. */
#include "support/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/thread.h"

enum { N_BLOCKS = 500 };

static attrib_session *make_session(size_t n_threads)
{
    attrib_error err = {0};
    attrib_session *session = NULL;
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    return session;
}

typedef struct tally {
    atomic_int visits[N_BLOCKS];
    atomic_bool is_outside; /* a worker's number was too large */
    size_t n_workers;
} tally;

static attrib_status count_block(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    tally *counts = context;
    (void)err;
    atomic_fetch_add(&counts->visits[i_block], 1);
    if (i_worker >= counts->n_workers) {
        atomic_store(&counts->is_outside, true);
    }
    return ATTRIB_OK;
}

/* Every block runs exactly once, for any number of workers and without a session. */
static void test_thread__every_block_runs_once(void **state)
{
    (void)state;
    for (size_t n_threads = 0; n_threads <= 8; n_threads++) {
        attrib_error err = {0};
        attrib_session *session = n_threads ? make_session(n_threads) : NULL;
        for (size_t n_blocks = 0; n_blocks <= N_BLOCKS;
             n_blocks += n_blocks < 10 ? 1 : 245) {
            tally counts = {.n_workers = at_n_workers(session, n_blocks)};
            check_ok(at_parallel_for(session, n_blocks, count_block, &counts, &err),
                     &err);
            assert_false(counts.is_outside);
            for (size_t i = 0; i < N_BLOCKS; i++) {
                assert_int_equal(counts.visits[i], i < n_blocks);
            }
        }
        attrib_session_free(session);
    }
}

static void test_thread__workers_are_no_more_than_blocks(void **state)
{
    (void)state;
    attrib_session *session = make_session(4);
    assert_int_equal(at_n_workers(session, 2), 2);
    assert_int_equal(at_n_workers(session, 100), 4);
    assert_int_equal(at_n_workers(session, 0), 1);
    assert_int_equal(at_n_workers(NULL, 100), 1);
    attrib_session_free(session);
}

/* Blocks 7 and 3 fail; 3 fails only after 7 has. */
typedef struct failing {
    atomic_bool has_7_failed;
    atomic_size_t n_run;
} failing;

static attrib_status fail_3_after_7(void *context,
                                    size_t i_worker,
                                    size_t i_block,
                                    attrib_error *err)
{
    failing *shared = context;
    (void)i_worker;
    atomic_fetch_add(&shared->n_run, 1);
    if (i_block == 7) {
        atomic_store(&shared->has_7_failed, true);
        return at_fail(err, ATTRIB_EIO, "block 7");
    }
    if (i_block == 3) {
        while (!atomic_load(&shared->has_7_failed)) {
        }
        return at_fail(err, ATTRIB_EFORMAT, "block 3");
    }
    return ATTRIB_OK;
}

/* The failure of the first block in order is returned, though a later one failed before;
 * the rest does not run. */
static void test_thread__first_failure_in_block_order_wins(void **state)
{
    (void)state;
    attrib_session *session = make_session(2);
    for (int i = 0; i < 50; i++) {
        attrib_error err = {0};
        failing shared = {false, 0};
        check_fails(at_parallel_for(session, 1000000, fail_3_after_7, &shared, &err),
                    ATTRIB_EFORMAT, &err);
        assert_string_equal(err.message, "block 3");
        assert_true(shared.n_run < 1000);
    }
    attrib_session_free(session);
}

/* A cancellation that only follows from another failure does not hide it. */
static attrib_status echo_cancel(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    (void)context;
    (void)i_worker;
    if (i_block == 0) {
        return at_fail(err, ATTRIB_ECANCELED, "canceled");
    }
    return i_block == 1 ? at_fail(err, ATTRIB_ENUMERIC, "the cause") : ATTRIB_OK;
}

typedef struct pair {
    at_turns *turns;
} pair;

static attrib_status wait_or_fail(void *context,
                                  size_t i_worker,
                                  size_t i_block,
                                  attrib_error *err)
{
    pair *shared = context;
    if (i_block == 0) {
        at_turns_stop(shared->turns);
        return at_fail(err, ATTRIB_ENUMERIC, "the cause");
    }
    /* Block 0 never leaves the lane: whoever waits for it is let go as canceled. */
    attrib_status status = at_turns_enter(shared->turns, 0, i_block, err);
    return status == ATTRIB_OK ? echo_cancel(NULL, i_worker, 2, err) : status;
}

static void test_thread__cause_is_reported_not_its_echo(void **state)
{
    (void)state;
    attrib_session *session = make_session(2);
    for (int i = 0; i < 200; i++) {
        attrib_error err = {0};
        pair shared = {NULL};
        check_ok(at_turns_new(1, &shared.turns, &err), &err);
        check_fails(at_parallel_for(session, 2, wait_or_fail, &shared, &err),
                    ATTRIB_ENUMERIC, &err);
        assert_string_equal(err.message, "the cause");
        at_turns_free(shared.turns);
    }
    attrib_session_free(session);
}

static attrib_status cancel_at_10(void *context,
                                  size_t i_worker,
                                  size_t i_block,
                                  attrib_error *err)
{
    (void)i_worker;
    (void)err;
    if (i_block == 10) {
        attrib_session_cancel(context);
    }
    return ATTRIB_OK;
}

/* Cancels in block 5, and remembers which blocks ran. */
typedef struct canceled {
    attrib_session *session;
    atomic_bool has_run[N_BLOCKS];
} canceled;

static attrib_status cancel_at_5(void *context,
                                 size_t i_worker,
                                 size_t i_block,
                                 attrib_error *err)
{
    canceled *shared = context;
    (void)i_worker;
    (void)err;
    atomic_store(&shared->has_run[i_block], true);
    if (i_block == 5) {
        attrib_session_cancel(shared->session);
    }
    return ATTRIB_OK;
}

/* What runs before a cancellation is the first blocks, without a gap: a block that waits
 * for the turn of one before it would wait for ever. */
static void test_thread__cancellation_leaves_no_gap(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        attrib_error err = {0};
        canceled shared = {.session = make_session(8)};
        attrib_status status =
            at_parallel_for(shared.session, N_BLOCKS, cancel_at_5, &shared, &err);
        assert_true(status == ATTRIB_ECANCELED || shared.has_run[N_BLOCKS - 1]);
        for (size_t k = 1; k < N_BLOCKS; k++) {
            assert_false(shared.has_run[k] && !shared.has_run[k - 1]);
        }
        attrib_session_free(shared.session);
    }
}

/* Once canceled, the loop ends with ECANCELED, and so does every later one. */
static void test_thread__cancellation_stops_the_loop(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 2; n_threads++) {
        attrib_error err = {0};
        attrib_session *session = make_session(n_threads);
        check_fails(at_parallel_for(session, 100000000, cancel_at_10, session, &err),
                    ATTRIB_ECANCELED, &err);
        assert_string_equal(err.message, "canceled");
        tally counts = {.n_workers = n_threads};
        attrib_error later = {0};
        check_fails(at_parallel_for(session, 1, count_block, &counts, &later),
                    ATTRIB_ECANCELED, &later);
        assert_int_equal(counts.visits[0], 0);
        attrib_session_free(session);
    }
}

/* Each lane is a list that blocks append their number to, in turn. */
enum { N_LANES = 3 };

typedef struct lanes {
    at_turns *turns;
    size_t order[N_LANES][N_BLOCKS];
    size_t n[N_LANES];
} lanes;

static attrib_status append_in_turn(void *context,
                                    size_t i_worker,
                                    size_t i_block,
                                    attrib_error *err)
{
    lanes *shared = context;
    attrib_status status = ATTRIB_OK;
    (void)i_worker;
    for (size_t lane = 0; lane < N_LANES; lane++) {
        AT_TRY(at_turns_enter(shared->turns, lane, i_block, err));
        shared->order[lane][shared->n[lane]++] = i_block;
        at_turns_leave(shared->turns, lane, i_block);
    }
done:
    return status;
}

/* What is done in turns is done in block order, without locks of its own. */
static void test_thread__turns_go_in_block_order(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
        attrib_error err = {0};
        attrib_session *session = make_session(n_threads);
        lanes *shared = NULL;
        check_ok(at_array(1, sizeof *shared, &shared, &err), &err);
        check_ok(at_turns_new(N_LANES, &shared->turns, &err), &err);
        check_ok(at_parallel_for(session, N_BLOCKS, append_in_turn, shared, &err), &err);
        for (size_t lane = 0; lane < N_LANES; lane++) {
            assert_int_equal(shared->n[lane], N_BLOCKS);
            for (size_t i = 0; i < N_BLOCKS; i++) {
                assert_int_equal(shared->order[lane][i], i);
            }
        }
        at_turns_free(shared->turns);
        free(shared);
        attrib_session_free(session);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread__every_block_runs_once),
        cmocka_unit_test(test_thread__workers_are_no_more_than_blocks),
        cmocka_unit_test(test_thread__first_failure_in_block_order_wins),
        cmocka_unit_test(test_thread__cause_is_reported_not_its_echo),
        cmocka_unit_test(test_thread__cancellation_stops_the_loop),
        cmocka_unit_test(test_thread__cancellation_leaves_no_gap),
        cmocka_unit_test(test_thread__turns_go_in_block_order),
    };
    return run_cases(tests, NULL, NULL);
}

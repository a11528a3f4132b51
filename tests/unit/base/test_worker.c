/* SPDX-License-Identifier: MIT */
/* A thread with a queue of jobs: in order, bounded, taken back, and brought to its end.
 */
#include "base/worker.h"

#include <stdatomic.h>
#include <time.h>

#include "support/check.h"

enum { MAX_WAITING = 3 };

/* Jobs that wait at a gate, and note in which order they passed it. */
typedef struct place {
    at_worker *worker;
    atomic_bool is_open, is_entered;
    size_t n_done;
    int done[16];
} place;

static void pause_shortly(void)
{
    const struct timespec shortly = {.tv_nsec = 1000000};
    nanosleep(&shortly, NULL);
}

static void pass(void *context, void *job)
{
    place *self = context;
    atomic_store(&self->is_entered, true);
    while (!atomic_load(&self->is_open)) {
        pause_shortly();
    }
    at_worker_lock(self->worker);
    self->done[self->n_done++] = *(const int *)job;
    at_worker_unlock(self->worker);
}

static bool give(place *self, int *job)
{
    at_worker_lock(self->worker);
    bool is_taken = at_worker_give(self->worker, job);
    at_worker_unlock(self->worker);
    return is_taken;
}

static void start(place *self)
{
    attrib_error err = {0};
    check_ok(at_worker_new(MAX_WAITING, pass, self, &self->worker, &err), &err);
}

/* Hand in the first job, which waits at the gate then. */
static void hold(place *self, int *job)
{
    assert_true(give(self, job));
    while (!atomic_load(&self->is_entered)) {
        pause_shortly();
    }
}

static void test_worker__does_jobs_in_order(void **state)
{
    (void)state;
    place self = {0};
    int jobs[] = {0, 1, 2, 3};
    start(&self);
    hold(&self, &jobs[0]);
    for (int i = 1; i < 4; i++) {
        assert_true(give(&self, &jobs[i]));
    }
    assert_false(at_worker_rest(self.worker, 0.01));
    atomic_store(&self.is_open, true);
    assert_true(at_worker_rest(self.worker, 60));
    assert_int_equal(self.n_done, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(self.done[i], i);
    }
    at_worker_free(self.worker);
}

static void test_worker__refuses_more_than_may_wait(void **state)
{
    (void)state;
    place self = {0};
    int jobs[] = {0, 1, 2, 3, 4};
    start(&self);
    hold(&self, &jobs[0]);
    for (int i = 1; i <= MAX_WAITING; i++) {
        assert_true(give(&self, &jobs[i]));
    }
    assert_false(give(&self, &jobs[4]));
    at_worker_lock(self.worker);
    assert_int_equal(at_worker_n_waiting(self.worker), MAX_WAITING);
    assert_ptr_equal(at_worker_waiting(self.worker, 1), &jobs[2]);
    at_worker_unlock(self.worker);
    atomic_store(&self.is_open, true);
    at_worker_free(self.worker);
}

static void test_worker__takes_back_what_waits(void **state)
{
    (void)state;
    place self = {0};
    int jobs[] = {0, 1, 2};
    start(&self);
    hold(&self, &jobs[0]);
    assert_true(give(&self, &jobs[1]));
    assert_true(give(&self, &jobs[2]));
    at_worker_lock(self.worker);
    assert_true(at_worker_take_back(self.worker, &jobs[1]));
    assert_false(at_worker_take_back(self.worker, &jobs[1]));
    assert_false(at_worker_take_back(self.worker, &jobs[0]));
    at_worker_unlock(self.worker);
    atomic_store(&self.is_open, true);
    assert_true(at_worker_rest(self.worker, 60));
    assert_int_equal(self.n_done, 2);
    assert_int_equal(self.done[1], 2);
    at_worker_free(self.worker);
}

static void test_worker__begins_nothing_once_it_ends(void **state)
{
    (void)state;
    place self = {0};
    int jobs[] = {0, 1};
    start(&self);
    at_worker_free(self.worker);
    self = (place){.is_open = true};
    start(&self);
    hold(&self, &jobs[0]);
    assert_true(at_worker_rest(self.worker, 60));
    at_worker_free(self.worker);
    at_worker_free(NULL);
    assert_int_equal(self.n_done, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_worker__does_jobs_in_order),
        cmocka_unit_test(test_worker__refuses_more_than_may_wait),
        cmocka_unit_test(test_worker__takes_back_what_waits),
        cmocka_unit_test(test_worker__begins_nothing_once_it_ends),
    };
    return run_cases(tests, NULL, NULL);
}

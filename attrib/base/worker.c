/* SPDX-License-Identifier: MIT */
/* A thread with a queue of jobs. */
#include "base/worker.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"

struct at_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* a job was handed in or done, or the thread is to end */
    at_job_fn fn;
    void *context;
    void **waiting; /* [max_waiting] the next one first */
    size_t n_waiting, max_waiting;
    bool is_busy, is_ending;
};

/* The next job, which the worker is busy with then; NULL where it is to end. */
static void *next_job(at_worker *self)
{
    void *job = NULL;
    pthread_mutex_lock(&self->lock);
    self->is_busy = false;
    pthread_cond_broadcast(&self->moved);
    while (!self->is_ending && self->n_waiting == 0) {
        pthread_cond_wait(&self->moved, &self->lock);
    }
    if (!self->is_ending) {
        job = self->waiting[0];
        self->is_busy = true;
        self->n_waiting--;
        memmove(self->waiting, self->waiting + 1,
                self->n_waiting * sizeof *self->waiting);
    }
    pthread_mutex_unlock(&self->lock);
    return job;
}

static void *work(void *argument)
{
    at_worker *self = argument;
    for (void *job = next_job(self); job; job = next_job(self)) {
        self->fn(self->context, job);
    }
    return NULL;
}

/* A thread inherits which signals reach it. */
static bool start(at_worker *self)
{
    sigset_t ends;
    sigset_t before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, &before);
    bool is_started = pthread_create(&self->thread, NULL, work, self) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

/* Waits are by the clock that nobody sets. */
static bool make_condition(pthread_cond_t *out)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool is_made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(out, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return is_made;
}

attrib_status at_worker_new(
    size_t max_waiting, at_job_fn fn, void *context, at_worker **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_worker *made = NULL;
    bool has_lock = false;
    bool has_condition = false;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    AT_TRY(at_array(max_waiting, sizeof *made->waiting, &made->waiting, err));
    made->max_waiting = max_waiting;
    made->fn = fn;
    made->context = context;
    has_lock = pthread_mutex_init(&made->lock, NULL) == 0;
    has_condition = has_lock && make_condition(&made->moved);
    AT_CHECK(has_condition && start(made), ATTRIB_ENOMEM, "no thread could be made");
    *out = made;
    made = NULL;
done:
    if (made) {
        if (has_condition) {
            pthread_cond_destroy(&made->moved);
        }
        if (has_lock) {
            pthread_mutex_destroy(&made->lock);
        }
        free(made->waiting);
        free(made);
    }
    return status;
}

void at_worker_free(at_worker *worker)
{
    if (!worker) {
        return;
    }
    pthread_mutex_lock(&worker->lock);
    worker->is_ending = true;
    pthread_cond_broadcast(&worker->moved);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->moved);
    pthread_mutex_destroy(&worker->lock);
    free(worker->waiting);
    free(worker);
}

void at_worker_lock(at_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
}

void at_worker_unlock(at_worker *worker)
{
    pthread_mutex_unlock(&worker->lock);
}

bool at_worker_give(at_worker *worker, void *job)
{
    if (worker->n_waiting == worker->max_waiting) {
        return false;
    }
    worker->waiting[worker->n_waiting++] = job;
    pthread_cond_broadcast(&worker->moved);
    return true;
}

bool at_worker_take_back(at_worker *worker, const void *job)
{
    for (size_t i = 0; i < worker->n_waiting; i++) {
        if (worker->waiting[i] == job) {
            worker->n_waiting--;
            memmove(worker->waiting + i, worker->waiting + i + 1,
                    (worker->n_waiting - i) * sizeof *worker->waiting);
            return true;
        }
    }
    return false;
}

size_t at_worker_n_waiting(const at_worker *worker)
{
    return worker->n_waiting;
}

void *at_worker_waiting(const at_worker *worker, size_t i)
{
    return worker->waiting[i];
}

bool at_worker_rest(at_worker *worker, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)(1e9 * (seconds - whole));
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    bool is_late = false;
    pthread_mutex_lock(&worker->lock);
    while (!is_late && (worker->is_busy || worker->n_waiting > 0)) {
        is_late = pthread_cond_timedwait(&worker->moved, &worker->lock, &until) != 0;
    }
    bool rests = !worker->is_busy && worker->n_waiting == 0;
    pthread_mutex_unlock(&worker->lock);
    return rests;
}

/* SPDX-License-Identifier: MIT */
/* One thread that does jobs one after the other, while the thread that hands them in goes
 * on; and the lock under which both see what they share. */
#ifndef AT_BASE_WORKER_H
#define AT_BASE_WORKER_H

#include "base/error.h"

typedef struct at_worker at_worker;

/* Do a job; called on the worker's thread, without the lock. */
typedef void (*at_job_fn)(void *context, void *job);

/* Start a thread, of whose jobs max_waiting wait at most while one is done. Signals that
 * end a program are left to the other threads. ENOMEM where no thread can be made. */
attrib_status at_worker_new(
    size_t max_waiting, at_job_fn fn, void *context, at_worker **out, attrib_error *err);

/* Wait for the job that is being done, and end the thread. Jobs that wait are not begun.
 * NULL is fine. */
void at_worker_free(at_worker *worker);

void at_worker_lock(at_worker *worker);
void at_worker_unlock(at_worker *worker);

/* With the lock held: hand in a job, false where too many wait; take one back that was
 * not begun, false where it was; how many wait; and the i-th of these, the next one
 * first. */
bool at_worker_give(at_worker *worker, void *job);
bool at_worker_take_back(at_worker *worker, const void *job);
size_t at_worker_n_waiting(const at_worker *worker);
void *at_worker_waiting(const at_worker *worker, size_t i);

/* Without the lock: wait until no job is left, `seconds` at most; whether that is so. */
bool at_worker_rest(at_worker *worker, double seconds);

#endif

/* SPDX-License-Identifier: MIT */
/* Parallel for over blocks, and ordered turns. */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* 1. Parallel for */

typedef struct job {
    attrib_session *session;
    at_block_fn fn;
    void *context;
    size_t n_blocks;
    atomic_size_t next;
    pthread_mutex_t lock;
    size_t failed_block; /* under lock; n_blocks where none failed */
    attrib_error first;  /* of failed_block */
    attrib_status status;
} job;

typedef struct worker {
    job *work;
    size_t index;
    pthread_t thread;
} worker;

/* Whether a block's failure replaces the one that was kept. A cancellation that only
 * follows from another block's failure never replaces that failure. */
static bool replaces(const job *work, attrib_status status, size_t i_block)
{
    if (work->status == ATTRIB_OK) {
        return true;
    }
    bool is_echo = status == ATTRIB_ECANCELED;
    bool was_echo = work->status == ATTRIB_ECANCELED;
    return is_echo == was_echo ? i_block < work->failed_block : was_echo;
}

static void record_failure(job *work,
                           attrib_status status,
                           size_t i_block,
                           const attrib_error *error)
{
    pthread_mutex_lock(&work->lock);
    if (replaces(work, status, i_block)) {
        work->status = status;
        work->failed_block = i_block;
        work->first = *error;
    }
    pthread_mutex_unlock(&work->lock);
    atomic_store(&work->next, work->n_blocks);
}

static void run_worker(const worker *self)
{
    job *work = self->work;
    while (atomic_load(&work->next) < work->n_blocks) {
        /* Poll before a block is taken: once it is, the workers of later blocks may wait
         * for its turn. */
        attrib_error error = {0};
        attrib_status status = at_poll_cancel(work->session, &error);
        size_t i_block = atomic_load(&work->next);
        if (status == ATTRIB_OK) {
            i_block = atomic_fetch_add(&work->next, 1);
            if (i_block >= work->n_blocks) {
                break;
            }
            status = work->fn(work->context, self->index, i_block, &error);
        }
        if (status != ATTRIB_OK) {
            record_failure(work, status, i_block, &error);
        }
    }
}

/* Bytes of the stack that handlers of signals begin on. The system writes up to some 11
 * KiB of registers there (AMX) before a handler has any. */
#define HANDLER_STACK_BYTES ((size_t)64 << 10)

/* Work with a stack for handlers that ask for one (SA_ONSTACK), unless the thread has
 * its own: kernels of oneDNN keep an address of the heap in the stack pointer, where the
 * handler of a fault of theirs would begin otherwise. */
static void *run_thread(void *argument)
{
    char bytes[HANDLER_STACK_BYTES];
    const stack_t own = {.ss_sp = bytes, .ss_size = sizeof bytes};
    stack_t before = {.ss_flags = SS_DISABLE};
    bool has_own = sigaltstack(NULL, &before) == 0 && !(before.ss_flags & SS_DISABLE);
    if (!has_own) {
        sigaltstack(&own, NULL);
    }
    run_worker(argument);
    if (!has_own) {
        sigaltstack(&before, NULL);
    }
    return NULL;
}

size_t at_n_workers(const attrib_session *session, size_t n_blocks)
{
    size_t n = session ? attrib_session_n_threads(session) : 1;
    n = n < n_blocks ? n : n_blocks;
    return n ? n : 1;
}

attrib_status at_parallel_for(attrib_session *session,
                              size_t n_blocks,
                              at_block_fn fn,
                              void *context,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    worker *workers = NULL;
    size_t n_workers = at_n_workers(session, n_blocks);
    size_t n_started = 1;
    job work = {session,  fn,  context, n_blocks, 0, PTHREAD_MUTEX_INITIALIZER,
                n_blocks, {0}, 0};
    AT_TRY(at_array(n_workers, sizeof *workers, &workers, err));
    for (size_t i = 0; i < n_workers; i++) {
        workers[i] = (worker){&work, i, 0};
    }
    /* Fewer threads than asked for change the time only, never the result. */
    while (n_started < n_workers &&
           pthread_create(&workers[n_started].thread, NULL, run_thread,
                          &workers[n_started]) == 0) {
        n_started++;
    }
    run_thread(&workers[0]);
    for (size_t i = 1; i < n_started; i++) {
        pthread_join(workers[i].thread, NULL);
    }
    if (work.status != ATTRIB_OK) {
        status = at_fail(err, work.status, "%s", work.first.message);
    }
done:
    pthread_mutex_destroy(&work.lock);
    free(workers);
    return status;
}

/* 2. Turns */

struct at_turns {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_stopped;
    size_t *next; /* [lanes] the block whose turn it is in each lane */
};

attrib_status at_turns_new(size_t n_lanes, at_turns **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_turns *turns = NULL;
    AT_TRY(at_array(1, sizeof *turns, &turns, err));
    AT_TRY(at_array(n_lanes, sizeof *turns->next, &turns->next, err));
    if (pthread_mutex_init(&turns->lock, NULL) != 0) {
        AT_CHECK(false, ATTRIB_ENOMEM, "no lock could be made");
    }
    if (pthread_cond_init(&turns->moved, NULL) != 0) {
        pthread_mutex_destroy(&turns->lock);
        AT_CHECK(false, ATTRIB_ENOMEM, "no lock could be made");
    }
    *out = turns;
    turns = NULL;
done:
    if (turns) {
        free(turns->next);
        free(turns);
    }
    return status;
}

void at_turns_free(at_turns *turns)
{
    if (turns) {
        pthread_cond_destroy(&turns->moved);
        pthread_mutex_destroy(&turns->lock);
        free(turns->next);
        free(turns);
    }
}

void at_turns_begin(at_turns *turns, size_t lane, size_t i_block)
{
    turns->next[lane] = i_block;
}

attrib_status at_turns_enter(at_turns *turns,
                             size_t lane,
                             size_t i_block,
                             attrib_error *err)
{
    pthread_mutex_lock(&turns->lock);
    while (!turns->is_stopped && turns->next[lane] != i_block) {
        pthread_cond_wait(&turns->moved, &turns->lock);
    }
    bool is_stopped = turns->is_stopped;
    pthread_mutex_unlock(&turns->lock);
    return is_stopped ? at_fail(err, ATTRIB_ECANCELED, "canceled") : ATTRIB_OK;
}

void at_turns_leave(at_turns *turns, size_t lane, size_t i_block)
{
    pthread_mutex_lock(&turns->lock);
    turns->next[lane] = i_block + 1;
    pthread_cond_broadcast(&turns->moved);
    pthread_mutex_unlock(&turns->lock);
}

void at_turns_stop(at_turns *turns)
{
    pthread_mutex_lock(&turns->lock);
    turns->is_stopped = true;
    pthread_cond_broadcast(&turns->moved);
    pthread_mutex_unlock(&turns->lock);
}

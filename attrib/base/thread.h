/* SPDX-License-Identifier: MIT */
/* The one way to run work on several threads: a parallel for over blocks, with ordered
 * turns.
 *
 * Blocks are taken in increasing order. What a block computes may not depend on the
 * worker that takes it, and sums over blocks are taken in block order through turns. So
 * results have the same bytes for any number of workers. */
#ifndef AT_BASE_THREAD_H
#define AT_BASE_THREAD_H

#include "base/session.h"

/* Compute block i_block as worker i_worker (0 <= i_worker < at_n_workers()). */
typedef attrib_status (*at_block_fn)(void *context,
                                     size_t i_worker,
                                     size_t i_block,
                                     attrib_error *err);

/* The number of workers that at_parallel_for() uses for n_blocks: no more than there are
 * blocks. */
size_t at_n_workers(const attrib_session *session, size_t n_blocks);

/* Run fn for every block 0 <= i < n_blocks. The first failure in block order of those
 * that ran stops the rest and is returned; cancellation is polled before every block.
 * Worker 0 is the caller. All workers have a stack for handlers of signals (SA_ONSTACK).
 */
attrib_status at_parallel_for(attrib_session *session,
                              size_t n_blocks,
                              at_block_fn fn,
                              void *context,
                              attrib_error *err);

/* Ordered turns: n_lanes independent queues in which blocks go 0, 1, 2, ... A worker that
 * adds block b into lane l waits until block b - 1 has left that lane. */
typedef struct at_turns at_turns;

attrib_status at_turns_new(size_t n_lanes, at_turns **out, attrib_error *err);
void at_turns_free(at_turns *turns);
/* Block i_block is the first of a lane; before any worker enters it. */
void at_turns_begin(at_turns *turns, size_t lane, size_t i_block);
/* Wait for i_block's turn in a lane; ATTRIB_ECANCELED once at_turns_stop() was called. */
attrib_status at_turns_enter(at_turns *turns,
                             size_t lane,
                             size_t i_block,
                             attrib_error *err);
void at_turns_leave(at_turns *turns, size_t lane, size_t i_block);
/* Release all workers that wait: a block has failed, and its turns will never come. */
void at_turns_stop(at_turns *turns);

#endif

/* SPDX-License-Identifier: MIT */
/* The processes that a launcher of MPI started together, which share the work of a
 * command.
 *
 * Only the module attrib_mpi.so calls MPI, and the program loads it under a launcher
 * alone: without one it starts as fast as ever, and it runs where there is no MPI. What
 * ranks give each other are files on the disk that they share. */
#ifndef CLI_RANKS_H
#define CLI_RANKS_H

#include <attrib.h>

/* What the module offers, under the name attrib_ranks. */
typedef struct ranks_calls {
    /* Start MPI: this process is i of n, of which n_local are on its host. False where it
     * cannot be started. */
    bool (*start)(size_t *i, size_t *n, size_t *n_local);
    /* Wait for all processes: whether all of them came with true. */
    bool (*agree)(bool is_well);
    /* End all processes, with an exit code. */
    void (*abort)(int code);
    /* End MPI, which all processes do together. */
    void (*stop)(void);
} ranks_calls;

typedef struct ranks {
    size_t i, n, n_local; /* 0, 1, 1: a process alone */
    const ranks_calls *calls;
} ranks;

/* How many processes a launcher says that it started, of which this is `*i`; 1 without a
 * launcher. Costs nothing: MPI is not loaded. */
size_t ranks_launched(size_t *i);

/* Join the other ranks where a launcher started this process with others. */
attrib_status ranks_open(ranks *out, attrib_error *err);

/* The threads of a process whose host is shared, where none were asked for; 0: all. */
size_t ranks_threads(const ranks *self, size_t n_asked);

/* Wait for all ranks, and fail where one of them failed. */
attrib_status ranks_agree(const ranks *self, attrib_status status, attrib_error *err);

/* Leave; after a failure all ranks end. Fine for a process alone. */
void ranks_close(ranks *self, bool is_well);

#endif

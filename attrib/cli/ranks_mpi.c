/* SPDX-License-Identifier: MIT */
/* The module that calls MPI (version 3 of the standard). */
#include <mpi.h>
#include <time.h>

#include "cli/ranks.h"

extern const ranks_calls attrib_ranks;

static bool start(size_t *i, size_t *n, size_t *n_local)
{
    int provided = 0;
    int index = 0;
    int count = 0;
    int local = 0;
    MPI_Comm host = MPI_COMM_NULL;
    /* MPI is called by the thread that starts it, while others work. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS ||
        provided < MPI_THREAD_FUNNELED ||
        MPI_Comm_rank(MPI_COMM_WORLD, &index) != MPI_SUCCESS ||
        MPI_Comm_size(MPI_COMM_WORLD, &count) != MPI_SUCCESS ||
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL,
                            &host) != MPI_SUCCESS ||
        MPI_Comm_size(host, &local) != MPI_SUCCESS) {
        return false;
    }
    MPI_Comm_free(&host);
    *i = (size_t)index;
    *n = (size_t)count;
    *n_local = (size_t)local;
    return true;
}

/* MPI waits by asking again and again, which would take a core from those that still
 * work; a rank that waits sleeps between two questions. */
static bool agree(bool is_well)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int mine = is_well;
    int all = 0;
    int is_done = 0;
    MPI_Request request = MPI_REQUEST_NULL;
    bool is_begun = MPI_Iallreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD,
                                   &request) == MPI_SUCCESS;
    while (is_begun && MPI_Test(&request, &is_done, MPI_STATUS_IGNORE) == MPI_SUCCESS &&
           !is_done) {
        nanosleep(&pause, NULL);
    }
    return MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS && is_begun && all != 0;
}

static void abort_all(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
}

static void stop(void)
{
    MPI_Finalize();
}

const ranks_calls attrib_ranks = {start, agree, abort_all, stop};

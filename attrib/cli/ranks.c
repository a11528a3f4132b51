/* SPDX-License-Identifier: MIT */
/* Ranks as the program sees them: whether there are any, and the module that knows them.
 */
#include "cli/ranks.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/terminal.h"

#define MODULE "attrib_mpi.so"

/* The variables of Open MPI's mpirun; of launchers by PMI; and of srun --mpi=pmix. */
static const struct {
    const char *index, *count;
} launchers[] = {
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
    {"PMI_RANK", "PMI_SIZE"},
    {"PMIX_RANK", "SLURM_STEP_NUM_TASKS"},
};

size_t ranks_launched(size_t *i)
{
    *i = 0;
    for (size_t k = 0; k < sizeof launchers / sizeof *launchers; k++) {
        const char *index = getenv(launchers[k].index);
        const char *count = getenv(launchers[k].count);
        if (index && count) {
            *i = strtoul(index, NULL, 10);
            return strtoul(count, NULL, 10);
        }
    }
    return 1;
}

attrib_status ranks_open(ranks *out, attrib_error *err)
{
    size_t i = 0;
    size_t n = ranks_launched(&i);
    if (n <= 1) {
        return ATTRIB_OK;
    }
    /* MPI loads parts of its own, which look for its symbols. */
    void *module = dlopen(MODULE, RTLD_NOW | RTLD_GLOBAL);
    if (!module) {
        return cli_fail(err, ATTRIB_ENOTSUP,
                        "started as one of %zu processes, but this program has no module "
                        "for MPI (%s); build it where an MPI is installed, or give each "
                        "process its --shard",
                        n, dlerror());
    }
    const ranks_calls *calls = dlsym(module, "attrib_ranks");
    if (!calls || !calls->start(&out->i, &out->n, &out->n_local)) {
        return cli_fail(err, ATTRIB_EIO, "MPI cannot be started");
    }
    out->calls = calls;
    return ATTRIB_OK;
}

size_t ranks_threads(const ranks *self, size_t n_asked)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;
    if (n_asked || self->n_local < 2 || n_cores < 1 ||
        sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < n_cores) {
        return n_asked; /* a launcher that gave each process its cores has shared them out
                         */
    }
    size_t n = (size_t)n_cores / self->n_local;
    return n ? n : 1;
}

attrib_status ranks_agree(const ranks *self, attrib_status status, attrib_error *err)
{
    if (!self->calls) {
        return status;
    }
    if (status != ATTRIB_OK) {
        return status; /* ranks_close() ends the others, who may work for hours yet */
    }
    return self->calls->agree(true)
               ? ATTRIB_OK
               : cli_fail(err, ATTRIB_EIO, "the other processes could not be reached");
}

void ranks_close(ranks *self, bool is_well)
{
    if (self->calls && is_well) {
        self->calls->stop();
    } else if (self->calls) {
        self->calls->abort(1);
    }
    *self = (ranks){.n = 1, .n_local = 1};
}

/* SPDX-License-Identifier: MIT */
/* A job of many machines: the stages that a fit or a run is cut into, and the scripts
 * that a cluster runs them by. */
#ifndef CLI_JOB_H
#define CLI_JOB_H

#include "cli/options.h"

#define JOB_MAX_STAGES 5

/* A stage begins when all tasks of the one before it are done. Its script is lines of sh,
 * in which $i is the task's number from 1, $job the folder, $attrib the program, $threads
 * its option, and `work` runs it. A task that is run again goes on where it was stopped,
 * and one that is done does nothing. */
typedef struct job_stage {
    const char *name; /* static: "covariance" */
    const char *mark; /* static: the file of its folder that is written last */
    bool is_round;    /* an array of independent tasks, each into JOB/NAME-I */
    size_t n_tasks;   /* 1 where it is no round */
    char *script;     /* owned */
} job_stage;

typedef struct job_stages {
    job_stage stages[JOB_MAX_STAGES];
    size_t n;
} job_stages;

/* What is asked of the cluster. */
typedef struct job_request {
    const char *name;    /* of the job */
    const char *folder;  /* absolute: scripts, logs, and what stages leave */
    const char *here;    /* absolute: the folder that the command is run in */
    const char *program; /* attrib, as the machines find it */
    const char *output;  /* of the command, as it was typed */
    size_t n_shards;
    size_t n_basis_shards; /* that share the eigenvectors */
    size_t n_nodes;        /* that work at once */
    size_t n_cores;        /* of a task; 0: a whole node */
    size_t memory;         /* bytes of a task; 0: not said */
    size_t seconds;        /* of a task; 0: not said */
    const char *sbatch;    /* words for sbatch, or NULL */
    const char *image;     /* of the container */
    const char *claim;     /* of the volume */
    const char *mount;     /* where the volume is mounted */
} job_request;

/* Cut the command of `words` ("fit", "--model", ...) into stages, after reading it as the
 * command itself would. The request takes the cores and memory that the command names.
 * False with a message where it is wrong or cannot be cut. */
bool job_divide(const path_list *words,
                job_request *request,
                job_stages *out,
                char *message,
                size_t size);
void job_free(job_stages *stages); /* fine for one that is zeroed */

/* Write the list of tasks (tasks.h). */
attrib_status job_write_tasks(const job_request *request,
                              const job_stages *stages,
                              attrib_error *err);

/* Write the scripts for Slurm, and `submit`, which hands them in; or job.yaml, for
 * Kubernetes. */
attrib_status job_write_slurm(const job_request *request,
                              const job_stages *stages,
                              attrib_error *err);
attrib_status job_write_kubernetes(const job_request *request,
                                   const job_stages *stages,
                                   attrib_error *err);

/* Take away what was written of a job whose writing failed. */
void job_remove(const char *folder, const job_stages *stages);

#endif

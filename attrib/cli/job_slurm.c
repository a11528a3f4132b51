/* SPDX-License-Identifier: MIT */
/* A job for Slurm: one batch script for each stage, and `submit`, which hands them in so
 * that each waits for the one before it. */
#include "cli/job.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/job_write.h"
#include "cli/tasks.h"

/* What is asked of Slurm for a stage. A task hears of its end a minute before it comes,
 * keeps its sums, and is queued again. */
static void write_request(FILE *stream,
                          const job_request *request,
                          const job_stage *stage)
{
    fprintf(stream, "#SBATCH --job-name=%s-%s\n", request->name, stage->name);
    fprintf(stream, "#SBATCH --output=logs/%s%s.log\n", stage->name,
            stage->is_round ? "-%a" : "");
    fputs("#SBATCH --open-mode=append\n#SBATCH --requeue\n#SBATCH --signal=B:TERM@60\n"
          "#SBATCH --nodes=1\n#SBATCH --ntasks=1\n",
          stream);
    if (stage->is_round) {
        fprintf(stream, "#SBATCH --array=1-%zu%%%zu\n", stage->n_tasks, request->n_nodes);
    }
    if (request->n_cores) {
        fprintf(stream, "#SBATCH --cpus-per-task=%zu\n", request->n_cores);
    } else {
        fputs("#SBATCH --exclusive\n", stream);
    }
    if (request->memory) { /* in MiB, rounded up */
        fprintf(stream, "#SBATCH --mem=%zuM\n", (request->memory + 0xfffff) >> 20);
    }
    if (request->seconds) {
        fprintf(stream, "#SBATCH --time=%zu\n", (request->seconds + 59) / 60);
    }
    if (request->sbatch) {
        fprintf(stream, "#SBATCH %s\n", request->sbatch);
    }
}

/* The work is done in the background, so that the shell hears the signal; it listens
 * before the work begins. */
static const char work[] =
    "work() {\n"
    "    trap '[ -z \"${!-}\" ] || { kill -TERM $!; wait $! || :; }\n"
    "        scontrol requeue \"$task\"\n"
    "        exit 1' TERM\n"
    "    \"$@\" &\n"
    "    wait $!\n"
    "}\n";

static attrib_status write_stage(const job_request *request,
                                 const job_stage *stage,
                                 size_t number,
                                 attrib_error *err)
{
    job_file file = {0};
    attrib_status status =
        job_file_open(&file, request, err, "%zu-%s.sbatch", number, stage->name);
    if (status != ATTRIB_OK) {
        return status;
    }
    fputs("#!/bin/sh\n", file.stream);
    write_request(file.stream, request, stage);
    fputs("set -eu\n", file.stream);
    fputs(stage->is_round ? "i=$SLURM_ARRAY_TASK_ID\ntask=${SLURM_ARRAY_JOB_ID}_$i\n"
                          : "task=$SLURM_JOB_ID\n",
          file.stream);
    fputs(work, file.stream);
    job_write_settings(file.stream, request, "");
    fputs(stage->script, file.stream);
    return job_file_close(&file, false, err);
}

static attrib_status write_submit(const job_request *request,
                                  const job_stages *stages,
                                  attrib_error *err)
{
    job_file file = {0};
    attrib_status status = job_file_open(&file, request, err, TASKS_SUBMIT);
    if (status != ATTRIB_OK) {
        return status;
    }
    fputs("#!/bin/sh\n"
          "# Hands the stages in. Each begins when all tasks of the one before it are "
          "done. "
          "To be run\n# again after a failure: what is done is not done again.\n"
          "set -eu\n",
          file.stream);
    job_write_folder(file.stream, request->folder);
    fputs("after=\n: >" TASKS_SUBMITTED "\n", file.stream);
    for (size_t i = 0; i < stages->n; i++) {
        fprintf(file.stream,
                "id=$(sbatch --parsable --kill-on-invalid-dep=yes $after %zu-%s.sbatch)\n"
                "id=${id%%%%;*} # without the cluster's name\n"
                "echo \"%s: $id\" | tee -a " TASKS_SUBMITTED "\n"
                "after=--dependency=afterok:$id\n",
                i + 1, stages->stages[i].name, stages->stages[i].name);
    }
    return job_file_close(&file, true, err);
}

attrib_status job_write_slurm(const job_request *request,
                              const job_stages *stages,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; status == ATTRIB_OK && i < stages->n; i++) {
        status = write_stage(request, &stages->stages[i], i + 1, err);
    }
    return status == ATTRIB_OK ? write_submit(request, stages, err) : status;
}

/* SPDX-License-Identifier: MIT */
/* How far a job is, as a text file of Prometheus, which the textfile collector of
 * node_exporter reads. */
#ifndef CLI_METRICS_H
#define CLI_METRICS_H

#include <attrib.h>

#include "cli/statistics.h"

#define MAX_METRIC_STAGES 16

typedef enum job_state { JOB_RUNNING, JOB_DONE, JOB_FAILED } job_state;

/* What is written anew at intervals; the file always holds a whole state of the job. */
typedef struct metrics {
    const char *path, *command; /* borrowed; path NULL: nothing is written */
    char task[64];              /* the label of all: the file's name without its end */
    double begun, written;      /* seconds since 1970; and of the monotonic clock */
    attrib_progress stages[MAX_METRIC_STAGES]; /* the last that was told of each */
    size_t n_stages;
    double overall, seconds_left;
} metrics;

/* What the process takes, measured by the caller. */
typedef struct process_usage {
    double cpu_seconds, resident_bytes, peak_bytes;
} process_usage;

void metrics_open(metrics *self, const char *path, const char *command);

/* Note progress; true where the file is to be written again. */
bool metrics_note(metrics *self, const attrib_progress *progress);

/* Write the file. `closing` are those of a job that is done, else NULL. EIO where it
 * cannot be written. */
attrib_status metrics_write(metrics *self,
                            job_state state,
                            const process_usage *usage,
                            const statistics *closing,
                            attrib_error *err);

#endif

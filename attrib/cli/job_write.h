/* SPDX-License-Identifier: MIT */
/* Files of a job. */
#ifndef CLI_JOB_WRITE_H
#define CLI_JOB_WRITE_H

#include <stdio.h>

#include "cli/job.h"

typedef struct job_file {
    FILE *stream;
    char *path; /* owned */
} job_file;

/* A new file in the job's folder. */
attrib_status job_file_open(job_file *out,
                            const job_request *request,
                            attrib_error *err,
                            const char *format,
                            ...) ATTRIB_PRINTF(4, 5);

/* The end of a file, which is the user's to run where it is a program. */
attrib_status job_file_close(job_file *file, bool is_program, attrib_error *err);

/* The lines of sh that set what stages' scripts read, each after `indent`, and go to the
 * folder that the command is run in. */
void job_write_settings(FILE *stream, const job_request *request, const char *indent);

/* A line of sh: cd FOLDER. */
void job_write_folder(FILE *stream, const char *folder);

#endif

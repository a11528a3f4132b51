/* SPDX-License-Identifier: MIT */
/* Runs that are finished already, where the same are to be made again: a task of a batch
 * system that is queued once more after its end finds what it made. */
#ifndef AT_RUN_FINISHED_H
#define AT_RUN_FINISHED_H

#include "run/run.h"

/* Open the manifest of a finished run, without its answers. */
attrib_status at_run_open_manifest(const char *folder,
                                   attrib_run **out,
                                   attrib_error *err);

/* Whether a folder holds a finished run, of whatever command; the lock of a process that
 * was killed when it had given the folder its name is removed then. */
bool at_run_unlock_finished(const char *folder);

/* EIO that says what is different in the run that a folder holds: a list of names with
 * commas between, which is not empty. */
attrib_status at_run_fail_other(const char *folder,
                                const at_buffer *list,
                                attrib_error *err);

/* Whether a folder holds the finished run `made`, of which all is known but its numbers.
 * EIO where it holds anything else, saying what is different in another run. */
attrib_status at_run_find_finished(const char *folder,
                                   const attrib_run *made,
                                   bool *is_there,
                                   attrib_error *err);

#endif

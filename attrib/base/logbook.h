/* SPDX-License-Identifier: MIT */
/* Who fills a folder, with which command, and how far that is: FOLDER/job.json, which is
 * there until the folder is finished. Others read it (run/state.c); no result depends on
 * it.
 *
 *     {"command", "directory", "host", "boot", "pid", "begun", "updated",
 *      "first", "end", "n_corpus" (of a run: its documents),
 *      "overall", "seconds_left" (null: not known), "error" ("" while it runs),
 *      "stages": [{"stage", "done", "total", "unit"}]} */
#ifndef AT_BASE_LOGBOOK_H
#define AT_BASE_LOGBOOK_H

#include "base/course.h"
#include "base/memory.h"

#define AT_LOGBOOK "job.json"

typedef struct at_logbook {
    char *path;     /* NULL: closed */
    at_buffer head; /* the members that do not change */
    double written; /* seconds of the monotonic clock */
} at_logbook;

/* Open the logbook of a folder that this process has locked. `command` may be NULL. */
attrib_status at_logbook_open(at_logbook *book,
                              const char *folder,
                              const char *command,
                              attrib_error *err);

/* Note which documents of the corpus the folder is of: [first, end) of n_corpus. Once. */
attrib_status at_logbook_of(
    at_logbook *book, size_t first, size_t end, size_t n_corpus, attrib_error *err);

/* Whether it is time to write again. */
bool at_logbook_is_due(const at_logbook *book);

/* Write how far the job is; `error` is why it ended, "" while it runs. */
attrib_status at_logbook_write(at_logbook *book,
                               const at_course *course,
                               const char *error,
                               attrib_error *err);

/* Close it, and remove the file where the folder is finished. */
void at_logbook_close(at_logbook *book, bool is_done);

#endif

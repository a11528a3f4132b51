/* SPDX-License-Identifier: MIT */
/* Folders of runs that are made in one step: FOLDER.partial while they are filled. */
#ifndef AT_RUN_FILL_H
#define AT_RUN_FILL_H

#include <stdbool.h>

#include "attrib/run.h"

typedef struct at_filling {
    attrib_session *session;
    attrib_run *run; /* whose folder is FOLDER.partial while it is filled */
    attrib_status (*fill)(void *context, attrib_error *err); /* writes all of the run */
    void *context;
    bool replaces; /* the folder is there, with the old run */
} at_filling;

/* Fill FOLDER.partial, which then takes the name of the folder. An old run is replaced in
 * one step: the folder holds it or the new one, whenever the process ends. Nothing is
 * left of what failed, but a whole run that could not take the place of the old one. */
attrib_status at_run_fill(const at_filling *filling,
                          const char *folder,
                          attrib_error *err);

/* Finish what is left where a process ended after a run had taken the place of an old
 * one, which is then in FOLDER.partial: what somebody put into it is moved to the run,
 * and the rest removed. */
attrib_status at_run_settle(attrib_session *session,
                            const char *folder,
                            attrib_error *err);

/* Remove a folder of a run. */
attrib_status at_run_remove(const char *folder, attrib_error *err);

#endif

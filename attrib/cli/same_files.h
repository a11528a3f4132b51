/* SPDX-License-Identifier: MIT */
/* Which files of results two runs have in common. */
#ifndef CLI_SAME_FILES_H
#define CLI_SAME_FILES_H

#include "attrib.h"

/* Count the files of results of a run, and those that another has with the same bytes.
 * Files that say how a run was made (its manifest, what it prepared, which documents it
 * skipped) are left out. */
attrib_status same_files_count(
    const char *run, const char *other, size_t *n, size_t *n_same, attrib_error *err);

#endif

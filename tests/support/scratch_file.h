/* SPDX-License-Identifier: MIT */
/* A scratch folder with the path of the one file that cases of a test write into it. */
#ifndef SUPPORT_SCRATCH_FILE_H
#define SUPPORT_SCRATCH_FILE_H

#include "support/scratch.h"

extern char path[300];

int scratch_file_set_up(void **state);

#endif

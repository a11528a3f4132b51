/* SPDX-License-Identifier: MIT */
#include "support/scratch_file.h"

#include <stdio.h>

char path[300];

int scratch_file_set_up(void **state)
{
    int failed = scratch_set_up(state);
    snprintf(path, sizeof path, "%s/file", folder);
    return failed;
}

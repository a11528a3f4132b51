/* SPDX-License-Identifier: MIT */
#include "support/scratch.h"

#include <stdio.h>

#include "support/check.h"

char folder[256];

int scratch_set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    return 0;
}

int scratch_tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

const char *in_folder(const char *name)
{
    static char path[sizeof folder + 256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

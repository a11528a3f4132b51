/* SPDX-License-Identifier: MIT */
/* A new folder for the files of a test, or of each of its cases, removed in the end. */
#ifndef SUPPORT_SCRATCH_H
#define SUPPORT_SCRATCH_H

extern char folder[256];

int scratch_set_up(void **state);
int scratch_tear_down(void **state);

/* The path of a file in the folder; valid until the next call. */
const char *in_folder(const char *name);

#endif

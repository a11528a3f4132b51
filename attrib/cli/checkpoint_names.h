/* SPDX-License-Identifier: MIT */
/* Names of several models: in a list, or of the checkpoints that a trainer saved in a
 * folder. */
#ifndef CLI_CHECKPOINT_NAMES_H
#define CLI_CHECKPOINT_NAMES_H

#include "cli/options.h"

/* Names in a list. Zeroed = none. */
typedef struct checkpoint_names {
    char *items[MAX_LIST]; /* owned */
    size_t n;
} checkpoint_names;

/* Split a list at its commas; the name of a file or folder that exists stays one name.
 * NULL has no names. */
attrib_status checkpoint_names_split(const char *list,
                                     checkpoint_names *out,
                                     attrib_error *err);

/* The names of the checkpoints in a trainer's folder that a list chooses: places from 1,
 * "last", "all", names, and "." for the folder itself. */
attrib_status checkpoint_names_choose(const char *folder,
                                      const char *list,
                                      checkpoint_names *out,
                                      attrib_error *err);

/* The paths of chosen names in a folder. */
attrib_status checkpoint_names_place(const char *folder,
                                     const checkpoint_names *names,
                                     checkpoint_names *out,
                                     attrib_error *err);

/* The segments of training that end at chosen checkpoints, as --segments reads them, by
 * the learning rates that the trainer wrote down; `out` is owned. */
attrib_status checkpoint_names_segments(const char *folder,
                                        const checkpoint_names *names,
                                        char **out,
                                        attrib_error *err);

void checkpoint_names_free(checkpoint_names *names);

#endif

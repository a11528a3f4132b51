/* SPDX-License-Identifier: MIT */
/* Which files of folders and archives are wanted, and which were read already. */
#ifndef AT_CORPUS_CHOOSE_H
#define AT_CORPUS_CHOOSE_H

#include <sys/types.h>

#include "base/memory.h"

typedef enum at_choice {
    AT_CHOICE_BY_NAME, /* nothing was said: its name tells whether it is read */
    AT_CHOICE_IN,      /* asked for, whatever its name */
    AT_CHOICE_OUT,
} at_choice;

/* The choice for a path below what was named. Patterns are those of the shell, separated
 * by commas, or NULL: one with a slash is for the whole path, any other for its last
 * part;
 * "*" stands for slashes too. An archive is looked into unless it is excluded. */
at_choice at_choose(const char *include,
                    const char *exclude,
                    const char *path,
                    bool is_archive);

/* Regular files that were met, however they were named. Zeroed = none. */
typedef struct at_seen {
    struct at_seen_file {
        dev_t device;
        ino_t inode;
        bool is_there;
    } * files; /* [n_slots], a power of two */

    size_t n_slots, n;
} at_seen;

/* Whether the file was met before; it is from now on. What is no regular file never was.
 */
attrib_status at_seen_add(at_seen *seen,
                          const char *path,
                          bool *was_there,
                          attrib_error *err);
void at_seen_free(at_seen *seen);

#endif

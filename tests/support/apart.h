/* SPDX-License-Identifier: MIT */
/* Work in a process of its own, whose peak of memory the system tells. */
#ifndef SUPPORT_APART_H
#define SUPPORT_APART_H

#include <stddef.h>

#include "attrib/curvature.h"

/* Run work(fixture, argument) apart; its peak of memory in bytes. No assertion of the
 * parent's may run there: a failure is an exit status. */
size_t run_apart(void (*work)(const void *fixture, const void *argument),
                 const void *fixture,
                 const void *argument);

/* In a process of its own: work that first is refused under a limit of 1 MiB, and then
 * must be done under the one that the message names (or the next two, as what was freed
 * in between may be kept), with no more memory than that at its peak. Exits with 1 else.
 */
void check_least_limit(attrib_status (*work)(const void *fixture,
                                             const void *argument,
                                             size_t ram_limit,
                                             attrib_error *err),
                       const void *fixture,
                       const void *argument);

/* A new folder of ekfac factors whose eigenvectors are the axes and whose eigenvalues are
 * 1, map by map; exits with 1 where it cannot be written. */
void write_axes(const attrib_model *model, const char *folder);

#endif

/* SPDX-License-Identifier: MIT */
/* Child processes of tests, which do something and then wait to be killed. */
#ifndef TESTS_SUPPORT_CHILD_H
#define TESTS_SUPPORT_CHILD_H

#include <sys/types.h>

/* Start a child that does `work` and then waits; it has done it when this returns. */
pid_t start_child(void (*work)(void));

/* Kill a child, as a process that ends without a word, and wait for it. */
void end_child(pid_t child);

#endif

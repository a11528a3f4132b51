/* SPDX-License-Identifier: MIT */
/* Which shard a process is, as its launcher or batch system says. */
#ifndef CLI_LAUNCHER_H
#define CLI_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a share was given as "auto" or "auto/N". */
bool launcher_is_asked(const char *text);

/* Write the shard as "I/N"; false with a message where no launcher says it, or two say
 * different ones. */
bool launcher_shard(const char *text, char *out, size_t size, char *message, size_t n);

#endif

/* SPDX-License-Identifier: MIT */
/* Allocations that fail on demand, for tests declared with OOM: the linker puts these
 * before libc's. Allocations inside other libraries are their own and are spared. */
#ifndef SUPPORT_OOM_H
#define SUPPORT_OOM_H

#include <stddef.h>
#include <stdint.h>

/* Allocations that succeed until all fail; SIZE_MAX: none fails. */
extern size_t oom_n_left;

#endif

/* SPDX-License-Identifier: MIT */
#include "support/oom.h"

#include <stdbool.h>

void *__real_malloc(size_t n);
void *__real_realloc(void *old, size_t n);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_realloc(void *old, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

size_t oom_n_left = SIZE_MAX;

static bool is_failing(void)
{
    if (oom_n_left == SIZE_MAX) {
        return false;
    }
    if (oom_n_left == 0) {
        return true;
    }
    oom_n_left--;
    return false;
}

void *__wrap_malloc(size_t n)
{
    return is_failing() ? NULL : __real_malloc(n);
}

void *__wrap_realloc(void *old, size_t n)
{
    return is_failing() ? NULL : __real_realloc(old, n);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
    return is_failing() ? NULL : __real_aligned_alloc(alignment, n);
}

/* SPDX-License-Identifier: MIT */
/* Loops compiled for several vector widths, of which the processor's is taken when the
 * program is loaded. Only for loops whose additions run in fixed lanes: all widths then
 * give the same bytes, as nothing is contracted. */
#ifndef AT_BASE_WIDE_H
#define AT_BASE_WIDE_H

/* By gcc alone: what clang 14 makes of it cannot be called from another file. And what
 * chooses runs before a sanitizer is ready for it. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__OPTIMIZE__) &&            \
    defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&        \
    !defined(__SANITIZE_THREAD__)
#define AT_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AT_WIDE
#endif

#endif

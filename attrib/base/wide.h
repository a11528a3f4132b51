/* SPDX-License-Identifier: MIT */
/* Functions compiled for several vector widths; the one that fits the processor is chosen
 * when the program is loaded. Only for loops whose additions run in fixed lanes: then all
 * widths give the same bytes, as products and sums are never contracted. */
#ifndef AT_BASE_WIDE_H
#define AT_BASE_WIDE_H

/* Only with gcc, since functions that clang 14 compiles so cannot be called from another
 * file; and not with sanitizers, which are not ready yet when the choice is made. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__OPTIMIZE__) &&            \
    defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&        \
    !defined(__SANITIZE_THREAD__)
#define AT_HAS_WIDE 1
#define AT_WIDE     __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AT_WIDE
#endif

#endif

/* SPDX-License-Identifier: MIT */
/* The kernels that matrix products run on. */
#ifndef ATTRIB_LINALG_H
#define ATTRIB_LINALG_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What OpenBLAS says of itself, the kernels it took included: "OpenBLAS 0.3.21 ...
 * Haswell"; static. It takes them by the processor, or by the environment variable
 * OPENBLAS_CORETYPE. Where they differ, so do the last bits of results.
 * @par Threads  Not safe: OpenBLAS writes the text anew at every call.
 */
ATTRIB_API const char *attrib_kernels_describe(void);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* The kernels that matrix products run on, and their precision. */
#ifndef ATTRIB_LINALG_H
#define ATTRIB_LINALG_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What OpenBLAS says of itself, the kernels it took included: "OpenBLAS 0.3.21 ...
 * Haswell", and where oneDNN makes some products in f32, "; oneDNN 2.6.0"; static. They
 * are taken by the processor, or by the environment variables OPENBLAS_CORETYPE and
 * ONEDNN_MAX_CPU_ISA. Where they differ, so do the last bits of results.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_kernels_describe(void);

/** The name of faster kernels, where OpenBLAS took some that multiply 4 floats at a time
 * although the processor has AVX2 or AVX-512: "Haswell" or "SkylakeX"; static. NULL where
 * it took better ones, or where it was built for one processor. OpenBLAS 0.3.21 does so
 * on processors that are newer than itself. Only the environment variable
 * OPENBLAS_CORETYPE makes it take the others, and only while it is loaded: the program
 * attrib sets it and starts itself again, another program is to be started with it.
 * @par Cost     With kernels of SSE (Prescott), products in f32 take 2.7 times as long
 *               on an AMD EPYC (Zen 4), and about 4 times on an Intel Xeon.
 * @par Threads  Not safe: OpenBLAS writes what it says of itself anew at every call.
 */
ATTRIB_API const char *attrib_kernels_better(void);

/** The precision of the operands in products of passes. Sums, losses, norms, Lambda and
 * scores are the same in all. */
typedef enum attrib_precision {
    ATTRIB_F32_PRODUCTS,
    ATTRIB_BF16_PRODUCTS, /**< operands are rounded to bf16, by at most 2^-8 of their
                             size, and summed in f32 */
    ATTRIB_AUTO_PRODUCTS  /**< bf16 where the processor multiplies in it, else f32 */
} attrib_precision;

/** The precision that eigenvectors of covariances are found in. They are kept in f32 in
 * both, and sums and the eigenvalues of EK-FAC are the same. */
typedef enum attrib_eigen_precision {
    ATTRIB_EIGEN_F64,
    ATTRIB_EIGEN_F32,   /**< of the covariance rounded to f32; each decomposition is
                           checked, and done again in f64 where the check fails */
    ATTRIB_EIGEN_FITTED /**< of merges: as the folders were fitted */
} attrib_eigen_precision;

/** "f64", "f32" or "fitted"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_eigen_precision_name(attrib_eigen_precision precision);

/** Whether the processor multiplies in bf16 (AVX512-BF16 or AMX).
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_has_bf16(void);

/** "f32", "bf16" or "auto"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_precision_name(attrib_precision precision);

/** The precision that a wish stands for on this processor: never #ATTRIB_AUTO_PRODUCTS.
 * @return ATTRIB_OK; ATTRIB_ENOTSUP where bf16 is wanted and the processor has none.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_precision_choose(
    attrib_precision wanted, attrib_precision *out, attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: MIT */
/* What solvers stop at, and how many passes they take. */
#ifndef AT_REFINE_REFINED_H
#define AT_REFINE_REFINED_H

#include <stddef.h>

/* The residual, relative to EK-FAC's metric, below which a solution is not changed any
 * more: scores then err by at most that share of the norms of both gradients. */
#define AT_REFINED_ENOUGH 1e-3

/* The residual above which a solution is said not to have converged. */
#define AT_REFINED_AT_ALL 1e-2

/* Parts of the sample that ASTRA and LiSSA take in turn. */
#define AT_REFINE_BATCHES ((size_t)8)

/* Products by which their step is chosen. */
#define AT_REFINE_POWERS ((size_t)10)

#endif

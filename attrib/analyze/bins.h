/* SPDX-License-Identifier: MIT */
/* Bins of numbers with equally many items. */
#ifndef AT_ANALYZE_BINS_H
#define AT_ANALYZE_BINS_H

#include "analyze/groups.h"

/* Cut the numbers [n_items] of a grouping's items, NAN for those without, into bins with
 * equally many items, as nearly as equal numbers allow. They take the place of its
 * groups, and are named by their first and last numbers. At least one item has a number.
 */
attrib_status at_make_bins(at_grouping *out,
                           const double *numbers,
                           size_t n_bins,
                           attrib_error *err);

#endif

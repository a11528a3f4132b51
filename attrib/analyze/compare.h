/* SPDX-License-Identifier: MIT */
/* The same queries in two runs. */
#ifndef AT_ANALYZE_COMPARE_H
#define AT_ANALYZE_COMPARE_H

#include "analyze/analyze.h"

/* Correlations of each query's scores between two runs. */
attrib_status at_compare_queries(const at_inquiry *inquiry,
                                 attrib_analysis *out,
                                 attrib_error *err);

#endif

/* SPDX-License-Identifier: MIT */
/* How much of a document's score stands on few of its tokens. */
#ifndef AT_ANALYZE_SPURIOUS_H
#define AT_ANALYZE_SPURIOUS_H

#include "attrib/analyze.h"

/* Sums over the shares of tokens; zeroed = none. */
typedef struct at_token_concentration {
    size_t n_counted;    /* positions whose share is not 0 */
    double sum, squares; /* |a|_1, |a|_2^2 */
} at_token_concentration;

void at_concentration_add(at_token_concentration *c, double share);
at_token_concentration at_concentration_of(const attrib_result *result);

/* |a|_2 / |a|_1; NAN where no position counts. */
double at_concentration_ratio(const at_token_concentration *c);
bool at_concentration_is_spurious(const at_token_concentration *c);

#endif

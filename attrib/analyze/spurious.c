/* SPDX-License-Identifier: MIT */
/* Scores that stand on few tokens. Source: Grosse et al. 2023, arXiv:2308.03296, section
 * 5.3: |a|_2 / |a|_1 > 2/3 for the shares a of a sequence's tokens. */
#include "analyze/spurious.h"

#include <math.h>

#define MOST_CONCENTRATED (2.0 / 3)
/* With fewer positions even shares are concentrated: 1 / sqrt(2) > 2/3. */
#define LEAST_POSITIONS ((size_t)8)

void at_concentration_add(at_token_concentration *c, double share)
{
    c->n_counted += share != 0;
    c->sum += fabs(share);
    c->squares += share * share;
}

double at_concentration_ratio(const at_token_concentration *c)
{
    return c->sum > 0 ? sqrt(c->squares) / c->sum : (double)NAN;
}

bool at_concentration_is_spurious(const at_token_concentration *c)
{
    return c->n_counted >= LEAST_POSITIONS &&
           at_concentration_ratio(c) > MOST_CONCENTRATED;
}

at_token_concentration at_concentration_of(const attrib_result *result)
{
    at_token_concentration c = {0};
    for (size_t i = 0; i < result->n_tokens; i++) {
        at_concentration_add(&c, result->tokens[i].score);
    }
    return c;
}

bool attrib_result_is_spurious(const attrib_result *result, double *ratio)
{
    at_token_concentration c = at_concentration_of(result);
    if (ratio) {
        *ratio = at_concentration_ratio(&c);
    }
    return at_concentration_is_spurious(&c);
}

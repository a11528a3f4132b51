/* SPDX-License-Identifier: MIT */
/* Loads (attrib_load), in which plans count work, and the cost of work on one element. */
#ifndef AT_BASE_LOAD_H
#define AT_BASE_LOAD_H

#include "base/error.h"

/* The cost of work on one element that is not a product. The unit is the time of one
 * exponential by at_row_exp(); both were measured on arrays that stay in a cache. */
#define AT_UNITS_SUM    0.5 /* an f32 added to an f64 sum */
#define AT_UNITS_SQUARE 0.2 /* the square of an f32 added to an f64 sum */
#define AT_UNITS_DIVIDE 1.6 /* an f32 divided by Lambda */
#define AT_UNITS_WIDEN  0.4 /* a weight of fewer bits widened to f32 */

/* to += times x what. Products are added by linalg/cost.h, which knows what does them. */
void at_load_add(attrib_load *to, const attrib_load *what, double times);

#endif

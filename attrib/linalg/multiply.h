/* SPDX-License-Identifier: MIT */
/* Products whose operands are f32, or rounded to bf16 and summed in f32. Which library
 * multiplies is known here only.
 *
 * bf16 has the range of f32 and 8 bits of precision: rounding changes an operand by at
 * most 2^-8 of its size (1 + 2^-8 becomes 1). Products of two such numbers are exact in
 * f32, so that what is lost is the rounding of the operands, in addition to the rounding
 * of f32 sums, which both precisions have. */
#ifndef AT_LINALG_MULTIPLY_H
#define AT_LINALG_MULTIPLY_H

#include "attrib/linalg.h"
#include "base/error.h"
#include "linalg/linalg.h"

/* What one worker multiplies with, and its memory for rounded operands; not for two
 * threads. NULL stands for products in f32. */
typedef struct attrib_multiplier at_multiplier;

/* A multiplier of a precision, which is not ATTRIB_AUTO: *out is NULL for f32. ENOTSUP
 * where the processor does not multiply in bf16. */
attrib_status at_multiplier_new(attrib_precision precision,
                                at_multiplier **out,
                                attrib_error *err);
void at_multiplier_free(at_multiplier *multiplier);

/* Bytes that a multiplier takes, those that are taken during a product included. */
double at_multiplier_bytes(attrib_precision precision);

/* ENOMEM where a product found no memory, of this multiplier or of the process in f32;
 * its result is then not a number. */
attrib_status at_multiplier_check(const at_multiplier *multiplier, attrib_error *err);

/* A matrix of a product, or its transpose, its rows `ld` elements apart. */
typedef struct at_operand {
    at_op op;
    const float *values;     /* in f32; NULL where there are only rounded ones */
    const uint16_t *rounded; /* the same rounded before, bits of bf16, or NULL */
    size_t ld;
} at_operand;

static inline at_operand at_plain(const float *values, size_t ld)
{
    return (at_operand){AT_PLAIN, values, NULL, ld};
}

static inline at_operand at_transposed(const float *values, size_t ld)
{
    return (at_operand){AT_TRANSPOSED, values, NULL, ld};
}

/* The sizes of a product: C [m, n] = A [m, k] B [k, n]. */
typedef struct at_sizes {
    size_t m, n, k;
} at_sizes;

/* C = alpha A B + beta C in the multiplier's precision; in bf16 beta is 0 or 1. The bytes
 * of C depend on the sizes and the precision, and not on whether operands were rounded
 * before. */
void at_multiply(at_multiplier *multiplier,
                 at_sizes sizes,
                 float alpha,
                 at_operand a,
                 at_operand b,
                 float beta,
                 float *c,
                 size_t ldc);

/* The same of operands that are used once: in f32 where sizes are so small that rounding
 * takes longer than bf16 saves. */
void at_multiply_once(at_multiplier *multiplier,
                      at_sizes sizes,
                      float alpha,
                      at_operand a,
                      at_operand b,
                      float beta,
                      float *c,
                      size_t ldc);

/* Round to the nearest bf16, ties to even, as at_multiply() does. */
void at_round(const float *values, size_t n, float scale, uint16_t *out);

/* sum_i (x_i - r_i)^2 in f64, where r is x rounded so: how far rounding moves a vector.
 */
double at_rounding_square(const float *x, size_t n);

#endif

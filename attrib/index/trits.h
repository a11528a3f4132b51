/* SPDX-License-Identifier: MIT */
/* Vectors in few bits: each number is a whole multiple of the vector's step, written in
 * balanced base 3, with digits -1, 0 and 1. Five numbers share a byte for each digit.
 *
 *     x ~ scale q,   q = sum_k 3^k t_k,   k < n_digits,  t_k in {-1, 0, 1}
 *
 * With one digit most numbers of a vector whose sizes differ become 0, and the large ones
 * keep their signs. */
#ifndef AT_INDEX_TRITS_H
#define AT_INDEX_TRITS_H

#include <stddef.h>
#include <stdint.h>

#define AT_MOST_DIGITS   3
#define AT_TRITS_LARGEST 13 /* (3^3 - 1) / 2, the largest multiple */
#define AT_TRITS_A_BYTE  ((size_t)5)
#define AT_TRITS_VALUES  243 /* 3^5 */
#define AT_TRITS_PADDING 31  /* numbers that at_trits_get() writes beyond the last */

/* Bytes of one digit of n numbers. */
static inline size_t at_trits_bytes(size_t n)
{
    return (n + AT_TRITS_A_BYTE - 1) / AT_TRITS_A_BYTE;
}

/* What is known of a vector that was rounded to q. */
typedef struct at_rounding {
    double with;   /* x . q */
    double square; /* |q|^2; 0 where all numbers became 0 */
    double norm;   /* |x| */
} at_rounding;

/* Round x [n] to the multiples q of that step, among a few, with which scale q comes
 * closest to x for the best scale, x . q / |q|^2. out [n_digits, at_trits_bytes(n)], the
 * last digit first. */
at_rounding at_trits_put(const float *x, size_t n, unsigned n_digits, uint8_t *out);

/* Where a number stands in what at_trits_get() gives: the first numbers of all bytes come
 * first, then the second ones. */
static inline size_t at_trits_place(size_t n, size_t i)
{
    return i % AT_TRITS_A_BYTE * at_trits_bytes(n) + i / AT_TRITS_A_BYTE;
}

/* Read n multiples q: out [5 at_trits_bytes(n) + AT_TRITS_PADDING]. Bytes are below
 * AT_TRITS_VALUES; those up to `end`, which lies at or after the last one, can be read.
 * What stands at other places than those of numbers has no meaning. */
void at_trits_get(
    const uint8_t *in, const uint8_t *end, size_t n, unsigned n_digits, int16_t *out);

#endif

/* SPDX-License-Identifier: MIT */
/* Numbers that GGUF stores in blocks of few bits. Private to the format room. */
#ifndef AT_FORMAT_QUANT_H
#define AT_FORMAT_QUANT_H

#include <stdint.h>
#include <string.h>

#include "format/tensor.h"

/* Elements of the largest block. */
#define AT_MAX_BLOCK 256

/* Widen n_blocks of a block type to out [n_blocks, elements of a block]; false for a type
 * that cannot be read. `blocks` need not be aligned. */
bool at_quant_widen(attrib_dtype dtype,
                    const unsigned char *blocks,
                    size_t n_blocks,
                    float *out);

/* One block of each type of 256 elements (quant_k.c). */
void at_widen_q2_k(const unsigned char *block, float *out);
void at_widen_q3_k(const unsigned char *block, float *out);
void at_widen_q4_k(const unsigned char *block, float *out);
void at_widen_q5_k(const unsigned char *block, float *out);
void at_widen_q6_k(const unsigned char *block, float *out);
void at_widen_iq4_xs(const unsigned char *block, float *out);

/* The 16 values of IQ4_NL and IQ4_XS. */
extern const int8_t at_iq4_values[16];

static inline float at_float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Without a branch, so that loops over it become vector code. Exponent and fraction are
 * put where f32 has them, which makes them too small by 2^112, subnormals too: the
 * product is exact. What had the largest exponent, infinity and NaN, gets f32's largest.
 */
static inline float at_widen_f16(uint16_t bits)
{
    int32_t size = bits & 0x7FFF;
    int32_t top = size >= 0x7C00 ? 0x7F800000 : 0;
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    float scaled = at_float_of_bits((uint32_t)size << 13) * 0x1p112f;
    uint32_t scaled_bits;
    memcpy(&scaled_bits, &scaled, sizeof scaled_bits);
    return at_float_of_bits(scaled_bits | (uint32_t)top | sign);
}

/* An F16 that begins at any address. */
static inline float at_read_f16(const unsigned char *bytes)
{
    uint16_t bits;
    memcpy(&bits, bytes, sizeof bits);
    return at_widen_f16(bits);
}

#endif

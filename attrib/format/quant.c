/* SPDX-License-Identifier: MIT */
/* Types of 32 elements a block, and the choice among all block types.
 *
 * A block holds a scale d (and a minimum m) in F16, then codes of few bits: 4-bit codes
 * two a byte, the low halves the first 16 elements, the high halves the last 16; a fifth
 * bit in a word of its own, bit i for element i. Element = d (code - offset), or
 * d code + m. Each product and sum is rounded to f32 once, in this order, as llama.cpp
 * does: the same bits.
 *
 * Source: the format's description in ggml's headers (ggml-common.h, block_*). */
#include "format/quant.h"

static inline void widen_q4_0(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    const unsigned char *codes = block + 2;
    for (size_t i = 0; i < 16; i++) {
        out[i] = (float)((codes[i] & 15) - 8) * d;
    }
    for (size_t i = 0; i < 16; i++) {
        out[i + 16] = (float)((codes[i] >> 4) - 8) * d;
    }
}

static inline void widen_q4_1(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    float m = at_read_f16(block + 2);
    const unsigned char *codes = block + 4;
    for (size_t i = 0; i < 16; i++) {
        out[i] = (float)(codes[i] & 15) * d + m;
    }
    for (size_t i = 0; i < 16; i++) {
        out[i + 16] = (float)(codes[i] >> 4) * d + m;
    }
}

/* Codes of 5 bits: their low four at `codes`, their highest at `tops`. */
static inline void read_5_bits(const unsigned char *codes,
                               const unsigned char *tops,
                               int32_t *out)
{
    uint32_t top = 0;
    memcpy(&top, tops, sizeof top);
    for (size_t i = 0; i < 16; i++) {
        out[i] = (int32_t)((codes[i] & 15u) | (top >> i & 1u) << 4);
    }
    for (size_t i = 0; i < 16; i++) {
        out[i + 16] = (int32_t)((codes[i] >> 4) | (top >> (i + 16) & 1u) << 4);
    }
}

static inline void widen_q5_0(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    int32_t codes[32];
    read_5_bits(block + 6, block + 2, codes);
    for (size_t i = 0; i < 32; i++) {
        out[i] = (float)(codes[i] - 16) * d;
    }
}

static inline void widen_q5_1(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    float m = at_read_f16(block + 2);
    int32_t codes[32];
    read_5_bits(block + 8, block + 4, codes);
    for (size_t i = 0; i < 32; i++) {
        out[i] = (float)codes[i] * d + m;
    }
}

static inline void widen_q8_0(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    for (size_t i = 0; i < 32; i++) {
        out[i] = (float)(int8_t)block[2 + i] * d;
    }
}

static inline void widen_iq4_nl(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    const unsigned char *codes = block + 2;
    for (size_t i = 0; i < 16; i++) {
        out[i] = d * (float)at_iq4_values[codes[i] & 15];
        out[i + 16] = d * (float)at_iq4_values[codes[i] >> 4];
    }
}

#define WIDEN_BLOCKS(widen_block)                                                        \
    do {                                                                                 \
        for (size_t i = 0; i < n_blocks; i++) {                                          \
            widen_block(blocks + i * block.bytes, out + i * block.elements);             \
        }                                                                                \
    } while (0)

static bool widen_small(attrib_dtype dtype,
                        const unsigned char *blocks,
                        size_t n_blocks,
                        float *out)
{
    at_packing block = at_dtype_packing(dtype);
    switch (dtype) {
    case ATTRIB_Q4_0:
        WIDEN_BLOCKS(widen_q4_0);
        return true;
    case ATTRIB_Q4_1:
        WIDEN_BLOCKS(widen_q4_1);
        return true;
    case ATTRIB_Q5_0:
        WIDEN_BLOCKS(widen_q5_0);
        return true;
    case ATTRIB_Q5_1:
        WIDEN_BLOCKS(widen_q5_1);
        return true;
    case ATTRIB_Q8_0:
        WIDEN_BLOCKS(widen_q8_0);
        return true;
    case ATTRIB_IQ4_NL:
        WIDEN_BLOCKS(widen_iq4_nl);
        return true;
    default:
        return false;
    }
}

bool at_quant_widen(attrib_dtype dtype,
                    const unsigned char *blocks,
                    size_t n_blocks,
                    float *out)
{
    at_packing block = at_dtype_packing(dtype);
    switch (dtype) {
    case ATTRIB_Q2_K:
        WIDEN_BLOCKS(at_widen_q2_k);
        return true;
    case ATTRIB_Q3_K:
        WIDEN_BLOCKS(at_widen_q3_k);
        return true;
    case ATTRIB_Q4_K:
        WIDEN_BLOCKS(at_widen_q4_k);
        return true;
    case ATTRIB_Q5_K:
        WIDEN_BLOCKS(at_widen_q5_k);
        return true;
    case ATTRIB_Q6_K:
        WIDEN_BLOCKS(at_widen_q6_k);
        return true;
    case ATTRIB_IQ4_XS:
        WIDEN_BLOCKS(at_widen_iq4_xs);
        return true;
    default:
        return widen_small(dtype, blocks, n_blocks, out);
    }
}

/* SPDX-License-Identifier: MIT */
/* Types of 256 elements a block: the block's F16 scale d (and dmin) times a small integer
 * scale (and minimum) for each group of 16 or 32 elements.
 *
 * Codes lie in planes: byte i of a run of 32 holds element i of several groups, two or
 * four bits each, the lowest bits first. Each product and difference is rounded to f32
 * once, in the order that is written, as llama.cpp does: the same bits.
 *
 * Source: the format's description in ggml's headers (ggml-common.h, block_*). */
#include "format/quant.h"

/* Codes of a value table, chosen to fit weights that are normally distributed. */
const int8_t at_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                  1,    13,   25,  38,  53,  69,  89,  113};

/* Q2_K: 16 bytes of (scale, minimum) of 4 bits each, 64 bytes of 2-bit codes, d, dmin.
 *
 *     out = (d scale) code - dmin minimum                  (groups of 16) */
void at_widen_q2_k(const unsigned char *block, float *out)
{
    const unsigned char *scales = block;
    const unsigned char *codes = block + 16;
    float d = at_read_f16(block + 80);
    float d_min = at_read_f16(block + 82);
    for (size_t group = 0; group < 16; group++) {
        const unsigned char *plane = codes + group / 8 * 32 + group % 2 * 16;
        unsigned shift = (unsigned)(group % 8 / 2 * 2);
        float scale = d * (float)(scales[group] & 15);
        float minimum = d_min * (float)(scales[group] >> 4);
        for (size_t i = 0; i < 16; i++) {
            out[group * 16 + i] = scale * (float)(plane[i] >> shift & 3) - minimum;
        }
    }
}

/* The 16 scales of 6 bits of a Q3_K block: low halves in 8 bytes (the first eight in the
 * low nibbles), two more bits each in the last 4 bytes. */
static void read_q3_scales(const unsigned char *bytes, int32_t *scales)
{
    for (size_t i = 0; i < 16; i++) {
        uint32_t low = i < 8 ? bytes[i] & 15u : (uint32_t)bytes[i - 8] >> 4;
        uint32_t high = (uint32_t)bytes[8 + i % 4] >> (i / 4 * 2) & 3u;
        scales[i] = (int32_t)(low | high << 4) - 32;
    }
}

/* Q3_K: 32 bytes of third bits, 64 bytes of 2-bit codes, 12 bytes of scales, d.
 *
 *     out = (d scale) (code - 4 where the third bit is clear)   (groups of 16) */
void at_widen_q3_k(const unsigned char *block, float *out)
{
    const unsigned char *tops = block;
    const unsigned char *codes = block + 32;
    float d = at_read_f16(block + 108);
    int32_t scales[16];
    read_q3_scales(block + 96, scales);
    for (size_t group = 0; group < 16; group++) {
        const unsigned char *plane = codes + group / 8 * 32 + group % 2 * 16;
        const unsigned char *top = tops + group % 2 * 16;
        unsigned shift = (unsigned)(group % 8 / 2 * 2);
        unsigned top_shift = (unsigned)(group / 2);
        float scale = d * (float)scales[group];
        for (size_t i = 0; i < 16; i++) {
            int32_t code = plane[i] >> shift & 3;
            int32_t has_top = top[i] >> top_shift & 1;
            out[group * 16 + i] = scale * (float)(code + 4 * has_top - 4);
        }
    }
}

/* Scale and minimum of group i < 8 of a Q4_K or Q5_K block, 6 bits each in 12 bytes: the
 * first four of either whole in 8 bytes; the low halves of the others share the last 4
 * bytes, and their two high bits are those that the first 8 bytes have left. */
static void read_scale_min(const unsigned char *bytes,
                           size_t i,
                           float *scale,
                           float *minimum)
{
    unsigned s = bytes[i % 4] & 63u;
    unsigned m = bytes[4 + i % 4] & 63u;
    if (i >= 4) {
        s = (bytes[4 + i] & 15u) | (unsigned)(bytes[i - 4] >> 6) << 4;
        m = (unsigned)(bytes[4 + i] >> 4) | (unsigned)(bytes[i] >> 6) << 4;
    }
    *scale = (float)s;
    *minimum = (float)m;
}

/* Q4_K: d, dmin, 12 bytes of scales and minima, 128 bytes of 4-bit codes.
 *
 *     out = (d scale) code - dmin minimum                  (groups of 32) */
void at_widen_q4_k(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    float d_min = at_read_f16(block + 2);
    const unsigned char *codes = block + 16;
    for (size_t group = 0; group < 8; group++) {
        const unsigned char *plane = codes + group / 2 * 32;
        unsigned shift = (unsigned)(group % 2 * 4);
        float scale;
        float minimum;
        read_scale_min(block + 4, group, &scale, &minimum);
        scale *= d;
        minimum *= d_min;
        for (size_t i = 0; i < 32; i++) {
            out[group * 32 + i] = scale * (float)(plane[i] >> shift & 15) - minimum;
        }
    }
}

/* Q5_K: as Q4_K, with 32 bytes of fifth bits before the codes, bit g for group g. */
void at_widen_q5_k(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    float d_min = at_read_f16(block + 2);
    const unsigned char *tops = block + 16;
    const unsigned char *codes = block + 48;
    for (size_t group = 0; group < 8; group++) {
        const unsigned char *plane = codes + group / 2 * 32;
        unsigned shift = (unsigned)(group % 2 * 4);
        float scale;
        float minimum;
        read_scale_min(block + 4, group, &scale, &minimum);
        scale *= d;
        minimum *= d_min;
        for (size_t i = 0; i < 32; i++) {
            int32_t code = (plane[i] >> shift & 15) | (tops[i] >> group & 1) << 4;
            out[group * 32 + i] = scale * (float)code - minimum;
        }
    }
}

/* Q6_K: 128 bytes of low halves, 64 bytes of two high bits, 16 signed scales, d.
 *
 *     out = (d scale) (code - 32)                          (groups of 16) */
void at_widen_q6_k(const unsigned char *block, float *out)
{
    float d = at_read_f16(block + 208);
    for (size_t group = 0; group < 16; group++) {
        size_t half = group / 8;      /* of the block, 128 elements each */
        size_t run = group % 8 / 2;   /* of 32 elements in the half */
        size_t part = group % 2 * 16; /* of the run */
        const unsigned char *low = block + half * 64 + run % 2 * 32 + part;
        const unsigned char *high = block + 128 + half * 32 + part;
        unsigned low_shift = (unsigned)(run / 2 * 4);
        unsigned high_shift = (unsigned)(run * 2);
        float scale = d * (float)(int8_t)block[192 + group];
        for (size_t i = 0; i < 16; i++) {
            int32_t code = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
            out[group * 16 + i] = scale * (float)(code - 32);
        }
    }
}

/* IQ4_XS: d, the high bits of 8 scales in a word, their low halves in 4 bytes, 128 bytes
 * of 4-bit codes of the table, each group as a block of IQ4_NL.
 *
 *     out = (d (scale - 32)) table[code]                   (groups of 32) */
void at_widen_iq4_xs(const unsigned char *block, float *out)
{
    float d = at_read_f16(block);
    uint16_t high_bits = 0;
    memcpy(&high_bits, block + 2, sizeof high_bits);
    for (size_t group = 0; group < 8; group++) {
        const unsigned char *codes = block + 8 + group * 16;
        uint32_t low = (uint32_t)block[4 + group / 2] >> (group % 2 * 4) & 15u;
        uint32_t high = (uint32_t)high_bits >> (group * 2) & 3u;
        float scale = d * (float)((int32_t)(low | high << 4) - 32);
        for (size_t i = 0; i < 16; i++) {
            out[group * 32 + i] = scale * (float)at_iq4_values[codes[i] & 15];
            out[group * 32 + 16 + i] = scale * (float)at_iq4_values[codes[i] >> 4];
        }
    }
}

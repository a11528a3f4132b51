/* SPDX-License-Identifier: MIT */
/* A walk over msgpack's headers, as its specification lists them. */
#include "format/msgpack_check.h"

#include <stdint.h>

#define MAX_DEPTH 24

/* What follows a first byte: `n_header` bytes of a big-endian count or of a value, then
 * n_body bytes, or as many as the count says, or as many values as it says. */
typedef struct shape {
    size_t n_header;   /* bytes of the count after the first byte; 0: none */
    size_t n_body;     /* bytes after the header, not including those that are counted */
    size_t n_children; /* values that follow, where no count says so */

    enum { COUNTS_NOTHING, COUNTS_BYTES, COUNTS_VALUES, COUNTS_PAIRS } counts;

    bool is_known;
} shape;

static shape fixed(size_t n_body)
{
    return (shape){0, n_body, 0, COUNTS_NOTHING, true};
}

static shape counted_bytes(size_t n_header, size_t n_type)
{
    return (shape){n_header, n_type, 0, COUNTS_BYTES, true};
}

/* 0xC0 to 0xDF, in the order of the specification's table. */
static shape shape_of_marked(unsigned char first)
{
    switch (first) {
    case 0xC0: /* nil */
    case 0xC2: /* false */
    case 0xC3: /* true */
        return fixed(0);
    case 0xC4: /* bin 8, 16, 32 */
    case 0xC5:
    case 0xC6:
        return counted_bytes((size_t)1 << (first - 0xC4), 0);
    case 0xC7: /* ext 8, 16, 32 */
    case 0xC8:
    case 0xC9:
        return counted_bytes((size_t)1 << (first - 0xC7), 1);
    case 0xCA: /* float 32, 64 */
    case 0xCB:
        return fixed((size_t)4 << (first - 0xCA));
    case 0xCC: /* uint 8 to 64, int 8 to 64 */
    case 0xCD:
    case 0xCE:
    case 0xCF:
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return fixed((size_t)1 << (first & 3));
    case 0xD4: /* fixext 1 to 16 */
    case 0xD5:
    case 0xD6:
    case 0xD7:
    case 0xD8:
        return fixed(((size_t)1 << (first - 0xD4)) + 1);
    case 0xD9: /* str 8, 16, 32 */
    case 0xDA:
    case 0xDB:
        return counted_bytes((size_t)1 << (first - 0xD9), 0);
    case 0xDC: /* array 16, 32 */
    case 0xDD:
        return (shape){(size_t)2 << (first - 0xDC), 0, 0, COUNTS_VALUES, true};
    case 0xDE: /* map 16, 32 */
    case 0xDF:
        return (shape){(size_t)2 << (first - 0xDE), 0, 0, COUNTS_PAIRS, true};
    default: /* 0xC1 is never used */
        return (shape){0};
    }
}

static shape shape_of(unsigned char first)
{
    if (first <= 0x7F || first >= 0xE0) { /* small integers */
        return fixed(0);
    }
    if (first <= 0x8F) { /* fixmap */
        return (shape){0, 0, 2 * (size_t)(first & 15), COUNTS_NOTHING, true};
    }
    if (first <= 0x9F) { /* fixarray */
        return (shape){0, 0, first & 15, COUNTS_NOTHING, true};
    }
    if (first <= 0xBF) { /* fixstr */
        return fixed(first & 31);
    }
    return shape_of_marked(first);
}

/* Step over one value's header and body at bytes[*at]; *n_children is what follows it. */
static bool step_over(const unsigned char *bytes,
                      size_t n,
                      size_t *at,
                      uint64_t *n_children)
{
    if (*at >= n) {
        return false;
    }
    shape s = shape_of(bytes[(*at)++]);
    uint64_t count = 0;
    if (!s.is_known || n - *at < s.n_header) {
        return false;
    }
    for (size_t i = 0; i < s.n_header; i++) {
        count = count << 8 | bytes[(*at)++];
    }
    uint64_t n_body = s.n_body + (s.counts == COUNTS_BYTES ? count : 0);
    *n_children = s.n_children;
    if (s.counts == COUNTS_VALUES || s.counts == COUNTS_PAIRS) {
        *n_children = s.counts == COUNTS_PAIRS ? 2 * count : count;
    }
    if (n - *at < n_body) {
        return false;
    }
    *at += (size_t)n_body;
    return *n_children <= n - *at; /* a value takes a byte at least */
}

bool at_msgpack_is_whole(const char *bytes, size_t n)
{
    uint64_t left[MAX_DEPTH + 1] = {1}; /* values still to come at each depth */
    size_t depth = 0;
    size_t at = 0;
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) {
                return at == n;
            }
            depth--;
        }
        left[depth]--;
        uint64_t n_children = 0;
        if (!step_over((const unsigned char *)bytes, n, &at, &n_children)) {
            return false;
        }
        if (n_children) {
            if (depth == MAX_DEPTH) {
                return false;
            }
            left[++depth] = n_children;
        }
    }
}

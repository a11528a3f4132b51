/* SPDX-License-Identifier: MIT */
/* Elements of tensors of any type, widened to f32 and f64. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/wide.h"
#include "format/quant.h"
#include "format/tensor.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are little-endian on disk and are read as they are");

/* 1. One element */

static float widen_bf16(uint16_t bits)
{
    return at_float_of_bits((uint32_t)bits << 16);
}

/* E5M2 is the upper half of an F16. */
static float widen_e5m2(uint8_t bits)
{
    return at_widen_f16((uint16_t)(bits << 8));
}

/* E4M3 (its "fn" kind): bias 7, no infinity, NaN where all seven bits are set. */
static float widen_e4m3(uint8_t bits)
{
    int exponent = (bits >> 3) & 15;
    int fraction = bits & 7;
    float size = exponent == 0 ? ldexpf((float)fraction, -9)
                               : ldexpf((float)(8 + fraction), exponent - 10);
    if ((bits & 0x7F) == 0x7F) {
        size = NAN;
    }
    return bits & 0x80 ? -size : size;
}

/* 2. Many elements. They are copied out one by one, as a file does not align them;
 * compilers turn that into unaligned loads. */

#define WIDEN(type, out_type, expression)                                                \
    do {                                                                                 \
        for (size_t i = 0; i < n; i++) {                                                 \
            type x;                                                                      \
            memcpy(&x, data + i * sizeof x, sizeof x);                                   \
            out[i] = (out_type)(expression);                                             \
        }                                                                                \
    } while (0)

static attrib_status fail_dtype(const at_tensor *tensor,
                                const char *wanted,
                                attrib_error *err)
{
    if (at_dtype_packing(tensor->dtype).elements > 1) {
        wanted = "another type: this one is not supported";
    }
    return at_fail(err, ATTRIB_ENOTSUP, "%s: %s: elements are %s, expected %s",
                   tensor->path, tensor->name, attrib_dtype_name(tensor->dtype), wanted);
}

/* Where element `first` stands, or the block that it is in. */
static const unsigned char *elements_from(const at_tensor *tensor, size_t first, size_t n)
{
    at_packing block = at_dtype_packing(tensor->dtype);
    assert(first <= tensor->n_elements && n <= tensor->n_elements - first);
    (void)n;
    return tensor->data +
           (block.elements > 1 ? first / block.elements : first) * block.bytes;
}

/* Elements of block types, from the middle of a block or not; false for a type that
 * cannot be read. */
static bool widen_blocks(const at_tensor *tensor, size_t first, size_t n, float *out)
{
    float whole[AT_MAX_BLOCK];
    at_packing block = at_dtype_packing(tensor->dtype);
    const unsigned char *data = elements_from(tensor, first, n);
    size_t skipped = first % block.elements;
    while (n > 0) {
        size_t n_blocks = skipped ? 0 : n / block.elements;
        size_t n_taken = n_blocks * block.elements;
        if (n_blocks > 0) {
            if (!at_quant_widen(tensor->dtype, data, n_blocks, out)) {
                return false;
            }
        } else {
            if (!at_quant_widen(tensor->dtype, data, 1, whole)) {
                return false;
            }
            n_blocks = 1;
            n_taken = block.elements - skipped < n ? block.elements - skipped : n;
            memcpy(out, whole + skipped, n_taken * sizeof *out);
        }
        skipped = 0;
        data += n_blocks * block.bytes;
        out += n_taken;
        n -= n_taken;
    }
    return true;
}

/* Floating-point types, to f32; false for a type that is none, or cannot be read. */
static bool widen_floats(const at_tensor *tensor, size_t first, size_t n, float *out)
{
    const unsigned char *data = elements_from(tensor, first, n);
    switch (tensor->dtype) {
    case ATTRIB_F32:
        memcpy(out, data, n * sizeof *out);
        return true;
    case ATTRIB_F64:
        WIDEN(double, float, x);
        return true;
    case ATTRIB_F16:
        WIDEN(uint16_t, float, at_widen_f16(x));
        return true;
    case ATTRIB_BF16:
        WIDEN(uint16_t, float, widen_bf16(x));
        return true;
    case ATTRIB_F8_E4M3:
        WIDEN(uint8_t, float, widen_e4m3(x));
        return true;
    case ATTRIB_F8_E5M2:
        WIDEN(uint8_t, float, widen_e5m2(x));
        return true;
    default:
        return at_dtype_packing(tensor->dtype).elements > 1 &&
               widen_blocks(tensor, first, n, out);
    }
}

/* What f32 does not hold, to f64; false for other types. */
static bool widen_to_f64(const at_tensor *tensor, size_t first, size_t n, double *out)
{
    const unsigned char *data = elements_from(tensor, first, n);
    switch (tensor->dtype) {
    case ATTRIB_F64:
        memcpy(out, data, n * sizeof *out);
        return true;
    case ATTRIB_I64:
        WIDEN(int64_t, double, x);
        return true;
    case ATTRIB_I32:
        WIDEN(int32_t, double, x);
        return true;
    case ATTRIB_I16:
        WIDEN(int16_t, double, x);
        return true;
    case ATTRIB_I8:
        WIDEN(int8_t, double, x);
        return true;
    case ATTRIB_U64:
        WIDEN(uint64_t, double, x);
        return true;
    case ATTRIB_U32:
        WIDEN(uint32_t, double, x);
        return true;
    case ATTRIB_U16:
        WIDEN(uint16_t, double, x);
        return true;
    case ATTRIB_U8:
        WIDEN(uint8_t, double, x);
        return true;
    default:
        return false;
    }
}

/* The other types, to f64 by way of f32, which holds them. */
static bool widen_by_f32(const at_tensor *tensor, size_t first, size_t n, double *out)
{
    float part[AT_MAX_BLOCK];
    for (size_t i = 0; i < n; i += AT_MAX_BLOCK) {
        size_t n_part = n - i < AT_MAX_BLOCK ? n - i : AT_MAX_BLOCK;
        if (!widen_floats(tensor, first + i, n_part, part)) {
            return false;
        }
        for (size_t j = 0; j < n_part; j++) {
            out[i + j] = (double)part[j];
        }
    }
    return true;
}

attrib_status at_tensor_to_f32(
    const at_tensor *tensor, size_t first, size_t n, float *out, attrib_error *err)
{
    return n == 0 || widen_floats(tensor, first, n, out)
               ? ATTRIB_OK
               : fail_dtype(tensor, "floating-point numbers", err);
}

attrib_status at_tensor_to_f64(
    const at_tensor *tensor, size_t first, size_t n, double *out, attrib_error *err)
{
    return n == 0 || widen_to_f64(tensor, first, n, out) ||
                   widen_by_f32(tensor, first, n, out)
               ? ATTRIB_OK
               : fail_dtype(tensor, "numbers", err);
}

/* 3. Elements that are not finite */

/* Elements that are looked at one by one: 8 KiB of f64. */
#define CHECKED_AT_A_TIME ((size_t)1024)

/* Whether the exponent of any of n numbers is that of infinity, which what is no number
 * has too. */
AT_WIDE static bool has_infinite_f32(const unsigned char *data, size_t n)
{
    uint32_t found = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        found |= (bits & 0x7F800000u) == 0x7F800000u;
    }
    return found != 0;
}

AT_WIDE static bool has_infinite_f64(const unsigned char *data, size_t n)
{
    uint64_t found = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        found |= (bits & 0x7FF0000000000000u) == 0x7FF0000000000000u;
    }
    return found != 0;
}

/* Whether n elements are known to be finite without a look at each. */
static bool are_surely_finite(const at_tensor *tensor, size_t first, size_t n)
{
    switch (tensor->dtype) {
    case ATTRIB_F32:
        return !has_infinite_f32(elements_from(tensor, first, n), n);
    case ATTRIB_F64:
        return !has_infinite_f64(elements_from(tensor, first, n), n);
    default:
        return false;
    }
}

attrib_status at_tensor_check_finite(const at_tensor *tensor,
                                     size_t first,
                                     size_t n,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double values[CHECKED_AT_A_TIME] = {0};
    if (n == 0 || are_surely_finite(tensor, first, n)) {
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < n; i += CHECKED_AT_A_TIME) {
        size_t m = at_smaller(n - i, CHECKED_AT_A_TIME);
        AT_TRY(at_tensor_to_f64(tensor, first + i, m, values, err));
        for (size_t k = 0; k < m; k++) {
            AT_CHECK(isfinite(values[k]), ATTRIB_ENUMERIC,
                     "%s: %s: entry %zu is not finite", tensor->path, tensor->name,
                     first + i + k);
        }
    }
done:
    return status;
}

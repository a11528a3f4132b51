/* SPDX-License-Identifier: MIT */
/* Element types of tensors: names, sizes, and widening to f32 and f64. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "format/safetensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensors are little-endian on disk and are read as they are");

static const struct {
    const char *name;
    size_t bytes;
} dtypes[ATTRIB_N_DTYPES] = {
    [ATTRIB_F64] = {"F64", 8},         [ATTRIB_F32] = {"F32", 4},
    [ATTRIB_F16] = {"F16", 2},         [ATTRIB_BF16] = {"BF16", 2},
    [ATTRIB_I64] = {"I64", 8},         [ATTRIB_I32] = {"I32", 4},
    [ATTRIB_I16] = {"I16", 2},         [ATTRIB_I8] = {"I8", 1},
    [ATTRIB_U64] = {"U64", 8},         [ATTRIB_U32] = {"U32", 4},
    [ATTRIB_U16] = {"U16", 2},         [ATTRIB_U8] = {"U8", 1},
    [ATTRIB_BOOL] = {"BOOL", 1},       [ATTRIB_F8_E4M3] = {"F8_E4M3", 1},
    [ATTRIB_F8_E5M2] = {"F8_E5M2", 1},
};

const char *attrib_dtype_name(attrib_dtype dtype)
{
    return (unsigned)dtype < ATTRIB_N_DTYPES ? dtypes[dtype].name : "?";
}

size_t attrib_dtype_bytes(attrib_dtype dtype)
{
    return (unsigned)dtype < ATTRIB_N_DTYPES ? dtypes[dtype].bytes : 0;
}

/* 1. One element */

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float widen_bf16(uint16_t bits)
{
    return float_of_bits((uint32_t)bits << 16);
}

/* Without a branch, so that loops over it become vector code. Exponent and fraction are
 * put where f32 has them, which makes them too small by 2^112, subnormals too: the
 * product is exact. What had the largest exponent, infinity and NaN, gets f32's largest.
 */
static float widen_f16(uint16_t bits)
{
    int32_t size = bits & 0x7FFF;
    int32_t top = size >= 0x7C00 ? 0x7F800000 : 0;
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    float scaled = float_of_bits((uint32_t)size << 13) * 0x1p112f;
    uint32_t scaled_bits;
    memcpy(&scaled_bits, &scaled, sizeof scaled_bits);
    return float_of_bits(scaled_bits | (uint32_t)top | sign);
}

/* E5M2 is the upper half of an F16. */
static float widen_e5m2(uint8_t bits)
{
    return widen_f16((uint16_t)(bits << 8));
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
    return at_fail(err, ATTRIB_ENOTSUP, "%s: %s: elements are %s, expected %s",
                   tensor->path, tensor->name, attrib_dtype_name(tensor->dtype), wanted);
}

static const unsigned char *elements_from(const at_tensor *tensor, size_t first, size_t n)
{
    assert(first <= tensor->n_elements && n <= tensor->n_elements - first);
    (void)n;
    return tensor->data + first * attrib_dtype_bytes(tensor->dtype);
}

attrib_status at_tensor_to_f32(
    const at_tensor *tensor, size_t first, size_t n, float *out, attrib_error *err)
{
    const unsigned char *data = elements_from(tensor, first, n);
    if (n == 0) {
        return ATTRIB_OK;
    }
    switch (tensor->dtype) {
    case ATTRIB_F32:
        memcpy(out, data, n * sizeof *out);
        return ATTRIB_OK;
    case ATTRIB_F64:
        WIDEN(double, float, x);
        return ATTRIB_OK;
    case ATTRIB_F16:
        WIDEN(uint16_t, float, widen_f16(x));
        return ATTRIB_OK;
    case ATTRIB_BF16:
        WIDEN(uint16_t, float, widen_bf16(x));
        return ATTRIB_OK;
    case ATTRIB_F8_E4M3:
        WIDEN(uint8_t, float, widen_e4m3(x));
        return ATTRIB_OK;
    case ATTRIB_F8_E5M2:
        WIDEN(uint8_t, float, widen_e5m2(x));
        return ATTRIB_OK;
    default:
        return fail_dtype(tensor, "floating-point numbers", err);
    }
}

/* The integer types, to f64. */
static attrib_status widen_integers(const at_tensor *tensor,
                                    const unsigned char *data,
                                    size_t n,
                                    double *out)
{
    switch (tensor->dtype) {
    case ATTRIB_I64:
        WIDEN(int64_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_I32:
        WIDEN(int32_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_I16:
        WIDEN(int16_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_I8:
        WIDEN(int8_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_U64:
        WIDEN(uint64_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_U32:
        WIDEN(uint32_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_U16:
        WIDEN(uint16_t, double, x);
        return ATTRIB_OK;
    case ATTRIB_U8:
        WIDEN(uint8_t, double, x);
        return ATTRIB_OK;
    default:
        return ATTRIB_ENOTSUP;
    }
}

attrib_status at_tensor_to_f64(
    const at_tensor *tensor, size_t first, size_t n, double *out, attrib_error *err)
{
    const unsigned char *data = elements_from(tensor, first, n);
    if (n == 0) {
        return ATTRIB_OK;
    }
    switch (tensor->dtype) {
    case ATTRIB_F64:
        memcpy(out, data, n * sizeof *out);
        return ATTRIB_OK;
    case ATTRIB_F32:
        WIDEN(float, double, x);
        return ATTRIB_OK;
    case ATTRIB_F16:
        WIDEN(uint16_t, double, widen_f16(x));
        return ATTRIB_OK;
    case ATTRIB_BF16:
        WIDEN(uint16_t, double, widen_bf16(x));
        return ATTRIB_OK;
    case ATTRIB_F8_E4M3:
        WIDEN(uint8_t, double, widen_e4m3(x));
        return ATTRIB_OK;
    case ATTRIB_F8_E5M2:
        WIDEN(uint8_t, double, widen_e5m2(x));
        return ATTRIB_OK;
    default:
        if (widen_integers(tensor, data, n, out) != ATTRIB_OK) {
            return fail_dtype(tensor, "numbers", err);
        }
        return ATTRIB_OK;
    }
}
